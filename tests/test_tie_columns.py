"""Columns of ties that mechanisms add: they stay with their half-edges."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from quick import QUICK

import sim
from sim.engine.table import Column
from sim.engine.ties import Ties
from sim.mechanisms import registry
from sim.runs.export import export
from sim.runs.live import LiveResult
from sim.scenarios import Scenario
from sim.society import Society
from sim.utils.errors import InputError

EXAMPLES = Path(__file__).parents[1] / "experiments" / "mechanisms"
SMALL = QUICK | {"humans": 40, "steps": 30}
HEAD = "from sim.mechanisms import Column, Mechanism, real, slot_of, uniform\n"
MINE = "M = Mechanism('mine', '', columns={'ties': [Column('mark', 'i4', '', '', -1)]})"


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def small(*mechanisms: Any, **changes: Any) -> Scenario:
    return (
        sim.scenario("her-film-cut")
        .replace(**SMALL)
        .use(*mechanisms)
        .replace(**changes)
    )


def lived(scenario: Scenario, days: int = 30, **options: Any) -> Society:
    society = Society(scenario, seed=1, **options)
    for _ in range(days):
        society.step()
    return society


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.py"
    file.write_text(f"{HEAD}{text}\n")
    return file


# ------------------------------------------------------------------------- in the arena


def cut(ties: Ties, one: int, other: int) -> None:
    """End a tie as loops of the model do: what follows it moves up."""
    for owner, end in ((one, other), (other, one)):
        block = ties.of(owner)
        keep = np.flatnonzero(block["neighbour"] != end)
        for name in ("neighbour", "closeness", "returned", "kind"):
            block[name][: len(keep)] = block[name][keep]
        ties.arrays.degree[owner] = len(keep)


def marked(ties: Ties) -> dict[tuple[int, int], int]:
    """Return the mark of each half-edge, by owner and neighbour."""
    table = ties.table()
    ends = zip(table["owner"].tolist(), table["neighbour"].tolist(), strict=True)
    return dict(zip(ends, table["mark"].tolist(), strict=True))


def mark_new(ties: Ties, known: dict[tuple[int, int], int], first: int) -> int:
    """Give numbers to half-edges that have none yet; return the next number."""
    table, marks = ties.table(), ties.column("mark")
    ends = zip(table["owner"].tolist(), table["neighbour"].tolist(), strict=True)
    for owner, other in ends:
        if (owner, other) not in known:
            block = ties.of(owner)["neighbour"]
            at = ties.arrays.start[owner] + np.flatnonzero(block == other)[0]
            assert marks[at] == -1  # the default, whatever was there before
            known[owner, other] = marks[at] = first
            first += 1
    return first


@pytest.mark.parametrize("seed", range(4))
def test_marks_stay_with_their_half_edges_whatever_happens(seed: int) -> None:
    """Ties made and cut at random, agents added, blocks moved, the arena packed."""
    rng = np.random.default_rng(seed)
    ties = Ties(12, (Column("mark", "i4", "", "", -1),))
    known: dict[tuple[int, int], int] = {}
    first, starts = 0, set()
    for _ in range(60):
        for one, other in {(min(e), max(e)) for e in known}:
            if rng.random() < 0.15:
                cut(ties, one, other)
                del known[one, other], known[other, one]
        ties.align(changed=True)
        assert marked(ties) == known
        if rng.random() < 0.2:
            ties.add_agents(2)
        if rng.random() < 0.1:
            ties.compact()
        made = {tuple(sorted(rng.choice(ties.agents, 2, False))) for _ in range(9)}
        pairs = [pair for pair in sorted(made) if pair not in known]
        much = np.full(len(pairs), 0.5)
        kind = np.zeros(len(pairs), np.uint8)
        ties.insert(np.array(pairs, np.int32).reshape(-1, 2), much, kind)
        first = mark_new(ties, known, first)
        assert marked(ties) == known
        starts.add(int(ties.arrays.start[0]))
    assert len(starts) > 1  # blocks have moved
    assert first > 400


def test_a_tie_that_is_cut_and_made_on_one_day_is_a_new_one() -> None:
    ties = Ties(2, (Column("mark", "i4", "", "", -1),))
    pair, much = np.array([[0, 1]], np.int32), np.ones(1)
    ties.insert(pair, much, np.zeros(1, np.uint8))
    ties.column("mark")[ties.arrays.start[:2]] = 7
    ties.insert(pair[:0], much[:0], np.zeros(0, np.uint8))
    assert marked(ties) == {(0, 1): 7, (1, 0): 7}
    cut(ties, 0, 1)
    ties.align(changed=True)  # as the day does after the loop that cuts
    ties.insert(pair, much, np.zeros(1, np.uint8))
    assert marked(ties) == {(0, 1): -1, (1, 0): -1}


def test_an_arena_is_restored_with_them_whatever_its_layout() -> None:
    own = (Column("mark", "i4", "", "", -1), Column("warmth", "f8", "", ""))
    ties = Ties(4, own)
    pairs = np.array([[0, 1], [0, 2], [2, 3], [0, 3]], np.int32)
    ties.insert(pairs, np.ones(4), np.zeros(4, np.uint8))
    mark_new(ties, {}, 0)
    ties.column("warmth")[:] = np.arange(len(ties.column("warmth")))
    other = Ties(4, own)
    other.restore(ties.arrays.degree.astype(np.int64), ties.parts(3))
    for name, column in ties.table().items():
        assert np.array_equal(column, other.table()[name]), name


# ---------------------------------------------------------------------------- in a day

SINCE = f"""
{MINE.replace("mark", "since")}
@M.process(after="AFTER", over="ties", writes=["ties.since"])
def note(k, i, j, s):
    '''Note on which day a tie was first seen.'''
    if s.ties.since[k] < 0:
        s.ties.since[k] = s.day.step
