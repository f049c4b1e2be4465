"""What the cast of a run said: a few of its talks, and what became of the calls."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sim.html import Html, element, joined, paragraph
from sim.reports.words import counted
from sim.results import Result
from sim.transcripts import occasion, talks, who

OF_A_KIND, LAST = 3, 3  # talks that are quoted
LONGEST = 600  # letters of an utterance


def speech(result: Result) -> list[Html]:
    """Return a few talks of a run; nothing if nobody spoke."""
    if not len(result.speech.talks):
        return []
    lines = talks(result)
    chosen = _chosen(lines)
    days = len({line.step for line in lines})
    about = paragraph(
        f"A few agents, the cast, speak in words: {len(lines):,} lines on "
        f"{counted(days, 'day')}. Here are the first {OF_A_KIND} of each kind and "
        f"the last {LAST}, {len(chosen)} in all; os-society transcript prints all. "
        "Words move nothing in the society: only the act that goes with them, and "
        "three bounded numbers, do."
    )
    said = (_line(one, result.population) for one in chosen)
    return [about, *_calls(result), element("dl", *said, class_="said")]


def _chosen(lines: list[Any]) -> list[Any]:
    seen: Counter[str] = Counter()
    chosen = []
    for at, line in enumerate(lines):
        seen[line.kind] += 1
        if seen[line.kind] <= OF_A_KIND or at >= len(lines) - LAST:
            chosen.append(line)
    return chosen


def _line(line: Any, population: int) -> Html:
    """Return who said what, to whom; all of it escaped."""
    heading = "; ".join([who(line, population), *occasion(line)])
    said = line.said or line.act
    if len(said) > LONGEST:
        said = f"{said[:LONGEST]} [...]"
    words = (element("dt", f"Day {line.step}, {heading}"), element("dd", said))
    return element("div", joined(words))


def _calls(result: Result) -> list[Html]:
    mind = result.provenance.get("mind") or {}
    if not mind:
        return []
    calls, model = mind.get("calls", 0), mind.get("model")
    failed = mind.get("failures") or {}
    wrong = ", ".join(f"{count} {name}" for name, count in failed.items()) or "none"
    line = f"{calls} calls of the model {model}; failed: {wrong}."
    return [paragraph(line, class_="note")]
