"""Paired ratios: median, bootstrap interval, one-sided bounds. Seeded, so a report repeats itself."""

import math

import numpy as np


def interval(values, level=0.95, draws=4000):
    """(median, low, high): percentile bootstrap of the median."""
    values = np.asarray(values, float)
    picks = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    medians = np.sort(np.median(values[picks], axis=1))
    tail = (1 - level) / 2
    return (float(np.median(values)), float(medians[int(draws * tail)]),
            float(medians[int(draws * (1 - tail)) - 1]))


def lower_bound(differences):
    """One-sided 95 % bound of the mean; without spread (equal predictions) it is the mean."""
    differences = np.asarray(differences, float)
    if len(differences) < 2:
        return float(differences.mean())
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return float(differences.mean() - 1.645 * error)


def geometric_mean(values):
    return float(np.exp(np.mean(np.log(values))))


def slope(x, y):
    """Of log y over log x by least squares: the exponent of a power law."""
    return float(np.polyfit(np.log(np.asarray(x, float)), np.log(np.maximum(y, 1e-9)), 1)[0])
