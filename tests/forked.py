"""Python programs as processes of their own that start at once.

To import what the package depends on takes a second, ten times as long as most tests
take with the program they start. So they are forked from a process that has done so;
see ``fork_server``. A few tests start ``python`` itself: those that ask how it begins,
ends or is set up, and what asks for settings that are read when it starts.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
PROGRAM = Path(__file__).with_name("fork_server.py")
READ_AT_START = ("PYTHON", "NUMBA_", "LC_", "LANG", "MPL", "OMP_", "OPENBLAS_")
READ_LATER = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}


def can_fork(environment: Mapping[str, str]) -> bool:
    """Tell whether a process of this environment would be like one that is started."""
    if sys.platform == "win32" or not hasattr(socket, "send_fds"):
        return False
    return all(
        environment.get(name) == os.environ.get(name)
        for name in {*environment, *os.environ} - READ_LATER
        if name.startswith(READ_AT_START)
    )


class Forked:
    """A process, with that of ``subprocess.Popen`` which tests ask for.

    Parameters
    ----------
    words
        What follows ``python`` on its command line: ``-m``, ``-c`` or a file first.
    cwd, env
        Its folder and environment; those of this process unless given, and this
        checkout is where it looks for modules.
    """

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.args, self.returncode = list(words), None  # type: int | None
        usual = os.environ | {"PYTHONPATH": str(ROOT)}
        environment = dict(usual if env is None else env)
        self._written: list[IO[bytes]] = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        self._said: list[str] = []
        self._real: subprocess.Popen[bytes] | None = None
        if not can_fork(environment):
            self._real = subprocess.Popen(
                [sys.executable, *words],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._written[0],
                stderr=self._written[1],
            )
            self.pid = self._real.pid
            return
        told = {"words": self.args, "cwd": str(cwd or Path.cwd()), "env": environment}
        status, theirs = os.pipe()
        with open(os.devnull, "rb") as nothing:
            streams = [file.fileno() for file in (nothing, *self._written)]
            request = json.dumps(told).encode()
            socket.send_fds(_server(), [request], [*streams, theirs])
        os.close(theirs)
        self._status = open(status, "rb", buffering=0)  # noqa: SIM115
        self.pid = int(self._status.readline())

    def has_ended(self, within: float = 0.0) -> bool:
        """Tell whether it has ended, or does within so many seconds."""
        try:
            self.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; return its exit code, negative for a signal."""
        if self.returncode is not None:
            return self.returncode
        if self._real is not None:
            self.returncode = self._real.wait(timeout)
        else:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = int(self._status.readline())
            self._status.close()
        for file in self._written:
            file.seek(0)
            self._said.append(file.read().decode(errors="replace"))
            file.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait until it has ended; return what it wrote: standard output, and error."""
        self.wait(timeout)
        out, err = self._said
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)


def run(
    words: Sequence[str],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; return its exit code and what it wrote.

    Raises
    ------
    subprocess.CalledProcessError
        If ``check`` and it ended with another exit code than 0.
    """
    process = Forked(words, cwd, env)
    out, err = process.communicate()
    done = subprocess.CompletedProcess(process.args, process.wait(), out, err)
    if check:
        done.check_returncode()
    return done


@functools.cache
def _server() -> socket.socket:
    """Return the socket of a server, which ends when this process does."""
    mine, theirs = socket.socketpair()
    environment = {n: t for n, t in os.environ.items() if n != "PYTHONPATH"}
    with theirs, tempfile.TemporaryFile() as nowhere:
        server = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), str(theirs.fileno())],
            cwd=Path(sys.executable).parent,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
        )

    def end() -> None:
        mine.close()
        server.wait()

    atexit.register(end)
    return mine
