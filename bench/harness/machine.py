"""Where the figures come from: processor, memory, kernel, compiler of the library, commit, load."""

import datetime
import os
import pathlib
import platform
import subprocess


def _first(path, key):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return "unknown"


def _commit(root):
    def git(*words):
        return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True).stdout.strip()

    head = git("rev-parse", "--short=12", "HEAD")
    return (head or "unknown") + ("+changes" if git("status", "--porcelain", "-uno") else "")


def describe(root):
    flags = _first("/proc/cpuinfo", "flags").split()
    vectors = next((f for f in ("avx512f", "avx2", "avx", "sse2") if f in flags), "portable")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _first("/proc/cpuinfo", "model name"), "vectors": vectors,
        "cores": len(os.sched_getaffinity(0)), "memory": _first("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()}", "python": platform.python_version(),
        "commit": _commit(root), "load": os.getloadavg()[0],
    }
