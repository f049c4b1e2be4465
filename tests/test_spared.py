"""Where an outcome is all that is wanted, it is what it is where all is measured."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from quick import QUICK

import sim
from sim.events import DETECTORS, Monitor, register
from sim.events.detector import Event, Reading, Reads, forget
from sim.events.kinds import SHIPPED
from sim.events.measures import MEASURES
from sim.events.observer import (
    OF_DISCLOSURES,
    OF_FRIENDS,
    OF_GATHERING,
    OF_LEAVING,
    OF_LOVE,
    OF_TURNS,
    Observer,
)
from sim.events.spared import SparedObserver
from sim.model.parameters import Parameters
from sim.scenarios.interventions import Condition, Intervention
from sim.scenarios.outcomes import OUTCOMES
from sim.society import Society
from sim.studies.outcomes import (
    CONTACT,
    EXTRA,
    OBSERVED,
    OutcomeRecorder,
    made_of,
    simulate_twin,
)

SCENARIO = sim.scenario("her-film-cut").replace(**QUICK)
OF_WEEKS = OF_DISCLOSURES | OF_FRIENDS
OF_A_CAST = {"obsession", "catchphrase"}
KINDS = [kind for kind in SHIPPED if kind in DETECTORS]  # all but interventions
EVERY = [*OUTCOMES, *EXTRA, *KINDS]


def recorded(
    wanted: Iterable[str], is_spared: bool, steps: int = 240
) -> dict[str, float]:
    """Return outcomes of a society that measures all, or no more than they need."""
    society = Society(SCENARIO.replace(steps=steps), rng=3)
    recorder = OutcomeRecorder([*wanted], {})
    if is_spared:
        recorder.spare(society)
        assert recorder.reads is not None
    while society.running:
        society.step()
        recorder.look(society)
    twin = functools.partial(simulate_twin, SCENARIO, 3, None, reads=recorder.reads)
    return recorder.values(society, twin)


@pytest.fixture(scope="module")
def usual() -> dict[str, float]:
    """Return all outcomes, of a society that measures all."""
    return recorded(EVERY, False)


@pytest.mark.parametrize("name", EVERY)
def test_an_outcome_alone_is_what_it_is_among_all(
    name: str, usual: dict[str, float]
) -> None:
    (value,) = recorded([name], True).values()
    np.testing.assert_array_equal(value, usual[name])


def test_most_of_them_have_something_to_show(usual: dict[str, float]) -> None:
    never = [name for name, value in usual.items() if np.isnan(value)]
    assert len(never) < len(EVERY) / 4, never
    assert {*never} >= OF_A_CAST


def test_days_between_events_and_differences_from_the_twin_are_the_same() -> None:
    wanted = ["first_love to first_departure", "human_closeness_after against twin"]
    wanted += CONTACT
    both = [recorded(wanted, is_spared, steps=540) for is_spared in (False, True)]
    assert both[0] == both[1]
    assert not np.isnan([*both[0].values()]).any()


def test_nothing_else_is_measured_or_noted() -> None:
    society = Society(SCENARIO, rng=3)
    OutcomeRecorder(["left", "first_love"], {}).spare(society)
    for _ in range(40):
        society.step()
    assert society.monitor.history.names == [
        name for name in MEASURES if name in {"oses", "departed", "uninstalled"}
    ]
    noted = {str(name) for name in society.monitor.readings()["name"]}
    assert noted <= OF_LOVE
    assert "love" in noted


def test_shipped_detectors_say_what_they_read() -> None:
    """One that reads more would miss it, or stop for want of it."""
    assert all(DETECTORS[kind].reads is not None for kind in KINDS)
    known = [DETECTORS[kind].reads for kind in KINDS]
    noted = frozenset().union(*(one.notes for one in known if one is not None))
    assert noted == OF_LOVE | OF_TURNS | OF_GATHERING | OF_LEAVING | OF_WEEKS
    lean = Monitor(Parameters(), ["doubling"], ())
    assert lean.history.names == ["here", "growth_mean"]


def test_a_detector_that_extends_a_shipped_one_may_read_anything() -> None:
    class Befriended(DETECTORS["doubling"]):  # type: ignore[misc]
        """Report friends, of which its base knows nothing."""

        kind, meaning, once = "befriended", "there are friends", True

        def look(self, reading: Reading) -> list[Event]:
            """Report the first week in which there are some."""
            return [self.event(reading, "x")] if len(reading.note("friends")[0]) else []

    register(Befriended)
    try:
        every = Monitor(Parameters(), ["befriended"], ())
        assert every.history.names == [*MEASURES]
        simulate = sim.simulator(SCENARIO.replace(steps=60), ["reach"], ["befriended"])
        assert simulate([2.0], seed=1).flags.tolist() == [OBSERVED]
    finally:
        forget("befriended")


def test_an_intervention_is_an_event_that_nobody_looks_for() -> None:
    found = made_of(["intervention", "upgrade"], Parameters())
    assert found is not None
    assert found.kinds == ("upgrade",)


def test_measures_of_contact_come_with_the_first_departure() -> None:
    for name in CONTACT:
        found = made_of([name], Parameters())
        assert found is not None
        assert found.kinds == ("first_departure",)
        assert found.measures == {"hours_humans"}


WAITS = Intervention(
    name="late", when=Condition(measure="grief", above=0.1), set={"price": 0.5}
)


@pytest.mark.parametrize("case", ["function", "intervention", "mechanism"])
def test_where_nobody_can_tell_what_is_read_all_is_measured(case: str) -> None:
    scenario, functions = SCENARIO, {}
    if case == "function":
        functions = {"mine": lambda society: 1.0}
    if case == "intervention":
        scenario = scenario.model_copy(update={"interventions": [WAITS]})
    if case == "mechanism":
        scenario = scenario.use("experiments/mechanisms/trust.py")
    society = Society(scenario, rng=3)
    before = society.monitor
    recorder = OutcomeRecorder(["left"], functions)
    recorder.spare(society)
    assert society.monitor is before
    assert recorder.reads is None


def test_each_note_alone_is_what_it_is_among_all() -> None:
    society = Society(SCENARIO.replace(steps=420), rng=3)
    names = sorted(OF_LOVE | OF_TURNS | OF_GATHERING | OF_LEAVING | OF_WEEKS)
    every = Observer(society.parameters)
    alone = {
        name: SparedObserver(society.parameters, Reads(frozenset(), frozenset([name])))
        for name in names
    }
    noted = Counter[str]()
    while society.running:
        society.step()
        expected = every.read(society.state)[1]
        for name, observer in alone.items():
            measures, notes = observer.read(society.state)
            assert not measures
            assert notes.keys() == expected.keys() & {name}
            for found in notes.values():
                np.testing.assert_array_equal(found.agents, expected[name].agents)
                np.testing.assert_array_equal(found.values, expected[name].values)
                noted[name] += 1
    assert {*names} - noted.keys() <= {"capped", "made", "makers"}


def test_what_only_the_seen_read_is_noted_no_more() -> None:
    society = Society(SCENARIO, rng=3)
    society.monitor = Monitor(society.parameters, ["first_love", "upgrade"], ())
    while society.running:
        society.step()
    (loved,) = (one.step for one in society.monitor.events if one.kind == "first_love")
    readings = society.monitor.readings()
    days = {name: readings["step"][readings["name"] == name] for name in OF_LOVE}
    assert days["love"].tolist() == days["love closeness"].tolist() == [loved]
    assert readings["step"].max() > loved
    assert not len(days["many loves"])
