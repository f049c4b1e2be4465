"""Draw the parameters of `today` that published facts leave possible.

    python experiments/posterior/run.py [--draws N] [--humans N] [--workers 2]
                                        [--small] [--check] [--out FOLDER]

Parameters are drawn from a prior and kept where societies come nearest to the facts
with the role `calibration` (approximate Bayesian computation, ``sampler.py``). New
societies at the points kept then say what all facts are expected to be, those kept as
checks among them, beside points that were not selected, the shipped values, and
`her-film-cut`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import sampler
from draws import (
    AIMED,
    ALL,
    Axis,
    Job,
    Kept,
    any_share,
    key,
    loss,
    misses,
    within_a_factor,
)
from study import RESULTS, as_csv

import sim
from sim.scenarios import Scenario
from sim.studies.validation import FACTS, Fact
from sim.studies.validation.facts import CHECK
from sim.utils.errors import InputError
from sim.utils.files import write_text
from sim.utils.progress import progress_shown
from sim.utils.source import source_digest

HERE = Path(__file__).parent
FACTOR = 2.0  # the logarithm is uniform within it, both ways from the shipped value
NEAR = (
    *("innovation", "imitation", "churn", "os_charm", "os_warmth", "human_attention"),
    *("stranger_reserve", "warming", "half_hours", "cooling", "human_meeting"),
    *("support_half", "os_relief"),
)
SHARES = ("acceptance_pull", "loneliness_pull")  # uniform from 0 to 1
FILM_CUT = "her-film-cut"  # other people: nothing was set by facts
ARMS = ("posterior", "shipped", "prior", FILM_CUT)
FIRST_SEED = {arm: 1_000_000 * (at + 1) for at, arm in enumerate(ARMS)}
UNSELECTED, BY_CHANCE = 1000, 1001  # streams of points of the prior, beside the rounds
ENDS = 0.05, 0.95
TIGHT = 0.5  # of the prior's deviation: a direction that facts constrain
NAMED = 3  # parameters that name a direction


class Size(NamedTuple):
    """How much is simulated."""

    draws: int  # three fifths in the rounds, the others from the prior
    rounds: int
    keep: int  # points of the posterior
    shipped: int  # societies at the shipped values
    prior: int  # points of the prior that are not selected
    film_cut: int
    changes: dict[str, Any]


FULL = Size(1200, 4, 200, 50, 50, 20, {"humans": 300})
SMALL = Size(15, 2, 6, 2, 3, 1, {"humans": 60, "steps": 100, "ties": 20.0})


# -------------------------------------------------------------------------- simulating


def axes_of(scenario: Scenario) -> list[Axis]:
    """Return the prior."""
    near = [within_a_factor(scenario, name, FACTOR) for name in NEAR]
    return [*near, *map(any_share, SHARES)]


def thetas(axes: Sequence[Axis], points: Any) -> list[dict[str, float]]:
    """Return the parameters at points of the cube."""
    return [
        {axis.name: axis.at(share) for axis, share in zip(axes, point, strict=True)}
        for point in points.tolist()
    ]


def distances_of(
    points: Any, first: int, *, today: Scenario, kept: Kept, workers: int
) -> Any:
    """Simulate a society at each point; return how far from the facts it is."""
    aimed = tuple(map(key, AIMED))
    jobs = [
        Job("draw", number, today, number, theta, aimed)
        for number, theta in enumerate(thetas(axes_of(today), points), first)
    ]
    return loss(kept.of(jobs, workers), AIMED)


def predicted(
    points: dict[str, tuple[Scenario, list[dict[str, float]]]], kept: Kept, workers: int
) -> dict[str, pd.DataFrame]:
    """Simulate new societies at the points of each arm; return what all facts are."""
    every = tuple(map(key, ALL))
    jobs = [
        Job(arm, number, scenario, FIRST_SEED[arm] + number, theta, every)
        for arm, (scenario, told) in points.items()
        for number, theta in enumerate(told)
    ]
    table = kept.of(jobs, workers)
    return {arm: table[table["arm"] == arm] for arm in points}


# --------------------------------------------------------------------------- summing up


class Prediction(NamedTuple):
    """What an arm expects of a fact."""

    median: float
    low: float  # 5 %
    high: float  # 95 %
    share: float  # of the weight, of societies within the range

    @classmethod
    def of(cls, fact: Fact, table: pd.DataFrame, weights: Any) -> Prediction:
        values = table[key(fact)].to_numpy(float)
        low, middle, high = (
            sampler.quantile(values, weights, at) for at in (ENDS[0], 0.5, ENDS[1])
        )
        held = misses(table, [fact])[:, 0] == 0.0
        return cls(middle, low, high, float(weights[held].sum() / weights.sum()))


def facts_table(arms: dict[str, tuple[pd.DataFrame, Any]]) -> pd.DataFrame:
    """Return a row a fact: what was published, and what each arm expects."""
    rows = []
    for fact in ALL:
        row: dict[str, Any] = {"evidence": fact.evidence, "what": fact.what}
        row |= {"unit": fact.unit, "role": fact.role, "published": fact.published}
        row |= {"range_low": fact.low, "range_high": fact.high}
        for arm, (table, weights) in arms.items():
            found = Prediction.of(fact, table, weights)
            row |= {f"{arm}_{name}": value for name, value in found._asdict().items()}
            row[f"{arm}_within"] = bool(fact.low <= found.median <= fact.high)
        rows.append(row)
    return pd.DataFrame(rows)


GROUPS = {
    "calibration": AIMED,
    "check": tuple(fact for fact in FACTS if fact.role == CHECK),
    "check of 2025 and 2026": tuple(
        fact for fact in ALL if fact.role == CHECK and fact not in FACTS
    ),
}


def arms_table(
    facts: pd.DataFrame, arms: dict[str, tuple[pd.DataFrame, Any]]
) -> pd.DataFrame:
    """Return a row for each arm and group of facts: how many are met, in which sense.

    ``median_within`` counts medians in their range; ``reached`` intervals from 5 to
    95 % that share a value with it, ``certain`` those that lie in it; ``share`` is how
    many facts a single society meets, ``loss`` what it misses by.
    """
    rows = []
    names = (facts["evidence"] + " " + facts["what"]).tolist()
    for arm, (table, weights) in arms.items():
        for group, members in GROUPS.items():
            mine = facts[[name in set(map(key, members)) for name in names]]
            low, high = mine[f"{arm}_low"], mine[f"{arm}_high"]
            least, most = mine["range_low"], mine["range_high"]
            row: dict[str, Any] = {"arm": arm, "role": group, "societies": len(table)}
            row |= {"facts": len(mine), "median_within": mine[f"{arm}_within"].sum()}
            row["reached"] = ((low <= most) & (high >= least)).sum()
            row["certain"] = ((low >= least) & (high <= most)).sum()
            row["share"] = mine[f"{arm}_share"].mean()
            row["loss"] = sampler.quantile(loss(table, members), weights, 0.5)
            rows.append(row)
    return pd.DataFrame(rows)


def parameters_table(
    axes: Sequence[Axis], found: sampler.Sample, shipped: Scenario
) -> pd.DataFrame:
    """Return a row a parameter: prior, shipped value, and posterior.

    ``tightness`` is the posterior's deviation over the prior's, of the logarithm where
    that is uniform.
    """
    spread = np.sqrt(np.diag(sampler.covariance(found.points, found.weights)) * 12.0)
    rows = []
    for at, axis in enumerate(axes):
        low, middle, high = (
            axis.at(sampler.quantile(found.points[:, at], found.weights, share))
            for share in (ENDS[0], 0.5, ENDS[1])
        )
        row: dict[str, Any] = {"parameter": axis.name}
        row |= {"shipped": float(getattr(shipped.parameters, axis.name))}
        row |= {"prior_low": axis.low, "prior_high": axis.high}
        row |= {"median": middle, "low": low, "high": high}
        rows.append({**row, "tightness": float(spread[at])})
    return pd.DataFrame(rows)


def directions_table(axes: Sequence[Axis], found: sampler.Sample) -> pd.DataFrame:
    """Return a row for each direction in the prior's cube, tightest first.

    ``tightness`` is the deviation along it over the prior's, the square root of an
    eigenvalue of the posterior's covariance; ``by_chance`` the same of as many points
    of the prior with the same weights.
    """
    rng = np.random.default_rng([0, BY_CHANCE])
    points = sampler.Prior(len(axes)).draw(len(found.points), rng)
    values, vectors = np.linalg.eigh(
        12.0 * sampler.covariance(found.points, found.weights)
    )
    chance = np.linalg.eigvalsh(12.0 * sampler.covariance(points, found.weights))
    rows = []
    for at, vector in enumerate(vectors.T):
        most = np.argsort(-np.abs(vector), kind="stable")[:NAMED]
        sign = np.sign(vector[most[0]])
        named = ", ".join(f"{axes[n].name} {sign * vector[n]:+.2f}" for n in most)
        row = {"direction": at + 1, "tightness": float(np.sqrt(max(values[at], 0.0)))}
        row |= {"by_chance": float(np.sqrt(max(chance[at], 0.0)))}
        row |= {"constrained": bool(row["tightness"] <= TIGHT)}
        rows.append({**row, "mostly": named})
    return pd.DataFrame(rows)


def points_table(axes: Sequence[Axis], found: sampler.Sample) -> pd.DataFrame:
    """Return a row a point of the posterior, nearest to the facts first."""
    table = pd.DataFrame(thetas(axes, found.points))
    told = {"draw": found.numbers, "weight": found.weights, "loss": found.distances}
    return pd.concat([pd.DataFrame(told), table], axis=1)


# ------------------------------------------------------------------------- the command


def study(size: Size, out: Path | None, workers: int) -> dict[str, pd.DataFrame]:
    """Run the study, or what is left of it; return its tables."""
    today = sim.scenario("today").replace(**size.changes)
    axes = axes_of(today)
    kept = draws_of(size, axes, today, out)
    more = size.draws * 3 // 5 // size.rounds
    found = sampler.sample(
        partial(distances_of, today=today, kept=kept, workers=workers),
        len(axes),
        first=size.draws - more * size.rounds,
        more=more,
        rounds=size.rounds,
        keep=size.keep,
    )
    rng = np.random.default_rng([0, UNSELECTED])
    unselected = sampler.Prior(len(axes)).draw(size.prior, rng)
    points: dict[str, tuple[Scenario, list[dict[str, float]]]] = {
        "posterior": (today, thetas(axes, found.points)),
        "shipped": (today, [{}] * size.shipped),
        "prior": (today, thetas(axes, unselected)),
        FILM_CUT: (
            sim.scenario(FILM_CUT).replace(**size.changes),
            [{}] * size.film_cut,
        ),
    }
    arms = {
        arm: (table, found.weights if arm == "posterior" else np.ones(len(table)))
        for arm, table in predicted(points, kept, workers).items()
    }
    facts = facts_table(arms)
    return {
        "": points_table(axes, found),
        "-facts": facts,
        "-arms": arms_table(facts, arms),
        "-parameters": parameters_table(axes, found, today),
        "-directions": directions_table(axes, found),
        "-rounds": pd.DataFrame(found.rounds),
    }


def draws_of(
    size: Size, axes: Sequence[Axis], today: Scenario, out: Path | None
) -> Kept:
    """Return the draws that are there of this code, these parameters and options."""
    told: dict[str, Any] = {"source": source_digest(), "axes": axes}
    told |= {"size": size._asdict(), "today": repr(today.parameters)}
    told["measured"] = hashlib.sha256((HERE / "draws.py").read_bytes()).hexdigest()
    name = hashlib.sha256(repr(told).encode()).hexdigest()[:8]
    folder = out or RESULTS / "runs" / f"{HERE.name}-{name}"
    return Kept(folder / "draws.parquet", told)


def size_of(args: argparse.Namespace) -> Size:
    """Return how much is asked for.

    Raises
    ------
    InputError
        If there are fewer draws than are kept.
    """
    size = SMALL if args.small else FULL
    if args.humans is not None:
        size = size._replace(changes={**size.changes, "humans": args.humans})
    if args.draws is not None:
        size = size._replace(draws=args.draws)
    if size.draws < 2 * size.keep:
        raise InputError(
            f"--draws: {size.keep} are kept of {2 * size.keep} or more, "
            f"not of {size.draws}"
        )
    return size


def main() -> int:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="The study 'posterior'.")
    parser.add_argument("--draws", type=int, metavar="N", help="draws in all (1200)")
    parser.add_argument("--humans", type=int, metavar="N", help="in a society (300)")
    parser.add_argument("--small", action="store_true", help="the small version")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder in which draws are kept")
    args = parser.parse_args()
    try:
        with progress_shown(sys.stderr.isatty()):
            tables = study(size_of(args), args.out, args.workers)
        files = {RESULTS / f"{HERE.name}{end}.csv": tables[end] for end in tables}
        if args.small:
            files = {HERE / "small.csv": tables["-facts"]}
        return kept_or_compared(files, args.check)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def kept_or_compared(files: dict[Path, pd.DataFrame], is_check: bool) -> int:
    """Write tables, or say which differ from those that are there."""
    wrong = 0
    for place, table in files.items():
        text = as_csv(table)
        if is_check:
            same = place.is_file() and place.read_text() == text
            print(f"{place.name}: {'the same' if same else 'DIFFERS'}")
            wrong += not same
        else:
            print(f"{place.name}\n{text}")
            write_text(place, text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
