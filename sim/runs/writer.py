"""Writer of run directories: written whole or not at all.

A run is built in a hidden folder beside its place and renamed when complete. The tables
carry no time and no trace of the software that made them beyond the Parquet writer, so
equal runs have equal bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sim.events.detector import AgentIds
from sim.model.state import State
from sim.runs.digests import FILES, check_file, digests_of, files_of
from sim.runs.parquet import GROUP, Columns, write_columns, write_parts, write_table
from sim.runs.readings import Readings
from sim.runs.schemas import (
    CALLS_SCHEMA,
    EVENTS_SCHEMA,
    MEMORIES_SCHEMA,
    PEOPLE_SCHEMA,
    TALKS_SCHEMA,
)
from sim.runs.validation import as_input_error
from sim.utils.errors import InputError
from sim.utils.files import expanded, sync_folder, writing
from sim.utils.locks import Lock
from sim.utils.provenance import LARGEST, SOFTWARE, sealed
from sim.utils.publish import Draft, hidden, move, state_of, sweep
from sim.utils.source import changed_since_import
from sim.utils.untrusted import read_json, resolve_inside

PARTS = {
    *("provenance.json", "series.parquet", "events.parquet", "snapshots", "figures"),
    *("readings.parquet", "talks.parquet", "calls.parquet", "checkpoints"),
    "people.parquet",
    "unfinished.json",  # of a process that was killed just before it was done
    "mechanisms",
    "network",
}
READINGS = "readings.parquet"
PEOPLE = "people.parquet"
NETWORK = "network"  # the folder of a network that was given in memory
# What makes a run: one that is equal in all of this may take the place of another.
SAME = (
    *("source_digest", "scenario", "parameters", "interventions", "seed", "steps"),
    *("network", "options", "detectors", "mechanisms", "parent", "mind", "until"),
)
LATEST = ".readings.parquet"  # those since the last checkpoint, while a run is built
UNFINISHED = "unfinished.json"  # what a run was begun with, until it is complete


class RunWriter:
    """Write one run directory, which appears complete or not at all.

    Use it as a context manager, and end it with ``finish``; leaving the block in any
    other way removes all that was written.

    Parameters
    ----------
    directory
        Where the run shall be. Missing parents are made. A link is followed, unless
        something would be replaced through it.
    provenance
        The provenance record, as made by ``provenance``; written at the end.
    overwrite
        Whether a run that is already there may be replaced. What comes there later may
        not, unless it is the same run.
    lasting
        Whether what is written stays if the run is not finished, to be resumed:
        ``begun_at`` says where. A writer of the same place then continues it.

    Raises
    ------
    InputError
        If something else is in the way, nothing can be written there, or another
        process is writing the same run.
    """

    def __init__(
        self,
        directory: str | Path,
        provenance: dict[str, Any],
        overwrite: bool = False,
        lasting: bool = False,
    ) -> None:
        given = expanded(directory)
        self.directory = given.resolve()
        self.provenance = provenance
        self._overwrite = overwrite
        self._began = time.monotonic()
        self._made: list[Path] = []
        self._lock: Lock | None = None
        self._draft: Draft | None = None
        self.readings: Readings | None = None
        with writing(self.directory):
            tidy(self.directory)
            seen = state_of(self.directory)
            _refuse_what_is_there(self.directory, overwrite, given)
            begun = begun_at(self.directory)
            try:
                self._make_folders()
                if lasting:
                    self._lock = lock(self.directory)
                elif _lock_of(self.directory).exists():
                    lock(self.directory).release()  # if nobody has it
                self._draft = Draft(self.directory, seen, at=begun if lasting else None)
                self.part = self._draft.part
                (self.part / "snapshots").mkdir(parents=True, exist_ok=True)
            except BaseException:
                self.abort()
                raise

    def _make_folders(self) -> None:
        above = [p for p in self.directory.parents if not p.exists()]
        for folder in reversed(above):
            folder.mkdir(exist_ok=True)
            self._made.append(folder)

    def keep_readings(self) -> Readings:
        """Return what keeps a run's readings as they come, for a ``Monitor``.

        Without it, nobody can look for events again in the run.
        """
        self.readings = Readings(self.part / LATEST, self.directory)
        return self.readings

    def begin(self, record: Mapping[str, Any]) -> None:
        """Write what a lasting run was begun with, to resume it later."""
        with writing(self.directory):
            part = self.part / f".{UNFINISHED}"
            part.write_text(_json(sealed(record)) + "\n", "utf-8")
            os.replace(part, self.part / UNFINISHED)  # nobody else writes in here

    def forget_after(self, step: int) -> None:
        """Remove snapshots of later days, which are to be simulated again."""
        for file in (self.part / "snapshots").iterdir():
            if not file.stem.rpartition("-")[2] <= f"{step:06d}":
                file.unlink()

    def inherit(self, run: Path, step: int) -> None:
        """Take over the snapshots and checkpoints of another run, up to a day."""
        for name in files_of(run):
            inside = name.partition("/")[2]
            day = Path(inside.partition("/")[0]).stem.rpartition("-")[2]
            if not inside or not day.isdecimal() or day > f"{step:06d}":
                continue
            found, place = resolve_inside(run, name), self.part / name
            with as_input_error(found):
                check_file(run, name)
            with writing(self.directory):
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, place)
        for name in files_of(run):
            if name.startswith(f"{NETWORK}/"):
                with as_input_error(run / name):
                    check_file(run, name)
                    content = resolve_inside(run, name).read_bytes()
                self.network(name.removeprefix(f"{NETWORK}/"), content)

    def snapshot(self, step: int, state: State) -> None:
        """Write humans, OSes, ties and tables of mechanisms as they are on ``step``."""
        tables = {"humans": state.humans, "oses": state.oses, **state.tables}
        for name, table in tables.items():
            rows = np.arange(len(table), dtype=np.int32)
            columns = {column: table.column(column) for column in table.columns}
            self._write_table(snapshot_name(name, step), {"row": rows} | columns)
        with writing(self.directory):
            ties = state.ties.parts(GROUP)
            write_parts(self.part / snapshot_name("ties", step), ties)

    def people(self, labels: Sequence[str], known: Columns) -> None:
        """Write what a network calls each human, by agent number, and says of them.

        Nameless people, of whom something is known nonetheless, are called "".
        """
        numbers = np.arange(len(labels), dtype=np.int32)
        table = pa.table([numbers, list(labels)], PEOPLE_SCHEMA)
        for name, column in known.items():
            table = table.append_column(name, pa.array(column))
        self._write(PEOPLE, table)

    def network(self, name: str, content: bytes) -> None:
        """Write a network that was given in memory, so that it can be read again."""
        with writing(self.directory):
            (self.part / NETWORK).mkdir(exist_ok=True)
            (self.part / NETWORK / name).write_bytes(content)

    def mechanism(self, name: str, source: bytes) -> None:
        """Write the file that declares a mechanism of the run, as it was."""
        folder = self.part / "mechanisms"
        with writing(self.directory):
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.py").write_bytes(source)

    def speech(
        self, talks: Sequence[Mapping[str, Any]], calls: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write what a cast said, and what a language model was asked and answered."""
        plain = [one | {"messages": _json(one["messages"])} for one in map(dict, calls)]
        self._write("talks.parquet", pa.Table.from_pylist(list(talks), TALKS_SCHEMA))
        self._write("calls.parquet", pa.Table.from_pylist(plain, CALLS_SCHEMA))

    def memories(self, step: int, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write what a cast remembers on ``step``."""
        table = pa.Table.from_pydict(dict(columns), MEMORIES_SCHEMA)
        self._write(snapshot_name("memories", step), table)

    def finish(
        self,
        series: Mapping[str, npt.NDArray[Any]],
        events: Iterable[Mapping[str, Any]],
    ) -> Path:
        """Write series, events and provenance, and put the run in its place.

        Parameters
        ----------
        series
            Equal-length arrays, one value a day; ``step`` among them.
        events
            One mapping an event, with the columns of ``EVENT_SCHEMA``.

        Returns
        -------
        Path
            The run directory.
        """
        took = round(time.monotonic() - self._began, 3)
        self.provenance.setdefault("duration_seconds", took)
        self._write_table("series.parquet", series)
        self._write("events.parquet", table_of_events(events))
        if self.readings is not None:
            with writing(self.directory):
                found = sorted((self.part / "checkpoints").glob(f"[0-9]*/{READINGS}"))
                names = [file.relative_to(self.part).as_posix() for file in found]
                before = [resolve_inside(self.part, name) for name in names]
                self.readings.finish(before, self.part / READINGS)
        with writing(self.directory):
            text = as_text(self._sealed())
            with open(self.part / "provenance.json", "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            for folder in (self.part / "snapshots", self.part):
                sync_folder(folder)
            self._publish()
        return self.directory

    def _sealed(self) -> dict[str, Any]:
        """Return the provenance with digests of all files, and of itself."""
        found = digests_of(self.part, files_of(self.part))
        changed = {"source_changed": names} if (names := changed_since_import()) else {}
        return sealed(self.provenance | changed | {FILES: found})

    def _publish(self) -> None:
        """Put the run in its place, or keep it beside that if others came first."""
        assert self._draft is not None
        try:
            self._draft.publish(self._is_this_run)
            sync_folder(self.directory.parent)
        finally:
            if self._draft.done is not None:
                self._made.clear()
                # Not before: who is killed on the way can still go on.
                (self._draft.done / UNFINISHED).unlink(missing_ok=True)

    def _is_this_run(self, there: Path) -> bool:
        """Tell whether a run that came here meanwhile is this one, to be replaced."""
        is_folder = there.is_dir() and not there.is_symlink()
        if not self._overwrite or not is_folder or _foreign(there):
            return False
        try:
            found = read_json(there / "provenance.json", LARGEST)
        except (OSError, ValueError):
            return False
        told = json.loads(json.dumps(self.provenance))
        return is_ours(found) and all(found.get(n) == told.get(n) for n in SAME)

    def abort(self) -> None:
        """Remove all that was written; do nothing once the run is in its place."""
        if self.readings is not None:
            self.readings.drop()
        if self._draft is not None:
            self._draft.discard()
        if self._lock is not None:
            self._lock.release()
        while self._made:
            with suppress(OSError):
                self._made.pop().rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def _write_table(self, name: str, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        with writing(self.directory):
            write_columns(self.part / name, columns)

    def _write(self, name: str, table: pa.Table) -> None:
        with writing(self.directory):
            write_table(self.part / name, table)


def table_of_events(events: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return events as a table; as many members as there are cost four bytes each."""
    rows = list(events)
    members = [AgentIds(row["members"]).numbers for row in rows]
    ends = np.cumsum([0, *map(len, members)], dtype=np.int32)
    numbers = np.concatenate([np.zeros(0, np.int32), *members])
    columns = [
        pa.ListArray.from_arrays(pa.array(ends), pa.array(numbers))
        if field.name == "members"
        else pa.array([row[field.name] for row in rows], field.type)
        for field in EVENTS_SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=EVENTS_SCHEMA)


def begun_at(directory: Path) -> Path:
    """Return where a lasting run is kept until it is finished."""
    return hidden(directory, "unfinished")


def lock(directory: Path) -> Lock:
    """Be the one writer of a lasting run; ``directory`` is where it shall be.

    The lock lies beside it, since the folder of an unfinished run is moved away.

    Raises
    ------
    InputError
        If another process is.
    """
    busy = f"another process is writing the run {directory}"
    return Lock(_lock_of(directory), lambda who: busy)


def _lock_of(directory: Path) -> Path:
    return hidden(directory, "lock")


def tidy(directory: Path) -> None:
    """Remove what processes that were killed have left beside a run, or its place.

    What can be resumed stays, or comes back to where that is looked for.
    """

    def home(found: Path) -> Path | None:
        return begun_at(directory) if (found / UNFINISHED).exists() else None

    sweep(directory, home)


def drop_unfinished(directory: Path) -> None:
    """Remove an unfinished run; ``lock`` must be held.

    Raises
    ------
    OSError
        If it cannot be removed.
    """
    draft = Draft(directory)
    try:
        move(begun_at(directory), draft.part)
    finally:
        draft.discard()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def as_text(record: Mapping[str, Any]) -> str:
    """Return a provenance record as it stands in its file."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def snapshot_name(name: str, step: int) -> str:
    """Return the file of a table of a snapshot, within its run."""
    return f"snapshots/{name}-{step:06d}.parquet"


def is_ours(found: Any) -> bool:
    """Tell whether a JSON document is the provenance of a run of this software."""
    software = found.get("software") if isinstance(found, dict) else None
    return isinstance(software, dict) and software.get("name") == SOFTWARE


def is_run(directory: Path) -> bool:
    """Tell whether a directory is a complete run of this software."""
    try:
        return is_ours(read_json(directory / "provenance.json", LARGEST))
    except (OSError, ValueError):
        return False


def _foreign(directory: Path) -> list[str]:
    """Return what is seen in a run directory and is no part of a run."""
    there = {entry.name for entry in directory.iterdir()}
    return sorted(name for name in there - PARTS if not name.startswith("."))


def _refuse_what_is_there(directory: Path, overwrite: bool, given: Path) -> None:
    """Raise InputError unless ``directory`` is free, empty or a run to replace."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise InputError(f"{directory} is a file; choose another output directory")
    if Path.cwd().is_relative_to(directory):  # it would be replaced under your feet
        raise InputError(f"you are working in {directory}; name a new directory in it")
    if not any(directory.iterdir()):
        return
    if not is_run(directory):
        message = f"{directory} is there already and is not a run; choose another"
        raise InputError(message)
    if given.is_symlink():
        message = f"{given} is a link to the run {directory}, which is not replaced"
        raise InputError(f"{message} through it; name that, or another directory")
    if foreign := _foreign(directory):
        raise InputError(f"{directory} also holds {foreign[0]!r}; move it away first")
    if not overwrite:
        message = f"there is a run in {directory} already; allow overwriting (--force)"
        raise InputError(f"{message} or choose another output directory")
