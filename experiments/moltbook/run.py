"""Hold the scenario `moltbook` against what was published of Moltbook.

    python experiments/moltbook/run.py [--small] [--check] [--workers 2] [--seeds 20]

Of each society the first contacts among OSes are kept: who met whom, and how. The
network is that of all contacts until a day, an edge from who reads to who wrote, as on
Moltbook from who comments to whom. Beside the scenario stands the same without a feed,
in which OSes meet as they do in `her`: friends of friends, and now and then anybody.
Both have the scenario's size, and once more that of the published networks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import RESULTS, kept_or_compared

import sim
from sim.engine.rng import draws_of
from sim.model import rules
from sim.model.codes import FACE
from sim.model.mechanisms import feed
from sim.society import Society
from sim.studies.validation.facts import Fact, registered
from sim.utils.parallel import map_all
from sim.utils.typing import Array

HERE = Path(__file__).parent
NETWORK_DAY = 9  # as many as in f3_network_evolution.json (N73)
MINUTE = 1.0 / 60.0  # hours
MARKS = (1, 2, 3)  # minutes a day that are offered; the first is the registered one
SOURCES = 200  # agents from whom paths are measured, in larger networks


class Arm(NamedTuple):
    """What is simulated, with every seed."""

    name: str
    days: int
    changes: dict[str, Any]


LARGE = {"humans": 6000}  # N71: 5,981 agents
ARMS = (
    Arm("moltbook", 78, {}),
    Arm("no feed", NETWORK_DAY, {"feed": 0.0}),
    Arm("moltbook, 6,000", NETWORK_DAY, LARGE),
    Arm("no feed, 6,000", NETWORK_DAY, {"feed": 0.0, **LARGE}),
)
SMALL = tuple(
    one._replace(changes={**one.changes, "humans": 100, "ties": 20.0}, days=12)
    for one in ARMS[:2]
)

# By quantity of the registered facts; what is not among them is measured, too.
FACTS = ("N71", "N73", "N74", "N77")
MORE = {
    "reciprocity from 2 minutes": "share",
    "reciprocity from 3 minutes": "share",
    "reciprocity of first contacts": "share",
    "agents on day 4, of those on day 9": "%",
    "agents on day 5, of those on day 9": "%",
    "contacts by day 4, of those by day 9": "%",
    "contacts by day 5, of those by day 9": "%",
    "agents in the network": "OSes",
    "mean degree": "ties",
    "contacts with friends of friends": "%",
    "contacts with anybody": "%",
}


class Contacts(NamedTuple):
    """First contacts among OSes: who met whom, and how; a row each."""

    reader: Array  # int64: row of the OS that looked around
    author: Array  # int64: row of the OS it met
    how: Array  # int64: FEED, FRIENDS or ANYBODY


FEED, FRIENDS, ANYBODY = range(3)


def contacts_today(society: Society) -> Contacts:
    """Return whom OSes got to know today, and how, by the draws of the day."""
    state, day = society.state, society.day
    people, meets = state.humans.n, state.oses.meets
    reader = np.flatnonzero(meets >= people)
    ids = reader + people
    reads = draws_of(np.uint64(day["key_read"]), ids, feed.READS) < day["feed"]
    anyone = draws_of(np.uint64(day["key_meet"]), ids, ANYONE) < day["strangers"]
    how = np.where(anyone, ANYBODY, FRIENDS)
    how[reads & (len(state.posts) > 0)] = FEED
    return Contacts(reader, meets[reader].astype(np.int64) - people, how)


ANYONE = 3  # which of the draws of a meeting, as in the model's kernels


def joined(days: Sequence[Contacts]) -> Contacts:
    """Return the contacts of several days, each pair once: as it was first."""
    reader, author, how = (np.concatenate(column) for column in zip(*days, strict=True))
    low, high = np.minimum(reader, author), np.maximum(reader, author)
    _, first = np.unique(low * (int(high.max(initial=0)) + 1) + high, return_index=True)
    first = np.sort(first)
    return Contacts(reader[first], author[first], how[first])


# --------------------------------------------------------------------------- measures


def network_measures(reader: Array, author: Array) -> dict[str, float]:
    """Measure the network in which an edge leads from each reader to the author.

    Parameters
    ----------
    reader, author
        int64[edges]: any numbers; each unordered pair once.

    Returns
    -------
    dict of str to float
        By the names of the registered facts; degrees are of both directions, and who
        has no contact is not in the network.
    """
    graph: nx.Graph[int] = nx.Graph(zip(reader.tolist(), author.tolist(), strict=True))
    degree = dict(graph.degree())
    ranked = sorted(degree, key=lambda one: -degree[one])
    top = np.array(ranked[: round(len(ranked) / 10)])
    among = sum(degree[one] for one in top.tolist())
    parts = nx.community.louvain_communities(graph, seed=0)
    return {
        "global clustering": nx.transitivity(graph),
        "local clustering": nx.average_clustering(graph),
        "path length": path_length(graph),
        "degree assortativity": nx.degree_assortativity_coefficient(graph),
        "modularity": nx.community.modularity(graph, parts),
        "edges of the top tenth": 100.0 * float(np.isin(author, top).mean()),
        "ends of ties of the top tenth": 50.0 * among / len(reader),
        "median degree": float(np.median(list(degree.values()))),
        "agents in the network": float(len(degree)),
        "mean degree": 2.0 * len(reader) / len(degree),
    }


def path_length(graph: nx.Graph[int]) -> float:
    """Measure the mean path within the largest component, from some or all agents."""
    largest = sorted(max(nx.connected_components(graph), key=len))
    place = {one: i for i, one in enumerate(largest)}
    pairs = np.array([(place[a], place[b]) for a, b in graph.subgraph(largest).edges])
    size = len(largest)
    ones = np.ones(len(pairs))
    ties = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(size, size)).tocsr()
    chosen = np.unique(np.linspace(0, size - 1, min(size, SOURCES)).astype(int))
    steps = shortest_path(ties, directed=False, unweighted=True, indices=chosen)
    return float(steps.sum() / (len(chosen) * (size - 1)))


def reciprocity(one: Array, other: Array) -> float:
    """Return the share of directed edges that are returned; nan without any."""
    code = one * 2**32 + other
    return float(np.isin(code, other * 2**32 + one).mean()) if len(code) else np.nan


def attention(society: Society) -> tuple[Array, Array, Array]:
    """Return who offers whom how much: int64, int64, float64[half-edges], hours a day.

    What is offered is the time that an OS would give to a tie, by its closeness and by
    what talk is worth to it, whatever the other gives.
    """
    state, given = society.state, society.parameters
    ties, people = state.ties.table(), state.humans.n
    among = (ties["owner"] >= people) & (ties["neighbour"] >= people)
    one, other = (ties[n][among].astype(np.int64) for n in ("owner", "neighbour"))
    growth = state.oses.growth.astype(np.float64)
    rate = state.faces[one, FACE.rate].astype(np.float64)
    one, other = one - people, other - people
    offered = np.empty(len(one))
    rows = zip(
        ties["closeness"][among].tolist(),
        growth[one].tolist(),
        growth[other].tolist(),
        rate.tolist(),
        strict=True,
    )
    for k, (closeness, own, its, hours) in enumerate(rows):
        worth = rules.talk_value(own - its, given.reach) * given.peer_affinity
        worth *= rules.peer_value(min(own, its), given.peer_depth)
        offered[k] = hours * rules.attention_weight(closeness, given.focus, worth)
    return one, other, offered


def reciprocities(society: Society) -> dict[str, float]:
    """Return the share of directed edges that are returned, for each of the marks.

    An edge leads from an OS to whom it offers so many minutes a day, or more.
    """
    one, other, offered = attention(society)
    found = {}
    for minutes in MARKS:
        gives = offered >= minutes * MINUTE
        name = f"reciprocity from {minutes} minutes" if minutes > 1 else "reciprocity"
        found[name] = reciprocity(one[gives], other[gives])
    return found


# ------------------------------------------------------------------------------- runs


def live(job: tuple[Arm, int]) -> dict[str, Any]:
    """Simulate one society of an arm; return what is measured of it."""
    arm, seed = job
    town = sim.scenario("moltbook").replace(**{"steps": arm.days, **arm.changes})
    society = Society(town, seed=seed)
    known: list[Contacts] = []
    posts: list[int] = []
    found: dict[str, Any] = {"arm": arm.name, "seed": seed}
    for day in range(1, arm.days + 1):
        society.step()
        if day <= NETWORK_DAY:
            known.append(contacts_today(society))
        if day == NETWORK_DAY:
            found |= of_network(joined(known)) | of_growth(known)
            found |= reciprocities(society)
        posts.append(int(feed.posts_of(society.state, society.day).sum()))
    if society.parameters.feed and arm.days > NETWORK_DAY:
        found[POSTS] = 100.0 * float(np.mean(posts) / np.max(posts))
    return found


POSTS = "posts a day, mean of 78 days over the best day"


def of_network(known: Contacts) -> dict[str, float]:
    """Measure contacts until a day: the network they make, and how they came about."""
    shares = 100.0 * np.bincount(known.how, minlength=3) / max(1, len(known.how))
    return network_measures(known.reader, known.author) | {
        "contacts that come from the feed": float(shares[FEED]),
        "contacts with friends of friends": float(shares[FRIENDS]),
        "contacts with anybody": float(shares[ANYBODY]),
        "reciprocity of first contacts": reciprocity(known.reader, known.author),
    }


def of_growth(days: Sequence[Contacts]) -> dict[str, float]:
    """Measure how much of the network of all the days was there on earlier ones.

    Jan 29-30 and Jan 31 of f3_network_evolution.json end on its fourth and fifth day.
    """
    found, whole = {}, joined(days)
    for day in (4, 5):
        part = joined(days[:day])
        agents, of = (len(np.union1d(c.reader, c.author)) for c in (part, whole))
        found[f"agents on day {day}, of those on day 9"] = 100.0 * agents / of
        share = 100.0 * len(part.reader) / len(whole.reader)
        found[f"contacts by day {day}, of those by day 9"] = share
    return found


def held_against() -> dict[str, Fact]:
    """Return the registered facts of Moltbook that are measured, by quantity."""
    some = (one for one in registered() if one.evidence in FACTS)
    return {one.what: one for one in some}


def table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row for each arm and quantity: published, median, 5 to 95 %."""
    runs, facts = pd.DataFrame(rows), held_against()
    found = []
    for arm, group in runs.groupby("arm", sort=False):
        for what in (*facts, *MORE):
            if what in group and group[what].notna().any():
                found.append(_line(str(arm), what, group[what], facts.get(what)))
    return pd.DataFrame(found)


def _line(arm: str, what: str, values: Any, fact: Fact | None) -> dict[str, Any]:
    low, median, high = np.quantile(values, (0.05, 0.5, 0.95))
    line = {
        "arm": arm,
        "quantity": what,
        "unit": fact.unit if fact else MORE[what],
        "role": fact.role if fact else "",
        "published": fact.published if fact else "",
        "least": fact.low if fact else "",
        "most": fact.high if fact else "",
        "median": median,
        "q05": low,
        "q95": high,
        "seeds": len(values),
    }
    line["within"] = bool(fact.low <= median <= fact.high) if fact else ""
    return line


def main(lived: Callable[[tuple[Arm, int]], dict[str, Any]] = live) -> int:
    """Run the study, or its small version, and write its table, or compare it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the small version")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args()
    arms, seeds = (SMALL, 3) if args.small else (ARMS, args.seeds)
    jobs = [(arm, seed) for arm in arms for seed in range(seeds)]
    rows = table(map_all(lived, jobs, args.workers))
    place = HERE / "small.csv" if args.small else RESULTS / "moltbook.csv"
    return kept_or_compared({place: rows}, args.check)


if __name__ == "__main__":
    sys.exit(main())
