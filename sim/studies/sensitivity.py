"""Sensitivity indices of a sweep: Sobol and Morris.

Sobol's indices (Sobol 2001, Saltelli 2010) share out the variance of an outcome among
the parameters; Morris' elementary effects (Morris 1991, Campolongo 2007) rank them for
a tenth of the runs. Both are SALib's, with 95 % bootstrap intervals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sim.studies.points import morris_indices, sobol_indices
from sim.studies.sweeps import Sweep
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments
from sim.utils.typing import Array

FILLS = ("mean", "worst")


@checked_arguments()
def indices(sweep: Sweep, outcome: str, *, fill: str | float | None = None) -> Any:
    """Return the sensitivity indices of an outcome of a Sobol or Morris sweep.

    Parameters
    ----------
    sweep
        A sweep over a ``[sobol]`` or ``[morris]`` design; where there are several
        seeds, the mean over seeds of each point counts.
    outcome
        The name of an outcome, or of the day of an event.
    fill
        What stands in for a point that has no such outcome, since the indices need
        all: ``"mean"`` of the others, ``"worst"`` (their largest value), or a number.
        None refuses an incomplete design.

    Returns
    -------
    pandas.DataFrame
        One row a parameter. Sobol: ``S1``, the share of variance that goes with the
        parameter alone, and ``ST``, that which goes with it in any company. Morris:
        ``mu_star``, the mean size of its effect over the whole range, ``mu`` and
        ``sigma``. Each estimate has ``_low`` and ``_high``, where SALib gives them;
        ``attrs`` say how many points were ``filled``, and how.

    Raises
    ------
    InputError
        If the sweep is over another kind of design, there is no such outcome, or
        points lack it and ``fill`` is None.
    """
    design = sweep.design
    if design.form not in ("sobol", "morris"):
        raise InputError(
            f"{sweep.path} is a {design.form} design; indices need [sobol] or [morris]"
        )
    if outcome not in sweep.outcomes:
        hint = nearest(outcome, sweep.outcomes)
        raise InputError(f"{sweep.path} has no outcome {outcome!r}{hint}")
    points, values = _means(sweep, outcome)
    values, filled = filled_in(values, outcome, fill)
    if float(np.ptp(values)) == 0.0:
        raise InputError(f"{outcome!r} is the same at all points; nothing to share out")
    table = _sobol(sweep, values) if design.sobol else _morris(sweep, points, values)
    table.attrs = {"outcome": outcome, "points": len(values), "filled": filled}
    table.attrs["fill"] = fill if filled else None
    return table


def _means(sweep: Sweep, outcome: str) -> tuple[Array, Array]:
    """Return the points in their order, and the mean outcome over seeds of each."""
    table = sweep.table(waiting=True)
    number = table.index.to_numpy() // len(sweep.design.seed_list)
    values = table[outcome].astype(float).groupby(number).mean().to_numpy()
    names = sweep.design.varied
    points = table[names].astype(float).groupby(number).first().to_numpy()
    return points, values


def filled_in(
    values: Array, outcome: str, fill: str | float | None
) -> tuple[Array, int]:
    """Return values with nothing missing, and how many were filled in.

    Raises
    ------
    InputError
        If something is missing and ``fill`` does not say what stands in for it.
    """
    missing = ~np.isfinite(values)
    count = int(missing.sum())
    if not count:
        return values, 0
    if fill is None:
        raise InputError(
            f"{count} of {len(values)} points have no {outcome!r}; finish the sweep "
            "(--resume), choose another outcome, or say what stands in for it (fill)"
        )
    if count == len(values):
        raise InputError(f"no point has {outcome!r}")
    if isinstance(fill, str) and fill not in FILLS:
        raise InputError(f"fill is a number or one of {', '.join(FILLS)}, not {fill!r}")
    there = values[~missing]
    stand_in = {"mean": there.mean(), "worst": there.max()}.get(str(fill), fill)
    return np.where(missing, float(stand_in), values), count


def _sobol(sweep: Sweep, values: Array) -> pd.DataFrame:
    sample = sweep.design.sobol
    assert sample is not None
    found = sobol_indices(sample, values)
    names = ("S1", "ST")
    return _with_intervals(list(sample.ranges), found, names)


def _morris(sweep: Sweep, points: Array, values: Array) -> pd.DataFrame:
    sample = sweep.design.morris
    assert sample is not None
    found = morris_indices(sample, points, values)
    table = _with_intervals(list(sample.ranges), found, ("mu_star",))
    return table.assign(mu=np.asarray(found["mu"]), sigma=np.asarray(found["sigma"]))


def _with_intervals(
    rows: list[str], found: Any, names: tuple[str, ...]
) -> pd.DataFrame:
    columns: dict[str, Array] = {}
    for name in names:
        middle, half = (np.asarray(found[n], float) for n in (name, f"{name}_conf"))
        columns |= {name: middle, f"{name}_low": middle - half}
        columns[f"{name}_high"] = middle + half
    return pd.DataFrame(columns, index=pd.Index(rows, name="parameter"))
