"""Supervised processes on this machine, each doing one run at a time.

A process that dies, hangs or eats memory costs the run it was doing, and nothing else:
another takes its place.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable
from itertools import islice

from sim.compiled import cache_folder
from sim.errors import InputError
from sim.sweeps.jobs import Job
from sim.sweeps.processes import BUSY, GONE, IDLE, STARTING, Limits, WorkerProcess
from sim.sweeps.work import JobResult

FALSE_STARTS = 3  # in a row, from which on no worker will start
PATIENCE = 0.5  # seconds between looks at processes that say nothing


class Ahead:
    """An iterator that one can look ahead in, and give back to.

    Parameters
    ----------
    jobs
        What it iterates over.
    """

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._source = iter(jobs)
        self._seen: deque[Job] = deque()

    def has(self, count: int) -> bool:
        """Tell whether at least so many jobs are left."""
        self._seen.extend(islice(self._source, max(0, count - len(self._seen))))
        return len(self._seen) >= count

    def take(self) -> Job:
        """Return the next job; ask first whether there is one."""
        return self._seen.popleft()

    def give_back(self, job: Job) -> None:
        """Put a job back, to be the next."""
        self._seen.appendleft(job)


class WorkerPool:
    """Workers that do jobs, and are replaced when they die.

    Parameters
    ----------
    size
        How many.
    limits
        What each run may use.

    Raises
    ------
    InputError
        If there are none.
    """

    def __init__(self, size: int, limits: Limits) -> None:
        if size < 1:
            raise InputError(f"it takes at least one worker, not {size}")
        self.size, self.limits = size, limits
        self._workers: list[WorkerProcess] = []
        self._news = threading.Event()
        self._false_starts = 0

    def run(self, jobs: Iterable[Job]) -> Generator[JobResult]:
        """Do all jobs; yield what came of each, as it comes.

        The next job is handed out before a finding is, so that nobody waits for the
        one who takes the findings.

        Raises
        ------
        InputError
            If no worker can be started.
        """
        left = Ahead(jobs)
        try:
            while left.has(1) or self._in_state(BUSY):
                self._employ(left)
                for worker in self._noticed():
                    finding = worker.look()
                    self._keep_busy(worker, left)
                    if finding is not None:
                        yield finding
        finally:
            self.stop()

    def stop(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.stop()

    def _in_state(self, state: str) -> list[WorkerProcess]:
        return [one for one in self._workers if one.state == state]

    def _employ(self, left: Ahead) -> None:
        """Have as many workers as there is work for; the first compiles for all."""
        self._workers = [one for one in self._workers if one.state != GONE]
        while len(self._workers) < self.size:
            starting = len(self._in_state(STARTING))
            if not left.has(starting + 1) or (starting and not _is_compiled()):
                return
            self._workers.append(WorkerProcess(self.limits, self._news))

    def _noticed(self) -> list[WorkerProcess]:
        """Wait for something to happen; return the workers to look at."""
        wait = min([PATIENCE, *(one.time_left for one in self._workers)])
        self._news.wait(max(0.0, wait))
        self._news.clear()
        return list(self._workers)

    def _keep_busy(self, worker: WorkerProcess, left: Ahead) -> None:
        """Give a worker that is free the next job; count those that never start."""
        if worker.state == GONE and worker.complaint:
            self._false_starts += 1
            if self._false_starts >= FALSE_STARTS:
                raise InputError(f"workers end before they begin: {worker.complaint}")
        if worker.state != IDLE or not left.has(1):
            return
        self._false_starts = 0
        job = left.take()
        if not worker.give(job):
            left.give_back(job)


def _is_compiled() -> bool:
    """Tell whether the loops of a day have been compiled before."""
    return any(cache_folder().rglob("*.nbc"))
