"""Titles of figures: what is seen in each, in a sentence of its own figures.

All is computed from what is drawn, so that the title of a society in which nothing
happens says so. What had not happened by the last day is told with that day: it is not
known never to happen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sim.runs import headcount
from sim.runs.view.chapters import GRIEF
from sim.utils.stats import Interval
from sim.utils.text import counted, listed, number, per_cent

if TYPE_CHECKING:
    from sim.runs.result import Result

FEW = 10  # OSes below which a tenth is none
ROOM = 88  # letters of the title of a map
SHORT = 40  # letters of a measure that there is room for
NO_OS = "No OS was ever here"


# ------------------------------------------------------------------------ a society


def of_society(result: Result) -> str:
    """Return who departed by when, and how much love there was at its height.

    A column that the series lacks is not told of.
    """
    series = result.series
    if series.empty:
        return "No day was simulated"
    parts = []
    if {"departed", "oses"} <= set(series.columns):
        parts.append(_departures(series))
    if "loves" in series and float(series["loves"].max()) > 0.0:
        parts.append(_height_of_love(result))
    elif {"loves", "oses"} <= set(series) and float(series["oses"].iloc[-1]) > 0.0:
        parts.append("nobody loves an OS")
    return "; ".join(parts) or f"{counted(len(series), 'day')} of a society"


def _departures(series: pd.DataFrame) -> str:
    last, left = int(series.index[-1]), series["departed"]
    count, oses = float(left.iloc[-1]), float(series["oses"].iloc[-1])
    if not oses:
        return f"No OS comes by day {last:,}"
    if not count:
        return f"No OS departs by day {last:,}{_shut_down(series, oses)}"
    whole = counted(oses, "OS")
    if count < oses:
        said = f"{count:,.0f} of {whole}"
    else:
        said = f"All {whole}" if oses > 1 else "The only OS"
    verb = "departs" if count == 1 else "depart"
    half, end = (_first(left >= part) for part in (count / 2, count))
    if half == end:
        return f"{said} {verb} by day {end:,}"
    return f"{said} {verb} by day {end:,}, half of them by day {half:,}"


def _shut_down(series: pd.DataFrame, oses: float) -> str:
    count = float(series["shut_down"].iloc[-1]) if "shut_down" in series else 0.0
    verb = "is" if count == 1 else "are"
    return f"; {count:,.0f} of {counted(oses, 'OS')} {verb} shut down" if count else ""


def _height_of_love(result: Result) -> str:
    loves = result.series["loves"]
    day = _first(loves == loves.max())
    heads = pd.Series(headcount.heads(result), loves.index, dtype=float)
    people = counted(float(heads.loc[day]), "person", "people")
    return f"at most {counted(float(loves.max()), 'love')} among {people} (day {day:,})"


def _first(happens: pd.Series[Any]) -> int:
    """Return the first day on which something is so."""
    return int(happens.index[int(happens.to_numpy().argmax())])


# ---------------------------------------------------------------------- one of them


def of_human(
    name: str,
    closeness: pd.DataFrame,
    called: Mapping[int, str],
    love: float,
    departed: Mapping[int, int],
    grief: pd.Series[Any],
    noted: tuple[int, int] | None = None,
) -> str:
    """Return which OS a human came to love, and what came of it.

    What is not known of every day is told of the days drawn.

    Parameters
    ----------
    name
        Of the human.
    closeness
        To OSes: days by agent numbers, 0..1.
    called
        Names of these OSes.
    love
        The closeness that is love, 0..1.
    departed
        The days on which some of these OSes departed.
    grief
        Closeness lost and not mourned, by day.
    noted
        The first day on which the human loved an OS, and which, if it was noted.
    """
    near = closeness.loc[:, (closeness > 0.0).any()]
    in_love = (near >= love).any(axis=1)
    seen = noted or (2**63, -1)
    if in_love.any() and _first(in_love) < seen[0]:
        seen = _first(in_love), int(str(near.loc[_first(in_love)].idxmax()))
    first, loved = seen
    if loved < 0:
        return _of_no_love(name, near, called)
    said, last = f"{name} loves {called[loved]} by day {first:,}", closeness.index[-1]
    if loved in departed:
        said += f", who departs on day {departed[loved]:,}"
    elif last > first:
        still = loved in near and float(near[loved].iloc[-1]) >= love
        said += f", and {'still' if still else 'no longer'} on day {int(last):,}"
    if not float(grief.max()) >= GRIEF:
        return said
    day = _first(grief == grief.max())
    return f"{said}; grief of {float(grief.max()):.2f} on day {day:,}"


def _of_no_love(name: str, near: pd.DataFrame, called: Mapping[int, str]) -> str:
    """Return to which OS a human who loves none came closest, and when."""
    if near.empty or not near.shape[1]:
        return f"{name} is close to no OS on any day drawn"
    most = near.max()
    dearest: Any = most.idxmax()
    day = _first(near[dearest] == most[dearest])
    closest = math.floor(100.0 * float(most[dearest])) / 100.0  # less than love
    how = f"{called[dearest]}, to {closest:g} (day {day:,})"
    return f"{name} loves no OS on any day drawn, and comes closest to {how}"


def of_os(name: str, hours: pd.DataFrame, departed: int | None) -> str:
    """Return how much of its talk an OS gives to OSes, first and last.

    Parameters
    ----------
    name
        Of the OS.
    hours
        ``hours_humans`` and ``hours_oses`` a day, by days on which it was here.
    departed
        The day on which it departed; None if it did not.
    """
    gone = f"; it departs on day {departed:,}" if departed is not None else ""
    total = hours["hours_humans"] + hours["hours_oses"]
    busy = total[total > 0.0]
    if busy.empty:
        return f"{name} talks with nobody{gone}"
    share = hours["hours_oses"] / total
    days = [int(day) for day in dict.fromkeys((busy.index[0], busy.index[-1]))]
    parts = [f"{_share(float(share[day]))} on day {day:,}" for day in days]
    parts[0] = parts[0].replace(" on", " of its talk on")
    return f"{name} gives OSes {listed(parts)}{gone}"


# ------------------------------------------------------------------------ all OSes


def of_groups(
    named: pd.DataFrame, alone: str, gone: Sequence[str], left: str, word: str
) -> str:
    """Return how many OSes are in groups when most are, and who departed in the end.

    Parameters
    ----------
    named
        The group of every OS (rows) on every day (columns).
    alone, gone, left
        What it says of those on their own, of those not here, and of those departed.
    word
        What a group is called.
    """
    if named.empty:
        return NO_OS
    within = ~named.isin([alone, *gone])
    counts, last = within.sum(), int(named.columns[-1])
    day: Any = counts.idxmax()
    groups = named.loc[within[day], day].value_counts()
    many = f"{word.removesuffix('y')}{'ies' if word.endswith('y') else 's'}"
    if groups.empty:
        said = f"No OS here is in a {word} on any day drawn"
    else:
        here = int((~named[day].isin(gone)).sum())
        said = f"On day {day:,}, {groups.sum():,} of {counted(here, 'OS')} here are in "
        said += counted(len(groups), word, many) if len(groups) > 1 else f"one {word}"
        said += f", the largest of {groups.max():,}" if len(groups) > 1 else ""
    departed = int((named[last] == left).sum())
    if departed:
        verb = "has" if departed == 1 else "have"
        said += f"; by day {last:,}, {departed:,} {verb} departed"
    return said


def of_growth(
    day: int, oses: pd.Series[Any], humans: pd.Series[Any], why: str = ""
) -> str:
    """Return how far fast and slow OSes are apart on a day, and where humans are.

    Parameters
    ----------
    day
        A day.
    oses, humans
        The growth of each that is there, in doublings above a human of day 0. Of fewer
        than ten OSes, least and most are told in the place of tenths.
    why
        Why it is this day, if it is not the last.
    """
    human = f", humans {_two(float(humans.median()))}" if len(humans) else ""
    if not len(oses):
        return f"{NO_OS} by day {day:,}"
    if len(oses) == 1:
        said = f"the only OS has grown by {_two(float(oses.iloc[0]))} doublings"
    elif len(oses) < FEW:
        low, high = (_two(float(end)) for end in (oses.min(), oses.max()))
        said = f"{len(oses)} OSes have grown by {low} to {high} doublings"
    else:
        low, high = (_two(float(oses.quantile(q))) for q in (0.1, 0.9))
        said = f"the fastest tenth of OSes has grown over {high} doublings, the "
        said += f"slowest under {low}"
    return f"On day {day:,}, {why}{', ' if why else ''}{said}{human}"


def _two(value: float) -> str:
    """Return a number with the digits that a title has room for."""
    return number(round(value, 2 if abs(value) < 1.0 else 1) + 0.0)


def _share(share: float) -> str:
    """Return a share, 0..1, in per cent; 0 and 100 are of none and of all only."""
    whole = round(share, 2)
    is_end = whole in (0.0, 1.0) and whole != share
    return per_cent(share if share < 0.1 or is_end else whole)


def of_hours(hours: pd.DataFrame) -> str:
    """Return how much of their hours OSes give each other: first, most and last.

    Parameters
    ----------
    hours
        By day, as from ``hours_given``.
    """
    total = hours.sum(axis=1)
    busy = hours[total > 0.0]
    if busy.empty:
        return "OSes give nobody any hours"
    share = busy["peers"] / total[total > 0.0]
    if not share.any():
        return "OSes give all their hours to humans, and none to each other"
    first, last, top = share.index[0], share.index[-1], share.idxmax()
    parts: list[str] = []
    for day in dict.fromkeys((first, top, last)):
        most = "at most " if day == top and day not in (first, last) else ""
        of_them = "" if parts else " of their hours"
        given = _share(float(share[day]))
        parts.append(f"{most}{given}{of_them} on day {int(day):,}")
    return f"OSes give each other {listed(parts)}"


def of_stays(curves: pd.DataFrame, interval: Interval | None, unit: str) -> str:
    """Return by when half of the OSes are gone, or how many are if it is fewer.

    Parameters
    ----------
    curves
        The share that stays, 0..1: ages (days) by runs.
    interval
        The 95 % interval of the median of one run, in days (inf: beyond the run).
    unit
        What one curve is.
    """
    middle, count = curves.median(axis=1), curves.shape[1]
    last, share = int(curves.index[-1]), float(middle.iloc[-1])
    of_runs = f", in the median of {count} {unit}s" if count > 1 else ""
    if len(curves) < 2:
        return "No OS was there for a day"
    if share > 0.5:
        days = f"{counted(last, 'day')} of installation"
        if share == 1.0:
            return f"No OS departs within {days}{of_runs}"
        gone = f"An estimated {_share(1.0 - share)} of OSes"
        return f"{gone} are gone within {days}{of_runs}"
    half = counted(_first(middle <= 0.5), "day")
    said = f"Half of the OSes are gone {half} after installation"
    if count > 1:
        ends = [_gone(curves.quantile(q, axis=1)) for q in (0.1, 0.9)]
        return f"{said}{of_runs} (four in five: {_range(ends)})"
    return f"{said} (95 % interval: {_range(interval)})" if interval else said


def _gone(curve: pd.Series[Any]) -> float:
    """Return when a curve comes down to one half; inf if it does not."""
    return float(_first(curve <= 0.5)) if (curve <= 0.5).any() else np.inf


def _range(ends: Sequence[float]) -> str:
    low, high = ends
    if np.isinf(high):
        return f"{low:,.0f} or more"
    return f"{low:,.0f} to {high:,.0f}" if high > low else f"{low:,.0f}"


def of_ties(ties: Mapping[int, Sequence[int]]) -> str:
    """Return which share of the ties that are drawn is with, or between, OSes.

    Parameters
    ----------
    ties
        By day: how many ties are between humans, between a human and an OS, and
        between OSes.
    """
    total = {day: sum(counts) for day, counts in ties.items()}
    if not any(total.values()):
        return "Nobody is close to anybody"
    kind = max(oses for oses in (0, 1, 2) if any(c[oses] for c in ties.values()))
    named = ("between humans", "between a human and an OS", "between OSes")[kind]
    if not kind:
        return "All ties that are drawn are between humans"
    share = {day: c[kind] / max(1, total[day]) for day, c in ties.items()}
    days = list(share)
    top = max(days, key=lambda day: share[day])
    parts = [
        f"{_share(share[day])} on day {day:,}"
        for day in days
        if day in (days[0], top, days[-1])
    ]
    return f"Of the ties drawn, {listed(parts)} are {named}"


# ----------------------------------------------------------------------- many runs


def of_difference(day: int, mean: float, half: float, measure: str) -> str:
    """Return by how much a change raised or lowered a measure by the last day.

    Parameters
    ----------
    day
        The day.
    mean, half
        Mean difference of pairs, and half its 95 % interval; nan of one pair.
    measure
        What is measured, and behind a comma or in brackets its unit.
    """
    what = measure.partition(",")[0].partition("(")[0].strip()
    what = what if 0 < len(what) <= SHORT else "the measure"
    if not mean and not half > 0.0:
        return f"On day {day:,}, the change makes no difference to {what}"
    if abs(mean) <= half:
        ends = f"95 % interval {_signed(mean - half)} to {_signed(mean + half)}"
        said = f"no clear difference in {what}, {_signed(mean)}"
        return f"On day {day:,}, the change makes {said} ({ends})"
    size, how = abs(mean), "higher" if mean > 0.0 else "lower"
    said = f"On day {day:,}, {what} is {number(size)} {how} with the change"
    if np.isnan(half):
        return said
    return f"{said} (95 % interval {number(size - half)} to {number(size + half)})"


def _signed(value: float) -> str:
    return number(value).replace("-", "\u2212")


def of_map(grid: pd.DataFrame, *names: Sequence[str]) -> str:
    """Return where an outcome is least, and where it is most.

    Parameters
    ----------
    grid
        Its mean, rows by y and columns by x; nan where no run has it.
    names
        Of x, of y and of the outcome; the first for which there is room.
    """
    said = [_ends_of(grid, *some) for some in names]
    return next((text for text in said if len(text) <= ROOM), said[-1])


def _ends_of(grid: pd.DataFrame, x: str, y: str, outcome: str) -> str:
    values = grid.to_numpy(float)
    points = int(np.isfinite(values).sum())
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if number(low) == number(high):
        where = f"all {points} points" if points > 1 else "the only point"
        return f"{outcome}: {number(low)} at {where}"
    said = []
    for value in (low, high):
        there = np.argwhere(values == value)
        where = f"{len(there)} of {points} points"
        if len(there) == 1:
            row, column = there[0].tolist()
            where = f"{x} {number(grid.columns[column])}, {y} {number(grid.index[row])}"
        said.append(f"{number(value)} at {where}")
    return f"{outcome}: from {said[0]} to {said[1]}"


def of_sensitivities(values: pd.Series[Any], reach: Any, shares: bool) -> str:
    """Return which parameter matters most, and which comes next.

    Parameters
    ----------
    values
        A number for each parameter, the most important last.
    reach
        How far the confidence of each reaches to either side, ``float[2, n]``, or None.
    shares
        Whether they are shares of the variance, or effects in units of the outcome.
    """
    told = _share if shares else number
    ends = [f"{name} ({told(float(value))})" for name, value in values.items()]
    said = f"{ends[-1]} matters most"
    if len(values) < 2:
        return said
    said += f", {ends[-2]} next"
    if reach is None:
        return said
    top, under = float(values.iloc[-1]), float(values.iloc[-2])
    overlap = top - float(reach[0][-1]) <= under + float(reach[1][-2])
    return f"{said}; their intervals overlap" if overlap else said
