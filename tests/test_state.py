"""Tables grow and copies live; the arena of ties is a dictionary of lists, but fast."""

from __future__ import annotations

import copy
import pickle
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sim.model import population
from sim.model.columns import (
    FACE,
    FACE_COLUMNS,
    HUMAN_COLUMNS,
    OS_COLUMNS,
    OWNER,
    PARTNER,
)
from sim.model.state import State

COPIES: list[Callable[[Any], Any]] = [
    copy.deepcopy,
    lambda state: pickle.loads(pickle.dumps(state)),
]
SIZES = st.integers(0, 40)


def pairs_of(draw: np.random.Generator, agents: int, count: int) -> np.ndarray:
    """Return pairs of different agents; the same pair may come twice."""
    one = draw.integers(0, agents, count)
    other = (one + draw.integers(1, agents, count)) % agents
    return np.stack([one, other], axis=1).astype(np.int32)


# -------------------------------------------------------------------------- columns


@pytest.mark.parametrize("columns", [HUMAN_COLUMNS, OS_COLUMNS, FACE_COLUMNS])
def test_a_column_is_declared_once_and_in_full(columns: tuple[Any, ...]) -> None:
    names = [column.name for column in columns]
    assert len(names) == len(set(names))
    for column in columns:
        assert column.unit
        assert column.meaning
        assert np.dtype(column.dtype).itemsize <= 4
        assert np.asarray(column.default, column.dtype) == column.default


def test_faces_are_numbered_as_they_are_declared() -> None:
    assert FACE._fields == tuple(column.name for column in FACE_COLUMNS)
    assert list(FACE) == list(range(len(FACE_COLUMNS)))


def test_a_table_appends_rows_with_defaults() -> None:
    oses = State(2).oses
    new = oses.append(3, owner=[0, 1, 0], growth=0.5)
    assert (new, len(oses)) == (slice(0, 3), 3)
    assert oses.owner.tolist() == [0, 1, 0]
    assert oses.growth.tolist() == [0.5] * 3
    assert oses.made_by.tolist() == [-1] * 3
    assert oses.append(1) == slice(3, 4)
    assert oses.growth.tolist() == [0.5, 0.5, 0.5, 0.0]


def test_a_table_keeps_its_rows_as_it_grows() -> None:
    oses = State(1).oses
    for row in range(200):
        oses.append(1, growth=row)
    assert oses.growth.tolist() == list(range(200))
    assert oses.departed_step.tolist() == [-1] * 200


def test_rows_have_defaults_wherever_there_was_room_for_them() -> None:
    oses = State(2).oses
    for _ in range(100):
        oses.append(1)
        oses = pickle.loads(pickle.dumps(oses))
    for column in oses.columns.values():
        assert (oses.column(column.name) == column.default).all(), column.name
    assert oses.columns["collective"].default == -1


def test_values_that_do_not_fit_leave_no_trace() -> None:
    oses = State(2).oses
    with pytest.raises(ValueError, match="broadcast"):
        oses.append(2, growth=[1.0, 2.0], owner=[0, 1, 0])
    oses.append(2)
    assert oses.growth.tolist() == [0.0, 0.0]


def test_a_view_of_a_column_writes_the_table() -> None:
    humans = State(3).humans
    humans.grief[1] = 0.5
    humans.arrays.grief[2] = 0.25
    assert humans.column("grief").tolist() == [0.0, 0.5, 0.25]


def test_an_unknown_column_is_refused_by_name() -> None:
    humans = State(3).humans
    with pytest.raises(AttributeError, match=r"no column 'greif'; columns are growth,"):
        _ = humans.greif
    with pytest.raises(TypeError, match=r"no column '?greif"):
        humans.append(1, greif=1.0)
    assert len(humans) == 3


def test_copied_columns_are_of_that_day() -> None:
    humans = State(2).humans
    kept = humans.copy_columns()
    humans.grief[:] = 1.0
    assert kept["grief"].tolist() == [0.0, 0.0]
    assert list(kept) == [column.name for column in HUMAN_COLUMNS]


