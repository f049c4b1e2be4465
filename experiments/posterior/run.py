"""Draw the parameters of `today` that published facts leave possible.

    python experiments/posterior/run.py [--draws N] [--humans N] [--workers 2]
                                        [--small] [--check] [--out FOLDER]

Parameters are drawn from a prior, by how likely a society is to show the facts with
the role `calibration` (approximate Bayesian computation with emulators,
``emulator.py``). New societies at the points drawn then say what all facts are expected
to be, those kept as checks among them, beside the shipped values and three placebos:
points of the prior, points of the posterior whose coordinates are dealt to other
parameters, and `her-film-cut`.
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

import emulator
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
    scaled,
    within_a_factor,
)
from study import RESULTS, kept_or_compared

import sim
from sim.scenarios import Scenario
from sim.studies.validation import FACTS, Fact
from sim.studies.validation.facts import CHECK
from sim.utils.errors import InputError
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
ARMS = ("posterior", "shipped", "prior", FILM_CUT, "shuffled")
FIRST_SEED = {arm: 1_000_000 * (at + 1) for at, arm in enumerate(ARMS)}
# Streams, beside the waves: points of the prior, twice, and who gets which coordinate.
UNSELECTED, BY_CHANCE, DEALT = 1000, 1001, 1002
ENDS = 0.05, 0.95
FEWEST_OF_A_WAVE = 8  # draws, for each wave
TIGHT = 0.5  # of the prior's deviation: a direction that facts constrain
NAMED = 3  # parameters that name a direction


class Size(NamedTuple):
    """How much is simulated."""

    draws: int  # seven of eight from the prior, the others in the waves after it
    waves: int
    latest: int  # draws that emulators are fitted to
    steps: int  # of a chain
    keep: int  # points of the posterior
    again: int  # of these, at which societies are simulated anew
    shipped: int  # societies at the shipped values
    prior: int  # points of the prior, and as many of the posterior, shuffled
    film_cut: int
    changes: dict[str, Any]


FULL = Size(640, 1, 600, 3000, 200, 100, 30, 30, 10, {"humans": 300})
SMALL = Size(
    *(16, 1, 12, 40, 6, 4, 2, 3, 1),
    {"humans": 60, "steps": 100, "ties": 20.0},
)


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


def seen_at(
    points: Any, first: int, *, today: Scenario, kept: Kept, workers: int
) -> Any:
    """Simulate a society at each point; return what is aimed at, scaled."""
    aimed = tuple(map(key, AIMED))
    jobs = [
        Job("draw", number, today, number, theta, aimed)
        for number, theta in enumerate(thetas(axes_of(today), points), first)
    ]
    return of_aimed(kept.of(jobs, workers))


def of_aimed(table: pd.DataFrame) -> Any:
    """Return what is aimed at, scaled, float64[draws, facts]."""
    return np.stack([scaled(fact, table[key(fact)]) for fact in AIMED], axis=1)


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
    share: float  # of societies within the range

    @classmethod
    def of(cls, fact: Fact, table: pd.DataFrame) -> Prediction:
        values = table[key(fact)].astype(float)
        low, middle, high = values.quantile([ENDS[0], 0.5, ENDS[1]])
        held = misses(table, [fact])[:, 0] == 0.0
        return cls(middle, low, high, float(held.mean()))


def facts_table(arms: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row a fact: what was published, and what each arm expects."""
    rows = []
    for fact in ALL:
        row: dict[str, Any] = {"evidence": fact.evidence, "what": fact.what}
        row |= {"unit": fact.unit, "role": fact.role, "published": fact.published}
        row |= {"range_low": fact.low, "range_high": fact.high}
        for arm, table in arms.items():
            found = Prediction.of(fact, table)
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


