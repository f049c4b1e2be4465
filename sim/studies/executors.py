"""Executors for sweeps: local processes, threads, or a Dask cluster.

Wherever a run lands, it is done in a supervised process of its own beside the
executor's: so a run that exits, hangs or eats memory is a failed run there, too, and
takes nothing else with it.

Dask does every run at least once and keeps nothing: the store is what counts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from sim.studies.job import EXITED, RAISED, Job, JobResult, failure
from sim.studies.workers import GONE, IDLE, Ahead, Limits, WorkerProcess
from sim.utils.errors import InputError

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
        text = f"its process does not start: {worker.complaint}"
        return failure(job["run"], "setting up", EXITED, text, 0.0)
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


LOOPBACK = ("127.0.0.1", "localhost", "::1")
PATIENCE = 20.0  # seconds for a scheduler to answer
LOGGERS = ("distributed", "distributed.client", "distributed.core")


@contextmanager
def connect(address: str, insecure: bool = False) -> Iterator[Executor]:
    """Connect to a Dask scheduler, and yield its workers as an executor.

    Parameters
    ----------
    address
        As the scheduler prints it: ``tcp://127.0.0.1:8786`` or ``tls://...``.
    insecure
        Whether an address of another machine may be reached without encryption.

    Raises
    ------
    InputError
        If Dask is not installed, the address is refused, nobody answers there, or the
        scheduler has no workers.
    """
    check(address, insecure)
    try:
        import distributed
    except ImportError:
        raise InputError(
            "a cluster needs Dask; pip install 'os-society[cluster]'"
        ) from None
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"no Dask scheduler answers at {address}: {error}") from None
    with _quiet():
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            client.close(timeout=PATIENCE)
            raise InputError(
                f"the Dask scheduler at {address} has no workers; start some, as in "
                f"'dask worker {address}'"
            ) from None
        try:
            yield client.get_executor(retries=0, pure=False)
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.close(timeout=PATIENCE)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging tracebacks of what ends in our own message anyway."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def check(address: str, insecure: bool = False) -> None:
    """Raise InputError unless an address may be connected to."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme not in ("tcp", "tls"):
        raise InputError(f"a cluster is at tcp:// or tls://, not {address!r}")
    if parts.scheme == "tcp" and parts.hostname not in LOOPBACK and not insecure:
        raise InputError(
            f"{address} is another machine, and tcp:// is not encrypted; use tls://, "
            "or say --insecure if nobody else is on that network"
        )
