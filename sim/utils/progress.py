"""Progress on standard error: a line that says what is being done, and keeps moving.

A thread draws the line twice a second, whatever the rest of the program does, so that
a long step looks like one and not like the end. What is drawn is a bar for what can be
counted, with the time it may still take, and a block that goes to and fro for what
cannot. While loops of the model are compiled, the line says so; that time, and the
first of what is counted, say nothing of how fast it will be and are left out.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, TypeVar, cast

Found = TypeVar("Found")

EVERY = 0.5  # seconds between two drawings
PATIENCE = 1.0  # seconds of which nothing is drawn, so that what is quick shows nothing
BAR = 14  # letters
BLOCK = 4  # letters of what moves in a bar where nothing is counted
FEWEST = 20  # columns of a terminal that is taken to be one
COMPILING = "compiling, once per version (about 30 s)"
STARTING = "starting"


class Activity:
    """What is being done, and how much of it is.

    Parameters
    ----------
    text
        In a few words.
    total
        How much there is of it; None if that is not known.
    unit
        What is counted.
    done
        How much of it was done before.
    clock
        Returns seconds.
    """

    def __init__(
        self,
        text: str,
        total: int | None = None,
        unit: str = "",
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.text, self.total, self.unit = text, total, unit
        self.done, self.note = done, ""
        self._clock = clock
        self.began = clock()
        self._first: tuple[int, float] | None = None  # what was done first, and when
        self._lost = 0.0  # seconds of compiling since

    def add(self, count: int = 1) -> None:
        """Tell that so much more is done."""
        self.reach(self.done + count)

    def reach(self, done: int) -> None:
        """Tell how much is done by now."""
        if done > self.done and self._first is None:
            self._first = done, self._clock()
        self.done = done

    def lose(self, seconds: float) -> None:
        """Leave out some of the time that has passed."""
        if self._first is not None:
            self._lost += seconds

    def left(self) -> float | None:
        """Return how many seconds it may still take; None if that is not known.

        The first that was done is left out, and so is the time of compiling.
        """
        if self.total is None or self._first is None:
            return None
        first, since = self._first
        if self.done <= first:
            return None
        taken = max(self._clock() - since - self._lost, 0.0)
        return taken * (self.total - self.done) / (self.done - first)

    def shown(self, beat: int, is_plain: bool) -> str:
        """Return what it looks like at the so-manyeth drawing."""
        passed = in_words(self._clock() - self.began)
        full, empty = ("#", ".") if is_plain else ("\u2588", "\u2591")
        if self.total is None:
            return f"{self.text} |{moving(beat, full, empty)}| {passed}{self._noted()}"
        share = self.done / self.total if self.total else 1.0
        bar = full * int(BAR * min(share, 1.0))
        left = self.left()
        eta = "" if left is None else f", about {in_words(left)} left"
        count = f"{self.done:,}/{self.total:,} {self.unit}s"
        start = f"{self.text} " if self.text else ""
        bar = bar.ljust(BAR, empty) if bar or left else moving(beat, full, empty)
        return f"{start}|{bar}| {count}, {passed}{eta}{self._noted()}"

    def _noted(self) -> str:
        return f", {self.note}" if self.note else ""


def moving(beat: int, full: str, empty: str) -> str:
    """Return a bar in which a block goes to and fro, a place a beat."""
    room = BAR - BLOCK
    at = abs((beat + room) % (2 * room) - room)
    return empty * at + full * BLOCK + empty * (room - at)


def in_words(seconds: float) -> str:
    """Return a duration in a few letters.

    Examples
    --------
    >>> in_words(7.2), in_words(95.0), in_words(7300.0)
    ('7 s', '1:35 min', '2:01 h')
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"


