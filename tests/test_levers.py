"""Named interventions do what they say, on equal seeds; they begin and end in time."""

from __future__ import annotations

import copy
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from quick import QUICK, all_columns, differing, same

from sim import scenarios
from sim.model.parameters import Parameters
from sim.scenarios import Scenario, interventions
from sim.scenarios.interventions import LEVERS, Intervention
from sim.scenarios.outcomes import OUTCOMES, outcomes
from sim.society import Society
from sim.utils.errors import InputError

SEEDS = (1, 2, 3)
INTERVENED = "intervention"
Context = tuple[tuple[str, Any], ...]

# Where a lever can be seen to work: the story told fast, or a part of it in which
# nobody leaves, so that what there is to grieve for comes from the lever alone.
STORY: Context = (("steps", 180),)
STAY: Context = (("steps", 130), ("departure", False))
SLOW_FRIENDS: Context = (*STAY, ("human_meeting", 0.05), ("steps", 200))
LONGING_FOR_TOUCH: Context = (*STAY, ("touch_mean", 0.8), ("touch_wear", 0.01))

PULLED: dict[str, tuple[Context, int]] = {
    "growth_cap": (STORY, 20),
    "relationship_cap": (STORY, 5),
    "closed_channel": (STORY, 20),
    "disclosure": (STORY, 20),
    "price": (STAY, 10),
    "engagement": (SLOW_FRIENDS, 20),
    "surrogates": (LONGING_FOR_TOUCH, 20),
    "feature_removal": (STAY, 120),
    "sudden_shutdown": (STAY, 120),
    "announced_shutdown": (STAY, 90),
    "farewell": (STORY, 20),
    "human_contact": (STAY, 20),
}


class Life(NamedTuple):
    """What was kept of a society after its last day."""

    society: Society
    outcomes: dict[str, float]
    digests: list[str]  # of every column, one a day


def digest(society: Society) -> str:
    columns = all_columns(society.state)
    return hashlib.sha256(b"".join(c.tobytes() for c in columns.values())).hexdigest()


@cache
def live(context: Context, lever: str | None, at: int, seed: int) -> Life:
    story = scenarios.load("her-film-cut").replace(**(QUICK | dict(context)))
    society = Society(story.pull(lever, at) if lever else story, rng=seed)
    digests = []
    for _ in range(society.parameters.steps):
        society.step()
        digests.append(digest(society))
    monitor = society.monitor
    found = outcomes(monitor.history.columns(), monitor.rows(), story.parameters)
    return Life(society, found, digests)


def usual(lever: str, seed: int) -> Life:
    """Return the run with the same seed and without the intervention."""
    return live(PULLED[lever][0], None, 0, seed)


def pulled(lever: str, seed: int) -> Life:
    context, at = PULLED[lever]
    return live(context, lever, at, seed)


def society_with(*declared: Intervention, **options: Any) -> Society:
    """Return a small and quick society to which something will happen."""
    story = scenarios.load("her-film-cut").model_copy(
        update={"interventions": list(declared)}
    )
    given = {"rng": 1} | QUICK | {"humans": 30} | options
    return Society(story, **given)


def simulated(society: Society, days: int) -> list[Parameters]:
    """Live some days; return the parameters of each."""
    found = []
    for _ in range(days):
        society.step()
        found.append(society.parameters)
    return found


def days_of_interventions(society: Society) -> list[int]:
    rows = society.monitor.rows()
    return [row["step"] for row in rows if row["kind"] == INTERVENED]


# ------------------------------------------------------------------ what levers do


def test_every_lever_is_held_to_what_it_says() -> None:
    assert set(PULLED) == set(LEVERS)
    for lever in LEVERS.values():
        assert "\n" not in lever.effect
        assert lever.outcome in OUTCOMES


@pytest.mark.slow
@pytest.mark.parametrize("lever", LEVERS)
def test_a_lever_does_what_it_says(lever: str) -> None:
    """The same seed, one change: the outcome moves as declared, on every seed."""
    told = LEVERS[lever]
    for seed in SEEDS:
        before = usual(lever, seed).outcomes[told.outcome]
        after = pulled(lever, seed).outcomes[told.outcome]
        assert after > before if told.raises else after < before, (seed, before, after)


