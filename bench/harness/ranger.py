"""ranger, the forest of R: a child process, timed inside R."""

import functools
import pathlib
import subprocess
import tempfile

SCRIPT = pathlib.Path(__file__).with_name("ranger.R")


@functools.cache
def version():
    words = ["Rscript", "-e", "cat(as.character(packageVersion('ranger')))"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


class Ranger:
    """fit and predict; `seconds` is what the last of them took inside R, copies not counted; `peak_mib` is
    R's; `bytes` those of the forest in R's serial form."""

    def __init__(self, params, threads, seed):
        self.params, self.threads, self.seed = params, threads, seed
        self.folder = tempfile.TemporaryDirectory()
        self.child = subprocess.Popen(["Rscript", "--vanilla", str(SCRIPT)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def _say(self, word, X, *rest):
        import numpy as np

        file = pathlib.Path(self.folder.name) / word
        np.asarray(X, np.float64).ravel(order="F").tofile(f"{file}.x")
        words = [word, file, *X.shape, *rest]
        self.child.stdin.write(" ".join(map(str, words)) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise RuntimeError("ranger ended without an answer")
        self.seconds, self.peak_mib, self.bytes = map(float, answer.split())
        return file

    def fit(self, X, y):
        import numpy as np

        task = "regression" if y.dtype.kind == "f" else "classification"
        np.asarray(y, np.float64).tofile(pathlib.Path(self.folder.name) / "fit.y")
        self._say("fit", X, self.params["n_estimators"], self.params["max_features"], self.threads, task, self.seed)
        return self

    def stored_bytes(self):
        return int(self.bytes)

    def predict(self, X):
        import numpy as np

        return np.fromfile(f"{self._say('predict', X, self.threads)}.answer")
