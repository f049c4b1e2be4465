"""Errors that a user can act on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from sim.utils.synonyms import SYNONYMS

SHORTEST = 3  # letters of a beginning that may stand for a word
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
    meant = closest(word, known)
    return f"; did you mean {meant!r}?" if meant else ""


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or ''.

    That is one that differs in case and dashes only, a synonym, the only one that
    begins so, or the nearest by its letters.

    Examples
    --------
    >>> closest("Growth-Exponent", ["growth", "growth_exponent"])
    'growth_exponent'
    >>> closest("days", ["seed", "steps"])
    'steps'
    """
    names = {_plain(one): one for one in known}
    plain = _plain(word[:100])
    said = [plain, *SYNONYMS.get(plain, ())]
    found = [one for one in said if one in names]
    if not found and len(plain) >= SHORTEST:
        begun = [one for one in names if one.startswith(plain)]
        found = begun if len(begun) == 1 else []
    found = found or difflib.get_close_matches(plain, list(names), n=1, cutoff=0.5)
    return names[found[0]] if found else ""


def _plain(word: str) -> str:
    return word.strip().lstrip("-").replace("-", "_").casefold()
