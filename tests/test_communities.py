"""Communities of friends are found at any size, and followed over time."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from sim.events import community_detection, early_warning
from sim.events.alarms import ContagionTest, Cusum
from sim.events.calibration import alarms, readings_of
from sim.events.calibration.nulls import NullSociety, clique
from sim.events.community_detection import (
    GAMMA,
    Friends,
    friend_communities,
    friends_of,
    partition,
    surprise,
)
from sim.events.detector import Note, Reading
from sim.events.measures import MEASURES
from sim.events.observer import FriendshipObserver, could_leave, own_hazard
from sim.events.tracking import MISSED, Tracker
from sim.model import rules
from sim.model.columns import DEPARTED
from sim.model.parameters import Parameters
from sim.model.state import State
from sim.utils.typing import Array


def drawn(agents: int, degree: float, seed: int = 0) -> Array:
    """Return friends drawn at random."""
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, agents, (int(agents * degree / 2), 2)).astype(np.int32)
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    return np.unique(pairs, axis=0).astype(np.int32)


def rewired(pairs: Array, seed: int) -> Array:
    """Return the same network with its ends exchanged, degrees kept (networkx)."""
    graph = nx.Graph(pairs.tolist())
    swaps = 4 * len(pairs)
    nx.double_edge_swap(graph, swaps, max_tries=100 * swaps, seed=seed)
    return np.sort(np.array(list(graph.edges), np.int32), axis=1)


# ------------------------------------------------------------------------ partition


def test_cliques_are_communities() -> None:
    one, another = np.arange(8), np.arange(8, 20)
    bridge = np.array([[7, 8]], np.int32)
    pairs = np.concatenate([clique(one), clique(another), bridge])
    label = partition(friends_of(pairs, 20))
    assert label.tolist() == [0] * 8 + [8] * 12


def test_nobody_is_with_strangers() -> None:
    pairs = drawn(400, 5.0)
    label = partition(friends_of(pairs, 400))
    graph = nx.Graph(pairs.tolist())
    for name in np.unique(label):
        members = np.flatnonzero(label == name)
        if len(members) > 1:
            assert nx.is_connected(graph.subgraph(members.tolist()))
        assert name == members.min()


def moved_until_none_gains(pairs: Array, agents: int) -> Array:
    """Return each agent's community, asking everybody again and again: the oracle."""
    near = nx.Graph(pairs.tolist())
    near.add_nodes_from(range(agents))
    label = np.arange(agents)
    for _ in range(20):
        before = label.copy()
        for agent in range(agents):
            label[agent] = favourite(agent, near, label)
        if np.array_equal(label, before):
            break
    return label


def favourite(agent: int, near: nx.Graph[int], label: Array) -> int:
    """Return the community where an agent gains most: the lowest, but for its own."""
    size = np.bincount(label, minlength=len(label))
    size[label[agent]] -= 1
    edges = np.bincount(label[list(near[agent])], minlength=len(label))
    gains = {
        int(one): edges[one] - GAMMA * size[one] for one in label[list(near[agent])]
    }
    own = int(label[agent])
    best = max([edges[own] - GAMMA * size[own], *gains.values()])
    as_good = [one for one, gain in gains.items() if gain > best - 1e-9]
    return min(as_good, default=own)


@pytest.mark.parametrize(("agents", "degree"), [(60, 3.0), (120, 8.0), (80, 20.0)])
@pytest.mark.parametrize("seed", range(4))
def test_nobody_else_need_be_asked_again(agents: int, degree: float, seed: int) -> None:
    pairs = drawn(agents, degree, seed)
    size = np.ones(agents, np.int64)
    rows = community_detection.rows_of(pairs, np.ones(len(pairs), np.int64), agents)
    found = community_detection.move(*rows, size, GAMMA)
    assert found.tolist() == moved_until_none_gains(pairs, agents).tolist()


def test_more_than_the_share_are_friends_in_each_community() -> None:
    pairs = drawn(300, 8.0)
    label = partition(friends_of(pairs, 300))
    sizes = np.bincount(label, minlength=300)
    ends = label[pairs]
    inside = np.bincount(ends[ends[:, 0] == ends[:, 1], 0], minlength=300)
    some = sizes > 1
    assert (inside[some] >= GAMMA * sizes[some] * (sizes[some] - 1) / 2).all()


