"""Time what it takes to call the loops of a day, beside what they do.

Each process is run over nobody and over everybody, handed its columns by address; and
all columns are unpacked anew, as they would be at each call without. The best of many
calls, in microseconds.

    python experiments/benchmarks/calls.py [--humans 200] [--days 400] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from sim.engine import by_address, jit
from sim.model import processes
from sim.society import Society

CALLS = 500


def best(call: Callable[[], object]) -> float:
    """Return how long a call takes at best, in microseconds."""
    found = float("inf")
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        found = min(found, time.perf_counter() - started)
    return round(found * 1e6, 1)


def timed(society: Society) -> list[dict[str, Any]]:
    """Return a row a process: its name, and what it takes over nobody and everybody."""
    state, day = society.state, society.day
    agents, ties = state.agents, state.ties.arrays
    sizes = {
        "agents": state.ties.agents,
        "humans": state.humans.n,
        "oses": state.oses.n,
    }
    rows = []
    for phase in processes.PHASES:
        if phase.over in sizes:
            over = partial(phase.run, 0, 0, agents, ties, day)
            all_of_them = partial(phase.run, 0, sizes[phase.over], agents, ties, day)
            row = {"nobody": best(over), "everybody": best(all_of_them)}
            rows.append({"process": phase.name, **row})
    return rows


def unpacked_anew(society: Society) -> float:
    """Return what it takes to unpack all columns, as for a call without addresses."""
    columns = society.state.agents, society.state.ties.arrays
    return best(lambda: by_address.Unpacked(*columns, jit._unpack).take(society.day))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--humans", type=int, default=200)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    society = Society("her-film-cut", seed=0, humans=args.humans)
    for _ in range(args.days):
        society.step()
    rows, anew = timed(society), unpacked_anew(society)
    whole = best(society.step)
    if args.json:
        print(json.dumps({"day": whole, "unpacking": anew, "processes": rows}))
        return
    print("process     nobody  everybody")
    for row in rows:
        print(f"{row['process']:10} {row['nobody']:7} {row['everybody']:10}")
    print(f"columns unpacked anew, as each call would: {anew}")
    print(f"a whole day, looked at for events: {whole}")


if __name__ == "__main__":
    main()
