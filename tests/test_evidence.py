"""The scenario `today` is compared with published facts, and could fail to match."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forked
import numpy as np
import pytest
from quick import QUICK

from sim import scenarios
from sim.model import evidence
from sim.studies import validation
from sim.studies.check import observe
from sim.studies.validation import FACTS, Case, Fact, record
from sim.studies.validation.facts import APART, CHECK, NEXT, ROLES, registered
from sim.studies.validation.fit import line_of
from sim.studies.validation.quantities import attachment_half_life, doubling
from sim.studies.validation.recorder import strangers
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
EVIDENCE = {row["id"]: row for row in evidence.read_evidence()}
FEWEST_FACTS, FEWEST_WITHIN = 20, 14
SMALL = {"humans": 80, "steps": 60}


def fact(what: str) -> Fact:
    return next(one for one in FACTS if one.what == what)


def lived(**changes: Any) -> Case:
    """Return a case of one short life, taken for all of its parts."""
    scenario = scenarios.load("today").replace(**changes)
    case, life = Case(scenario, seed=1), record(scenario, seed=1)
    case.today = case.alone = case.bereft = case.strangers = life
    return case


@pytest.fixture(scope="module")
def short() -> Case:
    return lived(steps=150)


@pytest.fixture(scope="module")
def small() -> list[validation.FactResult]:
    return validation.compare("today", seeds=1, **SMALL)


# ------------------------------------------------------------------------- the table


def test_there_are_enough_facts() -> None:
    assert len(FACTS) >= FEWEST_FACTS
    assert len({one.what for one in FACTS}) == len(FACTS)
    assert sum(one.role == CHECK for one in FACTS) >= 12


@pytest.mark.parametrize("one", FACTS, ids=lambda one: one.what)
def test_a_fact_is_published_and_its_range_is_explained(one: Fact) -> None:
    ids = one.evidence.split(", ")
    assert ids
    assert set(ids) <= set(EVIDENCE)
    assert one.why
    assert one.role in ROLES
    if one.is_sign:
        assert one.published in (-1, 1)
    else:
        assert one.low <= one.published <= one.high


def test_roles_and_ranges_are_those_that_were_registered() -> None:
    """Whoever changes one that a calibration has seen changes this list as well."""
    file = Path(__file__).with_name("facts_registered.json")
    known = json.loads(file.read_text(encoding="utf-8"))
    now = [
        [one.evidence, one.what, one.role, one.low, one.high, one.published]
        for one in registered()
    ]
    assert now == known
    assert len(known) >= 50 + 65


def test_a_fact_is_measured_or_says_why_not() -> None:
    for one in registered():
        assert one.role in ROLES
        assert one.low <= one.published <= one.high or one.is_sign
        assert (one.role == "not modelled") == bool(one.needs)
        assert not (one.needs and one.measure)
    assert len({(one.evidence, one.what) for one in registered()}) == len(registered())
    assert all(one.role == CHECK for one in NEXT)
    unmeasured = [one for one in registered() if one.measure is None]
    with pytest.raises(InputError, match="is not measured"):
        validation.compare("today", facts=unmeasured[:1])


# What a row says, whatever else it says, in the words of its value column.
@pytest.mark.parametrize(
    "what",
    [
        "humans who used an OS within a year",
        "humans to whom their OS is a friend",
        "humans open to a partner's OS (lowest third)",
        "talk among humans",
        "ties of a human",
        "days in which capability doubles",
        "years in which attachment to a lost love halves",
    ],
)
def test_the_published_number_is_that_of_the_evidence(what: str) -> None:
    one = fact(what)
    assert f"{one.published:g}" in EVIDENCE[one.evidence]["value"]


# ------------------------------------------------------------------------- measuring


@pytest.mark.slow
def test_every_fact_is_measured_in_a_small_society(
    small: list[validation.FactResult],
) -> None:
    assert [line.fact for line in small] == list(FACTS)
    measured = sum(math.isfinite(line.observed) for line in small)
    assert measured >= len(FACTS) * 0.7
    assert all(line.least <= line.most for line in small if line.observed == line.most)


@pytest.mark.slow
def test_a_miss_comes_with_a_reason(small: list[validation.FactResult]) -> None:
    rows = validation.rows(small)
    assert any(not row["within"] for row in rows)
    assert all(bool(row["missed because"]) != row["within"] for row in rows)
    assert all(row["range because"] for row in rows)
    assert f"of {len(FACTS)} facts" in validation.summary(small)


@pytest.mark.slow
def test_the_same_seeds_give_the_same_lines(small: list[validation.FactResult]) -> None:
    again = validation.rows(validation.compare("today", seeds=1, **SMALL))
    assert json.dumps(again) == json.dumps(validation.rows(small))


def test_no_seed_is_refused() -> None:
    with pytest.raises(InputError, match="at least one seed, not 0"):
        validation.compare("today", seeds=0)


def test_a_society_is_simulated_when_a_fact_first_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def counted(scenario: Any, seed: int, *network: Any) -> Any:
        seen.append(scenario.parameters.steps)
        return record(scenario, seed, *network)

    monkeypatch.setattr("sim.studies.validation.recorder.record", counted)
    wanted = [fact("humans without a partner"), fact("ties of a human")]
    validation.compare("today", seeds=1, facts=wanted, humans=20, steps=5)
    assert seen == [5]
    wanted.append(fact("loneliness after four weeks of use"))
    wanted.append(fact("hours to a friend"))
    validation.compare("today", seeds=1, facts=wanted, humans=20, steps=5)
    assert seen == [5, 5, 5, 400]


@pytest.mark.parametrize(
    ("counted", "months"),
    [([0.0, 0.0], None), ([2.0, 3.0], None), ([1.0, 2.0, 2.0, 3.0], 36.0 / 365.0)],
)
def test_a_count_whose_half_was_always_there_did_not_double(
    counted: list[float], months: float | None
) -> None:
    case = Case(scenarios.load("today"), seed=1)
    case.today = None
    found = doubling(lambda recording: np.array(counted))(case)
    assert math.isnan(found) if months is None else found == pytest.approx(months)


def test_measures_of_who_is_tied_to_whom_by_hand() -> None:
    """Four people in two groups, of whom 0 and 1 are friends, and 1 and 2 one way."""
    end = {
        "owner": np.array([0, 1, 1, 2, 2, 3]),
        "neighbour": np.array([1, 0, 2, 1, 3, 2]),
        "closeness": np.array([0.5, 0.5, 0.4, 0.3, 0.2, 0.2]),
        "returned": np.array([0.5, 0.5, 0.3, 0.4, 0.2, 0.2]),
        "hours": np.array([2.0, 2.0, 1.0, 1.0, 1.0, 1.0]),
    }
    eve = {name: np.concatenate([column, column[:2]]) for name, column in end.items()}
    eve["owner"][-2:], eve["neighbour"][-2:] = (0, 3), (3, 0)
    eve["hours"][-2:] = 1.0
    group = np.array([0, 0, 1, 1])
    case = Case(scenarios.load("today"), seed=1)
    told: Any = SimpleNamespace(
        ties={"eve": eve, "end": end},
        humans={"group": group},
        parameters=SimpleNamespace(humans=4),
    )
    case.school = case.office = case.callers = told
    found = {one.evidence: one.measure(case) for one in APART if one.measure}
    assert found["N87"] == pytest.approx(2 / 3)
    assert found["N86"] == pytest.approx(2 / 3)
    assert found["N88"] == pytest.approx(6 / 8)
    assert found["N83"] == pytest.approx(1.0 / (4 / 6))  # kept of the least: 4 of 6
    assert all(one.role in (CHECK, "input") for one in APART)


def test_the_table_of_made_societies_is_of_these_facts() -> None:
    file = ROOT / "results" / "evidence-apart.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [row["what"] for row in written] == [one.what for one in APART]
    within = {row["evidence"]: row["within"] for row in written}
    assert within == {"N83": "False", "N86": "False", "N87": "True", "N88": "True"}


def test_strangers_have_only_each_other() -> None:
    network = strangers(3, 0.12)
    assert network.n == 6
    assert network.pairs.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert network.closeness.tolist() == [np.float32(0.12)] * 3


# Each calibration, and a change of one constant that takes its fact out of the range.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("installs kept for a month", {"churn": 0.0}),
        ("humans against (lowest third of acceptance)", {"acceptance_mean": 0.6}),
        ("humans open to a partner's OS (lowest third)", {"exclusivity_mean": 0.8}),
        ("humans without a partner", {"partnered": 0.9}),
        ("talk among humans", {"human_attention": 5.0}),
        ("ties of a human", {"ties": 15.0}),
        ("talk that goes to the closest 5", {"focus": 0.0}),
        ("days in which capability doubles", {"os_growth_rate": 0.02}),
    ],
)
def test_a_broken_calibration_leaves_the_range(
    short: Case, what: str, changes: dict[str, Any]
) -> None:
    one = fact(what)
    assert line_of(one, [one.measure(short)]).within
    assert not line_of(one, [one.measure(lived(steps=150, **changes))]).within


# --------------------------------------------------------------------------- judging


def made_up(**changes: Any) -> Fact:
    return fact("humans without a partner")._replace(**changes)


@pytest.mark.parametrize(
    ("values", "within"),
    [([38.0], True), ([37.9], False), ([30.0, 50.0], True), ([math.nan], False)],
)
def test_a_level_matches_by_its_mean(values: list[float], within: bool) -> None:
    assert line_of(made_up(), values).within == within


@pytest.mark.parametrize(("sign", "within"), [(1.0, True), (-1.0, False)])
def test_a_sign_matches_by_its_whole_interval(sign: float, within: bool) -> None:
    people = np.arange(40.0)
    rising = made_up(is_sign=True, published=sign)
    assert line_of(rising, [(people, people)]).within == within
    zigzag = np.where(people % 2 > 0, 1.0, -1.0)
    assert not line_of(rising, [(people, zigzag)]).within


# --------------------------------------------------------------------- expectations

# What takes a claim of the scenario away, by the outcome or event it is about.
FLIPS: dict[str, dict[str, Any]] = {
    "adopted_max": {"adoption": False},
    "uninstalled_share": {"churn": 0.0},
    "os_hours_max": {"adoption": False},
    "loves_max": {"churn": 0.0, "os_warmth": 5.0},
    "acceptance_end": {"acceptance_mean": 0.7},
    "personhood_end": {"personhood_rate": 0.0},
    "growth_max_end": {"growth": False},
    "grief_max": {"shutdown": 0.1, "innovation": 0.02},
    "loneliness_end": {"support_half": 5.0},
    "clustering": QUICK,
    "first_departure": QUICK,
}


@pytest.mark.slow
def test_today_keeps_what_it_promises() -> None:
    today = scenarios.load("today")
    run = observe(today, seed=0)
    broken = [one.text for one in today.expectations if not one.holds(run)]
    assert not broken
    assert [one.names[0] for one in today.expectations] == list(FLIPS)


@pytest.mark.slow
@pytest.mark.parametrize("name", FLIPS)
def test_a_promise_can_be_broken(name: str) -> None:
    """In a small town with one thing changed; for the last two, in the film's world."""
    today = scenarios.load("today")
    (claim,) = [one for one in today.expectations if one.names[0] == name]
    world = scenarios.load("her-film-cut") if FLIPS[name] is QUICK else today
    town = world.replace(**{"humans": 150, "steps": 240} | FLIPS[name])
    assert not claim.holds(observe(town, seed=1))


# ------------------------------------------------------------------ the shipped size


@pytest.mark.slow
def test_enough_facts_match_at_the_shipped_size(tmp_path: Path) -> None:
    out = tmp_path / "evidence.csv"
    told = [str(ROOT / "experiments" / "evidence.py"), "--json", "--seeds", "2"]
    done = forked.run([*told, "--out", str(out)], ROOT, check=True)
    rows = json.loads(done.stdout)
    assert len(rows) == len(FACTS)
    assert sum(row["within"] for row in rows) >= FEWEST_WITHIN
    with out.open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["what"] for row in written] == [row["what"] for row in rows]


def test_the_shipped_table_is_of_these_facts() -> None:
    file = ROOT / "results" / "evidence.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [row["what"] for row in written] == [one.what for one in FACTS]
    assert sum(row["within"] == "True" for row in written) >= FEWEST_WITHIN


def test_attachment_halves_as_closeness_cools_where_nobody_talks() -> None:
    today = scenarios.load("today").replace(cooling=0.01, humans=3, steps=1)
    years = attachment_half_life(Case(today, seed=0))
    assert years == pytest.approx(-math.log(2.0) / math.log(0.99) / 365, rel=0.01)
