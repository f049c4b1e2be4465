"""What every test shares: repeatable examples, no screen, and where the data lies."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from sim.runs.result import Result
    from sim.society import Society

ROOT = Path(__file__).parents[1]
HALVES = "gw0", "gw1"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Before anything imports matplotlib, here or in a subprocess.
os.environ["MPLBACKEND"] = "Agg"
os.environ.pop("FORCE_COLOR", None)  # what is printed is compared without colour

# The same examples on every machine and every run; compiling is not a slow example.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=50
)
hypothesis.settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Have signals end processes that tests start, though what started these did not.

    ``nohup`` has a hang-up ignored, and a shell an interrupt in what it runs in the
    background; processes inherit both.
    """
    gc.set_threshold(50_000, 20, 20)  # as in processes of the project
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)  # that of pytest-xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Take a process more than there are processors: many tests wait for another."""
    return (os.cpu_count() or 1) + 1


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let two processes of tests compile the model half each, if it is in no cache."""
    told: dict[str, Any] = getattr(session.config, "workerinput", {})
    mine = told.get("workerid", "")
    if told.get("workercount", 1) < 2:
        return
    if mine in HALVES:
        compile_half(mine)
        mark_of(told, mine).touch()
    latest = time.monotonic() + 120.0
    while not all(mark_of(told, one).exists() for one in HALVES):
        if time.monotonic() > latest:
            break
        time.sleep(0.05)


def compile_half(mine: str) -> None:
    """Compile loops of the model: those of talk, or all others."""
    from sim.model import processes
    from sim.model.mechanisms import collectives
    from sim.society import Society

    society = Society("her", seed=0, humans=20)
    given = society.state.agents, society.state.ties.arrays, society.day
    for phase in processes.PHASES:
        is_talk = phase.name in ("present", "attend", "converse")
        if phase.over in ("agents", "humans", "oses") and is_talk == (mine == "gw0"):
            phase.run(0, 0, *given)
    if mine == "gw1":
        collectives.gather(society.state, society.day)
        for day in range(8):
            society.monitor.look(day, society.state)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no mark behind."""
    told: dict[str, Any] = getattr(session.config, "workerinput", {})
    if told.get("workerid") in HALVES:
        mark_of(told, told["workerid"]).unlink(missing_ok=True)


def mark_of(told: dict[str, Any], worker: str) -> Path:
    """Return the file that says that a process has compiled its half."""
    return Path(tempfile.gettempdir(), f"os-society-{told['testrunuid']}-{worker}")


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """Write as usual, but wait for no disk: no machine loses its power in a test.

    A test of what is synced, and when, puts its own in the place of this.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def few_objects_to_collect() -> Iterator[None]:
    """Take what is there out of garbage collection: each society run asks for one."""
    gc.collect()
    gc.freeze()
    yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of shared data sets, which are not part of the repository."""
    given = os.environ.get("OS_SOCIETY_DATA")
    folder = Path(given) if given else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set OS_SOCIETY_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def story() -> Society:
    """Return a quick society at the end of its story; tests only look at it."""
    from quick import lived

    return lived()


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]
) -> Path:
    """Return what the first process that needs it makes; tests only read it."""
    import filelock

    base = factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with filelock.FileLock(folder / f"{name}.lock"):
        if not (folder / name).exists():
            make(folder / name)
    return folder / name


def whole_story(factory: pytest.TempPathFactory, every: int) -> Result:
    """Return a run of a whole quick story of 80 humans, with snapshots."""
    from quick import QUICK, SEED

    import sim

    scenario = sim.scenario("her-film-cut").replace(**(QUICK | {"humans": 80}))
    make = partial(sim.run, scenario, seed=SEED, snapshot_every=every)
    name = f"story-{every}"
    return sim.load(made_once(factory, name, lambda out: make(out=out)))


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run of a whole quick story of 80 humans; tests only read it."""
    return whole_story(tmp_path_factory, every=10)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run of the scenario ``her`` as it is by default; tests only read it."""
    import sim

    make = partial(sim.run, "her")
    return sim.load(made_once(tmp_path_factory, "film", lambda out: make(out=out)))


@pytest.fixture
def quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers start at once, where what counts is what they do; see ``forked``.

    How they are started, watched and killed is what tests without this ask for.
    """
    import forked

    if forked.can_fork(os.environ):
        processes = SimpleNamespace(**vars(subprocess) | {"Popen": forked.Popen})
        monkeypatch.setattr("sim.utils.portable.subprocess", processes)
        pools = SimpleNamespace(get_context=lambda _: forked.pool_context())
        monkeypatch.setattr("sim.utils.portable.multiprocessing", pools)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Return a browser without a window; skip where there is none."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed"
    )
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox"]
        )
        yield found
        found.close()
