"""The example service, built against an installed library with pkg-config alone: it answers every
request in order while models are swapped under it and damaged files appear."""
import gzip
import os
import random
import subprocess
import sys
import tempfile
import time

BUILD, SOURCE, HONE = map(os.path.abspath, sys.argv[1:4])
ROWS = 20000


def run(*words, **options):
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, **options)
    assert done.returncode == 0, " ".join(words)
    return done.stdout


def installed(place):
    run("meson", "install", "-C", BUILD, "--destdir", place, "--no-rebuild")
    pc = next(os.path.join(d, "") for d, _, files in os.walk(place) if "hone.pc" in files)
    library = os.path.dirname(os.path.dirname(pc))
    return dict(os.environ, PKG_CONFIG_LIBDIR=pc + ":" + run(
        "pkg-config", "--variable", "pc_path", "pkg-config").strip(),
        PKG_CONFIG_SYSROOT_DIR=place, LD_LIBRARY_PATH=library)


def table(path, flip):
    """Rows of four numbers and a level; `flip` turns the classes around."""
    draw = random.Random(3)
    with open(path, "w") as f:
        f.write("a,b,c,d,colour,y\n")
        for _ in range(300):
            row = [round(draw.uniform(-1, 1), 3) for _ in range(4)]
            colour = draw.choice(["red", "green"])
            high = (row[0] + row[1] > 0) != flip
            f.write(",".join(map(str, row)) + f",{colour},{'high' if high else 'low'}\n")


def requests():
    draw = random.Random(4)
    for _ in range(ROWS):
        row = [str(round(draw.uniform(-1, 1), 3)) for _ in range(4)]
        row[2] = draw.choice([row[2], ""])
        yield ",".join(row) + "," + draw.choice(["red", "green"])


def expected(model, rows, place):
    data = os.path.join(place, "rows.csv")
    with open(data, "w") as f:
        f.write("a,b,c,d,colour\n" + "\n".join(rows) + "\n")
    return run(HONE, "predict", "--model", model, "--data", data).splitlines()[1:]


def trained(place, name, flip):
    data, models = os.path.join(place, name + ".csv"), os.path.join(place, name)
    table(data, flip)
    run(HONE, "train", "--data", data, "--target", "y", "--set", "model=random_forest", "--set",
        "n_estimators=10", "--model-dir", models, "--quiet")
    return os.path.join(models, os.listdir(models)[0])


def put(directory, name, content):
    part = os.path.join(directory, "." + name)
    with open(part, "wb") as f:
        f.write(content)
    os.rename(part, os.path.join(directory, name))


def readme_program_runs(place, env):
    """The C program of the README, as it stands there, on a table that it finds."""
    text = open(os.path.join(SOURCE, "README.md")).read()
    flags = run("pkg-config", "--cflags", "--libs", "hone", env=env).split()
    program = os.path.join(place, "readme")
    run("cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-xc", "-", "-o", program, *flags,
        input=text.split("```c\n")[1].split("```")[0])
    os.makedirs(os.path.join(place, "examples", "data"))
    with open(os.path.join(place, "examples/data/adult.csv.gz"), "wb") as f:
        f.write(gzip.compress(b"x,income\n" + b"1,a\n9,b\n" * 40))
    assert float(run(program, env=env, cwd=place)) == -1
    assert len(os.listdir(os.path.join(place, "out"))) == 1


def main():
    with tempfile.TemporaryDirectory() as place:
        env = installed(os.path.join(place, "root"))
        run("make", "-C", os.path.join(SOURCE, "examples"), "BUILD=" + place,
            "CFLAGS=-O2 -Wall -Wextra -Werror", env=env)
        for compiler, flags in (("cc", ["-std=c17", "-xc"]), ("c++", ["-std=c++17", "-xc++"])):
            cflags = run("pkg-config", "--cflags", "hone", env=env).split()
            run(compiler, *flags, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *cflags, "-",
                input="#include <hone/hone.h>\nint main(void) { return 0; }\n")
        readme_program_runs(place, env)
        first, second = trained(place, "first", False), trained(place, "second", True)
        rows = list(requests())
        before, after = expected(first, rows, place), expected(second, rows, place)
        assert sum(a != b for a, b in zip(before, after)) > ROWS // 2
        live = os.path.join(place, "live")
        os.mkdir(live)
        one, two = open(first, "rb").read(), open(second, "rb").read()
        put(live, "a.hone", one)
        put(live, "a2.hone", one[:-7])  # newer, but no model to begin with
        service = subprocess.Popen([os.path.join(place, "service"), live, "3"], env=env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=open(os.path.join(place, "log"), "w"))

        def ask(part):
            """A few at a time: answers must come while the service waits for more."""
            answers = []
            for k in range(0, len(part), 200):
                service.stdin.write("\n".join(part[k:k + 200]) + "\n")
                service.stdin.flush()
                answers += [service.stdout.readline().rstrip("\n") for _ in part[k:k + 200]]
            return answers

        def log_has(text):
            for _ in range(500):
                if text in open(os.path.join(place, "log")).read():
                    return
                time.sleep(0.02)
            raise AssertionError(text + " is not in the log")

        third = ROWS // 4
        assert ask(rows[:third]) == before[:third], "the first model does not answer"
        damaged = bytearray(two)
        damaged[len(two) // 2] ^= 1
        put(live, "b.hone", bytes(damaged))
        put(live, "c.hone", two[:-7])
        log_has("c.hone:")
        assert ask(rows[third:2 * third]) == before[third:2 * third], "a damaged file took over"
        put(live, "d.hone", two)
        swapped = ask(rows[2 * third:3 * third])
        assert all(s in (b, a) for s, b, a in zip(swapped, before[2 * third:], after[2 * third:]))
        log_has("serves " + os.path.join(live, "d.hone"))
        assert ask(rows[3 * third:]) == after[3 * third:], "the second model did not take over"
        assert ask(["1,2,3", "1,2,x,4,red"])[0].startswith("error: the model takes 5")
        service.stdin.close()
        assert service.stdout.read() == "" and service.wait(20) == 0
    print("1 passed, 0 failed")


main()
