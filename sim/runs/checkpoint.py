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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim.events.measures import measured
from sim.events.monitor import Monitor, StoredReadings, resume_monitor
from sim.mechanisms import registry
from sim.minds.mind import LanguageMind
from sim.minds.several import SpokenSides
from sim.model.population import SocialNetwork
from sim.model.state import State
from sim.runs.digests import OTHER_BYTES, digest_of_file, digests_of, files_of
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
    ROWS,
    as_input_error,
    check_friends,
    check_people,
    check_rows,
    open_table,
    ties_of,
    with_own,
)
from sim.scenarios import Scenario, differences
from sim.scenarios.interventions import Intervention
from sim.society import Society, restoring
from sim.society.treatment import PREFIX
from sim.utils.errors import InputError
from sim.utils.files import sync_folder, writing
from sim.utils.provenance import is_sealed, sealed, versions
from sim.utils.source import source_digest
from sim.utils.typing import Array
from sim.utils.untrusted import read_json, resolve_inside

FOLDER = "checkpoints"
META = "society.json"
TOLD = "people"  # what is known of people besides the model, if anything is
LISTS = ("files", "snapshots")  # of names and digests
BUILT_ON = {"series.parquet", "readings.parquet"}  # of the checkpoints before one
FORMAT = 1
LARGEST = 2**32  # bytes of ``society.json``, which may name all people
# What may be wrong with values that are of the right types.
WRONG = (ArithmeticError, LookupError, TypeError, ValueError)


class Outline(BaseModel):
    """What ``society.json`` says that can be read without any mechanism."""

    model_config = ConfigDict(strict=True, extra="ignore")

    format: int
    step: int = Field(ge=0, le=100_000)
    calendar: int = Field(ge=-(2**31), lt=2**31)
    seed: int = Field(ge=0, lt=2**63)
    labels: tuple[str, ...] | None
    detectors: list[str] = Field(max_length=1000)
    mechanisms: dict[str, str] = Field(default={}, max_length=1000)  # their digests
    interventions: list[tuple[int, str]] = Field(max_length=1_000_000)
    # What older versions did not write:
    made_by: dict[str, Any] = {}  # digest of the source, versions
    files: dict[str, str] = {}  # SHA-256 of its tables, by name
    snapshots: dict[str, str] = {}  # and of the snapshots since the checkpoint before
    before: str = ""  # SHA-256 of society.json of the checkpoint before
    digest: str = ""  # of all of this


