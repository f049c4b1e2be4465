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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from sim.errors import InputError
from sim.events import Stored, Watch, resume_watch
from sim.files import sync_folder, writing
from sim.interventions import Intervention
from sim.minds.language import LanguageMind
from sim.model import Society
from sim.population import Network
from sim.readings import days as noted_on
from sim.scenarios import Scenario
from sim.schedule import set_constants
from sim.tables import GROUP, read_columns, read_parts, write_columns, write_parts
from sim.ties import Array

FOLDER = "checkpoints"
FORMAT = 1


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
    told = _read(place / "society.json")
    try:
        scenario = Scenario.model_validate_json(json.dumps(told["scenario"]))
        late = [one for one in interventions if one.at is not None and one.at <= day]
        if late:
            raise InputError(f"{late[0].name}: day {late[0].at} is over on day {day}")
        more = [*scenario.interventions, *interventions]
        changed = scenario.model_copy(update={"interventions": more})
        society = _empty(changed, told, threads)
        _fill(society, place)
        _steer(society, told, interventions)
        society.watch = _watch(society, run, told)
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{place} is damaged: {reason}") from None
    collected = society.datacollector.model_vars
    for name in collected:
        collected[name] = list(society.watch.history[name])
    return Taken(society, changed, int(told["seed"]))


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is damaged: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{file} was made by another version; run the whole again")
    return found


def _empty(scenario: Scenario, told: Mapping[str, Any], threads: int) -> Society:
    """Return a society of as many people who do not know each other."""
    n = scenario.parameters.humans
    labels = told["labels"]
    nobody = Network(
        n,
        np.zeros((0, 2), np.int32),
        np.zeros(0, np.float32),
        np.zeros(0, np.uint8),
        None if labels is None else tuple(labels),
    )
    society = Society(scenario, rng=told["seed"], network=nobody, threads=threads)
    society.day["step"], society.calendar = told["step"], told["calendar"]
    society.steps = told["step"]
    society.running = told["step"] < society.parameters.steps
    return society


def _fill(society: Society, place: Path) -> None:
    """Put people, OSes and ties into a society in which there are none."""
    state = society.state
    humans, oses = (
        read_columns(place / f"{name}.parquet") for name in ("humans", "oses")
    )
    rows = len(oses.pop("row"))
    if len(humans.pop("row")) != state.humans.n:
        raise ValueError("other people than its scenario says")
    for name in state.humans.columns:
        state.humans.column(name)[:] = humans[name]
    state.add_oses(rows, **{name: oses[name] for name in state.oses.columns})
    ties, degree = place / "ties.parquet", np.zeros(state.ties.agents, np.int64)
    for part in read_parts(ties, ["owner"]):
        degree += np.bincount(part["owner"], minlength=len(degree))
    state.ties.restore(degree, read_parts(ties))


def _steer(
    society: Society, told: Mapping[str, Any], more: Sequence[Intervention]
) -> None:
    """Let those interventions wait, or be in force, that did."""
    steering = society.steering
    validated = Intervention.model_validate
    steering.waiting = [*(validated(one) for one in told["waiting"]), *more]
    steering.in_force = [(validated(one), since) for one, since in told["in_force"]]
    society.parameters = steering.parameters
    set_constants(society.day, society.parameters)


def _watch(society: Society, run: Path, told: Mapping[str, Any]) -> Watch:
    """Return the watch as it was, from the readings of all checkpoints so far."""
    places = [run / FOLDER / f"{day:06d}" for day in days(run) if day <= told["step"]]
    series = _joined([read_columns(place / "series.parquet") for place in places])
    readings = noted_on([place / "readings.parquet" for place in places])
    shocks = [{"step": step, "evidence": what} for step, what in told["interventions"]]
    stored = Stored(series, readings, interventions=shocks)
    if len(stored.steps) != told["step"]:
        raise ValueError("days are missing before it")
    friends = read_columns(places[-1] / "friends.parquet")["pair"]
    circles = read_columns(places[-1] / "circles.parquet")["label"]
    usual, kinds = society.steering.usual, told["detectors"]
    return resume_watch(stored, usual, kinds, society.state, (friends, circles))


def _joined(tables: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
