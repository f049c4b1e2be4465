"""Search three constants of adoption so that `today` comes nearer to published facts.

python experiments/calibration/run.py [--trials 30] [--humans 400] [--seeds 1]
"""

from __future__ import annotations

import argparse
import math
import sys
from functools import partial
from typing import Any

from sim import scenarios
from sim.studies.validation import FACTS, FactResult, compare, summary
from sim.studies.validation.facts import CHECK

RANGES = {  # searched on a logarithmic scale
    "innovation": (1e-5, 1e-2),
    "imitation": (1e-4, 1e-1),
    "churn": (1e-4, 5e-2),
}
FITTED = [fact for fact in FACTS if fact.role != CHECK and not fact.is_sign]
KEPT = [fact for fact in FACTS if fact.role == CHECK]


def loss(lines: list[FactResult]) -> float:
    """Return how far levels are from what was published, in half-widths, squared."""
    total = 0.0
    for line in lines:
        half = max((line.fact.high - line.fact.low) / 2.0, 1e-9)
        away = (line.observed - line.fact.published) / half
        total += 9.0 if math.isnan(away) else min(away * away, 9.0)
    return total / len(lines)


def observed(facts: list[Any], args: argparse.Namespace, **changes: float) -> Any:
    """Return the comparison of `today` with some facts."""
    size = {"humans": args.humans}
    return compare("today", seeds=args.seeds, facts=facts, **size, **changes)


def objective(trial: Any, args: argparse.Namespace) -> float:
    """Return the loss of what the optimiser suggests."""
    changes = {
        name: trial.suggest_float(name, low, high, log=True)
        for name, (low, high) in RANGES.items()
    }
    return loss(observed(FITTED, args, **changes))


def main() -> int:
    """Search, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--humans", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    try:
        import optuna
    except ImportError:
        print("needs Optuna; pip install 'os-society[calibration]'", file=sys.stderr)
        return 2
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    shipped = scenarios.load("today").parameters.model_dump(include=set(RANGES))
    study.enqueue_trial(shipped)
    study.optimize(partial(objective, told=args), n_trials=args.trials)
    print(f"shipped  loss {study.trials[0].value:.3f}  {shipped}")
    best = {name: float(f"{value:.3g}") for name, value in study.best_params.items()}
    print(f"best     loss {study.best_value:.3f}  {best}")
    for name, changes in (("shipped", shipped), ("best", best)):
        print(f"{name:<8} {summary(observed(KEPT, args, **changes))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