# --------------------------------------------------------------------------- copies


def small_state() -> State:
    state = State(4)
    state.add_oses(2, owner=[1, 3])
    pairs = np.array([[0, 1], [1, 4], [3, 5], [4, 5]], np.int32)
    state.ties.insert(pairs, np.linspace(0.2, 0.8, 4), np.full(4, OWNER, np.uint8))
    return state


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_has_a_life_of_its_own(copied: Callable[[State], State]) -> None:
    original = small_state()
    twin = copied(original)
    twin.humans.grief[0] = 0.7
    twin.humans.arrays.growth[1] = 2.0
    twin.oses.status[1] = 2
    twin.faces[5, FACE.mood] = 2
    twin.ties.of(4)["closeness"][:] = 0.1
    twin.ties.arrays.degree[0] = 0
    assert original.humans.grief[0] == 0.0
    assert original.humans.growth[1] == 0.0
    assert original.oses.status[1] == 0
    assert original.faces[5, FACE.mood] == 0
    assert original.ties.of(4)["closeness"].min() > 0.1
    assert original.ties.of(0)["neighbour"].tolist() == [1]


@pytest.mark.parametrize("copied", COPIES)
def test_the_views_of_a_copy_show_what_is_written(
    copied: Callable[[State], State],
) -> None:
    twin = copied(small_state())
    twin.humans.grief[0] = 0.7
    twin.agents.humans.growth[1] = 2.0
    assert twin.humans.column("grief")[0] == np.float32(0.7)
    assert twin.humans.copy_columns()["growth"][1] == 2.0
    assert twin.humans.arrays.growth[1] == twin.humans.growth[1]
    twin.ties.arrays.closeness[:] = 0.3
    assert set(twin.ties.table()["closeness"].tolist()) == {np.float32(0.3)}
    twin.ties.arrays.degree[0] = 0
    assert len(twin.ties.of(0)["neighbour"]) == 0


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_can_grow(copied: Callable[[State], State]) -> None:
    twin = copied(small_state())
    assert twin.add_oses(100, growth=1.5) == slice(2, 102)
    pairs = np.array([[0, 105], [105, 5]], np.int32)
    twin.ties.insert(pairs, np.array([0.5, 0.6]), np.zeros(2, np.uint8))
    assert twin.ties.of(105)["neighbour"].tolist() == [0, 5]
    assert len(twin.faces) == twin.ties.agents == 4 + 102


# --------------------------------------------------------------------- arena of ties


