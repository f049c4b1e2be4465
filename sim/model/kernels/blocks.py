"""Blocks of half-edges, gathered and processed many at a time.

The half-edges of an agent lie side by side, but what neighbours show lies anywhere. So
a block is filled first: of each half-edge, all that its two ends show is copied into
columns of a fixed length. Loops over those columns look nowhere else and never branch,
so that a processor works out several half-edges with one instruction; and what came of
each is then taken in by its agent, in the order of its ties.

The half-edges of humans fill the first part of a block, row by row in their order;
those of OSes fill the second. A human's with an OS has a row in either: in the second
part its talk is worked out, with that of others of its kind, and what came of it is
written to its row in the first. The parts end before the rows ``end`` and ``os_end``.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numba.extending
import numpy as np
from numba.core import types

from sim.engine import simd
from sim.engine.jit import inline_always, inline_source, part
from sim.engine.rng import draw, each_of, name_of
from sim.engine.simd import broadcast, copy_span, prefetch, transpose8
from sim.model import codes, formulas, sockets
from sim.model.codes import FACE_COLUMNS, TieState, TwoHumans
from sim.model.mechanisms import SUBMODELS
from sim.utils.typing import Array

# Indices have no sign: else every access would first ask whether it counts from behind.
NONE, ONE = np.uint64(0), np.uint64(1)
LENGTH = np.uint64(512)  # half-edges in a block, which stays in the nearest caches
MARGIN = np.uint64(simd.SPAN)  # rows after the last that may be written in vain
OTHERS = LENGTH + MARGIN  # first row of the second part
ROOM = OTHERS + OTHERS

# Flags, as the columns of a block hold them.
NO_FLAG, KEPT_ON = np.uint32(0), np.uint32(1)
IS_PARTNER, IS_OWNER = np.uint32(codes.PARTNER), np.uint32(codes.OWNER)
WAS_CLOSE, NOTHING = np.uint32(codes.WAS_CLOSE), np.float32(0.0)

# Columns begin at these places. "Its" is what the neighbour shows.
_places = ROOM * np.arange(6 + 2 * len(FACE_COLUMNS), dtype=np.uint64)
CLOSENESS, RETURNED = _places[:2]
GROWTH, RATE, OPENNESS, PLAYFULNESS, ACCEPTANCE, LOVE, TOUCH, MOOD = _places[2:10]
ITS_GROWTH, ITS_RATE, ITS_OPENNESS, ITS_PLAYFULNESS = _places[10:14]
ITS_ACCEPTANCE, ITS_LOVE, ITS_TOUCH, ITS_MOOD = _places[14:18]
# What two humans feel after their talk, and its part in the sums of who owns the row.
NEW, NEW_BACK, NEAR, AROUND = _places[18:]
GAP, YOUNGER = _places[3:5]  # of growth; while attention is shared out
OWNER, OTHER, KIND, NEW_KIND, KEPT, USES = _places[:6]  # in ``ends``
OWN, BACK, HOURS, HEARD, WORTH, MOURNED = _places[:6]  # in ``came``


class Block(NamedTuple):
    """Room for a block.

    With more arrays to write to, a loop would not be worked out several rows at a
    time: it would first have to make sure that none of them overlaps with another.
    """

    ends: Array  # uint32[6 * ROOM]: who, flags before and after; 1 if it goes on
    seen: Array  # float32[columns * ROOM]: closeness both ways, what both ends show
    came: Array  # float64[6 * ROOM]: what came of it
    # uint64[2 * ROOM]: by row of the second part, a human's in the first; half-edges
    row: Array


class Work(NamedTuple):
    """All that a loop over half-edges is about."""

    agents: Any  # sim.model.state.Agents
    ties: Any  # sim.engine.ties.TieArrays
    day: Any  # record of constants, keys and calendar
    block: Block


def new_block() -> Block:
    """Return room for a block."""
    room = int(ROOM)
    ends, seen = np.empty(6 * room, np.uint32), np.empty(len(_places) * room, "f4")
    return Block(ends, seen, np.empty(6 * room), np.empty(2 * room, np.uint64))


_KEPT = threading.local()


def kept_block() -> Block:
    """Return the room for a block that this thread has, as the last loop left it."""
    known: Block | None = getattr(_KEPT, "block", None)
    if known is None:
        known = _KEPT.block = new_block()
    return known


# What loops over a block need of a day's record: parameters, and keys of streams.
_OF_THE_CORE = (
    *("close", "cooling", "focus", "forgotten", "half_hours", "key_affinity"),
    *("key_warmth", "love", "n_humans", "os_charm", "os_cooling", "os_reserve"),
    *("os_warmth", "partner_cooling", "peer_affinity", "peer_depth", "peers", "reach"),
    *("warming", "warmth_noise"),
)
_OF_MECHANISMS = (name for one in SUBMODELS for name in one.in_talk)
CONSTANTS = tuple(sorted({*_OF_THE_CORE, *_OF_MECHANISMS}))
Constants = NamedTuple("Constants", [(name, Any) for name in CONSTANTS])  # type: ignore[misc]


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def constants(_typing: Any, day: Any) -> Any:
    """Return the ``CONSTANTS`` of a day's record, each read once.

    Where a rule takes one constant or another, a loop would else fetch the one that
    counts for each half-edge anew, which is slow, or cannot be done many at a time.
    """
    kinds = [day.typeof(name) for name in CONSTANTS]
    result = types.NamedTuple(kinds, Constants)  # type: ignore[attr-defined]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        record, values = signature.args[0], []
        for name in CONSTANTS:
            read = context.get_getattr(record, name)
            values.append(read(context, builder, record, arguments[0], name))
        return context.make_tuple(builder, result, values)

    return result(day), generate


class TalkInputs(NamedTuple):
    """What the talk along a half-edge depends on beside the state of its two ends."""

    own_draw: Any  # 0..1: how it goes for the owner of the half-edge
    other_draw: Any  # 0..1: the same for the other
    attendance: Any  # share of the hours that are talked: 1, or 0 for no talk
    novelty: Any  # factor of what the owner hears; 1 is usual


@inline_always
def worths(gap, day):
    """Return what an hour is worth to either end of a pair with a gap in growth."""
    less = formulas.talk_value(abs(gap), day.reach)
    return less if gap > 0.0 else 1.0, less if gap < 0.0 else 1.0


@inline_always
def worths_with_oses(gap, younger, both, day):
    """Return the same where OSes take part: two OSes talk of what they have become."""
    to_own, to_other = worths(gap, day)
    factor = (
        day.peer_affinity * day.peers * formulas.peer_value(younger, day.peer_depth)
    )
    factor = factor if both else 1.0
    return to_own * factor, to_other * factor


@inline_always
def weight(closeness, worth, charmed, day):
    """Return the weight of a tie in somebody's attention."""
    worth = worth * day.os_charm if charmed else worth
    return formulas.attention_weight(closeness, day.focus, worth)


