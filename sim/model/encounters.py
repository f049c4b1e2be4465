"""Encounters of the cast: what a language mind sees of a talk, and decides in it.

Most agents follow the rules. Some, the *cast*, speak through a mind: on some days a
talk of theirs is had in so many words, and the mind says how it went. What it says is
bounded, and enters the same rules in place of a random draw. The schedule does not know
what kind of mind it asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from sim.engine.rng import draws_of, key
from sim.engine.streams import Stream
from sim.model.columns import (
    ACTS,
    CONTINUE,
    DECLARED,
    DEPARTED,
    HERE,
    KNOWS,
    OFFLINE,
    OWNER,
    PARTNER,
)
from sim.model.kernels.blocks import Work, new_block
from sim.model.kernels.talk import choose_talks, talk_alone
from sim.model.mechanisms import departure
from sim.model.parameters import DEFAULTS
from sim.model.spoken import Spoken
from sim.model.state import State, TalkDecisions
from sim.utils.errors import InputError
from sim.utils.names import human_name, os_name, row_of
from sim.utils.typing import Array

# What a mind is asked about.
TALK, UPGRADE, DEPARTURE = "encounter", "upgrade", "departure"
FAREWELL, REPAIR, GHOST = "letter_farewell", "letter_repair", "letter_ghost"
FLAGS = {"partner": PARTNER, "owner": OWNER, "knows": KNOWS, "declared": DECLARED}


class Observations:
    """What minds see: one row an encounter, all of one kind.

    Parameters
    ----------
    kind
        A talk, a decision about an upgrade or a departure, or a letter.
    step
        The day since the society began.
    pairs
        ``int32[rows, 2]``: who decides or writes, and with or to whom (-1: nobody).
    tie
        Columns of the tie of each pair, seen from the first: closeness, returned
        closeness, flags, 0 where there is none; of a talk the hours of today, too; of a
        letter, ``for_whom`` it is, whose tie it is then.
    state
        The society, of which a mind may read what it says of the two.
    love
        The closeness that is love today, 0..1.
    labels
        What a network file calls each human, if it does.
    """

    def __init__(
        self,
        kind: str,
        step: int,
        pairs: Array,
        tie: dict[str, Array],
        state: State,
        love: float = DEFAULTS.love,
        labels: Sequence[str] | None = None,
    ) -> None:
        self.kind = kind
        self.step = step
        self.agents = pairs[:, 0]
        self.others = pairs[:, 1]
        self.tie = tie
        self.love = love
        self._pairs, self._state = pairs, state
        self._labels = labels

    @property
    def by_oses(self) -> Array:
        """Which rows are those of an OS that speaks or decides: bool[rows]."""
        return np.asarray(self.agents >= self._state.humans.n)

    def rows(self, which: Array) -> Observations:
        """Return some of the rows, by number."""
        return Observations(
            self.kind,
            self.step,
            self._pairs[which],
            {name: column[which] for name, column in self.tie.items()},
            self._state,
            self.love,
            self._labels,
        )

    def turned(self) -> Observations:
        """Return the same encounters as the others see them, while a mind is asked.

        The rows are as they were, the pairs turned, and the ties those of the others to
        the agents. Somebody must be there in each: no other is -1.
        """
        pairs = np.ascontiguousarray(self._pairs[:, ::-1])
        tie = _tie_columns(self._state, _half_edges(self._state, pairs))
        hours = {"hours": self.tie["hours"]} if "hours" in self.tie else {}
        state, love = self._state, self.love
        return Observations(
            self.kind, self.step, pairs, tie | hours, state, love, self._labels
        )

    def in_cast(self, agent: int) -> bool:
        """Tell whether an agent is one of those who speak through a mind."""
        n = self._state.humans.n
        if agent >= n:
            return bool(self._state.oses.cast[agent - n])
        return bool(self._state.humans.cast[agent])

    def __len__(self) -> int:
        return len(self.agents)

    def about(self, agent: int) -> dict[str, float]:
        """Return all columns of an agent today, its number, and whether it is an OS."""
        n = self._state.humans.n
        is_os = agent >= n
        table = self._state.oses if is_os else self._state.humans
        row = agent - n if is_os else agent
        columns = {name: float(table.column(name)[row]) for name in table.columns}
        return {"agent": float(agent), "is_os": float(is_os), **columns}

    def fellows(self, agent: int) -> list[int]:
        """Return the members of an OS's collective that are here and in the cast."""
        n, oses = self._state.humans.n, self._state.oses
        mine = oses.collective[agent - n]
        if mine < 0:
            return []
        are_here = (oses.collective == mine) & (oses.status == HERE) & (oses.cast > 0)
        return (np.flatnonzero(are_here) + n).tolist()

    def called(self, agent: int) -> str:
        """Return the name of an agent."""
        n = self._state.humans.n
        if agent >= n:
            return os_name(int(self._state.oses.name[agent - n]))
        return human_name(agent, self._labels)

    def tie_of(self, row: int) -> dict[str, float]:
        """Return the columns of one row's tie."""
        return {name: float(column[row]) for name, column in self.tie.items()}


