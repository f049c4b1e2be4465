"""Sweeps on any ``concurrent.futures.Executor``: processes, threads, or a cluster.

Wherever a run lands, it is done in a supervised process of its own beside the
executor's: so a run that exits, hangs or eats memory is a failed run there, too, and
takes nothing else with it.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)

from sim.errors import InputError
from sim.sweeps.crew import Ahead
from sim.sweeps.jobs import Job
from sim.sweeps.processes import GONE, IDLE, Limits, WorkerProcess
from sim.sweeps.work import EXITED, RAISED, JobResult, failure

IN_FLIGHT = 64  # runs handed out at most, where the number of workers is not known
LOST = "lost with its worker"
_HERE = threading.local()  # a supervised process for each thread that does runs


def run(
    executor: Executor, jobs: Iterable[Job], limits: Limits, ahead: int = IN_FLIGHT
) -> Generator[JobResult]:
    """Do all jobs on an executor; yield what came of each, as it comes.

    Raises
    ------
    InputError
        If the executor breaks: what is not done by then is left to a resume.
    """
    left = Ahead(jobs)
    pending: dict[Future[JobResult], str] = {}
    try:
        while pending or left.has(1):
            while len(pending) < ahead and left.has(1):
                job = left.take()
                pending[_submit(executor, job, limits)] = job["run"]
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                yield _finding(future, pending.pop(future))
    finally:
        for future in pending:
            future.cancel()


def _submit(executor: Executor, job: Job, limits: Limits) -> Future[JobResult]:
    try:
        return executor.submit(run_job_apart, job, (limits.seconds, limits.megabytes))
    except (BrokenExecutor, RuntimeError, OSError) as error:
        raise InputError(_broken(error)) from error


def _finding(future: Future[JobResult], run: str) -> JobResult:
    try:
        return future.result()
    except (BrokenExecutor, CancelledError, OSError) as error:
        raise InputError(_broken(error)) from error
    except Exception as error:
        kind = type(error).__name__
        reason = LOST if kind == "KilledWorker" else RAISED
        return failure(run, "executor", reason, f"{kind}: {error}", 0.0)


def _broken(error: BaseException) -> str:
    why = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"the executor broke ({why}); start it again, and --resume"


def run_job_apart(job: Job, limits: tuple[float, int]) -> JobResult:
    """Do a job in a supervised process of this thread; return what came of it."""
    worker = _worker(Limits(*limits))
    while worker.state not in (IDLE, GONE):
        _attend(worker)
    if worker.state == GONE or not worker.give(job):
        told = f"its process does not start: {worker.complaint}"
        return failure(job["run"], "setting up", EXITED, told, 0.0)
    while True:
        finding = _attend(worker)
        if finding is not None:
            return finding


def _worker(limits: Limits) -> WorkerProcess:
    worker: WorkerProcess | None = getattr(_HERE, "worker", None)
    if worker is not None and worker.limits == limits and worker.is_alive:
        return worker
    if worker is not None:
        worker.stop()
    _HERE.worker = worker = WorkerProcess(limits)
    return worker


def _attend(worker: WorkerProcess) -> JobResult | None:
    """Wait for something to happen to a process; return a finding if it has one."""
    worker.news.wait(max(0.0, min(0.5, worker.time_left)))
    worker.news.clear()
    return worker.look()
