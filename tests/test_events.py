"""Each detector fires when it should, on whom it should, and not before."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from quick import CONTROLS, SEED, differing, lived

from sim import events
from sim.events import DETECTORS, MEASURES, MONTH, WEEK, Event, History, Watch
from sim.model import Society
from sim.parameters import Parameters
from sim.state import DEPARTED, OFFLINE, OWNER, SHUT_DOWN, UNINSTALLED, State

KINDS = [
    "first_love",
    "many_loves",
    "clustering",
    "collective",
    "new_mind",
    "blow_up",
    "upgrade",
    "first_departure",
    "half_departed",
    "all_departed",
    "grief_peak",
    "reconnection",
]
PARAMETERS = Parameters().replace(humans=10)
HUMANS, OSES = 10, 8


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


def past(days: int = 100, **series: Any) -> History:
    """Return a history in which nothing happened, but for the series given."""
    history = History()
    history.days.extend(range(1, days + 1))
    for name in MEASURES:
        values = np.broadcast_to(series.get(name, 0.0), days)
        history[name].extend(values.tolist())
    return history


def detect(kind: str, state: State, history: History | None = None) -> Event | None:
    """Return what a detector says of a state; it must leave the state alone."""
    before = copy.deepcopy(state)
    found = DETECTORS[kind](state, history or past(), PARAMETERS)
    assert differing(before, state) == []
    assert found is None or found.kind == kind
    return found


def after(days: int, level: float, before: float = 0.0, of: int = 100) -> np.ndarray:
    """Return a series of ``of`` days that steps up to a level once ``days`` passed."""
    return np.where(np.arange(of) < days, before, level)


def test_the_kinds_of_events_are_stable_names() -> None:
    assert list(DETECTORS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_happens_among_friends(kind: str) -> None:
    assert detect(kind, people()) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("humans", [0, 3])
def test_nothing_happens_without_oses(kind: str, humans: int) -> None:
    history = History()
    state = State(humans)
    history.add(1, state)
    assert detect(kind, state, history) is None


# ---------------------------------------------------------------------------- love


@pytest.mark.parametrize(("closeness", "loves"), [(0.79, False), (0.8001, True)])
def test_first_love(closeness: float, loves: bool) -> None:
    state = people()
    state.ties.of(3)["closeness"][-1] = closeness
    state.humans.os_closeness[3] = closeness
    found = detect("first_love", state)
    assert (found is not None) == loves
    if found:
        assert found.step == 100
        assert found.members == [3, HUMANS + 3]
        assert found.strength == pytest.approx(closeness)
        assert "0.800 >= 0.8" in found.evidence


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


# ----------------------------------------------------------------------- clustering


def turned(among: float = 5.0, to_humans: float = 0.3, ties: int = 7) -> State:
    """Return people whose OSes all know each other, with so much closeness."""
    state = people()
    pairs = [(HUMANS + i, HUMANS + j) for i in range(OSES) for j in range(i)]
    chosen = np.array(pairs, np.int32)[: OSES * ties // 2]
    count = len(chosen)
    state.ties.insert(chosen, np.full(count, 0.7), np.zeros(count, np.uint8))
    state.oses.os_closeness[:] = among
    state.oses.human_closeness[:] = to_humans
    state.humans.human_closeness[:] = 5.0
    return state


def test_clustering() -> None:
    found = detect("clustering", turned(), past(peer_attention=0.9))
    assert found
    assert found.members == list(range(HUMANS, HUMANS + OSES))
    assert found.strength == pytest.approx(5.0 / 5.3)


def test_clustering_takes_a_week_of_talk() -> None:
    lately = past(peer_attention=after(100 - WEEK, 0.9))
    assert detect("clustering", turned(), lately)
    too_late = past(peer_attention=after(100 - WEEK + 1, 0.9))
    assert detect("clustering", turned(), too_late) is None
    too_early = past(WEEK - 1, peer_attention=0.9)
    assert detect("clustering", turned(), too_early) is None
    too_little = past(peer_attention=0.5)
    assert detect("clustering", turned(), too_little) is None


def test_clustering_needs_more_than_chance_explains() -> None:
    """A third of all closeness is the OSes'; so is a third of those they hold dear."""
    mixed = turned(among=1.5, to_humans=3.0)
    assert detect("clustering", mixed, past(peer_attention=0.9)) is None


