"""Networks in memory, and what is known of people besides their ties."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import sim
from sim.cli import main
from sim.minds.options import MindOptions
from sim.model import population
from sim.model.columns import PARTNER
from sim.runs.export import export
from sim.runs.live import LiveResult
from sim.runs.result import who
from sim.runs.run import resume
from sim.utils.errors import InputError

TIES = pd.DataFrame(
    {
        "from": ["ann", "bob", "ann", "cem", "dee"],
        "to": ["bob", "cem", "cem", "dee", "ann"],
        "closeness": [0.9, 0.4, 0.3, 0.2, 0.6],
        "partner": [False, False, False, True, None],
    }
)
PEOPLE = pd.DataFrame(
    {
        "id": ["ann", "bob", "cem", "dee", "eve"],
        "age": [31, 58, 44, 29, 71],
        "income": [1.5, None, 0.5, 2.0, 1.0],
        "city": ["Ulm", "Bonn", "Ulm", None, "Bonn"],
        "openness": [0.1, 0.2, 0.3, 0.4, 0.5],
    }
)


def graph_of(kind: type[nx.Graph[Any]] = nx.Graph) -> nx.Graph[Any]:
    """Return the same network as a graph."""
    graph = kind()
    for row in PEOPLE.to_dict("records"):
        known = {k: v for k, v in row.items() if k != "id" and not pd.isna(v)}
        graph.add_node(row["id"], **known)
    for row in TIES.to_dict("records"):
        known = {k: row[k] for k in ("closeness", "partner") if row[k] is not None}
        graph.add_edge(row["from"], row["to"], **known)
    return graph


def seen(network: population.SocialNetwork) -> dict[str, Any]:
    """Return all that a network says, by the names of people."""
    names = network.labels or ()
    pairs = [frozenset(names[i] for i in pair) for pair in network.pairs.tolist()]
    known = {**network.traits, **network.people}
    close = network.closeness.astype(float).round(5).tolist()
    return {
        "closeness": dict(zip(pairs, close, strict=True)),
        "partners": [
            p for p, kind in zip(pairs, network.kind, strict=True) if kind & PARTNER
        ],
        "people": {
            name: {
                title: None if values[row] != values[row] else values[row]
                for title, values in known.items()
            }
            for row, name in enumerate(names)
        },
    }


def written(tmp_path: Path, how: str) -> Any:
    """Return the network in one of the ways in which it can be given."""
    if how == "pandas":
        return TIES, PEOPLE
    if how == "graph and table":
        return nx.from_pandas_edgelist(TIES, "from", "to", ["closeness"]), PEOPLE
    if how == "networkx":
        return graph_of()
    if how == "directed":
        return graph_of(nx.DiGraph)
    if how == "csv":
        TIES.to_csv(tmp_path / "ties.csv", index=False)
        PEOPLE.to_csv(tmp_path / "people.csv", index=False)
        return sim.NetworkFile(tmp_path / "ties.csv", people=tmp_path / "people.csv")
    file = tmp_path / f"net.{how}"
    graph = graph_of()
    if how == "gml":  # has no true and false
        for *_, known in graph.edges.data():
            known["partner"] = int(known.get("partner", False))
    getattr(nx, f"write_{how}")(graph, file)
    return file


@pytest.mark.parametrize(
    "how", ["pandas", "networkx", "directed", "csv", "graphml", "gexf", "gml"]
)
def test_a_network_is_the_same_however_it_is_given(tmp_path: Path, how: str) -> None:
    found = seen(population.read(written(tmp_path, how)))
    assert found["closeness"][frozenset(("ann", "bob"))] == 0.9
    assert len(found["closeness"]) == 5
    assert found["partners"] == [frozenset(("cem", "dee"))]
    ann, eve = found["people"]["ann"], found["people"]["eve"]
    assert ann == {"openness": 0.1, "age": 31, "income": 1.5, "city": "Ulm"}
    assert eve["openness"] == 0.5
    assert found["people"]["bob"]["income"] is None
    assert found["people"]["dee"]["city"] == ""


def test_a_table_in_memory_is_the_society_of_its_file(tmp_path: Path) -> None:
    one = population.read((TIES, PEOPLE), seed=3)
    other = population.read(written(tmp_path, "csv"), seed=3)
    assert one.labels == other.labels
    assert np.array_equal(one.pairs, other.pairs)
    assert np.array_equal(one.closeness, other.closeness)


def test_the_line_says_what_was_understood() -> None:
    line = population.read((TIES, PEOPLE)).read_as
    assert line == (
        "ties: pandas, people in columns from and to, with a table of 5 people; 5 ties "
        "between 5 people; closeness from closeness; 1 couple as told; people's "
        "openness set on day 0; people's age, income, city kept"
    )


def test_a_multigraph_with_loops_is_collapsed_as_a_file_is() -> None:
    graph = nx.MultiDiGraph()
    graph.add_edge(1, 2, weight=0.2)
    graph.add_edge(2, 1, weight=0.4)
    graph.add_edge(2, 2, weight=0.9)
    graph.add_edge(2, 3, weight=0.8)
    network = population.read(graph)
    assert "1 repeat and 1 self loop dropped" in (network.read_as or "")
    assert seen(network)["closeness"][frozenset("12")] == 0.3


def test_who_there_is_is_not_said_twice(tmp_path: Path) -> None:
    given = {"network": (TIES, PEOPLE)}
    for call in (
        lambda: sim.Society("her", humans=3, **given),
        lambda: sim.run("her", parameters={"humans": 3}, out=tmp_path / "r", **given),
        lambda: sim.simulator("her", ["humans"], ["left"], **given),
    ):
        with pytest.raises(sim.InputError, match="'humans' goes without a network"):
            call()


def test_traits_are_set_and_the_rest_is_kept_beside_the_model() -> None:
    people = PEOPLE.assign(acceptance=0.25, growth=3.0)
    society = sim.Society("her", network=(TIES, people), seed=1)
    assert "not used of people: growth" in (society.read_as or "")
    humans = society.state.humans
    row = (society.labels or ()).index("dee")
    assert humans.openness[row] == np.float32(0.4)
    assert (humans.acceptance == 0.25).all()
    assert (humans.upbringing == 0.25).all()
    assert (humans.growth == 0).all()
    assert society.people["age"][row] == 29
    dee = next(human for human in society.agents_by_type[sim.Human] if human.age == 29)
    assert dee.row == row
    society.step()
    today = LiveResult(society).humans()
    assert today.loc[row, "age"] == 29
    assert str(today["city"].dtype) == "category"


def test_a_mechanisms_own_column_begins_as_the_network_says() -> None:
    town = sim.scenario("her").use("experiments/mechanisms/income.py")
    people = PEOPLE.assign(income=[1.0, 2.0, 3.0, 4.0, 5.0], works=[1, 0, 1, 1, 0])
    society = sim.Society(town, network=(TIES, people), seed=1)
    row = (society.labels or ()).index("eve")
    assert society.state.humans.income[row] == 5.0
    assert society.state.humans.works[row] == 0
    with pytest.raises(InputError, match="works of 'ann' is 300, not within 0 to 255"):
        sim.Society(town, network=(TIES, people.assign(works=300)))


def graph_with(**known: Any) -> nx.Graph[Any]:
    """Return a graph of two people who have something."""
    graph: nx.Graph[Any] = nx.Graph()
    graph.add_node("ann", **known)
    graph.add_edge("ann", "bob")
    return graph


def ties_with(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


A, B = ["ann", "bob"], ["bob", "cem"]
REFUSED: dict[str, Any] = {
    "openness of 'bob' is missing; give it to everybody": graph_with(openness=0.5),
    "openness of 'ann' is 4, not within 0 to 1; scale": graph_with(openness=4),
    "touch of 'ann' is 'high', which is no number": graph_with(touch="high"),
    "a graph of networkx or a pandas table of ties, not a int": 3,
    "people are called by texts or numbers": nx.grid_2d_graph(2, 2),
    "two nodes are both called '1'": nx.Graph([(1, "1")]),
    "which two columns are a tie's people?": ties_with(p=A, q=B, r=A),
    "ties, column 'from', row 2: somebody is called": ties_with(
        **{"from": ["ann", None], "to": B}
    ),
    "'ann' is the partner of 'bob' and of 'cem'": ties_with(
        **{"from": ["ann", "ann"], "to": ["bob", "cem"], "partner": [1, 1]}
    ),
    "are partners in one place and not in another": ties_with(
        **{"from": ["ann", "bob"], "to": ["bob", "ann"], "partner": [1, 0]}
    ),
    "partner is 'maybe'; give true or false": ties_with(
        **{"from": A, "to": B, "partner": ["maybe", "no"]}
    ),
    "closeness 3 is not within 0 to 1": ties_with(
        **{"from": A, "to": B, "closeness": [0.1, 3.0]}
    ),
    "'cem' of the ties is not in column 'id'": (
        ties_with(**{"from": A, "to": B}), ties_with(id=A, age=[1, 2])
    ),
    "which column says who is who": (
        ties_with(**{"from": A, "to": B}), ties_with(code=A, age=[1, 2])
    ),
    "'ann' stands twice": (
        ties_with(**{"from": A, "to": B}), ties_with(id=["ann", "ann"], age=[1, 2])
    ),
    "people are a pandas table, not a dict": (nx.path_graph(3), {"age": 3}),
}  # fmt: skip


def test_a_graph_of_ever_new_attributes_is_refused_within_bounds() -> None:
    graph = nx.path_graph(1001)
    for node in graph:
        graph.nodes[node][f"a{node}"] = node
    with pytest.raises(InputError, match="people have more than 1000 attributes"):
        population.read(graph)


@pytest.mark.parametrize("told", REFUSED)
def test_what_could_mean_two_things_is_asked(told: str) -> None:
    with pytest.raises(InputError) as error:
        population.read(REFUSED[told])
    assert told in str(error.value)


def test_columns_and_scale_can_be_said() -> None:
    ties = pd.DataFrame({"a": [1, 2], "b": [2, 3], "calls": [10, 40], "c": [0, 0]})
    network = sim.Network(ties, columns=("a", "b"), closeness_from="calls", scale="max")
    found = population.read(network)
    assert seen(found)["closeness"] == {frozenset("12"): 0.25, frozenset("23"): 1.0}
    kept = network.file()
    assert b'"read_with":{"closeness_from":"calls","scale":"max"}' in kept.content


def test_codes_with_a_leading_zero_stay_words(tmp_path: Path) -> None:
    (tmp_path / "ties.csv").write_text("from,to\n1,2\n2,3\n")
    (tmp_path / "people.csv").write_text("id,zip,age\n1,01234,\n2,99999,4\n3,,5.5\n")
    found = population.read(
        sim.NetworkFile(tmp_path / "ties.csv", people=tmp_path / "people.csv")
    )
    known = seen(found)["people"]
    assert known["1"] == {"zip": "01234", "age": None}
    assert known["3"] == {"zip": "", "age": 5.5}


# --------------------------------------------------------------------- runs and sweeps


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> sim.Result:
    """Return a run on a network in memory; tests only read it."""
    out = tmp_path_factory.mktemp("town") / "run"
    options: dict[str, Any] = {"steps": 6, "seed": 4, "checkpoint_every": 3}
    return sim.run("her", network=(TIES, PEOPLE), out=out, **options)


def test_a_run_keeps_what_it_was_given_and_can_be_repeated(
    town: sim.Result, tmp_path: Path
) -> None:
    told = town.provenance["network"]
    assert told["stored"] == "network/network.json"
    assert town.provenance["files"]["network/network.json"] == told["sha256"]
    assert sim.verify(town.path).is_proved
    options: dict[str, Any] = {"steps": 6, "seed": 4, "checkpoint_every": 3}
    again = sim.run("her", network=town.network, out=tmp_path / "again", **options)
    assert again.provenance["files"] == town.provenance["files"]
    by_path = town.path / "network" / "network.json"
    third = sim.run("her", network=by_path, out=tmp_path / "third", **options)
    assert third.humans().equals(town.humans())
    fork = town.fork(3, out=tmp_path / "fork")
    assert fork.provenance["files"] == town.provenance["files"]


def test_a_result_has_people_in_all_its_tables(
    town: sim.Result, tmp_path: Path
) -> None:
    dee = town.number_of("dee")
    assert town.people.loc[dee, "age"] == 29
    assert town.humans(0).loc[dee, "openness"] == np.float32(0.4)
    assert town.humans()["age"].dtype == np.int64
    assert pd.isna(town.humans().loc[dee, "city"])
    assert town.graph().nodes[dee]["age"] == 29
    assert town.agents().loc[dee, "age"] == 29
    assert town.columns("humans", ["age"])["age"][dee] == 29
    export(town, tmp_path / "ties.csv")
    table = pd.read_csv(tmp_path / "ties-agents.csv").set_index("label")
    assert table.loc["bob", "city"] == "Bonn"


@pytest.mark.slow
def test_a_run_that_was_cut_short_is_resumed(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def die(self: sim.Society) -> None:
        if self.calendar == 4:
            raise Killed
        step(self)

    step = sim.Society.step
    options: dict[str, Any] = {"steps": 6, "seed": 4, "checkpoint_every": 3}
    whole = sim.run("her", network=graph_of(), out=tmp_path / "whole", **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.runs.simulate.guard.refuse_replaced", lambda: None)
        patch.setattr("sim.society.guard.refuse_replaced", lambda: None)
        patch.setattr(sim.Society, "step", die)
        patch.setattr("sim.runs.writer.RunWriter.abort", lambda self: None)
        with pytest.raises(Killed):
            sim.run("her", network=graph_of(), out=tmp_path / "cut", **options)
    assert resume(tmp_path / "cut").provenance["files"] == whole.provenance["files"]


def test_the_cast_is_named_by_name(tmp_path: Path) -> None:
    mind = MindOptions(kind="scripted", cast=4, humans=("dee", "label:bob"))
    run = sim.run(
        "her", steps=2, network=(TIES, PEOPLE), mind=mind, out=tmp_path / "run"
    )
    both = sorted(run.number_of(name) for name in ("dee", "bob"))
    assert run.provenance["mind"]["members"][:2] == both
    wrong = MindOptions(kind="scripted", cast=4, humans=("bop",))
    with pytest.raises(InputError, match=r"no human 'bop'.*did you mean 'bob'"):
        sim.run("her", steps=2, network=(TIES, PEOPLE), mind=wrong, out=tmp_path / "b")


def test_the_command_line_takes_a_table_of_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    TIES.to_csv(tmp_path / "ties.csv", index=False)
    PEOPLE.rename(columns={"id": "code"}).to_csv(tmp_path / "p.csv", index=False)
    words = ["run", "her", "--steps", "2", "--network", str(tmp_path / "ties.csv")]
    words += ["--people", str(tmp_path / "p.csv"), "--out", str(tmp_path / "run")]
    words += ["--no-figures", "--mind", "scripted", "--cast", "ann,dee"]
    assert main(words) == 2
    assert "which column says who is who" in capsys.readouterr().err
    assert main([*words, "--person-column", "code"]) == 0
    run = sim.load(tmp_path / "run")
    assert run.provenance["network"]["person"] == "code"
    assert len(run.provenance["network"]["people_sha256"]) == 64
    assert run.people.loc[run.number_of("eve"), "age"] == 71


def test_both_arms_of_a_counterfactual_have_the_network() -> None:
    found = sim.counterfactual(
        sim.scenario("her").replace(steps=3),
        "growth_cap",
        at=2,
        seeds=1,
        outcomes=["adopted_end"],
        network=(TIES, PEOPLE),
    )
    assert len(found.runs) == 2


@pytest.mark.slow
def test_the_example_shows_age_and_couples(tmp_path: Path) -> None:
    example = runpy.run_path("experiments/mechanisms/own_network.py")
    graph = example["town"]()
    options: dict[str, Any] = {"steps": 150, "parameters": {"innovation": 0.002}}
    one = sim.run("her-film-cut", network=graph, out=tmp_path / "one", **options)
    table = example["by_age"](one)
    assert table["people"].sum() == 200
    assert table["in_couples"].sum() == 98
    assert table["first_os"].iloc[0] < table["first_os"].iloc[2]
    ties, people = example["tables"](graph)
    other = sim.run(
        "her-film-cut", network=(ties, people), out=tmp_path / "two", **options
    )
    assert example["by_age"](other).equals(table)


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_a_sweep_keeps_its_networks_for_its_workers(tmp_path: Path) -> None:
    design = {
        "base": {"steps": 4},
        "grid": {"network": [graph_of(), (TIES, PEOPLE), nx.path_graph(9)]},
        "outcomes": ["adopted_end", "human_closeness_end"],
        "keep_runs": True,
        "seeds": 2,
    }
    sweep = sim.sweep(design, out=tmp_path / "sweep", workers=2)
    assert sweep.counts()["done"] == 6
    moved = (tmp_path / "sweep").rename(tmp_path / "moved")
    again = sim.load_sweep(moved)
    table = again.table()
    assert table["network"].nunique() == 3
    assert len(list((moved / "networks").iterdir())) == 3
    assert sim.verify(moved).is_proved
    run = next(iter(again.runs("seed == 1")))
    alone = sim.run("her", steps=4, seed=1, network=graph_of(), out=tmp_path / "alone")
    assert run.humans().equals(alone.humans())
    assert run.network is not None
    resumed = sim.sweep(design, out=moved, workers=1, resume=True)
    assert resumed.table().equals(table)


def test_an_event_of_many_oses_is_told_where_people_have_names(
    town: sim.Result,
) -> None:
    """Their names are not known to it, and are no people's either."""
    labels, oses = town.labels or (), range(town.population, town.population + 9)
    assert who(oses, 9, {}, labels) == "9 agents"
    first = town.population
    told = who([0, first], 2, {first: "Ada"}, labels)
    assert told == f"{labels[0]} (0), OS Ada ({first})"
