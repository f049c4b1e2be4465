"""Draws: societies simulated at points of a prior, and what was measured of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sim.model.parameters import about
from sim.scenarios import Scenario
from sim.studies.validation import FACTS, NEXT, Case, Fact
from sim.studies.validation.facts import CALIBRATION
from sim.utils.errors import InputError
from sim.utils.files import replacing
from sim.utils.parallel import map_all
from sim.utils.stats import correlation

ALL = (*FACTS, *NEXT)
AIMED = tuple(fact for fact in ALL if fact.role == CALIBRATION)
FARTHEST = 3.0  # half-widths outside its range that a fact can count for
DIGITS = 5  # significant ones of a parameter
LEAST = 0.01  # of the low end of a range: what is less counts as that
BLOCK = 40  # draws simulated between two writings
MADE_FOR = b"made for"


Measure = Callable[["Job"], dict[str, float]]


class Axis(NamedTuple):
    """What is assumed of a parameter: uniform between two ends, or its logarithm is."""

    name: str
    low: float
    high: float
    is_log: bool

    def at(self, share: float) -> float:
        """Return the value at a coordinate of the cube, 0..1."""
        ends = self.low, self.high
        if self.is_log:
            value = math.exp(np.interp(share, (0.0, 1.0), np.log(ends)))
        else:
            value = float(np.interp(share, (0.0, 1.0), ends))
        return float(f"{value:.{DIGITS}g}")


class Job(NamedTuple):
    """One society, known by its arm, number, seed and parameters."""

    arm: str  # what it is for
    number: int  # in its arm
    scenario: Scenario
    seed: int
    theta: dict[str, float]  # what differs from the scenario
    facts: tuple[str, ...]  # to be measured, by ``key``


def within_a_factor(scenario: Scenario, name: str, factor: float) -> Axis:
    """Return what lies within a factor of a scenario's value, and is allowed."""
    value, told = float(getattr(scenario.parameters, name)), about(name)
    ends = max(told.low, value / factor), min(told.high, value * factor)
    return Axis(name, *ends, is_log=True)


def any_share(name: str) -> Axis:
    """Return all values of a parameter that is a share."""
    told = about(name)
    return Axis(name, told.low, told.high, is_log=False)


def key(fact: Fact) -> str:
    """Return the name of a fact's column."""
    return f"{fact.evidence} {fact.what}"


def measured(job: Job) -> dict[str, float]:
    """Simulate a society; return a level or a correlation for each fact."""
    case = Case(job.scenario.replace(**job.theta), job.seed)
    found = {}
    for fact in ALL:
        if key(fact) in job.facts and fact.measure is not None:
            value: Any = fact.measure(case)
            if fact.is_sign:
                value = correlation([value])[0] if len(value[0]) else math.nan
            found[key(fact)] = value
    return found


def scaled(fact: Fact, values: Any) -> Any:
    """Return values of a fact on the scale on which its noise is most alike.

    Shares by the arc sine of their root, and what else has no negative value by its
    logarithm; float64[n], in the same order.
    """
    values = np.asarray(values, float)
    if fact.is_sign or fact.low < 0.0:
        return values
    if fact.unit == "%":
        return np.arcsin(np.sqrt(values / 100.0))
    return np.log(np.maximum(values, LEAST * fact.low))


def misses(table: pd.DataFrame, facts: Sequence[Fact]) -> Any:
    """Return how far each draw is outside the range of each fact, in half-widths.

    float64[draws, facts], 0 within the range and at most ``FARTHEST``, which also
    counts for what was not measured. A sign's range is from 0 to 1 or from -1 to 0.
    """
    columns = []
    for fact in facts:
        values = table[key(fact)].to_numpy(float)
        away = np.maximum(fact.low - values, values - fact.high)
        missed = np.clip(2.0 * away / (fact.high - fact.low), 0.0, FARTHEST)
        columns.append(np.where(np.isnan(values), FARTHEST, missed))
    return np.stack(columns, axis=1)


def loss(table: pd.DataFrame, facts: Sequence[Fact]) -> Any:
    """Return each draw's mean of squared misses, float64[draws]."""
    return (misses(table, facts) ** 2).mean(axis=1)


class Kept:
    """Draws in a Parquet file, so that a stopped study goes on where it was.

    Parameters
    ----------
    place
        The file.
    made_for
        All that draws depend on; a file of something else is refused.

    Raises
    ------
    InputError
        If the file is of another study, or cannot be read.
    """

    def __init__(self, place: Path, made_for: dict[str, Any]) -> None:
        self.place = place
        self._made_for = json.dumps(made_for, sort_keys=True).encode()
        self._rows: dict[tuple[str, int], dict[str, Any]] = {}
        if place.is_file():
            try:
                table = pq.read_table(place)
            except (pa.ArrowException, OSError) as error:
                said = str(error).splitlines()[0]
                raise InputError(f"cannot read {place}: {said}; remove it") from None
            if (table.schema.metadata or {}).get(MADE_FOR) != self._made_for:
                raise InputError(
                    f"{place} holds draws of other code, parameters or options; "
                    "name another folder with --out"
                )
            rows = table.to_pylist()
            self._rows = {(row["arm"], row["number"]): row for row in rows}

    def of(
        self, jobs: Sequence[Job], workers: int, measure: Measure | None = None
    ) -> pd.DataFrame:
        """Return a row for each job, in their order; simulate those that are not there.

        Parameters
        ----------
        jobs
            Societies.
        workers
            Processes.
        measure
            What is noted of a job; without it ``measured``.
        """
        left = [job for job in jobs if not self._has(job)]
        for start in range(0, len(left), BLOCK):
            block = left[start : start + BLOCK]
            for job, found in zip(
                block, map_all(measure or measured, block, workers), strict=True
            ):
                self._rows[job.arm, job.number] = {**_told(job), **found}
            self._write()
        table = pd.DataFrame([self._rows[job.arm, job.number] for job in jobs])
        lacking = [one for one in jobs[0].facts if one not in table.columns]
        return table.reindex(columns=[*table.columns, *lacking])

    def _has(self, job: Job) -> bool:
        row = self._rows.get((job.arm, job.number), {})
        return all(row.get(name) == value for name, value in _told(job).items())

    def _write(self) -> None:
        table = pa.Table.from_pandas(
            pd.DataFrame([*self._rows.values()]), preserve_index=False
        )
        with replacing(self.place) as part:
            told = {MADE_FOR: self._made_for}
            pq.write_table(table.replace_schema_metadata(told), part)


def _told(job: Job) -> dict[str, Any]:
    return {"arm": job.arm, "number": job.number, "seed": job.seed, **job.theta}
