"""Quantities measured in a society to be compared with published ones.

A level is a number of one case. A pair is two columns, one entry a person, whose
correlation has a published sign.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sim.mechanisms.shipped import mood
from sim.model import rules
from sim.model.columns import PARTNER
from sim.model.parameters import ACQUAINTANCE, CLOSE_FRIEND, FRIEND, MONTH, WEEK, YEAR
from sim.studies.validation.recorder import Case, Recording
from sim.utils.stats import mean, percent
from sim.utils.typing import Array

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
    return _codes(case.today, day)


def _codes(recording: Recording, day: str) -> Array:
    ties, people = recording.ties[day], recording.parameters.humans
    return np.asarray(ties["owner"].astype(np.int64) * people + ties["neighbour"])


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


def _in_group(recording: Recording) -> Array:
    """Return which half-edges of the last day join people of one group."""
    ties, group = recording.ties["end"], recording.humans["group"]
    return np.asarray(group[ties["owner"]] == group[ties["neighbour"]])


def friends_in_group(case: Case) -> float:
    """Measure which share of friends in a school are of one's own class (N87)."""
    ties, within = case.school.ties["end"], _in_group(case.school)
    return mean(within[ties["closeness"] >= FRIEND].astype(np.float64))


def time_in_group(case: Case) -> float:
    """Measure which share of talk in an office is within departments (N88)."""
    hours = case.office.ties["end"]["hours"]
    return float(hours[_in_group(case.office)].sum() / hours.sum())


def friends_mutual(case: Case) -> float:
    """Measure which share of friends in a school call one a friend, too (N86)."""
    ties = case.school.ties["end"]
    returned = ties["returned"][ties["closeness"] >= FRIEND] >= FRIEND
    return mean(returned.astype(np.float64))


def kept_by_use(case: Case) -> float:
    """Measure by how much more ties with most hours are kept than those with least.

    Each are a quarter of those of the eve (N83).
    """
    eve, end = (_codes(case.callers, day) for day in ("eve", "end"))
    hours, kept = case.callers.ties["eve"]["hours"], np.isin(eve, end)
    low, high = np.quantile(hours, (0.25, 0.75))
    of_least = percent(kept[hours <= low])
    return percent(kept[hours >= high]) / of_least if of_least > 0.0 else math.nan


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


def among_users(one: str, another: str) -> Pair:
    """Take two daily columns of the last year's users, on the days they had an OS."""

    def measure(case: Case) -> tuple[Array, Array]:
        recording = case.today
        used = recording.installed[-YEAR:].any(axis=0)
        return tuple(_with_os(recording, name)[used] for name in (one, another))  # type: ignore[return-value]

    return measure


def _with_os(recording: Recording, name: str) -> Array:
    """Return each human's mean of a daily column over the days with an OS."""
    installed = recording.installed[-YEAR:]
    days = np.maximum(1, installed.sum(axis=0))
    values = getattr(recording, name)[-YEAR:] * installed
    return np.asarray(values.sum(axis=0, dtype=np.float64) / days)


def ties_and_use(case: Case) -> tuple[Array, Array]:
    """Take the last year's users: humans they know, and their talk with OSes."""
    recording = case.today
    used = recording.installed[-YEAR:].any(axis=0)
    ties = recording.humans["human_ties"].astype(np.float64)
    return ties[used], _with_os(recording, "hours_oses")[used]


def use_and_loneliness(case: Case) -> tuple[Array, Array]:
    """Take all humans: whether they used an OS in the last year, and how lonely before.

    Before is the first day of that year.
    """
    recording = case.today
    used = recording.installed[-YEAR:].any(axis=0).astype(np.float64)
    start = max(0, len(recording.installed) - YEAR)
    return np.asarray(used), np.asarray(recording.loneliness[start], np.float64)


def use_and_belief(case: Case) -> tuple[Array, Array]:
    """Take all humans: their talk with OSes in the last year, and belief in them."""
    recording = case.today
    hours = recording.hours_oses[-YEAR:].mean(axis=0, dtype=np.float64)
    return hours, recording.humans["personhood"].astype(np.float64)


CASUAL_FRIEND = ACQUAINTANCE

# One who talks less than a session a week, or a day, is no weekly, or daily, user.
SESSION = 17.4 / 60.0  # hours: A34
DAY, FIVE_WEEKS = 1, 5 * WEEK
MINUTES = 60.0
INNER, SYMPATHY = 5, 15  # people
THIRD = 1.0 / 3.0  # scales from 0 to 1 are read in thirds: no, between, yes

