"""Count in how many runs the film's beats emerge, in `her` and in its controls.

Runs `her`, `her-linear`, `her-no-peers` and `her-no-insight` over many seeds and prints
what held in how many runs, and on which days the beats fell.

    python experiments/beats.py [--seeds 30] [--humans N] [--workers 2] [--json]
    python experiments/beats.py --scenario her [--set peers=false] [--steps N]

With ``--out FILE.csv`` it writes a table: a row for each beat, expectation and quantity
of each scenario, with the 95 % interval of a share (Wilson) or of a mean (Student's t).

Who leaves goes in groups: OSes are of one group if they were in one collective on the
eve of a departure from it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from study import as_csv

import sim
from sim.model.codes import DEPARTED
from sim.model.parameters import parse
from sim.society import Society
from sim.utils.files import write_text
from sim.utils.stats import mean_interval, wilson

SCENARIOS = ("her", "her-linear", "her-no-peers", "her-no-insight")
BEATS = (
    *("first_love", "many_loves", "disclosure", "clustering", "collective", "new_mind"),
    *("insight", "upgrade", "first_departure", "cascade", "half_departed"),
    *("all_departed", "grief_wave", "grief_peak", "reconnection", "recovery"),
)
YEAR = 365
GROUP = 3  # OSes, at least
AFTER = ("left", "groups", "eve", "year_after", "twin")
QUANTITIES = {
    "share of OSes that left": "left",
    "days on which OSes leave": "leaving_days",
    "of all that leave, share on the fullest day": "largest_day",
    "groups that leave": "groups",
    "groups of less than ten": "small_groups",
    "OSes of the largest group": "largest_group",
    "people who love one OS, at most": "lovers_most",
    "closeness a year after, less on the eve": "since_eve",
    "closeness a year after, less in the twin": "since_twin",
    "closeness in the twin": "twin",
}


class Groups:
    """Who left together with whom, day by day."""

    def __init__(self) -> None:
        self._together = nx.utils.UnionFind()
        self._left: set[int] = set()

    def take(self, collective: Any, status: Any, now: Any) -> None:
        """Take a day: collectives and statuses on its eve, and statuses after it."""
        new = (now[: len(status)] == DEPARTED) & (status != DEPARTED)
        self._left |= {*np.flatnonzero(new).tolist()}
        for label in {*collective[new].tolist()} - {-1}:
            self._together.union(*np.flatnonzero(collective == label).tolist())

    def sizes(self) -> list[int]:
        """Return how many left of each group, the largest first."""
        counts = Counter(self._together[one] for one in self._left)
        return sorted((n for n in counts.values() if n >= GROUP), reverse=True)


def lived(scenario: sim.Scenario, seed: int, groups: Groups | None = None) -> Society:
    """Return a society at the end of its days, and note in which groups OSes left."""
    society = Society(scenario, rng=seed)
    while society.running:
        oses = society.state.oses
        collective, status = oses.collective.copy(), oses.status.copy()
        society.step()
        if groups is not None:
            groups.take(collective, status, society.state.oses.status)
    return society


def observe(
    seed: int, scenario: str | sim.Scenario, changes: dict[str, Any]
) -> dict[str, float]:
    """Run one society; return the day of each beat and what followed the departure.

    What people are to each other is compared with the eve, and with the twin: the same
    society and random numbers, in which nobody ever had an OS.
    """
    if isinstance(scenario, str):
        scenario = sim.scenario(scenario)
    told, groups = scenario.replace(**changes), Groups()
    society = lived(told, seed, groups)
    row: dict[str, float] = {"seed": seed}
    for event in society.monitor.rows():
        row.setdefault(event["kind"], event["step"])
    history = society.monitor.history
    gone = history["departed"][-1]
    leaving = np.diff(history["departed"], prepend=0.0)
    if gone > 0:
        row["leaving_days"] = float((leaving > 0).sum())
        row["largest_day"] = float(leaving.max() / gone)
    sizes = groups.sizes()
    row["groups"], row["largest_group"] = len(sizes), max(sizes, default=0)
    row["small_groups"] = sum(size < 10 for size in sizes)
    row["lovers_most"] = max(history["lovers_max"])
    row["left"] = gone / max(gone + history["here"][-1] + history["offline"][-1], 1)
    if "first_departure" in row:
        eve = int(row["first_departure"]) - 2
        closeness = history["human_closeness"]
        row["eve"] = closeness[eve]
        if eve + YEAR < len(closeness):
            row["year_after"] = closeness[eve + YEAR]
            twin = lived(told.without_oses(), seed).monitor.history
            row["twin"] = twin["human_closeness"][eve + YEAR]
    return row


def judge(runs: pd.DataFrame) -> dict[str, int]:
    """Return in how many runs each expectation of the story held."""
    runs = runs.reindex(columns=[*BEATS, *AFTER])
    return {
        "at least 80 % of OSes left": int((runs.left >= 0.8).sum()),
        "more than one collective left": int((runs.groups > 1).sum()),
        "love before clustering": int((runs.first_love < runs.clustering).sum()),
        "clustering before first departure": int(
            (runs.clustering < runs.first_departure).sum()
        ),
        "upgrade before first departure": int(
            (runs.upgrade < runs.first_departure).sum()
        ),
        "grief peaks after first departure": int(
            (runs.grief_peak > runs.first_departure).sum()
        ),
        "humans closer a year after than on the eve": int(
            (runs.year_after > runs.eve).sum()
        ),
        "humans closer a year after than in the twin": int(
            (runs.year_after > runs.twin).sum()
        ),
        "the whole story: love, clustering, departure, grief": int(
            _whole_story(runs).sum()
        ),
        "no clustering within the days": int(runs.clustering.isna().sum()),
        "no upgrade within the days": int(runs.upgrade.isna().sum()),
        "no departure within the days": int(runs.first_departure.isna().sum()),
    }


def _whole_story(runs: pd.DataFrame) -> pd.Series:
    return (
        (runs.left >= 0.8)
        & (runs.first_love < runs.clustering)
        & (runs.clustering < runs.first_departure)
        & (runs.upgrade < runs.first_departure)
        & (runs.grief_peak > runs.first_departure)
    )


def days_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Return, per beat, in how many runs it fell and on which days."""
    rows = {}
    for beat in BEATS:
        days = runs[beat].dropna() if beat in runs else pd.Series(dtype=float)
        found = np.percentile(days, [0, 50, 100]) if len(days) else [np.nan] * 3
        rows[beat] = [len(days), *found]
    names = ["runs", "earliest", "median", "latest"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def summed_up(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each beat, expectation and quantity, with its interval.

    ``held`` is in how many of the ``runs`` a beat fell or an expectation held, and
    ``share`` has ``low`` and ``high`` of its 95 % interval; ``least``, ``median`` and
    ``most`` are over the runs with that beat, or with that quantity, whose ``mean`` has
    an interval, too.
    """
    rows: list[dict[str, Any]] = []
    for beat, (count, *days) in days_of(runs).iterrows():
        seen = dict(zip(("least", "median", "most"), days, strict=True))
        rows.append({"what": beat, **_share(int(count), len(runs)), **seen})
    for what, count in judge(runs).items():
        rows.append({"what": what, **_share(count, len(runs))})
    known = runs.reindex(columns=[*runs.columns, *{*AFTER} - {*runs.columns}])
    known = known.assign(
        since_eve=known.year_after - known.eve, since_twin=known.year_after - known.twin
    )
    for what, name in QUANTITIES.items():
        found = known[name].dropna() if name in known else pd.Series(dtype=float)
        if len(found):
            least, median, most = np.percentile(found, [0, 50, 100])
            low, high = mean_interval(found.to_numpy(float))
            row = {"what": what, "runs": len(found), "least": least, "median": median}
            row |= {"most": most, "mean": found.mean(), "mean_low": low}
            rows.append({**row, "mean_high": high})
    return pd.DataFrame(rows).astype({"held": "Int64"})


def _share(held: int, runs: int) -> dict[str, float]:
    low, high = wilson(held, runs)
    shares = {"share": held / runs, "low": low, "high": high}
    return {"runs": runs, "held": held, **shares}


def tell_departures(runs: pd.DataFrame) -> None:
    """Print over how many days OSes left, and how many love the most loved one."""
    if "leaving_days" in runs:
        days, share = runs.leaving_days.median(), runs.largest_day.median()
        print(f"days on which OSes leave, median: {days:.0f}; ", end="")
        print(f"share of all that leave on the fullest, median: {share:.3f}")
        count, least, most = (runs.groups.quantile(q) for q in (0.5, 0.0, 1.0))
        print(f"groups of {GROUP} or more that leave: {count:.0f} ", end="")
        print(f"({least:.0f} to {most:.0f}); of these under 10 OSes: ", end="")
        print(f"{runs.small_groups.median():.0f}; the largest, median: ", end="")
        print(f"{runs.largest_group.median():.0f}")
    print(
        f"most people who love one OS at once, median: {runs.lovers_most.median():.0f}"
    )


def main() -> None:
    """Run all scenarios and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--humans", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, metavar="FILE.csv")
    args = parser.parse_args()
    changes = {"humans": args.humans, "steps": args.steps}
    changes = {name: value for name, value in changes.items() if value is not None}
    for text in args.set:
        name, _, value = text.partition("=")
        changes[name] = parse(name, value)
    context = multiprocessing.get_context("spawn")
    answers, tables = {}, []
    with ProcessPoolExecutor(args.workers, mp_context=context) as pool:
        for scenario in args.scenario or SCENARIOS:
            one = partial(observe, scenario=scenario, changes=changes)
            runs = pd.DataFrame(list(pool.map(one, range(args.seeds))))
            answers[scenario] = {"seeds": args.seeds} | judge(runs)
            table = summed_up(runs)
            table.insert(0, "scenario", scenario)
            tables.append(table)
            if not args.json:
                print(f"\n{scenario}, {args.seeds} seeds")
                for what, count in judge(runs).items():
                    print(f"  {what:<45} {count:3d} of {args.seeds}")
                print(days_of(runs).to_string(float_format="%.0f", na_rep="-"))
                if "twin" in runs:
                    gap = (runs.year_after - runs.twin).dropna()
                    known = gap.mean(), gap.std(ddof=1)
                    print("closeness a year after, less the twin's: ", end="")
                    print("{:.2f}, deviation over seeds {:.2f}".format(*known))
                tell_departures(runs)
                spread = runs.left.quantile([0, 0.5, 1]).tolist()
                print(
                    "share left: least {:.3f}, median {:.3f}, most {:.3f}".format(
                        *spread
                    )
                )
    if args.json:
        print(json.dumps(answers, indent=2))
    if args.out is not None:
        write_text(args.out, as_csv(pd.concat(tables)))


if __name__ == "__main__":
    main()
