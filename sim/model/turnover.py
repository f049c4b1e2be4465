"""People who come and go: births, deaths, moves, and the first ties of who is new.

How many rows of humans there are is fixed when a society is made, since compiled loops
find their way by row numbers. So people who are born or move in later have rows from
the start, and a column says who is there. Mechanisms ask for what shall happen, and
once a day it is carried out here, where ties, partners and OSes are kept consistent.

Nothing here runs, and no column of it exists, in a society whose mechanisms do not ask.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from sim.engine.threads import share_out, worth_sharing
from sim.model.columns import HUMAN_COLUMNS, INSTALLS, NOTHING
from sim.model.kernels import meetings
from sim.model.mechanisms import SUBMODELS, groups
from sim.model.population import LAYERS
from sim.model.presence import (
    ALIVE,
    DEAD,
    MOVED_AWAY,
    PEOPLE_COLUMNS,
    REQUESTS,
    TO_COME,
)
from sim.model.processes import PHASES, Phase
from sim.model.state import State
from sim.utils.errors import InputError
from sim.utils.typing import Array

# Part of a trait that parents pass on; about 0.4 of personality is heritable
# (Vukasovic & Bratko 2015, doi:10.1037/bul0000017).
PASSED_ON = 0.4
PARENT_CLOSENESS = (LAYERS[0].low + LAYERS[0].high) / 2  # the intimate
SIBLING_CLOSENESS = (LAYERS[1].low + LAYERS[1].high) / 2  # the layer of support

# Traits, of which rows to come have theirs from the start; and what the dead keep.
_TRAITS = (
    *("openness", "playfulness", "upbringing"),
    *(name for one in SUBMODELS for name in one.traits),
)
_LASTING = ("growth", "acceptance", "personhood", "bereaved", "adopted_step")


# ----------------------------------------------------------------- what is carried out


def come_and_go(state: State, day: Any) -> None:
    """Carry out what mechanisms ask for, and take their requests back.

    Deaths and moves away come first, then who moves in, births, and new ties. Requests
    of or for those who are not there change nothing.

    Raises
    ------
    InputError
        If there is no row left for a child, or a request names no human.
    """
    humans = state.humans
    asked = {name: humans.column(name) for name in REQUESTS}
    if not any((c != humans.columns[name].default).any() for name, c in asked.items()):
        return
    _end(state, day)
    _arrive(state, day)
    _bear(state, day)
    _introduce(state, day)
    for name, column in asked.items():
        column[:] = humans.columns[name].default


def _end(state: State, day: Any) -> None:
    """End the lives of those who die, and the ties of those who move away.

    Closeness to the dead becomes grief, partners are free, and their OSes, which nobody
    has installed any more, stop as those that were uninstalled do.
    """
    humans, n = state.humans, state.humans.n
    there = humans.life == ALIVE
    is_dying = there & (humans.death_request > 0)
    dying = np.flatnonzero(is_dying)
    moving = np.flatnonzero(there & ~is_dying & (humans.leave_request > 0))
    for row in dying.tolist():
        ties = state.ties.of(row)
        close = ties["neighbour"] < n
        lost = ties["returned"][close] * np.float32(day["grieving"])
        humans.grief[ties["neighbour"][close]] += lost
    gone = np.concatenate([dying, moving])
    if not len(gone):
        return
    humans.life[dying], humans.life[moving] = DEAD, MOVED_AWAY
    humans.gone_step[gone] = int(day["calendar"])
    state.ties.end_all(gone)
    for name in ("partner", "former"):
        column = humans.column(name)
        column[np.isin(column, gone)] = -1
    _blank(state, gone, (*_TRAITS, *_LASTING))


def _blank(state: State, rows: Array, but: tuple[str, ...]) -> None:
    """Give the model's columns of some humans their defaults, but for some columns."""
    for column in HUMAN_COLUMNS:
        if column.name not in but:
            state.humans.column(column.name)[rows] = column.default


def _arrive(state: State, day: Any) -> None:
    humans = state.humans
    is_asked = (humans.life == TO_COME) & (humans.arrival_request > 0)
    _enter(state, day, np.flatnonzero(is_asked))


def _enter(state: State, day: Any, rows: Array) -> None:
    """Let people to come be there: with their traits, and nothing that they lived."""
    humans = state.humans
    _blank(state, rows, _TRAITS)
    humans.life[rows] = ALIVE
    humans.came_step[rows] = int(day["calendar"])
    humans.acceptance[rows] = humans.upbringing[rows]


def _bear(state: State, day: Any) -> None:
    """Let children be born, who take after their parents and are close to them."""
    humans = state.humans
    there = humans.life == ALIVE
    asked = np.flatnonzero(there & (humans.birth_request > 0))
    parents = np.repeat(asked, humans.birth_request[asked])
    rows = np.flatnonzero(humans.life == TO_COME)[: len(parents)]
    if len(rows) < len(parents):
        raise InputError(
            f"day {int(day['calendar'])}: no row is left for a child of human "
            f"{parents[len(rows)]}; keep more rows for people to come"
        )
    ties: list[tuple[int, int, float]] = []
    for child, parent in zip(rows.tolist(), parents.tolist(), strict=True):
        family = [parent]
        if humans.partner[parent] >= 0:
            family.append(int(humans.partner[parent]))
        ties += _family_ties(state, child, family)
        _take_after(state, child, family)
        humans.parent[child] = parent
        humans.other_parent[child] = family[1] if len(family) > 1 else -1
        _enter(state, day, np.array([child]))
    _tie(state, ties)


