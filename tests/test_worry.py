"""News of a threat shocks who is close to an OS, wears off, and moves nothing else."""

from __future__ import annotations

import doctest
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins import Twins, some_parameters

import sim
from sim.events import DETECTORS, EVENTS, MEASURES
from sim.mechanisms import registry
from sim.mechanisms.shipped import worry as module
from sim.mechanisms.shipped.mood import MOOD
from sim.mechanisms.shipped.worry import WORRY, alarm, habituate
from sim.scenarios.interventions import Intervention
from sim.scenarios.outcomes import OUTCOMES
from sim.society import Society
from sim.utils.errors import InputError

EVERYBODY = {"innovation": 0.5, "churn": 0.0, "warming": 0.3, "peers": False}
SMALL: dict[str, Any] = {"humans": 40, "steps": 60, **EVERYBODY}
ADDED = {column.name for column in WORRY.columns["humans"]}
N62 = (3.0, 10.0)  # days


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def town(*told: tuple[int, float], **changes: Any) -> Any:
    """Return a small town in which the threat is so much from each day on."""
    news = [
        Intervention(name=f"news {day}", at=day, columns={"threat": level})
        for day, level in told
    ]
    found = sim.scenario("her-film-cut").use("worry").replace(**SMALL | changes)
    return found.model_copy(update={"interventions": news})


def lived(scenario: Any, days: int, seed: int = 1) -> Society:
    society = Society(scenario, seed=seed)
    for _ in range(days):
        society.step()
    return society


def series(society: Society, name: str = "worry_mean") -> Any:
    """Return a measure by day; day 1 is at 1."""
    return np.array([0.0, *society.monitor.history[name]])


# ------------------------------------------------------------------------------- rules


def test_alarm_is_what_is_at_stake_times_the_rise() -> None:
    levels = np.linspace(0.0, 1.0, 6)
    for stake, threat, heard in itertools.product(levels, repeat=3):
        found = alarm(stake, threat, heard)
        assert found == pytest.approx(stake * max(0.0, threat - heard))
        assert 0.0 <= found <= stake
    assert module.alarm(
        np.array([0.5, 0.5]), np.array([1.0, 0.0]), np.array([0.0, 1.0])
    ).tolist() == [0.5, 0.0]


def test_what_is_said_in_the_rules_is_so() -> None:
    done = doctest.testmod(module)
    assert done.attempted == 2 and not done.failed


@pytest.mark.parametrize("half_life", [0.1, 3.0, 6.0, 45.0])
def test_a_shock_halves_in_a_half_life(half_life: float) -> None:
    days, worry = 12 * half_life, 1.0
    for _ in range(round(days)):
        worry = habituate(worry, half_life, 0.0)
    assert math.log2(worry) == pytest.approx(-round(days) / half_life)
    assert habituate(0.0, half_life, 0.3) == 0.3


# ---------------------------------------------------------------------- who is shocked


def test_only_news_shocks_and_only_who_has_an_os() -> None:
    society = lived(town((30, 0.5), innovation=0.02), 29)
    humans = society.state.humans
    assert not humans.worry.any()
    owners = humans.os >= 0
    society.step()
    stake = humans.own_closeness * owners
    assert 5 < owners.sum() < 35
    np.testing.assert_allclose(humans.worry, 0.5 * stake, rtol=1e-6)
    assert (humans.heard == 0.5).all()
    new = (humans.os >= 0) & ~owners  # installed that evening, and later
    for _ in range(10):
        society.step()
        new |= (humans.os >= 0) & ~owners
    assert new.any() and not humans.worry[new].any()


def test_a_threat_that_stands_is_no_news_and_one_that_returns_is() -> None:
    days = 60
    once, twice, more = (
        series(lived(town(*told), days))
        for told in (
            [(20, 0.6)],
            [(20, 0.6), (30, 0.0), (40, 0.6)],
            [(20, 0.6), (40, 1.0)],
        )
    )
    fades = 0.5 ** (1.0 / WORRY.parameters["worry_half_life"].field.default)
    assert not once[:20].any()
    np.testing.assert_allclose(once[21:] / once[20:-1], fades, rtol=1e-5)
    np.testing.assert_array_equal(twice[:40], once[:40])  # to fall is none, either
    again, rise = twice[40] - once[40], more[40] - once[40]
    assert rise == pytest.approx(again * 0.4 / 0.6, rel=1e-5)
    assert again > once[20]  # they are closer by then


