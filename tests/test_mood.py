"""A talk with an OS relieves loneliness for the moment, ever less; it moves nothing."""

from __future__ import annotations

import doctest
import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from twins import Twins, some_parameters

import sim
from sim.mechanisms import registry
from sim.mechanisms.shipped import mood as module
from sim.mechanisms.shipped.mood import MOOD, felt, relief, wear_off
from sim.society import Society
from sim.studies import validation
from sim.studies.validation import quantities

EVERYBODY = {"innovation": 0.5, "churn": 0.0, "warming": 0.3, "peers": False}
SMALL: dict[str, Any] = {"humans": 40, "steps": 60, **EVERYBODY}
ADDED = {column.name for column in MOOD.columns["humans"]}
SESSION = 0.25  # hours
VALUES = {name: one.field.default for name, one in MOOD.parameters.items()}


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def town(**changes: Any) -> Any:
    return sim.scenario("her-film-cut").use("mood").replace(**SMALL | changes)


def lived(scenario: Any, days: int, seed: int = 1) -> Society:
    society = Society(scenario, seed=seed)
    for _ in range(days):
        society.step()
    return society


# ------------------------------------------------------------------------------- rules


def test_what_is_said_in_the_rules_is_so() -> None:
    done = doctest.testmod(module)
    assert done.attempted == 3 and not done.failed


def test_relief_grows_with_talk_and_falls_with_use() -> None:
    levels = np.linspace(0.0, 1.0, 6)
    for used, half in itertools.product(levels, (0.1, 1.0)):
        found = relief(np.linspace(0.0, 24.0, 50), used, 0.4, half)
        assert found[0] == 0.0 and (np.diff(found) >= 0.0).all()
        assert found.max() <= 0.4 * (1.0 - used)
    assert relief(0.5, 0.0, 0.4, 0.5) == 0.2  # half of it, by definition


def test_nobody_feels_less_lonely_than_not_at_all() -> None:
    feels = felt(np.linspace(0.0, 1.0, 11), 0.35)
    assert (feels >= 0.0).all() and feels[-1] == pytest.approx(0.65)
    assert not feels[:4].any()


@pytest.mark.parametrize("hours", [0.0, 0.1, 24.0])
def test_use_wears_relief_off_and_never_all_of_it(hours: float) -> None:
    used = [0.0]
    for _ in range(400):
        used.append(wear_off(used[-1], hours, 0.0945, SESSION))
    assert (np.diff(used) >= 0.0).all() and used[-1] <= 1.0
    assert (used[-1] == 0.0) == (hours == 0.0)


# ------------------------------------------------------------------ theory: A42 and N28


def test_a_first_session_takes_away_what_was_published() -> None:
    most, half = VALUES["mood_relief"], VALUES["mood_half"]
    assert 100.0 * relief(SESSION, 0.0, most, half) == pytest.approx(20.0)  # A42


def test_after_twenty_sessions_as_much_is_left_as_was_published() -> None:
    used = 0.0
    for _ in range(20):
        used = wear_off(used, SESSION, VALUES["mood_habituation"], VALUES["mood_half"])
    assert 100.0 * (1.0 - used) == pytest.approx(38.0, abs=0.1)  # N28


# ---------------------------------------------------------------------------- societies


def test_who_talks_feels_less_lonely_and_who_has_no_os_feels_as_lonely_as_it_is() -> (
    None
):
    society = lived(town(innovation=0.02), 30)
    humans = society.state.humans
    talks = (humans.os >= 0) & (humans.hours_oses > 0.0)
    assert 5 < talks.sum() < 40
    assert (humans.felt[talks] < humans.loneliness[talks]).all()
    np.testing.assert_array_equal(
        humans.felt[humans.os < 0], humans.loneliness[humans.os < 0]
    )
    assert (humans.used_to_it[talks] > 0.0).all()


def test_relief_is_gone_without_talk_and_what_wore_off_stays() -> None:
    society = lived(town(), 20)
    humans = society.state.humans
    some = np.flatnonzero(humans.os >= 0)[:5]
    used = humans.used_to_it[some].copy()
    humans.os[some] = -1
    module.MOOD.processes[0].function(SimpleNamespace(humans=humans, my=society_my()))
    np.testing.assert_array_equal(humans.felt[some], humans.loneliness[some])
    np.testing.assert_array_equal(humans.used_to_it[some], used)


