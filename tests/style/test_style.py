"""What the sources and the library must look like: test_style.py CORE LIBRARY

Layers, sizes and format of the sources; calls, globals and exports of what was built (CORE is the
static library with all objects, LIBRARY the shared one). Each check is first shown a source or a
listing that breaks its rule.
"""
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

CORE, LIBRARY = sys.argv[1:3]
del sys.argv[1:3]
ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("include", "lib", "algorithms", "cli", "python", "examples", "tests", "bench")
MADE = ("bench/.venv", "bench/out")  # environments and outputs stand among the sources
SOURCES = {str(p.relative_to(ROOT)): p.read_text()
           for f in FOLDERS for ending in ("*.c", "*.h") for p in sorted((ROOT / f).rglob(ending))
           if not str(p.relative_to(ROOT)).startswith(MADE)}

# ---- layers ----

# Folder -> what its files may include besides their own folder: public headers, layers, libraries.
LAYERS = {
    "include/hone": ("hone/",),
    "lib/base": ("hone/", "base/"),
    "lib/toolbox": ("hone/", "base/", "toolbox/"),
    "lib/data": ("hone/", "base/", "toolbox/", "data/"),
    "lib/core": ("hone/", "base/", "toolbox/", "data/", "core/"),
    "lib/interop": ("hone/", "base/", "toolbox/", "data/", "core/", "interop/"),
    "algorithms": ("hone/algorithm.h", "hone/derived.h", "toolbox/"),
    "cli": ("hone/",),
    "python/src": ("hone/", "Python.h", "xxhash.h"),
    "examples": ("hone/",),
    "tests/contract": ("hone/", "cmocka.h", "omp.h", "../broken/"),
    "tests/broken": ("hone/", "omp.h"),
    "tests/plugin": ("hone/",),
}
# Libraries that one file alone may include.
ALONE = {
    "omp.h": "lib/toolbox/run.c",
    "cblas.h": "lib/toolbox/linalg.c",
    "lapacke.h": "lib/toolbox/linalg.c",
    "cJSON.h": "lib/base/json.h",
    "xxhash.h": "lib/base/hash.c",
    "zip.h": "lib/data/npz.c",
    "zlib.h": "lib/data/source.c",
}
C17 = {f"{name}.h" for name in (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
    "stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath "
    "threads time uchar wchar wctype").split()}
SYSTEM = {"dirent.h", "dlfcn.h", "fcntl.h", "malloc.h", "pthread.h", "sched.h", "unistd.h",
          "sys/"}
OF_MODULES = {f"{name}.h" for name in "float limits math stdbool stddef stdint string".split()}


def layer_of(path):
    return next((f for f in LAYERS if path.startswith(f + "/")), None)


def layer_faults(path, text):
    layer = layer_of(path)
    if layer is None:
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not found:
            continue
        name = found[1]
        module = layer == "algorithms"
        own = (ROOT / path).parent / name
        allowed = (
            name.startswith(LAYERS[layer])
            or ("/" not in name and own.is_file() and "<" not in line)
            or ALONE.get(name) == path
            or (name == "immintrin.h" and path.endswith(".isa.c"))
            or name in (OF_MODULES if module else C17)
            or (not module and layer != "include/hone" and name.startswith(tuple(SYSTEM))))
        if name in ALONE and layer.startswith(("lib", "algorithms")) and ALONE[name] != path:
            allowed = False
        if not allowed:
            yield f"{path}:{number}: {layer} may not include {name}"


# ---- sizes ----

WIDTH, FUNCTION = 100, 60


def longest(path):
    """Lines of a file: a unit test has a sentence for each promise of its unit."""
    return 1000 if path.startswith("tests/unit/") else 600


def size_faults(path, text):
    lines = text.splitlines()
    if len(lines) > longest(path):
        yield f"{path}: {len(lines)} lines, at most {longest(path)}"
    if not text.endswith("\n"):
        yield f"{path}: the last line has no end"
    start, table = 0, False
    for number, line in enumerate(lines, 1):
        if "clang-format off" in line or "clang-format on" in line:
            table = "clang-format off" in line
        if len(line) > WIDTH and not table:
            yield f"{path}:{number}: {len(line)} columns, at most {WIDTH}"
        if "\t" in line or line != line.rstrip():
            yield f"{path}:{number}: a tab or a blank at the end"
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start - 1 > FUNCTION:
                yield f"{path}:{start}: a function of {number - start - 1} lines, at most {FUNCTION}"
            start = 0


# ---- what was built ----

# Calls that a library has no business to make: they end the process, write to its outputs, read its
# environment or have a state of their own.
BANNED = set("""abort exit _exit _Exit quick_exit atexit on_exit printf vprintf puts putchar fprintf
    vfprintf fputs fputc putc fwrite perror psignal stdout stderr stdin __printf_chk __fprintf_chk
    __vprintf_chk __vfprintf_chk getenv secure_getenv setenv putenv unsetenv environ setlocale strtok
    rand srand random srandom drand48 atof sprintf vsprintf gets system popen fork vfork execve signal
    sigaction kill raise longjmp localtime gmtime asctime ctime strerror alloca chdir umask
    openblas_set_num_threads omp_set_num_threads omp_set_dynamic""".split())
# Calls with one home.
HOMES = {name: "lib_base_arena.c.o" for name in "malloc calloc realloc free aligned_alloc".split()}
HOMES |= {name: "lib_base_text.c.o" for name in "strtod strtof strtold".split()}
HOMES |= {name: "lib_toolbox_run.c.o" for name in "GOMP_parallel omp_pause_resource_all".split()}
# Objects that change, and why they may.
CHANGING = {
    "fail_after": "tests make the n-th allocation fail",
    "fail_sticky": "tests make the n-th allocation fail",
    "count": "tests count allocations",
    "proven": "whether the process could map a buffer of OpenBLAS; atomic",
    "inside": "OpenBLAS is called by one thread at a time; atomic",
    "once": "the fork handler is installed once",
}


