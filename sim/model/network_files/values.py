"""Values of people as text: whether they are numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def inferred(fields: Sequence[str | None]) -> list[Any]:
    """Return the numbers in the fields of a column if all hold one; else the texts.

    An empty field is None. Digits after a zero, as in 01234, are a code, no number.
    """
    found: list[Any] = []
    for field in fields:
        text = (field or "").strip()
        if not text:
            found.append(None)
            continue
        bare = text.lstrip("+-")
        is_code = len(bare) > 1 and bare[0] == "0" and bare[1].isdigit()
        try:
            value = float("nan") if is_code or "_" in text else float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            return [(one or "").strip() or None for one in fields]
        found.append(int(text) if bare.isdecimal() else value)
    return found
