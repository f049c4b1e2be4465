"""The evidence table: published facts and theory targets, by id."""

from __future__ import annotations

import csv
import re
from pathlib import Path

EVIDENCE = Path(__file__).with_name("evidence.csv")
IDS = re.compile(r"\b([AB])(\d{2,3})\b(?:-\1(\d{2,3})\b)?")


def evidence_ids(text: str) -> set[str]:
    """Return the ids of evidence that a text cites; A29-A31 cites three.

    >>> sorted(evidence_ids("A29-A31; form B01, size assumed"))
    ['A29', 'A30', 'A31', 'B01']
    """
    found = set()
    for letter, first, last in IDS.findall(text):
        numbers = range(int(first), int(last or first) + 1)
        found |= {f"{letter}{number:02d}" for number in numbers}
    return found


def read_evidence() -> list[dict[str, str]]:
    """Return the rows of the evidence table."""
    with EVIDENCE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kind_of_source(source: str) -> str:
    """Return where a parameter's value comes from, as one of ``KINDS_OF_SOURCE``."""
    word = source.partition(";")[0]
    if word in ("switch", "definition", "lever", "profile"):
        return "lever" if word == "profile" else word
    if not evidence_ids(source) and "the film" not in source:
        return "assumed"
    if "assumed" in source:
        return "partly"
    return "evidence" if evidence_ids(source) else "film"


KINDS_OF_SOURCE = {
    "evidence": "cites evidence, nothing said to be assumed",
    "film": "taken from the film",
    "partly": "cites evidence or the film, with a part assumed",
    "assumed": "assumed",
    "lever": "a lever or part of a profile, neutral at this value",
    "definition": "a definition, not a claim about the world",
    "switch": "a switch, on unless a scenario says otherwise",
}
