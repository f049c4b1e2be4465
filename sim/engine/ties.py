"""The arena of directed ties: the half-edges of each agent are contiguous.

A relationship is two half-edges, one in each partner's block; each holds the closeness
in both directions, so that a pass over an agent's own block never has to look for the
other half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.engine.jit import compile_loop, inline
from sim.engine.simd import SPAN
from sim.engine.table import Column
from sim.engine.tie_columns import TieColumns
from sim.utils.typing import Array

HALF_EDGE = ("neighbour", "closeness", "returned", "kind")
_TYPES = (np.int32, np.float32, np.float32, np.uint8)
_CHUNK = 2**22  # pairs that are counted at once


class TieArrays(NamedTuple):
    """The arena: per half-edge four columns, per agent where its block lies."""

    neighbour: Array  # int32[room]: agent at the other end
    closeness: Array  # float32[room], 0..1: owner's closeness to the neighbour
    returned: Array  # float32[room], 0..1: the neighbour's closeness to the owner
    kind: Array  # uint8[room]: flags PARTNER, OWNER, KNOWS, WAS_CLOSE, DECLARED
    start: Array  # int64[agents]: where the block begins
    degree: Array  # int32[agents]: half-edges in the block
    room: Array  # int32[agents]: half-edges it has room for


class Ties:
    """The arena of half-edges: every agent's ties lie side by side, with slack.

    A block that is full moves to the end with more room; when the end is reached, the
    arena is compacted in the order of agents, column by column. In a block, ties that
    go on stay in order, and new ones come after them.

    Parameters
    ----------
    agents
        How many there are.
    own
        Columns of half-edges that the model does not know.
    """

    def __init__(self, agents: int, own: tuple[Column, ...] = ()) -> None:
        self.agents = agents
        self._own = TieColumns(own)
        self._is_aligned = True
        self._start = np.zeros(agents, np.int64)
        self._degree = np.zeros(agents, np.int32)
        self._room = np.zeros(agents, np.int32)
        self._half_edges = _empty_half_edges(0)
        self._end = 0
        self._view()

    def _view(self) -> None:
        n = self.agents
        index = self._start[:n], self._degree[:n], self._room[:n]
        self.arrays = TieArrays(*self._half_edges, *index)  # type: ignore[call-arg]

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        del kept["arrays"]
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        whole = (
            _grown(column, len(column), len(column)) for column in self._half_edges
        )
        self._half_edges = tuple(whole)
        self._view()

    def fill(self, pairs: Array, closeness: Array, kind: Array, slack: int) -> None:
        """Replace all ties by ``pairs`` (int32[m, 2]), equally close both ways."""
        n = self.agents
        degree = np.zeros(n, np.int64)
        for first in range(0, len(pairs), _CHUNK):
            some = pairs[first : first + _CHUNK].ravel()
            degree += np.bincount(some, minlength=n)[:n]
        self._degree[:n] = 0
        self._room[:n] = degree + np.maximum(slack, degree // 4)
        self._start[:n] = np.cumsum(self._room[:n], dtype=np.int64) - self._room[:n]
        self._end = int(self._room[:n].sum(dtype=np.int64))
        self._half_edges = _empty_half_edges(self._end)
        self._view()
        closeness = closeness.astype(np.float32, copy=False)
        _insert(self.arrays, self._end, pairs, closeness, kind, 0)
        self._own.reset(self.arrays)
        self._is_aligned = True

    def restore(self, degree: Array, parts: Iterable[Mapping[str, Array]]) -> None:
        """Replace all ties by those that ``parts`` yielded, in the same order.

        Parameters
        ----------
        degree
            How many each agent has, int64[agents].
        parts
            All half-edges in the order of agents, as of ``table``, own columns too.
        """
        n = self.agents
        self._degree[:n] = degree
        self._room[:n] = degree + np.maximum(4, degree // 4)
        self._start[:n] = np.cumsum(self._room[:n], dtype=np.int64) - self._room[:n]
        self._end = int(self._room[:n].sum(dtype=np.int64))
        self._half_edges = _empty_half_edges(self._end)
        self._view()
        self._own.reset(self.arrays)
        gaps, done = self._gaps(), 0
        for part in parts:
            owner = part["owner"]
            at = np.arange(done, done + len(owner)) + gaps[owner]
            for column, name in zip(self._half_edges, HALF_EDGE, strict=True):
                column[at] = part[name]
            self._own.write(at, part)
            done += len(owner)
        self._own.remember(self.arrays)
        self._is_aligned = True

    def add_agents(self, count: int) -> None:
        """Give ``count`` new agents empty blocks."""
        new = self.agents + count
        if new > len(self._start):
            size = new + new // 2 + 16
            self._start = _grown(self._start, self.agents, size)
            self._degree = _grown(self._degree, self.agents, size)
            self._room = _grown(self._room, self.agents, size)
        for column in (self._start, self._degree, self._room):
            column[self.agents : new] = 0
        self.agents = new
        self._is_aligned = False
        self._view()

    def insert(self, pairs: Array, closeness: Array, kind: Array) -> None:
        """Insert the relationships ``pairs`` (int32[m, 2]), both halves of each."""
        closeness = closeness.astype(np.float32)
        done, more = 0, 8 * len(pairs) + 1024
        while done < len(pairs):
            done, self._end = _insert(
                self.arrays, self._end, pairs, closeness, kind, done
            )
            self._is_aligned = False
            if done < len(pairs):
                self.compact(more)
                more *= 2

    def end_all(self, agents: Array) -> None:
        """End all ties of some agents (int[any], numbers), on both sides."""
        self.align()
        _end_all(self.arrays, agents)
        self.align(changed=True)

    def compact(self, more: int = 0) -> None:
        """Lay the blocks side by side again, in the order of agents.

        Blocks that lost ties give back room. At the end there is then room for ``more``
        half-edges, and for a quarter of all if there shall be any.
        """
        self.align()
        n, degree = self.agents, self._degree[: self.agents]
        room = np.minimum(self._room[:n], degree + degree // 2 + 4)
        start = np.cumsum(room, dtype=np.int64) - room
        used = int(room.sum(dtype=np.int64))
        size = max(used + more, used * 5 // 4) if more else used

        before = self._start[:n].copy()

        def pack(column: Array, new: Array) -> None:
            _pack(column, new, before, start, degree)

        def packed(column: Array) -> Array:
            new = _column(size, column.dtype)
            pack(column, new)
            return new

        _replace(self, packed)
        self._start[:n], self._room[:n], self._end = start, room, used
        self._own.packed(pack, self.arrays)

    def align(self, changed: bool = False) -> None:
        """Bring own columns to where their half-edges are, unless they are there.

        Parameters
        ----------
        changed
            Whether a loop of the model may have cut ties since; the columns were
            brought up to date before it.
        """
        if self._own and (changed or not self._is_aligned):
            self._own.align(self.arrays)
        self._is_aligned = True

    @property
    def own(self) -> dict[str, Column]:
        """What own columns there are, by name."""
        return self._own.columns

    def column(self, name: str) -> Array:
        """Return one column of the arena, unused room included; or of its index."""
        if name in self._own.columns:
            self.align()
            return self._own[name]
        return getattr(self.arrays, name)  # type: ignore[no-any-return]

    def _gaps(self) -> Array:
        """Return how much unused room lies before the block of each agent."""
        n = self.agents
        degree = self._degree[:n].astype(np.int64)
        return self._start[:n] - (np.cumsum(degree) - degree)

    @property
    def half_edges(self) -> int:
        """Half-edges in use."""
        return int(self._degree[: self.agents].sum(dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes reserved by the arena and its index."""
        index = self._start.nbytes + self._degree.nbytes + self._room.nbytes
        columns = sum(column.nbytes for column in self._half_edges)
        return index + columns + self._own.nbytes

    def of(self, agent: int) -> dict[str, Array]:
        """Return views of one agent's half-edges, column by column."""
        first = int(self._start[agent])
        own = slice(first, first + int(self._degree[agent]))
        self.align()
        shipped = zip(HALF_EDGE, self._half_edges, strict=True)
        return {n: c[own] for n, c in shipped} | self._own.at(own)

    def table(self, closest: float = 0.0) -> dict[str, Array]:
        """Return a copy of all half-edges at least ``closest``, by owner."""
        (table,) = self.parts(max(self.half_edges, 1))
        if closest <= 0.0:
            return table
        keep = table["closeness"] >= closest
        return {name: column[keep] for name, column in table.items()}

    def parts(self, rows: int) -> Iterator[dict[str, Array]]:
        """Yield copies of all half-edges by owner, so many at a time; at least once."""
        agent, done, first = 0, 0, 0
        self.align()
        gaps = self._gaps() if self._own else None
        while True:
            owner, columns = np.empty(rows, np.int32), _empty_half_edges(rows)
            agent, done, count = _copy(self.arrays, owner, columns, agent, done)
            named = zip(("owner", *HALF_EDGE), (owner, *columns), strict=True)
            part = {name: column[:count] for name, column in named}
            if gaps is not None:
                at = np.arange(first, first + count) + gaps[part["owner"]]
                part |= self._own.at(at)
            yield part
            first += count
            if agent == self.agents:
                return


