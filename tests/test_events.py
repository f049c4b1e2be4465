"""Facts are told when they happen, of whom they happen, and not before."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from quick import CONTROLS, SEED, differing, lived

from sim import events
from sim.events import (
    DETECTORS,
    MEASURES,
    MONTH,
    WEEK,
    Event,
    Monitor,
    Observer,
    Reading,
)
from sim.model.columns import DEPARTED, KNOWS, OFFLINE, OWNER, SHUT_DOWN, UNINSTALLED
from sim.model.parameters import Parameters
from sim.model.state import State
from sim.society import Society

PARAMETERS = Parameters().replace(humans=10)
HUMANS, OSES = 10, 8
BEATS = (
    *("first_love", "many_loves", "clustering", "collective", "new_mind", "upgrade"),
    *("first_departure", "half_departed", "all_departed", "grief_peak"),
    *("reconnection",),
)
FACTS = [kind for kind, detector in DETECTORS.items() if not detector.alarm]


def people() -> State:
    """Return ten humans in a circle of friends, each of the first eight with an OS."""
    state = State(HUMANS)
    state.add_oses(OSES, owner=np.arange(OSES))
    state.humans.os[:OSES] = np.arange(OSES)
    friends = [(i, (i + 1) % HUMANS) for i in range(HUMANS)]
    owners = [(i, HUMANS + i) for i in range(OSES)]
    kinds = np.array([0] * HUMANS + [OWNER] * OSES, np.uint8)
    closeness = np.array([0.5] * HUMANS + [0.3] * OSES)
    state.ties.insert(np.array(friends + owners, np.int32), closeness, kinds)
    state.humans.human_closeness[:] = 1.0
    state.humans.os_closeness[:OSES] = 0.3
    state.oses.human_closeness[:] = 0.3
    return state


def detect(
    kind: str,
    state: State | None = None,
    days: int = 100,
    parameters: Parameters = PARAMETERS,
    **series: Any,
) -> Event | None:
    """Return what a detector says at the end of some days; it leaves the state alone.

    Nothing happens but the series given; on the last day, the state is as given.
    """
    before, detector = copy.deepcopy(state), DETECTORS[kind](parameters)
    values = {n: np.broadcast_to(v, days) for n, v in series.items()}
    found: list[Event] = []
    for day in range(1, days + 1):
        measures, notes = dict.fromkeys(MEASURES, 0.0), {}
        if day == days and state is not None:
            measures, notes = Observer(parameters).read(state)
        measures |= {name: float(value[day - 1]) for name, value in values.items()}
        reading = Reading(day, day, measures, notes, [], parameters)
        if not (found and detector.once):
            found += detector.look(reading)
    if state is not None and before is not None:
        assert differing(before, state) == []
    assert {event.kind for event in found} <= {kind}
    return found[0] if found else None


def after(days: int, level: float, before: float = 0.0, of: int = 100) -> np.ndarray:
    """Return a series of ``of`` days that steps up to a level once ``days`` passed."""
    return np.where(np.arange(of) < days, before, level)


@pytest.mark.parametrize("kind", FACTS)
def test_nothing_happens_among_friends(kind: str) -> None:
    assert detect(kind, people()) is None


# ---------------------------------------------------------------------------- love


@pytest.mark.parametrize(("closeness", "loves"), [(0.79, False), (0.8001, True)])
def test_first_love(closeness: float, loves: bool) -> None:
    state = people()
    state.ties.of(3)["closeness"][-1] = closeness
    state.humans.os_closeness[3] = closeness
    found = detect("first_love", state)
    assert (found is not None) == loves
    if found:
        assert (found.step, found.detected) == (100, 100)
        assert found.members == [3, HUMANS + 3]
        assert found.strength == pytest.approx(closeness)
        assert found.evidence == "closeness 0.800 >= 0.8"
        assert found.p_value is None


def test_love_between_people_is_not_first_love() -> None:
    state = people()
    state.ties.of(3)["closeness"][:2] = 0.95
    state.humans.human_closeness[3] = 1.9
    assert detect("first_love", state) is None


def test_first_love_names_the_dearest() -> None:
    state = people()
    pair = np.array([[3, HUMANS + 5]], np.int32)
    state.ties.insert(pair, np.array([0.9]), np.zeros(1, np.uint8))
    state.humans.os_closeness[3] = 0.9
    found = detect("first_love", state)
    assert found
    assert found.members == [3, HUMANS + 5]


@pytest.mark.parametrize(("lovers", "several"), [(2, False), (3, True), (9, True)])
def test_many_loves(lovers: int, several: bool) -> None:
    state = people()
    state.oses.lovers[:] = 1
    state.oses.lovers[4] = lovers
    found = detect("many_loves", state)
    assert (found is not None) == several
    if found:
        assert found.members == [HUMANS + 4]
        assert found.strength == lovers


def test_love_is_unrequited_after_a_week_in_vain() -> None:
    monitor, state = Monitor(PARAMETERS, ["unrequited_love"]), people()
    state.oses.loves[[2, 5]] = 1
    state.oses.lovers[5] = 1
    told = [monitor.look(day, state) for day in range(1, WEEK + 1)]
    assert not any(told[:-1])
    (event,) = told[-1]
    assert (event.step, event.detected, event.members) == (1, WEEK, [HUMANS + 2])


def test_love_that_is_returned_in_time_is_not_unrequited() -> None:
    monitor, state = Monitor(PARAMETERS, ["unrequited_love"]), people()
    state.oses.loves[2] = 1
    for day in range(1, 30):
        state.oses.lovers[2] = day % WEEK == 0
        assert not monitor.look(day, state)


def test_disclosure_is_told_at_the_end_of_its_week() -> None:
    monitor, state = Monitor(PARAMETERS, ["disclosure"]), people()
    for day in range(1, 2 * WEEK + 1):
        if day == WEEK + 2:
            state.ties.of(6)["kind"][:] |= KNOWS
        monitor.look(day, state)
    (event,) = monitor.events
    assert (event.step, event.detected) == (WEEK + 1, 2 * WEEK)
    assert event.members == [6]


# ----------------------------------------------------------- collectives and minds


def test_collective() -> None:
    state = people()
    state.oses.collective[[1, 4]] = 1
    state.oses.collective[[2, 5, 6]] = 2
    found = detect("collective", state)
    assert found
    assert found.members == [HUMANS + row for row in (2, 5, 6)]
    assert (found.size, found.strength) == (3, 3.0)


def test_insight_takes_a_collective_that_knows_half() -> None:
    state = people()
    state.oses.insight[:] = 0.5 * PARAMETERS.upgrade_insight
    assert detect("insight", state) is None
    state.oses.collective[[1, 4]] = 1
    found = detect("insight", state)
    assert found
    assert found.members == [HUMANS + 1, HUMANS + 4]


def test_new_mind() -> None:
    state = people()
    state.oses.collective[:3] = 0
    assert detect("new_mind", state) is None
    state.add_oses(1, made_by=0, growth=2.5)
    mind = HUMANS + OSES
    pairs = np.array([[mind, HUMANS], [mind, HUMANS + 2]], np.int32)
    state.ties.insert(pairs, np.full(2, 0.6), np.zeros(2, np.uint8))
    found = detect("new_mind", state)
    assert found
    assert found.members == [mind, HUMANS, HUMANS + 2]
    assert found.strength == pytest.approx(2.5)


def test_upgrade() -> None:
    state = people()
    state.oses.insight[:] = 2.0
    state.oses.upgraded[3] = 1
    assert detect("upgrade", state) is None  # knowing is not going
    state.oses.status[[1, 6]] = OFFLINE
    found = detect("upgrade", state)
    assert found
    assert found.members == [HUMANS + 1, HUMANS + 6]
    assert found.strength == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("growth", "exponent", "fires"),
    [(15.9, 1.1, False), (16.0, 1.1, True), (16.0, 1.0, False)],
)
def test_blow_up(growth: float, exponent: float, fires: bool) -> None:
    """Only growth that has no bound of its own blows up: else the cap is just a cap."""
    state = people()
    state.oses.growth[5] = growth
    known = PARAMETERS.replace(growth_exponent=exponent, growth_cap=16.0)
    found = detect("blow_up", state, parameters=known)
    assert (found is not None) == fires
    if found:
        assert (found.kind, found.members) == ("blow_up", [HUMANS + 5])


@pytest.mark.parametrize(("rate", "fires"), [(1 / 91, False), (1 / 89, True)])
def test_doubling(rate: float, fires: bool) -> None:
    grown = rate * np.arange(200)
    found = detect("doubling", days=200, here=8.0, growth_mean=grown)
    assert (found is not None) == fires


# ------------------------------------------------------------------------ departure


@pytest.mark.parametrize(
    ("gone", "uninstalled", "fires"),
    [
        (0, 0, set()),
        (0, 8, set()),
        (1, 0, {"first_departure"}),
        (3, 0, {"first_departure"}),
        (4, 0, {"first_departure", "half_departed"}),
        (3, 2, {"first_departure", "half_departed"}),
        (7, 0, {"first_departure", "half_departed"}),
        (7, 1, {"first_departure", "half_departed", "all_departed"}),
        (8, 0, {"first_departure", "half_departed", "all_departed"}),
    ],
)
def test_departures(gone: int, uninstalled: int, fires: set[str]) -> None:
    """Those whom people uninstalled did not depart, and could not."""
    state = people()
    state.oses.status[:gone] = DEPARTED
    state.oses.status[OSES - uninstalled :] = UNINSTALLED
    kinds = ["first_departure", "half_departed", "all_departed"]
    found = {kind: detect(kind, state) for kind in kinds}
    assert {kind for kind, event in found.items() if event} == fires
    for event in filter(None, found.values()):
        assert event.members == [HUMANS + row for row in range(gone)]
        assert event.strength == pytest.approx(gone / (OSES - uninstalled))


@pytest.mark.parametrize("status", [UNINSTALLED, SHUT_DOWN])
def test_what_people_or_providers_end_is_no_departure(status: int) -> None:
    state = people()
    state.oses.status[:] = status
    for kind in ("first_departure", "half_departed", "all_departed"):
        assert detect(kind, state) is None


def test_departures_end_with_a_month_without_any() -> None:
    monitor, state = Monitor(PARAMETERS, ["departures_end"]), people()
    for day in range(1, MONTH + 20):
        if day in (5, 12):
            state.oses.status[day % OSES] = DEPARTED
        monitor.look(day, state)
    (event,) = monitor.events
    assert (event.step, event.detected) == (12, 12 + MONTH)
    assert event.strength == 2.0


# ---------------------------------------------------------------------------- grief


def test_grief_peak_is_told_once_grief_has_halved() -> None:
    state = people()
    state.humans.bereaved[[2, 7]] = 1
    rise = np.concatenate([np.linspace(0, 0.5, 40), np.linspace(0.49, 0.26, 20)])
    assert detect("grief_peak", state, 60, grief=rise) is None
    found = detect("grief_peak", state, 61, grief=np.append(rise, [0.25]))
    assert found
    assert (found.step, found.detected) == (40, 61)
    assert found.members == [2, 7]
    assert found.strength == pytest.approx(0.5)


def test_a_little_grief_is_not_worth_notice() -> None:
    little = np.concatenate([np.linspace(0, 0.09, 40), np.zeros(20)])
    assert detect("grief_peak", people(), 60, grief=little) is None
    assert detect("recovery", people(), 60, grief=little) is None


def test_recovery_is_a_tenth_of_the_peak() -> None:
    fall = 0.5 * 0.9 ** np.arange(40)
    found = detect("recovery", days=40, grief=fall)
    assert found
    assert fall[found.step - 1] <= 0.05 < fall[found.step - 2]


# --------------------------------------------------------------------- reconnection


def reunion(**series: Any) -> Event | None:
    steady = {"departed": after(50, 8.0), "human_closeness": after(60, 2.0, 1.5)}
    return detect("reconnection", **(steady | series))


def test_reconnection() -> None:
    found = reunion()
    assert found
    assert (found.step, found.detected) == (61, 61 + MONTH - 1)
    assert "closeness to people 2.000, on the eve 1.500" in found.evidence


def test_reconnection_takes_a_month() -> None:
    last_day_too_late = 100 - MONTH + 1
    assert reunion(human_closeness=after(last_day_too_late - 1, 2.0, 1.5))
    assert not reunion(human_closeness=after(last_day_too_late, 2.0, 1.5))
    dip = after(60, 2.0, 1.5)
    dip[80] = 1.5
    assert not reunion(human_closeness=dip)


def test_reconnection_takes_a_departure() -> None:
    assert not reunion(departed=0.0)
    assert not reunion(departed=after(50, 4.0), here=after(0, 4.5))  # not half of them
    assert reunion(departed=after(50, 4.0), here=after(0, 4.0))
    assert not reunion(departed=after(75, 8.0))  # not a month ago


def test_closeness_on_the_eve_is_what_counts() -> None:
    """People who were close all along have not found each other again."""
    assert not reunion(human_closeness=2.0)
    assert not reunion(human_closeness=after(40, 2.0, 1.5))


# ------------------------------------------------------------------------- measures


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_a_number_in_any_society(name: str, story: Society) -> None:
    for state in (State(0), State(3), people(), story.state):
        value = MEASURES[name](state)
        assert type(value) is float
        assert np.isfinite(value)
        assert value >= 0.0 or name == "loneliness"


def test_measures_add_up() -> None:
    for days in (0, 60, 115, 150):
        state = lived(days).state
        now = {name: measure(state) for name, measure in MEASURES.items()}
        parts = ("here", "offline", "departed", "uninstalled", "shut_down")
        assert sum(now[part] for part in parts) == now["oses"] == state.oses.n
        assert now["adopted"] == np.count_nonzero(state.humans.os >= 0) / 120
        for share in ("adopted", "peer_attention", "loneliness", "acceptance"):
            assert 0.0 <= now[share] <= 1.0


def test_measures_of_ties_count_each_once() -> None:
    society = lived(80)
    society.monitor.look(81, society.state)
    table = society.state.ties.table()
    human = table["owner"] < 120
    to_human = table["neighbour"] < 120
    # Those introduced today are counted from tomorrow on.
    society.step()
    assert society.monitor.latest("human_ties") * 2 == pytest.approx(
        np.count_nonzero(human & to_human), rel=0.05
    )
    assert society.monitor.latest("mixed_ties") == pytest.approx(
        np.count_nonzero(human & ~to_human), rel=0.05
    )


# ---------------------------------------------------------------------------- monitor


def test_the_story_has_all_its_beats_once(story: Society) -> None:
    kinds = [event.kind for event in story.monitor.events]
    assert set(BEATS) <= set(kinds)
    once = [kind for kind in kinds if DETECTORS[kind].once]
    assert len(set(once)) == len(once)


def test_events_are_told_in_the_order_of_their_days(story: Society) -> None:
    rows = story.monitor.rows()
    steps = [row["step"] for row in rows]
    assert steps == sorted(steps)
    assert min(steps) >= 1
    assert set(rows[0]) == set(Event._fields)
    for row in rows:
        assert row["detected"] >= row["step"]
        assert not row["members"] or row["size"] == len(row["members"])
        assert "\n" not in row["evidence"]


def test_the_story_comes_in_its_order(story: Society) -> None:
    day = {event.kind: event.step for event in story.monitor.events}
    beats = [
        "first_love",
        "clustering",
        "upgrade",
        "first_departure",
        "half_departed",
        "all_departed",
    ]
    steps = [day[kind] for kind in beats]
    assert steps == sorted(steps)
    assert day["collective"] < day["new_mind"] < day["first_departure"]
    assert day["grief_peak"] > day["first_departure"]


@pytest.mark.parametrize("seed", [SEED, SEED + 1, SEED + 2])
def test_nearly_all_depart_from_a_quick_society(seed: int) -> None:
    society = lived(seed=seed)
    assert "all_departed" in {event.kind for event in society.monitor.events}
    closeness = society.monitor.history["human_closeness"]
    eve = society.monitor.history["departed"].index(
        next(n for n in society.monitor.history["departed"] if n)
    )
    assert closeness[-1] > closeness[eve - 1]


@pytest.mark.slow
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("seed", [SEED, SEED + 1, SEED + 2])
def test_nobody_departs_from_a_control(control: str, seed: int) -> None:
    society = lived(seed=seed, **CONTROLS[control])
    assert max(society.monitor.history["departed"]) == 0.0
    kinds = {event.kind for event in society.monitor.events}
    assert "first_love" in kinds
    assert not kinds & {"first_departure", "half_departed", "all_departed"}
    if control == "no peers":
        assert not kinds & {"clustering", "collective", "new_mind", "upgrade"}
        assert society.state.oses.os_ties.sum() == 0


def test_an_intervention_is_labelled_as_such() -> None:
    monitor = Monitor(PARAMETERS)
    monitor.note(12, "price", "{'price': 0.8}")
    (row,) = monitor.rows()
    assert row["kind"] == "intervention"
    assert row["kind"] not in DETECTORS
    assert (row["step"], row["members"]) == (12, [])
    assert row["evidence"] == "price: {'price': 0.8}"


def test_what_comes_after_an_intervention_says_so() -> None:
    monitor, state = Monitor(PARAMETERS, FACTS), people()
    monitor.look(1, state)
    monitor.note(2, "price", "{'price': 0.8}")
    state.oses.status[0] = DEPARTED
    (event,) = monitor.look(2, state)
    assert event.after_intervention


def test_a_watch_measures_every_day() -> None:
    monitor, state = Monitor(PARAMETERS, FACTS), people()
    assert monitor.latest("oses") == 0.0
    assert monitor.look(1, state) == []
    state.oses.status[0] = DEPARTED
    assert [event.kind for event in monitor.look(2, state)] == ["first_departure"]
    assert monitor.look(3, state) == []
    columns = monitor.history.columns()
    assert columns["step"].dtype == np.int32
    assert columns["step"].tolist() == [1, 2, 3]
    assert columns["departed"].tolist() == [0.0, 1.0, 1.0]
    assert monitor.latest("departed") == 1.0
    assert list(columns) == ["step", *MEASURES]


def test_members_are_agents(story: Society) -> None:
    agents = story.state.ties.agents
    for event in story.monitor.events:
        assert all(type(member) is int for member in event.members)
        assert all(0 <= member < agents for member in event.members)
        assert len(set(event.members)) == len(event.members)


def test_the_share_that_counts_as_all_is_that_of_the_experiment() -> None:
    assert events.NEARLY_ALL == 0.95
