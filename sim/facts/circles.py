"""What is measured in the ties among humans: circles, turnover, time, friendship."""

from __future__ import annotations

import math

import numpy as np

from sim.facts.lives import Case
from sim.facts.measures import (
    INNER,
    MINUTES,
    Level,
)
from sim.parameters import ACQUAINTANCE, CLOSE_FRIEND, FRIEND
from sim.state import PARTNER
from sim.stats import mean, percent
from sim.ties import Array

Ties = dict[str, Array]


def circle(closest: float) -> Level:
    """Measure how many humans a human is at least so close to."""

    def measure(case: Case) -> float:
        ties = case.today.ties["end"]
        return float(np.count_nonzero(ties["closeness"] >= closest)) / _people(case)

    return measure


def circle_ratio(case: Case) -> float:
    """Measure the ratio between circles: close, friends, acquaintances, all (B16).

    The exponential of the slope of the logarithm of their sizes.
    """
    sizes = [circle(mark)(case) for mark in (CLOSE_FRIEND, FRIEND, ACQUAINTANCE, 0.0)]
    if min(sizes) <= 0.0:
        return math.nan
    return float(np.exp(np.polyfit(range(len(sizes)), np.log(sizes), 1)[0]))


def _people(case: Case) -> int:
    return case.today.parameters.humans


def with_ties(fewest: int, most: int) -> Level:
    """Measure the share of humans whose number of ties is in a range, in percent."""

    def measure(case: Case) -> float:
        ties = case.today.humans["human_ties"]
        return percent((ties >= fewest) & (ties <= most))

    return measure


def tie_change(case: Case) -> float:
    """Measure the change of the number of ties in the last year, in percent."""
    before, after = (len(case.today.ties[day]["owner"]) for day in ("eve", "end"))
    return 100.0 * (after / before - 1.0)


def codes(case: Case, day: str) -> Array:
    """Return one number for each half-edge, the same on any day."""
    ties = case.today.ties[day]
    return np.asarray(
        ties["owner"].astype(np.int64) * _people(case) + ties["neighbour"]
    )


def ranks(ties: Ties, by: str) -> Array:
    """Return the place, from 0, of each half-edge among its owner's, highest first."""
    order = np.lexsort((-ties[by], ties["owner"]))
    owner = ties["owner"][order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    result = np.empty(len(owner), np.int64)
    result[order] = place
    return result


def inner_turnover(case: Case) -> float:
    """Measure who of the inner circle is no longer in it a year later, in percent."""
    inner = [
        codes(case, day)[ranks(case.today.ties[day], "closeness") < INNER]
        for day in ("eve", "end")
    ]
    return percent(~np.isin(inner[0], inner[1]))


def young_ties_ended(case: Case) -> float:
    """Measure ties formed in the year before that are gone a year on, in percent."""
    first, eve, end = (codes(case, day) for day in ("first", "eve", "end"))
    young = eve[~np.isin(eve, first)]
    return percent(~np.isin(young, end))


def _partners(case: Case, day: str) -> Array:
    ties = case.today.ties[day]
    together = ((ties["kind"] & PARTNER) > 0) & (ties["closeness"] >= FRIEND)
    return codes(case, day)[together]


def partners_parted(case: Case) -> float:
    """Measure partners who part, or are friends no more, in a year, in percent."""
    return percent(~np.isin(_partners(case, "eve"), _partners(case, "end")))


def unpartnered(case: Case) -> float:
    """Measure the share of humans without a partner, in percent."""
    return 100.0 * (1.0 - len(_partners(case, "end")) / _people(case))


def time_to(closest: int) -> Level:
    """Measure the share of talk with humans that so many of them get, in percent."""

    def measure(case: Case) -> float:
        ties = case.today.ties["end"]
        most = ranks(ties, "hours") < closest
        owner, hours = ties["owner"], ties["hours"]
        total = np.bincount(owner, hours, minlength=_people(case))
        their = np.bincount(owner[most], hours[most], minlength=_people(case))
        talks = total > 0.0
        return 100.0 * mean(their[talks] / total[talks])

    return measure


def minutes_among_humans(case: Case) -> float:
    """Measure minutes a day of talk among humans."""
    return MINUTES * mean(case.today.hours_humans[-1])


def hours_until(closeness: float) -> Level:
    """Measure the hours two strangers talk until they are so close: the median."""

    def measure(case: Case) -> float:
        met = case.strangers
        hours = np.cumsum(met.hours_humans, axis=0, dtype=np.float64)
        reached = met.human_closeness >= closeness
        first = reached.argmax(axis=0)
        spent = hours[first, np.arange(hours.shape[1])]
        return float(np.median(np.where(reached.any(axis=0), spent, math.inf)))

    return measure