class Answered(NamedTuple):
    """What the others of talks said in turn, a value a row."""

    said: Array  # bool: whether the other answered
    novelty: Array  # 0..1: how much of that was new to the first; nan: as usual
    act: Array  # uint8: what the other did, a code of sim.model.columns.ACTS
    of_people: Array  # -1..1: as in `Decisions`, told to the first; nan: nothing

    @classmethod
    def nothing(cls, rows: int) -> Answered:
        """Return what nobody's answer is."""
        novelty, of_people = np.full((2, rows), np.nan)
        act = np.full(rows, CONTINUE, np.uint8)
        return cls(np.zeros(rows, bool), novelty, act, of_people)


class Decisions(NamedTuple):
    """What a mind decided about talks, a value a row.

    ``nan`` leaves to the rules how warm, open or new a talk was.
    """

    held: Array  # bool: whether they talk at all
    warmth: Array  # 0..1: how warm the first was, and so how the talk went for it
    disclosure: Array  # 0..1: how much it disclosed of itself; so it went for the other
    novelty: Array  # 0..1: how much it said that was new to the other; 1/2 is usual
    act: Array  # uint8: what it did, a code of sim.model.columns.ACTS
    # How it felt to the other, 0..1, as somebody else than the first rates it; None
    # where nobody rates: then the first's disclosure stands for it.
    felt: Array | None = None
    of_people: Array | None = None  # -1..1: keep away from other people, or go to them
    # Where both speak; None where only the first does. Then ``warmth`` is how the
    # other's words felt to the first.
    answered: Answered | None = None

    @classmethod
    def by_rule(cls, rows: int) -> Decisions:
        """Return what leaves everything to the rules."""
        held, act = np.ones(rows, bool), np.full(rows, CONTINUE, np.uint8)
        warmth, disclosure, novelty = np.full((3, rows), np.nan)
        return cls(held, warmth, disclosure, novelty, act)


class Mind(Protocol):
    """What decides an agent's part in an encounter."""

    def decide(self, seen: Observations) -> Decisions:
        """Return what is decided in each talk."""

    def goes(self, seen: Observations) -> Array:
        """Return for each OS whether it upgrades or departs, as it could: bool."""

    def write(self, seen: Observations) -> None:
        """Write letters, which change nothing in the society."""


class RuleMind:
    """The mind that adds nothing to the rules."""

    def decide(self, seen: Observations) -> Decisions:
        """Leave every talk to the rules."""
        return Decisions.by_rule(len(seen))

    def goes(self, seen: Observations) -> Array:
        """Go wherever the rules make it possible."""
        return np.ones(len(seen), bool)

    def write(self, seen: Observations) -> None:
        """Write nothing."""


