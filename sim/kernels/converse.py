"""The loop over ties in which people talk, and what each agent takes in of it."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim.compiled import fused, inline, kernel, prefetch, spliced
from sim.draws import name_of, uniform
from sim.kernels import blocks, feelings
from sim.kernels.blocks import AHEAD, LENGTH, NONE, ONE, Work, new_block
from sim.kernels.talk import (
    ACCEPTANCE,
    GROWTH,
    LOVE,
    MOOD,
    OPENNESS,
    PLAYFULNESS,
    RATE,
    TOUCH,
    is_gone,
)
from sim.kernels.told import either, row_of
from sim.rules import luck as luck_of_draw
from sim.state import DECLARED, DEPARTED, KNOWS, OWNER, PARTNER, UNINSTALLED, WAS_CLOSE


def converse(first, last, agents, ties, day):
    """Write each agent's ties after the day's talk, and its sums over them."""
    _converse(first, last, Work(agents, ties, day, new_block()))


@kernel
def _converse(first, last, work):
    agents, ties, day, block = work
    # What comes before half-edge ``k`` is done; ``kept`` of these ties go on.
    agent, k, kept = first, 0, 0
    while agent < last:
        upto, part, front, back = _fill(agent, k, last, work)
        blocks.talk(front, back, block, day)
        slots = NONE, LENGTH
        while agent < upto or k < part:
            if k == 0:
                _begin_sums(agent, agents, day)
                kept = 0
            span = k, ties.degree[agent] if agent < upto else part
            if agent < day.n_humans:
                kept, slots = _human_takes_in(agent, span, kept, slots, work)
            else:
                kept, slots = _os_takes_in(agent, span, kept, slots, work)
            k = span[1]
            if agent == upto:
                break
            ties.degree[agent] = kept
            _end_sums(agent, agents.humans, day)
            agent, k = agent + 1, 0


# --------------------------------------------------------------------------- fill


@spliced
def _fill(agent, k, last, work):
    """Fill a block from half-edge ``k`` of an agent on, until it is full.

    Returns the agent that it did not finish, which of its half-edges comes next, and
    the ends of the two parts of the block. Those who are gone lose all ties.
    """
    faces, ties, day = work.agents.faces, work.ties, work.day
    front, back = NONE, LENGTH
    farthest = np.uint64(ties.neighbour.shape[0] - 1)
    while agent < last:
        if is_gone(faces, agent, day):
            ties.degree[agent] = 0
        degree = ties.degree[agent]
        until = min(degree, k + np.int64(back - front))
        face = face_of(faces, agent)
        start = ties.start[agent]
        for at in range(np.uint64(start + k), np.uint64(start + until)):
            other = np.uint32(ties.neighbour[at])
            prefetch(faces, ties.neighbour[min(at + AHEAD, farthest)])
            one, another = (agent, face), (other, face_of(faces, other))
            if agent < day.n_humans and other < day.n_humans:
                show_human(front, at, one, another, work)
                front += ONE
            else:
                back -= ONE
                show_os(back, at, one, another, work)
        if until < degree:
            return agent, until, front, back
        agent, k = agent + 1, 0
    return agent, 0, front, back


@spliced
def face_of(faces, agent):
    """Return all that an agent shows."""
    first = faces[agent, 0], faces[agent, 1], faces[agent, 2], faces[agent, 3]
    rest = faces[agent, 4], faces[agent, 5], faces[agent, 6], faces[agent, 7]
    return first + rest


@spliced
def _show(i, at, one, another, work):
    seen, ties, (agent, face), (other, shown) = work.block.seen, work.ties, one, another
    seen[blocks.CLOSENESS + i] = ties.closeness[at]
    seen[blocks.RETURNED + i] = ties.returned[at]
    seen[blocks.GAP + i] = face[GROWTH] - shown[GROWTH]
    seen[blocks.RATE + i] = face[RATE]
    seen[blocks.OTHER_RATE + i] = shown[RATE]
    seen[blocks.OPENNESS + i] = face[OPENNESS] - shown[OPENNESS]
    seen[blocks.PLAYFULNESS + i] = face[PLAYFULNESS] - shown[PLAYFULNESS]
    seen[blocks.ACCEPTANCE + i] = face[ACCEPTANCE]
    seen[blocks.OTHER_ACCEPTANCE + i] = shown[ACCEPTANCE]
    seen[blocks.PARTNERS + i] = ties.kind[at] & PARTNER
    seen[blocks.FIRST + i] = agent < other
    work.block.pair[i] = name_of(agent, other)


@spliced
def show_human(i, at, one, another, work):
    """Write what is known of a half-edge between humans to row ``i`` of a block."""
    _show(i, at, one, another, work)
    seen, face, shown = work.block.seen, one[1], another[1]
    seen[blocks.LOVE + i] = face[LOVE]
    seen[blocks.OTHER_LOVE + i] = shown[LOVE]
    seen[blocks.GRIEF + i] = face[MOOD]
    seen[blocks.OTHER_GRIEF + i] = shown[MOOD]


@spliced
def show_os(i, at, one, another, work):
    """Write what is known of any other half-edge to row ``i`` of a block."""
    _show(i, at, one, another, work)
    seen, n_humans = work.block.seen, work.day.n_humans
    (agent, face), (other, shown) = one, another
    seen[blocks.YOUNGER + i] = min(face[GROWTH], shown[GROWTH])
    seen[blocks.TOUCH + i] = face[TOUCH]
    seen[blocks.OTHER_TOUCH + i] = shown[TOUCH]
    seen[blocks.IS_OS + i] = agent >= n_humans
    seen[blocks.OTHER_IS_OS + i] = other >= n_humans


# ------------------------------------------------------------------------- take in


@spliced
def _human_takes_in(i, span, kept, slots, work):
    """Write a human's ties and sums; return how many ties go on, and what is next."""
    agents, ties, day, block = work
    humans, seen, came = agents.humans, block.seen, block.came
    (front, back), start = slots, ties.start[i]
    near, hours = humans.human_closeness[i], humans.hours_humans[i]
    heard, around = humans.stimulus[i], humans.surroundings[i]
    friends = humans.human_ties[i]
    for k in range(np.uint64(start + span[0]), np.uint64(start + span[1])):
        other = ties.neighbour[k]
        if other < day.n_humans:
            at, front = front, front + ONE
            own, returned, kind = _felt(k, i, at, True, work)
            # never a branch: half the time it would be foreseen wrongly
            kind |= WAS_CLOSE * (max(own, returned) >= day.close)
        else:
            back -= ONE
            at = back
            if is_gone(agents.faces, other, day):
                _lose(i, k, agents, ties, day)
                continue
            own, returned, kind = _felt(k, i, at, False, work)
            own = feelings.let_go(own, i, other, agents, day)
        if max(own, returned) < day.forgotten and not kind & OWNER:
            if kind & WAS_CLOSE:
                humans.former[i] = other
            continue
        _keep(start + kept, other, own, returned, kind, ties)
        kept += 1
        heard = np.float32(heard + came[blocks.HEARD + at])
        if other < day.n_humans:
            friends += 1
            near += own
            hours = np.float32(hours + came[blocks.HOURS + at])
            around += own * seen[blocks.OTHER_ACCEPTANCE + at]
        else:
            _add_os(i, own, came[blocks.HOURS + at], kind, humans)
    humans.human_closeness[i], humans.hours_humans[i] = near, hours
    humans.stimulus[i], humans.surroundings[i] = heard, around
    humans.human_ties[i] = friends
    return kept, (front, back)


