"""Modules from shared libraries: one that works like a built-in one, and ones that are refused."""
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PLUGINS = Path(sys.argv.pop(2)).resolve()
HONE = str(Path(sys.argv.pop(1)).resolve())
ADULT = str(Path(__file__).resolve().parents[2] / "examples" / "data" / "adult.csv.gz")
GOOD = ["--plugin", PLUGINS / "centroid.so"]
TRAIN = ["train", "--data", ADULT, "--target", "income"]


def run(*arguments, **options):
    return subprocess.run([HONE, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          **options)


class Plugin(unittest.TestCase):
    def refused(self, code, *arguments, says=""):
        done = run(*arguments)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertIn(says, done.stderr)

    def test_a_good_one_trains_saves_predicts_and_evaluates(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run(*TRAIN, *GOOD, "--set", "model=centroid", "--set", "centroid:shrink=0.25",
                       "--model-dir", folder, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            result = json.loads(done.stdout)
            self.assertLess(result["loss"], -0.7)
            model = result["model_path"]
            table = ["--data", ADULT, "--target", "income"]
            done = run("evaluate", "--model", model, *GOOD, *table)
            self.assertGreater(float(done.stdout.split()[1]), 0.7)
            done = run("predict", "--model", model, *GOOD, "--data", ADULT, "--drop", "income")
            self.assertEqual(len(done.stdout.splitlines()), 32562, done.stderr)
            self.refused(7, "evaluate", "--model", model, *table, says="centroid")
            self.assertEqual(run("inspect", model).stdout, run("inspect", model, *GOOD).stdout)
            self.assertEqual(json.loads(run("inspect", model, *GOOD).stdout)["record"]["model"], "centroid")

    def test_its_hyperparameters_are_in_the_space_and_are_checked(self):
        space = run("space", *GOOD, "--task", "classification").stdout
        self.assertIn("centroid:shrink", space)
        drawn = run("sample", *GOOD, "--task", "classification", "--models", "centroid", "--n", 3)
        for line in drawn.stdout.splitlines():
            self.assertEqual(json.loads(line)["model"], "centroid")
        self.assertEqual(len(drawn.stdout.splitlines()), 3, drawn.stderr)
        self.refused(2, *TRAIN, *GOOD, "--set", "model=centroid", "--set", "shrink=1",
                     says="config.shrink")
        self.refused(2, *TRAIN, "--set", "model=centroid", says="random_forest")

    def test_it_is_in_the_reference_and_every_command_takes_it(self):
        names = [m["name"] for m in json.loads(run("reference", *GOOD).stdout)["models"]]
        self.assertEqual(names.count("centroid"), 1)
        self.assertIn("svm", names)
        self.assertNotIn("centroid", run("reference").stdout)
        for command in (["import", "--format", "libsvm", "--data", "none.model", "--output", "none.hone"],
                        ["inspect", "none.hone"]):
            self.refused(5, *command, *GOOD, says="none")
            self.refused(5, *command, "--plugin", "nowhere.so", says="nowhere.so")

    def test_another_version_of_the_header_is_refused(self):
        self.refused(7, *TRAIN, "--plugin", PLUGINS / "old_abi.so", "--set", "model=centroid",
                     says="rebuild it")

    def test_a_table_that_reaches_outside_its_struct_is_refused_with_its_row(self):
        self.refused(7, *TRAIN, "--plugin", PLUGINS / "broken_table.so", "--set",
                     "model=centroid", says="algorithm.centroid:mean")

    def test_a_library_that_is_no_plugin_is_refused(self):
        model = ["--set", "model=centroid"]
        self.refused(7, *TRAIN, "--plugin", PLUGINS / "no_plugin.so", *model, says="hone_plugin")
        self.refused(5, *TRAIN, "--plugin", "nowhere.so", *model, says="nowhere.so")
        self.refused(5, *TRAIN, "--plugin", ADULT, *model, says="adult")

    def test_scores_that_are_no_numbers_and_states_that_break_their_rules_are_no_loss(self):
        for name, says in (("no_score", "predict gave row 0 a score that is not a number"),
                           ("no_state", "fit left a state that breaks its rules: mean: holds a value")):
            with tempfile.TemporaryDirectory() as folder:
                self.refused(1, *TRAIN, "--plugin", PLUGINS / f"{name}.so", "--set", "model=centroid", "--model-dir",
                             folder, says="algorithm.centroid: " + says)
                self.assertEqual(list(Path(folder).iterdir()), [])

    def test_every_exit_code_of_the_page_is_given(self):
        page = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text()
        listed = page.split("## Exit codes")[1].strip().split("\n\n")[0].replace("\n", " ")
        with tempfile.TemporaryDirectory() as folder:
            cut, record, ragged, model = (Path(folder) / n for n in ("cut.hone", "record.json", "ragged.csv", "m"))
            ragged.write_text("a,y\n1\n")
            svm = ["--set", "model=svm", "--budget", 0.01]
            done = run(*TRAIN, *svm, "--model-dir", model, "--json")
            cut.write_bytes(next(model.iterdir()).read_bytes()[:500])
            told = json.loads(done.stdout)
            told["loss"] += 1
            record.write_text(json.dumps(told))
            commands = {
                0: ["--help"], 1: [*TRAIN, "--plugin", PLUGINS / "no_score.so", "--set", "model=centroid"],
                2: ["trane"], 3: ["train", "--data", ragged, "--target", "y", *svm],
                4: [*TRAIN, *svm, "--memory", "1MB"], 5: ["inspect", "none.hone"], 6: ["inspect", cut],
                7: ["predict", "--model", told["model_path"], "--data", ADULT, "--proba"],
                8: ["replay", record, "--data", ADULT]}
            for code, command in commands.items():
                self.assertEqual(run(*command).returncode, code, command)
        slow = subprocess.Popen([HONE, *TRAIN, "--set", "model=random_forest", "--set", "n_estimators=20000"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(1)
        slow.send_signal(signal.SIGINT)
        slow.communicate(timeout=60)
        self.assertEqual(slow.returncode, 130)
        self.assertEqual([int(n) for n in re.findall(r"(?:^|; )(\d+) ", listed)], [*commands, 130])
        for code in [*commands, 130]:
            self.assertRegex(run("--help").stdout, rf"\b{code} \w")

    def test_one_module_is_loaded_once(self):
        self.refused(2, *TRAIN, *GOOD, *GOOD, "--set", "model=centroid", says="centroid")


if __name__ == "__main__":
    unittest.main()