def _empty_half_edges(size: int) -> tuple[Array, ...]:
    return tuple(_column(size, kind) for kind in _TYPES)


def _column(size: int, kind: Any) -> Array:
    """Return an empty column; memory goes on after it, for loops that copy spans."""
    return np.empty(size + SPAN, kind)[:size]


def _replace(ties: Ties, change: Callable[[Array], Array]) -> None:
    """Change an arena column by column, so that only one of them is there twice."""
    columns = list(ties._half_edges)
    ties._half_edges = ()
    del ties.arrays
    for at in range(len(columns)):
        columns[at] = change(columns[at])
    ties._half_edges = tuple(columns)
    ties._view()


def _grown(column: Array, used: int, size: int) -> Array:
    """Return a longer column; what is not used yet takes no memory."""
    grown = _column(size, column.dtype)
    grown[:used] = column[:used]
    return grown


@compile_loop
def _insert(ties, end, pairs, closeness, kind, done):  # type: ignore[no-untyped-def]
    """Insert pairs from ``done`` on while there is room; return where it stopped."""
    size = ties.neighbour.shape[0]
    for i in range(done, pairs.shape[0]):
        need = 0
        for side in range(2):
            owner = pairs[i, side]
            if ties.degree[owner] == ties.room[owner]:
                need += ties.room[owner] + ties.room[owner] // 2 + 4
        if end + need > size:
            return i, end
        for side in range(2):
            owner = pairs[i, side]
            if ties.degree[owner] == ties.room[owner]:
                end = _move(ties, owner, end)  # type: ignore[no-untyped-call]
            at = ties.start[owner] + ties.degree[owner]
            ties.neighbour[at] = pairs[i, 1 - side]
            ties.closeness[at] = closeness[i]
            ties.returned[at] = closeness[i]
            ties.kind[at] = kind[i]
            ties.degree[owner] += 1
    return pairs.shape[0], end


