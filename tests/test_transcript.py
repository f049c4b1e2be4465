"""Transcripts: nothing paid for is lost, nothing else is answered."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.minds import transcript as transcript_module
from sim.minds.calls import Request, Response, Settings
from sim.minds.transcript import (
    MOST_BYTES_OF_A_HEADER,
    MOST_BYTES_OF_A_LINE,
    SEAL,
    Transcript,
)
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
SETTINGS = Settings("small", "http://127.0.0.1:8012/v1")
MESSAGES = (
    {"role": "system", "content": "You are Samantha."},
    {"role": "user", "content": "Theodore says: “How are you?”"},
)
REQUEST = Request("encounter", 12, 3, 17, 0, MESSAGES, "encounter", 200)
ANSWER = Response('{"said": "Héllo 👋\\n"}', "", 2, 176, 60)
FAILED = Response(None, "rate limited", 4)


def request(number: int) -> Request:
    return REQUEST._replace(agent=number)


def answer(number: int) -> Response:
    return Response(f"I am {number}.", prompt_tokens=number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the transcript of a test shall be."""
    return tmp_path / "new" / "talk.jsonl"


@pytest.fixture
def recorded(path: Path) -> Path:
    """Return a transcript of three calls."""
    with Transcript.record(path, SETTINGS, "abc") as transcript:
        for number in range(3):
            transcript.add(request(number), answer(number))
    return path


def refusal(path: Path, settings: Settings = SETTINGS, prompts: str = "abc") -> str:
    """Return why a file cannot be recorded to; it is left as it is."""
    before = path.read_bytes()
    with pytest.raises(InputError) as refused:
        Transcript.record(path, settings, prompts)
    assert path.read_bytes() == before
    assert "\n" not in str(refused.value)
    return str(refused.value)


def found(path: Path, numbers: range = range(3)) -> list[Response | None]:
    """Return what a replay finds for numbered requests."""
    with Transcript.replay(path) as transcript:
        return [transcript.find(request(number)) for number in numbers]


# ------------------------------------------------------------ recording and replaying


def test_what_was_recorded_is_replayed(path: Path) -> None:
    with Transcript.record(path, SETTINGS, "abc") as transcript:
        assert transcript.find(REQUEST) is None
        assert transcript.add(REQUEST, ANSWER) == ANSWER
        assert transcript.add(request(5), FAILED) == FAILED
        assert transcript.find(REQUEST) == ANSWER
    with Transcript.replay(path) as transcript:
        assert transcript.settings[:3] == SETTINGS[:3]
        assert transcript.header.prompts == "abc"
        assert transcript.find(REQUEST) == ANSWER
        assert transcript.find(request(5)) == FAILED
        assert transcript.find(request(6)) is None
        assert len(transcript) == 2


def test_a_transcript_in_memory_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Transcript.record(None, SETTINGS) as transcript:
        transcript.add(REQUEST, ANSWER)
        assert transcript.find(REQUEST) == ANSWER
        assert "no answer in the transcript" in str(transcript.missing(request(1)))
    assert list(tmp_path.iterdir()) == []


def test_a_replay_needs_neither_options_nor_environment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.org/v1")
    with Transcript.record(path, Settings("small", temperature=1)) as transcript:
        transcript.add(REQUEST, ANSWER)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.org/v1")
    assert Transcript.replay(path).find(REQUEST) == ANSWER


def test_a_call_is_on_the_disk_when_it_was_added(path: Path) -> None:
    with Transcript.record(path, SETTINGS) as transcript:
        for number in range(3):
            transcript.add(request(number), answer(number))
            assert found(path, range(number + 1))[-1] == answer(number)


def test_a_file_is_readable_text(recorded: Path) -> None:
    with Transcript.record(recorded, SETTINGS, "abc") as transcript:
        transcript.add(REQUEST, ANSWER)
    first, *_, last = recorded.read_text(encoding="utf-8").splitlines()
    assert json.loads(first)["model"] == "small"
    entry = json.loads(last)
    assert entry["messages"] == list(MESSAGES)
    assert (entry["kind"], entry["step"], entry["agent"]) == ("encounter", 12, 3)
    assert (entry["text"], entry["attempts"]) == (ANSWER.text, 2)
    assert "Héllo 👋" in last


def test_a_run_started_again_finds_what_it_paid_for(recorded: Path) -> None:
    before = recorded.read_bytes()
    with Transcript.record(recorded, SETTINGS, "abc") as transcript:
        for number in range(3):
            assert transcript.find(request(number)) == answer(number)
        assert recorded.read_bytes() == before
        transcript.add(request(3), answer(3))
    assert found(recorded, range(4)) == [answer(number) for number in range(4)]


