"""Worker processes: supervised, limited in time and memory, restarted.

What a run cannot say for itself, because its process was killed, left, or hangs, is
said here: the stage it was in, and the reason.

A process that dies, hangs or eats memory costs the run it was doing, and nothing else:
another takes its place.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable
from itertools import islice
from math import inf
from typing import Any, NamedTuple

from sim.engine.jit import cache_folder
from sim.studies.job import EXITED, OUT_OF_MEMORY, Job, JobResult, failure
from sim.utils.errors import InputError
from sim.utils.portable import Child, SharedText, allow_files, signal_name

TIMED_OUT = "timed out"
STARTING, IDLE, BUSY, GONE = "starting", "idle", "busy", "gone"
START_LIMIT = 900.0  # seconds: loops may have to be compiled
MEMORY_WORDS = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate")
# What such a process runs: with -P, not a file of that name in the working directory.
PROGRAM = ["-P", "-m", "sim.studies.worker"]


class Limits(NamedTuple):
    """What one run may use."""

    seconds: float = 3600.0  # wall clock; 0 is no limit
    megabytes: int = 0  # private memory of its process; 0 is no limit


class WorkerProcess:
    """A process that does one run at a time, and is watched.

    Parameters
    ----------
    limits
        What each of its runs may use.
    news
        Set when there is something to look at; several workers may share it.
    """

    def __init__(self, limits: Limits, news: threading.Event | None = None) -> None:
        self.limits = limits
        self.news = news or threading.Event()
        self.state = STARTING
        self.job: Job | None = None
        self.complaint = ""  # why it was lost without a job
        self._since = time.monotonic()
        self._heard: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._stage = SharedText()
        lines = [str(self._stage.path), str(self.limits.megabytes)]
        self._child = Child([*PROGRAM, *lines], self._hear)

    def _hear(self, line: bytes | None) -> None:
        self._heard.put(line)
        self.news.set()

    def give(self, job: Job) -> bool:
        """Hand over a job; return False if the process is gone."""
        self._child.forget_words()
        self._stage.write("setting up")
        if not self._child.send(json.dumps(job).encode() + b"\n"):
            self.stop()
            return False
        self.job, self.state, self._since = job, BUSY, time.monotonic()
        return True

    @property
    def is_alive(self) -> bool:
        """Tell whether the process is there."""
        return self.state != GONE and self._child.is_alive

    @property
    def time_left(self) -> float:
        """Seconds until it has taken too long; infinite where nothing is due."""
        allowed = self._allowed
        return self._since + allowed - time.monotonic() if allowed else inf

    @property
    def _allowed(self) -> float:
        if self.state == BUSY:
            return self.limits.seconds
        return START_LIMIT if self.state == STARTING else 0.0

    def look(self) -> JobResult | None:
        """Take note of what the process says, or of its end; return a finding."""
        if self.state == GONE:
            return None
        message, ended = self._message()
        if message is not None:
            if self.state == STARTING:
                self._stage.forget_name()  # it has opened it by now
            self.state, self.job = IDLE, None
            if message.get("reason") == OUT_OF_MEMORY:
                self.stop()  # what is left of its memory is better given back
            return message if "run" in message else None
        if ended:
            return self._ended()
        if self.time_left <= 0.0:
            return self._lost(TIMED_OUT, f"took more than {self._allowed:g} s")
        return None

    def _message(self) -> tuple[dict[str, Any] | None, bool]:
        """Return a message, if there is one, and whether that was all."""
        is_alive = self._child.is_alive
        if not is_alive:
            self._child.drain()
        try:
            line = self._heard.get_nowait()
        except queue.Empty:
            return None, not is_alive
        if not self._heard.empty():
            self.news.set()
        return (None, True) if line is None else (json.loads(line), False)

    def _ended(self) -> JobResult | None:
        """Say how the process ended."""
        code = self._child.exit_code()
        self._child.kill()
        words = self._child.last_words
        if any(word in words for word in MEMORY_WORDS):
            return self._lost(OUT_OF_MEMORY, words)
        if code is None:
            return self._lost(EXITED, f"it closed its output. {words}".strip())
        if name := signal_name(code):
            return self._lost(f"killed by {name}", words or f"its process got {name}")
        return self._lost(EXITED, f"exit code {code}. {words}".strip())

    def _lost(self, reason: str, error: str) -> JobResult | None:
        """Give the process up; return the finding of the run that is lost with it."""
        job, spent = self.job, time.monotonic() - self._since
        stage = self._stage.read()
        self.stop()
        if job is None:
            self.complaint = f"{reason}: {error}"
            return None
        return failure(job["run"], stage, reason, error, spent)

    def stop(self) -> None:
        """End the process, and whatever it has started, at once."""
        if self.state == GONE:
            return
        self.state, self.job = GONE, None
        self._child.kill()
        self._stage.close()


FILES_OF_A_WORKER = 4  # three pipes, and where it writes the stage of its run
OTHER_FILES = 256  # of this process, at most
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
        If there are none, or more than this process may have pipes for.
    """

    def __init__(self, size: int, limits: Limits) -> None:
        if size < 1:
            raise InputError(f"it takes at least one worker, not {size}")
        needed = OTHER_FILES + FILES_OF_A_WORKER * size
        if (allowed := allow_files(needed)) < needed:
            most = max(1, (allowed - OTHER_FILES) // FILES_OF_A_WORKER)
            raise InputError(
                f"{size:,} workers need {needed:,} open files, and {allowed:,} are "
                f"allowed; take {most:,} (--workers), or allow more (ulimit -n)"
            )
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
