"""A random geometric graph on a ring: who is tied to whom, nearest first.

People with near numbers lie near each other on the ring. Two people are tied
if their distance on the ring, divided by the sociability of both, is among the
smallest: an unrandom geometric graph (Serrano, Krioukov & Boguna 2008,
doi:10.1103/PhysRevLett.100.078701), clustered and with unequal degrees. Some ties, the
outer ones most of all, then lead anywhere, which makes the world small (Watts &
Strogatz 1998, doi:10.1038/30918).
"""

from __future__ import annotations

import numpy as np

from sim.draws import Stream, uniforms
from sim.ties import Array

# What the draws of the stream NETWORK are for; part of a run's identity.
SOCIABILITY, REWIRE, SIDE, TARGET, CLOSENESS, EMBEDDING = range(6)

# The quantiles at which sociability is cut off: nobody is a hermit or knows all.
_LEAST, _MOST = 0.04, 0.98


def ring(humans: int, count: int, seed: int, rewiring: float) -> Array:
    """Return ``count`` pairs of people, int32[count, 2], those nearest first.

    Parameters
    ----------
    humans
        How many, 1 or more; there are at least ``count`` pairs of them.
    count, seed
        How many pairs, and what decides.
    rewiring
        Share of pairs that lead anywhere on the ring, 0..1.
    """
    k = _sociability(humans, seed)
    return _rewired(_nearest(k, count), k, seed, rewiring)


def _sociability(humans: int, seed: int) -> Array:
    """Draw each human's sociability: log-logistic of shape 4, cut at both ends.

    Its quantile function needs only square roots, so no library's logarithm can make
    two processors disagree.
    """
    draws = uniforms(seed, Stream.NETWORK, humans, SOCIABILITY)
    q = _LEAST + (_MOST - _LEAST) * draws
    return np.asarray(np.sqrt(np.sqrt(q / (1 - q))))


def _nearest(k: Array, count: int) -> Array:
    """Return the ``count`` pairs at the least distance, int32[count, 2], least first.

    The distance of two people is their distance on the ring over the product of their
    sociabilities ``k``.
    """
    reach = (count / len(k) + 1) / float(np.mean(k)) ** 2
    while True:
        pairs, distance = _within(k, reach)
        if len(pairs) >= count:
            order = np.argsort(distance, kind="stable")[:count]
            del distance
            return np.asarray(pairs[order])
        reach *= 1.5


def _within(k: Array, reach: float) -> tuple[Array, Array]:
    """Return all pairs nearer than ``reach``, and how near."""
    n = len(k)
    people = np.arange(n)
    pairs, distances = [np.empty((0, 2), np.int32)], [np.empty(0)]
    for step in range(1, min(n // 2, int(reach * k.max() ** 2)) + 1):
        distance = step / (k * np.roll(k, -step))
        # Half-way round an even ring, each pair would be met from both sides.
        first = np.flatnonzero((distance < reach) & ((2 * step < n) | (people < step)))
        second = (first + step) % n
        pairs.append(np.column_stack((first, second)).astype(np.int32))
        distances.append(distance[first])
    return np.concatenate(pairs), np.concatenate(distances)


def _rewired(pairs: Array, k: Array, seed: int, rewiring: float) -> Array:
    """Lead a share of ``pairs``, outer ones first, to anybody, by sociability.

    A tie keeps its place in the order, hence its layer, and one of its two ends. Where
    it would repeat another tie it stays as it was.
    """
    n, count = len(k), len(pairs)
    moved = np.flatnonzero(_leads_away(count, seed, rewiring))
    side = (uniforms(seed, Stream.NETWORK, count, SIDE)[moved] < 0.5).astype(np.int64)
    reach = np.cumsum(k)
    draws = uniforms(seed, Stream.NETWORK, count, TARGET)[moved]
    target = np.minimum(np.searchsorted(reach, draws * reach[-1], side="right"), n - 1)
    kept = pairs[moved, side]
    code = codes(n, np.column_stack((kept, target)))
    first = np.zeros(len(code), bool)
    first[np.unique(code, return_index=True)[1]] = True
    old = codes(n, pairs)
    old.sort()
    near = old[np.minimum(np.searchsorted(old, code), max(count - 1, 0))]
    del old
    fresh = first & (target != kept) & (near != code)
    pairs[moved[fresh], 1 - side[fresh]] = target[fresh]
    return pairs


def _leads_away(count: int, seed: int, rewiring: float) -> Array:
    """Return bool[count]: which ties are rewired; the last, outer ones most of all."""
    rank = (np.arange(count) + 0.5) / max(count, 1)
    spread = 2 * rewiring * rank
    if rewiring > 0.5:
        spread = 1 - 2 * (1 - rewiring) * (1 - rank)
    return np.asarray(uniforms(seed, Stream.NETWORK, count, REWIRE) < spread)


def codes(n: int, pairs: Array) -> Array:
    """Return one int64 for each unordered pair, in lexicographic order of pairs."""
    one, other = pairs[:, 0], pairs[:, 1]
    code = np.minimum(one, other).astype(np.int64)
    code *= n
    code += np.maximum(one, other)
    return np.asarray(code)