def test_a_threat_to_some_shocks_them_alone() -> None:
    told = Intervention(
        name="some", at=30, who={"share": 0.25}, columns={"threat": 1.0}
    )
    society = lived(town().model_copy(update={"interventions": [told]}), 30)
    humans = society.state.humans
    assert humans.treated_some.sum() == 10
    assert (humans.worry[humans.treated_some == 0] == 0.0).all()
    assert (humans.worry[humans.treated_some == 1] > 0.0).all()


def test_news_moves_nothing_but_worry() -> None:
    quiet, shocked = (lived(town(*told), 50) for told in ([], [(10, 1.0)]))
    one, other = (s.state.humans.copy_columns() for s in (quiet, shocked))
    changed = {n for n in one if one[n].tobytes() != other[n].tobytes()}
    assert changed == ADDED
    for table in ("oses", "ties"):
        before, after = (getattr(s.state, table) for s in (quiet, shocked))
        copied = before.table() if table == "ties" else before.copy_columns()
        again = after.table() if table == "ties" else after.copy_columns()
        assert all(copied[n].tobytes() == again[n].tobytes() for n in copied)
    assert (series(shocked, "distress") > series(quiet, "distress"))[10:].all()


def test_off_nobody_is_shocked() -> None:
    assert not series(lived(town((10, 1.0), worry=False), 20)).any()


def test_distress_is_of_those_who_have_or_had_an_os() -> None:
    society = lived(town((20, 1.0), innovation=0.02), 20)
    humans = society.state.humans
    humans.grief[:] = 0.25
    humans.os[np.flatnonzero(humans.os >= 0)[:3]] = -1  # they had one
    s, users = humans, humans.adopted_step >= 0
    view = type("S", (), {"humans": s})
    wanted = 0.25 + humans.worry[users].mean()
    assert module.distress(view) == pytest.approx(wanted, rel=1e-6)
    humans.adopted_step[:] = -1
    assert module.distress(view) == module.worry_mean(view) == 0.0


# -------------------------------------------------------------------------- theory: N62


@pytest.mark.parametrize("half_life", [3.0, 6.0, 10.0])
def test_a_pulse_of_news_halves_in_the_half_life(half_life: float) -> None:
    """Read from the society's own series, by two ways that know no parameter."""
    society = lived(town((20, 1.0), worry_half_life=half_life), 60)
    worry = series(society)[20:]
    slope = np.polyfit(np.arange(20), np.log(worry[:20]), 1)[0]
    assert -math.log(2.0) / slope == pytest.approx(half_life, rel=1e-4)
    run = type("Run", (), {"series": {"worry_mean": series(society)[1:]}})
    assert module.worry_halved(run) == pytest.approx(half_life, rel=1e-4)


def test_as_it_ships_it_is_that_of_n62() -> None:
    half_life = sim.scenario("her").use("worry").parameters.worry_half_life
    assert N62[0] <= half_life <= N62[1]


def test_what_never_halves_has_no_half_life() -> None:
    for worry in ([], [0.0, 0.0], [0.0, 1.0, 0.9]):
        assert (
            module.worry_halved(type("R", (), {"series": {"worry_mean": worry}}))
            is None
        )


# ------------------------------------------------------------------------ other code


@pytest.mark.parametrize("society", [1, 3])
def test_people_as_objects_worry_alike(society: int) -> None:
    parameters = registry.extend(some_parameters(society), ["worry"])
    twins = Twins(parameters.replace(worry_half_life=4.0), seed=society)
    twins.check()
    shocked = 0
    for day in range(1, 41):
        if day % 8 == 0:  # other people are told other things
            level = 0.0 if day % 16 == 0 else 0.7
            told = np.arange(twins.state.humans.n) % 3 != day // 8 % 3
            twins.state.humans.threat[told] = level
            for human in twins.reference.humans:
                if told[human.row]:
                    human.threat = float(np.float32(level))
        twins.step()
        twins.check()
        shocked += int(twins.state.humans.worry.any())
    assert shocked > 10


