"""Readings go to disk as they come, and what is large is kept small."""

from __future__ import annotations

import gc
import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from test_results import full_disk

from sim.engine.ties import Ties
from sim.events import Event, Monitor, Note, StoredReadings
from sim.events.detector import AgentIds
from sim.events.tracking import GrowingSet, ToggleSet
from sim.model.parameters import Parameters
from sim.runs import parquet, readings
from sim.runs.live import LiveResult
from sim.runs.readings import Readings, days, join
from sim.runs.result import Result
from sim.runs.writer import table_of_events
from sim.society import Society
from sim.utils.errors import InputError

Days = list[tuple[int, dict[str, Note]]]


def note(*agents: int) -> Note:
    return Note(np.array(agents, np.int32), np.array(agents) / 2.0)


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a group be a few rows."""
    monkeypatch.setattr(readings, "GROUP", 5)
    return 5


STORY: Days = [
    (1, {"love": note(3), "turned": note(7, 8)}),
    (4, {"community": note(*range(13))}),
    (5, {"love": note(9), "community": note(1, 2)}),
    (7, {"turned": note(5)}),
]


def kept(file: Path, story: Days) -> Path:
    """Return a file of readings."""
    keeper = Readings(file)
    for step, notes in story:
        keeper.keep(step, notes)
    return keeper.cut()


def told(file: Path) -> list[Any]:
    """Return readings in a form that can be compared."""
    return [
        (step, {name: [one.tolist() for one in found] for name, found in notes.items()})
        for step, notes in days([file])
    ]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.usefixtures("small_groups")
def test_readings_come_back_day_by_day(tmp_path: Path) -> None:
    file = kept(tmp_path / "one", STORY)
    assert told(file) == [
        (step, {name: [one.tolist() for one in found] for name, found in notes.items()})
        for step, notes in STORY
    ]


def test_a_group_has_as_many_rows(tmp_path: Path, small_groups: int) -> None:
    known = pq.read_metadata(kept(tmp_path / "one", STORY))
    rows = [known.row_group(at).num_rows for at in range(known.num_row_groups)]
    assert rows == [small_groups] * 4


@pytest.mark.parametrize("cuts", [[], [1], [0, 2], [2, 2, 3], [4]])
@pytest.mark.usefixtures("small_groups")
def test_where_readings_were_cut_makes_no_difference(
    tmp_path: Path, cuts: list[int]
) -> None:
    whole = kept(tmp_path / "whole", STORY)
    edges = [0, *cuts, len(STORY)]
    pieces = [
        kept(tmp_path / str(at), STORY[a:b])
        for at, (a, b) in enumerate(pairwise(edges))
    ]
    join(pieces, tmp_path / "joined")
    assert digest(tmp_path / "joined") == digest(whole)


def test_a_day_may_be_larger_than_a_group(tmp_path: Path, small_groups: int) -> None:
    many = note(*range(4 * small_groups + 1))
    file = kept(tmp_path / "one", [(1, {"a": many, "b": note(1)}), (2, {"a": many})])
    (first, found), (second, again) = days([file])
    assert (first, second) == (1, 2)
    assert found["a"].agents.tolist() == again["a"].agents.tolist() == [*range(21)]
    assert found["b"].values.tolist() == [0.5]


def test_damaged_readings_are_named(tmp_path: Path) -> None:
    file = kept(tmp_path / "one", STORY)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="one is damaged"):
        list(days([file]))


def test_what_a_watch_keeps_can_be_chosen(tmp_path: Path, story: Society) -> None:
    """What is streamed to a file is what would be kept in memory."""
    monitor, keeper = Monitor(Parameters()), Readings(tmp_path / "one")
    columns = story.monitor.readings()
    monitor.keeper = keeper
    for day in StoredReadings(story.monitor.history.columns(), columns).days():
        keeper.keep(day.step, day.notes)
    with pytest.raises(InputError, match="the readings are in the run"):
        monitor.readings()
    table = pq.read_table(keeper.cut())
    for name, column in columns.items():
        assert table.column(name).to_pylist() == column.tolist()


# ----------------------------------------------------------------------------- tables


def test_a_table_in_parts_is_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP", 4)
    ties = Ties(6)
    pairs = np.array([(a, b) for a in range(4) for b in range(a + 1, 4)], np.int32)
    ties.fill(pairs, np.linspace(0, 1, len(pairs)), np.zeros(len(pairs), np.uint8), 1)
    parquet.write_columns(tmp_path / "whole", ties.table())
    parquet.write_parts(tmp_path / "parts", ties.parts(4))
    assert digest(tmp_path / "whole") == digest(tmp_path / "parts")
    with parquet.TableReader(tmp_path / "parts") as file:
        found = parquet.rows_of(file, "owner", [3, 1, 5])
    assert found["owner"].tolist() == [1, 1, 1, 3, 3, 3]
    again = Ties(6)
    again.restore(ties.arrays.degree.astype(np.int64), ties.parts(5))
    for name, column in ties.table().items():
        assert again.table()[name].tolist() == column.tolist()


def test_nobody_has_ties(tmp_path: Path) -> None:
    parquet.write_parts(tmp_path / "none", Ties(3).parts(4))
    with parquet.TableReader(tmp_path / "none") as file:
        assert len(parquet.columns_of(file)["owner"]) == 0


# ---------------------------------------------------------------------------- members


def test_members_are_like_a_list() -> None:
    members = AgentIds([5, 3, 9])
    assert members == [5, 3, 9] == members
    assert members != [5, 3]
    assert (members[1], members[-1], members[:2], len(members)) == (3, 9, [5, 3], 3)
    assert all(type(member) is int for member in members)
    assert 9 in members
    assert not AgentIds()
    assert repr(members) == "[5, 3, 9]"
    assert "1,000 in all" in repr(AgentIds(range(1000)))


def test_many_members_take_four_bytes_each() -> None:
    event = Event("love", 1, 1, AgentIds(range(100_000)), 100_000, 1.0, "all", None)
    assert event.members.numbers.nbytes == 400_000
    table = table_of_events([event._asdict()])
    assert table.column("members")[0].as_py() == list(range(100_000))


def test_agents_gather() -> None:
    group = GrowingSet()
    for day in ([7, 9], [], [2]):
        group.add(np.array(day, np.int32))
    assert len(group) == 3
    assert group.members().tolist() == [2, 7, 9]


def test_agents_come_and_go() -> None:
    group = ToggleSet()
    group.change(Note(np.array([4, 9], np.int32), np.array([1.0, 1.0])), 1)
    group.change(Note(np.array([4, 2], np.int32), np.array([0.0, 1.0])), 3)
    assert group.members().tolist() == [2, 9]
    assert group.members(2).tolist() == [9]


# ---------------------------------------------------------------------------- reading


def test_some_readings_are_those_of_all(told: Result) -> None:
    everything = told.readings
    chosen = everything[
        (everything["name"] == "turned") & everything["step"].between(50, 140)
    ]
    some = told.noted("turned", 50, 140)
    assert len(some)
    assert some.to_numpy().tolist() == chosen.to_numpy().tolist()
    assert told.noted("turned", 10_000, 10_001).empty
    assert told.noted("no such name", 1, 200).empty


@pytest.mark.parametrize("living", [False, True])
def test_ties_of_some_are_those_of_all(
    told: Result, story: Society, living: bool
) -> None:
    result = LiveResult(story) if living else told
    everything, owners = result.ties(), [3, 0, result.population]
    chosen = everything[everything["owner"].isin(owners)].reset_index(drop=True)
    assert len(chosen)
    assert result.ties(owners=owners).equals(chosen)
    assert result.ties(owners=[]).empty


def test_what_oses_are_called_needs_no_other_column(told: Result) -> None:
    assert told.called.tolist() == told.oses()["name"].tolist()
    assert told.called.index.equals(told.oses().index)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.posix
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    keeper = Readings(tmp_path / "one", tmp_path / "run")
    with (
        full_disk(2000),
        pytest.raises(InputError, match=r"cannot write .*run: File too large"),
    ):
        for step in range(2000):
            agents = draw.integers(0, 2**30, 12).astype(np.int32)
            keeper.keep(step, {"love": Note(agents, draw.random(12))})
    keeper.drop()
    gc.collect()  # what an abandoned file still had to say would be an error


@pytest.mark.usefixtures("small_groups")
def test_a_file_can_be_let_go(tmp_path: Path) -> None:
    keeper = Readings(tmp_path / "one")
    keeper.keep(1, {"love": note(*range(12))})
    keeper.drop()
    assert digest(kept(tmp_path / "one", STORY)) == digest(kept(tmp_path / "b", STORY))
