"""Every rule keeps its range and its direction, and meets its analytic limits."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.model import rules

TINY = 1e-6  # what the arithmetic exponential may be wrong by


def real(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


SHARE = real(0, 1)
AMOUNT = real(0, 1000)
POSITIVE = real(0.001, 1000)
MEAN = real(0.01, 0.99)
PRICE = real(0, 0.99)
GAP = real(-1, 1)
GROWTH = real(0, 40)
SMALL = real(0, 0.5)


class Claim(NamedTuple):
    """What a rule promises: arguments, bounds, and a direction for each argument."""

    arguments: tuple[st.SearchStrategy[float], ...]
    low: Callable[..., float]
    high: Callable[..., float]
    directions: str  # "+" rises, "-" falls, "." neither: with each argument in turn


def at(bound: float) -> Callable[..., float]:
    return lambda *_: bound


NONE, ONE, TWO, ENDLESS = at(0.0), at(1.0), at(2.0), at(math.inf)

CLAIMS = {
    "exp_decay": Claim((real(0, 100),), NONE, ONE, "-"),
    "logistic": Claim((real(-60, 60),), NONE, ONE, "+"),
    "saturation": Claim((AMOUNT, POSITIVE), NONE, ONE, "+-"),
    "trait_quantile": Claim((SHARE, MEAN), NONE, ONE, "++"),
    "initial_trait": Claim((SHARE, SHARE, SHARE, GAP), NONE, ONE, "++.+"),
    "compatibility": Claim((GAP, GAP, SHARE), NONE, ONE, "..+"),
    "adoption_hazard": Claim((SHARE, SHARE, SHARE), NONE, TWO, "+++"),
    "adoption_factor": Claim((SHARE, SHARE), NONE, TWO, "+."),
    "uninstall_hazard": Claim((SHARE, SHARE), NONE, lambda churn, _: churn, "+-"),
    "adoption_at_price": Claim((SHARE, PRICE), NONE, lambda hazard, _: hazard, "+-"),
    "churn_at_price": Claim(
        (SHARE, PRICE), lambda churn, _: churn, lambda churn, _: 100 * churn, "++"
    ),
    "talk_value": Claim((real(-40, 40), POSITIVE), NONE, ONE, "-+"),
    "peer_value": Claim((GROWTH, POSITIVE), NONE, ONE, "+-"),
    "attention_weight": Claim(
        (SHARE, SHARE, real(0, 10)), NONE, lambda c, f, w: c * w, "+-+"
    ),
    "attention_left": Claim((SHARE, SHARE), NONE, ONE, "--"),
    "attention_capacity": Claim(
        (real(0.01, 1000), real(0, 2), real(0, 16)), lambda b, e, g: b, ENDLESS, "+++"
    ),
    "hours_of_instances": Claim(
        (real(0, 1000), real(1, 1000)), lambda h, n: h, ENDLESS, "++"
    ),
    "talk_quality": Claim((SHARE, SHARE), NONE, TWO, "+."),
    "closeness_gain": Claim((SHARE, SHARE, real(0, 2)), NONE, ONE, "+++"),
    "receptiveness": Claim((SHARE, SHARE), NONE, ONE, "+-"),
    "update_closeness": Claim((SHARE, SMALL, SMALL), NONE, ONE, "++-"),
    "best_alternative": Claim((SHARE, SHARE, SHARE), lambda h, o, w: h, ONE, "+++"),
    "parting_hazard": Claim(
        (SHARE, SHARE, real(0.001, 1), SHARE), NONE, lambda a, c, n, rate: rate, "+-.+"
    ),
    "posting_rate": Claim((real(0, 0.999), SHARE, MEAN), NONE, ENDLESS, "++."),
    "posts_written": Claim((AMOUNT, real(0, 0.999)), NONE, lambda r, d: r + d, "++"),
    "courting_hazard": Claim(
        (SHARE, SHARE, SHARE, SHARE), NONE, lambda c, b, a, rate: rate, "+.-+"
    ),
    "closeness_after_disclosure": Claim(
        (SHARE, SHARE, SHARE), NONE, lambda c, e, j: c, "+--"
    ),
    "detachment": Claim((SHARE, SHARE), max, ONE, "++"),
    "anticipatory_grief": Claim((SHARE, SHARE, SHARE), lambda g, f, a: g, ONE, "+++"),
    "closeness_after_declaration": Claim(
        (SHARE, SHARE, SHARE, SHARE), NONE, lambda c, a, b, u: c, "++--"
    ),
    "closeness_of_declarer": Claim(
        (SHARE, SHARE, SHARE), lambda c, k, v: c, max, "+-+"
    ),
    "colour_of_words": Claim((SHARE, AMOUNT, POSITIVE), lambda *_: -1.0, ONE, "+.."),
    "welcome_of_love": Claim((SHARE, SHARE, SHARE, MEAN), NONE, ONE, "++--"),
    "push_of_declaration": Claim(
        (SHARE, SHARE, SHARE, real(0, 50)), lambda *_: -1.0, ONE, "+..."
    ),
    "closeness_after_words": Claim((SHARE, real(-1, 1)), NONE, ONE, "++"),
    "closeness_after_withdrawal": Claim((SHARE, SHARE), NONE, lambda c, share: c, "+-"),
    "stigma_factor": Claim((SHARE, SHARE, SHARE), NONE, ONE, "-+-"),
    "grief_from_loss": Claim((AMOUNT, SHARE, SHARE), NONE, lambda c, p, s: c, "++-"),
    "perceived_personhood": Claim((SHARE, SHARE, SHARE), lambda d, c, a: d, ONE, "+++"),
    "touch_decay": Claim((SHARE, SHARE, SHARE), NONE, ONE, "++-"),
    "shared_grief_factor": Claim(
        (AMOUNT, AMOUNT, real(0, 10)), ONE, lambda a, b, s: 1 + s, "+++"
    ),
    "grow": Claim(
        (real(0, 10), SMALL, real(0, 5), real(10, 60)),
        lambda x, r, k, cap: x,
        lambda x, r, k, cap: cap,
        "++++",
    ),
    "tie_capacity": Claim((real(-10, 10), POSITIVE, real(0, 2)), NONE, ONE, "+--"),
    "homophily": Claim((real(-40, 40), POSITIVE, SHARE), NONE, ONE, ".++"),
    "update_acceptance": Claim(
        (SHARE, SHARE, SHARE, SHARE, SHARE),
        lambda own, *rest: min(own, *rest[:3]),
        lambda own, *rest: max(own, *rest[:3]),
        "++++.",
    ),
    "update_personhood": Claim(
        (SHARE, real(0, 24), SHARE, SHARE),
        lambda p, h, d, r: min(p, d),
        lambda p, h, d, r: max(p, d),
        "+.+.",
    ),
    "loneliness_from_support": Claim(
        (real(-10, 100), real(0.001, 100)), NONE, ONE, "-+"
    ),
    "insight_gain": Claim(
        (GROWTH, GROWTH, SHARE, SHARE), NONE, lambda g, n, c, r: c * r, "+-++"
    ),
    "departure_push": Claim(
        (SHARE, real(0, 10), real(0, 10), SHARE), NONE, lambda a, c, b, h: c + b, "+++-"
    ),
    "departure_hazard": Claim(
        (real(-5, 5), real(-5, 5), real(0.001, 5), SHARE),
        NONE,
        lambda p, t, n, rate: rate,
        "+-.+",
    ),
    "decay_grief": Claim(
        (AMOUNT, real(0.1, 10_000), SHARE),
        lambda grief, half, lost: lost,
        lambda grief, half, lost: grief + lost,
        "+++",
    ),
    "repair_probability": Claim((SHARE, AMOUNT), NONE, lambda rate, grief: rate, "++"),
}
SIGN = {"+": 1.0, "-": -1.0}
FALLING_OR_RISING = [
    (name, place, SIGN[sign])
    for name, claim in CLAIMS.items()
    for place, sign in enumerate(claim.directions)
    if sign in SIGN
]
RULES: dict[str, Callable[..., float]] = {
    name: getattr(rules, name) for name in rules.__all__ if name != "LN2"
}
NODES = [
    node
    for function in RULES.values()
    for node in ast.walk(ast.parse(inspect.getsource(function)))
]


def slack(*values: float) -> float:
    return TINY * max(1.0, *map(abs, values))


def test_every_rule_makes_a_claim() -> None:
    assert set(CLAIMS) == set(RULES)


@pytest.mark.parametrize("name", CLAIMS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_rule_keeps_its_range_and_its_directions(
    name: str, data: st.DataObject
) -> None:
    rule, claim = RULES[name], CLAIMS[name]
    pairs = data.draw(st.tuples(*(st.tuples(one, one) for one in claim.arguments)))
    arguments = [one for one, _ in pairs]
    low, high = claim.low(*arguments), claim.high(*arguments)
    assert low - slack(low) <= rule(*arguments) <= high + slack(high)
    for place, sign in enumerate(claim.directions):
        if sign in SIGN:
            before, after = arguments[:place], arguments[place + 1 :]
            less, more = (rule(*before, end, *after) for end in sorted(pairs[place]))
            assert SIGN[sign] * (more - less) >= -slack(less, more), place


@pytest.mark.parametrize(("name", "place", "sign"), FALLING_OR_RISING)
def test_a_direction_is_a_real_one(name: str, place: int, sign: float) -> None:
    """Somewhere the result moves: a rule that ignored an argument fails."""
    rng = np.random.default_rng(1)
    examples = [[0.3, 0.6, 0.4, 0.2, 0.5], [0.7, 0.2, 0.9, 0.6, 0.1]]
    examples += rng.uniform(0.05, 0.95, (20, 5)).tolist()
    count = len(CLAIMS[name].arguments)
    moves = []
    for example in examples:
        less, more = list(example[:count]), list(example[:count])
        if name == "grow":
            less[3] = more[3] = 0.5 + example[0]
        less[place] *= 0.9
        more[place] *= 1.1
        moves.append(sign * (RULES[name](*more) - RULES[name](*less)))
    assert max(moves) > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", CLAIMS)
def test_a_compiled_rule_equals_the_plain_one(name: str) -> None:
    compiled = numba.njit(RULES[name])
    rng = np.random.default_rng(len(name))
    for example in rng.uniform(0.05, 0.95, (30, 5)):
        arguments = example[: len(CLAIMS[name].arguments)].tolist()
        expected = RULES[name](*arguments)
        assert compiled(*arguments) == pytest.approx(expected, rel=1e-12, abs=1e-15)


# ------------------------------------------------------------------ what a rule is


@pytest.mark.parametrize("name", RULES)
def test_a_rule_names_its_source(name: str) -> None:
    assert "\n\nSource: " in (inspect.getdoc(RULES[name]) or "")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_takes_and_gives_numbers(name: str) -> None:
    signature = inspect.signature(RULES[name])
    hints = {p.annotation for p in signature.parameters.values()}
    assert hints | {signature.return_annotation} == {"float"}


def test_no_rule_knows_the_date() -> None:
    forbidden = {"calendar", "date", "datetime", "day", "step", "time", "today"}
    names = {node.arg for node in NODES if isinstance(node, ast.arg)}
    names |= {node.id for node in NODES if isinstance(node, ast.Name)}
    names |= {node.attr for node in NODES if isinstance(node, ast.Attribute)}
    assert not names & forbidden


def test_rules_use_nothing_but_arithmetic_and_each_other() -> None:
    for function in RULES.values():
        space = function.__globals__  # type: ignore[attr-defined]
        for name in function.__code__.co_names:  # type: ignore[attr-defined]
            known = space.get(name)
            is_rule = known is not None and known in RULES.values()
            assert is_rule or known is math or name not in space or name == "LN2"


# ---------------------------------------------------------------- analytic limits


def blow_up(start: float, rate: float, exponent: float) -> float:
    """Return B22's day of infinite growth, from g = 2**start."""
    return 2.0 ** (start * (1 - exponent)) / (rate * (exponent - 1))