class ArenaIsADictionary(RuleBasedStateMachine):
    """Whatever is done to the arena, it holds what a dictionary of lists would."""

    @initialize(agents=st.integers(2, 12), count=SIZES, slack=st.integers(0, 5))
    def begin(self, agents: int, count: int, slack: int) -> None:
        self.draw = np.random.default_rng(agents)
        self.ties = State(agents).ties
        self.model: dict[int, list[tuple[int, float, float, int]]] = defaultdict(list)
        self.ties.fill(*self.some(count), slack)

    def some(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Make new relationships, and tell the dictionary."""
        pairs = pairs_of(self.draw, self.ties.agents, count)
        closeness = self.draw.random(count).astype(np.float32)
        kind = self.draw.integers(0, 16, count).astype(np.uint8)
        told = zip(pairs.tolist(), closeness.tolist(), kind.tolist(), strict=True)
        for (one, other), close, flags in told:
            self.model[one].append((other, close, close, flags))
            self.model[other].append((one, close, close, flags))
        return pairs, closeness, kind

    @rule(count=SIZES)
    def insert(self, count: int) -> None:
        self.ties.insert(*self.some(count))

    @rule(count=st.integers(0, 8))
    def add_agents(self, count: int) -> None:
        self.ties.add_agents(count)

    @rule()
    def compact(self) -> None:
        self.ties.compact()

    @rule()
    def copy(self) -> None:
        self.ties = copy.deepcopy(self.ties)

    @precondition(lambda self: self.ties.half_edges > 0)
    @rule(share=st.floats(0, 1))
    def forget(self, share: float) -> None:
        """Drop ties from the end of blocks, as the kernel that ends ties does."""
        for agent in range(self.ties.agents):
            kept = int(self.ties.arrays.degree[agent] * share)
            self.ties.arrays.degree[agent] = kept
            self.model[agent] = self.model[agent][:kept]

    @rule(close=st.floats(0, 1, width=32))
    def write(self, close: float) -> None:
        for agent in range(0, self.ties.agents, 2):
            self.ties.of(agent)["closeness"][:] = close
            self.model[agent] = [(n, close, r, k) for n, _, r, k in self.model[agent]]

    @invariant()
    def holds_the_same(self) -> None:
        for agent in range(self.ties.agents):
            columns = (c.tolist() for c in self.ties.of(agent).values())
            assert list(zip(*columns, strict=True)) == self.model[agent]

    @invariant()
    def blocks_do_not_overlap(self) -> None:
        arrays = self.ties.arrays
        assert np.all(arrays.degree <= arrays.room)
        order = np.argsort(arrays.start, kind="stable")
        order = order[arrays.room[order] > 0]
        ends = arrays.start[order] + arrays.room[order]
        assert np.all(arrays.start[order][1:] >= ends[:-1])
        assert not len(ends) or ends[-1] <= len(arrays.neighbour)

    @invariant()
    def the_table_is_by_owner(self) -> None:
        table = self.ties.table()
        owners = [a for a in range(self.ties.agents) for _ in self.model[a]]
        assert table["owner"].tolist() == owners
        assert self.ties.half_edges == len(owners)


TestArena = ArenaIsADictionary.TestCase
TestArena.settings = settings(max_examples=40, stateful_step_count=15)


def test_the_table_can_leave_out_weak_ties() -> None:
    ties = small_state().ties
    strong = ties.table(closest=0.5)
    assert strong["closeness"].min() >= 0.5
    assert sorted(zip(strong["owner"], strong["neighbour"], strict=True)) == [
        (3, 5),
        (4, 5),
        (5, 3),
        (5, 4),
    ]


def test_a_hub_can_gain_thousands_of_ties() -> None:
    """One agent's block moves again and again; the rest stay where they are."""
    state = State(3001)
    others = np.arange(1, 3001, dtype=np.int32)
    for part in np.array_split(others, 50):
        pairs = np.stack([np.zeros_like(part), part], axis=1)
        state.ties.insert(pairs, part / 3001, np.zeros(len(part), np.uint8))
    assert state.ties.of(0)["neighbour"].tolist() == others.tolist()
    assert state.ties.of(3000)["neighbour"].tolist() == [0]


def test_an_arena_that_moves_much_does_not_grow_without_end() -> None:
    draw = np.random.default_rng(2)
    state = State(500)
    for _ in range(60):
        pairs = pairs_of(draw, 500, 500)
        state.ties.insert(pairs, draw.random(500), np.zeros(500, np.uint8))
    assert state.ties.half_edges == 60_000
    assert state.ties.nbytes / state.ties.half_edges < 3 * 13


@pytest.mark.parametrize(
    "humans", [2_000, pytest.param(200_000, marks=pytest.mark.slow)]
)
def test_a_half_edge_takes_at_most_24_bytes(humans: int) -> None:
    ties = 15.0 if humans < 100_000 else 10.0
    known = population.generate(humans, ties, 1, partnered=0.5, rewiring=0.2)
    state = State(known.n)
    slack = 8 if humans < 100_000 else 4
    state.ties.fill(known.pairs, known.closeness, known.kind, slack)
    assert state.ties.half_edges == 2 * len(known.pairs)
    assert state.ties.nbytes / state.ties.half_edges <= 24
    assert PARTNER in state.ties.table()["kind"]


def test_bytes_are_counted_in_full() -> None:
    state = State(1000)
    columns = sum(np.dtype(column.dtype).itemsize for column in HUMAN_COLUMNS)
    assert state.humans.nbytes == 1000 * columns
    parts = (state.humans, state.oses, state.ties)
    assert state.nbytes == sum(part.nbytes for part in parts) + state.faces.nbytes
