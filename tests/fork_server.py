"""Start Python programs at once: what they import but for the package is there already.

``forked`` starts this program, hands it requests through a socket, and says what they
are. Each is answered by a process that is forked from this one, in which the package
has not been imported, nor numba asked to compile anything. It must not import anything
of the package, or of these tests.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

LIBRARIES = (
    *("numba", "numba.extending", "mesa", "pandas", "pyarrow.parquet", "networkx"),
    *("pydantic", "filelock", "platformdirs", "packaging.version", "psutil"),
    *("concurrent.futures.process", "multiprocessing.connection", "sqlite3", "tomllib"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "statistics"),
)
PEER = struct.Struct("3i")  # number, user and group of a process
LARGEST = 2**20  # bytes of a request


def forget_ended(*_: object) -> None:
    """Let ended processes go, and count what they took among what this one did."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def accept(door: socket.socket, starter: socket.socket) -> socket.socket:
    """Let processes of this user in, each to a process of its own; return its socket.

    This one ends when who started it does, after letting in whoever is at the door.
    Those of others stay as long as these do.
    """
    while True:
        ready, _, _ = select.select([door, starter], [], [])
        if starter in ready:
            door.shutdown(socket.SHUT_RD)
        try:
            visitor, _ = door.accept()
        except OSError:
            os._exit(0)
        about = visitor.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
        if PEER.unpack(about)[1] == os.getuid() and os.fork() == 0:
            door.close()
            starter.close()
            return visitor
        visitor.close()


def serve(control: socket.socket) -> dict[str, Any]:
    """Fork for each request; return what is asked for, in the forked process.

    It tells its number, and a second process that waits for it its exit code.
    """
    while True:
        raw, given, *_ = socket.recv_fds(control, LARGEST, 4)
        if not raw:
            os._exit(0)
        if os.fork() == 0:
            break
        for number in given:
            os.close(number)
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = given
    child = os.fork()
    if child:
        for number in streams:
            os.close(number)
        _, code = os.waitpid(child, 0)
        with suppress(BrokenPipeError):
            os.write(status, b"%d\n" % os.waitstatus_to_exitcode(code))
        os._exit(0)
    for place, number in enumerate(streams):
        os.dup2(number, place)
        os.close(number)
    asked: dict[str, Any] = json.loads(raw)
    if asked["session"]:
        os.setsid()
    os.write(status, b"%d\n" % os.getpid())
    os.close(status)
    return asked


def become(asked: dict[str, Any], usual: list[str]) -> None:
    """Be a process of that environment and folder, and run what ``python`` would."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    is_safe = asked["words"][0] == "-P"
    how, *rest = asked["words"][is_safe:]
    added = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    first = {"-c": "", "-m": os.getcwd()}.get(how, os.path.dirname(how))
    sys.path[:] = [*([] if is_safe else [first]), *added, *usual]
    sys.path_importer_cache.clear()
    if how == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.argv = ["-c", *rest[1:]]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    else:
        sys.argv = [how, *rest]
        runpy.run_path(how, run_name="__main__")


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, forget_ended)
    for library in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(library)
    gc.collect()
    gc.freeze()
    doors = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    become(serve(accept(*doors)), list(sys.path))
