"""The reference workload: one day of contacts, the same for every implementation.

There are ``n`` people and a network of ties. A tie between i and j is two half-edges,
(i, j) and (j, i), each with a closeness c of its own; both begin at the same value,
drawn from [0, 0.5). Person i has an openness o in [0, 1) for good, a growth g that
begins at 0, and a loneliness l that begins at 0.5. Every day

    u(i, j)  = a fresh draw from [0, 1), independent of all others
    c(i, j) += WARMING u(i, j) (1 - c(i, j)) - COOLING c(i, j)
    s(i)     = sum of the new c(i, j) over the half-edges of i
    g(i)    += GROWTH s(i)
    l(i)    += EASING (1 / (1 + s(i)) - l(i))

With a read of the neighbour, what is gained is also multiplied by o(j). Generators of
draws may differ; nothing else may. The closeness, growth and loneliness of everybody
exist after each day. An implementation may make what use it can of the half-edges
being given by owner, and of everybody having five, if everybody has.

This module needs NumPy and the standard library only, so that each implementation can
have an environment of its own.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

WARMING, COOLING, GROWTH, EASING = 0.1, 0.02, 0.001, 0.05
LONELINESS = 0.5  # of everybody, at first
HALF_EDGES = 5  # of a person; on average, if people differ


class Workload(NamedTuple):
    """What the first day finds."""

    people: int
    pairs: Array  # int32[ties, 2]: each tie once
    closeness: Array  # float32[ties], 0..0.5
    openness: Array  # float32[people], 0..1
    neighbour: bool  # whether a half-edge reads the neighbour's openness

    def half_edges(self) -> tuple[Array, Array, Array]:
        """Return owner, neighbour and closeness of all half-edges, by owner."""
        owner, other = self.pairs.ravel(), self.pairs[:, ::-1].ravel()
        order = np.argsort(owner, kind="stable")
        closeness = np.repeat(self.closeness, 2)
        return owner[order], other[order], closeness[order]

    def contacts(self) -> list[tuple[list[int], list[float]]]:
        """Return neighbours and closeness of each person, as lists."""
        owner, other, closeness = self.half_edges()
        ends = np.cumsum(np.bincount(owner, minlength=self.people))[:-1]
        cut = (np.split(other, ends), np.split(closeness.astype(float), ends))
        return [(n.tolist(), c.tolist()) for n, c in zip(*cut, strict=True)]

    def save(self, file: Path) -> None:
        """Write the workload to an ``.npz`` file."""
        np.savez(file, **self._asdict())

    @classmethod
    def load(cls, file: Path) -> Workload:
        """Read a workload from its file."""
        with np.load(file) as kept:
            fields = {name: kept[name] for name in cls._fields}
        fields["people"] = int(fields["people"])
        fields["neighbour"] = bool(fields["neighbour"])
        return cls(**fields)


class Day(Protocol):
    """An implementation, its people set up."""

    def simulate(self, days: int) -> None:
        """Simulate so many days."""

    def columns(self) -> tuple[Any, Any, Any]:
        """Return all closeness, growth and loneliness."""


def small_world(people: int, rng: np.random.Generator) -> Array:
    """Return the ties of a ring where everybody has five: four near, one anywhere.

    The one is a partner in a random matching, which makes the world small, as in
    Watts & Strogatz (1998), doi:10.1038/30918. ``people`` is even, and 6 or more.
    """
    here = np.arange(people)
    near = [np.stack([here, (here + step) % people], 1) for step in (1, 2)]
    apart = np.zeros(1)
    while apart.min() <= 2:  # seven tries are usual
        far = rng.permutation(people).reshape(-1, 2)
        apart = np.abs(far[:, 0] - far[:, 1])
        apart = np.minimum(apart, people - apart)
    pairs = np.concatenate([*near, far])
    pairs.sort(axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].astype(np.int32)


def make(people: int, seed: int, *, neighbour: bool, pairs: Array) -> Workload:
    """Return the workload of people who are tied so."""
    rng = np.random.default_rng([seed, 1])
    closeness = 0.5 * rng.random(len(pairs), np.float32)
    openness = rng.random(people, np.float32)
    return Workload(people, pairs, closeness, openness, neighbour)


def _findings(day: Day) -> dict[str, list[float]]:
    """Return the mean and standard deviation of each column."""
    names = ("closeness", "growth", "loneliness")
    columns = [np.asarray(column, np.float64) for column in day.columns()]
    return {
        n: [float(c.mean()), float(c.std())]
        for n, c in zip(names, columns, strict=True)
    }


def serve(version: str, set_up: Callable[[Workload, int, int], Day]) -> None:
    """Set up an implementation, and simulate so many days for each line that comes in.

    The command line names the workload's file, how many threads, and a seed. What
    comes out is JSON: first which version this is and how much memory its libraries
    take, then a line for each line in, with the most memory held so far.

    Parameters
    ----------
    version
        The version of the library that is measured.
    set_up
        Makes the implementation from a workload, threads and a seed.
    """
    file, threads, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    libraries = _peak()
    day = set_up(Workload.load(file), threads, seed)
    _say({"version": version, "libraries": libraries})
    for line in sys.stdin:
        began = time.perf_counter()
        day.simulate(int(line))
        seconds = time.perf_counter() - began
        _say({"seconds": seconds, "peak": _peak(), **_findings(day)})


def _peak() -> int:
    """Return the most memory that this process has held, in bytes.

    Where there is no such file, what `getrusage` says holds what the parent held, too.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = status.read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if "VmHWM" in line)


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)
