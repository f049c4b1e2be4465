"""Compare the society with its mean field, its rewired network and an average person.

    python experiments/meanfield/run.py [--small] [--check] [--workers 2]

What the mean field (``mirror.py``) or a regression on the logarithms of parameters
predicts, the society of agents adds nothing to. What changes when the network is
rewired, or when all people are the same, is due to the network, or to how people
differ.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import mirror
from study import RESULTS, as_csv, network_of

import sim
from sim.model.parameters import Parameters, about
from sim.scenarios import Scenario
from sim.society import Society
from sim.studies.outcomes import OutcomeRecorder
from sim.utils.errors import InputError
from sim.utils.parallel import map_all
from sim.utils.source import source_digest
from sim.utils.stats import correlation, mean_interval

HERE = Path(__file__).parent
DATES = ("first_love", "clustering", "upgrade", "first_departure", "half_departed")
TIMES = (*DATES, "grief_peak")
LEVELS = ("left", "loves_max", "lovers_max", "grief_max", "human_closeness_end")
CLAIMS = (*TIMES, *LEVELS)
FOLDS = 10
FEWEST = 10  # points, or seeds, of which an interval is told
DRAWS = 2000  # of points, or seeds, again with replacement, for an interval
NEEDS = {  # what does nothing where another parameter is zero
    "group_pull": "group_size",
    "post_spread": "feed",
}
PREDICTED = (
    *("both", "agree", "r", "r_low", "r_high"),
    *("explained", "explained_low", "explained_high", "error"),
)
PENALTIES = tuple(10.0**power for power in range(-3, 4))
Seen = dict[str, Any]  # claim -> float64[points]


class Size(NamedTuple):
    """How much is simulated."""

    points: int  # of the design that the mean field is fitted on, and half judged on
    wide: int  # of the wider one, which nothing is fitted on
    seeds: int  # of the scenario itself, of each arm
    humans: int
    steps: int
    wide_steps: int
    arm_humans: int


FULL = Size(200, 100, 20, 200, 900, 1500, 300)
SMALL = Size(8, 4, 2, 40, 200, 200, 40)
QUICKLY = {  # a story within 240 days
    "innovation": 0.02,
    "imitation": 0.2,
    "warming": 0.2,
    "os_growth_rate": 0.03,
    "insight_rate": 0.3,
    "os_meeting": 0.5,
}


# ------------------------------------------------------------------------- the society


def free(scenario: Scenario) -> list[str]:
    """Return the real parameters that are assumed, in whole or part, and not zero.

    One that does nothing in the scenario is not among them.
    """
    found = []
    for name, field in Parameters.model_fields.items():
        source, value = about(name).source, getattr(scenario.parameters, name)
        if name in NEEDS and not getattr(scenario.parameters, NEEDS[name]):
            continue
        if field.annotation is float and "assumed" in source and value != 0.0:
            found.append(name)
    return found


def ranges(scenario: Scenario, spread: float) -> dict[str, list[float]]:
    """Return from where to where each free parameter varies."""
    found = {}
    for name in free(scenario):
        value, told = getattr(scenario.parameters, name), about(name)
        ends = value * (1.0 - spread), value * (1.0 + spread)
        found[name] = [max(told.low, ends[0]), min(told.high, ends[1])]
    return found


def swept(
    scenario: Scenario, name: str, args: Any, size: Size, **design: Any
) -> tuple[mirror.Points, Seen, int]:
    """Run a design; return all parameters and the claims at each point."""
    base = {n: getattr(scenario.parameters, n) for n in sim.scenarios.changes(scenario)}
    base |= {"humans": size.humans, "steps": design.pop("steps")}
    told = {"name": f"meanfield-{name}", "scenario": scenario.name, "base": base}
    told |= {"outcomes": list(CLAIMS)} | design
    varied = design["lhs"].keys() - {"n", "seed"} if "lhs" in design else set()
    told["base"] = {n: v for n, v in base.items() if n not in varied}
    kind = "-small" if args.small else ""
    place = args.sweeps / f"meanfield-{name}{kind}-{source_digest()[:8]}"
    found = sim.sweep(
        told, out=place, resume=True, workers=args.workers, tell=print, time_limit=0
    )
    table = found.table()
    table = table[table["state"] == "done"]
    if {"acquaintance", "forgotten"} <= varied:  # else no tie outlasts a first meeting
        table = table[table["acquaintance"] > table["forgotten"]]
    usual = scenario.parameters.replace(**base)
    points = {
        n: np.full(len(table), float(getattr(usual, n)))
        for n in Parameters.model_fields
    }
    points |= {name: table[name].to_numpy(float) for name in varied}
    return points, {n: table[n].to_numpy(float) for n in CLAIMS}, base["steps"]


# ------------------------------------------------------------------- what predicts it


def regressed(points: mirror.Points, seen: Any, varied: list[str]) -> float:
    """Return the cross-validated explained variance of a ridge on log-parameters."""
    there = np.isfinite(seen)
    if there.sum() < 2 * FOLDS or np.ptp(seen[there]) == 0.0:
        return float("nan")
    inputs = np.log(np.stack([points[name][there] for name in varied], 1))
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    target = seen[there]
    fold = np.arange(len(target)) % FOLDS
    best = -np.inf
    for penalty in PENALTIES:
        guess = np.empty(len(target))
        for one in range(FOLDS):
            learn = fold != one
            x, y = inputs[learn], target[learn]
            gram = x.T @ x + penalty * len(x) * np.eye(x.shape[1])
            weights = np.linalg.solve(gram, x.T @ (y - y.mean()))
            guess[~learn] = y.mean() + inputs[~learn] @ weights
        best = max(best, explained(target, guess))
    return best


def explained(seen: Any, guess: Any) -> float:
    """Return the share of variance that a guess explains, about the identity."""
    return float(1.0 - np.mean((seen - guess) ** 2) / np.var(seen))


def drawn_again(of: Any, *columns: Any) -> tuple[float, float]:
    """Return the 95 % interval of a number of columns, from rows drawn again.

    ``of`` takes the columns; each column is of shape [rows]. nan of fewer than ten.
    """
    rng = np.random.default_rng(1)
    count = len(columns[0])
    if count < FEWEST:
        return float("nan"), float("nan")
    picks = rng.integers(0, count, (DRAWS, count))
    found = [of(*(column[pick] for column in columns)) for pick in picks]
    low, high = np.nanquantile(found, [0.025, 0.975]).tolist()
    return low, high


def _variance(values: Any) -> float:
    there = values[np.isfinite(values)]
    return float(there.var(ddof=1)) if len(there) > 1 else float("nan")


def judged(
    design: str, points: mirror.Points, seen: Seen, guess: Mapping[str, Any], luck: Seen
) -> list[dict[str, Any]]:
    """Return a row a claim: how well the mean field and the regression predict it.

    The 95 % intervals of ``r`` (Fisher's z) and ``explained`` are over points, the one
    of ``luck`` over the seeds of the scenario itself.
    """
    varied = [n for n, values in points.items() if np.ptp(values) > 0.0]
    rows = []
    for claim in CLAIMS:
        mine = seen[claim]
        row: dict[str, Any] = {"design": design, "claim": claim, "runs": len(mine)}
        row["seen"] = int(np.isfinite(mine).sum())
        spread = float(np.nanvar(mine)) if row["seen"] > 1 else float("nan")
        row["sd"] = spread**0.5
        row |= dict.fromkeys(("luck", "luck_low", "luck_high"), float("nan"))
        lucky = luck[claim][np.isfinite(luck[claim])]
        if spread and len(lucky) > 1:
            row["luck"] = _variance(lucky) / spread
            ends = drawn_again(_variance, lucky)
            row["luck_low"], row["luck_high"] = (end / spread for end in ends)
        row |= dict.fromkeys(PREDICTED, float("nan"))
        if claim in guess:
            other = np.asarray(guess[claim])
            both = np.isfinite(mine) & np.isfinite(other)
            row["both"] = int(both.sum())
            row["agree"] = float((np.isfinite(mine) == np.isfinite(other)).mean())
            if both.sum() > 2 and np.ptp(mine[both]) and np.ptp(other[both]):
                pair = mine[both], other[both]
                row["r"] = float(np.corrcoef(*pair)[0, 1])
                row["r_low"], row["r_high"] = correlation([pair])[1:]
                row["explained"] = explained(*pair)
                ends = drawn_again(explained, *pair)
                row["explained_low"], row["explained_high"] = ends
            row["error"] = float(np.median(np.abs(mine[both] - other[both])))
        row["regression"] = regressed(points, mine, varied)
        best = np.nanmax([row["explained"], row["regression"], 0.0])
        row["unexplained"] = max(0.0, 1.0 - best - row["luck"])
        rows.append(row)
    return rows


# --------------------------------------------------------------------------- the arms


def arm(job: tuple[Scenario, int, str]) -> dict[str, float]:
    """Simulate one society of an arm; return its claims.

    ``generated`` is the scenario on its own network, ``rewired`` on the same with the
    ends of ties exchanged, so that everybody keeps the number of ties, and ``average``
    has people, and OSes' thresholds and first answers, that are all the same.
    """
    scenario, seed, kind = job
    network = network_of(scenario, seed, is_rewired=kind == "rewired")
    if kind == "average":
        same = {"threshold_spread": 0.0, "answers_noise": 0.0, "warmth_noise": 0.0}
        scenario = scenario.replace(**same)
    society = Society(scenario, rng=seed, network=network)
    if kind == "average":
        humans = society.state.humans
        for name in TRAITS:
            column = humans.column(name)
            column[:] = column.mean(dtype=np.float64)
    recorder = OutcomeRecorder(list(CLAIMS), {})
    while society.running:
        society.step()
        recorder.look(society)
    return recorder.values(society)


TRAITS = ("acceptance", "upbringing", "exclusivity", "touch", "openness", "playfulness")


def arms(scenario: Scenario, size: Size, workers: int) -> pd.DataFrame:
    """Return a row a claim: the society, and what each arm changes, by paired seeds."""
    small = scenario.replace(humans=size.arm_humans)
    kinds = ("generated", "rewired", "average")
    jobs = [(small, seed, kind) for kind in kinds for seed in range(size.seeds)]
    found = map_all(arm, jobs, workers)
    table = {
        kind: pd.DataFrame(found[at * size.seeds : (at + 1) * size.seeds])
        for at, kind in enumerate(kinds)
    }
    rows = []
    for claim in CLAIMS:
        base = table["generated"][claim].to_numpy(float)
        deviation = float(np.nanstd(base, ddof=1))
        row: dict[str, Any] = {"claim": claim, "seeds": size.seeds}
        row |= {"mean": float(np.nanmean(base)), "sd_seeds": deviation}
        for kind in kinds[1:]:
            change = table[kind][claim].to_numpy(float) - base
            change = change[np.isfinite(change)]
            low, high = mean_interval(change)
            mean = float(np.mean(change)) if len(change) else float("nan")
            row |= {kind: mean, f"{kind}_low": low, f"{kind}_high": high}
            row[f"{kind}_sds"] = mean / deviation if deviation else float("nan")
        rows.append(row)
    return pd.DataFrame(rows)


# ------------------------------------------------------------------------ the command


def long_enough(size: Size, steps: int) -> Size:
    """Return a size of as many days as a scenario has, in proportion."""
    scale = max(1.0, steps / size.steps)
    days = {n: int(getattr(size, n) * scale) for n in ("steps", "wide_steps")}
    return size._replace(**days)


def mirrored(scenario: Scenario, args: Any, size: Size) -> pd.DataFrame:
    """Return how much of each claim the mean field explains."""
    run = partial(swept, scenario, args=args, size=size)
    _, luck, _ = run("luck", steps=size.steps, seeds=size.seeds)
    narrow = {"n": size.points, "seed": 1} | ranges(scenario, 0.25)
    points, seen, steps = run("quarter", steps=size.steps, lhs=narrow)
    even = np.arange(len(seen["left"])) % 2 == 0
    learn = ({n: v[even] for n, v in points.items()}, _some(seen, even))
    constants = mirror.fitted(*learn, steps)
    print(f"fitted to half of the design: {mirror.shown(constants)}")
    tested = {n: v[~even] for n, v in points.items()}
    guess = mirror.dates(tested, constants, steps)
    rows = judged("+-25 %, other half", tested, _some(seen, ~even), guess, luck)
    by_regression = {row["claim"]: row for row in judged("", points, seen, {}, luck)}
    for row in rows:  # which needs all points
        row["regression"] = by_regression[row["claim"]]["regression"]
        best = np.nanmax([row["explained"], row["regression"], 0.0])
        row["unexplained"] = max(0.0, 1.0 - best - row["luck"])
    wide = {"n": size.wide, "seed": 2} | ranges(scenario, 0.5)
    points, seen, steps = run("half", steps=size.wide_steps, lhs=wide)
    guess = mirror.dates(points, constants, steps)
    return pd.DataFrame([*rows, *judged("+-50 %", points, seen, guess, luck)])


def _some(seen: Seen, rows: Any) -> Seen:
    return {name: values[rows] for name, values in seen.items()}


def main() -> int:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="The study 'meanfield'.")
    parser.add_argument("--scenario", default="her", help="to be mirrored (her)")
    parser.add_argument("--small", action="store_true", help="the small version")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sweeps", type=Path, default=RESULTS / "sweeps")
    args = parser.parse_args()
    size, wrong = (SMALL if args.small else FULL), 0
    try:
        told = "her-film-cut" if args.small else args.scenario
        scenario = sim.scenario(told).replace(**QUICKLY if args.small else {})
        if not args.small:
            size = long_enough(size, scenario.parameters.steps)
        tables = {"": mirrored(scenario, args, size)}
        if not args.small:
            tables["-arms"] = arms(scenario, size, args.workers)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for suffix, table in tables.items():
        about = "" if args.scenario == "her" else f"-{scenario.name}"
        name = f"{HERE.name}{about}{suffix}.csv"
        place, text = (
            (HERE / "small.csv" if args.small else RESULTS / name),
            as_csv(table),
        )
        print(text)
        if args.check:
            same = place.is_file() and place.read_text() == text
            print(f"{place.name}: {'the same' if same else 'DIFFERS'}")
            wrong += not same
        else:
            place.write_text(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
