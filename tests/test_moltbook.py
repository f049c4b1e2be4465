"""The agent society `moltbook`: what is published of it, and how it is measured."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from conftest import ROOT

from sim.studies.validation.facts import registered

SEEDS = 3


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    """Return the names of the study's program."""
    found = runpy.run_path(str(ROOT / "experiments" / "moltbook" / "run.py"))
    return found


def published(what: str) -> float:
    (one,) = (fact for fact in registered() if fact.what == what)
    return one.published


# ------------------------------------------------------------------------- published


def told(folder: Path, name: str) -> Any:
    """Return one of the open tables of Moltbook."""
    file = folder / "moltbook" / name
    if not file.is_file():
        pytest.skip(f"no {file.name}: see https://github.com/ln9527/moltbook-research")
    return json.loads(file.read_text(encoding="utf-8"))


def test_first_contacts_are_those_of_the_open_table(data_folder: Path) -> None:
    table = told(data_folder, "f1_first_contact.json")
    kinds = table["contact_type_distribution"]
    share = 100.0 * kinds["new_post"] / sum(kinds.values())
    assert published("contacts that come from the feed") == round(share, 1)


def test_degrees_are_those_of_the_open_table(data_folder: Path) -> None:
    """It has degrees up to 50; what the others have in all, all edges say."""
    table = told(data_folder, "f3_network_evolution.json")
    total = table["growth_summary"]
    nodes, edges = total["total_final_nodes"], total["total_final_edges"]
    rows = table["degree_distribution"].items()
    few = np.sort(np.concatenate([np.full(n, int(degree)) for degree, n in rows]))
    tenth = table["preferential_attachment_test"]["top_10_pct_nodes"]
    lower = nodes - tenth
    assert lower < len(few)
    among_top = 100.0 * (1.0 - few[:lower].sum() / (2.0 * edges))
    assert published("ends of ties of the top tenth") == round(among_top, 1)
    assert published("median degree") == few[(nodes - 1) // 2]
    share = table["preferential_attachment_test"]["top_10_edge_share"]
    assert published("edges of the top tenth") == share


def test_degrees_of_the_open_table_are_not_those_of_chance(data_folder: Path) -> None:
    """Where all are met alike most have about the mean; here half have under half."""
    table = told(data_folder, "f3_network_evolution.json")
    total = table["growth_summary"]
    mean = 2.0 * total["total_final_edges"] / total["total_final_nodes"]
    rows = {int(degree): n for degree, n in table["degree_distribution"].items()}
    below = sum(n for degree, n in rows.items() if degree < mean / 2)
    assert below > 0.5 * total["total_final_nodes"]  # Poisson: less than 3 %


# -------------------------------------------------------------------------- measured


def test_a_network_is_measured_as_networkx_measures_it(study: dict[str, Any]) -> None:
    graph = nx.barabasi_albert_graph(150, 3, seed=1)
    edges = np.array(graph.edges)  # each leads from the earlier node to the later one
    found = study["network_measures"](edges[:, 1], edges[:, 0])
    assert found["path length"] == pytest.approx(nx.average_shortest_path_length(graph))
    assert found["global clustering"] == pytest.approx(nx.transitivity(graph))
    top = {n for n, _ in sorted(graph.degree, key=lambda row: -row[1])[:15]}
    ends = sum(degree for n, degree in graph.degree if n in top) / len(edges)
    assert found["ends of ties of the top tenth"] == pytest.approx(50 * ends, rel=0.05)
    assert found["edges of the top tenth"] > found["ends of ties of the top tenth"]
    assert found["mean degree"] == pytest.approx(2 * len(edges) / 150)


def test_reciprocity_is_the_share_of_edges_that_are_returned(
    study: dict[str, Any],
) -> None:
    one, other = np.array([0, 1, 2, 3]), np.array([1, 0, 3, 0])
    assert study["reciprocity"](one, other) == 0.5
    assert study["reciprocity"](one[2:], other[2:]) == 0.0
    assert np.isnan(study["reciprocity"](one[:0], other[:0]))


def test_each_pair_is_met_once_as_it_was_first(study: dict[str, Any]) -> None:
    make = study["Contacts"]
    first = make(np.array([0, 4]), np.array([1, 2]), np.array([0, 1]))
    again = make(np.array([1, 5]), np.array([0, 3]), np.array([2, 2]))
    found = study["joined"]([first, again])
    assert [column.tolist() for column in found] == [[0, 4, 5], [1, 2, 3], [0, 1, 2]]


def test_with_a_feed_few_are_met_by_many_and_without_by_friends(
    study: dict[str, Any],
) -> None:
    small = {"humans": 200, "ties": 20.0}
    arms = [
        study["Arm"](name, study["NETWORK_DAY"], small | more)
        for name, more in (("feed", {}), ("alike", {"post_spread": 0.0, "posts": 1.0}))
    ]
    arms.append(study["Arm"]("none", study["NETWORK_DAY"], small | {"feed": 0.0}))
    feed, alike, none = (
        {
            name: np.mean([row[name] for row in rows])
            for name in rows[0]
            if name != "arm"
        }
        for rows in ([study["live"]((arm, s)) for s in range(SEEDS)] for arm in arms)
    )
    assert none["contacts that come from the feed"] == 0.0
    assert feed["contacts that come from the feed"] > 70.0
    assert alike["contacts that come from the feed"] > 70.0
    for plain in (alike, none):
        name = "ends of ties of the top tenth"
        assert feed[name] > plain[name] + 5.0
        name = "edges of the top tenth"
        assert feed[name] > plain[name] + 15.0
        name = "degree assortativity"
        assert feed[name] < min(-0.05, plain[name] - 0.05)
    assert none["global clustering"] > feed["global clustering"]
    assert feed["reciprocity of first contacts"] < 0.01 < feed["reciprocity"]


@pytest.mark.slow
def test_the_small_study_gives_the_numbers_that_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["run.py", "--small", "--check", "--workers", "1"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path("experiments/moltbook/run.py", run_name="__main__")
    assert end.value.code == 0