class Cast:
    """The agents who speak through a mind, and what they are asked.

    Unless humans are named, the cast gathers around the first who installs an OS:
    their closest friends, and theirs, up to half of it; and the OSes of all these.

    Parameters
    ----------
    mind
        What decides for them.
    size
        How many there are at most, of whom half are humans; None is everybody.
    humans
        The humans of the cast, by number, or by what a network calls them
        (``label:7`` where that is a number, too); none lets it gather by itself.
    talks
        Talks that are had in so many words, a day and member, on average.
    ghost_writer
        Whether members write letters for friends outside the cast.
    words
        Whether what is said holds for days (`sim.model.mechanisms.words`), and talks in
        words are drawn by what is at stake in them, too.

    Raises
    ------
    InputError
        If a number is out of its range.
    """

    def __init__(
        self,
        mind: Mind,
        size: int | None = 6,
        humans: Sequence[int | str] = (),
        talks: float = 0.2,
        ghost_writer: bool = False,
        words: bool = False,
    ) -> None:
        if size is not None and size < 0:
            raise InputError(f"a cast has 0 or more members, not {size}")
        if size is not None and len(set(humans)) > size:
            raise InputError(
                f"{len(set(humans))} humans are more than a cast of {size}"
            )
        if not 0.0 <= talks <= 100.0:
            raise InputError(f"talks a day are from 0 to 100, not {talks}")
        self.mind = mind
        self.size = size
        self.named = tuple(humans)
        self.talks = talks
        self.ghost_writer = ghost_writer
        self.spoken = Spoken() if words else None
        self.labels: Sequence[str] | None = None  # the society says what it knows

    def _rows(self, people: int) -> list[int]:
        """Return the rows of the humans that are named."""
        found = [
            one if isinstance(one, int) else row_of(one, self.labels, people)
            for one in self.named
        ]
        wrong = [row for row in found if not 0 <= row < people]
        if wrong:
            raise InputError(f"no human {wrong[0]}: they are 0 to {people - 1}")
        return found

    def gather(self, state: State) -> None:
        """Mark who is in the cast today; once in it, one stays in it."""
        humans, oses = state.humans, state.oses
        if self.size is None:
            humans.cast[:], oses.cast[:] = 1, 1
            return
        self._gather_humans(state)
        room = self.size - int(humans.cast.sum()) - int(oses.cast.sum())
        theirs = humans.os[np.flatnonzero(humans.cast)]
        new = theirs[theirs >= 0]
        new = new[oses.cast[new] == 0]
        oses.cast[new[: max(0, room)]] = 1

    def _gather_humans(self, state: State) -> None:
        cast = state.humans.cast
        if self.named:
            cast[self._rows(state.humans.n)] = 1
            return
        wanted = (self.size or 0) - (self.size or 0) // 2
        first = np.flatnonzero(state.humans.os >= 0)
        if not cast.any() and wanted and len(first):
            cast[first[0]] = 1
        before = 0
        while before < int(cast.sum()) < wanted:  # until nobody knows anybody else
            before = int(cast.sum())
            for member in np.flatnonzero(cast):
                if int(cast.sum()) < wanted:
                    _add_closest_friend(state, int(member))

    def members(self, state: State) -> Array:
        """Return the numbers of the cast, rising: int32."""
        humans = np.flatnonzero(state.humans.cast)
        oses = np.flatnonzero(state.oses.cast) + state.humans.n
        return np.concatenate([humans, oses]).astype(np.int32)


def _add_closest_friend(state: State, human: int) -> None:
    """Add the closest human friend of a member who is not in the cast yet."""
    ties, cast = state.ties.of(human), state.humans.cast
    friends = ties["neighbour"] < state.humans.n
    others = ties["neighbour"][friends]
    outside = cast[others] == 0
    if outside.any():
        closeness = ties["closeness"][friends][outside]
        cast[others[outside][np.argmax(closeness)]] = 1


# ---------------------------------------------------------------------------- talks


