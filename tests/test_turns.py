"""Talks of several turns: who speaks, who rates, what is paid, and the same bytes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forked
import loopback
import numpy as np
import pytest
from asking import hermetic
from bare import make_day
from conversing import (
    REPLY,
    Replies,
    asking,
    forbid_sockets,
    refused,
    small,
    speak,
    tables,
)
from loopback import Call, Loopback
from saying import a_day, closeness, couples, friends

import sim
from sim.cli import main
from sim.minds import MindOptions, OsModel, Policy, Settings
from sim.minds.calls import PERSON, Request, Response
from sim.minds.mind import LanguageMind
from sim.minds.rating import Felt, rated
from sim.minds.transcript import Transcript
from sim.minds.turns import FEWEST, KIND, MOST
from sim.model import processes
from sim.model.columns import CONTINUE, DECLARE, GOODBYE
from sim.model.encounters import Answered, Cast, Decisions, Observations
from sim.model.state import State
from sim.runs import run
from sim.runs.result import Result, load
from sim.society import Society
from sim.studies import design
from sim.utils.errors import InputError

TURNS = 5
DAYS = {"humans": 24, "steps": 3}
WARM, COLD = "I love to listen to you, dear friend.", "I am bored; stop, enough."
FAKE = Settings("fake", "http://127.0.0.1/fake")
GONE = "http://127.0.0.1:9/v1"
Choice = Callable[[Request, int], dict[str, Any] | Response]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hermetic(monkeypatch)
    monkeypatch.chdir(tmp_path)


def turn_of(kind: str) -> int:
    """Return which turn a call is, 0 for one of another kind."""
    return int(kind.removeprefix(KIND)) if kind.startswith(KIND) else 0


def talks_in(requests: list[Any]) -> list[list[Any]]:
    """Return the turns of each talk, in their order."""
    found = defaultdict(list)
    for one in requests:
        if turn_of(one.kind):
            found[one.step, *sorted((one.agent, one.other))].append(one)
    return [sorted(one, key=lambda o: turn_of(o.kind)) for one in found.values()]


class Kept(LanguageMind):
    """A mind that keeps what it saw and decided."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.days: list[tuple[Observations, Decisions]] = []
        self.views: list[tuple[Observations, Observations]] = []

    def decide(self, seen: Observations) -> Decisions:
        self.views.append((seen, seen.turned()))
        self.days.append((seen, super().decide(seen)))
        return self.days[-1][1]


def lived(
    choice: Choice,
    turns: int = TURNS,
    policy: Policy | None = None,
    days: int = 2,
    rater: Any = None,
    settings: Settings = FAKE,
    **cast: Any,
) -> tuple[Kept, Replies]:
    """Let a few talk as is chosen for each request and its turn."""
    endpoint = Replies(lambda request: choice(request, turn_of(request.kind)))
    transcript = Transcript.record(None, settings)
    mind = Kept(transcript, endpoint, policy)
    mind.turns, mind.rater = turns, rater
    who = Cast(mind, **({"size": None, "talks": 0.3, "words": True} | cast))
    society = Society(small(**DAYS), seed=1, cast=who)
    for _ in range(days):
        society.step()
    return mind, endpoint


def plainly(request: Request, turn: int) -> dict[str, Any]:
    """Say something of one's own at each turn."""
    if request.schema == "letter":
        return {"letter": "Dear friend."}
    if request.schema == "decision":
        return {"said": "Well.", "choice": "go"}
    return REPLY | {"said": f"{request.agent} says thing {turn}."}


# ------------------------------------------------------------------------- who speaks


def test_two_sides_speak_in_turns_and_hear_each_other() -> None:
    _, endpoint = lived(plainly)
    talks = talks_in(endpoint.requests)
    assert len(talks) > 5 and {len(one) for one in talks} == {TURNS}
    for talk in talks:
        first, other = talk[0].agent, talk[0].other
        assert [one.agent for one in talk] == [first, other, first, other, first]
        assert [one.other for one in talk] == [other, first, other, first, other]
        for turn, one in enumerate(talk[1:], start=2):
            asked = [m["content"] for m in one.messages if m["role"] == "user"]
            own = [m["content"] for m in one.messages if m["role"] == "assistant"]
            assert f"> {one.other} says thing {turn - 1}." in asked[-1]
            said = [json.loads(text)["said"] for text in own]
            before = range(2 - turn % 2, turn, 2)
            assert said == [f"{one.agent} says thing {at}." for at in before]
            assert asked[-1].endswith(f"Sentence {turn} of {TURNS} at most:")