"""


# Ties end soon, and the few there are meet again, some on the very day.
RESTLESS: dict[str, Any] = {
    "humans": 8,
    "ties": 3.0,
    "cooling": 0.9,
    "partner_cooling": 0.9,
    "shutdown": 0.02,
    "human_meeting": 1.0,
    "human_circle": 1000,
    "strangers": 1.0,
    "reach": 100.0,
}


def pairs_of(society: Society) -> set[tuple[int, int]]:
    """Return all half-edges, from the arena itself: to ask for own columns aligns."""
    ties = society.state.ties.arrays
    blocks = zip(ties.start.tolist(), ties.degree.tolist(), strict=True)
    return {
        (owner, other)
        for owner, (first, many) in enumerate(blocks)
        for other in ties.neighbour[first : first + many].tolist()
    }


@pytest.mark.parametrize("after", ["present", "converse", "create"])
def test_a_tie_knows_since_when_it_has_been(tmp_path: Path, after: str) -> None:
    """Each half-edge against what is seen from outside, before and after each loop."""
    town = small(written(tmp_path, SINCE.replace("AFTER", after)), **RESTLESS)
    society = Society(town, seed=1)
    schedule = society.own_schedule
    assert schedule is not None
    known: dict[tuple[int, int], int] = {}
    lost: set[tuple[int, int]] = set()

    def seen(phase: Any) -> Any:
        """Let it be seen, after ties are cut or noted, which there are."""

        def run(*given: Any) -> None:
            before = pairs_of(society)
            phase.run(*given)
            there = pairs_of(society)
            for pair in before - there:
                known.pop(pair, None)
                lost.add(pair)
            if phase.name == "mine.note":
                today = int(society.day["step"])
                known.update(dict.fromkeys(there - known.keys(), today))

        is_seen = phase.name in ("converse", "mine.note")
        return phase._replace(run=run) if is_seen else phase

    schedule.phases = tuple(map(seen, schedule.phases))
    again = 0
    for day in range(60):
        lost.clear()
        society.step()
        again += len(lost & pairs_of(society))
        if day % 4:
            continue  # own columns are brought up to date by the day itself
        table = society.state.ties.table()
        pairs = zip(table["owner"].tolist(), table["neighbour"].tolist(), strict=True)
        for pair, since in zip(pairs, table["since"].tolist(), strict=True):
            assert since == known.get(pair, -1), pair
    assert again > 4  # were cut and made again on one day
    assert len(society.state.oses) > 3
    assert len(set(known.values())) > 3


def test_a_start_gives_values_and_new_ties_have_the_default(tmp_path: Path) -> None:
    own = "columns={'ties': [Column('mark', 'f8', '', '', 0.25)]}"
    text = f"""M = Mechanism('mine', '', {own})
