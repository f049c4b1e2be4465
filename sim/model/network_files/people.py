"""What is known of people besides their ties: attributes of nodes, and tables of them.

An attribute with the name of a trait is its value on day 0, as is one with the name of
a column that a mechanism adds. All others are kept as they are, beside the model: whole
and real numbers as such, all else as words.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim.engine.table import Column
from sim.model.columns import HUMAN_COLUMNS, OS_COLUMNS
from sim.model.network_files.edge_lists import checked, decoded
from sim.model.network_files.headers import heads_people
from sim.model.network_files.network_file import (
    Array,
    Edges,
    NetworkFile,
    counted,
    key_of,
    listed,
    quoted,
)
from sim.model.network_files.opening import contents
from sim.model.network_files.separators import (
    is_number,
    rows_of,
    sample_of,
    separator_of,
)
from sim.model.network_files.values import inferred
from sim.utils.errors import InputError

# Traits that people begin with; no rule needs to have lived a day before it reads them.
TRAITS = (
    *("openness", "playfulness", "acceptance", "upbringing", "exclusivity"),
    *("touch", "personhood"),
)
# Names that mean something else where columns of people stand, too.
RESERVED = {
    *(column.name for column in (*HUMAN_COLUMNS, *OS_COLUMNS)),
    *("row", "kind", "agent", "label", "condition", "step", "seed", "who", "id"),
    *("first_step", "last_step", "number", "unique_id", "pos", "model"),
}
MOST = 200  # columns
LONGEST = 1000  # letters of a word
LONGEST_TITLE = 100
_LABELS = ("label", "name")
GROUP = "group"  # whatever its case: of whom one meets at work, at school


class People(NamedTuple):
    """What is known of people by the day that a society begins."""

    traits: Mapping[str, Array]  # float64[people] by column of humans: values of day 0
    own: Mapping[str, Array]  # int64, float64 or words, by the name that the data has
    notes: tuple[str, ...]  # what is to be said of it


# ---------------------------------------------------------------------------- tables


def with_table(network: NetworkFile, edges: Edges) -> Edges:
    """Return what a file of ties says, with the table of people that goes with it.

    Raises
    ------
    InputError
        If the table is malformed, does not say who is who, or lacks somebody.
    """
    if network.people is None:
        return edges
    path = Path(network.people)
    rows, names = _read_table(path)
    at = person_in(path, names, network.person)
    listed_as: dict[str, int] = {}
    for number, (line, fields) in enumerate(rows):
        name = fields[at]
        if not name or name in listed_as:
            what = f"{quoted(name)} stands twice" if name else "nobody is named"
            raise InputError(f"{path}, line {line}: {what}; give each person a line")
        listed_as[name] = number
    lacking = [name for name in edges.names if name not in listed_as]
    if lacking:
        raise InputError(
            f"{path}: {quoted(lacking[0])} of the ties is not in column "
            f"{quoted(names[at])}; give everybody a line, or say which column names "
            "them (--person-column)"
        )
    known = set(edges.names)
    everybody = [*edges.names, *(name for name in listed_as if name not in known)]
    order = [listed_as[name] for name in everybody]
    columns = {
        title: inferred([rows[n][1][c] for n in order])
        for c, title in enumerate(names)
        if c != at
    }
    alone = len(everybody) - len(edges.names)
    notes = (f"{counted(alone, 'people')} without a tie",) if alone else ()
    found = edges._replace(names=tuple(everybody), notes=(*edges.notes, *notes))
    before = {
        title: [*values, *[None] * alone] for title, values in edges.known.items()
    }
    for title in columns.keys() & before.keys():
        raise InputError(f"{path}: the ties' file has {quoted(title)} of people, too")
    return _labelled(found._replace(known=before | columns))


def _read_table(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Return the rows of a table, each with its line, and the names of its columns."""
    raw = checked(path, contents(path).raw)
    sample = sample_of(path, raw)
    separator = separator_of(NetworkFile(path), sample)
    try:
        rows = list(rows_of(io.StringIO(decoded(path, raw)), separator))
    except csv.Error as error:
        raise InputError(f"{path}: {error}; write one person a line") from None
    (_, names), rows = rows[0], rows[1:]
    _check_titles(path, names)
    for line, fields in rows:
        if len(fields) != len(names):
            raise InputError(
                f"{path}, line {line}: {counted(len(fields), 'field')} where the "
                f"header has {len(names)}"
            )
    return rows, names