def test_what_was_asked_before_is_how_the_next_question_begins() -> None:
    _, endpoint = lived(plainly)
    for talk in talks_in(endpoint.requests):
        for one, later in zip(talk, talk[2:], strict=False):
            known = len(one.messages)
            assert later.messages[:known] == one.messages
            assert [m["role"] for m in later.messages[known:]] == ["assistant", "user"]


def test_the_other_sees_the_tie_from_its_own_side() -> None:
    mind, _ = lived(plainly, days=3)
    apart = 0
    for seen, back in mind.views:
        assert [*back.agents] == [*seen.others] and [*back.others] == [*seen.agents]
        there, mine = seen.tie, back.tie
        assert mine.keys() == there.keys() and [*mine["hours"]] == [*there["hours"]]
        # What each knows of the other's closeness is what that other feels.
        assert [*mine["closeness"]] == [*there["returned"]]
        assert [*mine["returned"]] == [*there["closeness"]]
        assert [*mine["partner"]] == [*there["partner"]]
        apart += int((mine["closeness"] != there["closeness"]).sum())
    assert apart > 3


def test_who_is_not_of_the_cast_says_nothing() -> None:
    """Then a talk is as one of two turns: the same question, word for word."""
    alone, usual = (
        lived(plainly, turns, size=1, humans=[0], talks=3.0)[1]
        for turns in (TURNS, FEWEST)
    )
    assert alone.requests == usual.requests and len(alone.requests) > 0
    assert not any(turn_of(one.kind) for one in alone.requests)


def test_both_remember_all_turns_in_their_order() -> None:
    mind, endpoint = lived(plainly, days=1)
    for talk in talks_in(endpoint.requests):
        one, other = talk[0].agent, talk[0].other
        last = [line.partition(": ")[2] for line in _said(mind, one, other)]
        assert last == [
            f"{w} says thing {n}." for w, n in ((one, 3), (other, 4), (one, 5))
        ]
        theirs = [line.partition(": ")[2] for line in _said(mind, other, one)]
        assert theirs == last
        noted = mind.memories.of(one, other).count("you noted")
        assert noted == 1 == mind.memories.of(other, one).count("you noted")
    lines = [(one["agent"], one["said"]) for one in mind.lines]
    assert lines == [
        (one.agent, f"{one.agent} says thing {turn_of(one.kind)}.")
        for talk in talks_in(endpoint.requests)
        for one in talk
    ]


def _said(mind: LanguageMind, agent: int, other: int) -> list[str]:
    lines = mind.memories.of(agent, other).splitlines()
    return [line for line in lines if line.startswith("day ")]


# ----------------------------------------------------------------------------- its end


def test_a_side_that_says_nothing_ends_the_talk() -> None:
    def ends(request: Request, turn: int) -> dict[str, Any]:
        return plainly(request, turn) | ({"said": " "} if turn == 3 else {})

    mind, endpoint = lived(ends)
    assert {len(one) for one in talks_in(endpoint.requests)} == {3}
    acts = Counter(line["act"] for line in mind.lines)
    assert acts["(ends the talk)"] == len(talks_in(endpoint.requests))
    assert mind.summary()["failures"] == {} and mind.summary()["by_rule"] == 0


def test_who_parts_for_good_ends_the_talk() -> None:
    def parts(request: Request, turn: int) -> dict[str, Any]:
        return plainly(request, turn) | ({"act": "say_goodbye"} if turn == 2 else {})

    mind, endpoint = lived(parts)
    assert {len(one) for one in talks_in(endpoint.requests)} == {2}
    for _, decided in mind.days:
        assert decided.answered is not None
        assert (decided.answered.act == GOODBYE).all()
        assert (decided.act == CONTINUE).all()
        # The first heard that after its last reply, which says nothing of it.
        assert set(decided.warmth) == {rated("1 says thing 2.").warmth}


