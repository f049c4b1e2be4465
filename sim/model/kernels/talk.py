"""Kernels over ties: attention, conversation, and what each agent feels of it."""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.engine.by_address import call_at
from sim.engine.jit import inline, inline_always, inline_source, kernel, part
from sim.engine.rng import pair_uniform, uniform
from sim.model import formulas, sockets
from sim.model.codes import (
    DECLARE,
    DECLARED,
    DEPARTED,
    FACE,
    GOODBYE,
    HERE,
    INTRODUCE,
    OWNER,
    SEEK,
    UNINSTALLED,
    WAS_CLOSE,
    WITHDRAW,
    TieState,
)
from sim.model.kernels import blocks
from sim.model.kernels.blocks import (
    NONE,
    ONE,
    OTHERS,
    ROOM,
    TalkInputs,
    Work,
    fill,
    kept_block,
    show_faces,
    show_ties,
)
from sim.model.mechanisms import letting_go
from sim.model.mechanisms.displacement import attention_left
from sim.model.mechanisms.words import closeness_after_words

GROWTH, RATE = FACE.growth, FACE.rate
OPENNESS, PLAYFULNESS = FACE.openness, FACE.playfulness


@kernel
def present(first, last, agents, ties, day):
    """Write what neighbours may see of each agent."""
    for agent in range(first, last):
        face = agents.faces[agent]
        if agent < day.n_humans:
            _present_human(agent, face, agents.humans)
        else:
            _present_os(agent - day.n_humans, face, agents.oses)


@inline_source
def _present_human(i, face, humans):
    face[GROWTH] = humans.growth[i]
    face[OPENNESS] = humans.openness[i]
    face[PLAYFULNESS] = humans.playfulness[i]
    face[ACCEPTANCE] = humans.acceptance[i]
    face[LOVE] = humans.os_closeness[i]
    face[TOUCH] = sockets.shown_need(0.0, i, humans)
    face[MOOD] = humans.grief[i]
    humans.installed[i] = humans.os[i] >= 0


@inline_source
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
    return formulas.compatibility(openness, playfulness, affinity)


@inline_source
def hours_of(agents, agent, day):
    """Return the hours that an agent can give on a day."""
    if agent < day.n_humans:
        return day.human_attention
    growth = agents.faces[agent, GROWTH]
    hours = formulas.attention_capacity(day.os_attention, day.attention_growth, growth)
    return sockets.hours_of_os(hours, agent - day.n_humans, agents)


# ------------------------------------------------------------------------- attend


def attend(first, last, agents, ties, day):
    """Write each agent's offer: hours per unit of weight of a tie."""
    block = kept_block()
    _attend(first, last, agents, ties, day, block, blocks.weigh(block, day))


@kernel
def _attend(first, last, agents, ties, day, block, weigh):
    work = Work(agents, ties, day, block)
    faces, worth = agents.faces, block.came
    # What comes before half-edge ``k`` is done.
    agent, k, total, drawn = first, 0, 0.0, 0.0
    while agent < last:
        upto, part, end, os_end = fill(agent, k, last, work)
        _compare(end, os_end, work)
        call_at(weigh, (np.int64(end), np.int64(os_end), block, day))
        row, os_row = NONE if agent < day.n_humans else OTHERS, OTHERS
        while agent < upto or k < part:
            if k == 0:
                total, drawn = day.stranger_reserve, 0.0
            degree = ties.degree[agent] if agent < upto else part
            for i in range(row, row + np.uint64(degree - k)):
                total += worth[blocks.WORTH + i]
            row, k = row + np.uint64(degree - k), degree
            if agent < day.n_humans and day.displacement < 1.0:
                more, os_row = drawn_by_oses(os_row, os_end, row, block)
                drawn += more
            if agent == upto:
                break
            here = is_here(faces, agent, day)
            faces[agent, RATE] = hours_of(agents, agent, day) / total if here else 0.0
            if agent < day.n_humans:
                share_out_time(agent, total, drawn, day.displacement, agents)
            agent, k = agent + 1, 0


