"""The command line on real data: losses, files, formats, many trials, interrupts, its pages."""
import csv
import json
import math
import os
import re
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

from program import ADULT, DATA, FOREST, HONE, run


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

    def test_forests_are_halved(self):
        """What a rung grows may be part of what the next one asks for: those that follow are not known yet."""
        with tempfile.TemporaryDirectory() as folder:
            data = ["--data", DATA / "pima.csv.gz", "--target", "diabetes", "--task", "classification"]
            journal = Path(folder) / "journal.jsonl"
            done = run("tune", *data, "--models", "random_forest", "--search", "halving", "--trials", 9, "--journal", journal)
            self.assertEqual(done.returncode, 0, done.stderr)
            again = run("replay", journal, *data)
            self.assertEqual(again.returncode, 0, again.stderr)

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
        altered = journal.read_text().splitlines()
        altered[2] = altered[2].replace('"config":{', '"config":{"bogus":1,')
        wrong = run("replay", self.write("altered.jsonl", altered), "--data", table)
        self.assertEqual(wrong.returncode, 6, wrong.stderr)
        self.assertIn("altered.jsonl:3: config.bogus: no model knows this key", wrong.stderr)
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


class Interrupts(unittest.TestCase):
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


if __name__ == "__main__":
    unittest.main()
