"""Groups: a planted partition on the ring, homophily as published, strangers met.

N87 and N88 are facts of ``sim/model/facts.toml``: friends in a school, an office.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

import sim
from sim.engine import threads
from sim.model.mechanisms.groups import NO_GROUPS, dealt, told
from sim.model.parameters import DEFAULTS
from sim.model.population import SocialNetwork, generate
from sim.runs import checkpoint
from sim.scenarios.interventions import Intervention
from sim.society import Society
from sim.studies.validation.recorder import AMONG_THEM, OFFICE, SCHOOL
from sim.utils.errors import InputError

PULL = DEFAULTS.group_pull
SEEDS = range(5)
N87, CHANCE = (0.5, 0.85), 0.11
PAIRS = 0.42  # of N88


def made(seed: int, group_pull: float = PULL, **who: Any) -> SocialNetwork:
    """Return a generated network of people who know 37 others."""
    known = {"humans": 329, "group_size": 37, "partnered": 0.58, "rewiring": 0.2} | who
    return generate(ties=37.0, seed=seed, group_pull=group_pull, **known)


def is_within(network: SocialNetwork) -> np.ndarray:
    group = network.people["group"]
    return group[network.pairs[:, 0]] == group[network.pairs[:, 1]]


def chance_of(group: np.ndarray) -> float:
    """Return the share of pairs that are within a group, of all there are."""
    sizes, people = np.bincount(group), len(group)
    return float((sizes * (sizes - 1)).sum() / (people * (people - 1)))


def coleman(network: SocialNetwork) -> float:
    """Return Coleman's index: 0 by chance, 1 where all ties are within groups."""
    chance = chance_of(network.people["group"])
    return float((is_within(network).mean() - chance) / (1.0 - chance))


def clustering(network: SocialNetwork) -> float:
    return float(nx.average_clustering(nx.Graph(network.pairs.tolist())))


# -------------------------------------------------------------------------- on day 0


def test_groups_are_equal_give_or_take_one() -> None:
    group = dealt(np.random.default_rng(1).uniform(size=329), 37)
    sizes = np.bincount(group)
    assert len(sizes) == 9
    assert set(sizes) == {36, 37}
    assert np.bincount(dealt(np.arange(3.0) / 3, 50)).tolist() == [3]


@pytest.mark.parametrize("pull", [3.0, 9.0, 30.0])
def test_ties_within_follow_the_odds_of_a_planted_partition(pull: float) -> None:
    """Nothing is rewired, and no group is used up: people know 10 of 200 or more."""
    who = {"humans": 4_000, "group_size": 400, "rewiring": 0.0, "partnered": 0.0}
    network = generate(ties=20.0, seed=1, group_pull=pull, **who)
    expected = pull * 0.1 / (pull * 0.1 + 0.9)
    assert is_within(network).mean() == pytest.approx(expected, rel=0.08)


def test_without_a_pull_groups_are_chance_and_change_no_tie() -> None:
    found = [made(seed, group_pull=1.0) for seed in SEEDS]
    index = [coleman(network) for network in found]
    error = np.std(index, ddof=1) / np.sqrt(len(index))
    assert abs(np.mean(index)) < 4.0 * error + 0.001
    bare = made(0, group_size=0)
    assert not bare.people
    for one, other in zip(bare[1:4], found[0][1:4], strict=True):
        assert one.tobytes() == other.tobytes()


def test_friends_of_a_school_are_of_one_class_as_published() -> None:
    """The pull is taken from N87's odds, so that this is read back, not predicted."""
    shares, chances = [], []
    for seed in SEEDS:
        network = made(seed)
        shares.append(is_within(network)[network.closeness >= 0.4].mean())
        chances.append(chance_of(network.people["group"]))
    assert N87[0] <= np.mean(shares) <= N87[1]
    assert np.mean(chances) == pytest.approx(CHANCE, abs=0.005)
    assert np.mean([coleman(made(seed)) for seed in SEEDS]) > 0.5


def test_pairs_of_an_office_are_of_one_department_as_published() -> None:
    """N88, with the pull of N87: 42 % of pairs that were seen together."""
    shares = [is_within(made(seed, **OFFICE)).mean() for seed in SEEDS]
    assert np.mean(shares) == pytest.approx(PAIRS, abs=0.05)


def test_circles_that_cross_stay_clustered() -> None:
    grouped, alone = (made(1, group_size=size) for size in (37, 0))
    assert clustering(grouped) > 0.7 * clustering(alone)
    assert clustering(grouped) > 2.5 * clustering(made(1, rewiring=1.0))
    assert len(grouped.pairs) == len(alone.pairs)


def test_everybody_may_know_everybody() -> None:
    network = made(1, humans=12, group_size=4)
    assert len(network.pairs) == 12 * 11 // 2


