"""Run directories, read back lazily.

A run directory holds ``provenance.json``, ``series.parquet`` (one row a day),
``events.parquet`` and ``snapshots/`` (humans, OSes and ties on some days). Where a cast
spoke, there are ``talks.parquet`` (who said what), ``calls.parquet`` (what a model was
asked and answered) and the cast's memories in the snapshots.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import pandas as pd
import pyarrow as pa

from sim import sound
from sim.errors import InputError
from sim.names import os_name
from sim.provenance import LARGEST, SOFTWARE, provenance
from sim.strangers import inside, read_json
from sim.tables import views
from sim.writer import (
    CALLS,
    EVENT_SCHEMA,
    MEMORIES,
    TALKS,
    RunWriter,
    is_ours,
    snapshot_name,
)

if TYPE_CHECKING:
    from sim.interventions import Intervention

__all__ = ["Result", "RunWriter", "load", "provenance"]

WHO = 32  # letters for who took part in an event


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
        series: pd.DataFrame = sound.read_part(
            self.path, "series.parquet", sound.SERIES
        ).to_pandas()
        return series.set_index("step")

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """What happened: kind, step, members (agent numbers), size, strength, ...

        ``who`` tells the members by name, or how many they are. ``p_value`` is ``nan``
        where there is nothing to test.
        """
        table = sound.read_part(self.path, "events.parquet", EVENT_SCHEMA)
        members = table.column("members").to_pylist()
        events: pd.DataFrame = table.to_pandas()
        events["members"] = pd.Series(members, dtype=object, index=events.index)
        return named(self, events)

    @functools.cached_property
    def readings(self) -> pd.DataFrame:
        """What detectors saw besides measures: step, name, agent and value.

        Raises
        ------
        InputError
            If the run was written without it.
        """
        table = sound.read_part(self.path, "readings.parquet", sound.READINGS)
        agents = sum(self._sizes(snapshot_day(self, None)))
        with sound.telling(self.path / "readings.parquet"):
            sound.check_readings(views(table), agents)
        found: pd.DataFrame = table.to_pandas()
        return found

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

    def _sizes(self, step: int) -> tuple[int, int]:
        """Return how many humans and OSes there are on a snapshot day."""
        files = (snapshot_name(name, step) for name in ("humans", "oses"))
        humans, oses = (sound.count_rows(self.path, file) for file in files)
        return humans, oses

    def humans(self, step: int | None = None) -> pd.DataFrame:
        """Return the humans on a snapshot day (None: the last), by agent number."""
        return _snapshot(self, "humans", step, 0)

    def oses(self, step: int | None = None) -> pd.DataFrame:
        """Return the OSes on a snapshot day (None: the last), by agent number."""
        return _snapshot(self, "oses", step, self.population)

    def ties(self, step: int | None = None) -> pd.DataFrame:
        """Return the directed ties on a snapshot day (None: the last).

        Columns: ``owner`` and ``neighbour`` (agent numbers), ``closeness`` (of the
        owner to the neighbour, 0..1), ``returned`` (the other way), ``kind`` (flags).
        """
        day = snapshot_day(self, step)
        name = snapshot_name("ties", day)
        table = sound.read_part(self.path, name, sound.TIES)
        with sound.telling(self.path / name):
            sound.check_ties(views(table), sum(self._sizes(day)))
        found: pd.DataFrame = table.to_pandas()
        return found


class Result(Tables):
    """A finished run; use ``load``, which checks its directory first."""

    def detect(self, kinds: Iterable[str] | None = None) -> pd.DataFrame:
        """Look for events once more, as they were looked for day by day.

        Parameters
        ----------
        kinds
            What to look for; None is all that is registered now, your own included.

        Returns
        -------
        pandas.DataFrame
            As ``events``.

        Raises
        ------
        InputError
            If there is no detector for a kind, or the run keeps no readings.
        """
        from sim import events, parameters

        table, told = self.series.reset_index(), self.readings
        series = {str(name): column.to_numpy() for name, column in table.items()}
        readings = {str(name): column.to_numpy() for name, column in told.items()}
        talks: Any = self.speech.talks.to_dict("records")
        shocks: Any = self.events[self.events["kind"] == "intervention"]
        stored = events.Stored(series, readings, talks, shocks.to_dict("records"))
        known = parameters.Parameters().replace(**self.provenance["parameters"])
        chosen = None if kinds is None else list(kinds)
        watch = events.replay(stored, known, chosen)
        noticed = [r for r in watch.rows() if chosen is None or r["kind"] in chosen]
        rows = pa.Table.from_pylist(noticed, EVENT_SCHEMA)
        found: pd.DataFrame = rows.to_pandas()
        members = rows.column("members").to_pylist()
        found["members"] = pd.Series(members, dtype=object, index=found.index)
        return named(self, found)

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
            Nodes are agent numbers, with their columns and ``kind`` ("human" or "OS");
            an edge is a tie of its first agent, with ``closeness``, ``returned`` (the
            other's closeness) and ``kind`` (flags).
        """
        graph: nx.DiGraph[int] = nx.DiGraph(step=snapshot_day(self, step))
        for kind, table in (("human", self.humans(step)), ("OS", self.oses(step))):
            rows: Any = table.assign(kind=kind).to_dict("records")
            graph.add_nodes_from(zip(table.index.tolist(), rows, strict=True))
        ties = self.ties(step)
        ties = ties[ties["closeness"] >= closest]
        known: Any = ties[["closeness", "returned", "kind"]].to_dict("records")
        ends = ties["owner"].tolist(), ties["neighbour"].tolist()
        graph.add_edges_from(zip(*ends, known, strict=True))
        return graph

    @property
    def speech(self) -> Speech:
        """What the cast of the run said, was asked, and remembers."""
        return Speech(self)

    def fork(
        self, step: int, interventions: Sequence[Intervention] = (), **options: Any
    ) -> Result:
        """Live on from a checkpoint, in another run, with something changed or not.

        Parameters
        ----------
        step
            The day of a checkpoint (``run(..., checkpoint_every=...)`` keeps them).
        interventions
            What is changed from then on; nothing gives the same bytes again.
        options
            ``out`` (directory; None: under ``results/runs``) and the options of
            ``run``.

        Raises
        ------
        InputError
            If there is no such checkpoint, an intervention is due before it, the run
            was made by other code, or nothing can be written.
        """
        from sim import living

        told = living.Options(**(living.kept_of(self.provenance) | options))
        path = living.fork(self.path, self.provenance, step, interventions, told)
        return load(path)


