"""How close the people of a network file are, by a column or attribute of its ties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sim.model.network_files.network_file import (
    NONE,
    Array,
    Edges,
    Found,
    NetworkFile,
    key_of,
    listed,
    quoted,
)
from sim.utils.errors import InputError, nearest

# Names under which closeness is looked for, the first that is there. Only the first of
# them promises values of 0 to 1.
MEASURES = ("closeness", "weight", "strength", "tiestrength", "edgeweight")
_WAYS = (
    "scale it (--closeness-from {name} --scale max, minmax, rank or log) or leave it "
    "out (--closeness-from none)"
)


def number_of(where: str, name: str, field: str, decimal: str = ".") -> float:
    """Return the number in a field; InputError says where there is none."""
    try:
        value = float(field.replace(",", ".") if decimal == "," else field)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(
            f"{where}: {name} {quoted(field)} is no number; give one on every tie, or "
            "leave the column out (--closeness-from none)"
        )
    return value


# What says that two people are partners, and that they are not.
_YES, _NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")
PARTNERS = "partner"  # the column or attribute that says so


def partner_of(where: str, field: Any) -> int:
    """Return 1 if a field says that two people are partners, 0 if not, -1 if nothing.

    Raises
    ------
    InputError
        If it says anything else.
    """
    text = "" if field is None else str(field).strip().lower()
    if text in ("", *_YES, *_NO):
        return -1 if not text else int(text in _YES)
    raise InputError(
        f"{where}: partner is {quoted(str(field))}; give true or false (or 1 or 0), or "
        "call it otherwise"
    )


def measure_in(
    network: NetworkFile, names: list[str], others: tuple[str, ...] = ()
) -> int | None:
    """Return which of some columns or attributes of ties is closeness, if one is.

    Raises
    ------
    InputError
        If the one that is asked for is not there.
    """
    keys = [key_of(name) for name in names]
    asked = network.closeness_from
    if asked == NONE:
        return None
    if asked is None:
        found = (keys.index(key) for key in MEASURES if key in keys)
        return next(found, None)
    if asked in names:
        return names.index(asked)
    if key_of(asked) in keys:
        return keys.index(key_of(asked))
    if asked.isdecimal() and 1 <= int(asked) <= len(names):
        return int(asked) - 1
    if key_of(asked) in map(key_of, others):
        raise InputError(f"{network.path}: {asked!r} of ties is no number")
    have = (
        f"they have {listed(map(quoted, names))}" if names else "they have no numbers"
    )
    guess = nearest(asked, names)
    raise InputError(f"{network.path}: ties have no {asked!r}; {have}{guess}")


def settled(network: NetworkFile, found: Found) -> Edges:
    """Say how close people are, and what of the file is used.

    Raises
    ------
    InputError
        If closeness that is asked for, or promised by its name, is not on every tie or
        not within 0 to 1.
    """
    names = [name for name, values in found.weights.items() if not _is_void(values)]
    if found.positional and names:
        at = None if network.closeness_from == NONE else 0
    else:
        at = measure_in(network, names, found.unused)
    closeness, notes = None, []
    if at is not None:
        closeness, note = _measured(network, found, names[at])
        notes.append(note)
    elif network.scale not in (None, NONE):
        raise InputError(
            f"{network.path}: no weight to scale; say --closeness-from COLUMN"
        )
    rest = [name for n, name in enumerate(names) if n != at]
    rest += [name for name in found.unused if name not in rest]
    if rest:
        notes.append(f"not used: {listed(map(_plain, rest))}")
        first = next(iter([*names, *found.numeric]), None)
        if at is None and first and network.closeness_from is None:
            option = f"--closeness-from {_plain(first)}"
            notes[-1] += f" ({option}, if it says how close people are)"
    return Edges(
        found.names, found.ends, closeness, found.how, (*notes, *found.notes),
        found.partner, found.known,
    )  # fmt: skip


def _is_void(values: Array) -> bool:
    return len(values) > 0 and bool(np.isnan(values).all())


def _plain(name: str) -> str:
    return quoted(name)[1:-1]


def _measured(
    network: NetworkFile, found: Found, name: str
) -> tuple[Array | None, str]:
    """Return closeness from one column, if it can be, and what to say of it."""
    values = found.weights[name]
    shown = f"column {name}" if found.positional else _plain(name)
    called = "closeness" if found.positional else shown
    asked = network.closeness_from is not None or network.scale is not None
    promised = asked or found.positional or key_of(name) == MEASURES[0]
    missing = np.isnan(values)
    scale = network.scale if network.scale != NONE else None
    outside = ~missing & ~((values >= 0) & (values <= 1))
    if promised and outside.any() and not scale:
        bad = int(np.argmax(outside))
        raise InputError(
            f"{_where(network.path, found, bad)}: {called} {values[bad]:g} is not "
            f"within 0 to 1; {_WAYS.format(name=name)}"
        )
    if promised and missing.any():
        raise InputError(
            f"{_where(network.path, found, int(np.argmax(missing)))}: an edge without "
            f"{called}; give it on every edge or on none, or leave it out "
            "(--closeness-from none)"
        )
    if scale:
        return scaled(network, shown, values), f"closeness from {shown}, scale {scale}"
    if missing.any():
        count = f"{np.count_nonzero(missing):,} of {len(values):,} ties have none"
        return None, f"{shown} not used: {count}"
    if outside.any():
        span = f"its values are {values.min():g} to {values.max():g}"
        return None, f"{shown} not used: {span}; {_WAYS.format(name=name)}"
    ones = len(values) > 0 and bool((values == 1).all())
    if ones and not asked and key_of(name) != MEASURES[0]:
        return None, f"{shown} not used: it is 1 on every tie"
    return values, f"closeness from {shown}"


def _where(path: str | Path, found: Found, tie: int) -> str:
    if found.lines is None:
        return f"{path}, tie {tie + 1}"
    return f"{path}, line {found.lines[tie]}"


def scaled(network: NetworkFile, shown: str, values: Array) -> Array:
    """Return values as closeness, 0..1, by the scale that is asked for.

    Raises
    ------
    InputError
        If the scale does not fit them.
    """
    if not len(values):
        return values
    low, high = float(values.min()), float(values.max())
    if network.scale in ("max", "log") and (low < 0 or high <= 0):
        raise InputError(
            f"{network.path}: {shown} goes from {low:g} to {high:g}, and scale "
            f"{network.scale} takes numbers from 0; use minmax or rank"
        )
    if network.scale == "max":
        return values / high
    if network.scale == "log":
        return np.asarray(np.log1p(values) / np.log1p(high))
    if network.scale == "rank":
        order = np.sort(values)
        no_closer = np.searchsorted(order, values, side="right")
        return np.asarray(no_closer / len(values))
    if low == high:
        raise InputError(
            f"{network.path}: {shown} is {low:g} on every tie, and scale minmax takes "
            "numbers that differ"
        )
    return (values - low) / (high - low)
