"""Statistics: intervals, bootstrap, correlation, Gini coefficient, survival curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000  # of a bootstrap
Z95 = 1.959964  # standard normal, two-sided 95 %
Z95_ROUNDED = 1.96  # the same, as usual for standard errors

Array = npt.NDArray[Any]
Interval = tuple[float, float]


# ------------------------------------------------------------------------- intervals


def wilson(held: float, runs: int) -> Interval:
    """Return the ends of the 95 % interval of a share (Wilson 1927).

    Parameters
    ----------
    held
        In how many runs it held, 0..``runs``.
    runs
        Of how many, 1 or more.
    """
    share, z2 = held / runs, Z95 * Z95 / runs
    middle = share + z2 / 2.0
    half = math.sqrt(z2 * (share * (1.0 - share) + z2 / 4.0))
    low, high = (middle - half) / (1.0 + z2), (middle + half) / (1.0 + z2)
    return max(0.0, low), min(1.0, high)


def half_width(deviation: Any, count: int) -> Any:
    """Return half the 95 % normal interval of a mean.

    Parameters
    ----------
    deviation
        Standard deviation of the values: a number, an array or a series.
    count
        How many values there are, 1 or more.
    """
    return Z95_ROUNDED * deviation / np.sqrt(count)


def bootstrap(values: Array) -> Interval:
    """Return the ends of the 95 % percentile interval of a mean (nan without values).

    For pairs, ``values`` are the differences within them. It resamples with the same
    random numbers every time.
    """
    if not len(values):
        return math.nan, math.nan
    means = _resampled_means(values, np.random.default_rng(0))
    return _middle_95(means)


def bootstrap_unpaired(one: Array, other: Array) -> Interval:
    """Return the 95 % interval of a difference of means of independent samples.

    The difference is ``other`` less ``one``; nan without values.
    """
    if not len(one):
        return math.nan, math.nan
    rng = np.random.default_rng(0)
    means = [_resampled_means(values, rng) for values in (one, other)]
    return _middle_95(means[1] - means[0])


def _resampled_means(values: Array, rng: np.random.Generator) -> Array:
    rows = rng.integers(len(values), size=(RESAMPLES, len(values)))
    means: Array = values[rows].mean(axis=1)
    return means


def _middle_95(means: Array) -> Interval:
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def poisson_bound(count: int, confidence: float = 0.95) -> float:
    """Return the largest mean that a Poisson count may well come from (one-sided)."""
    low, high = float(count), count + 10.0 * math.sqrt(count + 1.0) + 10.0
    for _ in range(80):
        middle = (low + high) / 2.0
        terms = (
            math.exp(k * math.log(middle) - middle - math.lgamma(k + 1))
            for k in range(count + 1)
        )
        low, high = (middle, high) if sum(terms) > 1.0 - confidence else (low, middle)
    return high


# --------------------------------------------------------------------- distributions


def five_numbers(values: Sequence[float]) -> str:
    """Return least, quartiles and most of the values, and how many are missing."""
    there = [value for value in values if not math.isnan(value)]
    if not there:
        return f"none in {len(values)} runs"
    marks = " | ".join(f"{mark:.4g}" for mark in np.quantile(there, [0, 0.25, 0.5]))
    marks += " | " + " | ".join(f"{m:.4g}" for m in np.quantile(there, [0.75, 1]))
    missing = len(values) - len(there)
    return f"{marks} (none in {missing} of {len(values)} runs)" if missing else marks


def mean(values: Any) -> float:
    """Return the mean; ``nan`` of nothing."""
    return float(np.mean(values, dtype=np.float64)) if len(values) else math.nan


def percent(values: Any) -> float:
    """Return the share that is true, in percent; ``nan`` of nothing."""
    return 100.0 * mean(values)


def gini(values: Any) -> float:
    """Return the Gini coefficient of non-negative values; nan where all are 0."""
    ordered = np.sort(np.asarray(values, np.float64))
    total = float(ordered.sum())
    if total == 0.0:
        return math.nan
    ranks = np.arange(1, len(ordered) + 1)
    weighted = 2.0 * float((ranks * ordered).sum()) / (len(ordered) * total)
    return weighted - (len(ordered) + 1.0) / len(ordered)


def correlation(pairs: Sequence[tuple[Any, Any]]) -> tuple[float, float, float]:
    """Return the correlation within samples, and its 95 % interval (Fisher's z).

    Each sample's columns are centred, so that differences between samples do not
    count. nan where a column is constant, or there are too few values.

    Parameters
    ----------
    pairs
        Two columns of each sample.
    """
    centred = [[column - np.mean(column) for column in pair] for pair in pairs]
    one, another = (np.concatenate(columns) for columns in zip(*centred, strict=True))
    size = math.sqrt(float(np.sum(one**2)) * float(np.sum(another**2)))
    degrees = len(one) - len(pairs) - 2
    if size == 0.0 or degrees < 1:
        return math.nan, math.nan, math.nan
    r = float(np.sum(one * another)) / size
    z = math.atanh(max(-0.999999, min(0.999999, r)))
    error = Z95_ROUNDED / math.sqrt(degrees)
    return r, math.tanh(z - error), math.tanh(z + error)


# -------------------------------------------------------------------------- survival


def kaplan_meier(age: Array, ended: Array) -> tuple[Array, Array]:
    """Return the share that survives to each age (Kaplan and Meier 1958).

    Parameters
    ----------
    age
        Last age at which each subject was observed.
    ended
        bool, of the same length: whether it ended there; the others are censored.

    Returns
    -------
    tuple
        Ages, ascending from 0, and shares, 0..1.
    """
    ages = np.unique(age)
    at_risk = np.array([np.count_nonzero(age >= one) for one in ages])
    ends = np.array([np.count_nonzero(ended & (age == one)) for one in ages])
    share = np.cumprod(1.0 - ends / at_risk) if len(ages) else np.zeros(0)
    if not len(ages) or ages[0] > 0:
        ages, share = np.append(0, ages), np.append(1.0, share)
    return np.maximum(ages, 0), share