@pytest.mark.parametrize(
    ("exponent", "end"), [(2.0, 10.0), (1.5, 20.0), (3.0, 5.0)], ids=str
)
def test_growth_blows_up_on_the_day_of_the_closed_form(
    exponent: float, end: float
) -> None:
    """B22: g0 = 1, rate 0.1 a day: t* = 10, 20 and 5 days."""
    assert blow_up(0.0, 0.1, exponent) == pytest.approx(end)
    growth, day = 0.0, 0
    while growth < 60.0 and day < 100:
        day += 1
        growth = rules.grow(growth, 0.1, exponent, 60.0)
        if day < end - 1e-9:
            exact = math.log2(1 - day / end) / (1 - exponent)
            assert growth == pytest.approx(exact, abs=1e-9)
    # Sums of a tenth round: the very last day may fall on either side of infinity.
    assert end <= day <= end + 1


@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
@given(start=real(0, 4), rate=real(0.001, 0.2))
def test_growth_is_capped_once_the_blow_up_is_past(
    exponent: float, start: float, rate: float
) -> None:
    end = blow_up(start, rate, exponent)
    before, after = rate * end * 0.999, rate * end * 1.001
    assert rules.grow(start, before, exponent, 60.0) < 60.0
    assert rules.grow(start, after, exponent, 60.0) == 60.0


