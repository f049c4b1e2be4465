"""Portable processes, signals and pipes.

Nowhere else does this package ask for what Linux, macOS and Windows do not all have,
but for what concerns files: see `sim.utils.files`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import IO, Any, NoReturn

from sim.utils.garbage import collect_rarely

ROOT = Path(__file__).parents[2]  # the folder that holds this package
PIECE = 2**16  # bytes read from a pipe at once
MEGABYTE = 2**20
OTHERS = 0o022  # bits of a mode: the group or all may write
SUPERUSER = 0
CGROUPS = (  # where Linux says what a container may have
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
MOST_IN_A_POOL = 61  # processes that Windows can wait for at once
PATIENCE = 5.0  # seconds until what an ended process said must have been read
CHECK_EVERY = 0.05  # seconds between looks at memory that no system limits


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def process_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Open spawned processes that leave an interrupt to the one who started them.

    A forked process would inherit the locks of this one's threads in any state.
    What is not begun when the context is left is not done.
    """
    most = min(workers, MOST_IN_A_POOL) if os.name == "nt" else workers
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(most, context, _begin)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    ignore_interrupts()
    collect_rarely()


def ignore_interrupts() -> None:
    """Leave an interrupt from the keyboard to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Child:
    """A Python process that is handed lines, and whose output is read as it comes.

    Threads read it, since not every system can wait for several pipes. An interrupt
    from the keyboard is not for it, but for the process that started it.

    Parameters
    ----------
    arguments
        What follows ``python`` on its command line. It can import what this process
        can.
    on_line
        Called from another thread with each whole line of its standard output, and
        with None at the end. Without it, standard output is kept with standard error.
    kept
        How many bytes of standard error are kept: the last ones.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        on_line: Callable[[bytes | None], None] | None = None,
        kept: int = 300,
    ) -> None:
        self._began, self._is_over = time.time(), False
        self._kept, self._words = kept, b""
        places = [str(ROOT), *(str(Path(place).resolve()) for place in sys.path)]
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if on_line else subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(places))},
            # Out of reach of the keyboard: on POSIX, and on Windows.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        if on_line:
            self._readers = [
                self._reader(_read_lines, self.process.stdout, on_line),
                self._reader(_read, self.process.stderr, self._keep),
            ]
        else:
            self._readers = [self._reader(_read, self.process.stdout, self._keep)]

    @staticmethod
    def _reader(read: Any, *given: Any) -> threading.Thread:
        thread = threading.Thread(target=read, args=given, daemon=True)
        thread.start()
        return thread

    def _keep(self, piece: bytes) -> None:
        self._words = (self._words + piece)[-self._kept :]

    @property
    def is_alive(self) -> bool:
        """Tell whether it has not ended."""
        return self.process.poll() is None

    @property
    def last_words(self) -> str:
        """The end of what it wrote to standard error."""
        return self._words.decode(errors="replace").strip("\0 \r\n")

    def forget_words(self) -> None:
        """Drop what it has written to standard error so far."""
        self._words = b""

    def send(self, line: bytes) -> bool:
        """Hand it a line; return False if it takes no more."""
        assert self.process.stdin is not None
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self.process.stdin.write(rest) :]
        except (OSError, ValueError):  # it has ended, or was ended
            return False
        return True

    def drain(self) -> None:
        """Wait until all has been read that it said before it ended."""
        for reader in self._readers:
            reader.join(PATIENCE)

    def exit_code(self, patience: float = PATIENCE) -> int | None:
        """Return its exit code, negative for a signal; None if it does not end."""
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return None

    def end(self, patience: float) -> None:
        """Ask it to end, and end it by force if it does not."""
        self.process.terminate()
        self.exit_code(patience)
        self.kill()

    def kill(self) -> None:
        """End it and all that it has started, at once; it may have ended before."""
        if self._is_over:
            return
        self._is_over = True  # its number may be another's from now on
        _kill_tree(self.process, self._began)
        self.process.wait()
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        self.drain()


def _read(pipe: IO[bytes], deliver: Callable[[bytes], None]) -> None:
    with pipe, suppress(OSError):
        while piece := pipe.read(PIECE):
            deliver(piece)


def _read_lines(pipe: IO[bytes], deliver: Callable[[bytes | None], None]) -> None:
    heard = b""

    def on_piece(piece: bytes) -> None:
        nonlocal heard
        *lines, heard = (heard + piece).split(b"\n")
        for line in lines:
            deliver(line)

    _read(pipe, on_piece)
    deliver(None)


