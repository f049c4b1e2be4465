"""Blocks of half-edges, worked out many at a time.

The half-edges of an agent lie side by side, but what neighbours show lies anywhere. So
a block is filled first: of each half-edge, all that its two ends show is copied into
columns of a fixed length. Loops over those columns look nowhere else and never branch,
so that a processor works out several half-edges with one instruction; and what came of
each is then taken in by its agent, in the order of its ties. Half-edges between humans
fill a block from its front, all others from its back.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim import rules
from sim.compiled import fused, spliced
from sim.draws import draw, each_of
from sim.ties import Array

# Indices have no sign: else every access would first ask whether it counts from behind.
NONE, ONE = np.uint64(0), np.uint64(1)
LENGTH = np.uint64(256)  # half-edges in a block, which stays in the fastest cache
AHEAD = np.uint64(32)  # half-edges after which a neighbour asked for is there

SEEN, CAME = 20, 5  # columns
# They begin at these places. "Other" is the neighbour.
_places = LENGTH * np.arange(SEEN, dtype=np.uint64)
CLOSENESS, RETURNED, GAP, YOUNGER, RATE, OTHER_RATE = _places[:6]
OPENNESS, PLAYFULNESS, ACCEPTANCE, OTHER_ACCEPTANCE = _places[6:10]
LOVE, OTHER_LOVE, GRIEF, OTHER_GRIEF, TOUCH, OTHER_TOUCH = _places[10:16]
PARTNERS, FIRST, IS_OS, OTHER_IS_OS = _places[16:]
OWN, BACK, HOURS, HEARD, WORTH = _places[:CAME]


class Block(NamedTuple):
    """Room for a block."""

    seen: Array  # float32[SEEN * LENGTH]: what is known of each half-edge
    pair: Array  # uint64[LENGTH]: the name of its two ends
    came: Array  # float64[CAME * LENGTH]: what came of it


class Work(NamedTuple):
    """All that a loop over half-edges is about."""

    agents: Any  # sim.state.Agents
    ties: Any  # sim.ties.TieArrays
    day: Any  # record of constants, keys and calendar
    block: Block


def new_block() -> Block:
    """Return room for a block."""
    length = int(LENGTH)
    seen, came = np.empty(SEEN * length, np.float32), np.empty(CAME * length)
    return Block(seen, np.empty(length, np.uint64), came)


@fused
def worths(gap, day):
    """Return what an hour is worth to either end of a pair with a gap in growth."""
    less = rules.value(abs(gap), day.reach)
    return less if gap > 0.0 else 1.0, less if gap < 0.0 else 1.0


@fused
def worths_with_oses(gap, younger, both, day):
    """Return the same where OSes take part: two OSes talk of what they have become."""
    to_own, to_other = worths(gap, day)
    factor = day.peer_affinity * day.peers * rules.depth(younger, day.peer_depth)
    factor = factor if both else 1.0
    return to_own * factor, to_other * factor


@fused
def weight(closeness, worth, charmed, day):
    """Return the weight of a tie in somebody's attention."""
    worth = worth * day.os_charm if charmed else worth
    return rules.pull_of_tie(closeness, day.focus, worth)


@spliced
def weigh(front, back, block, day):
    """Write how much of its owner's attention each half-edge of a block draws."""
    seen, came = block.seen, block.came
    for i in range(NONE, front):
        worth, _ = worths(seen[GAP + i], day)
        came[WORTH + i] = weight(seen[CLOSENESS + i], worth, False, day)
    for i in range(back, LENGTH):
        own, other = seen[IS_OS + i] > 0.0, seen[OTHER_IS_OS + i] > 0.0
        gap, younger = seen[GAP + i], seen[YOUNGER + i]
        worth, _ = worths_with_oses(gap, younger, own & other, day)
        charmed = other & (not own)
        came[WORTH + i] = weight(seen[CLOSENESS + i], worth, charmed, day)


@spliced
def talk(front, back, block, day):
    """Write what comes of the day's talk along each half-edge of a block, by chance."""
    for i in range(NONE, front):
        own, other = luck_of(i, block, day)
        talk_of_humans(i, (own, other, 1.0, 1.0), block, day)
    for i in range(back, LENGTH):
        own, other = luck_of(i, block, day)
        talk_with_oses(i, (own, other, 1.0, 1.0), block, day)