@pytest.mark.parametrize(("policy", "kept"), [("rule", "by_rule"), ("skip", "skipped")])
def test_a_turn_that_fails_ends_the_talk_and_is_counted(policy: str, kept: str) -> None:
    def fails(request: Request, turn: int) -> dict[str, Any] | Response:
        return Response(None, "content filter") if turn == 3 else plainly(request, turn)

    mind, endpoint = lived(fails, policy=Policy(policy))
    talks, told = talks_in(endpoint.requests), mind.summary()
    assert {len(one) for one in talks} == {3} and len(talks) > 3
    assert told["failures"] == {"content filter": len(talks)}
    assert told["calls"] == 3 * len(talks) and told[kept] == len(talks)
    for _, decided in mind.days:  # what was said before it counts
        assert decided.held.all() and decided.answered is not None
        assert decided.answered.said.all()


def test_a_first_turn_that_fails_leaves_the_talk_to_the_policy() -> None:
    def fails(request: Request, turn: int) -> dict[str, Any] | Response:
        return Response(None, "deadline") if turn == 1 else plainly(request, turn)

    for policy, held in (("rule", True), ("skip", False)):
        mind, endpoint = lived(fails, policy=Policy(policy), days=1)
        assert {len(one) for one in talks_in(endpoint.requests)} == {1}
        ((_, decided),) = mind.days
        assert (decided.held == held).all() and np.isnan(decided.warmth).all()


def test_a_budget_cuts_the_last_talk_short() -> None:
    mind, endpoint = lived(plainly, policy=Policy(max_calls=2 * TURNS + 3), days=1)
    sizes = [len(one) for one in talks_in(endpoint.requests)]
    told = mind.summary()
    assert sizes == [TURNS, TURNS, 3] and told["calls"] == 2 * TURNS + 3
    assert told["over_budget"] == len(mind.days[0][0]) - 2 and told["by_rule_from"] == 1


def test_what_short_talks_leave_of_a_budget_is_for_others() -> None:
    def silent(request: Request, turn: int) -> dict[str, Any]:
        return plainly(request, turn) | ({"said": ""} if turn == 1 else {})

    whole, asked = lived(silent, days=1)
    count = len(whole.days[0][0])
    assert len(asked.requests) == count > 4
    mind, endpoint = lived(silent, policy=Policy(max_calls=count), days=1)
    assert len(endpoint.requests) == count
    assert mind.summary()["over_budget"] == 0
    cut, _ = lived(silent, policy=Policy(max_calls=count - 1), days=1)
    assert cut.summary()["over_budget"] == 1


# ---------------------------------------------------------------------------- feelings


def test_each_side_says_how_the_others_words_felt() -> None:
    """What a side says of its own words, or before it heard any, moves nothing."""

    def felt(request: Request, turn: int) -> dict[str, Any]:
        warmth = {1: 0, 2: 0, 3: 0, 4: 2, 5: 9}.get(turn, 5)
        return plainly(request, turn) | {"said": WARM, "warmth": warmth}

    for seen, decided in lived(felt)[0].days:
        assert decided.felt is not None and len(seen)
        assert set(decided.felt) == set(decided.disclosure) == {0.2}
        assert set(decided.warmth) == {0.9}


def test_a_person_says_no_numbers_so_the_lexicon_does() -> None:
    def typed(request: Request, turn: int) -> dict[str, Any]:
        said = WARM if turn % 2 else COLD
        return plainly(request, turn) | {"said": said, "warmth": 10}

    for _, decided in lived(typed, settings=PERSON)[0].days:
        assert decided.felt is not None
        assert set(decided.felt) == {rated(" ".join([WARM] * 3)).warmth}
        assert set(decided.warmth) == {rated(" ".join([COLD] * 2)).warmth}


def test_who_did_not_answer_is_spoken_for_by_the_lexicon() -> None:
    def cut(request: Request, turn: int) -> dict[str, Any] | Response:
        if turn == 2:
            return Response(None, "refusal")
        return plainly(request, turn) | {"said": COLD, "warmth": 10}

    for _, decided in lived(cut)[0].days:
        assert decided.felt is not None and decided.answered is not None
        assert set(decided.felt) == {rated(COLD).warmth}
        assert np.isnan(decided.warmth).all() and not decided.answered.said.any()


