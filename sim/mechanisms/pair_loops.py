"""The two processes over ties, for societies in which parameters differ by agent.

They are the loops of ``sim.model.kernels.talk`` around the same rules and helpers, but
what a pair does is worked out with the constants of that pair. Either end of a tie
holds both closenesses, so both must find the same: what an end feels follows from its
own constants, seen from either side, and what is of the pair is the same from both.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba.core import types
from numba.extending import overload

from sim.engine import jit
from sim.engine.jit import inline_always, inline_source
from sim.mechanisms.heterogeneity import EACH_OWN, OF_BOTH, OF_EITHER
from sim.model.kernels import blocks
from sim.model.kernels.blocks import (
    NONE,
    ONE,
    OTHERS,
    Constants,
    TieState,
    Work,
    constants,
    fill,
    new_block,
    show_faces,
)
from sim.model.kernels.talk import (
    RATE,
    _begin_sums,
    _compare,
    _end_sums,
    _human_takes_in,
    _lose_touch,
    _os_takes_in,
    _oses_of_human,
    _see_users,
    hours_of,
    is_gone,
    is_here,
)
from sim.utils.source import digest_of
from sim.utils.typing import Array

# Parameters of one group are all looked up by agent if any of them differs: so there
# are few kinds of loops to compile, whatever differs.
GROUPS = {
    "own": EACH_OWN,
    "pair": (*OF_EITHER, *OF_BOTH),
    "hours": (
        *("attention_growth", "human_attention", "os_attention"),
        "stranger_reserve",
    ),
}
FIELDS = tuple(name for group in GROUPS.values() for name in group)


class ByAgent(NamedTuple):
    """A parameter by agent, or one value for all, at which every agent is looked up.

    A value of a pair is of the one of its two ends that has a number, nan at the other.
    """

    values: Any  # float64[agents], or float64[1]
    step: Any  # uint64: 1, or 0


# By parameter a ByAgent, or None where all of its group are the same for all.
Values = NamedTuple("Values", [(name, Any) for name in FIELDS])  # type: ignore[misc]


class Hours(NamedTuple):
    """What an agent's hours follow from."""

    human_attention: Any
    os_attention: Any
    attention_growth: Any
    n_humans: Any


def values_of(arrays: Mapping[str, Array], day: Any) -> Any:
    """Return ``Values`` of arrays by parameter; others are as in a day's record."""
    found: dict[str, ByAgent | None] = {}
    for group in GROUPS.values():
        for name in group:
            own, usual = arrays.get(name), np.array([float(day[name])])
            column = ByAgent(usual, NONE) if own is None else ByAgent(own, ONE)
            found[name] = column if not arrays.keys().isdisjoint(group) else None
    return Values(*(found[name] for name in FIELDS))


def pick(column: Any, usual: Any, at: Any) -> Any:
    """Return an agent's own value, or the usual one where all have the same."""
    return usual if column is None else column.values[at * column.step]


@inline_always
def of_pair(column: Any, usual: Any, one: Any, other: Any) -> Any:
    """Return the value of a human and an OS: that of the one of them that has it."""
    first, second = pick(column, usual, one), pick(column, usual, other)
    return first if first == first else second


@inline_always
def lesser(column: Any, usual: Any, one: Any, other: Any) -> Any:
    """Return the lesser value of a pair."""
    return min(pick(column, usual, one), pick(column, usual, other))


def is_given(column: Any) -> bool:
    """Tell whether a column is there."""
    return column is not None


_LEAN = {"_nrt": False, "error_model": "numpy", "forceinline": True}


@overload(pick, jit_options=_LEAN)
def _pick(column, usual, at):
    if isinstance(column, types.NoneType):  # type: ignore[attr-defined]
        return lambda column, usual, at: usual
    return lambda column, usual, at: column.values[np.uint64(at) * column.step]


@overload(is_given, jit_options=_LEAN)
def _is_given(column):
    found = not isinstance(column, types.NoneType)  # type: ignore[attr-defined]
    return lambda column: found


