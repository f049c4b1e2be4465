"""Data dictionary: what every column of a run's tables is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.model.columns import HUMAN_COLUMNS, OS_COLUMNS, STATUS
from sim.utils.signatures import checked_arguments

# What the numbers of a column stand for.
CODES = {
    ("oses", "status"): dict(enumerate(STATUS)),
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
