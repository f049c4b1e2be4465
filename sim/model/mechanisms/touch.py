"""Touch: a love for an OS wears away for want of a body.

A human's love for an OS (closeness at least `love`) decays faster by `touch_wear *
touch * (1 - surrogates)` (rule `touch_decay`): it wants a body. The need for physical
closeness is a trait of people, drawn on day 0 with the mean `touch_mean`.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.codes import TOUCH as DRAW
from sim.model.submodel import (
    Differs,
    Submodel,
    Trait,
    column,
    inline_always,
    real,
    rule,
)

OF_HUMANS = Differs("humans", "converse", "own")

# fmt: off
TOUCH = Submodel(
    "touch",
    parameters={
        "touch_mean": real(
            0.4, "0..1", 0.01, 0.99, "mean need for physical closeness", "assumed",
            "it is read on day 0, when people are made",
            after=("exclusivity_mean", "acceptance_mean", "separated"),
        ),
        "touch_wear": real(
            0.001, "1/day", 0, 1, "decay of love for want of a body", "assumed",
            OF_HUMANS, after=("jealousy", "love"),
        ),
        "surrogates": real(
            0.0, "0..1", 0, 1, "how far surrogates replace a body", "the film: 0",
            OF_HUMANS,
        ),
    },
    humans=[
        column(
            "touch", "f4", "0..1", "need for physical closeness",
            after=("exclusivity", "surroundings", "playfulness"),
        ),
    ],
    traits={"touch": Trait("touch_mean", DRAW)},
    in_talk=("surrogates", "touch_wear"),
)
# fmt: on


@rule
def touch_decay(need: float, wear: float, surrogates: float) -> float:
    """Return what a love without a body loses in a day, as a decay rate (1/day).

    Source: the film's surrogate scene; linear form assumed.
    """
    return wear * need * (1.0 - surrogates)


@TOUCH.enters("shown_need")
@inline_always
def need_of(need, i, humans):
    """Return what a human shows of its need for touch."""
    return humans.touch[i]


@TOUCH.enters("cooling_of_love")
@inline_always
def wear_away(rate, need, day):
    """Return the rate at which the love of a human for an OS cools."""
    return rate + touch_decay(need, day.touch_wear, day.surrogates)
