"""Questions have keys, made of what could change the answer and of nothing secret."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sim.minds import replies
from sim.minds.calls import Request, Response, Settings
from sim.minds.transcript import Transcript, key_of, provider_of
from sim.utils.errors import InputError

SETTINGS = Settings("small", "http://127.0.0.1:8012/v1")
MESSAGES = (
    {"role": "system", "content": "You are Samantha."},
    {"role": "user", "content": "Theodore says: “How are you?”"},
)
REQUEST = Request("encounter", 12, 3, 17, 0, MESSAGES, "encounter", 200)
CANARY = "sk-canary-0123456789abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the transcript of a test shall be."""
    return tmp_path / "talk.jsonl"


# ---------------------------------------------------------------------------- the key


def test_the_same_question_has_the_same_key() -> None:
    copied = json.loads(json.dumps(MESSAGES))
    again = REQUEST._replace(messages=tuple(dict(reversed(m.items())) for m in copied))
    assert key_of(again, Settings(*SETTINGS)) == key_of(REQUEST, SETTINGS)
    assert len(key_of(REQUEST, SETTINGS)) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "letter"},
        {"step": 13},
        {"agent": 4},
        {"other": 18},
        {"draw": 1},
        {"messages": MESSAGES[:1]},
        {"messages": MESSAGES[::-1]},
        {"messages": (MESSAGES[0] | {"content": "You are Amy."}, MESSAGES[1])},
        {"messages": (MESSAGES[0] | {"role": "user"}, MESSAGES[1])},
        {"schema": "decision"},
        {"max_tokens": 201},
    ],
)
def test_each_part_of_a_request_changes_the_key(change: dict[str, Any]) -> None:
    assert key_of(REQUEST._replace(**change), SETTINGS) != key_of(REQUEST, SETTINGS)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "large"},
        {"temperature": 0.0},
        {"base_url": "http://127.0.0.1:8013/v1"},
        {"base_url": "https://127.0.0.1:8012/v1"},
        {"base_url": "http://127.0.0.1:8012/v2"},
        {"base_url": "http://example.org:8012/v1"},
    ],
)
def test_each_setting_that_counts_changes_the_key(change: dict[str, Any]) -> None:
    assert key_of(REQUEST, SETTINGS._replace(**change)) != key_of(REQUEST, SETTINGS)


def test_what_cannot_change_an_answer_does_not_change_the_key() -> None:
    patient = SETTINGS._replace(deadline=1.0, attempts=1, slots=64, most_bytes=9)
    assert key_of(REQUEST, patient) == key_of(REQUEST, SETTINGS)


def test_another_schema_under_the_same_name_changes_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = key_of(REQUEST, SETTINGS)
    monkeypatch.setitem(replies.SCHEMAS, "encounter", {"type": "object"})
    assert key_of(REQUEST, SETTINGS) != before


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://Example.org/v1/",
        "https://example.org:443/v1",
        f"https://me:{CANARY}@example.org/v1",
        f"https://example.org/v1?key={CANARY}#{CANARY}",
    ],
)
def test_a_provider_is_an_address_and_nothing_secret(url: str) -> None:
    assert provider_of(url) == "https://example.org/v1"


def test_a_provider_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://[::1]:8012/v1")
    assert provider_of(None) == "http://[::1]:8012/v1"
    assert provider_of(provider_of(None)) == provider_of(None)
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert provider_of(None) == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "url", ["localhost:8012", "ftp://host", "http://", "http://h:99999", "http://[1"]
)
def test_what_is_no_address_is_refused_unseen(url: str) -> None:
    with pytest.raises(InputError, match="http://host:port/v1") as refused:
        provider_of(f"{url}/{CANARY}")
    assert CANARY not in str(refused.value)


# --------------------------------------------------------------------------- secrets


def test_the_key_of_the_endpoint_is_never_in_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    hidden = base64.b64encode(CANARY.encode()).decode()
    echo = f"You sent Bearer {CANARY}, or {hidden}."
    url = f"https://user:{CANARY}@example.org/{CANARY}/v1?key={CANARY}"
    asked = REQUEST._replace(messages=({"role": "user", "content": echo},))
    with Transcript.record(path, Settings("small", url)) as transcript:
        kept = transcript.add(asked, Response(echo))
    content = path.read_text(encoding="utf-8")
    assert CANARY not in content
    assert hidden.rstrip("=") not in content
    assert kept.text == "You sent Bearer [key], or [key]=."
    assert Transcript.replay(path).find(asked) == kept


def test_a_word_in_the_place_of_a_key_is_a_word(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Transcript.record(path, SETTINGS) as transcript:
        assert transcript.add(REQUEST, Response("There is none.")).text == (
            "There is none."
        )
