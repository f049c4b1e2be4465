"""Stigma: people judge those who are close to an OS.

Talk between humans is the less warm the more either judges the other: it is multiplied
by `j_ab * j_ba`, where `j_ab = 1 - stigma * (b's closeness to the dearest OS) * (1 -
a's acceptance)` is how far `a` judges `b` (rule `stigma_factor`); who is judged holds
back as much as who judges.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.submodel import Differs, Submodel, inline_always, real, rule

# fmt: off
STIGMA = Submodel(
    "stigma",
    parameters={
        "stigma": real(
            0.5, "0..1", 0, 1,
            "warmth lost between one who loves an OS and one against it",
            "A71, A74; size assumed", Differs("humans", "converse", "own"),
            after="os_warmth",
        ),
    },
    in_talk=("stigma",),
)
# fmt: on


@rule
def stigma_factor(attachment: float, acceptance: float, stigma: float) -> float:
    """Return the factor by which stigma cools talk with somebody close to an OS.

    ``attachment`` is that closeness, ``acceptance`` that of who judges: a friend who
    understands stays as warm as ever.

    Source: A71, A74 (half are against it); the film's Amy and Catherine; form assumed.
    """
    return 1.0 - stigma * attachment * (1.0 - acceptance)


@STIGMA.enters("warmth_between_humans", 30)
@inline_always
def judged(warmth, two, day):
    """Return the warmth of two humans of whom either may judge the other."""
    judges = stigma_factor(two.its_love, two.acceptance, day.stigma)
    is_judged = stigma_factor(two.love, two.its_acceptance, day.stigma)
    return warmth * (judges * is_judged)
