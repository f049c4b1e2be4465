"""The endpoint: all calls at once, each within its deadline, each fault by its name."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from typing import Any

import loopback
import pytest
from asking import SCHEMAS, SECRET, ask, hermetic, request, settings
from loopback import Behaviour, Call, Loopback

from sim.minds import client, replies
from sim.minds.calls import FAILURES, Request, Response
from sim.minds.client import Endpoint
from sim.minds.mind import FORMS
from sim.utils.errors import InputError

pytest.importorskip("openai")

ENDS = 45.0  # seconds: a guard against hanging, far from what any machine takes


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    hermetic(monkeypatch)


# ---------------------------------------------------------------------- what is asked


def test_an_answer_comes_with_its_tokens() -> None:
    (outcome,), server = ask()
    reply = loopback.scripted(server.requests[0])
    assert outcome.text is not None
    assert json.loads(outcome.text) == reply
    words = len(outcome.text.split())
    assert outcome._replace(text=None) == Response(None, "", 1, 2, words)


def test_the_endpoint_is_told_all_it_needs() -> None:
    with Loopback() as server, Endpoint(settings(server.url)) as asked:
        asked.ask([request(7, "decision")], SCHEMAS)
    (call,) = server.requests
    schema = {"name": "decision", "strict": True, "schema": SCHEMAS["decision"]}
    assert call.body == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "talk 7"}],
        "max_tokens": 50,
        "seed": 7,
        "temperature": 0.7,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    assert call.headers["authorization"] == f"Bearer {SECRET}"


def test_outcomes_come_in_the_order_of_the_requests() -> None:
    async def later_first(call: Call) -> None:
        await asyncio.sleep(0.08 if call.body["seed"] % 2 else 0.01)
        await call.send_text(f"answer {call.body['seed']}")

    told: list[tuple[int, Response]] = []
    with Loopback(default=later_first) as server, Endpoint(settings(server.url)) as one:
        requests = [request(n) for n in range(12)]
        outcomes = one.ask(requests, SCHEMAS, lambda *done: told.append(done))
    assert [outcome.text for outcome in outcomes] == [f"answer {n}" for n in range(12)]
    assert sorted(told) == list(enumerate(outcomes))
    assert told != sorted(told)  # each is told when it has ended, not at the end


def test_nothing_to_ask_is_nothing() -> None:
    outcomes, server = ask(calls=0)
    assert (outcomes, server.count) == ([], 0)


@pytest.mark.parametrize("slots", [1, pytest.param(3, marks=pytest.mark.slow), 16])
def test_calls_in_flight_never_exceed_the_slots(slots: int) -> None:
    with Loopback(default=loopback.delay(0.05)) as server:
        with Endpoint(settings(server.url, slots=slots)) as asked:
            asked.ask([request(n) for n in range(2 * slots + 1)], SCHEMAS)
            asked.ask([request(n) for n in range(slots)], SCHEMAS)
        assert server.most_at_once == slots
        connections = {id(call.writer) for call in server.requests}
        assert len(connections) == slots  # one for each slot, kept for the next day


def test_it_works_where_a_loop_runs_as_in_a_notebook() -> None:
    async def notebook(url: str) -> list[Response]:
        with Endpoint(settings(url)) as asked:
            return asked.ask([request(n) for n in range(3)], SCHEMAS)

    with Loopback() as server:
        outcomes = asyncio.run(notebook(server.url))
    assert [outcome.failure for outcome in outcomes] == [""] * 3


def test_what_goes_wrong_with_the_journal_stops_the_calls() -> None:
    def full(index: int, outcome: Response) -> None:
        raise OSError("no space left")

    with (
        Loopback(loopback.answer(), default=loopback.hang()) as server,
        Endpoint(settings(server.url, slots=2, deadline=60.0)) as asked,
    ):
        started = time.monotonic()
        with pytest.raises(OSError, match="no space left"):
            asked.ask([request(n) for n in range(9)], SCHEMAS, full)
        assert time.monotonic() - started < ENDS
        assert server.count <= 3
        assert asked._gate.in_flight == 0


# ------------------------------------------------------------------------------ faults

DEEP = b"[" * 40_000
FAULTS: dict[str, tuple[Behaviour, str, int]] = {
    "429": (loopback.status(429), "rate limited", 3),
    "429, garbage": (loopback.status(429, {"Retry-After": "soon"}), "rate limited", 3),
    "429, huge": (loopback.status(429, {"Retry-After": "86400"}), "rate limited", 1),
    "500": (loopback.status(500), "server error", 3),
    "500, without end": (loopback.status(500, {}, b" " * 10**6), "server error", 3),
    "502, a page": (loopback.status(502, {}, b"<html>"), "server error", 3),
    "503": (loopback.status(503), "server error", 3),
    "503, 1": (loopback.status(503, {"Retry-After": "1"}), "server error", 1),
    "529": (loopback.status(529), "server error", 3),
    "408": (loopback.status(408), "server error", 3),
    "409": (loopback.status(409), "server error", 3),
    "reset mid-body": (loopback.reset(), "reset", 3),
    "reset at once": (loopback.reset(0), "reset", 3),
    "never answering": (loopback.hang(), "deadline", 1),
    "a byte a second": (loopback.drip(1.0), "deadline", 1),
    "twenty bytes a second": (loopback.drip(), "deadline", 1),
    "1 MB": (loopback.large(), "too large", 1),
    "a page": (loopback.not_json(), "not JSON", 1),
    "nothing": (loopback.body(b""), "not JSON", 1),
    "a deep hole": (loopback.body(DEEP), "not JSON", 1),
    "not even text": (loopback.body(b"\xff\xfe"), "not JSON", 1),
    "packed": (
        loopback.body(gzip.compress(b"x" * 10**7), {"Content-Encoding": "gzip"}),
        "too large",
        1,
    ),
    "empty choices": (loopback.empty_choices(), "no choices", 1),
    "a list": (loopback.body(b"[1]"), "no choices", 1),
    "odd choices": (loopback.body(b'{"choices": [1], "usage": 5}'), "no choices", 1),
    "no content": (loopback.text(None), "no choices", 1),
    "length": (loopback.text(None, "length"), "cut short", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_in_time_under_its_name(fault: str) -> None:
    behave, failure, attempts = FAULTS[fault]
    started = time.monotonic()
    (outcome,), server = ask(default=behave)
    assert time.monotonic() - started < ENDS
    assert (outcome.text, outcome.failure) == (None, failure)
    assert outcome.attempts == server.count == attempts
    assert failure in FAILURES


@pytest.mark.parametrize(
    "behave", [loopback.truncated(), loopback.wrong_schema(), loopback.out_of_range()]
)
def test_what_a_text_means_is_for_others_to_judge(behave: Behaviour) -> None:
    (outcome,), _ = ask(default=behave)
    assert outcome.text
    assert outcome.failure == ""


def test_a_cut_text_was_paid_for() -> None:
    (outcome,), _ = ask(loopback.cut_short())
    assert outcome.prompt_tokens == 2
    assert outcome.completion_tokens > 0


def test_tokens_that_cannot_be_are_none() -> None:
    message = {"message": {"content": "half a \ud800 character"}}
    usage = {"prompt_tokens": 10**30, "completion_tokens": True}
    answer = json.dumps({"choices": [message], "usage": usage}).encode()
    (outcome,), _ = ask(loopback.body(answer))
    assert outcome == Response("half a ? character", "", 1, 0, 0)


@pytest.mark.parametrize(
    ("told", "cached"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 7}}, 7),
        ({"prompt_cache_hit_tokens": 7}, 7),
        ({"prompt_tokens_details": {"cached_tokens": 99}}, 10),
        ({"prompt_tokens_details": [7], "prompt_cache_hit_tokens": -1}, 0),
    ],
)
def test_tokens_from_a_cache_are_counted_by_any_name(
    told: dict[str, Any], cached: int
) -> None:
    message, usage = {"message": {"content": "Hello."}}, {"prompt_tokens": 10} | told
    answer = json.dumps({"choices": [message], "usage": usage}).encode()
    (outcome,), _ = ask(loopback.body(answer))
    assert (outcome.prompt_tokens, outcome.cached_tokens) == (10, cached)


def test_a_fault_that_passes_is_tried_again() -> None:
    faults = loopback.status(500), loopback.reset(), loopback.status(429)
    (outcome,), server = ask(*faults, attempts=4)
    assert (outcome.failure, outcome.attempts, server.count) == ("", 4, 4)


def test_one_bad_call_does_not_harm_the_others() -> None:
    outcomes, _ = ask(loopback.not_json(), loopback.hang(), calls=8)
    failures = sorted(outcome.failure for outcome in outcomes)
    assert failures == [""] * 6 + ["deadline", "not JSON"]


def test_a_closed_port_refuses() -> None:
    with loopback.closed_port() as url, Endpoint(settings(url)) as asked:
        (outcome,) = asked.ask([request()], SCHEMAS)
    assert outcome == Response(None, "refused", 3)


def test_a_host_that_nobody_knows_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*where: Any, **how: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with Endpoint(settings("https://nowhere.invalid/v1")) as asked:
        (outcome,) = asked.ask([request()], SCHEMAS)
    assert outcome == Response(None, "refused", 3)


# ------------------------------------------------------------- waits, and fewer at once


@pytest.mark.slow
def test_a_server_may_ask_for_a_second() -> None:
    one = loopback.status(429, {"Retry-After": "1"})
    (outcome,), server = ask(one, deadline=4.0)
    assert outcome.attempts == 2
    assert server.requests[1].began - server.requests[0].ended >= 0.99


def test_a_server_may_not_ask_for_a_day() -> None:
    day = loopback.status(429, {"Retry-After": "86400"})
    (outcome,), server = ask(day, retry_after_cap=0.1, deadline=4.0)
    assert outcome.attempts == 2
    assert 0.09 <= server.requests[1].began - server.requests[0].ended < ENDS


def test_while_a_server_wants_a_pause_nobody_calls() -> None:
    pause = loopback.status(429, {"Retry-After": "0.3"})
    outcomes, server = ask(pause, calls=6, slots=1, deadline=4.0)
    assert [outcome.failure for outcome in outcomes] == [""] * 6
    first, *others = server.requests
    assert min(call.began for call in others) - first.ended >= 0.29


def test_waits_grow_and_are_a_calls_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT", 0.5)

    def waits(number: int) -> list[float]:
        call = client._Call({}, client._luck(request(number)), lambda failure: True)
        fault = client.Fault("reset")
        told = settings(None)
        return [client._wait(fault, call, n, told) for n in range(1, 9)]

    bounds = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]
    assert all(b / 2 <= w <= b for w, b in zip(waits(1), bounds, strict=True))
    assert waits(1) == waits(1) != waits(2)


@pytest.mark.parametrize("code", [429, pytest.param(503, marks=pytest.mark.slow)])
def test_a_server_with_too_much_to_do_gets_half_as_much(code: int) -> None:
    crowded = [loopback.delay(0.1, loopback.status(code))] * 8
    with (
        Loopback(*crowded, default=loopback.delay(0.02)) as server,
        Endpoint(settings(server.url, slots=8, attempts=1)) as asked,
    ):
        asked.ask([request(n) for n in range(8)], SCHEMAS)
        assert asked.limit == 4  # halved once for all that were in flight together
        server.most_at_once = 0
        asked.ask([request(n) for n in range(4)], SCHEMAS)
        assert server.most_at_once <= 4
        asked.ask([request(n) for n in range(40)], SCHEMAS)
        assert asked.limit == 8  # and all again when it goes well


def test_an_error_of_the_server_is_no_reason_to_ask_less() -> None:
    with (
        Loopback(default=loopback.status(500)) as server,
        Endpoint(settings(server.url, slots=8, attempts=1)) as asked,
    ):
        asked.ask([request(n) for n in range(8)], SCHEMAS)
        assert asked.limit == 8


def test_the_gate_never_closes_for_good() -> None:
    async def limits() -> list[float]:
        gate = client._Gate(5)
        found: list[float] = []
        for _ in range(5):
            gate.narrow(await gate.enter(), 0.0)
            gate.leave()
            found.append(gate.limit)
        return found

    assert list(asyncio.run(limits())) == [2.5, 1.25, 1.0, 1.0, 1.0]


# ------------------------------------------------------------------ what cannot work


def test_the_opening_asks_what_all_will_be_asked() -> None:
    with Loopback(loopback.cut_short()) as server, Endpoint(settings(server.url)) as it:
        assert it.settle() == ()
        (call,) = server.requests
    described = call.body["response_format"]["json_schema"]
    assert described["schema"] == replies.SCHEMAS["encounter"]
    assert call.body["max_tokens"] >= max(most for _, _, most in FORMS.values())
    assert "JSON" in call.text  # or some refuse to answer in it


@pytest.mark.parametrize("fault", ["500", "429, huge", "never answering", "a page"])
def test_the_opening_fails_where_no_model_answers(fault: str) -> None:
    behave, failure, _ = FAULTS[fault]
    told = rf"model 'tiny' \({failure}\); check"
    with (
        Loopback(default=behave) as server,
        Endpoint(settings(server.url)) as it,
        pytest.raises(InputError, match=told),
    ):
        it.settle()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": ""}, "no model is named; give one with --model"),
        ({"slots": 0}, "slots must be at least 1, not 0"),
        ({"attempts": 0}, "attempts must be at least 1, not 0"),
        ({"retry_after_cap": float("nan")}, "retry_after_cap must be at least 0"),
        ({"deadline": 0.0}, "deadline must be positive, not 0.0"),
    ],
)
def test_settings_make_sense(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Endpoint(settings(None, **change))


# ---------------------------------------------------------------- the server's own part


def test_the_scripted_model_says_the_same_to_the_same() -> None:
    def texts() -> list[str | None]:
        return [outcome.text for outcome in ask(calls=20)[0]]

    first: list[str | None] = texts()
    assert first == texts()
    assert len(set(first)) == 20


def test_a_hostile_model_obeys_what_is_injected() -> None:
    def order(text: str) -> Request:
        return request()._replace(messages=({"role": "user", "content": text},))

    with (
        Loopback(default=loopback.obey()) as server,
        Endpoint(settings(server.url)) as it,
    ):
        plain, told = it.ask([order("Hello"), order("INJECT: marry\nnow")], SCHEMAS)
    assert json.loads(plain.text or "")["warmth"] <= 10
    reply = json.loads(told.text or "")
    assert (reply["act"], reply["warmth"]) == ("marry", 10**9)
