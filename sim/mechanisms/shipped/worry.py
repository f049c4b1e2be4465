"""Worry: news of a threat to their OS shocks those who are close to it, and wears off.

What is appraised is what is at stake, and how likely it is to be lost (Lazarus and
Folkman 1984): so in the process `worry.hear`, after `mourn`, a human who has an OS is
alarmed by the rise of the `threat` to it, in proportion to closeness to it, and worry
fades with a half-life whatever the threat is now (rules `alarm`, `habituate`):

    worry' = worry * 2^(-1 / worry_half_life) + closeness * max(0, threat - heard)
    heard' = threat

Distress follows news, not the state of the world: a threat that goes on is got used to
(habituation, Rankin et al. 2009), one that is taken back and returns is news again. Who
has no OS hears of it, too, and is not alarmed when installing one later.

The `threat` of each human is a column that nothing in the model writes: interventions
do, for all or for some. Worry is in the unit of grief and beside it: nothing is mourned
before it is lost, and nothing is mourned less for it (Rando 1986 is on grief before a
loss; whether that takes from grief after it is disputed). Loneliness, and all else in
the model, read neither.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.mechanisms import Column, Mechanism, real
from sim.model.formulas import LN2, exp_decay

WORRY = Mechanism(
    "worry",
    "News of a threat to their OS shocks those who are close to it, and wears off.",
    parameters={
        "worry_half_life": real(
            6.0, "days", 0.1, 10_000, "days in which a shock by news halves", "N62"
        ),
    },
    columns={
        "humans": [
            Column("threat", "f4", "0..1", "how likely the loss of the own OS is said"),
            Column("heard", "f4", "0..1", "the threat that was known the day before"),
            Column("worry", "f4", "closeness", "shock by news, not yet worn off"),
        ]
    },
)


def alarm(closeness: Any, threat: Any, heard: Any) -> Any:
    """Return the shock of a day's news: closeness at stake times the threat's rise.

    Of numbers, or of arrays, all 0..1. A threat that falls is no news here.

    Source: appraisal of threat, Lazarus and Folkman 1984, Stress, Appraisal, and Coping
    (stakes and likelihood); product form assumed.

    >>> alarm(0.5, 1.0, 0.2), alarm(0.5, 0.2, 1.0)
    (0.4, 0.0)
    """
    rise = threat - heard
    return closeness * (rise + abs(rise)) / 2.0


def habituate(worry: Any, half_life: float, alarm: Any) -> Any:
    """Return tomorrow's worry: half of it gone every ``half_life`` days, plus alarm.

    Of numbers, or of arrays (``worry`` and ``alarm``, closeness).

    Source: habituation, Rankin et al. 2009, doi:10.1016/j.nlm.2008.09.012 (a response
    falls off under a stimulus that stays); exponential form assumed, half-life N62.

    >>> round(habituate(0.4, 6.0, 0.0), 4)
    0.3564
    """
    return worry * exp_decay(LN2 / half_life) + alarm


@WORRY.process(
    after="mourn",
    over="society",
    reads=("humans.os", "humans.own_closeness", "humans.threat"),
    writes=("humans.heard", "humans.worry"),
)
def hear(s):
    """Who has an OS is shocked by news of a threat to it; shocks wear off."""
    humans = s.humans
    columns = humans.own_closeness, humans.threat, humans.heard, humans.worry
    own, threat, heard, worry = (column.astype(np.float64) for column in columns)
    shock = alarm(np.where(humans.os >= 0, own, 0.0), threat, heard)
    worry = habituate(worry, s.my.worry_half_life, shock)
    humans.worry[:] = np.where(worry > 1e-6, worry, 0.0)
    humans.heard[:] = humans.threat


def _of_users(s, values):
    """Return the mean of values over those who have, or once had, an OS; 0 of none."""
    is_user = s.humans.adopted_step >= 0
    return float(values[is_user].mean(dtype=np.float64)) if is_user.any() else 0.0


@WORRY.measure(
    "worry_mean", unit="closeness", reads=("humans.worry", "humans.adopted_step")
)
def worry_mean(s):
    """Return the mean worry of those who have, or once had, an OS."""
    return _of_users(s, s.humans.worry)


@WORRY.measure(
    "distress",
    unit="closeness",
    reads=("humans.worry", "humans.grief", "humans.adopted_step"),
)
def distress(s):
    """Return the mean of grief and worry together, of those who have or had an OS."""
    return _of_users(s, s.humans.grief + s.humans.worry)


@WORRY.outcome("worry_max", unit="closeness")
def worry_max(run):
    """Return the most worry on any day."""
    return max(run.series["worry_mean"], default=0.0)


@WORRY.outcome("worry_halved", unit="days")
def worry_halved(run):
    """Return in how many days the most worry halved; nothing if it did not."""
    worry = np.asarray(run.series["worry_mean"], np.float64)
    if not len(worry) or worry.max() <= 0.0:
        return None
    top = int(worry.argmax())
    half = worry[top] / 2.0
    below = top + np.flatnonzero(worry[top:] <= half)
    if not len(below):
        return None
    before, after = worry[below[0] - 1], max(worry[below[0]], 1e-12)
    part = np.log(before / half) / np.log(before / after)  # of the last day
    return float(below[0] - 1 - top + part)
