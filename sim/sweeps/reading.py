"""A sweep read back, while it runs or after: one tidy table, and single runs."""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from sim import results, runs
from sim.compiled import source_digest
from sim.errors import InputError
from sim.events import kinds
from sim.minds.casting import check_address
from sim.minds.connection import hosts
from sim.results import Result
from sim.signatures import checked_arguments
from sim.strangers import inside, parse_json
from sim.sweeps import factors, store
from sim.sweeps.designs import Design, make
from sim.sweeps.jobs import MOST_FUNCTIONS, Tasks, scenario_of
from sim.sweeps.work import DONE, FAILED
from sim.ties import Array

DAMAGED, WAITING = "damaged", "waiting"


# The name of a run: the SHA-256 of all that makes it.
RUN = re.compile("[0-9a-f]{64}")


class Identity(BaseModel):
    """What a ledger says of its design, as ``Tasks.identity`` wrote it."""

    model_config = ConfigDict(strict=True, extra="allow")

    design: dict[str, Any]
    outcomes: list[str] = Field(max_length=MOST_FUNCTIONS)
    functions: dict[str, str] = Field(max_length=MOST_FUNCTIONS)
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
        names = [name for name in _columns(store.SCHEMA) if name != "outcomes"]
        told = f"SELECT {', '.join(names)} FROM runs ORDER BY finished, run"
        return pd.DataFrame(self._query(told), columns=names)

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
            done, or whose outcomes are not as they were written, are missing.
        """
        found = self._read()
        places = list(range(len(self)) if waiting else found.shown)
        varied = ["position", *self.design.varied, "seed"]
        if not places:
            names = [*varied, *self.outcomes, *_SHOWN]
            return pd.DataFrame([], columns=names).set_index("position")
        numbers = np.full((len(places), len(self.outcomes)), np.nan)
        rows = {position: row for row, position in enumerate(places)}
        numbers[[rows[position] for position in found.sound]] = found.numbers
        shown = [found.shown.get(position, _NOTHING) for position in places]
        columns = [
            pd.DataFrame(list(self._points(places)), columns=varied),
            pd.DataFrame(numbers, columns=self.outcomes),
            pd.DataFrame(shown, columns=_SHOWN),
        ]
        return pd.concat(columns, axis=1).set_index("position")

    def _points(self, places: list[int]) -> Iterator[dict[str, Any]]:
        """Yield what varies at places in the design, and the seed."""
        layout, seeds = self.design.layout(), self.design.seed_list
        made: tuple[int, dict[str, Any]] = (-1, {})
        for position in places:
            number, index = divmod(position, len(seeds))
            if made[0] != number:  # replicates differ by their seed alone
                made = number, layout.at(number)
            yield {"position": position} | made[1] | {"seed": seeds[index]}

    def _read(self) -> _Found:
        """Return what the ledger holds of every run, its outcomes in one array."""
        encoding = store.Encoding(self.outcomes)
        shown: dict[int, tuple[Any, ...]] = {}
        sound, raw = [], bytearray()
        for position, run, state, error, *kept in self._rows():
            shown[position] = state, error, run
            if state != DONE:
                continue
            wrong = encoding.damage(run, *kept)
            if wrong is None:
                sound.append(position)
                raw += kept[-1]
            else:
                shown[position] = DAMAGED, f"{wrong}; --resume runs it again", run
        numbers = np.frombuffer(raw, "<f8").reshape(len(sound), len(self.outcomes))
        return _Found(shown, sound, numbers)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        total, last = len(self), -1
        for position, run, *rest in self._each(_POINTS):
            if not last < position < total:
                raise InputError(f"{self.path} is damaged: it has a run {run!r}")
            last = position
            yield position, _name(self.path, run), *rest

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
        (found,) = self._query("SELECT run FROM points WHERE position = ?", position)
        run = _name(self.path, *found)
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
        return list(self._each(text, *values))

    def _each(self, text: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        try:
            ledger = store.connect(self.path / store.LEDGER, read_only=True)
            try:
                yield from ledger.execute(text, values)
            finally:
                ledger.close()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise InputError(f"{self.path} is no sweep, or damaged: {error}") from None


class _Found(NamedTuple):
    """What a ledger holds of all runs that it knows."""

    shown: dict[int, tuple[Any, ...]]  # state, error and name of a run, by position
    sound: list[int]  # positions of runs whose outcomes are as they were written
    numbers: Array  # float64[sound, outcomes]


_SHOWN = ["state", "error", "run"]
_NOTHING = (WAITING, None, None)
_POINTS = """
SELECT position, runs.run, state, reason || ' (' || stage || '): ' || error,
    seed, digest, outcomes
FROM points JOIN runs USING (run) ORDER BY position
"""
_STATES = "SELECT state, count(*) FROM points JOIN runs USING (run) GROUP BY state"


def _name(place: Path, run: object) -> str:
    """Return the name of a run, as a ledger has it."""
    if not RUN.fullmatch(str(run)):
        raise InputError(f"{place} is damaged: it has a run {run!r}")
    return str(run)


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
