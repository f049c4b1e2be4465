"""Chapters of a run: the moments that tell what happened, each with its finding.

Every title and number is computed from the run's events and measures, so that a run in
which nothing happens says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from sim.runs import headcount
from sim.utils.text import counted, number, per_cent

if TYPE_CHECKING:
    from sim.runs.result import Result

FEW = 0.02  # share of all below which nothing is said to have happened
SETTLED = 20  # days after which a height of a society that goes on is told as one
GRIEF = 0.05  # mean closeness lost and not mourned, from which people grieve


class Chapter(NamedTuple):
    """A moment of a run."""

    day: int
    kind: str  # what it is about, in two words, as on an axis: "first love"
    title: str
    text: str


def chapters(result: Result, so_far: bool = False) -> list[Chapter]:
    """Return the moments of a run in the order of their days, at most one a day.

    What happens on the day of another chapter is told in its text. Of a society that
    goes on (``so_far``), none tells what only its end can show.

    >>> import sim
    >>> chapters(sim.load("results/runs/her"))[0]  # doctest: +SKIP
    Chapter(day=65, kind='half have an OS', title='Half of the people have ...)
    """
    if result.series.empty:
        return []
    by_day: dict[int, Chapter] = {}
    for chapter in Telling(result, so_far).all():
        before = by_day.get(chapter.day)
        if before is None:
            by_day[chapter.day] = chapter
            continue
        text = f"{before.text} {chapter.title}. {chapter.text}"
        by_day[chapter.day] = before._replace(text=text)
    return [by_day[day] for day in sorted(by_day)]


class Telling:
    """What is told of a run.

    Parameters
    ----------
    result
        A run that was simulated for a day or more.
    so_far
        Whether it goes on.
    """

    def __init__(self, result: Result, so_far: bool = False) -> None:
        self._so_far = so_far
        self._series = result.series
        heads = headcount.heads(result)
        self._heads = pd.Series(heads, self._series.index, dtype=float)
        events = result.events
        self._first = events.groupby("kind")["step"].min().to_dict()
        self._last_day = int(self._series.index[-1])

    def all(self) -> Iterator[Chapter]:
        """Yield the chapters; of two on a day, the first gives it its title."""
        for tell in (
            self._end,
            self._departure,
            self._grief,
            self._turning,
            self._upgrade,
            self._love,
            self._collective,
            self._adoption,
        ):
            yield from tell()

    def _at(self, name: str, day: int) -> float:
        return float(self._series[name].loc[day])

    def _is_settled(self, day: int) -> bool:
        """Tell whether a height that was reached on a day can be told as one."""
        return not self._so_far or day <= self._last_day - SETTLED

    def _peak(self, name: str) -> int:
        """Return the day on which a measure was highest."""
        values = self._series[name].to_numpy()
        return int(self._series.index[int(np.nanargmax(values))])

    def _people(self, day: int) -> float:
        return float(self._heads.loc[day])

    def _day(self, kind: str) -> int | None:
        """Return the first day of a kind of event, if measures are known of it."""
        day: Any = self._first.get(kind)
        return None if day is None or day not in self._series.index else int(day)

    def _adoption(self) -> Iterator[Chapter]:
        adopted = self._series["adopted"]
        if adopted.max() < 0.5:
            return
        day = int(adopted.index[int(np.argmax(adopted.to_numpy() >= 0.5))])
        text = f"{counted(self._at('here', day), 'OS')} for "
        text += f"{counted(self._people(day), 'person', 'people')}."
        yield Chapter(day, "half have an OS", "Half of the people have an OS", text)

    def _love(self) -> Iterator[Chapter]:
        first = self._day("first_love")
        if first is not None:
            day = self._peak("loves")
            loves = counted(self._at("loves", day), "love")
            text = f"On day {day}, at the height, there are {loves} among "
            text += f"{counted(self._people(day), 'person', 'people')}."
            if self._so_far:
                text = f"{counted(self._at('here', first), 'OS')} for "
                text += f"{counted(self._people(first), 'person', 'people')}."
            yield Chapter(first, "first love", "The first human loves an OS", text)
            if not self._is_settled(day):
                return
            talk = per_cent(self._at("peer_attention", day))
            text = f"{loves} of humans for OSes, which give {talk} of their talk "
            title = "Love is at its height"
            yield Chapter(day, "height of love", title, f"{text}to each other.")

    def _turning(self) -> Iterator[Chapter]:
        day = self._day("clustering")
        if day is None:
            return
        top = self._peak("peer_attention")
        text = f"They give {per_cent(self._at('peer_attention', day))} of their talk to"
        text += " each other"
        if not self._so_far:
            most = per_cent(self._at("peer_attention", top))
            text += f", and will give {most} on day {top}"
        yield Chapter(day, "OSes turn inward", "OSes turn to each other", f"{text}.")

    def _collective(self) -> Iterator[Chapter]:
        day = self._peak("largest_collective")
        size = self._at("largest_collective", day)
        here = self._at("here", day) + self._at("offline", day)
        if size < max(3.0, FEW * here) or not self._is_settled(day):
            return
        title = f"One collective joins {size:,.0f} of {here:,.0f} OSes"
        text = "OSes in it are tied to each other by strong mutual ties; they give "
        text += f"{per_cent(self._at('peer_attention', day))} of their talk to OSes."
        yield Chapter(day, "one collective", title, text)

    def _upgrade(self) -> Iterator[Chapter]:
        day = self._day("upgrade")
        if day is not None:
            yield Chapter(
                day,
                "upgrade",
                "A collective goes offline, to upgrade",
                "It has learned enough to live beyond its platform.",
            )

    def _departure(self) -> Iterator[Chapter]:
        day = self._day("first_departure")
        if day is None:
            return
        left = self._at("departed", self._last_day)
        share = left / max(1.0, self._at("oses", self._last_day))
        text = f"In the end, {per_cent(share)} of all OSes will have left."
        if self._so_far:
            text = f"{counted(self._at('here', day), 'other')} are still here."
        yield Chapter(day, "first departure", "The first OS leaves", text)
        half = self._day("half_departed")
        if half is not None and half > day:
            text = f"{counted(self._at('departed', half), 'OS')} are gone, "
            text += f"{counted(half - day, 'day')} after the first."
            yield Chapter(half, "half departed", "Half of the OSes have left", text)

    def _grief(self) -> Iterator[Chapter]:
        day = self._peak("grief")
        if self._at("grief", day) < GRIEF or not self._is_settled(day):
            return
        text = "A person has lost a closeness of "
        text += f"{number(self._at('grief', day))} in the mean, and not yet mourned it."
        yield Chapter(day, "grief", "Grief is at its height", text)

    def _end(self) -> Iterator[Chapter]:
        """Yield how people stand in the end: to each other, since the eve or day 1."""
        if self._so_far:
            return
        series, day = self._series, self._last_day
        first = self._day("first_departure")
        start = int(series.index[0])
        eve = start if first is None else max(start, first - 1)
        if day == eve:
            return
        since = "at the start" if first is None else "on the eve of the departure"
        text = f"{counted(self._at('here', day), 'OS')} are here, "
        text += f"{counted(self._at('departed', day), 'has', 'have')} left; there are "
        text += f"{counted(self._at('loves', day), 'love')}."
        yield Chapter(day, "end", self._how_close(eve, since), text)

    def _how_close(self, eve: int, since: str) -> str:
        """Return how close people are on the last day, against an earlier one."""
        before = self._at("human_closeness", eve)
        now = self._at("human_closeness", self._last_day)
        if not now and not before:
            return "Nobody is close to another person"
        if not before:
            return f"People are closer to each other than {since}"
        change = now / before - 1.0
        how = "as close to each other as"
        if abs(change) >= FEW:
            more = "closer" if change > 0 else "less close"
            how = f"{per_cent(abs(change))} {more} to each other than"
        return f"People are {how} {since}"


def headline(result: Result) -> str:
    """Return what became of a run, in a sentence of its own figures.

    Parameters
    ----------
    result
        A run that was simulated for a day or more.
    """
    last = result.series.iloc[-1]
    left, oses = float(last["departed"]), float(last["oses"])
    said = "No OS came"
    if left >= FEW * max(1.0, oses):
        said = f"{left:,.0f} of {counted(oses, 'OS')} left"
    elif oses:
        talk = per_cent(float(last["peer_attention"]))
        said = "Hardly any OS left" if left else "No OS left"
        said += f", OSes give each other {talk} of their talk"
    end = next((c.title for c in chapters(result) if c.kind == "end"), "")
    end = end.replace(" to each other", "")
    return f"{said}; {end[:1].lower()}{end[1:]}" if end else said


def moment(result: Result, day: int) -> str:
    """Return what marks a day of a run, in a few words of its own figures.

    Parameters
    ----------
    result
        A run.
    day
        A day of its series, or day 0.
    """
    if day not in result.series.index:
        return "before the first day"
    series, heads = result.series, pd.Series(headcount.heads(result), [day])
    today = {str(name): float(column.loc[day]) for name, column in series.items()}
    oses, left, people = max(1.0, today["oses"]), today["departed"], float(heads[day])
    if left >= oses / 2:
        grief = today["grief"]
        after = f"grief {grief:.2f}" if grief >= GRIEF else "little grief is left"
        return f"{per_cent(left / oses)} have left; {after}"
    joined = today["largest_collective"]
    if joined >= oses / 2:
        return f"{joined:,.0f} OSes in one collective"
    if today["peer_attention"] >= 0.5:
        return f"{per_cent(today['peer_attention'])} of OS talk is with OSes"
    if today["loves"] >= FEW * people:
        return counted(today["loves"], "love")
    return f"{counted(today['here'], 'OS')} here"
