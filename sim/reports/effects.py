"""Outcomes of a sweep by factor, with intervals over seeds, for any design."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim import plots
from sim.reports.figures import ReportFigure, shown
from sim.studies import design, outcomes
from sim.studies.design import Design
from sim.utils.html import Html
from sim.utils.stats import mean_interval
from sim.utils.text import exact, listed, number, sentence

MOST_LEVELS = 40  # rows of a table, or of a figure
BINS = 4  # that a factor of many values is cut into
MOST_FIGURES = 4
FILES = ("network", "scenario", *design.FILES)
SAMPLED = ("lhs", "sobol", "morris")

Levels = Mapping[str, pd.DataFrame]  # what a factor is set to -> the runs that are done


def in_words(name: str, value: Any) -> str:
    """Return the value of a factor as text; of a file, its name only."""
    if isinstance(value, Mapping):
        inside = {key: in_words(str(key), one) for key, one in value.items()}
        return json.dumps(inside, ensure_ascii=False).replace('"', "")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "as in the base"
    if isinstance(value, str):
        return Path(value).name if name.removeprefix(design.PART) in FILES else value
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


def arms_of(runs: pd.DataFrame, of: Design) -> Levels:
    """Return the runs by arm: scenario, network, lever and mind, where they vary."""
    named = [name for name in of.varied if name in design.FACTORS]
    words = {name: runs[name].map(partial(in_words, name)) for name in named}
    named = [name for name in named if words[name].nunique(dropna=False) > 1]
    if not named:
        return {"": runs}
    texts = words[named[0]].astype(str)
    for name in named[1:]:
        texts = texts + ", " + words[name].astype(str)
    return {str(text): rows for text, rows in runs.groupby(texts, sort=False)}


def effects(runs: pd.DataFrame, of: Design, name: str) -> pd.DataFrame:
    """Return an outcome by each factor, within each arm.

    Parameters
    ----------
    runs
        The runs of a sweep that are done.
    of
        Its design.
    name
        The outcome.

    Returns
    -------
    pandas.DataFrame
        A row a level and arm: ``factor``, ``level``, ``arm``, ``mean`` (of the means of
        seeds), ``low`` and ``high`` (its 95 % interval over seeds, Student's t; nan
        where there is none).
    """
    have = runs[runs[name].notna()]
    arms = arms_of(have, of)
    rows: list[tuple[Any, ...]] = []
    if len(arms) > 1:
        rows += [("arm", arm, "", *_mean(some, name)) for arm, some in arms.items()]
    for factor in of.varied:
        if factor in design.FACTORS:
            continue
        found = levels(have, factor, of.form in SAMPLED)
        for level, those in found.items() if len(found) > 1 else ():
            for arm, some in arms.items():
                both = those[those.index.isin(some.index)]
                if len(both):
                    rows.append((factor, level, arm, *_mean(both, name)))
    names = ["factor", "level", "arm", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _mean(runs: pd.DataFrame, name: str) -> tuple[float, float, float]:
    values = runs[name].astype(float)
    by_seed = values.groupby(runs["seed"]).mean().to_numpy(float)
    ends = mean_interval(by_seed) if len(by_seed) > 1 else (math.nan, math.nan)
    return float(by_seed.mean()), *ends


def figures(runs: pd.DataFrame, of: Design, names: Sequence[str]) -> list[Html]:
    """Return a figure of each of the first outcomes that differ between runs."""
    varying = [name for name in names if runs[name].dropna().nunique() > 1]
    found = []
    for at, name in enumerate(varying[:MOST_FIGURES], 1):
        table = effects(runs, of, name)
        if 1 < len(table) <= MOST_LEVELS:
            found.append(shown(_figure(table, name, at)))
    return found


def _figure(table: pd.DataFrame, name: str, at: int) -> ReportFigure:
    meaning = sentence(outcomes.meaning(name))
    about = f"{meaning} Means over seeds with 95 % intervals (Student's t), of runs "
    about += "that have it, within each arm and over all values of the other factors."
    draw = partial(plots.effects, table, name, finding(table, name))
    return ReportFigure(
        f"effect-{at}", f"{name} by factor", about, draw, partial(tell, table, name)
    )


def finding(table: pd.DataFrame, name: str) -> str:
    """Return which factor moves the mean of an outcome most, within an arm.

    It says, too, if that may be chance: if the intervals at both ends overlap.
    """
    groups = [rows for _, rows in table.groupby(["factor", "arm"], sort=False)]
    rows = max(groups, key=lambda some: float(np.ptp(some["mean"])))
    factor, arm = rows["factor"].iloc[0], rows["arm"].iloc[0]
    ends = rows.loc[[rows["mean"].idxmin(), rows["mean"].idxmax()]]
    least, most = (number(value) for value in ends["mean"])
    where = f" in {arm}" if arm else ""
    found = f"{name} goes furthest with {factor}{where}: from {least} to {most}"
    overlap = ends["high"].iloc[0] >= ends["low"].iloc[1]
    return f"{found} (intervals overlap)" if overlap else found


def tell(table: pd.DataFrame, name: str) -> str:
    """Return what is seen: the means of an outcome by level, for each factor."""
    parts = [f"{finding(table, name)}."]
    for _, rows in table.groupby(["factor", "arm"], sort=False):
        factor, arm = rows["factor"].iloc[0], rows["arm"].iloc[0]
        means = zip(rows["level"], rows["mean"], strict=True)
        said = listed([f"{number(mean)} at {level}" for level, mean in means])
        parts.append(f"By {factor}{f', in {arm}' if arm else ''}: {said}.")
    return " ".join(parts)
