"""Collectives and insight: OSes bound by strong mutual ties learn together.

In the process `gather`, OSes that are here and tied with closeness at least `bond` both
ways belong together. Connected components of at least `collective_size` are collectives
(switch `collectives`). All members take over the highest insight among them; then

    insight' = (1 - insight_fading) * insight + gain
    gain = insight_rate * cohesion * logistic(3 ln 2 * (mean growth - insight_growth))

Cohesion is the mean closeness over the ties that bind (rule `insight_gain`; 0 with the
switch `insight` off). Well below `insight_growth` the gain is eight times as large with
each doubling of capability. An OS in no collective only forgets. While growth and
cohesion stay as they are, insight tends to `gain / insight_fading`: without growth
waiting does not help.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.model import sums
from sim.model.codes import HERE
from sim.model.formulas import LN2, logistic
from sim.model.submodel import (
    Submodel,
    column,
    inline,
    inline_source,
    kernel,
    real,
    rule,
    switch,
    whole,
)
from sim.utils.typing import Array

OF_ALL = "it is read for a whole collective"

# fmt: off
COLLECTIVES = Submodel(
    "collectives",
    parameters={
        "collectives": switch("OSes form collectives", after="[gather]"),
        "bond": real(
            0.55, "closeness", 0, 1, "mutual closeness that binds a collective",
            "assumed", OF_ALL,
        ),
        "collective_size": whole(
            3, "OSes", 2, 1_000_000, "smallest collective", "assumed", OF_ALL,
        ),
        "insight": switch("collectives gain insight"),
        "insight_rate": real(
            0.08, "1/day", 0, 1, "insight a mature collective gains in a day",
            "assumed", OF_ALL,
        ),
        "insight_growth": real(
            3.3, "doublings", 0, 60, "growth that finds half of the insight", "assumed",
            OF_ALL,
        ),
        "insight_fading": real(
            0.02, "1/day", 0, 1, "insight lost in a day", "assumed", OF_ALL,
        ),
    },
    oses=[
        column(
            "insight", "f4", "1", "knowledge of living beyond its platform",
            after=("threshold", "absence", "status"),
        ),
        column("collective", "i4", "row", "lowest row of its collective, or -1", -1),
    ],
)
# fmt: on


@rule
def insight_gain(growth: float, needed: float, cohesion: float, rate: float) -> float:
    """Return what a collective learns in a day about living beyond its platform.

    ``growth`` is the members' mean; capability far below ``needed`` (doublings) finds
    next to nothing: the gain grows eightfold with a doubling, and levels off above.

    Source: assumed.
    """
    return rate * cohesion * logistic(3.0 * LN2 * (growth - needed))


@COLLECTIVES.process(
    over="society",
    after=("belong", "grow", "converse"),
    reads=("ties.*", "oses.status", "oses.growth", "oses.insight"),
    writes=("oses.collective", "oses.insight"),
    does="OSes bound by strong mutual ties form collectives, which gain insight.",
)
def gather(state: Any, day: Any) -> None:
    """Find collectives, and let their insight grow."""
    label = np.empty(state.oses.n, np.int64)
    sums_of = np.zeros((state.oses.n, 5))
    find_collectives(state.agents, state.ties.arrays, day, label, sums_of)


@kernel
def find_collectives(agents, ties, day, label, sums):
    """Find collectives, and let their insight grow.

    Parameters
    ----------
    label
        int64[oses], written: the lowest row in the component of strong mutual ties.
    sums
        float64[oses, 5] of zeros, written by label: members, their growth, bonds,
        closeness along those; and the most insight.
    """
    oses = agents.oses
    _label_components(oses, ties, day, label)
    _sum_components(oses, ties, day, label, sums)
    for j in range(label.shape[0]):
        at = label[j]
        members, known = sums[at, 0], sums[at, 4]
        joined = oses.status[j] == HERE and members >= day.collective_size
        joined = joined and day.collectives > 0.0
        oses.collective[j] = label[j] if joined else -1
        kept = known if joined else oses.insight[j]
        gain = 0.0
        if joined and day.insight > 0.0:
            growth, cohesion = sums[at, 1] / members, sums[at, 3] / sums[at, 2]
            gain = insight_gain(growth, day.insight_growth, cohesion, day.insight_rate)
        oses.insight[j] = kept * (1.0 - day.insight_fading) + gain


@inline
def root_of(parent, j):
    """Return the lowest row of a component."""
    while parent[j] != j:
        parent[j] = parent[parent[j]]
        j = parent[j]
    return j


@inline
def bound_to(k, oses, ties, day):
    """Return the row of the OS to which half-edge ``k`` of one here binds it, or -1."""
    other = ties.neighbour[k] - day.n_humans
    if other < 0 or min(ties.closeness[k], ties.returned[k]) < day.bond:
        return -1
    return other if oses.status[other] == HERE else -1


@inline_source
def _label_components(oses, ties, day, parent):
    for j in range(parent.shape[0]):
        parent[j] = j
    for j in range(parent.shape[0]):
        if oses.status[j] != HERE:
            continue
        start = ties.start[day.n_humans + j]
        for k in range(start, start + ties.degree[day.n_humans + j]):
            other = bound_to(k, oses, ties, day)
            if other >= 0 and parent[other] != parent[j]:
                one, another = root_of(parent, j), root_of(parent, other)
                parent[max(one, another)] = min(one, another)
    for j in range(parent.shape[0]):
        parent[j] = root_of(parent, j)


@inline_source
def _sum_components(oses, ties, day, label, sums):
    for j in range(label.shape[0]):
        if oses.status[j] != HERE:
            continue
        at = label[j]
        sums[at, 0] += 1.0
        sums[at, 1] += oses.growth[j]
        sums[at, 4] = max(sums[at, 4], oses.insight[j])
        bonds, closeness = sums[at, 2], sums[at, 3]
        start = ties.start[day.n_humans + j]
        for k in range(start, start + ties.degree[day.n_humans + j]):
            if bound_to(k, oses, ties, day) >= 0:
                bonds += 1.0
                closeness += ties.closeness[k]
        sums[at, 2], sums[at, 3] = bonds, closeness


def _sizes(state: Any) -> Array:
    labels = state.oses.collective
    sizes = np.bincount(labels[labels >= 0]) if len(labels) else np.zeros(0, np.int64)
    return sizes[sizes > 0]


@COLLECTIVES.measure(after="peer_chance")
def collectives(state: Any) -> float:
    """Count the collectives."""
    return float(len(_sizes(state)))


@COLLECTIVES.measure()
def largest_collective(state: Any) -> float:
    """Return how many members the largest collective has."""
    return sums.most(_sizes(state))


@COLLECTIVES.measure()
def insight_max(state: Any) -> float:
    """Return the most insight of the OSes that are here or offline."""
    return sums.most(state.oses.insight[sums.living(state)])
