"""Points of a design: grids, Latin hypercube, Sobol and Morris samples (SALib).

Ten million points cost nothing to start with: a grid counts in mixed radix, and a
Latin hypercube shuffles its strata by a keyed permutation in place of a list. Sobol's
and Morris' points come from SALib and are held in memory.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.model.parameters import Parameters
from sim.utils.errors import InputError
from sim.utils.typing import Array

MOST_HELD = 1_000_000  # points


class Sampled(BaseModel):
    """Ranges of parameters to sample, and how many points."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    n: int = Field(ge=1, le=10**9)
    seed: int = Field(0, ge=0, lt=2**32)
    ranges: dict[str, list[float]] = Field(min_length=1)
    held: ClassVar[bool] = False  # whether all points are made at once

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, given: Any) -> Any:
        """Take every name that is no option for a parameter with its range."""
        if not isinstance(given, Mapping) or "ranges" in given:
            return given
        options = {name: given[name] for name in cls.model_fields if name in given}
        ranges = {name: span for name, span in given.items() if name not in options}
        return options | {"ranges": ranges}

    @property
    def points(self) -> int:
        """How many points there are."""
        return self.n

    @model_validator(mode="after")
    def _fits_memory(self) -> Self:
        """Refuse what would be held in memory and is too much."""
        if self.held and self.points > MOST_HELD:
            raise ValueError(f"at most {MOST_HELD:,} points, not {self.points:,}")
        return self


class SobolSample(Sampled):
    """Saltelli's points for Sobol indices: ``n`` of them, times 2 + ranges."""

    second_order: bool = False
    held: ClassVar[bool] = True

    @property
    def points(self) -> int:
        """How many points there are."""
        count = len(self.ranges)
        return self.n * ((2 * count if self.second_order else count) + 2)


class MorrisSample(Sampled):
    """Morris' trajectories: ``n`` of them, each of 1 + ranges points."""

    levels: int = Field(4, ge=2, le=1000)
    held: ClassVar[bool] = True

    @property
    def points(self) -> int:
        """How many points there are."""
        return self.n * (len(self.ranges) + 1)


RESAMPLES = 1000  # of a bootstrap
CONFIDENCE = 0.95


def problem(sample: Sampled) -> dict[str, Any]:
    """Return ranges as SALib wants them."""
    return {
        "num_vars": len(sample.ranges),
        "names": list(sample.ranges),
        "bounds": list(sample.ranges.values()),
    }


def sobol(sample: SobolSample) -> Array:
    """Return Saltelli's points, float64[points, ranges].

    Raises
    ------
    InputError
        If SALib is not installed.
    """
    method = _salib("sample.sobol")
    wanted = {"calc_second_order": sample.second_order, "seed": sample.seed}
    points: Array = method.sample(problem(sample), sample.n, **wanted)
    return points


def morris(sample: MorrisSample) -> Array:
    """Return Morris' trajectories, float64[points, ranges].

    Raises
    ------
    InputError
        If SALib is not installed.
    """
    method = _salib("sample.morris")
    wanted = {"num_levels": sample.levels, "seed": sample.seed}
    points: Array = method.sample(problem(sample), sample.n, **wanted)
    return points


def sobol_indices(sample: SobolSample, values: Array) -> dict[str, Any]:
    """Return S1, ST (and S2) with half-widths of 95 % intervals, as SALib has them."""
    method = _salib("analyze.sobol")
    found: dict[str, Any] = method.analyze(
        problem(sample),
        np.asarray(values, np.float64),
        calc_second_order=sample.second_order,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        seed=0,
    )
    return found


def morris_indices(sample: MorrisSample, points: Array, values: Array) -> Any:
    """Return mu, mu_star and sigma, with half-widths of 95 % intervals of mu_star."""
    method = _salib("analyze.morris")
    return method.analyze(
        problem(sample),
        np.asarray(points, np.float64),
        np.asarray(values, np.float64),
        num_levels=sample.levels,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        seed=0,
    )


def _salib(name: str) -> Any:
    import importlib
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own imports are of older days
            import SALib  # noqa: F401

            return importlib.import_module(f"SALib.{name}")
    except ImportError:
        raise InputError(
            "Sobol and Morris designs need SALib; pip install 'os-society[sensitivity]'"
        ) from None


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


def latin(
    n: int,
    seed: int,
    ranges: Mapping[str, Sequence[float]],
    kind: type[Parameters] = Parameters,
) -> Points:
    """Return a Latin hypercube: each of ``n`` strata of each range is hit once."""
    strata = {name: Permutation(n, f"{seed}:{name}") for name in ranges}

    def at(number: int) -> dict[str, Any]:
        found = {}
        for name, (low, high) in ranges.items():
            stratum = strata[name].at(number)
            within = _hash(f"{seed}:{name}:within", number) / 2**64
            value = low + (high - low) * (stratum + within) / n
            found[name] = fitting(name, min(value, high), kind)
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


def sobol_points(sample: SobolSample, kind: type[Parameters] = Parameters) -> Points:
    """Return Saltelli's points for Sobol indices."""
    return _drawn("sobol", sample, kind)


def morris_points(sample: MorrisSample, kind: type[Parameters] = Parameters) -> Points:
    """Return Morris' trajectories."""
    return _drawn("morris", sample, kind)


def _drawn(
    method: str, sample: SobolSample | MorrisSample, kind: type[Parameters]
) -> Points:
    rows = _cached(method, sample.model_dump_json())
    names = list(sample.ranges)
    assert len(rows) == sample.points

    def at(number: int) -> dict[str, Any]:
        values = rows[number].tolist()
        return {n: fitting(n, v, kind) for n, v in zip(names, values, strict=True)}

    return Points(len(rows), at)


@functools.lru_cache(maxsize=4)
def _cached(method: str, text: str) -> Any:
    if method == "sobol":
        return sobol(SobolSample.model_validate_json(text))
    return morris(MorrisSample.model_validate_json(text))


def fitting(name: str, value: float, kind: type[Parameters] = Parameters) -> Any:
    """Return a sampled number as a parameter takes it: whole, if it is."""
    field = kind.model_fields.get(name)
    is_whole = field is not None and field.annotation is int
    return round(value) if is_whole else float(value)
