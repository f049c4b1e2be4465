"""What tests of an endpoint ask, with which key, and of which server."""

from __future__ import annotations

from typing import Any

import pytest
from loopback import Behaviour, Loopback

from sim.minds import client
from sim.minds.calls import Request, Response, Settings
from sim.minds.client import Endpoint

SECRET = "canary-6f1d0b3a97"  # a key that must not get out
SCHEMAS = {"encounter": {"type": "object"}, "decision": {"type": "object"}}


def hermetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a key and no address, no proxy, and waits that are short."""
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setattr(client, "FIRST_WAIT", 0.02)


def settings(url: str | None, **changes: Any) -> Settings:
    """Return settings with a short deadline."""
    base = Settings("tiny", url, deadline=0.5, attempts=3, most_bytes=50_000)
    return base._replace(**changes)


def request(number: int = 0, schema: str = "encounter") -> Request:
    """Return a request that differs from the others by its number."""
    messages = ({"role": "user", "content": f"talk {number}"},)
    return Request("encounter", 3, number, 1, number, messages, schema, 50)


def ask(
    *script: Behaviour, calls: int = 1, default: Behaviour | None = None, **changes: Any
) -> tuple[list[Response], Loopback]:
    """Ask a server that follows a script; return the outcomes and the server."""
    with Loopback(*script, default=default) as server:
        with Endpoint(settings(server.url, **changes)) as asked:
            outcomes = asked.ask([request(n) for n in range(calls)], SCHEMAS)
        return outcomes, server
