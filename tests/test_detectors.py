"""Every detector keeps one contract; yours can join, and be held to it."""

from __future__ import annotations

import copy
import functools
import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import QUICK, SEED, differing, lived

from sim import scenarios
from sim.events import (
    DETECTORS,
    Detector,
    Event,
    Monitor,
    Reading,
    StoredReadings,
    forget,
    register,
)
from sim.model.columns import DEPARTED
from sim.model.parameters import Parameters
from sim.model.state import State
from sim.runs import result, run
from sim.runs.schemas import EVENTS_SCHEMA
from sim.society import Society
from sim.utils.errors import InputError

PARAMETERS = Parameters()


class Crowd(Detector):
    """Report the first day on which most people have an OS."""

    kind, once = "crowd", True
    watches = "share of humans with an OS"

    def look(self, reading: Reading) -> list[Event]:
        if reading.measures["adopted"] <= 0.5:
            return []
        return [self.event(reading, f"{reading.measures['adopted']:.0%} have one")]


@pytest.fixture
def crowd() -> Iterator[str]:
    """Register a detector of one's own, for one test."""
    register(Crowd)
    yield Crowd.kind
    forget(Crowd.kind)


def nobody() -> State:
    return State(0)


def alone() -> State:
    return State(1)


def one_os() -> State:
    state = State(0)
    state.add_oses(1)
    return state


@functools.cache
def after_days(days: int) -> State:
    return lived(days).state


def all_gone() -> State:
    state = copy.deepcopy(after_days(60))
    state.oses.status[:] = DEPARTED
    return state


class Contract:
    """What holds for every detector; a test of your own inherits it."""

    @pytest.fixture
    def detector(self) -> type[Detector]:
        raise NotImplementedError

    def monitor(self, detector: type[Detector]) -> Monitor:
        monitor = Monitor(PARAMETERS, [])
        monitor.detectors = [detector(PARAMETERS)]
        return monitor

    def test_it_says_what_it_is(self, detector: type[Detector]) -> None:
        assert detector.kind.isidentifier()
        assert detector.__doc__
        assert detector.__doc__.startswith("Report ")
        assert detector.watches
        assert detector.null
        assert detector.source
        assert detector.alarm == (not detector.null.startswith("none"))

    @pytest.mark.parametrize("make", [nobody, alone, one_os])
    def test_it_bears_an_empty_society(
        self, detector: type[Detector], make: Any
    ) -> None:
        monitor = self.monitor(detector)
        for day in range(1, 20):
            assert monitor.look(day, make()) == []

    def test_it_bears_a_society_that_all_left(self, detector: type[Detector]) -> None:
        monitor, state = self.monitor(detector), all_gone()
        for day in range(1, 40):
            monitor.look(day, state)
        assert len(monitor.events) <= 1

    def test_it_writes_nothing(self, detector: type[Detector]) -> None:
        state = copy.deepcopy(after_days(100))
        before, monitor = copy.deepcopy(state), self.monitor(detector)
        for day in range(1, 15):
            monitor.look(day, state)
        assert differing(before, state) == []

    def test_it_finds_the_same_again(
        self, detector: type[Detector], story: Society
    ) -> None:
        first, second = (retold(story, detector) for _ in range(2))
        assert first.rows() == second.rows()

    def test_its_memory_can_be_kept(
        self, detector: type[Detector], story: Society
    ) -> None:
        """Stored halfway and taken up again, it finds what it would have found."""
        assert (
            retold(story, detector, thaw=120).rows() == retold(story, detector).rows()
        )

    def test_its_rows_have_the_right_columns(
        self, detector: type[Detector], story: Society
    ) -> None:
        for row in retold(story, detector).rows():
            assert list(row) == EVENTS_SCHEMA.names
            assert row["kind"] == detector.kind
            assert 1 <= row["step"] <= row["detected"] <= 240
            assert all(type(member) is int for member in row["members"])
            assert type(row["size"]) is int
            assert type(row["strength"]) is float
            assert math.isfinite(row["strength"])
            assert row["evidence"]
            assert row["p_value"] is None or 0.0 <= row["p_value"] <= 1.0
            assert 0.0 <= row["false_alarms"] <= 1.0


class TestShipped(Contract):
    @pytest.fixture(params=sorted(DETECTORS))
    def detector(self, request: pytest.FixtureRequest) -> type[Detector]:
        found: type[Detector] = DETECTORS[request.param]
        return found


class TestOfYours(Contract):
    @pytest.fixture
    def detector(self) -> type[Detector]:
        return Crowd


def retold(society: Society, detector: type[Detector], thaw: int = 0) -> Monitor:
    """Return a monitor over the readings of a society, frozen and thawed on a day."""
    told = society.monitor
    series = told.history.columns()
    stored = StoredReadings(series, told.readings())
    monitor = Monitor(society.parameters, [])
    monitor.detectors = [detector(society.parameters)]
    for day in stored.days():
        if day.step == thaw:
            monitor = pickle.loads(pickle.dumps(monitor))
        monitor.take(*day)
    return monitor


