"""Drive a sweep: hand out the runs that are not done, and keep what comes of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from sim.errors import InputError
from sim.portable import processors
from sim.sweeps import executors
from sim.sweeps.crew import Crew
from sim.sweeps.designs import Design, resolve
from sim.sweeps.jobs import Job, Task, Tasks
from sim.sweeps.measures import Measure
from sim.sweeps.processes import Limits
from sim.sweeps.reading import Sweep, load_sweep
from sim.sweeps.store import KEPT, Store, identity_of
from sim.sweeps.work import FAILED, OTHER_CODE, Finding

SWEEPS = Path("results") / "sweeps"

Tell = Callable[[str], None]


class Options(NamedTuple):
    """How to run a sweep, which changes nothing of what comes out."""

    workers: int | None = None  # processes; None is one a processor
    time_limit: float = 3600.0  # seconds of wall clock for a run; 0 is no limit
    memory_limit: int = 0  # megabytes of a run's process; 0 is no limit
    progress: bool = False  # a bar on standard error
    tell: Tell | None = None  # told, in a line, what a user should know


def sweep(
    design: Design | Mapping[str, Any] | str | Path,
    executor: Executor | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    functions: Mapping[str, Measure] | None = None,
    **options: Any,
) -> Sweep:
    """Run every run of a design that is not done yet, and keep its outcomes.

    Parameters
    ----------
    design
        A design, its TOML file, or what such a file would hold.
    executor
        What does the runs; None starts supervised processes on this machine. The
        store's parts are the same bytes whatever does them.
    out
        Folder of the store; None is ``results/sweeps/`` and the design's name.
    resume
        Whether to go on with a sweep that is there: runs that are done stay as they
        are; those that failed, are damaged or are missing are run.
    functions
        Outcomes of one's own by name: functions at the top of a file that take the
        ``Society`` at the end of its last day and return a number.
    options
        ``workers`` (processes; None: one a processor), ``time_limit`` (seconds a run,
        3600; 0: none), ``memory_limit`` (megabytes a run's process; 0: none),
        ``progress`` (False: no bar), ``tell`` (a function for lines worth knowing).

    Returns
    -------
    Sweep
        The stored sweep, with its failures.

    Raises
    ------
    InputError
        If the design is not valid, there is another sweep or another driver in its
        place, or nothing can be written there. What is done by then stays done.
    """
    told = _options(options)
    chosen = resolve(design)
    tasks = Tasks(chosen, functions)
    place = Path(out) if out is not None else SWEEPS / chosen.name
    identity = identity_of(chosen.name, tasks.identity())
    limits = Limits(told.time_limit, told.memory_limit)
    with Store(place, identity, resume) as store:
        driver = Driver(tasks, store, told.tell)
        if executor is None:
            crew = Crew(told.workers or processors(), limits)
            findings = crew.run(driver.jobs())
        else:
            ahead = 2 * (told.workers or executors.IN_FLIGHT // 2)
            findings = executors.run(executor, driver.jobs(), limits, ahead)
        with closing(findings):
            driver.keep(findings, told.progress)
    return load_sweep(place)


def _options(options: Mapping[str, Any]) -> Options:
    try:
        told = Options(**options)
    except TypeError as error:
        known = ", ".join(Options._fields)
        raise InputError(f"{error}; a sweep's options are {known}") from None
    if told.time_limit < 0 or told.memory_limit < 0:
        raise InputError("a limit is 0 (none) or more")
    return told


class Driver:
    """Hands out the jobs of a sweep, and keeps what comes of them.

    Parameters
    ----------
    tasks
        All runs of the design.
    store
        Where they are kept.
    tell
        Told what a user should know.
    """

    def __init__(self, tasks: Tasks, store: Store, tell: Tell | None) -> None:
        self.tasks, self.store = tasks, store
        self._tell = tell or (lambda line: None)
        self._flying: dict[str, list[Task]] = {}  # tasks that are the same run
        self._damaged = store.damaged()
        for run, wrong in self._damaged.items():
            self._tell(f"{wrong}; it is run again")
            del store.done[run]

    def jobs(self) -> Iterator[Job]:
        """Yield the jobs of all runs that are not done."""
        for task in self.tasks:
            if task.run in self._flying:
                self._flying[task.run].append(task)
            elif task.run not in self.store.done:
                self._flying[task.run] = [task]
                yield self._job(task)
            elif task.position not in self.store.noted:
                self.store.note_point(task.position, task.run)

    def _job(self, task: Task) -> Job:
        if not self.tasks.design.keep_runs:
            return task.job
        place = self.store.path.resolve() / KEPT / task.run
        return task.job | {"keep": str(place)}

    def keep(self, findings: Iterator[Finding], progress: bool) -> None:
        """Keep all findings, and show how far it is."""
        total, done = len(self.tasks), len(self.store.noted)
        failed = 0
        with tqdm(
            total=total,
            initial=min(done, total),
            unit="run",
            disable=not progress,
            file=sys.stderr,
        ) as bar:
            for finding in findings:
                kept = self.keep_one(finding)
                failed += kept["state"] == FAILED
                bar.n = min(len(self.store.noted), total)
                bar.set_postfix_str(f"{failed} failed" if failed else "", False)
                bar.update(0)

    def keep_one(self, finding: Finding) -> Finding:
        """Keep one finding.

        Raises
        ------
        InputError
            If it was found by other code, which must not be mixed in.
        """
        if finding.get("reason") == OTHER_CODE:
            raise InputError(
                "the source changed while the sweep ran, or differs on the cluster; "
                "go on with the code it began with, or start another sweep"
            )
        tasks = self._flying[finding["run"]]
        positions = [task.position for task in tasks]
        kept = self.store.add(finding, tasks[0].seed, positions)
        # Whatever comes later of the same run in the design is done, or tried again.
        del self._flying[finding["run"]]
        return kept
