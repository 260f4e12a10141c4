"""A whole search as a user runs it: killed twice, resumed, replayed.

    test_search.py HONE [--long [TRIALS]]

With --long it is 1,000 trials (or so many) on adult, 2 s and 2 GiB a trial; else a few on its first rows.
"""
import gzip
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HONE = str(Path(sys.argv[1]).resolve())
LONG = "--long" in sys.argv
ADULT = Path(__file__).resolve().parents[2] / "examples" / "data" / "adult.csv.gz"
TRIALS, ROWS, DEADLINE = (int((sys.argv[3:] or [1000])[0]), None, "2s") if LONG else (24, 1000, "5s")


def run(words):
    done = subprocess.run([HONE, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def lines_of(journal):
    return journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0


def kill_after(words, journal, trials):
    """Kills the search without warning when so many trials stand in its journal."""
    process = subprocess.Popen([HONE, *map(str, words)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while lines_of(journal) < trials:
        assert process.poll() is None, f"ended by itself with {process.returncode}"
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert trials <= lines_of(journal) < TRIALS
    return lines_of(journal)


def main():
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        table = ADULT
        if ROWS:
            table = out / "adult.csv"
            with gzip.open(ADULT, "rt") as file:
                table.write_text("".join(next(file) for _ in range(ROWS + 1)))
        data = ["--data", table, "--target", "income"]
        journal, best, models = out / "journal.jsonl", out / "best.json", out / "models"
        search = ["tune", *data, "--trials", TRIALS, "--seed", 3, "--deadline", DEADLINE, "--memory",
                  "2GiB", "--journal", journal, "--incumbent", best, "--model-dir", models, "--json"]
        for part in (3, 3 / 2):
            print("killed with", kill_after(search, journal, int(TRIALS / part)), "trials")
        done = run(search)
        told = json.loads(done.stdout)
        trials = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
        assert sorted(t["trial"] for t in trials) == list(range(TRIALS))
        assert all(t["loss"] is not None for t in trials), "a trial of the space has failed"
        assert told["search"]["trials"] == TRIALS and told["search"]["resumed"] >= TRIALS * 2 // 3
        whole = [t for t in trials if not t.get("partial")]
        assert told["search"]["loss"] == min(t["loss"] for t in whole)
        assert json.loads(best.read_text())["trial"] == told["search"]["best"]
        model, = models.iterdir()
        run(["predict", "--model", model, "--data", table, "--output", out / "predictions.csv"])

        ended = sum(t["status"] == "deadline" for t in trials)
        print(len(trials), "trials,", ended, "at the deadline; best", told["search"]["loss"])
        for file, count in ((journal, TRIALS), (model, 1)):
            replayed = [json.loads(line) for line in run(["replay", file, *data, "--json"])
                        .stdout.splitlines()]
            verdicts = [r["verdict"] for r in replayed]
            assert len(verdicts) == count and set(verdicts) <= {"same", "skipped"}, verdicts
            skipped = [r["differs"] for r in replayed if r["verdict"] == "skipped"]
            assert set(skipped) <= {"it ended at a deadline"}, skipped
            assert file != journal or len(skipped) == ended
            print(file.name, "replayed:", verdicts.count("same"), "the same bits,", len(skipped),
                  "ended at their deadline")


main()
