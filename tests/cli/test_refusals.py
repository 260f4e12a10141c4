"""The command line on bad input: exit codes, and the place of what is wrong; nothing is written."""
import json
import os
import tempfile
import unittest
from pathlib import Path

from program import ADULT, FOREST, run


class BadInput(unittest.TestCase):
    def refused(self, code, *arguments, says=""):
        with tempfile.TemporaryDirectory() as folder:
            done = run(*arguments, cwd=folder)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertEqual(os.listdir(folder), [])

    def test_each_mistake_has_its_exit_code_and_says_where(self):
        train = ["train", "--data", ADULT, "--target", "income"]
        self.refused(2, "trane", says="trane")
        self.refused(2, *train, "--sed", "1", says="--sed")
        self.refused(2, *train, "--seed", says="--seed")
        self.refused(2, *train, "--seed", "-1", says="--seed")
        self.refused(2, *train, says="model")
        self.refused(2, *train, "--set", "model=forest", says="random_forest")
        self.refused(2, *train, "--set", "model=svm", "--set", "C=0", says="config.C")
        self.refused(2, *train, "--set", "model=svm", "--set", "D=0", says="D")
        self.refused(2, *train, *FOREST, "--metric", "acuracy", says="balanced_accuracy")
        self.refused(2, *train, *FOREST, "--validation", "cv:1", says="--validation")
        self.refused(2, *train, *FOREST, "--validation", "cv:-3", says="--validation")
        self.refused(2, *train, *FOREST, "--validation", "cv:4294967298", says="options.folds")
        self.refused(2, *train, *FOREST, "--budget", "2", says="options.budget: is 2; must lie in (0, 1]")
        self.refused(2, "estimate", *train[1:], *FOREST, "--pilot", "2", says="pilot: is 2; must lie in (0, 1]")
        tune = ["tune", "--data", ADULT, "--target", "income"]
        self.refused(2, *tune, "--search", "grid", says="--search")
        self.refused(2, *tune, "--eta", "2", says="options.eta")
        self.refused(2, *tune, "--models", "forest", says="forest")
        self.refused(2, *tune, "--keep", "some", says="--keep")
        self.refused(2, *tune, "--set", "C=1", says="--set")
        self.refused(5, *tune, "--journal", "/dev/null/j", says="/dev/null/j")
        self.refused(2, "train", "--data", ADULT, *FOREST, says="--target")
        for flag in ("--target", "--weight", "--drop", "--categorical"):
            self.refused(2, *train, flag, "salary", *FOREST, says='no column "salary"')
        self.refused(5, "train", "--data", "none.csv", "--target", "y", *FOREST, says="none.csv")
        self.refused(5, *train, *FOREST, "--model-dir", "/dev/null/models", says="/dev/null")
        self.refused(5, "predict", "--model", "none.hone", "--data", ADULT, says="none.hone")
        self.refused(5, *train, "--config", "/dev", says="/dev: cannot be read: Is a directory")
        self.refused(5, "train-many", *train[1:], "--configs", "/dev", says="/dev: cannot be read: Is a directory")
        self.refused(5, "import", "--format", "libsvm", "--data", "/dev", "--output", "m.hone",
                     says="/dev: cannot be read: Is a directory")

    def test_a_zero_that_has_no_effect_is_refused(self):
        train = ["train", "--data", ADULT, "--target", "income", *FOREST]
        for flag in "--budget", "--deadline", "--work-limit", "--memory":
            self.refused(2, *train, flag, "0", says=flag)
        for flag in "--trials", "--time", "--eta", "--min-budget":
            self.refused(2, "tune", *train[1:5], flag, "0", says=flag)
        self.refused(2, *train, "--threads", "513", says="--threads: '513' must lie in 1 .. 512")
        self.refused(2, says="hone --help")

    def test_a_budget_scales_rows_or_the_fidelity_of_the_model(self):
        train = ["train", "--data", ADULT, "--target", "income", "--set", "model=logistic_regression",
                 "--budget", 0.1, "--json"]
        rows, native = (json.loads(run(*train, "--fidelity", word).stdout) for word in ("rows", "native"))
        self.assertLess(10 * rows["trained_rows"], 1.1 * native["trained_rows"])
        self.refused(2, *train, "--fidelity", "trees", says="--fidelity: must be rows or native")

    def test_probabilities_are_refused_by_the_flag_where_there_are_none(self):
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "t.csv"
            table.write_text("a,y\n" + "".join(f"{i},{'uv'[i % 2]}\n" for i in range(40)))
            done = run("train", "--data", table, "--target", "y", "--set", "model=svm", "--model-dir", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            model = next(Path(folder).glob("*.hone"))
            self.refused(7, "predict", "--model", model, "--data", table, "--proba", says="--proba: this svm model")

    def test_early_stopping_without_rows_to_watch_is_adjusted(self):
        train = ["train", "--data", ADULT, "--target", "income", "--budget", 0.1]
        for more in (["--set", "model=logistic_regression", "--validation", "none"],
                     [*FOREST, "--set", "bootstrap=false"]):
            done = run(*train, *more, "--set", "early_stopping=true", "--json")
            (adjusted, used), = json.loads(done.stdout)["adjusted"].items()
            self.assertTrue(adjusted.endswith(":early_stopping"))
            self.assertIs(used, False)
            self.refused(2, *train, *more, "--set", "early_stopping=true", "--strict", says=adjusted)

    def test_a_flag_that_is_no_number_is_told_of_once(self):
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "t.csv"
            table.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
            run("train", "--data", table, "--target", "y", *FOREST, "--model-dir", Path(folder) / "m")
            model = ["--model", next((Path(folder) / "m").iterdir()), "--data", table]
            for command in (["predict", *model, "--threads", "-1"], ["predict", *model, "--trees", "x"],
                            ["evaluate", *model, "--target", "y", "--threads", "513"],
                            ["describe", "--data", table, "--columns", "-1"],
                            ["train", "--data", table, "--target", "y", *FOREST, "--memory", "x"],
                            ["import", "--format", "libsvm", "--data", table, "--output", "m.hone", "--columns", "x"]):
                done = run(*command)
                self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
                self.assertIn(f"hone: {command[-2]}: '{command[-1]}' ", done.stderr)

    def test_odd_configurations_and_folders_are_named(self):
        train = ["train", "--data", ADULT, "--target", "income", *FOREST]
        self.refused(2, *train, "--model-dir", "", says="options.model_dir")
        self.refused(2, *train, "--deadline", "1e300", says="(0, 1e9)")
        with tempfile.NamedTemporaryFile() as file:
            file.write(b'\xef\xbb\xbf{"model": "knn"}')
            file.flush()
            self.refused(2, *train[:5], "--config", file.name, says="byte order mark")

    def test_two_validations_are_refused(self):
        train = ["train", "--data", ADULT, "--target", "income", *FOREST, "--valid-data", ADULT]
        for mode in "cv:5", "none", "holdout:0.5", "oob":
            self.refused(2, *train, "--validation", mode, says="options.validation")

    def test_out_of_bag_rows_need_a_bootstrap(self):
        train = ["train", "--data", ADULT, "--target", "income", *FOREST, "--set", "bootstrap=false",
                 "--validation", "oob"]
        self.refused(2, *train, "--strict", says="random_forest:bootstrap")
        done = json.loads(run(*train, "--json").stdout)
        plain = json.loads(run(*train[:-4], "--validation", "oob", "--json").stdout)
        self.assertEqual(done["loss"], plain["loss"])
        self.assertEqual(done["adjusted"], {"random_forest:bootstrap": True})
        self.assertEqual(plain["adjusted"], {})

    def test_targets_whose_squares_overflow_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.csv"
            for value, code in (("1e150", 0), ("-1e150", 0), ("1e151", 3), ("-1e308", 3)):
                path.write_text("a,y\n" + "".join(f"{i},{i / 2}\n" for i in range(30)) + f"3,{value}\n")
                for model in "random_forest", "linear_regression", "svm", "knn":
                    out = Path(folder) / f"{model}{value}"
                    done = run("train", "--data", path, "--target", "y", "--set", f"model={model}",
                               "--validation", "none", "--model-dir", out)
                    self.assertEqual(done.returncode, code, done.stderr)
                    if code:
                        self.assertIn("t.csv:32:3: too large for a target", done.stderr)
                    else:
                        done = run("predict", "--model", next(out.iterdir()), "--data", path)
                        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_ragged_row_is_named_by_its_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ragged.csv"
            path.write_text("a,b,y\n1,2,0\n1,1\n")
            done = run("train", "--data", path, "--target", "y", *FOREST)
            self.assertEqual(done.returncode, 3)
            self.assertIn("ragged.csv:3", done.stderr)

    def test_a_column_without_a_value_is_warned_of(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.csv"
            path.write_text("a,b,y\n" + "".join(f"{i},,{'xz'[i % 2]}\n" for i in range(20)))
            for model in ("knn", "random_forest"):
                done = run("train", "--data", path, "--target", "y", "--set", f"model={model}")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn('column "b" has no value', done.stderr)


if __name__ == "__main__":
    unittest.main()