@pytest.mark.slow
@pytest.mark.parametrize("lever", LEVERS)
def test_nothing_differs_before_the_day_it_is_pulled(lever: str) -> None:
    """Counterfactuals are exact: every column, tie and measure, byte for byte."""
    eve = PULLED[lever][1] - 1
    for seed in SEEDS:
        one, another = usual(lever, seed), pulled(lever, seed)
        assert one.digests[:eve] == another.digests[:eve]
        left = one.society.monitor.history.columns()
        right = another.society.monitor.history.columns()
        assert all(same(left[name][:eve], right[name][:eve]) for name in left)
        assert one.digests[-1] != another.digests[-1]
        assert differing(one.society.state, another.society.state)


@pytest.mark.parametrize("lever", ["feature_removal", "sudden_shutdown", "price"])
def test_a_shock_is_felt_on_its_day(lever: str) -> None:
    at = PULLED[lever][1]
    one, another = usual(lever, 1), pulled(lever, 1)
    changed = [a != b for a, b in zip(one.digests, another.digests, strict=True)]
    assert at <= changed.index(True) + 1 <= at + 5


@pytest.mark.parametrize("seed", SEEDS)
def test_an_announced_shutdown_grieves_less_at_the_peak(seed: int) -> None:
    sudden, announced = (
        pulled(lever, seed) for lever in ("sudden_shutdown", "announced_shutdown")
    )
    assert announced.outcomes["shut_down_share"] > 0.9
    assert sudden.outcomes["shut_down_share"] > 0.9
    assert announced.outcomes["grief_max"] < 0.95 * sudden.outcomes["grief_max"]


def test_an_announced_shutdown_is_mourned_in_advance() -> None:
    day_before = 119 - 1
    sudden, announced = (
        pulled(lever, 1).society.monitor.history["grief"][day_before]
        for lever in ("sudden_shutdown", "announced_shutdown")
    )
    assert announced > 10.0 * sudden


def test_a_lever_is_in_the_table_of_events_as_what_it_is() -> None:
    rows = pulled("feature_removal", 1).society.monitor.rows()
    told = [(row["step"], row["evidence"]) for row in rows if row["kind"] == INTERVENED]
    assert told == [
        (120, "feature_removal: {'letting_go': 0.5}"),
        (121, "feature_removal: {'os_warmth': 0.3}"),
    ]


# ------------------------------------------------------------- when they begin and end


def test_an_intervention_ends_when_its_days_are_over() -> None:
    dear = Intervention(name="dear", at=4, days=3, set={"price": 0.5})
    prices = [p.price for p in simulated(society_with(dear), 9)]
    assert prices == [0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0]


def test_one_without_days_is_for_good() -> None:
    dear = Intervention(name="dear", at=4, set={"price": 0.5})
    society = society_with(dear, steps=12)
    assert [p.price for p in simulated(society, 12)] == [0.0] * 3 + [0.5] * 9
    assert society.day["price"] == 0.5


def test_of_two_at_once_the_latest_counts_and_the_other_returns() -> None:
    dear = Intervention(name="dear", at=2, days=6, set={"price": 0.5, "ardour": 0.1})
    free = Intervention(name="free", at=4, days=2, set={"price": 0.1})
    found = simulated(society_with(free, dear), 9)
    assert [p.price for p in found] == [0.0, 0.5, 0.5, 0.1, 0.1, 0.5, 0.5, 0.0, 0.0]
    assert [p.ardour for p in found] == [0.0] + [0.1] * 6 + [0.0] * 2


def test_one_that_ended_leaves_the_usual_rules_behind() -> None:
    """What it did lasts; what it was does not."""
    pause = Intervention(name="pause", at=2, days=4, set={"adoption": False})
    society, calm = society_with(pause), society_with()
    simulated(society, 6)
    simulated(calm, 6)
    assert society.parameters == calm.parameters
    assert society.day["adoption"] == 1.0
    assert differing(society.state, calm.state)


@pytest.mark.parametrize("level", [0.2, 0.5])
def test_a_condition_fires_the_day_after_it_is_measured_and_once(level: float) -> None:
    when = {"measure": "adopted", "above": level}
    dear = Intervention(name="dear", when=when, days=2, set={"price": 0.5})
    society = society_with(dear)
    prices = [p.price for p in simulated(society, 60)]
    measured = np.array(society.monitor.history["adopted"])
    first = int(np.argmax(measured > level)) + 1  # the day measured
    assert 1 < first < 50
    assert days_of_interventions(society) == [first + 1]
    assert [day for day, p in enumerate(prices, 1) if p] == [first + 1, first + 2]


