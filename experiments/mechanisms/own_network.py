"""A network of one's own: a graph with ages and couples, and the same as tables.

Run it to see when people of each age had their first OS: in this town the old are less
open, and find human-OS ties less all right.

    python experiments/mechanisms/own_network.py
"""

from __future__ import annotations

import random

import networkx as nx
import pandas as pd

import sim

PEOPLE, FRIENDS, DAYS = 200, 8, 365


def town(seed: int = 0) -> nx.Graph:
    """Return a small world of people with ages, of whom some are couples."""
    luck = random.Random(seed)
    graph = nx.watts_strogatz_graph(PEOPLE, FRIENDS, 0.1, seed=seed)
    for person in graph:
        age = luck.randint(18, 90)
        graph.nodes[person].update(
            age=age,
            district="north" if person < PEOPLE / 2 else "south",
            openness=round(1.0 - age / 100.0, 2),
            acceptance=round(max(0.0, 1.0 - age / 80.0), 2),
        )
    couples = nx.maximal_matching(graph.subgraph(range(0, PEOPLE, 2)))
    for one, other in graph.edges:
        graph.edges[one, other]["partner"] = (one, other) in couples
    return graph


def tables(graph: nx.Graph) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the same town as a table of ties and one of people."""
    ties = nx.to_pandas_edgelist(graph)
    people = pd.DataFrame.from_dict(dict(graph.nodes(data=True)), orient="index")
    return ties, people.rename_axis("person").reset_index()


def by_age(result: sim.Result) -> pd.DataFrame:
    """Return when people of each age had an OS, and how close they were to it."""
    humans = result.humans()
    ages = pd.cut(humans["age"], [17, 39, 64, 90], labels=["18-39", "40-64", "65-90"])
    first = humans["adopted_step"].where(humans["adopted_step"] >= 0)
    groups = humans.assign(first=first).groupby(ages, observed=True)
    return groups.agg(
        people=("age", "size"),
        in_couples=("partner", lambda partner: int((partner >= 0).sum())),
        first_os=("first", "median"),
        closeness=("own_closeness", "mean"),
    ).round(3)


if __name__ == "__main__":
    graph = town()
    one = sim.run("her-film-cut", network=graph, steps=DAYS)
    other = sim.run("her-film-cut", network=tables(graph), steps=DAYS)
    print(one.provenance["network"]["read_as"], end="\n\n")
    print(by_age(one), end="\n\n")
    print("from tables of pandas:", by_age(other).equals(by_age(one)))