@inline_source
def drawn_by_oses(os_row, os_end, row, block):
    """Return the weight of a human's OSes, and the row of the second part after them.

    They stand there from ``os_row`` on, and in the first part before ``row``.
    """
    drawn = 0.0
    while os_row < os_end and block.row[os_row] < row:
        drawn += block.came[blocks.WORTH + os_row]
        os_row += ONE
    return drawn, os_row


@inline_source
def share_out_time(i, total, drawn, displacement, agents):
    """Write what a human offers OSes, and leave people what is not taken from them."""
    rate = agents.faces[i, RATE]
    agents.os_rate[i] = rate
    if displacement < 1.0:
        agents.os_rate[agents.os_rate.shape[0] - 1] = 1.0
        left = attention_left(drawn / total, displacement)
        agents.faces[i, RATE] = rate * left * total / (total - drawn)


@inline_source
def show_offers(first, last, work):
    """Let rows of talk with OSes show what its human offers OSes, not people."""
    agents, _, day, block = work
    ends, seen = block.ends, block.seen
    differ = agents.os_rate[day.n_humans] > 0.0  # or have on some day
    for i in range(first, last if differ else first):
        owner, other = ends[blocks.OWNER + i], ends[blocks.OTHER + i]
        if owner < day.n_humans <= other:
            seen[blocks.RATE + i] = agents.os_rate[owner]
        elif other < day.n_humans <= owner:
            seen[blocks.ITS_RATE + i] = agents.os_rate[other]


@inline_source
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


ACCEPTANCE, LOVE = FACE.acceptance, FACE.love
TOUCH, MOOD = FACE.touch, FACE.mood


@inline_source
def _after_acts(row, tie, agent, other, agents, day):
    """Return closeness both ways and kind after what either did in their talk."""
    own, back, kind = tie
    decisions = agents.decisions
    act, answer = decisions.act[row], decisions.answer[row]
    own, back = after_act(act, own, day), after_act(answer, back, day)
    if decisions.push[row] == decisions.push[row]:  # else nan
        own = closeness_after_words(own, decisions.push[row])
        back = closeness_after_words(back, decisions.others_push[row])
    else:
        back = after_words(act, back, agent, other, agents.humans, day)
        own = after_words(answer, own, other, agent, agents.humans, day)
    kind |= declared(act, agent, other, day)
    kind |= declared(answer, other, agent, day)
    return own, back, kind


@inline
def detachment(faces, its_os, day):
    """Return the share of closeness to an OS that humans give up today."""
    return letting_go.detachment(day.letting_go, _farewell(faces, its_os, day))


@inline_source
def _farewell(faces, its_os, day):
    return sockets.farewell(0.0, its_os, faces, day)


@inline
def let_go(closeness, its_os, faces, day):
    """Return what is left of a human's closeness, and what was not let go gently."""
    farewell = _farewell(faces, its_os, day)
    share, mourned = letting_go.detachment(day.letting_go, farewell), 0.0
    if share > 0.0:
        part_mourned = sockets.mourned_of_farewell(0.0, day)
        grief = letting_go.anticipatory_grief(day.letting_go, farewell, part_mourned)
        mourned = closeness * grief
    return closeness * np.float32(1.0 - share), mourned


@inline
def after_act(act, closeness, day):
    """Return the closeness of one who did something in a talk."""
    if act == WITHDRAW:
        return formulas.closeness_after_withdrawal(closeness, day.withdrawal)
    if act == GOODBYE:
        return 0.0
    if act == DECLARE:
        return formulas.closeness_of_declarer(closeness, day.close, day.love)
    return closeness


@inline
def declared(act, speaker, listener, day):
    """Return the flag of a tie on which an OS declared its love to a human."""
    return DECLARED if act == DECLARE and listener < day.n_humans <= speaker else 0


@inline
def after_words(act, closeness, speaker, listener, humans, day):
    """Return the closeness of the other: a human may not want an OS's love."""
    unasked = act == DECLARE and listener < day.n_humans <= speaker
    if unasked and closeness < day.love:
        return sockets.unasked_love(closeness, listener, humans, day)
    return closeness


NOBODY, A_PEER = -1, -2


@inline
def row_of(agent, other, decisions):
    """Return the row of a talk, or -1."""
    wanted = (agent << 32) + other
    row = _first_from(wanted, decisions)
    return (
        row if row < decisions.pair.shape[0] and decisions.pair[row] == wanted else -1
    )


