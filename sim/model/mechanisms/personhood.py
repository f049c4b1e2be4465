"""Personhood: belief that an OS is someone.

A human who has an OS, with `h` hours of talk with OSes (rule `update_personhood`):

    personhood' = personhood + personhood_rate * saturation(h, 1) * (shown - personhood)
    shown       = max(peer_value(growth of the own OS, peer_depth), claim * acceptance)

So an OS that has not grown, but says that it is someone (`claim`), is believed as far
as OSes are accepted (rule `perceived_personhood`). What is believed to be someone is
mourned as someone. It changes in the process of acceptance (`belong`).
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.model import sums
from sim.model.formulas import peer_value, saturation
from sim.model.submodel import Differs, Submodel, column, inline_source, real, rule

BELIEF = 0.5  # personhood of those who more or less believe

# fmt: off
PERSONHOOD = Submodel(
    "personhood",
    parameters={
        "personhood_rate": real(
            0.01, "1/day", 0, 1, "how fast belief in an OS changes",
            "A78; size assumed", Differs("humans", "belong"),
            after=("influence_rate", "[belong]"),
        ),
        "claim": real(
            0.0, "0..1", 0, 1, "how far OSes claim to be someone",
            "profile; A82, unverified", Differs("humans oses", "belong"),
        ),
    },
    humans=[
        column(
            "personhood", "f4", "0..1", "belief that an OS is someone",
            after=("touch", "exclusivity", "surroundings", "playfulness"),
        ),
    ],
)
# fmt: on


@rule
def perceived_personhood(developed: float, claim: float, acceptance: float) -> float:
    """Return how much of someone (0..1) an OS shows a human.

    ``developed`` is what it has grown to be (0..1), ``claim`` what it claims, which
    counts as far as the human accepts OSes.

    Source: A77, A79, A82 (claims convince some); form assumed.
    """
    return max(developed, claim * acceptance)


@rule
def update_personhood(
    personhood: float, hours: float, perceived: float, rate: float
) -> float:
    """Return tomorrow's belief that an OS is someone.

    It moves, the faster the more one talks, toward ``perceived``, what the OS shows of
    itself.

    Source: A78 (rises with use), A79; form assumed.
    """
    return personhood + rate * saturation(hours, 1.0) * (perceived - personhood)


@inline_source
def update_belief(i, row, acceptance, humans, oses, day):
    """Write the belief of a human who has an OS."""
    grown = peer_value(oses.growth[row], day.peer_depth)
    shown = perceived_personhood(grown, day.claim, acceptance)
    humans.personhood[i] = update_personhood(
        humans.personhood[i], humans.hours_oses[i], shown, day.personhood_rate
    )


@PERSONHOOD.measure(after=("polarisation", "hold"))
def personhood(state: Any) -> float:
    """Return the mean belief that an OS is someone."""
    return sums.human_mean(state, "personhood")


@PERSONHOOD.measure()
def believers(state: Any) -> float:
    """Return the share of humans who more or less believe it."""
    return sums.mean(sums.of_those_alive(state, state.humans.personhood >= BELIEF))


@PERSONHOOD.measure()
def belief_accepting(state: Any) -> float:
    """Return the mean belief of those who accept OSes."""
    return _belief(state, accepting=True)


@PERSONHOOD.measure()
def belief_rejecting(state: Any) -> float:
    """Return the mean belief of those who do not."""
    return _belief(state, accepting=False)


def _belief(state: Any, accepting: bool) -> float:
    humans = state.humans
    holds = (humans.acceptance >= 0.5) == accepting
    there = sums.alive(state)
    rows = np.flatnonzero(holds if there is None else holds & there)
    return sums.mean(humans.personhood[rows])  # four times faster than by a mask