def test_it_agrees_with_louvain_where_communities_are_plain() -> None:
    groups = [np.arange(first, first + 16) for first in range(0, 160, 16)]
    noise = drawn(160, 1.0)
    pairs = np.concatenate([*map(clique, groups), noise])
    label = partition(friends_of(np.unique(pairs, axis=0), 160))
    graph = nx.Graph(pairs.tolist())
    louvain = nx.community.louvain_communities(graph, seed=1)
    mine = {frozenset(np.flatnonzero(label == name)) for name in np.unique(label)}
    assert mine == {frozenset(community) for community in louvain}


@pytest.mark.slow
def test_a_small_community_in_a_large_society_is_not_missed() -> None:
    """Modularity would merge it with others: its limit grows with the society."""
    agents = 100_000
    members = np.arange(70_000, 70_020)
    pairs = np.unique(np.concatenate([drawn(agents, 8.0), clique(members)]), axis=0)
    seen = friend_communities(friends_of(pairs, agents), agents)
    best = int(seen.score.argmax())
    assert np.flatnonzero(seen.label == seen.found[best]).tolist() == members.tolist()
    assert seen.score[best] > 1000.0
    assert sorted(seen.score)[-2] < 7.0


def planted(out: float, rng: np.random.Generator) -> Array:
    """Return friends of Girvan and Newman: 4 groups of 32, 16 friends, so many out."""
    one, other = np.triu_indices(128, 1)
    same = one // 32 == other // 32
    friends = rng.random(len(one)) < np.where(same, (16 - out) / 31, out / 96)
    return np.column_stack([one, other])[friends].astype(np.int32)


def shared_information(one: Array, other: Array) -> float:
    """Return the normalised mutual information of two partitions, 0..1."""
    _, one = np.unique(one, return_inverse=True)
    _, other = np.unique(other, return_inverse=True)
    both = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(both, (one, other), 1.0 / len(one))
    sides = both.sum(1), both.sum(0)
    entropy = sum(-float(side @ np.log(side)) for side in sides)
    seen = both > 0.0
    mutual = both[seen] @ np.log(both[seen] / np.outer(*sides)[seen])
    return 2.0 * float(mutual) / entropy


@pytest.mark.parametrize(("out", "published"), [(4, 1.0), (6, 0.97), (7, 0.81)])
def test_planted_groups_are_found_as_well_as_published(
    out: int, published: float
) -> None:
    """The benchmark of Girvan and Newman (2002)."""
    rng, truth = np.random.default_rng(out), np.arange(128) // 32
    found = [
        shared_information(partition(friends_of(planted(out, rng), 128)), truth)
        for _ in range(20)
    ]
    assert np.mean(found) == pytest.approx(published, abs=0.05)


@pytest.mark.parametrize("agents", [0, 1, 5])
def test_nobody_has_friends(agents: int) -> None:
    seen = friend_communities(friends_of(np.zeros((0, 2), np.int32), agents), agents)
    assert len(seen.found) == 0


@pytest.mark.parametrize("who", [0, 60, 999])
def test_friends_that_are_none_in_return_do_no_harm(who: int) -> None:
    """A society may come from an untrusted checkpoint; what is read stays in room."""
    others = np.delete(np.arange(1000), who)
    start = np.zeros(1001, np.int64)
    start[who + 1 :] = len(others)
    friends, notes = Friends(start, others.astype(np.uint32)), dict[str, Note]()
    network = FriendshipObserver()
    network.read(friends, 50, 1000, notes)
    assert len(network.keys) == np.count_nonzero(others > who)
    assert len(network.label) == 1000
    pairs, weight = community_detection.between(
        *friends, np.ones(999, np.int32), np.arange(1000), 1000
    )
    assert len(pairs) == len(weight) == np.count_nonzero(others > who)


@pytest.mark.slow
def test_rewired_networks_hold_no_surprise() -> None:
    """Whatever the degrees, chance explains what is found in them."""
    rng = np.random.default_rng(3)
    sociable = np.exp(rng.normal(0, 1.0, 200))
    ends = rng.choice(200, (700, 2), p=sociable / sociable.sum())
    pairs = np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0)
    by_chance = (friends_of(rewired(pairs, seed), 200) for seed in range(30))
    scores = [friend_communities(one, 200).score.max(initial=0.0) for one in by_chance]
    assert max(scores) < 7.0
    mixed = np.concatenate([drawn(200, 5.0), clique(np.arange(180, 192))])
    real = np.unique(mixed, axis=0)
    assert friend_communities(friends_of(real, 200), 200).score.max() > 10.0