@inline_always
def _seen_by(end, one, other, usual, v):
    """Return the constants by which an end of a pair feels what it does."""
    return Constants(  # type: ignore[call-arg]
        usual.close,
        pick(v.comfort, usual.comfort, end),
        usual.comforting,
        pick(v.cooling, usual.cooling, end),
        usual.focus,
        usual.forgotten,
        pick(v.half_hours, usual.half_hours, end),
        pick(v.human_warmth, usual.human_warmth, end),
        usual.key_affinity,
        usual.key_warmth,
        usual.love,
        usual.n_humans,
        of_pair(v.os_charm, usual.os_charm, one, other),
        pick(v.os_cooling, usual.os_cooling, end),
        pick(v.os_reserve, usual.os_reserve, end),
        of_pair(v.os_warmth, usual.os_warmth, one, other),
        pick(v.partner_cooling, usual.partner_cooling, end),
        lesser(v.peer_affinity, usual.peer_affinity, one, other),
        usual.peer_depth,
        lesser(v.peers, usual.peers, one, other),
        usual.reach,
        pick(v.stigma, usual.stigma, end),
        pick(v.surrogates, usual.surrogates, end),
        pick(v.touch_wear, usual.touch_wear, end),
        pick(v.warming, usual.warming, end),
        pick(v.warmth_noise, usual.warmth_noise, end),
    )


# ------------------------------------------------------------------------- attend


def _attend(first, last, work, v):
    """Write each agent's offer, as ``talk.attend`` does."""
    agents, ties, day, block = work
    faces, worth = agents.faces, block.came
    agent, k, total = first, 0, 0.0
    while agent < last:
        upto, part, end, os_end = fill(agent, k, last, work)
        _compare(end, os_end, work)
        _weigh(end, os_end, block, day, v)
        row = NONE if agent < day.n_humans else OTHERS
        while agent < upto or k < part:
            if k == 0:
                total = pick(v.stranger_reserve, day.stranger_reserve, agent)
            degree = ties.degree[agent] if agent < upto else part
            for i in range(row, row + np.uint64(degree - k)):
                total += worth[blocks.WORTH + i]
            row, k = row + np.uint64(degree - k), degree
            if agent == upto:
                break
            here = is_here(faces, agent, day)
            hours = _hours(faces, agent, day, v)
            faces[agent, RATE] = hours / total if here else 0.0
            agent, k = agent + 1, 0


@inline_source
def _hours(faces, agent, day, v):
    own = Hours(
        pick(v.human_attention, day.human_attention, agent),
        pick(v.os_attention, day.os_attention, agent),
        pick(v.attention_growth, day.attention_growth, agent),
        day.n_humans,
    )
    return hours_of(faces, agent, own)


@inline_source
def _weigh(end, os_end, block, day, v):
    """Write how much attention half-edges draw, as ``blocks.weigh`` does."""
    ends, seen, came, usual = block.ends, block.seen, block.came, constants(day)
    for i in range(NONE, end):
        worth, _ = blocks.worths(seen[blocks.GAP + i], usual)
        closeness = seen[blocks.CLOSENESS + i]
        came[blocks.WORTH + i] = blocks.weight(closeness, worth, False, usual)
    for i in range(OTHERS, os_end):
        one, other = ends[blocks.OWNER + i], ends[blocks.OTHER + i]
        own_os, its_os = one >= usual.n_humans, other >= usual.n_humans
        pair = _seen_by(one, one, other, usual, v)
        gap, younger = seen[blocks.GAP + i], seen[blocks.YOUNGER + i]
        worth, _ = blocks.worths_with_oses(gap, younger, own_os & its_os, pair)
        charmed, closeness = its_os & (not own_os), seen[blocks.CLOSENESS + i]
        came[blocks.WORTH + i] = blocks.weight(closeness, worth, charmed, pair)
    if end > NONE:
        for i in range(OTHERS, os_end):
            came[blocks.WORTH + block.row[i]] = came[blocks.WORTH + i]


# ----------------------------------------------------------------------- converse


def _converse(first, last, work, v, usual):
    """Write each agent's ties and sums, as ``talk.converse`` does.

    ``work.day`` is a copy of ``usual``, and is written to.
    """
    agents, ties, day, block = work
    for agent in range(max(first, day.n_humans), last):
        if is_gone(agents.faces, agent, day):
            ties.degree[agent] = 0
    agent, k, kept, users = first, 0, 0, 0
    while agent < last:
        upto, part, end, os_end = fill(agent, k, last, work)
        for rows in ((NONE, end), (OTHERS, os_end)):
            show_faces(rows[0], rows[1], work)
        _see_users(end, agents.humans, day, block)
        if _talk(end, os_end, block, usual, v) > 0:
            _lose_touch(end, agents.humans, day, block)
        row, os_row = NONE, OTHERS
        while agent < upto or k < part:
            if k == 0:
                _begin_sums(agent, agents, day)
                kept, users = 0, 0
            until = ties.degree[agent] if agent < upto else part
            if agent < day.n_humans:
                os_row = _of_human(agent, k, until, row, os_row, os_end, work, v, usual)
                kept, users = _human_takes_in(agent, k, until, row, kept, users, work)
                row += np.uint64(until - k)
            else:
                kept = _of_os(agent, k, until, os_row, kept, work, v, usual)
                os_row += np.uint64(until - k)
            k = until
            if agent == upto:
                break
            ties.degree[agent] = kept
            _end_sums(agent, users, agents.humans, day)
            agent, k = agent + 1, 0


