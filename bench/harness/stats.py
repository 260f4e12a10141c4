"""Paired ratios: the median and its exact interval; one-sided bounds of a mean."""

import math

import numpy as np


def left_of_median(n, k):
    """The chance that at most k of n values lie below their median."""
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n


def interval(values, level=0.95):
    """(median, low, high): the narrowest two of the sorted values, as far from either end, between which
    the median lies with this probability whatever the distribution; below six values the outermost."""
    values = np.sort(np.asarray(values, float))
    n, cut = len(values), 0
    while cut + 1 < n / 2 and 2 * left_of_median(n, cut) <= 1 - level:
        cut += 1
    cut = max(cut - 1, 0)
    return float(np.median(values)), float(values[cut]), float(values[n - 1 - cut])


def lower_bound(differences):
    """One-sided 95 % bound of the mean (Student's); without spread (equal predictions) it is the mean."""
    differences = np.asarray(differences, float)
    if len(differences) < 2:
        return float(differences.mean())
    from scipy.special import stdtrit

    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return float(differences.mean() - stdtrit(len(differences) - 1, 0.95) * error)


def geometric_mean(values):
    return float(np.exp(np.mean(np.log(values))))


def slope(x, y):
    """Of log y over log x by least squares: the exponent of a power law."""
    return float(np.polyfit(np.log(np.asarray(x, float)), np.log(np.maximum(y, 1e-9)), 1)[0])
