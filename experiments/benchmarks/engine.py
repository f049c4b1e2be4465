"""Time a day of the full model against the object-per-agent Mesa society.

In one run: the columnar engine from 10^3 to ``--humans`` people, the Mesa society of
``tests/reference_society.py`` at ``--reference`` people, on networks of the same
kind; nanoseconds per half-edge and day, each phase's share of the day, bytes per agent
and per half-edge, the exponent of cost against size, set-up time, and peak memory.

The day is also compared with what this machine's memory could do: a STREAM triad
(McCalpin 1995) of the same threads tells bytes per second, and ``touched`` counts the
bytes that the phases of the last day read and write, each access once, what lies in a
cache included. Looking for events is timed, but has no such bound.

    python experiments/benchmarks/engine.py [--humans 1000000] [--threads 2] [--json]

With ``--rounds 5`` all of it is measured so often, and the least, the median and the
most of each figure are told, with the processor: machines differ, and the same one does
from hour to hour.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from reference_society import ReferenceSociety

from sim.engine.jit import kernel
from sim.model.columns import FACE_COLUMNS
from sim.model.parameters import Parameters
from sim.model.state import State
from sim.society import Society, make_network

TIES = 10.0
WARM = 2  # so that of three weeks measured, three readings of friends are among them
DETECTION = "(events)"
TRIAD = 2**25  # numbers in an array, 268 MB


@kernel  # type: ignore[untyped-decorator]
def triad(first: int, last: int, a: Any, b: Any, c: Any) -> None:
    """Write ``a = b + 3 c`` over a range."""
    for i in range(np.uint64(first), np.uint64(last)):
        a[i] = b[i] + 3.0 * c[i]


def bandwidth(threads: int) -> float:
    """Return the bytes a second that a STREAM triad moves, the best of ten."""
    a, b, c = np.ones((3, TRIAD))  # zeros would have no memory behind them
    triad(0, 1, a, b, c)
    cuts = [TRIAD * part // threads for part in range(threads + 1)]
    best = math.inf
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(10):
            started = time.perf_counter()
            parts = [pool.submit(triad, *ends, a, b, c) for ends in pairwise(cuts)]
            for part in parts:
                part.result()
            best = min(best, time.perf_counter() - started)
    return 3 * a.nbytes / best


def touched(state: State) -> int:
    """Return the bytes that the phases of a day read and write.

    Of each half-edge: all it holds, and how far its neighbour has grown, where hours
    are shared out; in talk all it holds, its new values, its neighbour's row of
    ``faces``, and whether that one has an OS. Of each agent: where its ties lie, twice,
    its row of ``faces``, written and read, and once each column. What a block of
    half-edges holds in between is not counted.
    """
    ties, face = state.ties, 4 * len(FACE_COLUMNS)
    index = 2 * (ties.arrays.start.itemsize + ties.arrays.degree.itemsize)
    held = sum(column.itemsize for column in ties.arrays[:4])
    growth, installed = state.humans.growth.itemsize, state.humans.installed.itemsize
    attend, converse = held + growth, 2 * held + face + installed
    columns = sum(
        rows.nbytes for table in (state.humans, state.oses) for rows in table.arrays
    )
    agents = state.humans.n + state.oses.n
    edges = ties.half_edges * (attend + converse)
    return int(edges + agents * (2 * face + index) + columns)


def parameters(humans: int) -> Parameters:
    """Return `her` at a size, with ten ties a human."""
    return Parameters().replace(humans=humans, ties=TIES)


def engine(humans: int, days: int, threads: int) -> dict[str, float]:
    """Return what setting up and living some days cost at one size."""
    started = time.perf_counter()
    society = Society("her-film-cut", rng=1, humans=humans, ties=TIES, threads=threads)
    setup = time.perf_counter() - started
    for _ in range(WARM):
        society.step()
    society.seconds.clear()
    half_edges, started = 0, time.perf_counter()
    for _ in range(days):
        society.step()
        half_edges += society.state.ties.half_edges
    spent = time.perf_counter() - started
    society.seconds[DETECTION] = spent - sum(society.seconds.values())
    ties = society.state.ties
    agents = society.state.nbytes - ties.nbytes
    return {
        "humans": humans,
        "oses": society.state.oses.n,
        "half_edges": ties.half_edges,
        "setup_seconds": setup,
        "day_seconds": spent / days,
        "ns_per_half_edge": spent / half_edges * 1e9,
        "bytes_per_half_edge": ties.nbytes / ties.half_edges,
        "bytes_per_agent": agents / ties.agents,
        "bytes_touched": touched(society.state),
        "phases_seconds": (spent - society.seconds[DETECTION]) / days,
        "phases": {n: s / spent for n, s in society.seconds.items()},  # type: ignore[dict-item]
    }


def reference(humans: int, days: int) -> float:
    """Return nanoseconds per half-edge and day of the object-per-agent society."""
    chosen = parameters(humans)
    society = ReferenceSociety(chosen, make_network(chosen, None, 1), 1)
    society.step()
    half_edges, started = 0, time.perf_counter()
    for _ in range(days):
        society.step()
        half_edges += society.half_edges
    return (time.perf_counter() - started) / half_edges * 1e9


def exponent(rows: list[dict[str, float]]) -> float:
    """Return the slope of log cost a day against log humans, from 10^4 people on."""
    large = [row for row in rows if row["humans"] >= 10_000] or rows
    first, last = large[0], large[-1]
    if first is last:
        return math.nan
    cost = math.log(last["day_seconds"] / first["day_seconds"])
    return cost / math.log(last["humans"] / first["humans"])


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--humans", type=int, default=1_000_000)
    parser.add_argument("--reference", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    engine(100, 1, 1)  # compiles
    rounds = []
    for _ in range(args.rounds):
        rounds.append(measured(args))
        if not args.json:
            show(rounds[-1])
    if args.json:
        print(json.dumps(rounds if args.rounds > 1 else rounds[0], indent=2))
    elif args.rounds > 1:
        show_all(rounds)


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one round."""
    sizes = [10**k for k in range(3, 9) if 10**k < args.humans] + [args.humans]
    rows: list[dict[str, Any]] = []
    for size in sizes:
        days = max(args.days, min(400, args.days * 50_000 // size))
        rows.append(engine(size, days, args.threads))
    slow = reference(args.reference, 2)
    last, rate = rows[-1], bandwidth(args.threads)
    return {
        "ratio_to_mesa": slow / last["ns_per_half_edge"],
        "mesa_ns_per_half_edge": slow,
        "ns_per_half_edge": last["ns_per_half_edge"],
        "bytes_per_half_edge": last["bytes_per_half_edge"],
        "bytes_per_agent": last["bytes_per_agent"],
        "cost_exponent": exponent(rows),
        "triad_bytes_per_second": rate,
        "bytes_touched_per_half_edge": last["bytes_touched"] / last["half_edges"],
        "times_triad": last["phases_seconds"] * rate / last["bytes_touched"],
        "setup_seconds": last["setup_seconds"],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "threads": args.threads,
        "reference_humans": args.reference,
        "events_share": last["phases"][DETECTION],
        "sizes": rows,
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(f"{'humans':>9} {'half-edges':>11} {'set-up s':>9} {'ms a day':>9} {'ns':>7}")
    for row in figures["sizes"]:
        print(
            f"{row['humans']:>9} {row['half_edges']:>11} {row['setup_seconds']:>9.2f} "
            f"{row['day_seconds'] * 1e3:>9.2f} {row['ns_per_half_edge']:>7.1f}"
        )
    print("\nshare of the day at the largest size:")
    phases = figures["sizes"][-1]["phases"]
    for name, share in sorted(phases.items(), key=lambda item: -item[1]):
        print(f"  {name:<10} {share:6.1%}")
    print(
        f"\nMesa objects at {figures['reference_humans']} humans: "
        f"{figures['mesa_ns_per_half_edge']:.0f} ns per half-edge and day\n"
        f"this engine, {figures['threads']} threads: "
        f"{figures['ns_per_half_edge']:.1f} ns; ratio {figures['ratio_to_mesa']:.0f}\n"
        f"bytes: {figures['bytes_per_half_edge']:.1f} a half-edge, "
        f"{figures['bytes_per_agent']:.0f} an agent; "
        f"peak {figures['peak_bytes'] / 1e9:.2f} GB\n"
        f"a day touches {figures['bytes_touched_per_half_edge']:.0f} bytes a "
        f"half-edge; a triad moves {figures['triad_bytes_per_second'] / 1e9:.1f} GB/s; "
        f"the phases take {figures['times_triad']:.1f} times as long\n"
        f"cost grows with humans to the power {figures['cost_exponent']:.2f}"
    )


SHOWN = {
    "ns_per_half_edge": ("ns a half-edge and day", 1.0),
    "mesa_ns_per_half_edge": ("Mesa objects, ns", 1.0),
    "ratio_to_mesa": ("ratio", 1.0),
    "events_share": ("events, share of the day in percent", 0.01),
    "triad_bytes_per_second": ("STREAM triad, GB/s", 1e9),
    "times_triad": ("phases, in times of the triad", 1.0),
    "setup_seconds": ("setting up, s", 1.0),
    "peak_bytes": ("peak memory, GB", 1e9),
}


def show_all(rounds: list[dict[str, Any]]) -> None:
    """Print the least, the median and the most of each figure over rounds."""
    print(f"\n{processor()}, {rounds[0]['threads']} threads, {len(rounds)} rounds")
    print(f"{'':<38} {'least':>9} {'median':>9} {'most':>9}")
    for key, (name, unit) in SHOWN.items():
        values = np.array([one[key] for one in rounds]) / unit
        ends = " ".join(f"{v:9,.1f}" for v in np.percentile(values, [0, 50, 100]))
        print(f"{name:<38} {ends}")


def processor() -> str:
    """Return what the machine calls its processor, and how wide its numbers are."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    known = {
        name.strip(): value for name, _, value in (x.partition(":") for x in lines)
    }
    flags = known.get("flags", "").split()
    wide = next((f for f in ("avx512f", "avx2") if f in flags), "no AVX")
    return f"{known.get('model name', platform.processor()).strip()} ({wide})"


if __name__ == "__main__":
    main()
