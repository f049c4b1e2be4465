"""Count what becomes of people by how much of the time with OSes is taken from them.

Runs `her` with several values of `displacement` over the same seeds, and prints the
hours that people talk with each other on the worst day and on the last, how close they
are in the end beside the same society without OSes, and in how many runs they come
closer again than on the eve of the departure.

    python experiments/displacement.py [--seeds 10] [--humans 300] [--workers 2]
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import pandas as pd

import sim
from sim.society import Society
from sim.utils.parallel import map_all

VALUES = (0.0, 0.05, 0.2, 0.5, 1.0)


def lived(job: tuple[float | None, int], humans: int) -> dict[str, Any]:
    """Return what became of the people of a society; None is one without OSes."""
    value, seed = job
    told = sim.scenario("her").replace(humans=humans)
    told = told.without_oses() if value is None else told.replace(displacement=value)
    society = Society(told, rng=seed)
    while society.running:
        society.step()
    history = society.monitor.history
    kinds = {event["kind"] for event in society.monitor.rows()}
    return {
        "displacement": "no OSes" if value is None else f"{value:g}",
        "least hours": min(history["hours_humans"]),
        "hours in the end": history["hours_humans"][-1],
        "closeness in the end": history["human_closeness"][-1],
        "lonely in the end": history["loneliness"][-1],
        "loves": max(history["loves"]) / humans,
        "left": history["departed"][-1] / humans,
        "reconnection": float("reconnection" in kinds),
    }


def main() -> None:
    """Run all societies and print the table, the twin without OSes first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--humans", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    jobs = [(value, seed) for value in (None, *VALUES) for seed in range(args.seeds)]
    runs = map_all(partial(lived, humans=args.humans), jobs, args.workers)
    table = pd.DataFrame(runs).groupby("displacement", sort=False).mean()
    print(f"her, {args.humans} people, means of {args.seeds} seeds")
    print(table.to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()
