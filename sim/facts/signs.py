"""Pairs of columns, one entry a person, whose correlation has a published sign."""

from __future__ import annotations

import numpy as np

from sim.facts.lives import Case, Recording
from sim.facts.measures import Pair
from sim.parameters import YEAR
from sim.ties import Array


def among_users(one: str, another: str) -> Pair:
    """Take two daily columns of the last year's users, on the days they had an OS."""

    def measure(case: Case) -> tuple[Array, Array]:
        recording = case.today
        used = recording.installed[-YEAR:].any(axis=0)
        return tuple(_with_os(recording, name)[used] for name in (one, another))  # type: ignore[return-value]

    return measure


def _with_os(recording: Recording, name: str) -> Array:
    """Return each human's mean of a daily column over the days with an OS."""
    installed = recording.installed[-YEAR:]
    days = np.maximum(1, installed.sum(axis=0))
    values = getattr(recording, name)[-YEAR:] * installed
    return np.asarray(values.sum(axis=0, dtype=np.float64) / days)


def ties_and_use(case: Case) -> tuple[Array, Array]:
    """Take the last year's users: humans they know, and their talk with OSes."""
    recording = case.today
    used = recording.installed[-YEAR:].any(axis=0)
    ties = recording.humans["human_ties"].astype(np.float64)
    return ties[used], _with_os(recording, "hours_oses")[used]


def use_and_loneliness(case: Case) -> tuple[Array, Array]:
    """Take all humans: whether they used an OS in the last year, and how lonely before.

    Before is the first day of that year.
    """
    recording = case.today
    used = recording.installed[-YEAR:].any(axis=0).astype(np.float64)
    start = max(0, len(recording.installed) - YEAR)
    return np.asarray(used), np.asarray(recording.loneliness[start], np.float64)


def use_and_belief(case: Case) -> tuple[Array, Array]:
    """Take all humans: their talk with OSes in the last year, and belief in them."""
    recording = case.today
    hours = recording.hours_oses[-YEAR:].mean(axis=0, dtype=np.float64)
    return hours, recording.humans["personhood"].astype(np.float64)