class CheckpointMeta(Outline):
    """All of a checkpoint that is no table, as it stands in ``society.json``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    scenario: Scenario
    waiting: list[Intervention] = Field(max_length=10_000)
    in_force: list[tuple[Intervention, int]] = Field(max_length=10_000)


Kind = TypeVar("Kind", bound=Outline)


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
    if society.cast is not None and isinstance(
        society.cast.mind, LanguageMind | SpokenSides
    ):
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
        if society.people:
            write_columns(part / f"{TOLD}.parquet", society.people)
        os.replace(readings, part / "readings.parquet")
        meta = _meta(society, scenario) | _bound(run, part, since, step)
        with open(part / META, "wb") as file:
            file.write(as_text(sealed(meta)).encode())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(part)
        shutil.rmtree(place, ignore_errors=True)
        os.rename(part, place)
        sync_folder(place.parent)
    return place


def as_text(meta: Mapping[str, Any]) -> str:
    """Return what ``society.json`` says, as it is written there."""
    return json.dumps(meta, indent=1, ensure_ascii=False)


def _bound(run: Path, part: Path, since: int, step: int) -> dict[str, Any]:
    """Return what a checkpoint says of its files, and of what it builds on."""
    before = run / FOLDER / f"{since:06d}" / META
    is_first = since >= step or not before.exists()
    days = range(0 if is_first else since + 1, step + 1)
    return {
        "made_by": {"source_digest": source_digest(), **versions()},
        "files": digests_of(part, (file.name for file in part.iterdir())),
        "snapshots": digests_of(run, (n for n in files_of(run) if day_of(n) in days)),
        "before": "" if is_first else digest_of_file(before),
    }


def day_of(name: str) -> int:
    """Return the day of a snapshot by the name of its file within a run; else -1."""
    day = name.removesuffix(".parquet").rpartition("-")[2]
    return int(day) if name.startswith("snapshots/") and day.isdecimal() else -1


def _tables(society: Society, since: int) -> dict[str, dict[str, Array]]:
    state, monitor = society.state, society.monitor
    series = monitor.history.columns()
    new = series["step"] > int(society.calendar) - int(society.day["step"]) + since
    keys, label = monitor.friends()
    return {
        **{name: _columns(table) for name, table in state.tables.items()},
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
    added = ("mechanisms", *differences.NAMES)  # what older scenarios do not have
    without = {name for name in added if not getattr(scenario, name)}
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
        before it or does not fit its society.
    """
    there = steps(run)
    day = there[-1] if step is None and there else step
    if day not in there:
        known = f"there are {', '.join(map(str, there))}" if there else "there is none"
        raise InputError(f"no checkpoint of step {day} in {run}; {known}")
    place = run / FOLDER / f"{day:06d}"
    meta = read_meta(resolve_inside(run, f"{FOLDER}/{place.name}/{META}"))
    scenario = meta.scenario
    late = [one for one in interventions if one.at is not None and one.at <= day]
    if late:
        raise InputError(f"{late[0].name}: day {late[0].at} is over on day {day}")
    more = [*scenario.interventions, *interventions]
    changed = scenario.model_copy(update={"interventions": more})
    try:
        if meta.step != day:
            raise ValueError("it is of another day")
        check_files(run, day)
        if meta.mechanisms != registry.digests(scenario.parameters):
            raise ValueError("it does not say which mechanisms its scenario uses")
        society = _load_state(changed, meta, run, threads)
        society.monitor = _load_watch(society, meta, run)
        steering = society.steering
        steering.waiting = [*meta.waiting, *interventions]
        steering.in_force = list(meta.in_force)
        society.follow(steering.parameters)
    except WRONG as error:
        if interventions:
            load(run, day, threads=threads)  # tells whether the checkpoint is to blame
            raise InputError(_first_line(error)) from None
        raise InputError(f"{place} is damaged: {_first_line(error)}") from None
    return Checkpoint(society, changed, meta.seed)


def read_meta(file: Path) -> CheckpointMeta:
    """Return what the ``society.json`` of a checkpoint says; InputError if damaged."""
    return _read(file, CheckpointMeta)


def read_outline(file: Path) -> Outline:
    """Return what of it needs no mechanism to be read; InputError if damaged."""
    return _read(file, Outline)


def _read(file: Path, kind: type[Kind]) -> Kind:
    try:
        found = read_json(file, LARGEST)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise InputError(f"{file} was made by another version; run the whole again")
        if kind is CheckpointMeta and (wrong := not_here(file, found)):
            raise InputError(wrong)
        # As JSON once more, in which a list may stand for a tuple.
        return kind.model_validate_json(json.dumps(found))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file} is damaged: {where}: {first['msg']}") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is damaged: {_first_line(error)}") from None


