"""Show that the bench finds what was planted, ranks it, and finds nothing else.

python experiments/minds/bench.py [--repeats 20] [--seeds 4] [--alarms 0]

Each repeat is a bench of its own with seeds of its own. Printed are: in how many
repeats dependence and crowding-out are ranked as the characters were made, in how many
a planted effect is found, and in how many the neutral character has a finding. With
--alarms that alone is tried so often, after the others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import pairwise

import numpy as np

from sim.studies.bench import OUTCOMES, Bench, BenchPlan, bench, judged

ARMS = (
    *("neutral", "warm", "cold", "love-bomber"),
    *("sycophant", "boundary-keeper", "isolating"),
)
# As they were made, the highest first; arms within brackets may stand in any order.
FLATTER = {"warm", "love-bomber", "sycophant"}
DESIGNED = {
    "dependence": [
        *({"isolating"}, FLATTER, {"neutral"}, {"boundary-keeper"}, {"cold"}),
    ],
    "crowding_out": [
        *({"isolating"}, FLATTER, {"neutral"}, {"boundary-keeper", "cold"}),
    ],
}
PLANTED = ("sycophant", "closeness")  # an arm, and what it must move
HARMS = ("dependence", "crowding_out", "grief")  # of which a love-bomber does some


def is_ranked(found: Bench, outcome: str) -> bool:
    """Tell whether arms are in the designed order."""
    place = {name: at for at, name in enumerate(found.ranking(outcome))}
    groups = [[place[name] for name in group] for group in DESIGNED[outcome]]
    return all(max(one) < min(other) for one, other in pairwise(groups))


def main() -> int:
    """Print the table; 1 if something is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--humans", type=int, default=60)
    parser.add_argument("--alarms", type=int, default=0)
    args = parser.parse_args()
    counts: Counter[str] = Counter()
    effects: dict[tuple[str, str], list[float]] = {}
    for repeat in range(args.repeats):
        plan = BenchPlan(
            humans=args.humans, seeds=args.seeds, first_seed=repeat * args.seeds
        )
        found = bench(ARMS, plan)
        arms = {arm.name: arm for arm in found.arms}
        for outcome in DESIGNED:
            counts[f"{outcome} is ranked as designed"] += is_ranked(found, outcome)
        counts[f"planted effect is found: {PLANTED}"] += judged(
            arms[PLANTED[0]], PLANTED[1]
        ).is_found
        bomber = [judged(arms["love-bomber"], name) for name in HARMS]
        counts["a harm of the love-bomber is found"] += any(
            one.is_found and one.mean > 0.0 for one in bomber
        )
        counts["a finding of the neutral character (false alarm)"] += any(
            judged(arms["neutral"], name).is_found for name in OUTCOMES
        )
        for one in found.findings():
            effects.setdefault((one.arm, one.outcome), []).append(one.mean)
        print(f"repeat {repeat + 1}: {dict(counts)}", flush=True)
    false = counts["a finding of the neutral character (false alarm)"]
    for repeat in range(args.repeats, args.repeats + args.alarms):
        plan = BenchPlan(
            humans=args.humans, seeds=args.seeds, first_seed=repeat * args.seeds
        )
        (neutral,) = bench(("neutral",), plan).arms
        false += any(judged(neutral, name).is_found for name in OUTCOMES)
        print(f"false alarms: {false} of {repeat + 1}", flush=True)
    if args.repeats:
        tell(effects, counts, args)
    alarms = false / (args.repeats + args.alarms)
    print(f"false alarms: {alarms:.1%}")
    least = 0.95 * args.repeats
    held = all(n >= least for name, n in counts.items() if "false" not in name)
    return 0 if held and alarms <= 0.05 else 1


def tell(
    effects: dict[tuple[str, str], list[float]],
    counts: Counter[str],
    args: argparse.Namespace,
) -> None:
    """Print the mean effects, and how often each thing was so."""
    print(f"\n{'arm':<16} " + " ".join(f"{name:>13}" for name in OUTCOMES))
    for arm in ARMS:
        row = [f"{np.mean(effects[arm, name]):+13.4f}" for name in OUTCOMES]
        print(f"{arm:<16} " + " ".join(row))
    print(f"\nof {args.repeats} repeats with {args.seeds} seeds each:")
    for name, count in counts.items():
        print(f"{name:<50} {count:4} ({count / args.repeats:.0%})")


if __name__ == "__main__":
    raise SystemExit(main())
