"""The command line: what it prints, where it writes, and how it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
from quick import QUICK, SEED

import sim
from sim import scenarios
from sim.cli import main
from sim.cli.arguments import WIDTH, as_json, as_table
from sim.cli.events import records
from sim.events import DETECTORS
from sim.events.kinds import EVENTS
from sim.model import parameters
from sim.runs import result

ROOT = Path(__file__).parents[1]
SMALL = ["run", "her", "--humans", "20", "--steps", "3"]
STORY = [
    *("run", "her", "--seed", str(SEED)),
    *(f"--set={name}={value}" for name, value in QUICK.items()),
    *("--humans", "80"),
]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a small stored run; tests only read it."""
    scenario = scenarios.load("her").replace(humans=20, steps=3)
    return sim.run(scenario, out=tmp_path_factory.mktemp("runs") / "small").path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused: one line, code 2, and nothing written."""
    try:
        code: Any = main(arguments)
    except SystemExit as error:
        code = error.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith("os-society: error: ")
    assert err.count("\n") == 1
    assert not list(Path.cwd().glob("**/results"))
    return err


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sim", *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


# ------------------------------------------------------------------------------ run


def test_a_run_tells_its_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*STORY, "--no-figures"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["day", "event", "who", "what"]
    assert max(map(len, lines)) <= WIDTH
    assert err == ""
    (run,) = Path("results/runs").iterdir()
    told = result.load(run)
    rows = [line.split() for line in lines if line[:5].strip().isdecimal()]
    found = [(int(step), kind) for step, kind, *_ in rows]
    events = told.events.drop_duplicates("kind")
    assert found == list(zip(events["step"], events["kind"], strict=True))
    assert len(found) >= 9
    assert "becomes love" in out
    assert f"her, seed {SEED}: 80 humans, 240 days, " in out


def test_lovers_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*STORY, "--no-figures", "--out", "story"]) == 0
    out = capsys.readouterr().out
    told = result.load("story")
    human, beloved = told.events.set_index("kind").at["first_love", "members"]
    assert f"human {human}, OS " in out
    assert f" ({beloved})" in out


def test_a_run_ends_with_the_paths_of_run_and_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(SMALL) == 0
    out, err = capsys.readouterr()
    *lines, first, second, third = out.splitlines()
    assert max(map(len, out.splitlines())) <= WIDTH
    assert err == ""
    assert first.startswith("next     os-society open latest  ")
    assert [line.split()[:2] for line in (second, third)] == [
        ["os-society", "open"],
        ["os-society", "app"],
    ]
    paths = [line.split()[-1] for line in lines[-3:]]
    run, timeline, network = map(Path, paths)
    assert run.is_dir()
    assert timeline == run / "figures" / "timeline.png"
    assert network == run / "figures" / "network.png"
    assert timeline.read_bytes().startswith(b"\x89PNG")
    assert network.read_bytes().startswith(b"\x89PNG")


def test_a_run_without_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--no-figures", "--out", "here"]) == 0
    assert "nothing worth a name happened" in capsys.readouterr().out
    assert not Path("here/figures").exists()


def test_json_is_one_object_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*STORY, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert out.count("\n") == 1
    told = result.load(found.pop("run"))
    events = found.pop("events")
    assert events == json.loads(as_json(records(told.events)))
    assert {"kind", "step", "detected", "members", "who", "p_value"} <= set(events[0])
    last = told.series.iloc[-1]
    assert found == {
        "scenario": "her",
        "seed": SEED,
        "steps": 240,
        "humans": 80,
        "oses": last["oses"],
        "departed": last["departed"],
    }
    assert not (told.path / "figures").exists()


def test_parameters_are_set_from_the_command_line() -> None:
    settings = ["--set", "growth_exponent=1.3", "--set", "peers=off"]
    assert main([*SMALL, *settings, "--out", "here", "--no-figures"]) == 0
    found = result.load("here").provenance["parameters"]
    assert (found["humans"], found["steps"]) == (20, 3)
    assert (found["growth_exponent"], found["peers"]) == (1.3, False)


def test_the_same_run_goes_to_the_same_place_and_another_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def place(*more: str) -> Any:
        assert main([*SMALL, "--json", *more]) == 0
        return json.loads(capsys.readouterr().out)["run"]

    first = place()
    assert place() == first
    assert Path(first).parent == Path.cwd() / "results" / "runs"
    others = [
        place("--seed", "1"),
        place("--set", "warming=0.1"),
        place("--humans", "9"),
    ]
    assert len({first, *others}) == 4


def test_a_network_file_says_who_knows_whom(capsys: pytest.CaptureFixture[str]) -> None:
    Path("friends.csv").write_text("0,1\n1,2\n2,3\n0,4\n")
    assert (
        main(["run", "her", "--steps", "2", "--network", "friends.csv", "--json"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["humans"] == 5
    assert result.load(found["run"]).provenance["network"]["name"] == "friends.csv"


def test_the_real_network_runs(
    data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data_folder / "ego-facebook.csv.gz"
    arguments = ["run", "her", "--steps", "5", "--network", str(file)]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["humans"] == 4039
    told = result.load(found["run"])
    assert told.population == 4039
    assert told.provenance["network"]["name"] == file.name
    friends = told.ties(0)
    assert np.count_nonzero(friends["owner"] < friends["neighbour"]) >= 88_234


def test_a_run_is_not_replaced_unless_forced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [*SMALL, "--no-figures", "--out", "here"]
    assert main(arguments) == 0
    capsys.readouterr()
    assert "already" in refused(capsys, *arguments)
    assert main([*arguments, "--force"]) == 0


def test_a_scenario_of_ones_own_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    text = 'title = "Mine"\nstory = "A try."\n[parameters]\nhumans = 7\nsteps = 2\n'
    Path("mine.toml").write_text(text)
    assert main(["run", "mine.toml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["scenario"], found["humans"], found["steps"]) == ("mine", 7, 2)


# ------------------------------------------------------------------------- printing


def test_json_holds_numbers_of_numpy_and_null_for_what_is_none() -> None:
    value = {1: np.float32(0.5), "days": np.arange(2), "none": [np.nan, float("inf")]}
    assert as_json(value) == '{"1": 0.5, "days": [0, 1], "none": [null, null]}'


def test_a_table_folds_below_its_last_column_and_no_terminal_obeys_it() -> None:
    text = as_table("{:>3} ", ("day", "what"), [(7, "\x1b[2J" + "go " * 40)], fold=True)
    head, first, second = text.splitlines()
    assert head == "day what"
    assert first.startswith(r"  7 \x1b[2Jgo go")
    assert second.startswith("    go")
    assert as_table("{:<5}", (), [("a", ""), ("b", "c")]) == "a\nb    c"


# ------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "hr"], "unknown scenario 'hr'; did you mean 'her'?"),
        (["run", "none.toml"], "cannot read none.toml"),
        (["run", "her", "--humans", "0"], "'humans' must be a whole number from 1"),
        (["run", "her", "--humans", "many"], "--humans: takes a whole number"),
        (["run", "her", "--steps", "-1"], "'steps' must be a whole number from 0"),
        (["run", "her", "--steps", "1.5"], "--steps: takes a whole number"),
        (["run", "her", "--seed", "-1"], "seed"),
        (["run", "her", "--seed", "9" * 30], "seed"),
        (["run", "her", "--threads", "0"], "threads"),
        (["run", "her", "--snapshot-every", "0"], "snapshot_every"),
        (["run", "her", "--set", "warmng=1"], "did you mean 'warming'?"),
        (
            ["run", "her", "--set", "warming=7"],
            "'warming' must be a number from 0 to 1",
        ),
        (["run", "her", "--set", "warming=nan"], "'warming'"),
        (["run", "her", "--set", "warming=hot"], "'warming' takes a number"),
        (["run", "her", "--set", "warming"], "--set takes name=value"),
        (["run", "her", "--network", "none.csv"], "none.csv"),
        (["run", "her", "--out", "file/run"], "cannot write"),
        (["run", "her", "--out", "file"], "is a file"),
        (["run", "her", "--out", "."], "you are working in"),
        (["run", "her", "--human", "3"], "--human"),
        (["run"], "SCENARIO"),
        (["walk"], "walk"),
        ([], "COMMAND"),
        (["parameters", "--search", "elephant"], "no parameter mentions 'elephant'"),
        (["plot", "nowhere"], "no run at nowhere"),
        (["plot", "."], "provenance.json is missing"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    Path("file").write_text("")
    assert message.lower() in refused(capsys, *arguments).lower()
    assert [entry.name for entry in Path.cwd().iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("bad.csv", b"a,b\nb,c\nc,d,e,f\n", 3),
        ("bad.csv", b"a,b\nb\n", 2),
        ("bad.csv", b"a,b\nb,\xff\n", 2),
        ("bad.graphml", b"<graphml>\n<graph>\n<node></graph>\n", 3),
    ],
)
def test_a_malformed_network_names_its_line(
    capsys: pytest.CaptureFixture[str], name: str, content: bytes, line: int
) -> None:
    Path(name).write_bytes(content)
    assert f"{name}, line {line}" in refused(capsys, "run", "her", "--network", name)
    assert [entry.name for entry in Path.cwd().iterdir()] == [name]


def test_an_error_of_many_lines_is_told_in_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "no run at one two" in refused(capsys, "plot", "one\ntwo")


def test_bad_input_under_debug_shows_where(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--debug", "run", "hr"], ["run", "hr", "--debug"]):
        assert main(arguments) == 2
        assert "Traceback" in capsys.readouterr().err


# --------------------------------------------------------------------- interruptions


def on_second_day(does: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen before the second of all days."""
    from sim.society import Society

    step, days = Society.step, iter(range(2, 1000))

    def stepped(self: Society) -> None:
        if next(days) == 3:
            does()
        step(self)

    monkeypatch.setattr(Society, "step", stepped)


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every society break on its second day."""
    from sim.society import Society

    step, days = Society.step, iter([1])

    def broken(self: Society) -> None:
        if next(days, None) is None:
            raise error
        step(self)

    monkeypatch.setattr(Society, "step", broken)


FULL_DISK = """
import resource, sys
import sim  # its run loads what else would be compiled, and kept, under the limit
from sim.cli import main

