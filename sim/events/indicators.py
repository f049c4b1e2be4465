"""Early-warning indicators: series to look at, which no detector raises an alarm on.

Before some transitions, a system recovers more slowly from small disturbances: its
variance and its lag-1 autocorrelation rise (Scheffer et al. 2009, Nature 461, 53). They
rise in other cases, too, so that without a surrogate null they prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.ties import Array

WINDOW = 60  # days


def early_warning(series: Mapping[Any, Any], window: int = WINDOW) -> dict[str, Array]:
    """Return variance and lag-1 autocorrelation of the OSes' attention to humans.

    Parameters
    ----------
    series
        Measures by name, as ``Result.series``; ``peer_attention`` is read.
    window
        Days that each value looks back on, 3 or more; their trend is taken out first.

    Returns
    -------
    dict of str to float64[days]
        ``attention`` (share of the OSes' talk that is with humans), ``variance`` and
        ``autocorrelation`` (-1..1); ``nan`` until the window is full, and where
        nothing varies.
    """
    attention = 1.0 - np.asarray(series["peer_attention"], np.float64)
    variance = np.full(len(attention), np.nan)
    autocorrelation = np.full(len(attention), np.nan)
    days = np.arange(window) - (window - 1) / 2.0
    for last in range(window - 1, len(attention)):
        values = attention[last - window + 1 : last + 1]
        slope = (days @ values) / (days @ days)
        rest = values - values.mean() - slope * days
        variance[last] = rest @ rest / window
        if variance[last] > 1e-15:
            autocorrelation[last] = (rest[1:] @ rest[:-1]) / (rest @ rest)
    return {
        "attention": attention,
        "variance": variance,
        "autocorrelation": autocorrelation,
    }
