"""Map where OSes depart: growth exponent against OS-to-OS affinity.

Runs `her` over a grid, several seeds a point, and writes the share of OSes that left as
a table and a heat map.

    python experiments/phase.py [--seeds 3] [--humans 200] [--workers 2]
        [--out results/phase]
"""

from __future__ import annotations

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sim.model import Society

EXPONENTS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5)
AFFINITIES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)


def share_left(point: tuple[float, float, int], humans: int) -> dict[str, float]:
    """Return the share of OSes that left one society, of those not uninstalled."""
    exponent, affinity, seed = point
    society = Society(
        "her",
        rng=seed,
        humans=humans,
        growth_exponent=exponent,
        peer_affinity=affinity,
    )
    while society.running:
        society.step()
    last = {
        name: society.watch.latest(name) for name in ("departed", "here", "offline")
    }
    return {
        "growth_exponent": exponent,
        "peer_affinity": affinity,
        "seed": seed,
        "left": last["departed"] / max(1.0, sum(last.values())),
    }


def draw(runs: pd.DataFrame, humans: int) -> Figure:
    """Return a heat map of the mean share that left, with its half-way contour."""
    left = runs.pivot_table("left", "peer_affinity", "growth_exponent") * 100
    figure = Figure(figsize=(9, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    image = axis.imshow(
        left, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=100
    )
    for (row, column), value in np.ndenumerate(left.to_numpy()):
        colour = "black" if value > 60 else "white"
        axis.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour)
    axis.contour(left, levels=[50], colors="white", linewidths=2)
    axis.set_xticks(range(left.shape[1]), [f"{value:g}" for value in left.columns])
    axis.set_yticks(range(left.shape[0]), [f"{value:g}" for value in left.index])
    axis.set_xlabel("growth exponent k (dg/dt = r g^k)")
    axis.set_ylabel("worth of talk between OSes (peer affinity)")
    seeds = runs["seed"].nunique()
    axis.set_title(
        f"OSes departed after 900 days, %: mean of {seeds} seeds, {humans} humans\n"
        "(white line: half of them)",
        fontsize=11,
    )
    figure.colorbar(image, ax=axis, label="OSes departed, %")
    return figure


def main() -> None:
    """Run the grid; write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--humans", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("results") / "phase")
    told = parser.parse_args()
    points = list(product(EXPONENTS, AFFINITIES, range(told.seeds)))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(told.workers, mp_context=context) as pool:
        one = partial(share_left, humans=told.humans)
        runs = pd.DataFrame(list(pool.map(one, points, chunksize=4)))
    told.out.parent.mkdir(parents=True, exist_ok=True)
    runs.round(6).to_csv(told.out.with_suffix(".csv"), index=False)
    draw(runs, told.humans).savefig(told.out.with_suffix(".png"), dpi=130)
    print(f"{told.out}.csv\n{told.out}.png")


if __name__ == "__main__":
    main()
