"""The science: every rule of the model as a small function of plain numbers.

A rule knows no model, no array and no clock. It stays a plain Python function, the
oracle of the tests; compiled loops call the same source. Each docstring ends with its
source: an id of the evidence table, a publication, or the word *assumed*.
"""

from __future__ import annotations

from sim.rules.forms import (
    LN2,
    exp_decay,
    logistic,
    saturation,
)
from sim.rules.minds import (
    departure_hazard,
    grown,
    insight_gain,
    pull,
)
from sim.rules.people import (
    adoption_hazard,
    afforded,
    believed,
    bereft,
    compatibility,
    first_answer,
    influenced,
    likeness,
    lonely,
    mourned,
    readiness,
    repair_chance,
    resented,
    room_for_more,
    shown,
    skewed,
    uninstall_hazard,
)
from sim.rules.talk import (
    attention,
    closer,
    comfort,
    confessed,
    courted,
    depth,
    foregone,
    given_up,
    hurt,
    judged,
    luck,
    missing_touch,
    pull_of_tie,
    value,
    warmth,
    welcome,
    withdrawn,
)

__all__ = [
    "LN2",
    "adoption_hazard",
    "afforded",
    "attention",
    "believed",
    "bereft",
    "closer",
    "comfort",
    "compatibility",
    "confessed",
    "courted",
    "departure_hazard",
    "depth",
    "exp_decay",
    "first_answer",
    "foregone",
    "given_up",
    "grown",
    "hurt",
    "influenced",
    "insight_gain",
    "judged",
    "likeness",
    "logistic",
    "lonely",
    "luck",
    "missing_touch",
    "mourned",
    "pull",
    "pull_of_tie",
    "readiness",
    "repair_chance",
    "resented",
    "room_for_more",
    "saturation",
    "shown",
    "skewed",
    "uninstall_hazard",
    "value",
    "warmth",
    "welcome",
    "withdrawn",
]
