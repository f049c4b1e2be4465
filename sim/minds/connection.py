"""The way to an endpoint: its address, the key, the client, and what goes wrong on it.

The key comes from the environment and goes into the client. No message, representation
or exception that leaves this package carries it.
"""

from __future__ import annotations

import asyncio
import base64
import email.utils
import ipaddress
import json
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sim.errors import InputError
from sim.minds.calls import Settings

DEFAULT_URL = "https://api.openai.com/v1"
HOST = re.compile(r"[a-z0-9_.:%-]+")  # in ASCII, so that no letter passes for another
PLACEHOLDER = "none"  # a key for servers on this machine, which want none
MOST_BYTES_OF_A_REFUSAL = 20_000
SECONDS_FOR_A_REFUSAL = 1.0  # to read its body, which is hardly needed


class Fault(NamedTuple):
    """Why an attempt failed, where the next may not."""

    name: str  # one of FAILURES
    retry_after: float | None = None  # seconds, as the server wishes
    crowded: bool = False  # the server has too much to do


class Refusal(Exception):
    """An answer with a status other than 2xx."""

    def __init__(self, code: int, retry_after: str, content: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
        self.content = content


def address_of(settings: Settings) -> str:
    """Return the address of a model's endpoint, if that may be asked.

    Whatever opens a connection to a model has its address from here.

    Raises
    ------
    InputError
        If it is no address, the model was named by a file and its host is not among
        those that were allowed, or the key would leave this machine in clear text.
    """
    url = base_url_of(settings.base_url)
    parts = urlsplit(url)
    if settings.allowed is not None and not _is_among(settings.allowed, url):
        host = parts.netloc
        raise InputError(
            f"a file names a language model at {host}, which nobody allowed; if your "
            f"key may go there: --allow-model {host} (in Python allow_model={host!r})"
        )
    if parts.scheme == "http" and not (settings.insecure or _on_this_machine(url)):
        raise InputError(
            f"your key would go to {parts.netloc} in clear text (http://); use "
            "https://, or allow it with --insecure (in Python insecure=True)"
        )
    return url


def hosts(allowed: str | Iterable[str]) -> tuple[str, ...]:
    """Return hosts that may be asked, from one or several as a user writes them.

    Raises
    ------
    InputError
        If one is no host, with or without a port.
    """
    listed = (allowed,) if isinstance(allowed, str) else tuple(allowed)
    for one in listed:
        try:
            _split(one)
        except ValueError:
            raise InputError(
                f"--allow-model takes a host as api.openai.com or 127.0.0.1:8012, not "
                f"{one!r}"
            ) from None
    return listed


def _split(host: str) -> tuple[str, int | None]:
    """Return name and port of a host; ValueError if it is none."""
    parts = urlsplit(f"//{host}")
    name = parts.hostname or ""
    if parts.netloc != host or "@" in host or not HOST.fullmatch(name):
        raise ValueError(host)
    return name, parts.port


def _is_among(allowed: Iterable[str], url: str) -> bool:
    """Tell whether an address is on one of the hosts; one without a port has all."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    found = [at for name, at in map(_split, allowed) if name == parts.hostname]
    return None in found or port in found


def base_url_of(given: str | None) -> str:
    """Return the address of the endpoint: given, from the environment, or OpenAI's."""
    url = given or os.environ.get("OPENAI_BASE_URL", "").strip() or DEFAULT_URL
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        valid = valid and parts.port != 0
        valid = valid and HOST.fullmatch(parts.hostname or "") is not None
    except ValueError:
        valid = False
    # Never quoted: whoever puts a key into an address should not read it in a log.
    if not valid:
        raise InputError(
            "the base URL is no address of an endpoint; write --base-url (or "
            "OPENAI_BASE_URL) like http://127.0.0.1:8012/v1"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            "the base URL carries a user, a password or a query; leave them out of "
            "--base-url (or OPENAI_BASE_URL) and put the key into OPENAI_API_KEY"
        )
    return url


def _on_this_machine(url: str) -> bool:
    """Tell whether an address is on loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def key_for(base_url: str) -> str:
    """Return the key from the environment."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if re.search(r"[^!-~]", key):
        raise InputError("OPENAI_API_KEY holds characters that no key has; set it anew")
    if not key and not _on_this_machine(base_url):
        raise InputError(
            f"no key for {urlsplit(base_url).netloc}; set OPENAI_API_KEY to one"
        )
    return key or PLACEHOLDER


def connect(
    base_url: str, key: str, slots: int
) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return a client, and all that it raises when a connection or a request fails."""
    try:
        import anyio
        import openai
    except ImportError:
        raise InputError(
            "a language model needs the package openai; "
            "install it with: pip install 'os-society[llm]'"
        ) from None
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)
    client = openai.AsyncOpenAI(
        api_key=key,
        base_url=base_url,
        max_retries=0,
        timeout=None,  # a call has one deadline, and that is ours
        default_headers={"Accept-Encoding": "identity"},  # nothing swells when unpacked
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=None,
            limits=limits(max_connections=None, max_keepalive_connections=slots),
            follow_redirects=False,
            trust_env=not _on_this_machine(base_url),  # proxies are for elsewhere
            event_hooks={"response": [_turn_back]},
        ),
    )
    # openai 2 rests on httpx, openai 3 on httpx2.
    web = sys.modules[limits.__module__.partition(".")[0]]
    ends = (openai.APIConnectionError, web.HTTPError, anyio.EndOfStream, OSError)
    return client, (Refusal, *ends)


async def _turn_back(response: Any) -> None:
    """Raise a Refusal for a bad status; the client would read its body without end."""
    if 200 <= response.status_code < 300:
        return
    content = bytearray()
    with suppress(Exception):  # a refusal is one, however its body ends
        async with asyncio.timeout(SECONDS_FOR_A_REFUSAL):
            async for part in response.aiter_raw():
                content += part
                if len(content) > MOST_BYTES_OF_A_REFUSAL:
                    break
    wish = response.headers.get("retry-after", "")
    raise Refusal(response.status_code, wish, bytes(content))


def fault_of(error: BaseException) -> Fault | Refusal:
    """Return the fault behind what the client raised, or a refusal that will stay."""
    cause = error.__cause__ or error
    if isinstance(cause, Refusal):
        crowded = cause.code in (429, 503)
        if not (cause.code in (408, 409, 429) or cause.code >= 500):
            return cause
        name = "rate limited" if cause.code == 429 else "server error"
        return Fault(name, _seconds(cause.retry_after), crowded)
    unconnected = type(cause).__name__ in ("ConnectError", "ConnectTimeout")
    return Fault("refused" if unconnected else "reset")


def _seconds(retry_after: str) -> float | None:
    """Return the seconds that a Retry-After header asks for; None if it is garbage."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", retry_after):
        return float(retry_after)
    try:
        date = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def quote(content: bytes, key: str) -> str:
    """Return what a server says of its refusal, unless it says a piece of the key."""
    try:
        answer = mapping(json.loads(content))
    except (ValueError, RecursionError):
        return ""
    said = mapping(answer.get("error")).get("message") or answer.get("message")
    if not isinstance(said, str) or _tells(said, key):
        return ""
    plain = "".join(letter if letter.isprintable() else " " for letter in said[:200])
    return f"; it says: {plain}"


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object as it is, and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def _tells(said: str, key: str, piece: int = 6) -> bool:
    """Tell whether a text holds a piece of the key, plain, in base64 or in hex."""
    if key == PLACEHOLDER:
        return False
    raw = key.encode()
    forms = [key, raw.hex()]
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw).decode()
        forms += [coded, coded.translate(str.maketrans("+/", "-_"))]
    low = said.lower()
    return any(
        form[at : at + piece].lower() in low
        for form in forms
        for at in range(max(1, len(form) - piece + 1))
    )
