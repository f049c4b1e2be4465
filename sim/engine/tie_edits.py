"""Edits of single ties of the arena: where both sides of one lie, and cutting it.

Loops of the model pass over all ties of an agent; here it is a few ties a day.
"""

from __future__ import annotations

import numpy as np

from sim.engine.jit import compile_loop
from sim.engine.ties import TieArrays
from sim.utils.typing import Array


@compile_loop
def _slot(ties, agent, other):  # type: ignore[no-untyped-def]
    """Return the slot of an agent's side of its tie with another, or -1."""
    for k in range(ties.start[agent], ties.start[agent] + ties.degree[agent]):
        if ties.neighbour[k] == other:
            return k
    return -1


@compile_loop
def _find(ties, pairs, slots):  # type: ignore[no-untyped-def]
    for i in range(pairs.shape[0]):
        for side in range(2):
            one, other = pairs[i, side], pairs[i, 1 - side]
            slots[i, side] = _slot(ties, one, other)


@compile_loop
def _cut(ties, pairs):  # type: ignore[no-untyped-def]
    for i in range(pairs.shape[0]):
        for side in range(2):
            one, other = pairs[i, side], pairs[i, 1 - side]
            at = _slot(ties, one, other)
            if at < 0:
                continue
            ties.degree[one] -= 1
            for k in range(at, ties.start[one] + ties.degree[one]):
                ties.neighbour[k] = ties.neighbour[k + 1]
                ties.closeness[k] = ties.closeness[k + 1]
                ties.returned[k] = ties.returned[k + 1]
                ties.kind[k] = ties.kind[k + 1]


def find_slots(ties: TieArrays, pairs: Array) -> Array:
    """Return where in columns of ties both sides of some ties are.

    Parameters
    ----------
    ties
        The arena.
    pairs
        int64[m, 2]: numbers of agents.

    Returns
    -------
    Array
        int64[m, 2]: the slot of each one's side, or -1 where there is no such tie.
    """
    slots = np.empty(pairs.shape, np.int64)
    _find(ties, pairs, slots)
    return slots


def cut_ties(ties: TieArrays, pairs: Array) -> None:
    """Cut the ties of pairs (int64[m, 2] agents), both sides of each.

    Ties that go on stay in order; pairs that are not tied stay so. Own columns of ties
    are to be aligned before and after it, as around any loop that cuts ties.
    """
    _cut(ties, pairs)
