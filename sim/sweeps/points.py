"""The points of a design, each made when it is asked for.

Ten million points cost nothing to start with: a grid counts in mixed radix, and a
Latin hypercube shuffles its strata by a keyed permutation in place of a list. Sobol's
and Morris' points come from SALib and are held in memory.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sim.parameters import Parameters
from sim.sweeps import samples
from sim.sweeps.ranges import MorrisSample, SobolSample

ROUNDS = 4  # of a Feistel network: enough to mix (Luby and Rackoff 1988)


class Points(NamedTuple):
    """How many points, and how to make one from its number."""

    total: int
    at: Callable[[int], dict[str, Any]]


def listed(values: Sequence[Mapping[str, Any]]) -> Points:
    """Return points that are listed one by one."""
    return Points(len(values), lambda number: dict(values[number]))


def grid(axes: Mapping[str, Sequence[Any]]) -> Points:
    """Return all combinations; the last name varies fastest."""
    sizes = [len(values) for values in axes.values()]

    def at(number: int) -> dict[str, Any]:
        found = {}
        for name, values in reversed(list(axes.items())):
            number, index = divmod(number, len(values))
            found[name] = values[index]
        return {name: found[name] for name in axes}

    return Points(math.prod(sizes), at)


def latin(n: int, seed: int, ranges: Mapping[str, Sequence[float]]) -> Points:
    """Return a Latin hypercube: each of ``n`` strata of each range is hit once."""
    strata = {name: Permutation(n, f"{seed}:{name}") for name in ranges}

    def at(number: int) -> dict[str, Any]:
        found = {}
        for name, (low, high) in ranges.items():
            stratum = strata[name].at(number)
            within = _hash(f"{seed}:{name}:within", number) / 2**64
            value = low + (high - low) * (stratum + within) / n
            found[name] = fitting(name, min(value, high))
        return found

    return Points(n, at)


class Permutation:
    """A permutation of 0..n-1, named by a key, that is never held as a list.

    A Feistel network over the next power of four, walked until it falls below ``n``.
    What a round makes of half a number is hashed once: there are few halves.

    Parameters
    ----------
    n
        How many numbers.
    key
        Which permutation of them.
    """

    def __init__(self, n: int, key: str) -> None:
        self.n = n
        self._half = max(1, (max(n - 1, 1).bit_length() + 1) // 2)
        self._rounds = [(f"{key}:{step}", dict[int, int]()) for step in range(ROUNDS)]

    def at(self, number: int) -> int:
        """Return where ``number`` is put."""
        half, mask = self._half, (1 << self._half) - 1
        while True:
            left, right = number >> half, number & mask
            for key, known in self._rounds:
                if right not in known:
                    known[right] = _hash(key, right) & mask
                left, right = right, left ^ known[right]
            number = left << half | right
            if number < self.n:
                return number


def _hash(key: str, number: int) -> int:
    digest = hashlib.blake2b(f"{key}:{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def sobol(sample: SobolSample) -> Points:
    """Return Saltelli's points for Sobol indices."""
    return _drawn("sobol", sample)


def morris(sample: MorrisSample) -> Points:
    """Return Morris' trajectories."""
    return _drawn("morris", sample)


def _drawn(method: str, sample: SobolSample | MorrisSample) -> Points:
    rows = _cached(method, sample.model_dump_json())
    names = list(sample.ranges)
    assert len(rows) == sample.points

    def at(number: int) -> dict[str, Any]:
        values = rows[number].tolist()
        return {n: fitting(n, v) for n, v in zip(names, values, strict=True)}

    return Points(len(rows), at)


@functools.lru_cache(maxsize=4)
def _cached(method: str, text: str) -> Any:
    if method == "sobol":
        return samples.sobol(SobolSample.model_validate_json(text))
    return samples.morris(MorrisSample.model_validate_json(text))


def fitting(name: str, value: float) -> Any:
    """Return a sampled number as a parameter takes it: whole, if it is."""
    field = Parameters.model_fields.get(name)
    is_whole = field is not None and field.annotation is int
    return round(value) if is_whole else float(value)
