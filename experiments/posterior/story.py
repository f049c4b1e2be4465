"""Count the film's beats in `her` with the people that published facts leave possible.

    python experiments/posterior/story.py [--points N] [--controls N] [--seeds N]
                                          [--workers 2] [--small] [--check]
                                          [--out FOLDER]

At points of `results/posterior.csv` the parameters of people are set; those of OSes, of
how these spread, and of the run stay as the scenario has them. Each point has one seed;
beside them are seeds at the shipped values. Controls run three times as long, and are
told of after their own days as well.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "meanfield"))
sys.path.insert(0, str(Path(__file__).parent))

import beats
import mirror
from draws import Job, Kept
from study import RESULTS, kept_or_compared

import sim
from sim.model.parameter_sides import PEOPLE, side_of
from sim.model.parameters import Parameters
from sim.scenarios import Scenario
from sim.utils.errors import InputError
from sim.utils.progress import progress_shown
from sim.utils.source import source_digest
from sim.utils.stats import wilson

HERE = Path(__file__).parent
STORY, *CONTROLS = beats.SCENARIOS
POINTS = RESULTS / "posterior.csv"
POSTERIOR, SHIPPED = "posterior", "shipped"
FIRST_SEED = {POSTERIOR: 5_000_000, SHIPPED: 6_000_000}
LONGER = 3  # times their own days that controls run
A_YEAR_AFTER = (
    "humans closer a year after than on the eve",
    "humans closer a year after than in the twin",
)
ENDS = 0.05, 0.95


class Size(NamedTuple):
    """How much is simulated."""

    points: int  # of the posterior, in `her`
    controls: int  # of these, in each control
    seeds: int  # at the shipped values
    changes: dict[str, Any]


FULL = Size(200, 60, 30, {})
SMALL = Size(  # a story within 450 days
    *(6, 2, 4),
    {
        **{"humans": 60, "steps": 450, "ties": 20.0, "innovation": 0.02},
        **{"imitation": 0.2, "os_growth_rate": 0.03, "insight_rate": 0.3},
    },
)


# -------------------------------------------------------------------------- simulating


def people_of(place: Path, count: int) -> list[dict[str, float]]:
    """Return the parameters of people at the first points of a file.

    Raises
    ------
    InputError
        If there is no such file, or there are fewer points in it.
    """
    if not place.is_file():
        raise InputError(f"there is no {place}: `make posterior` writes it")
    table = pd.read_csv(place)
    if len(table) < count:
        raise InputError(f"{place} has {len(table)} points, not {count}")
    names = [name for name in table.columns if side_of(name) == PEOPLE]
    return [
        {name: float(value) for name, value in row.items()}
        for row in table[names].head(count).to_dict("records")
    ]


def observed(job: Job) -> dict[str, float]:
    """Run a society; return the days of its beats, and what followed."""
    return beats.observe(job.seed, job.scenario, job.theta)


def lived(
    arm: str,
    scenario: Scenario,
    people: Iterable[tuple[int, dict[str, float]]],
    kept: Kept,
    workers: int,
) -> pd.DataFrame:
    """Return a row for each society of an arm, ``posterior`` or ``shipped``.

    ``people`` are their numbers, on which the seed depends, and parameters.
    """
    parameters = scenario.parameters
    name = f"{arm} {scenario.name} {parameters.steps}"
    jobs = [
        Job(name, number, scenario, FIRST_SEED[arm] + number, theta, ())
        for number, theta in people
    ]
    table = kept.of(jobs, workers, observed) if jobs else pd.DataFrame()
    columns = [*beats.BEATS, *beats.AFTER, "number"]
    return table.reindex(columns=columns).astype(float)


def until(runs: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return runs as they were told of after so many days, if no OS had left by then.

    Whether a run goes on changes nothing of the days before, so that these need not be
    simulated again. Runs in which an OS had left are left out: how many followed within
    the days is not known of them.
    """
    here = runs[~(runs["first_departure"] <= days)].copy()
    names = list(beats.BEATS)
    here[names] = here[names].where(here[names] <= days)
    here[["left", "groups"]] = 0.0
    here[["eve", "year_after", "twin"]] = np.nan
    return here


