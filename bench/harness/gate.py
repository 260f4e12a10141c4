"""Quality before time: scores, objectives, and whether a case may print a ratio at all."""

import math

import numpy as np

from . import stats

MARGIN = {"classification": 0.001, "regression": 0.002}  # points of accuracy; share of the rmse
OBJECTIVE = 1e-5  # how much worse, relatively, an optimum may be than the peer's


def score(task, y, predicted):
    """Accuracy, or minus the root mean squared error: larger is better."""
    if task == "classification":
        return float(np.mean(np.asarray(predicted) == y))
    return -float(np.sqrt(np.mean((np.asarray(predicted, float) - y) ** 2)))


def logistic_objective(model, X, y, C):
    """C * sum of log losses + |W|^2 / 2 in double precision, whatever the solver worked in."""
    X = X.astype(float)
    W, b = np.asarray(model.coef_, float), np.asarray(model.intercept_, float)
    z = X @ W.T + b
    if len(W) == 1:
        z = np.hstack([np.zeros_like(z), z])
    top = z.max(axis=1)
    losses = top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - z[np.arange(len(y)), y]
    return float(C * losses.sum() + 0.5 * (W**2).sum())


def objective(job, model, X, y):
    if job["model"] == "logistic_regression" and hasattr(model, "coef_"):
        return logistic_objective(model, X, y, job["params"]["C"])
    return None


def _differences(task, pairs):
    """Ours minus the peer's score: points of accuracy, or a share of the peer's error."""
    return [(a["score"] - b["score"]) / (1.0 if task == "classification" else abs(b["score"]))
            for a, b in pairs]


def undecided(task, pairs):
    """Too few seeds to say on which side of the margin the mean lies."""
    differences = _differences(task, pairs)
    upper = -stats.lower_bound([-d for d in differences])
    return stats.lower_bound(differences) < -MARGIN[task] <= upper


def verdict(task, pairs):
    """(passed, reason) of the pairs [(ours, peer's), ...], one seed each."""
    differences = _differences(task, pairs)
    lower = stats.lower_bound(differences)
    text = f"mean difference {np.mean(differences):+.4f}, lower bound {lower:+.4f}, {len(pairs)} seeds"
    if lower < -MARGIN[task]:
        return False, f"quality: {text}, below the margin {-MARGIN[task]}"
    optima = [(a["objective"], b["objective"]) for a, b in pairs]
    if all(a is not None and b is not None for a, b in optima):
        worst = max((a - b) / abs(b) for a, b in optima)
        if not math.isfinite(worst) or worst > OBJECTIVE:
            return False, f"objective: worse by {worst:.1e}, allowed {OBJECTIVE:.0e}"
    return True, text
