"""Traits of people on day 0, and of new OSes."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.jit import compile_loop
from sim.model import formulas, linked
from sim.utils.typing import Array


@compile_loop
def skew(out: Array, draws: Array, mean: float) -> None:
    """Write traits of people that have a mean, from uniform draws."""
    for i in range(draws.shape[0]):
        out[i] = formulas.trait_quantile(draws[i], mean)


@compile_loop
def _shape(out: Array, owner: Array, noise: Array, average: float, pull: float) -> None:
    for i in range(owner.shape[0]):
        out[i] = formulas.initial_trait(average, owner[i], pull, noise[i])


def answers(day: Any, owner: Array, draws: Array) -> Array:
    """Return a trait of new OSes, shaped by their owners' first answers.

    Parameters
    ----------
    day
        The record of the day.
    owner
        float32[new OSes], 0..1: the trait of each one's owner.
    draws
        float64[new OSes], uniform in [0, 1).
    """
    noise = day["answers_noise"] * (2.0 * draws - 1.0)
    average, pull = float(day["personality_mean"]), float(day["answers_pull"])
    out = np.empty(len(owner), np.float32)
    _shape(out, owner, noise, average, pull)
    return out


def taken_after(makers: float, dead: Array, share: float) -> float:
    """Return a trait between the makers' and that of the dead they remember.

    ``dead`` is float64[1]; ``share`` says how far it is that of the dead.
    """
    out = np.empty(1, np.float32)
    _shape(out, dead, np.zeros(1), makers, share)
    return float(out[0])


linked.link()  # once these are here: mechanisms ask for them
