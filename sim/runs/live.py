"""A running society behind the interface of a stored result."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.events.monitor import NoteBuffer
from sim.mechanisms.replaced import rules_replaced
from sim.runs import first_day
from sim.runs.parquet import Numbers
from sim.runs.result import Result, told_of
from sim.society import Society
from sim.utils.typing import Array

FEW = 1000  # agents whose ties are looked up one by one
EVENT_COLUMNS = ("kind", "step", "members", "size", "strength", "evidence")


class LiveResult(Result):
    """A society as it is now. Nothing is copied before it is asked for.

    Parameters
    ----------
    society
        The society; after its next day, make another ``LiveResult`` of it.
    """

    def __init__(self, society: Society) -> None:
        super().__init__(Path("a running society"))
        self._society = society

    @functools.cached_property
    def provenance(self) -> dict[str, Any]:
        """What is known of a society of which no run directory tells."""
        day, parameters = self._society.day, self._society.parameters
        return {
            "scenario": "a society",
            "seed": int(day["seed"]) if "seed" in day.dtype.names else "unknown",
            "steps": parameters.steps,
            "parameters": parameters.model_dump(mode="json"),
            "rules": rules_replaced(parameters),
        }

    @property
    def stopped(self) -> int | None:
        """The day on which a stopping rule ended it."""
        return self._society.stopped

    @functools.cached_property
    def series(self) -> pd.DataFrame:
        """The society day by day so far: one row a day, indexed by ``step``."""
        history = self._society.monitor.history
        return pd.DataFrame(history.columns()).set_index("step")

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """What has happened so far, as in a stored run."""
        rows = self._society.monitor.rows()
        columns = list(rows[0]) if rows else list(EVENT_COLUMNS)
        return self._with_who(pd.DataFrame(rows, columns=columns))

    @functools.cached_property
    def readings(self) -> pd.DataFrame:
        """What detectors have seen so far, besides measures."""
        return pd.DataFrame(self._society.monitor.readings())

    def noted(self, name: str, since: int, until: int) -> pd.DataFrame:
        """Return the readings of one name on some days."""
        keeper, some = self._society.monitor.keeper, NoteBuffer()
        if isinstance(keeper, NoteBuffer):  # else the run has them
            some.notes = [
                note
                for note in keeper.notes
                if note[1] == name and since <= note[0] <= until
            ]
        return pd.DataFrame(some.columns())

    @functools.cached_property
    def steps(self) -> list[int]:
        """Today."""
        return [self._society.calendar]

    @functools.cached_property
    def population(self) -> int:
        """How many humans there are."""
        return self._society.state.humans.n

    @functools.cached_property
    def labels(self) -> tuple[str, ...] | None:
        """What a network file calls each human, by agent number; None if none does."""
        return self._society.labels

    @functools.cached_property
    def people(self) -> pd.DataFrame:
        """What the network says of people besides the model, by agent number."""
        return told_of(self._society.people, self.population)

    @functools.cached_property
    def network(self) -> None:
        """Nothing: who ran the society has it."""
        return None

    @functools.cached_property
    def called(self) -> pd.Series[int]:
        """What OSes call themselves, as the number of a name, by agent number."""
        return self.oses()["name"]

    def humans(self, step: int | None = None) -> pd.DataFrame:
        """Return the humans of today, by agent number."""
        found = self._rows("humans", step, 0)
        return pd.concat([found, self.people], axis=1) if len(self.people.T) else found

    def oses(self, step: int | None = None) -> pd.DataFrame:
        """Return the OSes of today, by agent number."""
        return self._rows("oses", step, self.population)

    def ties(
        self, step: int | None = None, owners: Numbers | None = None
    ) -> pd.DataFrame:
        """Return the directed ties of today, all or those of some owners."""
        self.snapshot_day(step)
        ties = self._society.state.ties
        if owners is None or not 0 < len(owners) <= FEW:
            table = pd.DataFrame(ties.table())
            return table if owners is None else table[table["owner"].isin(owners)]
        blocks = [
            pd.DataFrame({"owner": np.int32(agent), **ties.of(agent)})
            for agent in np.unique(np.asarray(owners, np.int64)).tolist()
        ]
        return pd.concat(blocks, ignore_index=True)

    @functools.cached_property
    def tables(self) -> list[str]:
        """The names of the tables that mechanisms have added, in order."""
        return sorted(self._society.state.tables)

    def table(self, name: str, step: int | None = None) -> pd.DataFrame:
        """Return a table that a mechanism has added, as it is today, by ``row``."""
        self.snapshot_day(step)
        table = self._society.state.tables[name]
        rows = pd.RangeIndex(len(table), name="row")
        return pd.DataFrame(table.copy_columns(), index=rows)

    def columns(
        self, table: str, names: Sequence[str], step: int | None = None
    ) -> dict[str, Array]:
        """Return copies of some columns of today's humans, OSes or ties."""
        self.snapshot_day(step)
        if table == "ties":
            ties = self._society.state.ties.table()
            return {name: ties[name] for name in names}
        known = getattr(self._society.state, table).columns
        if not set(names) <= known.keys():
            return super().columns(table, names, step)
        needed = {*names} if self._society.day["step"] else {*names, "human_closeness"}
        found = self._copies(table, needed)
        return {name: found[name] for name in names}

    def _copies(self, name: str, names: Iterable[str]) -> dict[str, Any]:
        """Return copies of columns of today's humans or OSes."""
        state, day = self._society.state, self._society.day
        table = getattr(state, name)
        found = {column: table.column(column).copy() for column in names}
        if name == "humans" and not day["step"]:
            degree = state.ties.arrays.degree[: state.humans.n]
            half, rules = self._society.parameters.support_half, self.provenance
            first_day.complete(found, degree.copy, half, rules.get("rules", {}))
        return found

    def _rows(self, name: str, step: int | None, first: int) -> pd.DataFrame:
        self.snapshot_day(step)
        table = getattr(self._society.state, name)
        rows = pd.RangeIndex(first, first + len(table), name="agent")
        columns: dict[str, Any] = {"row": rows.to_numpy() - first}
        return pd.DataFrame(columns | self._copies(name, table.columns), index=rows)