sim.run("her", steps=1, out="before")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.posix
def test_a_full_disk_leaves_nothing() -> None:
    told = ["-c", FULL_DISK, *SMALL, "--out", "deep/run"]
    done = forked.run(told)
    assert done.returncode == 2
    assert done.stdout == ""
    where = Path("deep/run").resolve()
    assert done.stderr == f"os-society: error: cannot write {where}: File too large\n"
    assert [entry.name for entry in Path.cwd().iterdir()] == ["before"]


def test_control_c_ends_with_130_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(KeyboardInterrupt(), monkeypatch)
    assert main(SMALL) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


class Finalized:
    """Is interrupted in its finalizer, where Python drops what is raised."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def usual_interrupts() -> Iterator[None]:
    """Let nobody else listen to Ctrl-C, whatever ran in this process before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_interrupts")
def test_an_interrupt_that_python_drops_is_heeded_the_next_day(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[object] = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda told: dropped.append(told.exc_type)
    )
    on_second_day(Finalized, monkeypatch)
    assert main(SMALL) == 130
    assert dropped == [KeyboardInterrupt]
    assert "interrupted" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []
    assert main(SMALL) == 0  # and is forgotten then


@pytest.mark.usefixtures("usual_interrupts")
def test_an_interrupt_that_is_turned_into_an_error_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def turned() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise SystemError("a result with an exception set") from None

    on_second_day(turned, monkeypatch)
    assert main(SMALL) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


