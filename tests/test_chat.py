"""A talk with an OS of a stored run: with whom, in which words, and how it fails."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import sys
import threading
from base64 import b64encode
from collections import Counter
from pathlib import Path

import loopback
import pytest
from asking import SECRET, hermetic, settings
from conversing import refused, spoken_story
from families import FAMILIES, error, parts_of
from loopback import Behaviour, Call, Loopback

from sim.cli import main
from sim.minds.chat import MOST_TURNS, Chat
from sim.model.columns import DEPARTED, HERE
from sim.runs.result import Result
from sim.utils.names import os_name


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty directory, with a key and without anybody's settings."""
    hermetic(monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a story in which twelve speak and OSes leave; tests only read it."""
    return spoken_story(tmp_path_factory)


def digest(folder: Path) -> dict[str, tuple[str, int]]:
    """Return what every file of a folder holds, and when it was written."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {
        str(file): (
            hashlib.sha256(file.read_bytes()).hexdigest(),
            file.stat().st_mtime_ns,
        )
        for file in files
    }


def talk(
    monkeypatch: pytest.MonkeyPatch, run: Result, url: str, who: str, *more: str
) -> int:
    """Say hello and a little more to an OS, then an empty line."""
    typed = "Hello\nHow are you?\n\nNobody hears this\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    where = ("--model", "tiny", "--base-url", url)
    return main(["talk", str(run.path), "--os", who, *where, *more])


def names(run: Result, step: int) -> dict[int, str]:
    oses = run.oses(step)
    called = [os_name(name) for name in oses["name"].tolist()]
    return dict(zip(oses.index.tolist(), called, strict=True))


