"""A society set down on disk between two days, to be taken up again as it was.

A checkpoint is a folder of Parquet tables and one JSON file, never a pickle: humans,
OSes and ties in their order, who was friends at the last weekly reading, and the
measures and readings since the checkpoint before. Luck needs no keeping, since every
draw is named by who, when and what for; detectors need none either, since they find in
stored readings what they found day by day.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim.errors import InputError
from sim.events import MEASURES, Stored, Watch, resume_watch
from sim.files import sync_folder, writing
from sim.interventions import Intervention
from sim.minds.language import LanguageMind
from sim.model import Society
from sim.population import Network
from sim.readings import days as noted_on
from sim.scenarios import Scenario
from sim.schedule import set_constants
from sim.sound import (
    HUMANS,
    OSES,
    TIES,
    check_friends,
    check_people,
    opened,
    ties_of,
)
from sim.strangers import inside, read_json
from sim.tables import (
    GROUP,
    Columns,
    TableReader,
    columns_of,
    write_columns,
    write_parts,
)
from sim.ties import Array

FOLDER = "checkpoints"
FORMAT = 1
LARGEST = 2**32  # bytes of ``society.json``, which may name all people
_SERIES = pa.schema({"step": pa.int32(), **dict.fromkeys(MEASURES, pa.float64())})
# What may be wrong with values that are of the right types.
WRONG = (ArithmeticError, LookupError, TypeError, ValueError)


class Told(BaseModel):
    """All that is no table, as it stands in ``society.json``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    format: int
    step: int = Field(ge=0, le=100_000)
    calendar: int = Field(ge=-(2**31), lt=2**31)
    seed: int = Field(ge=0, lt=2**63)
    scenario: Scenario
    labels: tuple[str, ...] | None
    detectors: list[str] = Field(max_length=1000)
    waiting: list[Intervention] = Field(max_length=10_000)
    in_force: list[tuple[Intervention, int]] = Field(max_length=10_000)
    interventions: list[tuple[int, str]] = Field(max_length=1_000_000)


class Taken(NamedTuple):
    """A society taken up again, and what its run was started with."""

    society: Society
    scenario: Scenario
    seed: int


def days(run: Path) -> list[int]:
    """Return the days of which a run has a checkpoint, in order."""
    names = (folder.name for folder in (run / FOLDER).glob("[0-9]*"))
    return sorted(int(name) for name in names if name.isdecimal())


def check(society: Society) -> None:
    """Raise InputError if a society cannot be set down."""
    if society.cast is not None and isinstance(society.cast.mind, LanguageMind):
        raise InputError(
            "a run whose cast speaks keeps no checkpoints; with --record nothing that "
            "was asked is asked again when it is run again"
        )


def readings_of(run: Path, step: int) -> Path:
    """Return the file of the readings between a checkpoint and the one before."""
    return run / FOLDER / f"{step:06d}" / "readings.parquet"


