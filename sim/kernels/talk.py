"""Loops over ties: what neighbours see, and how attention is shared."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim import rules
from sim.compiled import inline, kernel, prefetch, spliced
from sim.draws import pair_uniform
from sim.kernels import blocks
from sim.kernels.blocks import AHEAD, LENGTH, NONE, ONE, Work, new_block
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
    return rules.attention(day.os_attention, day.attention_growth, growth)


# ------------------------------------------------------------------------- attend


def attend(first, last, agents, ties, day):
    """Write each agent's offer: hours per unit of weight of a tie."""
    _attend(first, last, Work(agents, ties, day, new_block()))


@kernel
def _attend(first, last, work):
    agents, ties, day, block = work
    faces = agents.faces
    agent, k, total = first, 0, 0.0  # what comes before half-edge ``k`` is done
    while agent < last:
        upto, part, front, back = _fill(agent, k, last, work)
        blocks.weigh(front, back, block, day)
        front, back = NONE, LENGTH
        while agent < upto or k < part:
            if k == 0:
                total = day.stranger_reserve
            begin = k
            k = _attended(agent, faces, ties, day) if agent < upto else part
            start = ties.start[agent]
            for at in range(np.uint64(start + begin), np.uint64(start + k)):
                if agent < day.n_humans and ties.neighbour[at] < day.n_humans:
                    total += block.came[blocks.WORTH + front]
                    front += ONE
                else:
                    back -= ONE
                    total += block.came[blocks.WORTH + back]
            if agent == upto:
                break
            here = is_here(faces, agent, day)
            faces[agent, RATE] = hours_of(faces, agent, day) / total if here else 0.0
            agent, k = agent + 1, 0


@inline
def _attended(agent, faces, ties, day):
    """Return how many ties share an agent's attention."""
    return ties.degree[agent] if is_here(faces, agent, day) else 0


@spliced
def _fill(agent, k, last, work):
    """Fill a block from half-edge ``k`` of an agent on, until it is full.

    Returns the agent that it did not finish, which of its half-edges comes next, and
    the ends of the two parts of the block.
    """
    faces, ties, day, seen = work.agents.faces, work.ties, work.day, work.block.seen
    people = work.agents.humans.growth  # shown in ``faces``, too, but nearer together
    farthest = np.uint64(ties.neighbour.shape[0] - 1)
    front, back = NONE, LENGTH
    while agent < last:
        degree = _attended(agent, faces, ties, day)
        until = min(degree, k + np.int64(back - front))
        growth = faces[agent, GROWTH]
        start = ties.start[agent]
        for at in range(np.uint64(start + k), np.uint64(start + until)):
            other = np.uint32(ties.neighbour[at])
            later = ties.neighbour[min(at + AHEAD, farthest)]
            if later < day.n_humans:
                prefetch(people, later)
            else:
                prefetch(faces, later)
            if agent < day.n_humans and other < day.n_humans:
                seen[blocks.CLOSENESS + front] = ties.closeness[at]
                seen[blocks.GAP + front] = growth - people[other]
                front += ONE
                continue
            back -= ONE
            grown = faces[other, GROWTH]
            here = is_here(faces, other, day)
            seen[blocks.CLOSENESS + back] = ties.closeness[at] if here else 0.0
            seen[blocks.GAP + back] = growth - grown
            seen[blocks.YOUNGER + back] = min(growth, grown)
            seen[blocks.IS_OS + back] = agent >= day.n_humans
            seen[blocks.OTHER_IS_OS + back] = other >= day.n_humans
        if until < degree:
            return agent, until, front, back
        agent, k = agent + 1, 0
    return agent, 0, front, back
