"""Loneliness: those whose ties add up to little are lonely.

Loneliness (rule `loneliness_from_support`), which is felt in the process of grief, is

    support    = closeness to all humans
                 + os_relief * closeness to the dearest OS - grief
    loneliness = support_half / (support_half + max(0, support))
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

from sim.model import sums
from sim.model.submodel import Differs, Submodel, column, inline_source, real, rule

# fmt: off
LONELINESS = Submodel(
    "loneliness",
    parameters={
        "support_half": real(
            2.0, "closeness", 0.001, 100, "support at which one is half lonely",
            "A94: about a quarter lonely; value assumed",
            "detectors and tables read it, too, for all at once",
            after=("claim", "influence_rate", "[belong]"),
        ),
        "os_relief": real(
            1.0, "1", 0, 10, "support an OS gives, per closeness",
            "assumed", Differs("humans", "mourn"),
        ),
    },
    humans=[
        column("loneliness", "f4", "0..1", "how lonely", after="playfulness"),
    ],
)
# fmt: on


@rule
def loneliness_from_support(support: float, half: float) -> float:
    """Return the loneliness (0..1) of someone whose ties add up to ``support``.

    Source: A48 (fewer ties, lonelier); hyperbolic form assumed.
    """
    return half / (half + max(0.0, support))


@inline_source
def feel_lonely(i, humans, day):
    """Write the loneliness of a human."""
    support = humans.human_closeness[i] + day.os_relief * humans.os_closeness[i]
    support -= humans.grief[i]
    humans.loneliness[i] = loneliness_from_support(support, day.support_half)


@LONELINESS.measure(after=("grief", "hold"))
def loneliness(state: Any) -> float:
    """Return the mean loneliness of humans."""
    return sums.human_mean(state, "loneliness")
