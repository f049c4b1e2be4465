"""Runs have the bytes that were recorded at an earlier commit, and a change is seen."""

from __future__ import annotations

import copy
import importlib.util
import json
import subprocess
import sys
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from conftest import ROOT

SCRIPT = ROOT / "experiments" / "same_bytes.py"
REFERENCE = ROOT / "tests" / "same_bytes.json"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("same_bytes", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def known() -> Any:
    return json.loads(REFERENCE.read_text())


@pytest.mark.slow
def test_runs_have_the_recorded_bytes() -> None:
    told = ("compare", str(REFERENCE), "--only", "her,replayed,sweep")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *told],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("same ") == 54


def test_all_that_was_promised_is_recorded(script: ModuleType, known: Any) -> None:
    assert {name.partition("/")[0] for name in known["files"]} == set(script.runs())
    resumed = [name for name in known["files"] if name.startswith("resumed/checkpoint")]
    assert len(resumed) > 9
    for name, told in known["files"].items():
        if name.startswith("her/"):
            assert known["files"][name.replace("her", "resumed", 1)] == told


@pytest.mark.parametrize(
    ("pyarrow", "changed", "word"),
    [
        ("the same", "bytes", "DIFFERS"),
        ("the same", "content", ""),
        ("another", "bytes", ""),
        ("another", "content", "DIFFERS"),
    ],
)
def test_a_changed_file_is_named(
    script: ModuleType, known: Any, capsys: Any, pyarrow: str, changed: str, word: str
) -> None:
    found = copy.deepcopy(known)
    if pyarrow == "another":
        found["made_with"]["pyarrow"] = "0"
    found["files"]["her/series.parquet"][changed] = "0"
    assert script.tell(known, found, list(script.runs())) == (1 if word else 0)
    assert ("DIFFERS  her/series.parquet" in capsys.readouterr().out) == bool(word)


def test_a_missing_and_a_new_file_are_named(
    script: ModuleType, known: Any, capsys: Any
) -> None:
    found = copy.deepcopy(known)
    found["files"]["her/other.parquet"] = found["files"].pop("her/events.parquet")
    assert script.tell(known, found, ["her"]) == 1
    told = capsys.readouterr().out
    assert "MISSING  her/events.parquet" in told
    assert "NEW      her/other.parquet" in told


@pytest.mark.parametrize(
    "other",
    [
        {"number": [1.0, 2.0], "text": ["a", None]},
        {"number": [1.0, None], "text": ["a", "b"]},
        {"number": [0.0, None], "text": ["a", None]},
        {"other": [1.0, None], "text": ["a", None]},
        {"number": [1, None], "text": ["a", None]},
    ],
)
def test_content_is_names_types_and_values(script: ModuleType, other: Any) -> None:
    table = pa.table({"number": [1.0, None], "text": ["a", None]})
    halves = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert script.content_digest(halves) == script.content_digest(table)
    assert script.content_digest(pa.table(other)) != script.content_digest(table)
