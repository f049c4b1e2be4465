"""Partnership: partners part, and single people who are close pair.

After the investment model (Rusbult 1980), in the process `part_and_pair`. Each human
with a partner leaves with the hazard (rules `best_alternative`, `parting_hazard`)

    alternative = max(closeness to the closest other human,
                      os_alternative * closeness to the dearest OS)
    hazard      = parting_rate * logistic((alternative - closeness to the partner)
                                          / parting_noise)

and it takes one of the two. Their tie goes on as one of friends, and cools as such ties
do. Each is the other's `former`, and grieves `parting_grief` times the closeness to the
other (switch `grieving`).

Two who are single and tied, with closeness of at least `attraction` both ways, pair
with the hazard `courting_rate` (rule `courting_hazard`). Who would pair with several on
a day may only with the one whose draw is the least. Who parts pairs on a later day, and
may with the same human. Where people come and go, who is under age pairs with nobody,
nor do parents and children, or siblings.

Both rates are 0 by default: whoever has a partner keeps it, and nobody else gets one.
In `today` they are set from A100; A99 and N91 are left as predictions. A third of the
ever-married have divorced, and half of those who do, within 12 years: 0.165 of
marriages end by divorce in 12 years. At a constant hazard that is

    -ln(1 - 0.33 / 2) / 12 years = 0.0150 / year = 0.0000412 / day

for a couple. Either partner may leave, and the logistic is 0.334 in the mean of people
with a partner over 12 years without OSes, in which nobody parts: `parting_rate` is
0.0000412 / (2 * 0.334) = 0.0000616. As many shall pair as part (A97). There are 174
couples, and 404 pairs of singles who could pair, in the mean of these years:
`courting_rate` is 0.0000412 * 174 / 404 = 0.0000177. `experiments/partnership.py`
measures this, and what comes of it.

Nobody looks for a partner, and nobody dates: N92 (of young singles who expect to marry
31 % date once a month or more) is not modelled. After 12 years of `today` 99 % of the
singles (4 seeds: 98 to 100) know another whom they could pair with, by the same study.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.model.codes import PARTNER
from sim.model.formulas import logistic
from sim.model.submodel import (
    Submodel,
    inline_source,
    kernel,
    later,
    pair_uniform,
    real,
    rule,
    uniform,
)
from sim.utils.typing import Array

OF_BOTH = "it is read for two people at once"
NOBODY, LEAVES = -1, -2  # what a human does about partners today, or whom it would have
RUSBULT = "Rusbult 1980, doi:10.1016/0022-1031(80)90007-4"
find_slots = later("sim.engine.tie_edits", "find_slots")
may_pair = later("sim.model.presence", "may_pair")

# fmt: off
PARTNERSHIP = Submodel(
    "partnership",
    parameters={
        "parting_rate": real(
            0.0, "1/day", 0, 1, "hazard of leaving one's partner, at most",
            "0: partners stay; in today from A100", OF_BOTH,
        ),
        "parting_noise": real(
            0.1, "closeness", 0.001, 1, "noise in comparing a partner with others",
            f"{RUSBULT}; size assumed", OF_BOTH,
        ),
        "os_alternative": real(
            1.0, "0..1", 0, 1, "how far the dearest OS counts as another human does",
            "A75; size assumed", OF_BOTH,
        ),
        "parting_grief": real(
            1.0, "1", 0, 10, "grief of a parting, per closeness", "A70; size assumed",
            OF_BOTH,
        ),
        "courting_rate": real(
            0.0, "1/day", 0, 1, "hazard with which two singles who are close pair",
            "0: nobody pairs; in today so that A97 holds", OF_BOTH,
        ),
        "attraction": real(
            0.6, "closeness", 0, 1, "closeness that pairing takes, both ways",
            "assumed", OF_BOTH,
        ),
    },
    streams={"part": "", "court": ""},
)
# fmt: on


@rule
def best_alternative(human: float, os: float, weight: float) -> float:
    """Return the best alternative to a partner: the closest other human, or an OS.

    ``weight`` is how far closeness to an OS counts, 0..1.

    Source: Rusbult 1980, doi:10.1016/0022-1031(80)90007-4 (alternatives); an OS as one
    of them after A75.
    """
    return max(human, weight * os)


@rule
def parting_hazard(
    alternative: float, closeness: float, noise: float, rate: float
) -> float:
    """Return the hazard (1/day) of leaving one's partner, logistic in what is better.

    None is above that with an alternative of 1 and a closeness of 0.

    Source: Rusbult 1980, doi:10.1016/0022-1031(80)90007-4 (commitment falls with the
    alternatives and rises with satisfaction); logistic form assumed.
    """
    return rate * logistic((alternative - closeness) / noise)


@rule
def courting_hazard(
    closeness: float, returned: float, attraction: float, rate: float
) -> float:
    """Return the hazard (1/day) with which two singles pair: none below ``attraction``.

    Source: assumed.
    """
    return rate if min(closeness, returned) >= attraction else 0.0


@PARTNERSHIP.process(
    over="society",
    after="mourn",
    reads=(
        "ties.*",
        "humans.partner",
        "humans.former",
        "humans.grief",
        "humans.os_closeness",
    ),
    writes=("humans.partner", "humans.former", "humans.grief", "ties.kind"),
    does="Partners part for somebody closer, and single people who are close pair.",
)
def part_and_pair(state: Any, day: Any) -> None:
    """End couples of whom one leaves, and let singles pair."""
    if day["parting_rate"] == 0.0 and day["courting_rate"] == 0.0:
        return
    wants = np.empty(state.humans.n, np.int32)
    choose(state.agents, state.ties.arrays, day, wants)
    leaving = np.flatnonzero(wants == LEAVES)
    courting = np.flatnonzero(wants >= 0)
    if len(leaving):
        _part(state, day, leaving)
    if len(courting):
        _pair(state, courting, wants)


@kernel
def choose(agents, ties, day, wants):
    """Write what each human does about partners today.

    Parameters
    ----------
    wants
        int32[humans], written: the human it would pair with, LEAVES, or NOBODY.
    """
    humans = agents.humans
    for i in range(wants.shape[0]):
        if humans.partner[i] < 0:
            wants[i] = _whom_to_court(i, humans, ties, day)
        else:
            wants[i] = LEAVES if _leaves(i, humans, ties, day) else NOBODY


@inline_source
def _leaves(i, humans, ties, day):
    draw = uniform(day.key_part, i, 0)
    if draw >= parting_hazard(1.0, 0.0, day.parting_noise, day.parting_rate):
        return False  # whoever the others are
    own, other = 0.0, 0.0
    for k in range(ties.start[i], ties.start[i] + ties.degree[i]):
        if ties.neighbour[k] == humans.partner[i]:
            own = ties.closeness[k]
        elif ties.neighbour[k] < day.n_humans:
            other = max(other, ties.closeness[k])
    best = best_alternative(other, humans.os_closeness[i], day.os_alternative)
    return draw < parting_hazard(best, own, day.parting_noise, day.parting_rate)


@inline_source
def _whom_to_court(i, humans, ties, day):
    found, least = NOBODY, 1.0
    if day.courting_rate == 0.0:
        return found
    for k in range(ties.start[i], ties.start[i] + ties.degree[i]):
        own, back = ties.closeness[k], ties.returned[k]
        hazard = courting_hazard(own, back, day.attraction, day.courting_rate)
        j = ties.neighbour[k]
        if hazard == 0.0 or j >= day.n_humans or humans.partner[j] >= 0:
            continue
        draw = pair_uniform(day.key_court, i, j)
        if draw < hazard and draw < least:
            found, least = j, draw
    return found


def _part(state: Any, day: Any, leaving: Array) -> None:
    """End the couples of whom one leaves; both remember the other, and grieve."""
    humans, ties = state.humans, state.ties.arrays
    pairs = np.stack([leaving, humans.partner[leaving]], axis=1).astype(np.int64)
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)  # both may leave
    slots = find_slots(ties, pairs)
    grief = np.float32(day["parting_grief"] * day["grieving"])
    for side in (0, 1):
        one, other, slot = pairs[:, side], pairs[:, 1 - side], slots[:, side]
        is_tied = slot >= 0  # else they have forgotten each other
        ties.kind[slot[is_tied]] &= ~np.uint8(PARTNER)
        humans.partner[one], humans.former[one] = -1, other
        humans.grief[one[is_tied]] += grief * ties.closeness[slot[is_tied]]


def _pair(state: Any, courting: Array, wants: Array) -> None:
    """Make couples of those who would have each other."""
    humans, ties = state.humans, state.ties.arrays
    other = wants[courting]
    is_mutual = (wants[other] == courting) & (courting < other)
    pairs = np.stack([courting, other], axis=1).astype(np.int64)[is_mutual]
    pairs = pairs[may_pair(state, pairs)]
    for side in (0, 1):
        one, other = pairs[:, side], pairs[:, 1 - side]
        humans.partner[one] = other
        humans.former[one[humans.former[one] == other]] = -1
    ties.kind[find_slots(ties, pairs).ravel()] |= np.uint8(PARTNER)
