"""Interventions on some people only: who they are, what is written, who was treated."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from quick import QUICK

import sim
from sim.model.columns import HUMAN_COLUMNS
from sim.runs.live import LiveResult
from sim.scenarios.interventions import Intervention
from sim.scenarios.who import Where, Who, parsed
from sim.society.treatment import chosen, column_of
from sim.utils.errors import InputError

EXAMPLES = Path("experiments/mechanisms")
SMALL: dict[str, Any] = {**QUICK, "humans": 40, "steps": 12}
RIGHT = {"acceptance": 0.9}


def on(who: dict[str, Any] | None, **more: Any) -> Intervention:
    """Return an intervention of day 8, which comes after a weekly reading."""
    given = {"name": "course", "at": 8, "columns": RIGHT} | more
    return Intervention(**given, who=None if who is None else Who(**who))


def town(*interventions: Intervention, **changes: Any) -> sim.Scenario:
    scenario = sim.scenario("her-film-cut").replace(**{**SMALL, **changes})
    return scenario.model_copy(update={"interventions": list(interventions)})


def lived(
    *interventions: Intervention, days: int = 9, seed: int = 1, **options: Any
) -> sim.Society:
    society = sim.Society(town(*interventions), seed=seed, **options)
    for _ in range(days):
        society.step()
    return society


def treated(society: sim.Society) -> Any:
    return society.state.humans.treated_course > 0


# ------------------------------------------------------------------------------ who


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("loneliness > 0.6", ("loneliness", ">", 0.6)),
        ("age<=-3e1", ("age", "<=", -30.0)),
        ("home town == 'New York'", ("home town", "==", "New York")),
        ("city != Ulm", ("city", "!=", "Ulm")),
    ],
)
def test_a_condition_is_one_column_one_comparison_one_value(
    text: str, parts: tuple[Any, ...]
) -> None:
    assert parsed(text) == Where(*parts)


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ({}, "'who' is one of share, where, column, community"),
        ({"share": 0.3, "column": "os"}, "'who' is one of"),
        ({"share": 1.5}, "less than or equal to 1"),
        ({"community": 0}, "greater than or equal to 1"),
        ({"where": "loneliness"}, "one column, one comparison and one value"),
        ({"where": "age > 3 > 1"}, "one column, one comparison and one value"),
        ({"where": "city < Ulm"}, "'Ulm' is no number; words are == or !="),
        ({"where": "age > nan"}, "compares with a number or a word"),
        ({"where": "__import__('os').x > 1"}, None),
    ],
)
def test_what_is_no_group_is_refused(who: dict[str, Any], told: str | None) -> None:
    if told is None:  # it is a column of an odd name, and nothing is run
        with pytest.raises(InputError, match="people have no column"):
            lived(on(who))
        return
    with pytest.raises(InputError) as error:
        Who(**who)
    assert told in str(error.value)


def test_a_share_is_drawn_by_the_name_and_nested() -> None:
    humans = sim.Society(town(), seed=1).state.humans
    none = np.zeros(0, np.int64)

    def drawn(share: float, name: str = "course", seed: int = 1) -> Any:
        return chosen(on({"share": share}, name=name), humans, {}, none, seed)

    some, more = drawn(0.3), drawn(0.5)
    assert some.sum() == 12
    assert more.sum() == 20
    assert (more | ~some).all()
    assert np.array_equal(some, drawn(0.3))
    assert not np.array_equal(some, drawn(0.3, name="other"))
    assert not np.array_equal(some, drawn(0.3, seed=2))


def test_two_societies_of_one_seed_treat_the_same_people() -> None:
    early, late = on({"share": 0.3}, at=2), on({"share": 0.3}, columns={"touch": 0.1})
    assert np.array_equal(treated(lived(early)), treated(lived(late)))


def test_a_condition_is_looked_at_as_its_day_begins() -> None:
    before = lived(days=7).state.humans.loneliness.copy()
    level = float(np.median(before))
    society = lived(on({"where": f"loneliness > {level}"}), days=8)
    assert np.array_equal(treated(society), before > np.float32(level))


def test_columns_of_ones_own_data_say_who() -> None:
    graph = nx.path_graph(6)
    for node in graph:
        graph.nodes[node].update(city="Ulm" if node < 2 else "Bonn", wave=node % 2)
    by_city = lived(on({"where": "city == Ulm"}), network=graph)
    assert sorted(np.array(by_city.labels)[treated(by_city)]) == ["0", "1"]
    by_wave = lived(on({"column": "wave"}), network=graph)
    assert sorted(np.array(by_wave.labels)[treated(by_wave)]) == ["1", "3", "5"]
    with pytest.raises(InputError, match="'city' holds words; say where"):
        lived(on({"column": "city"}), network=graph)
    with pytest.raises(InputError, match="'city' holds words"):
        lived(on({"where": "city == 3"}), network=graph)
    with pytest.raises(InputError, match="no column 'wavy'; did you mean 'wave'"):
        lived(on({"column": "wavy"}), network=graph)


def test_communities_are_counted_from_the_largest() -> None:
    humans = sim.Society(town(humans=7), seed=1).state.humans
    labels = np.array([3, 3, 0, 0, 0, 1, 1, 9, 9, 9, 9])  # four OSes at the end
    found = {
        rank: np.flatnonzero(
            chosen(on({"community": rank}), humans, {}, labels, 1)
        ).tolist()
        for rank in (1, 2, 3, 4)
    }
    assert found == {1: [2, 3, 4], 2: [0, 1], 3: [5, 6], 4: []}
    before = lived(days=7).monitor.friends()[1][:40]
    rows = treated(lived(on({"community": 1}), days=8))
    assert rows.sum() == np.bincount(before).max()
    assert not treated(lived(on({"community": 1}, at=3))).any()  # nothing was read yet


# --------------------------------------------------------------------- what is done


def test_only_the_treated_are_written_and_marked_for_good() -> None:
    society = lived(on({"share": 0.3}, columns={"touch": 0.25}), days=7)
    assert not treated(society).any()
    before = society.state.humans.touch.copy()
    society.step()
    rows = treated(society)
    assert rows.sum() == 12
    assert (society.state.humans.touch[rows] == 0.25).all()
    assert np.array_equal(society.state.humans.touch[~rows], before[~rows])
    shock = society.monitor.events[-1]
    assert "{'touch': 0.25} for 12 of 40 people" in shock.evidence
    for _ in range(3):
        society.step()
    assert np.array_equal(treated(society), rows)


def test_without_who_it_is_everybody() -> None:
    society = lived(on(None, columns={"touch": 0.25}), days=8)
    assert (society.state.humans.touch == 0.25).all()
    assert "treated_course" not in society.state.humans.columns


def test_a_group_may_be_marked_and_nothing_done() -> None:
    plain, marked = lived(), lived(on({"share": 0.3}, columns={}, set={}))
    assert treated(marked).sum() == 12
    for column in HUMAN_COLUMNS:
        one, other = (s.state.humans.column(column.name) for s in (plain, marked))
        assert np.array_equal(one, other)


def test_a_mechanisms_column_may_be_written() -> None:
    own = town(on({"share": 0.5}, columns={"works": 0})).use(EXAMPLES / "income.py")
    society = sim.Society(own.replace(job_found=0.0, job_loss=0.0), seed=1)
    for _ in range(8):
        society.step()
    assert np.array_equal(society.state.humans.works == 0, treated(society))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"set": {"focus": 0.5}}, "focus cannot be changed for some people only"),
        ({"set": {"os_meeting": 0.5}}, "os_meeting cannot be changed for some people"),
        ({"columns": {"growth": 1.0}}, "no column 'growth' of people to write"),
        ({"columns": {"touch": 2.0}}, "'touch' is within 0 to 1, not 2"),
        ({"columns": {"touch": float("inf")}}, "'touch' takes finite numbers, not inf"),
        ({"days": 3}, "columns are written once; leave out 'days'"),
        ({"name": "Курс"}, "name it by letters a to z"),
    ],
)
def test_what_cannot_be_done_is_refused(
    given: dict[str, Any], told: str | None
) -> None:
    if told is None:
        assert lived(on({"share": 0.1}, **given)).running
        return
    with pytest.raises(InputError, match=told):
        lived(on({"share": 0.1}, **given))


def test_nothing_to_do_and_two_groups_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="'set': Field required"):
        Intervention(name="course", at=3)
    one, other = on({"share": 0.1}), on({"share": 0.2}, at=9)
    for two in (other, on({"share": 0.1}, name="Course!", at=9)):
        with pytest.raises(InputError, match="would be the column of both; name them"):
            lived(one, two)
    ripe = on({"where": "openness > 0.5"})
    with pytest.raises(InputError, match="may act on other people than 'course'"):
        lived(ripe, ripe.model_copy(update={"at": 9}))
    lived(one, one.model_copy(update={"at": 9}))
    assert column_of(on({"share": 0.1}, name="A Course!")) == "treated_a_course"


def test_a_usual_intervention_is_recorded_as_before() -> None:
    one = Intervention(name="cap", at=3, set={"growth_cap": 2.0})
    usual = {"name": "cap", "at": 3, "when": None, "days": None}
    assert one.model_dump() == usual | {"set": {"growth_cap": 2.0}}
    again = on({"share": 0.3})
    assert Intervention.model_validate(again.model_dump(mode="json")) == again


# ---------------------------------------------------------- parameters of some people

# Of processes over people, over all agents, and over ties.
SETS: list[Any] = [
    {"price": 0.8, "innovation": 0.5},
    {"grief_half_life": 3.0, "influence_rate": 0.3},
    {"human_meeting": 0.9},
    pytest.param(
        {"human_warmth": 3.0, "human_attention": 2.0, "os_charm": 6.0},
        marks=pytest.mark.slow,
    ),
]


def fingerprint(society: sim.Society) -> dict[str, bytes]:
    """Return the bytes of all columns, but who was treated, and of all ties."""
    state = society.state
    found = {
        f"{name}.{column}": table.column(column).tobytes()
        for name, table in (("humans", state.humans), ("oses", state.oses))
        for column in table.columns
        if not column.startswith("treated_")
    }
    return found | {n: c.tobytes() for n, c in state.ties.table().items()}


@pytest.mark.parametrize("changes", SETS, ids=lambda one: next(iter(one)))
def test_some_who_are_all_are_as_everybody(changes: dict[str, Any]) -> None:
    everybody = on(None, set=changes, columns={}, at=3)
    some = on({"share": 1.0}, set=changes, columns={}, at=3)
    one, other = (lived(given, days=12) for given in (everybody, some))
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint(lived(days=12))


def test_only_the_treated_have_other_parameters_for_as_long_as_it_is() -> None:
    some = on({"share": 0.5}, set={"innovation": 1.0}, columns={}, at=3, days=2)
    base = {"innovation": 0.0, "imitation": 0.0, "churn": 0.0}
    society = sim.Society(town(some, **base), seed=1)
    adopted = []
    for _ in range(6):
        society.step()
        adopted.append(society.state.humans.adopted_step.copy())
    rows = treated(society)
    assert (adopted[1] < 0).all()
    assert (adopted[3][rows] >= 3).mean() > 0.5
    assert (adopted[5][~rows] < 0).all()
    assert np.array_equal(adopted[3], adopted[5])


def test_the_latest_counts_for_some_as_for_all() -> None:
    some = on({"share": 0.5}, set={"innovation": 1.0}, columns={}, at=3)
    later = on(None, name="none", set={"innovation": 0.0}, columns={}, at=4)
    again = on({"share": 0.5}, name="more", set={"innovation": 1.0}, columns={}, at=6)
    base = {"innovation": 0.0, "imitation": 0.0, "churn": 0.0}
    society = sim.Society(town(some, later, again, **base), seed=1)
    new = []
    for _ in range(7):
        before = int((society.state.humans.adopted_step >= 0).sum())
        society.step()
        new.append(int((society.state.humans.adopted_step >= 0).sum()) - before)
    assert new[2] > 0
    assert new[3] == new[4] == 0
    assert new[5] > 0


def test_a_cast_does_not_go_with_what_differs_in_talk(tmp_path: Path) -> None:
    warm = town(on({"share": 0.5}, set={"human_warmth": 2.0}, columns={}))
    mind = sim.MindOptions(kind="scripted", cast=2)
    with pytest.raises(InputError, match="a cast does not go with what differs"):
        sim.run(warm, mind=mind, out=tmp_path / "run")


@pytest.mark.slow
def test_a_run_of_some_is_continued_as_it_was(tmp_path: Path) -> None:
    given = town(on({"share": 0.3}, set={"human_meeting": 0.9}, columns={}, at=3))
    run = sim.run(given, seed=1, out=tmp_path / "run", checkpoint_every=4, threads=2)
    fork = run.fork(4, out=tmp_path / "fork")
    assert fork.provenance["files"] == run.provenance["files"]
    society = sim.Society(given, seed=1)
    for _ in range(5):
        society.step()
    copied = copy.deepcopy(society)
    for one in (society, copied):
        while one.running:
            one.step()
    assert fingerprint(society) == fingerprint(copied)


# ----------------------------------------------------------------------------- runs


@pytest.mark.slow
def test_runs_forks_and_files_know_who_was_treated(tmp_path: Path) -> None:
    given = town(on({"share": 0.3}))
    run = sim.run(given, seed=1, out=tmp_path / "run", checkpoint_every=4)
    assert run.humans()["treated_course"].sum() == 12
    assert run.humans(0)["treated_course"].sum() == 0
    assert run.provenance["interventions"][0]["who"] == {"share": 0.3}
    assert sim.verify(run.path).is_proved
    fork = run.fork(8, out=tmp_path / "fork")
    assert fork.provenance["files"] == run.provenance["files"]
    more = on({"column": "treated_course"}, name="again", at=10)
    second = run.fork(8, [more], out=tmp_path / "more").humans()
    assert np.array_equal(second["treated_again"], second["treated_course"])


def test_a_counterfactual_compares_the_same_people() -> None:
    base = town(on({"share": 0.3}, columns={}, set={}))
    found = sim.counterfactual(
        base, town(on({"share": 0.3})), seeds=2, outcomes=["acceptance_end"]
    )
    assert found.differences.loc["acceptance_end", "difference"] > 0
    assert set(found.first_days.values()) == {8}


def test_the_example_shows_treated_and_others() -> None:
    example = runpy.run_path(str(EXAMPLES / "treated.py"))
    for arms in example["variants"]().values():
        results = []
        for arm in arms:
            society = sim.Society(arm.replace(humans=100, steps=40), seed=1)
            while society.running:
                society.step()
            results.append(LiveResult(society))
        table = example["by_group"](*results)
        course = table.loc["course"]["acceptance"]
        without = table.loc["no course"]["acceptance"]
        assert course["treated"] > without["treated"] + 0.2
        assert course["others"] >= without["others"]
        assert table.loc["course"]["people"].equals(table.loc["no course"]["people"])