def test_the_first_answer_stays(recorded: Path) -> None:
    before = recorded.read_bytes()
    with Transcript.record(recorded, SETTINGS, "abc") as transcript:
        assert transcript.add(request(0), ANSWER) == answer(0)
    assert recorded.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["\ud800", "a\nb\r\n\x00\x1b\u2028", "\ufeff", "日本語 🫂", "{}" * 9, ""]
)
def test_any_text_comes_back_as_it_was_used(path: Path, text: str) -> None:
    asked = REQUEST._replace(messages=({"role": "user", "content": text},))
    with Transcript.record(path, SETTINGS) as transcript:
        kept = transcript.add(asked, Response(text))
    assert Transcript.replay(path).find(asked) == kept
    assert kept.text == text.replace("\ud800", "?")


def test_rows_are_in_one_order_whatever_came_first(tmp_path: Path) -> None:
    asked = [
        REQUEST._replace(kind=kind, step=step, agent=agent, other=other, draw=draw)
        for step in (9, 10)
        for kind in ("encounter", "upgrade", "departure", "letter")
        for agent, other, draw in ((2, -1, 0), (2, 5, 0), (2, 5, 1), (10, 3, 0))
    ]
    shuffled = random.Random(1).sample(asked, len(asked))
    rows = []
    for name, some in (("a", asked), ("b", shuffled)):
        with Transcript.record(tmp_path / name, SETTINGS) as transcript:
            for one in some:
                transcript.add(one, ANSWER)
            rows.append(transcript.rows())
    with Transcript.replay(tmp_path / "b") as transcript:
        for one in reversed(shuffled):
            transcript.find(one)
        rows.append(transcript.rows())
    assert rows[0] == rows[1] == rows[2]
    assert [
        (row["step"], row["kind"], row["agent"], row["other"], row["draw"])
        for row in rows[0]
    ] == [(one.step, *one[:1], *one[2:5]) for one in asked]


def test_rows_are_those_of_this_run(recorded: Path) -> None:
    with Transcript.replay(recorded) as transcript:
        transcript.find(request(1))
        transcript.find(request(7))
        assert [row["agent"] for row in transcript.rows()] == [1]
        assert [row["agent"] for row in transcript.rows(everything=True)] == [0, 1, 2]


def test_a_missing_answer_names_agent_encounter_and_step(recorded: Path) -> None:
    transcript = Transcript.replay(recorded)
    message = str(transcript.missing(request(8)))
    assert "agent 8's encounter with agent 17 on step 12 (draw 0)" in message
    assert "nothing was asked there" in message
    assert recorded.name in message
    other_words = request(0)._replace(messages=())
    assert "another question was asked there" in str(transcript.missing(other_words))
    alone = REQUEST._replace(kind="departure", other=-1)
    assert "agent 3's departure on step 12" in str(transcript.missing(alone))


def test_a_replay_cannot_be_added_to(recorded: Path) -> None:
    before = recorded.read_bytes()
    with pytest.raises(InputError, match="not open to be added to"):
        Transcript.replay(recorded).add(request(9), ANSWER)
    assert recorded.read_bytes() == before


# -------------------------------------------------------------------- kills and faults


@pytest.mark.slow
def test_a_last_line_cut_anywhere_is_removed_and_nothing_else(recorded: Path) -> None:
    whole = recorded.read_bytes()
    before = whole[: whole.rindex(b"\n", 0, -1) + 1]
    for end in range(len(before), len(whole)):
        recorded.write_bytes(whole[:end])
        assert found(recorded) == [answer(0), answer(1), None]
        assert recorded.read_bytes() == whole[:end]
        with Transcript.record(recorded, SETTINGS, "abc") as transcript:
            assert recorded.read_bytes() == before
            transcript.add(request(2), answer(2))
        assert recorded.read_bytes() == whole


@pytest.mark.slow
def test_a_first_line_cut_anywhere_is_written_again(path: Path) -> None:
    Transcript.record(path, SETTINGS).close()
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        Transcript.record(path, SETTINGS).close()
        assert path.read_bytes() == whole