@part
def weigh(end, os_end, block, day):
    """Write how much of its owner's attention each half-edge of a block draws."""
    end, os_end = np.uint64(end), np.uint64(os_end)
    ends, seen, came, day = block.ends, block.seen, block.came, constants(day)
    for i in range(NONE, end):
        worth, _ = worths(seen[GAP + i], day)
        came[WORTH + i] = weight(seen[CLOSENESS + i], worth, False, day)
    for i in range(OTHERS, os_end):
        own, other = ends[OWNER + i] >= day.n_humans, ends[OTHER + i] >= day.n_humans
        gap, younger = seen[GAP + i], seen[YOUNGER + i]
        worth, _ = worths_with_oses(gap, younger, own & other, day)
        charmed = other & (not own)
        came[WORTH + i] = weight(seen[CLOSENESS + i], worth, charmed, day)
    if end > NONE:
        for i in range(OTHERS, os_end):
            came[WORTH + block.row[i]] = came[WORTH + i]
    return 0


@part
def talk(end, os_end, block, day):
    """Write what comes of the day's talk along each half-edge of a block, by chance.

    Returns how many ties between humans end.
    """
    end, os_end = np.uint64(end), np.uint64(os_end)
    ended, day = 0, constants(day)
    for i in range(NONE, end):
        inputs = random_inputs(i, block, day)
        own, returned = talk_of_humans(i, inputs, block, day)
        ended += conclude(i, TieState(own, returned, block.ends[KIND + i]), block, day)
    for i in range(OTHERS, os_end):
        talk_with_oses(i, random_inputs(i, block, day), block, day)
    return ended


@inline_always
def random_inputs(i, block, day):
    """Return the inputs of the talk of half-edge ``i`` where no mind decides any."""
    owner, other = block.ends[OWNER + i], block.ends[OTHER + i]
    own, others = each_of(day.key_warmth, name_of(owner, other), owner < other)
    return TalkInputs(own, others, 1.0, 1.0)


