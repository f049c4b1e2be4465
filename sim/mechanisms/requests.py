"""What mechanisms ask of the model: that an OS is shut down, that couples end or begin.

Codes, row numbers and ties of the model are what its compiled loops find their way by,
so no mechanism writes them. It writes a request, and the model carries that out by its
own rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.engine.tie_edits import cut_ties, find_slots
from sim.mechanisms.declared import PARTING, PARTNER_WANTED, REQUESTS, SHUTDOWN
from sim.model.columns import DEPARTED, PARTNER, SHUT_DOWN
from sim.model.parameters import Parameters
from sim.model.processes import Phase
from sim.model.state import State
from sim.utils.typing import Array

ENDS_TIE = 2  # in ``humans.parting_request``: they part, and see each other no more


def shut_down(state: State, day: Any) -> None:
    """Shut down the OSes of which that is asked, as their provider would.

    Those that have departed or are shut down stay as they are, and those that their
    owners let go are left to ``depart``, which says so. Ties end, and people grieve,
    as they do for any OS that is shut down. All requests are taken back.
    """
    oses = state.oses
    asked = np.flatnonzero(oses.shutdown_request)
    oses.shutdown_request[asked] = 0
    asked = asked[oses.status[asked] < DEPARTED]
    owner = oses.owner[asked]
    is_let_go = (owner >= 0) & (state.humans.os[owner] != asked)
    rows = asked[~is_let_go]
    oses.status[rows] = SHUT_DOWN
    oses.departed_step[rows] = int(day["calendar"])


def part(state: State, day: Any) -> None:
    """End the couples of whom one asks it, and take all requests back.

    Their tie is one of friends from then on, which cools as such ties do; it is cut if
    one of them asks that, too. Then each is whom the other was once close to, as of two
    humans who lost touch: they may find back to each other.
    """
    humans, ties = state.humans, state.ties.arrays
    asked = np.flatnonzero(humans.parting_request)
    ends_tie = humans.parting_request[asked] >= ENDS_TIE
    humans.parting_request[asked] = 0
    has_one = humans.partner[asked] >= 0
    pairs = _pairs(asked[has_one], humans.partner[asked[has_one]])
    for one, other in (pairs.T, pairs.T[::-1]):
        humans.partner[one[humans.partner[one] == other]] = -1
    slots = find_slots(ties, pairs)
    slots = slots[slots >= 0]
    ties.kind[slots] &= ~np.uint8(PARTNER)
    apart = pairs[ends_tie[has_one]]
    cut_ties(ties, apart)
    for one, other in (apart.T, apart.T[::-1]):
        humans.former[one] = other


def pair_off(state: State, day: Any) -> None:
    """Make couples of those who ask for each other, and take all requests back.

    It takes two humans who are single (after the partings of the day) and tied to each
    other; all other requests change nothing.
    """
    humans, ties = state.humans, state.ties.arrays
    wanted = humans.partner_request.astype(np.int64)
    humans.partner_request[:] = -1
    one = np.flatnonzero((wanted >= 0) & (wanted < humans.n) & (humans.partner < 0))
    other = wanted[one]
    is_mutual = (wanted[other] == one) & (humans.partner[other] < 0) & (one < other)
    pairs = _pairs(one[is_mutual], other[is_mutual])
    slots = find_slots(ties, pairs)
    is_tied = (slots >= 0).all(axis=1)
    pairs, slots = pairs[is_tied], slots[is_tied]
    for side in (0, 1):
        humans.partner[pairs[:, side]] = pairs[:, 1 - side]
    ties.kind[slots.ravel()] |= np.uint8(PARTNER)


def _pairs(one: Array, other: Array) -> Array:
    return np.stack([one, other], axis=1).astype(np.int64)


class _Carried(NamedTuple):
    """A process that carries requests out, and the one before which it does."""

    before: str
    phase: Phase


CARRIED = {
    SHUTDOWN: _Carried(
        "depart",
        Phase(
            "shut_down",
            "society",
            shut_down,
            ("oses.status", "oses.owner", "humans.os", SHUTDOWN),
            ("oses.status", "oses.departed_step", SHUTDOWN),
            "OSes of which a mechanism asks it are shut down.",
        ),
    ),
    PARTING: _Carried(
        "meet",
        Phase(
            "part",
            "society",
            part,
            ("humans.partner", "ties.*", PARTING),
            (
                *("humans.partner", "humans.former", PARTING),
                *("ties.neighbour", "ties.closeness", "ties.returned"),
                *("ties.kind", "ties.degree"),
            ),
            "Couples part of whom a mechanism asks it.",
        ),
    ),
    PARTNER_WANTED: _Carried(
        "meet",
        Phase(
            "pair_off",
            "society",
            pair_off,
            ("humans.partner", "ties.neighbour", "ties.kind", PARTNER_WANTED),
            ("humans.partner", "ties.kind", PARTNER_WANTED),
            "Single people who ask for each other become couples.",
        ),
    ),
}


def added_to(phases: Sequence[Phase], parameters: Parameters) -> tuple[Phase, ...]:
    """Return the processes of a day, and those that carry out what may be asked.

    Parameters
    ----------
    phases
        In order, those of mechanisms among them.
    parameters
        Their columns say what may be asked.
    """
    day = list(phases)
    for full, (before, phase) in CARRIED.items():
        table = full.partition(".")[0]
        if REQUESTS[full] in parameters.own_columns(table):
            day.insert([one.name for one in day].index(before), phase)
    return tuple(day)
