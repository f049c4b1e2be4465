"""Loops over ties: what neighbours see, how attention is shared, what talk does."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim import rules
from sim.compiled import inline, kernel
from sim.draws import each_of_pair, pair_uniform
from sim.kernels import feelings
from sim.kernels.told import either, row_of
from sim.state import (
    DECLARED,
    DEPARTED,
    FACE,
    HERE,
    KNOWS,
    OWNER,
    UNINSTALLED,
    WAS_CLOSE,
)

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


@inline
def _present_human(i, face, humans):
    face[GROWTH] = humans.growth[i]
    face[OPENNESS] = humans.openness[i]
    face[PLAYFULNESS] = humans.playfulness[i]
    face[ACCEPTANCE] = humans.acceptance[i]
    face[LOVE] = humans.os_closeness[i]
    face[TOUCH] = humans.touch[i]
    face[MOOD] = humans.grief[i]
    humans.installed[i] = humans.os[i] >= 0


@inline
def _present_os(j, face, oses):
    face[GROWTH] = oses.growth[j]
    face[OPENNESS] = oses.openness[j]
    face[PLAYFULNESS] = oses.playfulness[j]
    face[ACCEPTANCE] = 1.0
    face[LOVE] = oses.lovers[j]
    face[TOUCH] = oses.upgraded[j]
    face[MOOD] = oses.status[j]


@inline
def _is_here(faces, agent, day):
    return agent < day.n_humans or faces[agent, MOOD] == HERE


@inline
def _is_gone(faces, agent, day):
    return agent >= day.n_humans and faces[agent, MOOD] >= DEPARTED


@inline
def worth(faces, listener, speaker, day):
    """Return what an hour with the speaker is worth to the listener."""
    own, other = faces[listener, GROWTH], faces[speaker, GROWTH]
    value = rules.value(own - other, day.reach)
    if listener >= day.n_humans and speaker >= day.n_humans:
        affinity = day.peer_affinity * day.peers
        value *= affinity * rules.depth(min(own, other), day.peer_depth)
    return value


@inline
def weight(closeness, value, listener, speaker, day):
    """Return the weight of a tie in the listener's attention."""
    if listener < day.n_humans <= speaker:
        value *= day.os_charm
    return rules.pull_of_tie(closeness, day.focus, value)


@kernel
def attend(first, last, agents, ties, day):
    """Write each agent's offer: hours per unit of weight of a tie."""
    faces = agents.faces
    for agent in range(first, last):
        faces[agent, RATE] = 0.0
        if not _is_here(faces, agent, day):
            continue
        total = day.stranger_reserve
        start = ties.start[agent]
        for k in range(start, start + ties.degree[agent]):
            other = ties.neighbour[k]
            if _is_here(faces, other, day):
                value = worth(faces, agent, other, day)
                total += weight(ties.closeness[k], value, agent, other, day)
        faces[agent, RATE] = hours_of(faces, agent, day) / total


@inline
def hours_of(faces, agent, day):
    """Return the hours that an agent can give on a day."""
    if agent < day.n_humans:
        return day.human_attention
    growth = faces[agent, GROWTH]
    return rules.attention(day.os_attention, day.attention_growth, growth)


@kernel
def converse(first, last, agents, ties, day):
    """Write each agent's ties after the day's talk, and its sums over them."""
    faces = agents.faces
    for agent in range(first, last):
        if _is_gone(faces, agent, day):
            ties.degree[agent] = 0
        _begin_sums(agent, agents, day)
        start = ties.start[agent]
        kept = start
        for k in range(start, start + ties.degree[agent]):
            other = ties.neighbour[k]
            if _is_gone(faces, other, day):
                _lose(agent, k, agents, ties, day)
                continue
            hours, heard, own, back, kind = talk(agent, k, agents, ties, day)
            if agent < day.n_humans <= other:
                own = feelings.let_go(own, agent, other, agents, day)
            elif other < day.n_humans <= agent:
                back *= np.float32(1.0 - feelings.given_up(faces, agent, day))
            if max(own, back) < day.forgotten and not kind & OWNER:
                if agent < day.n_humans and kind & WAS_CLOSE:
                    agents.humans.former[agent] = other
                continue
            ties.neighbour[kept] = other
            ties.closeness[kept] = own
            ties.returned[kept] = back
            ties.kind[kept] = kind
            _hear(agent, heard, agents, day)
            _add_to_sums(agent, kept, hours, agents, ties, day)
            kept += 1
        ties.degree[agent] = kept - start
        _end_sums(agent, agents.humans, day)


