"""Stored runs on the command line: found by name, listed, shown, opened, compared."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sim.cli import known, main, stored
from sim.runs import simulate
from sim.runs.result import load

SMALL = ("run", "her", "--humans", "20", "--steps", "4")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which two runs were made; tests only read it."""
    folder = tmp_path_factory.mktemp("shelf")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for time, seed in ((1000, "0"), (2000, "1")):
            assert main([*SMALL, "--seed", seed, "--json"]) == 0
            os.utime(known.kept_runs()[0] / known.RECORD, (time, time))
    return folder


@pytest.fixture(autouse=True)
def somewhere(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command prints that goes well."""
    capsys.readouterr()
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def names() -> list[str]:
    return [run.name for run in known.kept_runs()]


# ------------------------------------------------------------------- found by name


def test_a_run_is_named_by_its_path_a_part_or_latest() -> None:
    latest, first = names()
    assert latest.startswith("her-1-") and first.startswith("her-0-")
    for text in ("latest", latest, latest[:5], latest[-8:], latest[-8:][:4]):
        assert known.run_at(text).name == latest
    path = os.path.join("results", "runs", first)
    assert known.run_at(path) == Path(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("her", "may be her-1-.*, her-0-.*; write more of the name"),
        ("latst", "did you mean 'latest'?"),
        ("somewhere/else", "no run at somewhere/else: there is no such directory$"),
    ],
)
def test_a_name_that_is_none_is_told(text: str, says: str) -> None:
    with pytest.raises(known.InputError, match=says):
        known.run_at(text)


def test_where_no_run_is_stored_a_command_that_makes_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "'os-society run her' makes one" in said(capsys, "runs")
    assert told(capsys, "runs") == []
    assert main(["show", "latest"]) == 2
    assert "'os-society run her' makes one" in capsys.readouterr().err


# -------------------------------------------------------------------------- listed


def test_runs_are_listed_with_key_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = said(capsys, "runs").splitlines()
    assert head.split() == [
        *("humans", "days", "OSes", "departed", "events", "made", "run")
    ]
    assert [row.split()[-1] for row in rows] == names()
    assert [row.split()[:2] for row in rows] == [["20", "4"]] * 2
    (one,) = told(capsys, "runs", "--last", "1")
    assert one["run"].endswith(names()[0])
    assert (one["scenario"], one["seed"], one["humans"]) == ("her", 1, 20)


def test_a_damaged_run_is_listed_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "provenance.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert said(capsys, "runs").splitlines()[1].endswith("broken (damaged)")
    assert "damaged" in told(capsys, "runs")[0]


# --------------------------------------------------------------------------- shown


def test_a_run_is_shown_with_what_was_changed_and_its_outcomes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = said(capsys, "show", "latest")
    assert "her, seed 1: 20 humans, 4 days" in out
    assert "changed  humans = 20, steps = 4" in out
    assert f"run      {Path('results', 'runs', names()[0])}" in out
    found = told(capsys, "show", "latest")
    assert found["changed"] == {"humans": 20, "steps": 4}
    series = load(known.run_at("latest")).series
    assert found["outcomes"]["adopted_end"] == series["adopted"].iloc[-1]
    rows = [line.split() for line in out.splitlines()]
    assert ["adopted_end", f"{series['adopted'].iloc[-1]:.4g}"] in [r[:2] for r in rows]


# -------------------------------------------------------------------------- opened


@pytest.mark.slow
@pytest.mark.parametrize(
    ("view", "name"),
    [
        ("figure", "timeline.png"),
        ("report", "her-1"),
    ],
)
def test_what_is_opened_is_made_and_named(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    view: str,
    name: str,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(stored.webbrowser, "open", opened.append)
    monkeypatch.setattr("sim.reports.figures.drawn", lambda _: ("data:,", (1, 1)))
    found = told(capsys, "open", "latest", view, "--no-browser")
    assert not opened
    place = Path(found[view])
    assert place.is_file() and place.name.startswith(name)
    assert said(capsys, "open", "latest", view).startswith(f"{view:<8} ")
    assert opened == [place.absolute().as_uri()]
    if view == "report":
        place.unlink()


def test_the_live_page_is_opened_as_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr("sim.cli.app.open_page", lambda args: asked.append(args) or 0)
    words = ["open", "latest", "view", "--no-browser"]
    assert main(words) == main([*words, "--json"]) == 0
    assert [(args.run, args.no_browser, args.json) for args in asked] == [
        (str(known.run_at("latest")), True, False),
        (str(known.run_at("latest")), True, True),
    ]


# ------------------------------------------------------------------------ compared


def test_two_runs_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "diff", "her-0", "her-1")
    assert found["made"] == {"seed": [0, 1]}
    assert not found["equal"]
    left, right = (load(known.run_at(name)).series for name in ("her-0", "her-1"))
    day = found["first_day"]
    assert (left.loc[: day - 1] == right.loc[: day - 1]).all().all()
    assert (left.loc[day] != right.loc[day]).any()
    ends = [float(one["human_closeness"].iloc[-1]) for one in (left, right)]
    assert found["outcomes"]["human_closeness_end"] == ends
    out = said(capsys, "diff", "her-0", "her-1")
    assert f"differ: from day {day} on" in out
    assert [line.split() for line in out.splitlines() if line.startswith("seed")] == [
        ["seed", "0", "1"]
    ]


def test_a_run_is_equal_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "diff", "latest", "latest") == {
        "runs": [str(known.run_at("latest"))] * 2,
        "equal": True,
        "first_day": None,
        **{"made": {}, "outcomes": {}, "first_events": {}},
    }
    assert "are equal" in said(capsys, "diff", "latest", "latest")


# --------------------------------------------------------------- asked for again


def test_a_run_that_is_kept_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = told(capsys, *SMALL)
    assert "kept" not in run
    days = []
    ordinary = simulate.finalize
    monkeypatch.setattr(
        "sim.runs.run.finalize", lambda *given: days.append(1) or ordinary(*given)
    )
    assert told(capsys, *SMALL) == run | {"kept": True}
    assert not days
    assert "kept" not in told(capsys, *SMALL, "--force")
    assert days


@pytest.mark.slow
def test_another_run_or_a_damaged_one_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = told(capsys, *SMALL)
    for other in (["--seed", "3"], ["--snapshot-every", "2"]):
        assert "kept" not in told(capsys, *SMALL, *other)
        assert "kept" in told(capsys, *SMALL, *other)
    Path(run["run"], "series.parquet").write_bytes(b"PAR1")
    assert "kept" not in told(capsys, *SMALL)
    out = said(capsys, *SMALL)
    assert "kept     run before, " in out
    assert out.splitlines()[-3].split()[1:4] == ["os-society", "open", "latest"]
    quiet = said(capsys, *SMALL, "--quiet")
    assert quiet == f"{Path(run['run']).relative_to(Path.cwd())}\n"
