"""State of a society on one day: tables of agents, and their ties.

An agent is a number. Humans are 0 .. humans.n - 1; OS row ``j`` is agent
``humans.n + j``. Who is close to whom is kept in the arena of ``sim.engine.ties``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.engine.simd import aligned
from sim.engine.table import Column, Table
from sim.engine.ties import Ties
from sim.model.columns import (
    FACE_COLUMNS,
    HUMAN_COLUMNS,
    OS_COLUMNS,
    HumanArrays,
    OSArrays,
)
from sim.model.mechanisms.groups import NO_GROUPS, Groups
from sim.utils.typing import Array

Columns = tuple[Column, ...]
ONE_AT_MOST: Array = np.zeros(0, np.int32)  # in ``Agents.users``: nobody shares an OS


class TalkDecisions(NamedTuple):
    """What minds other than the rules decided for the day's talks, in order of pairs.

    Each talk is there twice, seen from either side, as ties are.
    """

    pair: Array  # int64[rows]: agent * 2**32 + other, rising
    held: Array  # bool[rows]: whether they talk at all
    quality: Array  # float64[rows], 0..1: how it went for the agent; nan: drawn
    others_quality: Array  # float64[rows], 0..1: the same for the other
    novelty: Array  # float64[rows], 0..1: what the agent heard that was new; 1/2 usual
    act: Array  # uint8[rows]: code of what the agent did, as in ACTS
    answer: Array  # uint8[rows]: code of what the other did
    push: Array  # float64[rows], -1..1: what words did to its closeness; nan: rules
    others_push: Array  # float64[rows], -1..1: the same for the other


NO_DECISIONS = TalkDecisions(
    np.zeros(0, np.int64),
    np.zeros(0, np.bool_),
    np.zeros(0),
    np.zeros(0),
    np.zeros(0),
    np.zeros(0, np.uint8),
    np.zeros(0, np.uint8),
    np.zeros(0),
    np.zeros(0),
)


class _Agents(NamedTuple):
    humans: Any  # HumanArrays
    oses: Any  # OSArrays
    faces: Array  # float32[agents, 8]
    decisions: TalkDecisions
    # float32[humans + 1]: what each offers OSes, hours per weight of a tie; at the end
    # 1 if that ever was another than what it offers people
    os_rate: Array
    users: Array  # int32[oses]: how many had each this morning; empty: one at most
    groups: Groups
    posts: Array  # int32[posts]: the author, an OS's row, of each post of the feed


class Agents(_Agents):
    """The columns of all agents, as compiled loops take them.

    It has room for what loops find at an address (``sim.engine.by_address``).
    """


class Own(NamedTuple):
    """What mechanisms add to a state: columns of what there is, and other tables."""

    humans: Columns = ()
    oses: Columns = ()
    ties: Columns = ()
    tables: Mapping[str, Columns] = {}


NOTHING_OWN = Own()


class _NoArrays(NamedTuple):
    """What compiled loops of the model take of a table that they do not know."""


class State:
    """Everything a society is on a day: who there is, and who is close to whom.

    Parameters
    ----------
    humans
        How many there are.
    own
        What mechanisms add; their tables, ``tables`` by name, have no rows at first.
    groups
        Who is of which group; that never changes.
    """

    def __init__(
        self, humans: int, own: Own = NOTHING_OWN, groups: Groups = NO_GROUPS
    ) -> None:
        self.humans = Table((*HUMAN_COLUMNS, *own.humans), HumanArrays, humans)
        self.oses = Table((*OS_COLUMNS, *own.oses), OSArrays)
        self.ties = Ties(humans, own.ties)
        self.tables = {name: Table(c, _NoArrays) for name, c in own.tables.items()}
        self.decisions = NO_DECISIONS
        self.groups = groups
        self.posts = np.zeros(0, np.int32)  # in the feed of today: no state
        self._faces = _faces(humans)
        self._os_rate = np.zeros(humans + 1, np.float32)  # of today: no state
        self.users: Array | None = None  # of today: no state; None: not counted yet
        self._agents: Agents | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_agents": None}  # it knows where columns lie

    @property
    def faces(self) -> Array:
        """``float32[agents, 8]``: what neighbours see; columns as in ``FACE``."""
        return self._faces[: self.ties.agents]

    @property
    def agents(self) -> Agents:
        """The columns of all agents, as compiled loops take them."""
        known = self._agents
        if (
            known is None
            or known.humans is not self.humans.arrays
            or known.oses is not self.oses.arrays
            or known.decisions is not self.decisions
            or (self.users is not None and known.users is not self.users)
            or known.posts is not self.posts
        ):
            columns = self.humans.arrays, self.oses.arrays, self.faces
            users = ONE_AT_MOST if self.users is None else self.users
            known = self._agents = Agents(
                *columns,
                self.decisions,
                self._os_rate,
                users,
                self.groups,
                self.posts,
            )
        return known

    def add_oses(self, rows: int, **values: Any) -> slice:
        """Add OSes, with empty blocks of ties; return their rows."""
        new = self.oses.append(rows, **values)
        self._agents = None
        self.ties.add_agents(rows)
        if self.ties.agents > len(self._faces):
            size = self.ties.agents * 3 // 2 + 16
            grown = _faces(size)
            grown[: len(self._faces)] = self._faces
            self._faces = grown
        return new

    @property
    def nbytes(self) -> int:
        """Bytes reserved by columns, faces and ties."""
        own = sum(table.nbytes for table in self.tables.values())
        tables = self.humans.nbytes + self.oses.nbytes + own
        return tables + self._faces.nbytes + self.ties.nbytes


def _faces(agents: int) -> Array:
    """Return empty rows of ``faces``, so that none lies across two lines."""
    width = len(FACE_COLUMNS)
    return aligned(agents * width, np.float32).reshape(agents, width)