WRITE_UNTIL_KILLED = """
import itertools, sys
from sim.minds.calls import Request, Response, Settings
from sim.minds.transcript import Transcript

settings = Settings("small", "http://127.0.0.1:8012/v1")
transcript = Transcript.record(sys.argv[1], settings, "abc")
for number in itertools.count():
    messages = ({"role": "user", "content": "x" * 100_000},)
    request = Request("encounter", 0, number, -1, 0, messages, "encounter", 9)
    transcript.add(request, Response("y" * 100_000))
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 7, 20])
def test_a_kill_loses_at_most_the_call_being_written(path: Path, after: int) -> None:
    command = [sys.executable, "-c", WRITE_UNTIL_KILLED, str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == after:
                break
        process.send_signal(signal.SIGKILL)
        said = [after, *map(int, process.stdout.read().split())]
    with Transcript.record(path, SETTINGS, "abc") as transcript:
        kept = [row["agent"] for row in transcript.rows(everything=True)]
    assert kept[: said[-1] + 1] == list(range(said[-1] + 1))
    assert len(kept) - len(range(said[-1] + 1)) in (0, 1)
    assert path.read_bytes().endswith(b"\n")


@pytest.fixture
def small_disk(recorded: Path) -> Iterator[int]:
    """Let no file grow more than 400 bytes beyond the transcript; return its size."""
    import resource  # only POSIX systems have it

    size = recorded.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 400, hard))
    try:
        yield size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.posix
def test_a_full_disk_is_said_and_costs_no_other_call(
    recorded: Path, small_disk: int
) -> None:
    import resource

    before = recorded.read_bytes()
    long = REQUEST._replace(agent=3, messages=MESSAGES * 5)
    with Transcript.record(recorded, SETTINGS, "abc") as transcript:
        for _ in range(2):
            with pytest.raises(InputError, match=r"cannot write .*talk\.jsonl: File"):
                transcript.add(long, answer(3))
            assert transcript.find(long) is None
            assert found(recorded, range(4))[1:] == [answer(1), answer(2), None]
        assert recorded.stat().st_size == small_disk + 400
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        transcript.add(REQUEST._replace(agent=3, messages=()), Response(""))
    content = recorded.read_bytes()
    assert content.startswith(before)
    assert content.count(b"\n") == before.count(b"\n") + 1
    assert content.endswith(b"\n")


def test_a_call_is_seen_to_the_disk(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe = []
    monkeypatch.setattr(os, "fsync", lambda number: safe.append(os.fstat(number)))
    with Transcript.record(recorded, SETTINGS, "abc") as transcript:
        transcript.add(request(3), answer(3))
    assert safe[-1].st_size == recorded.stat().st_size
    assert safe[-1].st_ino == recorded.stat().st_ino


def test_there_is_one_writer(recorded: Path) -> None:
    with Transcript.record(recorded, SETTINGS, "abc") as first:
        assert "is being written by another run" in refusal(recorded)
        assert found(recorded)[2] == answer(2)
        first.add(request(3), answer(3))
    Transcript.record(recorded, SETTINGS, "abc").close()


def test_an_answer_too_large_for_a_line_is_a_failure(path: Path) -> None:
    with Transcript.record(path, SETTINGS) as transcript:
        kept = transcript.add(REQUEST, Response("x" * MOST_BYTES_OF_A_LINE))
        assert (kept.text, kept.failure) == (None, "too large")
        huge = ({"role": "user", "content": "x" * MOST_BYTES_OF_A_LINE},)
        with pytest.raises(InputError, match="too large to record"):
            transcript.add(REQUEST._replace(messages=huge), ANSWER)
    assert Transcript.replay(path).find(REQUEST) == kept


def test_nothing_is_written_that_could_not_be_read(path: Path) -> None:
    with Transcript.record(path, SETTINGS) as transcript:
        for wrong in (
            Response(None),
            Response("x", "bored"),
            Response("x", attempts=-2),
        ):
            with pytest.raises(ValueError, match="no finished call"):
                transcript.add(REQUEST, wrong)
    assert len(Transcript.replay(path)) == 0


def test_a_transcript_does_not_outgrow_what_can_be_read(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = recorded.stat().st_size
    monkeypatch.setattr(transcript_module, "MOST_BYTES_OF_A_FILE", size)
    with (
        Transcript.record(recorded, SETTINGS, "abc") as transcript,
        pytest.raises(InputError, match="is full; name another file"),
    ):
        transcript.add(request(3), answer(3))
    monkeypatch.setattr(transcript_module, "MOST_BYTES_OF_A_FILE", size - 1)
    assert "is larger than" in refusal(recorded)


# -------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model": "large"}, "model 'small', not 'large'"),
        ({"temperature": 0.0}, "temperature 0.7, not 0.0"),
        ({"base_url": "http://h/v1"}, "provider 'http://127.0.0.1:8012/v1', not 'http"),
    ],
)
def test_another_way_of_asking_is_refused(
    recorded: Path, change: dict[str, Any], named: str
) -> None:
    assert named in refusal(recorded, SETTINGS._replace(**change))


def test_other_prompts_are_refused(recorded: Path) -> None:
    assert "prompts 'abc', not 'xyz'" in refusal(recorded, prompts="xyz")


@pytest.mark.parametrize(
    "content",
    [
        b"my diary",
        b"my diary\n",
        b"{}\n",
        b"[1]\n",
        b'{"transcript": true}\n',
        b"\x00\xff\n",
        b"[" * 5_000 + b"\n",
        b"\n",
        b"\x00" * (MOST_BYTES_OF_A_LINE + 9),
        b'{"transcript": 1}' + b" " * MOST_BYTES_OF_A_HEADER + b"\n",
    ],
)
def test_a_foreign_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert "is not a transcript of os-society" in refusal(path)
    with pytest.raises(InputError, match="is not a transcript of os-society"):
        Transcript.replay(path)


def test_a_format_of_the_future_is_refused(recorded: Path) -> None:
    text = recorded.read_text(encoding="utf-8")
    recorded.write_text(text.replace('"transcript":4', '"transcript":5', 1))
    assert "is a transcript of format 5" in refusal(recorded)


def test_an_empty_file_is_begun_but_not_replayed(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with pytest.raises(InputError, match="is not a transcript of os-society"):
        Transcript.replay(path)
    Transcript.record(path, SETTINGS).close()
    assert len(Transcript.replay(path)) == 0


def damaged(line: bytes, **changes: Any) -> bytes:
    """Return a line with something changed, and the digest that it then has."""
    fields = json.loads(line) | changes
    del fields["digest"]
    known = json.dumps(fields).encode().removesuffix(b"}")
    return known + SEAL % hashlib.sha256(known).hexdigest().encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: b"\n",
        lambda line: line[:40] + b"\n",
        lambda line: line[:40] + b"\xff" + line[41:],
        lambda line: line.replace(b'"agent":', b'"agnet":'),
        lambda line: damaged(line, agent="1"),
        lambda line: damaged(line, agent=True),
        lambda line: damaged(line, step=10**30),
        lambda line: damaged(line, other=-2),
        lambda line: damaged(line, failure="bored"),
        lambda line: damaged(line, text=None),
        lambda line: damaged(line, text="\ud800"),
        lambda line: damaged(line, messages=["hello"]),
        lambda line: damaged(line, messages=[{"role": 3}]),
        lambda line: damaged(line, more=1),
        lambda line: line.replace(b"I am 1.", b"I am 7."),
        lambda line: line.replace(b"How are you", b"Who are you"),
        lambda line: b"[" * 100_000 + b"\n",
        lambda line: b"9" * 9_999 + b"\n",
    ],
)
def test_damage_is_refused_with_its_line(recorded: Path, damage: Any) -> None:
    lines = recorded.read_bytes().splitlines(keepends=True)
    recorded.write_bytes(b"".join([*lines[:2], damage(lines[2]), *lines[3:]]))
    assert f"line 3 of transcript {recorded} is damaged" in refusal(recorded)
    with pytest.raises(InputError, match=r"line 3 of transcript .* is damaged"):
        Transcript.replay(recorded)


def test_a_line_without_end_is_refused(recorded: Path) -> None:
    with recorded.open("ab") as file:
        file.write(b"x" * (MOST_BYTES_OF_A_LINE + 1))
    assert "line 5 of" in refusal(recorded)
    assert "is longer than 2,000,000 bytes" in refusal(recorded)


def test_a_question_may_be_there_twice_but_not_two_answers(recorded: Path) -> None:
    header, *lines = recorded.read_bytes().splitlines(keepends=True)
    recorded.write_bytes(header + b"".join([*reversed(lines), lines[0]]))
    assert found(recorded) == [answer(number) for number in range(3)]
    with recorded.open("ab") as file:
        file.write(damaged(lines[0], text="I am 9."))
    assert f"line 6 of transcript {recorded} answers a question" in refusal(recorded)


@pytest.mark.posix
def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in (".", "pipe", "loop", "pipe/below"):
        for opens in (Transcript.replay, lambda at: Transcript.record(at, SETTINGS)):
            with pytest.raises(InputError, match=r"cannot (read|write)|is not a file"):
                opens(tmp_path / name)
    with pytest.raises(InputError, match=r"cannot read .*gone: No such file"):
        Transcript.replay(tmp_path / "gone")


@pytest.mark.skipif(
    getattr(os, "geteuid", int)() == 0, reason="root may read every file"
)
@pytest.mark.posix
def test_a_file_one_may_not_read_is_refused(recorded: Path) -> None:
    recorded.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        Transcript.replay(recorded)
    with pytest.raises(InputError, match="Permission denied"):
        Transcript.record(recorded, SETTINGS, "abc")
