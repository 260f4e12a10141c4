"""What the command line writes: replaced whole, written through, or not there at all."""
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from program import ADULT, HONE, run


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


class NoRoom(unittest.TestCase):
    """Full disks and devices, folders that may not be written."""

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


if __name__ == "__main__":
    unittest.main()