@inline
def _first_from(wanted, decisions):
    """Return the first row whose pair is ``wanted`` or later, by binary search."""
    low, high = 0, decisions.pair.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if decisions.pair[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@inline
def either(decided, by_chance):
    """Return what was decided, or what chance says where nothing was."""
    return by_chance if decided != decided else decided


@inline
def sent_to(agent, may_seek, decisions):
    """Return who introduces an agent to a friend today, A_PEER if it seeks one."""
    row = _first_from(agent << 32, decisions)
    while row < decisions.pair.shape[0] and decisions.pair[row] >> 32 == agent:
        if decisions.answer[row] == INTRODUCE:
            return decisions.pair[row] & 0xFFFFFFFF
        if may_seek and decisions.act[row] == SEEK:
            return A_PEER
        row += 1
    return NOBODY


@kernel
def choose_talks(members, rate, stakes, chosen, work, alone):
    """Write member, half-edge and hours of each talk, drawn by hours; return how many.

    Each member has ``rate`` such talks a day on average. ``stakes`` has a factor of the
    hours for each tie of each member, in their order, or is empty. ``alone`` is where
    ``talk_alone`` is.
    """
    ties, day = work.ties, work.day
    made, first = 0, 0
    for i in range(members.shape[0]):
        agent = members[i]
        whole = int(rate)
        extra = uniform(day.key_encounter, agent, 0) < rate - whole
        total, start = 0.0, first
        for k in range(ties.start[agent], ties.start[agent] + ties.degree[agent]):
            total += _hours_on(agent, k, work, alone) * _stake_of(stakes, first)
            first += 1
        if total <= 0.0:
            continue
        for turn in range(whole + extra):
            mark = total * uniform(day.key_encounter, agent, 1 + turn)
            k = _at(mark, agent, stakes, start, work, alone)
            chosen[made, 0], chosen[made, 1] = agent, k
            chosen[made, 2] = _hours_on(agent, k, work, alone)
            made += 1
    return made


@inline
def _hours_on(agent, k, work, alone):
    _, _, day, block = work
    show_ties(NONE, np.uint64(k), np.uint64(k + 1), agent, work)
    show_faces(NONE, ONE, work)
    show_offers(NONE, ONE, work)
    call_at(alone, (0, -1, work.agents.decisions, block, day))
    return block.came[blocks.HOURS]


@inline
def _stake_of(stakes, place):
    return stakes[place] if stakes.shape[0] > 0 else 1.0


@inline
def _at(mark, agent, stakes, first, work, alone):
    """Return the half-edge in whose hours a mark on the day's talk falls."""
    ties = work.ties
    last = ties.start[agent]
    for k in range(ties.start[agent], ties.start[agent] + ties.degree[agent]):
        hours = _hours_on(agent, k, work, alone)
        hours *= _stake_of(stakes, first + k - ties.start[agent])
        if hours > 0.0:
            last = k
        mark -= hours
        if mark < 0.0:
            break
    return last


class Parts(NamedTuple):
    """Where the parts of ``converse`` are."""

    talk: Any
    settle: Any
    decided: Any
    alone: Any


def converse(first, last, agents, ties, day):
    """Write each agent's ties after the day's talk, and its sums over them."""
    block, decided, alone = kept_block(), (0, 0), (0, 0)
    if len(agents.decisions.pair):
        decided = talk_as_decided(agents, ties, block, day)
        alone = talk_alone(agents.decisions, block, day)
    talked, settled = blocks.talk(block, day), settle(agents, ties, block, day)
    where = Parts(talked, settled, decided, alone)
    _converse(first, last, agents, ties, day, block, where)


@kernel
def _converse(first, last, agents, ties, day, block, where):
    work = Work(agents, ties, day, block)
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
        show_offers(OTHERS, os_end, work)
        _see_users(end, agents.humans, day, block)
        ends = np.int64(end), np.int64(os_end)
        ended = call_at(where.talk, (*ends, block, day))
        if agents.decisions.pair.shape[0] > 0:
            ended += call_at(where.decided, (*ends, *where.alone, block, day))
        call_at(where.settle, (agent, k, ends[1], block, day))
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


@inline_source
def _see_users(end, humans, day, block):
    """Write which half-edges of humans lead to one who has an OS."""
    ends, last = block.ends, np.uint32(day.n_humans - 1)
    for i in range(NONE, end):
        other = ends[blocks.OTHER + i]
        has_os = humans.installed[min(other, last)]
        ends[blocks.USES + i] = has_os if other <= last else blocks.NO_FLAG


@inline_source
def _lose_touch(end, humans, day, block):
    """Let humans remember whom they were close to and have lost touch with."""
    ends = block.ends
    for i in range(NONE, end):
        other = ends[blocks.OTHER + i]
        lost = (ends[blocks.KEPT + i] == blocks.NO_FLAG) & (other < day.n_humans)
        if lost and ends[blocks.NEW_KIND + i] & WAS_CLOSE:
            humans.former[ends[blocks.OWNER + i]] = other


@inline_source
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
            own, returned, kind = _settled(at, block)
            agents.humans.lost[i] += came[blocks.MOURNED + at]
            seen[blocks.NEW + i_row], seen[blocks.NEW_BACK + i_row] = own, returned
            ends[blocks.NEW_KIND + i_row] = kind
            if not blocks.is_forgotten(max(own, returned), np.uint32(kind), day):
                kept = blocks.KEPT_ON
                _add_os(i, own, came[blocks.HOURS + at], kind, agents.humans)
        ends[blocks.KEPT + i_row] = kept
        came[blocks.HEARD + i_row] = came[blocks.HEARD + at] if kept else 0.0
        at += ONE
    return at


@inline_source
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


@inline_source
def _add_os(i, closeness, hours, kind, humans):
    humans.os_ties[i] += 1
    humans.os_closeness[i] = max(humans.os_closeness[i], closeness)
    humans.hours_oses[i] += hours
    if kind & OWNER:
        humans.own_closeness[i] = closeness


@inline_source
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
        own, returned, kind = _settled(at, block)
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


@inline_source
def _keep(at, other, own, back, kind, ties):
    ties.neighbour[at] = other
    ties.closeness[at] = own
    ties.returned[at] = back
    ties.kind[at] = kind


@part
def settle(agent, k, os_end, agents, ties, block, day):
    """Write what becomes of ties with OSes after their talk, to rows of a block.

    The block begins with half-edge ``k`` of an agent.
    """
    work = Work(agents, ties, day, block)
    find_half_edges(agent, k, np.uint64(os_end), work)
    for i in range(OTHERS, np.uint64(os_end)):
        settle_tie(i, work)
    return 0


@inline_source
def find_half_edges(agent, k, os_end, work):
    """Write which half-edge each row of the second part of a block is of."""
    ties, day, block = work.ties, work.day, work.block
    row = NONE if agent < day.n_humans else OTHERS  # the first of the agent
    for i in range(OTHERS, os_end):
        owner = np.int64(block.ends[blocks.OWNER + i])
        while agent < owner:
            row += np.uint64(ties.degree[agent] - k)
            agent, k = agent + 1, 0
        at = block.row[i] if owner < day.n_humans else i
        block.row[ROOM + i] = np.uint64(ties.start[agent] + k) + at - row


@inline_always
def settle_tie(i, work):
    """Write closeness both ways and kind after a talk of or with an OS who is there."""
    agents, _, day, block = work
    agent = np.int64(block.ends[blocks.OWNER + i])
    other = np.int64(block.ends[blocks.OTHER + i])
    if is_gone(agents.faces, other, day):
        return
    own, returned, kind = _tie_after_talk(block.row[ROOM + i], agent, i, work)
    mourned = 0.0
    if agent < day.n_humans:
        own, mourned = let_go(own, other, agents.faces, day)
    elif other < day.n_humans:
        returned *= np.float32(1.0 - detachment(agents.faces, agent, day))
    block.came[blocks.OWN + i], block.came[blocks.BACK + i] = own, returned
    block.came[blocks.MOURNED + i] = mourned
    block.ends[blocks.NEW_KIND + i] = np.uint32(kind)


@inline_source
def _settled(i, block):
    """Return closeness both ways and kind that were written to a row."""
    own, returned = block.came[blocks.OWN + i], block.came[blocks.BACK + i]
    kind = np.int64(block.ends[blocks.NEW_KIND + i])
    return np.float32(own), np.float32(returned), kind


@inline_always
def _tie_after_talk(k, agent, i, work):
    """Return closeness both ways and kind after a talk of or with an OS."""
    agents, ties, day, block = work
    other, kind = np.int64(ties.neighbour[k]), np.int64(ties.kind[k])
    tie = TieState(block.came[blocks.OWN + i], block.came[blocks.BACK + i], kind)
    hours = block.came[blocks.HOURS + i]
    tie = sockets.after_talk_with_os(tie, k, agent, hours, work)
    own, back, kind = tie
    if agents.decisions.pair.shape[0] > 0:
        row = row_of(agent, other, agents.decisions)
        if row >= 0:
            own, back, kind = _after_acts(row, tie, agent, other, agents, day)
    return np.float32(own), np.float32(back), kind


@part
def talk_as_decided(end, os_end, alone, bound, agents, ties, block, day):
    """Let talks of a block go as was decided; return how many ties of humans end.

    ``alone`` and ``bound`` are where ``talk_alone`` is.
    """
    ended, where, work = 0, (alone, bound), Work(agents, ties, day, block)
    for i in range(OTHERS, np.uint64(os_end)):
        row = _row_at(i, block, agents.decisions)
        if row >= 0:
            call_at(where, (np.int64(i), row, agents.decisions, block, day))
    for i in range(NONE, np.uint64(end)):
        ended += _decided(i, work, where)
    return ended


@inline
def _row_at(i, block, decisions):
    owner, other = block.ends[blocks.OWNER + i], block.ends[blocks.OTHER + i]
    return row_of(np.int64(owner), np.int64(other), decisions)


@inline_always
def _decided(i, work, alone):
    """Let a talk of two humans go as was decided, if it was; return 1 if a tie ends."""
    agents, _, day, block = work
    agent = np.int64(block.ends[blocks.OWNER + i])
    other = np.int64(block.ends[blocks.OTHER + i])
    row = _row_at(i, block, agents.decisions)
    if row < 0 or other >= day.n_humans:
        return 0
    call_at(alone, (np.int64(i), row, agents.decisions, block, day))
    own, back = block.came[blocks.OWN + i], block.came[blocks.BACK + i]
    tie = TieState(own, back, np.int64(block.ends[blocks.KIND + i]))
    own, back, kind = _after_acts(row, tie, agent, other, agents, day)
    return blocks.conclude(i, TieState(own, back, kind), block, day)


@part
def talk_alone(i, row, decisions, block, day):
    """Write what comes of the talk along one half-edge of a block, as it was decided.

    What was decided stands in a row of ``decisions``; -1 leaves all to chance.
    """
    i, ends = np.uint64(i), block.ends
    inputs = blocks.random_inputs(i, block, day)
    if row >= 0:
        inputs = _decided_inputs(row, inputs, decisions, day)
    last = max(ends[blocks.OWNER + i], ends[blocks.OTHER + i])
    if last < day.n_humans:
        own, back = blocks.talk_of_humans(i, inputs, block, day)
        block.came[blocks.OWN + i], block.came[blocks.BACK + i] = own, back
    else:
        blocks.talk_with_oses(i, inputs, block, day)
    return 0


@inline
def _decided_inputs(row, drawn, decisions, day):
    """Return the inputs of a talk of which minds have decided something."""
    own = either(decisions.quality[row], drawn.own_draw)
    others = either(decisions.others_quality[row], drawn.other_draw)
    attendance = 1.0 if decisions.held[row] else 0.0
    novelty = formulas.talk_quality(decisions.novelty[row], day.warmth_noise)
    return TalkInputs(own, others, attendance, novelty)


@inline_source
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


@inline_source
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


@inline_source
def _end_sums(agent, users, humans, day):
    if agent >= day.n_humans:
        return
    if humans.human_closeness[agent] > 0.0:
        humans.surroundings[agent] /= humans.human_closeness[agent]
    if humans.os[agent] < 0:
        contacts = humans.human_ties[agent]
        humans.exposure[agent] = users / contacts if contacts > 0 else 0.0
