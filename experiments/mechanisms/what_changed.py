"""What agents that differ change: the tables of MECHANISMS.md.

    python experiments/mechanisms/what_changed.py --seeds 3 --humans 400

Means over seeds, on the last day, of each example with what differs and without.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

import sim
from sim.scenarios import Scenario

HERE = Path(__file__).parent
FIFTHS = ("lowest fifth", "highest fifth")


def lived(scenario: Scenario, seed: int) -> Any:
    """Return the state of a society on its last day."""
    society = sim.Society(scenario, seed=seed)
    for _ in range(scenario.parameters.steps):
        society.step()
    return society.state


def fifths(values: Any, by: Any) -> dict[str, float]:
    """Return the mean of a column among those lowest and highest in something."""
    rank = pd.Series(by).rank(pct=True).to_numpy()
    means = values[rank <= 0.2].mean(), values[rank > 0.8].mean()
    return dict(zip(FIFTHS, map(float, means), strict=True))


def own_cooling(seed: int, **size: int) -> dict[str, dict[str, float]]:
    """Return closeness and loneliness of those who cool slowest and fastest."""
    town = sim.scenario(HERE / "own_cooling.toml").replace(**size)
    alike, own = lived(town.replace(varies={}), seed), lived(town, seed)
    rate = own.humans.column("cooling")
    found = {}
    for column in ("human_closeness", "loneliness"):
        for name, state in (("all alike", alike), ("own cooling", own)):
            found[f"{column}, {name}"] = fifths(state.humans.column(column), rate)
    return found


def half_and_half(seed: int, **size: int) -> dict[str, dict[str, float]]:
    """Return what became of OSes of both profiles, and where all are ``os1``."""
    town = sim.scenario(HERE / "half_and_half.toml").replace(**size)
    both, alone = lived(town, seed).oses, lived(town.replace(profiles=[]), seed).oses
    profile = both.column("profile")
    groups = {
        "assistants": (both, profile == 0),
        "os1": (both, profile == 1),
        "all os1": (alone, alone.growth >= 0.0),
    }
    found: dict[str, dict[str, float]] = {}
    for group, (oses, rows) in groups.items():
        found.setdefault("OSes", {})[group] = float(rows.sum())
        for column in ("growth", "human_closeness"):
            mean = float(oses.column(column)[rows].mean())
            found.setdefault(column, {})[group] = mean
        found.setdefault("loved by, sum", {})[group] = float(oses.lovers[rows].sum())
        gone = float((oses.status[rows] == 3).mean())  # uninstalled
        found.setdefault("uninstalled", {})[group] = gone
    return found


def wages(seed: int, **size: int) -> dict[str, dict[str, float]]:
    """Return how many of the poor and of the rich have had an OS."""
    town = (
        sim.scenario("her-film-cut")
        .use(HERE / "wages.py")
        .replace(**size | {"steps": 120})
    )
    found = {}
    for pull in (0.0, 0.8):
        humans = lived(town.replace(wage_pull=pull), seed).humans
        has_had = humans.adopted_step >= 0
        rank = humans.column("wage_rank")
        found[f"had an OS, wage_pull {pull}"] = fifths(has_had, rank)
    return found


def main() -> None:
    """Print the table of every example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--humans", type=int, default=400)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    size = {"humans": args.humans, "steps": args.steps}
    for example in (own_cooling, half_and_half, wages):
        seeds = range(1, args.seeds + 1)
        tables = [pd.DataFrame(example(seed, **size)).T for seed in seeds]
        mean = sum(tables[1:], tables[0]) / len(tables)
        print(f"{example.__name__}\n{mean.round(3).to_string()}\n")


if __name__ == "__main__":
    main()