def test_an_error_of_ours_ends_with_1_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(ZeroDivisionError("oh"), monkeypatch)
    assert main(SMALL) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "internal error: ZeroDivisionError: oh; add --debug" in err
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("INT", 130), ("TERM", 143), ("HUP", 129)])
@pytest.mark.posix
def test_a_signal_leaves_no_partial_run(name: str, code: int) -> None:
    long = command("run", "her", "--steps", "100000", "--humans", "200", "--out", "run")
    running = forked.Forked(long[1:])
    try:
        wait_for(lambda: list(Path.cwd().glob(".run.*/snapshots/ties-000030.*")))
        running.send_signal(signal.Signals[f"SIG{name}"])
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == code, said
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_an_output_that_cannot_be_written_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("scenarios"),
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("os-society: error: ")
    assert "No space left" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_needs_no_standard_output() -> None:
    with_none = "import sys; sys.stdout = None; from sim.cli import main; "
    done = subprocess.run(
        [sys.executable, "-c", with_none + "sys.exit(main(['parameters']))"],
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def wait_for(condition: Any, seconds: float = 240.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_reader_that_stops_reading_is_no_error() -> None:
    listing = subprocess.Popen(
        command("parameters", "--search", "grief"),
        env=environment() | {"PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert listing.stdout is not None
    listing.stdout.close()
    assert listing.wait(60) == 0
    assert listing.stderr is not None
    with listing.stderr as errors:
        assert errors.read() == b""


# --------------------------------------------------------------------------- listings


def test_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios"]) == 0
    out = capsys.readouterr().out
    for name in scenarios.names():
        assert f"{name}: {scenarios.load(name).title}" in out
    assert max(map(len, out.splitlines())) <= WIDTH


def test_parameters_are_listed_with_unit_range_and_source(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["parameters"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    listed = [line.split()[0] for line in lines[1:] if line[0] != " "]
    assert listed == list(parameters.Parameters.model_fields)
    (warming,) = (line for line in lines if line.startswith("warming "))
    row = next(row for row in parameters.table() if row["name"] == "warming")
    assert f"{row['value']:g}" in warming
    assert f"{row['unit']} " in warming
    assert "0 to 1" in warming


def test_parameters_can_be_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parameters", "--search", "Grief", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    names = [row["name"] for row in rows]
    assert "grief_half_life" in names
    assert "humans" not in names
    told = {"name", "value", "unit", "low", "high", "source", "meaning"}
    assert set(rows[0]) == told | {"may_differ_among"}
    among = {row["name"]: row["may_differ_among"] for row in rows}
    assert among["grief_half_life"] == ["humans"] and among["grieving"] == []


def test_every_kind_of_event_is_put_into_words() -> None:
    assert set(DETECTORS) <= set(EVENTS)


@pytest.mark.slow
def test_the_module_can_be_run() -> None:
    done = subprocess.run(
        command(*SMALL, "--json"),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["humans"] == 20


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"os-society {sim.__version__}\n"


HEAVY = ["mesa", "numba", "numpy", "pandas", "matplotlib", "networkx"]


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (["--help"], [*HEAVY, "sim.cli.run", "sim.cli.stored", "sim.cli.minds"]),
        (["run", "--help"], [*HEAVY, "sim.cli.stored", "sim.cli.app"]),
        (["plot", "--help"], [*HEAVY, "sim.cli.run"]),
    ],
)
def test_help_loads_nothing_that_it_does_not_need(
    words: Sequence[str], unneeded: Sequence[str]
) -> None:
    look = (
        "import sys\n"
        "from sim.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        f"    loaded = set({unneeded}) & set(sys.modules)\n"
        "    sys.exit(', '.join(loaded) or end.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", look, *words],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: os-society" in done.stdout


# ------------------------------------------------------------------------------- plot


@pytest.mark.slow
def test_figures_go_where_they_are_wanted(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = ["--what", "network"], ["--format", "svg"]
    every = ["story", "timeline", "network", "multiples", "ego", "communities"]
    every += ["growth", "attention", "survival"]
    assert main(["plot", str(stored), "--out", "figures"]) == 0
    assert main(["plot", str(stored), "--out", "figures", *one, *two]) == 0
    assert main(["plot", str(stored), "--out", "mine.pdf", "--what", "timeline"]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [
        *(f"figures/{name}.png" for name in every),
        "figures/network.svg",
        "mine.pdf",
    ]
    assert all(Path(name).stat().st_size > 1000 for name in printed)


def test_one_file_cannot_hold_two_figures(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, "plot", str(stored), "--out", "both.png")
    assert "choose one figure with --what" in error
    told = refused(
        capsys,
        *("plot", str(stored), "--what", "network"),
        *("--out", "one.png", "--format", "svg"),
    )
    assert "one.png" in told


def test_a_damaged_run_is_not_drawn(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path("copy")
    for file in (f for f in stored.rglob("*") if f.is_file()):
        (copy / file.relative_to(stored)).parent.mkdir(parents=True, exist_ok=True)
        (copy / file.relative_to(stored)).write_bytes(file.read_bytes())
    (copy / "series.parquet").write_bytes(b"PAR1")
    assert "series.parquet is damaged" in refused(capsys, "plot", "copy")
    assert not (copy / "figures").exists()


def test_a_network_says_itself_how_many_humans_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    friends = tmp_path / "friends.csv"
    friends.write_text("a,b\nb,c\n")
    told = refused(capsys, "run", "her", "--network", str(friends), "--humans", "9")
    assert "--humans goes without --network" in told
