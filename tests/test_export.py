"""Relationships go to other programs and come back the same."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from gexf_grammar import faults
from quick import QUICK

import sim
from sim import scenarios
from sim.model.columns import OFFLINE
from sim.runs import export
from sim.runs.export import gexf, rows
from sim.runs.export.gexf import Span, Thing
from sim.runs.result import Result
from sim.utils import publish
from sim.utils.errors import InputError

HOSTILE = ("<script>alert(1)</script>", '=cmd("rm")', 'a"&\x00\x1b\ud800b', "@SUM(A1)")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a small run in which OSes come, gather and leave; tests only read it."""
    small = QUICK | {"humans": 24, "steps": 200}
    scenario = scenarios.load("her-film-cut").replace(**small)
    out = tmp_path_factory.mktemp("runs") / "small"
    return sim.run(scenario, seed=1, out=out, snapshot_every=40)


def plain(known: dict[str, Any], *without: str) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name not in without}


def same(one: nx.DiGraph[int], other: nx.DiGraph[int], *without: str) -> None:
    """Assert that two graphs have the same nodes, edges and attributes."""
    assert set(one.nodes) == set(other.nodes)
    assert set(one.edges) == set(other.edges)
    for agent, known in one.nodes(data=True):
        assert plain(other.nodes[agent], *without) == plain(known, *without)
    for left, right, known in one.edges(data=True):
        assert plain(other.edges[left, right], *without) == plain(known, *without)


# --------------------------------------------------------------------- one day, whole


def test_a_graph_has_all_columns_and_words_for_codes(run: Result) -> None:
    graph = export.day_graph(run, 120)
    first_os = graph.nodes[24]
    assert set(run.oses(120).columns) < set(first_os)
    assert first_os["label"].endswith("(24)")
    assert first_os["condition"] in ("here", "offline", "departed", "uninstalled")
    assert graph.nodes[0]["label"] == "human 0"
    one, other, tie = next(iter(graph.edges(data=True)))
    assert set(tie) == {"closeness", "returned", "kind", "flags", "tie"}
    assert graph.edges[other, one]["closeness"] == tie["returned"]
    assert type(first_os["growth"]) is float
    assert graph.graph == {"step": 120, "scenario": "her-film-cut", "seed": 1}


def test_a_graph_is_that_of_the_run_and_some_words(run: Result) -> None:
    told, own = export.day_graph(run, 120), run.graph(120)
    assert list(told.nodes) == list(own.nodes)
    assert set(told.edges) == set(own.edges)
    same(told, own, "label", "condition", "flags", "tie")


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", export.FORMATS)
def test_a_file_is_written_part_by_part(
    run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool, kind: str
) -> None:
    files = export.export(run, tmp_path / f"at-once.{kind}", whole=whole)
    monkeypatch.setattr(rows, "AGENTS", 7)
    asked, ties = [], Result.ties

    def note(self: Result, step: int | None = None, owners: Any = None) -> pd.DataFrame:
        asked.append(len(owners))
        return ties(self, step, owners)

    monkeypatch.setattr(Result, "ties", note)
    parts = export.export(run, tmp_path / f"in-parts.{kind}", whole=whole)
    assert [f.read_bytes() for f in parts] == [f.read_bytes() for f in files]
    assert max(asked) == 7


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_graphml_comes_back_the_same(run: Result, tmp_path: Path, whole: bool) -> None:
    (file,) = export.export(run, tmp_path / "ties.graphml", whole=whole)
    graph = export.whole_graph(run) if whole else export.day_graph(run)
    back = nx.read_graphml(file, node_type=int)
    same(graph, back)
    assert back.graph["scenario"] == "her-film-cut"


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True])
def test_json_comes_back_the_same(run: Result, tmp_path: Path, whole: bool) -> None:
    (file,) = export.export(run, tmp_path / "ties.json", whole=whole)
    graph = export.whole_graph(run) if whole else export.day_graph(run)
    back = nx.node_link_graph(json.loads(file.read_text()), edges="edges")
    assert back.is_directed() and not back.is_multigraph()
    same(graph, back)


def test_a_static_gexf_comes_back_the_same(run: Result, tmp_path: Path) -> None:
    (file,) = export.export(run, tmp_path / "ties.gexf", step=120)
    assert faults(file) == []
    back = nx.read_gexf(file, node_type=int)
    graph = export.day_graph(run, 120)
    same(graph, back, "id", "weight")
    one, other = next(iter(graph.edges))
    assert back.edges[one, other]["weight"] == graph.edges[one, other]["closeness"]


