"""Likely mistakes are answered with what was meant, soon, and in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mistakes
import pytest

import sim
from sim.utils.errors import closest

ROOT = Path(__file__).parents[1]
HEAVY = {"matplotlib", "mesa", "networkx", "numba", "pandas", "pyarrow"}
SECONDS = 0.5  # of processor time


def test_the_lists_are_long_enough() -> None:
    assert min(len(mistakes.COMMAND_LINE), len(mistakes.PYTHON)) >= 50


def test_mistakes_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them in one process, so that none has loaded what is heavy."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "provenance.json").touch()
    done = subprocess.run(
        [sys.executable, "-c", mistakes.ANSWER],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input=json.dumps(list(mistakes.COMMAND_LINE)),
        capture_output=True,
        text=True,
        check=True,
    )
    told, modules = json.loads(done.stdout)
    assert not HEAVY & set(modules)
    assert sum(taken for _, _, taken in told.values()) < SECONDS * len(told)
    wrong = {
        line: said
        for line, (code, said, _) in told.items()
        if code != 2 or said.count("\n") != 1 or not said.startswith("os-society: err")
    }
    assert not wrong
    missed = [
        line
        for line, meant in mistakes.COMMAND_LINE.items()
        if f"did you mean {meant}?" not in told[line][1]
    ]
    assert len(missed) <= (1 - mistakes.NEEDED) * len(told), missed


def test_mistakes_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"sim": sim, "her": sim.scenario("her")}
    known["result"] = sim.Result("nowhere")
    for name in [*sim.__all__, "checks", "plots"]:
        getattr(sim, name)  # loads what it needs, the first time
    missed, slow = [], []
    for call, meant in mistakes.PYTHON.items():
        began = time.process_time()
        with pytest.raises(sim.InputError) as refused:
            eval(call, known)
        if time.process_time() - began > SECONDS:
            slow.append(call)
        if f"did you mean {meant!r}?" not in str(refused.value):
            missed.append(f"{call}: {refused.value}")
    assert len(missed) <= (1 - mistakes.NEEDED) * len(mistakes.PYTHON), missed
    assert not slow
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("--no_figures", ["--no-figures", "--network"], "--no-figures"),
        ("DAYS", ["seed", "steps"], "steps"),
        ("days", ["days", "steps"], "days"),
        ("snap", ["snapshot_every", "steps"], "snapshot_every"),
        ("humens", ["humans", "threads"], "humans"),
        ("zzz", ["humans", "threads"], ""),
        ("", ["humans"], ""),
    ],
)
def test_what_was_meant(word: str, known: list[str], meant: str) -> None:
    assert closest(word, known) == meant
