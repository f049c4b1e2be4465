"""Which names of this machine the page answers to.

A web page elsewhere may have its own name lead to this machine (DNS rebinding), and
would then drive the page in the name of whoever visits it. So a request that asks for a
host which nobody has allowed is refused, whatever it asks for; the page's websocket,
which Tornado opens to the host that it was asked for, is one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import RequestHandler

from sim.utils.errors import InputError

LOCAL = ("localhost", "127.0.0.1", "::1")


def host_name(text: str) -> str:
    """Return the name or address of a host as it is compared; InputError if it is none.

    Examples
    --------
    >>> host_name("[::1]"), host_name("Lab.Example")
    ('::1', 'lab.example')
    """
    name = text.strip().lower().removeprefix("[").removesuffix("]")
    if not name or not name.isascii() or set(name) & set("/*@[]? "):
        raise InputError(f"a host is a name or an address, not {text!r}")
    return name


def answer_only(server: Any, hosts: Iterable[str]) -> None:
    """Let a server of Bokeh refuse what does not ask for this machine by a known name.

    Parameters
    ----------
    server
        A ``bokeh.server.server.Server``.
    hosts
        Names and addresses that may be asked for, besides ``LOCAL``. Ports are not
        looked at: they may be forwarded.

    Raises
    ------
    InputError
        If one is neither a name nor an address.
    """
    known = frozenset(host_name(host) for host in (*LOCAL, *hosts))
    rule = Rule(_Foreign(known), _Refusal)
    server._tornado.default_router.rules.insert(0, rule)


class _Foreign(Matcher):
    """What tells requests for a host that nobody has allowed."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return None if the host is known: then other rules are asked."""
        name = request.host_name.removeprefix("[").removesuffix("]")
        return None if name in self._known else {}


class _Refusal(RequestHandler):
    """What such requests get: a line, and nothing that was asked for."""

    def prepare(self) -> None:
        """Answer."""
        self.set_status(403)
        self.set_header("Content-Type", "text/plain")
        self.finish(
            "This page is for this machine only. If you asked for it by another name, "
            "allow it: os-society app --allow-host NAME\n"
        )
