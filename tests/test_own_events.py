"""A kind of event of one's own is one like any other, in this process and in others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from quick import QUICK, lived
from sweep_runs import DESIGN as SMALL
from sweep_runs import at_home

import sim
from sim.events import (
    DETECTORS,
    Detector,
    Event,
    Reading,
    forget,
    own_detectors,
    register,
)
from sim.events.kinds import EVENTS, SHIPPED
from sim.model.parameters import Parameters
from sim.scenarios import Scenario
from sim.scenarios.expectations import Expectation
from sim.scenarios.outcomes import OUTCOMES, outcomes
from sim.studies import check, load_sweep
from sim.studies import outcomes as recorded
from sim.studies.design import make
from sim.studies.job import Tasks, run_job
from sim.utils.errors import InputError

TOWN = sim.scenario("her-film-cut").replace(**QUICK | {"humans": 30, "steps": 40})
DESIGN: dict[str, Any] = {
    "outcomes": ["fashion", "first_love to fashion", "left"],
    "base": QUICK | {"humans": 30, "steps": 40},
    "grid": None,
}


class Fashion(Detector):
    """Report the first day on which every fifth person has an OS."""

    kind, once = "fashion", True
    meaning = "every fifth person has an OS"

    def look(self, reading: Reading) -> list[Event]:
        if reading.measures["adopted"] < 0.2:
            return []
        return [self.event(reading, f"{reading.measures['adopted']:.0%} have one")]


class Early(Fashion):
    """Reported in place of a shipped event."""

    kind = "upgrade"


@pytest.fixture
def fashion() -> Iterator[str]:
    """Register a detector of one's own, for one test."""
    register(Fashion)
    yield Fashion.kind
    if Fashion.kind in EVENTS:
        forget(Fashion.kind)


def expected(kind: str) -> Expectation:
    return Expectation.model_validate({"text": "It happens.", "happens": kind})


def claimed() -> Scenario:
    return TOWN.model_copy(update={"expectations": [expected("fashion")]})


class Misspelt(Fashion):
    """Looks for a measure that there is not."""

    kind = "comeback"

    def look(self, reading: Reading) -> list[Event]:
        return [self.event(reading, f"{reading.measures['wealth_maen']}")]


class Unready(Fashion):
    """Cannot begin."""

    kind = "comeback"

    def start(self) -> None:
        raise ZeroDivisionError("no people")


@pytest.mark.parametrize(
    ("broken", "why"),
    [(Misspelt, "KeyError: 'wealth_maen'"), (Unready, "ZeroDivisionError: no people")],
)
def test_a_detector_that_breaks_is_named(broken: type[Detector], why: str) -> None:
    register(broken)
    try:
        with pytest.raises(InputError) as error:
            sim.Society(TOWN, seed=1).step()
    finally:
        forget("comeback")
    assert str(error.value) == f"detector 'comeback': {why}"


def test_a_kind_is_known_while_its_detector_is_registered(fashion: str) -> None:
    assert EVENTS[fashion] == "every fifth person has an OS"
    assert recorded.meaning(fashion) == "day on which every fifth person has an OS"
    expected(fashion)
    forget(fashion)
    assert fashion not in EVENTS
    with pytest.raises(ValueError, match="unknown event 'fashion'"):
        expected(fashion)


def test_a_shipped_kind_keeps_its_meaning_and_stays() -> None:
    before = dict(EVENTS)
    shipped = DETECTORS["upgrade"]
    register(shipped)
    forget("upgrade")
    register(shipped)
    assert before == EVENTS and tuple(EVENTS) == SHIPPED


def test_without_a_meaning_it_is_known_by_its_name(fashion: str) -> None:
    class Silent(Fashion):
        kind, meaning = "slow_fashion", ""

    register(Silent)
    try:
        assert EVENTS["slow_fashion"] == "'slow fashion' is detected"
    finally:
        forget("slow_fashion")


def test_an_expectation_of_an_own_event_is_checked(fashion: str) -> None:
    report = check.check(claimed(), seeds=2)
    assert report.passed
    assert all(1 <= row[fashion] <= 40 for row in report.rows[""])


