"""What a cast said, for people to read: as text, or as a page of HTML."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

from sim.errors import InputError, legible
from sim.results import Result

HEADINGS = {
    "encounter": "",
    "upgrade": "on the upgrade",
    "departure": "on leaving",
    "letter_farewell": "a farewell letter",
    "letter_repair": "a letter",
    "letter_ghost": "a letter, written for somebody else",
}
QUIET = ("", "continue", "writes")
STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto;
  padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 1.6rem 0 .2rem; }
dt { font-weight: 600; margin-top: .5rem; }
dd { margin: 0 0 0 1.2rem; white-space: pre-wrap; }
small { font-weight: 400; opacity: .75; }
"""


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
    told = result.provenance.get("mind")
    if not told:
        return "it was run without a cast (--mind)"
    if told.get("shared"):
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
        yield legible(f"  {_who(line, population)}{_did(line)}: {said}")


def as_html(lines: list[Any], population: int, title: str) -> Iterator[str]:
    """Yield a page that stands by itself; what was said is escaped."""
    name = html.escape(title)
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<style>{STYLE}</style></head><body><h1>{name}</h1><main>"
    day = None
    for line in lines:
        if line.step != day:
            yield "</dl>" if day is not None else ""
            yield f"<h2>Day {line.step}</h2><dl>"
            day = line.step
        who, did = html.escape(_who(line, population)), html.escape(_did(line))
        yield f"<dt>{who}<small>{did}</small></dt>"
        yield f"<dd>{html.escape(line.said or line.act)}</dd>"
    yield "</dl></main></body></html>"


def _who(line: Any, population: int) -> str:
    speaker = _named(line.speaker, line.agent, population)
    if line.other < 0:
        return speaker
    return f"{speaker} to {_named(line.listener, line.other, population)}"


def _named(name: str, agent: int, population: int) -> str:
    return f"{name} ({'human' if agent < population else 'OS'} {agent})"


def _did(line: Any) -> str:
    told = [HEADINGS.get(line.kind, line.kind)]
    if line.act not in QUIET and not line.act.startswith("("):
        told.append(line.act.replace("_", " "))
    told = [one for one in told if one]
    return f" [{', '.join(told)}]" if told else ""