@pytest.mark.parametrize(("name", "value"), [("group_size", -1), ("group_pull", 0.5)])
def test_a_wrong_argument_is_named(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        made(1, **{name: value})


# ----------------------------------------------------------------------- who is told


def test_words_numbers_and_those_who_have_none() -> None:
    assert told(None) is NO_GROUPS
    words = told(np.array(["B", "", "A", "B"], object))
    assert words.of.tolist() == [1, -1, 0, 1]
    assert words.start.tolist() == [0, 1, 3]
    assert words.members.tolist() == [2, 0, 3]
    assert told(np.array([7.0, np.nan, 7.0])).of.tolist() == [0, -1, 0]
    assert told(np.array([-1, -1])).members.tolist() == []


def friends(folder: Path, people: str) -> Any:
    (folder / "people.csv").write_text(people)
    (folder / "friends.csv").write_text("from,to\nann,bob\nbob,cy\ncy,dan\n")
    return sim.NetworkFile(folder / "friends.csv", people=folder / "people.csv")


def test_a_network_tells_groups_by_an_attribute(tmp_path: Path) -> None:
    given = friends(tmp_path, "id,Group\nann,red\nbob,red\ncy,blue\ndan,\n")
    society = Society("her", network=given, seed=1, group_meeting=1.0)
    of = dict(zip(society.labels or (), society.state.groups.of.tolist(), strict=True))
    assert of["ann"] == of["bob"] != of["cy"]
    assert of["dan"] == -1
    assert society.agents[0].group in ("red", "blue", "")


def test_two_attributes_that_are_groups_are_refused(tmp_path: Path) -> None:
    given = friends(tmp_path, "id,group,Group\nann,1,2\nbob,1,2\ncy,1,2\ndan,1,2\n")
    with pytest.raises(InputError, match="'group' of people is there twice"):
        Society("her", network=given, seed=1)


# ----------------------------------------------------------------------- who is met


MEETING = {
    "humans": 300,
    "ties": 4.0,
    "group_size": 30,
    "group_pull": 1.0,
    "strangers": 1.0,
    "human_meeting": 1.0,
    "adoption": False,
    "separated": 0.0,
}


def met(days: int = 15, **changes: Any) -> float:
    """Return which share of those who are met are of one's own group."""
    society = Society("her", seed=2, **(MEETING | changes))
    group, found = society.people["group"], []
    for _ in range(days):
        society.step()
        meets = society.state.humans.meets
        who = np.flatnonzero(meets >= 0)
        found.append(group[who] == group[meets[who]])
    assert sum(map(len, found)) > 300
    return float(np.concatenate(found).mean())


def test_strangers_are_of_the_own_group_as_often_as_said() -> None:
    none, half, all_of_them = (met(group_meeting=share) for share in (0.0, 0.5, 1.0))
    assert none == pytest.approx(0.1, abs=0.04)
    assert 0.3 < half < 0.6  # who of the group is known already is not met again
    assert all_of_them == 1.0


def test_each_may_have_a_share_of_their_own() -> None:
    own = {"group_meeting": {"of": "humans", "low": 0.0, "high": 1.0}}
    scenario = sim.scenario("her").replace(**MEETING, varies=own)
    society = Society(scenario, seed=2)
    group = society.people["group"]
    share = society.agents.select(agent_type=sim.Human).column("group_meeting")
    shares, same = [], []
    for _ in range(15):
        society.step()
        meets = society.state.humans.meets
        who = np.flatnonzero(meets >= 0)
        shares.append(share[who])
        same.append(group[who] == group[meets[who]])
    assert np.corrcoef(np.concatenate(shares), np.concatenate(same))[0, 1] > 0.3


def test_an_intervention_lets_people_meet_in_groups_but_makes_none() -> None:
    scenario = sim.scenario("her").replace(**MEETING)
    later = Intervention(name="classes", at=3, set={"group_meeting": 1.0})
    society = Society(scenario.model_copy(update={"interventions": [later]}), seed=2)
    group, same = society.people["group"], []
    for _ in range(6):
        society.step()
        meets = society.state.humans.meets
        who = np.flatnonzero(meets >= 0)
        same.append(float(np.mean(group[who] == group[meets[who]])))
    assert max(same[:2]) < 0.5
    assert same[2:] == [1.0] * 4
    with pytest.raises(ValueError, match="group_size"):
        Intervention(name="more", at=3, set={"group_size": 5})


def test_it_is_the_same_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    changes = MEETING | {"group_meeting": 0.5, "adoption": True}
    one, three = (Society("her", seed=1, threads=n, **changes) for n in (1, 3))
    for _ in range(20):
        one.step()
        three.step()
    for name, column in one.state.humans.copy_columns().items():
        assert column.tobytes() == three.state.humans.column(name).tobytes(), name


def test_groups_are_stored_and_a_resumed_run_goes_on_with_them(tmp_path: Path) -> None:
    scenario = sim.scenario("her").replace(**MEETING, group_meeting=1.0, steps=12)
    run = sim.run(scenario, seed=3, out=tmp_path / "run", checkpoint_every=6)
    society = checkpoint.load(run.path, 6).society
    assert (society.people["group"] == run.people["group"].to_numpy()).all()
    while society.running:
        society.step()
    last = run.humans(12)
    for name, column in society.state.humans.copy_columns().items():
        assert (column == last[name].to_numpy()).all(), name


# --------------------------------------------------------------------- a year of life


@pytest.mark.slow
@pytest.mark.parametrize("who", [SCHOOL, OFFICE], ids=["school", "office"])
def test_homophily_stays_for_a_year(who: dict[str, Any]) -> None:
    """Friends of friends and strangers of one's own group keep groups what they are."""
    scenario = sim.scenario("today").replace(**who, **AMONG_THEM, steps=365)
    society = Society(scenario, seed=1)
    group, people = society.people["group"], len(society.people["group"])

    def share() -> float:
        ties = society.state.ties.table()
        owner, other = ties["owner"], ties["neighbour"]
        is_friend = (other < people) & (owner < people) & (ties["closeness"] >= 0.4)
        return float(np.mean(group[owner[is_friend]] == group[other[is_friend]]))

    before = share()
    while society.running:
        society.step()
    assert abs(share() - before) < 0.1
    assert N87[0] <= share() <= N87[1]
