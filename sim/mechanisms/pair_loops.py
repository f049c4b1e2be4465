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
from sim.model.codes import TieState
from sim.model.kernels import blocks
from sim.model.kernels.blocks import (
    CONSTANTS,
    NONE,
    ONE,
    OTHERS,
    ROOM,
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
    drawn_by_oses,
    find_half_edges,
    hours_of,
    is_gone,
    is_here,
    settle_tie,
    share_out_time,
    show_offers,
)
from sim.utils.source import digest_of
from sim.utils.typing import Array

# If any parameter of a group differs all of it are looked up by agent: so there are few
# kinds of loops to compile, whatever differs. What is each end's own is one group more.
GROUPS = {
    "pair": (*OF_EITHER, *OF_BOTH),
    "hours": (
        *("attention_growth", "displacement", "human_attention", "os_attention"),
        "stranger_reserve",
    ),
}
FIELDS = tuple(name for group in GROUPS.values() for name in group)

# Columns of a block, after those in ``came``: what is each end's own.
MINE = np.uint64(6) * ROOM
ITS = np.uint64(len(EACH_OWN)) * ROOM  # from that of the owner to that of the other
_AT = {name: MINE + np.uint64(i) * ROOM for i, name in enumerate(EACH_OWN)}


class ByAgent(NamedTuple):
    """A parameter by agent, or one value for all, at which every agent is looked up.

    A value of a pair is of the one of its two ends that has a number, nan at the other.
    """

    values: Any  # float64[agents], or float64[1]
    step: Any  # uint64: 1, or 0


class EachOwn(NamedTuple):
    """What is each end's own on a tie, as far as it differs."""

    which: Any  # uint64[parameters]: the place of each in EACH_OWN
    values: Any  # float64[parameters, agents]


# By parameter a ByAgent, or None where all of its group are the same for all; ``own``
# is an EachOwn, or None.
Values = NamedTuple("Values", [(name, Any) for name in (*FIELDS, "own")])  # type: ignore[misc]


class Hours(NamedTuple):
    """What an agent's hours follow from."""

    human_attention: Any
    os_attention: Any
    attention_growth: Any
    n_humans: Any


class PairConstants(NamedTuple):
    """What of a pair its talk follows from."""

    os_charm: Any
    os_warmth: Any
    peer_affinity: Any
    peers: Any


def values_of(arrays: Mapping[str, Array], day: Any) -> Any:
    """Return ``Values`` of arrays by parameter; others are as in a day's record."""
    found: dict[str, ByAgent | None] = {}
    for group in GROUPS.values():
        for name in group:
            own, usual = arrays.get(name), np.array([float(day[name])])
            column = ByAgent(usual, NONE) if own is None else ByAgent(own, ONE)
            found[name] = column if not arrays.keys().isdisjoint(group) else None
    names = [name for name in EACH_OWN if name in arrays]
    which = np.array([EACH_OWN.index(name) for name in names], np.uint64)
    each = EachOwn(which, np.stack([arrays[name] for name in names])) if names else None
    return Values(*(found[name] for name in FIELDS), each)  # type: ignore[call-arg]


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


def at_row(own: Any, came: Any, usual: Any, at: Any) -> Any:
    """Return what an end has of its own by the columns of a block, or the usual."""
    return usual if own is None else came[at]


def show_own(own: Any, first: Any, last: Any, ends: Any, came: Any) -> None:
    """Write what either end has of its own to rows of a block."""
    for j in range(0 if own is None else len(own.which)):
        at = MINE + own.which[j] * ROOM
        for i in range(first, last):
            came[at + i] = own.values[j, np.uint64(ends[blocks.OWNER + i])]
            came[at + ITS + i] = own.values[j, np.uint64(ends[blocks.OTHER + i])]


_LEAN = {"_nrt": False, "error_model": "numpy", "forceinline": True}


def _is_absent(kind: Any) -> bool:
    return isinstance(kind, types.NoneType)  # type: ignore[attr-defined]


@overload(pick, jit_options=_LEAN)
def _pick(column, usual, at):
    if _is_absent(column):
        return lambda column, usual, at: usual
    return lambda column, usual, at: column.values[np.uint64(at) * column.step]


@overload(is_given, jit_options=_LEAN)
def _is_given(column):
    found = not _is_absent(column)
    return lambda column: found


@overload(at_row, jit_options=_LEAN)
def _at_row(own, came, usual, at):
    if _is_absent(own):
        return lambda own, came, usual, at: usual
    return lambda own, came, usual, at: came[at]


@overload(show_own, jit_options=_LEAN)
def _show_own(own, first, last, ends, came):
    if _is_absent(own):
        return lambda own, first, last, ends, came: None

    def write(own, first, last, ends, came):
        for j in range(own.which.shape[0]):
            at = MINE + own.which[j] * ROOM
            for i in range(first, last):
                came[at + i] = own.values[j, np.uint64(ends[blocks.OWNER + i])]
                came[at + ITS + i] = own.values[j, np.uint64(ends[blocks.OTHER + i])]

    return write


def _felt() -> str:
    """Return the source of ``_felt_at``, for the constants that there are."""
    given = {name: f"usual.{name}" for name in CONSTANTS}
    given |= {
        name: f"at_row(own, came, usual.{name}, _AT_{name} + i)" for name in EACH_OWN
    }
    given |= {name: f"pair.{name}" for name in PairConstants._fields}
    listed = "".join(f"        {given[name]},\n" for name in CONSTANTS)
    head = "@inline_always\ndef _felt_at(i, pair, own, came, usual):\n"
    return f"{head}    return blocks.Constants(\n{listed}    )\n"