class StatusLine:
    """A line of a terminal that is drawn again and again while something is done.

    Parameters
    ----------
    stream
        Where to.
    patience
        Seconds of which nothing is drawn.
    clock
        Returns seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        patience: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream, self.clock = stream, clock
        self.tasks = [Activity(STARTING, clock=clock)]
        self.compiling = Compiling(clock)
        self._from = clock() + patience
        self._drawn = 0  # letters that stand there
        self._beat = 0
        self._is_free = True  # whether the cursor is where a line begins
        self._lock = threading.RLock()
        encoding = getattr(stream, "encoding", None) or "ascii"
        self._is_plain = not _can_write("\u2588\u2591", encoding)

    def draw(self, is_last: bool = False) -> None:
        """Draw it; ``is_last`` draws how far it came, whatever is being compiled."""
        with self._lock, suppress(OSError, ValueError):
            self._beat += 1
            if not self._is_free or self.clock() < self._from:
                return
            task = self.tasks[-1]
            if self.compiling.is_on and not is_last:
                task = self.compiling.task
            columns = max(shutil.get_terminal_size().columns, FEWEST) - 1
            text = task.shown(self._beat, self._is_plain)[:columns]
            self.stream.write("\r" + text.ljust(self._drawn))
            self.stream.flush()
            self._drawn = len(text)

    def erase(self) -> None:
        """Leave an empty line, and the cursor at its beginning."""
        with self._lock, suppress(OSError, ValueError):
            if self._drawn:
                self.stream.write("\r" + " " * self._drawn + "\r")
                self.stream.flush()
                self._drawn = 0

    def write(self, stream: TextIO, text: str) -> int:
        """Write a text to a stream of the same terminal, in the place of the line."""
        with self._lock:
            if text:
                self.erase()
                self._is_free = text.endswith(("\n", "\r"))
            return stream.write(text)

    def begin(self, task: Activity) -> None:
        """Let it be about another task."""
        self._listen()
        self.tasks.append(task)

    def end(self, task: Activity) -> None:
        """Let it be about what it was about before."""
        if task.total is not None:
            self.draw(is_last=True)
        self.tasks.remove(task)

    def compiled(self, seconds: float) -> None:
        """Leave out time that compiling took."""
        for task in self.tasks:
            task.lose(seconds)

    def run(self, stop: threading.Event) -> None:
        """Draw it again and again until told to stop."""
        while not stop.wait(EVERY):
            self._listen()
            self.draw()

    def _listen(self) -> None:
        self.compiling.listen(self.compiled)


class Compiling:
    """Compiling of loops by numba, of which it tells those who listen.

    Parameters
    ----------
    clock
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._depth, self._count = 0, 0
        self._passed, self._since = 0.0, 0.0
        self._tell: Callable[[float], None] = lambda seconds: None
        self._listener: Any = None
        self.task = Activity(COMPILING, clock=clock)

    @property
    def is_on(self) -> bool:
        """Tell whether something is being compiled."""
        return self._depth > 0

    def listen(self, tell: Callable[[float], None]) -> None:
        """Listen to numba, if it is loaded; ``tell`` is told the seconds of each."""
        event = sys.modules.get("numba.core.event")
        if self._listener is not None or not hasattr(event, "Listener"):
            return
        self._tell, outer = tell, self

        class LoopListener(cast(Any, event).Listener):  # type: ignore[misc]
            def on_start(self, _: Any) -> None:
                outer.start()

            def on_end(self, _: Any) -> None:
                outer.stop()

        self._listener = LoopListener()
        cast(Any, event).register("numba:compile", self._listener)

    def start(self) -> None:
        """Note that something is compiled from now on."""
        if not self._depth:
            self._since = self._clock()
            self.task.began = self._since - self._passed
        self._depth += 1

    def stop(self) -> None:
        """Note that it is compiled."""
        if not self._depth:  # it began before anybody listened
            return
        self._depth -= 1
        if not self._depth:
            took = self._clock() - self._since
            self._passed += took
            self._count += 1
            self.task.note = f"{self._count} loop{'s' * (self._count > 1)}"
            self._tell(took)

    def ignore(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            event = cast(Any, sys.modules["numba.core.event"])
            event.unregister("numba:compile", self._listener)
            self._listener = None


class _Above:
    """A stream of a terminal, whose text comes in the place of the line."""

    def __init__(self, stream: TextIO, line: StatusLine) -> None:
        self._stream, self._line = stream, line

    def write(self, text: str) -> int:
        return self._line.write(self._stream, text)

    def writelines(self, lines: Iterable[str]) -> None:
        for one in lines:
            self.write(one)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_lines: list[StatusLine] = []  # the one that is shown, if one is


def is_shown() -> bool:
    """Tell whether there is a line that says what is being done."""
    return bool(_lines)


@contextmanager
def progress_shown(shown: bool = True, patience: float = 0.0) -> Iterator[None]:
    """Show what is being done within, in a line on standard error that moves.

    What is printed meanwhile comes above it, and at the end it is gone. Inside another
    one there is no second.

    Parameters
    ----------
    shown
        Whether to do so.
    patience
        Seconds of which nothing is drawn, so that what is quick shows nothing.
    """
    if not shown or _lines or sys.stderr is None:
        yield
        return
    stdout, stderr = sys.stdout, sys.stderr
    line = StatusLine(stderr, patience)
    _lines.append(line)
    stop = threading.Event()
    drawing = threading.Thread(target=line.run, args=(stop,), daemon=True)
    for name, stream in (("stdout", stdout), ("stderr", stderr)):
        if stream is not None and stream.isatty():
            setattr(sys, name, _Above(stream, line))
    drawing.start()
    try:
        yield
    finally:
        stop.set()
        drawing.join()
        line.compiling.ignore()
        line.erase()
        sys.stdout, sys.stderr = stdout, stderr
        _lines.clear()


@contextmanager
def doing(
    text: str, total: int | None = None, unit: str = "", done: int = 0
) -> Iterator[Activity]:
    """Say what is being done within, if anybody looks: see ``progress_shown``.

    Parameters
    ----------
    text, total, unit, done
        As for ``Activity``, which is told how far it is.
    """
    task, lines = Activity(text, total, unit, done), [*_lines]
    for line in lines:
        line.begin(task)
    try:
        yield task
    finally:
        for line in lines:
            if line in _lines:  # else it is gone already
                line.end(task)


def counted(
    found: Iterable[Found], text: str, total: int, unit: str, done: int = 0
) -> Iterator[Found]:
    """Yield what is found, and show how much of it there is.

    Parameters
    ----------
    found
        What comes.
    text, total, unit, done
        As for ``Activity``.
    """
    with doing(text, total, unit, done) as task:
        for one in found:
            yield one
            task.add()


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
