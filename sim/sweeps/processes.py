"""A process that does runs, and the watch over it: how long, how much memory, its end.

What a run cannot say for itself, because its process was killed, left, or hangs, is
said here: the stage it was in, and the reason.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import IO, Any, NamedTuple

from sim.sweeps.jobs import Job
from sim.sweeps.work import EXITED, OUT_OF_MEMORY, JobResult, failure

TIMED_OUT = "timed out"
STARTING, IDLE, BUSY, GONE = "starting", "idle", "busy", "gone"
START_LIMIT = 900.0  # seconds: loops may have to be compiled
MEMORY_WORDS = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate")
STAGE_WIDTH, LAST_WORDS = 200, 300  # bytes
PIPE = 2**16  # bytes


class Limits(NamedTuple):
    """What one run may use."""

    seconds: float = 3600.0  # wall clock; 0 is no limit
    megabytes: int = 0  # private memory of its process; 0 is no limit


def _scratch() -> IO[bytes]:
    """Return a file without a name, open until it is closed."""
    return tempfile.TemporaryFile(buffering=0)


class WorkerProcess:
    """A process that does one run at a time, and is watched.

    Parameters
    ----------
    limits
        What each of its runs may use.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.state = STARTING
        self.job: Job | None = None
        self.complaint = ""  # why it was lost without a job
        self._since = time.monotonic()
        self._heard = b""
        self._stage = _scratch()
        self._words = _scratch()
        self.out, out = os.pipe()
        try:
            self.process = self._start(out)
        finally:
            os.close(out)

    def _start(self, out: int) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).parents[2])
        places = [root, *(str(Path(place).resolve()) for place in sys.path)]
        told = (out, self._stage.fileno(), self.limits.megabytes)
        return subprocess.Popen(
            [sys.executable, "-m", "sim.sweeps.worker", *map(str, told)],
            stdin=subprocess.PIPE,
            stdout=self._words,
            stderr=self._words,
            pass_fds=(out, self._stage.fileno()),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(places))},
            start_new_session=True,  # an interrupt is for the driver alone
        )

    def give(self, job: Job) -> bool:
        """Hand over a job; return False if the process is gone."""
        assert self.process.stdin is not None
        self._words.truncate(0)
        self._words.seek(0)
        os.pwrite(self._stage.fileno(), b"setting up".ljust(STAGE_WIDTH), 0)
        try:
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            self.stop()
            return False
        self.job, self.state, self._since = job, BUSY, time.monotonic()
        return True

    @property
    def is_alive(self) -> bool:
        """Tell whether the process is there."""
        return self.state != GONE and self.process.poll() is None

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
        message, ended = self._message()
        if message is not None:
            self.state, self.job = IDLE, None
            if message.get("reason") == OUT_OF_MEMORY:
                self.stop()  # what is left of its memory is better given back
            return message if "run" in message else None
        if ended or (self.process.poll() is not None and not self._readable()):
            return self._ended()
        if self.time_left <= 0.0:
            return self._lost(TIMED_OUT, f"took more than {self._allowed:g} s")
        return None

    def _message(self) -> tuple[dict[str, Any] | None, bool]:
        """Return a message, if there is a whole one, and whether there can be more."""
        while b"\n" not in self._heard and self._readable():
            raw = os.read(self.out, PIPE)
            if not raw:
                return None, True
            self._heard += raw
        line, newline, rest = self._heard.partition(b"\n")
        if not newline:
            return None, False
        self._heard = rest
        return json.loads(line), False

    def _readable(self) -> bool:
        return bool(select.select([self.out], [], [], 0.0)[0])

    def _ended(self) -> JobResult | None:
        """Say how the process ended."""
        code, words = self._exit_code(), self._last_words()
        if any(word in words for word in MEMORY_WORDS):
            return self._lost(OUT_OF_MEMORY, words)
        if code < 0:
            name = signal.Signals(-code).name
            return self._lost(f"killed by {name}", words or f"its process got {name}")
        return self._lost(EXITED, f"exit code {code}. {words}".strip())

    def _exit_code(self) -> int:
        try:
            return self.process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:  # it closed its pipe, and lives on
            return -signal.SIGKILL

    def _last_words(self) -> str:
        end = os.fstat(self._words.fileno()).st_size
        raw = os.pread(self._words.fileno(), LAST_WORDS, max(0, end - LAST_WORDS))
        return raw.decode(errors="replace").strip("\0 \n")

    def _lost(self, reason: str, error: str) -> JobResult | None:
        """Give the process up; return the finding of the run that is lost with it."""
        job, spent = self.job, time.monotonic() - self._since
        stage = os.pread(self._stage.fileno(), STAGE_WIDTH, 0).decode(errors="replace")
        self.stop()
        if job is None:
            self.complaint = f"{reason}: {error}"
            return None
        return failure(job["run"], stage.strip(), reason, error, spent)

    def stop(self) -> None:
        """End the process, and whatever it has started, at once."""
        if self.state == GONE:
            return
        self.state, self.job = GONE, None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        os.close(self.out)
        self._stage.close()
        self._words.close()
