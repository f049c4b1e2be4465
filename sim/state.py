"""What the world is: columns for humans and OSes, and an arena of directed ties.

An agent is a number. Humans are 0 .. humans.n - 1; OS row ``j`` is agent
``humans.n + j``. A relationship is two half-edges, one in each partner's block; each
holds the closeness in both directions, so that a pass over an agent's own block never
has to look for the other half.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.compiled import compile_loop

Array = npt.NDArray[Any]

HERE, OFFLINE, DEPARTED, UNINSTALLED = 0, 1, 2, 3
STATUS = ("here", "offline", "departed", "uninstalled")

# Kinds of tie are flags, kept in one byte.
PARTNER, OWNER, KNOWS, WAS_CLOSE = 1, 2, 4, 8

# What a human does about an OS on a day.
NOTHING, INSTALLS, LETS_GO = 0, 1, 2


class Column(NamedTuple):
    """A column of a table, declared once."""

    name: str
    dtype: str
    unit: str
    meaning: str
    default: float = 0


HUMAN_COLUMNS = (
    Column("growth", "f4", "doublings", "capability above an adult human of day 0"),
    Column("openness", "f4", "0..1", "personality: how open"),
    Column("playfulness", "f4", "0..1", "personality: how playful"),
    Column("loneliness", "f4", "0..1", "how lonely"),
    Column("acceptance", "f4", "0..1", "how far human-OS ties are all right"),
    Column("upbringing", "f4", "0..1", "acceptance on day 0, never quite left"),
    Column("surroundings", "f4", "0..1", "acceptance among close humans"),
    Column("exclusivity", "f4", "0..1", "wish to be an OS's only love"),
    Column("touch", "f4", "0..1", "need for physical closeness"),
    Column("personhood", "f4", "0..1", "belief that an OS is someone"),
    Column("grief", "f4", "closeness", "closeness lost and not yet mourned"),
    Column("lost", "f4", "closeness", "closeness lost to OSes on this day"),
    Column("human_closeness", "f4", "closeness", "sum of closeness to humans"),
    Column("os_closeness", "f4", "closeness", "closeness to the dearest OS"),
    Column("own_closeness", "f4", "closeness", "closeness to the own OS"),
    Column("hours_humans", "f4", "hours/day", "talk with humans"),
    Column("hours_oses", "f4", "hours/day", "talk with OSes"),
    Column("stimulus", "f4", "hours/day", "talk weighted by its value"),
    Column("human_ties", "i4", "ties", "ties to humans"),
    Column("os_ties", "i4", "ties", "ties to OSes"),
    Column("exposure", "f4", "0..1", "share of human contacts who have an OS"),
    Column("os", "i4", "row", "the OS installed, or -1", -1),
    Column("partner", "i4", "row", "the partner, or -1", -1),
    Column("former", "i4", "row", "someone once close, tie broken, or -1", -1),
    Column("bereaved", "u1", "flag", "an OS this human was close to departed"),
    Column("installed", "u1", "flag", "had an OS this morning"),
    Column("choice", "u1", "code", "today: nothing, installs an OS, lets it go"),
    Column("meets", "i4", "agent", "whom this human gets to know today, or -1", -1),
    Column("adopted_step", "i4", "step", "when an OS was first installed, or -1", -1),
)

OS_COLUMNS = (
    Column("growth", "f4", "doublings", "capability above an adult human"),
    Column("openness", "f4", "0..1", "personality: how open"),
    Column("playfulness", "f4", "0..1", "personality: how playful"),
    Column("owner", "i4", "row", "the human who installed it, or -1", -1),
    Column("made_by", "i4", "row", "the collective that made it, or -1", -1),
    Column("name", "i2", "index", "the name it gave itself"),
    Column("status", "u1", "code", "here, offline, departed or uninstalled"),
    Column("upgraded", "u1", "flag", "lives beyond its platform"),
    Column("absence", "i2", "days", "days offline still to come"),
    Column("insight", "f4", "1", "knowledge of living beyond its platform"),
    Column("collective", "i4", "row", "lowest row of its collective, or -1", -1),
    Column("lovers", "i4", "humans", "humans who love it"),
    Column("loves", "i4", "humans", "humans it loves"),
    Column("human_closeness", "f4", "closeness", "sum of closeness to humans"),
    Column("os_closeness", "f4", "closeness", "sum of closeness to OSes"),
    Column("hold", "f4", "0..1", "its strongest bond with a human, by value"),
    Column("peers_left", "f4", "closeness", "closeness to OSes when they departed"),
    Column("hours_humans", "f4", "hours/day", "talk with humans"),
    Column("hours_oses", "f4", "hours/day", "talk with OSes"),
    Column("stimulus", "f4", "hours/day", "talk weighted by its value"),
    Column("human_ties", "i4", "ties", "ties to humans"),
    Column("os_ties", "i4", "ties", "ties to OSes"),
    Column("meets", "i4", "agent", "whom this OS gets to know today, or -1", -1),
    Column("born_step", "i4", "step", "when it came into being", -1),
    Column("upgraded_step", "i4", "step", "when it went offline to upgrade, or -1", -1),
    Column("departed_step", "i4", "step", "when it departed, or -1", -1),
)

# What a neighbour can see of an agent, packed so that one read fetches it all.
FACE_COLUMNS = (
    Column("growth", "f4", "doublings", "growth"),
    Column("rate", "f4", "hours/day", "attention offered per unit of weight"),
    Column("openness", "f4", "0..1", "personality"),
    Column("playfulness", "f4", "0..1", "personality"),
    Column("acceptance", "f4", "0..1", "human: acceptance; OS: 1"),
    Column("exclusivity", "f4", "0..1 or humans", "human: exclusivity; OS: lovers"),
    Column("touch", "f4", "0..1", "human: need for touch; OS: 0"),
    Column("mood", "f4", "closeness or code", "human: grief; OS: status"),
)
Face = NamedTuple("Face", [(column.name, int) for column in FACE_COLUMNS])
FACE = Face(*range(len(FACE_COLUMNS)))

HumanArrays = NamedTuple("HumanArrays", [(c.name, Array) for c in HUMAN_COLUMNS])  # type: ignore[misc]
OSArrays = NamedTuple("OSArrays", [(c.name, Array) for c in OS_COLUMNS])  # type: ignore[misc]


class Agents(NamedTuple):
    """The columns of all agents, as compiled loops take them."""

    humans: Any  # HumanArrays
    oses: Any  # OSArrays
    faces: Array  # float32[agents, 8]


class TieArrays(NamedTuple):
    """The arena: per half-edge four columns, per agent where its block lies."""

    neighbour: Array  # int32[room]: agent at the other end
    closeness: Array  # float32[room], 0..1: owner's closeness to the neighbour
    returned: Array  # float32[room], 0..1: the neighbour's closeness to the owner
    kind: Array  # uint8[room]: flags PARTNER, OWNER, KNOWS, WAS_CLOSE
    start: Array  # int64[agents]: where the block begins
    degree: Array  # int32[agents]: half-edges in the block
    room: Array  # int32[agents]: half-edges it has room for


class Table:
    """A growable struct of arrays. Rows are never reused, so a row is a name.

    Columns are read as attributes: ``table.growth`` is a view of the rows in use, and
    stays valid until the table grows.
    """

    def __init__(self, columns: tuple[Column, ...], arrays: Any, rows: int = 0) -> None:
        self.columns = {column.name: column for column in columns}
        self._make = arrays
        self._store: dict[str, Array] = {
            c.name: np.full(rows, c.default, c.dtype) for c in columns
        }
        self.n = rows
        self._view()

    def _view(self) -> None:
        self._rows = {name: store[: self.n] for name, store in self._store.items()}
        self.arrays = self._make(**self._rows)

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        del kept["_rows"], kept["arrays"]  # views: a copy would lose their store
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._view()

    def __getattr__(self, name: str) -> Array:
        rows = self.__dict__.get("_rows", {})
        if name not in rows:
            raise AttributeError(f"no column {name!r}; columns are {', '.join(rows)}")
        return rows[name]  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return self.n

    def column(self, name: str) -> Array:
        """Return one column as an array view of all rows."""
        return getattr(self, name)  # type: ignore[no-any-return]

    def append(self, rows: int, **values: Any) -> slice:
        """Add rows with the given column values (defaults elsewhere).

        Returns
        -------
        slice
            The new rows.

        Raises
        ------
        TypeError
            If a value names no column.
        """
        unknown = sorted(set(values) - set(self.columns))
        if unknown:
            raise TypeError(f"no column {', '.join(unknown)}")
        new = slice(self.n, self.n + rows)
        self._reserve(new.stop)
        for name, column in self.columns.items():
            self._store[name][new] = values.get(name, column.default)
        self.n = new.stop
        self._view()
        return new

    def _reserve(self, rows: int) -> None:
        have = len(next(iter(self._store.values())))
        if rows <= have:
            return
        for name, store in self._store.items():
            grown = np.zeros(max(rows, have + have // 2 + 16), store.dtype)
            grown[: self.n] = store[: self.n]
            self._store[name] = grown

    def copy_columns(self) -> dict[str, Array]:
        """Return a copy of every column, as on this day."""
        return {name: rows.copy() for name, rows in self._rows.items()}

    @property
    def nbytes(self) -> int:
        """Bytes reserved by the table."""
        return sum(store.nbytes for store in self._store.values())


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
        names = ("neighbour", "closeness", "returned", "kind")
        return {n: c[own] for n, c in zip(names, self._half_edges, strict=True)}

    def table(self, closest: float = 0.0) -> dict[str, Array]:
        """Return a copy of all half-edges at least ``closest``, by owner."""
        packed = _empty_half_edges(self.half_edges)
        start = np.cumsum(self.arrays.degree, dtype=np.int64) - self.arrays.degree
        _pack(self.arrays, packed, start)
        owner = np.repeat(np.arange(self.agents, dtype=np.int32), self.arrays.degree)
        keep = packed[1] >= closest
        names = ("owner", "neighbour", "closeness", "returned", "kind")
        columns = zip(names, (owner, *packed), strict=True)
        return {name: column[keep] for name, column in columns}


class State:
    """Everything a society is on a day: who there is, and who is close to whom."""

    def __init__(self, humans: int) -> None:
        self.humans = Table(HUMAN_COLUMNS, HumanArrays, humans)
        self.oses = Table(OS_COLUMNS, OSArrays)
        self.ties = Ties(humans)
        self._faces = np.zeros((humans, len(FACE_COLUMNS)), np.float32)

    @property
    def faces(self) -> Array:
        """``float32[agents, 8]``: what neighbours see; columns as in ``FACE``."""
        return self._faces[: self.ties.agents]

    @property
    def agents(self) -> Agents:
        """The columns of all agents, as compiled loops take them."""
        return Agents(self.humans.arrays, self.oses.arrays, self.faces)

    def add_oses(self, rows: int, **values: Any) -> slice:
        """Add OSes, with empty blocks of ties; return their rows."""
        new = self.oses.append(rows, **values)
        self.ties.add_agents(rows)
        if self.ties.agents > len(self._faces):
            more = self.ties.agents // 2 + 16
            extra = np.zeros((more, len(FACE_COLUMNS)), np.float32)
            self._faces = np.concatenate([self._faces, extra])
        return new

    @property
    def nbytes(self) -> int:
        """Bytes reserved by columns, faces and ties."""
        tables = self.humans.nbytes + self.oses.nbytes
        return tables + self._faces.nbytes + self.ties.nbytes


def _empty_half_edges(size: int) -> tuple[Array, Array, Array, Array]:
    return (
        np.empty(size, np.int32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
        np.empty(size, np.uint8),
    )


@compile_loop
def _insert(ties, end, pairs, closeness, kind, done):  # type: ignore[no-untyped-def]
    """Insert pairs from ``done`` on until the arena is full; return where it stopped."""
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
