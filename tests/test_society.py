"""The society as a Mesa model: what Mesa's users expect, on every Mesa."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import mesa
import networkx as nx
import numpy as np
import pytest
from quick import QUICK, SEED, differing, lived, same

from sim import scenarios
from sim.events import MEASURES
from sim.model import population
from sim.model.columns import DEPARTED
from sim.society import Society
from sim.society.agents import OS, Human
from sim.utils.errors import InputError

SMALL: dict[str, Any] = QUICK | {"humans": 40, "steps": 30}
FRIENDS = "ann,ben\nben,cleo\ncleo,ann\ncleo,dan\n"


def small(days: int = 0, **changes: Any) -> Society:
    society = Society(**({"rng": SEED} | SMALL | changes))
    for _ in range(days):
        society.step()
    return society


@pytest.fixture(scope="module")
def society() -> Society:
    """Return a society in mid-story; tests only look at it."""
    return lived(100)


@pytest.fixture
def own() -> Society:
    """Return a small society to do with as one likes."""
    return small(20)


# ----------------------------------------------------------------------------- steps


def test_a_step_is_a_day() -> None:
    model = small()
    assert model.calendar == 0
    model.step()
    assert model.calendar == 1
    assert model.steps == 1
    assert len(model.monitor.history.days) == 1


def test_it_runs_for_as_many_days_as_it_is_told() -> None:
    model = small(steps=4)
    while model.running:
        model.step()
    assert model.calendar == 4


def test_mesa_runs_it_to_its_end() -> None:
    model = small(steps=3)
    model.run_model()
    assert model.calendar == 3


def test_a_story_without_days_is_over() -> None:
    assert not small(steps=0).running


def test_it_can_go_on_beyond_its_end() -> None:
    model = small(steps=2)
    for _ in range(5):
        model.step()
    assert model.calendar == 5
    assert not model.running


# ------------------------------------------------------------------- how it is made


def test_a_society_is_made_from_a_scenario_or_its_name() -> None:
    calm = scenarios.load("her").replace(**SMALL)
    assert differing(Society(calm, rng=2).state, small(rng=2).state) == []
    assert Society("her-no-peers", humans=5).parameters.peers is False
    bold = Society(calm, rng=2, reach=3.0, humans=50)
    assert (bold.parameters.reach, len(bold.state.humans)) == (3.0, 50)
    assert calm.parameters.reach == 2.5


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"humens": 5}, "unknown option 'humens'; did you mean 'humans'?"),
        ({"humans": 0}, "parameter 'humans' must be a whole number from 1"),
        ({"scenario": "hr"}, "unknown scenario 'hr'; did you mean 'her'?"),
        ({"network": "nowhere.csv"}, "nowhere.csv"),
        ({"rng": 1.5}, "a seed is a whole number, not 1.5"),
        ({"rng": "seven"}, "a seed is a whole number, not 'seven'"),
        ({"rng": -1}, "a seed is from 0 to 2**63 - 1, not -1"),
        ({"rng": 2**63}, "a seed is from 0 to 2**63 - 1, not 9223372036854775808"),
        ({"rng": [1, 2]}, "a seed is a whole number, not [1, 2]"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as refused:
        Society(**wrong)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rng", "seed"),
    [
        (0, 0),
        (7, 7),
        ("7", 7),
        (" 7 ", 7),
        (np.int64(7), 7),
        (np.uint8(7), 7),
        (2**63 - 1, 2**63 - 1),
    ],
)
def test_seeds_come_in_many_shapes(rng: Any, seed: int) -> None:
    one, other = small(rng=rng), small(rng=seed)
    assert int(one.day["seed"]) == seed
    one.step()
    other.step()
    assert differing(one.state, other.state) == []


@pytest.mark.parametrize("absent", [{}, {"seed": None}, {"rng": None}, {"rng": ""}])
def test_without_a_seed_each_society_is_another_and_says_which(
    absent: dict[str, Any],
) -> None:
    one, other = (Society(**SMALL, **absent) for _ in range(2))
    assert one.seed != other.seed
    assert "humans.openness" in differing(one.state, other.state)
    again = Society(**SMALL, seed=one.seed)
    assert differing(one.state, again.state) == []
    assert again.seed == one.seed == int(one.day["seed"]) < 2**53


def test_mesas_own_generator_is_seeded_too() -> None:
    one, other = small(rng=7), small(rng=7)
    assert one.random.random() == other.random.random()
    assert one.rng.random() == other.rng.random()


def test_mesas_own_generator_plays_no_part(own: Society) -> None:
    other = small()
    for _ in range(20):
        other.random.random()
        other.rng.random(3)
        other.step()
    assert differing(own.state, other.state) == []


def test_seeds_make_different_societies() -> None:
    assert "humans.openness" in differing(small(rng=1).state, small(rng=2).state)


# --------------------------------------------------------------------------- network


@pytest.mark.parametrize("kind", [str, Path])
def test_a_network_is_read_from_a_file(tmp_path: Path, kind: type) -> None:
    file = tmp_path / "friends.csv"
    file.write_text(FRIENDS)
    model = Society(network=kind(file), rng=SEED)
    assert len(model.state.humans) == model.parameters.humans == 4
    assert set(model.labels) == {"ann", "ben", "cleo", "dan"}
    dan = model.view(model.labels.index("dan"))
    assert [model.labels[tie.agent.number] for tie in dan.ties] == ["cleo"]
    model.step()
    assert model.calendar == 1


def test_a_network_is_taken_as_it_is() -> None:
    known = population.generate(30, 4.0, 9, partnered=0.0, rewiring=0.0)
    model = Society(network=known)
    assert len(model.state.humans) == 30
    assert model.state.ties.half_edges == 2 * len(known.pairs)
    assert model.labels is None


def test_a_network_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "friends.csv"
    file.write_text("ann,ben\nben\n")
    with pytest.raises(InputError, match=r"friends\.csv.*2"):
        Society(network=file)


# ---------------------------------------------------------------------------- agents


def test_agents_are_the_living_humans_first(society: Society) -> None:
    agents = society.agents
    assert len(agents) == 120 + np.count_nonzero(society.state.oses.status <= 1)
    assert isinstance(agents[0], Human)
    assert isinstance(agents[-1], OS)
    assert set(society.agents_by_type) == {Human, OS}
    assert set(society.agent_types) == {Human, OS}


def test_the_departed_are_agents_no_more(story: Society) -> None:
    gone = np.count_nonzero(story.state.oses.status == DEPARTED)
    assert gone > 100
    assert len(story.agents_by_type[OS]) == story.state.oses.n - gone
    assert story.view(120).status_name == "departed"


def test_a_society_without_oses_has_one_type() -> None:
    assert list(small().agents_by_type) == [Human]


def test_an_agent_reads_its_row(society: Society) -> None:
    human = society.agents[5]
    assert human.loneliness == society.state.humans.loneliness[5].item()
    assert type(human.loneliness) is float
    assert human.own_os.owned_by == human
    assert human.unique_id == 6
    assert human in society.agents


def test_select_get_and_agg_answer_from_columns(society: Society) -> None:
    humans = society.agents_by_type[Human]
    lonely = humans.select(lambda human: human.loneliness > 0.3)
    column = society.state.humans.loneliness
    assert lonely.get("loneliness") == column[column > np.float32(0.3)].tolist()
    assert len(humans.select(at_most=0.1)) == 12
    assert len(society.agents.select(agent_type=OS)) == len(society.agents_by_type[OS])
    assert humans.agg("loneliness", max) == column.max()
    assert humans.agg("loneliness", [min, max]) == [column.min(), column.max()]
    assert humans.get(["growth", "grief"])[3] == [humans[3].growth, humans[3].grief]


def test_groups_by_a_column(society: Society) -> None:
    groups = society.agents_by_type[OS].groupby("collective")
    counted = groups.count()
    labels = society.state.oses.collective
    assert counted == {
        label: np.count_nonzero(labels == label) for label in np.unique(labels).tolist()
    }
    assert max(counted) >= 0


def test_sort_and_shuffle_keep_everybody(society: Society) -> None:
    by_growth = society.agents.sort("growth", ascending=True).get("growth")
    assert by_growth == sorted(society.agents.get("growth"))
    shuffled = society.agents.shuffle()
    assert sorted(shuffled.get("growth")) == by_growth
    assert shuffled.get("growth") != society.agents.get("growth")


def test_set_and_do_write_the_columns(own: Society) -> None:
    own.agents_by_type[Human].set("grief", 0.5)
    assert set(own.state.humans.grief.tolist()) == {0.5}

    def console(human: Human, by: float) -> None:
        human.grief -= by

    own.agents_by_type[Human].select(at_most=3).do(console, by=0.25)
    assert own.state.humans.grief[:4].tolist() == [0.25, 0.25, 0.25, 0.5]
    own.agents_by_type[Human].shuffle_do(console, by=0.25)
    assert own.state.humans.grief[:4].tolist() == [0.0, 0.0, 0.0, 0.25]


def test_what_is_written_counts_tomorrow(own: Society) -> None:
    other = copy.deepcopy(own)
    own.agents_by_type[Human].set("grief", 2.0)
    own.step()
    other.step()
    assert own.state.humans.loneliness.mean() > other.state.humans.loneliness.mean()


def test_a_removed_os_is_gone_by_tomorrow(own: Society) -> None:
    known = own.agents_by_type[OS][0]
    owner = known.owned_by
    known.remove()
    assert known not in own.agents
    own.step()
    own.step()
    assert known.status_name == "uninstalled"
    assert known not in [tie.agent for tie in owner.ties]


def test_a_created_os_lives_on(own: Society) -> None:
    before = own.state.oses.n
    OS.create_agents(own, 2, growth=1.5)
    assert own.state.oses.n == before + 2
    own.step()
    assert len(own.agents_by_type[OS]) >= before + 2


def test_a_crowd_of_created_oses_lives_on() -> None:
    """More OSes than there ever were agents: every one has a face to show."""
    model = small()
    OS.create_agents(model, 500, growth=0.5)
    assert len(model.state.faces) == model.state.ties.agents
    model.step()
    assert (model.state.faces[40:540, 0] == 0.5).all()


# ------------------------------------------------------------------------ collecting


def test_the_measures_of_each_day_are_collected() -> None:
    model = small(10)
    frame = model.datacollector.get_model_vars_dataframe()
    assert list(frame.columns) == list(MEASURES)
    assert len(frame) == 10
    series = model.monitor.history.columns()
    for name in MEASURES:
        assert frame[name].tolist() == series[name].tolist()


def test_measures_are_kept_once_and_seen_by_the_collector() -> None:
    model = small(3)
    collected = model.datacollector.model_vars
    assert all(collected[name] is model.monitor.history[name] for name in MEASURES)
    assert model.datacollector.model_reporters["oses"](model) == collected["oses"][-1]
    model.datacollector.collect(model)
    assert len(model.datacollector.get_model_vars_dataframe()) == 3


def double_adopted(model: Society) -> float:
    return 2.0 * model.monitor.latest("adopted")


def test_reporters_can_be_added_to_the_measures() -> None:
    model = small(0)
    model.datacollector._new_model_reporter("double", double_adopted)
    model.datacollector._new_agent_reporter("growth", "growth")
    for _ in range(2):
        model.step()
    frame = model.datacollector.get_model_vars_dataframe()
    assert list(frame.columns) == [*MEASURES, "double"]
    assert frame["double"].tolist() == (2 * frame["adopted"]).tolist()
    agents = model.datacollector.get_agent_vars_dataframe()
    last = agents.xs(model.steps, level="Step")["growth"]
    assert last.tolist() == model.agents.get("growth")
    twin = copy.deepcopy(model)
    twin.step()
    assert len(twin.datacollector.get_model_vars_dataframe()) == 3
    assert len(model.datacollector.get_model_vars_dataframe()) == 2


def loneliness(agent: Any) -> float:
    return agent.loneliness if isinstance(agent, Human) else -1.0


def count_agents(model: Society) -> int:
    return len(model.agents)


def test_a_collector_of_ones_own() -> None:
    model = small(15)
    collector = mesa.DataCollector(
        model_reporters={"agents": count_agents, "calendar": "calendar"},
        agent_reporters={"growth": "growth", "loneliness": loneliness},
        agenttype_reporters={OS: {"lovers": "lovers"}, Human: {"grief": "grief"}},
    )
    counts = []
    for _ in range(3):
        model.step()
        collector.collect(model)
        counts.append(len(model.agents))
    frame = collector.get_model_vars_dataframe()
    assert frame["agents"].tolist() == counts
    assert frame["calendar"].tolist() == [16, 17, 18]
    agents = collector.get_agent_vars_dataframe()
    assert len(agents) == sum(counts)
    last = agents.xs(model.steps, level="Step")
    assert last["growth"].tolist() == model.agents.get("growth")
    oses = collector.get_agenttype_vars_dataframe(OS)
    by_day = oses.xs(model.steps, level="Step")["lovers"]
    assert by_day.tolist() == model.agents_by_type[OS].get("lovers")
    assert (by_day.index >= 41).all()


def batch(**options: Any) -> list[dict[str, Any]]:
    told = {"max_steps": 50, "display_progress": False, "number_processes": 1}
    return mesa.batch_run(Society, **(told | options))


def test_mesa_runs_a_batch() -> None:
    few = SMALL | {"humans": 30, "steps": 4}
    rows = batch(parameters=few | {"rng": 3, "peers": [True, False]})
    assert [row["peers"] for row in rows] == [True, False]
    for row in rows:
        few = SMALL | {"humans": 30, "steps": 4, "peers": row["peers"]}
        model = Society(**few, seed=3)
        while model.running:
            model.step()
        assert {name: row[name] for name in MEASURES} == {
            name: model.monitor.latest(name) for name in MEASURES
        }


@pytest.mark.filterwarnings("ignore:.*iterations:")
def test_the_iterations_of_a_batch_are_different_runs() -> None:
    few = SMALL | {"humans": 30, "steps": 4}
    rows = batch(parameters=few, iterations=3)
    assert len({row["human_closeness"] for row in rows}) == 3


def test_mesa_runs_a_batch_over_seeds() -> None:
    quick = SMALL | {"humans": 30, "steps": 15}
    if "rng" in inspect.signature(mesa.batch_run).parameters:
        rows = batch(parameters=quick, rng=[1, 2, 1])
    else:  # mesa 3.3: a seed is a parameter like any other
        rows = batch(parameters=quick | {"rng": [1, 2, 1]})
    one, two, again = (row["human_closeness"] for row in rows)
    assert one == again != two


@pytest.mark.slow
def test_mesa_runs_a_batch_on_two_processes() -> None:
    quick = SMALL | {"rng": 3, "humans": 30, "steps": 4, "peers": [True, False]}
    alone = batch(parameters=quick)
    shared = batch(parameters=quick, number_processes=2)
    assert sorted(shared, key=lambda row: row["RunId"]) == alone


# ----------------------------------------------------------------------------- graph


def test_a_graph_holds_the_living_and_their_ties(society: Society) -> None:
    graph = society.graph()
    assert isinstance(graph, nx.DiGraph)
    assert sorted(graph) == [agent.number for agent in society.agents]
    assert graph.nodes[3]["kind"] == "human"
    assert graph.nodes[3]["loneliness"] == society.view(3).loneliness
    assert graph.nodes[120]["kind"] == "OS"
    for tie in society.view(3).ties:
        assert graph.edges[3, tie.agent.number]["closeness"] == tie.closeness
        assert graph.edges[tie.agent.number, 3]["closeness"] == tie.returned
    assert type(graph.nodes[3]["os"]) is int


def test_a_graph_of_a_sample(society: Society) -> None:
    graph = society.graph(sample=25)
    assert len(graph) == 25
    kinds = {graph.nodes[node]["kind"] for node in graph}
    assert kinds == {"human", "OS"}
    whole = society.graph()
    assert set(graph.edges) == set(whole.subgraph(graph).edges)
    assert sorted(society.graph(sample=10**9)) == sorted(whole)


def test_a_graph_around_somebody(society: Society) -> None:
    whole = society.graph()
    for hops in (0, 1, 2):
        graph = society.graph(around=7, hops=hops)
        near = nx.single_source_shortest_path_length(whole, 7, cutoff=hops)
        assert set(graph) == set(near)
    assert len(society.graph(around=7, sample=4)) == 4


def test_a_graph_leaves_out_the_departed(story: Society) -> None:
    graph = story.graph()
    status = [graph.nodes[n]["status"] for n in graph if graph.nodes[n]["kind"] == "OS"]
    assert DEPARTED not in status


@pytest.mark.parametrize(
    "asked", [{"around": 10_000}, {"around": -1}, {"sample": 0}, {"sample": -5}]
)
def test_a_graph_of_nobody_is_refused(society: Society, asked: dict[str, int]) -> None:
    with pytest.raises(InputError):
        society.graph(**asked)


# ---------------------------------------------------------------------------- copies


def test_time_goes_on_for_a_pickled_society() -> None:
    twin = pickle.loads(pickle.dumps(small(3)))
    twin.step()
    assert twin.calendar == 4


def test_a_pickled_society_lives_on_alike() -> None:
    model = small(12, threads=2)
    twin = pickle.loads(pickle.dumps(model))
    assert twin.monitor.rows() == model.monitor.rows()
    for society in (model, twin):
        for _ in range(15):
            society.step()
    assert differing(model.state, twin.state) == []
    series = (society.monitor.history.columns() for society in (model, twin))
    here, there = series
    assert not [name for name in here if not same(here[name], there[name])]


def test_a_copy_goes_its_own_way(own: Society) -> None:
    kept, twin = copy.deepcopy(own.state), copy.deepcopy(own)
    twin.agents_by_type[Human].set("loneliness", 1.0)
    twin.step()
    assert twin.agents[0].model is twin
    assert differing(kept, own.state) == []
    assert (own.calendar, twin.calendar) == (20, 21)


def test_an_intervention_changes_only_what_follows_from_it() -> None:
    """Draws are keyed: two societies are the same until their levers differ."""
    calm, bold = small(10), small(10, departure_rate=1.0, upgrade_speed=50.0)
    assert differing(calm.state, bold.state) == []


def test_two_societies_in_one_process_do_not_meet() -> None:
    alone = small(12)
    one, other = small(), small(rng=99, reach=1.0)
    for _ in range(12):
        one.step()
        other.step()
    assert differing(alone.state, one.state) == []
