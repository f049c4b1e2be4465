"""Errors that a user can act on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

LONGEST = 2000  # letters of a message
# Control characters but tabs and line feeds, halves of characters, and what turns the
# direction of writing. Joiners stay: emoji are made with them.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class InputError(ValueError):
    """Something given from outside is wrong: says what, where, and what to do.

    The command line prints its text as one line and exits with code 2. What it quotes
    may be untrusted: letters that are not for reading are spelled out, so that
    no terminal obeys them, and the middle of a long text is left out.
    """

    def __init__(self, text: object = "") -> None:
        super().__init__(_one_line(str(text)))


def _one_line(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 3 // 4]} [...] {text[-LONGEST // 5 :]}"
    text = " ".join(text.splitlines())
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def writable(text: str) -> str:
    """Return text that any file of UTF-8 can hold: bytes of a path that is none in hex.

    Python has half a character for each byte of a path that is not UTF-8.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def legible(text: str) -> str:
    """Return text with what a terminal would obey, not show, spelled out."""
    return _OBEYED.sub(lambda found: ascii(found.group())[1:-1], text)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean X?"`` for the known word nearest to ``word``, or ''."""
    close = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