def test_surprise_is_none_without_more_friends_than_expected() -> None:
    size, few = np.array([10]), np.array([9])
    assert surprise(few, np.array([9.0]), size, 100)[0] == 0.0
    assert surprise(np.array([45]), np.array([0.5]), size, 100)[0] > 100.0


# ------------------------------------------------------------------------- tracking


def follow(*weeks: list[Array]) -> list[str]:
    """Return what happened to communities of OSes (from 100 on), week by week."""
    tracker, network = Tracker(7.0), FriendshipObserver()
    base = drawn(300, 3.0)
    told = []
    for week, groups in enumerate(weeks, 1):
        notes: dict[str, Note] = {}
        pairs = np.concatenate([base, *(clique(group) for group in groups)])
        known = friends_of(np.unique(pairs, axis=0), 300)
        network.read(known, 100, 300, notes)
        measures = dict.fromkeys(MEASURES, 0.0)
        day = Reading(7 * week, 7 * week, measures, notes, [], Parameters())
        told += [f"{change.kind} {week}" for change in tracker.follow(day)]
    return told


ONE, OTHER = np.arange(150, 162), np.arange(180, 192)
BOTH = np.concatenate([ONE, OTHER])


def test_a_community_is_born_when_seen_twice() -> None:
    assert follow([], [ONE], []) == []
    assert follow([], [ONE], [ONE]) == ["community_birth 3"]


def test_a_community_that_was_always_there_is_not_born() -> None:
    assert follow([ONE], [ONE], [ONE]) == []


def test_growth_is_told_once_it_pauses() -> None:
    larger, largest = np.arange(150, 166), np.arange(150, 178)
    grown = follow([ONE], [larger], [largest], [largest], [largest])
    assert grown == ["community_growth 4"]


def test_remains_of_what_fell_apart_are_no_parts() -> None:
    halves = [np.arange(150, 155), np.arange(157, 162)]
    assert "community_split 3" not in follow([ONE], halves, halves, halves)


def test_communities_merge_for_good() -> None:
    assert follow([ONE, OTHER], [BOTH], [BOTH]) == ["community_merge 3"]
    assert follow([ONE, OTHER], [BOTH], [ONE, OTHER]) == []


def test_a_community_falls_apart_for_good() -> None:
    assert follow([BOTH], [ONE, OTHER], [ONE, OTHER]) == ["community_split 3"]
    assert follow([BOTH], [ONE, OTHER], [BOTH]) == []


def test_a_community_dies_when_it_has_been_missed_for_long() -> None:
    gone = [[]] * MISSED
    assert follow([ONE], *gone[1:], [ONE]) == []
    assert follow([ONE], *gone) == [f"community_death {MISSED + 1}"]


def test_what_hovers_about_the_threshold_is_not_born_again_and_again() -> None:
    """A loose community was there all along, though chance often explains it."""
    changes = {kind: 0 for kind in ("community_birth", "community_death")}
    days = NullSociety("circles", 0, 364, ("friends",)).days()
    readings = readings_of(days)
    for kind in changes:
        changes[kind] = len(alarms(readings, kind, 7.0))
    assert changes == {"community_birth": 0, "community_death": 0}


# ------------------------------------------------------------------------- evidence


def test_a_trend_is_no_rise() -> None:
    rise = Cusum(4.0, 0.1)
    assert not any(rise.add(0.01 * day, day) for day in range(400))


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_a_rise_is_told_once_in_any_unit(factor: float) -> None:
    rise = Cusum(4.0, 0.1 * factor)
    values = np.clip((np.arange(300) - 150) / 40, 0, 1) * factor
    told = [day for day, value in enumerate(values) if rise.add(value, day)]
    assert len(told) == 1
    assert 150 < told[0] < 190
    assert 130 < rise.onset <= 157