def _family_ties(
    state: State, child: int, family: list[int]
) -> list[tuple[int, int, float]]:
    """Return the ties of a child to its parents, and to their children so far."""
    humans = state.humans
    theirs = np.isin(humans.parent, family) | np.isin(humans.other_parent, family)
    siblings = np.flatnonzero(theirs & (humans.life == ALIVE)).tolist()
    near = [(child, one, PARENT_CLOSENESS) for one in family]
    known = [one for one in siblings if one not in family]
    return [*near, *((child, one, SIBLING_CLOSENESS) for one in known)]


def _take_after(state: State, child: int, family: list[int]) -> None:
    """Move the traits that a child was drawn toward the mean of its parents."""
    humans = state.humans
    for name in _TRAITS:
        own, theirs = humans.column(name), humans.column(name)
        if name == "upbringing":
            theirs = humans.acceptance
        mean = float(theirs[family].mean(dtype=np.float64))
        own[child] += PASSED_ON * (mean - float(own[child]))


def _introduce(state: State, day: Any) -> None:
    """Tie those who are introduced, if both are there and they are not tied yet."""
    humans = state.humans
    there = humans.life == ALIVE
    rows = np.flatnonzero(there & (humans.tie_request >= 0))
    others = humans.tie_request[rows]
    if len(others) and int(others.max()) >= humans.n:
        wrong = rows[others >= humans.n][0]
        raise InputError(
            f"day {int(day['calendar'])}: a tie of human {wrong} is asked for with "
            f"{humans.tie_request[wrong]}, and humans are 0 to {humans.n - 1}"
        )
    new: dict[tuple[int, int], tuple[int, int, float]] = {}
    for one, other in zip(rows.tolist(), others.tolist(), strict=True):
        known = state.ties.of(one)["neighbour"]
        if there[other] and one != other and other not in known:
            pair = min(one, other), max(one, other)
            new[pair] = (*pair, float(day["acquaintance"]))
    _tie(state, list(new.values()))


def _tie(state: State, ties: list[tuple[int, int, float]]) -> None:
    if not ties:
        return
    pairs = np.array([tie[:2] for tie in ties], np.int32)
    closeness = np.array([tie[2] for tie in ties])
    state.ties.insert(pairs, closeness, np.zeros(len(pairs), np.uint8))


# ------------------------------------------------------------------- who is not there


class AgentsAmong(NamedTuple):
    """``Agents``, and which humans are there: met by chance are these and no others."""

    humans: Any
    oses: Any
    faces: Array
    decisions: Any
    os_rate: Array
    users: Array
    groups: Any
    posts: Array
    present: Array  # int32[any]: rows


def meet(state: State, day: Any, threads: ThreadPoolExecutor | None) -> None:
    """Run ``meet`` of the model among the humans who are there."""
    there = state.humans.life == ALIVE
    present = np.flatnonzero(there).astype(np.int32)
    met = groups.of_those(state.groups, there)
    agents = AgentsAmong(*state.agents._replace(groups=met), present)
    if not worth_sharing(len(state.ties.arrays.neighbour)):
        threads = None
    arguments = agents, state.ties.arrays, day
    share_out(meetings.meet, state.ties.agents, arguments, threads)


def exclude(state: State, day: Any) -> None:
    """Let those who are not there meet nobody, be met by nobody, and install nothing.

    Nor does who is under age install an OS.
    """
    humans = state.humans
    absent = humans.life != ALIVE
    for meets in (humans.meets, state.oses.meets):
        met = np.flatnonzero((meets >= 0) & (meets < humans.n))
        meets[met[absent[meets[met]]]] = -1
    humans.meets[absent] = -1
    humans.choice[absent] = NOTHING
    humans.loneliness[absent] = 0.0
    humans.choice[(humans.under_age > 0) & (humans.choice == INSTALLS)] = NOTHING


_FULL = tuple(f"humans.{column.name}" for column in PEOPLE_COLUMNS)
_COME_AND_GO = Phase(
    "come_and_go",
    "society",
    come_and_go,
    ("humans.*", "ties.*", *_FULL),
    ("humans.*", "ties.*", "ties.degree", "new ties", *_FULL),
    "People of whom a mechanism asks it are born, die, move in or away.",
)
_EXCLUDE = Phase(
    "exclude",
    "society",
    exclude,
    ("humans.life", "humans.under_age", "humans.meets", "oses.meets"),
    ("humans.meets", "oses.meets", "humans.choice", "humans.loneliness"),
    "Those who are not there meet nobody and install nothing.",
)


def with_people(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """Return the processes of a day in which people come and go.

    Parameters
    ----------
    phases
        All others, those of the model and of mechanisms, in order.

    Raises
    ------
    InputError
        If ``meet`` is not that of the model.
    """
    arranged: list[Phase] = []
    for phase in phases:
        if phase.name == "present":
            arranged.append(_COME_AND_GO)
        elif phase.name == "befriend":
            arranged.append(_EXCLUDE)
        if phase.name == "meet":
            if phase not in PHASES:
                raise InputError(
                    "a mechanism lets people come and go, and meetings differ between "
                    "agents or have another rule; take one of the two"
                )
            arranged.append(phase._replace(over="own", run=meet))
            continue
        arranged.append(phase)
    return tuple(arranged)
