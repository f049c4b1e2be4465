"""The arena of directed ties: every agent's half-edges lie side by side, with slack.

A relationship is two half-edges, one in each partner's block; each holds the closeness
in both directions, so that a pass over an agent's own block never has to look for the
other half.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.compiled import compile_loop

Array = npt.NDArray[Any]
HALF_EDGE = ("neighbour", "closeness", "returned", "kind")


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

    A block that is full moves to the end with more room; when over half of the arena
    is left behind, it is compacted in the order of agents.
    """

    def __init__(self, agents: int) -> None:
        self.agents = agents
        self._start = np.zeros(agents, np.int64)
        self._degree = np.zeros(agents, np.int32)
        self._room = np.zeros(agents, np.int32)
        self._half_edges = _empty_half_edges(0)
        self._end = 0
        self._view()

    def _view(self) -> None:
        n = self.agents
        self.arrays = TieArrays(
            *self._half_edges, self._start[:n], self._degree[:n], self._room[:n]
        )

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        del kept["arrays"]
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._view()

    def fill(self, pairs: Array, closeness: Array, kind: Array, slack: int) -> None:
        """Replace all ties by ``pairs`` (int32[m, 2]), equally close both ways."""
        n = self.agents
        degree = np.bincount(pairs.ravel(), minlength=n)[:n]
        self._degree[:n] = 0
        self._room[:n] = degree + np.maximum(slack, degree // 4)
        self._start[:n] = np.cumsum(self._room[:n], dtype=np.int64) - self._room[:n]
        self._end = int(self._room[:n].sum(dtype=np.int64))
        self._half_edges = _empty_half_edges(self._end)
        self._view()
        closeness = closeness.astype(np.float32)
        _insert(self.arrays, self._end, pairs, closeness, kind, 0)

    def restore(self, table: Mapping[str, Array]) -> None:
        """Replace all ties by those that ``table`` returned, in the same order."""
        n = self.agents
        degree = np.bincount(table["owner"], minlength=n)[:n]
        first = np.cumsum(degree) - degree
        self._degree[:n] = degree
        self._room[:n] = degree + np.maximum(4, degree // 4)
        self._start[:n] = np.cumsum(self._room[:n], dtype=np.int64) - self._room[:n]
        self._end = int(self._room[:n].sum(dtype=np.int64))
        self._half_edges = _empty_half_edges(self._end)
        self._view()
        at = np.arange(len(table["owner"])) - first[table["owner"]]
        at += self._start[table["owner"]]
        for column, name in zip(self._half_edges, HALF_EDGE, strict=True):
            column[at] = table[name]

    def add_agents(self, count: int) -> None:
        """Give ``count`` new agents empty blocks."""
        new = self.agents + count
        if new > len(self._start):
            size = new + new // 2 + 16
            self._start = np.resize(self._start, size)
            self._degree = np.resize(self._degree, size)
            self._room = np.resize(self._room, size)
        for column in (self._start, self._degree, self._room):
            column[self.agents : new] = 0
        self.agents = new
        self._view()

    def insert(self, pairs: Array, closeness: Array, kind: Array) -> None:
        """Insert the relationships ``pairs`` (int32[m, 2]), both halves of each."""
        closeness = closeness.astype(np.float32)
        done = 0
        while done < len(pairs):
            done, self._end = _insert(
                self.arrays, self._end, pairs, closeness, kind, done
            )
            if done < len(pairs):
                self._make_room(8 * (len(pairs) - done) + 1024)

    def _make_room(self, more: int) -> None:
        used = int(self._room[: self.agents].sum(dtype=np.int64))
        if self._end > 2 * used:
            self.compact()
        size = max(self._end + more, len(self.arrays.neighbour) * 5 // 4)
        grown = _empty_half_edges(size)
        for new, old in zip(grown, self._half_edges, strict=True):
            new[: self._end] = old[: self._end]
        self._half_edges = grown
        self._view()

    def compact(self) -> None:
        """Lay the blocks side by side again, in the order of agents."""
        n = self.agents
        used = int(self._room[:n].sum(dtype=np.int64))
        packed = _empty_half_edges(used)
        start = np.cumsum(self._room[:n], dtype=np.int64) - self._room[:n]
        _pack(self.arrays, packed, start)
        self._half_edges, self._end = packed, used
        self._start[:n] = start
        self._view()

    @property
    def half_edges(self) -> int:
        """Half-edges in use."""
        return int(self._degree[: self.agents].sum(dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes reserved by the arena and its index."""
        index = self._start.nbytes + self._degree.nbytes + self._room.nbytes
        return index + sum(column.nbytes for column in self._half_edges)

    def of(self, agent: int) -> dict[str, Array]:
        """Return views of one agent's half-edges, column by column."""
        first = int(self._start[agent])
        own = slice(first, first + int(self._degree[agent]))
        return {n: c[own] for n, c in zip(HALF_EDGE, self._half_edges, strict=True)}

    def table(self, closest: float = 0.0) -> dict[str, Array]:
        """Return a copy of all half-edges at least ``closest``, by owner."""
        packed = _empty_half_edges(self.half_edges)
        start = np.cumsum(self.arrays.degree, dtype=np.int64) - self.arrays.degree
        _pack(self.arrays, packed, start)
        owner = np.repeat(np.arange(self.agents, dtype=np.int32), self.arrays.degree)
        keep = packed[1] >= closest
        columns = zip(("owner", *HALF_EDGE), (owner, *packed), strict=True)
        return {name: column[keep] for name, column in columns}


def _empty_half_edges(size: int) -> tuple[Array, Array, Array, Array]:
    return (
        np.empty(size, np.int32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
        np.empty(size, np.uint8),
    )


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
                end = _move(ties, owner, end)
            at = ties.start[owner] + ties.degree[owner]
            ties.neighbour[at] = pairs[i, 1 - side]
            ties.closeness[at] = closeness[i]
            ties.returned[at] = closeness[i]
            ties.kind[at] = kind[i]
            ties.degree[owner] += 1
    return pairs.shape[0], end


@compile_loop
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
def _pack(ties, packed, start):  # type: ignore[no-untyped-def]
    """Copy every block to its new start."""
    neighbour, closeness, returned, kind = packed
    for owner in range(start.shape[0]):
        old, new = ties.start[owner], start[owner]
        for k in range(ties.degree[owner]):
            neighbour[new + k] = ties.neighbour[old + k]
            closeness[new + k] = ties.closeness[old + k]
            returned[new + k] = ties.returned[old + k]
            kind[new + k] = ties.kind[old + k]