def _check_titles(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if not name or names.count(name) > 1:
            what = "twice a column" if name else "a column without a name"
            raise InputError(f"{path}: {what} {quoted(name) if name else ''}".rstrip())


def person_in(path: Path, names: Sequence[str], asked: str | None) -> int:
    """Return which column of a table of people says who they are.

    Raises
    ------
    InputError
        If it could be none or several, or the one asked for is not there.
    """
    keys = [key_of(name) for name in names]
    have = f"columns are {listed(map(quoted, names))}"
    if asked is not None:
        if asked not in names and keys.count(key_of(asked)) != 1:
            raise InputError(f"{path} has no column {quoted(asked)}; {have}")
        return list(names).index(asked) if asked in names else keys.index(key_of(asked))
    if keys.count("id") == 1:
        return keys.index("id")
    found = [c for c, name in enumerate(names) if heads_people([name])]
    found = [c for c in found if keys[c] not in _LABELS] or found
    if len(found) == 1:
        return found[0]
    raise InputError(
        f"{path}: which column says who is who? {have}; say it (--person-column, or "
        "person='...')"
    )


def _labelled(edges: Edges) -> Edges:
    """Return people by a column of labels or names, if these tell them apart."""
    titles = {key_of(title): title for title in edges.known}
    title = next((titles[key] for key in _LABELS if key in titles), None)
    if title is None:
        return edges
    known = {name: values for name, values in edges.known.items() if name != title}
    given = edges.known[title]
    labels = [
        str(value) if value is not None else name
        for name, value in zip(edges.names, given, strict=True)
    ]
    if len(set(labels)) < len(labels):
        note = "people are named by id, since labels recur"
        return edges._replace(known=known, notes=(*edges.notes, note))
    return edges._replace(names=tuple(labels), known=known)


# --------------------------------------------------------------------------- columns


def taken(path: str | Path, edges: Edges, own: Sequence[Column] = ()) -> People:
    """Return what is known of people as columns: values of day 0, and what is kept.

    Parameters
    ----------
    path
        What it was read from, for messages.
    edges
        What was read.
    own
        Columns of humans that mechanisms add.

    Raises
    ------
    InputError
        If a value of day 0 is not in its range, or not everybody has one.
    """
    if len(edges.known) > MOST:
        raise InputError(f"{path}: more than {MOST} columns of people; take fewer")
    settable = {key_of(c.name): c for c in HUMAN_COLUMNS if c.name in TRAITS}
    settable |= {key_of(c.name): c for c in own}
    traits: dict[str, Array] = {}
    kept: dict[str, Array] = {}
    taken_names: list[str] = []
    notes: list[str] = []
    for title, values in edges.known.items():
        column = settable.get(key_of(title))
        if column is not None:
            if column.name in traits:
                raise InputError(f"{path}: {column.name!r} of people is there twice")
            traits[column.name] = _day_0(path, edges.names, title, values, column)
        elif title in RESERVED:
            taken_names.append(title)
        elif (found := _typed(path, title, values, notes)) is not None:
            name = GROUP if key_of(title) == GROUP else title
            if name in kept:
                raise InputError(f"{path}: {name!r} of people is there twice")
            kept[name] = found
    if kept:
        notes.insert(0, f"people's {listed(map(_plain, kept))} kept")
    if traits:
        notes.insert(0, f"people's {listed(traits)} set on day 0")
    if taken_names:
        notes.append(
            f"not used of people: {listed(map(_plain, taken_names))} (the model's own "
            "names; rename what is to be kept)"
        )
    return People(traits, kept, tuple(notes))


def _plain(title: str) -> str:
    return quoted(title)[1:-1]


def _day_0(
    path: str | Path,
    names: Sequence[str],
    title: str,
    values: Sequence[Any],
    column: Column,
) -> Array:
    """Return the values of a column on day 0, one for everybody, each in its range."""
    kind = np.dtype(column.dtype)
    low, high = -math.inf, math.inf
    if kind.kind != "f":
        low, high = (float(end) for end in (np.iinfo(kind).min, np.iinfo(kind).max))
    if column.unit == "0..1":
        low, high = 0.0, 1.0
    found = np.empty(len(values))
    for number, value in enumerate(values):
        whose = f"{path}: {_plain(title)} of {quoted(names[number])}"
        if value is None:
            raise InputError(f"{whose} is missing; give it to everybody or to nobody")
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{whose} is {quoted(str(value))}, which is no number")
        if not low <= value <= high:
            span = f"within {low:g} to {high:g}"
            raise InputError(
                f"{whose} is {value:g}, not {span}; scale it, or call it otherwise"
            )
        if kind.kind != "f" and value != int(value):
            raise InputError(f"{whose} is {value:g}, which is no whole number")
        found[number] = value
    return found


def _is_numeric(value: Any) -> bool:
    return not isinstance(value, str) or is_number(value)


def _typed(
    path: str | Path, title: str, values: Sequence[Any], notes: list[str]
) -> Array | None:
    """Return a column that is kept: int64, float64, or words ("" where there is none).

    None is one that holds neither numbers nor words, or nothing at all.
    """
    there = [value for value in values if value is not None]
    shown = _plain(title)
    if not there:
        return None
    if len(title) > LONGEST_TITLE:
        raise InputError(f"{path}: the column {quoted(title)} has too long a name")
    if not all(isinstance(value, int | float | str) for value in there):
        notes.append(f"not used of people: {shown} (neither numbers nor words)")
        return None
    if any(isinstance(value, str) for value in there):
        if 0 < sum(map(_is_numeric, there)) < len(there):
            notes.append(f"{shown} of people taken as words, since not all are numbers")
        words = ["" if value is None else str(value).strip() for value in values]
        if max(map(len, words)) > LONGEST:
            raise InputError(f"{path}: {shown} of people is longer than {LONGEST}")
        return np.array(words, object)
    if not all(math.isfinite(value) for value in there):
        raise InputError(f"{path}: {shown} of people is infinite for somebody")
    whole = len(there) == len(values) and all(
        isinstance(v, int) and abs(v) < 2**63 for v in there
    )
    if whole:
        return np.array([int(value) for value in values], np.int64)
    return np.array([math.nan if value is None else float(value) for value in values])