@spliced
def _add_os(i, closeness, hours, kind, humans):
    humans.os_ties[i] += 1
    humans.os_closeness[i] = max(humans.os_closeness[i], closeness)
    humans.hours_oses[i] += hours
    if kind & OWNER:
        humans.own_closeness[i] = closeness


@spliced
def _os_takes_in(agent, span, kept, slots, work):
    """Write an OS's ties and sums; return how many ties go on, and what is next."""
    agents, ties, day, block = work
    faces, oses, j = agents.faces, agents.oses, agent - day.n_humans
    came, back, start = block.came, slots[1], ties.start[agent]
    heard, near, hours = oses.stimulus[j], oses.human_closeness[j], oses.hours_humans[j]
    peers, peer_hours, hold = oses.os_closeness[j], oses.hours_oses[j], oses.hold[j]
    for k in range(np.uint64(start + span[0]), np.uint64(start + span[1])):
        other = ties.neighbour[k]
        back -= ONE
        if is_gone(faces, other, day):
            _lose(agent, k, agents, ties, day)
            continue
        own, returned, kind = _felt(k, agent, back, False, work)
        if other < day.n_humans:
            returned *= np.float32(1.0 - feelings.given_up(faces, agent, day))
        if max(own, returned) < day.forgotten and not kind & OWNER:
            continue
        _keep(start + kept, other, own, returned, kind, ties)
        kept += 1
        heard = np.float32(heard + came[blocks.HEARD + back])
        if other < day.n_humans:
            near += own
            hours = np.float32(hours + came[blocks.HOURS + back])
            hold = np.float32(max(hold, came[blocks.WORTH + back] * own))
            oses.human_ties[j] += 1
            oses.loves[j] += own >= day.love
            oses.lovers[j] += returned >= day.love
        else:
            peers += own
            peer_hours = np.float32(peer_hours + came[blocks.HOURS + back])
            oses.os_ties[j] += 1
    oses.stimulus[j], oses.human_closeness[j], oses.hours_humans[j] = heard, near, hours
    oses.os_closeness[j], oses.hours_oses[j], oses.hold[j] = peers, peer_hours, hold
    return kept, (slots[0], back)