def _made(text: str, name: str) -> Any:
    """Return the function that a source defines, with what is known here by now."""
    space = {**globals(), **{f"_AT_{name}": at for name, at in _AT.items()}}
    exec(compile(text, __file__, "exec"), space)
    return space[name]


# The constants by which an end of a pair feels what it does: ``i`` is the row of a
# block, and ``ITS`` more for the other end.
_felt_at = _made(_felt(), "_felt_at")


def _acts() -> str:
    """Return the source of ``_set_acts``, for the parameters that there are."""
    own = [name for name in OF_EITHER if name not in PairConstants._fields]
    lines = "".join(
        f"    day.{name} = of_pair(v.{name}, usual.{name}, one, other)\n"
        for name in own
    )
    head = "@inline_source\ndef _set_acts(one, other, day, v, usual):\n"
    return head + (lines or "    return")


# Lets a day's record hold what a pair has of the parameters of either.
_set_acts = _made(_acts(), "_set_acts")


@inline_always
def _pair_of(one, other, usual, v):
    return PairConstants(
        of_pair(v.os_charm, usual.os_charm, one, other),
        of_pair(v.os_warmth, usual.os_warmth, one, other),
        lesser(v.peer_affinity, usual.peer_affinity, one, other),
        lesser(v.peers, usual.peers, one, other),
    )


# ------------------------------------------------------------------------- attend


def _attend(first, last, work, v):
    """Write each agent's offer, as ``talk.attend`` does."""
    agents, ties, day, block = work
    faces, worth = agents.faces, block.came
    agent, k, total, drawn = first, 0, 0.0, 0.0
    while agent < last:
        upto, part, end, os_end = fill(agent, k, last, work)
        _compare(end, os_end, work)
        _weigh(end, os_end, block, day, v)
        row, os_row = NONE if agent < day.n_humans else OTHERS, OTHERS
        while agent < upto or k < part:
            if k == 0:
                total = pick(v.stranger_reserve, day.stranger_reserve, agent)
                drawn = 0.0
            degree = ties.degree[agent] if agent < upto else part
            for i in range(row, row + np.uint64(degree - k)):
                total += worth[blocks.WORTH + i]
            row, k = row + np.uint64(degree - k), degree
            if agent < day.n_humans:
                more, os_row = drawn_by_oses(os_row, os_end, row, block)
                drawn += more
            if agent == upto:
                break
            here = is_here(faces, agent, day)
            hours = _hours(agents, agent, day, v)
            faces[agent, RATE] = hours / total if here else 0.0
            if agent < day.n_humans:
                displacement = pick(v.displacement, day.displacement, agent)
                share_out_time(agent, total, drawn, displacement, agents)
            agent, k = agent + 1, 0


@inline_source
def _hours(agents, agent, day, v):
    own = Hours(
        pick(v.human_attention, day.human_attention, agent),
        pick(v.os_attention, day.os_attention, agent),
        pick(v.attention_growth, day.attention_growth, agent),
        day.n_humans,
    )
    return hours_of(agents, agent, own)


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
        pair = _felt_at(i, _pair_of(one, other, usual, v), None, came, usual)
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
        show_offers(OTHERS, os_end, work)
        _see_users(end, agents.humans, day, block)
        if _talk(end, os_end, block, usual, v) > 0:
            _lose_touch(end, agents.humans, day, block)
        _settle(agent, k, os_end, work, v, usual)
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


@inline_source
def _talk(end, os_end, block, day, v):
    """Write what comes of talk: for either end of a tie by that end's constants.

    Returns how many ties between humans end.
    """
    ended, usual, ends, came = 0, constants(day), block.ends, block.came
    same = PairConstants(
        usual.os_charm, usual.os_warmth, usual.peer_affinity, usual.peers
    )
    show_own(v.own, NONE, end, ends, came)
    for i in range(NONE, end):
        inputs = blocks.random_inputs(i, block, usual)
        its = _felt_at(ITS + i, same, v.own, came, usual)
        _, back = blocks.talk_of_humans(i, inputs, block, its)
        own = _felt_at(i, same, v.own, came, usual)
        felt, _ = blocks.talk_of_humans(i, inputs, block, own)
        tie = TieState(felt, back, ends[blocks.KIND + i])
        ended += blocks.conclude(i, tie, block, usual)
    show_own(v.own, OTHERS, os_end, ends, came)
    for i in range(OTHERS, os_end):
        pair = _pair_of(ends[blocks.OWNER + i], ends[blocks.OTHER + i], usual, v)
        inputs = blocks.random_inputs(i, block, usual)
        its = _felt_at(ITS + i, pair, v.own, came, usual)
        blocks.talk_with_oses(i, inputs, block, its)
        back = came[blocks.BACK + i]
        own = _felt_at(i, pair, v.own, came, usual)
        blocks.talk_with_oses(i, inputs, block, own)
        came[blocks.BACK + i] = back
    return ended


@inline_source
def _settle(agent, k, os_end, work, v, usual):
    """Write what becomes of ties with OSes: each by what its two ends have."""
    find_half_edges(agent, k, os_end, work)
    for i in range(OTHERS, os_end):
        if is_given(v.os_warmth):
            ends = work.block.ends
            one, other = ends[blocks.OWNER + i], ends[blocks.OTHER + i]
            _set_acts(np.int64(one), np.int64(other), work.day, v, usual)
        settle_tie(i, work)


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
    block = new_block()
    if v.own is not None:
        usual = [np.full(int(ROOM), float(day[name])) for name in EACH_OWN]
        block = block._replace(came=np.concatenate([block.came, *usual, *usual]))
    work = Work(agents, ties, day.copy(), block)
    _loop(_converse)(first, last, work, v, day)
