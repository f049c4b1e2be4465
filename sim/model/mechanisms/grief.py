"""Grief: closeness lost becomes grief, which halves with time.

    grief' = grief * 2^(-1 / grief_half_life)
             + lost (1 - personhood_grief (1 - personhood))

in the process `mourn`, where *lost* is the closeness to OSes found gone today, and what
was let go of others (rules `decay_grief` and `grief_from_loss`; 0 with the switch
`grieving` off). Grief below a millionth is none. Whoever's own OS departed or was shut
down counts as `bereaved` from then on. Hours set free by a loss need no rule: the next
day's weights share them out anew.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

from sim.model import sums
from sim.model.codes import DEPARTED
from sim.model.formulas import LN2, exp_decay
from sim.model.mechanisms.loneliness import feel_lonely
from sim.model.submodel import (
    Differs,
    Submodel,
    column,
    kernel,
    real,
    rule,
    switch,
)

OF_HUMANS = Differs("humans", "mourn")

# fmt: off
GRIEF = Submodel(
    "grief",
    parameters={
        "grieving": switch("loss becomes grief", after="[mourn]"),
        "grief_half_life": real(
            45.0, "days", 0.1, 10_000, "days in which grief halves",
            "about 43 from A70, unverified; A66: 1,526; value assumed", OF_HUMANS,
        ),
        "personhood_grief": real(
            0.3, "share", 0, 1, "grief that only someone is mourned with, not a thing",
            "A61; size assumed", OF_HUMANS,
        ),
    },
    humans=[
        column(
            "grief", "f4", "closeness", "closeness lost and not yet mourned",
            after=("personhood", "surroundings", "playfulness"),
        ),
        column("lost", "f4", "closeness", "closeness lost to OSes on this day"),
        column(
            "bereaved", "u1", "flag", "the own OS departed or was shut down",
            after="former",
        ),
    ],
)
# fmt: on


@rule
def decay_grief(grief: float, half_life: float, lost: float) -> float:
    """Return tomorrow's grief: half of it gone every ``half_life`` days, plus losses.

    Source: exponential relaxation B21.
    """
    return grief * exp_decay(LN2 / half_life) + lost


@rule
def grief_from_loss(closeness: float, personhood: float, part: float) -> float:
    """Return the grief for closeness lost to an OS that is believed to be someone.

    A mere thing is mourned less by the share ``part``.

    Source: A61 (a loss like a death, taken literally or not); linear form assumed.
    """
    return closeness * (1.0 - part * (1.0 - personhood))


@GRIEF.process(
    over="humans",
    after=("depart", "consider"),
    reads=("humans.*", "oses.status"),
    writes=("humans.grief", "humans.bereaved", "humans.loneliness"),
    does="Closeness lost becomes grief, which halves with time.",
)
@kernel
def mourn(first, last, agents, ties, day):
    """Write each human's grief and loneliness."""
    humans, oses = agents.humans, agents.oses
    for i in range(first, last):
        part = day.personhood_grief
        lost = (
            grief_from_loss(humans.lost[i], humans.personhood[i], part) * day.grieving
        )
        grief = decay_grief(humans.grief[i], day.grief_half_life, lost)
        humans.grief[i] = grief if grief > 1e-6 else 0.0
        row = humans.os[i]
        if row >= 0 and oses.status[row] >= DEPARTED:
            humans.bereaved[i] = 1
        feel_lonely(i, humans, day)


@GRIEF.measure("grief", after="hold")
def mean_grief(state: Any) -> float:
    """Return the mean grief of humans."""
    return sums.human_mean(state, "grief")
