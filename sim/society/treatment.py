"""Treatment: who is acted on by an intervention on some people only, and how.

Who was is a column of people, ``treated_`` and the intervention's name, from its first
day on and for good: so outcomes can be compared between the treated and the others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from sim.engine.rng import draws_of, key
from sim.engine.table import Column, Table
from sim.model.columns import HUMAN_COLUMNS
from sim.model.network_files.people import TRAITS
from sim.scenarios.interventions import Intervention
from sim.scenarios.who import COMPARISONS, Where, parsed
from sim.utils.errors import InputError, nearest
from sim.utils.typing import Array

PREFIX = "treated_"
_LONGEST = 40  # letters of a name


def column_of(one: Intervention) -> str:
    """Return the column of who was treated by an intervention."""
    word = re.sub("[^a-z0-9]+", "_", one.name.lower()).strip("_")
    return f"{PREFIX}{word[:_LONGEST]}"


def columns_for(declared: Sequence[Intervention]) -> tuple[Column, ...]:
    """Return the columns of humans that interventions on some people need.

    Raises
    ------
    InputError
        If two that may be on different people have one column, or a name makes none.
    """
    known: dict[str, Intervention] = {}
    for one in declared:
        if one.who is None:
            continue
        name = column_of(one)
        if name == PREFIX:
            raise InputError(
                f"{one.name}: who is treated is a column named after the intervention; "
                "name it by letters a to z, or digits"
            )
        other = known.setdefault(name, one)
        if other is not one and (
            (other.name, other.who) != (one.name, one.who) or one.who.share is None
        ):
            raise InputError(
                f"{one.name}: it may act on other people than {other.name!r}, and "
                f"{name!r} would be the column of both; name them apart"
            )
    return tuple(Column(name, "u1", "flag", "was treated") for name in known)


def check(
    declared: Sequence[Intervention],
    own: Sequence[Column],
    humans: Table,
    people: Mapping[str, Array],
) -> None:
    """Raise InputError unless interventions find and write columns that there are.

    Parameters
    ----------
    declared
        The interventions.
    own
        Columns of humans that mechanisms add.
    humans, people
        The people, and what a network says of them besides.
    """
    settable = {c.name: c for c in HUMAN_COLUMNS if c.name in TRAITS}
    settable |= {c.name: c for c in own}
    for one in declared:
        for name, value in one.columns.items():
            _check_written(one, name, value, settable)
        who = one.who
        if who is None:
            continue
        if column_of(one) in {*people, *(column.name for column in own)}:
            raise InputError(
                f"{one.name}: there is a column {column_of(one)!r} already"
            )
        if who.where is not None:
            _holds(one, parsed(who.where), humans, people)
        if who.column is None:
            continue
        if _found(one, who.column, humans, people).dtype == object:
            what = "holds words; say where = 'COLUMN == WORD'"
            raise InputError(f"{one.name}: {who.column!r} {what}")


def _check_written(
    one: Intervention, name: str, value: float, settable: Mapping[str, Column]
) -> None:
    if name not in settable:
        hint = nearest(name, settable) or f"; there are {', '.join(settable)}"
        raise InputError(f"{one.name}: no column {name!r} of people to write{hint}")
    column = settable[name]
    if not np.isfinite(value):
        raise InputError(f"{one.name}: {name!r} takes finite numbers, not {value:g}")
    low, high = -np.inf, np.inf
    if not column.dtype.startswith("f"):
        low, high = np.iinfo(column.dtype).min, np.iinfo(column.dtype).max
        if not float(value).is_integer():
            raise InputError(f"{one.name}: {name!r} takes whole numbers, not {value:g}")
    if column.unit == "0..1":
        low, high = 0.0, 1.0
    if not low <= value <= high:
        span = f"{low:g} to {high:g}"
        raise InputError(f"{one.name}: {name!r} is within {span}, not {value:g}")


def _found(
    one: Intervention, name: str, humans: Table, people: Mapping[str, Array]
) -> Array:
    """Return a column of people, of the model or of what a network says."""
    if name in humans.columns:
        return humans.column(name)
    if name in people:
        return people[name]
    hint = nearest(name, [*humans.columns, *people])
    raise InputError(f"{one.name}: people have no column {name!r}{hint}")


def _holds(
    one: Intervention, where: Where, humans: Table, people: Mapping[str, Array]
) -> Array:
    column = _found(one, where.column, humans, people)
    if (column.dtype == object) != isinstance(where.value, str):
        held = "words" if column.dtype == object else "numbers"
        raise InputError(f"{one.name}: {where.column!r} holds {held}: {one.who}")
    return np.asarray(COMPARISONS[where.sign](column, where.value), bool)


def chosen(
    one: Intervention,
    humans: Table,
    people: Mapping[str, Array],
    communities: Array,
    seed: int,
) -> Array:
    """Return who an intervention is on today, bool[humans].

    Parameters
    ----------
    one
        The intervention.
    humans, people
        The people, and what a network says of them besides.
    communities
        The label of the community of each agent at the last weekly reading.
    seed
        Of the society.
    """
    who = one.who
    if who is None:
        return np.ones(humans.n, bool)
    if who.share is not None:
        luck = draws_of(key(seed, _stream(one.name)), np.arange(humans.n), 0)
        found = np.zeros(humans.n, bool)
        order = np.argsort(luck, kind="stable")
        found[order[: round(who.share * humans.n)]] = True
        return found
    if who.where is not None:
        return _holds(one, parsed(who.where), humans, people)
    if who.column is not None:
        column = _found(one, who.column, humans, people)
        return np.asarray((column != 0) & (column == column), bool)
    return _in_community(int(who.community or 0), communities, humans.n)


def _stream(name: str) -> int:
    """Return the number of an intervention's random stream: that of no other."""
    known = hashlib.sha256(f"who\0\0{name}".encode()).digest()
    return 2**62 + int.from_bytes(known[:8], "little") % 2**62


def _in_community(rank: int, communities: Array, people: int) -> Array:
    """Return who is in the community that is the ``rank``-th by its humans."""
    label = communities[:people]
    found = np.zeros(people, bool)
    labels, first, size = np.unique(label, return_index=True, return_counts=True)
    order = np.lexsort((first, -size))
    if len(order) >= rank and size[order[rank - 1]] > 1:
        found[: len(label)] = label == labels[order[rank - 1]]
    return found


def begin(
    one: Intervention,
    humans: Table,
    people: Mapping[str, Array],
    communities: Array,
    seed: int,
) -> str:
    """Mark who is treated from today on, and write their columns.

    Parameters
    ----------
    one, humans, people, communities, seed
        As for ``chosen``.

    Returns
    -------
    str
        What is done, and for how many.
    """
    rows = chosen(one, humans, people, communities, seed)
    if one.who is not None:
        humans.column(column_of(one))[rows] = 1
    for name, value in one.columns.items():
        humans.column(name)[rows] = value
    what = str({**one.set, **one.columns})
    if one.who is None:
        return what
    return f"{what} for {int(rows.sum()):,} of {humans.n:,} people"
