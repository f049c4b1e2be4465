"""Run directories, read back lazily.

A run directory holds ``provenance.json``, ``series.parquet`` (one row a day),
``events.parquet`` and ``snapshots/`` (humans, OSes and ties on some days). Where a cast
spoke, there are ``talks.parquet`` (who said what), ``calls.parquet`` (what a model was
asked and answered) and the cast's memories in the snapshots.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import pandas as pd
import pyarrow as pa

from sim import sound
from sim.errors import InputError
from sim.provenance import provenance
from sim.readings import PACKED, SCHEMA, days
from sim.signatures import checked_arguments
from sim.stored import Tables, events_of, named, snapshot_day
from sim.strangers import inside
from sim.writer import (
    CALLS,
    MEMORIES,
    READINGS,
    TALKS,
    RunWriter,
    snapshot_name,
    table_of_events,
)

if TYPE_CHECKING:
    from sim.interventions import Intervention

__all__ = ["Result", "RunWriter", "load", "provenance"]


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

        table = self.series.reset_index()
        series = {str(name): column.to_numpy() for name, column in table.items()}
        with sound.opened(self.path, READINGS, SCHEMA, PACKED):
            noted = days([inside(self.path, READINGS)], self.agents_in_all)
        talks: Any = self.speech.talks.to_dict("records")
        shocks: Any = self.events[self.events["kind"] == "intervention"]
        stored = events.Stored(series, noted, talks, shocks.to_dict("records"))
        known = parameters.Parameters().replace(**self.provenance["parameters"])
        chosen = None if kinds is None else list(kinds)
        watch = events.replay(stored, known, chosen)
        noticed = (e for e in watch.happened() if chosen is None or e.kind in chosen)
        rows = table_of_events(event._asdict() for event in noticed)
        return named(self, events_of(rows))

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

    @checked_arguments()
    def fork(
        self,
        step: int,
        interventions: Sequence[Intervention] = (),
        *,
        out: str | Path | None = None,
        overwrite: bool = False,
        threads: int = 1,
        snapshot_every: int | None = None,
        checkpoint_every: int | None = None,
        progress: bool = False,
    ) -> Result:
        """Continue from a checkpoint in another run, with something changed or not.

        Parameters
        ----------
        step
            The day of a checkpoint (``run(..., checkpoint_every=...)`` keeps them).
        interventions
            What is changed from then on; nothing gives the same bytes again.
        out
            Directory to write; None is under ``results/runs``, named by what makes it.
        overwrite, threads, progress
            As for ``run``.
        snapshot_every, checkpoint_every
            Days, as for ``run``; None is as in this run.

        Raises
        ------
        InputError
            If there is no such checkpoint, an intervention is due before it, the run
            was made by other code, or nothing can be written.
        """
        from sim import living

        days = {"snapshot_every": snapshot_every, "checkpoint_every": checkpoint_every}
        days = {name: number for name, number in days.items() if number is not None}
        kept = living.kept_of(self.provenance) | days
        told = living.RunOptions(
            **kept, overwrite=overwrite, threads=threads, progress=progress
        )
        path = living.fork(self.path, self.provenance, step, interventions, told, out)
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


@checked_arguments()
def load(path: str | Path) -> Result:
    """Return the finished run in a directory.

    Parameters
    ----------
    path
        The run directory.

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
        with sound.opened(folder, name):
            pass
    return result
