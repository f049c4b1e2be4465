"""``os-society sweep`` and ``compare``: what they print, and their exit codes."""

from __future__ import annotations

import json
import runpy
import signal
import sys
import time
from pathlib import Path
from typing import Any

import forked
import pytest

import sim
from sim.cli import main
from sim.studies.executors import check

ROOT = Path(__file__).parents[1]
STUDIES = ("phase", "ablation", "levers", "sensitivity", "networks", "minds")
STUDIES += ("meanfield",)
FILE = """
outcomes = ["left"]
[base]
humans = 12
steps = {steps}
[grid]
reach = [2.0, 3.0, 4.0]
"""


@pytest.fixture(autouse=True)
def design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Work in a directory with a small design."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(FILE.format(steps=3))
    return "tiny.toml"


def test_a_dry_run_tells_and_writes_nothing(
    design: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", design, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "tiny: 3 runs" in told
    assert "a pilot of 3 days" in told
    assert not Path("results").exists()
    assert main(["sweep", design, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 3


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_a_sweep_prints_its_summary_and_is_not_done_twice(
    design: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", design, "--workers", "1"]) == 0
    assert "tiny: 3 of 3 runs done" in capsys.readouterr().out
    assert len(sim.load_sweep("results/sweeps/tiny").table()) == 3
    assert main(["sweep", design]) == 2
    assert "continue with --resume" in capsys.readouterr().err
    assert main(["sweep", design, "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 3
    assert main(["sweep", design, "--dry-run"]) == 0
    assert "3 runs in the ledger" in capsys.readouterr().out


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_failures_are_told_by_kind_and_in_the_exit_code(
    design: str, capsys: pytest.CaptureFixture[str]
) -> None:
    long = FILE.format(steps=100_000).replace("3.0, 4.0", "3.0")
    Path(design).write_text(long)
    told = ["sweep", design, "--workers", "1", "--time-limit", "0.3"]
    assert main(told) == 1
    summary = capsys.readouterr().out
    assert "failed   2 timed out" in summary
    assert "day " in summary


@pytest.mark.slow
@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.posix
def test_an_interrupted_sweep_can_be_gone_on_with(design: str, stop: str) -> None:
    Path(design).write_text(FILE.format(steps=100_000))
    told = ["-m", "sim", "sweep", design, "--workers", "1"]
    driver = forked.Forked(told)
    ledger = Path("results/sweeps/tiny/ledger.sqlite")
    while not ledger.exists():
        time.sleep(0.05)
    time.sleep(0.5)
    driver.send_signal(signal.Signals[stop])
    _, words = driver.communicate(timeout=60.0)
    assert driver.returncode == 130
    assert "continue with --resume" in words
    assert sim.load_sweep("results/sweeps/tiny").counts()["waiting"] == 3


def test_a_mistake_names_file_key_and_the_nearest_word(
    design: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(design).write_text("[grid]\nreech = [1.0]\n")
    assert main(["sweep", design]) == 2
    words = capsys.readouterr().err
    assert words.count("\n") == 1
    assert "tiny.toml: 'grid.reech'" in words
    assert "did you mean 'reach'?" in words


@pytest.mark.parametrize(
    ("address", "insecure", "complaint"),
    [
        ("tcp://127.0.0.1:1", False, ""),
        ("tls://far.example:1", False, ""),
        ("tcp://far.example:1", True, ""),
        ("tcp://far.example:1", False, "--insecure"),
        ("http://127.0.0.1:1", False, "tcp:// or tls://"),
    ],
)
def test_a_cluster_far_away_is_reached_by_tls_alone(
    address: str, insecure: bool, complaint: str
) -> None:
    if not complaint:
        check(address, insecure)
        return
    with pytest.raises(sim.InputError, match=complaint):
        check(address, insecure)


def test_compare_prints_differences(capsys: pytest.CaptureFixture[str]) -> None:
    told = ["compare", "her", "--lever", "price", "--at", "5", "--seeds", "2"]
    size = ["--humans", "20", "--steps", "30", "--workers", "1"]
    assert main([*told, *size, "--outcomes", "adopted_end,left"]) == 0
    out = capsys.readouterr().out
    assert "adopted_end" in out
    assert "the same to the last bit until the first difference" in out
    assert main([*told, *size, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lever"] == "price"


def test_compare_needs_something_to_compare_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for told in ([], ["watts", "--lever", "price"], ["--lever", "price"]):
        assert main(["compare", "her", *told]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_a_study_gives_its_committed_table(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """One is run as a command, and the others in this process, which is ready."""
    if study == "sensitivity":
        pytest.importorskip("SALib")
    program = str(ROOT / "experiments" / study / "run.py")
    told = [program, "--small", "--check", "--sweeps", str(tmp_path)]
    if study == "phase":
        done = forked.run([*told, "--workers", "2"], ROOT)
        assert done.returncode == 0, done.stdout + done.stderr
        return
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    monkeypatch.setattr(sys, "argv", [*told, "--workers", "1"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(program, run_name="__main__")
    assert ended.value.code == 0, capsys.readouterr()


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing() -> None:
    """One; the program kills as often as one likes."""
    program = ROOT / "experiments" / "benchmarks" / "kills.py"
    done = forked.run([str(program), "--kills", "1", "--json"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["kills"] == 1


@pytest.mark.slow
def test_a_cluster_that_dies_on_the_way_leaves_the_same_bytes() -> None:
    pytest.importorskip("distributed")
    program = ROOT / "experiments" / "benchmarks" / "cluster.py"
    done = forked.run([str(program), "--runs", "20", "--json"])
    assert done.returncode == 0, done.stdout + done.stderr
