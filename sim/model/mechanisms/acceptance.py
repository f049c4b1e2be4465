"""Acceptance: how far people find human-OS ties all right, moved by others and use.

Acceptance is pulled by three things alike (rule `update_acceptance`):

    acceptance' = acceptance + influence_rate *
                  ((upbringing + others + experience) / 3 - acceptance)

*Others* is the mean acceptance of a human's human neighbours, weighted by closeness;
*experience* is closeness to the own OS. Where there is none, own acceptance stands in.
The switch `influence` stops this, and the change of belief in OSes, which runs in the
same process. Acceptance is drawn on day 0 with the mean `acceptance_mean`.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.model import sums
from sim.model.mechanisms.personhood import update_belief
from sim.model.submodel import (
    Differs,
    Submodel,
    column,
    kernel,
    real,
    rule,
    switch,
)

# fmt: off
ACCEPTANCE = Submodel(
    "acceptance",
    parameters={
        "acceptance_mean": real(
            0.5, "0..1", 0.01, 0.99, "mean acceptance on day 0",
            "A74; higher in the film, assumed",
            "it is read on day 0, when people are made", after="separated",
        ),
        "influence": switch("acceptance and personhood change", after="[belong]"),
        "influence_rate": real(
            0.01, "1/day", 0, 1, "how fast acceptance changes", "assumed",
            Differs("humans", "belong"),
        ),
    },
    humans=[
        column(
            "acceptance", "f4", "0..1", "how far human-OS ties are all right",
            after=("loneliness", "playfulness"),
        ),
        column("upbringing", "f4", "0..1", "acceptance on day 0, never quite left"),
        column("surroundings", "f4", "0..1", "acceptance among close humans"),
    ],
)
# fmt: on


@rule
def update_acceptance(
    own: float, upbringing: float, others: float, experience: float, rate: float
) -> float:
    """Return tomorrow's acceptance, pulled by upbringing, others and experience.

    Source: Friedkin & Johnsen 1990, doi:10.1080/0022250X.1990.9990069; equal
    weights assumed.
    """
    return own + rate * ((upbringing + others + experience) / 3.0 - own)


@ACCEPTANCE.process(
    over="humans",
    after=("grow", "converse"),
    reads=("humans.*", "oses.growth"),
    writes=("humans.acceptance", "humans.personhood"),
    does="Acceptance follows others and experience; belief in an OS follows use.",
)
@kernel
def belong(first, last, agents, ties, day):
    """Write each human's acceptance and belief in OSes."""
    if day.influence == 0.0:
        return
    humans, oses = agents.humans, agents.oses
    for i in range(first, last):
        own = humans.acceptance[i]
        others = humans.surroundings[i] if humans.human_closeness[i] > 0.0 else own
        row = humans.os[i]
        experience = humans.own_closeness[i] if row >= 0 else own
        humans.acceptance[i] = update_acceptance(
            own, humans.upbringing[i], others, experience, day.influence_rate
        )
        if row >= 0:
            update_belief(i, row, own, humans, oses, day)


@ACCEPTANCE.measure(after=("loneliness", "hold"))
def acceptance(state: Any) -> float:
    """Return the mean acceptance of human-OS ties."""
    return sums.human_mean(state, "acceptance")


@ACCEPTANCE.measure()
def polarisation(state: Any) -> float:
    """Return how far acceptance falls into two camps, 0 (one mind) to 1 (two)."""
    column = sums.of_those_alive(state, state.humans.acceptance)
    return 4.0 * float(column.var(dtype=np.float64)) if len(column) else 0.0
