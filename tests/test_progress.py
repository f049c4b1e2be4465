"""Progress: a line that moves whatever is done, and gives way to what is printed."""

from __future__ import annotations

import importlib.util
import io
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from numba.core import event

from sim.cli import parser
from sim.utils import progress
from sim.utils.progress import (
    BAR,
    COMPILING,
    Activity,
    StatusLine,
    counted,
    doing,
    is_shown,
    moving,
    progress_shown,
)

TRIES = 5000


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def at_terminal() -> Iterator[Terminal]:
    """Let both standard streams go to a terminal, drawn on without delay."""
    stream = Terminal()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        patched.setattr(sys, "stderr", stream)
        patched.setattr(progress, "EVERY", 0.001)
        yield stream


def until_drawn(stream: Terminal, words: str, times: int = 1) -> None:
    """Do nothing until a line with these words was drawn so often."""
    for _ in range(TRIES):
        if stream.getvalue().count(words) >= times:
            return
        time.sleep(0.001)
    pytest.fail(f"{words!r} was not drawn {times} times: {stream.getvalue()[-300:]!r}")


def test_the_time_that_is_left_leaves_the_first_day_out() -> None:
    clock = Clock()
    run = Activity("", total=10, unit="day", clock=clock)
    assert run.left() is None
    clock.now = 60.0  # the first day, on which much is compiled
    run.add()
    assert run.left() is None
    clock.now = 62.0
    run.reach(3)
    assert run.left() == 7.0
    assert "3/10 days, 1:02 min, about 7 s left" in run.shown(1, is_plain=True)


def test_the_time_that_is_left_leaves_compiling_out() -> None:
    clock = Clock()
    run = Activity("", total=10, unit="day", done=4, clock=clock)
    run.add()
    clock.now = 31.0
    run.lose(30.0)
    run.add()
    assert run.left() == 4.0


def test_a_bar_that_counts_nothing_moves_to_and_fro() -> None:
    bars = [moving(beat, "#", ".") for beat in range(1, 2 * (BAR - 4) + 1)]
    assert all(one != other for one, other in pairwise(bars))
    assert {bar.index("#") for bar in bars} == set(range(BAR - 3))
    assert all(len(bar) == BAR for bar in bars)


def test_a_line_is_drawn_while_the_program_is_busy() -> None:
    with at_terminal() as terminal, progress_shown():
        assert is_shown()
        until_drawn(terminal, "starting |", times=3)
        with doing("drawing network"):
            until_drawn(terminal, "drawing network |", times=3)
        with doing("", total=8, unit="run") as task:
            task.reach(2)
            task.note = "1 failed"
            until_drawn(terminal, "2/8 runs")
            until_drawn(terminal, " s, 1 failed")
    assert not is_shown()
    last = terminal.getvalue().rsplit("\r", 2)
    assert last[1:] == [" " * len(last[1]), ""]  # nothing is left of it


def test_what_is_printed_comes_above_the_line() -> None:
    with at_terminal() as terminal, progress_shown():
        until_drawn(terminal, "starting")
        print("a result")
        print("a warning", file=sys.stderr)
        until_drawn(terminal, "starting", terminal.getvalue().count("starting") + 1)
        assert sys.stdout is not terminal
    text = terminal.getvalue()
    assert "\ra result\n" in text
    assert re.search(r"[\r\n]a warning\n", text)


def test_a_line_that_is_not_ended_is_not_drawn_over() -> None:
    stream = Terminal()
    line = StatusLine(stream)
    line.write(stream, "your turn: ")
    line.draw()
    assert stream.getvalue() == "your turn: "
    line.write(stream, "mine\n")
    line.draw()
    assert "starting" in stream.getvalue()


def test_what_is_quick_shows_nothing() -> None:
    with at_terminal() as terminal, progress_shown(patience=3600.0):
        assert list(counted(range(3), "", 3, "day")) == [0, 1, 2]
        assert terminal.getvalue() == ""


def test_compiling_is_named_and_counted() -> None:
    with (
        at_terminal() as terminal,
        progress_shown(),
        doing("", total=9, unit="day") as task,
    ):
        task.add()
        with event.trigger_event("numba:compile"):
            until_drawn(terminal, COMPILING)
        with event.trigger_event("numba:compile"):
            until_drawn(terminal, "1 loop")
        until_drawn(terminal, "1/9 days")
    assert not event._registered["numba:compile"]


def test_a_second_line_is_part_of_the_first() -> None:
    with at_terminal() as terminal, progress_shown():
        with progress_shown(), progress_shown(False), doing("reading"):
            until_drawn(terminal, "reading")
        assert is_shown()
    assert not is_shown()


def test_a_terminal_of_few_letters_gets_plain_ones() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    line = StatusLine(stream)
    line.begin(Activity("filming", total=4, unit="frame"))
    line.tasks[-1].reach(2)
    line.draw()
    stream.seek(0)
    assert stream.read() == f"\rfilming |{'#' * 7}{'.' * 7}| 2/4 frames, 0 s"


@pytest.fixture(scope="module")
def watching() -> Iterator[Any]:
    """Return the program that watches commands in a terminal of their own."""
    place = ROOT / "experiments" / "benchmarks" / "progress.py"
    found = importlib.util.spec_from_file_location("watching_progress", place)
    assert found is not None and found.loader is not None
    module = sys.modules[found.name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    yield module
    del sys.modules[found.name]


FEW = "--humans 20 --steps 20"
PAIR = f"{FEW} --seeds 2 --workers 1"
DESIGN = "seeds = 1\n[base]\nhumans = 20\nsteps = 5\n"
LONG = {  # commands that may take long, in small
    "run": f"run her {FEW} --no-figures --out run",
    "check": f"check her {PAIR}",
    "compare": f"compare her --lever price --at 5 {PAIR}",
    "report": "report run --out report.html",
    "sweep": "sweep design.toml --workers 1",
    "calibrate": "calibrate --runs 1 --kind clustering --workers 1",
    "film": "plot run --what film --out films",
}


def test_the_commands_that_may_take_long_are_watched(watching: Any) -> None:
    assert [*LONG] == [*watching.COMMANDS]
    for line in LONG.values():
        assert parser().parse_args(line.split()).is_watched


# All in one process, so that what is heavy is loaded once.
ONE_BY_ONE = """
import sys
from sim.cli import main
for line in sys.argv[1:]:
    print(f"{line.split()[0]} ended with {main(line.split())}")
"""


@pytest.mark.slow
@pytest.mark.posix
def test_no_command_is_silent_for_two_seconds(watching: Any, tmp_path: Path) -> None:
    """In a terminal, measured in processor time of the commands themselves.

    The program that watches tries larger ones, each with nothing compiled.
    """
    (tmp_path / "design.toml").write_text(DESIGN)
    found = watching.watch(["-c", ONE_BY_ONE, *LONG.values()], tmp_path)
    assert found.code == 0, found.text
    ends = re.findall(r"(\w+) ended with ([01])", found.text)
    assert [name for name, _ in ends] == [line.split()[0] for line in LONG.values()]
    assert found.silence < watching.MOST
    assert found.drawings > 1
