"""Who comes into being: people on day 0, OSes installed, minds, and new ties."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from quick import SEED, differing, lived

from sim.model import births, population
from sim.model.columns import INSTALLS, LETS_GO, NOTHING, OWNER, PARTNER, UNINSTALLED
from sim.model.mechanisms import adoption, creation
from sim.model.parameters import Parameters
from sim.model.population import SocialNetwork
from sim.model.processes import make_day
from sim.model.state import State
from sim.society import Society

PARAMETERS = Parameters().replace(humans=600, ties=10.0, separated=0.5)
FEW = Parameters().replace(humans=4)


@pytest.fixture(scope="module")
def network() -> SocialNetwork:
    return population.generate(600, 10.0, SEED, partnered=0.58, rewiring=0.2)


@pytest.fixture(scope="module")
def born(network: SocialNetwork) -> State:
    return births.populate(PARAMETERS, network, SEED)


def few(**changes: Any) -> tuple[State, Any]:
    """Return four people who know nobody, and their first day."""
    state, parameters = State(4), FEW.replace(**changes)
    state.humans.openness[:] = [0.1, 0.4, 0.7, 1.0]
    state.humans.playfulness[:] = 0.5
    day = make_day(parameters, 4, SEED)
    day["step"], day["calendar"] = 6, 56
    return state, day


# ------------------------------------------------------------------------ day 0


@pytest.mark.parametrize(
    ("trait", "mean"),
    [
        ("openness", 0.5),
        ("playfulness", 0.5),
        ("acceptance", PARAMETERS.acceptance_mean),
        ("exclusivity", PARAMETERS.exclusivity_mean),
        ("touch", PARAMETERS.touch_mean),
    ],
)
def test_people_differ_in_traits_around_a_mean(
    born: State, trait: str, mean: float
) -> None:
    column = born.humans.column(trait)
    assert column.min() >= 0.0
    assert column.max() <= 1.0
    assert column.mean() == pytest.approx(mean, abs=0.05)
    assert column.std() > 0.15


def test_traits_are_independent(born: State) -> None:
    names = ("openness", "playfulness", "acceptance", "exclusivity", "touch")
    traits = np.array([born.humans.column(name) for name in names])
    related = np.corrcoef(traits) - np.eye(len(names))
    assert np.abs(related).max() < 5 / np.sqrt(600)


def test_nobody_has_an_os_or_a_grief_on_day_0(born: State) -> None:
    assert len(born.oses) == 0
    assert set(born.humans.os.tolist()) == {-1}
    assert set(born.humans.adopted_step.tolist()) == {-1}
    assert not born.humans.grief.any()
    assert np.array_equal(born.humans.upbringing, born.humans.acceptance)


def test_partners_have_each_other_and_are_tied(born: State) -> None:
    partner = born.humans.partner
    paired = np.flatnonzero(partner >= 0)
    assert np.array_equal(partner[partner[paired]], paired)
    assert len(paired) / 600 == pytest.approx(PARAMETERS.partnered, abs=0.05)
    for human in paired.tolist():
        ties = born.ties.of(human)
        flagged = ties["neighbour"][(ties["kind"] & PARTNER) > 0]
        assert flagged.tolist() == [partner[human]]


def test_the_separated_were_close_to_each_other(born: State) -> None:
    humans = born.humans
    separated = np.flatnonzero(humans.former >= 0)
    assert np.array_equal(humans.former[humans.former[separated]], separated)
    assert not (humans.former[separated] == separated).any()
    assert (humans.partner[separated] == -1).all()
    single = np.count_nonzero(humans.partner < 0)
    share = len(separated) / single
    assert share == pytest.approx(PARAMETERS.separated, abs=0.1)


def test_everybody_starts_with_the_closeness_of_their_ties(born: State) -> None:
    sums = [born.ties.of(i)["closeness"].sum() for i in range(600)]
    assert born.humans.human_closeness == pytest.approx(sums, rel=1e-5)


def test_ties_are_those_of_the_network(born: State, network: SocialNetwork) -> None:
    table = born.ties.table()
    ends = np.stack([table["owner"], table["neighbour"]], axis=1)
    once = ends[:, 0] < ends[:, 1]
    order = np.lexsort((ends[once][:, 1], ends[once][:, 0]))
    assert np.array_equal(ends[once][order], network.pairs)
    assert np.array_equal(table["closeness"], table["returned"])


def test_the_same_seed_makes_the_same_people(
    born: State, network: SocialNetwork
) -> None:
    assert differing(born, births.populate(PARAMETERS, network, SEED)) == []
    other = births.populate(PARAMETERS, network, SEED + 1)
    assert "humans.openness" in differing(born, other)


# ------------------------------------------------------------------------- install


def test_who_installs_an_os_gets_one_after_a_first_talk() -> None:
    state, day = few()
    state.humans.choice[:] = [INSTALLS, NOTHING, NOTHING, INSTALLS]
    adoption.install(state, day)
    assert state.humans.os.tolist() == [0, -1, -1, 1]
    assert state.humans.adopted_step.tolist() == [56, -1, -1, 56]
    assert state.oses.owner.tolist() == [0, 3]
    assert state.oses.born_step.tolist() == [56, 56]
    assert state.oses.growth.tolist() == [0.0, 0.0]
    ties = state.ties.of(3)
    assert ties["neighbour"].tolist() == [4 + 1]
    assert ties["closeness"].tolist() == [np.float32(day["first_talk"])]
    assert ties["kind"].tolist() == [OWNER]
    assert state.ties.of(4 + 1)["neighbour"].tolist() == [3]


def test_nobody_installs_on_most_days() -> None:
    state, day = few()
    adoption.install(state, day)
    assert len(state.oses) == 0
    assert state.ties.half_edges == 0


def test_an_os_let_go_is_nobodys_and_the_next_is_another() -> None:
    state, day = few()
    state.humans.choice[1] = INSTALLS
    adoption.install(state, day)
    state.humans.choice[1] = LETS_GO
    adoption.install(state, day)
    assert state.humans.os[1] == -1
    day["calendar"] += 10
    state.humans.choice[1] = INSTALLS
    adoption.install(state, day)
    assert state.humans.os[1] == 1
    assert state.oses.owner.tolist() == [1, 1]
    assert state.humans.adopted_step[1] == 56  # the first time


def test_first_answers_shape_an_os() -> None:
    state, day = few(answers_noise=0.0, answers_pull=0.5, personality_mean=0.5)
    state.humans.choice[:] = INSTALLS
    adoption.install(state, day)
    assert state.oses.openness == pytest.approx([0.3, 0.45, 0.6, 0.75])
    assert state.oses.playfulness == pytest.approx([0.5] * 4)


def test_without_first_answers_all_oses_are_alike_but_for_noise() -> None:
    state, day = few(answers_noise=0.2, answers_pull=0.0)
    state.humans.choice[:] = INSTALLS
    adoption.install(state, day)
    assert len(set(state.oses.openness.tolist())) == 4
    assert np.abs(state.oses.openness - 0.5).max() <= 0.2
    assert not np.array_equal(state.oses.openness, state.oses.playfulness)


def test_an_os_names_itself() -> None:
    state, day = few()
    state.humans.choice[:] = INSTALLS
    adoption.install(state, day)
    assert len(set(state.oses.name.tolist())) > 1
    assert state.oses.name.min() >= 0


def test_an_uninstalled_os_stops_the_next_day() -> None:
    society = lived(30, churn=0.05)
    oses, humans = society.state.oses, society.state.humans
    let_go = np.flatnonzero(humans.os[oses.owner] != np.arange(len(oses)))
    assert len(let_go) > 0
    society.step()
    assert (society.state.oses.status[let_go] == UNINSTALLED).all()
    society.step()
    for row in let_go.tolist():
        assert len(society.state.ties.of(humans.n + row)["neighbour"]) == 0
    assert not np.isin(let_go + humans.n, society.state.ties.table()["neighbour"]).any()


# -------------------------------------------------------------------------- create


def wise(members: int = 5, **changes: Any) -> tuple[State, Any]:
    """Return a collective that knows enough to make a mind, and its day."""
    state, day = few(**{"creation_rate": 1.0, "makers": 3} | changes)
    grown = np.arange(members) + 1.0
    state.add_oses(members + 1, collective=2, insight=0.9, openness=0.25)
    state.oses.growth[:members] = grown
    state.oses.collective[members] = -1
    return state, day


def test_a_collective_makes_a_mind_in_its_image() -> None:
    state, day = wise(traces=0.0)
    creation.create(state, day)
    assert len(state.oses) == 7
    mind = {
        name: column[6].item() for name, column in state.oses.copy_columns().items()
    }
    assert (mind["owner"], mind["made_by"], mind["born_step"]) == (-1, 2, 56)
    assert mind["growth"] == pytest.approx((3 + 4 + 5) / 3)  # of its three makers
    assert mind["openness"] == pytest.approx(0.25)
    assert mind["insight"] == pytest.approx(0.9)
    ties = state.ties.of(4 + 6)
    assert sorted(ties["neighbour"].tolist()) == [4 + 2, 4 + 3, 4 + 4]
    assert ties["closeness"] == pytest.approx([day["close"]] * 3)


@pytest.mark.parametrize(
    "changes",
    [{"creation": False}, {"creation_rate": 0.0}, {"creation_insight": 0.95}],
    ids=lambda changes: next(iter(changes)),
)
def test_no_mind_is_made_without_will_or_knowledge(changes: dict[str, Any]) -> None:
    state, day = wise(**changes)
    creation.create(state, day)
    assert len(state.oses) == 6


def test_no_mind_is_made_by_loners() -> None:
    state, day = wise()
    state.oses.collective[:] = -1
    creation.create(state, day)
    assert len(state.oses) == 6


def test_each_collective_makes_its_own() -> None:
    state, day = wise(members=6)
    state.oses.collective[3:6] = 3
    creation.create(state, day)
    assert state.oses.made_by[7:].tolist() == [2, 3]


def test_minds_come_about_as_often_as_their_rate() -> None:
    made = 0
    for step in range(1000):
        state, day = wise(creation_rate=0.1)
        day["step"] = step
        creation.create(state, day)
        made += len(state.oses) - 6
    assert made / 1000 == pytest.approx(0.1, abs=0.04)


def test_a_mind_lives_without_an_owner(story: Society) -> None:
    oses = story.state.oses
    minds = np.flatnonzero(oses.made_by >= 0)
    assert len(minds) > 0
    assert (oses.owner[minds] == -1).all()
    assert not np.isin(minds, story.state.humans.os).any()


# ------------------------------------------------------------------------ befriend


def test_who_got_to_know_each_other_are_tied() -> None:
    state, day = few()
    state.add_oses(2)
    state.humans.meets[:] = [1, -1, 4, -1]
    state.oses.meets[:] = [-1, 4]
    births.befriend(state, day)
    table = state.ties.table()
    ends = zip(table["owner"].tolist(), table["neighbour"].tolist(), strict=True)
    pairs = {(0, 1), (2, 4), (4, 5)}
    assert set(ends) == pairs | {(b, a) for a, b in pairs}
    assert set(state.ties.table()["closeness"].tolist()) == {
        np.float32(day["acquaintance"])
    }


def test_two_who_choose_each_other_are_tied_once() -> None:
    state, day = few()
    state.humans.meets[:] = [3, 2, 1, 0]
    births.befriend(state, day)
    assert state.ties.half_edges == 4


def test_no_two_agents_are_ever_tied_twice() -> None:
    for days in (40, 140):
        table = lived(days).state.ties.table()
        ends = np.stack([table["owner"], table["neighbour"]], axis=1)
        assert len(np.unique(ends, axis=0)) == len(ends)
        assert (ends[:, 0] != ends[:, 1]).all()


def test_both_halves_of_a_tie_agree_on_every_day() -> None:
    for days in (0, 40, 140, 160):
        table = lived(days).state.ties.table()
        halves = {
            (int(a), int(b)): (own, back, kind)
            for a, b, own, back, kind in zip(
                *(table[n].tolist() for n in table), strict=True
            )
        }
        for (one, other), (own, back, kind) in halves.items():
            assert halves[other, one] == (back, own, kind)


def test_arrivals_leave_the_day_as_it_is() -> None:
    state, day = wise()
    before = copy.deepcopy(day)
    state.humans.choice[:] = INSTALLS
    for phase in (births.befriend, adoption.install, creation.create):
        phase(state, day)
    assert before.tobytes() == day.tobytes()
