"""Outcomes of a sweep by what was varied: means over points, intervals over seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.html import Html, paragraph, table
from sim.reports.words import NONE, counted, exact, number
from sim.stats import bootstrap
from sim.sweeps import factors, measures

ACROSS = 6  # outcomes, or values of a factor, that are columns of one table
MOST_LEVELS = 40  # rows of a table
BINS = 4  # that a sampled factor is cut into
FILES = ("network", "replay", "scenario")

Levels = Mapping[str, pd.DataFrame]  # what a factor is set to -> the runs that are done


def in_words(name: str, value: Any) -> str:
    """Return the value of a factor as text; of a file, its name only."""
    if isinstance(value, Mapping):
        inside = {key: in_words(str(key), one) for key, one in value.items()}
        return json.dumps(inside, ensure_ascii=False).replace('"', "")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "as in the base"
    if isinstance(value, str):
        return Path(value).name if name in FILES else value
    plain = value.item() if isinstance(value, np.generic) else value
    return exact(float(f"{plain:.6g}") if isinstance(plain, float) else plain)


def levels(runs: pd.DataFrame, factor: str, sampled: bool) -> Levels:
    """Return the runs by the value of a factor; a sampled one is cut into quarters."""
    values = runs[factor]
    is_number = pd.api.types.is_numeric_dtype(values)
    if is_number and values.nunique() > (BINS if sampled else MOST_LEVELS):
        parts = pd.qcut(values.astype(float), BINS, duplicates="drop")
        groups = runs.groupby(parts, observed=True)
        return {f"{b.left:.3g} to {b.right:.3g}": rows for b, rows in groups}
    if is_number and not pd.api.types.is_bool_dtype(values):
        runs = runs.sort_values(factor, kind="stable")
    texts = runs[factor].map(lambda value: in_words(factor, value)).astype(object)
    return {str(text): rows for text, rows in runs.groupby(texts, sort=False)}


def by_factor(found: Levels, factor: str, names: Sequence[str]) -> list[Html]:
    """Return tables of the mean outcomes for each value of a factor."""
    shown = dict(list(found.items())[:MOST_LEVELS])
    more = len(found) - len(shown)
    note = (
        [paragraph(f"{more:,} more values of {factor} are left out.")] if more else []
    )
    if len(names) > ACROSS >= len(shown):
        rows = [(n, *(cell(runs, n) for runs in shown.values())) for n in names]
        return [table(f"Outcomes by {factor}", ("outcome", *shown), rows), *note]
    parts = [names[at : at + ACROSS] for at in range(0, len(names), ACROSS)]
    tables = []
    for at, part in enumerate(parts, 1):
        rows = [(v, *(cell(runs, n) for n in part)) for v, runs in shown.items()]
        which = f" (part {at} of {len(parts)})" if len(parts) > 1 else ""
        tables.append(table(f"Outcomes by {factor}{which}", (factor, *part), rows))
    return [*tables, *note]


def cell(runs: pd.DataFrame, name: str) -> str:
    """Return the mean of an outcome, its interval, and how many runs have it.

    The mean is of the means of seeds; the interval is of that mean over seeds.
    """
    values = runs[name].astype(float)
    have = int(values.notna().sum())
    if not have:
        return NONE
    by_seed = values.groupby(runs["seed"]).mean().dropna().to_numpy(float)
    text = number(by_seed.mean())
    if len(by_seed) > 1:
        low, high = bootstrap(by_seed)
        text += f" ({number(low)} to {number(high)})"
    return text if have == len(runs) else f"{text}; {have:,} of {len(runs):,} runs"


def overall(runs: pd.DataFrame, names: Sequence[str]) -> list[Html]:
    """Return each outcome over all runs of a sweep that are done."""
    known = [name for name in names if runs[name].notna().any()]
    rows = []
    for name in known:
        values = runs[name].astype(float)
        ends = number(values.min()), number(values.max())
        rows.append((name, cell(runs, name), *ends, measures.meaning(name)))
    heads = ("outcome", "mean (95 % interval)", "least", "most", "meaning")
    never = [name for name in names if name not in known]
    caption = f"Outcomes over {counted(len(runs), 'run')}"
    tables = [table(caption, heads, rows)] if rows else []
    if never:
        tables.append(paragraph(f"No run has a value of: {', '.join(never)}."))
    return tables


def is_parameter(name: str) -> bool:
    """Tell whether a factor is a parameter, not a scenario, network, lever or mind."""
    return name not in factors.NAMES
