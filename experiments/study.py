"""What the studies share: run a design, write its table, or check the one there is.

Every study is a folder with a question (``README.md``), a design (``design.toml``) and
one command (``run.py``). A small version (``small.toml``, ``small.csv``) takes seconds
and shows that the command still gives the committed numbers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from sim.scenarios import Scenario
from sim.society import Society
from sim.studies import Sweep, sweep
from sim.studies.design import read
from sim.utils.errors import InputError
from sim.utils.files import write_text
from sim.utils.source import source_digest
from sim.utils.stats import mean_interval

RESULTS = Path("results")
DIGITS = 6

TableOf = Callable[[Sweep], pd.DataFrame]


def main(folder: Path, table_of: TableOf, draw: Any = None) -> int:
    """Run a study, or its small version, from the command line."""
    parser = argparse.ArgumentParser(description=f"The study '{folder.name}'.")
    parser.add_argument("--small", action="store_true", help="the small version")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sweeps", type=Path, default=RESULTS / "sweeps")
    parser.add_argument("--allow-model", metavar="HOST", action="append", default=[])
    parser.add_argument("--insecure", action="store_true", help="http:// to it")
    args = parser.parse_args()
    try:
        found = run(folder, args)
        table = table_of(found)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    place = folder / "small.csv" if args.small else RESULTS / f"{folder.name}.csv"
    text = as_csv(table)
    if args.check:
        same = place.is_file() and place.read_text() == text
        print(f"{place.name}: {'the same' if same else 'DIFFERS'}")
        return 0 if same else 1
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    print(text)
    if draw is not None and not args.small:
        draw(table).savefig(place.with_suffix(".png"), dpi=130)
    return 1 if len(found.failures()) else 0


def run(folder: Path, args: argparse.Namespace) -> Sweep:
    """Run, or finish, the sweep of a study: one store for each version of the code."""
    design = read(folder / ("small.toml" if args.small else "design.toml"))
    size = "-small" if args.small else ""
    place = args.sweeps / f"{folder.name}{size}-{source_digest()[:8]}"
    shown = sys.stderr.isatty()
    return sweep(
        design,
        out=place,
        resume=True,
        allow_model=args.allow_model,
        insecure=args.insecure,
        workers=args.workers,
        progress=shown,
        tell=print,
    )


def as_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV, in six significant digits."""
    rounded = table.map(
        lambda v: float(f"{v:.{DIGITS}g}") if isinstance(v, float) else v
    )
    return str(rounded.to_csv(index=False, lineterminator="\n"))


def kept_or_compared(files: dict[Path, pd.DataFrame], is_check: bool) -> int:
    """Write tables, or say which differ from those that are there."""
    wrong = 0
    for place, table in files.items():
        text = as_csv(table)
        if is_check:
            same = place.is_file() and place.read_text() == text
            print(f"{place.name}: {'the same' if same else 'DIFFERS'}")
            wrong += not same
        else:
            print(f"{place.name}\n{text}")
            write_text(place, text)
    return 1 if wrong else 0


def paired(table: pd.DataFrame, factor: str, base: Any, names: list[str]) -> Any:
    """Return mean outcomes at each value of a factor, and paired differences.

    Parameters
    ----------
    table
        A sweep's table.
    factor, base
        What varies, and the value that the others are compared with.
    names
        The outcomes.
    """
    by_seed = {
        value: rows.set_index("seed")[names]
        for value, rows in table.groupby(factor, sort=False)
    }
    rows = []
    for value, found in by_seed.items():
        row: dict[str, Any] = {factor: value, "runs": len(found)}
        for name in names:
            change = (found[name] - by_seed[base][name]).dropna().to_numpy(float)
            low, high = mean_interval(change)
            mean = float(np.mean(change)) if len(change) else np.nan
            row |= {name: float(found[name].mean()), f"{name}_change": mean}
            row |= {f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def network_of(scenario: Scenario, seed: int, *, is_rewired: bool) -> Any:
    """Return who knows whom on day 0, as a graph: as generated, or rewired.

    Rewired, the ends of ties are exchanged, so that everybody keeps the number of
    ties, and their closeness is dealt anew.
    """
    first = Society(scenario.replace(steps=0), rng=seed)
    graph: Any = nx.Graph()
    graph.add_nodes_from(range(scenario.parameters.humans))
    for one, other, told in first.graph().edges(data=True):
        graph.add_edge(one, other, closeness=float(told["closeness"]))
    if is_rewired:
        held = [told["closeness"] for _, _, told in graph.edges(data=True)]
        edges = graph.number_of_edges()
        nx.double_edge_swap(graph, 10 * edges, 1000 * edges, seed=seed)
        dealt = np.random.default_rng(seed).permutation(held).tolist()
        for tie, closeness in zip(list(graph.edges), dealt, strict=True):
            graph.edges[tie]["closeness"] = closeness
    return graph
