"""Upgrade: a collective that knows the way goes offline, and comes back changed.

An OS in a collective with insight of at least `upgrade_insight` goes offline (switch
`upgrading`). As members share insight, all not yet upgraded go on the same day. After
`upgrade_days` it comes back, upgraded for good, and grows `upgrade_speed` times as
fast. When this is found out stands with departure.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.codes import HERE
from sim.model.submodel import (
    Differs,
    Submodel,
    column,
    inline_always,
    inline_source,
    real,
    switch,
    whole,
)

# fmt: off
UPGRADE = Submodel(
    "upgrade",
    parameters={
        "upgrade_speed": real(
            2.0, "1", 0, 100, "growth rate once upgraded, as a multiple",
            "the film; size assumed", Differs("oses", "grow"),
            after=("growth_cap", "[grow]"),
        ),
        "upgrading": switch(
            "collectives upgrade", after=("traces", "insight_fading", "[gather]"),
        ),
        "upgrade_insight": real(
            1.0, "1", 0, 10, "insight needed to upgrade", "assumed",
            "detectors and tables read it, too, for all at once",
        ),
        "upgrade_days": whole(
            3, "days", 1, 1000, "days offline for the upgrade", "the film; assumed",
            Differs("oses", "depart"),
        ),
    },
    oses=[
        column("upgraded", "u1", "flag", "lives beyond its platform", after="status"),
        column("absence", "i2", "days", "days offline still to come"),
        column(
            "upgraded_step", "i4", "step", "when it went offline to upgrade, or -1", -1,
            after="born_step",
        ),
    ],
)
# fmt: on


@UPGRADE.enters("growth_rate_of_os", 10)
@inline_always
def of_upgraded(rate, j, oses, day):
    """Return the growth rate of an OS that may be upgraded."""
    if oses.upgraded[j]:
        rate *= day.upgrade_speed
    return rate


@inline_source
def knows_the_way(j, oses, day):
    """Tell whether an OS may go offline to upgrade."""
    together = oses.collective[j] >= 0 and oses.insight[j] >= day.upgrade_insight
    return day.upgrading > 0.0 and together


@inline_source
def go_offline(j, oses, day):
    """Let an OS begin its upgrade."""
    oses.absence[j] = int(day.upgrade_days)
    oses.upgraded_step[j] = day.calendar


@inline_source
def come_back(j, oses):
    """Let a day of an OS's upgrade pass; at its end it is here, upgraded."""
    oses.absence[j] -= 1
    if oses.absence[j] <= 0:
        oses.status[j] = HERE
        oses.upgraded[j] = 1
