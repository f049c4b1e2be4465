"""The tables of a run directory, each read when asked for, and no more of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sim import sound
from sim.errors import InputError
from sim.members import Members
from sim.names import os_name
from sim.provenance import LARGEST, SOFTWARE
from sim.readings import PACKED, SCHEMA
from sim.strangers import inside, read_json
from sim.tables import Columns, Numbers, columns_of, rows_of
from sim.ties import Array
from sim.writer import EVENT_SCHEMA, READINGS, is_ours, snapshot_name

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
        file = inside(self.path, "provenance.json")
        with sound.telling(file, self.path):
            found = read_json(file, LARGEST)
        if not is_ours(found):
            raise InputError(f"{file} is not the provenance of an {SOFTWARE} run")
        sound.check_birth(file, found)
        return dict(found)

    @functools.cached_property
    def series(self) -> pd.DataFrame:
        """The society day by day: one row a day, indexed by ``step``."""
        table = sound.read_part(self.path, "series.parquet", sound.SERIES)
        series: pd.DataFrame = table.to_pandas()
        return series.set_index("step")

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """What happened: kind, step, members (agent numbers), size, strength, ...

        Members can be gone through, counted and indexed like a list.
        ``who`` tells the members by name, or how many they are. ``p_value`` is ``nan``
        where there is nothing to test.
        """
        table = sound.read_part(self.path, "events.parquet", EVENT_SCHEMA)
        return named(self, events_of(table))

    @functools.cached_property
    def readings(self) -> pd.DataFrame:
        """What detectors saw besides measures: step, name, agent and value.

        In a large run this is a great deal; ``noted`` returns what has one name.

        Raises
        ------
        InputError
            If the run was written without it.
        """
        return _readings(self)

    def noted(self, name: str, since: int, until: int) -> pd.DataFrame:
        """Return the readings of one name on the days from ``since`` to ``until``.

        Raises
        ------
        InputError
            If the run was written without readings.
        """
        return _readings(self, name, np.arange(since, until + 1))

    @functools.cached_property
    def steps(self) -> list[int]:
        """The days of which there are snapshots, in order."""
        files = (self.path / "snapshots").glob("ties-*.parquet")
        numbers = (file.stem.removeprefix("ties-") for file in files)
        return sorted(int(number) for number in numbers if number.isdecimal())

    @functools.cached_property
    def population(self) -> int:
        """How many humans there are."""
        return self._sizes(snapshot_day(self, None))[0]

    @functools.cached_property
    def agents_in_all(self) -> int:
        """How many agents there are on the last snapshot day."""
        return sum(self._sizes(snapshot_day(self, None)))

    def _sizes(self, step: int) -> tuple[int, int]:
        """Return how many humans and OSes there are on a snapshot day."""
        files = (snapshot_name(name, step) for name in ("humans", "oses"))
        humans, oses = (sound.count_rows(self.path, file) for file in files)
        return humans, oses

    @functools.cached_property
    def called(self) -> pd.Series[int]:
        """What OSes call themselves, as the number of a name, by agent number."""
        name = snapshot_name("oses", snapshot_day(self, None))
        table = sound.read_part(self.path, name, sound.OSES, ["name"])
        index = pd.RangeIndex(self.population, self.population + len(table))
        return pd.Series(table.column("name").to_numpy(), index)

    def humans(self, step: int | None = None) -> pd.DataFrame:
        """Return the humans on a snapshot day (None: the last), by agent number."""
        return _snapshot(self, "humans", step, 0)

    def oses(self, step: int | None = None) -> pd.DataFrame:
        """Return the OSes on a snapshot day (None: the last), by agent number."""
        return _snapshot(self, "oses", step, self.population)

    def columns(
        self, table: str, names: Sequence[str], step: int | None = None
    ) -> dict[str, Array]:
        """Return some columns of ``humans``, ``oses`` or ``ties``, by name.

        Parameters
        ----------
        table
            "humans", "oses" or "ties".
        names
            Of the columns.
        step
            A day from ``steps``; None is the last.
        """
        rows = getattr(self, table)(step)
        return {name: rows[name].to_numpy() for name in names}

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
        day = snapshot_day(self, step)
        name, check = snapshot_name("ties", day), sound.ties_of(sum(self._sizes(day)))
        with sound.opened(self.path, name, sound.TIES) as file:
            if owners is None:
                columns = columns_of(file, check)
            else:
                columns = rows_of(file, "owner", owners, check)
            return pd.DataFrame(columns, copy=False)


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


def _readings(
    result: Tables, name: str | None = None, steps: Numbers = ()
) -> pd.DataFrame:
    """Return all readings, or those of one name on some days."""
    check, found = sound.readings_of(result.agents_in_all), [SCHEMA.empty_table()]
    with sound.opened(result.path, READINGS, SCHEMA, PACKED) as file:
        groups = None if name is None else file.holding("step", steps)
        for part in file.tables(groups=groups):
            check(part)
            some = part if name is None else _of_name(part, name, steps)
            found.append(some.select(SCHEMA.names).cast(SCHEMA))
    table: pd.DataFrame = pa.concat_tables(found).to_pandas()
    return table


def _of_name(part: pa.Table, name: str, steps: Numbers) -> pa.Table:
    """Return the readings of one name on some days."""
    known, codes = sound.words_of(part.column("name"))
    keep = np.isin(codes, [code for code, word in enumerate(known) if word == name])
    return part.filter(pa.array(keep & np.isin(part.column("step").to_numpy(), steps)))


def _snapshot(result: Tables, name: str, step: int | None, first: int) -> pd.DataFrame:
    day = snapshot_day(result, step)
    humans, oses = result._sizes(day)
    schema = {"humans": sound.HUMANS, "oses": sound.OSES}[name]

    def check(columns: Columns) -> None:
        sound.check_people(columns, humans, oses)

    with sound.opened(result.path, snapshot_name(name, day), schema) as file:
        table = pd.DataFrame(columns_of(file, check), copy=False)
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
