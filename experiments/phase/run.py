"""Map when OSes depart: growth exponent against OS-to-OS affinity.

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
from sim.studies.survival import within

HERE = Path(__file__).parent


HORIZONS = (1500, 3000, 4500)  # days: the story, and up to three times its length


def table(found: Sweep) -> pd.DataFrame:
    """Return when the first OS left and when half had, in each run; both censored."""
    rows = found.times("half_departed")
    first = found.times("first_departure")
    rows = rows.rename(columns={"time": "half_departed", "observed": "half_observed"})
    rows = rows.assign(first_departure=first["time"], first_observed=first["observed"])
    whole: pd.DataFrame = rows.reset_index(drop=True)
    return whole


def draw(runs: pd.DataFrame) -> Figure:
    """Return a map for each horizon: in how many runs half had left by then."""
    times = runs.rename(columns={"half_departed": "time", "half_observed": "observed"})
    cells = within(times, HORIZONS, by=("peer_affinity", "growth_exponent"))
    figure = Figure(figsize=(15, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(HORIZONS), sharey=True)
    for axis, horizon in zip(axes, HORIZONS, strict=True):
        mine = cells[cells["horizon"] == horizon]
        share = mine.pivot(
            index="peer_affinity", columns="growth_exponent", values="share"
        )
        median = mine.pivot(
            index="peer_affinity", columns="growth_exponent", values="median"
        )
        axis.imshow(
            share, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=1
        )
        for (row, column), part in np.ndenumerate(share.to_numpy()):
            day = median.iloc[row, column]
            shown = f"{day:.0f}" if day <= horizon else "-"
            colour = "black" if part > 0.6 else "white"
            axis.text(
                column, row, shown, ha="center", va="center", color=colour, fontsize=8
            )
        axis.set_xticks(range(share.shape[1]), [f"{one:g}" for one in share.columns])
        axis.set_yticks(range(share.shape[0]), [f"{one:g}" for one in share.index])
        axis.set_xlabel("growth exponent k (dg/dt = r g^k)")
        axis.set_title(f"within {horizon:,} days", fontsize=11)
    axes[0].set_ylabel("worth of talk between OSes (peer affinity)")
    seeds = runs["seed"].nunique()
    figure.suptitle(
        f"Day by which half of the OSes have left (-: not within the days), median of "
        f"{seeds} seeds, 200 humans; yellow: in all of them",
        fontsize=11,
    )
    return figure


if __name__ == "__main__":
    sys.exit(main(HERE, table, draw))