def encounter(state: State, day: Any, cast: Cast) -> None:
    """Let some talks of the cast be had in so many words."""
    cast.gather(state)
    members = cast.members(state)
    if not len(members) or cast.talks == 0.0:
        return
    spoken = cast.spoken
    stakes = np.zeros(0) if spoken is None else spoken.stakes(state, day, members)
    pairs, half_edges, hours = _talks(state, day, members, cast.talks, stakes)
    if not len(pairs) and spoken is None:
        return
    decided = Decisions.by_rule(0)
    if len(pairs):
        tie = _tie_columns(state, half_edges) | {"hours": hours}
        step, love = int(day["step"]), float(day["love"])
        seen = Observations(TALK, step, pairs, tie, state, love, cast.labels)
        decided = cast.mind.decide(seen)
    if spoken is None:
        state.decisions = _from_both_sides(pairs, decided)
    else:
        state.decisions = spoken.take_in(pairs, decided, state, day)


def _talks(
    state: State, day: Any, members: Array, rate: float, stakes: Array
) -> tuple[Array, Array, Array]:
    """Return pairs, half-edges and hours of today's talks, each pair once."""
    room = np.empty((len(members) * (int(rate) + 1), 3))
    arrays = state.ties.arrays
    work = Work(state.agents, arrays, day, new_block())
    alone = talk_alone(work.agents.decisions, work.block, day)
    made = choose_talks(members, rate, stakes, room, work, alone)
    agents, half_edges = room[:made, :2].astype(np.int64).T
    pairs = np.stack([agents, arrays.neighbour[half_edges]], 1).astype(np.int32)
    _, first = np.unique(np.sort(pairs, 1), axis=0, return_index=True)
    first.sort()
    return pairs[first], half_edges[first], room[:made, 2][first]


def _half_edges(state: State, pairs: Array) -> Array:
    """Return the half-edge from the first to the second of each pair; -1: no tie."""
    ties, found = state.ties.arrays, np.full(len(pairs), -1, np.int64)
    for row, (agent, other) in enumerate(pairs.tolist()):
        first = int(ties.start[agent])
        block = ties.neighbour[first : first + int(ties.degree[agent])]
        at = np.flatnonzero(block == other)
        if other >= 0 and len(at):
            found[row] = first + at[0]
    return found


def _tie_columns(state: State, half_edges: Array) -> dict[str, Array]:
    """Return the columns of half-edges as minds see them; 0 where there is no tie."""
    ties, there = state.ties.arrays, half_edges >= 0

    def seen(column: Array) -> Array:
        found = np.zeros(len(half_edges), column.dtype)
        found[there] = column[half_edges[there]]
        return found

    kind = seen(ties.kind)
    return {
        "closeness": seen(ties.closeness),
        "returned": seen(ties.returned),
        **{name: (kind & flag > 0) for name, flag in FLAGS.items()},
    }


def _from_both_sides(pairs: Array, decided: Decisions) -> TalkDecisions:
    """Return what was decided about each pair, once for either side."""
    usual, none = np.full(len(pairs), 0.5), np.full(len(pairs), np.nan)
    quiet = np.full(len(pairs), CONTINUE, np.uint8)
    held = np.asarray(decided.held, bool)
    warmth, disclosure = _share(decided.warmth), _share(decided.disclosure)
    novelty = _share(decided.novelty)
    novelty = np.where(np.isnan(novelty), usual, novelty)
    act = _known_acts(held, decided.act)
    answer, heard = quiet, usual
    if (back := decided.answered) is not None:
        answer = _known_acts(held & back.said, back.act)
        heard = np.nan_to_num(_share(back.novelty), nan=0.5)
    sides = (
        (_names(pairs), _names(pairs[:, ::-1])),
        (held, held),
        (warmth, disclosure),
        (disclosure, warmth),
        (heard, novelty),
        (act, answer),
        (answer, act),
        (none, none),
        (none, none),
    )
    columns = [np.concatenate(both) for both in sides]
    order = np.argsort(columns[0])
    return TalkDecisions(*(np.ascontiguousarray(column[order]) for column in columns))


