"""Rows that the command line reads for a model, and what it makes of odd tables."""
import json
import re
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from program import ADULT, FOREST, HONE, run


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


if __name__ == "__main__":
    unittest.main()
