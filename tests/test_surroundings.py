"""Where it runs: caches, homes, encodings, proxies, settings and clusters of others.

Each is a thing that happened to somebody. What can be survived is survived, with a line
at most; what cannot is told in one line that names what to change.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numba
import numpy as np
import pandas as pd
import pytest

import sim
from sim import cli, plots
from sim.engine import cache, jit
from sim.minds import client
from sim.minds import environment as client_environment
from sim.runs import foresight
from sim.runs.live import LiveResult
from sim.runs.result import Result
from sim.society import Society
from sim.studies import executors, workers
from sim.studies.design import make, read
from sim.studies.job import Tasks
from sim.utils import untrusted
from sim.utils.errors import writable
from sim.utils.portable import Child, free_memory

ROOT = Path(__file__).parents[1]
SMALL = ["--humans", "20", "--steps", "3"]
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
NO_UTF8 = "r\udcff"  # how Python spells a path with the byte 0xff


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a small stored run; tests only read it."""
    small = {"humans": 30, "steps": 4}
    return sim.run(
        "her-film-cut", parameters=small, out=tmp_path_factory.mktemp("run") / "a"
    )


def environment(**changes: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)} | changes


def python(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )


# ---------------------------------------------------------------- compiled loops' cache


def twice(value: float) -> float:
    return value + value


@pytest.fixture
def loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a cache that holds one compiled loop."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    cache.forget_complaints()
    assert jit.compile_loop(twice)(2.0) == 4.0
    return jit.cache_folder()


def hits(loop: Any) -> int:
    return sum(loop.stats.cache_hits.values())


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def garble(file: Path) -> None:
    file.write_bytes(b"\x80\x04garbage" * 50)


def flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[-20] ^= 1
    file.write_bytes(raw)


def block(file: Path) -> None:
    file.unlink()
    file.mkdir()


def open_to_all(file: Path) -> None:
    file.chmod(0o666)