def arms_table(facts: pd.DataFrame, arms: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each arm and group of facts: how many are met, in which sense.

    ``median_within`` counts medians in their range; ``reached`` intervals from 5 to
    95 % that share a value with it, ``certain`` those that lie in it; ``share`` is how
    many facts a single society meets, ``loss`` what it misses by.
    """
    rows = []
    names = (facts["evidence"] + " " + facts["what"]).tolist()
    for arm, table in arms.items():
        for group, members in GROUPS.items():
            mine = facts[[name in set(map(key, members)) for name in names]]
            low, high = mine[f"{arm}_low"], mine[f"{arm}_high"]
            least, most = mine["range_low"], mine["range_high"]
            row: dict[str, Any] = {"arm": arm, "role": group, "societies": len(table)}
            row |= {"facts": len(mine), "median_within": mine[f"{arm}_within"].sum()}
            row["reached"] = ((low <= most) & (high >= least)).sum()
            row["certain"] = ((low >= least) & (high <= most)).sum()
            row["share"] = mine[f"{arm}_share"].mean()
            row["loss"] = float(np.median(loss(table, members)))
            rows.append(row)
    return pd.DataFrame(rows)


def emulators_table(found: emulator.Sample, table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a fact that is aimed at: how well it is emulated.

    ``explained`` is the cross-validated share of the variance over the latest draws and
    ``noise`` the deviation of the error in half-widths of the range. Of new societies
    at the points of the posterior, ``off`` is the mean of what they show less what was
    expected, and ``spread`` its deviation, both in deviations of the noise.
    """
    told, noise = found.emulator, found.emulator.noise()
    expected = told.at(found.points[: len(table)])
    away = pd.DataFrame((of_aimed(table) - expected) / noise)
    wide = np.diff(told.ranges)[:, 0] / 2.0
    rows = []
    for at, (fact, fit) in enumerate(zip(AIMED, told.fits, strict=True)):
        row: dict[str, Any] = {"evidence": fact.evidence, "what": fact.what}
        row["explained"] = float("nan") if fit is None else fit.explained
        row |= {"noise": float(noise[at] / wide[at]), "off": float(away[at].mean())}
        rows.append({**row, "spread": float(away[at].std())})
    return pd.DataFrame(rows)


def parameters_table(
    axes: Sequence[Axis], points: Any, shipped: Scenario
) -> pd.DataFrame:
    """Return a row a parameter: prior, shipped value, and posterior.

    ``tightness`` is the posterior's deviation over the prior's, of the logarithm where
    that is uniform.
    """
    spread = np.sqrt(12.0 * points.var(axis=0, ddof=1))
    rows = []
    for at, axis in enumerate(axes):
        low, middle, high = (
            axis.at(share)
            for share in np.quantile(points[:, at], [ENDS[0], 0.5, ENDS[1]])
        )
        row: dict[str, Any] = {"parameter": axis.name}
        row |= {"shipped": float(getattr(shipped.parameters, axis.name))}
        row |= {"prior_low": axis.low, "prior_high": axis.high}
        row |= {"median": middle, "low": low, "high": high}
        rows.append({**row, "tightness": float(spread[at])})
    return pd.DataFrame(rows)


def directions_table(axes: Sequence[Axis], points: Any) -> pd.DataFrame:
    """Return a row for each direction in the prior's cube, tightest first.

    ``tightness`` is the deviation along it over the prior's, the square root of an
    eigenvalue of the posterior's covariance; ``by_chance`` the same of as many points
    of the prior.
    """
    rng = np.random.default_rng([0, BY_CHANCE])
    values, vectors = np.linalg.eigh(12.0 * np.cov(points.T))
    chance = np.linalg.eigvalsh(12.0 * np.cov(rng.random(points.shape).T))
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


def points_table(axes: Sequence[Axis], found: emulator.Sample) -> pd.DataFrame:
    """Return a row a point of the posterior, and how likely it meets all facts."""
    likely = found.emulator.log_likelihood(found.points)
    told = pd.DataFrame({"point": np.arange(len(likely)), "log_likelihood": likely})
    return pd.concat([told, pd.DataFrame(thetas(axes, found.points))], axis=1)


# ------------------------------------------------------------------------- the command


def study(size: Size, out: Path | None, workers: int) -> dict[str, pd.DataFrame]:
    """Run the study, or what is left of it; return its tables."""
    today = sim.scenario("today").replace(**size.changes)
    axes = axes_of(today)
    kept = draws_of(today, size.changes, out)
    more = size.draws // 8 // size.waves
    found = emulator.sample(
        partial(seen_at, today=today, kept=kept, workers=workers),
        np.stack([scaled(fact, [fact.low, fact.high]) for fact in AIMED]),
        len(axes),
        sizes=(size.draws - more * size.waves, *[more] * size.waves),
        latest=size.latest,
        keep=size.keep,
        steps=size.steps,
    )
    rng = np.random.default_rng([0, UNSELECTED])
    unselected = rng.random((size.prior, len(axes))).round(emulator.DIGITS)
    dealt = np.random.default_rng([0, DEALT])
    shuffled = dealt.permuted(found.points[: size.prior], axis=1)
    points: dict[str, tuple[Scenario, list[dict[str, float]]]] = {
        "posterior": (today, thetas(axes, found.points[: size.again])),
        "shipped": (today, [{}] * size.shipped),
        "prior": (today, thetas(axes, unselected)),
        FILM_CUT: (
            sim.scenario(FILM_CUT).replace(**size.changes),
            [{}] * size.film_cut,
        ),
        "shuffled": (today, thetas(axes, shuffled)),
    }
    arms = predicted(points, kept, workers)
    facts = facts_table(arms)
    return {
        "": points_table(axes, found),
        "-facts": facts,
        "-arms": arms_table(facts, arms),
        "-emulators": emulators_table(found, arms["posterior"]),
        "-parameters": parameters_table(axes, found.points, today),
        "-directions": directions_table(axes, found.points),
        "-waves": pd.DataFrame(found.waves),
    }


def draws_of(today: Scenario, changes: dict[str, Any], out: Path | None) -> Kept:
    """Return the draws that are there of this code, these parameters and changes."""
    told = {"source": source_digest(), "today": repr(today.parameters)}
    told["changes"] = repr(changes)
    told["measured"] = hashlib.sha256((HERE / "draws.py").read_bytes()).hexdigest()
    name = hashlib.sha256(repr(told).encode()).hexdigest()[:8]
    folder = out or RESULTS / "runs" / f"{HERE.name}-{name}"
    return Kept(folder / "draws.parquet", told)


def size_of(args: argparse.Namespace) -> Size:
    """Return how much is asked for.

    Raises
    ------
    InputError
        If there are too few draws.
    """
    size = SMALL if args.small else FULL
    if args.humans is not None:
        size = size._replace(changes={**size.changes, "humans": args.humans})
    if args.draws is not None:
        size = size._replace(draws=args.draws)
    if size.draws < FEWEST_OF_A_WAVE * size.waves:
        raise InputError(
            f"--draws: it takes {FEWEST_OF_A_WAVE * size.waves} or more, "
            f"not {size.draws}"
        )
    return size


def main() -> int:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="The study 'posterior'.")
    parser.add_argument("--draws", type=int, metavar="N", help="draws in all (640)")
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


if __name__ == "__main__":
    sys.exit(main())
