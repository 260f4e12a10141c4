"""The command line on real data and on bad input: exit codes, output, nothing half-written."""
import csv
import json
import math
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

HONE = str(Path(sys.argv.pop(1)).resolve())
DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
ADULT = str(DATA / "adult.csv.gz")
FOREST = ["--set", "model=random_forest", "--set", "n_estimators=10"]


def run(*arguments, **options):
    return subprocess.run([HONE, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          **options)


class OnRealData(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.out = Path(cls.folder.name)
        cls.trained = run("train", "--data", ADULT, "--target", "income", *FOREST, "--seed", 1,
                          "--model-dir", cls.out / "models", "--json")
        cls.result = json.loads(cls.trained.stdout)
        cls.model = cls.result["model_path"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_train_gives_the_loss_and_one_whole_file(self):
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr)
        self.assertLess(self.result["loss"], -0.84)
        self.assertEqual([str(p) for p in (self.out / "models").iterdir()], [self.model])

    def test_the_last_line_is_the_loss_alone(self):
        done = run("train", "--data", ADULT, "--target", "income", *FOREST, "--seed", 1)
        self.assertEqual(float(done.stdout.splitlines()[-1]), self.result["loss"])

    def test_the_number_of_threads_does_not_change_the_loss(self):
        losses = {run("train", "--data", ADULT, "--target", "income", *FOREST, "--threads", t).stdout
                  for t in (1, 2, 3)}
        self.assertEqual(len(losses), 1)

    def test_predict_takes_unknown_levels_and_missing_cells(self):
        rows = self.out / "rows.csv"
        header = ("age,workclass,fnlwgt,education,education_num,marital_status,occupation,"
                  "relationship,race,sex,capital_gain,capital_loss,hours_per_week,native_country")
        rows.write_text(header + "\n39,Nowhere,77516,Bachelors,13,Never-married,,Not-in-family,"
                        "White,Male,2174,0,40,Atlantis\n,,83311,,13,,Sales,Husband,White,Male,0,0,"
                        "13,Cuba\n")
        done = run("predict", "--model", self.model, "--data", rows)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "prediction")
        self.assertEqual(len(lines), 3)
        self.assertTrue(set(lines[1:]) <= {"<=50K", ">50K"})
        done = run("predict", "--model", self.model, "--data", rows, "--proba", "--output",
                   self.out / "p.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.out / "p.csv") as file:
            table = list(csv.reader(file))
        self.assertEqual(table[0], ["proba:<=50K", "proba:>50K"])
        for row in table[1:]:
            self.assertAlmostEqual(sum(map(float, row)), 1, places=9)

    def test_evaluate_and_inspect_know_the_model(self):
        done = run("evaluate", "--model", self.model, "--data", ADULT, "--target", "income",
                   "--metric", "accuracy", "--json")
        told = json.loads(done.stdout)
        self.assertGreater(told["accuracy"], 0.9)
        self.assertEqual(told["loss"], {"accuracy": -told["accuracy"]})
        record = json.loads(run("inspect", self.model).stdout)["record"]
        self.assertEqual(record["model"], "random_forest")

    def test_equal_trainings_have_equal_hashes(self):
        hashes = []
        for threads, seed in ((1, 1), (2, 1), (2, 2)):
            folder = self.out / f"hash-{threads}-{seed}"
            run("train", "--data", ADULT, "--target", "income", *FOREST, "--seed", seed, "--threads",
                threads, "--model-dir", folder)
            done = run("inspect", "--hash", next(folder.iterdir()))
            self.assertRegex(done.stdout, r"^[0-9a-f]{16}\n$")
            hashes.append(done.stdout)
        self.assertEqual(hashes[0], hashes[1])
        self.assertNotEqual(hashes[1], hashes[2])

    def test_describe_names_what_a_linear_model_learned(self):
        run("train", "--data", ADULT, "--target", "income", "--set", "model=logistic_regression",
            "--set", "prep:scale=none", "--set", "prep:max_levels=20", "--validation", "none",
            "--model-dir", self.out / "linear")
        model = next((self.out / "linear").iterdir())
        told = json.loads(run("describe", "--model", model).stdout)
        self.assertEqual(told["classes"], ["<=50K", ">50K"])
        self.assertEqual(told["state"]["converged"], 1)
        w = told["outputs"]["coefficients"]["values"][">50K"]
        self.assertEqual(list(w), told["columns"])
        self.assertIn("native_country=other", w)
        self.assertIn("occupation=missing", w)
        self.assertNotIn("sex=missing", w)
        rows = self.out / "one.csv"
        rows.write_text("age,workclass,fnlwgt,education,education_num,marital_status,occupation,"
                        "relationship,race,sex,capital_gain,capital_loss,hours_per_week,"
                        "native_country\n39,Private,77516,Bachelors,13,Divorced,,Wife,White,Female,"
                        "2174,0,40,Cuba\n")
        done = run("predict", "--model", model, "--data", rows, "--proba")
        margin = told["outputs"]["intercepts"]["values"][">50K"] + sum(
            w[name] * value for name, value in {
                "age": 39, "workclass=Private": 1, "fnlwgt": 77516, "education=Bachelors": 1,
                "education_num": 13, "marital_status=Divorced": 1, "occupation=missing": 1,
                "relationship=Wife": 1, "race=White": 1, "sex=Female": 1, "capital_gain": 2174,
                "hours_per_week": 40, "native_country=Cuba": 1}.items())
        self.assertAlmostEqual(float(done.stdout.splitlines()[1].split(",")[1]),
                               1 / (1 + math.exp(-margin)), places=9)

    def test_a_cut_model_is_refused(self):
        whole = Path(self.model).read_bytes()
        broken = self.out / "broken.hone"
        for size in (0, 10, 63, 64, 1000, len(whole) - 1):
            broken.write_bytes(whole[:size])
            done = run("predict", "--model", broken, "--data", ADULT)
            self.assertEqual((done.returncode, done.stdout), (6, ""), done.stderr)


class ManyAndFormats(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)
        self.rows = [(i % 7, i % 5, int(i % 7 > i % 5)) for i in range(140)]

    def write(self, name, lines):
        (self.out / name).write_text("\n".join(lines) + "\n")
        return self.out / name

    def npy(self, name, rows):
        """Doubles in the .npy format, written by hand."""
        shape = f"({len(rows)}, {len(rows[0])})"
        head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        values = struct.pack(f"<{len(rows) * len(rows[0])}d", *(v for r in rows for v in r))
        path = self.out / name
        path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + values)
        return path

    def loss(self, *arguments):
        done = run("train", *arguments, *FOREST, "--task", "classification")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_format_gives_the_same_loss(self):
        table = self.write("t.csv", ["a,b,y"] + [f"{a},{b},{y}" for a, b, y in self.rows])
        expected = self.loss("--data", table, "--target", "y")
        self.assertLess(float(expected), -0.9)
        array = self.npy("t.npy", self.rows)
        self.assertEqual(self.loss("--data", array), expected)
        other = self.out / "t.dat"
        other.write_bytes(array.read_bytes())
        self.assertEqual(self.loss("--data", other, "--format", "npy"), expected)
        x = self.npy("X.npy", [r[:2] for r in self.rows])
        y = self.npy("y.npy", [r[2:] for r in self.rows])
        self.assertEqual(self.loss("--data", x, "--labels", y), expected)
        with zipfile.ZipFile(self.out / "t.npz", "w") as z:
            z.write(x, "X.npy")
            z.write(y, "y.npy")
        self.assertEqual(self.loss("--data", self.out / "t.npz"), expected)

    def test_svmlight_rows_without_the_last_columns_predict(self):
        table = self.write("t.svm", [f"{y} 1:{a} 3:{b}" for a, b, y in self.rows])
        trained = run("train", "--data", table, "--set", "model=knn", "--task", "classification",
                      "--model-dir", self.out / "narrow")
        self.assertEqual(trained.returncode, 0, trained.stderr)
        narrow = self.write("narrow.svm", [f"{y} 1:{a}" for a, _, y in self.rows])
        model, = (self.out / "narrow").glob("*.hone")
        for command in "predict", "evaluate":
            done = run(command, "--model", model, "--data", narrow)
            self.assertEqual(done.returncode, 0, done.stderr)
        wide = self.write("wide.svm", [f"{y} 4:{a}" for a, _, y in self.rows])
        self.assertEqual(run("predict", "--model", model, "--data", wide).returncode, 3)

    def test_svmlight_validation_rows_have_the_columns_of_the_training_rows(self):
        table = self.write("t.svm", [f"{y} 0:{a} 1:{b} 3:{b}" for a, b, y in self.rows])
        narrow = self.write("v.svm", [f"{y} 1:{b}" for _, b, y in self.rows[:8]])
        full = self.write("w.svm", [f"{y} 0:0 1:{b} 3:0" for _, b, y in self.rows[:8]])
        one, two, shifted = (
            run("train", "--data", table, "--set", "model=logistic_regression", "--task", "classification",
                "--metric", "log_loss", "--valid-data", *words)
            for words in ((narrow,), (full,), (narrow, "--first-index", 1)))
        self.assertEqual(one.returncode, 0, one.stderr)
        self.assertEqual(one.stdout, two.stdout)
        self.assertEqual(shifted.returncode, 3)  # --first-index is of both files
        self.assertIn("has the index 0", shifted.stderr)

    def test_reading_stays_within_the_memory_that_training_may_take(self):
        small = run("train", "--data", ADULT, "--target", "income", "--set", "model=logistic_regression",
                    "--memory", "1MB")
        self.assertEqual(small.returncode, 4)
        self.assertIn("1000000 bytes", small.stderr)

    def test_a_decimal_comma_is_read_where_it_is_asked_for(self):
        table = self.write("comma.csv", ["a;y", "1,5;0", "2,25;1", "3;0"])
        point = self.write("point.csv", ["a,y", "1.5,0", "2.25,1", "3,0"])
        one, two = (json.loads(run("describe", "--target", "y", "--data", *words).stdout)["fingerprint"] for words in
                    ((table, "--delimiter", ";", "--decimal", ","), (point,)))
        self.assertEqual(one, two)

    def test_every_model_takes_categories_and_holes_unprepared(self):
        for model in json.loads(run("reference").stdout)["models"]:
            if "classification" in model["tasks"]:
                done = run("train", "--data", ADULT, "--target", "income", "--budget", 0.1, "--seed", 1,
                           "--set", "model=" + model["name"], "--verbose")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertLess(float(done.stdout.splitlines()[-1]), -0.79, model["name"])
                self.assertIn("6 numeric and 8 categorical columns, 4262 missing cells", done.stderr)

    def test_svmlight_needs_no_target(self):
        table = self.write("t.svm", [f"{y} 1:{a} 2:{b}" for a, b, y in self.rows])
        done = run("train", "--data", table, "--set", "model=logistic_regression")
        self.assertEqual(done.returncode, 0, done.stderr)
        other = self.out / "t.dat"
        other.write_bytes(table.read_bytes())
        named = run("train", "--data", other, "--format", "svmlight", "--set",
                    "model=logistic_regression")
        self.assertEqual(named.stdout, done.stdout)

    def test_train_many_gives_what_single_calls_give_in_order(self):
        configs = self.write("c.jsonl", [
            '{"model": "random_forest", "n_estimators": 5}', "",
            '{"model": "logistic_regression", "C": 0.01}',
            '{"model": "random_forest", "n_estimators": 10, "max_depth": 2}'])
        many = run("train-many", "--data", ADULT, "--target", "income", "--configs", configs,
                   "--seed", 3)
        self.assertEqual(many.returncode, 0, many.stderr)
        single = []
        for line in filter(None, configs.read_text().splitlines()):
            config = self.write("one.json", [line])
            single.append(run("train", "--data", ADULT, "--target", "income", "--config", config,
                              "--seed", 3).stdout)
        self.assertEqual(many.stdout, "".join(single))

    def test_train_many_goes_on_after_a_trial_that_fails(self):
        table = self.write("t.csv", ["a,b,y"] + [f"{a},{b},{y / 2}" for a, b, y in self.rows])
        configs = self.write("c.jsonl", ['{"model": "logistic_regression"}',
                                         '{"model": "random_forest", "n_estimators": 5}'])
        flags = ["train-many", "--data", table, "--target", "y", "--task", "regression",
                 "--configs", configs]
        done = run(*flags)
        lines = done.stdout.splitlines()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("c.jsonl:1", done.stderr)
        self.assertEqual((len(lines), lines[0]), (2, "nan"))
        self.assertLess(float(lines[1]), 0.5)
        results = [json.loads(line) for line in run(*flags, "--json").stdout.splitlines()]
        self.assertEqual(results[0]["status"], "failed")

    def test_train_many_names_the_line_of_a_wrong_configuration(self):
        for text, says in (('{"model": "svm", "C": -1}', "C"), ("{", "c.jsonl:2"), ("[1]", "c.jsonl:2")):
            configs = self.write("c.jsonl", ['{"model": "svm"}', text])
            done = run("train-many", "--data", ADULT, "--target", "income", "--configs", configs)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn(says, done.stderr)
        for name, code in (("none.jsonl", 5), (self.write("e.jsonl", [""]), 2)):
            done = run("train-many", "--data", ADULT, "--target", "income", "--configs", name)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)

    def test_a_search_that_is_killed_goes_on_and_every_line_of_it_is_replayed(self):
        table = self.write("t.csv", ["a,b,y"] + [f"{a},{b},{y}" for a, b, y in self.rows])
        data = ["--data", table, "--target", "y"]
        search = ["tune", *data, "--models", "random_forest,knn", "--trials", 60, "--seed", 5]
        whole = run(*search, "--journal", self.out / "whole.jsonl")
        self.assertEqual(whole.returncode, 0, whole.stderr)
        journal, best = self.out / "journal.jsonl", self.out / "best.json"
        again = [*search, "--journal", journal, "--incumbent", best, "--model-dir", self.out / "m"]
        for lines in (5, 20):
            process = subprocess.Popen([HONE, *map(str, again)], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            while process.poll() is None and (not journal.exists()
                                              or journal.read_bytes().count(b"\n") < lines):
                time.sleep(0.001)
            process.kill()
            process.communicate()
        done = run(*again)
        self.assertEqual((done.returncode, done.stdout), (0, whole.stdout), done.stderr)
        self.assertEqual(json.loads(best.read_text())["loss"], float(done.stdout))
        model, = (self.out / "m").iterdir()
        for file, count in ((journal, 60), (model, 1)):
            replayed = run("replay", file, *data, "--quiet")
            self.assertEqual((replayed.returncode, replayed.stdout),
                             (0, f"{count} same, 0 close, 0 different, 0 skipped\n"))

    def test_an_estimate_is_above_what_the_training_takes(self):
        flags = ["--data", ADULT, "--target", "income", *FOREST, "--validation", "cv:3"]
        found = json.loads(run("estimate", *flags, "--pilot", "0.01").stdout)
        done = json.loads(run("train", *flags, "--json").stdout)
        self.assertGreaterEqual(found["bytes_bound"], done["run"]["peak_bytes"])
        self.assertGreater(done["run"]["work"], 0)
        self.assertGreater(found["bytes_bound"], found["bytes_likely"])
        self.assertGreater(found["seconds_likely"], 0)
        self.assertEqual(list(json.loads(run("estimate", *flags).stdout)), ["bytes_bound"])

    def test_replay_says_what_is_not_as_it_was(self):
        lines = ["a,b,y"] + [f"{a},{b},{y}" for a, b, y in self.rows]
        table = self.write("t.csv", lines)
        done = run("train", "--data", table, "--target", "y", *FOREST, "--json")
        result = self.write("r.json", [done.stdout])
        self.assertEqual(run("replay", result, "--data", table, "--target", "y").returncode, 0)
        kernels = json.loads(done.stdout)["run"]["kernels"]
        plain = self.write("p.json", [done.stdout.replace(f'"kernels":"{kernels}"', '"kernels":"portable"')])
        again = run("replay", plain, "--data", table, "--target", "y")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual("kernels was portable" in again.stdout, kernels != "portable")
        other = self.write("o.csv", ["a,b,y"] + [f"{i},{i % 3},{i * i % 11 % 2}" for i in range(140)])
        done = run("replay", result, "--data", other, "--target", "y")
        self.assertEqual(done.returncode, 8, done.stderr)
        self.assertIn("data was", done.stdout)
        self.assertRegex(done.stderr, r"r\.json:1: data was \w+, is \w+; trained again all the same\n")
        again = run("replay", result, other, "--data", table, "--target", "y")
        self.assertEqual((again.returncode, again.stderr),
                         (2, f"hone: {other}: 'replay' takes one file, and has {result}\n"))
        self.assertEqual(run("replay", table, "--data", table, "--target", "y").returncode, 6)
        self.assertEqual(run("replay", "--data", table, "--target", "y").returncode, 2)

    def test_replay_reads_the_table_as_the_record_says(self):
        lines = ["a;b;note;w;y"] + [f"{a if a % 7 else '-'};{i % 3};n{i};{1 + i % 2};{b},5"
                                    for i, (a, b, _) in enumerate(self.rows)]
        table = self.write("t.csv", lines)
        data = ["--data", table, "--target", "y", "--weight", "w", "--categorical", "b", "--drop", "note",
                "--na", "default,-", "--delimiter", ";", "--decimal", ",", "--task", "regression"]
        done = run("train", *data, *FOREST, "--json", "--model-dir", self.out / "m")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(found["run"]["read"], {
            "target": "y", "weight": "w", "categorical": "b", "drop": "note", "na": "default,-", "delimiter": ";",
            "decimal": ",", "task": "regression"})
        journal = self.out / "j.jsonl"
        self.assertEqual(run("tune", *data, "--models", "knn", "--trials", 3, "--journal", journal).returncode, 0)
        for file, count in ((self.write("r.json", [done.stdout]), 1), (found["model_path"], 1), (journal, 3)):
            again = run("replay", file, "--data", table)
            self.assertEqual((again.returncode, again.stdout.splitlines()[-1]),
                             (0, f"{count} same, 0 close, 0 different, 0 skipped"), again.stderr)
        other = run("replay", journal, "--data", table, "--drop", "note,b")
        self.assertEqual(other.returncode, 8, other.stderr)
        self.assertIn("data was", other.stdout)
        record = json.loads(done.stdout)
        for wrong, code in (({"delimiter": ";", "decimal": ","}, 2), ({"target": 3}, 6),
                            ({"target": "y", "task": "both"}, 6), (7, 3)):
            record["run"]["read"] = wrong
            again = run("replay", self.write("w.json", [json.dumps(record)]), "--data", table)
            self.assertEqual((again.returncode, again.stdout), (code, ""), again.stderr)

    def test_a_loss_of_few_rows_says_of_how_many(self):
        whole = json.loads(run("train", "--data", ADULT, "--target", "income", *FOREST, "--json").stdout)
        self.assertNotIn("judged_rows", whole)
        limit = int(whole["state"].get("work", 0)) or 3000000
        for _ in range(12):
            done = json.loads(run("train", "--data", ADULT, "--target", "income", "--set", "model=knn",
                                  "--work-limit", limit, "--json", "--model-dir", self.out / "m").stdout)
            if done["partial"]:
                break
            limit //= 2
        self.assertTrue(done["partial"])
        self.assertTrue(0 < done["judged_rows"] < 8000)
        saved = json.loads(run("inspect", done["model_path"]).stdout)["record"]["training"]
        self.assertEqual(saved["judged_rows"], done["judged_rows"])

    def test_a_loss_has_no_more_digits_than_it_needs(self):
        done = run("train", "--data", ADULT, "--target", "income", *FOREST)
        text = done.stdout.strip()
        self.assertEqual(text, repr(float(text)))


class Documentation(unittest.TestCase):
    def test_every_flag_of_the_readme_and_the_page_exists(self):
        known = set(re.findall(r"--[a-z-]+", run("--help").stdout)) | {"--help", "--version"}
        root = Path(__file__).resolve().parents[2]
        for name in ("README.md", "docs/command-line.md"):
            for command in re.findall(r"^ *(?:build/cli/)?hone .*(?:\\\n.*)*", (root / name).read_text(),
                                      re.M):
                self.assertLessEqual(set(re.findall(r"(?<!\S)--[a-z-]+", command)), known, command)

    def test_every_command_that_reads_a_table_takes_the_flags_of_tables(self):
        flags = {"--data", "--format", "--target", "--labels", "--weight", "--categorical", "--drop", "--na",
                 "--delimiter", "--no-header", "--task", "--plugin"}
        sections = {s.split()[0]: set(re.findall(r"^ +(--[a-z-]+)", s, re.M))
                    for s in run("--help").stdout.split("\n\n")[2:-1]}
        for command in ("train", "train-many", "estimate", "tune", "replay", "predict", "evaluate", "describe",
                        "space", "sample"):
            self.assertLessEqual(flags, sections[command], command)
        for command, taken in sections.items():
            self.assertIn("--plugin", taken, command)

    def test_the_page_lists_every_flag(self):
        page = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text()
        for flag in set(re.findall(r"--[a-z-]+", run("--help").stdout)):
            self.assertIn(f"`{flag}", page)


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
            adjusted, = json.loads(done.stdout)["adjusted"]
            self.assertTrue(adjusted.endswith(":early_stopping"))
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
        self.assertIn("random_forest:bootstrap", done["adjusted"])
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

    def on_a_small_disk(self, script):
        """Runs a shell script where /mnt is a disk of 64 KiB; needs the right to mount one."""
        done = subprocess.run(["unshare", "-rm", "sh", "-ec", "mount -t tmpfs -o size=64k none /mnt\n" +
                               script], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "HONE": HONE, "ADULT": ADULT})
        if "unshare:" in done.stderr or "mount:" in done.stderr:
            self.skipTest("may not mount")
        return done

    def test_a_full_disk_leaves_nothing(self):
        done = self.on_a_small_disk(
            'code=0; "$HONE" train --data "$ADULT" --target income --set model=knn --model-dir /mnt/m '
            "--validation none --no-refit --deadline 2 || code=$?\n"
            'find /mnt -type f; echo "code $code"')
        self.assertEqual(done.stdout.splitlines()[-1], "code 5", done.stderr)
        self.assertNotIn("/mnt", done.stdout)
        self.assertIn("No space left", done.stderr)

    def test_a_directory_that_cannot_be_written_is_named(self):
        done = self.on_a_small_disk(
            "mount -o remount,ro /mnt\n"
            'code=0; "$HONE" train --data "$ADULT" --target income --set model=logistic_regression '
            '--model-dir /mnt/m || code=$?\necho "code $code"')
        self.assertEqual(done.stdout, "code 5\n", done.stderr)
        self.assertIn("/mnt/m", done.stderr)
        self.assertIn("Read-only", done.stderr)

    def test_a_full_device_ends_with_the_file_code(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([HONE, "--help"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 5)
        self.assertIn("standard output: No space left", done.stderr.decode())
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([HONE, "--help"], stdout=writer, stderr=subprocess.PIPE, timeout=60)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (5, b""))

    def test_every_command_says_why_its_output_does_not_arrive(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            table, lines = out / "t.csv", out / "c.jsonl"
            table.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(9000)))
            lines.write_text('{"model": "knn"}\n')
            data = ["--data", table, "--target", "y", "--threads", 1]
            done = run("train", *data, "--set", "model=svm", "--set", "prep:scale=none", "--budget", 0.02,
                       "--model-dir", out / "m", "--json")
            (out / "r.json").write_text(done.stdout)
            model = json.loads(done.stdout)["model_path"]
            data = data[:4]
            commands = {
                "train": [*data, "--set", "model=knn"], "train-many": [*data, "--configs", lines],
                "estimate": [*data, "--set", "model=knn"], "tune": [*data, "--models", "knn", "--trials", 1],
                "replay": [out / "r.json", *data], "predict": ["--model", model, "--data", table],
                "evaluate": ["--model", model, *data], "describe": ["--model", model],
                "export": ["--format", "libsvm", "--model", model], "space": ["--task", "regression"],
                "sample": ["--task", "regression", "--n", 500], "reference": [], "inspect": [model]}
            known = re.findall(r"^([a-z-]+)  ", run("--help").stdout, re.M)
            self.assertEqual({*commands, "import"}, set(known))  # import needs --output
            commands["--help"] = commands["--version"] = []
            for name, arguments in commands.items():
                with open("/dev/full", "w") as full:
                    done = subprocess.run([HONE, name, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE,
                                          text=True, timeout=120)
                with self.subTest(name):
                    self.assertEqual(done.returncode, 5)
                    self.assertIn("hone: standard output: No space left on device", done.stderr)

    def test_a_journal_for_which_there_is_no_room_holds_whole_lines(self):
        with tempfile.TemporaryDirectory() as folder:
            table, journal = Path(folder) / "t.csv", Path(folder) / "j.jsonl"
            table.write_text("a,y\n" + "".join(f"{i},{'uv'[i % 2]}\n" for i in range(60)))
            search = ["tune", "--data", table, "--target", "y", "--models", "knn", "--trials", 100, "--journal", journal]
            for blocks in 0, 8:
                done = subprocess.run(["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", HONE, *map(str, search)],
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (5, ""), done.stderr)
                self.assertIn("j.jsonl: cannot be written: File too large", done.stderr)
                self.assertEqual(journal.exists(), blocks > 0)
            text = journal.read_text()
            self.assertTrue(text.endswith("\n"))
            self.assertGreater(len([json.loads(line) for line in text.splitlines()]), 1)

    def test_a_full_disk_leaves_no_part_of_any_file(self):
        done = self.on_a_small_disk(
            'H="$HONE"; printf "a,y\\n1,0\\n2,1\\n3,0\\n4,1\\n5,0\\n6,1\\n7,0\\n8,1\\n" >/mnt/t.csv\n'
            '"$H" train --data /mnt/t.csv --target y --set model=svm --set prep:scale=none --model-dir /mnt/m 2>/dev/null\n'
            'M=$(echo /mnt/m/*)\nhead -c 200000 /dev/zero >/mnt/fill 2>/dev/null || true\n'
            'for C in "tune --data /mnt/t.csv --target y --models knn --trials 9 --journal /mnt/new"'
            ' "tune --data /mnt/t.csv --target y --models knn --trials 9 --incumbent /mnt/new"'
            ' "predict --model $M --data /mnt/t.csv --output /mnt/new"'
            ' "export --format libsvm --model $M --output /mnt/new"; do\n'
            'code=0; "$H" $C >/dev/null || code=$?\n'
            'echo "$code $(ls -A /mnt | tr "\\n" " ")"\ndone')
        self.assertEqual(done.stdout.splitlines()[1:], ["5 fill m t.csv "] * 4, done.stderr)
        self.assertEqual(done.stderr.count("No space left on device"), 4, done.stderr)

    def interrupted(self, *arguments, after):
        """What a command prints that gets Ctrl-C after so many seconds, and the models it saves."""
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen([HONE, *map(str, arguments), "--model-dir", folder, "--data", ADULT,
                                        "--target", "income"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True)
            try:
                process.communicate(timeout=after)
                self.skipTest("it was over too early to interrupt it")
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130, error)
            models = os.listdir(folder)
            for name in models:
                done = run("evaluate", "--model", Path(folder) / name, "--data", ADULT, "--target", "income")
                self.assertEqual(done.returncode, 0, done.stderr)
            return out, models

    def test_an_interrupt_gives_the_best_so_far(self):
        forest = ["--set", "model=random_forest", "--set", "n_estimators=20000"]
        knn = ["--set", "model=knn", "--set", "n_neighbors=1000", "--validation", "cv:50"]
        for words in forest, [*forest, "--validation", "cv:3"], knn:
            out, models = self.interrupted("train", "--json", *words, after=2)
            told = json.loads(out)
            self.assertEqual((told["status"], len(models)), ("cancelled", 1))
            few = told.get("judged_rows", 100) < 100  # where the machine was busy elsewhere
            self.assertTrue(-1 <= told["loss"] < (0.1 if few else -0.7), told["loss"])

    def test_an_interrupt_that_was_ignored_at_the_start_stays_so(self):
        process = subprocess.Popen(
            [HONE, "train", "--data", ADULT, "--target", "income", "--set", "model=random_forest", "--set",
             "n_estimators=60", "--threads", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        try:
            process.communicate(timeout=0.3)
            self.skipTest("it was over too early to interrupt it")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, error)
        self.assertLess(float(out), -0.8)

    def test_an_interrupt_ends_a_search_with_its_best(self):
        out, models = self.interrupted("tune", "--trials", 10000, "--models", "logistic_regression",
                                       "--budget", 0.1, after=4)
        self.assertTrue(-1 <= float(out) < -0.7)
        self.assertEqual(len(models), 1)
        with tempfile.TemporaryDirectory() as folder:
            lines = Path(folder) / "c.jsonl"
            lines.write_text('{"model": "logistic_regression"}\n'
                             '{"model": "random_forest", "n_estimators": 20000}\n' * 2)
            out, models = self.interrupted("train-many", "--configs", lines, after=4)
        losses = [float(line) for line in out.splitlines()]
        self.assertEqual((len(losses), len(models)), (4, 1))
        self.assertTrue(any(loss < -0.7 for loss in losses), losses)

    def test_a_search_whose_time_ends_within_the_first_trial_has_a_loss(self):
        done = run("tune", "--data", ADULT, "--target", "income", "--models", "svm", "--time", "1ms")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(-1 <= float(done.stdout) <= 0)
        self.assertIn("no trial had ended, so nothing was searched", done.stderr)


class RowsForAModel(unittest.TestCase):
    """What a column was in the training data it is at predict, evaluate and among validation rows."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.out = Path(cls.folder.name)
        lines = [f"{i % 50},{'abc'[i % 3]},k{i % 7},2024-01-0{i % 9 + 1},{'yes' if i % 3 else 'no'}"
                 for i in range(300)]
        cls.train_file = cls.write("train.csv", "n,w,code,day,y", *lines)
        cls.model = cls.train("--data", cls.train_file, "--target", "y", "--drop", "day")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def write(cls, name, *lines):
        file = cls.out / name
        file.write_text("\n".join(lines) + "\n")
        return file

    @classmethod
    def train(cls, *arguments):
        done = run("train", *FOREST, "--validation", "none", *arguments, "--model-dir", cls.out / "m", "--json")
        return json.loads(done.stdout)["model_path"] if not done.returncode else done.stderr

    def predict(self, file, *arguments):
        done = run("predict", "--model", self.model, "--data", file, *arguments)
        return (done.returncode, done.stdout.splitlines(), done.stderr)

    def test_any_words_are_levels_of_a_column_of_words(self):
        many = self.write("many.csv", "n,w,code", *(f"1,a,free text {i}" for i in range(3000)))
        digits = self.write("digits.csv", "n,w,code", *(f"1,{'a' if i == 50 else i},k1" for i in range(100)))
        numbers = self.write("numbers.csv", "n,w,code", *(f"1,2,{i}" for i in range(100)))
        truths = self.write("truths.csv", "n,w,code", *(f"1,a,{i % 2 == 0}" for i in range(10)))
        for file, rows in ((many, 3000), (digits, 100), (numbers, 100), (truths, 10)):
            code, lines, why = self.predict(file)
            self.assertEqual((code, len(lines)), (0, rows + 1), why)

    def test_columns_that_the_model_lacks_are_passed_over(self):
        file = self.write("more.csv", "when,n,w,code,day,name,y",
                          *(f"2024-01-0{i % 9 + 1},1,a,k1,10:00,free text {i},?" for i in range(3000)))
        code, lines, why = self.predict(file)
        self.assertEqual((code, len(lines)), (0, 3001), why)
        plain = self.write("plain.csv", "code,w,n", *["k1,a,1"] * 3000)
        self.assertEqual(self.predict(plain)[1], lines)

    def test_a_word_among_numbers_is_refused_at_its_line(self):
        file = self.write("word.csv", "n,w,code", "1,a,k1", "x9,a,k1")
        code, _, why = self.predict(file)
        self.assertEqual(code, 3)
        self.assertIn('word.csv:3:1: "x9" is not a number', why)
        words = self.write("words.csv", "n,w,code", *["word,a,k1"] * 50)
        self.assertIn('words.csv:2:1: "word" is not a number', self.predict(words)[2])

    def test_leading_zeros_are_digits_where_the_training_data_held_numbers(self):
        zeros = self.write("zeros.csv", "n,w,code", "007,a,k1", "08,a,k1")
        plain = self.write("nozeros.csv", "n,w,code", "7,a,k1", "8,a,k1")
        self.assertEqual(self.predict(zeros), self.predict(plain))

    def test_a_column_that_is_missing_is_named(self):
        code, _, why = self.predict(self.write("less.csv", "n,w", "1,a"))
        self.assertEqual(code, 3)
        self.assertIn('less.csv:1: column "code" of the training data is missing', why)

    def test_validation_rows_are_read_as_the_training_rows(self):
        valid = self.write("valid.csv", "day,n,w,code,y",
                           *(f"free {i},{i % 50},{i},k{i % 7},{'yes' if i % 3 else 'no'}" for i in range(2000)))
        done = run("train", *FOREST, "--data", self.train_file, "--target", "y", "--drop", "day",
                   "--valid-data", valid)
        self.assertEqual(done.returncode, 0, done.stderr)
        bad = self.write("badvalid.csv", "day,n,w,code,y", "d,zz,a,k1,yes")
        done = run("train", *FOREST, "--data", self.train_file, "--target", "y", "--drop", "day",
                   "--valid-data", bad)
        self.assertEqual(done.returncode, 3)
        self.assertIn('badvalid.csv:2:3: "zz" is not a number', done.stderr)

    def test_the_target_is_read_as_the_model_s(self):
        amounts = self.write("amounts.csv", "a,y", *(f"{i},{i % 30}" for i in range(3000)))
        model = self.train("--data", amounts, "--target", "y", "--task", "regression")
        done = run("evaluate", "--model", model, "--data", amounts, "--target", "y", "--metric", "rmse")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_index_that_a_file_cannot_mean_is_refused_at_its_line(self):
        file = self.write("far.svm", "1 1:1", "0 2147483646:1")
        done = run("train", "--data", file, "--set", "model=logistic_regression")
        self.assertEqual(done.returncode, 3)
        self.assertIn('far.svm:2:3: "2147483646:1" has an index above 16777216', done.stderr)
        wide = self.write("wide.svm", *(f"{i % 2} {i % 7 + 1}:1 1000000:2" for i in range(50)))
        done = run("train", "--data", wide, "--set", "model=logistic_regression")
        self.assertEqual(done.returncode, 0, done.stderr)
        marked = self.write("marked.svm", "\ufeff1 1:1", "0 2:1")
        self.assertEqual(json.loads(run("describe", "--data", marked).stdout)["rows"], 2)

    def test_a_message_holds_no_byte_that_is_no_text(self):
        file = self.out / "bytes.csv"
        file.write_bytes(b"a,y\n" + b"1,u\n" * 300 + b"caf\xe9\x1b[31m,v\n")
        done = subprocess.run([HONE, "describe", "--data", file, "--target", "y"], capture_output=True)
        self.assertEqual(done.returncode, 3)
        self.assertIn('"caf??[31m" is not a number', done.stderr.decode())

    def test_what_a_format_has_no_use_for_is_refused_by_its_flag(self):
        file = self.write("t.svm", "1 1:1", "0 2:1")
        for flag in (["--na", "-"], ["--delimiter", ";"], ["--no-header"], ["--decimal", ","], ["--labels", file]):
            done = run("describe", "--data", file, *flag)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(flag[0] + " is for ", done.stderr)
        done = run("describe", "--data", ADULT, "--target", "income", "--columns", 3)
        self.assertIn("--columns is for svmlight files", done.stderr)

    def test_cells_that_are_not_separated_are_told_of(self):
        file = self.write("t.csv", "a;b;y", *(f"{i};{i};{'uv'[i % 2]}" for i in range(40)))
        done = run("train", "--data", file, "--target", "y", *FOREST)
        self.assertIn("--delimiter ';'", done.stderr)
        self.assertIn("--delimiter ';'", run("describe", "--data", file).stderr)

    def test_classes_weigh_what_they_are_given(self):
        rows = [f"{i},{i * 7 % 13},{'uvw'[i * 7 % 5 % 3]}" for i in range(90)]
        file = self.write("t.csv", "a,b,y", *rows)
        weighed = self.write("w.csv", "a,b,y,w", *(f"{r},{ {'u': 2.5, 'v': 1, 'w': 0.5}[r[-1]]}" for r in rows))
        how = ["--set", "model=logistic_regression", "--json", "--model-dir", self.out / "weighed"]
        one, two = (run("train", "--target", "y", *how, "--data", f, *more) for f, more in (
            (file, ["--class-weight", "u=2.5,w=0.5"]), (weighed, ["--weight", "w"])))
        self.assertEqual(json.loads(one.stdout)["loss"], json.loads(two.stdout)["loss"])
        done = run("replay", json.loads(one.stdout)["model_path"], "--data", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        for wrong, said in (("z=2", "no class"), ("u=0", "above 0"), ("u", "LABEL=WEIGHT"), ("u=x", "LABEL=WEIGHT")):
            done = run("train", "--data", file, "--target", "y", *how, "--class-weight", wrong)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)
        done = run("train", "--data", file, "--target", "y", "--set", 'class_weight={"u":2}', *how)
        self.assertEqual(done.returncode, 2)

    def test_describe_takes_an_array_as_train_does(self):
        file = self.out / "t.npy"
        header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 2), }".ljust(117) + "\n"
        cells = struct.pack("<8d", 1, 0, 2, 1, 3, 0, 4, 1)
        file.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + cells)
        told = json.loads(run("describe", "--data", file).stdout)
        self.assertEqual((told["cols"], told["target"]["task"]), (1, "classification"))

    def test_tabs_are_asked_for_by_name_or_by_the_file_s(self):
        rows = ["a\tb\ty", *(f"{i}\t{i}\t{'uv'[i % 2]}" for i in range(30))]
        self.write("t.csv", *rows)
        self.write("t.tsv", *rows)
        asked = [["t.csv", "--delimiter", "\\t"], ["t.csv", "--delimiter", "tab"], ["t.csv", "--delimiter", "\t"],
                 ["t.tsv"]]
        prints = {run("describe", "--data", self.out / a[0], "--target", "y", *a[1:]).stdout for a in asked}
        self.assertEqual(len(prints), 1)
        self.assertIn('"rows":30', prints.pop().replace(" ", ""))

    def test_blank_lines_above_the_header_are_skipped(self):
        file = self.write("blank.csv", "", "\r", "a,y", "1,u", "x1,v", *["2,u"] * 60)
        done = run("describe", "--data", file, "--target", "y")
        self.assertIn('blank.csv:5:1: "x1" is not a number', done.stderr)

    def test_a_table_of_blank_lines_is_told_of(self):
        file = self.out / "lines.csv"
        for text in ("\n\n\n", "\r\n" * 3, "\ufeff\n\n", "\n" * 3000000):
            file.write_text(text)
            for more in [], ["--no-header"]:
                done = run("describe", "--data", file, *more)
                self.assertEqual((done.returncode, done.stdout), (3, ""))
                self.assertIn("lines.csv: the file ", done.stderr)
        file.write_text("\n\n1,u\n\n2,v\n")
        self.assertEqual(json.loads(run("describe", "--data", file, "--no-header").stdout)["rows"], 2)

    def test_whole_targets_beyond_2_53_are_kept_apart_or_refused(self):
        file = self.write("long.csv", "a,y", *(f"{i},{9007199254740992 + i % 2}" for i in range(100)))
        done = run("describe", "--data", file, "--target", "y")
        self.assertEqual(done.returncode, 3)
        self.assertIn("2^53 and more", done.stderr)
        done = run("describe", "--data", file, "--target", "y", "--categorical", "y")
        self.assertIn("9007199254740993", done.stdout)
        self.assertEqual(run("describe", "--data", file, "--target", "y", "--task", "regression").returncode, 0)

    def test_what_makes_numbers_words_is_named(self):
        file = self.write("zero.csv", "p,y", *(f"{'007' if i == 50 else i + .5},{'uv'[i % 2]}" for i in range(3000)))
        done = run("describe", "--data", file, "--target", "y")
        self.assertIn('zero.csv:52:1: "007" has a leading zero', done.stderr)
        file = self.write("semi.csv", "p;y", *(f"{i},5;{'uv'[i % 2]}" for i in range(3000)))
        done = run("describe", "--data", file, "--target", "y", "--delimiter", ";")
        self.assertIn("--decimal ,", done.stderr)

    def test_labels_that_the_model_does_not_know_are_counted(self):
        file = self.write("labels.csv", "n,w,code,y", "1,a,k1,yes", "1,a,k1,maybe", "1,b,k1,often")
        done = run("evaluate", "--model", self.model, "--data", file, "--target", "y")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('warning: evaluated rows: 2 of 3 labels are none of the training data and count as wrong '
                      '("maybe")', done.stderr)
        done = run("train", *FOREST, "--data", self.train_file, "--target", "y", "--drop", "day",
                   "--valid-data", self.write("validlabels.csv", "day,n,w,code,y", ",1,a,k1,yes", ",1,b,k2,maybe"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('validation rows: 1 of 2 labels are none', done.stderr)

    def test_the_model_keeps_the_tokens_of_missing_cells(self):
        train = self.write("na.csv", "n,w,y", *(f"{'-' if i % 5 == 0 else i % 9},{'NA' if i % 7 == 0 else 'ab'[i % 2]},"
                                                f"{'yes' if i % 5 == 0 else 'no'}" for i in range(300)))
        model = self.train("--data", train, "--target", "y", "--na", "default,-")
        dashes = self.write("dashes.csv", "n,w", "-,a", "NA,-", "3,NA")
        empty = self.write("empty.csv", "n,w", ",a", ",", "3,")
        expected = run("predict", "--model", model, "--data", empty, "--proba").stdout
        for flags in ([], ["--na", "-,NA"]):
            done = run("predict", "--model", model, "--data", dashes, "--proba", *flags)
            self.assertEqual((done.returncode, done.stdout), (0, expected), done.stderr)
        done = run("predict", "--model", model, "--data", dashes, "--na", "NA")
        self.assertIn('dashes.csv:2:1: "-" is not a number', done.stderr)
        record = json.loads(run("inspect", model).stdout)["record"]
        self.assertEqual(record["schema"]["na"], "default,-")

    def test_a_hint_names_tokens_that_keep_the_default_ones(self):
        file = self.write("hint.csv", "n,w,y", *(f"{'-' if i == 50 else 'NA' if i == 60 else i},a,{'uv'[i % 2]}"
                                                 for i in range(100)))
        done = run("train", *FOREST, "--data", file, "--target", "y")
        hint = re.search(r'--na "([^"]*)"', done.stderr).group(1)
        self.assertEqual(run("train", *FOREST, "--data", file, "--target", "y", "--na", hint).returncode, 0)
        comma = '"1,000"'
        file = self.write("comma.csv", "n,w,y", *(f"{comma if i == 50 else i},a,{'uv'[i % 2]}" for i in range(100)))
        done = run("train", *FOREST, "--data", file, "--target", "y")
        self.assertIn('comma.csv:52:1: "1,000" is not a number', done.stderr)
        self.assertNotIn("--na", done.stderr)

    def test_levels_asked_for_by_name_are_equal_as_numbers(self):
        forms = ["3", "3.0", "3e0", "+3", " 3"]
        file = self.write("forms.csv", "n,c,y", *(f"{i},{forms[i % 5] if i % 2 else 4},{'uv'[i % 2]}" for i in range(100)))
        done = run("describe", "--data", file, "--target", "y", "--categorical", "c")
        column = [c for c in json.loads(done.stdout)["columns"] if c["name"] == "c"][0]
        self.assertEqual(column["levels"], ["3", "4"])

    def test_a_model_or_metric_of_one_task_decides_for_whole_numbers(self):
        file = self.write("whole.csv", "a,y", *(f"{i},{i % 28}" for i in range(3000)))
        few = self.write("few.csv", "a,y", *(f"{i},{i % 5}" for i in range(300)))
        for data in (file, few):
            for flags in (["--set", "model=linear_regression"], ["--set", "model=logistic_regression"],
                          [*FOREST, "--metric", "rmse"], [*FOREST, "--metric", "log_loss"]):
                done = run("train", "--data", data, "--target", "y", *flags)
                self.assertEqual(done.returncode, 0, done.stderr)
        done = run("train", "--data", file, "--target", "y", *FOREST)
        self.assertIn("task", done.stderr)
        self.assertEqual(done.returncode, 3)
        lists = self.write("lists.jsonl", '{"model":"linear_regression"}', '{"model":"linear_regression","C":2}')
        done = run("train-many", "--data", file, "--target", "y", "--configs", lists)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("tune", "--data", file, "--target", "y", "--models", "linear_regression", "--trials", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("tune", "--data", file, "--target", "y", "--metric", "mae", "--trials", 2)
        self.assertEqual(done.returncode, 0, done.stderr)


class Outputs(unittest.TestCase):
    """--output of the commands that have it: a name is replaced whole, or written through."""

    TEXT = ("svm_type epsilon_svr\nkernel_type linear\nnr_class 2\ntotal_sv 1\nrho 0.5\nSV\n"
            "2 1:1 2:3\n")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)
        (self.out / "m.txt").write_text(self.TEXT)
        (self.out / "rows.csv").write_text("a,b\n1,1\n0,2\n")
        self.model = self.out / "m.hone"
        self.assertEqual(run(*self.importing, self.model).returncode, 0)
        self.commands = {
            "import": self.importing,
            "export": ["export", "--format", "libsvm", "--model", self.model, "--output"],
            "predict": ["predict", "--model", self.model, "--data", self.out / "rows.csv", "--output"]}

    @property
    def importing(self):
        return ["import", "--format", "libsvm", "--data", self.out / "m.txt", "--output"]

    def each(self):
        for name, command in self.commands.items():
            with self.subTest(name):
                yield name, command

    def leaves_no_draft(self):
        self.assertEqual([p.name for p in self.out.iterdir() if "part" in p.name or "tmp" in p.name], [])

    def test_a_file_is_replaced_and_keeps_its_permissions(self):
        for name, command in self.each():
            file = self.out / name
            file.write_text("old")
            file.chmod(0o640)
            self.assertEqual(run(*command, file).returncode, 0)
            self.assertNotEqual(file.read_bytes(), b"old")
            self.assertEqual(file.stat().st_mode & 0o777, 0o640)
        self.leaves_no_draft()

    def test_a_link_stays_and_its_target_is_replaced(self):
        (self.out / "there").mkdir()
        for name, command in self.each():
            target, link = self.out / "there" / name, self.out / f"{name}.link"
            target.write_text("old")
            link.symlink_to(target)
            self.assertEqual(run(*command, link).returncode, 0)
            self.assertTrue(link.is_symlink())
            self.assertNotEqual(target.read_bytes(), b"old")
            target.unlink()
            done = run(*command, link)
            self.assertEqual(done.returncode, 5)
            self.assertIn("link that leads nowhere", done.stderr)
        self.leaves_no_draft()

    def test_a_device_and_a_pipe_are_written_to(self):
        for name, command in self.each():
            plain = self.out / name
            self.assertEqual(run(*command, plain).returncode, 0)
            for file in ("/dev/null", "/dev/full"):
                kind = os.stat(file)
                done = run(*command, file)
                self.assertEqual(done.returncode, 0 if file == "/dev/null" else 5, done.stderr)
                self.assertEqual(os.stat(file).st_ino, kind.st_ino)
            fifo = self.out / f"{name}.fifo"
            os.mkfifo(fifo)
            writer = subprocess.Popen([HONE, *map(str, command), fifo])
            self.assertEqual(len(fifo.read_bytes()), plain.stat().st_size)
            self.assertEqual(writer.wait(60), 0)
            self.assertTrue(fifo.is_fifo())

    def test_standard_output_may_be_named(self):
        plain, log = self.out / "plain.csv", self.out / "log"
        self.assertEqual(run(*self.commands["predict"], plain).returncode, 0)
        log.write_text("before\n")
        with open(log, "a") as file:
            done = subprocess.run([HONE, *map(str, self.commands["predict"]), "/dev/stdout"], stdout=file,
                                  timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(log.read_text(), "before\n" + plain.read_text())
        self.assertEqual(run(*self.commands["predict"], "/dev/stdout").stdout, plain.read_text())

    def test_a_directory_is_refused(self):
        for name, command in self.each():
            done = run(*command, self.out)
            self.assertEqual(done.returncode, 5)
            self.assertIn(f"{self.out}: cannot be written: Is a directory", done.stderr)
            self.assertTrue(self.out.is_dir())
        self.leaves_no_draft()

    def test_a_file_above_the_limit_leaves_nothing(self):
        large = self.out / "large.csv"
        large.write_text("a,b\n" + "1,1\n" * 5000)
        command = [*self.commands["predict"], self.out / "p.csv"]
        command[command.index(self.out / "rows.csv")] = large
        done = subprocess.run(["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", HONE, *map(str, command)],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("p.csv: cannot be written: File too large", done.stderr)
        self.assertFalse((self.out / "p.csv").exists())
        self.leaves_no_draft()


if __name__ == "__main__":
    unittest.main()
