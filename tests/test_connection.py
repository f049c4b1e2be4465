"""The way to an endpoint: addresses, the key that stays secret, refusals, waits."""

from __future__ import annotations

import base64
import gc
import json
import socket
import sys
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import loopback
import pytest
from asking import SCHEMAS, SECRET, ask, hermetic, request, settings
from loopback import Behaviour, Loopback

from sim.minds import client
from sim.minds.client import Endpoint
from sim.utils.errors import InputError

pytest.importorskip("openai")

ENDS = 45.0  # seconds: a guard against waiting for the deadlines here


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    hermetic(monkeypatch)


def refused(*script: Behaviour, **changes: Any) -> str:
    """Ask a server that refuses; return what a person is told."""
    with pytest.raises(InputError) as told:
        ask(*script, **changes)
    shown = "".join(traceback.format_exception(told.value))
    assert told.value.__cause__ is told.value.__context__ is None
    assert not [form for form in secrets() if form in shown]
    return str(told.value)


def secrets() -> set[str]:
    """Return the key in the forms in which it might get out."""
    raw = SECRET.encode()
    coded = {base64.b64encode(bytes(n) + raw).decode()[4:-4] for n in range(3)}
    return {SECRET, raw.hex(), *coded}


# -------------------------------------------------------------- what stops everything


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (400, "does not take this kind of request for model 'tiny'; choose another"),
        (401, "does not accept the key; check OPENAI_API_KEY"),
        (403, "does not let this key use model 'tiny'; check OPENAI_API_KEY and"),
        (404, "knows no model 'tiny' at this address; check --model and --base-url"),
        (405, "answers as no endpoint of this kind does; check --base-url"),
        (422, "does not take this kind of request for model 'tiny'; choose another"),
    ],
)
def test_a_refusal_stops_at_once(code: int, told: str) -> None:
    message = f"Incorrect key {SECRET}, {base64.b64encode(SECRET.encode()).decode()}"
    echo = json.dumps({"error": {"message": message}}).encode()
    no = loopback.status(code, {"X-Key": SECRET}, echo)
    started = time.monotonic()
    said = refused(no, default=loopback.hang(), calls=9, slots=2, deadline=60.0)
    assert time.monotonic() - started < ENDS
    assert said.startswith("127.0.0.1:")
    assert told in said
    assert said.endswith(f"(status {code})")


def test_a_refused_request_is_not_tried_again() -> None:
    with Loopback(default=loopback.status(404)) as server:
        asked = Endpoint(settings(server.url, slots=2))
        with asked, pytest.raises(InputError):
            asked.ask([request(n) for n in range(30)], SCHEMAS)
        assert server.count <= 2


def test_a_redirect_is_not_followed() -> None:
    with Loopback() as elsewhere:
        away = loopback.status(307, {"Location": f"{elsewhere.url}/chat/completions"})
        assert "give that one as --base-url (status 307)" in refused(away)
        assert elsewhere.count == 0


def test_a_refusal_says_why_unless_it_tells_the_key() -> None:
    def says(message: str) -> str:
        body = json.dumps({"error": {"message": message}}).encode()
        return refused(loopback.status(400, {}, body))

    said = says("'seed' is\x1b[31m unknown")
    assert said.endswith("(status 400); it says: 'seed' is [31m unknown")
    for form in secrets():
        assert "it says" not in says(f"You sent {form}.")


# ------------------------------------------------------------------- address and key


def test_the_address_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Loopback() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        with Endpoint(settings(None)) as asked:
            assert asked.ask([request()], SCHEMAS)[0].failure == ""
            assert server.count == 1


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:80/v1", "file:///etc/passwd", "http:///v1", "http://[/"),
        *("http://host:x/v1", f"https://:{SECRET}@host/v1", f"https://h/?k={SECRET}"),
    ],
)
def test_a_bad_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError, match="the base URL") as told:
        Endpoint(settings(url))
    assert url not in str(told.value)
    assert SECRET not in "".join(traceback.format_exception(told.value))


def test_only_this_machine_is_asked_without_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    for url in (None, "https://host.example:8443/v1"):
        with pytest.raises(InputError, match="set OPENAI_API_KEY"):
            Endpoint(settings(url))
    _, server = ask()
    assert server.requests[0].headers["authorization"] == "Bearer none"


@pytest.mark.parametrize(
    "key", [f"{SECRET}\r\nX: y", f"{SECRET} {SECRET}", "schlüssel"]
)
def test_a_key_that_is_none_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match="characters that no key has") as told:
        Endpoint(settings(None))
    assert key[:9] not in str(told.value)


def test_an_endpoint_does_not_show_its_key() -> None:
    with Endpoint(settings("http://127.0.0.1:9/v1")) as asked:
        shown = repr(asked) + str(asked.settings) + asked.host
    assert "tiny" in shown
    assert SECRET not in shown


def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(InputError, match=r"pip install 'os-society\[llm\]'") as told:
        Endpoint(settings(None))
    assert told.value.__cause__ is None


# -------------------------------------------------------------------- Retry-After


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0.0), ("7", 7.0), ("1.5", 1.5), ("9" * 400, float("inf"))]
    + [(header, None) for header in ("", "soon", "-1", "nan", "inf", "1e3", "1,5")]
    + [(header, None) for header in ("Mon, 99 Foo", "\u0661", "Mon, 1 Jan 99999 0:0:0")]
    + [("Fri, 31 Dec 1999 23:59:59 GMT", 0.0), ("31 Dec 1999 23:59:59 -0000", 0.0)],
)
def test_retry_after_is_seconds_or_garbage(header: str, seconds: float | None) -> None:
    assert client._seconds(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    wait = client._seconds(format_datetime(soon, usegmt=True))
    assert wait is not None
    assert 90 < wait <= 100


def test_a_server_that_goes_away_leaves_no_connection_open():
    """Whoever connects in the moment in which it is told to go is broken off, too."""
    with Loopback() as server:
        address = "127.0.0.1", urlsplit(server.url).port
        entered, go_on = threading.Event(), threading.Event()
        server._loop.call_soon_threadsafe(lambda: (entered.set(), go_on.wait()))
        entered.wait()
        clients = [socket.create_connection(address) for _ in range(5)]
        server.go_away()
        go_on.set()
    for one in clients:
        one.close()
    del server
    gc.collect()  # what is open still would be warned of here, which fails the test
