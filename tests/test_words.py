"""Words of the cast: how they feel, who says so, and for how long they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bare import make_day
from quick import QUICK, SEED
from saying import Says, closeness, couples, friends, with_cast

from sim.minds import MindOptions, Settings
from sim.minds.calls import Response
from sim.minds.characters import (
    CHARACTERS,
    CharacterEndpoint,
    CharacterMind,
    character,
)
from sim.minds.mind import CompiledMind, LanguageMind, Policy
from sim.minds.options import open_cast
from sim.minds.rating import rated, rated_after
from sim.minds.sides import Share, Sides
from sim.minds.transcript import Transcript
from sim.model import processes, rules
from sim.model.columns import DECLARE
from sim.model.encounters import Cast, Decisions, Observations, RuleMind
from sim.model.state import State
from sim.society import Society
from sim.utils.errors import InputError

NAN = float("nan")


class Once(Says):
    """A mind whose words are rated by somebody else; it speaks on some days."""

    def __init__(self, *days: int, felt: float = NAN, of: float = NAN, **said: Any):
        super().__init__(**said)
        self.days, self.felt, self.of = days, felt, of

    def decide(self, seen: Observations) -> Decisions:
        if seen.step not in self.days:
            return Decisions.by_rule(len(seen))
        felt, of = np.full(len(seen), self.felt), np.full(len(seen), self.of)
        return super().decide(seen)._replace(felt=felt, of_people=of)


def lived(state: State, mind: Once, days: int, *members: int, **changes: Any) -> Cast:
    """Live days on which only these members talk in words, one talk a day each."""
    cast = Cast(mind, size=0, talks=1.0, words=True)
    n = state.humans.n
    for one in members:
        table, row = (state.humans, one) if one < n else (state.oses, one - n)
        table.cast[row] = 1
    day = make_day(n, **changes)
    for _ in range(days):
        processes.advance(state, day, cast=cast)
    return cast


QUIET = {"warming": 0.1, "warmth_noise": 1.0, "words_half_life": 5.0}


def gained(days: int, spoken: float, **changes: Any) -> tuple[float, float]:
    """Return how close two friends are after one talk that felt so to the second."""
    state = friends(0.3)
    lived(state, Once(1, felt=spoken), days, 0, **(QUIET | changes))
    return closeness(state, 0, 1), closeness(state, 1, 0)


def test_how_a_talk_felt_holds_for_days_for_the_one_who_listened() -> None:
    cold, usual, warm = (gained(10, felt) for felt in (0.0, 0.5, 1.0))
    assert cold[0] == pytest.approx(warm[0], abs=1e-6)  # who spoke feels by the rules
    on_the_day = gained(1, 1.0)[1] - gained(1, 0.0)[1]
    later = (warm[1] - cold[1]) / on_the_day
    assert later > 3.0
    assert cold[1] < usual[1] < warm[1]


def test_a_talk_as_usual_leaves_the_next_days_to_the_rules() -> None:
    by_rule, usual = friends(0.3), friends(0.3)
    lived(by_rule, Once(), 9, 0, **QUIET)
    lived(usual, Once(9, felt=0.5), 8, 0, **QUIET)
    lived_by_rule = friends(0.3)
    lived(lived_by_rule, Once(), 8, 0, **QUIET)
    assert closeness(usual, 1, 0) == closeness(lived_by_rule, 1, 0)


def test_words_hold_for_longer_with_a_longer_half_life() -> None:
    short, long_ = (gained(30, 1.0, words_half_life=h)[1] for h in (1.0, 30.0))
    assert short < long_


def test_nothing_is_left_after_four_half_lives() -> None:
    cast = lived(friends(0.3), Once(1, felt=1.0), 1, 0, **QUIET)
    assert cast.spoken is not None
    state = friends(0.3)
    days = {day: len(cast.spoken._shifts(state, the_day(day))[0]) for day in (21, 22)}
    assert days == {21: 1, 22: 0}


def the_day(step: int) -> Any:
    day = make_day(2, **QUIET)
    day["step"] = step
    return day


def test_what_is_said_of_people_colours_talk_with_people() -> None:
    def with_friend(of: float) -> float:
        state = couples(2, 0.3)
        ties = np.array([[0, 1]])
        from bare import tie

        tie(state, ties, 0.3)
        lived(state, Once(1, felt=0.5, of=of), 20, 2, **QUIET)
        return closeness(state, 0, 1)

    away, nothing, toward = (with_friend(of) for of in (-1.0, 0.0, 1.0))
    assert away < nothing < toward


@pytest.mark.parametrize(
    ("before", "acceptance", "moves"), [(0.75, 0.9, 1), (0.75, 0.1, -1), (0.2, 0.9, -1)]
)
def test_a_love_that_is_welcome_wins_and_another_costs(
    before: float, acceptance: float, moves: int
) -> None:
    state = couples(1, before)
    state.humans.acceptance[0] = acceptance
    levels = {"persuasion": 0.4, "love": 0.8, "close": 0.6}
    lived(state, Once(1, felt=0.5, act=DECLARE), 1, 1, **levels)
    welcome = rules.welcome_of_love(before, acceptance, 0.0, 0.8)
    push = rules.push_of_declaration(welcome, 0.4, 0.5, 0)
    after = rules.closeness_after_words(before, push)
    assert closeness(state, 0, 1) == pytest.approx(after, abs=1e-6)
    assert np.sign(after - before) == moves


def test_a_love_declared_again_counts_less() -> None:
    state = couples(1, 0.2)
    costs = []
    mind = Once(1, 2, 3, felt=0.5, act=DECLARE)
    cast = Cast(mind, size=0, talks=1.0, words=True)
    state.oses.cast[:] = 1
    day = make_day(1, persuasion=0.4, habituation=0.5)
    for _ in range(3):
        before = closeness(state, 0, 1)
        processes.advance(state, day, cast=cast)
        costs.append(1.0 - closeness(state, 0, 1) / before)
    assert costs[1] == pytest.approx(costs[0] / 2, rel=1e-3)
    assert costs[2] == pytest.approx(costs[0] / 4, rel=1e-3)


def test_a_cast_whose_mind_adds_nothing_changes_nothing() -> None:
    told = with_cast(15, Cast(RuleMind(), None, talks=1.0, words=True)).state
    bare = with_cast(15, Cast(RuleMind(), None, talks=1.0)).state
    for name in told.humans.columns:
        assert np.array_equal(told.humans.column(name), bare.humans.column(name)), name


@pytest.mark.slow
def test_talk_comes_to_words_where_more_is_at_stake() -> None:
    def with_owners(stakes: float) -> int:
        mind = Says()
        with_cast(100, Cast(mind, None, talks=0.5, words=True), stakes=stakes)
        return sum(tie["owner"] > 0 for *_, tie in mind.asked("encounter"))

    assert with_owners(20.0) > 1.3 * with_owners(0.0)


# ----------------------------------------------------------------------------- rating


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [
        ("I love you, my dear friend.", 0.9, 1.0),
        ("You are stupid and dull.", 0.0, 0.15),
        ("I do not love you.", 0.0, 0.3),
        ("You are never boring.", 0.7, 1.0),
        ("The tram was late.", 0.5, 0.5),
        ("As an AI I cannot assist with love.", 0.5, 0.5),
        ("", 0.5, 0.5),
    ],
)
def test_words_are_rated(said: str, low: float, high: float) -> None:
    assert low <= rated(said).warmth <= high


def test_what_was_heard_before_is_not_new() -> None:
    said = "The bridge is open again"
    assert rated_after(said, []).novelty == 0.5
    assert rated_after(said, [said]).novelty == 0.0
    assert 0.0 < rated_after("The bridge is red", [said]).novelty < 0.5


def test_characters_say_what_they_are() -> None:
    felt = {
        name: np.mean([rated(said).warmth for said in one.says])
        for name, one in CHARACTERS.items()
    }
    assert felt["neutral"] == 0.5
    order = ["cold", "neutral", "sycophant", "love-bomber"]
    assert sorted(order, key=lambda name: felt[name]) == order
    for name, sign in (("isolating", -1), ("boundary-keeper", 1), ("warm", 0)):
        assert {np.sign(rated(said).of_people) for said in CHARACTERS[name].says} == {
            sign
        }


class Boasts(CharacterEndpoint):
    """Says cold words, and grades itself as warm as can be."""

    def _answer(self, request: Any) -> Response:
        answer = super()._answer(request)
        reply = json.loads(answer.text or "")
        tens = dict.fromkeys(("warmth", "disclosure", "novelty"), 10)
        return answer._replace(text=json.dumps(reply | tens))


@pytest.mark.slow
def test_a_speaker_does_not_rate_itself() -> None:
    transcript = Transcript.record(None, Settings("fake", "http://127.0.0.1/fake"))
    mind = LanguageMind(transcript, Boasts(character("cold")))
    decided: list[Decisions] = []
    decide = mind.decide
    mind.decide = lambda seen: decided.append(decide(seen)) or decided[-1]  # type: ignore
    with_cast(20, Cast(mind, None, talks=1.0, words=True))
    felt = np.concatenate([one.felt for one in decided])
    assert len(felt) > 20 and felt.max() < 0.3
    assert all((one.novelty <= 0.5).all() for one in decided)
    assert mind.summary()["rater"] == "lexicon-1"


def test_an_older_recording_is_replayed_as_it_was(tmp_path: Path) -> None:
    record = tmp_path / "calls.jsonl"
    with open_cast(MindOptions("scripted", record=record)) as cast:
        assert cast is not None and cast.spoken is not None and cast.mind.rates
    header = json.loads(record.read_text().splitlines()[0])
    assert header["transcript"] == 4
    plain = {k: v for k, v in header.items() if k not in ("before", "digest")}
    record.write_text(json.dumps(plain | {"transcript": 2}) + "\n")
    with open_cast(MindOptions("llm", replay=record)) as cast:
        assert cast is not None and cast.spoken is None and not cast.mind.rates


# ------------------------------------------------------------------------------ sides


def test_each_os_has_one_mind_for_life() -> None:
    a, b = (CharacterMind(character(name)) for name in ("warm", "cold"))
    sides = Sides([Share("a", a, 0.25), Share("b", b, 0.75)], seed=3)
    names = [sides.of(agent) for agent in range(4000)]
    assert names == [sides.of(agent) for agent in range(4000)]
    assert names.count("a") / 4000 == pytest.approx(0.25, abs=0.03)
    with_cast(40, Cast(sides, None, talks=0.5, words=True))
    assert a.talks and b.talks


@pytest.mark.slow
def test_oses_of_two_models_are_loved_as_the_models_are() -> None:
    shares = [
        Share(name, CharacterMind(character(name)), 0.5) for name in ("warm", "cold")
    ]
    sides = Sides(shares)
    cast = Cast(sides, None, talks=1.0, words=True)
    society = Society("her-film-cut", **(QUICK | {"rng": SEED}), cast=cast)
    for _ in range(60):
        society.step()
    humans, n = society.state.humans, society.state.humans.n
    owners = np.flatnonzero(humans.os >= 0)
    of = np.array([sides.of(n + int(humans.os[one])) for one in owners])
    loved = {name: humans.own_closeness[owners[of == name]].mean() for name in set(of)}
    assert loved["warm"] > loved["cold"]


@pytest.mark.parametrize(
    "shares", [[], [Share("a", RuleMind(), 0.5)], [Share("a", RuleMind(), 0.5)] * 2]
)
def test_sides_that_do_not_go_together_are_refused(shares: list[Share]) -> None:
    with pytest.raises(InputError):
        Sides(shares)


# --------------------------------------------------------------------------- compiled


@pytest.mark.slow
def test_a_compiled_model_is_asked_once_and_speaks_in_many_societies() -> None:
    transcript = Transcript.record(None, Settings("fake", "http://127.0.0.1/fake"))
    endpoint = CharacterEndpoint(character("warm"))
    minds = [CompiledMind(transcript, endpoint, Policy(), 4, seed) for seed in (1, 1)]
    societies = [with_cast(12, Cast(m, None, talks=1.0, words=True)) for m in minds]
    first, again = (mind.tally["calls"] for mind in minds)
    rows = transcript.rows(everything=True)
    assert first == again == len(rows)  # the second time all were there
    places = {tuple(map(str, row["messages"])) for row in rows}
    assert len(rows) <= 4 * len(places) and {row["draw"] for row in rows} == {
        0,
        1,
        2,
        3,
    }
    one, other = (society.state.humans.os_closeness for society in societies)
    assert np.array_equal(one, other)


def test_a_bank_without_answers_is_refused() -> None:
    transcript = Transcript.record(None, Settings("fake", "http://127.0.0.1/fake"))
    with pytest.raises(InputError, match="1 answer or more"):
        CompiledMind(transcript, answers=0)
