"""Checkpoints: the full state of a society on a day, saved and loaded.

A checkpoint is a folder of Parquet tables and one JSON file, never a pickle: humans,
OSes and ties in their order, who was friends at the last weekly reading, and the
measures and readings since the checkpoint before. Random streams need no saving, since
every draw is keyed by who, when and what for; detectors need none either, since they
find in stored readings what they found day by day.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim.events.measures import MEASURES
from sim.events.monitor import Monitor, StoredReadings, resume_monitor
from sim.mechanisms import registry
from sim.minds.mind import LanguageMind
from sim.model.population import SocialNetwork
from sim.runs.parquet import (
    GROUP,
    Columns,
    TableReader,
    columns_of,
    write_columns,
    write_parts,
)
from sim.runs.readings import days as readings_on
from sim.runs.schemas import TIES_SCHEMA
from sim.runs.validation import (
    HUMANS,
    OSES,
    check_friends,
    check_people,
    open_table,
    ties_of,
    with_own,
)
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.society import Society, restoring
from sim.utils.errors import InputError
from sim.utils.files import sync_folder, writing
from sim.utils.typing import Array
from sim.utils.untrusted import read_json, resolve_inside

FOLDER = "checkpoints"
FORMAT = 1
LARGEST = 2**32  # bytes of ``society.json``, which may name all people
_SERIES = pa.schema({"step": pa.int32(), **dict.fromkeys(MEASURES, pa.float64())})
# What may be wrong with values that are of the right types.
WRONG = (ArithmeticError, LookupError, TypeError, ValueError)


class CheckpointMeta(BaseModel):
    """All of a checkpoint that is no table, as it stands in ``society.json``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    format: int
    step: int = Field(ge=0, le=100_000)
    calendar: int = Field(ge=-(2**31), lt=2**31)
    seed: int = Field(ge=0, lt=2**63)
    scenario: Scenario
    labels: tuple[str, ...] | None
    detectors: list[str] = Field(max_length=1000)
    mechanisms: dict[str, str] = Field(default={}, max_length=1000)  # their digests
    waiting: list[Intervention] = Field(max_length=10_000)
    in_force: list[tuple[Intervention, int]] = Field(max_length=10_000)
    interventions: list[tuple[int, str]] = Field(max_length=1_000_000)


class Checkpoint(NamedTuple):
    """A society that was loaded, and what its run was started with."""

    society: Society
    scenario: Scenario
    seed: int


def steps(run: Path) -> list[int]:
    """Return the days of which a run has a checkpoint, in order."""
    names = (folder.name for folder in (run / FOLDER).glob("[0-9]*"))
    return sorted(int(name) for name in names if name.isdecimal())


def check(society: Society) -> None:
    """Raise InputError if a society cannot be saved."""
    if society.cast is not None and isinstance(society.cast.mind, LanguageMind):
        raise InputError(
            "a run whose cast speaks keeps no checkpoints; with --record nothing that "
            "was asked is asked again when it is run again"
        )


def readings_of(run: Path, step: int) -> Path:
    """Return the file of the readings between a checkpoint and the one before."""
    return run / FOLDER / f"{step:06d}" / "readings.parquet"


def save(society: Society, scenario: Scenario, run: Path, readings: Path) -> Path:
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
        since = max((day for day in steps(run) if day < step), default=0)
        for name, columns in _tables(society, since).items():
            write_columns(part / f"{name}.parquet", columns)
        write_parts(part / "ties.parquet", society.state.ties.parts(GROUP))
        text = json.dumps(_meta(society, scenario), indent=1, ensure_ascii=False)
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
    state, monitor = society.state, society.monitor
    series = monitor.history.columns()
    new = series["step"] > int(society.calendar) - int(society.day["step"]) + since
    keys, label = monitor.friends()
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


def _meta(society: Society, scenario: Scenario) -> dict[str, Any]:
    """Return all that is no table, ready for JSON."""
    steering = society.steering
    shocks = [event for event in society.monitor.events if event.kind == "intervention"]
    known = registry.digests(society.parameters)
    without = None if known else {"mechanisms"}
    return {
        "format": FORMAT,
        "step": int(society.day["step"]),
        "calendar": society.calendar,
        "seed": int(society.day["seed"]),
        "scenario": scenario.model_dump(mode="json", exclude=without),
        "labels": society.labels,
        "detectors": society.monitor.kinds,
        **({"mechanisms": known} if known else {}),
        "waiting": [one.model_dump(mode="json") for one in steering.waiting],
        "in_force": [
            [one.model_dump(mode="json"), since] for one, since in steering.in_force
        ],
        "interventions": [[event.step, event.evidence] for event in shocks],
    }


# ---------------------------------------------------------------------------- loading


