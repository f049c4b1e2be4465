"""The tables of a run directory, each read when asked for, and no more of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sim.errors import InputError
from sim.members import Members
from sim.names import os_name
from sim.provenance import SOFTWARE
from sim.readings import SCHEMA
from sim.tables import Numbers, columns_of, rows_of
from sim.writer import READINGS, is_ours, snapshot_name

WHO, NAMED = 32, 4  # letters for who took part in an event, and at most so many


class Tables:
    """The tables of a run, each read when asked for.

    Parameters
    ----------
    path
        The run directory.
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
        if not is_ours(found):
            raise InputError(f"{file} is not the provenance of an {SOFTWARE} run")
        return dict(found)

    @functools.cached_property
    def series(self) -> pd.DataFrame:
        """The society day by day: one row a day, indexed by ``step``."""
        series: pd.DataFrame = read_table(self.path, "series.parquet").to_pandas()
        return series.set_index("step")

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """What happened: kind, step, members (agent numbers), size, strength, ...

        Members can be gone through, counted and indexed like a list.
        ``who`` tells the members by name, or how many they are. ``p_value`` is ``nan``
        where there is nothing to test.
        """
        return named(self, events_of(read_table(self.path, "events.parquet")))

    @functools.cached_property
    def readings(self) -> pd.DataFrame:
        """What detectors saw besides measures: step, name, agent and value.

        In a large run this is a great deal; ``noted`` returns what has one name.

        Raises
        ------
        InputError
            If the run was written without it.
        """
        table: pd.DataFrame = read_table(self.path, READINGS).to_pandas()
        return table

    def noted(self, name: str, since: int, until: int) -> pd.DataFrame:
        """Return the readings of one name on the days from ``since`` to ``until``.

        Raises
        ------
        InputError
            If the run was written without readings.
        """
        found: list[pa.Table] = []
        with open_table(self.path, READINGS) as file:
            for group in _groups_of(file.metadata, since, until):
                part = file.read_row_group(group)
                days = pc.is_in(
                    part["step"], pa.array(range(since, until + 1), "int32")
                )
                found.append(part.filter(pc.and_(days, pc.equal(part["name"], name))))
        whole = pa.concat_tables(found) if found else SCHEMA.empty_table()
        table: pd.DataFrame = whole.to_pandas()
        return table

    @functools.cached_property
    def steps(self) -> list[int]:
        """The days of which there are snapshots, in order."""
        files = (self.path / "snapshots").glob("ties-*.parquet")
        numbers = (file.stem.removeprefix("ties-") for file in files)
        return sorted(int(number) for number in numbers if number.isdecimal())

    @functools.cached_property
    def population(self) -> int:
        """How many humans there are."""
        name = snapshot_name("humans", snapshot_day(self, None))
        return int(open_table(self.path, name).metadata.num_rows)

    @functools.cached_property
    def called(self) -> pd.Series[int]:
        """What OSes call themselves, as the number of a name, by agent number."""
        name = snapshot_name("oses", snapshot_day(self, None))
        table = read_table(self.path, name, ["name"])
        index = pd.RangeIndex(self.population, self.population + len(table))
        return pd.Series(table.column("name").to_numpy(), index)

    def humans(self, step: int | None = None) -> pd.DataFrame:
        """Return the humans on a snapshot day (None: the last), by agent number."""
        return _snapshot(self, "humans", step, 0)

    def oses(self, step: int | None = None) -> pd.DataFrame:
        """Return the OSes on a snapshot day (None: the last), by agent number."""
        return _snapshot(self, "oses", step, self.population)

    def ties(
        self, step: int | None = None, owners: Numbers | None = None
    ) -> pd.DataFrame:
        """Return the directed ties on a snapshot day (None: the last).

        Columns: ``owner`` and ``neighbour`` (agent numbers), ``closeness`` (of the
        owner to the neighbour, 0..1), ``returned`` (the other way), ``kind`` (flags).

        Parameters
        ----------
        step
            A day from ``steps``.
        owners
            The agents whose ties are returned, by owner; None is all. Of a large run,
            only what they lie in is read.
        """
        name = snapshot_name("ties", snapshot_day(self, step))
        return _frame(self.path, name, owners)


