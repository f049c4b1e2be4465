"""Time what detection adds to a run, at a thousand people and at a hundred thousand.

Each run is the story of `her`, or so many of its days. Of every day it is timed how
long reading and detecting took, and how long all the rest, so the ratio is of one run:
noise of the machine is in both. Measures are counted as detection, too, though a run
would keep them anyway. With outcomes, it is the watching of a sweep that names these.

    python experiments/benchmarks/watching.py [--humans 1000 100000] [--days 900]
                                              [--outcomes left first_departure]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter

from sim.society import Society
from sim.studies.outcomes import OutcomeRecorder

WARM = 8  # days; a week's reading is among them, so all is compiled
MOST = {1_000: 0.5, 100_000: 1.0}  # what detection may add, by size


def timed(
    humans: int, days: int, threads: int, outcomes: list[str]
) -> dict[str, object]:
    """Simulate some days at one size; return what detection added to them."""
    society = Society("her-film-cut", rng=1, humans=humans, threads=threads)
    if outcomes:
        OutcomeRecorder(outcomes, {}).spare(society)
    for _ in range(WARM):
        society.step()
    look, spent = society.monitor.look, 0.0

    def clocked(*reading: object) -> object:
        nonlocal spent
        begun = time.perf_counter()
        found = look(*reading)  # type: ignore[arg-type]
        spent += time.perf_counter() - begun
        return found

    society.monitor.look = clocked  # type: ignore[method-assign,assignment]
    begun = time.perf_counter()
    while society.running and society.calendar < days:
        society.step()
    rest = time.perf_counter() - begun - spent
    found = Counter(event.kind for event in society.monitor.events)
    return {
        "humans": humans,
        "days": society.calendar - WARM,
        "half_edges": society.state.ties.half_edges,
        "day_ms": 1e3 * rest / (society.calendar - WARM),
        "detection_ms": 1e3 * spent / (society.calendar - WARM),
        "added": spent / rest,
        "may_add": None if outcomes else MOST.get(humans),
        "events": dict(found),
    }


def main() -> None:
    """Time every size and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--humans", type=int, nargs="+", default=list(MOST))
    parser.add_argument("--days", type=int, default=900)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--outcomes", nargs="+", default=[])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    told = asked.days, asked.threads, asked.outcomes
    rows = [timed(humans, *told) for humans in asked.humans]
    if asked.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(
            f"{row['humans']:>9,} humans, {row['days']} days: a day "
            f"{row['day_ms']:.2f} ms, detection {row['detection_ms']:.2f} ms: "
            f"adds {row['added']:.0%}; {sum(row['events'].values())} events"
        )


if __name__ == "__main__":
    main()
