"""Human warmth: a lever by which people are helped to be warmer to each other.

Talk between humans is multiplied by `human_warmth`, which is 1 by default.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.submodel import Differs, Submodel, inline_always, real

# fmt: off
HUMAN_WARMTH = Submodel(
    "human_warmth",
    parameters={
        "human_warmth": real(
            1.0, "1", 0, 10, "how warm people are helped to be, as a factor", "lever",
            Differs("humans", "converse", "own"), after=("stigma", "os_warmth"),
        ),
    },
    in_talk=("human_warmth",),
)
# fmt: on


@HUMAN_WARMTH.enters("warmth_between_humans", 20)
@inline_always
def helped(warmth, two, day):
    """Return the warmth of two humans who are helped to be warm."""
    return warmth * day.human_warmth
