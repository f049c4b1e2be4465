"""Processes over rows, for societies in which parameters differ by row.

The model's own compiled loop runs for one row after another, or for several in turn
that are alike, each time with a record of the day that holds what is theirs. Any cut of
the rows gives the same, so this does, too.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim.engine import jit
from sim.engine.jit import inline, inline_source
from sim.engine.rng import uniform
from sim.mechanisms.replaced import Changed
from sim.model import sockets
from sim.model.codes import TODAY
from sim.model.kernels.meetings import (
    _presented,
    _tied,
    looks_around,
    takes_to,
)
from sim.model.kernels.talk import NOBODY, sent_to
from sim.model.processes import DAY, PHASES
from sim.utils.source import digest_of
from sim.utils.typing import Array

# What a meeting asks of the other, and not of who looks around.
OF_OTHER = (
    *("attention_growth", "displacement", "human_attention", "os_attention"),
    *("os_circle", "spare_half"),
)
_PLACES = {name: place for place, name in enumerate(DAY.names or ())}


class ByRow(NamedTuple):
    """What differs by row, and where in the record of the day it belongs."""

    places: Array  # int64[parameters]: which of the record's numbers each is
    of_other: Array  # uint8[parameters]: 1 for those in OF_OTHER
    values: Array  # float64[parameters, rows]


def values_of(arrays: Mapping[str, Array]) -> ByRow:
    """Return what differs, of float64[rows] by parameter."""
    return ByRow(
        np.array([_PLACES[name] for name in arrays], np.int64),
        np.array([name in OF_OTHER for name in arrays], np.uint8),
        np.stack(list(arrays.values())),
    )


def run(
    process: Any,
    by_row: ByRow,
    first: int,
    last: int,
    agents: Any,
    ties: Any,
    day: Any,
) -> None:
    """Run a process of the model for a range of rows.

    Parameters
    ----------
    process
        Its loop, as the model has it or with rules of mechanisms in it: one over
        humans, OSes or agents, but for those over ties. ``meet`` is as the model has
        it.
    by_row
        What differs.
    first, last
        The range.
    agents, ties, day
        What the process takes: columns of agents, ties, and the record of the day.
    """
    copied = np.array([day], DAY)
    numbers = copied.view(np.float64)  # the same record, seen as numbers
    given = first, last, agents, ties, copied[0], numbers, by_row
    if isinstance(process, Changed):
        process.run(_loop(process.loop, True), process.values, *given)
    else:
        loop = _meeting() if process is _MEET else _loop(process)
        loop(*given)


_MEET = next(phase.run for phase in PHASES if phase.name == "meet")


def _each(first, last, agents, ties, day, numbers, by_row):
    """Run ``_kernel`` for rows, as many at a time as are alike."""
    values = by_row.values
    start = first
    while start < last:
        stop = start + 1
        while stop < last and _are_alike(values, start, stop):
            stop += 1
        for k in range(values.shape[0]):
            numbers[by_row.places[k]] = values[k, start]
        _kernel(start, stop, agents, ties, day)  # type: ignore[name-defined] # noqa: F821
        start = stop


def _each_with(given, first, last, agents, ties, day, numbers, by_row):
    """Do the same where ``_kernel`` takes parameters of mechanisms, too."""
    values = by_row.values
    start = first
    while start < last:
        stop = start + 1
        while stop < last and _are_alike(values, start, stop):
            stop += 1
        for k in range(values.shape[0]):
            numbers[by_row.places[k]] = values[k, start]
        _kernel(given, start, stop, agents, ties, day)  # type: ignore[name-defined] # noqa: F821
        start = stop


@inline
def _are_alike(values, one, other):
    for k in range(values.shape[0]):  # noqa: SIM110
        if values[k, one] != values[k, other]:
            return False
    return True


# --------------------------------------------------------------------------- meet


def _meet(first, last, agents, ties, day, numbers, by_row):
    """Write whom each agent gets to know, as ``meetings.meet`` does."""
    for agent in range(first, last):
        _set(agent, numbers, by_row, False)
        other = _met_by(agent, agents, ties, day, numbers, by_row)
        if agent < day.n_humans:
            agents.humans.meets[agent] = other
        else:
            agents.oses.meets[agent - day.n_humans] = other


@inline
def _set(agent, numbers, by_row, is_other):
    """Let the record hold what is of an agent, or of one who is met."""
    for k in range(by_row.places.shape[0]):
        if by_row.of_other[k] > 0 or not is_other:
            numbers[by_row.places[k]] = by_row.values[k, agent]


@inline_source
def _met_by(agent, agents, ties, day, numbers, by_row):
    if agent < day.n_humans and sockets.turns_back(False, agent, agents.humans, day):
        former = agents.humans.former[agent]
        return -1 if _tied(agent, former, ties) else former
    sent = NOBODY
    if agents.decisions.pair.shape[0] > 0:
        may_seek = agent < day.n_humans or day.peers > 0.0
        sent = sent_to(agent, may_seek, agents.decisions)
    chance = day.meeting * looks_around(agent, sent, agents, ties, day)
    if uniform(day.key_meet, agent, TODAY) >= chance:
        return -1
    other = _presented(agent, sent, agents, ties, day)
    if other < 0 or other == agent or _tied(agent, other, ties):
        return -1
    _set(other, numbers, by_row, True)
    return other if takes_to(agent, other, agents, ties, day) else -1


# -------------------------------------------------------------------------- loops


@functools.cache
def _loop(kernel: Any, is_changed: bool = False) -> Any:
    """Return the loop around a process of the model, or around a changed copy."""
    name, code = kernel.__name__, (_each_with if is_changed else _each).__code__
    space = {"__name__": __name__, "range": range, "_are_alike": _are_alike}
    space["_kernel"] = kernel.part
    made = types.FunctionType(code, space, f"each_{name}")
    made.__qualname__, made.__module__ = made.__name__, __name__
    return jit.own_kernel(made, f"rows-{name}-{_digest()}", is_checked=False)


@functools.cache
def _meeting() -> Any:
    return jit.own_kernel(_meet, f"rows-meet-{_digest()}", is_checked=False)


def _digest() -> str:
    return digest_of([Path(__file__)])