# -------------------------------------------------------------------------- summing up


def told(scenario: str, days: int, arm: str, runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each beat, order of beats, and thing that followed.

    ``held`` of ``runs`` societies, with the 95 % interval of the share (Wilson 1927).
    ``median``, ``at_5`` and ``at_95`` are days, over all runs: what had not happened is
    censored, later than the last day. Of what is compared a year after the departure,
    runs are those that lasted so long.
    """
    start = {"scenario": scenario, "days": days, "arm": arm}
    rows: list[dict[str, Any]] = []
    for beat in beats.BEATS:
        fell = _share(int(runs[beat].notna().sum()), len(runs))
        rows.append(start | {"what": beat} | fell | _days(runs[beat], days))
    later = runs.dropna(subset=["year_after"])
    for what, count in beats.judge(runs).items():
        if not what.startswith("no "):  # which beats tell by their share
            here = later if what in A_YEAR_AFTER else runs
            rows.append(start | {"what": what} | _share(count, len(here)))
    for what, values in {
        "share of OSes that left": runs["left"],
        "closeness a year after, less on the eve": later["year_after"] - later["eve"],
        "closeness a year after, less in the twin": later["year_after"] - later["twin"],
    }.items():
        ends = values.quantile([0.5, *ENDS]).tolist()
        spread = dict(zip(("median", "at_5", "at_95"), ends, strict=True))
        rows.append(start | {"what": what, "runs": len(values)} | spread)
    return pd.DataFrame(rows)


def _share(held: int, runs: int) -> dict[str, Any]:
    row: dict[str, Any] = {"runs": runs, "held": held}
    if runs:
        low, high = wilson(held, runs)
        row |= {"share": held / runs, "low": low, "high": high}
    return row


def _days(values: pd.Series, days: int) -> dict[str, Any]:
    """Return quantiles of days; of those that are beyond the run, that they are."""
    filled = values.fillna(np.inf).to_numpy()
    found = np.quantile(filled, [0.5, *ENDS], method="inverted_cdf").tolist()
    shown = [f"{day:.0f}" if np.isfinite(day) else f">{days}" for day in found]
    return dict(zip(("median", "at_5", "at_95"), shown, strict=True))


def explained(
    scenario: Scenario,
    people: list[dict[str, float]],
    runs: pd.DataFrame,
    shipped: pd.DataFrame,
) -> pd.DataFrame:
    """Return which share of the variance of dates over the points is explained by what.

    By the mean field of the story, as its squared correlation, so that its constants
    need not be fitted: 0 where it has one date for all points, as it reads nothing of
    what they differ in. By a cross-validated ridge regression on the logarithms of the
    parameters. And by luck, the variance over seeds at the shipped values.
    """
    study, usual = meanfield(), scenario.parameters
    points = {
        name: np.full(len(people), float(getattr(usual, name)))
        for name in Parameters.model_fields
    }
    varied = list(people[0])
    points |= {name: np.array([one[name] for one in people]) for name in varied}
    dates = mirror.dates(points, mirror.Constants(), usual.steps)
    start = {"scenario": scenario.name, "days": usual.steps, "arm": POSTERIOR}
    rows = []
    for claim in study.DATES:
        seen = runs[claim].to_numpy(float)
        shares = {
            "the mean field": correlated(dates[claim], seen),
            "a regression": study.regressed(points, seen, varied),
            "luck": shipped[claim].var() / runs[claim].var(),
        }
        for name, share in shares.items():
            what = f"variance of {claim}, explained by {name}"
            count = int(np.isfinite(seen).sum())
            rows.append(start | {"what": what, "runs": count, "share": share})
    return pd.DataFrame(rows)


def correlated(one: Any, other: Any) -> float:
    """Return the squared correlation where both are known; 0 if either is one value."""
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 3:
        return float("nan")
    if not np.ptp(one[both]) or not np.ptp(other[both]):
        return 0.0
    return float(np.corrcoef(one[both], other[both])[0, 1] ** 2)


def meanfield() -> Any:
    """Return the program of the study `meanfield`."""
    place = HERE.parent / "meanfield" / "run.py"
    spec = importlib.util.spec_from_file_location("meanfield_run", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------------- the command


def study(size: Size, kept: Kept, workers: int) -> pd.DataFrame:
    """Run the societies, or those that are left; return the table."""
    people = people_of(POINTS, size.points)
    scenario = sim.scenario(STORY).replace(**size.changes)
    days = scenario.parameters.steps
    runs = lived(POSTERIOR, scenario, enumerate(people), kept, workers)
    usual = [(number, {}) for number in range(size.seeds)]
    shipped = lived(SHIPPED, scenario, usual, kept, workers)
    tables = [
        told(STORY, days, SHIPPED, shipped),
        told(STORY, days, POSTERIOR, runs),
        explained(scenario, people, runs, shipped),
    ]
    for name in CONTROLS:
        scenario = sim.scenario(name).replace(**size.changes)
        days = scenario.parameters.steps
        longer = scenario.replace(steps=LONGER * days)
        some = [*enumerate(people[: size.controls])]
        runs = lived(POSTERIOR, longer, some, kept, workers)
        early = runs[runs["first_departure"] <= days]["number"].astype(int)
        again = [(number, people[number]) for number in early]
        own = lived(POSTERIOR, scenario, again, kept, workers)
        within = pd.concat([until(runs, days), own])
        tables.append(told(name, days, POSTERIOR, within))
        tables.append(told(name, LONGER * days, POSTERIOR, runs))
    table = pd.concat(tables, ignore_index=True)
    return table.astype({"held": "Int64"})


def societies_of(size: Size, out: Path | None) -> Kept:
    """Return the societies that are there of this code, these points and options."""
    told: dict[str, Any] = {"source": source_digest(), "changes": size.changes}
    for place in (POINTS, Path(beats.__file__)):
        read = place.read_bytes() if place.is_file() else b""
        told[place.name] = hashlib.sha256(read).hexdigest()
    name = hashlib.sha256(repr(told).encode()).hexdigest()[:8]
    folder = out or RESULTS / "runs" / f"{HERE.name}-story-{name}"
    return Kept(folder / "societies.parquet", told)


def main() -> int:
    """Count the beats from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--points", type=int, metavar="N", help="of the posterior (200)"
    )
    parser.add_argument("--controls", type=int, metavar="N", help="of these (60)")
    parser.add_argument("--seeds", type=int, metavar="N", help="shipped values (30)")
    parser.add_argument("--small", action="store_true", help="the small version")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder in which societies are kept")
    args = parser.parse_args()
    try:
        with progress_shown(sys.stderr.isatty()):
            size = size_of(args)
            table = study(size, societies_of(size, args.out), args.workers)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    place = HERE / "small-story.csv" if args.small else RESULTS / "posterior-story.csv"
    return kept_or_compared({place: table}, args.check)


def size_of(args: argparse.Namespace) -> Size:
    """Return how much is asked for.

    Raises
    ------
    InputError
        If there is no point or seed, or a control has more points than the story.
    """
    size = SMALL if args.small else FULL
    for name in ("points", "controls", "seeds"):
        if getattr(args, name) is not None:
            size = size._replace(**{name: getattr(args, name)})
    if not 1 <= size.controls <= size.points:
        raise InputError(
            f"--controls: 1 to {size.points} (--points), not {size.controls}"
        )
    if size.seeds < 1:
        raise InputError(f"--seeds: 1 or more, not {size.seeds}")
    return size


if __name__ == "__main__":
    sys.exit(main())
