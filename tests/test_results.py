"""Runs are written whole or not at all, byte for byte, and read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest

import sim
from sim import scenarios
from sim.model.columns import KNOWS, OWNER
from sim.model.state import State
from sim.runs.result import Result, load
from sim.runs.writer import RunWriter
from sim.utils.errors import InputError
from sim.utils.provenance import LIBRARIES, provenance

SERIES = {
    "step": np.arange(4, dtype=np.int32),
    "adopted": np.array([0.0, 0.2, 0.4, 0.4]),
    "oses": np.array([0, 1, 2, 2], np.int32),
}
EVENTS = [
    {
        "kind": "first_love",
        "step": 2,
        "detected": 3,
        "members": [1, 5],
        "size": 2,
        "strength": 0.81,
        "evidence": "closeness 0.81",
        "p_value": 0.01,
        "false_alarms": 0.0,
        "after_intervention": False,
    }
]


def birth() -> dict[str, Any]:
    """Return the provenance of a run of five humans."""
    scenario = scenarios.load("her").replace(humans=5)
    return provenance(scenario, seed=7, steps=3)


def society(oses: int = 2) -> State:
    """Return five humans in a row, the first of whom own OSes."""
    state = State(5)
    state.add_oses(oses, owner=np.arange(oses), growth=np.arange(oses) + 1.5)
    friends = [(i, i + 1) for i in range(4)]
    owners = [(i, 5 + i) for i in range(oses)]
    closeness = np.linspace(0.2, 0.9, 4 + oses)
    kinds = np.array([KNOWS] * 4 + [OWNER] * oses, np.uint8)
    state.ties.fill(np.array(friends + owners, np.int32), closeness, kinds, 2)
    return state


def write(directory: Path, overwrite: bool = False) -> Result:
    """Write a small run with two snapshots and load it."""
    with RunWriter(directory, birth(), overwrite) as writer:
        writer.snapshot(0, society(0))
        writer.snapshot(3, society())
        return load(writer.finish(SERIES, EVENTS))


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let no file grow beyond ``room`` bytes."""
    import resource  # only POSIX systems have it

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run that is only read."""
    return write(tmp_path_factory.mktemp("runs") / "one")


def test_series_come_back_by_step(result: Result) -> None:
    assert result.series.index.name == "step"
    assert result.series.loc[2, "adopted"] == 0.4
    assert result.series["oses"].dtype == np.int32


def test_events_come_back_with_their_members(result: Result) -> None:
    (event,) = result.events.to_dict("records")
    assert event.pop("who").startswith("human 1, OS ")
    assert [event] == EVENTS


def test_a_run_without_events_has_an_empty_table(tmp_path: Path) -> None:
    with RunWriter(tmp_path / "calm", birth()) as writer:
        writer.snapshot(0, society(0))
        calm = load(writer.finish(SERIES, []))
    assert calm.events.empty
    assert "members" in calm.events


def test_agents_are_numbered_humans_first(result: Result) -> None:
    agents = result.agents()
    assert agents.index.tolist() == list(range(7))
    assert agents["kind"].tolist() == ["human"] * 5 + ["OS"] * 2
    assert agents.loc[6, "growth"] == 2.5
    assert agents.loc[6, "owner"] == 1
    assert agents["owner"].isna().tolist() == [True] * 5 + [False] * 2
    assert result.humans()["row"].tolist() == [0, 1, 2, 3, 4]
    assert result.oses().index.tolist() == [5, 6]


def test_a_snapshot_day_must_be_named_exactly(result: Result) -> None:
    assert result.steps == [0, 3]
    assert len(result.agents(0)) == 5
    with pytest.raises(InputError, match=r"no snapshot of step 2 .*; have 0, 3"):
        result.agents(2)


def test_ties_keep_their_compact_types(result: Result) -> None:
    ties = result.ties(3)
    types = {"owner": "i4", "neighbour": "i4", "closeness": "f4", "returned": "f4"}
    assert {n: t.str[1:] for n, t in ties.dtypes.items() if n != "kind"} == types
    assert ties["kind"].dtype == np.uint8
    assert len(ties) == 12


def test_a_graph_has_agents_with_columns_and_ties_with_closeness(
    result: Result,
) -> None:
    graph = result.graph()
    assert graph.number_of_nodes() == 7
    assert graph.nodes[5]["kind"] == "OS"
    assert graph.nodes[5]["owner"] == 0
    assert graph.nodes[0]["kind"] == "human"
    assert graph.edges[1, 6]["closeness"] == pytest.approx(0.9)
    assert result.graph(3, closest=0.5).number_of_edges() == 6
    assert nx.is_weakly_connected(graph)


def test_population_counts_humans(result: Result) -> None:
    assert result.population == 5


def test_provenance_names_software_parameters_and_seed(result: Result) -> None:
    found = result.provenance
    assert found["software"]["name"] == "os-society"
    assert found["parameters"]["humans"] == 5
    assert (found["scenario"], found["seed"], found["steps"]) == ("her", 7, 3)
    assert set(found["libraries"]) == set(LIBRARIES)
    assert len(found["source_digest"]) == 16
    assert found["network"] is None
    assert found["duration_seconds"] >= 0


def test_provenance_names_the_network_file(tmp_path: Path) -> None:
    file = tmp_path / "friends.csv"
    file.write_bytes(b"0,1\n")
    scenario = scenarios.load("her").pull("price", 3)
    found = provenance(scenario, 0, 1, {"network": file})
    digest = hashlib.sha256(b"0,1\n").hexdigest()
    assert found["network"] == {"name": "friends.csv", "sha256": digest}
    with pytest.raises(InputError, match="cannot read network file"):
        provenance(scenario, 0, 1, {"network": tmp_path / "none.csv"})


def test_equal_runs_have_equal_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    files = sorted(p.relative_to(one.path) for p in one.path.rglob("*.parquet"))
    assert len(files) == 8
    for file in files:
        assert (one.path / file).read_bytes() == (two.path / file).read_bytes()


def test_tables_carry_no_metadata(result: Result) -> None:
    for file in result.path.rglob("*.parquet"):
        assert pq.read_metadata(file).metadata is None


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        RunWriter(tmp_path / "deep" / "run", birth()) as writer,
    ):
        writer.snapshot(0, society())
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_seen_of_a_run_before_its_end(tmp_path: Path) -> None:
    with RunWriter(tmp_path / "run", birth()) as writer:
        writer.snapshot(0, society())
        assert not (tmp_path / "run").exists()
        writer.finish(SERIES, EVENTS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_a_run_is_replaced_only_when_asked(tmp_path: Path) -> None:
    first = write(tmp_path / "run")
    (first.path / "figures").mkdir()
    with pytest.raises(InputError, match=r"there is a run in .* already"):
        write(tmp_path / "run")
    write(tmp_path / "run", overwrite=True)
    assert not (tmp_path / "run" / "figures").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


@pytest.mark.posix
def test_the_old_run_outlives_a_failed_replacement(tmp_path: Path) -> None:
    old = write(tmp_path / "run")
    with full_disk(500), pytest.raises(InputError, match="cannot write"):
        write(tmp_path / "run", overwrite=True)
    assert load(old.path).events["evidence"].tolist() == ["closeness 0.81"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


@pytest.mark.posix
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    with full_disk(500), pytest.raises(InputError, match=str(tmp_path / "run")):
        write(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_may_become_a_run(tmp_path: Path) -> None:
    assert write(tmp_path).steps == [0, 3]


def test_other_things_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not a run"):
        write(tmp_path, overwrite=True)
    with pytest.raises(InputError, match=r"notes\.txt is a file"):
        write(tmp_path / "notes.txt", overwrite=True)
    run = write(tmp_path / "run")
    (run.path / "thoughts.md").write_text("mine too")
    with pytest.raises(InputError, match=r"also holds 'thoughts\.md'"):
        write(run.path, overwrite=True)
    assert (run.path / "thoughts.md").read_text() == "mine too"


def test_the_directory_one_works_in_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"you are working in .*; name a new"):
        write(Path("."))
    run = write(Path("run"))
    monkeypatch.chdir(run.path / "snapshots")
    with pytest.raises(InputError, match="you are working in"):
        write(run.path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*file/run: Not a directory"):
        write(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    "damage",
    [
        "provenance.json",
        "series.parquet",
        "events.parquet",
        "snapshots/oses-000003.parquet",
    ],
)
def test_a_damaged_or_missing_file_is_named(tmp_path: Path, damage: str) -> None:
    file = write(tmp_path / "run").path / damage
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match=f"{damage} is damaged"):
        load(tmp_path / "run")
    file.unlink()
    with pytest.raises(InputError, match=f"{damage} is missing"):
        load(tmp_path / "run")


def test_a_flipped_bit_is_noticed_when_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).random(1000)
    with RunWriter(tmp_path / "run", birth()) as writer:
        writer.snapshot(0, society())
        writer.finish({"step": np.arange(1000, dtype=np.int32), "noise": noise}, [])
    file = tmp_path / "run" / "series.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"series\.parquet is damaged"):
        _ = load(tmp_path / "run").series


def test_only_runs_can_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such directory"):
        load(tmp_path / "none")
    with pytest.raises(InputError, match=r"provenance\.json is missing"):
        load(tmp_path)
    (tmp_path / "provenance.json").write_text(json.dumps({"software": "other"}))
    with pytest.raises(InputError, match="not the provenance of an os-society run"):
        load(tmp_path)
    with pytest.raises(InputError, match="it is a file"):
        load(tmp_path / "provenance.json")


@pytest.mark.parametrize("owners", [1j, ["a"], [0.5], 3, [[0]]])
def test_owners_of_ties_are_agent_numbers(told: Result, owners: Any) -> None:
    with pytest.raises(InputError, match="owners are agent numbers"):
        told.ties(owners=owners)
    assert told.ties(owners=[]).empty


def test_a_figure_of_a_run_is_drawn_by_its_name(told: Result) -> None:
    figure = told.plot("timeline")
    assert figure.axes
    with pytest.raises(InputError, match="did you mean 'timeline'"):
        told.plot("timelin")


def test_the_data_dictionary_has_every_column_of_a_run(told: Result) -> None:
    known = sim.columns()
    for table in ("humans", "oses", "ties"):
        kept = getattr(told, table)()
        named = set(known.loc[known["table"] == table, "column"])
        assert set(kept.columns) - {"row"} - set(told.people.columns) <= named
    status = known[(known["table"] == "oses") & (known["column"] == "status")]
    assert set(told.oses()["status"]) <= set(status["codes"].iloc[0])
    assert (known["meaning"] != "").all()


def test_codes_are_told_in_words_and_kept_as_numbers(told: Result) -> None:
    before = told.oses()["status"].copy()
    status = sim.in_words(told.oses())["status"]
    assert (status.cat.codes == before).all()
    assert (status > "offline").sum() == (before > 1).sum() > 0
    assert (told.oses()["status"] == before).all()
    choice = sim.in_words(told.humans(50))["choice"]
    assert list(choice.cat.categories) == ["nothing", "installs an OS", "lets it go"]
    ties = sim.in_words(told.ties(100))
    own = ties["kind"].astype(str).str.contains("owner and OS")
    assert (own == (told.ties(100)["kind"] & OWNER > 0)).all()
    assert own.any()
    assert list(ties.columns) == list(told.ties(100).columns)


def test_events_are_in_the_order_of_the_story(told: Result) -> None:
    events = sim.in_words(told.events.assign(kind=[*told.events["kind"][:-1], "mine"]))
    assert events["kind"].cat.ordered
    assert events["kind"].max() == "mine"
    assert (events["kind"] < "first_departure").sum() > 0
    assert sim.in_words(events).equals(events)


def test_a_table_without_codes_or_with_wrong_ones_is_refused(told: Result) -> None:
    with pytest.raises(InputError, match="no column has codes"):
        sim.in_words(told.series)
    with pytest.raises(InputError, match="status 9 stands for nothing"):
        sim.in_words(told.oses().assign(status=9))
