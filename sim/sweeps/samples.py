"""The door to SALib: where to sample for sensitivity indices, and the indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import InputError
from sim.ties import Array

if TYPE_CHECKING:
    from sim.sweeps.ranges import MorrisSample, Sampled, SobolSample

RESAMPLES = 1000  # of a bootstrap
CONFIDENCE = 0.95


def problem(sample: Sampled) -> dict[str, Any]:
    """Return ranges as SALib wants them."""
    return {
        "num_vars": len(sample.ranges),
        "names": list(sample.ranges),
        "bounds": list(sample.ranges.values()),
    }


def sobol(sample: SobolSample) -> Array:
    """Return Saltelli's points, float64[points, ranges].

    Raises
    ------
    InputError
        If SALib is not installed.
    """
    method = _salib("sample.sobol")
    wanted = {"calc_second_order": sample.second_order, "seed": sample.seed}
    points: Array = method.sample(problem(sample), sample.n, **wanted)
    return points


def morris(sample: MorrisSample) -> Array:
    """Return Morris' trajectories, float64[points, ranges].

    Raises
    ------
    InputError
        If SALib is not installed.
    """
    method = _salib("sample.morris")
    wanted = {"num_levels": sample.levels, "seed": sample.seed}
    points: Array = method.sample(problem(sample), sample.n, **wanted)
    return points


def sobol_indices(sample: SobolSample, values: Array) -> dict[str, Any]:
    """Return S1, ST (and S2) with half-widths of 95 % intervals, as SALib has them."""
    method = _salib("analyze.sobol")
    found: dict[str, Any] = method.analyze(
        problem(sample),
        np.asarray(values, np.float64),
        calc_second_order=sample.second_order,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        seed=0,
    )
    return found


def morris_indices(sample: MorrisSample, points: Array, values: Array) -> Any:
    """Return mu, mu_star and sigma, with half-widths of 95 % intervals of mu_star."""
    method = _salib("analyze.morris")
    return method.analyze(
        problem(sample),
        np.asarray(points, np.float64),
        np.asarray(values, np.float64),
        num_levels=sample.levels,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        seed=0,
    )


def _salib(name: str) -> Any:
    import importlib
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own imports are of older days
            import SALib  # noqa: F401

            return importlib.import_module(f"SALib.{name}")
    except ImportError:
        raise InputError(
            "Sobol and Morris designs need SALib; pip install 'os-society[sensitivity]'"
        ) from None