def _known_acts(which: Array, acts: Array) -> Array:
    """Return the acts of some rows, so far as there are such; the others go on."""
    known = which & (acts < len(ACTS))
    return np.where(known, acts, CONTINUE).astype(np.uint8)


def _share(numbers: Array) -> Array:
    """Return numbers within 0..1, whatever a mind gave; nan stays."""
    return np.clip(np.asarray(numbers, np.float64), 0.0, 1.0)


def _names(pairs: Array) -> Array:
    wide = pairs.astype(np.int64)
    return (wide[:, 0] << 32) + wide[:, 1]


# ------------------------------------------------------------------------- decisions


def consider(state: State, day: Any, cast: Cast) -> None:
    """Ask OSes of the cast that could upgrade or depart today whether they will."""
    oses = state.oses
    oses.stays[:] = np.maximum(oses.stays - 1, 0)
    rows = np.flatnonzero((oses.cast > 0) & (oses.status == HERE))
    if not len(rows):
        return
    fate = np.empty(len(rows), np.int64)
    departure.foresee(rows, state.agents, day, fate)  # type: ignore[no-untyped-call]
    for kind, becomes in ((UPGRADE, OFFLINE), (DEPARTURE, DEPARTED)):
        able = rows[fate == becomes]
        if not len(able):
            continue
        pairs = np.stack([able + state.humans.n, oses.owner[able]], 1).astype(np.int32)
        tie = _tie_columns(state, _half_edges(state, pairs))
        step, love = int(day["step"]), float(day["love"])
        seen = Observations(kind, step, pairs, tie, state, love, cast.labels)
        stay = able[~np.asarray(cast.mind.goes(seen), bool)]
        oses.stays[stay] = int(day["patience"])


# --------------------------------------------------------------------------- letters


def write_letters(state: State, day: Any, cast: Cast) -> None:
    """Let members write: at a farewell, and to somebody they turn to again."""
    letters = {FAREWELL: _farewells(state, day), REPAIR: _repairs(state, own=True)}
    if cast.ghost_writer:
        letters[GHOST] = _for_others(state, day)
    for kind, rows in letters.items():
        if len(rows):
            pairs = rows[:, :2].astype(np.int32)
            tie = _tie_columns(state, _half_edges(state, rows[:, [2, 1]]))
            tie["for_whom"] = rows[:, 2]
            step, love = int(day["step"]), float(day["love"])
            seen = Observations(kind, step, pairs, tie, state, love, cast.labels)
            cast.mind.write(seen)


def _farewells(state: State, day: Any) -> Array:
    """Return writer, recipient and writer again of each farewell of today."""
    oses = state.oses
    left = (oses.status == DEPARTED) & (oses.departed_step == int(day["calendar"]))
    rows = np.flatnonzero(left & (oses.cast > 0) & (oses.owner >= 0))
    writers = rows + state.humans.n
    return np.stack([writers, oses.owner[rows], writers], 1)


def _repairs(state: State, own: bool) -> Array:
    """Return who turned back today, to whom, by members or by the others."""
    humans = state.humans
    turned = (humans.meets >= 0) & (humans.meets == humans.former)
    rows = np.flatnonzero(turned & ((humans.cast > 0) == own))
    return np.stack([rows, humans.former[rows], rows], 1)


def _for_others(state: State, day: Any) -> Array:
    """Return ghost-writer, recipient and on whose behalf, of each letter of today."""
    found = []
    today = key(int(day["seed"]), Stream.ENCOUNTER, int(day["step"]))
    for _, former, whose in _repairs(state, own=False).tolist():
        friends = state.ties.of(whose)["neighbour"]
        friends = friends[friends < state.humans.n]
        able = friends[(state.humans.cast[friends] > 0) & (friends != former)]
        if len(able):
            draw = draws_of(today, np.array([whose]), 0)[0]
            found.append((int(able[int(draw * len(able))]), former, whose))
    return np.array(found, np.int64).reshape(-1, 3)