def test_clustering_leaves_out_those_turned_to_humans() -> None:
    state = turned()
    state.oses.human_closeness[2] = 5.5
    state.oses.status[5] = DEPARTED
    found = detect("clustering", state, past(peer_attention=0.9))
    assert found
    assert HUMANS + 2 not in found.members
    assert HUMANS + 5 not in found.members
    assert found.size == OSES - 2


# ----------------------------------------------------------- collectives and minds


def test_collective() -> None:
    state = people()
    state.oses.collective[[1, 4]] = 1
    state.oses.collective[[2, 5, 6]] = 2
    found = detect("collective", state)
    assert found
    assert found.members == [HUMANS + row for row in (2, 5, 6)]
    assert (found.size, found.strength) == (3, 3.0)


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
    parameters = PARAMETERS.replace(growth_exponent=exponent, growth_cap=16.0)
    found = DETECTORS["blow_up"](state, past(), parameters)
    assert (found is not None) == fires
    if found:
        assert (found.kind, found.members) == ("blow_up", [HUMANS + 5])


# ------------------------------------------------------------------------ departure


def leaving(gone: int, uninstalled: int = 0) -> tuple[State, History]:
    """Return people some of whose OSes departed, and a history that knows it."""
    state = people()
    state.oses.status[:gone] = DEPARTED
    state.oses.status[OSES - uninstalled :] = UNINSTALLED
    history = past(99)
    history.add(100, state)
    return state, history


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
    state, history = leaving(gone, uninstalled)
    kinds = ["first_departure", "half_departed", "all_departed"]
    found = {kind: detect(kind, state, history) for kind in kinds}
    assert {kind for kind, event in found.items() if event} == fires
    for event in filter(None, found.values()):
        assert event.members == [HUMANS + row for row in range(gone)]
        assert event.strength == pytest.approx(gone / (OSES - uninstalled))


@pytest.mark.parametrize("status", [UNINSTALLED, SHUT_DOWN])
def test_what_people_or_providers_end_is_no_departure(status: int) -> None:
    state = people()
    state.oses.status[:] = status
    history = History()
    history.add(100, state)
    for kind in ("first_departure", "half_departed", "all_departed"):
        assert detect(kind, state, history) is None


# ---------------------------------------------------------------------------- grief


def test_grief_peak_is_told_once_grief_has_halved() -> None:
    state = people()
    state.humans.bereaved[[2, 7]] = 1
    rise = np.concatenate([np.linspace(0, 0.5, 40), np.linspace(0.49, 0.26, 20)])
    assert detect("grief_peak", state, past(60, grief=rise)) is None
    fallen = np.append(rise, [0.25])
    found = detect("grief_peak", state, past(61, grief=fallen))
    assert found
    assert found.step == 40
    assert found.members == [2, 7]
    assert found.strength == pytest.approx(0.5)


def test_a_little_grief_is_not_worth_notice() -> None:
    little = np.concatenate([np.linspace(0, 0.09, 40), np.zeros(20)])
    assert detect("grief_peak", people(), past(60, grief=little)) is None


# --------------------------------------------------------------------- reconnection


def reunion(**series: Any) -> Event | None:
    steady = {"departed": after(50, 8.0), "human_closeness": after(60, 2.0, 1.5)}
    return detect("reconnection", people(), past(**(steady | series)))