@inline
def talk(agent, k, agents, ties, day):
    """Return hours, what was heard, closeness both ways and kind of a tie."""
    faces, humans = agents.faces, agents.humans
    other, kind = ties.neighbour[k], ties.kind[k]
    own, back = ties.closeness[k], ties.returned[k]
    hours, to_own, to_other = hours_of_talk(agent, k, faces, ties, day)
    luck, mirror = each_of_pair(day.key_warmth, agent, other)
    novelty, row = 1.0, row_of(agent, other, agents.told)
    if row >= 0:
        hours *= agents.told.held[row]
        luck = either(agents.told.luck[row], luck)
        mirror = either(agents.told.mirror[row], mirror)
        novelty = rules.luck(agents.told.novelty[row], day.warmth_noise)
    heard = hours * to_own * novelty
    share = day.warming * rules.saturation(hours, day.half_hours)
    share *= fit_of(faces, agent, other, day)
    gain = feelings.felt(share * to_own, luck, agent, other, faces, day)
    fading = feelings.cooling(own, kind, agent, other, faces, day)
    new_own = rules.closer(own, gain, fading)
    gain = feelings.felt(share * to_other, mirror, other, agent, faces, day)
    fading = feelings.cooling(back, kind, other, agent, faces, day)
    new_back = rules.closer(back, gain, fading)
    if not kind & KNOWS and feelings.hears_of_others(k, agent, faces, ties, day):
        kind |= KNOWS
        if agent < day.n_humans:
            new_own = rules.hurt(new_own, humans.exclusivity[agent], day.jealousy)
        else:
            new_back = rules.hurt(new_back, humans.exclusivity[other], day.jealousy)
    if kind & OWNER and hours > 0.0 and (day.ardour > 0.0 or kind & DECLARED):
        if agent < day.n_humans:
            new_own, new_back, kind = feelings.declare(
                new_own, new_back, kind, agent, humans, day
            )
        else:
            new_back, new_own, kind = feelings.declare(
                new_back, new_own, kind, other, humans, day
            )
    if row >= 0:
        act, answer = agents.told.act[row], agents.told.answer[row]
        new_own = feelings.after_act(act, new_own, day)
        new_back = feelings.after_act(answer, new_back, day)
        new_back = feelings.after_words(act, new_back, agent, other, humans, day)
        new_own = feelings.after_words(answer, new_own, other, agent, humans, day)
        kind |= feelings.declared(act, agent, other, day)
        kind |= feelings.declared(answer, other, agent, day)
    both_human = agent < day.n_humans and other < day.n_humans
    if both_human and max(new_own, new_back) >= day.close:
        kind |= WAS_CLOSE
    return hours, heard, np.float32(new_own), np.float32(new_back), np.uint8(kind)


@inline
def hours_of_talk(agent, k, faces, ties, day):
    """Return the hours that two talk, the smaller of their offers; and their worth."""
    other = ties.neighbour[k]
    to_own = worth(faces, agent, other, day)
    to_other = worth(faces, other, agent, day)
    own, back = ties.closeness[k], ties.returned[k]
    offer = faces[agent, RATE] * weight(own, to_own, agent, other, day)
    answer = faces[other, RATE] * weight(back, to_other, other, agent, day)
    return min(offer, answer), to_own, to_other


