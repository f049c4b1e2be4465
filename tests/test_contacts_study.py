"""The study of contacts: shares by hand, the data's own, and its committed tables."""

from __future__ import annotations

import csv
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.studies.validation import registered

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "experiments" / "contacts" / "run.py"


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    return runpy.run_path(str(PROGRAM))


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(PROGRAM), run_name="__main__")
    return ended.value.code


def test_shares_by_hand(study: dict[str, Any]) -> None:
    """One has six contacts, of which the closest two take 6 and 3 of 13 hours."""
    owner = np.zeros(6, np.int64)
    time = np.array([1.0, 6.0, 1.0, 3.0, 1.0, 1.0])
    within = np.array([True, True, False, False, False, False])
    found = study["shares"](owner, time, within, np.array([6]))
    assert found["closest_1"] == pytest.approx(6 / 13)
    assert found["closest_5"] == pytest.approx(12 / 13)
    assert found["closest_15"] == 1.0
    assert found["time_within"] == pytest.approx(7 / 13)
    assert found["pairs_within"] == pytest.approx(1 / 3)


def test_without_data_it_says_where_they_belong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.delenv("OS_SOCIETY_DATA", raising=False)
    assert called(monkeypatch, "--small") == 2
    assert capsys.readouterr().err.startswith("error: no data: say --data FOLDER")
    assert called(monkeypatch, "--small", "--data", str(tmp_path)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "workplace_InVS15_tij.dat.gz" in error


def test_the_data_say_what_was_published(
    study: dict[str, Any], data_folder: Path
) -> None:
    """N88 is computed from these files; the table has what they say."""
    (fact,) = [one for one in registered() if one.evidence == "N88"]
    office = study["of_data"](study["office"](data_folder))
    assert office["time_within"] == pytest.approx(fact.published, abs=0.001)
    assert office["pairs_within"] == pytest.approx(0.42, abs=0.005)
    students = study["of_data"](study["students"](data_folder))
    with (ROOT / "results" / "contacts.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == "data"]
    for row, found in zip(rows, (office, students), strict=True):
        for most in (1, 5, 15):
            name = f"closest_{most}"
            assert float(row[name]) == pytest.approx(found[name], rel=1e-5)


@pytest.mark.slow
def test_the_small_study_gives_its_committed_table(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    words = ("--small", "--check", "--workers", "1", "--data", str(data_folder))
    assert called(monkeypatch, *words) == 0
    assert "small.csv: the same" in capsys.readouterr().out
