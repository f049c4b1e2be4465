"""What tests of sweeps share: small designs, an executor, and runs that go wrong."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import closing
from pathlib import Path
from typing import Any

from sim.society import Society
from sim.studies import Sweep, sweep
from sim.studies.design import make
from sim.studies.job import Job, JobResult, Tasks, run_job
from sim.studies.store import LEDGER, Store, identity_of
from sim.studies.sweeps import Driver

DESIGN: dict[str, Any] = {
    "name": "small",
    "seeds": 2,
    "outcomes": ["left", "loneliness_end", "first_love"],
    "base": {"humans": 12, "steps": 5},
    "grid": {"reach": [2.0, 3.0], "growth_exponent": [0.9, 1.1]},
}
RUNS = 8

gc.collect()
gc.freeze()  # as workers do: each run ends with a look through all that is not frozen


class Here(Executor):
    """Does every run in this process, and counts them."""

    def __init__(self, most: int = 10**9) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.most = most

    def submit(self, _: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        """Do a job at once; break after the last it may do."""
        if len(self.jobs) == self.most:
            raise RuntimeError("the cluster is gone")
        self.jobs.append(given[0])
        future: Future[Any] = Future()
        future.set_result(run_job(given[0]))
        return future


def at_home(
    place: Path, changes: dict[str, Any] | None = None, **options: Any
) -> Sweep:
    """Do a small sweep in this process."""
    here = options.pop("executor", None) or Here()
    return sweep(DESIGN | (changes or {}), here, out=place, **options)


def kept(place: Path) -> dict[str, tuple[Any, ...]]:
    """Return what the ledger of a sweep holds of each run that is done, by its name."""
    query = "SELECT run, seed, digest, outcomes FROM runs WHERE state = 'done'"
    with closing(sqlite3.connect(place / LEDGER)) as ledger:
        return {run: rest for run, *rest in ledger.execute(query)}


def spoil_ledger(place: Path, text: str, *values: Any) -> None:
    """Change the ledger of a sweep behind its back."""
    with closing(sqlite3.connect(place / LEDGER)) as ledger, ledger:
        ledger.execute(text, values)


def filled(
    place: Path,
    design: dict[str, Any],
    findings: Callable[[int, Job], JobResult | None],
    resume: bool = False,
) -> Sweep:
    """Fill a store with findings, by the number of a run and its job, of no society."""
    tasks = Tasks(make(design))
    with Store(place, identity_of("small", tasks.identity()), resume) as store:
        driver = Driver(tasks, store, None, {})
        for number, job in enumerate(driver.jobs()):
            finding = findings(number, job)
            if finding is not None:
                driver.keep_one(finding)
    return Sweep(place)


def humans(society: Society) -> float:
    """Behave."""
    return float(society.state.humans.n)


def fickle(society: Society) -> float:
    """Return another number every time."""
    return float(time.monotonic_ns())


def spoil(society: Society) -> float:
    """Misbehave, in a way that depends on the number of humans."""
    what = society.parameters.humans
    if what == 11:
        raise RuntimeError("no such luck")
    if what == 12:
        sys.exit(7)
    if what == 13:
        os._exit(9)
    if what == 14:
        os.kill(os.getpid(), signal.SIGKILL)
    if what == 15:
        time.sleep(3600.0)
    hoard = []
    while what == 16:
        hoard.append(bytearray(2**24))
    return float(what)