@inline_always
def conclude(i, tie, block, day):
    """Write the tie of two humans after their talk; return 1 if it ends.

    What is forgotten adds nothing to any sum.
    """
    ends, seen, came = block.ends, block.seen, block.came
    own, returned = np.float32(tie.own), np.float32(tie.returned)
    kind = np.uint32(tie.kind)
    most = max(own, returned)
    kind |= WAS_CLOSE if most >= day.close else NO_FLAG
    seen[NEW + i], seen[NEW_BACK + i], ends[NEW_KIND + i] = own, returned, kind
    lost = is_forgotten(most, kind, day)
    kept = NO_FLAG if lost else KEPT_ON
    ends[KEPT + i], ends[USES + i] = kept, ends[USES + i] & kept
    near = NOTHING if lost else own
    seen[NEAR + i], seen[AROUND + i] = near, near * seen[ITS_ACCEPTANCE + i]
    came[HOURS + i] = 0.0 if lost else came[HOURS + i]
    came[HEARD + i] = 0.0 if lost else came[HEARD + i]
    return np.int64(lost)


@inline_always
def is_forgotten(most, kind, day):
    """Tell whether a tie is lost that is at most so close either way."""
    return (most < day.forgotten) & (kind & IS_OWNER == NO_FLAG)


@inline_always
def talk_of_humans(i, inputs, block, day):
    """Write hours of the talk of two humans; return closeness both ways after it."""
    seen = block.seen
    gap = seen[GROWTH + i] - seen[ITS_GROWTH + i]
    to_own, to_other = worths(gap, day)
    offer = weight(seen[CLOSENESS + i], to_own, False, day)
    answer = weight(seen[RETURNED + i], to_other, False, day)
    two = TwoHumans(
        seen[ACCEPTANCE + i],
        seen[ITS_ACCEPTANCE + i],
        seen[LOVE + i],
        seen[ITS_LOVE + i],
        seen[MOOD + i],
        seen[ITS_MOOD + i],
    )
    opening = sockets.warmth_between_humans(1.0, two, day)
    rate = day.partner_cooling if block.ends[KIND + i] & IS_PARTNER > 0 else day.cooling
    share = _talk(i, offer, answer, to_own, inputs, block, day)
    own, back = seen[CLOSENESS + i], seen[RETURNED + i]
    own = _after_talk(own, share * to_own, opening, inputs.own_draw, rate, day)
    back = _after_talk(back, share * to_other, opening, inputs.other_draw, rate, day)
    return own, back


@inline_always
def talk_with_oses(i, inputs, block, day):
    """Write what comes of the talk of a human and an OS, or of two OSes."""
    seen = block.seen
    own_os = block.ends[OWNER + i] >= day.n_humans
    its_os = block.ends[OTHER + i] >= day.n_humans
    both = own_os & its_os
    growth, its_growth = seen[GROWTH + i], seen[ITS_GROWTH + i]
    younger = min(growth, its_growth)
    to_own, to_other = worths_with_oses(growth - its_growth, younger, both, day)
    offer = weight(seen[CLOSENESS + i], to_own, not own_os, day)
    answer = weight(seen[RETURNED + i], to_other, not its_os, day)
    open_to_it = (
        formulas.receptiveness(seen[ACCEPTANCE + i], day.os_reserve) * day.os_warmth
    )
    other_open = formulas.receptiveness(seen[ITS_ACCEPTANCE + i], day.os_reserve)
    opening = 1.0 if own_os else open_to_it
    other_opening = 1.0 if its_os else other_open * day.os_warmth
    rate = day.partner_cooling if block.ends[KIND + i] & IS_PARTNER > 0 else day.cooling
    rate = day.os_cooling if both else rate
    longs = (seen[CLOSENESS + i] >= day.love) & (not own_os)
    other_longs = (seen[RETURNED + i] >= day.love) & (not its_os)
    longing = sockets.cooling_of_love(rate, seen[TOUCH + i], day)
    other_longing = sockets.cooling_of_love(rate, seen[ITS_TOUCH + i], day)
    own_rate = longing if longs else rate
    other_rate = other_longing if other_longs else rate
    share = _talk(i, offer, answer, to_own, inputs, block, day)
    own, back = seen[CLOSENESS + i], seen[RETURNED + i]
    fit, other_fit = share * to_own, share * to_other
    own = _after_talk(own, fit, opening, inputs.own_draw, own_rate, day)
    other_draw = inputs.other_draw
    back = _after_talk(back, other_fit, other_opening, other_draw, other_rate, day)
    block.came[OWN + i], block.came[BACK + i] = own, back


