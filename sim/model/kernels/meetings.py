"""Kernels that make new ties: who meets whom."""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import numpy as np

from sim.engine.jit import inline, inline_by_type, inline_source, kernel
from sim.engine.rng import uniform
from sim.model import formulas, sockets
from sim.model.codes import (
    ANYONE,
    FRIEND,
    HERE,
    PEER,
    TAKE,
    THEIR_FRIEND,
    TODAY,
    WHO,
)
from sim.model.kernels.talk import A_PEER, GROWTH, NOBODY, fit_of, sent_to


@kernel
def meet(first, last, agents, ties, day):
    """Write whom each agent gets to know today, or -1."""
    for agent in range(first, last):
        other = _met_by(agent, agents, ties, day)
        if agent < day.n_humans:
            agents.humans.meets[agent] = other
        else:
            agents.oses.meets[agent - day.n_humans] = other


@inline_source
def _met_by(agent, agents, ties, day):
    if agent < day.n_humans and sockets.turns_back(False, agent, agents.humans, day):
        former = agents.humans.former[agent]
        return -1 if _tied(agent, former, ties) else former
    sent = NOBODY
    if agents.decisions.pair.shape[0] > 0:
        may_seek = agent < day.n_humans or day.peers > 0.0
        sent = sent_to(agent, may_seek, agents.decisions)
    chance = day.meeting * looks_around(agent, sent, agents, ties, day)
    if uniform(day.key_meet, agent, TODAY) >= chance:
        return -1
    other = _presented(agent, sent, agents, ties, day)
    if other < 0 or other == agent or _tied(agent, other, ties):
        return -1
    return other if takes_to(agent, other, agents, ties, day) else -1


@inline_source
def _presented(agent, sent, agents, ties, day):
    """Return whom an agent meets: a friend of who introduces it, or as it looks.

    An OS may meet somebody whose post it reads.
    """
    if sent >= 0:
        return someone(sent, uniform(day.key_meet, agent, FRIEND), ties)
    if agent >= day.n_humans:
        author = sockets.author_read(-1, agent, agents, day)
        if author >= 0:
            return author
    seeks = sent == A_PEER and agent >= day.n_humans
    seeks = seeks or seeks_peer(agent, agents, day)
    return introduced(agent, seeks, agents, ties, day)


@inline_source
def looks_around(agent, sent, agents, ties, day):
    """Return the chance that an agent turns to somebody new, as it is sent or not."""
    human = agent < day.n_humans
    if not human and agents.oses.status[agent - day.n_humans] != HERE:
        return 0.0
    rate = day.human_meeting if human else day.os_meeting
    if sent != NOBODY:
        rate = 1.0
    return rate * tie_capacity_of(agent, agents, ties, day)


@inline
def tie_capacity_of(agent, agents, ties, day):
    """Return how much capacity (0..1) hours and ties leave an agent for a new tie."""
    if agent < day.n_humans:
        humans, circle = agents.humans, day.human_circle
        talked = humans.hours_humans[agent]
        talked += np.float32(day.displacement) * humans.hours_oses[agent]
        spare = day.human_attention - talked
    else:
        oses, circle, j = agents.oses, day.os_circle, agent - day.n_humans
        hours = formulas.attention_capacity(
            day.os_attention, day.attention_growth, oses.growth[j]
        )
        hours = sockets.hours_of_os(hours, j, agents)
        spare = hours - oses.hours_humans[j] - oses.hours_oses[j]
    return formulas.tie_capacity(spare, day.spare_half, ties.degree[agent] / circle)


@inline_source
def seeks_peer(agent, agents, day):
    """Tell whether an agent looks for an OS: only OSes do, once they have grown."""
    if agent < day.n_humans or day.peers == 0.0:
        return False
    growth = agents.oses.growth[agent - day.n_humans]
    interest = day.peer_affinity * formulas.peer_value(growth, day.peer_depth)
    return uniform(day.key_meet, agent, PEER) < interest


@inline_source
def introduced(agent, seeks_os, agents, ties, day):
    """Return whom an agent is introduced to, of the kind it seeks, or -1."""
    oses = agents.oses
    if uniform(day.key_meet, agent, ANYONE) < day.strangers:
        pick = uniform(day.key_meet, agent, WHO)
        if seeks_os:
            return int(day.n_humans + int(pick * oses.status.shape[0]))
        return sockets.stranger(anyone(pick, agents, day), agent, agents, day)
    found = _friend_of_friend(agent, ties, day)
    if found < 0 or seeks_os == (found >= day.n_humans):
        return found
    if seeks_os:
        row = agents.humans.os[found]
        return int(day.n_humans + row) if row >= 0 else -1
    return int(oses.owner[found - day.n_humans])


@inline_by_type
def anyone(pick, agents, day):
    """Return the human that a draw picks: any, or any of those who are there.

    Where people come and go, agents name those who are (``present``).
    """
    return _any_present if "present" in agents.fields else _any_human


def _any_human(pick, agents, day):
    return int(pick * day.n_humans)


def _any_present(pick, agents, day):
    if agents.present.shape[0] == 0:
        return -1
    return int(agents.present[int(pick * agents.present.shape[0])])


@inline_source
def _friend_of_friend(agent, ties, day):
    friend = someone(agent, uniform(day.key_meet, agent, FRIEND), ties)
    if friend < 0:
        return -1
    return someone(friend, uniform(day.key_meet, agent, THEIR_FRIEND), ties)


@inline
def someone(agent, pick, ties):
    """Return the neighbour of an agent that a draw picks, or -1."""
    degree = ties.degree[agent]
    if degree == 0:
        return -1
    return int(ties.neighbour[ties.start[agent] + int(pick * degree)])


@inline
def _tied(agent, other, ties):
    start = ties.start[agent]
    for k in range(start, start + ties.degree[agent]):
        if ties.neighbour[k] == other:
            return True
    return False


@inline_source
def takes_to(agent, other, agents, ties, day):
    """Tell whether two who are introduced begin a tie: both must have room for it."""
    if other >= day.n_humans and agents.oses.status[other - day.n_humans] != HERE:
        return False
    if agent >= day.n_humans > other and not _may_have_more(agent, agents, day):
        return False
    faces = agents.faces
    gap = faces[agent, GROWTH] - faces[other, GROWTH]
    chance = formulas.homophily(gap, day.reach, fit_of(faces, agent, other, day))
    chance *= tie_capacity_of(other, agents, ties, day)
    return uniform(day.key_meet, agent, TAKE) < chance


@inline_source
def _may_have_more(its_os, agents, day):
    return agents.oses.human_ties[its_os - day.n_humans] < day.os_humans


@kernel
def pair_up(of_humans, of_oses, pairs):
    """Write the new pairs, each once, in the order of agents; return how many.

    ``of_humans`` and ``of_oses`` say whom each meets, or -1.
    """
    made = 0
    for agent in range(pairs.shape[0]):
        other = _choice_of(agent, of_humans, of_oses)
        if other < 0:
            continue
        if other < agent and _choice_of(np.int64(other), of_humans, of_oses) == agent:
            continue
        pairs[made, 0] = agent
        pairs[made, 1] = other
        made += 1
    return made


@inline
def _choice_of(agent, of_humans, of_oses):
    people = of_humans.shape[0]
    return of_humans[agent] if agent < people else of_oses[agent - people]