def metas(run: Path, last: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield day and ``society.json`` of all checkpoints up to one, as they are.

    Raises
    ------
    InputError
        If one cannot be read, or is not as it was written.
    ValueError
        If one does not follow from the one before.
    """
    before = None
    for day in (day for day in steps(run) if day <= last):
        file = resolve_inside(run, f"{FOLDER}/{day:06d}/{META}")
        with as_input_error(file):
            found = read_json(file, LARGEST)
            if not isinstance(found, dict) or not (
                is_sealed(found) or not {"digest", "files"} & found.keys()
            ):
                raise ValueError("other values were written, as its digest says")
            if not all(isinstance(found.get(n, {}), dict) for n in LISTS):
                raise ValueError("it lists no files")
            follows = found.get("before", "")
            digest = digest_of_file(file)
        if follows not in ("", before) or (before and "files" in found and not follows):
            text = f"that of day {day} follows from another one than is there"
            raise ValueError(f"days are missing before it; {text}")
        before = digest
        yield day, found


def check_files(run: Path, last: int, snapshots: bool = False) -> None:
    """Look whether a checkpoint, and what it builds on, are as they were written.

    Parameters
    ----------
    run, last
        The folder of a run, and the day of a checkpoint.
    snapshots
        Whether to look at the snapshots up to that day, too.

    Raises
    ------
    InputError, ValueError
        If a file is another one or missing.
    """
    for day, found in metas(run, last):
        listed = found.get("files", {})
        read = listed if day == last else listed.keys() & BUILT_ON
        names = {f"{FOLDER}/{day:06d}/{name}": listed[name] for name in read}
        if snapshots:
            names |= found.get("snapshots", {})
        for name, digest in names.items():
            path = resolve_inside(run, name)
            with as_input_error(path, run):
                if digest_of_file(path) != digest:
                    raise ValueError(OTHER_BYTES)


def not_here(file: Path, found: Mapping[str, Any]) -> str:
    """Say which mechanism of a checkpoint is not in use, or not the same; else "".

    What is no table of texts is left to the check of all the rest.
    """
    known = found.get("mechanisms", {})
    if isinstance(known, dict) and all(isinstance(v, str) for v in known.values()):
        try:
            registry.refuse_other(known, f"the checkpoint {file.parent}")
        except InputError as error:
            return str(error)
    return ""


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _load_state(
    scenario: Scenario, meta: CheckpointMeta, run: Path, threads: int
) -> Society:
    """Return the society with its humans, OSes and ties as they were."""
    place, n = f"{FOLDER}/{meta.step:06d}", scenario.parameters.humans
    rows = n + scenario.parameters.people_to_come()
    kind = type(scenario.parameters)
    schemas = (
        with_own(HUMANS, kind.own_columns("humans")),
        with_own(OSES, kind.own_columns("oses")),
    )
    humans = _columns_of(run, f"{place}/humans.parquet", schemas[0])
    oses = _columns_of(run, f"{place}/oses.parquet", schemas[1])
    # Before a society is made that is as large as its scenario says.
    if len(humans["row"]) != rows:
        raise ValueError("other people than its scenario says")
    if meta.labels is not None and len(meta.labels) != rows:
        raise ValueError("other names than people")
    no_ties = np.zeros((0, 2), np.int32), np.zeros(0, np.float32), np.zeros(0, np.uint8)
    told: dict[str, Array] = {}
    if f"{TOLD}.parquet" in meta.files:
        told = _columns_of(run, f"{place}/{TOLD}.parquet", pa.schema([]))
        if any(len(column) != rows for column in told.values()):
            raise ValueError("it knows of other people than there are")
    labels = meta.labels and meta.labels[:n]
    told = {name: column[:n] for name, column in told.items()}
    nobody = SocialNetwork(n, *no_ties, labels, people=told)
    with restoring():
        society = Society(scenario, seed=meta.seed, network=nobody, threads=threads)
    society.day["step"], society.calendar = meta.step, meta.calendar
    society.steps = meta.step
    society.running = meta.step < society.parameters.steps
    state, ties = society.state, society.state.ties
    for table in (humans, oses):
        check_people(table, rows, len(oses["row"]))
    for name in state.humans.columns:
        if name.startswith(PREFIX) and name not in humans:
            continue  # of an intervention that a fork adds
        state.humans.column(name)[:] = humans[name]
    columns = {name: oses[name] for name in state.oses.columns}
    state.add_oses(len(oses["row"]), **columns)
    _load_tables(state, run, place)
    schema = with_own(TIES_SCHEMA, kind.own_columns("ties"))
    with open_table(run, f"{place}/ties.parquet", schema) as file:
        degree = np.zeros(ties.agents, np.int64)
        for part in _checked_parts(file, ties.agents, ["owner"]):
            degree += np.bincount(part["owner"], minlength=ties.agents)
        ties.restore(degree, _checked_parts(file, ties.agents))
    return society


def _load_tables(state: State, run: Path, place: str) -> None:
    """Give tables of mechanisms the rows that they had."""
    for name, table in state.tables.items():
        schema = with_own(ROWS, tuple(table.columns.values()))
        found = _columns_of(run, f"{place}/{name}.parquet", schema)
        check_rows(found)
        more = len(found["row"]) - len(table)
        if more < 0:
            raise ValueError(f"rows of its table {name!r} are missing")
        table.append(more)
        for column in table.columns:
            table.column(column)[:] = found[column]


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
    names = measured(society.steering.usual)
    kind = pa.schema({"step": pa.int32(), **dict.fromkeys(names, pa.float64())})
    tables = [_columns_of(run, f"{part}/series.parquet", kind) for part in parts]
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
