"""A process that does runs, and the watch over it: how long, how much memory, its end.

What a run cannot say for itself, because its process was killed, left, or hangs, is
said here: the stage it was in, and the reason.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from math import inf
from typing import Any, NamedTuple

from sim.portable import Child, SharedText, signal_name
from sim.sweeps.jobs import Job
from sim.sweeps.work import EXITED, OUT_OF_MEMORY, JobResult, failure

TIMED_OUT = "timed out"
STARTING, IDLE, BUSY, GONE = "starting", "idle", "busy", "gone"
START_LIMIT = 900.0  # seconds: loops may have to be compiled
MEMORY_WORDS = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate")
PROGRAM = ["-m", "sim.sweeps.worker"]  # what such a process runs


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
        told = [str(self._stage.path), str(self.limits.megabytes)]
        self._child = Child([*PROGRAM, *told], self._hear)

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