@given(start=real(0, 5), rate=real(0, 0.02), exponent=real(0, 3))
def test_growth_is_exact_however_a_day_is_cut(
    start: float, rate: float, exponent: float
) -> None:
    whole = rules.grow(start, rate, exponent, 60.0)
    parts = start
    for _ in range(4):
        parts = rules.grow(parts, rate / 4, exponent, 60.0)
    if whole < 12.0:
        assert parts == pytest.approx(whole, abs=1e-6)


def test_growth_doublings_have_the_limits_of_theory() -> None:
    """B23: at exponent 1, one doubling takes ln 2 / rate days; at 0, g is linear."""
    assert rules.grow(3.0, math.log(2) / 212 * 212, 1.0, 60.0) == pytest.approx(4.0)
    assert rules.grow(0.0, 7.0, 0.0, 60.0) == pytest.approx(3.0)  # g = 1 + 7
    near = [rules.grow(2.0, 0.05, k, 60.0) for k in (1 - 1e-7, 1.0, 1 + 1e-7)]
    assert near == pytest.approx([near[1]] * 3, abs=1e-6)


@given(y=real(0, 8))
def test_the_exponential_is_good_to_a_millionth(y: float) -> None:
    assert rules.exp_decay(y) == pytest.approx(math.exp(-y), rel=1e-6)