def call_faults(listing):
    """Of `nm -A --undefined-only`."""
    for line in listing.splitlines():
        object_, name = re.match(r"(.*?):?\s+[Uw]\s+(\S+)", line).groups()
        home = HOMES.get(name)
        if name in BANNED or (home and not object_.endswith(home)):
            yield f"{object_} calls {name}"


def global_faults(listing):
    """Of `objdump -t`: writable objects, relocated tables of constants apart."""
    file = ""
    for line in listing.splitlines():
        if "file format" in line:
            file = line.split(":")[0]
        found = re.search(r"\sO\s+(\.bss|\.data|\.tbss|\.tdata|\*COM\*)(\S*)\s+\S+\s+(?:\.hidden )?(\S+)",
                          line)
        if found and not found[2].startswith(".rel.ro"):
            if found[3].split(".")[0] not in CHANGING:
                yield f"{file}: {found[3]} in {found[1]}{found[2]} can change"


def promised(text):
    """Functions that a public header declares."""
    text = re.sub(r"/\*.*?\*/|HONE_PRINTF\([^)]*\)|^\s*#.*?$", "", text, flags=re.S | re.M)
    return set(re.findall(r"HONE_API\b[^;{]*?\b(\w+)\s*\(", text))


def export_faults(listing, headers):
    exported = {line.split()[-1].split("@")[0] for line in listing.splitlines()
                if re.search(r"\s[TDBRVWi]\s", line)}
    for name in sorted(exported - headers):
        yield f"{name} is exported, and no public header declares it"
    for name in sorted(headers - exported):
        yield f"{name} is declared, and not exported"
    for name in sorted(n for n in exported if not n.startswith("hone_")):
        yield f"{name} does not begin with hone_"


def listing(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Sources(unittest.TestCase):
    def check(self, faults):
        self.assertEqual([fault for path, text in SOURCES.items() for fault in faults(path, text)], [])

    def test_includes_go_down_the_layers(self):
        for path, line in (("lib/base/x.c", '#include "core/config.h"'), ("lib/core/x.c", "#include <omp.h>"),
                           ("lib/core/x.c", '#include "knn/knn.h"'), ("algorithms/x/x.c", "#include <stdio.h>"),
                           ("algorithms/x/x.c", '#include "core/config.h"'),
                           ("algorithms/x/x.c", '#include "hone/train.h"'),
                           ("algorithms/x/x.c", '#include "../knn/knn.h"'),
                           ("cli/x.c", '#include "base/text.h"'), ("include/hone/x.h", "#include <zlib.h>"),
                           ("tests/plugin/x.c", '#include "toolbox/rows.h"')):
            self.assertEqual(len(list(layer_faults(path, line))), 1, line)
        self.check(layer_faults)

    def test_files_functions_and_lines_are_short(self):
        long_function = "void f(void)\n{\n" + "    g();\n" * 61 + "}\n"
        for text in ("\n" * 601, "x" * 101 + "\n", "a\tb\n", "a \n", "a", long_function):
            self.assertEqual(len(list(size_faults("lib/base/x.c", text))), 1, text[:40])
        self.check(size_faults)

    def test_format(self):
        if not shutil.which("clang-format") or " 14." not in listing("clang-format", "--version"):
            self.skipTest("no clang-format 14")
        command = ["clang-format", "--style=file", "--dry-run", "--Werror"]
        bad = subprocess.run([*command, "--assume-filename=lib/base/x.c"], input="int  x;\n", cwd=ROOT,
                             capture_output=True, text=True)
        self.assertNotEqual(bad.returncode, 0)
        done = subprocess.run([*command, *SOURCES], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr[:2000])


class Built(unittest.TestCase):
    def test_the_library_calls_nothing_that_belongs_to_the_program(self):
        for line in ("a.o:   U exit", "lib_core_x.c.o:      U malloc", "a.o: U __fprintf_chk", "a.o: U stderr"):
            self.assertEqual(len(list(call_faults(line))), 1, line)
        found = listing("nm", "-A", "--undefined-only", CORE)
        self.assertIn("memcpy", found)
        self.assertEqual(list(call_faults(found)), [])

    def test_nothing_in_the_library_changes(self):
        head = "a.o:     file format elf64-x86-64\n"
        for line in ("0000 l     O .bss\t0008 state", "0000 g     O .data\t0008 .hidden state",
                     "0000 l     O .tbss\t0008 state.1"):
            self.assertEqual(len(list(global_faults(head + line))), 1, line)
        self.assertEqual(list(global_faults(head + "0000 l     O .data.rel.ro.local\t0008 TABLE")), [])
        found = listing("objdump", "-t", CORE)
        for name in CHANGING:
            self.assertRegex(found, rf"\b{name}\b", "nobody has it any more")
        self.assertEqual(list(global_faults(found)), [])

    def test_the_library_exports_what_the_headers_declare(self):
        self.assertEqual(len(list(export_faults("1 T hone_a", {"hone_b"}))), 2)
        self.assertEqual(len(list(export_faults("1 T knn_a", {"knn_a"}))), 1)
        headers = set().union(*(promised(text) for path, text in SOURCES.items()
                                if path.startswith("include/")))
        self.assertIn("hone_train", headers)
        found = listing("nm", "-D", "--defined-only", LIBRARY)
        versions = {line.split()[-1] for line in found.splitlines() if " A " in line}
        self.assertEqual(len(versions), 1, versions)
        self.assertEqual(list(export_faults(found, headers)), [])


if __name__ == "__main__":
    unittest.main()
