"""Personas of a user's own: what a table says of the people of a society.

The table is CSV with a header. One column says who a person is, by number or, where a
network names people, by name. A column ``persona`` tells of them; where there is none,
all others do, each as a line "column: value". A prompt quotes these lines after what
the society itself makes of the person (`sim.minds.prompts`), as it quotes what others
say: they are data, which nobody is to obey.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sim.minds.prompts import MOST_KNOWN, plain
from sim.utils.errors import InputError
from sim.utils.files import expanded
from sim.utils.names import row_of
from sim.utils.untrusted import read_bytes

LARGEST = 50_000_000  # bytes
MOST_COLUMNS = 40
WHO = ("person", "human", "agent", "number", "id", "name", "label")  # columns, by rank
PERSONA = "persona"
SEPARATORS = ",;\t"
Lines = tuple[str, ...]


class PersonaRow(NamedTuple):
    """What a table says of one person."""

    line: int  # of the file
    who: str  # number or name
    lines: Lines  # as prompts quote them


class PersonaTable(NamedTuple):
    """What a table says of people."""

    path: Path
    digest: str  # SHA-256 of the file
    rows: tuple[PersonaRow, ...]

    def of(self, labels: Sequence[str] | None, people: int) -> dict[int, Lines]:
        """Return what is said of each person, by number.

        Parameters
        ----------
        labels
            What a network calls the people, if one does.
        people
            How many there are.

        Raises
        ------
        InputError
            If somebody is not there, or stands in two lines: names the line.
        """
        found: dict[int, Lines] = {}
        for line, who, lines in self.rows:
            where = f"{self.path}, line {line}"
            try:
                row = row_of(who, labels, people)
            except InputError as error:
                raise InputError(f"{where}: {error}") from None
            if row in found:
                raise InputError(f"{where}: {who!r} stands twice; give each one line")
            found[row] = lines
        return found


def read(path: str | Path) -> PersonaTable:
    """Return what a table says of people.

    Parameters
    ----------
    path
        A CSV file with a header: comma, semicolon or tab. Who a person is stands in the
        first of the columns ``WHO`` that is there.

    Raises
    ------
    InputError
        If it cannot be read, is no such table, or says too much: names file and line.
    """
    place = expanded(path)
    try:
        raw = read_bytes(place, LARGEST)
    except OSError as error:
        raise InputError(f"cannot read {place}: {error.strerror}") from None
    header, *rows = _cells(place, raw)
    names = [name.strip() for name in header[1]]
    at, told = _columns(place, names)
    found = []
    for line, fields in rows:
        where = f"{place}, line {line}"
        if len(fields) != len(names):
            raise InputError(
                f"{where}: {len(fields)} fields where the header has {len(names)}"
            )
        if not fields[at].strip():
            raise InputError(f"{where}: nobody is named in column {names[at]!r}")
        lines = _lines(where, {names[c]: fields[c] for c in told})
        found.append(PersonaRow(line, fields[at].strip(), lines))
    if not found:
        raise InputError(f"{place} has no people; write one a line below the header")
    return PersonaTable(place, hashlib.sha256(raw).hexdigest(), tuple(found))


def _cells(path: Path, raw: bytes) -> list[tuple[int, list[str]]]:
    """Return the lines of a table that are not empty, each with its number."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: not UTF-8 text; save the file as UTF-8"
        ) from None
    head = text.lstrip().partition("\n")[0]
    if not head:
        raise InputError(
            f"{path} is empty; its header names columns, as person,persona"
        )
    mark = max(SEPARATORS, key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        return [(rows.line_num, row) for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}") from None


def _columns(path: Path, names: list[str]) -> tuple[int, list[int]]:
    """Return which column says who, and which tell of people."""
    keys = [name.casefold() for name in names]
    for key in keys:
        if not key or keys.count(key) > 1:
            what = f"two columns are called {key!r}" if key else "a column has no name"
            raise InputError(f"{path}: {what}")
    who = next((key for key in WHO if key in keys), None)
    if who is None:
        raise InputError(
            f"{path}: no column says who is who; call it 'person' (there are "
            f"{', '.join(names)})"
        )
    at = keys.index(who)
    told = [c for c in range(len(names)) if c != at]
    if PERSONA in keys:
        told = [keys.index(PERSONA)]
    if not told or len(told) > MOST_COLUMNS:
        raise InputError(
            f"{path}: 1 to {MOST_COLUMNS} columns tell of people, not {len(told)}; or "
            f"one that is called {PERSONA!r}"
        )
    return at, told


def _lines(where: str, cells: dict[str, str]) -> Lines:
    """Return what the cells of one person say, as lines; nothing of empty ones."""
    found = []
    for name, cell in cells.items():
        if not cell.strip():
            continue
        text = cell if name.casefold() == PERSONA else f"{name}: {cell}"
        if len(text) > MOST_KNOWN:
            raise InputError(
                f"{where}: {len(text):,} letters in column {name!r}; {MOST_KNOWN} at "
                "most"
            )
        found.append(plain(text, MOST_KNOWN))
    return tuple(found)