@inline_always
def _talk(i, offer, answer, worth, inputs, block, day):
    """Write hours and what is heard; return how much they may do for either."""
    seen, came = block.seen, block.came
    hours = min(seen[RATE + i] * offer, seen[ITS_RATE + i] * answer)
    hours *= inputs.attendance
    share = day.warming * formulas.saturation(hours, day.half_hours)
    pair = name_of(block.ends[OWNER + i], block.ends[OTHER + i])
    affinity = draw(day.key_affinity, pair)
    openness = seen[OPENNESS + i] - seen[ITS_OPENNESS + i]
    playfulness = seen[PLAYFULNESS + i] - seen[ITS_PLAYFULNESS + i]
    share *= formulas.compatibility(openness, playfulness, affinity)
    came[HOURS + i] = hours
    came[HEARD + i] = hours * worth * inputs.novelty
    came[WORTH + i] = worth
    return share


@inline_always
def _after_talk(closeness, fit, opening, draw, cooling, day):
    """Return closeness after a day's talk of random quality."""
    quality = formulas.talk_quality(draw, day.warmth_noise)
    gain = formulas.closeness_gain(fit, opening, quality)
    return formulas.update_closeness(closeness, gain, cooling)


SPAN, WIDTH = np.uint64(simd.SPAN), np.uint64(simd.LANES)


@inline_source
def fill(agent, k, last, work):
    """Fill a block from half-edge ``k`` of an agent on, until it is full.

    Returns the agent that it did not finish, which of its half-edges comes next, and
    the ends of the two parts of the block. A block is of humans or of OSes.
    """
    _, ties, day, block = work
    of_humans = agent < day.n_humans
    first = NONE if of_humans else OTHERS
    last = min(last, day.n_humans) if of_humans else last
    row = first
    while agent < last:
        degree, start = ties.degree[agent], ties.start[agent]
        until = min(degree, k + np.int64(first + LENGTH - row))
        show_ties(row, np.uint64(start + k), np.uint64(start + until), agent, work)
        row += np.uint64(until - k)
        if until < degree:
            k = until
            break
        agent, k = agent + 1, 0
    end, os_end = NONE, row
    if of_humans:
        end, os_end = row, _show_oses(row, day.n_humans, block)
    return agent, k, end, os_end


@inline_source
def show_ties(i, first, last, agent, work):
    """Write half-edges of an agent to rows of a block from ``i`` on.

    Always in spans, so that rows after them are written, too: with what is no tie.
    """
    ties, ends, seen = work.ties, work.block.ends, work.block.seen
    for at in range(first, last, SPAN):
        broadcast(agent, ends, OWNER + i)
        copy_span(ties.neighbour, at, ends, OTHER + i)
        copy_span(ties.kind, at, ends, KIND + i)
        copy_span(ties.closeness, at, seen, CLOSENESS + i)
        copy_span(ties.returned, at, seen, RETURNED + i)
        i += SPAN


@inline_source
def _show_oses(end, n_humans, block):
    """Copy rows of humans with OSes to the second part; return where it ends."""
    ends, seen, os_end = block.ends, block.seen, OTHERS
    for i in range(NONE, end):  # never a branch: it would often be foreseen wrongly
        block.row[os_end] = i
        os_end += np.uint64(ends[OTHER + i] >= n_humans)
    for i in range(OTHERS, os_end):
        row = block.row[i]
        ends[OWNER + i] = ends[OWNER + row]
        ends[OTHER + i] = ends[OTHER + row]
        ends[KIND + i] = ends[KIND + row]
        seen[CLOSENESS + i] = seen[CLOSENESS + row]
        seen[RETURNED + i] = seen[RETURNED + row]
    return os_end


@inline_source
def show_faces(first, last, work):
    """Write what both ends show to rows of a block, and to some after them."""
    faces, ends, seen = work.agents.faces, work.block.ends, work.block.seen
    others = ends[OTHER:]
    own, its = seen[GROWTH:], seen[ITS_GROWTH:]
    # Who is asked for in vain must be there, too.
    broadcast(NONE, ends, OWNER + last)
    broadcast(NONE, ends, OTHER + last)
    for i in range(first, last):
        prefetch(faces, others[i])
    for i in range(first, last, WIDTH):
        transpose8(faces, ends, own, i, ROOM)
        transpose8(faces, others, its, i, ROOM)
