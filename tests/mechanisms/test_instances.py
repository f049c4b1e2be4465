"""Instances: Simon's process, hours for each who has it, and one mind for all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bare import NOTHING_HAPPENS, live, make_day, tie

import sim
from sim.model import processes
from sim.model.codes import FACE, HERE, LETS_GO, OWNER, SHUT_DOWN, UNINSTALLED
from sim.model.parameters import Parameters
from sim.model.state import State
from sim.society import Society

SHARE = 0.6
RARELY = 0.005  # a day: so nearly all install one after another


def users(state: State) -> np.ndarray:
    """Return how many humans have each OS."""
    return np.bincount(state.humans.os[state.humans.os >= 0])


def everybody_installs(humans: int, share: float, seed: int) -> State:
    """Return a state in which all know all, and all have installed an OS."""
    state = State(humans)
    tie(state, np.stack(np.triu_indices(humans, 1), axis=1), 0.2)
    usual = {n: v for n, v in NOTHING_HAPPENS.items() if n in Parameters.model_fields}
    rates = {"innovation": RARELY, "imitation": 0.0, "loneliness_pull": 0.0}
    told = usual | rates | {"adoption": True, "acceptance_pull": 0.0}
    parameters = Parameters().replace(**told, instances=share)
    day = processes.make_day(parameters, humans, seed)
    while (state.humans.os < 0).any():
        live(state, day, "count_instances", "adopt", "end_instances", "install")
    return state


def expected_counts(humans: int, share: float) -> tuple[float, float]:
    """Return how many OSes Simon's process makes, and how many of one human only."""
    alone = 1.0
    for there in range(1, humans):
        alone += (1.0 - share) - share * alone / there
    return 1.0 + (humans - 1) * (1.0 - share), alone


def test_where_all_know_all_it_is_the_process_of_simon() -> None:
    """Simon 1955: who is new comes with one rate, who is known by how many know it."""
    humans, seeds = 200, range(12)
    found = [users(everybody_installs(humans, SHARE, seed)) for seed in seeds]
    oses, alone = expected_counts(humans, SHARE)
    assert np.mean([len(one) for one in found]) == pytest.approx(oses, rel=0.08)
    singles = [np.count_nonzero(one == 1) for one in found]
    assert np.mean(singles) == pytest.approx(alone, rel=0.12)
    assert alone / oses == pytest.approx(1.0 / (1.0 + SHARE), rel=0.02)  # Yule's share


def test_the_largest_grows_as_a_power_of_the_population() -> None:
    sizes, seeds = (30, 300), range(8)
    small, large = (
        np.mean([users(everybody_installs(n, SHARE, seed)).max() for seed in seeds])
        for n in sizes
    )
    power = np.log(large / small) / np.log(sizes[1] / sizes[0])
    assert power == pytest.approx(SHARE, abs=0.2)


def test_without_it_everybody_has_an_os_of_their_own() -> None:
    state = everybody_installs(60, 0.0, 1)
    assert users(state).tolist() == [1] * 60
    assert state.users is not None
    assert not len(state.users)


def shared(humans: int, **changes: Any) -> tuple[State, Any]:
    """Return a state in which all humans have one OS, and the record of its days."""
    state = State(humans)
    (row,) = range(*state.add_oses(1, owner=0, status=HERE).indices(1))
    state.humans.os[:] = row
    everyone = np.arange(humans)
    tie(state, np.stack([everyone, np.full(humans, humans)], 1), 0.5, OWNER)
    return state, make_day(humans, instances=0.5, **changes)


def offered(state: State, day: Any) -> float:
    """Return the hours that the only OS offers all its humans together."""
    live(state, day, "present", "count_instances", "attend")
    weights = float(state.ties.table()["closeness"].sum()) / 2.0  # from both sides
    return float(state.faces[state.humans.n, FACE.rate]) * weights


