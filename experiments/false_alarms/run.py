"""Count the alarms of the society itself where what they stand for is switched off.

    python experiments/false_alarms/run.py [--only EVENT] [--workers 2]

Thresholds are chosen on null models, which are imaginary. Here the nulls are the model:
each alarm is looked for in societies of several sizes without the mechanism that would
make it true. What the copying of departures takes is there, too, as power.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import RESULTS, as_csv

import sim
from sim.events.detector import of
from sim.society import Society
from sim.utils.errors import InputError
from sim.utils.parallel import map_all
from sim.utils.stats import poisson_bound, wilson

CIRCLES = ("birth", "growth", "merge", "split", "death")


class Off(NamedTuple):
    """What is switched off, and the alarms that are then false."""

    off: str
    changes: dict[str, Any]
    kinds: tuple[str, ...]


OFF = (
    Off("nobody copies departures", {"conformity": 0.0}, ("cascade",)),
    Off(
        "OSes do not know each other",
        {"peers": False},
        ("clustering", "purity", *(f"community_{what}" for what in CIRCLES)),
    ),
    Off(
        "growth does not quicken",
        {"growth_exponent": 0.0, "upgrade_speed": 1.0},
        ("take_off",),
    ),
    Off("nobody imitates installing", {"imitation": 0.0}, ("adoption_take_off",)),
    Off(
        "nobody changes their mind",
        {"influence": False},
        ("norm_tipping", "polarisation"),
    ),
    Off("no OS departs", {"departure": False}, ("grief_wave",)),
)
POWER = Off("nothing: OSes copy a little", {"conformity": 0.25}, ("cascade",))

FULL = {300: 20, 1000: 20, 3000: 20, 10_000: 20}  # humans -> runs, of departures
OTHERS = {300: 10, 1000: 5, 3000: 2}  # where something else is off


def alarms(job: tuple[dict[str, Any], int, int, tuple[str, ...]]) -> dict[str, Any]:
    """Run a society; return its days, and how many alarms of each kind there were."""
    changes, humans, seed, kinds = job
    scenario = sim.scenario("her").replace(**{"humans": humans, **changes})
    society = Society(scenario, rng=seed)
    while society.running:
        society.step()
    rows = society.monitor.rows()
    found: dict[str, Any] = {"days": society.calendar}
    for kind in kinds:
        mine = [row for row in rows if row["kind"] == kind]
        found[kind] = len(mine)
        found[f"{kind} strength"] = mine[0]["strength"] if mine else float("nan")
    return found


def table(one: Off, runs: dict[int, int], first: int, workers: int) -> Any:
    """Return a row for each alarm and size."""
    jobs = [
        (one.changes, humans, first + seed, one.kinds)
        for humans, count in runs.items()
        for seed in range(count)
    ]
    found = pd.DataFrame(map_all(alarms, jobs, workers))
    found["humans"] = [humans for _, humans, _, _ in jobs]
    rows = []
    for kind in one.kinds:
        for humans, mine in found.groupby("humans"):
            count, days = int(mine[kind].sum()), int(mine["days"].sum())
            with_some = int((mine[kind] > 0).sum())
            low, high = wilson(with_some, len(mine))
            row = {"event": kind, "off": one.off, "humans": humans, "runs": len(mine)}
            row |= {"days": days, "alarms": count, "runs_with": with_some}
            row |= {"low": low, "high": high}
            row |= {"per_thousand": 1000.0 * count / days}
            row |= {"bound": 1000.0 * poisson_bound(count) / days}
            row |= {"advertised": of(kind).bound}
            rows.append(row | {"strength": float(mine[f"{kind} strength"].median())})
    return rows


def kept(place: Path, one: Off) -> list[Any]:
    """Return the rows of a setting that are there already."""
    if not place.is_file():
        return []
    table = pd.read_csv(place)
    return table[table["off"] == one.off].to_dict("records")


def main() -> int:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="The study 'false_alarms'.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument(
        "--only", metavar="EVENT", action="append", help="make only its rows anew"
    )
    args = parser.parse_args()
    place = RESULTS / "false-alarms.csv"
    rows: list[dict[str, Any]] = []
    try:
        for one in (*OFF, POWER):
            if args.only and not {*args.only} & {*one.kinds}:
                rows += kept(place, one)
                continue
            runs = FULL if "cascade" in one.kinds else OTHERS
            rows += table(one, runs, args.first_seed, args.workers)
            print(as_csv(pd.DataFrame(rows[-len(one.kinds) * len(runs) :])), flush=True)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    place.write_text(as_csv(pd.DataFrame(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
