"""Readings of a run in Parquet: written daily, joined, replayed.

However long a run is, no more than one group of rows of them is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from sim.events.detector import Note
from sim.runs.parquet import GROUP, TableReader, TableWriter
from sim.runs.schemas import READINGS_SCHEMA
from sim.runs.validation import as_input_error, dictionary_of, readings_of
from sim.utils.files import writing
from sim.utils.typing import Array

ENCODINGS = {"agent": "DELTA_BINARY_PACKED"}  # those of a note mostly rise
REPEATED = ("step", "name")
PACKED = {*ENCODINGS, *REPEATED}
MOST_NAMES = 1000  # of notes of a day, and ...
MOST_NOTES = 10**7  # ... notes of all days: a hundred on each that a run can have

Notes = Mapping[str, Note]


class Readings:
    """Keeps readings in a file, as a ``Monitor`` tells them.

    It is written in groups of as many rows, so its bytes depend on the notes only.

    Parameters
    ----------
    file
        Where; what is there is replaced with the first note.
    run
        The directory that an error names; None is the file.

    Raises
    ------
    InputError
        By all methods, if nothing can be written.
    """

    def __init__(self, file: Path, run: Path | None = None) -> None:
        self.file, self._run = file, run or file
        self._writer: TableWriter | None = None
        self._waiting: list[tuple[int, str, Note]] = []
        self._rows = 0

    def keep(self, step: int, notes: Notes) -> None:
        """Take the notes of a day; days come in order."""
        for name, note in notes.items():
            begin, count = 0, len(note.agents)
            while self._rows + count - begin >= GROUP:
                end = begin + GROUP - self._rows
                self._take(step, name, _part(note, begin, end))
                self._write()
                begin = end
            if begin < count:
                self._take(step, name, _part(note, begin, count))

    def _take(self, step: int, name: str, note: Note) -> None:
        self._waiting.append((step, name, note))
        self._rows += len(note.agents)

    def cut(self) -> Path:
        """End the file, even if nothing was noted; the next day begins it anew.

        Returns
        -------
        Path
            The file, to be moved away.
        """
        if self._rows:
            self._write()
        with writing(self._run):
            self._opened().close()
        self._writer = None
        return self.file

    def finish(self, before: Sequence[Path], whole: Path) -> None:
        """End the file and make one of it and of those that were cut before."""
        latest = self.cut()
        if before:
            join([*before, latest], whole)
            latest.unlink()
        else:
            latest.rename(whole)

    def drop(self) -> None:
        """Let go of the file without finishing it."""
        if self._writer is not None:
            self._writer.drop()
        self._writer, self._waiting, self._rows = None, [], 0

    def _write(self) -> None:
        """Write what waits as a group of rows."""
        with writing(self._run):
            self._opened().write(_table(self._waiting))
        self._waiting, self._rows = [], 0

    def _opened(self) -> TableWriter:
        if self._writer is None:
            self._writer = TableWriter(self.file, READINGS_SCHEMA, ENCODINGS, REPEATED)
        return self._writer


def _part(note: Note, begin: int, end: int) -> Note:
    """Return some rows of a note; if not all, a copy that does not hold the others."""
    if end - begin == len(note.agents):
        return note
    return Note(note.agents[begin:end].copy(), note.values[begin:end].copy())


def _table(notes: Sequence[tuple[int, str, Note]]) -> pa.Table:
    """Return a row an agent and note."""
    counts = [len(note.agents) for _, _, note in notes]
    codes = {name: code for code, name in enumerate({name: 0 for _, name, _ in notes})}
    named = np.array([codes[name] for _, name, _ in notes], np.int32)
    known = pa.array(list(codes), pa.string())
    columns = [
        pa.array(np.repeat(np.array([step for step, _, _ in notes], np.int32), counts)),
        pa.DictionaryArray.from_arrays(np.repeat(named, counts), known).cast("string"),
        pa.array(np.concatenate([note.agents for _, _, note in notes], dtype=np.int32)),
        pa.array(np.concatenate([note.values for _, _, note in notes])),
    ]
    return pa.Table.from_arrays(columns, schema=READINGS_SCHEMA)


def join(files: Sequence[Path], into: Path) -> None:
    """Write readings that lie in several files, in order, into one.

    Raises
    ------
    InputError
        If one of the files is missing or damaged.
    """
    whole = Readings(into)
    try:
        for step, notes in days(files):
            whole.keep(step, notes)
        whole.cut()
    finally:
        whole.drop()


def days(
    files: Sequence[Path], agents: int | None = None
) -> Iterator[tuple[int, dict[str, Note]]]:
    """Yield the notes of each day that has some, in order.

    Parameters
    ----------
    files
        Of readings, in order. They are untrusted.
    agents
        How many agents there are; None does not look whom they are of.

    Raises
    ------
    InputError
        If one of the files is missing or damaged.
    """
    today, pieces = -1, dict[str, list[Note]]()
    check, order = readings_of(agents), _Order()
    for step, name, note in (one for f in files for one in _notes(f, check, order)):
        if step != today and pieces:
            yield today, {name: _whole(parts) for name, parts in pieces.items()}
            pieces = {}
        today = step
        pieces.setdefault(name, []).append(note)
    if pieces:
        yield today, {name: _whole(parts) for name, parts in pieces.items()}


class _Order:
    """Sees that the rows of each note lie side by side, and that notes are not many."""

    def __init__(self) -> None:
        self.latest: tuple[int, str] | None = None
        self.names: set[str] = set()  # of the latest day
        self.notes = 0

    def take(self, step: int, name: str) -> None:
        """Take the next rows of a note; ValueError if they cannot be the next."""
        if self.latest == (step, name):
            return
        if self.latest is not None and self.latest[0] != step:
            self.names.clear()
        self.notes += 1
        if name in self.names or len(self.names) >= MOST_NAMES:
            raise ValueError("its notes are not side by side")
        if self.notes > MOST_NOTES:
            raise ValueError("it has more notes than there can be")
        self.latest = step, name
        self.names.add(name)


def _notes(
    file: Path, check: Callable[[pa.Table], None], order: _Order
) -> Iterator[tuple[int, str, Note]]:
    """Yield step, name and note; one that two groups share comes in two parts."""
    with as_input_error(file), TableReader(file, READINGS_SCHEMA, PACKED) as found:
        for part in found.tables():
            check(part)
            for step, name, note in _split(part):
                order.take(step, name)
                yield step, name, note


def _split(table: pa.Table) -> Iterator[tuple[int, str, Note]]:
    if not len(table):
        return
    known, codes = dictionary_of(table.column("name"))
    steps, agents, values = (
        table.column(name).to_numpy() for name in ("step", "agent", "value")
    )
    turns = (steps[1:] != steps[:-1]) | (codes[1:] != codes[:-1])
    cuts = [0, *(np.flatnonzero(turns) + 1).tolist(), len(steps)]
    for first, last in pairwise(cuts):
        own = slice(first, last)
        note = Note(agents[own].copy(), values[own].copy())
        yield int(steps[first]), known[codes[first]], note


def _whole(parts: list[Note]) -> Note:
    if len(parts) == 1:
        return parts[0]
    agents: Array = np.concatenate([part.agents for part in parts])
    return Note(agents, np.concatenate([part.values for part in parts]))
