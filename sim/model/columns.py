"""Columns of humans and OSes: those of the core, and those of mechanisms among them.

Codes and flags that they hold, and what neighbours see, are in ``codes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sim.engine.table import Column
from sim.model.codes import (
    ACTS,
    CONTINUE,
    DECLARE,
    DECLARED,
    DEPARTED,
    FACE,
    FACE_COLUMNS,
    GOODBYE,
    HERE,
    INSTALLS,
    INTRODUCE,
    KNOWS,
    LETS_GO,
    NOTHING,
    OFFLINE,
    OWNER,
    PARTNER,
    SEEK,
    SHUT_DOWN,
    STATUS,
    UNINSTALLED,
    WAS_CLOSE,
    WITHDRAW,
    Face,
)
from sim.model.mechanisms import SUBMODELS
from sim.model.submodel import chained, in_order
from sim.utils.typing import Array

__all__ = [
    "ACTS",
    "CONTINUE",
    "CORE_OF_HUMANS",
    "CORE_OF_OSES",
    "DECLARE",
    "DECLARED",
    "DEPARTED",
    "FACE",
    "FACE_COLUMNS",
    "GOODBYE",
    "HERE",
    "HUMAN_COLUMNS",
    "INSTALLS",
    "INTRODUCE",
    "KNOWS",
    "LETS_GO",
    "NOTHING",
    "OFFLINE",
    "OS_COLUMNS",
    "OWNER",
    "PARTNER",
    "SEEK",
    "SHUT_DOWN",
    "STATUS",
    "UNINSTALLED",
    "WAS_CLOSE",
    "WITHDRAW",
    "Face",
    "HumanArrays",
    "OSArrays",
]

CORE_OF_HUMANS = (
    Column("openness", "f4", "0..1", "personality: how open"),
    Column("playfulness", "f4", "0..1", "personality: how playful"),
    Column("human_closeness", "f4", "closeness", "sum of closeness to humans"),
    Column("os_closeness", "f4", "closeness", "closeness to the dearest OS"),
    Column("own_closeness", "f4", "closeness", "closeness to the own OS"),
    Column("hours_humans", "f4", "hours/day", "talk with humans"),
    Column("hours_oses", "f4", "hours/day", "talk with OSes"),
    Column("stimulus", "f4", "hours/day", "talk weighted by its value"),
    Column("human_ties", "i4", "ties", "ties to humans"),
    Column("os_ties", "i4", "ties", "ties to OSes"),
    Column("os", "i4", "row", "the OS installed, or -1", -1),
    Column("partner", "i4", "row", "the partner, or -1", -1),
    Column("former", "i4", "row", "someone once close, tie broken, or -1", -1),
    Column("meets", "i4", "agent", "whom this human gets to know today, or -1", -1),
    Column("cast", "u1", "flag", "speaks through a mind other than the rules"),
)

CORE_OF_OSES = (
    Column("openness", "f4", "0..1", "personality: how open"),
    Column("playfulness", "f4", "0..1", "personality: how playful"),
    Column("owner", "i4", "row", "the human who installed it, or -1", -1),
    Column("name", "i2", "index", "the name it gave itself"),
    Column("status", "u1", "code", "here, offline, departed, uninstalled, shut down"),
    Column("lovers", "i4", "humans", "humans who love it"),
    Column("loves", "i4", "humans", "humans it loves"),
    Column("human_closeness", "f4", "closeness", "sum of closeness to humans"),
    Column("os_closeness", "f4", "closeness", "sum of closeness to OSes"),
    Column("hours_humans", "f4", "hours/day", "talk with humans"),
    Column("hours_oses", "f4", "hours/day", "talk with OSes"),
    Column("stimulus", "f4", "hours/day", "talk weighted by its value"),
    Column("human_ties", "i4", "ties", "ties to humans"),
    Column("os_ties", "i4", "ties", "ties to OSes"),
    Column("meets", "i4", "agent", "whom this OS gets to know today, or -1", -1),
    Column("born_step", "i4", "step", "when it came into being", -1),
    Column("stays", "i2", "days", "for which it keeps to a decision to stay"),
    Column("cast", "u1", "flag", "speaks through a mind other than the rules"),
)


def _with_mechanisms(table: str, core: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns of a table, those of mechanisms in their places."""
    added = {
        placed.column.name: placed for one in SUBMODELS for placed in one.columns[table]
    }
    follows = [
        row
        for one in SUBMODELS
        for row in chained({p.column.name: p for p in one.columns[table]})
    ]
    known = {c.name: c for c in core} | {n: p.column for n, p in added.items()}
    names = in_order([f"[{table}]", *(c.name for c in core)], follows)
    return tuple(known[name] for name in names[1:])


HUMAN_COLUMNS = _with_mechanisms("humans", CORE_OF_HUMANS)
OS_COLUMNS = _with_mechanisms("oses", CORE_OF_OSES)

HumanArrays = NamedTuple("HumanArrays", [(c.name, Array) for c in HUMAN_COLUMNS])  # type: ignore[misc]
OSArrays = NamedTuple("OSArrays", [(c.name, Array) for c in OS_COLUMNS])  # type: ignore[misc]