def test_igraph_reads_the_same_graphml(run: Result, tmp_path: Path) -> None:
    igraph = pytest.importorskip("igraph", reason="igraph is not installed")
    (file,) = export.export(run, tmp_path / "ties.graphml", step=120)
    back, graph = igraph.Graph.Read_GraphML(str(file)), export.day_graph(run, 120)
    assert back.is_directed()
    numbers = [int(number) for number in back.vs["id"]]
    assert numbers == list(graph.nodes)
    ends = {(numbers[edge.source], numbers[edge.target]): edge for edge in back.es}
    assert set(ends) == set(graph.edges)
    for agent, vertex in zip(numbers, back.vs, strict=True):
        for name, value in graph.nodes[agent].items():
            assert vertex[name] == value
    for pair, edge in ends.items():
        for name, value in graph.edges[pair].items():
            assert edge[name] == value


def test_csv_holds_ties_and_agents(run: Result, tmp_path: Path) -> None:
    ties_file, agents_file = export.export(run, tmp_path / "ties.csv", step=120)
    assert agents_file.name == "ties-agents.csv"
    ties, agents = pd.read_csv(ties_file), pd.read_csv(agents_file)
    back = nx.from_pandas_edgelist(
        ties, edge_attr=["closeness", "kind"], create_using=nx.DiGraph
    )
    graph = export.day_graph(run, 120)
    assert set(back.edges) == set(graph.edges)
    for one, other, known in back.edges(data=True):
        assert known["closeness"] == pytest.approx(
            graph.edges[one, other]["closeness"], rel=1e-6
        )
    assert agents["agent"].tolist() == list(graph.nodes)
    assert agents["label"].tolist() == [
        known["label"] for _, known in graph.nodes.data()
    ]
    assert set(run.agents(120).columns) < set(agents.columns)


def test_a_whole_csv_has_a_row_a_day_and_tie(run: Result, tmp_path: Path) -> None:
    ties_file, agents_file = export.export(run, tmp_path / "all.csv", whole=True)
    ties = pd.read_csv(ties_file)
    assert ties["step"].value_counts().to_dict() == {
        d: len(run.ties(d)) for d in run.steps
    }
    assert pd.read_csv(agents_file)["step"].unique().tolist() == run.steps


def test_the_whole_graph_knows_first_and_last_days(run: Result) -> None:
    graph = export.whole_graph(run)
    assert set(graph.nodes) == set(range(24 + len(run.oses())))
    assert {graph.nodes[h]["first_step"] for h in range(24)} == {0}
    first = {d for _, _, d in graph.edges.data("first_step")}
    assert first <= set(run.steps) and len(first) > 2
    assert all(k["closest"] >= k["closeness"] for *_, k in graph.edges(data=True))


@pytest.mark.slow
def test_the_whole_graph_is_that_of_all_days(run: Result) -> None:
    graph, days = export.whole_graph(run, 0.3), run.steps
    seen = {day: export.day_graph(run, day, 0.3) for day in days}
    for agent, known in graph.nodes(data=True):
        there = [day for day in days if agent in seen[day]]
        assert (known["first_step"], known["last_step"]) == (there[0], there[-1])
        same_as = seen[there[-1]].nodes[agent]
        assert plain(known, "first_step", "last_step") == same_as
    assert set(graph.edges) == {pair for day in days for pair in seen[day].edges}
    for one, other, known in graph.edges(data=True):
        there = [day for day in days if seen[day].has_edge(one, other)]
        values = [seen[day].edges[one, other]["closeness"] for day in there]
        assert (known["first_step"], known["last_step"]) == (there[0], there[-1])
        assert known["closest"] == max(values)
        assert known["closeness"] == values[-1]


def test_distant_ties_can_be_left_out(run: Result, tmp_path: Path) -> None:
    for kind in ("graphml", "gexf", "json", "csv"):
        export.export(run, tmp_path / f"near.{kind}", closest=0.5)
    near = nx.read_graphml(tmp_path / "near.graphml", node_type=int)
    assert min(c for *_, c in near.edges.data("closeness")) >= 0.5
    assert pd.read_csv(tmp_path / "near.csv")["closeness"].min() >= 0.5
    assert len(near) == len(run.agents())


# ----------------------------------------------------------------------- dynamic GEXF


