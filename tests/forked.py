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
import multiprocessing
import multiprocessing.context
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import fork_server
from fork_server import LIBRARIES

ROOT = Path(__file__).parents[1]
PROGRAM = Path(fork_server.__file__)
READ_AT_START = ("PYTHON", "NUMBA_", "LC_", "LANG", "MPL", "OMP_", "OPENBLAS_")
FIRST = dict(os.environ)  # that of the server, whatever a test changes later
READ_LATER = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}


def can_fork(environment: Mapping[str, str]) -> bool:
    """Tell whether a process of this environment would be like one that is started.

    Windows has no fork, and libraries of macOS do not outlive it.
    """
    if sys.platform != "linux":
        return False
    return all(
        environment.get(name) == FIRST.get(name)
        for name in {*environment, *FIRST} - READ_LATER
        if name.startswith(READ_AT_START)
    )


class Process:
    """A forked process, with that of ``subprocess.Popen`` which is asked for.

    Parameters
    ----------
    words
        What follows ``python`` on its command line: ``-m``, ``-c`` or a file first.
    cwd, env
        Its folder and environment.
    streams
        Its standard input, output and error.
    session
        Whether it leads a session of its own.
    """

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        streams: Sequence[int],
        session: bool = False,
    ) -> None:
        self.args, self.returncode = list(words), None  # type: int | None
        status, theirs = os.pipe()
        told = {"words": self.args, "cwd": str(cwd), "env": dict(env)}
        request = json.dumps(told | {"session": session}).encode()
        socket.send_fds(_server(), [request], [*streams, theirs])
        os.close(theirs)
        self._status = open(status, "rb", buffering=0)  # noqa: SIM115
        self.pid = int(self._status.readline())

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; return its exit code, negative for a signal."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return its exit code if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0.0)
        return None

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Popen(Process):
    """What `sim.utils.portable` starts as ``subprocess.Popen``, with its pipes."""

    def __init__(
        self,
        args: Sequence[str],
        bufsize: int,
        env: Mapping[str, str],
        stderr: int,
        start_new_session: bool,
        **_: int,
    ) -> None:
        assert (args[0], bufsize) == (sys.executable, 0)
        given, mine = os.pipe()
        outs = [os.pipe()]
        outs += [outs[0] if stderr == subprocess.STDOUT else os.pipe()]
        streams = [given, *(theirs for _, theirs in outs)]
        super().__init__(args[1:], Path.cwd(), env, streams, start_new_session)
        for number in {*streams}:
            os.close(number)
        self.stdin = open(mine, "wb", buffering=0)  # noqa: SIM115
        self.stdout = open(outs[0][0], "rb", buffering=0)  # noqa: SIM115
        if stderr == subprocess.PIPE:
            self.stderr = open(outs[1][0], "rb", buffering=0)  # noqa: SIM115


class Forked:
    """A program and what it writes.

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
        usual = os.environ | {"PYTHONPATH": str(ROOT)}
        environment = dict(usual if env is None else env)
        self.args, self._said = list(words), list[str]()
        self._files: list[IO[bytes]] = [_nameless(), _nameless()]
        out, err = self._files
        with open(os.devnull, "rb") as nothing:
            self._process: Process | subprocess.Popen[bytes]
            if can_fork(environment):
                streams = [file.fileno() for file in (nothing, out, err)]
                there = cwd or Path.cwd()
                self._process = Process(words, there, environment, streams)
            else:
                self._process = subprocess.Popen(
                    [sys.executable, *words],
                    cwd=cwd,
                    env=environment,
                    stdin=nothing,
                    stdout=out,
                    stderr=err,
                )

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None before it was waited for."""
        return self._process.returncode

    def has_ended(self, within: float = 0.0) -> bool:
        """Tell whether it has ended, or does within so many seconds."""
        try:
            self.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; return its exit code, negative for a signal."""
        code = self._process.wait(timeout)
        for file in self._files:
            file.seek(0)
            self._said.append(file.read().decode(errors="replace"))
            file.close()
        self._files.clear()
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait until it has ended; return what it wrote: standard output, and error."""
        self.wait(timeout)
        out, err = self._said
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


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


def _nameless() -> IO[bytes]:
    return tempfile.TemporaryFile()


@functools.cache
def pool_context() -> multiprocessing.context.BaseContext:
    """Return how a pool starts its processes from one that has the libraries.

    They have the environment that this process had at the first of them.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*LIBRARIES])
    return context


@functools.cache
def _server() -> socket.socket:
    """Return a connection to a server: the first process of tests starts it for all.

    It ends when that one does; what comes later starts another.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process {os.getpid()}")
    address = f"\0os-society, tests of {run}"  # a name on Linux, and no file
    connection = socket.socket(socket.AF_UNIX)
    while True:
        with suppress(ConnectionRefusedError):
            connection.connect(address)
            atexit.register(connection.close)
            return connection
        with socket.socket(socket.AF_UNIX) as door:
            try:
                door.bind(address)
            except OSError:  # another process just did so, or its server is ending
                continue
            door.listen()
            _start(door)


def _start(door: socket.socket) -> None:
    """Start a server that lets in who connects, until this process ends."""
    mine, theirs = socket.socketpair()
    environment = {n: t for n, t in FIRST.items() if n != "PYTHONPATH"}
    given = [door.fileno(), theirs.fileno()]
    with theirs, tempfile.TemporaryFile() as nowhere:
        server = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), *map(str, given)],
            cwd=Path(sys.executable).parent,
            env=environment,
            pass_fds=given,
            stdin=subprocess.DEVNULL,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
        )

    def end() -> None:
        mine.close()
        server.wait()

    atexit.register(end)