def _kill_tree(process: subprocess.Popen[bytes], began: float) -> None:
    """End a process in a session of its own, and all that it has started."""
    if sys.platform != "win32" and hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return
    import psutil

    for child in _descendants(process.pid, began):
        with suppress(psutil.Error):
            child.kill()
    process.kill()


def _descendants(root: int, began: float) -> list[Any]:
    """Return the processes below a process, which may have ended before.

    One that began earlier is no descendant: process numbers are used again.
    """
    import psutil

    children: dict[int, list[psutil.Process]] = {}
    for one in psutil.process_iter(["ppid", "create_time"]):
        parent, created = one.info["ppid"], one.info["create_time"]
        if parent is not None and created is not None and created >= began - 1.0:
            children.setdefault(parent, []).append(one)
    found = children.pop(root, [])
    for child in found:  # it grows on the way
        found += children.pop(child.pid, [])
    return found


def signal_name(code: int) -> str | None:
    """Return the name of the signal that an exit code tells of, if it does."""
    return signal.Signals(-code).name if code < 0 else None


class SharedText:
    """A short text in a file that one process writes again and again, another reads.

    Parameters
    ----------
    path
        Its file, made by another process; None makes one.
    """

    WIDTH = 200  # bytes

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            number, name = tempfile.mkstemp(prefix="os-society-")
            self.path, self._file = Path(name), FileIO(number, "r+")
        else:
            self.path, self._file = path, FileIO(path, "r+")

    def write(self, text: str) -> None:
        """Write a text in place of the one before."""
        self._file.seek(0)
        self._file.write(text.encode()[: self.WIDTH].ljust(self.WIDTH))

    def read(self) -> str:
        """Return the text."""
        self._file.seek(0)
        return (self._file.read(self.WIDTH) or b"").decode(errors="replace").strip()

    def forget_name(self) -> None:
        """Remove the name of the file, if the system can, so that nothing is left."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file, and remove it."""
        self._file.close()
        self.forget_name()


def take_over_output() -> int:
    """Return a descriptor of standard output, which from now on is standard error.

    So what this process prints does not come between what it has to say.
    """
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    return own


def strangers_access(found: os.stat_result) -> str | None:
    """Return why somebody else may have written a file or folder; None if nobody could.

    The superuser is nobody else. Where files have no owners, as on Windows, the answer
    is None.
    """
    if not hasattr(os, "geteuid"):
        return None
    if found.st_uid not in (os.geteuid(), SUPERUSER):
        return "belongs to another user"
    return "can be written by others" if found.st_mode & OTHERS else None


def free_memory() -> int:
    """Return how many bytes this process could still take.

    What the machine has, or a limit on this process or its group of processes leaves,
    whichever is less.
    """
    import psutil

    free = [int(psutil.virtual_memory().available)]
    for file in CGROUPS:
        with suppress(OSError, ValueError):  # other systems; "max"
            free.append(int(Path(file).read_text()))
    try:
        if sys.platform == "win32":
            raise ImportError("it has other limits")
        import resource
    except ImportError:
        return min(free)
    used = psutil.Process().memory_info()
    for name, taken in (("RLIMIT_AS", used.vms), ("RLIMIT_DATA", used.rss)):
        limit, _ = resource.getrlimit(getattr(resource, name, resource.RLIMIT_DATA))
        if limit != resource.RLIM_INFINITY:
            free.append(max(0, limit - taken))
    return min(free)


def limit_memory(megabytes: int) -> None:
    """Let this process have so much private memory at most.

    On Linux its requests for more fail with MemoryError. Elsewhere a thread looks at
    what it has, and ends the process with a line on standard error.
    """
    most = megabytes * MEGABYTE
    try:
        if sys.platform != "linux":
            raise ImportError("other systems do not count mapped memory")
        import resource
    except ImportError:
        threading.Thread(target=_watch_memory, args=(most,), daemon=True).start()
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def allow_files(wanted: int) -> int:
    """Let this process have so many files and pipes open at once, if it may.

    Returns
    -------
    int
        How many it may have: ``wanted`` or more, or the most that the system grants.
    """
    try:
        import resource
    except ImportError:
        return wanted  # Windows sets no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    if soft == endless or soft >= wanted:
        return wanted
    most = wanted if hard == endless else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # macOS grants less than it says
        return soft
    return most


def _watch_memory(most: int) -> NoReturn:
    import psutil

    this = psutil.Process()
    while True:
        found = this.memory_info()
        # What counts against a limit: on Windows, on Linux, or what is in memory.
        used = getattr(found, "private", None) or getattr(found, "data", found.rss)
        if used > most:
            words = f"MemoryError: more than {most // MEGABYTE} MB\n"
            os.write(2, words.encode())
            os._exit(1)
        time.sleep(CHECK_EVERY)
