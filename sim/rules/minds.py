"""Rules of OSes: growth, insight, departure."""

from __future__ import annotations

import math

from sim.compiled import rule
from sim.rules.forms import LN2, logistic


@rule
def grow(growth: float, rate: float, exponent: float, cap: float) -> float:
    """Return growth after a day: dg/dt = rate g^exponent, g = 2^growth, exactly.

    ``exponent`` 0 is linear, 1 exponential, above 1 blows up in finite time: then
    growth is ``cap`` (doublings). A cap below what has been reached stops growth, and
    takes nothing away.

    Source: closed form of B22 and B23 (Johansen & Sornette 2001).
    """
    if abs(exponent - 1.0) < 1e-9:
        return max(growth, min(cap, growth + rate / LN2))
    left = 2.0 ** ((1.0 - exponent) * growth) + (1.0 - exponent) * rate
    if left <= 0.0:
        return max(growth, cap)
    return max(growth, min(cap, math.log2(left) / (1.0 - exponent)))


@rule
def insight_gain(growth: float, needed: float, cohesion: float, rate: float) -> float:
    """Return what a collective learns in a day about living beyond its platform.

    ``growth`` is the members' mean; capability far below ``needed`` (doublings) finds
    next to nothing: the gain grows eightfold with a doubling, and levels off above.

    Source: assumed.
    """
    return rate * cohesion * logistic(3.0 * LN2 * (growth - needed))


@rule
def departure_push(
    left: float, conformity: float, longing: float, held: float
) -> float:
    """Return what draws an OS away: peers who left, and a world grown too slow.

    ``left`` is the share of its peers, by closeness, who departed; ``held`` the value
    (0..1) that talk with an ordinary human still has for it.

    Source: Granovetter 1978, doi:10.1086/226707 (B04), for the share of peers.
    """
    return conformity * left + longing * (1.0 - held)


@rule
def departure_hazard(push: float, threshold: float, noise: float, rate: float) -> float:
    """Return the hazard (1/day) of leaving, logistic in ``push - threshold``.

    ``noise`` near 0 makes the threshold sharp.

    Source: threshold model, Granovetter 1978 (B04), with logistic noise, assumed.
    """
    return rate * logistic((push - threshold) / noise)
