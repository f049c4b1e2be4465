"""Forms that rules share."""

from __future__ import annotations

import math

from sim.compiled import rule

LN2 = math.log(2.0)


@rule
def exp_decay(y: float) -> float:
    """Return exp(-y) for y >= 0, by arithmetic alone.

    A library's exponential may differ in its last bit between machines; sums and
    products may not. Relative error below 1e-6 up to y = 8, where little is left.

    Source: Taylor series of exp(-y / 64), squared six times.
    """
    if y > 32.0:
        return 0.0
    z = y * 0.015625
    e = 1 / 6 - z * (1 / 24 - z * (1 / 120 - z * (1 / 720 - z * (1 / 5040))))
    e = 1.0 - z * (1.0 - z * (0.5 - z * e))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@rule
def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)).

    Source: the logistic function.
    """
    if x >= 0.0:
        return 1.0 / (1.0 + exp_decay(x))
    e = exp_decay(-x)
    return e / (1.0 + e)


@rule
def saturation(amount: float, half: float) -> float:
    """Return amount / (amount + half): half of the effect at ``half``.

    Source: design of the model, after B19; the hyperbolic form is assumed.
    """
    return amount / (amount + half)
