"""Communities of friends, and how far chance explains each.

A community is judged against degree-preserving rewiring in closed form: its pairs of
friends against those that the configuration model expects among the same agents, less
the number of ways in which so many agents could have been picked (a scan over all
groups; after Traag, Krings and Van Dooren 2013, Sci. Rep. 3, 2930). The score is in
nats: rewired networks reach ``s`` with a probability of about ``exp(-s)``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sim.events import loops
from sim.ties import Array

GAMMA = 0.3  # share of pairs that are friends, in a community
LEAST = 5  # agents in a community worth a look
LEVELS = 10


class Circles(NamedTuple):
    """A partition of agents, and what is known of each community worth a look."""

    label: Array  # int64[agents]: the lowest number in the agent's community
    found: Array  # int64[communities]: labels, rising
    size: Array  # int64[communities]: agents
    inside: Array  # int64[communities]: pairs of friends
    score: Array  # float64[communities]: nats against degree-preserving rewiring


class Friends(NamedTuple):
    """Who is friends with whom: a row of friends for each agent."""

    start: Array  # int64[agents + 1]: where each row begins, and the end of the last
    other: Array  # uint32[2 * friendships]

    @property
    def agents(self) -> int:
        """How many agents there are."""
        return len(self.start) - 1


def friends_of(pairs: Array, agents: int) -> Friends:
    """Return pairs of friends (int32[m, 2], each once) as rows."""
    start, other, _ = loops.rows_of(pairs, np.ones(len(pairs), np.int64), agents)
    return Friends(start, other)


def partition(friends: Friends, gamma: float = GAMMA) -> Array:
    """Return the community of each agent, named by its lowest number.

    Parameters
    ----------
    friends
        The network.
    gamma
        Share of pairs that must be friends for agents to stay together, 0..1.
    """
    label = np.arange(friends.agents)
    rows = (*friends, np.ones(len(friends.other), np.int32))
    size = np.ones(friends.agents, np.int64)
    for _ in range(LEVELS):
        found, moved = loops.renumbered(loops.move(*rows, size, gamma))
        if found == len(size):
            break
        label = moved[label]
        size = np.bincount(moved, size).astype(np.int64)
        rows = loops.rows_of(*loops.between(*rows, moved, found), found)
    return loops.connected(*friends, label)  # type: ignore[no-any-return]


def circles(friends: Friends, living: int, gamma: float = GAMMA) -> Circles:
    """Return the communities of a network of friends.

    Parameters
    ----------
    friends, gamma
        As in ``partition``.
    living
        How many agents could have been picked for a community.
    """
    agents, label = friends.agents, partition(friends, gamma)
    sizes = np.bincount(label, minlength=agents)
    found = np.flatnonzero(sizes >= LEAST)
    size = sizes[found]
    degree = np.diff(friends.start).astype(np.float64)
    inside = loops.inside(*friends, label)[found]
    stubs = np.bincount(label, degree, agents)[found]
    squares = np.bincount(label, degree * degree, agents)[found]
    expected = (stubs * stubs - squares) / max(2.0 * len(friends.other), 1.0)
    score = surprise(inside, expected, size, living)
    return Circles(label, found, size, inside, score)


def surprise(inside: Array, expected: Array, size: Array, living: int) -> Array:
    """Return how far communities exceed chance, float64, in nats.

    Pairs times the divergence of their density from the expected one, less the
    logarithm of the number of ways to pick so many of the living; 0 if there are no
    more friends than expected.
    """
    pairs = size * (size - 1) / 2.0
    seen, chance = inside / pairs, np.minimum(expected / pairs, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        both = np.where(seen > 0.0, seen * np.log(seen / chance), 0.0)
        rest = (1.0 - seen) * np.log((1.0 - seen) / (1.0 - chance))
    distance = both + np.where(seen < 1.0, rest, 0.0)
    sizes, which = np.unique(size, return_inverse=True)
    ways = np.array([log_ways(max(living, s), s) for s in sizes.tolist()])[which]
    score = np.where(seen > chance, pairs * distance, 0.0) - ways
    found: Array = np.nan_to_num(np.maximum(score, 0.0), posinf=1e9)
    return found


def log_ways(living: int, size: int) -> float:
    """Return the logarithm of the number of ways to pick ``size`` of the living."""
    gamma = math.lgamma
    return gamma(living + 1) - gamma(size + 1) - gamma(living - size + 1)
