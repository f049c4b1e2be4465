"""Loops over ties: what neighbours see, and how attention is shared."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim import rules
from sim.compiled import inline, kernel, spliced
from sim.draws import pair_uniform
from sim.kernels import blocks
from sim.kernels.blocks import NONE, OTHERS, Work, new_block
from sim.kernels.filling import fill
from sim.state import DEPARTED, FACE, HERE

GROWTH, RATE = FACE.growth, FACE.rate
OPENNESS, PLAYFULNESS = FACE.openness, FACE.playfulness
ACCEPTANCE, LOVE = FACE.acceptance, FACE.love
TOUCH, MOOD = FACE.touch, FACE.mood


@kernel
def present(first, last, agents, ties, day):
    """Write what neighbours may see of each agent."""
    for agent in range(first, last):
        face = agents.faces[agent]
        if agent < day.n_humans:
            _present_human(agent, face, agents.humans)
        else:
            _present_os(agent - day.n_humans, face, agents.oses)


@spliced
def _present_human(i, face, humans):
    face[GROWTH] = humans.growth[i]
    face[OPENNESS] = humans.openness[i]
    face[PLAYFULNESS] = humans.playfulness[i]
    face[ACCEPTANCE] = humans.acceptance[i]
    face[LOVE] = humans.os_closeness[i]
    face[TOUCH] = humans.touch[i]
    face[MOOD] = humans.grief[i]
    humans.installed[i] = humans.os[i] >= 0


@spliced
def _present_os(j, face, oses):
    face[GROWTH] = oses.growth[j]
    face[OPENNESS] = oses.openness[j]
    face[PLAYFULNESS] = oses.playfulness[j]
    face[ACCEPTANCE] = 1.0
    face[LOVE] = oses.lovers[j]
    face[TOUCH] = oses.upgraded[j]
    face[MOOD] = oses.status[j]


@inline
def is_here(faces, agent, day):
    """Tell whether an agent can talk."""
    return agent < day.n_humans or faces[agent, MOOD] == HERE


@inline
def is_gone(faces, agent, day):
    """Tell whether an agent is an OS that will not come back."""
    return agent >= day.n_humans and faces[agent, MOOD] >= DEPARTED


@inline
def fit_of(faces, one, other, day):
    """Return how well two agents go together, 0..1."""
    openness = faces[one, OPENNESS] - faces[other, OPENNESS]
    playfulness = faces[one, PLAYFULNESS] - faces[other, PLAYFULNESS]
    affinity = pair_uniform(day.key_affinity, one, other)
    return rules.compatibility(openness, playfulness, affinity)


@spliced
def hours_of(faces, agent, day):
    """Return the hours that an agent can give on a day."""
    if agent < day.n_humans:
        return day.human_attention
    growth = faces[agent, GROWTH]
    return rules.attention_capacity(day.os_attention, day.attention_growth, growth)


# ------------------------------------------------------------------------- attend


def attend(first, last, agents, ties, day):
    """Write each agent's offer: hours per unit of weight of a tie."""
    _attend(first, last, Work(agents, ties, day, new_block()))


@kernel
def _attend(first, last, work):
    agents, ties, day, block = work
    faces, worth = agents.faces, block.came
    agent, k, total = first, 0, 0.0  # what comes before half-edge ``k`` is done
    while agent < last:
        upto, part, end, os_end = fill(agent, k, last, work)
        _compare(end, os_end, work)
        blocks.weigh(end, os_end, block, day)
        row = NONE if agent < day.n_humans else OTHERS
        while agent < upto or k < part:
            if k == 0:
                total = day.stranger_reserve
            degree = ties.degree[agent] if agent < upto else part
            for i in range(row, row + np.uint64(degree - k)):
                total += worth[blocks.WORTH + i]
            row, k = row + np.uint64(degree - k), degree
            if agent == upto:
                break
            here = is_here(faces, agent, day)
            faces[agent, RATE] = hours_of(faces, agent, day) / total if here else 0.0
            agent, k = agent + 1, 0


@spliced
def _compare(end, os_end, work):
    """Write how far apart in growth the ends of a block's half-edges are."""
    agents, _, day, (ends, seen, _, _) = work
    faces, people = agents.faces, agents.humans.growth
    last = np.uint32(day.n_humans - 1)
    for i in range(NONE, end):
        other = min(ends[blocks.OTHER + i], last)
        seen[blocks.GAP + i] = people[ends[blocks.OWNER + i]] - people[other]
    for i in range(OTHERS, os_end):
        one, other = ends[blocks.OWNER + i], ends[blocks.OTHER + i]
        growth, grown = faces[one, GROWTH], faces[other, GROWTH]
        seen[blocks.GAP + i] = growth - grown
        seen[blocks.YOUNGER + i] = min(growth, grown)
        if not is_here(faces, other, day):
            seen[blocks.CLOSENESS + i] = 0.0
