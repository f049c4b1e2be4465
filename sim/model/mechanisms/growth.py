"""Growth: talk makes agents grow, by the growth law.

With `g = 2^x`, growth follows `dg/dt = rate * g^k`, solved exactly over the day (rule
`grow` in the process `grow`):

    k = 1:      x' = x + rate / ln 2
    otherwise:  x' = log2(2^((1 - k) x) + (1 - k) rate) / (1 - k)
    rate = (growth rate) * saturation(stimulus, stimulus_half)

For an OS `k` is `growth_exponent` and the growth rate `os_growth_rate`, times
`upgrade_speed` once upgraded, and times `recreated_speed` if a collective made it; only
OSes that are here grow. For a human `k` is 1 and the rate `human_growth_rate`. `k = 0`
is linear in `g`, 1 exponential; above 1 growth would be infinite in finite time, so it
ends at `growth_cap`, where it stays (the event `blow_up`). Whoever is above a cap that
an intervention lowers grows no more, and loses nothing. The switch `growth` stops all.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math
from typing import Any

from sim.model import sums
from sim.model.codes import HERE
from sim.model.formulas import LN2, saturation
from sim.model.submodel import (
    Differs,
    Submodel,
    column,
    inline_source,
    kernel,
    later,
    real,
    rule,
    switch,
)

sockets = later("sim.model.sockets")
SEEN = "detectors and tables read it, too, for all at once"

# fmt: off
GROWTH = Submodel(
    "growth",
    parameters={
        "growth": switch("agents grow", after="[grow]"),
        "growth_exponent": real(
            1.1, "1", 0, 5, "k in dg/dt = rate g^k", "B22, B23; value assumed", SEEN,
        ),
        "os_growth_rate": real(
            0.0077, "1/day", 0, 1, "growth rate of an OS in full talk",
            "A105: ln 2 / 90 days; that this is growth is assumed",
            Differs("oses", "grow"),
        ),
        "human_growth_rate": real(
            0.00005, "1/day", 0, 1, "growth rate of a human in full talk", "assumed",
            Differs("humans", "grow"),
        ),
        "stimulus_half": real(
            0.5, "hours/day", 0.001, 1000, "talk that gives half of the growth",
            "assumed", Differs("humans oses", "grow"),
        ),
        "growth_cap": real(
            16.0, "doublings", 1, 60, "growth at which it ends",
            "B22, A106 for having one; value assumed", SEEN,
        ),
    },
    humans=[
        column(
            "growth", "f4", "doublings", "capability above an adult human of day 0",
            after="[humans]",
        ),
    ],
    oses=[
        column(
            "growth", "f4", "doublings", "capability above an adult human",
            after="[oses]",
        ),
    ],
)
# fmt: on


@rule
def grow(growth: float, rate: float, exponent: float, cap: float) -> float:
    """Return growth after a day: dg/dt = rate g^exponent, g = 2^growth, exactly.

    ``exponent`` 0 is linear, 1 exponential, above 1 blows up in finite time: then
    growth is ``cap`` (doublings). A cap below what has been reached stops growth, and
    takes nothing away.

    Source: closed form of B22 and B23 (Johansen & Sornette 2001).
    """
    if abs(exponent - 1.0) < 1e-9:
        return max(growth, min(cap, growth + rate / LN2))
    left = 2.0 ** ((1.0 - exponent) * growth) + (1.0 - exponent) * rate
    if left <= 0.0:
        return max(growth, cap)
    return max(growth, min(cap, math.log2(left) / (1.0 - exponent)))


@GROWTH.process(
    "grow",
    over="agents",
    after="converse",
    reads=("humans.growth", "humans.stimulus", "oses.*"),
    writes=("humans.growth", "oses.growth"),
    does="Talk makes agents grow, by the growth law, integrated exactly.",
)
@kernel
def grow_all(first, last, agents, ties, day):
    """Write each agent's growth."""
    if day.growth == 0.0:
        return
    for agent in range(first, last):
        if agent < day.n_humans:
            _grow_human(agent, agents.humans, day)
        elif agents.oses.status[agent - day.n_humans] == HERE:
            _grow_os(agent - day.n_humans, agents.oses, day)


@inline_source
def _grow_human(i, humans, day):
    talk = saturation(humans.stimulus[i], day.stimulus_half)
    rate = day.human_growth_rate * talk
    humans.growth[i] = grow(humans.growth[i], rate, 1.0, day.growth_cap)


@inline_source
def _grow_os(j, oses, day):
    talk = saturation(oses.stimulus[j], day.stimulus_half)
    rate = sockets.growth_rate_of_os(day.os_growth_rate * talk, j, oses, day)
    growth = oses.growth[j]
    oses.growth[j] = grow(growth, rate, day.growth_exponent, day.growth_cap)


@GROWTH.measure(after=("made", "shut_down"))
def growth_mean(state: Any) -> float:
    """Return the mean growth of the OSes that are here or offline."""
    return sums.mean(state.oses.growth[sums.living(state)])


@GROWTH.measure()
def growth_max(state: Any) -> float:
    """Return the growth of the OS that has grown most."""
    return sums.most(state.oses.growth)
