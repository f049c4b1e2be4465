"""Judge detectors on planted events: recall, precision, delay, members, false alarms.

Societies drawn from all null models tell how often each
detector raises a false alarm. Into each null, events are planted, of graded strength:
``--runs`` in each cell for the eight kinds that matter most; for eight more as many
strong ones, and a quarter as many of each weaker grade. The table is printed; recall
against strength is drawn.

    python experiments/benchmarks/detectors.py [--runs 200] [--workers 2] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sim.events.calibration import LADDERS, MARK, STEPS, TRUE, Rate, alarms, readings_of
from sim.events.calibration.nulls import NULLS, NullSociety
from sim.events.calibration.planted import PLANTS, Truth, plant

STRENGTHS = (0.1, 0.25, 0.5, 0.75, 1.0)
EIGHT = tuple(PLANTS)[:8]
# Told apart by those who cannot tell red from green (Okabe and Ito 2008).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
FIGURE = Path("results") / "detectors.png"
SEEDS_OF_JUDGING = 1_000_000  # others than those of calibration


class Seen(NamedTuple):
    """What a detector made of one planted event."""

    found: bool
    delay: int  # days from the planted onset to detection
    overlap: float  # Jaccard index of members
    other: int  # alarms that are not the planted event


class Cell(NamedTuple):
    """A kind of planted event, at one strength, in one null."""

    kind: str
    null: str
    strength: float
    seen: list[Seen]

    @property
    def recall(self) -> float:
        return sum(one.found for one in self.seen) / len(self.seen)

    @property
    def precision(self) -> float:
        true = sum(one.found for one in self.seen)
        alarmed = true + sum(one.other for one in self.seen)
        return true / alarmed if alarmed else 1.0

    @property
    def delay(self) -> float:
        delays = [one.delay for one in self.seen if one.found]
        return statistics.median(delays) if delays else float("nan")

    @property
    def overlap(self) -> float:
        overlaps = [one.overlap for one in self.seen if one.found]
        return statistics.mean(overlaps) if overlaps else float("nan")


def judge(seed: int, kind: str, null: str, strength: float) -> Seen:
    """Plant one event; return what its detector made of it."""
    truth, days = plant(kind, null, seed, strength)
    events = alarms(readings_of(days), kind)
    first = truth.onset - truth.ramp // 2
    hits = [one for one in events if one.detected >= first and _same(one, truth)]
    if not hits:
        return Seen(False, 0, 0.0, len(events))
    hit = hits[0]
    late = [one for one in hits[1:] if one.detected > truth.onset + 3 * truth.ramp]
    other = len(events) - len(hits) + len(late)
    delay = max(0, hit.detected - truth.onset)
    return Seen(True, delay, _overlap(hit.members, truth), other)


def _same(event: Any, truth: Truth) -> bool:
    return not truth.members or not event.members or _overlap(event.members, truth) > 0


def _overlap(members: Sequence[int], truth: Truth) -> float:
    if not truth.members:
        return 1.0
    both = set(members) | set(truth.members)
    return len(set(members) & set(truth.members)) / len(both)


def quiet(seed: int, null: str) -> dict[str, int]:
    """Return the false alarms of every detector in one null society."""
    readings = readings_of(NullSociety(null, seed, STEPS).days())
    return {kind: len(alarms(readings, kind)) for kind in LADDERS}


def false_alarms(pool: Any, runs: int) -> list[Rate]:
    """Return the false alarms of every detector on every null."""
    rates = []
    for null in NULLS:
        seeds = range(SEEDS_OF_JUDGING, SEEDS_OF_JUDGING + runs)
        found = list(pool.map(partial(quiet, null=null), seeds, chunksize=8))
        for kind in LADDERS:
            if (null, kind) not in TRUE:
                count = sum(one[kind] for one in found)
                rates.append(Rate(kind, null, float("nan"), count, runs * STEPS))
    return rates


def planted(pool: Any, runs: int, kinds: Sequence[str]) -> list[Cell]:
    """Return what became of planted events, kind by kind, null by null."""
    cells = []
    for kind in kinds:
        for null in NULLS:
            if (null, kind) in TRUE:
                continue
            for strength in STRENGTHS:
                one = partial(judge, kind=kind, null=null, strength=strength)
                whole = kind in EIGHT or strength == STRENGTHS[-1]
                some = runs if whole else -(-runs // 4)
                seen = list(pool.map(one, range(some), chunksize=8))
                cells.append(Cell(kind, null, strength, seen))
    return cells


def told(rates: Sequence[Rate], cells: Sequence[Cell]) -> str:
    """Return the tables as text."""
    lines = ["false alarms per 1,000 steps: worst null, 95 % bound in brackets"]
    for kind in LADDERS:
        own = [rate for rate in rates if rate.kind == kind]
        worst = max(own, key=lambda rate: rate.bound, default=None)
        if worst is not None:
            word = "" if worst.bound <= MARK else "  TOO MANY"
            lines.append(
                f"  {kind:<18} {worst.per_thousand:6.3f} [{worst.bound:.3f}]  "
                f"{worst.null}, {worst.steps:,} steps a null{word}"
            )
    head = f"{'planted':<18} {'null':<11} recall at "
    head += " ".join(f"{strength:>5}" for strength in STRENGTHS)
    lines += ["", f"{head}  precision  delay  overlap"]
    for kind in PLANTS:
        for null in NULLS:
            own_cells = [c for c in cells if (c.kind, c.null) == (kind, null)]
            if own_cells:
                lines.append(_line(own_cells))
    return "\n".join(lines)


def _line(cells: Sequence[Cell]) -> str:
    strong = cells[-1]
    recalls = " ".join(f"{cell.recall:5.2f}" for cell in cells)
    return (
        f"{strong.kind:<18} {strong.null:<11}           {recalls}  "
        f"{strong.precision:9.2f}  {strong.delay:5.0f}  {strong.overlap:7.2f}"
    )


def draw(cells: Sequence[Cell], place: Path) -> None:
    """Draw recall against strength, a panel a kind, a line a null."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(cell.kind for cell in cells))
    across = 4
    down = -(-len(kinds) // across)
    figure = Figure(figsize=(12, 2.6 * down + 0.8), layout="constrained")
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    styles = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)))
    looks = list(zip(styles, COLOURS, strict=True))
    for axis, kind in zip(axes.flat, kinds, strict=False):
        for null, (style, colour) in zip(NULLS, looks, strict=True):
            own = [c for c in cells if (c.kind, c.null) == (kind, null)]
            if own:
                xs, ys = [c.strength for c in own], [c.recall for c in own]
                axis.plot(xs, ys, ls=style, color=colour, marker=".", label=null)
        axis.set_title(kind.replace("_", " "), fontsize=11)
        axis.set_ylim(-0.03, 1.03)
        axis.axhline(0.95, color="0.8", linewidth=0.8, zorder=0)
    for axis in axes.flat[len(kinds) :]:
        axis.set_axis_off()
    figure.supxlabel("strength of the planted event (1: strong)")
    figure.supylabel("recall")
    handles = {label: h for axis in axes.flat for h, label in _legend(axis)}
    figure.legend(
        handles.values(), handles, loc="outside upper center", ncols=6, frameon=False
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(place, dpi=110)


def _legend(axis: Any) -> list[tuple[Any, str]]:
    return list(zip(*axis.get_legend_handles_labels(), strict=True))


def main() -> None:
    """Judge all detectors and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kind", action="append", choices=list(PLANTS))
    parser.add_argument("--figure", type=Path, default=FIGURE)
    parser.add_argument("--no-nulls", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.workers, context) as pool:
        rates = [] if asked.no_nulls else false_alarms(pool, asked.runs)
        cells = planted(pool, asked.runs, asked.kind or list(PLANTS))
    draw(cells, asked.figure)
    if not asked.json:
        print(told(rates, cells))
        return
    plain = [
        cell._asdict()
        | {
            "seen": len(cell.seen),
            "recall": cell.recall,
            "precision": cell.precision,
            "delay": cell.delay if cell.recall else None,
            "overlap": cell.overlap if cell.recall else None,
        }
        for cell in cells
    ]
    quietly = [
        rate._asdict() | {"threshold": None, "bound": rate.bound} for rate in rates
    ]
    print(json.dumps({"false_alarms": quietly, "planted": plain}, indent=1))


if __name__ == "__main__":
    main()
