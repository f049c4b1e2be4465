"""An outcome and a stopping rule of one's own, in a sweep and beyond it.

Run it to see, for some strengths of imitation, how unequally people spend time with
OSes on the day on which nine in ten have one, and when that day was.

    python experiments/mechanisms/own_outcome.py

From the command line the same functions are named by their file:

    os-society sweep design.toml --function own_outcome.py:inequality
    os-society run her --until own_outcome.py:settled
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import sim


def inequality(result: sim.Result) -> float:
    """Return the Gini coefficient of hours with OSes over people, at the end."""
    hours = np.sort(result.humans()["hours_oses"].to_numpy(float))
    if not hours.sum():
        return 0.0
    ranks = np.arange(1, len(hours) + 1)
    return float(2 * (ranks * hours).sum() / (len(hours) * hours.sum())) - (
        len(hours) + 1
    ) / len(hours)


def settled(society: sim.Society) -> bool:
    """Tell whether nine in ten people have an OS."""
    return bool(society.monitor.latest("adopted") >= 0.9)


DESIGN: dict[str, Any] = {
    "name": "own-outcome",
    "base": {"humans": 200, "steps": 250},
    "grid": {"imitation": [0.0, 0.02, 0.1]},
    "outcomes": ["adopted_end", "first_love"],
    "seeds": 5,
}


def by_imitation(table: pd.DataFrame, steps: int) -> pd.DataFrame:
    """Return the outcomes for each strength of imitation, of runs of so many days.

    A run that lived all its days was not settled by then: of its days, one knows that
    they are more. So is it with love that had not begun on the last day.
    """
    groups = table.assign(
        settled=table["days"] < steps, loved=table["first_love"].notna()
    ).groupby("imitation")
    return groups.agg(
        runs=("days", "size"),
        settled=("settled", "sum"),
        days=("days", "median"),
        loved=("loved", "sum"),
        inequality=("inequality", "mean"),
    ).round(3)


if __name__ == "__main__":
    own = {"inequality": inequality}
    sweep = sim.sweep(DESIGN, functions=own, until=settled, resume=True)
    print(by_imitation(sweep.table(), DESIGN["base"]["steps"]), end="\n\n")
    town = sim.scenario("her").replace(humans=100, steps=150)
    calm = town.replace(imitation=0.0)
    compared = sim.counterfactual(
        town, calm, seeds=5, outcomes=["adopted_end"], functions=own
    )
    print(compared.differences[["without", "with", "low", "high"]].round(3))
