"""What talks in so many words leave behind: how they felt, and what is at stake next.

The mechanism *Words* (`sim.model.mechanisms.words`) says by which rules. All of it is
kept by the one who listened, under a name of the two, and enters the day as other
decisions of minds do; nothing of it is a column of the society.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.jit import compile_loop
from sim.engine.rng import each_of, name_of
from sim.model.codes import CONTINUE, DECLARE, HERE, OWNER
from sim.model.mechanisms.words import (
    WORN_OUT,
    colour_of_words,
    push_of_declaration,
    welcome_of_love,
)
from sim.model.state import State, TalkDecisions
from sim.utils.typing import Array

USUAL = 0.5
QUARREL = 0.35  # felt below it, a talk went badly
GRIEVES = 0.2  # grief from which on one grieves
OF_OTHERS = 0.5  # what is said of other people counts for so much of what is felt
# One row for each who listened and each who spoke to it in so many words.
HEARD = np.dtype([("pair", "i8"), ("felt", "f8"), ("step", "i8"), ("declared", "i8")])
NOTHING = np.zeros(0), np.zeros(0, np.int64)


class Spoken:
    """What has been said so far, as those remember it who listened."""

    def __init__(self) -> None:
        self._heard = np.zeros(0, HEARD)  # rising by pair: listener * 2**32 + speaker
        # What each human heard last of other people, -1..1, and when.
        self._of_people, self._when = NOTHING

    # --------------------------------------------------------------------- stakes

    def stakes(self, state: State, day: Any, members: Array) -> Array:
        """Return a factor of the hours for each tie of each member, in their order."""
        ties, n = state.ties.arrays, state.humans.n
        degree = ties.degree[members].astype(np.int64)
        before = np.cumsum(degree) - degree
        half_edges = np.repeat(ties.start[members] - before, degree)
        half_edges += np.arange(len(half_edges))
        agents = np.repeat(members.astype(np.int64), degree)
        others = ties.neighbour[half_edges].astype(np.int64)
        matters = np.zeros(state.ties.agents, bool)
        matters[:n] = state.humans.grief > GRIEVES
        matters[n:] = (state.oses.upgraded > 0) & (state.oses.status == HERE)
        row, known = self._row_of(pair_names(agents, others))
        _, known_again = self._row_of(pair_names(others, agents))
        went_badly = np.zeros(len(agents), bool)
        went_badly[known] = self._heard["felt"][row[known]] < QUARREL
        count = (ties.kind[half_edges] & OWNER > 0).astype(np.int64)
        count += ~known & ~known_again
        count += went_badly
        count += matters[agents] | matters[others]
        return np.asarray(1.0 + float(day["stakes"]) * count)

    # ------------------------------------------------------------------ decisions

    def take_in(
        self, pairs: Array, decided: Any, state: State, day: Any
    ) -> TalkDecisions:
        """Take in the day's talks; return what is decided for these and for others.

        Parameters
        ----------
        pairs
            ``int32[rows, 2]``: who spoke, and who listened.
        decided
            What a mind decided about them, `sim.model.encounters.Decisions`.
        state, day
            The society before the talks.

        Returns
        -------
        TalkDecisions
            A row for either side of all talks that words of today or before colour.
        """
        one, other = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
        names, shifts = self._shifts(state, day)
        talked = np.concatenate([pair_names(one, other), pair_names(other, one)])
        coloured = np.union1d(names, _turned(names))
        coloured = coloured[~np.isin(coloured, talked)]
        pair = np.concatenate([talked, coloured])
        by_chance, others_chance = _draws(pair, day)
        quality = np.clip(by_chance + _found(pair, names, shifts), 0.0, 1.0)
        theirs = _found(_turned(pair), names, shifts)
        others_quality = np.clip(others_chance + theirs, 0.0, 1.0)
        felt = decided.disclosure if decided.felt is None else decided.felt
        said = np.concatenate([_share(decided.warmth), _share(felt)])
        heard = np.concatenate([_share(felt), _share(decided.warmth)])
        rows = len(talked)
        quality[:rows] = np.where(np.isnan(said), quality[:rows], said)
        others_quality[:rows] = np.where(np.isnan(heard), others_quality[:rows], heard)
        held = np.asarray(decided.held, bool)
        act = np.where(held, decided.act, CONTINUE).astype(np.uint8)
        push = self._pushes(one, other, act, state, day)
        self._remember(one, other, held, felt, act, int(day["step"]))
        if decided.of_people is not None:
            self._hear_of_people(other, held, decided.of_people, state, day)
        novelty = np.nan_to_num(_share(decided.novelty), nan=USUAL)
        answer, back, heard = self._answers(one, other, held, decided, state, day)
        columns = (
            _both(held, held, True, len(pair)),
            quality,
            others_quality,
            _both(heard, novelty, USUAL, len(pair)),
            _both(act, answer, CONTINUE, len(pair)),
            _both(answer, act, CONTINUE, len(pair)),
            _both(back, push, 0.0, len(pair)),
            _both(push, back, 0.0, len(pair)),
        )
        order = np.argsort(pair)
        return TalkDecisions(
            *(np.ascontiguousarray(column[order]) for column in (pair, *columns))
        )

    def _answers(
        self,
        one: Array,
        other: Array,
        held: Array,
        decided: Any,
        state: State,
        day: Any,
    ) -> tuple[Array, Array, Array]:
        """Take in what others said in turn; return acts, pushes and what was new."""
        answered, rows = decided.answered, len(one)
        if answered is None:
            quiet = np.full(rows, CONTINUE, np.uint8)
            return quiet, np.zeros(rows), np.full(rows, USUAL)
        said = held & answered.said
        act = np.where(said, answered.act, CONTINUE).astype(np.uint8)
        push = self._pushes(other, one, act, state, day)
        self._remember(other, one, said, decided.warmth, act, int(day["step"]))
        self._hear_of_people(one, said, answered.of_people, state, day)
        return act, push, np.nan_to_num(_share(answered.novelty), nan=USUAL)

    def _shifts(self, state: State, day: Any) -> tuple[Array, Array]:
        """Return pairs, rising, and how words shift the draw of the first of each."""
        half_life, today = float(day["words_half_life"]), int(day["step"])
        heard = self._heard
        fresh = today - heard["step"] <= WORN_OUT * half_life
        heard = heard[fresh & (heard["felt"] != USUAL)]
        names = [heard["pair"]]
        colour: Any = colour_of_words(heard["felt"], today - heard["step"], half_life)
        shifts: list[Array] = [np.asarray(colour)]
        of, when = self._of_people, self._when
        led = np.flatnonzero((of != 0.0) & (today - when <= WORN_OUT * half_life))
        for human in led.tolist():
            friends = state.ties.of(human)["neighbour"].astype(np.int64)
            friends = friends[friends < state.humans.n]
            felt, days = USUAL + OF_OTHERS * of[human] / 2.0, today - int(when[human])
            colour = colour_of_words(felt, days, half_life)
            names.append(pair_names(np.full(len(friends), human, np.int64), friends))
            shifts.append(np.full(len(friends), colour))
        found, place = np.unique(np.concatenate(names), return_inverse=True)
        return found, np.bincount(
            place.ravel(), np.concatenate(shifts), minlength=len(found)
        )

    def _pushes(
        self, one: Array, other: Array, act: Array, state: State, day: Any
    ) -> Array:
        """Return what a declared love of each who spoke does to who listened."""
        push, n = np.zeros(len(one)), state.humans.n
        for row in np.flatnonzero((act == DECLARE) & (one >= n) & (other < n)).tolist():
            human, humans = int(other[row]), state.humans
            ties = state.ties.of(human)
            tie = ties["closeness"][ties["neighbour"] == one[row]]
            bound = humans.exclusivity[human] if humans.partner[human] >= 0 else 0.0
            closeness = float(tie[0]) if len(tie) else 0.0
            love = float(day["love"])
            welcome = welcome_of_love(
                closeness, float(humans.acceptance[human]), float(bound), love
            )
            at, known = self._row_of(pair_names(other[[row]], one[[row]]))
            before = int(self._heard["declared"][at[0]]) if known[0] else 0
            size, wears = float(day["persuasion"]), float(day["habituation"])
            push[row] = push_of_declaration(welcome, size, wears, before)
        return push

    def _remember(
        self, one: Array, other: Array, held: Array, felt: Array, act: Array, step: int
    ) -> None:
        """Let those who listened remember how it felt, in place of the time before."""
        rows = np.flatnonzero(held)
        new = np.zeros(len(rows), HEARD)
        new["pair"] = pair_names(other[rows], one[rows])
        at, known = self._row_of(new["pair"])
        new["felt"], new["step"] = _share(felt)[rows], step
        said = ~np.isnan(new["felt"])
        for name, there in (("felt", said), ("step", said)):
            self._heard[name][at[known & there]] = new[name][known & there]
        self._heard["declared"][at[known]] += act[rows][known] == DECLARE
        new["felt"] = np.where(said, new["felt"], USUAL)
        new["declared"] = act[rows] == DECLARE
        grown = np.concatenate([self._heard, new[~known]])
        self._heard = grown[np.argsort(grown["pair"])]

    def _hear_of_people(
        self, other: Array, held: Array, of: Array, state: State, day: Any
    ) -> None:
        missing = state.humans.n - len(self._of_people)
        self._of_people = np.append(self._of_people, np.zeros(missing))
        self._when = np.append(self._when, np.zeros(missing, np.int64))
        told = held & (other < state.humans.n) & ~np.isnan(of)
        self._of_people[other[told]] = np.clip(of[told], -1.0, 1.0)
        self._when[other[told]] = int(day["step"])

    def _row_of(self, pair: Array) -> tuple[Array, Array]:
        """Return the row of each pair, and whether it is there: int64, bool."""
        return _place(pair, self._heard["pair"])


def pair_names(one: Array, other: Array) -> Array:
    """Return the names of pairs of agents, seen from the first: int64."""
    return (one.astype(np.int64) << 32) + other


def _turned(pair: Array) -> Array:
    return ((pair & 0xFFFFFFFF) << 32) + (pair >> 32)


def _place(wanted: Array, known: Array) -> tuple[Array, Array]:
    at = np.searchsorted(known, wanted)
    there = at < len(known)
    there[there] = known[at[there]] == wanted[there]
    return at, there


def _found(wanted: Array, names: Array, values: Array) -> Array:
    """Return the value of each name, 0 where there is none."""
    at, there = _place(wanted, names)
    found = np.zeros(len(wanted))
    found[there] = values[at[there]]
    return found


def _both(speaker: Array, listener: Array, rest: Any, rows: int) -> Array:
    """Return a column for either side of the day's talks, and the same for the rest."""
    more = np.full(rows - 2 * len(speaker), rest, speaker.dtype)
    return np.concatenate([speaker, listener, more])


def _share(numbers: Array) -> Array:
    return np.clip(np.asarray(numbers, np.float64), 0.0, 1.0)


@compile_loop
def _fill(key: Any, pair: Array, own: Array, others: Array) -> None:
    for i in range(pair.shape[0]):
        one, other = pair[i] >> 32, pair[i] & 0xFFFFFFFF
        own[i], others[i] = each_of(key, name_of(one, other), one < other)


def _draws(pair: Array, day: Any) -> tuple[Array, Array]:
    """Return the draws of `talk_quality` that the rules would make for either side."""
    own, others = np.empty(len(pair)), np.empty(len(pair))
    _fill(np.uint64(day["key_warmth"]), pair, own, others)
    return own, others
