"""Conversations of the cast as text or as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from sim.runs.result import Result
from sim.utils.errors import InputError, legible
from sim.utils.html import Html, Section, element, page

HEADINGS = {
    "encounter": "",
    "council": "in council",
    "upgrade": "on the upgrade",
    "departure": "on leaving",
    "letter_farewell": "a farewell letter",
    "letter_repair": "a letter",
    "letter_ghost": "a letter, written for somebody else",
}
QUIET = ("", "continue", "writes")


def talks(result: Result, between: tuple[int, int] | None = None) -> list[Any]:
    """Return who said what, in order; of two agents only, if they are named.

    Raises
    ------
    InputError
        If nobody spoke in the run, or these two did not.
    """
    table = result.speech.talks
    if not len(table):
        raise InputError(f"nobody speaks in {result.path}: {_why_silent(result)}")
    if between is not None:
        pair = {frozenset(between)}
        both = zip(table["agent"], table["other"], strict=True)
        table = table[[frozenset(one) in pair for one in both]]
        if not len(table):
            one, other = between
            raise InputError(f"agents {one} and {other} did not speak with each other")
    return list(table.itertuples(index=False))


def _why_silent(result: Result) -> str:
    mind = result.provenance.get("mind")
    if not mind:
        return "it was run without a cast (--mind)"
    if mind.get("shared"):
        return "its mind speaks for kinds of people, not for anybody"
    return "nobody of its cast had a talk; try more --steps, --cast or --talks"


def as_text(lines: list[Any], population: int) -> Iterator[str]:
    """Yield the transcript line by line."""
    day = None
    for line in lines:
        if line.step != day:
            yield f"\nday {line.step}" if day is not None else f"day {line.step}"
            day = line.step
        said = line.said.replace("\n", "\n      ") or line.act
        yield legible(f"  {who(line, population)}{_did(line)}: {said}")


def conversation_page(lines: list[Any], population: int, title: str) -> str:
    """Return a page that stands by itself; what was said is escaped."""
    days = groupby(lines, lambda line: line.step)
    sections = [
        Section(f"day-{step}", f"Day {step}", [_day(said, population)])
        for step, said in days
    ]
    return page(title, title, [], sections)


def _day(lines: Iterable[Any], population: int) -> Html:
    """Return what was said on a day."""
    said = [
        element(
            "div",
            element("dt", f"{who(line, population)}{_did(line)}"),
            element("dd", line.said or line.act),
        )
        for line in lines
    ]
    return element("dl", *said, class_="said")


def who(line: Any, population: int) -> str:
    """Return who said a line, and to whom."""
    speaker = _named(line.speaker, line.agent, population)
    if line.other < 0:
        return speaker
    return f"{speaker} to {_named(line.listener, line.other, population)}"


def _named(name: str, agent: int, population: int) -> str:
    return f"{name} ({'human' if agent < population else 'OS'} {agent})"


def occasion(line: Any) -> list[str]:
    """Return on what occasion a line was said, and what was done with it."""
    found = [HEADINGS.get(line.kind, line.kind)]
    if line.act not in QUIET and not line.act.startswith("("):
        found.append(line.act.replace("_", " "))
    return [one for one in found if one]


def _did(line: Any) -> str:
    found = occasion(line)
    return f" [{', '.join(found)}]" if found else ""
