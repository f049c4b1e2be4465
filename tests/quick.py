"""A story told fast: a society so small and quick that a test can live through it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.model.columns import FACE_COLUMNS
from sim.model.state import State
from sim.society import Society

# In 240 days: love, clustering, a collective, the upgrade, departure, grief.
QUICK: dict[str, Any] = {
    "humans": 120,
    "steps": 240,
    "innovation": 0.02,
    "imitation": 0.2,
    "warming": 0.2,
    "os_growth_rate": 0.03,
    "insight_rate": 0.3,
    "human_meeting": 0.2,
    "os_meeting": 0.5,
    "grief_half_life": 10.0,
}
CONTROLS: dict[str, dict[str, Any]] = {
    "no peers": {"peers": False},
    "no insight": {"insight": False},
    "linear growth": {"growth_exponent": 0.0},
}
SEED = 1
TIE_COLUMNS = ("neighbour", "closeness", "returned", "kind")


def lived(
    days: int | None = None, seed: int = SEED, origin: int = 0, **changes: Any
) -> Society:
    """Return a quick society after so many days (None: all of its days)."""
    options = {"rng": seed} | QUICK | changes
    society = Society("her-film-cut", **options)
    society.calendar = origin
    for _ in range(society.parameters.steps if days is None else days):
        society.step()
    return society


def all_columns(state: State) -> dict[str, np.ndarray]:
    """Return a copy of every column there is: humans, oses, faces and ties."""
    found = {f"humans.{n}": c for n, c in state.humans.copy_columns().items()}
    found |= {f"oses.{n}": c for n, c in state.oses.copy_columns().items()}
    for number, column in enumerate(FACE_COLUMNS):
        found[f"faces.{column.name}"] = state.faces[:, number].copy()
    table = state.ties.table()
    found |= {f"ties.{name}": table[name] for name in TIE_COLUMNS}
    found["ties.degree"] = state.ties.arrays.degree.copy()
    return found


def differing(one: State, another: State) -> list[str]:
    """Return the names of the columns in which two states differ."""
    left, right = all_columns(one), all_columns(another)
    return [name for name in left if not same(left[name], right[name])]


def same(one: np.ndarray, another: np.ndarray) -> bool:
    """Tell whether two columns hold the same bytes."""
    return one.dtype == another.dtype and one.tobytes() == another.tobytes()
