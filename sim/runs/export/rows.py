"""Relationships as rows of plain values, part by part.

A run may hold more ties than fit into memory as objects: whoever writes them for
another program asks for some agents and their ties at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sim.model.columns import DECLARED, KNOWS, OWNER, PARTNER, STATUS, WAS_CLOSE
from sim.model.presence import LIFE, TO_COME
from sim.runs.headcount import comes_and_goes
from sim.runs.result import Result
from sim.utils.names import os_name

AGENTS = 2**15  # of whom ties are read at once
KINDS = ("human", "OS")
FLAGS = {
    PARTNER: "partner",
    OWNER: "owner",
    KNOWS: "knows",
    WAS_CLOSE: "was close",
    DECLARED: "declared",
}
WORDS = (STATUS[0], *LIFE[1:])  # for humans where people come and go
TIES = ("human and human", "human and OS", "OS and OS")
TYPES = {"b": bool, "i": int, "u": int, "f": float, "O": str}


class Rows(NamedTuple):
    """Some agents or ties, and what is known of each.

    ``names`` holds their number, or those of their two ends; columns hold plain values,
    None where nothing is known.
    """

    names: list[tuple[int, ...]]
    columns: Mapping[str, list[Any]]


# ---------------------------------------------------------------------------- agents


def agent_rows(
    result: Result,
    step: int | None = None,
    kinds: Iterable[str] = KINDS,
    *,
    everybody: bool = False,
) -> Iterator[pd.DataFrame]:
    """Yield humans, then OSes of a snapshot day, by agent number, some at a time.

    Of humans, not those who are still to come, unless ``everybody`` is. With their
    ``label`` and ``condition`` in words, and ``kind``: "human" or "OS".
    """
    for kind in kinds:
        table = result.humans(step) if kind == "human" else result.oses(step)
        if comes_and_goes(table) and not everybody:
            table = table[table["life"] != TO_COME]
        for first in range(0, max(len(table), 1), AGENTS):
            part = table.iloc[first : first + AGENTS]
            called = _labels(part, kind, result.labels)
            known = {"kind": kind, "label": called, "condition": STATUS[0]}
            if kind == "OS":
                known["condition"] = [STATUS[code] for code in part["status"].tolist()]
            elif comes_and_goes(part):
                known["condition"] = [WORDS[code] for code in part["life"].tolist()]
            yield part.assign(**known).astype(dict.fromkeys(known, object))


def agents_of_all(
    result: Result, kinds: Iterable[str] = KINDS
) -> Iterator[pd.DataFrame]:
    """Yield all agents as they were last seen, and from when to when they were."""
    days = np.array(result.steps)
    counts = [len(result.humans(day)) + len(result.oses(day)) for day in result.steps]
    for part in agent_rows(result, None, kinds):
        at = np.searchsorted(counts, part.index.to_numpy(), side="right")
        known = part.assign(first_step=days[at], last_step=result.steps[-1])
        if comes_and_goes(part):
            gone = part["gone_step"]
            known["first_step"] = part["came_step"].astype(np.int64)
            known["last_step"] = known["last_step"].where(gone < 0, gone)
        yield known


def _labels(part: pd.DataFrame, kind: str, labels: Sequence[str] | None) -> list[str]:
    numbers = part.index.tolist()
    if kind == "human":
        return [labels[n] if labels else f"human {n}" for n in numbers]
    names = part["name"].tolist()
    return [f"{os_name(n)} ({agent})" for agent, n in zip(numbers, names, strict=True)]


# ------------------------------------------------------------------------------ ties


def tie_rows(
    result: Result, step: int | None = None, closest: float = 0.0
) -> Iterator[pd.DataFrame]:
    """Yield the ties of a snapshot day in the order of owners, some at a time.

    With their ``flags`` and whom they join (``tie``) in words.
    """
    for owners in _owners(result, step):
        found = result.ties(step, owners)
        yield _in_words(result, found[found["closeness"] >= closest])


def ties_of_all(result: Result, closest: float = 0.0) -> Iterator[pd.DataFrame]:
    """Yield all ties as they were last seen, by owner and neighbour, some at a time.

    Besides, ``first_step`` and ``last_step`` are the snapshot days between which each
    was seen, and ``closest`` is how close it was at most.
    """
    for found in ties_by_day(result, closest):
        firsts = first_rows(found)
        lasts = np.append(firsts[1:], len(found))[: len(firsts)] - 1
        most = np.maximum.reduceat(found["closeness"].to_numpy(), firsts)
        days = found["step"].to_numpy()
        yield _in_words(result, found.drop(columns="step").iloc[lasts]).assign(
            first_step=days[firsts], last_step=days[lasts], closest=most
        )


def ties_by_day(result: Result, closest: float = 0.0) -> Iterator[pd.DataFrame]:
    """Yield the ties of all snapshot days, by owner, neighbour and ``step``."""
    for owners in _owners(result, None):
        days = [result.ties(day, owners).assign(step=day) for day in result.steps]
        found = pd.concat(days)
        found = found[found["closeness"] >= closest]
        yield found.sort_values(["owner", "neighbour", "step"], ignore_index=True)


def first_rows(found: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return where each tie begins among ties by owner, neighbour and day."""
    ends = found[["owner", "neighbour"]].to_numpy(np.int64)
    return np.flatnonzero(np.any(np.diff(ends, axis=0, prepend=-1) != 0, axis=1))