def test_bursts_are_no_evidence_for_copying() -> None:
    """Ville's bound holds whenever they leave: 200 societies, one chance in 20."""
    rng = np.random.default_rng(0)
    alarmed = 0
    for _ in range(200):
        copying, exposure, most = ContagionTest(), rng.random(100) ** 4, 0.0
        for _ in range(30):
            for leaver in rng.integers(0, 100, rng.integers(0, 12)):
                copying.add(float(exposure[leaver]), float(exposure.mean()))
            most = max(most, copying.nats)
        alarmed += most >= np.log(20)
    assert alarmed <= 15


def test_where_oses_differ_each_leaves_at_a_hazard_of_its_own() -> None:
    oses, rows = State(0).oses, np.arange(3)
    oses.append(3, growth=[4.0] * 3, hold=[0.1] * 3, threshold=[0.0] * 3)
    usual = Parameters().model_dump()
    same = own_hazard(oses, rows, usual)
    differ = own_hazard(oses, rows, usual | {"longing": np.array([0.2, 1.0, 3.0])})
    assert len(set(same.tolist())) == 1
    assert differ[0] < differ[1] < differ[2]


def test_the_hazard_without_copying_is_that_of_the_model() -> None:
    """Rules, with nobody to copy: the term of conformity is left out."""
    known, rng = Parameters(), np.random.default_rng(2)
    oses = State(0).oses
    oses.append(50, growth=rng.random(50) * 8, hold=rng.random(50), threshold=0.01)
    rows = np.arange(0, 50, 3)
    hazards = own_hazard(oses, rows, known.model_dump())
    for row, found in zip(rows, hazards, strict=True):
        held = rules.talk_value(float(oses.growth[row]), known.reach)
        push = rules.departure_push(0.0, known.conformity, known.longing, held)
        threshold = known.departure_threshold + float(oses.threshold[row])
        hazard = rules.departure_hazard(
            push - float(oses.hold[row]),
            threshold,
            known.departure_noise,
            known.departure_rate,
        )
        assert found == pytest.approx(hazard, rel=1e-12)


def test_who_came_back_today_or_decided_to_stay_could_not_leave() -> None:
    oses = State(0).oses
    oses.append(5, upgraded=np.array([1, 1, 1, 1, 0]), stays=np.array([0, 0, 3, 0, 0]))
    oses.upgraded_step[:] = [10, 12, 10, 10, -1]
    oses.departed_step[3], oses.status[3] = 15, DEPARTED
    assert could_leave(oses, np.array([3]), 3).tolist() == [0, 3]


def test_early_warnings_are_series_only() -> None:
    """A system that recovers ever more slowly: both indicators rise."""
    rng, values = np.random.default_rng(1), np.zeros(600)
    for day in range(1, 600):
        lasting = 0.2 + 0.75 * day / 600
        values[day] = lasting * values[day - 1] + rng.normal(0, 0.01)
    found = early_warning({"peer_attention": 0.5 + values}, window=90)
    for name in ("variance", "autocorrelation"):
        assert np.isnan(found[name][:89]).all()
        assert found[name][-90:].mean() > 1.5 * found[name][90:180].mean()
    still = early_warning({"peer_attention": np.zeros(100)})
    assert np.isnan(still["autocorrelation"]).all()


def test_copying_is_evidence() -> None:
    copying = ContagionTest()
    for _ in range(20):
        copying.add(0.6, 0.1)
    assert copying.nats > 7.0


def weekly(step: int, *circles: range) -> Reading:
    """Return the reading of a day on which there are these communities."""
    members = np.array([agent for circle in circles for agent in circle], np.int32)
    first = np.array([circle[0] for circle in circles], np.int32)
    labels = first.repeat([len(circle) for circle in circles]).astype(float)
    notes = {
        "friends": Note(np.zeros(1, np.int32), np.array([100.0])),
        "community": Note(members, labels),
        "score": Note(first, np.full(len(first), 50.0)),
        "inside": Note(first, np.ones(len(first))),
    }
    return Reading(step, step, {}, notes, (), Parameters())


def test_some_may_become_one_in_the_week_in_which_another_falls_apart() -> None:
    tracker = Tracker(7.0)
    before = [range(10), range(10, 20), range(20, 40)]
    after = [range(20), range(20, 30), range(30, 40)]
    kinds = []
    for week, circles in enumerate([before, before, after, after]):
        changes = tracker.follow(weekly(7 * week + 7, *circles))
        kinds += [(change.kind, change.before, week) for change in changes]
    assert kinds == [("community_merge", 20, 3), ("community_split", 20, 3)]