def test_a_named_rater_says_how_words_felt_to_either_side() -> None:
    class Rater:
        """Finds what is said first, third and fifth cold, and the rest warm."""

        def rate(self, said: list[str]) -> list[Felt]:
            return [Felt(0.1, -1.0) if int(s[-2]) % 2 else Felt(0.9, 1.0) for s in said]

    mind, _ = lived(plainly, rater=Rater())
    for _, decided in mind.days:
        assert decided.felt is not None and decided.of_people is not None
        assert decided.answered is not None
        assert np.allclose(decided.felt, 0.1) and np.allclose(decided.warmth, 0.9)
        assert np.allclose(decided.of_people, -1.0)
        assert np.allclose(decided.answered.of_people, 1.0)


def test_closeness_moves_by_what_each_of_the_two_felt() -> None:
    noise = {"warming": 0.3, "warmth_noise": 0.5}

    def after(*felt: int) -> tuple[float, float]:
        def reply(request: Request) -> dict[str, Any]:
            return REPLY | {"warmth": felt[request.agent]}

        transcript = Transcript.record(None, Settings("fake", GONE))
        mind: Any = LanguageMind(transcript, Replies(reply))
        mind.turns = 3
        state = a_day(friends(), mind, 0, 1, **noise)
        assert len(mind.lines) == 3
        return closeness(state, 0, 1), closeness(state, 1, 0)

    low, high = after(0, 0), after(10, 10)
    assert low[0] < high[0] and low[1] < high[1]
    assert after(10, 0) == (high[0], low[1]) and after(0, 10) == (low[0], high[1])


class Fixed:
    """Says of each talk what a test wants, of the other's part too."""

    def __init__(self, warmth: float = np.nan, **answered: Any) -> None:
        self.warmth, self.answered = warmth, answered

    def decide(self, seen: Observations) -> Decisions:
        back = Answered.nothing(len(seen))
        for name, value in self.answered.items():
            getattr(back, name)[:] = value
        decided = Decisions.by_rule(len(seen))._replace(answered=back)
        decided.warmth[:] = self.warmth
        return decided


def day_of(state: State, words: bool, **said: Any) -> State:
    """Live a day on which human 0 has a talk."""
    state.humans.cast[0] = 1
    cast = Cast(Fixed(**said), size=0, talks=1.0, words=words)  # type: ignore[arg-type]
    today = make_day(state.humans.n, warmth_noise=0.5)
    processes.advance(state, today, cast=cast)
    return state


@pytest.mark.parametrize("words", [False, True])
def test_what_the_other_does_and_says_counts_for_the_first(words: bool) -> None:
    def day(**answered: Any) -> State:
        return day_of(friends(), words, **answered)

    usual, gone = day(), day(said=True, act=GOODBYE)
    assert closeness(usual, 1, 0) > 0.0 == closeness(gone, 1, 0)
    assert closeness(gone, 0, 1) > 0.0
    dull, rich = (day(said=True, novelty=one) for one in (0.0, 1.0))
    assert dull.humans.stimulus[0] < usual.humans.stimulus[0] < rich.humans.stimulus[0]
    assert dull.humans.stimulus[1] == rich.humans.stimulus[1]


def test_love_that_the_other_declares_in_turn_is_welcome_or_not() -> None:
    def after(acceptance: float, act: int) -> float:
        state = couples(1, 0.5)
        state.humans.acceptance[:] = acceptance
        day_of(state, True, said=True, act=act, novelty=0.5)
        return closeness(state, 0, 1)

    usual = after(1.0, CONTINUE)
    assert after(0.0, DECLARE) < usual == after(0.0, CONTINUE) < after(1.0, DECLARE)


def test_what_the_first_felt_colours_its_next_days_and_not_the_others() -> None:
    def later(felt: float, said: bool) -> tuple[float, float]:
        state = friends()
        state.humans.cast[0] = 1
        mind: Any = Fixed(felt, said=said)
        cast, today = Cast(mind, size=0, talks=1.0, words=True), make_day(2)
        processes.advance(state, today, cast=cast)
        cast.talks = 1e-9
        processes.advance(state, today, cast=cast)
        rows = dict(zip(state.decisions.pair, state.decisions.quality, strict=True))
        return rows.get(1, np.nan), rows.get(1 << 32, np.nan)

    cold, warm = later(0.1, said=True), later(0.9, said=True)
    assert cold[0] < warm[0] and cold[1] == warm[1]
    assert np.isnan(later(0.1, said=False)).all()  # it heard nothing