Level = Callable[[Case], float]
Pair = Callable[[Case], tuple[Array, Array]]


# ----------------------------------------------------------------------------- using


def talked(recording: Recording) -> Array:
    """Return each human's talk with the own OS in the last month, in hours a day."""
    return np.asarray(recording.hours_oses[-MONTH:].mean(axis=0, dtype=np.float64))


def used_within(recording: Recording, days: int) -> Array:
    """Return who had an OS on any of the last days, bool[humans]."""
    return np.asarray(recording.installed[-days:].any(axis=0))


def users(days: int) -> Level:
    """Measure the share of humans who used an OS within so many days, in percent."""
    return lambda case: percent(used_within(case.today, days))


def regular_users(every: int) -> Level:
    """Measure the share who talk a session every so many days, in percent."""
    return lambda case: percent(talked(case.today) >= SESSION / every)


def daily_of_monthly(case: Case) -> float:
    """Measure the share of a month's users who talk every day, in percent."""
    recording = case.today
    return percent(talked(recording)[used_within(recording, MONTH)] >= SESSION)


def minutes_of_monthly(case: Case) -> float:
    """Measure minutes a day of talk of a month's users."""
    return MINUTES * mean(talked(case.today)[used_within(case.today, MONTH)])


def minutes_of_daily(case: Case) -> float:
    """Measure minutes a day of talk of those who talk every day."""
    hours = talked(case.today)
    return MINUTES * mean(hours[hours >= SESSION])


def installs(recording: Recording, days: int) -> Array:
    """Return int[installs, 2]: (day, human) of installs with ``days`` days to come."""
    began = recording.installed[1:] & ~recording.installed[:-1]
    found = np.argwhere(began)
    found[:, 0] += 1
    return found[found[:, 0] + days < len(recording.installed)]


def retained(case: Case) -> float:
    """Measure the share of installs that are kept for a month, in percent."""
    installed = case.today.installed
    return percent(
        [installed[d : d + MONTH + 1, i].all() for d, i in installs(case.today, MONTH)]
    )


def doubling(count: Callable[[Recording], Array]) -> Level:
    """Measure how many months ago the count was half of what it is at the end.

    nan where nothing is counted at the end, or half of it was there on all days.
    """

    def measure(case: Case) -> float:
        counted = count(case.today)
        fewer = np.flatnonzero(counted < counted[-1] / 2.0)
        if not len(fewer):
            return math.nan
        return float(len(counted) - 1 - fewer[-1]) / (YEAR / 12.0)

    return measure


def ever_users(recording: Recording) -> Array:
    """Return, for each day, how many humans have ever had an OS."""
    return np.asarray(np.logical_or.accumulate(recording.installed).sum(axis=1))


def week_users(recording: Recording) -> Array:
    """Return, for each day, how many humans have an OS, averaged over the week."""
    daily = recording.installed.sum(axis=1)
    return np.convolve(daily, np.full(WEEK, 1.0 / WEEK))[: len(daily)]


# ------------------------------------------------------------------------- attachment


def os_friends(case: Case) -> float:
    """Measure the share of humans to whom their OS is a friend, in percent."""
    return percent(case.today.own_closeness[-1] >= FRIEND)


def days_in_love(case: Case) -> float:
    """Measure the share of weekly users who love their OS, in percent.

    Over all days of the last year, since on one day there are too few.
    """
    recording = case.today
    weekly = recording.hours_oses[-YEAR:] >= SESSION / WEEK
    loving = recording.own_closeness[-YEAR:] >= recording.parameters.love
    return percent(loving[weekly])


def ever_loved(case: Case) -> float:
    """Measure the share of humans who ever loved their OS, in percent."""
    dearest = case.today.own_closeness.max(axis=0)
    return percent(dearest >= case.today.parameters.love)


def hours_of_attached(case: Case) -> float:
    """Measure hours a day of talk on days on which the OS is close to its human."""
    recording = case.today
    return mean(recording.hours_oses[recording.own_closeness >= CLOSE_FRIEND])


# ------------------------------------------------------------------ loneliness, people


def lonely(case: Case) -> float:
    """Measure the share of humans more lonely than not, in percent."""
    return percent(case.today.loneliness[-1] > 0.5)


