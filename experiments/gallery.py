"""Draw every figure there is, and put them on one sheet.

Most are of one small run of `her`. The others compare quick societies (240 days, in
which everything happens sooner): seeds, a lever, a grid and one-at-a-time effects.

    python experiments/gallery.py [--humans 1000] [--out results/gallery.png]
        [--figures DIR]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from quick import QUICK

from sim import plots, scenarios
from sim.runs import run
from sim.runs.result import Result
from sim.society import Society
from sim.utils.files import replacing

FEW: dict[str, Any] = QUICK | {"humans": 80}
SEEDS = range(6)
EXPONENTS, AFFINITIES = (0.0, 0.5, 0.75, 1.0, 1.5), (0.0, 0.5, 1.0, 2.0)
MOVED = ("growth_exponent", "peer_affinity", "warming", "reach", "insight_rate")
COLUMNS, WIDTH, EDGE = 3, 720, 24  # of the sheet; dots
COLOURS, DITHER = 256, Image.Dither.NONE


def simulate(seed: int = 0, **changes: Any) -> Society:
    """Return a quick society at the end of its days."""
    society = Society("her-film-cut", rng=seed, **(FEW | changes))
    while society.running:
        society.step()
    return society


def share_left(society: Society) -> float:
    """Return the share of OSes that left, of those not uninstalled."""
    last = {n: society.monitor.latest(n) for n in ("departed", "here", "offline")}
    return last["departed"] / max(1.0, sum(last.values()))


def of_a_run(result: Result) -> dict[str, Figure]:
    """Return the figures of one run."""
    eve = max(result.steps, key=lambda day: (result.oses(day)["collective"] >= 0).sum())
    return {
        "timeline": plots.timeline(result),
        "network": plots.network(result, eve),
        "multiples": plots.multiples(result),
        "ego": plots.ego(result),
        "communities": plots.communities(result),
        "growth": plots.growth(result),
        "attention": plots.attention(result),
    }


def of_seeds(folder: Path) -> dict[str, Figure]:
    """Return the figures that take several seeds: survival, and a difference."""
    quick = scenarios.load("her-film-cut").replace(**FEW)
    kept = [
        run.run(quick, seed=seed, out=folder / str(seed), snapshot_every=20)
        for seed in SEEDS
    ]
    base = {seed: kept[seed].series["loneliness"] for seed in SEEDS}
    closed = {}
    for seed in SEEDS:
        history = simulate(seed, peers=False).monitor.history
        closed[seed] = pd.Series(history["loneliness"], history.days)
    what = plots.ComparisonLabels(
        "her-film-cut, in haste",
        "her-film-cut, with OSes that cannot talk to OSes",
        "loneliness, 0 to 1",
    )
    return {
        "survival": plots.survival(kept, "seed"),
        "difference": plots.difference(pd.DataFrame(base), pd.DataFrame(closed), what),
    }


def of_a_grid() -> dict[str, Figure]:
    """Return the maps of departure over two parameters."""
    points = product(EXPONENTS, AFFINITIES, (0, 1))
    rows = [
        {
            "exponent": exponent,
            "affinity": affinity,
            "left": share_left(
                simulate(seed, growth_exponent=exponent, peer_affinity=affinity)
            ),
        }
        for exponent, affinity, seed in points
    ]
    labels = ("growth exponent k", "worth of talk between OSes", "OSes departed, %")
    what = plots.Map("exponent", "affinity", "left", labels, (50.0,), 100.0)
    table, title = pd.DataFrame(rows), "her-film-cut, in haste: where OSes depart"
    return {
        "heat_map": plots.heat_map(table, what, title),
        "phase": plots.phase(table, what._replace(levels=(10.0, 50.0, 90.0)), title),
    }


def of_effects() -> dict[str, Figure]:
    """Return bars of what halving or doubling one parameter at a time does."""
    usual = scenarios.load("her-film-cut").replace(**FEW).parameters
    rows = []
    for name in MOVED:
        value = getattr(usual, name)
        effects = [
            share_left(simulate(seed, **{name: value * factor}))
            - share_left(simulate(seed))
            for seed, factor in product((0, 1, 2), (0.5, 1.5))
        ]
        sizes = np.abs(effects)
        error = 1.96 * np.std(sizes, ddof=1) / np.sqrt(len(sizes))
        mean = float(np.mean(sizes))
        rows.append({"name": name, "mu_star": mean, "mu_star_conf": error})
    title = "her-film-cut, in haste: share of OSes that leave, one parameter varied"
    return {"sensitivity": plots.sensitivity(pd.DataFrame(rows), title)}


def sheet(pictures: dict[str, Image.Image], path: Path) -> None:
    """Put pictures side by side, tall ones first, each where the column is shortest."""
    heights = [EDGE] * COLUMNS
    places = {}
    slender = {name: one.height / one.width for name, one in pictures.items()}
    for name in sorted(pictures, key=lambda name: -slender[name]):
        picture = pictures[name]
        small = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)))
        column = int(np.argmin(heights))
        places[name] = small, (EDGE + column * (WIDTH + EDGE), heights[column])
        heights[column] += small.height + EDGE
    size = (EDGE + COLUMNS * (WIDTH + EDGE), max(heights))
    paper = Image.new("RGB", size, "#D8D8D8")
    for small, place in places.values():
        paper.paste(small, place)
    with replacing(path, ".png") as part:
        few = paper.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=DITHER)
        few.save(part, optimize=True)


def main() -> None:
    """Simulate the societies, draw them, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--humans", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("results") / "gallery.png")
    parser.add_argument("--figures", type=Path, help="keep the figures here, too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        her = scenarios.load("her").replace(humans=args.humans)
        result = run.run(her, seed=7, out=folder / "her", snapshot_every=15)
        figures = of_a_run(result) | of_seeds(folder) | of_a_grid() | of_effects()
        pictures = {}
        for name, figure in figures.items():
            kept = (args.figures or folder) / f"{name}.png"
            with Image.open(plots.save(figure, kept)) as picture:
                pictures[name] = picture.convert("RGB")
        film = plots.animate(result, (args.figures or folder) / "film.gif")
        with Image.open(film) as frames:
            frames.seek(frames.n_frames // 2)
            pictures["film"] = frames.convert("RGB")
    sheet(pictures, args.out)
    print(args.out)


if __name__ == "__main__":
    main()
