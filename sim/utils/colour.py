"""Colour in a terminal: where one has it, and nobody asks for none.

``NO_COLOR`` (any text) takes it away, ``FORCE_COLOR`` gives it to files and pipes, too;
a terminal called ``dumb`` has none. Both variables mean here what they mean elsewhere
(no-color.org, force-color.org).
"""

from __future__ import annotations

import os
import sys
from typing import Any

STYLES = {"strong": "1", "good": "32", "bad": "1;31"}
# What a terminal of Windows that knows colours sets.
_ON_WINDOWS = ("WT_SESSION", "ANSICON", "ConEmuANSI", "TERM")


def has_colour(stream: Any) -> bool:
    """Tell whether what is written to a stream may be coloured.

    Parameters
    ----------
    stream
        A stream of text, or None, which has no colour.
    """
    if stream is None or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    names = _ON_WINDOWS if sys.platform == "win32" else ("TERM",)
    return any(name in os.environ for name in names)


def painted(text: str, style: str, stream: Any = None) -> str:
    """Return a text as a terminal shows it in a style.

    Parameters
    ----------
    text
        What is legible already: see ``sim.utils.errors.legible``.
    style
        One of ``STYLES``.
    stream
        Where it is to be written; None is standard output.
    """
    if not text or not has_colour(sys.stdout if stream is None else stream):
        return text
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"
