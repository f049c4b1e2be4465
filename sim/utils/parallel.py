"""Process pools for many independent simulations."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from sim.utils.errors import InputError
from sim.utils.portable import process_pool
from sim.utils.progress import counted

Job = TypeVar("Job")
Found = TypeVar("Found")


def map_all(
    do: Callable[[Job], Found],
    jobs: Sequence[Job],
    workers: int = 1,
    chunk: int = 1,
) -> list[Found]:
    """Return what comes of every job, in their order.

    Inside ``progress.progress_shown`` a bar on standard error counts them.

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
    workers, total = min(workers, len(jobs)), len(jobs)
    if workers <= 1:
        return list(counted(map(do, jobs), "", total, "run"))
    packed = [pickle.dumps(job) for job in jobs]
    one = partial(_do_packed, pickle.dumps(do))
    with process_pool(workers) as pool:
        found = pool.map(one, packed, chunksize=chunk)
        return list(counted(found, "", total, "run"))


def _do_packed(do: bytes, job: bytes) -> Any:
    """Read a job and do it: an error of reading it is the job's, not the pool's."""
    return pickle.loads(do)(pickle.loads(job))
