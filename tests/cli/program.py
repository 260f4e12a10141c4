"""The program under test, named by the first argument, and data for it."""
import subprocess
import sys
from pathlib import Path

HONE = str(Path(sys.argv.pop(1)).resolve())
DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
ADULT = str(DATA / "adult.csv.gz")
FOREST = ["--set", "model=random_forest", "--set", "n_estimators=10"]


def run(*arguments, **options):
    return subprocess.run([HONE, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          **options)