# ------------------------------------------------------------- a server, a real client

pytest.importorskip("openai")


def on(url: str, **changes: Any) -> MindOptions:
    return asking(url, turns=TURNS, talks=0.3)._replace(**changes)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Result, Path]]:
    """Return a run that asked a server in turns, and its transcript."""
    folder = tmp_path_factory.mktemp("turns")
    with pytest.MonkeyPatch.context() as patched, Loopback() as server:
        hermetic(patched)
        record = folder / "calls.jsonl"
        yield speak(folder / "run", on(server.url, record=record), **DAYS), record


def test_a_run_says_its_turns_and_no_sentence_comes_twice_in_a_talk(
    recorded: tuple[Result, Path],
) -> None:
    result, _ = recorded
    told = result.provenance["mind"]
    assert told["turns"] == TURNS and told["calls"] == told["answered"] > 50
    talks = talks_in([*result.speech.calls.itertuples()])
    for talk in talks:
        replies = [json.loads(one.text) for one in talk]
        is_cut = replies[-1]["act"] == "say_goodbye"
        assert len({one["said"] for one in replies}) == len(talk)
        assert len(talk) == TURNS or (is_cut and len(talk) < TURNS)
    assert max(map(len, talks)) == TURNS
    assert set(result.speech.talks["kind"]) >= {"encounter"}