def test_it_keeps_the_contract_with_news() -> None:
    told = Intervention(name="some", at=5, who={"share": 0.5}, columns={"threat": 1.0})
    quick = sim.scenario("her-film-cut").replace(humans=60, steps=20, innovation=0.3)
    usual = quick.model_copy(update={"interventions": []})
    assert len(sim.check_mechanism("worry", scenario=usual)) == 7
    busy = usual.use("worry").model_copy(update={"interventions": [told]})
    one, many = (Society(busy, seed=2, threads=n) for n in (1, 3))
    for _ in range(20):
        one.step()
        many.step()
    assert one.state.humans.worry.any()
    assert one.state.humans.worry.tobytes() == many.state.humans.worry.tobytes()


def test_a_run_goes_on_from_a_checkpoint_with_its_worry(tmp_path: Path) -> None:
    whole = sim.run(
        town((8, 1.0), steps=20), seed=1, out=tmp_path / "a", checkpoint_every=10
    )
    fork = whole.fork(10, out=tmp_path / "b")
    file = "snapshots/humans-000020.parquet"
    assert (whole.path / file).read_bytes() == (fork.path / file).read_bytes()
    assert whole.humans()["worry"].max() > 0.0


# -------------------------------------------------------------------- coming along


def test_those_that_come_along_are_found_by_their_names() -> None:
    assert registry.shipped() == ["mood", "worry"]
    assert {"mood", "worry"} <= {*registry.installed()}
    assert not registry.in_use()
    for name in registry.shipped():
        one = registry.find(name)
        assert one.name == name and one.file.parent == registry.FOLDER
    assert set(registry.in_use()) == {MOOD, WORRY}


def test_a_mistyped_one_is_told_the_right_word() -> None:
    with pytest.raises(InputError, match=r"'worri' .* did you mean 'worry'"):
        sim.scenario("her").use("worri")


def test_one_of_a_users_own_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "worry.py"
    file.write_text(
        "from sim.mechanisms import Mechanism\nMINE = Mechanism('worry', 'Mine.')\n"
    )
    mine = sim.use(file)
    assert registry.find("worry") is mine
    assert not hasattr(sim.scenario("her").use("worry").parameters, "worry_half_life")


def test_what_they_measure_has_names_of_its_own() -> None:
    for one in map(registry.find, registry.shipped()):
        assert not one.measures.keys() & MEASURES.keys()
        assert not one.outcomes.keys() & {*OUTCOMES, *EVENTS}
        assert not one.detectors.keys() & {*OUTCOMES, *EVENTS, *DETECTORS}


def test_a_society_that_names_none_has_none() -> None:
    society = Society(sim.scenario("her-film-cut").replace(humans=10), seed=1)
    assert not ADDED & society.state.humans.columns.keys()
    assert society.own_schedule is None


# ----------------------------------------------------------------------------- the ban


def test_the_ban_is_of_those_who_were_told() -> None:
    """A month before it they are shocked; afterwards nobody of them has an OS."""
    ban = sim.scenario("characterai-2025")
    early = [
        one.model_copy(update={"at": (one.at or 0) - 370}) for one in ban.interventions
    ]
    fast = ban.replace(humans=200, steps=90, innovation=0.1)
    society = lived(fast.model_copy(update={"interventions": early}), 29)
    humans = society.state.humans
    society.step()
    told = humans.treated_ban_of_minors > 0
    assert told.sum() == 20 and (humans.os[told] >= 0).sum() > 15
    assert humans.worry[told].sum() > 0.0 and not humans.worry[~told].any()
    before = humans.grief.copy()
    for _ in range(27):
        society.step()
    assert (humans.grief - before)[told].mean() > 0.05
    for _ in range(30):
        society.step()
    assert (humans.os[told] < 0).all() and (humans.os[~told] >= 0).mean() > 0.8
    assert humans.grief[told].mean() > 10 * humans.grief[~told].mean()