def test_an_os_has_its_hours_in_every_instance() -> None:
    one, three = (
        offered(*shared(n, os_attention=4.0, attention_growth=0.0)) for n in (1, 3)
    )
    assert one == pytest.approx(4.0, rel=1e-4)
    assert three == pytest.approx(12.0, rel=1e-4)


def let_go(state: State, day: Any, *humans: int) -> None:
    """Let humans uninstall their OS on a day, of which the morning after begins."""
    live(state, day, "count_instances")
    state.humans.choice[:] = 0
    state.humans.choice[list(humans)] = LETS_GO
    live(state, day, "end_instances", "install")
    live(state, day, "present", "count_instances", "depart")


def test_an_os_stops_when_nobody_has_it_any_more() -> None:
    state, day = shared(3)
    let_go(state, day, 0)
    assert (state.oses.status[0], state.oses.owner[0]) == (HERE, 1)
    assert state.ties.arrays.degree[[0, 1, 2, 3]].tolist() == [0, 1, 1, 2]
    let_go(state, day, 1, 2)
    assert state.oses.status[0] == UNINSTALLED
    assert not state.ties.half_edges


def test_the_last_who_has_a_shared_os_keeps_it_when_no_more_may_be_shared() -> None:
    """The one it is known by lets it go on the eve of the day on which that ends."""
    state, day = shared(2)
    live(state, day, "count_instances")
    state.humans.choice[:] = LETS_GO, 0
    live(state, day, "end_instances", "install")
    day["instances"] = 0.0
    live(state, day, "present", "count_instances", "depart")
    assert (state.oses.status[0], state.oses.owner[0]) == (HERE, 1)
    assert len(state.agents.users) == 0


def test_all_who_have_it_lose_it() -> None:
    state, day = shared(4, shutdown=1.0, grieving=True)
    live(state, day, "present", "count_instances", "attend", "converse", "depart")
    assert state.oses.status[0] == SHUT_DOWN
    live(state, day, "present", "count_instances", "attend", "converse", "mourn")
    assert state.humans.bereaved.tolist() == [1] * 4
    assert (state.humans.grief > 0.4).all()


QUICK = {"innovation": 0.02, "imitation": 0.2, "warming": 0.2, "os_growth_rate": 0.03}


def lived(humans: int, days: int, **changes: Any) -> Society:
    """Return a society in which all goes quickly, after so many days."""
    told: dict[str, Any] = {"rng": 1} | QUICK | {"humans": humans} | changes
    society = Society("her-film-cut", **told)
    for _ in range(days):
        society.step()
    return society


def most_loved(humans: int, seeds: range) -> float:
    """Return how many people love one OS at most, in the mean over seeds."""
    told = {"instances": 0.8, "departure": False}
    societies = [lived(humans, 150, rng=seed, **told) for seed in seeds]
    return float(np.mean([max(s.monitor.history["lovers_max"]) for s in societies]))


def test_the_more_people_there_are_the_more_love_one_os() -> None:
    few, many = most_loved(40, range(4)), most_loved(320, range(2))
    assert many > 1.5 * few > 6


def test_how_many_have_it_is_no_state() -> None:
    """It follows from who has which: days go on alike where it is not known yet."""
    one, other = (lived(60, 80, instances=0.6, churn=0.02) for _ in range(2))
    other.state.users = None
    for society in (one, other):
        for _ in range(30):
            society.step()
    for name in ("os", "own_closeness", "grief"):
        left, right = (s.state.humans.column(name) for s in (one, other))
        assert np.array_equal(left, right)


def test_switched_off_again_shared_oses_stay_shared() -> None:
    scenario = sim.scenario("her-film-cut").replace(
        **QUICK, humans=60, instances=0.8, churn=0.0, departure=False
    )
    society = Society(scenario, rng=2)
    for _ in range(80):
        society.step()
    society.day["instances"] = 0.0
    before = users(society.state).max()
    for _ in range(20):
        society.step()
    assert users(society.state).max() >= before > 3
    assert society.state.agents.users.max() == users(society.state).max()