# ------------------------------------------------------------------------- registry


def quick_run(place: Path, **options: Any) -> result.Result:
    scenario = scenarios.load("her-film-cut").replace(**QUICK)
    return run.run(scenario, seed=SEED, out=place, **options)


def test_a_detector_of_ones_own_is_in_the_table(tmp_path: Path, crowd: str) -> None:
    told = quick_run(tmp_path / "run")
    events = told.events.set_index("kind")
    assert {crowd, "first_love", "all_departed"} <= set(events.index)
    adopted = told.series["adopted"]
    assert events.at[crowd, "step"] == adopted.index[adopted > 0.5][0]


def test_a_stored_run_can_be_searched_for_something_new(tmp_path: Path) -> None:
    told = quick_run(tmp_path / "run", detectors=["first_love"])
    assert told.events["kind"].tolist() == ["first_love"]
    register(Crowd)
    try:
        found = told.detect(["crowd"])
    finally:
        forget("crowd")
    assert found["kind"].tolist() == ["crowd"]


def test_only_what_is_asked_for_is_found(tmp_path: Path) -> None:
    pulled = scenarios.load("her-film-cut").replace(
        **QUICK | {"humans": 60, "steps": 60}
    )
    told = run.run(pulled.pull("human_contact", 20), out=tmp_path / "run")
    assert "intervention" in set(told.detect()["kind"])
    assert "intervention" not in set(told.detect(["first_love"])["kind"])


@pytest.mark.parametrize(
    "is_alarm, day, after",
    [
        (True, 136, True),
        (True, 137, False),
        (False, 131, False),
        (False, 130, True),
    ],
)
def test_an_alarm_may_be_dated_some_days_before_its_cause(
    is_alarm: bool, day: int, after: bool
) -> None:
    class Weekly(Detector):
        """Report an onset on day 130, on day 140."""

        kind, watches, alarm = "weekly", "the calendar", is_alarm

        def look(self, reading: Reading) -> list[Event]:
            return [self.event(reading, "it is", step=130)] * (reading.step == 140)

    monitor = Monitor(PARAMETERS, [])
    monitor.detectors = [Weekly(PARAMETERS, 1.0)]
    monitor.note(day, "shutdown", "all of them")
    (event,) = monitor.take(140, dict.fromkeys(monitor.history.columns(), 0.0), {})
    assert event.after_intervention == after


WORLDS = ["her", "her-no-insight", "replika-2023", "kurzweil"]
TWENTY = [
    pytest.param(world, seed, marks=[pytest.mark.slow] if seed != SEED else [])
    for world in WORLDS
    for seed in range(SEED, SEED + 5)
]


@pytest.mark.parametrize("scenario, seed", TWENTY)
def test_online_and_offline_find_the_same(
    tmp_path: Path, scenario: str, seed: int
) -> None:
    quick = scenarios.load(scenario).replace(**QUICK | {"humans": 60})
    told = run.run(quick, seed=seed, out=tmp_path / "run")
    found = told.detect()
    assert len(found)
    assert told.events.astype(str).equals(found.astype(str))
    assert told.events["members"].tolist() == found["members"].tolist()


def test_who_is_looked_for_can_be_chosen() -> None:
    monitor = Monitor(PARAMETERS, ["upgrade", "first_love"])
    assert [type(one).kind for one in monitor.detectors] == ["upgrade", "first_love"]
    with pytest.raises(InputError, match=r"'upgrad'; did you mean 'upgrade'\?"):
        Monitor(PARAMETERS, ["upgrad"])


def test_what_is_no_detector_is_refused() -> None:
    class Nameless(Detector):
        def look(self, reading: Reading) -> list[Event]:
            return []

    class Blind(Detector):
        kind = "blind"

    for wrong, why in ((Nameless, "a kind is a short"), (Blind, "needs a method look")):
        with pytest.raises(InputError, match=why):
            register(wrong)
    with pytest.raises(InputError, match="is no detector"):
        register(len)  # type: ignore[arg-type]
    assert "blind" not in DETECTORS


def test_a_cell_can_be_run_again(crowd: str) -> None:
    class Second(Crowd):
        """Report nothing."""

    register(Second)
    assert DETECTORS[crowd] is Second


def test_measures_stand_beside_what_is_noted(story: Society) -> None:
    readings = story.monitor.readings()
    assert set(readings) == {"step", "name", "agent", "value"}
    assert len({len(column) for column in readings.values()}) == 1
    departed = readings["agent"][readings["name"] == "departed"]
    gone = np.flatnonzero(story.state.oses.status == DEPARTED)
    assert sorted(departed.tolist()) == (gone + story.state.humans.n).tolist()
