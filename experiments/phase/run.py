"""Map where OSes depart: growth exponent against OS-to-OS affinity.

python experiments/phase/run.py [--small] [--check] [--workers 2]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import main

from sim.studies import Sweep

HERE = Path(__file__).parent


def table(found: Sweep) -> pd.DataFrame:
    """Return the share of OSes that left, of those not uninstalled, in each run."""
    return found.table()[["growth_exponent", "peer_affinity", "seed", "left"]]


def draw(runs: pd.DataFrame) -> Figure:
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
        f"OSes departed after 900 days, %: mean of {seeds} seeds, 200 humans\n"
        "(white line: half of them)",
        fontsize=11,
    )
    figure.colorbar(image, ax=axis, label="OSes departed, %")
    return figure


if __name__ == "__main__":
    sys.exit(main(HERE, table, draw))