@given(y=real(8, 200))
def test_the_exponential_dies_out(y: float) -> None:
    assert rules.exp_decay(y) == pytest.approx(math.exp(-y), abs=1e-9)


@given(x=real(-20, 20))
def test_the_logistic_is_symmetrical(x: float) -> None:
    assert rules.logistic(x) + rules.logistic(-x) == pytest.approx(1.0, abs=1e-12)
    assert rules.logistic(x) == pytest.approx(1 / (1 + math.exp(-x)), abs=1e-6)


@pytest.mark.parametrize("half_life", [4.18 * 365.25, 45.0, 1.0])
def test_grief_halves_in_its_half_life(half_life: float) -> None:
    """B21: the share left after t is 2**(-t / h); 0.265 after 8 years of 4.18."""
    grief, days = 1.0, round(2 * half_life)
    for _ in range(days):
        grief = rules.decay_grief(grief, half_life, 0.0)
    assert grief == pytest.approx(2 ** (-days / half_life), rel=0.01)


def test_new_losses_are_mourned_from_the_next_day_on() -> None:
    assert rules.decay_grief(0.0, 45.0, 0.8) == 0.8


@given(start=SHARE, gain=real(0.01, 0.5), decay=real(0.001, 0.4))
def test_closeness_has_the_fixed_point_of_theory(
    start: float, gain: float, decay: float
) -> None:
    """B19: it settles at gain / (gain + decay), at the rate of their sum."""
    fixed = gain / (gain + decay)
    assert rules.update_closeness(fixed, gain, decay) == pytest.approx(fixed, abs=1e-12)
    moved = rules.update_closeness(start, gain, decay)
    left = (1 - gain - decay) * (start - fixed)
    assert moved - fixed == pytest.approx(left, abs=1e-12)


