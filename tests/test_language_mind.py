"""A mind that asks a language model: replays, faults, and what a hostile one can do."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import loopback
import pytest
from asking import SECRET, hermetic
from conversing import (
    REPLY,
    Replies,
    always,
    asking,
    each,
    forbid_sockets,
    lived_with,
    mind_of,
    speak,
    speaking,
    tables,
)
from loopback import Behaviour, Call, Loopback
from quick import differing
from saying import Says

from sim.minds import Policy, Settings
from sim.minds.calls import FAILURES, Request, Response
from sim.minds.mind import GIVE_UP_AFTER
from sim.model.columns import ACTS
from sim.model.encounters import RuleMind
from sim.runs.result import Result
from sim.utils.errors import InputError


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    hermetic(monkeypatch)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """Return a run that asked a server, and its transcript; tests only read them."""
    pytest.importorskip("openai")
    folder = tmp_path_factory.mktemp("recorded")
    record = folder / "calls.jsonl"
    with Loopback() as server:
        result = speak(folder / "run", asking(server.url, record=record))
    told = result.provenance["mind"]
    assert server.count == told["calls"] + 1  # and one to see whether it answers
    assert told["calls"] == told["answered"] > 60
    return result, record


# ----------------------------------------------------------------------------- replay


@pytest.mark.parametrize("slots", [1, 64])
def test_a_replay_is_the_run_again_without_a_socket(
    recorded: tuple[Result, Path],
    slots: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, record = recorded
    forbid_sockets(monkeypatch)
    monkeypatch.delenv("OPENAI_API_KEY")
    settings = Settings("another", "http://nowhere.invalid/v1", slots=slots)
    told = asking("")._replace(settings=settings, replay=record)
    replayed = speak(tmp_path / "run", told)
    assert tables(replayed) == tables(first)
    assert replayed.provenance["mind"] == first.provenance["mind"]


@pytest.mark.slow
def test_how_many_calls_are_made_at_once_changes_nothing(
    recorded: tuple[Result, Path], tmp_path: Path
) -> None:
    async def later_or_sooner(call: Call) -> None:
        spread = len(call.text) % 7
        await loopback.delay(0.002 * spread)(call)

    first = tables(recorded[0])
    with Loopback(default=later_or_sooner) as server:
        mind = asking(server.url)
        assert mind.settings is not None
        one = mind._replace(settings=mind.settings._replace(slots=1))
        result = speak(tmp_path / "run", one)
        assert server.most_at_once == 1
    again = tables(result)
    # Another port is another endpoint, and so are the keys of the calls.
    assert again.pop("calls.parquet") != first.pop("calls.parquet")
    assert again == first


@pytest.mark.parametrize("at", [1, 30, -1])
def test_a_replay_that_lacks_an_answer_says_which(
    recorded: tuple[Result, Path], at: int, tmp_path: Path
) -> None:
    lines = recorded[1].read_text().splitlines(keepends=True)
    del lines[1:3]  # the opening
    gone = json.loads(lines.pop(at))
    record = tmp_path / "calls.jsonl"
    record.write_text("".join(lines))
    whose = "agent {agent}'s {kind} with agent {other} on step {step}"
    with pytest.raises(InputError, match=whose.format(**gone)):
        speak(tmp_path / "run", asking("")._replace(settings=None, replay=record))
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_recorded_already_asks_nothing(
    recorded: tuple[Result, Path], tmp_path: Path
) -> None:
    record = tmp_path / "calls.jsonl"
    with Loopback() as server:
        told = asking(server.url, record=record)
        first = tables(speak(tmp_path / "first", told))
        made = server.count
        assert tables(speak(tmp_path / "second", told)) == first
        assert server.count == made
    with Loopback() as other, pytest.raises(InputError, match="recorded with provider"):
        speak(tmp_path / "third", asking(other.url, record=record))


# ----------------------------------------------------------------------------- faults

FAULTS: dict[str, tuple[Behaviour, str]] = {
    "429, a second": (loopback.status(429, {"Retry-After": "1"}), "rate limited"),
    "429, a day": (loopback.status(429, {"Retry-After": "86400"}), "rate limited"),
    "429, garbage": (loopback.status(429, {"Retry-After": "soon"}), "rate limited"),
    "500": (loopback.status(500), "server error"),
    "503": (loopback.status(503), "server error"),
    "reset mid-body": (loopback.reset(), "reset"),
    "1 MB": (loopback.large(), "too large"),
    "a page": (loopback.not_json(), "not JSON"),
    "truncated JSON": (loopback.truncated(), "not JSON"),
    "empty choices": (loopback.empty_choices(), "no choices"),
    "length": (loopback.cut_short(), "cut short"),
    "wrong schema": (loopback.wrong_schema(), "wrong schema"),
    "out of range": (loopback.out_of_range(), "out of range"),
}
SLOW_FAULTS: dict[str, tuple[Behaviour, str]] = {
    "never answering": (loopback.hang(), "deadline"),
    "a byte a second": (loopback.drip(1.0), "deadline"),
}


def names(faults: dict[str, tuple[Behaviour, str]]) -> dict[str, int]:
    return dict(Counter(failure for _, failure in faults.values()))


FEW_TALKS = 0.1  # a day and agent: twenty or so in all, where one goes wrong


def survive(
    out: Path, policy: str, *faults: Behaviour, talks: float = 0.4, **settings: Any
) -> tuple[Result, dict[str, Any]]:
    """Run through faults, one call each; return the run and what it says of calls."""
    with Loopback(default=each(*faults)) as server:
        mind = asking(server.url, policy=Policy(policy), talks=talks)
        assert mind.settings is not None
        mind = mind._replace(settings=mind.settings._replace(**settings))
        result = speak(out, mind)
    told = result.provenance["mind"]
    assert told["calls"] == told["answered"] + sum(told["failures"].values())
    assert told["calls"] == len(result.speech.calls)
    assert told["given_up"] == told["over_budget"] == 0
    return result, told


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["rule", "skip"])
def test_a_run_gets_through_all_faults_and_counts_each(
    policy: str, tmp_path: Path
) -> None:
    pytest.importorskip("openai")
    behaviours = [behave for behave, _ in FAULTS.values()]
    result, told = survive(tmp_path / "run", policy, *behaviours)
    assert told["failures"] == dict(sorted(names(FAULTS).items()))
    other = {"rule": "skipped", "skip": "by_rule"}[policy]
    assert told[{"rule": "by_rule", "skip": "skipped"}[policy]] == len(FAULTS)
    assert told[other] == 0
    assert told["re_asked"] == 6  # the first six, which may pass, once each
    acts = result.speech.talks["act"]
    assert (acts == f"({policy})").sum() == len(FAULTS)
    assert len(result.series) == 6


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["rule", "skip"])
def test_a_run_gets_through_silence(policy: str, tmp_path: Path) -> None:
    pytest.importorskip("openai")
    behaviours = [behave for behave, _ in SLOW_FAULTS.values()]
    _, told = survive(tmp_path / "run", policy, *behaviours, deadline=1.5)
    assert told["failures"] == {"deadline": 2}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("policy", ["rule", "skip"])
def test_a_run_gets_through_a_fault(policy: str, fault: str, tmp_path: Path) -> None:
    pytest.importorskip("openai")
    behave, failure = FAULTS[fault]
    _, told = survive(tmp_path / "run", policy, behave, talks=FEW_TALKS)
    assert told["answered"] > 9
    assert told["failures"] == {failure: 1}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_may_end_at_a_fault(fault: str, tmp_path: Path) -> None:
    pytest.importorskip("openai")
    behave, failure = FAULTS[fault]
    with pytest.raises(InputError, match=rf"agent \d+'s .* on step \d+ .*: {failure}"):
        survive(tmp_path / "runs" / "run", "abort", behave, talks=FEW_TALKS)
    assert not (tmp_path / "runs").exists()


def test_a_run_that_ended_at_a_fault_goes_on_from_there(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    faults = [loopback.status(500)] * 2

    async def for_a_while(call: Call) -> None:
        await (faults.pop() if faults else loopback.answer())(call)

    fine = [loopback.answer()] * 20
    with Loopback(default=each(*fine, for_a_while)) as server:
        told = asking(server.url, policy=Policy("abort"), record=tmp_path / "calls")
        with pytest.raises(InputError, match="run again with the same transcript"):
            speak(tmp_path / "run", told)
        assert server.count > 20
        result = speak(tmp_path / "run", told)
    answered = Counter(json.dumps(call.body["messages"]) for call in server.requests)
    (twice,) = [asked for asked, n in answered.items() if n == 3]  # and once again
    assert all(n == 1 for asked, n in answered.items() if asked != twice)
    assert result.provenance["mind"]["failures"] == {}


def test_a_server_that_goes_away_is_missed_by_name(tmp_path: Path) -> None:
    pytest.importorskip("openai")

    async def go_away(call: Call) -> None:
        if call.number < 20:
            await loopback.answer()(call)
        else:
            server.go_away()
            await loopback.hang()(call)

    with Loopback(default=go_away) as server:
        mind = asking(server.url)
        assert mind.settings is not None
        short = mind.settings._replace(attempts=1)
        result = speak(tmp_path / "run", mind._replace(settings=short))
    told = result.provenance["mind"]
    assert set(told["failures"]) == {"refused", "reset"}
    assert told["calls"] == told["answered"] + sum(told["failures"].values())
    assert told["given_up"] > 0
    assert told["by_rule_from"] is not None
    assert len(result.series) == 6


@pytest.mark.parametrize("code", [401, 402, 404])
def test_what_no_patience_mends_stops_the_run(code: int, tmp_path: Path) -> None:
    pytest.importorskip("openai")
    said = json.dumps({"error": {"message": f"bad key {SECRET}"}}).encode()
    refuse = loopback.status(code, {}, said)
    with pytest.raises(InputError, match=rf"\(status {code}\)") as told:
        survive(tmp_path / "runs" / "run", "rule", loopback.answer(), refuse)
    assert SECRET not in str(told.value)
    assert not (tmp_path / "runs").exists()


# ------------------------------------------------------------------- what happens then


def failing(request: Request) -> Response:
    return Response(None, "cut short", 1, 100, 10)


def test_a_talk_that_failed_is_left_to_the_rules() -> None:
    society = speaking(Replies(failing), policy=Policy(stop_after=0))
    assert not differing(society.state, lived_with(RuleMind()))
    told = mind_of(society).summary()
    assert told["failures"] == {"cut short": told["calls"]}
    assert told["by_rule"] == told["calls"] > 40
    assert told["prompt_tokens"] == 100 * told["calls"]


def test_a_talk_that_failed_may_be_skipped() -> None:
    society = speaking(Replies(failing), policy=Policy("skip", stop_after=0))
    assert not differing(society.state, lived_with(Says(held=False)))
    assert differing(society.state, lived_with(RuleMind()))


def test_what_is_replied_is_what_happens() -> None:
    society = speaking(always(act="withdraw", said=""))  # nothing that is rated
    says = Says(ACTS.index("withdraw"), warmth=0.7, disclosure=0.5, novelty=0.5)
    assert not differing(society.state, lived_with(says))


@pytest.mark.parametrize("failure", FAILURES)
def test_only_an_endpoint_out_of_reach_is_given_up(failure: str) -> None:
    endpoint = Replies(lambda request: Response(None, failure, 2))
    policy = Policy(stop_after=0)
    mind = mind_of(speaking(endpoint, 30, policy, size=2, talks=1.0))
    far = failure in ("rate limited", "server error", "refused", "reset", "deadline")
    told = mind.summary()
    assert told["failures"] == {failure: len(endpoint.requests)}
    assert told["re_asked"] == told["calls"] == len(endpoint.requests)
    if not far:
        assert (told["given_up"], told["by_rule_from"]) == (0, None)
        assert told["calls"] > 2 * GIVE_UP_AFTER
        return
    assert GIVE_UP_AFTER <= told["calls"] <= GIVE_UP_AFTER + 1  # two may talk a day
    assert told["given_up"] > 20
    assert told["by_rule_from"] > endpoint.requests[-1].step


def test_an_endpoint_that_answers_now_and_then_is_not_given_up() -> None:
    asked = 0

    def sometimes(request: Request) -> Response | dict[str, Any]:
        nonlocal asked
        asked += 1
        return REPLY if asked % GIVE_UP_AFTER == 0 else Response(None, "reset")

    told = mind_of(speaking(Replies(sometimes), 60, size=2, talks=1.0)).summary()
    assert told["given_up"] == 0
    assert told["answered"] == told["calls"] // GIVE_UP_AFTER > 1


# -------------------------------------------------------------------------- memories


def test_what_was_said_is_remembered_in_the_next_talk() -> None:
    endpoint = Replies(
        lambda one: (
            REPLY
            | {
                "said": f"Words of day {one.step} by {one.agent}.",
                "remember": f"Noted by {one.agent}, {one.step}.",
            }
        )
    )
    speaking(endpoint, 8, talks=1.0)
    last: dict[tuple[int, int], Request] = {}
    noted = heard = 0
    for request in endpoint.requests:
        prompt = "\n".join(message["content"] for message in request.messages)
        own, theirs = (request.agent, request.other), (request.other, request.agent)
        if (before := last.get(own)) is not None:
            assert f"> you noted: Noted by {before.agent}, {before.step}." in prompt
            noted += 1
        if (before := last.get(theirs)) is not None:
            assert f"> Words of day {before.step} by {before.agent}." in prompt
            heard += 1
        last[own] = request
    assert min(noted, heard) > 10


def test_memories_are_kept_with_the_snapshots(recorded: tuple[Result, Path]) -> None:
    result, _ = recorded
    talks = result.speech.talks
    for day in (4, 6):
        kept = result.speech.memories(day)
        assert kept["step"].max() == day
        told = talks[talks["step"] <= day]
        assert set(kept["said"]) <= set(told["said"])
        assert set(zip(kept["agent"], kept["other"], strict=True)) == set(
            zip(told["agent"], told["other"], strict=True)
        )
    assert not len(result.speech.memories(0))
