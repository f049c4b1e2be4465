"""Statistics: intervals, bootstrap, correlation, Gini coefficient, survival curves."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FEWEST = 5  # values from which on an interval is more than a hint
MANY = 1000  # degrees of freedom from which on Student's t is that of this many
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


@functools.lru_cache(1024)
def t_quantile(degrees: int, within: float = 0.95) -> float:
    """Return the number within which Student's t is, with so many degrees, 1 or more.

    With probability ``within``, 0.95 or more: of 0.95 it is the 97.5 % quantile.

    By bisection of its distribution function, a finite sum for whole degrees
    (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4).
    """
    low, high = Z95, 13.0  # that of one degree is 12.7
    while _t_within(high, degrees) < within:
        high *= 2.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (
            (middle, high) if _t_within(middle, degrees) < within else (low, middle)
        )
    return high


def _t_within(t: float, degrees: int) -> float:
    """Return the probability that Student's t lies between -t and t."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine, odd = math.cos(angle), degrees % 2
    term, total = (cosine if odd else 1.0), 0.0
    for count in range(1 + odd, degrees, 2):
        total += term
        term *= cosine * cosine * count / (count + 1)
    total *= math.sin(angle)
    return 2.0 / math.pi * (angle + total) if odd else total


def half_width(deviation: Any, count: int) -> Any:
    """Return half the 95 % interval of a mean, by Student's t; nan of one value.

    Parameters
    ----------
    deviation
        Standard deviation of the sample (``ddof=1``): a number, an array or a series.
    count
        How many values there are, 1 or more.
    """
    if count < 2:
        return deviation * math.nan
    return t_quantile(min(count - 1, MANY)) * deviation / np.sqrt(count)


def mean_interval(values: Array) -> Interval:
    """Return the ends of the 95 % interval of a mean, by Student's t.

    For pairs, ``values`` are the differences within them. Both ends are nan where
    nothing can be said: of fewer than two values, and of values that are all the same,
    which do not show how far others would be.
    """
    if len(values) < 2 or values.min() == values.max():
        return math.nan, math.nan
    middle = float(values.mean())
    half = float(half_width(values.std(ddof=1), len(values)))
    return middle - half, middle + half


def difference_interval(one: Array, other: Array) -> Interval:
    """Return the 95 % interval of a difference of means of independent samples.

    The difference is ``other`` less ``one``; by Welch's t (1947), degrees rounded down.
    Both ends are nan as in ``mean_interval``.
    """
    if min(len(one), len(other)) < 2:
        return math.nan, math.nan
    parts = [float(sample.var(ddof=1)) / len(sample) for sample in (one, other)]
    total = sum(parts)
    if total == 0.0:
        return math.nan, math.nan
    freedom = (len(one) - 1, len(other) - 1)
    below = sum(part * part / n for part, n in zip(parts, freedom, strict=True))
    degrees = min(int(total * total / below), MANY) if below else min(freedom)
    middle = float(other.mean() - one.mean())
    half = t_quantile(max(1, degrees)) * math.sqrt(total)
    return middle - half, middle + half


def doubt(count: int) -> str:
    """Return what to say beside intervals of so many values; '' if they are enough."""
    if count >= FEWEST:
        return ""
    return (
        f"{count} seed{'s' * (count != 1)}: too few to rely on an interval; "
        f"take {FEWEST} or more"
    )


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


def median_interval(age: Array, ended: Array) -> Interval:
    """Return the 95 % interval of the age by which half have ended.

    The ages at which the interval of the share that survives holds one half (Brookmeyer
    and Crowley 1982, doi:10.2307/2530286); it is Greenwood's on the scale of
    log(-log), and Wilson's once all have ended. Subjects are taken for independent.

    Parameters
    ----------
    age
        Last age at which each subject was observed.
    ended
        bool, of the same length: whether it ended there; the others are censored.

    Returns
    -------
    tuple
        Ends of the interval; inf where it reaches beyond all that is known.

    Examples
    --------
    >>> ages = np.array([10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
    >>> median_interval(ages, np.ones(6, bool))
    (10.0, 60.0)
    """
    known, done = np.asarray(age, np.float64), np.asarray(ended, bool)
    left, variance, ends = 1.0, 0.0, [math.inf, math.inf]
    for one in np.unique(known[done]).tolist():
        risk = int(np.count_nonzero(known >= one))
        gone = int(np.count_nonzero(done & (known == one)))
        left *= 1.0 - gone / risk
        variance += gone / (risk * max(risk - gone, 1))
        limits = wilson(0.0, len(known))
        if left > 0.0:
            wide = Z95 * math.sqrt(variance) / -math.log(left)
            limits = left ** math.exp(wide), left ** math.exp(-wide)
        for at, limit in enumerate(limits):
            if limit <= 0.5:
                ends[at] = min(ends[at], one)
    return ends[0], ends[1]


def share_within(
    age: Array, ended: Array, horizon: float
) -> tuple[float, float, float]:
    """Return the share that has ended by an age, and its 95 % interval.

    One less the estimate of Kaplan and Meier (1958). The interval is Greenwood's on the
    scale of log(-log); where all or none have ended, or none is censored before, it is
    Wilson's. nan beyond the last age at which anything is known.

    Parameters
    ----------
    age
        Last age at which each subject was observed, one or more.
    ended
        bool, of the same length: whether it ended there; the others are censored.
    horizon
        The age.

    Returns
    -------
    tuple
        Share, 0..1, and the ends of its interval.
    """
    known = np.asarray(age, np.float64)
    done = np.asarray(ended, bool)
    if not len(known) or (horizon > known.max() and not done.all()):
        return math.nan, math.nan, math.nan
    ages, shares = kaplan_meier(known, done)
    left = float(shares[np.searchsorted(ages, horizon, "right") - 1])
    if left in (0.0, 1.0) or not (~done & (known < horizon)).any():
        return 1.0 - left, *wilson(len(known) * (1.0 - left), len(known))
    variance = 0.0
    for one in np.unique(known[done & (known <= horizon)]):
        risk = int(np.count_nonzero(known >= one))
        ends = int(np.count_nonzero(done & (known == one)))
        variance += ends / (risk * max(risk - ends, 1))
    wide = Z95 * math.sqrt(variance) / abs(math.log(left))
    low, high = (left ** math.exp(sign * wide) for sign in (-1.0, 1.0))
    return 1.0 - left, 1.0 - low, 1.0 - high
