"""Nothing that only some operating systems have is asked for, but in two modules."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import sim
from sim.engine import jit
from sim.utils import portable
from sim.utils.errors import InputError
from sim.utils.files import Lock
from sim.utils.portable import Child, SharedText

ROOT = Path(__file__).parents[1]
APART = {"sim/utils/portable.py"}  # who may ask, having looked
ONLY_POSIX = {
    "os": {
        *("fchmod", "fchown", "fork", "forkpty", "geteuid", "getegid", "getgid"),
        *("getpgid", "getpgrp", "getuid", "killpg", "mkfifo", "mknod", "nice"),
        *("posix_spawn", "pread", "preadv", "pwrite", "pwritev", "register_at_fork"),
        *("sched_getaffinity", "sched_setaffinity", "setpgid", "setsid", "sync"),
        *("O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC"),
        *("WEXITSTATUS", "WNOHANG", "WTERMSIG", "wait3", "wait4", "statvfs", "uname"),
    },
    "signal": {
        *("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP"),
        *("SIGUSR1", "SIGUSR2", "alarm", "pause", "pthread_sigmask", "setitimer"),
    },
    "select": {"epoll", "kqueue", "poll", "select"},
}
MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "select", "selectors", "termios"}
ARGUMENTS = {"close_fds", "pass_fds", "preexec_fn", "process_group"}


def asked(file: Path) -> list[str]:
    """Return what a module asks for that only some systems have."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = {one.name for one in node.names}
            found += [node.module or ""] if node.module in MODULES else []
            found += names & ONLY_POSIX.get(node.module or "", set())
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in ONLY_POSIX.get(node.value.id, ()):
                found.append(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg in ARGUMENTS:
            found.append(f"{node.arg}=")
    return found


@pytest.mark.slow
def test_only_the_portable_modules_know_one_system_from_another() -> None:
    files = sorted((ROOT / "sim").rglob("*.py"))
    found = {file.relative_to(ROOT).as_posix(): asked(file) for file in files}
    others = {name: what for name, what in found.items() if what}
    assert set(others) == APART
    assert "os.killpg" in others["sim/utils/portable.py"]


@pytest.mark.slow
def test_no_module_imports_what_only_some_systems_have_when_it_is_imported() -> None:
    for file in sorted((ROOT / "sim").rglob("*.py")):
        body = ast.parse(file.read_text("utf-8")).body
        names = {
            alias.name
            for node in body
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not names & MODULES, file


# ------------------------------------------------------------------- as if on Windows

# Python reads this at the start of every process that finds it, spawned ones as well.
AS_ON_WINDOWS = """
import os, psutil, select, stat, sys  # psutil itself knows each system
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("fork", "forkpty", "killpg", "pread", "pwrite", "setsid", "sync",
             "sched_getaffinity", "mkfifo", "O_CLOEXEC", "O_DIRECTORY"):
    delattr(os, name)
theirs = select.select
def of_sockets(*lists):
    for one in [one for some in lists[:3] for one in some]:
        number = one if isinstance(one, int) else one.fileno()
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            raise OSError(10038, "it is not a socket")
    return theirs(*lists)
select.select = of_sockets
"""
STUDY = """
import json, os, sys, warnings
from pathlib import Path
import sim

def hoard(society):
    '''Take memory until there is no more.'''
    kept = []
    while society.parameters.reach > 2.5:
        kept.append(bytes(2**22))
    return 1.0

def main(place):
    warnings.simplefilter("ignore", UserWarning)  # locks are not those of the system
    small = sim.scenario("her").replace(humans=40, steps=30)
    run = sim.run(small, seed=1, out=place / "run", checkpoint_every=15)
    loaded = sim.load(place / "run")
    figure = sim.plots.timelines.timeline(loaded)
    sim.plots.style.save(figure, place / "timeline.png")
    design = {"name": "s", "base": {"humans": 40, "steps": 30},
              "grid": {"reach": [2.0, 3.0]}, "seeds": 1, "outcomes": ["left"]}
    sweep = sim.sweep(design, out=place / "sweep", workers=2, memory_limit=1500,
                      functions={"hoard": hoard})
    table = sim.load_sweep(place / "sweep").table()
    paired = sim.counterfactual(small, "farewell", at=5, seeds=2, workers=2,
                                outcomes=["left"])
    print(json.dumps({
        "fork": hasattr(os, "fork"),
        "days": int(loaded.series.index[-1]),
        "report": len(sim.report(run)),
        "states": table["state"].tolist(),
        "errors": table["error"].fillna("").tolist(),
        "left": sorted(p.name for p in place.iterdir()),
        "pairs": len(paired.runs),
    }))

if __name__ == "__main__":
    main(Path(sys.argv[1]))
"""


def study(folder: Path, **more: str) -> dict[str, Any]:
    """Do a small study in a process of its own; return what it found."""
    (folder / "out").mkdir()
    (folder / "study.py").write_text(STUDY)
    places = {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, str(folder / "study.py"), str(folder / "out")],
        cwd=folder,
        env=os.environ | places | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.posix
def test_a_study_goes_without_what_windows_lacks(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(AS_ON_WINDOWS)
    found = study(tmp_path)
    assert not found["fork"]
    assert found["days"] == 30
    assert found["report"] > 10_000
    assert found["left"] == ["run", "sweep", "timeline.png"]
    assert found["states"] == ["done", "failed"]
    assert "out of memory (outcome hoard): MemoryError" in found["errors"][1]
    small = sim.scenario("her").replace(humans=40, steps=30)
    here = sim.run(small, seed=1, out=tmp_path / "here", checkpoint_every=15)
    for file in sorted(here.path.rglob("*.parquet")):
        there = tmp_path / "out" / "run" / file.relative_to(here.path)
        assert there.read_bytes() == file.read_bytes(), file
    assert found["pairs"] == 4


# -------------------------------------------------------------------------- processes

HOLDS = """
import sys, time
from pathlib import Path
from sim.utils.files import Lock
held = Lock(Path(sys.argv[1]), str)
print(flush=True)
time.sleep(600)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def heard(child: Child, lines: list[bytes | None]) -> bytes:
    """Return the first line that a child says, or raise if it says none."""
    while not lines:
        time.sleep(0.01)
    assert lines[0] is not None, child.last_words
    return lines[0]


def test_a_lock_is_held_by_one_and_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / ".run.lock"
    with Lock(place, "{} has it".format):
        with pytest.raises(InputError, match=f"^{os.getpid()} has it$"):
            Lock(place, "{} has it".format)
        assert place.exists()
    assert list(tmp_path.iterdir()) == []
    Lock(place, "{} has it".format).release()


def test_what_is_finished_is_read_without_a_lock(tmp_path: Path) -> None:
    small = sim.scenario("her").replace(humans=20, steps=4)
    run = sim.run(small, out=tmp_path / "run", checkpoint_every=2)
    assert not list(tmp_path.glob(".*"))
    with Lock(tmp_path / ".run.lock", str):
        assert sim.load(tmp_path / "run").events.equals(run.events)


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    place, lines = tmp_path / ".run.lock", list[bytes | None]()
    holder = Child(["-c", HOLDS, str(place)], lines.append)
    try:
        heard(holder, lines)
        with pytest.raises(InputError, match=f"^{holder.process.pid} has it$"):
            Lock(place, "{} has it".format)
    finally:
        holder.kill()
    with Lock(place, "{} has it".format):
        assert place.exists()


@pytest.mark.slow
@pytest.mark.parametrize("lacks", [[], ["killpg"]], ids=["group", "tree"])
@pytest.mark.posix
def test_a_process_ends_with_all_that_it_has_started(
    monkeypatch: pytest.MonkeyPatch, lacks: list[str]
) -> None:
    lines = list[bytes | None]()
    parent = Child(["-c", PARENT], lines.append)
    try:
        child = psutil.Process(int(heard(parent, lines)))
        assert child.is_running()
    finally:
        for name in lacks:
            monkeypatch.delattr(os, name)
        parent.kill()
    psutil.wait_procs([child], timeout=30.0)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert not parent.is_alive


def test_what_a_process_says_is_read_as_it_comes() -> None:
    lines = list[bytes | None]()
    says = "import sys; print(input()[::-1]); print('x', end=''); sys.exit('y' * 500)"
    child = Child(["-c", says], lines.append, kept=30)
    assert child.send(b"what\n")
    code = child.exit_code(60.0)
    child.kill()
    assert code == 1
    assert lines == [b"tahw", None]
    assert child.last_words == "y" * 29
    assert not child.send(b"more\n")


def test_standard_output_without_a_listener_is_kept_with_errors() -> None:
    child = Child(["-c", "import sys; print(3); sys.exit('four')"])
    child.exit_code(60.0)
    child.kill()
    assert child.last_words.split() == ["3", "four"]


@pytest.mark.posix
def test_what_does_not_end_when_asked_is_made_to_end() -> None:
    lines = list[bytes | None]()
    stays = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    child = Child(["-c", stays + "print(flush=True); time.sleep(600)"], lines.append)
    heard(child, lines)
    child.end(0.1)
    assert child.exit_code() != 0
    assert not child.is_alive


def test_one_process_writes_a_text_that_another_reads() -> None:
    mine = SharedText()
    theirs = SharedText(mine.path)
    theirs.write("day 3")
    assert mine.read() == "day 3"
    mine.write("é" * 300)
    assert theirs.read() == "é" * 100
    theirs.write("")
    assert mine.read() == ""
    for one in (mine, theirs):
        one.close()
    assert not mine.path.exists()


def test_an_exit_code_names_its_signal() -> None:
    assert portable.signal_name(0) is None
    assert portable.signal_name(3221225477) is None  # Windows: access violation
    assert portable.signal_name(-15) == "SIGTERM"


def test_there_is_a_processor() -> None:
    assert 1 <= portable.processors() <= (os.cpu_count() or 1)


# ----------------------------------------------------------------------- compiled loops


def test_loops_are_plain_where_pointers_do_not_say_to_what(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not jit.is_plain()
    usual = jit.cache_folder()
    opaque = type("IntType", (), {"as_pointer": lambda _: object()})
    try:
        monkeypatch.setattr(jit.ir, "IntType", lambda bits: opaque())
        jit.is_plain.cache_clear()
        assert jit.is_plain()
        assert jit.cache_folder().name == f"{usual.name}-plain"
    finally:
        jit.is_plain.cache_clear()


def test_the_cache_is_where_a_system_keeps_such_things(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OS_SOCIETY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jit.cache_folder().parent == tmp_path / "os-society"
    monkeypatch.delenv("XDG_CACHE_HOME")
    if sys.platform == "linux":
        monkeypatch.setenv("HOME", str(tmp_path))
        expected = tmp_path / ".cache" / "os-society"
        assert jit.cache_folder().parent == expected
    assert jit.cache_folder().parent.is_absolute()
