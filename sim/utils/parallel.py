"""Process pools and progress bars for many independent simulations."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from tqdm import tqdm

from sim.utils.errors import InputError
from sim.utils.portable import process_pool

Job = TypeVar("Job")
Found = TypeVar("Found")

_PROGRESS: ContextVar[bool] = ContextVar("progress", default=False)


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
        If ``workers`` is not positive, or a job cannot be read in another process.
    """
    if workers < 1:
        raise InputError(f"it takes at least one worker, not {workers}")
    workers = min(workers, len(jobs))
    if workers <= 1:
        return list(_counted(map(do, jobs), len(jobs)))
    packed = [pickle.dumps(job) for job in jobs]
    one = partial(_do_packed, pickle.dumps(do))
    with process_pool(workers) as pool:
        return list(_counted(pool.map(one, packed, chunksize=chunk), len(jobs)))


def _do_packed(do: bytes, job: bytes) -> Any:
    """Read a job and do it: an error of reading it is the job's, not the pool's."""
    return pickle.loads(do)(pickle.loads(job))


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
