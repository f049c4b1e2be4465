"""Numbers and curves as words: for table cells and alternative texts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

NONE = "none"


def number(value: Any) -> str:
    """Return a number to about three digits; what is no number is none."""
    if isinstance(value, bool):
        return "on" if value else "off"
    found = float(value)
    if not math.isfinite(found):
        return NONE if math.isnan(found) else str(found)
    if found == round(found) or abs(found) >= 1000.0:
        return f"{found:,.0f}"
    return f"{found:.3g}"


def exact(value: Any) -> str:
    """Return a value of a parameter with all of its digits."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == round(value) else _positional(value)


def _positional(value: float) -> str:
    return str(np.format_float_positional(value, trim="-"))


def per_cent(share: float) -> str:
    """Return a share, 0..1, in per cent."""
    return f"{number(round(100.0 * share, 1))} %"


def counted(count: float, one: str, many: str = "") -> str:
    """Return how many there are: ``1 day``, ``2 days``, ``1,000 OSes``."""
    plural = many or (f"{one}es" if one.endswith("S") else f"{one}s")
    return f"{count:,.0f} {one if count == 1 else plural}"


def listed(names: list[str]) -> str:
    """Return names in a row, as a sentence has them."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def size(count: int) -> str:
    """Return a number of bytes in kilobytes or megabytes."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def sentence(text: str) -> str:
    """Return words as a sentence: a capital first, a full stop last."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def course(values: pd.Series[Any], what: str, unit: str = "") -> str:
    """Return how a curve runs, in a sentence.

    Parameters
    ----------
    values
        By day, in order; days without a value are left out.
    what, unit
        What the curve is of, and its unit.
    """
    known = values.dropna()
    after = f" {unit}" if unit else ""
    if known.empty:
        return f"{sentence(what)[:-1]}: nothing was measured."
    first, last = float(known.iloc[0]), float(known.iloc[-1])
    low, high = float(known.min()), float(known.max())
    if number(low) == number(high):
        return sentence(f"{what} stays at {number(first)}{after}")
    text = f"{what} goes from {number(first)} to {number(last)}{after}"
    if number(high) not in (number(first), number(last)):
        text += f", with the most, {number(high)}, on day {_day(known, high):,}"
    if number(low) not in (number(first), number(last)):
        text += f", the least, {number(low)}, on day {_day(known, low):,}"
    return sentence(text)


def _day(values: pd.Series[Any], wanted: float) -> int:
    return int(values.index[int((values == wanted).to_numpy().argmax())])