def named(result: Tables, events: pd.DataFrame) -> pd.DataFrame:
    """Add who took part, in words: OSes by their names."""
    few = {m for members in events["members"] if len(members) <= NAMED for m in members}
    names: dict[int, str] = {}
    if result.steps and few:
        called = result.called[result.called.index.isin(few)]
        names = {
            agent: os_name(name)
            for agent, name in zip(called.index.tolist(), called.tolist(), strict=True)
        }
    told = [
        who(members, int(size), names)
        for members, size in zip(events["members"], events["size"], strict=True)
    ]
    return events.assign(who=pd.Series(told, dtype=object, index=events.index))


def events_of(table: pa.Table) -> pd.DataFrame:
    """Return events as a data frame, their members compact."""
    column = table.column("members").combine_chunks()
    ends, numbers = column.offsets.to_numpy(), column.values.to_numpy()
    members = [Members(numbers[a:b]) for a, b in pairwise(ends.tolist())]
    events: pd.DataFrame = table.to_pandas()
    events["members"] = pd.Series(members, dtype=object, index=events.index)
    return events


def _groups_of(known: pq.FileMetaData, since: int, until: int) -> Iterator[int]:
    """Yield the groups of rows of readings that days from one to another may be in."""
    at = SCHEMA.get_field_index("step")
    for group in range(known.num_row_groups):
        steps = known.row_group(group).column(at).statistics
        if steps is None or (steps.min <= until and steps.max >= since):
            yield group


def _snapshot(result: Tables, name: str, step: int | None, first: int) -> pd.DataFrame:
    table = _frame(result.path, snapshot_name(name, snapshot_day(result, step)))
    table.index = pd.RangeIndex(first, first + len(table), name="agent")
    return table


def snapshot_day(result: Tables, step: int | None) -> int:
    """Return the day of a snapshot; None is the last.

    Raises
    ------
    InputError
        If there is no snapshot of that day; says which there are.
    """
    if not result.steps:
        raise InputError(f"{result.path} has no snapshots; run it again")
    if step is None:
        return result.steps[-1]
    if step not in result.steps:
        known = ", ".join(map(str, result.steps))
        raise InputError(f"no snapshot of step {step} in {result.path}; have {known}")
    return int(step)


def who(members: Sequence[int], size: int, names: Mapping[int, str]) -> str:
    """Return the members one by one if there is room for them, or how many.

    Parameters
    ----------
    members, size
        Agent numbers, and how many took part, named or not.
    names
        What OSes call themselves, by agent number; others are humans.
    """
    told = [
        f"OS {names[m]} ({m})" if m in names else f"human {m}" for m in members[:NAMED]
    ]
    one_by_one = ", ".join(told)
    if len(members) == len(told) > 0 and len(one_by_one) <= WHO:
        return one_by_one
    return f"{size:,} agents" if size else ""


def open_table(folder: Path, name: str) -> pq.ParquetFile:
    """Open a table of a run; InputError if it is missing or damaged."""
    try:
        return pq.ParquetFile(folder / name, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise InputError(_broken(folder, name, error)) from error


def read_table(folder: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """Return a table of a run, or some columns; InputError if it is damaged."""
    with open_table(folder, name) as file:
        try:
            return file.read(columns)
        except (OSError, pa.ArrowException) as error:
            raise InputError(_broken(folder, name, error)) from error


def _frame(folder: Path, name: str, owners: Numbers | None = None) -> pd.DataFrame:
    """Return a table of numbers, each column of which is there but once.

    With ``owners``, only the rows of some; the table is in the order of owners.
    """
    with open_table(folder, name) as file:
        try:
            columns = columns_of(file) if owners is None else rows_of(file, owners)
            return pd.DataFrame(columns, copy=False)
        except (OSError, pa.ArrowException) as error:
            raise InputError(_broken(folder, name, error)) from error


def _broken(folder: Path, name: str, error: Exception) -> str:
    if not (folder / name).exists():
        return f"{folder} is not a complete run: {name} is missing"
    reason = str(error).partition("\n")[0]
    return f"{folder / name} is damaged ({reason}); run it again"