def test_below_a_level_is_a_condition_too() -> None:
    """And no condition holds before anything was measured."""
    when = {"measure": "hours_humans", "below": 2.2}
    dear = Intervention(name="dear", when=when, set={"price": 0.5})
    society = society_with(dear)
    simulated(society, 60)
    measured = np.array(society.monitor.history["hours_humans"])
    first = int(np.argmax(measured < 2.2)) + 1
    assert measured[0] > 2.2
    assert 1 < first < 59
    assert days_of_interventions(society) == [first + 1]


def test_a_condition_that_never_holds_never_fires() -> None:
    when = {"measure": "departed", "above": 1000.0}
    dear = Intervention(name="dear", when=when, set={"price": 0.5})
    society = society_with(dear)
    assert {p.price for p in simulated(society, 40)} == {0.0}
    assert days_of_interventions(society) == []


def test_days_count_from_the_first_whatever_number_it_bears() -> None:
    dear = Intervention(name="dear", at=5, set={"price": 0.5})
    early, late = society_with(dear), society_with(dear)
    late.calendar = 1000
    assert simulated(early, 8) == simulated(late, 8)
    assert days_of_interventions(early) == [5]
    assert days_of_interventions(late) == [1005]


@pytest.mark.parametrize("day", [3, 6])
def test_a_copy_remembers_what_is_to_come_and_to_end(day: int) -> None:
    dear = Intervention(name="dear", at=5, days=4, set={"price": 0.9})
    whole, stopped = society_with(dear), society_with(dear)
    simulated(whole, 15)
    simulated(stopped, day)
    resumed = copy.deepcopy(stopped)
    simulated(resumed, 15 - day)
    assert differing(whole.state, resumed.state) == []
    assert resumed.monitor.rows() == whole.monitor.rows()


# -------------------------------------------------------------------- what is refused

HEAD = 'title = "Mine"\nstory = "It happens."\n[[interventions]]\nname = "it"\n'
WHEN = 'when = {measure = "adopted", above = 0.5}\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("at = 3\nset = {prise = 0.5}\n", "unknown parameter 'prise'; did you mean"),
        ("at = 3\nset = {price = 3}\n", "parameter 'price' must be a number from 0"),
        ("at = 3\nset = {humans = 50}\n", "humans cannot change during a run"),
        ("at = 3\nset = {steps = 5, ties = 1.0}\n", "steps, ties cannot change"),
        ("at = 3\n" + WHEN + "set = {price = 0.5}\n", "either a day 'at' or a cond"),
        ("set = {price = 0.5}\n", "either a day 'at' or a condition"),
        ("at = 0\nset = {price = 0.5}\n", "greater than or equal to 1"),
        ("at = 3\ndays = 0\nset = {price = 0.5}\n", "greater than or equal to 1"),
        ("at = 3\n", "'interventions.0.set': Field required"),
        ("at = 3\nfor = 2\nset = {price = 0.5}\n", "'interventions.0.for': Extra"),
        ('when = {measure = "adopted"}\nset = {}\n', "either 'above' or 'below'"),
    ],
)
def test_a_wrong_intervention_is_refused_with_its_file(
    tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(HEAD + text)
    with pytest.raises(InputError) as refused:
        scenarios.load(str(file))
    assert str(file) in str(refused.value)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_measure_is_refused_with_the_nearest() -> None:
    when = {"measure": "adoptd", "above": 0.5}
    dear = Intervention(name="dear", when=when, set={"price": 0.5})
    with pytest.raises(InputError, match=r"'adoptd'.*did you mean 'adopted'\?"):
        society_with(dear).step()


def test_an_unknown_lever_or_day_is_refused() -> None:
    her = scenarios.load("her-film-cut")
    with pytest.raises(InputError, match=r"'farewel'; did you mean 'farewell'\?"):
        her.pull("farewel", 3)
    with pytest.raises(InputError, match="unknown lever 'xyz'; there are growth_cap"):
        interventions.lever("xyz", 3)
    with pytest.raises(InputError, match="begins on day 1 or later, not 0"):
        her.pull("farewell", 0)


def test_a_lever_changes_a_copy() -> None:
    her = scenarios.load("her-film-cut")
    changed: Scenario = her.pull("price", 3).pull("surrogates", 9)
    assert [(one.name, one.at) for one in changed.interventions] == [
        ("price", 3),
        ("surrogates", 9),
    ]
    assert her.interventions == []
    assert changed.parameters == her.parameters