@M.start(reads=["ties.closeness"], writes=["ties.mark"])
def begin(s):
    s.ties.mark[:] = s.ties.closeness
"""
    society = Society(small(written(tmp_path, text)), seed=1)
    first, begun = society.state.ties.table(), pairs_of(society)
    assert np.array_equal(first["mark"], first["closeness"].astype(np.float64))
    wanted = marked(society.state.ties)
    for _ in range(10):
        society.step()
    copied = pickle.loads(pickle.dumps(society))
    for one in (society, copied):
        one.step()
        found = marked(one.state.ties)
        assert {pair: found[pair] for pair in begun & found.keys()} == {
            pair: wanted[pair] for pair in begun & found.keys()
        }
        new = [mark for pair, mark in found.items() if pair not in begun]
        assert len(new) > 20
        assert set(new) == {0.25}


def test_trust_is_slow_to_grow_and_those_who_rely_are_less_lonely() -> None:
    sim.use(EXAMPLES / "trust.py")
    alone, slow, quick = (
        lived(small("trust", **changes)).state
        for changes in ({"trust": False}, {}, {"trust_growth": 0.5})
    )
    assert not alone.ties.table()["trust"].any()
    for state in (slow, quick):
        table = state.ties.table()
        assert (table["trust"] >= 0.0).all()
        assert (table["trust"] <= 1.0).all()
        best = np.zeros(40)
        mine = table["owner"] < 40
        np.maximum.at(best, table["owner"][mine], table["trust"][mine])
        # In the evening ties are new, and not yet trusted.
        assert np.allclose(state.humans.relied, best, atol=1e-6)
    assert slow.humans.relied.mean() < quick.humans.relied.mean()
    lonely = [s.humans.loneliness.mean() for s in (alone, slow, quick)]
    assert lonely[0] > 1.05 * lonely[1] > 1.05 * lonely[2]


def test_any_number_of_threads_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sim.use(EXAMPLES / "trust.py")
    one = lived(small("trust"), days=10)
    monkeypatch.setattr("sim.engine.threads.WORTH_SHARING", 0)
    many = lived(small("trust"), days=10, threads=3)
    for name, column in one.state.ties.table().items():
        assert np.array_equal(column, many.state.ties.table()[name])


def test_the_other_side_of_a_tie_is_found(tmp_path: Path) -> None:
    text = f"""{MINE}
@M.process(after="converse", over="ties", writes=["ties.mark"])
def look(k, i, j, s):
    s.ties.mark[k] = slot_of(s.ties, i, j) - k + 2 * slot_of(s.ties, i, i)