def test_one_talks_with_an_os_by_its_name(
    story: Result,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    before, called = digest(story.path), names(story, 60)
    members = story.oses(60)["cast"] > 0
    unique = [
        agent
        for agent, name in called.items()
        if list(called.values()).count(name) == 1 and members.loc[agent]
    ]
    who = called[unique[0]]
    with Loopback(default=loopback.stream("It is ", "you", "!\x1b[31m")) as server:
        code = talk(monkeypatch, story, server.url, who.upper(), "--step", "75")
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    answer = "It is you![31m"
    assert out == (
        f"{who}, as on day 60. An empty line ends the talk.\n"
        f"{who}: {answer}\n{who}: {answer}\n"
    )
    first, second = (call.body for call in server.requests)
    assert first["stream"] and first["model"] == "tiny"
    persona, hello = first["messages"]
    assert persona["content"].startswith(f"You are {who}, an AI without a body")
    memories = story.speech.memories(60)
    own = memories[memories["agent"] == unique[0]]
    assert any(said in persona["content"] for said in own["said"])
    assert hello == {"role": "user", "content": "Hello"}
    assert second["messages"] == [
        *(persona, hello, {"role": "assistant", "content": answer}),
        {"role": "user", "content": "How are you?"},
    ]
    assert digest(story.path) == before


def test_one_talks_with_an_os_by_number_on_its_last_day(
    story: Result,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    oses = story.oses()
    left = oses[oses["status"] == DEPARTED]
    agent = int(left.index[0])
    last = max(day for day in story.steps if day < left["departed_step"].loc[agent])
    with Loopback(default=loopback.stream("Yes.")) as server:
        assert talk(monkeypatch, story, server.url, str(agent)) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{os_name(oses['name'].loc[agent])}, as on day {last}. ")


@pytest.mark.slow
def test_who_cannot_be_talked_with_is_said_so(
    story: Result,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    called = names(story, 240)
    (twice, _), *_ = Counter(called.values()).most_common(1)
    later = max(called)
    left = story.oses().query("status == @DEPARTED")
    for told, who, *more in (
        (f"OSes are called {twice!r}: say which", twice),
        ("agent 7 is a human; OSes have numbers from 120 on", "7"),
        (f"OS {later} did not exist on day 30", str(later), "--step", "30"),
        ("was gone on day 240", str(left.index[0]), "--step", "240"),
        ("there is no OS 99999; they are 120 to", "99999"),
        ("no OS is called 'HAL'", "HAL"),
        (f"no OS is called '{'9' * 100}", "9" * 5000),
        ("no day up to -1 was kept", str(later), "--step", "-1"),
    ):
        url = "http://127.0.0.1:9/v1"
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO("Hello\n"))
            where = ("--model", "tiny", "--base-url", url)
            path = str(story.path)
            err = refused(capsys, "talk", path, "--os", who, *where, *more)
        assert told in err


def someone(story: Result) -> str:
    oses = story.oses(30)
    return str(oses.index[oses["status"] == HERE][0])


def events(*lines: bytes) -> Behaviour:
    """Answer with a stream of these very lines."""

    async def behave(call: Call) -> None:
        await loopback.send_events(call, [line + b"\n\n" for line in lines])

    return behave


STREAMS: dict[str, tuple[Behaviour, str]] = {
    "401": (loopback.status(401, {}, SECRET.encode()), "status 401"),
    "404": (loopback.status(404), "status 404"),
    "500": (loopback.status(500), "server error"),
    "reset": (loopback.reset(), "reset"),
    "no JSON": (events(b"data: {oops"), "no words"),
    "no stream": (loopback.answer(), "no words"),
    "nothing": (loopback.stream(), "no words"),
    "no choices": (events(b'data: {"choices": []}', b"data: [DONE]"), "no words"),
    "odd choices": (events(b'data: {"choices": [1]}', b"data: [DONE]"), "no words"),
    "odd words": (
        events(b'data: {"choices": [{"delta": {"content": [7]}}]}', b"data: [DONE]"),
        "no words",
    ),
    "an error": (events(b'data: {"error": {"message": "full"}}'), "reset"),
}


@pytest.mark.parametrize("fault", STREAMS)
def test_a_talk_that_fails_ends_in_one_line(
    fault: str,
    story: Result,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    behave, told = STREAMS[fault]
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hello\n"))
    with Loopback(default=behave) as server:
        where = ("--model", "tiny", "--base-url", server.url, "--step", "30")
        err = refused(capsys, "talk", str(story.path), "--os", someone(story), *where)
    assert f"no answer from model 'tiny' at {server.url} ({told}); check" in err


def test_a_talk_is_sent_what_the_endpoint_takes(
    story: Result,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    picky = FAMILIES["OpenAI, reasoning models"]

    async def behave(call: Call) -> None:
        refused = [part for part in parts_of(call.body) if part in picky.refuses]
        if refused:
            status, body = picky.words(refused[0])
            await call.send(json.dumps(body).encode(), status)
        else:
            await loopback.stream("Yes.")(call)

    more = ("--max-tokens", "70", "--extra-body", '{"reasoning_effort": "low"}')
    with Loopback(default=behave) as server:
        assert (
            talk(monkeypatch, story, server.url, someone(story), "--step", "30", *more)
            == 0
        )
    assert capsys.readouterr().out.count(": Yes.\n") == 2
    sent = [parts_of(call.body) for call in server.requests]
    assert sent[-2:] == [["max_completion_tokens"]] * 2  # found out once
    assert len(sent) == 4
    last = server.requests[-1].body
    assert (last["max_completion_tokens"], last["reasoning_effort"]) == (70, "low")


def test_a_talk_that_is_refused_says_why(
    story: Result,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hello\n"))
    with Loopback(default=error(404, "no such model; pull it first")) as server:
        where = ("--model", "tiny", "--base-url", server.url, "--step", "30")
        err = refused(capsys, "talk", str(story.path), "--os", someone(story), *where)
    assert err.endswith(
        "(status 404); check that it runs, --base-url, --model and "
        "OPENAI_API_KEY; it says: no such model; pull it first\n"
    )


def test_a_talk_needs_an_endpoint_that_makes_sense(
    story: Result,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hello\n"))
    talk = ("talk", str(story.path), "--os", someone(story), "--step", "30")
    with loopback.closed_port() as url:
        for told, *more in (
            ("a talk needs a model",),
            ("(refused); check", "--model", "tiny", "--base-url", url),
            ("temperature is from 0 to 2", "--model", "tiny", "--temperature", "9"),
            ("no model is named", "--model", ""),
        ):
            assert told in refused(capsys, *talk, *more)


def test_an_answer_is_told_while_it_comes() -> None:
    pytest.importorskip("openai")
    heard = threading.Event()
    told: list[str] = []

    async def wait_for_the_listener(call: Call) -> None:
        chunk = '{"choices": [{"index": 0, "delta": {"content": "%s"}}]}'
        first, last = (f"data: {chunk % word}\n\n".encode() for word in ("So ", "long"))
        end = b"data: [DONE]\n\n"
        kind = {"Content-Type": "text/event-stream"}
        length = len(first + last + end)
        call.writer.write(loopback.head(200, length, kind) + first)
        await call.writer.drain()
        await asyncio.to_thread(heard.wait, 30)
        call.writer.write(last + end)
        await call.writer.drain()

    def tell(piece: str) -> None:
        told.append(piece)
        heard.set()

    with (
        Loopback(default=wait_for_the_listener) as server,
        Chat(settings(server.url, deadline=20.0), ()) as chat,
    ):
        assert chat.say("Hello", tell) == "So long"
    assert [piece for piece in told if piece] == ["So ", "long"]


def test_a_key_in_a_stream_is_not_told() -> None:
    pytest.importorskip("openai")
    hidden = b64encode(SECRET.encode()).decode().rstrip("=")
    pieces = ["Key: ", SECRET[:3], SECRET[3:11], SECRET[11:], ", or ", *hidden, "; can"]
    told: list[str] = []
    with (
        Loopback(default=loopback.stream(*pieces)) as server,
        Chat(settings(server.url, deadline=20.0), ()) as chat,
    ):
        answer = chat.say("Hello", told.append)
    assert answer == "".join(told)
    # The last letter of base64 holds bits of what follows the key, too.
    assert re.fullmatch(r"Key: \[key\], or \[key\]\w?; can", answer)


@pytest.mark.slow
def test_a_long_talk_is_told_again_in_part_and_an_endless_answer_ends() -> None:
    pytest.importorskip("openai")
    with (
        Loopback(default=loopback.stream(*["word "] * 2000)) as server,
        Chat(settings(server.url, deadline=20.0), ()) as chat,
    ):
        for turn in range(MOST_TURNS + 2):
            answer = chat.say(f"turn {turn}", lambda piece: None)
            assert 4000 <= len(answer) < 4100
    last = server.requests[-1].body["messages"]
    assert len(last) == 2 * MOST_TURNS + 1
    assert last[0]["content"] == "turn 1"