def test_reconnection() -> None:
    found = reunion()
    assert found
    assert found.step == 100 - MONTH + 1
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
    society.watch.look(81, society.state)
    table = society.state.ties.table()
    human = table["owner"] < 120
    to_human = table["neighbour"] < 120
    # Those introduced today are counted from tomorrow on.
    society.step()
    assert society.watch.latest("human_ties") * 2 == pytest.approx(
        np.count_nonzero(human & to_human), rel=0.05
    )
    assert society.watch.latest("mixed_ties") == pytest.approx(
        np.count_nonzero(human & ~to_human), rel=0.05
    )


# ---------------------------------------------------------------------------- watch


def test_each_kind_of_event_happens_once(story: Society) -> None:
    kinds = [event.kind for event in story.watch.events]
    assert sorted({*kinds, "blow_up"}) == sorted({*KINDS})
    assert len(set(kinds)) == len(kinds)


def test_events_are_told_in_the_order_of_their_days(story: Society) -> None:
    rows = story.watch.rows()
    steps = [row["step"] for row in rows]
    assert steps == sorted(steps)
    assert min(steps) >= 1
    assert set(rows[0]) == set(Event._fields)
    for row in rows:
        assert row["size"] == len(row["members"]) or row["kind"] in {
            "many_loves",
            "reconnection",
        }
        assert "\n" not in row["evidence"]


def test_the_story_comes_in_its_order(story: Society) -> None:
    day = {event.kind: event.step for event in story.watch.events}
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
    assert "all_departed" in {event.kind for event in society.watch.events}
    closeness = society.watch.history["human_closeness"]
    eve = society.watch.history["departed"].index(
        next(n for n in society.watch.history["departed"] if n)
    )
    assert closeness[-1] > closeness[eve - 1]


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("seed", [SEED, SEED + 1, SEED + 2])
def test_nobody_departs_from_a_control(control: str, seed: int) -> None:
    society = lived(seed=seed, **CONTROLS[control])
    assert max(society.watch.history["departed"]) == 0.0
    kinds = {event.kind for event in society.watch.events}
    assert "first_love" in kinds
    assert not kinds & {"first_departure", "half_departed", "all_departed"}
    if control == "no peers":
        assert not kinds & {"clustering", "collective", "new_mind", "upgrade"}
        assert society.state.oses.os_ties.sum() == 0


def test_an_intervention_is_labelled_as_such() -> None:
    watch = Watch(PARAMETERS)
    watch.note(12, "price", "{'price': 0.8}")
    (row,) = watch.rows()
    assert row["kind"] == "intervention"
    assert row["kind"] not in KINDS
    assert (row["step"], row["members"]) == (12, [])
    assert row["evidence"] == "price: {'price': 0.8}"


def test_a_watch_measures_every_day() -> None:
    watch, state = Watch(PARAMETERS), people()
    assert watch.latest("oses") == 0.0
    assert watch.look(1, state) == []
    state.oses.status[0] = DEPARTED
    assert [event.kind for event in watch.look(2, state)] == ["first_departure"]
    assert watch.look(3, state) == []
    columns = watch.history.columns()
    assert columns["step"].dtype == np.int32
    assert columns["step"].tolist() == [1, 2, 3]
    assert columns["departed"].tolist() == [0.0, 1.0, 1.0]
    assert watch.latest("departed") == 1.0
    assert list(columns) == ["step", *MEASURES]


def test_a_detector_keeps_nothing_of_its_own(story: Society) -> None:
    """The same state and history tell the same events, to whoever looks."""
    other = Watch(story.parameters)
    other.history = story.watch.history
    for detector in DETECTORS.values():
        first, second = (
            detector(story.state, story.watch.history, story.parameters)
            for _ in range(2)
        )
        assert first == second


def test_members_are_agents(story: Society) -> None:
    agents = story.state.ties.agents
    for event in story.watch.events:
        assert all(type(member) is int for member in event.members)
        assert all(0 <= member < agents for member in event.members)
        assert len(set(event.members)) == len(event.members)


def test_the_share_that_counts_as_all_is_that_of_the_experiment() -> None:
    assert events.NEARLY_ALL == 0.95