def give_away(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only the superuser can give a file away")
    os.chown(file, 12345, 12345)


def kept(folder: Path) -> Path:
    (file,) = folder.rglob("*.nbc")
    return file


@pytest.mark.parametrize(
    "damage",
    [
        empty,
        cut,
        garble,
        flip,
        pytest.param(open_to_all, marks=pytest.mark.posix),
        pytest.param(give_away, marks=pytest.mark.posix),
    ],
)
def test_a_file_of_the_cache_that_is_not_sound_is_a_miss_that_mends_it(
    loops: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    damage(kept(loops))
    again = jit.compile_loop(twice)
    assert (again(3.0), hits(again)) == (6.0, 0)
    (line,) = caplog.messages
    assert str(loops) in line
    assert cache.VARIABLE in line
    mended = jit.compile_loop(twice)
    assert (mended(3.0), hits(mended)) == (6.0, 1)


def test_no_bit_of_a_file_of_the_cache_can_be_another(loops: Path) -> None:
    file, loop = kept(loops), jit.compile_loop(twice)
    own = loop._cache
    key = own._index_key((numba.float64,), loop.targetctx.codegen())
    assert own._cache_file.load(key)
    raw = file.read_bytes()
    for bit in {*range(0, 1200, 9), *range(1200, len(raw) * 8, 997)}:
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        with pytest.raises(cache.Distrusted, match="damaged"):
            own._cache_file.load(key)


@pytest.mark.posix
@pytest.mark.parametrize("which", ["itself", "the one inside"])
def test_a_folder_that_others_can_write_to_is_not_used(
    loops: Path, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = loops if which == "itself" else kept(loops).parent
    place.chmod(0o770)
    jit._can_keep.cache_clear()
    before = kept(loops).stat()
    again = jit.compile_loop(twice)
    assert (again(3.0), hits(again)) == (6.0, 0)
    (line,) = caplog.messages
    assert "can be written by others" in line
    assert kept(loops).stat() == before


@pytest.mark.posix
def test_what_is_kept_is_for_this_user_alone_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    before = os.umask(0)
    try:
        assert jit.compile_loop(twice)(2.0) == 4.0
    finally:
        os.umask(before)
    modes = [oct(path.stat().st_mode) for path in (tmp_path / "cache").rglob("*")]
    assert modes == ["0o40700"] * 3 + ["0o100600"]


def test_a_loop_cannot_stand_in_for_another(
    loops: Path, caplog: pytest.LogCaptureFixture
) -> None:
    of_numbers = kept(loops)
    assert jit.compile_loop(twice)(1j) == 2j
    (of_complex,) = {*loops.rglob("*.nbc")} - {of_numbers}
    of_complex.write_bytes(of_numbers.read_bytes())
    again = jit.compile_loop(twice)
    assert (again(1j), hits(again)) == (2j, 0)
    assert caplog.messages == []


def test_versions_of_a_library_share_a_folder_and_no_loop(
    loops: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for makers in (("0.1",), ("0.2",)):
        monkeypatch.setattr(cache, "MAKERS", makers)
        first, second = jit.compile_loop(twice), jit.compile_loop(twice)
        assert (first(3.0), hits(first)) == (6.0, 0)
        assert (second(3.0), hits(second)) == (6.0, 1)
    assert len([*loops.rglob("*.nbc")]) == 3
    assert caplog.messages == []


def test_a_cache_that_takes_no_file_costs_time_only(
    loops: Path, caplog: pytest.LogCaptureFixture
) -> None:
    block(kept(loops))
    assert jit.compile_loop(twice)(3.0) == 6.0
    assert len(caplog.messages) == 1


def test_a_sound_cache_is_used_without_a_word(
    loops: Path, caplog: pytest.LogCaptureFixture
) -> None:
    again = jit.compile_loop(twice)
    assert (again(3.0), hits(again)) == (6.0, 1)
    assert caplog.messages == []
    assert loops.stat().st_mode & 0o777 == 0o700 or os.name == "nt"


@pytest.mark.posix
def test_a_full_disk_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import resource

    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    cache.forget_complaints()
    loop = jit.compile_loop(twice)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # no file longer
    try:
        assert loop(2.0) == 4.0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (line,) = caplog.messages
    assert "cannot be written (File too large)" in line


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    loops = [jit.compile_loop(twice) for _ in range(2)]
    assert [loop(2.0) for loop in loops] == [4.0, 4.0]
    (line,) = caplog.messages
    assert line.startswith(f"os-society: the cache of compiled loops in {tmp_path}")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_home_that_nobody_knows_makes_no_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not jit._can_keep(Path("~", ".cache", "os-society"))
    assert "the home folder is not known" in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_without_compiling_it_says_so() -> None:
    done = python("-m", "sim", "run", "her-film-cut", *SMALL, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 2
    assert done.stderr.startswith("os-society: error: NUMBA_DISABLE_JIT is set")
    assert done.stderr.count("\n") == 1


# --------------------------------------------------------------------- homes and names


@pytest.mark.posix
def test_a_path_that_is_not_utf8_is_a_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Path(f"friends{NO_UTF8}.csv")
    network.write_text("ann,ben\nben,cleo\n")
    given = ["run", "her-film-cut", "--steps", "3", "--network", str(network)]
    assert cli.main([*given, "--out", NO_UTF8, "--no-figures"]) == 0
    found = sim.load(NO_UTF8)
    assert found.provenance["network"]["name"] == r"friendsr\xff.csv"
    assert found.population == len(found.humans(0)) == 3
    assert cli.main(["export", NO_UTF8, "--out", f"{NO_UTF8}.gexf"]) == 0
    assert Path(f"{NO_UTF8}.gexf").stat().st_size > 1000
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("network  friends")


def test_text_that_a_file_cannot_hold_is_spelled_out() -> None:
    assert writable("caf\udce9 \N{LATIN SMALL LETTER E WITH ACUTE}") == r"caf\xe9 é"


def test_letters_that_a_terminal_lacks_are_spelled_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert cli.main(["scenarios"]) == 0
    assert b"her: " in shown.getvalue()
    assert shown.getvalue().isascii()


def test_closed_streams_are_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert cli.main(["run", "her-film-cut", *SMALL, "--no-figures"]) == 0
    assert cli.main(["run", "hers"]) == 2
    assert list(Path("results/runs").iterdir())
    for name in ("stdout", "stderr"):
        getattr(sys, name).close()


@pytest.mark.slow
def test_a_plain_locale_is_enough() -> None:
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for what in (["scenarios"], ["run", "her-film-cut", *SMALL]):
        done = python("-m", "sim", *what, **plain)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_file_of_the_same_name_is_not_taken_for_this_package() -> None:
    Path("sim.py").write_text("raise SystemExit('not ours')")
    (flag,) = (word for word in workers.PROGRAM if word != "-m" and word[0] == "-")
    child = Child([flag, "-m", "sim", "--version"])
    assert child.exit_code(60.0) == 0
    child.drain()
    assert child.last_words == f"os-society {sim.__version__}"
    child.kill()


@pytest.mark.slow
def test_a_sweep_runs_beside_a_file_of_the_same_name() -> None:
    Path("sim.py").write_text("raise SystemExit('not ours')")
    few = {"base": {"humans": 20, "steps": 3}, "seeds": 1, "outcomes": ["left"]}
    assert len(sim.sweep(few, out="s", workers=1).failures()) == 0


# ------------------------------------------------------------------------------- files


def test_a_mark_of_byte_order_is_no_text() -> None:
    Path("mine.toml").write_text(f'{BOM}title = "Mine"\nstory = "So it was."\n')
    assert sim.scenario("mine.toml").title == "Mine"
    Path("few.toml").write_text(f"{BOM}seeds = 2\n[base]\nhumans = 20\n")
    assert read("few.toml").seeds == 2
    Path("one.json").write_text(f'{BOM}{{"a": 1}}')
    assert untrusted.read_json(Path("one.json"), 100) == {"a": 1}


def test_thresholds_are_written_here_unless_a_file_is_named() -> None:
    assert cli.parser().parse_args(["calibrate"]).out == "thresholds.json"


# ----------------------------------------------------------------------------- figures


@contextmanager
def settings_of_somebody() -> Iterator[None]:
    odd = {
        "text.usetex": True,
        "font.size": 31.0,
        "axes.facecolor": "black",
        "lines.linewidth": 9.0,
        "savefig.bbox": "tight",
        "savefig.dpi": 30,
        "axes.xmargin": 0.4,
        "figure.autolayout": True,
    }
    with matplotlib.rc_context(odd):
        yield


OTHERS = pytest.param(plots.network, marks=pytest.mark.slow, id="network")


@pytest.mark.parametrize("draw", [plots.timeline, OTHERS, plots.growth])
def test_figures_are_the_same_whatever_a_matplotlibrc_says(
    stored: Result, tmp_path: Path, draw: Callable[..., Any]
) -> None:
    usual = plots.save(draw(stored), tmp_path / "usual.svg")
    with settings_of_somebody():
        other = plots.save(draw(stored), tmp_path / "other.svg")
        assert matplotlib.rcParams["text.usetex"]
    assert usual.read_bytes() == other.read_bytes()


# --------------------------------------------------------------- proxies, certificates


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ALL_PROXY", "nonsense://u:secret@h:1", "proxy of ALL_PROXY=h:1 cannot be"),
        ("SSL_CERT_FILE", "/nowhere.pem", "certificates of SSL_CERT_FILE=/nowhere.pem"),
    ],
)
def test_a_variable_that_stops_a_client_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    pytest.importorskip("openai")
    for one in (*client_environment.CERTIFICATES, *client_environment.PROXIES):
        monkeypatch.delenv(one, raising=False)
        monkeypatch.delenv(one.lower(), raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(sim.InputError, match=says) as refused:
        client.connect("https://models.example/v1", "key", 1)
    assert "secret" not in str(refused.value)


def test_no_proxy_stands_before_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "nonsense://h:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    assert client.connect("http://127.0.0.1:1/v1", "key", 1)


# ---------------------------------------------------------------------------- clusters


def test_a_job_finds_its_network_from_any_folder(tmp_path: Path) -> None:
    Path("friends.csv").write_text("ann,ben\nben,cleo\n")
    few = {"network": "friends.csv", "base": {"steps": 2}, "seeds": 1}
    (task,) = Tasks(make(few))
    assert task.job["network"] == str(tmp_path / "friends.csv")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_without_workers_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "PATIENCE", 1.0)
    few = {"n_workers": 0, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(**few, protocol="tcp://") as cluster,
        pytest.raises(sim.InputError, match=r"has no workers; start some, as in 'dask"),
        executors.connect(cluster.scheduler_address),
    ):
        pass


# ---------------------------------------------------------------------- few, none, zero


def test_few_seeds_are_said_to_be_few(capsys: pytest.CaptureFixture[str]) -> None:
    pair = [
        "compare",
        "her-film-cut",
        "--lever",
        "price",
        "--at",
        "2",
        "--workers",
        "1",
    ]
    assert cli.main([*pair, *SMALL, "--outcomes", "left", "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert "0 [no interval]" in out  # both pairs differ by nothing: no certainty
    assert "2 seeds: too few to rely on an interval; take 5 or more" in out


def test_day_0_is_told_as_far_as_it_is_known(stored: Result) -> None:
    people, ties = stored.humans(0), stored.ties(0)
    counted = np.bincount(ties["owner"], minlength=len(people))
    assert people["human_ties"].tolist() == counted.tolist()
    assert stored.columns("humans", ["human_ties"], 0)["human_ties"].all()
    later = stored.humans(4)["loneliness"]
    assert people["loneliness"].mean() == pytest.approx(later.mean(), rel=0.05)
    assert people[["hours_humans", "stimulus", "surroundings"]].isna().all(axis=None)
    assert (people["os_ties"] == 0).all()


def test_day_0_of_a_society_is_that_of_its_run(stored: Result) -> None:
    now = LiveResult(Society("her-film-cut", seed=0, humans=30, steps=4))
    told = stored.humans(0)
    pd.testing.assert_frame_equal(now.humans(), told, check_dtype=False)
    assert (now.columns("humans", ["loneliness"])["loneliness"] > 0.0).all()


def test_a_set_of_nobody_has_the_columns_of_either_kind() -> None:
    nobody = Society("her-film-cut", seed=0, humans=10).agents.select(agent_type=sim.OS)
    assert len(nobody) == 0
    for name, kind in (("status", "u1"), ("loneliness", "f4"), ("growth", "f4")):
        assert nobody.column(name).dtype == np.dtype(kind)
        assert nobody.get(name) == []
    with pytest.raises(AttributeError, match=r"'stats'; did you mean 'status'"):
        nobody.column("stats")


LITTLE = {
    "no day": ["--steps", "0"],
    "one human": ["--humans", "1"],
    "nobody adopts": ["--set=innovation=0", "--set=imitation=0"],
    "no ties, and any closeness is love": ["--set=ties=0", "--set=love=0"],
}


@pytest.mark.parametrize("what", LITTLE)
def test_a_society_in_which_little_happens_is_a_run(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["run", "her-film-cut", *SMALL, *LITTLE[what], "--no-figures", "--out", "a"]
    assert cli.main(told) == 0
    assert cli.main(["events", "a", "--again"]) == 0
    assert cli.main(["export", "a", "--step", "0", "--out", "a.graphml"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("what", LITTLE)
def test_a_society_in_which_little_happens_is_drawn_and_reported(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["run", "her-film-cut", *SMALL, *LITTLE[what], "--no-figures", "--out", "a"]
    assert cli.main(told) == 0
    assert cli.main(["plot", "a"]) == 0
    assert cli.main(["report", "a", "--out", "a.html"]) == 0
    assert capsys.readouterr().err == ""


def test_no_memory_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._complain(MemoryError("Unable to allocate 9 EiB")) == 2
    err = capsys.readouterr().err
    assert err.startswith("os-society: error: there is not enough memory")
    assert err.count("\n") == 1


def test_the_log_is_the_one_that_programs_can_quieten() -> None:
    assert logging.getLogger("sim.engine.cache") is cache.LOG


# ------------------------------------------------------------------------------- memory


def test_memory_that_does_not_suffice_is_foreseen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(foresight, "free_memory", lambda: asked.append(1) or 10**9)
    large = [
        "run",
        "her-film-cut",
        "--humans",
        "2000000",
        "--steps",
        "1",
        "--no-figures",
    ]
    assert cli.main(large) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "2,000,000 humans may take 3.98 GB of memory, and 1 GB are free" in line
    assert not list(Path.cwd().iterdir())
    assert cli.main(["run", "her-film-cut", *SMALL, "--no-figures"]) == 0
    assert asked == [1]  # few humans are not worth asking


def test_whoever_says_yes_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "SMALL", 0)
    monkeypatch.setattr(foresight, "free_memory", lambda: 0)
    assert cli.main(["run", "her-film-cut", *SMALL, "--no-figures"]) == 2
    assert cli.main(["run", "her-film-cut", *SMALL, "--no-figures", "--yes"]) == 0


def test_memory_of_a_sweep_is_that_of_its_largest_runs_at_a_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(foresight, "free_memory", lambda: 5 * 10**9)
    design = Path("design.toml")
    design.write_text(
        "[base]\nsteps = 1\nties = 15.0\n[grid]\nhumans = [100, 2000000]\n"
    )
    assert cli.main(["sweep", "design.toml", "--workers", "2"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "2 runs at a time of 2,000,000 humans may take 7.96 GB" in line
    assert [one.name for one in Path.cwd().iterdir()] == ["design.toml"]


@pytest.mark.parametrize(
    ("design", "humans"),
    [
        ({}, 600),
        ({"base": {"humans": 50}}, 50),
        ({"grid": {"humans": [70, 60]}}, 70),
        ({"list": [{"humans": 7}, {"ties": 3}]}, 600),
        ({"list": [{"humans": 7}, {"humans": 9}]}, 9),
        ({"lhs": {"n": 2, "humans": [10, 90]}}, 90),
    ],
)
def test_the_most_that_a_parameter_is_in_a_design(
    design: dict[str, Any], humans: int
) -> None:
    assert make(design).most("humans") == humans


@pytest.mark.posix
def test_free_memory_is_no_more_than_a_limit_leaves() -> None:
    import resource

    assert 2**20 < free_memory() < 2**50
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**42, before[1]))
    try:
        assert free_memory() < 2**42
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_threads_that_keep_loops_at_once_each_find_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one may keep them in the folder where the program was started."""
    entered, both_in, found = threading.Event(), threading.Event(), {}

    class Waiting:
        def __init__(self, function: Any, folder: Path) -> None:
            if function == "first":
                entered.set()
                both_in.wait(0.1)
            else:
                both_in.set()
                first.join()
            found[function] = numba.config.CACHE_DIR, str(folder)

    class Compiled:
        _cache: Any = None

    monkeypatch.setattr(cache, "LoopCache", Waiting)
    first = threading.Thread(
        target=cache.keep, args=(Compiled(), "first", tmp_path / "first")
    )
    before = numba.config.CACHE_DIR
    first.start()
    entered.wait()
    cache.keep(Compiled(), "second", tmp_path / "second")
    first.join()
    assert all(named == folder for named, folder in found.values())
    assert before == numba.config.CACHE_DIR
