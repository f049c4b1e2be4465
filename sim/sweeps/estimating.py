"""What a sweep will take: runs, time and disk, from its ledger or a short pilot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sim.minds.casting import is_live, open_cast, stand_in
from sim.model import Society
from sim.sweeps import factors, store
from sim.sweeps.jobs import Task, Tasks, scenario_of
from sim.sweeps.reading import load_sweep
from sim.sweeps.work import DONE, SNAPSHOT_EVERY, warm_up

PILOT = 10.0  # seconds, at most


class Estimate(NamedTuple):
    """What is still to be done, and what it will take."""

    runs: int
    done: int
    seconds: float  # of one run
    bytes: int  # of all runs, on disk
    source: str  # where the numbers come from

    def wall(self, workers: int) -> float:
        """Return the seconds until all is done, with so many workers."""
        return (self.runs - self.done) * self.seconds / workers


def estimate(tasks: Tasks, place: Path) -> Estimate:
    """Return what the runs of a design will take.

    If the sweep has been begun in ``place``, its ledger tells; else the middle run of
    the design is lived through for at most ten seconds.
    """
    names = [*tasks.outcomes, *(one["name"] for one in tasks.functions)]
    size = (store.row_size(len(names)) + _kept(tasks)) * len(tasks)
    if (place / store.LEDGER).is_file():
        ledger = load_sweep(place).ledger()
        finished = ledger[ledger["state"] == DONE]
        if len(finished):
            seconds = float(finished["seconds"].mean())
            told = f"{len(finished)} runs in the ledger"
            done = load_sweep(place).counts().get(DONE, 0)
            return Estimate(len(tasks), done, seconds, size, told)
    task = tasks[len(tasks) // 2]
    seconds, days = _pilot(task)
    told = f"a pilot of {days} days"
    if is_live(factors.mind(task.job["mind"])):
        told += " with scripted agents; the time that a model takes comes on top"
    return Estimate(len(tasks), 0, seconds, size, told)


def _pilot(task: Task) -> tuple[float, int]:
    """Return the seconds that a run takes, and the days that were tried."""
    warm_up()
    began = time.monotonic()
    days = 0
    with _opened(task) as society:
        ready = time.monotonic()
        while society.running and time.monotonic() - began < PILOT:
            society.step()
            days += 1
        steps = society.parameters.steps
    living = time.monotonic() - ready
    return ready - began + living * (steps / days if days else 0.0), days


@contextmanager
def _opened(task: Task) -> Iterator[Society]:
    """Open the society of a task, with its cast for as long as it is looked at.

    No model is asked: scripted agents stand in for it.
    """
    job = task.job
    with open_cast(stand_in(factors.mind(job["mind"]))) as cast:
        yield Society(
            scenario_of(job), rng=job["seed"], network=job["network"], cast=cast
        )


def _kept(tasks: Tasks) -> int:
    """Return about how many bytes a kept run takes: uncompressed, so at most."""
    if not tasks.design.keep_runs:
        return 0
    with _opened(tasks[len(tasks) // 2]) as society:
        snapshots = 2 + society.parameters.steps // SNAPSHOT_EVERY
        return int(society.state.nbytes * snapshots)
