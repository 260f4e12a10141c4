"""Readers against their peers, each read in a fresh process, A B A B: measure.py PROGRAM FOLDER

Files are made once in FOLDER and read from the page cache. A ratio is the peer's seconds over Hone's, medians
of the rounds; above 1 Hone is faster. `one` is on one processor, `all` on all of them (pandas reads with
threads too, pyarrow is told not to). Peaks are those of the whole process.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROWS = 1_000_000
SPARSE = (100_000, 50_000, 60)  # rows, columns, entries a row
PAIRS = 5
MIB = 1 << 20


def csv_file(path):
    """A target and 20 mixed columns: 10 reals of 3 to 17 digits, 4 whole numbers, 5 of words, a boolean, holes."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    words = [f"word-{k:03d}" for k in range(300)]
    frame = {"y": rng.choice(["yes", "no"], ROWS)}
    for k in range(3):
        frame[f"price{k}"] = rng.uniform(0, 1000, ROWS).round(2)
        frame[f"share{k}"] = rng.uniform(0, 1, ROWS).round(6)
    frame["normal"], frame["length"] = rng.normal(size=ROWS), rng.normal(100, 20, ROWS).round(1)
    frame["tiny"], frame["mass"] = rng.normal(size=ROWS) * 1e-9, rng.lognormal(3, 2, ROWS).round(4)
    for k, most in enumerate((100, 5000, 10**6, 10**9)):
        frame[f"count{k}"] = rng.integers(-most, most, ROWS)
    for k, levels in enumerate((2, 5, 12, 50, 300)):
        frame[f"word{k}"] = rng.choice(words[:levels], ROWS)
    frame["flag"] = rng.choice(["true", "false"], ROWS)
    table = pd.DataFrame(frame)
    table.loc[rng.random(ROWS) < 0.1, "price0"] = None
    table.loc[rng.random(ROWS) < 0.1, "word2"] = None
    table.to_csv(path, index=False)


def numbers_file(path):
    """The same with whole numbers and words alone: float32 holds every cell."""
    import pandas as pd

    table = pd.read_csv(path.with_name("mixed.csv"))
    table[[c for c in table if table[c].dtype != float and c not in ("count2", "count3")]].to_csv(path, index=False)


def svmlight_file(path):
    import numpy as np

    rows, cols, entries = SPARSE
    rng = np.random.default_rng(2)
    with path.open("w") as out:
        for i in range(rows):
            columns = np.unique(rng.integers(1, cols, entries))
            values = rng.uniform(0, 1, len(columns)).round(5)
            out.write(f"{i % 2} " + " ".join(f"{c}:{v}" for c, v in zip(columns, values)) + "\n")


def npy_file(path):
    import numpy as np

    np.save(path, np.random.default_rng(3).normal(size=(ROWS, 20)))


FILES = {"mixed.csv": csv_file, "counts.csv": numbers_file, "sparse.svm": svmlight_file, "table.npy": npy_file}

PEERS = {
    "pandas": "import pandas as m\ndef read(f): m.read_csv(f, engine='c')",
    "pyarrow": "from pyarrow import csv as m\ndef read(f): m.read_csv(f, m.ReadOptions(use_threads=False))",
    "sklearn": "import sklearn.datasets as m\ndef read(f): m.load_svmlight_file(f)",
    "numpy": "import numpy as m\ndef read(f): m.load(f)",
}
TIMED = "import sys, time\n{}\nstart = time.perf_counter()\nread(sys.argv[1])\nprint(time.perf_counter() - start)\n"


def run(words, alone):
    """Standard output of a command, on one processor or on all."""
    processors = os.sched_getaffinity(0)
    pin = (lambda: os.sched_setaffinity(0, {max(processors)})) if alone else None
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True, preexec_fn=pin).stdout


def ours(alone, *words):
    return json.loads(run(words, alone))


def theirs(alone, peer, path):
    return float(run([sys.executable, "-c", TIMED.format(PEERS[peer]), path], alone))


def against(program, path, target, peers, size):
    """Ratios to each peer, and the peak against what the dataset takes."""
    path.read_bytes()
    seconds, read = {}, None
    for _ in range(PAIRS):
        for alone, where in ((True, "one"), (False, "all")):
            read = ours(alone, program, path, target, 0)
            seconds.setdefault(f"hone_{where}", []).append(read["seconds"])
            for peer in peers:
                if alone or peer == "pandas":
                    seconds.setdefault(f"{peer}_{where}", []).append(theirs(alone, peer, path))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    row = {"file": path.name, "megabytes": round(path.stat().st_size / 1e6, 1)}
    row |= {f"seconds_{name}": round(value, 3) for name, value in median.items()}
    for name, value in median.items():
        if not name.startswith("hone"):
            row[f"ratio_{name}"] = round(value / median["hone_" + name.rpartition("_")[2]], 2)
    return row | {"dataset_mib": round(size(read) / MIB, 1), "peak_mib": round(read["peak"] / MIB, 1),
                  "peak_allowed_mib": round(1.2 * size(read) / MIB + 64, 1)}


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        if not (folder / name).exists():
            start = time.time()
            make(folder / name)
            print(f"{name}: made in {time.time() - start:.0f} s", file=sys.stderr)
    cells = lambda size: lambda r: r["rows"] * (r["cols"] * size + 4)
    entries = SPARSE[0] * SPARSE[2] * 8 + SPARSE[0] * 12
    for row in (
        against(program, folder / "mixed.csv", "y", ("pandas", "pyarrow"), cells(8)),
        against(program, folder / "counts.csv", "y", ("pandas", "pyarrow"), cells(4)),
        against(program, folder / "sparse.svm", "", ("sklearn",), lambda r: entries),
    ):
        print(json.dumps(row), flush=True)
    npy = ours(False, program, folder / "table.npy", "-1", 0)
    print(json.dumps({"file": "table.npy", "hone": npy["seconds"], "megabytes": ROWS * 160 / 1e6,
                      "memory_beside_the_mapping_mib": round(npy["kept"] / MIB, 1)}))
    array = ours(False, program, "array", ROWS, 20)
    print(json.dumps({"array": [ROWS, 20], "hone": array["seconds"], "memory_beside_the_array_mib":
                      round(array["kept"] / MIB, 1)}))


if __name__ == "__main__":
    main()