@inline_source
def _talk(end, os_end, block, day, v):
    """Write what comes of talk: for either end of a tie by that end's constants.

    Returns how many ties between humans end.
    """
    ended, usual, ends, came = 0, constants(day), block.ends, block.came
    for i in range(NONE, end):
        one, other = ends[blocks.OWNER + i], ends[blocks.OTHER + i]
        inputs = blocks.random_inputs(i, block, usual)
        its = _seen_by(other, one, other, usual, v)
        _, back = blocks.talk_of_humans(i, inputs, block, its)
        own = _seen_by(one, one, other, usual, v)
        felt, _ = blocks.talk_of_humans(i, inputs, block, own)
        tie = TieState(felt, back, ends[blocks.KIND + i])
        ended += blocks.conclude(i, tie, block, usual)
    for i in range(OTHERS, os_end):
        one, other = ends[blocks.OWNER + i], ends[blocks.OTHER + i]
        inputs = blocks.random_inputs(i, block, usual)
        its = _seen_by(other, one, other, usual, v)
        blocks.talk_with_oses(i, inputs, block, its)
        back = came[blocks.BACK + i]
        own = _seen_by(one, one, other, usual, v)
        blocks.talk_with_oses(i, inputs, block, own)
        came[blocks.BACK + i] = back
    return ended


@inline_source
def _of_human(agent, first, until, row, os_row, os_end, work, v, usual):
    """Let a human take in its ties to OSes; return the next row of the second part."""
    if not is_given(v.ardour):
        return _oses_of_human(agent, first, until, row, os_row, os_end, work)
    block, end = work.block, row + np.uint64(until - first)
    while os_row < os_end and block.row[os_row] < end:
        other = block.ends[blocks.OTHER + os_row]
        _set_acts(np.int64(agent), np.int64(other), work.day, v, usual)
        one = os_row + ONE
        os_row = _oses_of_human(agent, first, until, row, os_row, one, work)
    return os_row


@inline_source
def _of_os(agent, first, until, row, kept, work, v, usual):
    """Let an OS take in its ties; return how many go on."""
    if not is_given(v.ardour):
        return _os_takes_in(agent, first, until, row, kept, work)
    ties = work.ties
    for k in range(first, until):
        other = np.int64(ties.neighbour[ties.start[agent] + k])
        _set_acts(np.int64(agent), other, work.day, v, usual)
        kept = _os_takes_in(agent, k, k + 1, row, kept, work)
        row += ONE
    return kept


@inline_source
def _set_acts(one, other, day, v, usual):
    """Let a day's record hold what a pair has of ``ACTS``."""
    day.anticipation = of_pair(v.anticipation, usual.anticipation, one, other)
    day.ardour = of_pair(v.ardour, usual.ardour, one, other)
    day.disclosure = of_pair(v.disclosure, usual.disclosure, one, other)
    day.farewell = of_pair(v.farewell, usual.farewell, one, other)
    day.jealousy = of_pair(v.jealousy, usual.jealousy, one, other)
    day.letting_go = of_pair(v.letting_go, usual.letting_go, one, other)
    day.persistence = of_pair(v.persistence, usual.persistence, one, other)
    day.unease = of_pair(v.unease, usual.unease, one, other)


# -------------------------------------------------------------------------- ranges


@functools.cache
def _loop(function: Any) -> Any:
    """Return a loop, kept beside those of the model."""
    name = f"pairs{function.__name__}-{digest_of([Path(__file__)])}"
    return jit.own_kernel(function, name, is_checked=False)


def run(
    phase: str, v: Any, first: int, last: int, agents: Any, ties: Any, day: Any
) -> None:
    """Run ``attend`` or ``converse`` for a range of agents.

    Parameters
    ----------
    phase
        Which of the two.
    v
        ``Values`` of what differs.
    first, last
        The range.
    agents, ties, day
        What the process takes: columns of agents, ties, and the record of the day.
    """
    if phase == "attend":
        _loop(_attend)(first, last, Work(agents, ties, day, new_block()), v)
        return
    work = Work(agents, ties, day.copy(), new_block())
    _loop(_converse)(first, last, work, v, day)
