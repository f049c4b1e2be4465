"""Many independent runs at once: one pool of processes, and one progress bar."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from tqdm import tqdm

from sim.errors import InputError

Job = TypeVar("Job")
Found = TypeVar("Found")

_PROGRESS: ContextVar[bool] = ContextVar("progress", default=False)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_all(
    do: Callable[[Job], Found],
    jobs: Sequence[Job],
    workers: int = 1,
    chunk: int = 1,
) -> list[Found]:
    """Return what comes of every job, in their order.

    Inside ``progress_shown`` there is a bar on standard error.

    Parameters
    ----------
    do
        Takes a job. With several workers it is a function at the top of a module, or a
        ``partial`` of one.
    jobs
        What to do it with.
    workers
        Processes; 1 stays in this one. What is returned is the same for any number.
    chunk
        Jobs that are handed over at a time.

    Raises
    ------
    InputError
        If ``workers`` is not positive.
    """
    if workers < 1:
        raise InputError(f"it takes at least one worker, not {workers}")
    workers = min(workers, len(jobs))
    if workers <= 1:
        return list(_counted(map(do, jobs), len(jobs)))
    with _pool(workers) as pool:
        return list(_counted(pool.map(do, jobs, chunksize=chunk), len(jobs)))


def _counted(found: Iterable[Found], total: int) -> Iterable[Found]:
    counted: Iterable[Found] = progress_bar(found, total=total, shown=_PROGRESS.get())
    return counted


def progress_bar(
    found: Iterable[Any] | None = None, *, total: int, shown: bool, done: int = 0
) -> Any:
    """Return a bar on standard error that counts runs; what it yields is ``found``.

    Parameters
    ----------
    found
        What comes of the runs; None leaves counting to the caller.
    total, done
        How many runs there are, and how many were done before.
    shown
        Whether there is a bar to be seen.
    """
    return tqdm(
        found,
        total=total,
        initial=min(done, total),
        unit="run",
        disable=not shown,
        file=sys.stderr,
    )


@contextmanager
def progress_shown(shown: bool = True) -> Iterator[None]:
    """Show how far many runs have come, on standard error."""
    before = _PROGRESS.set(shown)
    try:
        yield
    finally:
        _PROGRESS.reset(before)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Open processes that leave an interrupt to the one who started them.

    They are spawned, as everywhere: a forked process would inherit the threads' locks
    of this one in whatever state they are.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _ignore_interrupts)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
