"""Pairs of columns, one entry a person, whose correlation has a published sign."""

from __future__ import annotations

import numpy as np

from sim.facts.lives import Case, Life
from sim.facts.measures import Pair
from sim.parameters import YEAR
from sim.ties import Array


def among_users(one: str, another: str) -> Pair:
    """Take two daily columns of the last year's users, on the days they had an OS."""

    def measure(case: Case) -> tuple[Array, Array]:
        life = case.today
        used = life.installed[-YEAR:].any(axis=0)
        return tuple(_with_os(life, name)[used] for name in (one, another))  # type: ignore[return-value]

    return measure


def _with_os(life: Life, name: str) -> Array:
    """Return each human's mean of a daily column over the days with an OS."""
    installed = life.installed[-YEAR:]
    days = np.maximum(1, installed.sum(axis=0))
    values = getattr(life, name)[-YEAR:] * installed
    return np.asarray(values.sum(axis=0, dtype=np.float64) / days)


def ties_and_use(case: Case) -> tuple[Array, Array]:
    """Take the last year's users: humans they know, and their talk with OSes."""
    life = case.today
    used = life.installed[-YEAR:].any(axis=0)
    ties = life.humans["human_ties"].astype(np.float64)
    return ties[used], _with_os(life, "hours_oses")[used]


def use_and_loneliness(case: Case) -> tuple[Array, Array]:
    """Take all humans: whether they used an OS in the last year, and how lonely before.

    Before is the first day of that year.
    """
    life = case.today
    used = life.installed[-YEAR:].any(axis=0).astype(np.float64)
    start = max(0, len(life.installed) - YEAR)
    return np.asarray(used), np.asarray(life.loneliness[start], np.float64)


def use_and_belief(case: Case) -> tuple[Array, Array]:
    """Take all humans: their talk with OSes in the last year, and belief in them."""
    life = case.today
    hours = life.hours_oses[-YEAR:].mean(axis=0, dtype=np.float64)
    return hours, life.humans["personhood"].astype(np.float64)