class Speech:
    """What the cast of a run said, was asked, and remembers; empty without a cast.

    Parameters
    ----------
    result
        The run.
    """

    def __init__(self, result: Result) -> None:
        self._result = result

    @functools.cached_property
    def talks(self) -> pd.DataFrame:
        """Who said what: a row an encounter, decision or letter, in order.

        Columns: ``step``, ``kind``, ``agent`` and ``other`` (numbers, -1 for nobody),
        ``said``, ``act``, ``speaker`` and ``listener`` (names).
        """
        return self._table("talks.parquet", TALKS)

    @functools.cached_property
    def calls(self) -> pd.DataFrame:
        """What a language model was asked and answered, in the order of the calls.

        As in a transcript; ``messages`` is JSON.
        """
        return self._table("calls.parquet", CALLS)

    def memories(self, step: int | None = None) -> pd.DataFrame:
        """Return what the cast remembers on a snapshot day (None: the last)."""
        steps = self._result.steps
        day = steps[-1] if step is None and steps else step
        return self._table(snapshot_name("memories", day or 0), MEMORIES)

    def _table(self, name: str, schema: pa.Schema) -> pd.DataFrame:
        path = self._result.path
        there = (path / name).exists()
        table = sound.read_part(path, name, schema) if there else schema.empty_table()
        found: pd.DataFrame = table.to_pandas()
        return found


def named(result: Tables, events: pd.DataFrame) -> pd.DataFrame:
    """Add who took part, in words: OSes by their names."""
    names: dict[int, str] = {}
    if result.steps:
        called = result.oses()["name"]
        numbers = zip(called.index.tolist(), called.tolist(), strict=True)
        names = {agent: os_name(name) for agent, name in numbers}
    told = [
        who(members, int(size), names)
        for members, size in zip(events["members"], events["size"], strict=True)
    ]
    return events.assign(who=pd.Series(told, dtype=object, index=events.index))


def _snapshot(result: Tables, name: str, step: int | None, first: int) -> pd.DataFrame:
    day = snapshot_day(result, step)
    file = snapshot_name(name, day)
    found = sound.read_part(
        result.path, file, {"humans": sound.HUMANS, "oses": sound.OSES}[name]
    )
    with sound.telling(result.path / file):
        sound.check_people(views(found), *result._sizes(day))
    table: pd.DataFrame = found.to_pandas()
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


def who(members: list[int], size: int, names: Mapping[int, str]) -> str:
    """Return the members one by one if there is room for them, or how many.

    Parameters
    ----------
    members, size
        Agent numbers, and how many took part, named or not.
    names
        What OSes call themselves, by agent number; others are humans.
    """
    told = [f"OS {names[m]} ({m})" if m in names else f"human {m}" for m in members[:4]]
    one_by_one = ", ".join(told)
    if len(members) == len(told) > 0 and len(one_by_one) <= WHO:
        return one_by_one
    return f"{size:,} agents" if size else ""


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
        names += [snapshot_name(name, step) for name in ("humans", "oses", "ties")]
    for name in names:
        sound.open_part(folder, name).close()
    return result
