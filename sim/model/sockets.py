"""Sockets: where mechanisms enter the loops of the core.

A socket is a function of a value and of what it depends on. Functions of mechanisms
that enter it change the value one after another, in the order of their places; if none
does, it is what it was, and the compiler leaves nothing of the call. A kernel of the
core reads parameters and columns of a mechanism that may be absent through these alone.
"""

from __future__ import annotations
import __future__

from typing import TYPE_CHECKING, Any

from sim.engine.jit import inline_always
from sim.model import linked
from sim.model.mechanisms import SUBMODELS
from sim.model.submodel import Later, SocketEntry
from sim.utils.errors import InputError, nearest

# By socket: what it is given beside the value, and what the value is.
SOCKETS = {
    "warmth_between_humans": (
        ("two", "day"),
        "how warm the talk of two humans is, as a factor",
    ),
    "cooling_of_love": (
        ("need", "day"),
        "the rate (1/day) at which a human's love for an OS cools",
    ),
    "shown_need": (("i", "humans"), "what a human shows of its need for touch, 0..1"),
    "after_talk_with_os": (
        ("k", "agent", "hours", "work"),
        "the TieState of half-edge k, of an agent, after so many hours of talk",
    ),
    "unasked_love": (
        ("human", "humans", "day"),
        "a human's closeness to an OS whose love is declared and not returned",
    ),
    "farewell": (
        ("its_os", "faces", "day"),
        "the share of closeness that an OS's farewell lets people give up in a day",
    ),
    "mourned_of_farewell": (("day",), "the share of that which is mourned"),
    "turns_back": (
        ("i", "humans", "day"),
        "whether a human turns to somebody once close today",
    ),
    "stranger": (
        ("agent", "agents", "day"),
        "the human to whom an agent is introduced as a stranger",
    ),
    "author_read": (
        ("agent", "agents", "day"),
        "the author of a post that an OS reads when it looks around, or -1",
    ),
    "growth_rate_of_os": (("j", "oses", "day"), "the rate (1/day) of an OS's growth"),
    "hours_of_os": (("j", "agents"), "the hours that an OS can give on a day"),
}


def entries(socket: str) -> list[tuple[str, SocketEntry]]:
    """Return what enters a socket, in order, each with the name of its mechanism."""
    found = [
        (one.name, entry)
        for one in SUBMODELS
        for entry in one.entries
        if entry.socket == socket
    ]
    return sorted(found, key=lambda row: row[1].place)


def _written() -> tuple[str, dict[str, Any]]:
    """Return the source of sockets with none or several entries, and all others."""
    for one in SUBMODELS:
        for entry in one.entries:
            if entry.socket not in SOCKETS:
                hint = nearest(entry.socket, SOCKETS)
                raise InputError(f"{one.name}: no socket {entry.socket!r}{hint}")
    text, known = "", dict[str, Any]()
    for socket, (arguments, meaning) in SOCKETS.items():
        functions = dict[str, Any]()
        for of, entry in entries(socket):
            found = entry.function
            is_later = isinstance(found, Later)
            name = f"{of}_{found.__name__}"
            functions[name] = found.now() if is_later else found
        if len(functions) == 1:
            (known[socket],) = functions.values()
            continue
        known |= functions
        given = ", ".join(("value", *arguments))
        lines = "".join(f"    value = {name}({given})\n" for name in functions)
        text += f"\n\n@inline_always\ndef {socket}({given}):\n"
        text += f'    """Return {meaning}."""\n{lines}    return value\n'
    return text, known


linked.link()
SOURCE, _known = _written()
globals().update(_known, inline_always=inline_always)
exec(
    compile(
        SOURCE,
        __file__,
        "exec",
        __future__.annotations.compiler_flag,
        dont_inherit=True,
    ),
    globals(),
)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