def test_an_event_is_not_called_like_an_outcome() -> None:
    class Left(Fashion):
        kind = "left"

    register(Left)
    try:
        with pytest.raises(InputError, match="'left' is an outcome; give the detector"):
            outcomes({}, [], Parameters())
    finally:
        forget("left")


def test_a_sweep_keeps_the_day_of_an_own_event(tmp_path: Path, fashion: str) -> None:
    found = at_home(tmp_path / "s", DESIGN)
    table = found.table()
    assert table["fashion"].between(1, 40).all()
    society = lived(40, seed=0, humans=30, steps=40)
    monitor = society.monitor
    alone = outcomes(monitor.history.columns(), monitor.rows(), society.parameters)
    assert table["fashion"].iloc[0] == alone["fashion"]
    forget(fashion)
    assert load_sweep(found.path).table()["fashion"].equals(table["fashion"])
    assert load_sweep(found.path).design.outcomes == DESIGN["outcomes"]
    with pytest.raises(InputError, match="unknown outcome 'fashion'"):
        at_home(tmp_path / "t", DESIGN)


def test_what_looked_is_in_the_provenance_and_the_place_of_a_run(
    tmp_path: Path, fashion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    some = sim.run(TOWN, detectors=["upgrade", fashion])
    fewer = sim.run(TOWN, detectors=["upgrade"])
    assert some.path != fewer.path
    source = b"Fashion\0" + Path(__file__).read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    assert some.provenance["detectors"] == {
        "kinds": ["upgrade", fashion],
        "own": {fashion: digest},
    }
    assert fewer.provenance["detectors"] == {"kinds": ["upgrade"], "own": {}}


def test_a_job_brings_its_detectors_along(fashion: str) -> None:
    """As a worker does it, in which nobody registered anything."""
    job = Tasks(make({**SMALL, **DESIGN}))[0].job
    here = run_job(job)["values"]
    forget(fashion)
    assert run_job(job)["values"]["fashion"] == here["fashion"]
    assert fashion not in DETECTORS and fashion not in EVENTS
    usual = Tasks(make({**SMALL, **DESIGN, "outcomes": ["left"]}))[0].job
    assert "detectors" not in usual


def test_what_a_session_registered_is_not_kept_unless_it_is_named(fashion: str) -> None:
    assert fashion in recorded.known() and fashion not in recorded.usual()
    assert recorded.usual() == [*OUTCOMES, *recorded.EXTRA, *sorted_as_shipped()]


def sorted_as_shipped() -> list[str]:
    return [kind for kind in EVENTS if kind in SHIPPED]


def test_a_detector_that_others_cannot_find_is_refused() -> None:
    class Hidden(Fashion):
        kind = "hidden"

    register(Hidden)
    try:
        with pytest.raises(InputError, match=r"cannot find the class .*Hidden; define"):
            own_detectors.describe(["upgrade", "hidden"])
        with pytest.raises(InputError, match="define it at the top of a file"):
            Tasks(make({**SMALL, **DESIGN, "outcomes": ["hidden"]}))
    finally:
        forget("hidden")
    assert own_detectors.describe(["upgrade"]) == []


def test_a_detector_in_place_of_a_shipped_one_is_brought_along() -> None:
    shipped = DETECTORS["upgrade"]
    register(Early)
    try:
        (described,) = own_detectors.describe(["upgrade"])
        assert described["name"] == "Early"
        register(shipped)
        with own_detectors.registered([described]):
            assert DETECTORS["upgrade"] is Early
        assert DETECTORS["upgrade"] is shipped
    finally:
        register(shipped)


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_other_processes_look_for_it_too(tmp_path: Path, fashion: str) -> None:
    jobs = [(claimed(), 0), (claimed(), 1)]
    here, there = check.observe_all(jobs, 1), check.observe_all(jobs, 2)
    assert [row[fashion] for row in here] == [row[fashion] for row in there]
    swept = sim.sweep(SMALL | DESIGN, out=tmp_path / "s", workers=1).table()
    assert swept[fashion].tolist() == [row[fashion] for row in here]
    compared = sim.counterfactual(
        TOWN, "price", at=5, seeds=2, outcomes=[fashion], workers=2
    )
    assert [pair.without[fashion] for pair in compared.pairs] == swept[fashion].tolist()
