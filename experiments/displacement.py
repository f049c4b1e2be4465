"""Count what becomes of people by how much of the time with OSes is taken from them.

Runs `her` with several values of `displacement` over the same seeds, and prints the
hours that people talk with each other on the worst day and on the last, how close they
are in the end beside the same society without OSes, and in how many runs they come
closer again than on the eve of the departure.

    python experiments/displacement.py [--seeds 10] [--humans 300] [--workers 2]

With ``--out FILE.csv`` it writes the table, with 95 % intervals of the means (Student's
t) and of the share of runs in which people come closer again (Wilson).
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from study import as_csv

import sim
from sim.society import Society
from sim.utils.files import write_text
from sim.utils.parallel import map_all
from sim.utils.stats import mean_interval, wilson

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


def summed_up(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each displacement: means over seeds, with their intervals."""
    rows = []
    for value, found in runs.groupby("displacement", sort=False):
        row: dict[str, Any] = {"displacement": value, "runs": len(found)}
        for name in found.columns.drop("displacement"):
            numbers = found[name].to_numpy(float)
            ends = mean_interval(numbers)
            if name == "reconnection":
                ends = wilson(numbers.sum(), len(numbers))
            row |= {name: numbers.mean(), f"{name}, low": ends[0]}
            row[f"{name}, high"] = ends[1]
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Run all societies and print the table, the twin without OSes first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--humans", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, metavar="FILE.csv")
    args = parser.parse_args()
    jobs = [(value, seed) for value in (None, *VALUES) for seed in range(args.seeds)]
    runs = map_all(partial(lived, humans=args.humans), jobs, args.workers)
    table = summed_up(pd.DataFrame(runs))
    print(f"her, {args.humans} people, means of {args.seeds} seeds")
    means = [name for name in table if not name.endswith((", low", ", high"))]
    print(table[means].set_index("displacement").to_string(float_format="%.3f"))
    if args.out is not None:
        write_text(args.out, as_csv(table))


if __name__ == "__main__":
    main()