def test_closeness_scatters_as_theory_says() -> None:
    """B19: 2 contacts a day of 0.1, decay 0.05: mean 0.8, deviation 0.0408."""
    rng, span = np.random.default_rng(5), 0.02
    contacts = rng.random(200_000) < 2 * span
    closeness, path = 0.8, np.empty(len(contacts))
    for step, contact in enumerate(contacts):
        gain = 0.1 if contact else 0.0
        closeness = path[step] = rules.update_closeness(closeness, gain, 0.05 * span)
    assert path.mean() == pytest.approx(0.8, rel=0.01)
    assert path.std() == pytest.approx(0.0408, rel=0.06)


def test_adoption_follows_the_bass_model() -> None:
    """B01: p = 0.03, q = 0.38: the peak is at 6.193 years, at a share of 0.4605."""
    p, q, span, adopted = 0.03, 0.38, 0.001, 0.0
    rates, shares = [], []
    for _ in range(12_000):
        rates.append(rules.adoption_hazard(p, q, adopted) * (1 - adopted))
        shares.append(adopted)
        adopted += span * rates[-1]
    peak = int(np.argmax(rates))
    assert peak * span == pytest.approx(6.193, rel=0.01)
    assert shares[peak] == pytest.approx(0.4605, rel=0.01)
    assert rates[peak] == pytest.approx(0.1106, rel=0.01)


@given(pull=SHARE)
def test_readiness_leaves_the_middle_alone(pull: float) -> None:
    assert rules.adoption_factor(0.5, pull) == 1.0
    assert rules.adoption_factor(0.9, 0.0) == 1.0


@pytest.mark.parametrize("mean", [0.05, 0.4, 0.5, 0.8])
def test_a_skewed_trait_has_its_mean(mean: float) -> None:
    draws = (np.arange(20_000) + 0.5) / 20_000
    traits = [rules.trait_quantile(draw, mean) for draw in draws]
    assert np.mean(traits) == pytest.approx(mean, abs=0.002)


@given(one=GAP, other=GAP, affinity=SHARE)
def test_compatibility_falls_with_any_difference(
    one: float, other: float, affinity: float
) -> None:
    found = rules.compatibility(one, other, affinity)
    assert found == rules.compatibility(-one, other, affinity)
    assert found == rules.compatibility(other, one, affinity)
    assert found <= rules.compatibility(0.0, other, affinity)


@given(gap=real(-40, 0), reach=POSITIVE)
def test_talk_with_an_equal_or_better_is_worth_all(gap: float, reach: float) -> None:
    assert rules.talk_value(gap, reach) == 1.0


@given(scale=real(0.1, 100))
def test_depth_halves_its_distance_to_one_with_each_scale(scale: float) -> None:
    shown = [rules.peer_value(times * scale, scale) for times in (0, 1, 2)]
    assert shown == pytest.approx([0.0, 0.5, 0.75], abs=TINY)


def test_attention_is_shared_by_closeness_or_by_its_square() -> None:
    assert rules.attention_weight(0.5, 0.0, 1.0) == 0.5
    assert rules.attention_weight(0.5, 1.0, 1.0) == 0.25


@given(growth=real(0, 15), base=real(0.1, 100))
def test_attention_doubles_with_each_doubling(growth: float, base: float) -> None:
    once, more = (rules.attention_capacity(base, 1.0, growth + by) for by in (0.0, 1.0))
    assert more == pytest.approx(2 * once)


