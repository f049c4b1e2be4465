"""People of a network file keep the names that they have there, wherever one looks."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pandas as pd
import pytest
from quick import QUICK

import sim
from sim import plots
from sim.cli import main
from sim.minds.options import MindOptions
from sim.runs.export import export
from sim.runs.result import Result
from sim.utils.errors import InputError

PEOPLE = ("boss", "knows everybody", "=cmd()", "3", "dan\x1b[2J" + "n" * 60)
STAR = "one,other\n" + "".join(f"boss,{name}\n" for name in PEOPLE[1:])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return the run of a small network with names; tests only read it."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "star.csv").write_text(STAR)
    return sim.run(
        "her",
        parameters={name: v for name, v in QUICK.items() if name != "humans"},
        steps=60,
        network=folder / "star.csv",
        mind=MindOptions(kind="scripted", cast=10, talks=2.0),
        out=folder / "run",
    )


def number(run: Result, label: str) -> int:
    assert run.labels is not None
    return run.labels.index(label)


def test_a_run_knows_its_people(office: Result) -> None:
    table = pd.read_parquet(office.path / "people.parquet")
    assert table["agent"].tolist() == [0, 1, 2, 3, 4]
    assert office.labels == tuple(table["label"])
    assert set(table["label"]) == set(PEOPLE)
    ties = office.ties(0)
    assert (ties["owner"] == number(office, "boss")).sum() == 4


def test_a_generated_network_has_no_names(told: Result) -> None:
    assert told.labels is None
    assert not (told.path / "people.parquet").exists()
    assert told.number_of(7) == told.number_of("7") == 7


def test_a_fork_knows_them_too(tmp_path: Path) -> None:
    (tmp_path / "star.csv").write_text(STAR)
    whole = sim.run(
        "her",
        steps=4,
        network=tmp_path / "star.csv",
        out=tmp_path / "run",
        checkpoint_every=2,
    )
    fork = whole.fork(2, out=tmp_path / "fork")
    assert fork.labels == whole.labels
    assert set(whole.labels or ()) == set(PEOPLE)


def test_one_is_found_by_name(office: Result) -> None:
    boss = number(office, "boss")
    assert office.number_of("boss") == office.number_of("label:boss") == boss
    assert office.number_of("label:3") == number(office, "3")
    assert office.number_of("number:3") == office.number_of(3) == 3
    with pytest.raises(InputError, match=r"no agent bos in .*did you mean 'boss'"):
        office.number_of("bos")
    with pytest.raises(InputError, match="no agent 999"):
        office.number_of(999)


def test_a_name_that_is_another_ones_number_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("from,to\n2,1\n1,0\n0,2\n")
    run = sim.run(
        "her", steps=2, network=tmp_path / "numbers.csv", out=tmp_path / "run"
    )
    labels = run.labels
    assert labels is not None
    one = next(label for row, label in enumerate(labels) if label != str(row))
    with pytest.raises(InputError, match=f"number:{one} or label:{one}"):
        run.number_of(one)
    assert run.number_of(f"label:{one}") == labels.index(one)
    assert run.number_of(f"number:{one}") == int(one)


@pytest.mark.parametrize("suffix", ["graphml", "csv", "json"])
def test_exports_name_them(office: Result, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"ties.{suffix}"
    export(office, file)
    if suffix == "csv":
        names = pd.read_csv(tmp_path / "ties-agents.csv")["label"].tolist()
    elif suffix == "json":
        graph = nx.node_link_graph(json.loads(file.read_text()), edges="edges")
        names = [known["label"] for _, known in graph.nodes.data()]
    else:
        names = [known["label"] for _, known in nx.read_graphml(file).nodes.data()]
    inert = "'=cmd()" if suffix == "csv" else "=cmd()"
    assert {"boss", "knows everybody", "3", inert} <= set(names[:5])


def test_events_figures_and_the_command_line_name_them(
    office: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boss, dan = number(office, "boss"), number(office, PEOPLE[4])
    labels, loved = office.labels or (), office.events.iloc[1]
    lover = min(loved["members"])
    assert lover < office.population
    assert loved["who"].startswith(f"{labels[lover]} ({lover}), OS ")
    assert plots.name_of(office, boss) == f"boss ({boss})"
    shown = plots.name_of(office, dan)
    assert shown.startswith(r"dan\x1b[2Jn") and shown.endswith(f"... ({dan})")
    place = str(tmp_path / "ego.png")
    ego = ["plot", str(office.path), "--what", "ego", "--out", place, "--agent"]
    assert main([*ego, "boss"]) == 0
    assert main([*ego, "bos"]) == 2
    assert "did you mean 'boss'" in capsys.readouterr().err


def test_the_cast_speaks_under_their_names(office: Result) -> None:
    talks = office.speech.talks
    people = talks[talks["agent"] < office.population]
    assert len(people)
    assert set(people["speaker"]) <= set(PEOPLE)
