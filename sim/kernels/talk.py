"""Loops over ties: what neighbours see, how attention is shared, what talk does."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim import rules
from sim.compiled import inline, kernel
from sim.draws import each_of_pair, pair_uniform, uniform
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
            row, luck = fortune(agent, other, agents.told, day)
            hours, heard, own, back = talk(agent, k, luck, faces, ties, day)
            kind = ties.kind[k]
            hears = not kind & KNOWS and hears_of_others(k, agent, faces, ties, day)
            declares = kind & OWNER and hours > 0.0
            declares = declares and (day.ardour > 0.0 or kind & DECLARED)
            if hears or declares or row >= 0:
                why, felt = (hears, declares, row), (own, back, kind)
                own, back, kind = feelings.moved(why, felt, agent, other, agents, day)
            own, back = np.float32(own), np.float32(back)
            if remembered(agent, other, own, back, day):
                kind |= WAS_CLOSE
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
def fortune(agent, other, told, day):
    """Return the row of what was decided about a talk, or -1, and how it goes.

    How it goes for either, whether they talk at all, and how new it is, as factors.
    """
    own, others = each_of_pair(day.key_warmth, agent, other)
    if told.pair.shape[0] == 0:
        return -1, (own, others, 1.0, 1.0)
    row = row_of(agent, other, told)
    if row < 0:
        return -1, (own, others, 1.0, 1.0)
    own, others = either(told.luck[row], own), either(told.mirror[row], others)
    novelty = rules.luck(told.novelty[row], day.warmth_noise)
    held = 1.0 if told.held[row] else 0.0
    return row, (own, others, held, novelty)


@inline
def talk(agent, k, luck, faces, ties, day):
    """Return hours, what was heard, and closeness both ways after the day's talk."""
    other, kind = ties.neighbour[k], ties.kind[k]
    own, back = ties.closeness[k], ties.returned[k]
    hours, to_own, to_other = hours_of_talk(agent, k, faces, ties, day)
    hours *= luck[2]
    share = day.warming * rules.saturation(hours, day.half_hours)
    share *= fit_of(faces, agent, other, day)
    gain = feelings.felt(share * to_own, luck[0], agent, other, faces, day)
    fading = feelings.cooling(own, kind, agent, other, faces, day)
    new_own = rules.closer(own, gain, fading)
    gain = feelings.felt(share * to_other, luck[1], other, agent, faces, day)
    fading = feelings.cooling(back, kind, other, agent, faces, day)
    new_back = rules.closer(back, gain, fading)
    return hours, hours * to_own * luck[3], new_own, new_back


@inline
def hears_of_others(k, agent, faces, ties, day):
    """Tell whether the human of a pair learns that others love its OS too."""
    other = ties.neighbour[k]
    human, its_os = min(agent, other), max(agent, other)
    if human >= day.n_humans or its_os < day.n_humans:
        return False
    loved = ties.closeness[k] if agent == human else ties.returned[k]
    if faces[its_os, LOVE] - (loved >= day.love) < 1.0:
        return False
    return uniform(day.key_disclose, human, its_os) < day.disclosure


@inline
def remembered(agent, other, own, back, day):
    """Tell whether two humans are close enough to remember it."""
    both_human = agent < day.n_humans and other < day.n_humans
    return both_human and max(own, back) >= day.close


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
