"""The commands ``plot`` and ``export``: what they write, and how they refuse."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest

from sim import plots
from sim.cli import main, plot
from sim.runs import export
from sim.runs.result import Result


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused in one line, writing nothing."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("os-society: error: ")
    assert err.count("\n") == 1
    assert [entry for entry in Path.cwd().iterdir() if entry.is_file()] == []
    return err


def test_the_options_name_what_there_is() -> None:
    assert set(plot.FIGURES) <= set(plots.__all__)
    assert plot.FORMATS == plots.FORMATS
    assert plot.FILMS == plots.FILMS
    assert (*export.FORMATS, export.PAGE) == plot.FILES


@pytest.mark.parametrize(
    ("options", "file"),
    [
        (("--what", "network", "--step", "100", "--format", "svg"), "out/network.svg"),
        pytest.param(
            ("--what", "ego", "--agent", "85"), "out/ego.png", marks=pytest.mark.slow
        ),
        (("--what", "ego", "--agent", "3", "--step", "100"), "out/ego.png"),
    ],
)
def test_a_figure_can_be_chosen(
    told: Result, capsys: pytest.CaptureFixture[str], options: list[str], file: str
) -> None:
    assert main(["plot", str(told.path), "--out", "out", *options]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert Path(file).stat().st_size > 1000


@pytest.mark.slow
def test_survival_takes_several_runs(
    told: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(told.path)
    assert main(["plot", run, run, "--what", "survival", "--out", "two.svg"]) == 0
    assert Path("two.svg").exists()
    assert "several runs go with" in refused_again(capsys, "plot", run, run)


def refused_again(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(arguments) == 2
    return capsys.readouterr().err


def test_a_film_is_made(
    told: Result, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(plots, "animate", lambda _, out: asked.append(out) or out)
    film = ("plot", str(told.path), "--what", "film", "--out")
    assert main([*film, "films"]) == main([*film, "mine.mp4"]) == 0
    assert main([*film, "films", "--format", "mp4"]) == 0
    assert [str(out) for out in asked] == [
        *("films/film.gif", "mine.mp4", "films/film.mp4"),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--what", "growth", "--agent", "3"), "--agent goes with --what ego only"),
        (("--what", "growth", "--step", "3"), "--step goes with --what network or ego"),
        (("--what", "network", "--step", "3"), "no snapshot of step 3"),
        (("--what", "ego", "--agent", "9999"), "no agent 9999"),
        (("--what", "film", "--format", "png"), "a film is no png"),
        (("--what", "film", "--out", "a.gif", "--format", "mp4"), "not a file of"),
        (("--what", "film", "--out", "a.png"), "a film is no png"),
        (("--what", "growth", "--format", "gif"), "goes with --what film only"),
        (("--what", "growth", "--out", "a.gif"), "goes with --what film only"),
        (("--out", "all.png"), "choose one figure with --what"),
    ],
)
def test_what_does_not_go_together_is_refused(
    told: Result, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert said in refused(capsys, "plot", str(told.path), *options)


@pytest.mark.parametrize("command", [["plot"], ["export", "--out", "ties.gexf"]])
def test_a_foreign_or_broken_directory_says_what_it_misses(
    told: Result, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    name, *rest = command
    Path("photos").mkdir()
    said = refused(capsys, name, "photos", *rest)
    assert "photos is not a complete run: provenance.json is missing" in said
    assert "there is no such directory" in refused(capsys, name, "nowhere", *rest)
    broken = Path("broken")
    for file in (f for f in told.path.rglob("*") if f.is_file()):
        (broken / file.relative_to(told.path)).parent.mkdir(parents=True, exist_ok=True)
        (broken / file.relative_to(told.path)).write_bytes(file.read_bytes())
    (broken / "snapshots" / "oses-000100.parquet").unlink()
    said = refused(capsys, name, "broken", *rest)
    assert "snapshots/oses-000100.parquet is missing" in said


@pytest.mark.slow
def test_ties_are_exported(told: Result, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(told.path)
    assert main(["export", run, "--out", "new/ties.graphml", "--step", "100"]) == 0
    assert main(["export", run, "--out", "ties.csv", "--closest", "0.5"]) == 0
    assert main(["export", run, "--out", "ties.txt", "--format", "json"]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == ["new/ties.graphml", "ties.csv", "ties-agents.csv", "ties.txt"]
    back = nx.read_graphml("new/ties.graphml", node_type=int)
    assert back.number_of_edges() == len(told.ties(100))


def test_a_run_is_exported_as_a_page(
    told: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(told.path), "--html"]) == 0
    name = f"{told.path.name}-view.html"  # the report of the run is without "-view"
    assert capsys.readouterr().out.split() == [name]
    page = Path(name).read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<title>her-film-cut, seed 1: 80 humans</title>" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give --out, the file to write, or --html"),
        (["--html", "--format", "csv"], "--html and --format csv are two formats"),
        (["--html", "--step", "100"], "a page plays the whole run"),
        (["--html", "--out", "page.txt"], "a page is a file of .html"),
        (["--html", "--closest", "2"], "a closeness from 0 to 1"),
    ],
)
def test_a_page_of_something_else_is_refused(
    told: Result, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert said in refused(capsys, "export", str(told.path), *options)


def test_an_unknown_format_is_refused(
    told: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "export", str(told.path), "--out", "ties.dot")
    assert "use one of graphml, gexf, csv, json" in said