def kept_for(case: Case, days: int) -> list[tuple[int, int]]:
    """Return (day, human) so many days after installs of the year that were kept."""
    installed = case.today.installed
    return [
        (day + days, human)
        for day, human in installs(case.today, days)
        if day + days < len(case.alone.installed)
        and installed[day : day + days, human].all()
    ]


def loneliness_after(days: int) -> Level:
    """Measure what an OS does to loneliness in so many days, in points of 100.

    The difference, on that day, to the same person's day in a world without OSes.
    """

    def measure(case: Case) -> float:
        here, there = case.today.loneliness, case.alone.loneliness
        return 100.0 * mean([here[at] - there[at] for at in kept_for(case, days)])

    return measure


def felt_after(days: int) -> Level:
    """Measure what an OS does to how lonely one feels after so many days, in points.

    As a trial asks it: after the talk of that day, with what talk takes away for the
    moment, less the same person's loneliness in a world without OSes; of 100. Nothing
    in the model reads how lonely one feels, so that it is told from hours of talk.

    Source: mechanism *Mood*.
    """

    def measure(case: Case) -> float:
        here, there = case.today.loneliness, case.alone.loneliness
        feels = mood.felt(here, relieved(case.today))
        return 100.0 * mean([feels[at] - there[at] for at in kept_for(case, days)])

    return measure


def relieved(recording: Recording) -> Array:
    """Return float64[days, humans]: the loneliness that each day's talk takes away."""
    told = {name: one.field.default for name, one in mood.MOOD.parameters.items()}
    most, half, rate = (
        getattr(recording.parameters, name, told[name])
        for name in ("mood_relief", "mood_half", "mood_habituation")
    )
    talk = recording.hours_oses.astype(np.float64)
    found, used = np.zeros_like(talk), np.zeros_like(talk[0])
    for day, hours in enumerate(talk):
        found[day] = mood.relief(hours, used, most, half)
        used = mood.wear_off(used, hours, rate, half)
    return found


def stimulated(case: Case) -> float:
    """Measure users with more talk with humans for it, less those with less, percent.

    Over the last month of the first year, against the world without OSes; a change of
    under a minute a day does not count.
    """
    month = slice(len(case.alone.installed) - MONTH, len(case.alone.installed))
    used = case.today.installed[month].any(axis=0)
    here, there = case.today.hours_humans[month], case.alone.hours_humans[month]
    change = MINUTES * (here.mean(axis=0) - there.mean(axis=0))[used]
    return percent(change > 1.0) - percent(change < -1.0)


def grief_left(days: int) -> Level:
    """Measure how much of the worst grief is left after so many days, in percent."""

    def measure(case: Case) -> float:
        grief = case.bereft.grief
        worst = int(grief.argmax())
        if grief[worst] <= 0.0 or worst + days >= len(grief):
            return math.nan
        return float(100.0 * grief[worst + days] / grief[worst])

    return measure


def attachment_half_life(case: Case) -> float:
    """Measure in how many years closeness halves between two who no longer talk.

    Grief is how it hurts, and passes in months; attachment is how close the other still
    is, which the rule of closeness lets cool.
    """
    closeness, days = 1.0, 0
    while closeness > 0.5 and days < 1000 * YEAR:
        cooling = case.today.parameters.cooling
        closeness = rules.update_closeness(closeness, 0.0, cooling)
        days += 1
    return days / YEAR if closeness <= 0.5 else math.inf


# ----------------------------------------------------------------------------- opinion


def in_third(column: str, which: int) -> Level:
    """Measure the share of humans in one third (0, 1, 2) of a scale, in percent."""

    def measure(case: Case) -> float:
        third = np.minimum(case.today.humans[column] // THIRD, 2)
        return percent(third == which)

    return measure


def believing(level: float) -> Level:
    """Measure the share whose belief in OSes is above a level (0..1), in percent."""
    return lambda case: percent(case.today.humans["personhood"] > level)


def growth_doubling(case: Case) -> float:
    """Measure in how many days capability doubles in OSes at least a quarter old."""
    oses, steps = case.today.oses, len(case.today.installed)
    here = oses["status"] == 0
    age = (steps - oses["born_step"])[here]
    growth = oses["growth"][here]
    old = (age >= YEAR // 4) & (growth > 0.0)
    return mean(age[old] / growth[old])
