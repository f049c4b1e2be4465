"""Times to an event over runs: how many had it within some days, and when half had.

The day of an event that had not happened by the end of a run is censored, not never:
it is at least the run's length. So shares are Kaplan and Meier's, and each says within
how many days.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sim.utils.errors import InputError
from sim.utils.signatures import checked_arguments
from sim.utils.stats import kaplan_meier, share_within

TIME, OBSERVED = "time", "observed"


@checked_arguments()
def within(
    times: pd.DataFrame, horizons: Sequence[float], by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the share of runs in which an event happened within some days.

    Parameters
    ----------
    times
        A row a run, with ``time`` (days) and ``observed``, as of ``Sweep.times``.
    horizons
        Days, each more than 0.
    by
        Columns whose values make groups; without, all runs are one.

    Returns
    -------
    pandas.DataFrame
        One row for each group and horizon: the group, ``runs``, ``horizon`` (days),
        ``share`` (0..1, one less Kaplan and Meier's), ``low`` and ``high`` of its
        95 % interval, and ``median``, the day by which half of the runs had it: inf
        where that is not within the runs. ``share`` is nan beyond the longest run.

    Raises
    ------
    InputError
        If a column is missing, or a horizon is not positive.

    Examples
    --------
    >>> runs = pd.DataFrame({"time": [400, 500, 900], "observed": [True, True, False]})
    >>> within(runs, [450, 900])["share"].round(2).tolist()
    [0.33, 0.67]
    """
    for name in (TIME, OBSERVED, *by):
        if name not in times:
            raise InputError(f"there is no column {name!r} in the times")
    for horizon in horizons:
        if not horizon > 0:
            raise InputError(f"a horizon is more than 0 days, not {horizon!r}")
    groups = times.groupby(list(by), sort=False) if by else [((), times)]
    rows: list[dict[str, Any]] = []
    for key, runs in groups:
        age = runs[TIME].to_numpy(float)
        ended = runs[OBSERVED].to_numpy(bool)
        told = dict(zip(by, key, strict=True)) | {"runs": len(runs)}
        for horizon in horizons:
            share, low, high = share_within(age, ended, horizon)
            row = {"horizon": horizon, "share": share, "low": low, "high": high}
            rows.append(told | row | {"median": median(age, ended)})
    return pd.DataFrame(rows)


def median(age: Any, ended: Any) -> float:
    """Return the day by which half of the runs had an event; inf if not within them."""
    ages, shares = kaplan_meier(np.asarray(age, np.float64), np.asarray(ended, bool))
    half = np.flatnonzero(shares <= 0.5)
    return float(ages[half[0]]) if len(half) else math.inf
