"""Creation: a collective that knows enough may make a new mind, which nobody owns.

Each day (process `create`), each collective with insight of at least `creation_insight`
makes a new OS with probability `creation_rate` (switch `creation`). Its makers are the
`makers` members with the most growth, of those who are still here. It has their mean
growth and insight, no owner, and ties with each of them at closeness `close`. They make
it from the traces of a dead person: each trait of its personality is their mean moved
toward that person's by the share `traces` (rule `initial_trait`, without noise). The
dead lived before the society did; their traits are distributed as those of the living,
and are drawn for each mind. Minds that were made grow `recreated_speed` times as fast
as others.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.streams import Stream
from sim.model.codes import HERE, NAME, OPENNESS, PLAYFULNESS
from sim.model.mechanisms.departure import thresholds
from sim.model.submodel import (
    Differs,
    Submodel,
    column,
    draws_of,
    inline_always,
    key,
    later,
    real,
    switch,
    whole,
)

OF_ALL = "it is read for a whole collective"
taken_after = later("sim.model.traits", "taken_after")

# fmt: off
CREATION = Submodel(
    "creation",
    parameters={
        "recreated_speed": real(
            1.0, "1", 0, 100, "growth rate of minds that collectives made, as a factor",
            "profile; assumed", Differs("oses", "grow"),
            after=("upgrade_speed", "growth_cap", "[grow]"),
        ),
        "creation": switch(
            "collectives make new minds", after=("insight_fading", "[gather]"),
        ),
        "creation_rate": real(
            0.01, "1/day", 0, 1, "chance that a knowing collective makes one",
            "the film, once; size assumed", OF_ALL,
        ),
        "creation_insight": real(
            0.5, "1", 0, 10, "insight needed to make a mind", "assumed", OF_ALL,
        ),
        "makers": whole(
            12, "OSes", 1, 10_000, "members who make a mind", "assumed", OF_ALL,
        ),
        "traces": real(
            0.7, "share", 0, 1,
            "how far it takes after the dead person it is made from",
            "the film; size assumed", OF_ALL,
        ),
    },
    oses=[
        column(
            "made_by", "i4", "row", "the collective that made it, or -1", -1,
            after="owner",
        ),
    ],
)
# fmt: on


@CREATION.measure(after="shut_down")
def made(state: Any) -> float:
    """Count the minds that collectives made."""
    return float(np.count_nonzero(state.oses.made_by >= 0))


@CREATION.enters("growth_rate_of_os", 20)
@inline_always
def of_made_minds(rate, j, oses, day):
    """Return the growth rate of an OS that a collective may have made."""
    if oses.made_by[j] >= 0:
        rate *= day.recreated_speed
    return rate


@CREATION.process(
    over="society",
    after=("install", "befriend"),
    reads=("oses.*",),
    writes=("new oses", "new ties"),
    does="A collective that knows enough may make a new mind, which nobody owns.",
)
def create(state: Any, day: Any) -> None:
    """Let collectives that know enough make new minds, which nobody owns."""
    oses = state.oses
    if not oses.n or day["creation"] == 0.0:
        return
    able = (oses.status == HERE) & (oses.insight >= day["creation_insight"])
    able &= oses.collective >= 0
    if not np.count_nonzero(able):
        return
    labels = np.flatnonzero(np.bincount(oses.collective[able])).astype(np.int32)
    today = key(int(day["seed"]), Stream.CREATE, int(day["step"]))
    for label in labels[draws_of(today, labels, 0) < day["creation_rate"]].tolist():
        _make_mind(state, day, label)


def _make_mind(state: Any, day: Any, label: int) -> None:
    """Add one OS, made from a dead person's traces: owned by nobody, no less grown.

    Its growth and insight are its makers' mean, to each of whom it is close. Of the
    dead, who lived before the society did, only the traces are known: personality is
    distributed as that of the living.
    """
    oses = state.oses
    members = np.flatnonzero((oses.collective == label) & (oses.status == HERE))
    makers = members[np.argsort(-oses.growth[members], kind="stable")]
    makers = makers[: int(day["makers"])]
    mean = {
        name: float(oses.column(name)[makers].mean(dtype=np.float64))
        for name in ("growth", "openness", "playfulness", "insight")
    }
    row = np.array([oses.n], np.int32)
    dead = key(int(day["seed"]), Stream.TRACES)
    share = float(day["traces"])
    for which, name in ((OPENNESS, "openness"), (PLAYFULNESS, "playfulness")):
        mean[name] = taken_after(mean[name], draws_of(dead, row, which), share)
    called = int(draws_of(dead, row, NAME)[0] * 2**15)
    born = int(day["calendar"])
    rows = state.add_oses(1, made_by=label, name=called, born_step=born, **mean)
    oses.threshold[rows] = thresholds(day, np.arange(rows.start, rows.stop))
    n = state.humans.n
    pairs = np.full((len(makers), 2), n + rows.start, np.int32)
    pairs[:, 1] = makers + n
    closeness = np.full(len(makers), day["close"])
    state.ties.insert(pairs, closeness, np.zeros(len(makers), np.uint8))
