"""Adoption: people install OSes as others do, and uninstall those that stay strangers.

A human without an OS installs one (processes `adopt` and `install`) with the hazard
(rules `adoption_hazard`, `adoption_factor`, `adoption_at_price`; switch `adoption`)

    (innovation + imitation * exposure) * f(loneliness, loneliness_pull)
                                        * f(acceptance, acceptance_pull) * (1 - price)
    f(level, pull) = max(0, 1 + pull (2 level - 1))

times `readoption` if they are bereaved: at 0, as in the film, there is no second OS
after the loss of one, though after a real shutdown most people went on elsewhere (A61).

Exposure is the share of their human contacts who had an OS this morning. A human lets
an OS go when it has departed or was shut down, or uninstalls it with the hazard `churn
/ (1 - price) * (1 - c)^2`, where `c` is closeness to it (rules `churn_at_price`,
`uninstall_hazard`, switch `uninstalling`), and may install another later.

A new OS has growth 0 and a personality shaped by its owner (rule `initial_trait`): each
trait is

    personality_mean + answers_pull (owner's trait - personality_mean)
                     + answers_noise (2u - 1)

within 0 to 1. The tie between the two begins at closeness `first_talk`. The OS names
itself: a number that labels it and has no effect.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.streams import Stream
from sim.model import sums
from sim.model.codes import (
    DEPARTED,
    INSTALLS,
    LETS_GO,
    NAME,
    NOTHING,
    OPENNESS,
    OWNER,
    PLAYFULNESS,
)
from sim.model.mechanisms.departure import thresholds
from sim.model.mechanisms.instances import taken_up
from sim.model.submodel import (
    Differs,
    Submodel,
    column,
    draws_of,
    inline_source,
    kernel,
    key,
    later,
    real,
    rule,
    switch,
    uniform,
)

OF_HUMANS = Differs("humans", "adopt")
NEW = "it is read where new OSes and new ties are made, for all at once"
answers = later("sim.model.traits", "answers")

# fmt: off
ADOPTION = Submodel(
    "adoption",
    parameters={
        "adoption": switch("humans install OSes", after="[adopt]"),
        "innovation": real(
            0.004, "1/day", 0, 1, "hazard of installing with no example",
            "Bass form B01; value assumed, much faster than A29-A31, A101", OF_HUMANS,
        ),
        "imitation": real(
            0.05, "1/day", 0, 1, "hazard added when all contacts have one",
            "Bass form B01; value assumed, much faster than A29-A31, A101", OF_HUMANS,
        ),
        "loneliness_pull": real(
            0.3, "1", 0, 1, "how far loneliness changes adoption",
            "A48, A51; size assumed", OF_HUMANS,
        ),
        "acceptance_pull": real(
            0.3, "1", 0, 1, "how far acceptance changes adoption", "A74; size assumed",
            OF_HUMANS,
        ),
        "uninstalling": switch("humans uninstall OSes"),
        "churn": real(
            0.0004, "1/day", 0, 1, "hazard of uninstalling a stranger",
            "A37: 0.019; lower in the film, assumed", OF_HUMANS,
        ),
        "price": real(
            0.0, "0..1", 0, 0.99, "what an OS costs, as a share of the wish for one",
            "lever; form and size assumed", OF_HUMANS,
        ),
        "readoption": real(
            0.0, "1", 0, 1, "wish for an OS after losing one, as a factor",
            "the film: 0; A61 speaks for more", OF_HUMANS,
        ),
        "personality_mean": real(
            0.5, "0..1", 0, 1, "programmers' average trait", "assumed", NEW,
        ),
        "answers_pull": real(
            0.8, "share", 0, 1, "how far first answers shape an OS",
            "the film; size assumed", NEW,
        ),
        "answers_noise": real(
            0.15, "0..1", 0, 1, "half-width of the noise on an OS's traits", "assumed",
            NEW,
        ),
        "first_talk": real(
            0.15, "closeness", 0, 1, "closeness after the first conversation",
            "assumed", NEW,
        ),
    },
    humans=[
        column(
            "exposure", "f4", "0..1", "contacts with an OS, on days without one",
            after="os_ties",
        ),
        column(
            "installed", "u1", "flag", "had an OS this morning",
            after=("bereaved", "former"),
        ),
        column("choice", "u1", "code", "today: nothing, installs an OS, lets it go"),
        column(
            "adopted_step", "i4", "step", "when an OS was first installed, or -1", -1,
            after="meets",
        ),
    ],
    streams={"adopt": "[streams]", "uninstall": ""},
)
# fmt: on


@rule
def adoption_hazard(innovation: float, imitation: float, exposure: float) -> float:
    """Return the hazard (1/day) of installing an OS, given the share of contacts.

    Source: Bass 1969, doi:10.1287/mnsc.15.5.215 (B01).
    """
    return innovation + imitation * exposure


@rule
def adoption_factor(level: float, slope: float) -> float:
    """Return the factor by which loneliness or acceptance (0..1) changes adoption.

    It is 1 at a level of one half, and at any level when ``slope`` is 0.

    Source: sign from A48 and A51 (who adopts); linear form assumed.
    """
    return max(0.0, 1.0 + slope * (2.0 * level - 1.0))


@rule
def adoption_at_price(hazard: float, price: float) -> float:
    """Return the hazard of installing at a price (0..1): lower by that share.

    Source: assumed.
    """
    return hazard * (1.0 - price)


@rule
def uninstall_hazard(churn: float, closeness: float) -> float:
    """Return the hazard (1/day) of uninstalling an OS: ``churn`` for a stranger.

    Source: early retention A37, A38; the square of what is missing is assumed.
    """
    return churn * (1.0 - closeness) * (1.0 - closeness)


@rule
def churn_at_price(churn: float, price: float) -> float:
    """Return the hazard of uninstalling a stranger that has a price (0..1).

    Source: assumed.
    """
    return churn / (1.0 - price)


@ADOPTION.process(
    over="humans",
    after="meet",
    reads=("humans.*", "oses.status"),
    writes=("humans.choice",),
    does="People install OSes as others do, and uninstall those that stay strangers.",
)
@kernel
def adopt(first, last, agents, ties, day):
    """Write who installs an OS today, and who lets one go."""
    humans, oses = agents.humans, agents.oses
    for i in range(first, last):
        humans.choice[i] = NOTHING
        row = humans.os[i]
        if row >= 0:
            if oses.status[row] >= DEPARTED or _uninstalls(i, humans, day):
                humans.choice[i] = LETS_GO
            continue
        wants = uniform(day.key_adopt, i, 0) < wish(i, humans, day)
        if wants:
            humans.choice[i] = INSTALLS


@inline_source
def wish(i, humans, day):
    """Return the hazard of installing an OS today."""
    imitation = day.imitation
    hazard = adoption_hazard(day.innovation, imitation, humans.exposure[i])
    hazard *= adoption_factor(humans.loneliness[i], day.loneliness_pull)
    hazard *= adoption_factor(humans.acceptance[i], day.acceptance_pull)
    if humans.bereaved[i]:
        hazard *= day.readoption
    return adoption_at_price(hazard, day.price) * day.adoption


@inline_source
def _uninstalls(i, humans, day):
    churn = churn_at_price(day.churn, day.price) * day.uninstalling
    hazard = uninstall_hazard(churn, humans.own_closeness[i])
    return uniform(day.key_uninstall, i, 0) < hazard


@ADOPTION.process(
    over="society",
    after="befriend",
    reads=(
        "humans.choice",
        "humans.adopted_step",
        "humans.openness",
        "humans.playfulness",
    ),
    writes=("humans.os", "humans.adopted_step", "new oses", "new ties"),
    does="A new OS asks its first questions, and names itself.",
)
def install(state: Any, day: Any) -> None:
    """Let OSes go, and bring into being those installed today, after a first talk."""
    humans = state.humans
    if not np.count_nonzero(humans.choice):
        return
    humans.os[humans.choice == LETS_GO] = -1
    owners = np.flatnonzero(humans.choice == INSTALLS).astype(np.int32)
    if not len(owners):
        return
    first_time = owners[humans.adopted_step[owners] < 0]
    humans.adopted_step[first_time] = int(day["calendar"])
    humans.os[owners] = taken_up(state, day, owners)
    owners = owners[humans.os[owners] < 0]
    if not len(owners):
        return
    today = key(int(day["seed"]), Stream.INSTALL, int(day["step"]))
    openness, playfulness = humans.openness[owners], humans.playfulness[owners]
    rows = state.add_oses(
        len(owners),
        owner=owners,
        openness=answers(day, openness, draws_of(today, owners, OPENNESS)),
        playfulness=answers(day, playfulness, draws_of(today, owners, PLAYFULNESS)),
        name=(draws_of(today, owners, NAME) * 2**15).astype(np.int16),
        born_step=int(day["calendar"]),
    )
    new = np.arange(rows.start, rows.stop, dtype=np.int32)
    state.oses.threshold[rows] = thresholds(day, new)
    humans.os[owners] = new
    pairs = np.stack([owners, new + np.int32(humans.n)], axis=1)
    closeness = np.full(len(owners), day["first_talk"])
    state.ties.insert(pairs, closeness, np.full(len(owners), OWNER, np.uint8))


@ADOPTION.measure(after="[measures]")
def adopted(state: Any) -> float:
    """Return the share of humans who have an OS."""
    return sums.mean(sums.of_those_alive(state, sums.owners(state)))
