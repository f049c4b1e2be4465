"""The events of a stored run, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from quick import QUICK, SEED

from sim import scenarios
from sim.cli import main
from sim.events import DETECTORS
from sim.events.kinds import EVENTS
from sim.runs import result, run


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> result.Result:
    scenario = scenarios.load("her-film-cut").replace(**QUICK)
    place = tmp_path_factory.mktemp("runs") / "quick"
    return run.run(scenario, seed=SEED, out=place)


def test_all_events_are_listed(
    told: result.Result, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["events", str(told.path)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["day", "event", "who", "what"]
    days = [row.split()[:2] for row in rows if row[:5].strip()]
    kinds = zip(told.events["step"], told.events["kind"], strict=True)
    assert days == [[str(step), kind] for step, kind in kinds]


@pytest.mark.parametrize("again", [[], ["--again"]])
def test_kinds_can_be_chosen(
    told: result.Result, capsys: pytest.CaptureFixture[str], again: list[str]
) -> None:
    chosen = ["--kind", "upgrade", "--kind", "first_love", "--json", *again]
    assert main(["events", str(told.path), *chosen]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["kind"] for row in rows] == ["first_love", "upgrade"]
    assert rows[0]["p_value"] is None
    assert rows[0]["who"].startswith("human ")


def test_an_unknown_kind_is_refused(
    told: result.Result, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["events", str(told.path), "--kind", "upgrad"]) == 2
    assert "did you mean 'upgrade'" in capsys.readouterr().err


def test_a_run_without_readings_cannot_be_searched_again(
    told: result.Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    copied = shutil.copytree(told.path, tmp_path / "run")
    (copied / "readings.parquet").unlink()
    assert main(["events", str(copied)]) == 0
    assert main(["events", str(copied), "--again"]) == 2
    assert "readings.parquet is missing" in capsys.readouterr().err


def test_every_kind_of_event_is_put_into_words() -> None:
    assert set(DETECTORS) <= set(EVENTS)
