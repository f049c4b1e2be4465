"""Drive a sweep: hand out the runs that are not done, and keep what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.minds.casting import check_address
from sim.minds.connection import hosts
from sim.parallel import progress_bar
from sim.parameters import IN_DESIGN
from sim.portable import processors
from sim.signatures import checked_arguments
from sim.sweeps import executors, factors
from sim.sweeps.crew import WorkerPool
from sim.sweeps.designs import Design, resolve
from sim.sweeps.jobs import Job, Task, Tasks
from sim.sweeps.measures import Measure
from sim.sweeps.processes import Limits
from sim.sweeps.reading import Sweep, load_sweep
from sim.sweeps.store import KEPT, Store, identity_of
from sim.sweeps.work import FAILED, OTHER_CODE, JobResult

SWEEPS = Path("results") / "sweeps"

Tell = Callable[[str], None]


@checked_arguments(IN_DESIGN)
def sweep(
    design: Design | Mapping[str, Any] | str | Path,
    executor: Executor | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    functions: Mapping[str, Measure] | None = None,
    allow_model: str | Iterable[str] = (),
    insecure: bool = False,
    workers: int | None = None,
    time_limit: float = 3600.0,
    memory_limit: int = 0,
    progress: bool = False,
    tell: Tell | None = None,
) -> Sweep:
    """Run every run of a design that is not done yet, and keep its outcomes.

    Parameters
    ----------
    design
        A design, its TOML file, or what such a file would hold.
    executor
        What does the runs; None starts supervised processes on this machine. The
        outcomes are the same bytes whatever does them.
    out
        Folder of the store; None is ``results/sweeps/`` and the design's name.
    resume
        Whether to go on with a sweep that is there: runs that are done stay as they
        are; those that failed, are damaged or are missing are run.
    functions
        Outcomes of one's own by name: functions at the top of a file that take the
        ``Society`` at the end of its last day and return a number.
    allow_model
        Host, or hosts, that a design may ask a language model at, as
        ``"api.openai.com"`` or ``"127.0.0.1:8012"``: your key goes there.
    insecure
        Whether such a host, on another machine, may be reached by http://.
    workers
        Processes to run in; None is one a processor.
    time_limit
        Seconds of wall clock after which a run is given up as failed; 0 is no limit.
    memory_limit
        Megabytes that a run's process may take; 0 is no limit.
    progress
        Whether to show a bar on standard error.
    tell
        Called with each line worth knowing, such as a damaged run that is run again.

    Returns
    -------
    Sweep
        The stored sweep, with its failures.

    Raises
    ------
    InputError
        If an option or the design is not valid, the design asks a model that is not
        allowed, there is another sweep or another driver in its place, or nothing can
        be written there. What is done by then stays done.
    """
    if workers is not None and workers < 1:
        raise InputError(f"it takes at least one worker, not {workers}")
    if time_limit < 0 or memory_limit < 0:
        raise InputError("a limit is 0 (none) or more")
    chosen = resolve(design)
    tasks = Tasks(chosen, functions)
    allowed = list(hosts(allow_model))
    reach: dict[str, Any] = {"allow_model": allowed, "insecure": insecure}
    for one in tasks.minds:
        check_address(factors.mind(one, **reach))
    place = Path(out) if out is not None else SWEEPS / chosen.name
    identity = identity_of(chosen.name, tasks.identity())
    limits = Limits(time_limit, memory_limit)
    with Store(place, identity, resume) as store:
        driver = Driver(tasks, store, tell, reach)
        if executor is None:
            pool = WorkerPool(workers or processors(), limits)
            findings = pool.run(driver.jobs())
        else:
            ahead = 2 * (workers or executors.IN_FLIGHT // 2)
            findings = executors.run(executor, driver.jobs(), limits, ahead)
        with closing(findings):
            driver.keep(findings, progress)
    return load_sweep(place)


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
    reach
        Which models may be asked, as ``factors.mind`` takes it.
    """

    def __init__(
        self, tasks: Tasks, store: Store, tell: Tell | None, reach: Mapping[str, Any]
    ) -> None:
        self.tasks, self.store, self._reach = tasks, store, reach
        self._tell = tell or (lambda line: None)
        self._flying: dict[str, list[Task]] = {}  # tasks that are the same run
        for wrong in store.damaged.values():
            self._tell(f"{wrong}; it is run again")

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
        job = task.job | {"reach": dict(self._reach)}
        if not self.tasks.design.keep_runs:
            return job
        place = self.store.path.resolve() / KEPT / task.run
        return job | {"keep": str(place)}

    def keep(self, findings: Iterator[JobResult], progress: bool) -> None:
        """Keep all findings, and show how far it is."""
        total, done = len(self.tasks), len(self.store.noted)
        failed = 0
        with progress_bar(total=total, done=done, shown=progress) as bar:
            for finding in findings:
                kept = self.keep_one(finding)
                failed += kept["state"] == FAILED
                bar.n = min(len(self.store.noted), total)
                bar.set_postfix_str(f"{failed} failed" if failed else "", False)
                bar.update(0)

    def keep_one(self, finding: JobResult) -> JobResult:
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
