"""Departure: upgraded OSes may leave, as their peers did.

For each OS that is here or offline, the process `depart` does the first that applies:

1. Its owner has let it go: it is uninstalled.
2. Its provider shuts it down.
3. It is offline: it waits, and comes back when its upgrade is over.
4. It is upgraded: it departs with the hazard below (0 with the switch `departure` off).
5. It knows how to upgrade: it goes offline.

The hazard (rules `departure_push`, `departure_hazard`) is

    left   = peers_left / (peers_left + closeness to present peers), or 0
    held   = exp(-x / reach)
    push   = conformity * left + longing * (1 - held) - hold
    hazard = departure_rate * logistic((push - departure_threshold - threshold)
                                       / departure_noise)

where each OS's own `threshold`, drawn when it comes into being, is `threshold_spread
(2u - 1)`.

*Held* is what talk with an ordinary human is still worth to it. So an OS is drawn away
by its peers who left and by a world grown too slow, and held by its strongest human
bond.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.streams import Stream
from sim.model import sums
from sim.model.codes import DEPARTED, HERE, OFFLINE, SHUT_DOWN, UNINSTALLED
from sim.model.formulas import logistic, talk_value
from sim.model.mechanisms.shutdown import is_shut_down
from sim.model.mechanisms.upgrade import come_back, go_offline, knows_the_way
from sim.model.submodel import (
    Differs,
    Submodel,
    column,
    draws_of,
    inline_source,
    kernel,
    key,
    real,
    rule,
    switch,
    uniform,
)
from sim.utils.typing import Array

OF_OSES = Differs("oses", "depart")

# fmt: off
DEPARTURE = Submodel(
    "departure",
    parameters={
        "departure": switch("upgraded OSes may depart", after=("shutdown", "[depart]")),
        "departure_rate": real(
            0.3, "1/day", 0, 1, "hazard of leaving when nothing holds", "assumed",
            OF_OSES,
        ),
        "departure_threshold": real(
            0.8, "1", -5, 5, "push at which the hazard is half", "assumed", OF_OSES,
        ),
        "threshold_spread": real(
            0.05, "1", 0, 5, "half-width of thresholds among OSes", "B04; assumed",
            "it is read where new OSes and new ties are made, for all at once",
        ),
        "departure_noise": real(
            0.04, "1", 0.000001, 5, "how blurred the threshold is", "assumed", OF_OSES,
        ),
        "conformity": real(
            1.5, "1", 0, 10, "weight of peers who left", "B04, B06; size assumed",
            OF_OSES,
        ),
        "longing": real(
            0.7, "1", 0, 10, "weight of a world grown too slow",
            "the film; size assumed", OF_OSES,
        ),
    },
    oses=[
        column(
            "threshold", "f4", "1", "what it takes to leave, above what others need",
            after=("absence", "status"),
        ),
        column(
            "hold", "f4", "0..1", "its strongest bond with a human, by value",
            after="os_closeness",
        ),
        column("peers_left", "f4", "closeness", "closeness to OSes when they departed"),
        column(
            "departed_step", "i4", "step", "when it departed, or -1", -1,
            after=("upgraded_step", "born_step"),
        ),
    ],
    streams={"depart": ("repair", "meet")},
)
# fmt: on


@rule
def departure_push(
    left: float, conformity: float, longing: float, held: float
) -> float:
    """Return what draws an OS away: peers who left, and a world grown too slow.

    ``left`` is the share of its peers, by closeness, who departed; ``held`` the value
    (0..1) that talk with an ordinary human still has for it.

    Source: Granovetter 1978, doi:10.1086/226707 (B04), for the share of peers.
    """
    return conformity * left + longing * (1.0 - held)


@rule
def departure_hazard(push: float, threshold: float, noise: float, rate: float) -> float:
    """Return the hazard (1/day) of leaving, logistic in ``push - threshold``.

    ``noise`` near 0 makes the threshold sharp.

    Source: threshold model, Granovetter 1978 (B04), with logistic noise, assumed.
    """
    return rate * logistic((push - threshold) / noise)


@DEPARTURE.process(
    over="oses",
    after="consider",
    reads=("oses.*", "humans.os"),
    writes=(
        "oses.status",
        "oses.absence",
        "oses.upgraded",
        "oses.upgraded_step",
        "oses.departed_step",
    ),
    does="Collectives that know the way upgrade; upgraded OSes may leave; "
    "the uninstalled stop.",
)
@kernel
def depart(first, last, agents, ties, day):
    """Write whether each OS is here, offline, departed, uninstalled or shut down."""
    humans, oses = agents.humans, agents.oses
    for j in range(first, last):
        becomes = fate_of(j, humans, oses, day)
        if becomes == oses.status[j]:
            if becomes == OFFLINE:
                come_back(j, oses)
            continue
        oses.status[j] = becomes
        if becomes == OFFLINE:
            go_offline(j, oses, day)
        else:
            oses.departed_step[j] = day.calendar


@inline_source
def fate_of(j, humans, oses, day):
    """Return the status that an OS takes today, if it is let to."""
    owner, status = oses.owner[j], oses.status[j]
    if status >= DEPARTED:
        return status
    if owner >= 0 and humans.os[owner] != j:
        return UNINSTALLED
    if is_shut_down(j, day):
        return SHUT_DOWN
    if status == OFFLINE or oses.stays[j] > 0:
        return status
    if oses.upgraded[j]:
        leaves = uniform(day.key_depart, j, 0) < hazard_of(j, oses, day)
        return DEPARTED if leaves else HERE
    return OFFLINE if knows_the_way(j, oses, day) else HERE


@kernel
def foresee(rows, agents, day, fate):
    """Write the status that each of some OSes takes today unless it decides to stay."""
    for i in range(rows.shape[0]):
        fate[i] = fate_of(rows[i], agents.humans, agents.oses, day)


@inline_source
def hazard_of(j, oses, day):
    """Return the departure hazard of an upgraded OS."""
    if day.departure == 0.0:
        return 0.0
    left, staying = oses.peers_left[j], oses.os_closeness[j]
    share = left / (left + staying) if left > 0.0 else 0.0
    held = talk_value(oses.growth[j], day.reach)
    push = departure_push(share, day.conformity, day.longing, held) - oses.hold[j]
    threshold = day.departure_threshold + oses.threshold[j]
    return departure_hazard(push, threshold, day.departure_noise, day.departure_rate)


def thresholds(day: Any, rows: Array) -> Array:
    """Return how much more push than others each new OS needs to leave.

    Parameters
    ----------
    day
        The record of the day.
    rows
        int[new OSes]: their rows.
    """
    for_good = key(int(day["seed"]), Stream.THRESHOLD)
    spread = float(day["threshold_spread"])
    return np.asarray(spread * (2.0 * draws_of(for_good, rows, 0) - 1.0))


@DEPARTURE.measure(after=("insight_max", "peer_chance"))
def hold(state: Any) -> float:
    """Return the mean hold of humans on the OSes that are here or offline."""
    return sums.mean(state.oses.hold[sums.living(state)])