@pytest.fixture(scope="module")
def film(run: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exports") / "all.gexf"
    return export.export(run, out, whole=True)[0]


def test_the_dynamic_gexf_keeps_to_the_grammar(film: Path) -> None:
    assert faults(film) == []


@pytest.mark.slow
def test_the_grammar_notices_what_is_wrong(film: Path, tmp_path: Path) -> None:
    text = film.read_text()
    for old, new in (
        ('version="1.3"', 'version="1.2"'),
        ('mode="dynamic"', 'mode="moving"'),
        ("<spells>", "<spells/><spells>"),
        ('<spell start="0"', '<spell start="soon"'),
        ('target="', 'target="9'),
        ('type="double"', 'type="integer"'),
    ):
        assert old in text
        (tmp_path / "bad.gexf").write_text(text.replace(old, new))
        assert faults(tmp_path / "bad.gexf"), new


def test_spells_say_when_agents_and_ties_are_there(run: Result, film: Path) -> None:
    back = nx.read_gexf(film, node_type=int)
    assert back.graph["mode"] == "dynamic"
    for day in run.steps:
        oses = run.oses(day)
        here = {*range(24), *oses.index[oses["status"] <= OFFLINE]}
        ties = run.ties(day)
        pairs = set(zip(ties["owner"], ties["neighbour"], strict=True))
        assert {
            a for a, known in back.nodes.data() if is_there(known, day, run)
        } == here
        found = {
            (a, b) for a, b, known in back.edges.data() if is_there(known, day, run)
        }
        assert found == pairs


def is_there(known: dict[str, Any], day: int, run: Result) -> bool:
    """Tell whether a spell begins on a day or goes on beyond it."""
    last = run.steps[-1]
    return any(a <= day < b or (day == b == last) for a, b in known["spells"])


def test_values_move_with_the_days(run: Result, film: Path) -> None:
    back = nx.read_gexf(film, node_type=int)
    for day in run.steps[:-1]:
        humans, ties = run.humans(day), run.ties(day)
        value = value_on(back.nodes[3]["loneliness"], day)
        assert value == pytest.approx(humans.loc[3, "loneliness"], abs=0.0051)
        for tie in ties.iloc[::20].itertuples():
            weight = value_on(back.edges[tie.owner, tie.neighbour]["weight"], day)
            assert weight == pytest.approx(tie.closeness, abs=0.0051)
    assert isinstance(back.nodes[3]["upbringing"], float)


def value_on(values: list[tuple[Any, int, int]], day: int) -> Any:
    return next(value for value, start, end in values if start <= day < end)


def test_equal_values_that_touch_are_one_span() -> None:
    found = gexf.spans([0, 10, 20, 40], [10, 20, 30, 50], ["a", "a", "b", "b"])
    assert found == [Span("a", 0, 20), Span("b", 20, 30), Span("b", 40, 50)]


# ---------------------------------------------------------------------- hostile, broken


def test_hostile_text_is_inert_in_xml(tmp_path: Path) -> None:
    nodes = [
        Thing((number,), text, {"said": text}, {"felt": [Span(text, 0, 1)]}, [(0, 1)])
        for number, text in enumerate(HOSTILE)
    ]
    kinds = gexf.Kinds({"said": str}, {"felt": str})
    about = {"by": HOSTILE[0]}
    file = gexf.write(
        tmp_path / "bad.gexf", (kinds, nodes), (gexf.Kinds({}), []), about, (0, 1)
    )
    assert faults(file) == []
    back = nx.read_gexf(file, node_type=int)
    assert back.nodes[0]["label"] == back.nodes[0]["said"] == HOSTILE[0]
    assert back.nodes[2]["said"] == 'a"&b'
    assert "<script" not in file.read_text()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert export.inert(text) == "'" + text
    assert export.inert("a" + text) == "a" + text


def test_a_hostile_name_is_inert_in_csv(
    run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "os_name", lambda _: '=HYPERLINK("x")')
    _, file = export.export(run, tmp_path / "ties.csv")
    labels = pd.read_csv(file)["label"]
    assert not labels.str.startswith("=").any()
    assert labels.str.startswith("'=HYPERLINK").any()


def test_what_is_no_number_is_left_out() -> None:
    values = np.array([0.5, math.nan, math.inf], np.float32)
    found = rows.plain(pd.Series(values))
    assert found == [0.5, None, None]
    assert type(found[0]) is float


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("ties.xlsx", {}, "use one of graphml, gexf, csv, json"),
        ("ties.gexf", {"step": 3}, "no snapshot of step 3"),
        ("ties.gexf", {"step": 40, "whole": True}, "one day or the whole run"),
        ("a/file/ties.csv", {}, "cannot write"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    run: Result, tmp_path: Path, name: str, options: dict[str, Any], said: str
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("")
    with pytest.raises(InputError, match=said):
        export.export(run, tmp_path / name, **options)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("kind", export.FORMATS)
def test_a_full_disk_leaves_what_was_there(
    run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place = tmp_path / f"ties.{kind}"
    place.write_text("mine")
    monkeypatch.setattr(publish, "_rename", refuse)
    with pytest.raises(InputError, match="No space left"):
        export.export(run, place, step=40)
    assert place.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [place]