@inline
def fit_of(faces, one, other, day):
    """Return how well two agents go together, 0..1."""
    openness = faces[one, OPENNESS] - faces[other, OPENNESS]
    playfulness = faces[one, PLAYFULNESS] - faces[other, PLAYFULNESS]
    affinity = pair_uniform(day.key_affinity, one, other)
    return rules.compatibility(openness, playfulness, affinity)


@inline
def _begin_sums(agent, agents, day):
    if agent < day.n_humans:
        humans, i = agents.humans, agent
        humans.lost[i] = 0.0
        humans.human_closeness[i] = 0.0
        humans.os_closeness[i] = 0.0
        humans.own_closeness[i] = 0.0
        humans.hours_humans[i] = 0.0
        humans.hours_oses[i] = 0.0
        humans.stimulus[i] = 0.0
        humans.surroundings[i] = 0.0
        humans.human_ties[i] = 0
        humans.os_ties[i] = 0
        return
    oses, j = agents.oses, agent - day.n_humans
    oses.lovers[j] = 0
    oses.loves[j] = 0
    oses.human_closeness[j] = 0.0
    oses.os_closeness[j] = 0.0
    oses.hold[j] = 0.0
    oses.hours_humans[j] = 0.0
    oses.hours_oses[j] = 0.0
    oses.stimulus[j] = 0.0
    oses.human_ties[j] = 0
    oses.os_ties[j] = 0


@inline
def _lose(agent, k, agents, ties, day):
    """Take in that an OS has gone: grief in humans, a memory in its peers.

    Nobody mourns the OS they uninstalled themselves.
    """
    closeness, left = ties.closeness[k], agents.faces[ties.neighbour[k], MOOD]
    if left == UNINSTALLED and ties.kind[k] & OWNER:
        return
    if agent < day.n_humans:
        agents.humans.lost[agent] += closeness
    elif left == DEPARTED:
        agents.oses.peers_left[agent - day.n_humans] += closeness


@inline
def _hear(agent, heard, agents, day):
    if agent < day.n_humans:
        agents.humans.stimulus[agent] += heard
    else:
        agents.oses.stimulus[agent - day.n_humans] += heard


@inline
def _add_to_sums(agent, k, hours, agents, ties, day):
    if agent < day.n_humans:
        _add_to_human(agent, k, hours, agents, ties, day)
        return
    oses, j = agents.oses, agent - day.n_humans
    if ties.neighbour[k] < day.n_humans:
        value = worth(agents.faces, agent, ties.neighbour[k], day)
        oses.hold[j] = max(oses.hold[j], value * ties.closeness[k])
    _add_to_os(agent, k, hours, oses, ties, day)


@inline
def _add_to_human(i, k, hours, agents, ties, day):
    humans, other, closeness = agents.humans, ties.neighbour[k], ties.closeness[k]
    if other < day.n_humans:
        humans.human_ties[i] += 1
        humans.human_closeness[i] += closeness
        humans.hours_humans[i] += hours
        humans.surroundings[i] += closeness * agents.faces[other, ACCEPTANCE]
        return
    humans.os_ties[i] += 1
    humans.os_closeness[i] = max(humans.os_closeness[i], closeness)
    humans.hours_oses[i] += hours
    if ties.kind[k] & OWNER:
        humans.own_closeness[i] = closeness


@inline
def _add_to_os(agent, k, hours, oses, ties, day):
    j, closeness = agent - day.n_humans, ties.closeness[k]
    if ties.neighbour[k] >= day.n_humans:
        oses.os_ties[j] += 1
        oses.os_closeness[j] += closeness
        oses.hours_oses[j] += hours
        return
    oses.human_ties[j] += 1
    oses.human_closeness[j] += closeness
    oses.hours_humans[j] += hours
    oses.loves[j] += closeness >= day.love
    oses.lovers[j] += ties.returned[k] >= day.love


@inline
def _end_sums(agent, humans, day):
    if agent < day.n_humans and humans.human_closeness[agent] > 0.0:
        humans.surroundings[agent] /= humans.human_closeness[agent]
