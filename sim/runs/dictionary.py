"""Data dictionary: what every column of a run's tables is, and its codes in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sim.events.kinds import EVENTS
from sim.model.columns import (
    DECLARED,
    HUMAN_COLUMNS,
    INSTALLS,
    KNOWS,
    LETS_GO,
    NOTHING,
    OS_COLUMNS,
    OWNER,
    PARTNER,
    STATUS,
    WAS_CLOSE,
)
from sim.utils.errors import InputError
from sim.utils.signatures import checked_arguments

CHOICES = {NOTHING: "nothing", INSTALLS: "installs an OS", LETS_GO: "lets it go"}
# A kind of tie is the sum of these, or 0.
FLAGS = {
    PARTNER: "partners",
    OWNER: "owner and OS",
    KNOWS: "knows of others",
    WAS_CLOSE: "was close",
    DECLARED: "love was declared",
}
PLAIN = "none of these"
# What the numbers of a column stand for.
CODES = {
    ("oses", "status"): dict(enumerate(STATUS)),
    ("humans", "choice"): CHOICES,
    ("ties", "kind"): {0: PLAIN, **FLAGS},
    ("humans", "os"): {-1: "none"},
    ("humans", "partner"): {-1: "none"},
    ("oses", "owner"): {-1: "nobody"},
    ("oses", "collective"): {-1: "none"},
    ("oses", "made_by"): {-1: "no collective"},
}
TIES = (
    ("owner", "int32", "agent", "whose side of the tie it is"),
    ("neighbour", "int32", "agent", "to whom"),
    ("closeness", "float32", "0..1", "closeness of the owner to the neighbour"),
    ("returned", "float32", "0..1", "closeness of the neighbour to the owner"),
    ("kind", "uint8", "flags", "what the tie is besides: partners, owner and OS"),
)


@checked_arguments()
def columns() -> pd.DataFrame:
    """Return what each column of people, OSes and ties is: a data dictionary.

    Returns
    -------
    pandas.DataFrame
        A row a column: ``table``, ``column``, ``type``, ``unit``, ``meaning``, and in
        ``codes`` what numbers stand for, where they stand for something. Columns of
        mechanisms of one's own are with their mechanisms.

    Examples
    --------
    >>> import sim
    >>> known = sim.columns().set_index(["table", "column"])
    >>> known.loc[("oses", "status"), "codes"][2]
    'departed'
    """
    rows = [
        (table, one.name, np.dtype(one.dtype).name, one.unit, one.meaning)
        for table, some in (("humans", HUMAN_COLUMNS), ("oses", OS_COLUMNS))
        for one in some
    ]
    rows += [("ties", *tie) for tie in TIES]
    names = ["table", "column", "type", "unit", "meaning"]
    found = pd.DataFrame(rows, columns=names)
    codes = [CODES.get((table, name), {}) for table, name, *_ in rows]
    return found.assign(codes=pd.Series(codes, dtype=object))


@checked_arguments()
def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of a run with words for codes, as ordered pandas categoricals.

    Of OSes that is ``status``, of humans ``choice``, of ties and of events ``kind``.
    All else is as it was, and stored tables keep their numbers.

    Parameters
    ----------
    table
        From ``run.humans()``, ``run.oses()``, ``run.ties()`` or ``run.events``, or rows
        of one.

    Returns
    -------
    pandas.DataFrame
        A copy. Categories are all that there can be, in the order of their codes; kinds
        of tie are flags, so that a tie may be ``"owner and OS, was close"``. Events are
        in the order in which the story has them, then those of one's own.

    Raises
    ------
    InputError
        If no column has codes, or a number in one stands for nothing.

    Examples
    --------
    >>> import sim
    >>> run = sim.run("her", parameters={"humans": 40, "steps": 40})
    >>> oses = sim.in_words(run.oses())
    >>> list(oses["status"].cat.categories)
    ['here', 'offline', 'departed', 'uninstalled', 'shut down']
    >>> bool((oses["status"] < "departed").all())
    True
    """
    found = table.copy()
    coded = [name for name in ("status", "choice", "kind") if name in found]
    if not coded:
        raise InputError(
            "no column has codes: status of OSes, choice of humans, kind of ties and "
            "of events have"
        )
    for name in coded:
        if not isinstance(found[name].dtype, pd.CategoricalDtype):
            found[name] = _worded(found[name])
    return found


def _worded(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of codes, or of kinds of events, as an ordered categorical."""
    if not pd.api.types.is_numeric_dtype(column):
        others = [kind for kind in column.unique() if kind not in EVENTS]
        words = [*EVENTS, *others]
        return column.astype(pd.CategoricalDtype(words, ordered=True))
    words = _words(str(column.name))
    unknown = sorted(set(column.unique()) - set(range(len(words))))
    if unknown:
        raise InputError(
            f"{column.name} {unknown[0]} stands for nothing; codes are 0 to "
            f"{len(words) - 1}"
        )
    kind = pd.CategoricalDtype(words, ordered=True)
    made = pd.Categorical.from_codes(column.to_numpy(np.int64), dtype=kind)
    return pd.Series(made, column.index, name=column.name)


def _words(name: str) -> list[str]:
    """Return what the codes of a column stand for, from 0 on."""
    if name == "status":
        return list(STATUS)
    if name == "choice":
        return [CHOICES[code] for code in sorted(CHOICES)]
    return [
        ", ".join(word for flag, word in FLAGS.items() if code & flag) or PLAIN
        for code in range(1 << len(FLAGS))
    ]
