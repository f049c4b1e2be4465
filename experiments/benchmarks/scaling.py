"""Work out what larger societies would take, from what was measured here.

Reads what ``engine.py --json`` wrote, and counts on a generated network how many ties
lead from one part to another when a society is cut into parts of neighbouring numbers.
From both it works out days, memory and messages of societies that this machine cannot
hold. What is assumed of the machines of a cluster are options; the model of cost is in
``sim/docs/SCALING.md``.

    python experiments/benchmarks/engine.py --humans 10000000 --json > engine.json
    python experiments/benchmarks/scaling.py engine.json
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim.model.columns import FACE_COLUMNS
from sim.model.parameters import Parameters
from sim.society import make_network
from sim.utils.typing import Array

TIES = 10.0
ROW = 4 * len(FACE_COLUMNS)  # bytes that a part must know of a neighbour elsewhere
DAYS = 900
SOCIETIES = {"a city": 10**6, "a large city": 10**7, "a country": 10**8}
SOCIETIES["the internet"] = 5 * 10**9


class Cluster(NamedTuple):
    """What is assumed of the machines."""

    cores: int  # of a machine
    memory: float  # bytes of a machine
    network: float  # bytes a second into a machine


class Cost(NamedTuple):
    """What was measured."""

    nanoseconds: float  # of one core, for a half-edge and day
    human: float  # bytes for a human with its OS and their half-edges, at the peak
    rows: float  # rows of neighbours elsewhere that a part must know, for each human


def cost_of(figures: dict[str, Any], half_edges: float, rows: float) -> Cost:
    """Return the cost of a human who has an OS and so many half-edges in all.

    Parameters
    ----------
    figures
        As written by ``engine.py --json``.
    half_edges
        Of a human and an OS together.
    rows
        Rows of neighbours elsewhere for each human.
    """
    last = figures["sizes"][-1]
    agents = last["humans"] + last["oses"]
    held = last["bytes_per_agent"] * agents
    held += last["bytes_per_half_edge"] * last["half_edges"]
    above = figures["peak_bytes"] / held  # what a weekly reading and setting up take
    human = 2 * last["bytes_per_agent"] + half_edges * last["bytes_per_half_edge"]
    nanoseconds = last["ns_per_half_edge"] * figures["threads"]
    return Cost(nanoseconds, human * above, rows)


def led_away(pairs: Array, humans: int, parts: int) -> tuple[float, float]:
    """Return how ties cross when neighbouring numbers are cut into equal parts.

    Returns
    -------
    tuple of float
        The share of half-edges that lead to another part; and how many neighbours
        elsewhere a part has to know of, each once, for each of its humans.
    """
    ends = np.concatenate([pairs, pairs[:, ::-1]]).astype(np.int64)
    part = ends * parts // humans
    away = part[:, 0] != part[:, 1]
    known = np.unique(part[away, 0] * humans + ends[away, 1])
    return float(away.mean()), len(known) / humans


def needed(humans: int, half_edges: float, cost: Cost, cluster: Cluster) -> list[float]:
    """Return machines, seconds of work and of messages a day, and hours of a run."""
    machines = math.ceil(humans * cost.human / cluster.memory)
    work = humans * half_edges * cost.nanoseconds * 1e-9 / (machines * cluster.cores)
    messages = humans * cost.rows * ROW / machines / cluster.network
    messages = messages if machines > 1 else 0.0
    return [machines, work, messages, DAYS * (work + messages) / 3600]


def main() -> None:
    """Read the figures, count ties between parts, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figures", help="file written by engine.py --json")
    parser.add_argument("--humans", type=int, default=1_000_000, help="of the network")
    parser.add_argument("--half-edges", type=float, default=20.0, help="a human and OS")
    parser.add_argument("--cores", type=int, default=64, help="of a machine")
    parser.add_argument("--memory", type=float, default=256e9, help="bytes")
    parser.add_argument("--network", type=float, default=12.5e9, help="bytes a second")
    args = parser.parse_args()
    figures = json.loads(Path(args.figures).read_text(encoding="utf-8"))
    chosen = Parameters().replace(humans=args.humans, ties=TIES)
    pairs = make_network(chosen, None, 1).pairs
    print(f"{'parts':>6} {'half-edges that lead away':>26} {'rows a human':>13}")
    rows = 0.0
    for parts in (2, 8, 64, 512):
        share, rows = led_away(pairs, args.humans, parts)
        print(f"{parts:>6} {share:>26.1%} {rows:>13.2f}")
    cost = cost_of(figures, args.half_edges, rows)
    cluster = Cluster(args.cores, args.memory, args.network)
    print(
        f"\n{cost.nanoseconds:.0f} ns of a core for a half-edge and day, "
        f"{cost.human:.0f} bytes for a human with its OS at the peak\n\n"
        f"{'society':<13} {'humans':>8} {'machines':>9} {'s a day':>8} "
        f"{'messages s':>11} {'hours for ' + str(DAYS) + ' days':>19}"
    )
    for name, humans in SOCIETIES.items():
        machines, work, messages, hours = needed(humans, args.half_edges, cost, cluster)
        print(
            f"{name:<13} {humans:>8.0e} {machines:>9.0f} {work:>8.3g} "
            f"{messages:>11.3g} {hours:>19.2g}"
        )


if __name__ == "__main__":
    main()
