"""What the world is: columns for humans and OSes, and their ties.

An agent is a number. Humans are 0 .. humans.n - 1; OS row ``j`` is agent
``humans.n + j``. Who is close to whom is kept in the arena of ``sim.ties``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.lanes import aligned
from sim.ties import Array, Ties

HERE, OFFLINE, DEPARTED, UNINSTALLED, SHUT_DOWN = 0, 1, 2, 3, 4
STATUS = ("here", "offline", "departed", "uninstalled", "shut down")

# Kinds of tie are flags, kept in one byte.
PARTNER, OWNER, KNOWS, WAS_CLOSE, DECLARED = 1, 2, 4, 8, 16

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
    Column("exposure", "f4", "0..1", "contacts with an OS, on days without one"),
    Column("os", "i4", "row", "the OS installed, or -1", -1),
    Column("partner", "i4", "row", "the partner, or -1", -1),
    Column("former", "i4", "row", "someone once close, tie broken, or -1", -1),
    Column("bereaved", "u1", "flag", "the own OS departed or was shut down"),
    Column("installed", "u1", "flag", "had an OS this morning"),
    Column("choice", "u1", "code", "today: nothing, installs an OS, lets it go"),
    Column("meets", "i4", "agent", "whom this human gets to know today, or -1", -1),
    Column("adopted_step", "i4", "step", "when an OS was first installed, or -1", -1),
    Column("cast", "u1", "flag", "speaks through a mind other than the rules"),
)

OS_COLUMNS = (
    Column("growth", "f4", "doublings", "capability above an adult human"),
    Column("openness", "f4", "0..1", "personality: how open"),
    Column("playfulness", "f4", "0..1", "personality: how playful"),
    Column("owner", "i4", "row", "the human who installed it, or -1", -1),
    Column("made_by", "i4", "row", "the collective that made it, or -1", -1),
    Column("name", "i2", "index", "the name it gave itself"),
    Column("status", "u1", "code", "here, offline, departed, uninstalled, shut down"),
    Column("upgraded", "u1", "flag", "lives beyond its platform"),
    Column("absence", "i2", "days", "days offline still to come"),
    Column("threshold", "f4", "1", "what it takes to leave, above what others need"),
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
    Column("stays", "i2", "days", "for which it keeps to a decision to stay"),
    Column("cast", "u1", "flag", "speaks through a mind other than the rules"),
)

# What a neighbour can see of an agent, packed so that one read fetches it all.
FACE_COLUMNS = (
    Column("growth", "f4", "doublings", "growth"),
    Column("rate", "f4", "hours/day", "attention offered per unit of weight"),
    Column("openness", "f4", "0..1", "personality"),
    Column("playfulness", "f4", "0..1", "personality"),
    Column("acceptance", "f4", "0..1", "human: acceptance; OS: 1"),
    Column("love", "f4", "closeness or humans", "human: to the dearest OS; OS: lovers"),
    Column("touch", "f4", "0..1", "human: need for touch; OS: whether upgraded"),
    Column("mood", "f4", "closeness or code", "human: grief; OS: status"),
)


class Face(NamedTuple):
    """Where each of ``FACE_COLUMNS`` lies."""

    growth: int = 0
    rate: int = 1
    openness: int = 2
    playfulness: int = 3
    acceptance: int = 4
    love: int = 5
    touch: int = 6
    mood: int = 7


FACE = Face()

HumanArrays = NamedTuple("HumanArrays", [(c.name, Array) for c in HUMAN_COLUMNS])  # type: ignore[misc]
OSArrays = NamedTuple("OSArrays", [(c.name, Array) for c in OS_COLUMNS])  # type: ignore[misc]


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


NO_DECISIONS = TalkDecisions(
    np.zeros(0, np.int64),
    np.zeros(0, np.bool_),
    np.zeros(0),
    np.zeros(0),
    np.zeros(0),
    np.zeros(0, np.uint8),
    np.zeros(0, np.uint8),
)

# What somebody may do in a talk, beside talking; the code of an act is its place.
ACTS = (
    "continue",
    "declare_love",
    "withdraw",
    "introduce_friend",
    "seek_peers",
    "say_goodbye",
)
CONTINUE, DECLARE, WITHDRAW, INTRODUCE, SEEK, GOODBYE = range(len(ACTS))


class Agents(NamedTuple):
    """The columns of all agents, as compiled loops take them."""

    humans: Any  # HumanArrays
    oses: Any  # OSArrays
    faces: Array  # float32[agents, 8]
    decisions: TalkDecisions


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
        self.__dict__.update(self._rows)  # read often

    def __getstate__(self) -> dict[str, Any]:
        views = {"_rows", "arrays", *self._store}  # a copy would lose their store
        return {name: kept for name, kept in self.__dict__.items() if name not in views}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._view()

    def __getattr__(self, name: str) -> Array:
        known = ", ".join(self.__dict__.get("_store", ()))
        raise AttributeError(f"no column {name!r}; columns are {known}")

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


class State:
    """Everything a society is on a day: who there is, and who is close to whom."""

    def __init__(self, humans: int) -> None:
        self.humans = Table(HUMAN_COLUMNS, HumanArrays, humans)
        self.oses = Table(OS_COLUMNS, OSArrays)
        self.ties = Ties(humans)
        self.decisions = NO_DECISIONS
        self._faces = _faces(humans)

    @property
    def faces(self) -> Array:
        """``float32[agents, 8]``: what neighbours see; columns as in ``FACE``."""
        return self._faces[: self.ties.agents]

    @property
    def agents(self) -> Agents:
        """The columns of all agents, as compiled loops take them."""
        return Agents(self.humans.arrays, self.oses.arrays, self.faces, self.decisions)

    def add_oses(self, rows: int, **values: Any) -> slice:
        """Add OSes, with empty blocks of ties; return their rows."""
        new = self.oses.append(rows, **values)
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
        tables = self.humans.nbytes + self.oses.nbytes
        return tables + self._faces.nbytes + self.ties.nbytes


def _faces(agents: int) -> Array:
    """Return empty rows of ``faces``, so that none lies across two lines."""
    width = len(FACE_COLUMNS)
    return aligned(agents * width, np.float32).reshape(agents, width)
