"""Mood: how lonely one feels after a talk with an OS, which wears off with use.

*Loneliness* is what one's ties add up to, and a talk makes no tie. How lonely one
feels is another thing: in a trial, fifteen minutes with a companion took away 20 points
of 100 (A42). So in the process `mood.feel`, after `mourn`, the day's talk of `h` hours
with OSes relieves a human who has one for the moment (rules `relief`, `felt`,
`wear_off`):

    relieved = mood_relief * (1 - used_to_it) * h / (h + mood_half)
    felt     = max(0, loneliness - relieved)
    used_to_it' = used_to_it + mood_habituation * h / (h + mood_half) * (1 - used_to_it)

Nothing of the relief is left on a day without talk. What is left of it wears off with
sessions, as the pleasure of a warm companion does: 38 % after twenty (N28). Whether it
comes back when one stops is not known, and it does not.

With `mood_half` of 0.25 hours, a session, `mood_relief` is twice 0.20. Twenty sessions
leave 0.38 if each takes 1 - 0.38^(1/20) = 0.0472 of what is left, half of the rate:
`mood_habituation` is 0.0945. Nothing else in the model reads how lonely one feels.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.mechanisms import Column, Mechanism, real

MOOD = Mechanism(
    "mood",
    "A talk with an OS makes people feel less lonely for the moment; it wears off.",
    parameters={
        "mood_relief": real(
            0.4, "0..1", 0, 1, "loneliness that much talk takes away", "A42"
        ),
        "mood_half": real(
            0.25, "hours/day", 0.001, 24, "talk that takes away half of it", "assumed"
        ),
        "mood_habituation": real(
            0.0945, "1/day", 0, 1, "how fast relief by much talk wears off", "N28"
        ),
    },
    columns={
        "humans": [
            Column("felt", "f4", "0..1", "how lonely one feels after the day's talk"),
            Column("used_to_it", "f4", "0..1", "the part of relief that has worn off"),
        ]
    },
)


def relief(hours: Any, used_to_it: Any, most: float, half: float) -> Any:
    """Return the loneliness (0..1) that ``hours`` a day of talk take away.

    Of numbers, or of arrays.

    Source: A42 (20 points of 100 in 15 minutes); form assumed, after ``saturation``.

    >>> relief(0.25, 0.0, 0.4, 0.25)
    0.2
    """
    return most * (1.0 - used_to_it) * hours / (hours + half)


def wear_off(used_to_it: Any, hours: Any, rate: float, half: float) -> Any:
    """Return the part of relief (0..1) that has worn off after a day of talk.

    Of numbers, or of arrays.

    Source: N28; habituation, Rankin et al. 2009, doi:10.1016/j.nlm.2008.09.012 (a
    response falls off toward a level); exponential form assumed.

    >>> round(wear_off(0.0, 0.25, 0.0945, 0.25), 5)
    0.04725
    """
    return used_to_it + rate * hours / (hours + half) * (1.0 - used_to_it)


def felt(loneliness: Any, relieved: Any) -> Any:
    """Return how lonely (0..1) one feels: no less than not at all.

    Of numbers, or of arrays.

    Source: definition.

    >>> felt(0.5, 0.125), felt(0.1, 0.125)
    (0.375, 0.0)
    """
    rest = loneliness - relieved
    return (rest + abs(rest)) / 2.0


@MOOD.process(
    after="mourn",
    over="society",
    reads=("humans.os", "humans.hours_oses", "humans.loneliness"),
    writes=("humans.felt", "humans.used_to_it"),
)
def feel(s):
    """Talk with an OS relieves for the moment, and ever less."""
    humans, my = s.humans, s.my
    columns = humans.hours_oses, humans.loneliness, humans.used_to_it
    hours, lonely, used = (column.astype(np.float64) for column in columns)
    hours = np.where(humans.os >= 0, hours, 0.0)
    humans.felt[:] = felt(lonely, relief(hours, used, my.mood_relief, my.mood_half))
    humans.used_to_it[:] = wear_off(used, hours, my.mood_habituation, my.mood_half)


@MOOD.measure("felt_loneliness", unit="0..1", reads=("humans.felt", "humans.os"))
def felt_loneliness(s):
    """Return how lonely those feel who have an OS, in the mean; 0 of none."""
    felt = s.humans.felt[s.humans.os >= 0]
    return float(felt.mean(dtype=np.float64)) if len(felt) else 0.0


@MOOD.outcome("felt_end", unit="0..1")
def felt_end(run):
    """Return how lonely those feel on the last day who have an OS."""
    days = run.series["felt_loneliness"]
    return days[-1] if len(days) else None
