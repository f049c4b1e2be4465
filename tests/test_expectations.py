"""Expectations: claims that a run can break, and sentences that refuse a bad claim."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sim import scenarios
from sim.scenarios.expectations import Expectation, judge
from sim.utils.errors import InputError

NEVER = math.nan


def claim(**form: Any) -> Expectation:
    return Expectation(text="It is so.", **form)


def refusal(**form: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        claim(**form)
    return str(refused.value.errors()[0]["msg"])


# -------------------------------------------------------------------------- one run


@pytest.mark.parametrize(
    ("form", "kept", "broken"),
    [
        ({"outcome": "left", "at_least": 0.9}, {"left": 0.9}, {"left": 0.8}),
        ({"outcome": "left", "at_most": 0.1}, {"left": 0.1}, {"left": 0.2}),
        (
            {"outcome": "left", "at_least": 0.4, "at_most": 0.6},
            {"left": 0.5},
            {"left": 0.7},
        ),
        ({"outcome": "upgrade", "at_most": 9}, {"upgrade": 9.0}, {"upgrade": 10.0}),
        ({"outcome": "upgrade", "at_most": 9}, {"upgrade": 9.0}, {"upgrade": NEVER}),
        ({"happens": "upgrade"}, {"upgrade": 3.0}, {"upgrade": NEVER}),
        ({"never": "upgrade"}, {"upgrade": NEVER}, {"upgrade": 3.0}),
    ],
)
def test_a_run_keeps_a_claim_or_breaks_it(
    form: dict[str, Any], kept: dict[str, float], broken: dict[str, float]
) -> None:
    assert claim(**form).holds(kept)
    assert not claim(**form).holds(broken)


@pytest.mark.parametrize(
    ("days", "holds"),
    [
        ((1.0, 2.0, 3.0), True),
        ((1.0, 3.0, 2.0), False),
        ((1.0, 2.0, 2.0), False),
        ((1.0, 2.0, NEVER), False),
        ((NEVER, NEVER, NEVER), False),
    ],
)
def test_a_chain_of_events_happens_in_its_order(
    days: tuple[float, ...], holds: bool
) -> None:
    chain = ["first_love", "clustering", "upgrade"]
    row = dict(zip(chain, days, strict=True))
    assert claim(before=chain).holds(row) is holds


@pytest.mark.parametrize(
    ("form", "difference", "holds"),
    [
        ({"more_by": 2}, 2.0, True),
        ({"more_by": 2}, 1.0, False),
        ({"more_by": 2}, -3.0, False),
        ({"less_by": 2}, -2.0, True),
        ({"less_by": 2}, -1.0, False),
        ({"less_by": 2}, 3.0, False),
        ({"more_by": 0}, 0.0, False),
        ({"more_by": 0}, 0.1, True),
        ({"less_by": 0}, 0.0, False),
        ({"less_by": 0}, -0.1, True),
        ({"less_by": 0}, NEVER, False),
    ],
)
def test_a_run_is_compared_with_the_same_seed_elsewhere(
    form: dict[str, float], difference: float, holds: bool
) -> None:
    expectation = claim(outcome="grief_max", against="her", **form)
    row, baseline = {"grief_max": 5.0 + difference}, {"grief_max": 5.0}
    assert expectation.holds(row, baseline) is holds


# ------------------------------------------------------------------------- many runs


def rows(*values: float) -> list[dict[str, float]]:
    return [{"left": value} for value in values]


def test_enough_runs_make_a_claim_hold() -> None:
    most = claim(outcome="left", at_least=0.95)
    good = judge(most, rows(*[1.0] * 18, 0.0, 0.0))
    assert (good.passed, good.held, good.runs, good.share) == (True, 18, 20, 0.9)
    assert not judge(most, rows(*[1.0] * 17, 0.0, 0.0, 0.0)).passed
    all_of_them = claim(outcome="left", at_least=0.95, share=1)
    assert not judge(all_of_them, rows(*[1.0] * 19, 0.0)).passed


def test_a_verdict_shows_what_was_seen() -> None:
    level = claim(outcome="left", at_least=0)
    assert judge(level, rows(4.0, 0.0, 1.0, 2.0, 3.0)).observed == "0 | 1 | 2 | 3 | 4"
    chain = claim(before=["first_love", "upgrade"])
    seen = judge(chain, [{"first_love": 3.0, "upgrade": NEVER}]).observed
    assert seen == "first_love on day 3 | 3 | 3 | 3 | 3; upgrade not within the run"


def test_a_comparison_shows_the_difference() -> None:
    less = claim(outcome="left", against="her", less_by=0.5)
    verdict = judge(less, rows(0.0, 0.25), rows(1.0, 1.0))
    assert verdict.passed
    assert verdict.observed.startswith("-1 | ")
    with pytest.raises(InputError, match="needs the runs of 'her'"):
        judge(less, rows(0.0))
    with pytest.raises(InputError, match="2 runs and 1 to compare them with"):
        judge(less, rows(0.0, 1.0), rows(1.0))


def test_no_run_is_no_verdict() -> None:
    with pytest.raises(InputError, match="no run to judge"):
        judge(claim(happens="upgrade"), [])


@pytest.mark.parametrize(
    ("form", "short"),
    [
        ({"outcome": "left", "at_least": 0.95}, "left at least 0.95"),
        (
            {"outcome": "left", "at_least": 0, "at_most": 1},
            "left at least 0 and at most 1",
        ),
        (
            {"outcome": "left", "against": "her", "less_by": 0.5},
            "left less by 0.5 than in her",
        ),
        ({"happens": "upgrade"}, "upgrade happens"),
        ({"never": "upgrade"}, "no upgrade"),
        ({"before": ["upgrade", "first_departure"]}, "upgrade before first_departure"),
    ],
)
def test_a_claim_can_be_said_in_short(form: dict[str, Any], short: str) -> None:
    assert claim(**form).claim == short


# ------------------------------------------------------------------------ bad claims


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "no claim; give one of outcome, happens, never, before"),
        ({"at_least": 1.0}, "no claim"),
        (
            {"happens": "upgrade", "never": "upgrade"},
            "more than one claim, happens and",
        ),
        ({"outcome": "left"}, "'outcome' needs 'at_least', 'at_most', or 'against'"),
        ({"outcome": "left", "more_by": 1}, "'more_by' needs 'against'"),
        ({"outcome": "left", "against": "her"}, "takes one of 'more_by' and 'less_by'"),
        (
            {"outcome": "left", "against": "her", "at_most": 1, "less_by": 1},
            "and no other bound",
        ),
        (
            {"outcome": "left", "against": "her", "more_by": 1, "less_by": 1},
            "takes one of",
        ),
        ({"outcome": "left", "at_least": 2, "at_most": 1}, "leaves nothing between"),
        ({"never": "upgrade", "at_most": 3}, "'at_most' goes with 'outcome', not with"),
        ({"happens": "upgrade", "against": "her"}, "'against' goes with 'outcome'"),
        ({"outcome": "lefft", "at_least": 1}, "'lefft'; did you mean 'left'?"),
        ({"happens": "upgrad"}, "unknown event 'upgrad'; did you mean 'upgrade'?"),
        ({"happens": "left"}, "unknown event 'left'"),
        ({"never": "xyz"}, "unknown event 'xyz'; there are first_love, "),
        ({"before": ["upgrade", "lov"]}, "unknown event 'lov'"),
        ({"before": ["upgrade"]}, "two or more different events"),
        ({"before": ["upgrade", "upgrade"]}, "two or more different events"),
        ({"before": []}, "two or more different events"),
        ({"happens": "upgrade", "share": 0}, "greater than 0"),
        ({"happens": "upgrade", "share": 1.1}, "less than or equal to 1"),
        ({"outcome": "left", "at_least": "1"}, "valid number"),
        ({"outcome": "left", "at_least": math.nan}, "finite number"),
        ({"outcome": "left", "against": "her", "less_by": -1}, "greater than or equal"),
        ({"hapens": "upgrade"}, "Extra inputs are not permitted"),
    ],
)
def test_a_bad_claim_is_refused_with_what_to_do(
    form: dict[str, Any], says: str
) -> None:
    assert says in refusal(**form)


def test_a_claim_needs_its_sentence() -> None:
    with pytest.raises(ValidationError, match="text"):
        Expectation(text="", happens="upgrade")


def test_a_scenario_file_carries_its_expectations(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    head = 'title = "Mine"\nstory = "Nothing happens."\n'
    claims = '[[expectations]]\ntext = "None leaves."\nnever = "first_departure"\n'
    file.write_text(head + claims)
    assert scenarios.load(file).expectations == [
        Expectation(text="None leaves.", never="first_departure")
    ]
    file.write_text(head + claims + '[[expectations]]\ntext = "So."\nhappens = "lov"\n')
    with pytest.raises(
        InputError, match=r"mine\.toml: 'expectations\.1': unknown event"
    ):
        scenarios.load(file)


@pytest.mark.parametrize("name", scenarios.names())
def test_every_shipped_scenario_is_held_to_something(name: str) -> None:
    expectations = scenarios.load(name).expectations
    assert expectations
    for one in expectations:
        assert one.text.endswith(".")
        assert one.against is None or scenarios.load(one.against).name != name