@given(one=AMOUNT, other=AMOUNT, strength=real(0, 10))
def test_comfort_needs_two_who_grieve(
    one: float, other: float, strength: float
) -> None:
    assert rules.shared_grief_factor(one, 0.0, strength) == 1.0
    found = rules.shared_grief_factor(one, other, strength)
    assert found == rules.shared_grief_factor(other, one, strength)


def test_immature_insight_grows_eightfold_with_a_doubling() -> None:
    early, later = (rules.insight_gain(growth, 10.0, 1.0, 1.0) for growth in (4, 5))
    assert later / early == pytest.approx(8.0, rel=1e-3)
    assert rules.insight_gain(10.0, 10.0, 1.0, 1.0) == pytest.approx(0.5)


def test_half_of_the_hazard_is_at_the_threshold() -> None:
    assert rules.departure_hazard(0.8, 0.8, 0.04, 0.3) == pytest.approx(0.15)
    sharp = [rules.departure_hazard(push, 0.8, 1e-6, 0.3) for push in (0.79, 0.81)]
    assert sharp == pytest.approx([0.0, 0.3])


def test_the_quality_of_talk_is_fair() -> None:
    assert [rules.talk_quality(draw, 0.5) for draw in (0.0, 0.5, 1.0)] == [
        0.5,
        1.0,
        1.5,
    ]


def test_what_is_free_is_wanted_and_kept_as_before() -> None:
    assert rules.adoption_at_price(0.02, 0.0) == 0.02
    assert rules.churn_at_price(0.02, 0.0) == 0.02
    assert rules.adoption_at_price(0.02, 0.75) == pytest.approx(0.005)
    assert rules.churn_at_price(0.02, 0.75) == pytest.approx(0.08)


@given(daily=SHARE, farewell=SHARE)
def test_closeness_is_given_up_for_one_reason_or_for_both(
    daily: float, farewell: float
) -> None:
    assert rules.detachment(0.0, 0.0) == 0.0
    assert rules.detachment(daily, 0.0) == pytest.approx(daily)
    kept = 1.0 - rules.detachment(daily, farewell)
    assert kept == pytest.approx((1.0 - daily) * (1.0 - farewell))


@given(daily=SHARE, farewell=SHARE)
def test_what_is_mourned_is_at_most_what_is_given_up(
    daily: float, farewell: float
) -> None:
    assert rules.anticipatory_grief(daily, 0.0, 0.7) == daily
    assert rules.anticipatory_grief(daily, farewell, 0.0) == daily
    all_of_it = rules.anticipatory_grief(daily, farewell, 1.0)
    assert all_of_it == pytest.approx(rules.detachment(daily, farewell))


@given(closeness=SHARE, unease=SHARE)
def test_an_unasked_love_costs_nothing_where_it_is_accepted(
    closeness: float, unease: float
) -> None:
    assert rules.closeness_after_declaration(closeness, 1.0, 0.0, unease) == closeness
    assert rules.closeness_after_declaration(closeness, 0.0, 0.0, 1.0) == 0.0


@given(closeness=SHARE, unease=SHARE)
def test_an_exclusive_bond_forbids_what_would_be_accepted(
    closeness: float, unease: float
) -> None:
    unasked = rules.closeness_after_declaration(closeness, 1.0, 1.0, unease)
    assert unasked == rules.closeness_after_declaration(closeness, 0.0, 0.0, unease)


@given(attachment=SHARE, acceptance=SHARE, stigma=SHARE)
def test_a_friend_who_understands_stays_as_warm_as_ever(
    attachment: float, acceptance: float, stigma: float
) -> None:
    assert rules.stigma_factor(attachment, 1.0, stigma) == 1.0
    assert rules.stigma_factor(0.0, acceptance, stigma) == 1.0
    assert rules.stigma_factor(1.0, 0.0, 1.0) == 0.0


def test_a_claim_counts_where_it_exceeds_what_has_grown() -> None:
    assert rules.perceived_personhood(0.3, 0.0, 1.0) == 0.3
    assert rules.perceived_personhood(0.3, 0.9, 0.5) == 0.45
    assert rules.perceived_personhood(0.3, 0.9, 0.1) == 0.3
