"""Columns of half-edges beside those of the arena, of which its loops know nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sim.engine.jit import compile_loop
from sim.engine.table import Column
from sim.utils.typing import Array

MOVES = 2**16  # half-edges that are moved at once


class TieColumns:
    """Columns of a user's own: a value for each half-edge of an arena.

    Loops of the model cut and compact ties without knowing of these columns. So who
    was whose neighbour is remembered, and ``align`` moves values to where their
    half-edges are now. It relies on what the arena promises: in a block, ties that go
    on stay in order, and new ones come after them. And it must be called between cuts
    and inserts: a block that stayed where it is, with as many ties, is then as it was,
    so that neighbours are compared in others only.

    Parameters
    ----------
    columns
        What there is.
    """

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = {column.name: column for column in columns}
        self._store = {c.name: np.zeros(0, c.dtype) for c in columns}
        self._neighbour = np.zeros(0, np.int32)
        self._start = np.zeros(0, np.int64)
        self._degree = np.zeros(0, np.int32)

    def __bool__(self) -> bool:
        return bool(self.columns)

    def __getitem__(self, name: str) -> Array:
        """Return one column as it lies in the arena, unused room included."""
        return self._store[name]

    def at(self, slots: Any) -> dict[str, Array]:
        """Return what is at some places of the arena, column by column."""
        return {name: column[slots] for name, column in self._store.items()}

    def write(self, slots: Array, values: Mapping[str, Array]) -> None:
        """Write what is at some places of the arena; other names are left out."""
        for name, column in self._store.items():
            column[slots] = values[name]

    def reset(self, ties: Any) -> None:
        """Give all half-edges of an arena that was filled their defaults."""
        self._replace(lambda column, new: None, ties)

    def packed(self, pack: Callable[[Array, Array], None], ties: Any) -> None:
        """Follow an arena that was laid out anew; must have been aligned before.

        Parameters
        ----------
        pack
            Copies a column as it was to a longer or shorter one.
        ties
            The arena as it is now.
        """
        self._replace(pack, ties)

    def _replace(self, write: Callable[[Array, Array], None], ties: Any) -> None:
        size = len(ties.neighbour)
        for name, column in self.columns.items():
            new = np.full(size, column.default, column.dtype)
            write(self._store[name], new)
            self._store[name] = new
        self.remember(ties)

    def remember(self, ties: Any) -> None:
        """Take the values for those of the half-edges that are there now."""
        if self.columns:
            self._neighbour = ties.neighbour.copy()
            self._start, self._degree = ties.start.copy(), ties.degree.copy()

    def align(self, ties: Any) -> None:
        """Move values to where their half-edges are; new ones get the defaults."""
        agents = len(ties.start)
        if agents > len(self._start):
            self._start = _longer(self._start, agents)
            self._degree = _longer(self._degree, agents)
        room = max(MOVES, int(ties.degree.max(initial=0)))
        to, source = np.empty(room, np.int64), np.empty(room, np.int64)
        seen = self._neighbour, self._start, self._degree
        agent = 0
        while agent < agents:
            agent, count = _moves(ties, *seen, agent, to, source)
            if count:
                self._move(to[:count], source[:count])

    def _move(self, to: Array, source: Array) -> None:
        for name, column in self._store.items():
            default = column.dtype.type(self.columns[name].default)
            _shift(column, to, source, default)

    @property
    def nbytes(self) -> int:
        """Bytes reserved by the columns and by what is remembered."""
        known = self._neighbour.nbytes + self._start.nbytes + self._degree.nbytes
        return known + sum(column.nbytes for column in self._store.values())


def _longer(column: Array, size: int) -> Array:
    return np.concatenate([column, np.zeros(size - len(column), column.dtype)])


@compile_loop
def _shift(column, to, source, default):  # type: ignore[no-untyped-def]
    """Move values in place, in order: they move down, or to where nothing was."""
    for m in range(to.shape[0]):
        column[to[m]] = column[source[m]] if source[m] >= 0 else default


@compile_loop
def _moves(ties, neighbour, start, degree, agent, to, source):  # type: ignore[no-untyped-def]
    """Write which values move where, from an agent on while there is room.

    ``neighbour``, ``start`` and ``degree`` are as they were, and are brought up to
    date. A value comes from -1 if its half-edge is new. Return the agent that is not
    done yet, and how many move.
    """
    count = 0
    while agent < ties.start.shape[0]:
        new, old = ties.start[agent], start[agent]
        now, was = ties.degree[agent], degree[agent]
        if count + now > to.shape[0]:
            break
        same = 0
        if new == old:
            if now == was:
                agent += 1
                continue
            most = min(now, was)
            while same < most and ties.neighbour[new + same] == neighbour[old + same]:
                same += 1
        after = same  # where the next half-edge of those that were may be
        for k in range(same, now):
            other, found = ties.neighbour[new + k], after
            while found < was and neighbour[old + found] != other:
                found += 1
            to[count] = new + k
            source[count] = -1
            if found < was:
                source[count] = old + found
                after = found + 1
            else:
                after = was
            count += 1
        for k in range(same, now):
            neighbour[new + k] = ties.neighbour[new + k]
        start[agent], degree[agent] = new, now
        agent += 1
    return agent, count
