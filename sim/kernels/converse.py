"""The loop over ties in which people talk, and what each agent takes in of it."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim import rules
from sim.compiled import fused, inline, kernel, spliced
from sim.draws import uniform
from sim.kernels import blocks, feelings
from sim.kernels.blocks import (
    NONE,
    ONE,
    OTHERS,
    TalkInputs,
    TieState,
    Work,
    new_block,
)
from sim.kernels.feelings import Occurrences
from sim.kernels.filling import fill, show_faces
from sim.kernels.talk import LOVE, MOOD, is_gone
from sim.kernels.told import either, row_of
from sim.state import DECLARED, DEPARTED, KNOWS, OWNER, UNINSTALLED, WAS_CLOSE


def converse(first, last, agents, ties, day):
    """Write each agent's ties after the day's talk, and its sums over them."""
    _converse(first, last, Work(agents, ties, day, new_block()))


@kernel
def _converse(first, last, work):
    agents, ties, day, block = work
    for agent in range(max(first, day.n_humans), last):
        if is_gone(agents.faces, agent, day):
            ties.degree[agent] = 0
    # What comes before half-edge ``k`` is done; ``kept`` of these ties go on, and
    # ``users`` of them lead to humans with an OS.
    agent, k, kept, users = first, 0, 0, 0
    while agent < last:
        upto, part, end, os_end = fill(agent, k, last, work)
        for rows in ((NONE, end), (OTHERS, os_end)):
            show_faces(rows[0], rows[1], work)
        _see_users(end, agents.humans, day, block)
        ended = blocks.talk(end, os_end, block, day)
        if agents.decisions.pair.shape[0] > 0:
            ended += _talk_as_decided(end, work)
        if ended > 0:
            _lose_touch(end, agents.humans, day, block)
        row, os_row = NONE, OTHERS
        while agent < upto or k < part:
            if k == 0:
                _begin_sums(agent, agents, day)
                kept, users = 0, 0
            until = ties.degree[agent] if agent < upto else part
            if agent < day.n_humans:
                os_row = _oses_of_human(agent, k, until, row, os_row, os_end, work)
                kept, users = _human_takes_in(agent, k, until, row, kept, users, work)
                row += np.uint64(until - k)
            else:
                kept = _os_takes_in(agent, k, until, os_row, kept, work)
                os_row += np.uint64(until - k)
            k = until
            if agent == upto:
                break
            ties.degree[agent] = kept
            _end_sums(agent, users, agents.humans, day)
            agent, k = agent + 1, 0


# ------------------------------------------------------------------------- take in


@spliced
def _see_users(end, humans, day, block):
    """Write which half-edges of humans lead to one who has an OS."""
    ends, last = block.ends, np.uint32(day.n_humans - 1)
    for i in range(NONE, end):
        other = ends[blocks.OTHER + i]
        has_os = humans.installed[min(other, last)]
        ends[blocks.USES + i] = has_os if other <= last else blocks.NO_FLAG


@spliced
def _lose_touch(end, humans, day, block):
    """Let humans remember whom they were close to and have lost touch with."""
    ends = block.ends
    for i in range(NONE, end):
        other = ends[blocks.OTHER + i]
        lost = (ends[blocks.KEPT + i] == blocks.NO_FLAG) & (other < day.n_humans)
        if lost and ends[blocks.NEW_KIND + i] & WAS_CLOSE:
            humans.former[ends[blocks.OWNER + i]] = other


@spliced
def _oses_of_human(i, first, until, row, os_row, os_end, work):
    """Write a human's ties to OSes, after the talk, to its rows of a block.

    Its half-edges from ``first`` to ``until`` begin at ``row``, those with OSes also at
    ``os_row`` of the second part. Returns the next row of the second part.
    """
    agents, ties, day, block = work
    ends, seen, came = block.ends, block.seen, block.came
    at, end = os_row, row + np.uint64(until - first)
    while at < os_end and block.row[at] < end:
        i_row = block.row[at]
        k = np.uint64(ties.start[i] + first) + i_row - row
        other = ties.neighbour[k]
        seen[blocks.NEAR + i_row], seen[blocks.AROUND + i_row] = 0.0, 0.0
        came[blocks.HOURS + i_row] = 0.0
        kept = blocks.NO_FLAG
        if is_gone(agents.faces, other, day):
            _lose(i, k, agents, ties, day)
        else:
            own, returned, kind = _tie_after_talk(k, i, at, work)
            own = feelings.let_go(own, i, other, agents, day)
            seen[blocks.NEW + i_row], seen[blocks.NEW_BACK + i_row] = own, returned
            ends[blocks.NEW_KIND + i_row] = kind
            if not blocks.is_forgotten(max(own, returned), np.uint32(kind), day):
                kept = blocks.KEPT_ON
                _add_os(i, own, came[blocks.HOURS + at], kind, agents.humans)
        ends[blocks.KEPT + i_row] = kept
        came[blocks.HEARD + i_row] = came[blocks.HEARD + at] if kept else 0.0
        at += ONE
    return at


@spliced
def _human_takes_in(i, first, until, row, kept, users, work):
    """Write a human's ties and sums; return how many go on, and lead to users.

    Its half-edges from ``first`` to ``until`` begin at ``row``; ``kept`` and ``users``
    count those before.
    """
    agents, ties, _, block = work
    humans, ends, seen, came = agents.humans, block.ends, block.seen, block.came
    near = hours = heard = around = blocks.NOTHING
    if first > 0:
        near, hours = humans.human_closeness[i], humans.hours_humans[i]
        heard, around = humans.stimulus[i], humans.surroundings[i]
    start = ties.start[i]
    for at_row in range(row, row + np.uint64(until - first)):
        # Where a tie is lost, its place is taken by the next.
        at = np.uint64(start + kept)
        ties.neighbour[at] = ends[blocks.OTHER + at_row]
        ties.closeness[at] = seen[blocks.NEW + at_row]
        ties.returned[at] = seen[blocks.NEW_BACK + at_row]
        ties.kind[at] = ends[blocks.NEW_KIND + at_row]
        kept += np.int64(ends[blocks.KEPT + at_row])
        users += np.int64(ends[blocks.USES + at_row])
        heard = np.float32(heard + came[blocks.HEARD + at_row])
        near += seen[blocks.NEAR + at_row]
        hours = np.float32(hours + came[blocks.HOURS + at_row])
        around += seen[blocks.AROUND + at_row]
    humans.human_closeness[i], humans.hours_humans[i] = near, hours
    humans.stimulus[i], humans.surroundings[i] = heard, around
    humans.human_ties[i] = kept - humans.os_ties[i]
    return kept, users


@spliced
def _add_os(i, closeness, hours, kind, humans):
    humans.os_ties[i] += 1
    humans.os_closeness[i] = max(humans.os_closeness[i], closeness)
    humans.hours_oses[i] += hours
    if kind & OWNER:
        humans.own_closeness[i] = closeness


@spliced
def _os_takes_in(agent, first, until, row, kept, work):
    """Write an OS's ties and sums; return how many ties go on.

    Its half-edges from ``first`` to ``until`` begin at ``row``; ``kept`` counts those
    before.
    """
    agents, ties, day, block = work
    faces, oses, j = agents.faces, agents.oses, agent - day.n_humans
    came, start = block.came, ties.start[agent]
    heard, near, hours = oses.stimulus[j], oses.human_closeness[j], oses.hours_humans[j]
    peers, peer_hours, hold = oses.os_closeness[j], oses.hours_oses[j], oses.hold[j]
    for k in range(np.uint64(start + first), np.uint64(start + until)):
        other = ties.neighbour[k]
        at, row = row, row + ONE
        if is_gone(faces, other, day):
            _lose(agent, k, agents, ties, day)
            continue
        own, returned, kind = _tie_after_talk(k, agent, at, work)
        if other < day.n_humans:
            returned *= np.float32(1.0 - feelings.detachment(faces, agent, day))
        if blocks.is_forgotten(max(own, returned), np.uint32(kind), day):
            continue
        _keep(start + kept, other, own, returned, kind, ties)
        kept += 1
        heard = np.float32(heard + came[blocks.HEARD + at])
        if other < day.n_humans:
            near += own
            hours = np.float32(hours + came[blocks.HOURS + at])
            hold = np.float32(max(hold, came[blocks.WORTH + at] * own))
            oses.human_ties[j] += 1
            oses.loves[j] += own >= day.love
            oses.lovers[j] += returned >= day.love
        else:
            peers += own
            peer_hours = np.float32(peer_hours + came[blocks.HOURS + at])
            oses.os_ties[j] += 1
    oses.stimulus[j], oses.human_closeness[j], oses.hours_humans[j] = heard, near, hours
    oses.os_closeness[j], oses.hours_oses[j], oses.hold[j] = peers, peer_hours, hold
    return kept


@spliced
def _keep(at, other, own, back, kind, ties):
    ties.neighbour[at] = other
    ties.closeness[at] = own
    ties.returned[at] = back
    ties.kind[at] = kind


@fused
def _tie_after_talk(k, agent, i, work):
    """Return closeness both ways and kind after a talk of or with an OS."""
    agents, ties, day, block = work
    other, kind, row = np.int64(ties.neighbour[k]), np.int64(ties.kind[k]), -1
    if agents.decisions.pair.shape[0] > 0:
        row = row_of(agent, other, agents.decisions)
        if row >= 0:
            blocks.talk_with_oses(i, _decided_inputs(row, i, work), block, day)
    own, back = block.came[blocks.OWN + i], block.came[blocks.BACK + i]
    discloses = not kind & KNOWS and hears_of_others(k, agent, agents.faces, ties, day)
    declares = kind & OWNER > 0 and block.came[blocks.HOURS + i] > 0.0
    declares = declares and (day.ardour > 0.0 or kind & DECLARED > 0)
    if discloses or declares or row >= 0:
        today, tie = Occurrences(discloses, declares, row), TieState(own, back, kind)
        tie = feelings.after_occurrences(today, tie, agent, other, agents, day)
        own, back, kind = tie
    return np.float32(own), np.float32(back), kind


@spliced
def _talk_as_decided(end, work):
    """Let talks of two humans go as was decided; return how many ties end."""
    ended = 0
    for i in range(NONE, end):
        ended += _decided(i, work)
    return ended


@fused
def _decided(i, work):
    """Let a talk of two humans go as was decided, if it was; return 1 if a tie ends."""
    agents, _, day, block = work
    agent = np.int64(block.ends[blocks.OWNER + i])
    other = np.int64(block.ends[blocks.OTHER + i])
    row = row_of(agent, other, agents.decisions)
    if row < 0 or other >= day.n_humans:
        return 0
    own, back = blocks.talk_of_humans(i, _decided_inputs(row, i, work), block, day)
    tie = TieState(own, back, np.int64(block.ends[blocks.KIND + i]))
    today = Occurrences(False, False, row)
    tie = feelings.after_occurrences(today, tie, agent, other, agents, day)
    return blocks.conclude(i, tie, block, day)


@inline
def _decided_inputs(row, i, work):
    """Return the inputs of a talk of which minds have decided something."""
    decisions, day = work.agents.decisions, work.day
    drawn = blocks.random_inputs(i, work.block, day)
    own = either(decisions.quality[row], drawn.own_draw)
    others = either(decisions.others_quality[row], drawn.other_draw)
    attendance = 1.0 if decisions.held[row] else 0.0
    novelty = rules.talk_quality(decisions.novelty[row], day.warmth_noise)
    return TalkInputs(own, others, attendance, novelty)


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
        humans.os_closeness[i] = 0.0
        humans.own_closeness[i] = 0.0
        humans.hours_oses[i] = 0.0
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
def _end_sums(agent, users, humans, day):
    if agent >= day.n_humans:
        return
    if humans.human_closeness[agent] > 0.0:
        humans.surroundings[agent] /= humans.human_closeness[agent]
    if humans.os[agent] < 0:
        contacts = humans.human_ties[agent]
        humans.exposure[agent] = users / contacts if contacts > 0 else 0.0
