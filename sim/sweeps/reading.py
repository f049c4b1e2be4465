"""A sweep read back, while it runs or after: one tidy table, and single runs."""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from sim import results, runs
from sim.compiled import source_digest
from sim.errors import InputError
from sim.events import kinds
from sim.minds.casting import check_address
from sim.minds.connection import hosts
from sim.results import Result
from sim.signatures import checked_arguments
from sim.strangers import inside, parse_json
from sim.sweeps import factors, parts, store
from sim.sweeps.designs import Design, make
from sim.sweeps.jobs import Tasks, scenario_of
from sim.sweeps.work import DONE, FAILED

DAMAGED, WAITING = "damaged", "waiting"


# The name of a run: the SHA-256 of all that makes it.
RUN = re.compile("[0-9a-f]{64}")


class Identity(BaseModel):
    """What a ledger says of its design, as ``Tasks.identity`` wrote it."""

    model_config = ConfigDict(strict=True, extra="allow")

    design: dict[str, Any]
    outcomes: list[str]
    functions: dict[str, str]
    detectors: dict[str, dict[str, str]] = {}  # of a user's own events, by kind


class Sweep:
    """A sweep in its folder. Everything is read anew when asked for.

    Parameters
    ----------
    path
        The folder; use ``load_sweep``, which checks it first.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Sweep({str(self.path)!r})"

    @functools.cached_property
    def about(self) -> dict[str, Any]:
        """Name, design, source digest and day of birth of the sweep."""
        rows = dict(self._query("SELECT key, value FROM about"))
        try:
            told = parse_json(rows["design"])
            Identity.model_validate(told)
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{self.path} is no sweep, or damaged") from None
        return rows | {"design": told}

    @functools.cached_property
    def design(self) -> Design:
        """What is varied."""
        own = self.about["design"].get("detectors", {})
        with kinds.known_for_now({kind: one["meaning"] for kind, one in own.items()}):
            return make(self.about["design"]["design"])

    @property
    def outcomes(self) -> list[str]:
        """The names of what is known of each run that is done."""
        known = self.about["design"]
        return [*known["outcomes"], *known["functions"]]

    def __len__(self) -> int:
        return self.design.layout().total * len(self.design.seed_list)

    def counts(self) -> dict[str, int]:
        """Return how many runs of the design are in each state."""
        found = dict(self._query(_STATES))
        return {**found, WAITING: len(self) - sum(found.values())}

    def failures(self) -> pd.DataFrame:
        """Return the runs that failed, with the stage and the reason."""
        ledger = self.ledger()
        return ledger[ledger["state"] == FAILED]

    def ledger(self) -> pd.DataFrame:
        """Return what is noted of each run: state, attempts, seconds, versions."""
        rows = self._query("SELECT * FROM runs ORDER BY finished, run")
        return pd.DataFrame(rows, columns=_columns(store.SCHEMA))

    def table(self, waiting: bool = False) -> pd.DataFrame:
        """Return one row a run: what varies, seed, outcomes, state and error.

        Parameters
        ----------
        waiting
            Whether to list the runs that are not done yet, too.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``position`` in the design. Outcomes of a run that is not
            done, or whose part is not as it was written, are missing.
        """
        rows = dict(self._rows())
        if waiting:
            rows = {at: rows.get(at, _NOTHING) for at in range(len(self))}
        layout, seeds = self.design.layout(), self.design.seed_list
        table = []
        for position, row in rows.items():
            number, index = divmod(position, len(seeds))
            where = {"position": position} | layout.at(number) | {"seed": seeds[index]}
            table.append(where | self._shown(*row))
        names = ["position", *self.design.varied, "seed", *self.outcomes]
        columns = [*names, "state", "error", "run"]
        return pd.DataFrame(table, columns=columns).set_index("position")

    def _rows(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        total = len(self)
        for position, run, *rest in self._query(_POINTS):
            if not 0 <= position < total or not RUN.fullmatch(str(run)):
                raise InputError(f"{self.path} is damaged: it has a run {run!r}")
            yield position, (run, *rest)

    def _shown(
        self, run: str | None, state: str, error: str | None, digest: str | None
    ) -> dict[str, Any]:
        """Return what the table says of a run: its outcomes, or why there are none."""
        row: dict[str, Any] = {"state": state, "error": error, "run": run}
        if state != DONE or run is None or digest is None:
            return row
        try:
            place = parts.place(self.path, run)
            inside(self.path, str(place.relative_to(self.path)))
            return row | parts.read(place, digest)
        except InputError as wrong:
            told = f"{wrong}; --resume runs it again"
            return row | {"state": DAMAGED, "error": told}

    def runs(
        self,
        where: str | None = None,
        *,
        allow_model: str | Iterable[str] = (),
        insecure: bool = False,
    ) -> Iterator[Result]:
        """Open single runs in full, one after another.

        Parameters
        ----------
        where
            Which rows of the table, as in ``"growth_exponent > 1 and seed == 0"``.
            None takes all that are done.
        allow_model, insecure
            As for ``sweep``: where a language model may be asked for a run that was not
            kept. Nowhere unless you say so: a store may be anybody's.

        Yields
        ------
        Result
            A kept run; one that was not kept is run again, and kept from then on.

        Raises
        ------
        InputError
            If the condition cannot be read, or a run would have to be run again with
            other code than the sweep's or a model that is not allowed.
        """
        table = self.table()
        table = table[table["state"] == DONE]
        try:
            chosen = table.query(where) if where is not None else table
        except Exception as error:
            raise InputError(f"cannot tell which runs {where!r} are: {error}") from None
        reach = {"allow_model": hosts(allow_model), "insecure": insecure}
        return (self._open(position, reach) for position in chosen.index.tolist())

    def _open(self, position: int, reach: Mapping[str, Any]) -> Result:
        task = Tasks(self.design)[position]
        _, (run, *_) = next(row for row in self._rows() if row[0] == position)
        place = inside(self.path, f"{store.KEPT}/{run}")
        if place.exists():
            return results.load(place)
        if self.about["source"] != source_digest():
            raise InputError(f"run {run[:8]} was not kept, and was run by other code")
        job = task.job
        mind = factors.mind(job["mind"], **reach)
        try:
            check_address(mind)
        except InputError as error:
            raise InputError(f"run {run[:8]} was not kept: {error}") from None
        given: dict[str, Any] = {"network": job["network"], "mind": mind}
        return runs.run(scenario_of(job), seed=task.seed, out=place, **given)

    def _query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            ledger = store.connect(self.path / store.LEDGER, read_only=True)
            try:
                return ledger.execute(text, values).fetchall()
            finally:
                ledger.close()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise InputError(f"{self.path} is no sweep, or damaged: {error}") from None


_NOTHING = (None, WAITING, None, None)
_POINTS = """
SELECT position, runs.run, state, reason || ' (' || stage || '): ' || error, digest
FROM points JOIN runs USING (run) ORDER BY position
"""
_STATES = "SELECT state, count(*) FROM points JOIN runs USING (run) GROUP BY state"


def _columns(schema: str) -> list[str]:
    """Return the names of the columns of ``runs``."""
    inside = schema.partition("CREATE TABLE runs (")[2].partition(");")[0]
    return [part.split()[0] for part in inside.split(",")]


@checked_arguments()
def load_sweep(path: str | Path) -> Sweep:
    """Return the sweep in a folder, finished or not.

    Parameters
    ----------
    path
        The folder of its store.

    Raises
    ------
    InputError
        If there is no sweep.
    """
    folder = Path(path).expanduser()
    if not (folder / store.LEDGER).is_file():
        raise InputError(f"no sweep at {folder}: there is no {store.LEDGER}")
    found = Sweep(folder)
    _ = found.about
    return found
