"""The loop that finds with whom the cast talks today in so many words."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim.compiled import inline, kernel
from sim.draws import uniform
from sim.kernels import blocks
from sim.kernels.blocks import NONE, ONE
from sim.kernels.filling import show_faces, show_ties


@kernel
def choose_talks(members, rate, chosen, work):
    """Write member, half-edge and hours of each talk, drawn by hours; return how many.

    Each member has ``rate`` such talks a day on average.
    """
    ties, day = work.ties, work.day
    made = 0
    for i in range(members.shape[0]):
        agent = members[i]
        whole = int(rate)
        extra = uniform(day.key_encounter, agent, 0) < rate - whole
        total = 0.0
        for k in range(ties.start[agent], ties.start[agent] + ties.degree[agent]):
            total += _hours_on(agent, k, work)
        if total <= 0.0:
            continue
        for turn in range(whole + extra):
            mark = total * uniform(day.key_encounter, agent, 1 + turn)
            k = _at(mark, agent, work)
            chosen[made, 0], chosen[made, 1] = agent, k
            chosen[made, 2] = _hours_on(agent, k, work)
            made += 1
    return made


@inline
def _hours_on(agent, k, work):
    _, ties, day, block = work
    show_ties(NONE, np.uint64(k), np.uint64(k + 1), agent, work)
    show_faces(NONE, ONE, work)
    inputs = blocks.random_inputs(NONE, block, day)
    if agent < day.n_humans and ties.neighbour[k] < day.n_humans:
        blocks.talk_of_humans(NONE, inputs, block, day)
    else:
        blocks.talk_with_oses(NONE, inputs, block, day)
    return block.came[blocks.HOURS]


@inline
def _at(mark, agent, work):
    """Return the half-edge in whose hours a mark on the day's talk falls."""
    ties = work.ties
    last = ties.start[agent]
    for k in range(ties.start[agent], ties.start[agent] + ties.degree[agent]):
        hours = _hours_on(agent, k, work)
        if hours > 0.0:
            last = k
        mark -= hours
        if mark < 0.0:
            break
    return last
