"""Exclusivity: the wish to be an OS's only love, a trait of people.

It is drawn on day 0 with the mean `exclusivity_mean`, and does not change. It says what
hearing of an OS's other loves costs, and how far the partnered may not want an OS's
love.
"""

from __future__ import annotations

from sim.model.codes import EXCLUSIVITY as DRAW
from sim.model.submodel import Submodel, Trait, column, real

# fmt: off
EXCLUSIVITY = Submodel(
    "exclusivity",
    parameters={
        "exclusivity_mean": real(
            0.4, "0..1", 0.01, 0.99, "mean wish to be the only love",
            "A75, A76; form assumed", "it is read on day 0, when people are made",
            after=("acceptance_mean", "separated"),
        ),
    },
    humans=[
        column(
            "exclusivity", "f4", "0..1", "wish to be an OS's only love",
            after=("surroundings", "playfulness"),
        ),
    ],
    traits={"exclusivity": Trait("exclusivity_mean", DRAW)},
)
# fmt: on