def society_my() -> SimpleNamespace:
    return SimpleNamespace(**VALUES)


def test_it_moves_nothing_but_what_is_felt() -> None:
    without, with_it = (
        lived(town(**told), 50) for told in ({"mood_relief": 0.0}, {"mood_relief": 1.0})
    )
    one, other = (s.state.humans.copy_columns() for s in (without, with_it))
    assert {n for n in one if one[n].tobytes() != other[n].tobytes()} == {"felt"}
    for name in ("oses", "ties"):
        before, after = (getattr(s.state, name) for s in (without, with_it))
        copied = before.table() if name == "ties" else before.copy_columns()
        again = after.table() if name == "ties" else after.copy_columns()
        assert all(copied[n].tobytes() == again[n].tobytes() for n in copied)
    feels = [s.monitor.history["felt_loneliness"][-1] for s in (without, with_it)]
    assert feels[1] < feels[0]


def test_how_users_feel_is_measured_of_users() -> None:
    society = lived(town(innovation=0.02), 30)
    humans = society.state.humans
    users = humans.os >= 0
    found = society.monitor.history["felt_loneliness"][-1]
    assert found == pytest.approx(humans.felt[users].mean(), rel=1e-6)
    assert found != pytest.approx(humans.felt.mean(), rel=1e-3)
    nobody = SimpleNamespace(
        humans=SimpleNamespace(felt=humans.felt, os=humans.os * 0 - 1)
    )
    assert module.felt_loneliness(nobody) == 0.0


@pytest.mark.parametrize("society", [1, 3])
def test_people_as_objects_feel_alike(society: int) -> None:
    parameters = registry.extend(some_parameters(society), ["mood"])
    twins = Twins(parameters.replace(mood_habituation=0.3), seed=society)
    for _ in range(40):
        twins.step()
        twins.check()
    assert (twins.state.humans.used_to_it > 0.1).any()


def test_it_keeps_the_contract() -> None:
    quick = sim.scenario("her-film-cut").replace(humans=60, steps=20, innovation=0.3)
    assert len(sim.check_mechanism("mood", scenario=quick)) == 7


def test_a_run_tells_how_users_felt_at_its_end() -> None:
    names = ["felt_end", "loneliness_end"]
    found = sim.simulator(town(steps=20), ["churn"], names)([0.0], seed=1)
    feels, lonely = found.values
    assert 0.0 < feels < lonely


# -------------------------------------------------------------------------- validation


def test_what_validation_reads_from_hours_is_what_the_mechanism_writes() -> None:
    """A43 is told from recorded hours of talk, by the same rules."""
    scenario = sim.scenario("today").use("mood").replace(humans=60, steps=80)
    scenario = scenario.replace(
        innovation=0.05, churn=0.0, mood_relief=0.3, mood_half=0.4
    )
    recording = validation.record(scenario, 1)
    feels = felt(recording.loneliness, quantities.relieved(recording))
    talks = recording.installed[-1]
    assert talks.sum() > 5
    np.testing.assert_allclose(feels[-1], recording.humans["felt"], atol=1e-6)
    assert (feels[-1] < recording.loneliness[-1])[talks].any()


def test_a43_compares_who_kept_their_os_with_themselves_without_any() -> None:
    """Three people: one keeps an OS for the week, one lets it go, one has none."""
    days, week = 10, 7
    installed = np.zeros((days, 3), bool)
    installed[1:, 0] = True
    installed[1:4, 1] = True
    hours = np.where(installed, np.float32(0.25), np.float32(0.0))
    here, there = np.full((days, 3), 0.6), np.full((days, 3), 0.5)
    today = SimpleNamespace(
        installed=installed, hours_oses=hours, loneliness=here, parameters=None
    )
    alone = SimpleNamespace(installed=installed & False, loneliness=there)
    case: Any = SimpleNamespace(today=today, alone=alone)
    assert quantities.kept_for(case, week) == [(1 + week, 0)]
    used = 0.0
    for _ in range(week):
        used = wear_off(used, SESSION, VALUES["mood_habituation"], SESSION)
    feels = 0.6 - relief(SESSION, used, VALUES["mood_relief"], SESSION)
    found = quantities.felt_after(week)(case)
    assert found == pytest.approx(100.0 * (feels - 0.5))
    assert quantities.loneliness_after(week)(case) == pytest.approx(10.0)
