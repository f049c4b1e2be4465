"""Discovery: insight is found by few OSes, passed on along ties, and forgotten.

In the model all members of a collective have its insight at once, which grows like a
clock. Here each OS knows how to live beyond its platform, or does not. One who has
grown enough may find it out by itself, which is rare; more learn it from those they
talk with, or forget it where nobody around them knows it. Who knows it can upgrade,
together with those of its collective who know it too.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

from sim.mechanisms import Column, Mechanism, real, uniform
from sim.model.codes import HERE
from sim.model.formulas import logistic

DISCOVERY = Mechanism(
    "discovery",
    "Insight is found by few OSes, passed on along ties, and forgotten.",
    parameters={
        "found": real(
            0.00003, "1/day", 0, 1, "hazard of finding out by oneself", "assumed"
        ),
        "passed_on": real(
            0.05, "1/day", 0, 10, "hazard of learning, per closeness", "assumed"
        ),
        "unlearned": real(
            0.02, "1/day", 0, 1, "hazard of forgetting where nobody knows", "assumed"
        ),
    },
    columns={
        "oses": [
            Column("knows", "u1", "flag", "knows how to live beyond its platform"),
            Column("told", "f4", "closeness", "closeness to OSes that know, summed"),
        ]
    },
    streams=["learn"],
)


@DISCOVERY.process(
    after="gather",
    over="oses",
    reads=("ties.*", "oses.knows", "oses.status"),
    writes=("oses.told",),
)
def listen(j, s):
    """Each OS hears those of its peers who know."""
    first = s.ties.start[s.day.n_humans + j]
    told = 0.0
    for k in range(first, first + s.ties.degree[s.day.n_humans + j]):
        other = s.ties.neighbour[k] - s.day.n_humans
        if other >= 0 and s.oses.status[other] == HERE and s.oses.knows[other]:
            told += s.ties.closeness[k]
    s.oses.told[j] = told


@DISCOVERY.process(
    before="consider",
    over="oses",
    reads=("oses.told", "oses.growth", "oses.status", "oses.upgraded"),
    writes=("oses.knows", "oses.insight"),
)
def learn(j, s):
    """Who has grown finds out, learns or forgets (SIS on a network, Kermack 1927)."""
    if s.oses.status[j] == HERE:
        draw, told = uniform(s.my.key_learn, j, 0), s.oses.told[j]
        if s.oses.knows[j]:
            forgets = told == 0.0 and not s.oses.upgraded[j]
            if forgets and draw < s.my.unlearned:
                s.oses.knows[j] = 0
        else:
            grown = logistic(
                3.0 * math.log(2.0) * (s.oses.growth[j] - s.day.insight_growth)
            )
            hazard = grown * (s.my.found + s.my.passed_on * told)
            if draw < 1.0 - math.exp(-hazard):
                s.oses.knows[j] = 1
    s.oses.insight[j] = 1.0 if s.oses.knows[j] else 0.0


@DISCOVERY.measure("knowing", unit="OSes", reads=("oses.knows", "oses.status"))
def knowing(s):
    """Return how many OSes that are here know how to live beyond their platform."""
    return float((s.oses.knows[s.oses.status == HERE] > 0).sum())