def set_down(society: Society, scenario: Scenario, run: Path, readings: Path) -> Path:
    """Write a checkpoint of today; it appears whole or not at all.

    Parameters
    ----------
    society
        Between two days.
    scenario
        What it was started with.
    run
        The folder of its run.
    readings
        The file of those since the checkpoint before, which is moved away.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    step = int(society.day["step"])
    place = run / FOLDER / f"{step:06d}"
    part = place.with_name(f".{step:06d}.part")
    with writing(run):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        since = max((day for day in days(run) if day < step), default=0)
        for name, columns in _tables(society, since).items():
            write_columns(part / f"{name}.parquet", columns)
        write_parts(part / "ties.parquet", society.state.ties.parts(GROUP))
        text = json.dumps(_told(society, scenario), indent=1, ensure_ascii=False)
        with open(part / "society.json", "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(readings, part / "readings.parquet")
        sync_folder(part)
        shutil.rmtree(place, ignore_errors=True)
        os.rename(part, place)
        sync_folder(place.parent)
    return place


def _tables(society: Society, since: int) -> dict[str, dict[str, Array]]:
    state, watch = society.state, society.watch
    series = watch.history.columns()
    new = series["step"] > int(society.calendar) - int(society.day["step"]) + since
    keys, label = watch.friends()
    return {
        "humans": _columns(state.humans),
        "oses": _columns(state.oses),
        "friends": {"pair": keys},
        "circles": {"label": label},
        "series": {name: column[new] for name, column in series.items()},
    }


def _columns(table: Any) -> dict[str, Array]:
    rows = np.arange(len(table), dtype=np.int32)
    return {"row": rows} | {name: table.column(name) for name in table.columns}


def _told(society: Society, scenario: Scenario) -> dict[str, Any]:
    """Return all that is no table, ready for JSON."""
    steering = society.steering
    shocks = [event for event in society.watch.events if event.kind == "intervention"]
    return {
        "format": FORMAT,
        "step": int(society.day["step"]),
        "calendar": society.calendar,
        "seed": int(society.day["seed"]),
        "scenario": scenario.model_dump(mode="json"),
        "labels": society.labels,
        "detectors": society.watch.kinds,
        "waiting": [one.model_dump(mode="json") for one in steering.waiting],
        "in_force": [
            [one.model_dump(mode="json"), since] for one, since in steering.in_force
        ],
        "interventions": [[event.step, event.evidence] for event in shocks],
    }


# ------------------------------------------------------------------------- taking up


def take_up(
    run: Path,
    step: int | None = None,
    *,
    threads: int = 1,
    interventions: Sequence[Intervention] = (),
) -> Taken:
    """Return the society of a checkpoint, to live on from there.

    Parameters
    ----------
    run
        The folder of its run.
    step
        A day from ``days``; None is the last.
    threads
        As for ``Society``.
    interventions
        What shall be changed from then on, besides what was declared.

    Raises
    ------
    InputError
        If there is no such checkpoint or it is damaged, or an intervention is due
        before it.
    """
    there = days(run)
    day = there[-1] if step is None and there else step
    if day not in there:
        known = f"there are {', '.join(map(str, there))}" if there else "there is none"
        raise InputError(f"no checkpoint of step {day} in {run}; {known}")
    place = run / FOLDER / f"{day:06d}"
    told = _read(inside(run, f"{FOLDER}/{place.name}/society.json"))
    scenario = told.scenario
    late = [one for one in interventions if one.at is not None and one.at <= day]
    if late:
        raise InputError(f"{late[0].name}: day {late[0].at} is over on day {day}")
    more = [*scenario.interventions, *interventions]
    changed = scenario.model_copy(update={"interventions": more})
    try:
        if told.step != day:
            raise ValueError("it is of another day")
        society = _taken(changed, told, run, threads)
        _steer(society, told, interventions)
    except WRONG as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{place} is damaged: {reason}") from None
    return Taken(society, changed, told.seed)


def _read(file: Path) -> Told:
    try:
        found = read_json(file, LARGEST)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            told = f"{file} was made by another version; run the whole again"
            raise InputError(told)
        # As JSON once more, in which a list may stand for a tuple.
        return Told.model_validate_json(json.dumps(found))
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is damaged: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error).partition("\n")[0]


def _taken(scenario: Scenario, told: Told, run: Path, threads: int) -> Society:
    """Return the society with its people, OSes and ties, and what it remembers."""
    society = _peopled(scenario, told, run, threads)
    society.watch = _watch(society, run, told)
    return society


def _peopled(scenario: Scenario, told: Told, run: Path, threads: int) -> Society:
    place = f"{FOLDER}/{told.step:06d}"
    humans, oses = (
        _columns_of(run, f"{place}/{name}.parquet", schema)
        for name, schema in (("humans", HUMANS), ("oses", OSES))
    )
    # Before a society is made that is as large as its scenario says.
    if len(humans["row"]) != scenario.parameters.humans:
        raise ValueError("other people than its scenario says")
    society = _empty(scenario, told, threads)
    _fill(society, humans, oses)
    ties = society.state.ties
    with opened(run, f"{place}/ties.parquet", TIES) as file:
        degree = np.zeros(ties.agents, np.int64)
        for part in _checked(file, ties.agents, ["owner"]):
            degree += np.bincount(part["owner"], minlength=ties.agents)
        ties.restore(degree, _checked(file, ties.agents))
    return society


def _checked(
    file: TableReader, agents: int, names: Sequence[str] | None = None
) -> Iterator[Columns]:
    """Yield ties, or some of their columns, a group of rows at a time."""
    check = ties_of(agents)
    for part in file.parts(names):
        check(part)
        yield part


def _empty(scenario: Scenario, told: Told, threads: int) -> Society:
    """Return a society of as many people who do not know each other."""
    n = scenario.parameters.humans
    if told.labels is not None and len(told.labels) != n:
        raise ValueError("other names than people")
    nobody = Network(
        n,
        np.zeros((0, 2), np.int32),
        np.zeros(0, np.float32),
        np.zeros(0, np.uint8),
        told.labels,
    )
    society = Society(scenario, rng=told.seed, network=nobody, threads=threads)
    society.day["step"], society.calendar = told.step, told.calendar
    society.steps = told.step
    society.running = told.step < society.parameters.steps
    return society


def _fill(society: Society, humans: Columns, oses: Columns) -> None:
    """Put people and OSes into a society in which there are none."""
    state, rows = society.state, len(oses["row"])
    for table in (humans, oses):
        check_people(table, state.humans.n, rows)
    for name in state.humans.columns:
        state.humans.column(name)[:] = humans[name]
    state.add_oses(rows, **{name: oses[name] for name in state.oses.columns})


def _columns_of(run: Path, name: str, schema: pa.Schema) -> dict[str, Array]:
    with opened(run, name, schema) as file:
        return columns_of(file)


def _steer(society: Society, told: Told, more: Sequence[Intervention]) -> None:
    """Let those interventions wait, or be in force, that did."""
    steering = society.steering
    steering.waiting = [*told.waiting, *more]
    steering.in_force = list(told.in_force)
    society.parameters = steering.parameters
    set_constants(society.day, society.parameters)


def _watch(society: Society, run: Path, told: Told) -> Watch:
    """Return the watch as it was, from the readings of all checkpoints so far."""
    agents = society.state.ties.agents
    parts = [f"{FOLDER}/{day:06d}" for day in days(run) if day <= told.step]
    series = _joined([_columns_of(run, f"{p}/series.parquet", _SERIES) for p in parts])
    first = told.calendar - told.step
    if not np.array_equal(series["step"], np.arange(first, told.calendar) + 1):
        raise ValueError("days are missing before it")
    noted = noted_on([inside(run, f"{p}/readings.parquet") for p in parts], agents)
    shocks = [{"step": step, "evidence": what} for step, what in told.interventions]
    stored = Stored(series, noted, interventions=shocks)
    pair, label = (
        _columns_of(run, f"{parts[-1]}/{name}.parquet", pa.schema({column: pa.int64()}))
        for name, column in (("friends", "pair"), ("circles", "label"))
    )
    friends = pair["pair"], label["label"]
    check_friends(*friends, agents)
    usual, kinds = society.steering.usual, told.detectors
    return resume_watch(stored, usual, kinds, society.state, friends)


def _joined(tables: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    if any(table.keys() != tables[0].keys() for table in tables):
        raise ValueError("its tables have other columns than those before")
    return {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