@spliced
def _keep(at, other, own, back, kind, ties):
    ties.neighbour[at] = other
    ties.closeness[at] = own
    ties.returned[at] = back
    ties.kind[at] = kind


@fused
def _felt(k, agent, i, both_human, work):
    """Return closeness both ways and kind after a talk, and all that came with it."""
    agents, ties, day, block = work
    other, kind, row = ties.neighbour[k], ties.kind[k], -1
    if agents.told.pair.shape[0] > 0:
        row = _as_told(agent, other, i, both_human, work)
    own, back = block.came[blocks.OWN + i], block.came[blocks.BACK + i]
    hears = declares = False
    if not both_human:
        hears = not kind & KNOWS and hears_of_others(k, agent, agents.faces, ties, day)
        declares = kind & OWNER and block.came[blocks.HOURS + i] > 0.0
        declares = declares and (day.ardour > 0.0 or kind & DECLARED)
    if hears or declares or row >= 0:
        why, felt = (hears, declares, row), (own, back, kind)
        own, back, kind = feelings.moved(why, felt, agent, other, agents, day)
    return np.float32(own), np.float32(back), kind


@spliced
def _as_told(agent, other, i, both_human, work):
    """Let a talk go as was decided; return the row of the decision, or -1."""
    told, day, block = work.agents.told, work.day, work.block
    row = row_of(agent, other, told)
    if row < 0:
        return row
    own, others = blocks.luck_of(i, block, day)
    own, others = either(told.luck[row], own), either(told.mirror[row], others)
    novelty = luck_of_draw(told.novelty[row], day.warmth_noise)
    luck = own, others, 1.0 if told.held[row] else 0.0, novelty
    if both_human:
        blocks.talk_of_humans(i, luck, block, day)
    else:
        blocks.talk_with_oses(i, luck, block, day)
    return row


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


@spliced
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


@spliced
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


@spliced
def _end_sums(agent, humans, day):
    if agent < day.n_humans and humans.human_closeness[agent] > 0.0:
        humans.surroundings[agent] /= humans.human_closeness[agent]
