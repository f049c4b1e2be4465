"""Run directories: written whole or not at all, and read back lazily.

A run directory holds ``provenance.json``, ``series.parquet`` (one row a day),
``events.parquet`` and ``snapshots/`` (humans, OSes and ties on some days). It is built
in a hidden folder beside its place and renamed when complete. The tables carry no time
and no trace of the software that made them beyond the Parquet writer, so equal runs
have equal bytes.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sim.errors import InputError
from sim.files import move_into_place, sibling, sync_folder, writing
from sim.provenance import SOFTWARE, provenance
from sim.state import State

__all__ = ["Result", "RunWriter", "load", "provenance"]

PARTS = {"provenance.json", "series.parquet", "events.parquet", "snapshots", "figures"}
EVENT_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("step", pa.int32()),
        ("members", pa.list_(pa.int32())),
        ("size", pa.int32()),
        ("strength", pa.float64()),
        ("evidence", pa.string()),
    ]
)


class RunWriter:
    """Write one run directory, which appears complete or not at all.

    Use it as a context manager, and end it with ``finish``; leaving the block in any
    other way removes all that was written.

    Parameters
    ----------
    directory
        Where the run shall be. Missing parents are made.
    provenance
        The birth certificate, as made by ``provenance``; written at the end.
    overwrite
        Whether a run that is already there may be replaced.

    Raises
    ------
    InputError
        If something else is in the way, or nothing can be written there.
    """

    def __init__(
        self, directory: str | Path, provenance: dict[str, Any], overwrite: bool = False
    ) -> None:
        self.directory = Path(os.path.expanduser(directory)).resolve()
        self.provenance = provenance
        self._began = time.monotonic()
        self._made: list[Path] = []
        with writing(self.directory):
            _refuse_what_is_there(self.directory, overwrite)
            self._part = sibling(self.directory, "part")
            try:
                self._make_folders()
            except BaseException:
                self.abort()
                raise

    def _make_folders(self) -> None:
        above = [p for p in self.directory.parents if not p.exists()]
        for folder in reversed(above):
            folder.mkdir(exist_ok=True)
            self._made.append(folder)
        (self._part / "snapshots").mkdir(parents=True)

    def snapshot(self, step: int, state: State) -> None:
        """Write humans, OSes and ties as they are on ``step``."""
        for name, table in (("humans", state.humans), ("oses", state.oses)):
            rows = np.arange(len(table), dtype=np.int32)
            columns = {column: table.column(column) for column in table.columns}
            self._write_table(_snapshot(name, step), {"row": rows} | columns)
        self._write_table(_snapshot("ties", step), state.ties.table())

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
            One mapping an event: kind, step, members, size, strength, evidence.

        Returns
        -------
        Path
            The run directory.
        """
        took = round(time.monotonic() - self._began, 3)
        self.provenance.setdefault("duration_seconds", took)
        self._write_table("series.parquet", series)
        rows = [{name: row[name] for name in EVENT_SCHEMA.names} for row in events]
        self._write("events.parquet", pa.Table.from_pylist(rows, EVENT_SCHEMA))
        text = json.dumps(self.provenance, indent=2, ensure_ascii=False) + "\n"
        with writing(self.directory):
            with open(self._part / "provenance.json", "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            for folder in (self._part / "snapshots", self._part):
                sync_folder(folder)
            move_into_place(self._part, self.directory)
            sync_folder(self.directory.parent)
        self._made.clear()
        return self.directory

    def abort(self) -> None:
        """Remove all that was written; do nothing once the run is in its place."""
        shutil.rmtree(self._part, ignore_errors=True)
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
        arrays = [pa.array(np.ascontiguousarray(c)) for c in columns.values()]
        self._write(name, pa.Table.from_arrays(arrays, names=list(columns)))

    def _write(self, name: str, table: pa.Table) -> None:
        with writing(self.directory), open(self._part / name, "wb") as file:
            pq.write_table(
                table,
                file,
                version="2.6",
                compression="zstd",
                compression_level=1,
                use_dictionary=False,
                row_group_size=2**20,
                store_schema=False,
                write_page_checksum=True,
            )
            file.flush()
            os.fsync(file.fileno())


class Result:
    """A finished run. Tables are read when asked for.

    Parameters
    ----------
    path
        The run directory; use ``load``, which checks it first.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Result({str(self.path)!r})"

    @functools.cached_property
    def provenance(self) -> dict[str, Any]:
        """The birth certificate: software, parameters, environment, seed."""
        file = self.path / "provenance.json"
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(_broken(self.path, file.name, error)) from error
        if not _is_ours(found):
            raise InputError(f"{file} is not the provenance of an {SOFTWARE} run")
        return dict(found)

    @functools.cached_property
    def series(self) -> pd.DataFrame:
        """The society day by day: one row a day, indexed by ``step``."""
        series: pd.DataFrame = _read(self.path, "series.parquet").to_pandas()
        return series.set_index("step")

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """What happened: kind, step, members (agent numbers), size, strength, ..."""
        table = _read(self.path, "events.parquet")
        members = table.column("members").to_pylist()
        events: pd.DataFrame = table.to_pandas()
        events["members"] = pd.Series(members, dtype=object, index=events.index)
        return events

    @functools.cached_property
    def steps(self) -> list[int]:
        """The days of which there are snapshots, in order."""
        files = (self.path / "snapshots").glob("ties-*.parquet")
        numbers = (file.stem.removeprefix("ties-") for file in files)
        return sorted(int(number) for number in numbers if number.isdecimal())

    @functools.cached_property
    def population(self) -> int:
        """How many humans there are."""
        name = _snapshot("humans", self._day(None))
        return int(_open(self.path, name).metadata.num_rows)

    def humans(self, step: int | None = None) -> pd.DataFrame:
        """Return the humans on a snapshot day (None: the last), by agent number."""
        return self._table("humans", step, 0)

    def oses(self, step: int | None = None) -> pd.DataFrame:
        """Return the OSes on a snapshot day (None: the last), by agent number."""
        return self._table("oses", step, self.population)

    def agents(self, step: int | None = None) -> pd.DataFrame:
        """Return humans and OSes in one table, by agent number.

        ``kind`` is ``"human"`` or ``"OS"``. A column that only one kind has is missing
        (NaN or NA) for the other.

        Raises
        ------
        InputError
            If there is no snapshot of ``step``; says which there are.
        """
        humans, oses = self.humans(step), self.oses(step)
        for own, other in ((humans, oses), (oses, humans)):
            for name in own.columns.difference(other.columns):
                if own[name].dtype.kind in "iu":
                    own[name] = own[name].astype("Int32")
        humans.insert(0, "kind", "human")
        oses.insert(0, "kind", "OS")
        return pd.concat([humans, oses])

    def ties(self, step: int | None = None) -> pd.DataFrame:
        """Return the directed ties on a snapshot day (None: the last).

        Columns: ``owner`` and ``neighbour`` (agent numbers), ``closeness`` (of the
        owner to the neighbour, 0..1), ``returned`` (the other way), ``kind`` (flags).
        """
        table: pd.DataFrame = _read(
            self.path, _snapshot("ties", self._day(step))
        ).to_pandas()
        return table

    def graph(self, step: int | None = None, closest: float = 0.0) -> nx.DiGraph[int]:
        """Return the relationships on a snapshot day as a networkx graph.

        Parameters
        ----------
        step
            A day from ``steps``; None is the last.
        closest
            Leave out ties less close than this, 0..1.

        Returns
        -------
        networkx.DiGraph
            Nodes are agent numbers, with their columns and ``kind``; an edge is a tie
            of its first agent, with its ``closeness``.
        """
        graph: nx.DiGraph[int] = nx.DiGraph(step=self._day(step))
        for kind, table in (("human", self.humans(step)), ("OS", self.oses(step))):
            rows: Any = table.assign(kind=kind).to_dict("records")
            graph.add_nodes_from(zip(table.index.tolist(), rows, strict=True))
        ties = self.ties(step)
        ties = ties[ties["closeness"] >= closest]
        ends = (ties[name].tolist() for name in ("owner", "neighbour", "closeness"))
        graph.add_weighted_edges_from(zip(*ends, strict=True), weight="closeness")
        return graph

    def _table(self, name: str, step: int | None, first: int) -> pd.DataFrame:
        table: pd.DataFrame = _read(
            self.path, _snapshot(name, self._day(step))
        ).to_pandas()
        table.index = pd.RangeIndex(first, first + len(table), name="agent")
        return table

    def _day(self, step: int | None) -> int:
        if not self.steps:
            raise InputError(f"{self.path} has no snapshots; run it again")
        if step is None:
            return self.steps[-1]
        if step not in self.steps:
            known = ", ".join(map(str, self.steps))
            raise InputError(f"no snapshot of step {step} in {self.path}; have {known}")
        return int(step)


def load(path: str | Path) -> Result:
    """Return the finished run in a directory.

    Raises
    ------
    InputError
        If there is no run; says which file is missing or damaged.
    """
    folder = Path(path).expanduser()
    if not folder.exists():
        raise InputError(f"no run at {folder}: there is no such directory")
    if not folder.is_dir():
        raise InputError(f"no run at {folder}: it is a file, not a run directory")
    result = Result(folder)
    _ = result.provenance
    names = ["series.parquet", "events.parquet"]
    for step in result.steps:
        names += [_snapshot(name, step) for name in ("humans", "oses", "ties")]
    for name in names:
        _open(folder, name).close()
    return result


def _open(folder: Path, name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(folder / name, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise InputError(_broken(folder, name, error)) from error


def _read(folder: Path, name: str) -> pa.Table:
    with _open(folder, name) as file:
        try:
            return file.read()
        except (OSError, pa.ArrowException) as error:
            raise InputError(_broken(folder, name, error)) from error


def _snapshot(name: str, step: int) -> str:
    return f"snapshots/{name}-{step:06d}.parquet"


def _broken(folder: Path, name: str, error: Exception) -> str:
    if not (folder / name).exists():
        return f"{folder} is not a complete run: {name} is missing"
    reason = str(error).partition("\n")[0]
    return f"{folder / name} is damaged ({reason}); run it again"


def _is_ours(found: Any) -> bool:
    software = found.get("software") if isinstance(found, dict) else None
    return isinstance(software, dict) and software.get("name") == SOFTWARE


def _refuse_what_is_there(directory: Path, overwrite: bool) -> None:
    """Raise InputError unless ``directory`` is free, empty or a run to replace."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise InputError(f"{directory} is a file; choose another output directory")
    if Path.cwd().is_relative_to(directory):  # it would be replaced under your feet
        raise InputError(f"you are working in {directory}; name a new directory in it")
    there = {entry.name for entry in directory.iterdir()}
    if not there:
        return
    try:
        _ = Result(directory).provenance
    except InputError:
        message = f"{directory} is there already and is not a run; choose another"
        raise InputError(message) from None
    foreign = sorted(name for name in there - PARTS if not name.startswith("."))
    if foreign:
        raise InputError(f"{directory} also holds {foreign[0]!r}; move it away first")
    if not overwrite:
        message = f"there is a run in {directory} already; allow overwriting (--force)"
        raise InputError(f"{message} or choose another output directory")
