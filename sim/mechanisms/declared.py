"""Checks of what a mechanism declares: names, columns, tables and their rows."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sim.engine.table import Column
from sim.model.columns import HUMAN_COLUMNS, OS_COLUMNS
from sim.model.presence import PEOPLE_COLUMNS
from sim.utils.errors import InputError, nearest

TABLES = ("humans", "oses")
OVER = (*TABLES, "agents", "ties", "society")
TIE_COLUMNS = ("neighbour", "closeness", "returned", "kind", "start", "degree")
TYPES = ("f4", "f8", "i4", "i8", "u1")
SHIPPED: dict[str, dict[str, Column]] = {
    "humans": {column.name: column for column in HUMAN_COLUMNS},
    "oses": {column.name: column for column in OS_COLUMNS},
    "ties": {name: Column(name, "", "", "") for name in TIE_COLUMNS},
}
# Words that mean something else where names of columns stand, too.
TAKEN_COLUMNS = {
    *("row", "number", "model", "table", "table_name", "columns", "column", "arrays"),
    *("n", "append", "nbytes", "copy_columns", "kind", "agent", "ties", "pos", "who"),
    *("unique_id", "is_living", "remove", "own_os", "companion", "owned_by", "label"),
    *("status_name", "full_name", "id", "step", "at", "random", "advance", "profile"),
    *("shutdown_request", "parting_request", "partner_request"),
    *(column.name for column in PEOPLE_COLUMNS),
}
TAKEN_TIES = {
    *(*TIE_COLUMNS, "room", "owner", "source", "target", "weight", "flags", "tie"),
    *("first_step", "last_step", "closest"),
}
# Words that mean something else where names of tables stand, too.
TAKEN_TABLES = {
    *(*OVER, "faces", "decisions", "letters", "day", "my", "add", "series", "events"),
    *("readings", "memories", "talks", "calls", "people", "friends", "circles"),
    *("society", "snapshots", "checkpoints", "mechanisms", "graph", "steps"),
}
MOST_ROWS = 50_000_000
# Columns that are there if a process uses them, by full name; see ``requests``.
SHUTDOWN, PARTING = "oses.shutdown_request", "humans.parting_request"
PARTNER_WANTED = "humans.partner_request"
REQUESTS: dict[str, Column] = {
    SHUTDOWN: Column("shutdown_request", "u1", "flag", "asked to be shut down"),
    PARTING: Column(
        "parting_request", "u1", "code", "parts from the partner: 1; and the tie: 2"
    ),
    PARTNER_WANTED: Column(
        "partner_request", "i4", "row", "whom it would be a couple with, or -1", -1
    ),
}
# Columns of humans that are there if a mechanism lets people come or go.
PEOPLE = {f"humans.{column.name}": column for column in PEOPLE_COLUMNS}


def check_name(what: str, name: object, taken: Collection[str]) -> None:
    """Raise InputError unless a name can be one, and is not taken."""
    if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9_]{0,39}", name):
        raise InputError(
            f"{what} {name!r}: a name is of lower-case letters, digits and _, at most "
            "40, and begins with a letter"
        )
    if name in taken or keyword.iskeyword(name) or name.startswith("key_"):
        raise InputError(f"{what} {name!r}: the name is taken; choose another")


def checked_columns(
    of: str, given: Mapping[str, Sequence[Column]]
) -> dict[str, tuple[Column, ...]]:
    """Return the columns that a mechanism adds to humans, OSes and ties.

    Raises
    ------
    InputError
        If one cannot be.
    """
    for table in given:
        if table not in SHIPPED:
            hint = nearest(str(table), SHIPPED) or (
                "; columns are of humans, of oses or of ties, those of other kinds of "
                "agents stand in tables="
            )
            raise InputError(f"{of}: columns of {table!r}{hint}")
    of_agents = TAKEN_COLUMNS | SHIPPED["humans"].keys() | SHIPPED["oses"].keys()
    for table, columns in given.items():
        taken = TAKEN_COLUMNS | TAKEN_TIES if table == "ties" else of_agents
        _check_columns(of, table, columns, taken)
    return {table: tuple(given.get(table, ())) for table in SHIPPED}


def checked_tables(
    of: str, given: Mapping[str, Sequence[Column]]
) -> dict[str, tuple[Column, ...]]:
    """Return the columns of the tables of a mechanism, by name of the table.

    Raises
    ------
    InputError
        If a name is taken, or a column cannot be.
    """
    for table, columns in given.items():
        check_name(f"{of}: table", table, TAKEN_TABLES)
        if not columns:
            raise InputError(f"{of}: the table {table!r} has no columns")
        _check_columns(of, table, columns, TAKEN_COLUMNS)
    return {table: tuple(columns) for table, columns in given.items()}


def _check_columns(
    of: str, table: str, columns: Sequence[Column], taken: Collection[str]
) -> None:
    for column in columns:
        if not isinstance(column, Column):
            what = "sim.mechanisms.Column(name, type, unit, meaning)"
            raise InputError(f"{of}: a column of {table} is a {what}")
        check_name(f"{of}: column", column.name, taken)
        if column.dtype not in TYPES:
            known = ", ".join(TYPES)
            text = f"column {column.name!r} is of {known}, not {column.dtype!r}"
            raise InputError(f"{of}: {text}")
    if len({column.name for column in columns}) < len(columns):
        raise InputError(f"{of}: two columns of {table} have one name")


def checked_rows(
    of: str, given: Mapping[str, int | str], tables: Collection[str], whole: Any
) -> dict[str, int | str]:
    """Return how many rows tables have on day 0: numbers, or names of parameters.

    Parameters
    ----------
    of, given
        The mechanism, and what it declares.
    tables
        Names of its tables. Rows of humans are kept for people to come.
    whole
        Names of its parameters that are whole numbers.

    Raises
    ------
    InputError
        If there is no such table or parameter, or a number cannot be one of rows.
    """
    for table, rows in given.items():
        if table not in tables and table != "humans":
            hint = nearest(str(table), tables) or "; it is declared in tables="
            raise InputError(f"{of}: rows of {table!r}{hint}")
        if isinstance(rows, str):
            if rows not in whole:
                text = "is no whole parameter of the mechanism"
                raise InputError(f"{of}: rows of {table!r}: {rows!r} {text}")
        elif type(rows) is not int or not 0 <= rows <= MOST_ROWS:
            text = f"a table has 0 to {MOST_ROWS:,} rows, not {rows!r}"
            raise InputError(f"{of}: rows of {table!r}: {text}")
    return dict(given)


def added(
    of: str, over: str, writes: Sequence[str], tables: Collection[str]
) -> tuple[str, ...]:
    """Return the tables to which a process may add rows, as ``"new companies"`` says.

    Raises
    ------
    InputError
        If there is no such table, or the process is not over the society.
    """
    found = []
    for one in writes:
        word, _, table = str(one).partition(" ")
        if word != "new" or not table:
            continue
        if table not in tables:
            hint = nearest(table, tables) or "; it is declared in tables="
            raise InputError(f"{of}: no own table {table!r}{hint}")
        if over != "society":
            text = f"only a process over 'society' adds rows to {table}"
            raise InputError(f"{of}: {text}")
        found.append(table)
    return tuple(dict.fromkeys(found))