def load(
    run: Path,
    step: int | None = None,
    *,
    threads: int = 1,
    interventions: Sequence[Intervention] = (),
) -> Checkpoint:
    """Return the society of a checkpoint, ready for the next day.

    Parameters
    ----------
    run
        The folder of its run.
    step
        A day from ``steps``; None is the last.
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
    there = steps(run)
    day = there[-1] if step is None and there else step
    if day not in there:
        known = f"there are {', '.join(map(str, there))}" if there else "there is none"
        raise InputError(f"no checkpoint of step {day} in {run}; {known}")
    place = run / FOLDER / f"{day:06d}"
    meta = _read_meta(resolve_inside(run, f"{FOLDER}/{place.name}/society.json"))
    scenario = meta.scenario
    late = [one for one in interventions if one.at is not None and one.at <= day]
    if late:
        raise InputError(f"{late[0].name}: day {late[0].at} is over on day {day}")
    more = [*scenario.interventions, *interventions]
    changed = scenario.model_copy(update={"interventions": more})
    try:
        if meta.step != day:
            raise ValueError("it is of another day")
        if meta.mechanisms != registry.digests(scenario.parameters):
            raise ValueError("it does not say which mechanisms its scenario uses")
        society = _load_state(changed, meta, run, threads)
        society.monitor = _load_watch(society, meta, run)
        steering = society.steering
        steering.waiting = [*meta.waiting, *interventions]
        steering.in_force = list(meta.in_force)
        society.follow(steering.parameters)
    except WRONG as error:
        raise InputError(f"{place} is damaged: {_first_line(error)}") from None
    return Checkpoint(society, changed, meta.seed)


def _read_meta(file: Path) -> CheckpointMeta:
    try:
        found = read_json(file, LARGEST)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise InputError(f"{file} was made by another version; run the whole again")
        _check_mechanisms(file, found)
        # As JSON once more, in which a list may stand for a tuple.
        return CheckpointMeta.model_validate_json(json.dumps(found))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file} is damaged: {where}: {first['msg']}") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is damaged: {_first_line(error)}") from None


def _check_mechanisms(file: Path, found: dict[str, Any]) -> None:
    """Raise InputError unless the mechanisms of a checkpoint are in use, and the same.

    What is no table of texts is left to the check of all the rest.
    """
    known = found.get("mechanisms", {})
    if isinstance(known, dict) and all(isinstance(v, str) for v in known.values()):
        registry.refuse_other(known, f"the checkpoint {file.parent}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _load_state(
    scenario: Scenario, meta: CheckpointMeta, run: Path, threads: int
) -> Society:
    """Return the society with its humans, OSes and ties as they were."""
    place, n = f"{FOLDER}/{meta.step:06d}", scenario.parameters.humans
    kind = type(scenario.parameters)
    schemas = (
        with_own(HUMANS, kind.own_columns("humans")),
        with_own(OSES, kind.own_columns("oses")),
    )
    humans = _columns_of(run, f"{place}/humans.parquet", schemas[0])
    oses = _columns_of(run, f"{place}/oses.parquet", schemas[1])
    # Before a society is made that is as large as its scenario says.
    if len(humans["row"]) != n:
        raise ValueError("other people than its scenario says")
    if meta.labels is not None and len(meta.labels) != n:
        raise ValueError("other names than people")
    no_ties = np.zeros((0, 2), np.int32), np.zeros(0, np.float32), np.zeros(0, np.uint8)
    nobody = SocialNetwork(n, *no_ties, meta.labels)
    with restoring():
        society = Society(scenario, seed=meta.seed, network=nobody, threads=threads)
    society.day["step"], society.calendar = meta.step, meta.calendar
    society.steps = meta.step
    society.running = meta.step < society.parameters.steps
    state, ties = society.state, society.state.ties
    for table in (humans, oses):
        check_people(table, n, len(oses["row"]))
    for name in state.humans.columns:
        state.humans.column(name)[:] = humans[name]
    columns = {name: oses[name] for name in state.oses.columns}
    state.add_oses(len(oses["row"]), **columns)
    with open_table(run, f"{place}/ties.parquet", TIES_SCHEMA) as file:
        degree = np.zeros(ties.agents, np.int64)
        for part in _checked_parts(file, ties.agents, ["owner"]):
            degree += np.bincount(part["owner"], minlength=ties.agents)
        ties.restore(degree, _checked_parts(file, ties.agents))
    return society


def _checked_parts(
    file: TableReader, agents: int, names: Sequence[str] | None = None
) -> Iterator[Columns]:
    """Yield ties, or some of their columns, a group of rows at a time."""
    check = ties_of(agents)
    for part in file.parts(names):
        check(part)
        yield part


def _columns_of(run: Path, name: str, schema: pa.Schema) -> dict[str, Array]:
    with open_table(run, name, schema) as file:
        return columns_of(file)


def _load_watch(society: Society, meta: CheckpointMeta, run: Path) -> Monitor:
    """Return the monitor as it was, from the readings of all checkpoints so far."""
    agents = society.state.ties.agents
    parts = [f"{FOLDER}/{day:06d}" for day in steps(run) if day <= meta.step]
    tables = [_columns_of(run, f"{part}/series.parquet", _SERIES) for part in parts]
    if any(table.keys() != tables[0].keys() for table in tables):
        raise ValueError("its tables have other columns than those before")
    series = {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
    first = meta.calendar - meta.step
    if not np.array_equal(series["step"], np.arange(first, meta.calendar) + 1):
        raise ValueError("days are missing before it")
    noted = readings_on(
        [resolve_inside(run, f"{p}/readings.parquet") for p in parts], agents
    )
    shocks = [{"step": step, "evidence": what} for step, what in meta.interventions]
    stored = StoredReadings(series, noted, interventions=shocks)
    pair, label = (
        _columns_of(run, f"{parts[-1]}/{name}.parquet", pa.schema({column: pa.int64()}))
        for name, column in (("friends", "pair"), ("circles", "label"))
    )
    friends = pair["pair"], label["label"]
    check_friends(*friends, agents)
    usual, kinds = society.steering.usual, meta.detectors
    return resume_monitor(stored, usual, kinds, society.state, friends)
