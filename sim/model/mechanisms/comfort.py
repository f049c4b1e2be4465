"""Comfort: shared grief brings people closer.

Talk between humans is warmer by the factor `1 + comfort * g / (g + 0.5)`, where `g` is
the smaller of the two griefs (rule `shared_grief_factor`; nothing is added with the
switch `comforting` off).
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.submodel import Differs, Submodel, inline_always, real, rule, switch

# fmt: off
COMFORT = Submodel(
    "comfort",
    parameters={
        "comforting": switch(
            "shared grief brings people closer", after=("personhood_grief", "[mourn]"),
        ),
        "comfort": real(
            1.0, "1", 0, 10, "warmth that shared grief adds", "the film; size assumed",
            Differs("humans", "converse", "own"),
        ),
    },
    in_talk=("comfort", "comforting"),
)
# fmt: on


@rule
def shared_grief_factor(grief: float, other_grief: float, strength: float) -> float:
    """Return the factor by which shared grief makes talk between humans warmer.

    Source: the film's last scene; saturating form assumed.
    """
    shared = min(grief, other_grief)
    return 1.0 + strength * shared / (shared + 0.5)


@COMFORT.enters("warmth_between_humans", 10)
@inline_always
def comforted(warmth, two, day):
    """Return the warmth of two humans who may both grieve."""
    strength = day.comfort * day.comforting
    return warmth * shared_grief_factor(two.grief, two.its_grief, strength)