"""
    found = lived(small(written(tmp_path, text)), days=2).state.ties.table()["mark"]
    assert set(found.tolist()) <= {-2, -1}  # and new ones have their default
    assert (found == -2).sum() > 300


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ("over='ties', writes=['ties.kind']", "ties of the model are read"),
        ("over='ties', writes=['ties.mrak']", "no column 'mrak'; did you mean 'mark'"),
        ("over='tie'", "over= is one of humans, oses, agents, ties, society"),
    ],
)
def test_a_process_over_ties_says_what_is_there(
    tmp_path: Path, declared: str, what: str
) -> None:
    text = f"{MINE}\n@M.process(after='grow', {declared})\ndef do(k, i, j, s): pass"
    with pytest.raises(InputError, match=what):
        sim.use(written(tmp_path, text))


def test_names_of_columns_of_ties_that_are_taken(tmp_path: Path) -> None:
    for name in ("closeness", "owner", "flags", "start"):
        with pytest.raises(InputError, match="the name is taken"):
            sim.use(written(tmp_path, MINE.replace("mark", name)))


# ----------------------------------------------------------------------------- in a run


@pytest.mark.slow
def test_a_run_has_them_and_goes_on_from_a_checkpoint_with_the_same_bytes(
    tmp_path: Path,
) -> None:
    sim.use(EXAMPLES / "trust.py")
    options: dict[str, Any] = {"seed": 1, "snapshot_every": 15}
    whole = sim.run(small("trust"), out=tmp_path / "a", checkpoint_every=10, **options)
    fork = whole.fork(20, out=tmp_path / "b")
    for name in ("humans-000030", "ties-000015", "ties-000030"):
        file = f"snapshots/{name}.parquet"
        assert (whole.path / file).read_bytes() == (fork.path / file).read_bytes()
    registry._in_use.clear()  # a stored run is read without its mechanism
    found = sim.load(tmp_path / "b")
    ties = found.ties()
    state = Society(small(), seed=1).state  # only to see that this one has none
    assert "trust" not in state.ties.table()
    assert ties["trust"].between(0.0, 1.0).all()
    assert ties["trust"].nunique() > 100
    some = found.ties(owners=[3, 4])
    assert some["trust"].tolist() == ties[ties["owner"].isin([3, 4])]["trust"].tolist()
    edge = found.graph().edges[int(ties["owner"][0]), int(ties["neighbour"][0])]
    assert edge["trust"] == ties["trust"][0]


@pytest.mark.slow
def test_graphs_and_exports_have_them(tmp_path: Path) -> None:
    sim.use(EXAMPLES / "trust.py")
    run = sim.run(small("trust", steps=12), seed=1, out=tmp_path / "a")
    wanted = {(row.owner, row.neighbour): row.trust for row in run.ties().itertuples()}
    for kind in ("graphml", "gexf"):
        (file,) = export(run, tmp_path / f"ties.{kind}")
        read = nx.read_graphml if kind == "graphml" else nx.read_gexf
        edges = read(file, node_type=int).edges(data="trust")
        assert {(a, b): np.float32(t) for a, b, t in edges} == wanted
    export(run, tmp_path / "ties.csv")
    assert ",trust" in (tmp_path / "ties.csv").read_text().partition("\n")[0]
    (file,) = export(run, tmp_path / "all.gexf", whole=True)
    assert 'title="trust"' in file.read_text()
    society = lived(small("trust"), days=12)
    graph = society.graph()
    live = LiveResult(society)
    for a, b, trust in graph.edges(data="trust"):
        assert np.float32(trust) == wanted[a, b]
    assert live.ties(owners=[3])["trust"].tolist() == [
        trust for (owner, _), trust in wanted.items() if owner == 3
    ]


@pytest.mark.slow
def test_the_example_keeps_the_contract() -> None:
    held = sim.check_mechanism(EXAMPLES / "trust.py", scenario=small(steps=14))
    assert len(held) == 7


@pytest.mark.parametrize(
    ("does", "what"),
    [
        # What the other side is worth depends on whether its turn has come.
        (
            "s.ties.mark[k] = s.ties.mark[slot_of(s.ties, j, i)] + 1 + i",
            "depends on the order of rows",
        ),
        # Both sides write one place, and the same: luck of threads all the same.
        ("s.ties.mark[slot_of(s.ties, j, i)] = 3; s.ties.mark[k] = 3", "several rows"),
    ],
)
@pytest.mark.slow
def test_a_process_that_writes_what_another_agent_uses_is_found(
    tmp_path: Path, does: str, what: str
) -> None:
    text = f"""{MINE}
@M.process(after="converse", over="ties", writes=["ties.mark"])
def do(k, i, j, s):
    {does}
"""
    with pytest.raises(InputError, match=f"mine.do:? {what}"):
        sim.check_mechanism(written(tmp_path, text), scenario=small(steps=3))