def _owners(result: Result, step: int | None) -> Iterator[np.ndarray[Any, Any]]:
    everyone = len(result.humans(step)) + len(result.oses(step))
    for first in range(0, everyone, AGENTS):
        yield np.arange(first, min(first + AGENTS, everyone))


def _in_words(result: Result, found: pd.DataFrame) -> pd.DataFrame:
    ends = (found[["owner", "neighbour"]] >= result.population).sum(axis=1)
    kinds = found["kind"]
    flags = kinds.map({kind: flags_of(kind) for kind in kinds.unique()})
    joined = ends.map(dict(enumerate(TIES)))
    return found.assign(flags=flags.astype(object), tie=joined.astype(object))


def flags_of(kind: int) -> str:
    """Return the flags of a tie in words."""
    return ", ".join(word for flag, word in FLAGS.items() if kind & flag)


# ------------------------------------------------------------------------------ rows


def rows_of(part: pd.DataFrame) -> Rows:
    """Return agents, or ties with an owner and a neighbour, as plain values."""
    ends = _ends(part)
    numbers = [part[name].tolist() for name in ends] or [part.index.tolist()]
    rest = part.drop(columns=ends)
    known = {str(name): plain(rest[name]) for name in rest.columns}
    return Rows(list(zip(*numbers, strict=True)), known)


def _ends(part: pd.DataFrame) -> list[str]:
    # An OS has an owner, too; only ties have neighbours.
    return ["owner", "neighbour"] if "neighbour" in part else []


def plain(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column, None for what is no number."""
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f" and not np.isfinite(column.to_numpy()).all():
        return [value if math.isfinite(value) else None for value in values]
    return values


def kinds_of_agents(
    agents: Callable[..., Iterator[pd.DataFrame]],
) -> dict[str, type]:
    """Return the types of all columns of agents, from the first part of each kind."""
    return kinds_of(next(agents(kinds=[kind])) for kind in KINDS)


def kinds_of(parts: Iterable[pd.DataFrame]) -> dict[str, type]:
    """Return the types of the columns of some agents, or ties.

    Numbers of which some have a fraction are all such; else what differs is text.
    """
    found: dict[str, type] = {}
    for part in parts:
        for name in part.columns.drop(_ends(part)):
            own = TYPES[part[name].dtype.kind]
            known = found.setdefault(str(name), own)
            if own is not known:
                found[str(name)] = float if {own, known} == {int, float} else str
    return found
