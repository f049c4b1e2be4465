"""Emulators of what societies show, and the posterior that they tell, in a unit cube.

Approximate Bayesian computation asks how often a society simulated at a point shows
what is published. Here a regression says so (Wilkinson 2014, Accelerating ABC methods
using Gaussian processes, PMLR 33:1015-1023): each measure is a quadratic function of
the point, and normal noise of the size of the cross-validated error, which holds both
the luck of one society and what the function gets wrong. A point's likelihood is the
probability that all measures fall into their ranges, as if their noise were
independent. Where that is likely, more societies are simulated, the functions are
fitted anew to the latest of them, and so on by waves (Vernon, Goldstein and Bower 2010,
doi:10.1214/10-BA524): what is quadratic in no large region is so in a small one.

The prior is uniform in the cube; what else it is, is up to who maps the cube.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_ndtr

Array = Any  # float64[...]

DIGITS = 6  # of a coordinate, so that no other rounding on another machine moves it
FOLDS = 10
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
FEWEST = 5  # values from which on a measure is emulated
LEAST_NOISE = 1e-3  # of a range
JITTER = 1e-3  # deviation that is added to each proposal
FEWEST_CHAINS = 64
JUMP = 10  # every so many steps a chain goes as far as two others are apart


def features(points: Array) -> Array:
    """Return coordinates from -1 to 1, their squares and products."""
    one, other = np.triu_indices(points.shape[1])
    centred = 2.0 * points - 1.0
    return np.concatenate([centred, centred[:, one] * centred[:, other]], axis=1)


class Quadratic(NamedTuple):
    """A measure as a quadratic function of the point, by ridge regression."""

    slopes: Array  # float64[features]
    level: float  # at no feature
    noise: float  # deviation of the cross-validated error
    explained: float  # share of the variance, cross-validated

    @classmethod
    def fitted(cls, known: Array, seen: Array) -> Quadratic:
        """Return the function with the penalty of the least cross-validated error.

        Parameters
        ----------
        known, seen
            Features, float64[n, features], and the measure, float64[n].
        """
        fold = np.arange(len(seen)) % min(FOLDS, len(seen))
        guess = np.empty((len(PENALTIES), len(seen)))
        for one in range(fold.max() + 1):
            left_out = fold == one
            fits = _ridges(known[~left_out], seen[~left_out])
            guess[:, left_out] = [
                fit.level + known[left_out] @ fit.slopes for fit in fits
            ]
        errors = np.sqrt(((guess - seen) ** 2).mean(axis=1))
        best = int(errors.argmin())
        noise, spread = float(errors[best]), float(seen.std())
        explained = 1.0 - (noise / spread) ** 2 if spread else float("nan")
        fit = _ridges(known, seen)[best]
        return fit._replace(noise=noise, explained=explained)


def _ridges(known: Array, seen: Array) -> list[Quadratic]:
    """Return a fit for each penalty."""
    centre, scale, level = known.mean(axis=0), known.std(axis=0), float(seen.mean())
    scale = np.where(scale > 0.0, scale, 1.0)
    scaled = (known - centre) / scale
    penalties = np.multiply.outer(PENALTIES, np.eye(len(scale)))
    told = scaled.T @ (seen - level)
    slopes = np.linalg.solve(scaled.T @ scaled + penalties, told[:, None])[:, :, 0]
    return [
        Quadratic(mine / scale, level - float(mine / scale @ centre), 0.0, 0.0)
        for mine in slopes
    ]


class Emulator:
    """All measures as functions of the point, and how likely their ranges are.

    Parameters
    ----------
    points, seen
        Where societies were simulated, float64[n, dims], and what they showed,
        float64[n, measures]; nan where nothing was measured.
    ranges
        Ends of the ranges, float64[measures, 2].
    """

    def __init__(self, points: Array, seen: Array, ranges: Array) -> None:
        known = features(points)
        self.ranges = ranges
        self.fits: list[Quadratic | None] = []
        for values in seen.T:
            there = np.isfinite(values)
            is_enough = int(there.sum()) >= FEWEST
            self.fits.append(
                Quadratic.fitted(known[there], values[there]) if is_enough else None
            )
        none = np.full(known.shape[1], np.nan)
        self._slopes = np.stack([none if f is None else f.slopes for f in self.fits], 1)
        self._levels = np.array([np.nan if f is None else f.level for f in self.fits])

    def at(self, points: Array) -> Array:
        """Return what is expected, float64[n, measures]; nan of what is not known."""
        return self._levels + features(points) @ self._slopes

    def noise(self) -> Array:
        """Return the deviation from what is expected, float64[measures]."""
        least = LEAST_NOISE * np.diff(self.ranges)[:, 0]
        found = [np.nan if fit is None else fit.noise for fit in self.fits]
        return np.maximum(found, least)

    def log_likelihood(self, points: Array) -> Array:
        """Return the logarithm of how likely all ranges are met, float64[n].

        A measure that is not known says nothing.
        """
        known = [fit is not None for fit in self.fits]
        away = (self.ranges.T[:, None, :] - self.at(points)) / self.noise()
        return log_within(*away[:, :, known]).sum(axis=1)


def log_within(low: Array, high: Array) -> Array:
    """Return the logarithm of how likely a standard normal number lies between."""
    is_high = low + high > 0.0  # by symmetry, so that no difference of ones is taken
    low, high = np.where(is_high, -high, low), np.where(is_high, -low, high)
    return log_ndtr(high) + np.log1p(-np.exp(log_ndtr(low) - log_ndtr(high)))


class Chains(NamedTuple):
    """Where chains are at the end, and how they came there."""

    points: Array  # float64[chains, dims]
    accepted: float  # share of the proposals
    half_way: Array  # float64[chains]: logarithm of the density after half the steps
    at_end: Array  # float64[chains]


def walked(
    log_density: Callable[[Array], Array],
    dims: int,
    *,
    count: int,
    steps: int,
    rng: np.random.Generator,
) -> Chains:
    """Walk chains in the cube until they are drawn from a density; return their ends.

    By differential evolution (ter Braak 2006, doi:10.1007/s11222-006-8769-1): a chain
    goes along the difference of two others, which knows how wide the density is in
    every direction. Half of the chains go at a time, by differences of the other half.

    Parameters
    ----------
    log_density
        Takes points, float64[n, dims]; need not be normalized.
    dims
        Of the cube.
    count
        Points to return, 1 or more.
    steps
        Of each chain, 2 or more. They begin anywhere in the cube.
    rng
        Of all that is drawn.
    """
    size = max(count + count % 2, FEWEST_CHAINS)
    points = rng.random((size, dims))
    density, half, accepted = log_density(points), size // 2, 0.0
    halves = slice(half), slice(half, size)
    usual, half_way = 2.38 / np.sqrt(2.0 * dims), density.copy()
    for step in range(steps):
        far = 1.0 if step % JUMP == JUMP - 1 else usual
        for mine, rest in (halves, halves[::-1]):
            one = rng.integers(0, half, half)
            other = (one + rng.integers(1, half, half)) % half
            along = far * (points[rest][one] - points[rest][other])
            moved = points[mine] + along + JITTER * rng.standard_normal((half, dims))
            limit = density[mine] + np.log(rng.random(half))
            inside = ((moved > 0.0) & (moved < 1.0)).all(axis=1)
            new = np.full(half, -np.inf)
            new[inside] = log_density(moved[inside])
            taken = new > limit
            points[mine] = np.where(taken[:, None], moved, points[mine])
            density[mine] = np.where(taken, new, density[mine])
            accepted += float(taken.mean()) / (2.0 * steps)
        if step == steps // 2:
            half_way = density.copy()
    points = points[:count].round(DIGITS)
    return Chains(points, accepted, half_way, density)


class Sample(NamedTuple):
    """Points of the posterior, and of each wave how near to the ranges it came."""

    points: Array  # float64[kept, dims], in the cube
    emulator: Emulator  # that they were drawn by
    waves: list[dict[str, float]]


def sample(
    seen_at: Callable[[Array, int], Array],
    ranges: Array,
    dims: int,
    *,
    sizes: Sequence[int],
    latest: int,
    keep: int,
    steps: int,
    seed: int = 0,
) -> Sample:
    """Return points of the posterior, after waves of simulation.

    Parameters
    ----------
    seen_at
        Takes points, float64[n, dims], and the number of the first among all draws;
        simulates there and returns what is measured, float64[n, measures].
    ranges
        Of the measures, float64[measures, 2].
    dims
        Of the cube.
    sizes
        Draws in each wave; those of the first are from the prior.
    latest
        Draws that functions are fitted to.
    keep
        Points to return.
    steps
        Of a chain, 2 or more.
    seed
        Of what is drawn.
    """
    points, seen = np.empty((0, dims)), np.empty((0, len(ranges)))
    new = np.random.default_rng([seed, 0]).random((sizes[0], dims)).round(DIGITS)
    told = []
    for wave, count in enumerate((*sizes[1:], keep), 1):
        found = seen_at(new, len(points))
        points = np.concatenate([points, new])
        seen = np.concatenate([seen, found])
        emulator = Emulator(points[-latest:], seen[-latest:], ranges)
        chains = walked(
            emulator.log_likelihood,
            dims,
            count=count,
            steps=steps,
            rng=np.random.default_rng([seed, wave]),
        )
        told.append(_told(wave - 1, len(points), found, emulator, chains))
        new = chains.points
    return Sample(new, emulator, told)


def _told(
    wave: int, draws: int, found: Array, emulator: Emulator, chains: Chains
) -> dict[str, float]:
    low, high = emulator.ranges.T
    explained = [fit.explained for fit in emulator.fits if fit is not None]
    half_widths = emulator.noise() / np.diff(emulator.ranges)[:, 0] * 2.0
    return {
        "wave": wave,
        "draws": draws,
        "met": float(((found >= low) & (found <= high)).sum(axis=1).mean()),
        "explained": float(np.nanmedian(explained)) if explained else float("nan"),
        "noise": float(np.nanmedian(half_widths)),
        "accepted": chains.accepted,
        "half_way": float(np.median(chains.half_way)),
        "at_end": float(np.median(chains.at_end)),
    }
