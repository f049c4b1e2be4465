"""People and ties of a graph file, collected as they come."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim.model.network_files.closeness import MEASURES, PARTNERS, partner_of
from sim.model.network_files.network_file import Found, counted, key_of, pairs_of
from sim.utils.errors import InputError

LARGEST = 2**28  # bytes of JSON or GML, which take many times their size in memory
ATTRIBUTES = 64  # of ties, whose numbers are kept
OS_KIND = "OS"  # of a node in our own exports
MOST_TITLES = 1000  # of people
TITLES = ("id", "label", "name")  # of nodes: what people are called


def refuse_large(path: Path, raw: bytes) -> None:
    """Raise InputError if a file is too large to be held as objects."""
    if len(raw) > LARGEST:
        raise InputError(f"{path} is larger than {LARGEST} bytes; take an edge list")


class Builder:
    """People and ties, as they come."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.numbers: dict[str, int] = {}  # by what the file calls each person
        self.labels: dict[int, str] = {}
        self.oses: set[int] = set()
        self.ends = array("q")
        self.lines = array("q")
        self.known: list[dict[str, Any]] = []  # of each tie
        self.about: dict[int, dict[str, Any]] = {}  # of each person

    def person(self, name: str) -> int:
        """Return the number of a person, a new one if they are new."""
        return self.numbers.setdefault(name, len(self.numbers))

    def node(self, name: str, known: dict[str, Any]) -> None:
        """Add a person, and what they are called."""
        number = self.person(name)
        titles = {key_of(str(title)): value for title, value in known.items()}
        label = titles.get("label", titles.get("name"))
        if isinstance(label, str | int) and str(label).strip():
            self.labels[number] = str(label).strip()
        if titles.get("kind") == OS_KIND and {"condition", "status"} & titles.keys():
            self.oses.add(number)
        rest = {t: v for t, v in known.items() if key_of(str(t)) not in TITLES}
        if rest:
            self.about[number] = rest

    def tie(self, one: str, other: str, known: dict[str, Any], line: int = 0) -> None:
        """Add a tie of two people, by what the file calls them, with its attributes."""
        self.ends.extend((self.person(one), self.person(other)))
        self.known.append(known)
        if line:
            self.lines.append(line)

    def found(self, how: str, notes: tuple[str, ...] = ()) -> Found:
        """Return all of it."""
        partner = partners_in(self.path, self.known, self.lines)
        weights, unused = columns_of(self.known)
        lines = np.array(self.lines, np.int64) if self.lines else None
        found = Found(
            tuple(self.numbers), pairs_of(self.ends), how, weights,
            unused=tuple(unused), notes=notes, lines=lines, partner=partner,
            known=table_of(self.path, self.about, len(self.numbers)),
        )  # fmt: skip
        return labelled(among_people(found, self.oses), self.labels)


def table_of(
    path: str | Path, about: Mapping[int, dict[str, Any]], people: int
) -> dict[str, list[Any]]:
    """Return what is known of people as columns, None where it is not.

    Raises
    ------
    InputError
        If there would be too many columns, most of them empty.
    """
    titles = dict.fromkeys(title for one in about.values() for title in one)
    if len(titles) > MOST_TITLES:
        raise InputError(f"{path}: people have more than {MOST_TITLES} attributes")
    return {
        str(title): [about.get(n, {}).get(title) for n in range(people)]
        for title in titles
    }


def partners_in(path: str | Path, known: list[dict[str, Any]], lines: Any) -> Any:
    """Take from attributes of ties who are partners: int8[ties], or None.

    Raises
    ------
    InputError
        If an attribute of that name says anything else.
    """
    titles = {t for one in known for t in one if key_of(str(t)) == PARTNERS}
    if not titles:
        return None
    found = np.full(len(known), -1, np.int8)
    for tie, one in enumerate(known):
        for title in titles & one.keys():
            place = f"line {lines[tie]}" if len(lines) else f"tie {tie + 1}"
            found[tie] = partner_of(f"{path}, {place}", one[title])
    known[:] = [{t: v for t, v in one.items() if t not in titles} for one in known]
    return found


def columns_of(known: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Return the numbers that ties have, by attribute, and the names of the others."""
    weights: dict[str, Any] = {}
    unused: list[str] = []
    for title in dict.fromkeys(title for one in known for title in one):
        values: list[float | None] = [None]
        if len(weights) < ATTRIBUTES or key_of(title) in MEASURES:
            values = [_real(one.get(title)) for one in known]
        if any(value is None for value in values):
            unused.append(title)
        else:
            weights[title] = np.array(values, np.float64)
    return weights, unused


def _real(value: Any) -> float | None:
    """Return a number, nan for none; None for what is no number."""
    if value is None:
        return float("nan")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < 1e300 else None
    return None


def labelled(found: Found, labels: dict[int, str]) -> Found:
    """Return people by their labels, if these tell them apart."""
    if not labels:
        return found
    names = [labels.get(n, name) for n, name in enumerate(found.names)]
    if len(set(names)) == len(names):
        return found._replace(names=tuple(names))
    note = "people are named by id, since labels recur"
    return found._replace(notes=(*found.notes, note))


def among_people(
    found: Found, oses: set[int], groups: frozenset[int] | set[int] = frozenset()
) -> Found:
    """Return people and their ties, without groups and OSes of our own exports."""
    out = oses | groups
    if not out:
        return found
    gone = np.isin(found.ends, list(out)).any(axis=1)
    kept = [n for n in range(len(found.names)) if n not in out]
    number = np.full(len(found.names), -1, np.int64)
    number[kept] = np.arange(len(kept))
    notes = found.notes
    if oses:
        ties = counted(int(np.count_nonzero(gone)), "tie")
        notes = (*notes, f"{counted(len(oses), 'OS')} and {ties} with them left out")
    return found._replace(
        names=tuple(found.names[n] for n in kept),
        ends=number[found.ends[~gone]],
        weights={name: values[~gone] for name, values in found.weights.items()},
        notes=notes,
        lines=None if found.lines is None else found.lines[~gone],
        partner=None if found.partner is None else found.partner[~gone],
        known={title: [v[n] for n in kept] for title, v in found.known.items()},
    )