@pytest.mark.parametrize("slots", [1, 64])
def test_a_replay_has_the_same_bytes_at_any_number_of_slots(
    slots: int,
    recorded: tuple[Result, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, record = recorded
    forbid_sockets(monkeypatch)
    settings = Settings("another", GONE, slots=slots)
    mind = on("", settings=settings, replay=record)
    assert tables(speak(tmp_path / "run", mind, **DAYS)) == tables(first)


@pytest.mark.parametrize("slots", [1, 64])
def test_how_many_calls_are_made_at_once_changes_nothing(
    slots: int, recorded: tuple[Result, Path], tmp_path: Path
) -> None:
    async def later_or_sooner(call: Call) -> None:
        await loopback.delay(0.001 * (len(call.text) % 7))(call)

    with Loopback(default=later_or_sooner) as server:
        mind = on(server.url)
        assert mind.settings is not None
        mind = mind._replace(settings=mind.settings._replace(slots=slots))
        again = tables(speak(tmp_path / "run", mind, **DAYS))
        assert (server.most_at_once == 1) == (slots == 1)
    first = tables(recorded[0])
    again.pop("calls.parquet"), first.pop("calls.parquet")  # of another port
    assert again == first


def test_a_replay_of_other_turns_is_refused(
    recorded: tuple[Result, Path], tmp_path: Path
) -> None:
    for turns in (FEWEST, TURNS - 1, TURNS + 1):
        mind = on("", settings=None, replay=recorded[1], turns=turns)
        with pytest.raises(InputError, match="--turns"):
            speak(tmp_path / "run", mind, **DAYS)


def test_a_talk_waits_for_no_other(tmp_path: Path) -> None:
    """The first question is answered only when three other talks have ended."""
    waits, ended, ends = [True], asyncio.Event(), [1, 2, 3]

    async def behave(call: Call) -> None:
        if f"Sentence {TURNS} of" in call.text and ends:
            ends.pop()
            if not ends:
                ended.set()
        if "Sentence 1 of" in call.text and waits and waits.pop():
            await ended.wait()
        await loopback.answer()(call)

    with Loopback(default=behave) as server:
        result = speak(tmp_path / "run", on(server.url, talks=0.5), **DAYS)
    assert result.provenance["mind"]["failures"] == {}
    assert ended.is_set()


def words_of(*more: str) -> list[str]:
    story = ["run", "her", "--seed", "1", "--no-figures", "--humans", "24"]
    story += ["--steps", "3", "--cast", "all", "--mind", "llm", "--talks", "0.3"]
    return [*story, *more]


@pytest.mark.slow
@pytest.mark.posix
@pytest.mark.parametrize("turn", [1, 4])
def test_a_run_that_is_killed_in_a_talk_pays_for_no_answer_twice(
    turn: int, tmp_path: Path
) -> None:
    victim: list[forked.Forked] = []
    asked: list[str] = []

    async def behave(call: Call) -> None:
        if call.schema == "encounter":
            asked.append(json.dumps(call.body["messages"]))
        if victim and f"Sentence {turn} of" in call.text and len(asked) > 20:
            victim.pop().send_signal(signal.SIGKILL)
            await asyncio.sleep(0.01)
        await loopback.answer()(call)

    with Loopback(default=behave) as server:
        told = words_of("--turns", "4", "--model", "tiny", "--base-url", server.url)
        whole = [*told, "--record", "whole.jsonl", "--out", "whole"]
        assert main(whole) == 0
        told += ["--record", "calls.jsonl", "--out", "run"]
        asked.clear()
        one = forked.Forked(["-m", "sim", *told], tmp_path, dict(os.environ))
        victim.append(one)
        assert one.wait(60.0) == -signal.SIGKILL and not Path("run").exists()
        lines = Path("calls.jsonl").read_text().splitlines()
        known = [json.loads(line) for line in lines if line.endswith("}")]
        paid = Counter(json.dumps(o["messages"]) for o in known if "messages" in o)
        assert paid and len(asked) - paid.total() <= 4  # slots: what was in flight
        asked.clear()
        assert main(told) == 0
    assert not paid & Counter(asked)
    assert tables(load("run")) == tables(load("whole"))


def test_each_side_speaks_through_its_own_model(tmp_path: Path) -> None:
    def only(said: str) -> loopback.Behaviour:
        async def behave(call: Call) -> None:
            reply = loopback.scripted(call)
            if call.schema == "encounter":
                reply |= {"said": said, "act": "continue"}
            await call.send_text(json.dumps(reply))

        return behave

    with Loopback(default=only(WARM)) as oses, Loopback(default=only(COLD)) as people:
        model = OsModel(1.0, Settings("A", oses.url, slots=3))
        settings = Settings("U", people.url, slots=3)
        record = tmp_path / "calls.jsonl"
        mind = MindOptions("llm", None, talks=0.4, settings=settings, oses=(model,))
        mind = mind._replace(turns=3, record=record)
        result = speak(tmp_path / "run", mind, humans=30, steps=10)
        texts = [one.text for one in oses.requests if one.schema == "encounter"]
        assert texts and all("of the kind called OS" in one for one in texts)
        assert any(f"> {COLD}" in one for one in texts)
        assert any(f"> {WARM}" in one.text for one in people.requests)
    mixed = 0
    for talk in talks_in([*result.speech.calls.itertuples()]):
        if (talk[0].agent < 30) == (talk[0].other < 30):
            continue
        mixed += 1
        said = [json.loads(one.text)["said"] for one in talk]
        assert said == [COLD if one.agent < 30 else WARM for one in talk]
    told = result.provenance["mind"]
    assert mixed > 3 and told["turns"] == 3
    assert told["calls"] == told["people"]["calls"] + told["models"]["A"]["calls"]
    replay = mind._replace(record=None, replay=record)
    again = speak(tmp_path / "again", replay, humans=30, steps=10)
    assert tables(again) == tables(result)


def test_people_by_the_rules_say_nothing(tmp_path: Path) -> None:
    with Loopback() as server:
        model = OsModel(1.0, Settings("A", server.url))
        mind = MindOptions("llm", None, talks=0.4, oses=(model,), turns=4)
        result = speak(tmp_path / "run", mind, humans=30, steps=10)
    calls = [*result.speech.calls.itertuples()]
    assert all(one.agent >= 30 for one in calls)
    assert all(one.other >= 30 for one in calls if turn_of(one.kind))
    assert any(one.kind == "encounter" and one.other < 30 for one in calls)


def test_a_named_rater_says_how_words_felt_to_both(tmp_path: Path) -> None:
    async def rate(call: Call) -> None:
        warmth = 1 if "thought of you" in call.text else 8
        await call.send_text(json.dumps({"warmth": warmth, "people": 5}))

    with Loopback() as server, Loopback(default=rate) as rater:
        mind = on(server.url, rater=Settings("R", rater.url))
        record = tmp_path / "calls.jsonl"
        result = speak(tmp_path / "run", mind._replace(record=record), **DAYS)
        rated_once = [one.text for one in rater.requests if one.schema == "rating"]
    assert len(rated_once) == len(set(rated_once)) > 4
    assert result.provenance["mind"]["rated"]["calls"] == len(rated_once)
    again = speak(tmp_path / "b", on("", settings=None, replay=record), **DAYS)
    assert tables(again) == tables(result)


# ---------------------------------------------------------------------------- options


@pytest.mark.parametrize("turns", [1, 9, 0, -2, True, 2.5])
def test_turns_out_of_range_are_refused(turns: Any) -> None:
    with pytest.raises(InputError, match=r"2 to 8 turns|a whole number"):
        sim.run("her", mind=MindOptions("scripted", turns=turns), steps=1)
    if type(turns) is int:
        with pytest.raises(InputError, match="2 to 8 turns"):
            design.make({"mind": {"kind": "scripted", "turns": turns}})


def test_the_command_refuses_what_does_not_go(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = "run", "her", "--out", "run"
    for turns in ("1", "9"):
        told = refused(capsys, *known, "--mind", "scripted", "--turns", turns)
        assert f"a talk has 2 to 8 turns, not {turns}" in told
    assert "--turns is of a cast" in refused(capsys, *known, "--turns", "4")
    shared = "--mind", "archetype", "--model", "tiny", "--turns", "4"
    assert "leave out --turns" in refused(capsys, *known, *shared)
    assert "invalid int" in refused(
        capsys, *known, "--mind", "scripted", "--turns", "x"
    )


def test_the_command_has_talks_of_so_many_turns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "run", "her", "--humans", "24", "--steps", "3", "--no-figures"
    cast = "--mind", "scripted", "--cast", "all", "--talks", "0.3", "--turns", "4"
    assert main([*words, *cast, "--estimate"]) == 0
    said = re.search(r"([\d,]+) encounters", capsys.readouterr().out)
    assert main([*words, *cast, "--out", "run"]) == 0
    told = load("run").provenance["mind"]
    assert said is not None and told["turns"] == 4
    for talk in talks_in([*load("run").speech.calls.itertuples()]):
        words = [json.loads(one.text)["said"] for one in talk]
        assert len({*words}) == len(words)
    # The scripted end some talks early; nobody does in an estimate.
    assert 0.7 < told["calls"] / int(said[1].replace(",", "")) <= 1.1


def test_an_estimate_counts_each_turn() -> None:
    usual, long = (
        run.estimate(small(**DAYS), on(GONE, turns=turns), seed=1)
        for turns in (FEWEST, MOST)
    )
    assert long.by_kind["encounter"] == MOST * usual.by_kind["encounter"] > 0
    assert long.prompt_tokens > MOST * usual.prompt_tokens


def test_a_design_has_talks_of_so_many_turns() -> None:
    told = design.mind({"kind": "scripted", "turns": 6})
    assert told.turns == 6 and design.mind({"kind": "scripted"}).turns == FEWEST


def test_two_turns_are_what_they_were(tmp_path: Path) -> None:
    usual, told = (
        speak(tmp_path / name, MindOptions("scripted", None, talks=0.3, **more), **DAYS)
        for name, more in (("usual", {}), ("two", {"turns": 2}))
    )
    assert tables(usual) == tables(told)
    assert not any(map(turn_of, usual.speech.calls["kind"]))


def test_a_person_and_a_model_talk_in_turns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    story = speak(Path("story"), None, humans=20, steps=12)
    play = ["play", "story", "--human", "3", "--talks", "3", "--turns", "4"]
    err = refused(capsys, *play)
    assert "needs somebody who answers" in err
    lines = "".join(f"Thing {one}.\n" for one in range(99))
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    with Loopback() as server:
        model = ["--model", "tiny", "--base-url", server.url]
        assert main([*play, *model, "--record", "calls", "--out", "mine"]) == 0
        assert any("> Thing" in one.text for one in server.requests)
    out, mine = capsys.readouterr().out, load("mine")
    assert "Sentence 3 of 4 at most:" in out and "JSON" not in out
    assert "assistant" not in out and '"warmth"' not in out
    calls = [*mine.speech.calls.itertuples()]
    assert max(turn_of(one.kind) for one in calls) == 4
    assert len(story.series) == len(mine.series)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    replay = [*play, "--model", "tiny", "--base-url", GONE, "--replay", "calls"]
    forbid_sockets(monkeypatch)
    assert main([*replay, "--out", "again"]) == 0
    assert tables(load("again")) == tables(mine)
