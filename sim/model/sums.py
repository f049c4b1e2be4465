"""Sums over columns of a society, of which measures are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sim.model.codes import OFFLINE
from sim.utils.typing import Array

if TYPE_CHECKING:  # who only sets parameters needs no engine
    from sim.model.state import State

ALIVE = 0  # in the column ``life``


def mean(column: Array) -> float:
    """Return the mean of a column, 0 of none."""
    return float(column.sum(dtype=np.float64)) / len(column) if len(column) else 0.0


def most(column: Array) -> float:
    """Return the largest value of a column, 0 of none."""
    return float(column.max()) if len(column) else 0.0


def owners(state: State) -> Array:
    """Return ``bool[humans]``, who has an OS."""
    has_one: Array = state.humans.os >= 0
    return has_one


def living(state: State) -> Array:
    """Return ``bool[oses]``, which OSes are here or offline."""
    there: Array = state.oses.status <= OFFLINE
    return there


def count_of(status: int) -> Callable[[State], float]:
    """Return the measure of how many OSes have a status."""
    return lambda state: float(np.count_nonzero(state.oses.status == status))


def alive(state: State) -> Array | None:
    """Return ``bool[humans]``, who is there; None if nobody comes or goes."""
    if "life" not in state.humans.columns:
        return None
    there: Array = state.humans.life == ALIVE
    return there


def of_those_alive(state: State, column: Array) -> Array:
    """Return a column of humans (any[humans]) without those who are not there."""
    there = alive(state)
    return column if there is None else column[np.flatnonzero(there)]


def human_mean(state: State, name: str) -> float:
    """Return the mean of a column over the humans who are there."""
    return mean(of_those_alive(state, state.humans.column(name)))
