"""Marks of events on the time axis of the view."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from sim.events.kinds import EVENTS
from sim.utils.errors import legible
from sim.utils.text import sentence

if TYPE_CHECKING:
    from sim.runs.result import Result

MOST_OF_A_KIND = 8
LONGEST_WHO = 90  # letters


class EventMark(NamedTuple):
    """An event as it is marked on the time axis."""

    day: int
    kind: str
    text: str  # what it means, in a sentence
    who: str


def marks(result: Result) -> list[EventMark]:
    """Return the events of a run by day, at most a few of a kind: the first of them."""
    found, seen = [], dict[str, int]()
    for event in result.events.sort_values("step", kind="stable").to_dict("records"):
        kind = str(event["kind"])
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] > MOST_OF_A_KIND:
            continue
        words = kind.replace("_", " ")
        who = textwrap.shorten(legible(str(event["who"])), LONGEST_WHO)
        meaning = sentence(EVENTS.get(kind, words))
        found.append(
            EventMark(int(event["step"]), legible(words), legible(meaning), who)
        )
    return found
