"""Approximate Bayesian computation by population Monte Carlo, in a unit cube.

Beaumont, Cornuet, Marin and Robert 2009 (doi:10.1093/biomet/asp052): points drawn from
the prior are held against data; those nearest to it are the centres around which the
next ones are drawn, by a Gaussian kernel of twice their covariance; a point's weight
corrects for where it was drawn. Unlike there no draw is thrown away: the points kept
are the nearest of all rounds, and each is weighed by the mixture of all rounds'
densities (Cornuet, Marin, Mira and Robert 2012, doi:10.1111/j.1467-9469.2011.00756.x),
so that no weight exceeds the number of all draws over that of the first round.

The prior is uniform in the cube; what else it is, is up to who maps the cube.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = Any  # float64[...]

DIGITS = 6  # of a coordinate, so that no other rounding on another machine moves it
TRIES, BLOCK = 1_000_000, 50_000  # proposals at least, and at a time
SPREAD = 1e-9  # added to variances, so that points that agree can be spread


class Sample(NamedTuple):
    """Points kept, nearest first, and of each round how near these were by then."""

    points: Array  # float64[kept, dims], in the cube
    weights: Array  # float64[kept], sum 1
    distances: Array  # float64[kept]
    numbers: Array  # int64[kept]: which of all draws, from 0
    rounds: list[dict[str, float]]


class Prior:
    """Uniform in the cube."""

    def __init__(self, dims: int) -> None:
        self.dims = dims

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Return float64[count, dims]."""
        return rng.random((count, self.dims)).round(DIGITS)

    def density(self, points: Array) -> Array:
        """Return float64[points]."""
        return np.ones(len(points))


class Mixture:
    """Gaussian kernels around weighted points; what leaves the cube is drawn anew.

    Parameters
    ----------
    centres, weights
        Where kernels stand, float64[centres, dims], and how often each is chosen.
    fewest
        Proposals that are in the cube, at least.
    rng
        Of the proposals; they also tell what share of the mixture is in the cube.
    """

    def __init__(
        self, centres: Array, weights: Array, fewest: int, rng: np.random.Generator
    ) -> None:
        self.centres, self.weights = centres, weights / weights.sum()
        dims = centres.shape[1]
        spread = 2.0 * covariance(centres, self.weights) + SPREAD * np.eye(dims)
        self._root = np.linalg.cholesky(spread)
        inside: list[Array] = []
        tries = 0
        while tries < TRIES or sum(map(len, inside)) < fewest:
            at = rng.choice(len(centres), BLOCK, p=self.weights)
            tried = centres[at] + rng.standard_normal((BLOCK, dims)) @ self._root.T
            inside.append(tried[((tried > 0.0) & (tried < 1.0)).all(axis=1)])
            tries += BLOCK
        self._inside = np.concatenate(inside)
        self.share_inside = len(self._inside) / tries

    def draw(self, count: int) -> Array:
        """Return the first proposals in the cube, float64[count, dims]."""
        return self._inside[:count].round(DIGITS)

    def density(self, points: Array) -> Array:
        """Return float64[points]."""
        dims = self.centres.shape[1]
        away = points[:, None, :] - self.centres[None, :, :]
        scaled = np.linalg.solve(self._root, away.reshape(-1, dims).T)
        kernels = np.exp(-0.5 * (scaled**2).sum(axis=0)).reshape(away.shape[:2])
        size = (2.0 * np.pi) ** (dims / 2.0) * np.diag(self._root).prod()
        return kernels @ self.weights / (size * self.share_inside)


def covariance(points: Array, weights: Array) -> Array:
    """Return the weighted covariance, float64[dims, dims]."""
    share = weights / weights.sum()
    away = points - share @ points
    return (away * share[:, None]).T @ away / max(1.0 - (share**2).sum(), 1e-12)


def effective(weights: Array) -> float:
    """Return how many equally weighted points would tell as much (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def quantile(values: Array, weights: Array, share: float) -> float:
    """Return the least value that so much of the weight does not exceed; nan of none.

    Values that are not finite numbers are left out.
    """
    here = ~np.isnan(values)
    order = np.argsort(values[here], kind="stable")
    ordered, weight = values[here][order], weights[here][order]
    if not len(ordered):
        return float("nan")
    reached = np.cumsum(weight) >= share * weight.sum() * (1.0 - 1e-12)
    return float(ordered[int(reached.argmax())])


def sample(
    distances_of: Callable[[Array, int], Array],
    dims: int,
    *,
    first: int,
    more: int,
    rounds: int,
    keep: int,
    seed: int = 0,
) -> Sample:
    """Return the points of all rounds that are nearest to the data, and their weights.

    Parameters
    ----------
    distances_of
        Takes points, float64[n, dims], and the number of the first among all draws;
        returns how far from the data each is, float64[n].
    dims
        Of the cube.
    first, more, rounds
        Draws from the prior; draws in each of so many rounds after that.
    keep
        Points kept at the end. The nearer half of them are a round's centres.
    seed
        Of what is drawn.
    """
    prior = Prior(dims)
    points = prior.draw(first, np.random.default_rng([seed, 0]))
    distances = distances_of(points, 0)
    drawn: list[tuple[int, Any]] = [(first, prior)]
    told = [_told(0, points, distances, drawn, keep)]
    for number in range(1, rounds + 1):
        centres = nearest(distances, max(keep // 2, 2))
        weights = _weights(points[centres], drawn)
        rng = np.random.default_rng([seed, number])
        mixture = Mixture(points[centres], weights, more, rng)
        new = mixture.draw(more)
        limit = distances[centres].max()
        found = distances_of(new, len(points))
        points = np.concatenate([points, new])
        distances = np.concatenate([distances, found])
        drawn.append((more, mixture))
        accepted = {"accepted": float((found <= limit).mean())}
        told.append(_told(number, points, distances, drawn, keep) | accepted)
    kept = nearest(distances, keep)
    weights = _weights(points[kept], drawn)
    return Sample(points[kept], weights / weights.sum(), distances[kept], kept, told)


def nearest(distances: Array, count: int) -> Array:
    """Return the numbers of the smallest distances; of equal ones the first drawn."""
    return np.argsort(distances, kind="stable")[:count]


def _weights(points: Array, drawn: list[tuple[int, Any]]) -> Array:
    """Return the prior's density over that of all rounds together."""
    total = sum(count for count, _ in drawn)
    return total / sum(count * one.density(points) for count, one in drawn)


def _told(
    number: int, points: Array, distances: Array, drawn: list[Any], keep: int
) -> dict[str, float]:
    kept = nearest(distances, keep)
    return {
        "round": number,
        "draws": len(points),
        "farthest": float(distances[kept].max()),
        "median": float(np.median(distances[kept])),
        "effective": effective(_weights(points[kept], drawn)),
    }
