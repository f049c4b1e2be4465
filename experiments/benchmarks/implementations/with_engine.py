"""The reference workload in the society's own storage, draws and compiled loops.

Columns and arena are those of ``sim.model.state`` and ``sim.engine.ties``, blocks with
the slack that a society gives them; a half-edge draws what the key of its day keeps
for (owner, neighbour); ranges of people are shared out as those of any process.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from workload import (
    COOLING,
    EASING,
    GROWTH,
    LONELINESS,
    WARMING,
    Array,
    Workload,
    serve,
)

import sim
from sim.engine.jit import inline, kernel
from sim.engine.rng import key, uniform
from sim.engine.streams import Stream
from sim.model import processes
from sim.model.state import State

SLACK = 4
DAY = np.dtype([("key", "u8"), ("step", "i8"), ("neighbour", "?")])
ONE = np.float32(1)
WARM, KEEP = np.float32(WARMING), np.float32(1 - COOLING)
GROW, EASE = np.float32(GROWTH), np.float32(EASING)
# Half-edges and people are numbered by unsigned integers here. It spares each access
# the test for an index below 0, which takes a third of the time.
UNSIGNED = np.uint64


@inline
def _met(agent, k, agents, ties, day):
    """Return the closeness of a half-edge after the day."""
    other, closeness = UNSIGNED(ties.neighbour[k]), ties.closeness[k]
    gain = WARM * np.float32(uniform(day.key, agent, other)) * (ONE - closeness)
    if day.neighbour:
        gain *= agents.humans.openness[other]
    return KEEP * closeness + gain


@kernel
def simulate(first, last, agents, ties, day):
    """Simulate a day, for a range of people."""
    humans = agents.humans
    for agent in range(UNSIGNED(first), UNSIGNED(last)):
        start, total = UNSIGNED(ties.start[agent]), np.float32(0)
        for k in range(start, start + UNSIGNED(ties.degree[agent])):
            closeness = _met(agent, k, agents, ties, day)
            ties.closeness[k] = closeness
            total += closeness
        humans.growth[agent] += GROW * total
        lonely = humans.loneliness[agent]
        humans.loneliness[agent] = lonely + EASE * (ONE / (ONE + total) - lonely)


class Society:
    """People and ties in the engine's columns and arena."""

    def __init__(self, work: Workload, threads: int, seed: int) -> None:
        self.seed = seed
        self.state = state = State(work.people)
        state.humans.openness[:] = work.openness
        state.humans.loneliness[:] = LONELINESS
        kind = np.zeros(len(work.pairs), np.uint8)
        state.ties.fill(work.pairs, work.closeness, kind, SLACK)
        self.day = np.zeros(1, DAY)[0]
        self.day["neighbour"] = work.neighbour
        self.phase = processes.Phase("simulate", "humans", simulate, (), (), "A day.")
        self.threads = ThreadPoolExecutor(threads) if threads > 1 else None

    def simulate(self, days: int) -> None:
        """Simulate so many days."""
        for _ in range(days):
            self.day["step"] += 1
            self.day["key"] = key(self.seed, Stream.WARMTH, int(self.day["step"]))
            processes.run_over(self.state, self.phase, self.day, self.threads)

    def columns(self) -> tuple[Array, Array, Array]:
        """Return all closeness, growth and loneliness."""
        humans = self.state.humans
        return self.state.ties.table()["closeness"], humans.growth, humans.loneliness


if __name__ == "__main__":
    serve(sim.__version__, Society)