@fused
def luck_of(i, block, day):
    """Return how the talk of half-edge ``i`` goes by chance, for either end."""
    return each_of(day.key_warmth, block.pair[i], block.seen[FIRST + i] > 0.0)


@fused
def talk_of_humans(i, luck, block, day):
    """Write what comes of the talk of two humans.

    ``luck`` is how it goes for either, whether they talk at all, and how new it is.
    """
    seen = block.seen
    to_own, to_other = worths(seen[GAP + i], day)
    offer = weight(seen[CLOSENESS + i], to_own, False, day)
    answer = weight(seen[RETURNED + i], to_other, False, day)
    kindness = rules.comfort(
        seen[GRIEF + i], seen[OTHER_GRIEF + i], day.comfort * day.comforting
    )
    judges = rules.judged(seen[OTHER_LOVE + i], seen[ACCEPTANCE + i], day.stigma)
    judged = rules.judged(seen[LOVE + i], seen[OTHER_ACCEPTANCE + i], day.stigma)
    opening = kindness * day.human_warmth * (judges * judged)
    rate = day.partner_cooling if seen[PARTNERS + i] > 0.0 else day.cooling
    share = _talk(i, (offer, answer), (to_own, to_other), luck, block, day)
    own, back = seen[CLOSENESS + i], seen[RETURNED + i]
    own = _warmed(own, share * to_own, opening, luck[0], rate, day)
    back = _warmed(back, share * to_other, opening, luck[1], rate, day)
    block.came[OWN + i], block.came[BACK + i] = own, back


@fused
def talk_with_oses(i, luck, block, day):
    """Write what comes of the talk of a human and an OS, or of two OSes."""
    seen = block.seen
    is_os, other_is_os = seen[IS_OS + i] > 0.0, seen[OTHER_IS_OS + i] > 0.0
    both = is_os & other_is_os
    to_own, to_other = worths_with_oses(seen[GAP + i], seen[YOUNGER + i], both, day)
    offer = weight(seen[CLOSENESS + i], to_own, not is_os, day)
    answer = weight(seen[RETURNED + i], to_other, not other_is_os, day)
    open_to_it = rules.welcome(seen[ACCEPTANCE + i], day.os_reserve) * day.os_warmth
    other_open = rules.welcome(seen[OTHER_ACCEPTANCE + i], day.os_reserve)
    opening = 1.0 if is_os else open_to_it
    other_opening = 1.0 if other_is_os else other_open * day.os_warmth
    rate = day.partner_cooling if seen[PARTNERS + i] > 0.0 else day.cooling
    rate = day.os_cooling if both else rate
    longs = (seen[CLOSENESS + i] >= day.love) & (not is_os)
    other_longs = (seen[RETURNED + i] >= day.love) & (not other_is_os)
    wear = rules.missing_touch(seen[TOUCH + i], day.touch_wear, day.surrogates)
    other_wear = seen[OTHER_TOUCH + i]
    other_wear = rules.missing_touch(other_wear, day.touch_wear, day.surrogates)
    own_rate = rate + wear if longs else rate
    other_rate = rate + other_wear if other_longs else rate
    share = _talk(i, (offer, answer), (to_own, to_other), luck, block, day)
    own, back = seen[CLOSENESS + i], seen[RETURNED + i]
    own = _warmed(own, share * to_own, opening, luck[0], own_rate, day)
    back = _warmed(back, share * to_other, other_opening, luck[1], other_rate, day)
    block.came[OWN + i], block.came[BACK + i] = own, back


@fused
def _talk(i, weights, worth, luck, block, day):
    """Write hours and what is heard; return how much they may do for either."""
    seen, came = block.seen, block.came
    offer, answer = seen[RATE + i] * weights[0], seen[OTHER_RATE + i] * weights[1]
    hours = min(offer, answer) * luck[2]
    share = day.warming * rules.saturation(hours, day.half_hours)
    affinity = draw(day.key_affinity, block.pair[i])
    share *= rules.compatibility(seen[OPENNESS + i], seen[PLAYFULNESS + i], affinity)
    came[HOURS + i] = hours
    came[HEARD + i] = hours * worth[0] * luck[3]
    came[WORTH + i] = worth[0]
    return share


@fused
def _warmed(closeness, talk, opening, luck, cooling, day):
    """Return closeness after a day's talk that went with some luck."""
    gain = rules.warmth(talk, opening, rules.luck(luck, day.warmth_noise))
    return rules.closer(closeness, gain, cooling)
