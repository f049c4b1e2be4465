"""Repair: those who grieve turn back to somebody once close.

A human with a `former` turns to them with probability `repair_rate * grief / (grief +
1)` (rule `repair_probability`, switch `repairing`). If they are not tied, a tie begins;
on such a day the human meets nobody else.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.submodel import (
    Differs,
    Submodel,
    inline_source,
    real,
    rule,
    switch,
    uniform,
)

# fmt: off
REPAIR = Submodel(
    "repair",
    parameters={
        "repairing": switch(
            "broken ties may be repaired",
            after=("comfort", "personhood_grief", "[mourn]"),
        ),
        "repair_rate": real(
            0.02, "1/day", 0, 1, "chance of turning to someone once close",
            "the film; size assumed", Differs("humans", "meet"),
        ),
    },
    streams={"repair": "meet"},
)
# fmt: on


@rule
def repair_probability(rate: float, grief: float) -> float:
    """Return the chance of turning today to someone once close.

    Source: the film's letter to Catherine; saturating form assumed.
    """
    return rate * grief / (grief + 1.0)


@REPAIR.enters("turns_back")
@inline_source
def turns_to_former(turns, i, humans, day):
    """Tell whether a human turns to someone once close."""
    if humans.former[i] < 0 or day.repairing == 0.0:
        return False
    chance = repair_probability(day.repair_rate, humans.grief[i])
    return uniform(day.key_repair, i, 0) < chance