@inline
def _move(ties, owner, end):  # type: ignore[no-untyped-def]
    """Move a full block to the end of the arena, with room for more."""
    old = ties.start[owner]
    for k in range(ties.degree[owner]):
        ties.neighbour[end + k] = ties.neighbour[old + k]
        ties.closeness[end + k] = ties.closeness[old + k]
        ties.returned[end + k] = ties.returned[old + k]
        ties.kind[end + k] = ties.kind[old + k]
    ties.start[owner] = end
    ties.room[owner] += ties.room[owner] // 2 + 4
    return end + ties.room[owner]


@compile_loop
def _end_all(ties, agents):  # type: ignore[no-untyped-def]
    """Take agents out of the blocks of their neighbours, whose other ties stay."""
    for agent in agents:
        first = ties.start[agent]
        for k in range(first, first + ties.degree[agent]):
            other = ties.neighbour[k]
            start, left = ties.start[other], 0
            for at in range(start, start + ties.degree[other]):
                if ties.neighbour[at] != agent:
                    ties.neighbour[start + left] = ties.neighbour[at]
                    ties.closeness[start + left] = ties.closeness[at]
                    ties.returned[start + left] = ties.returned[at]
                    ties.kind[start + left] = ties.kind[at]
                    left += 1
            ties.degree[other] = left
        ties.degree[agent] = 0


@compile_loop
def _pack(column, packed, start, new_start, degree):  # type: ignore[no-untyped-def]
    """Copy every block of a column to its new start."""
    for owner in range(start.shape[0]):
        old, new = start[owner], new_start[owner]
        for k in range(degree[owner]):
            packed[new + k] = column[old + k]


@compile_loop
def _copy(ties, owner, columns, agent, done):  # type: ignore[no-untyped-def]
    """Copy half-edges while there is room, from those of an agent that are not done.

    Return the agent that is not done yet, how many of its own are, and how many were
    copied.
    """
    neighbour, closeness, returned, kind = columns
    count = 0
    while agent < ties.start.shape[0]:
        first = ties.start[agent] + done
        some = min(ties.degree[agent] - done, owner.shape[0] - count)
        for k in range(some):
            owner[count + k] = agent
            neighbour[count + k] = ties.neighbour[first + k]
            closeness[count + k] = ties.closeness[first + k]
            returned[count + k] = ties.returned[first + k]
            kind[count + k] = ties.kind[first + k]
        count, done = count + some, done + some
        if done < ties.degree[agent]:
            break
        agent, done = agent + 1, 0
    return agent, done, count
