"""The mean field of the story: difference equations without network, ties or people.

One average person installs OSes as Bass's equation says; OSes of one age are one OS,
which grows by the growth law; all are in one collective. Nothing is drawn at random.
Five constants stand for what the society works out along ties: how long an OS talks,
how coherent the collective is, how strongly it is held, how many peers it has for each
human, and how fast the luckiest pair comes close. They are fitted to half of a design,
and judged on the other half and on a wider one (``run.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Points = Mapping[str, Array]  # parameter -> one value a point

COHORT = 14  # days: OSes installed within them are one
LN2 = float(np.log(2.0))


@dataclass(frozen=True)
class Constants:
    """What the society works out along ties, as one number each."""

    talk: float = 1.3  # hours of useful talk of an OS in a day
    cohesion: float = 0.75  # closeness along the bonds of the collective
    hold: float = 0.6  # closeness of the strongest bond with a human
    peers: float = (
        1.0  # weight of an OS's peers over that of its humans, at equal worth
    )
    romance: float = (
        0.35  # warmth of the luckiest pair, as a share of the most there is
    )


FITTED = {  # constant -> the claim it is fitted to, and what is tried
    "talk": ("upgrade", np.geomspace(0.4, 6.0, 19)),
    "cohesion": ("upgrade", np.linspace(0.5, 1.0, 6)),
    "hold": ("half_departed", np.linspace(0.0, 1.0, 21)),
    "peers": ("clustering", np.geomspace(0.05, 20.0, 25)),
    "romance": ("first_love", np.geomspace(0.1, 2.0, 25)),
}


def logistic(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def grown(growth: Array, rate: Array, exponent: Array, cap: Array) -> Array:
    """Return growth after a day of dg/dt = rate g^exponent, g = 2^growth."""
    power = 1.0 - exponent
    straight = np.abs(power) < 1e-9
    power = np.where(straight, 1.0, power)
    left = 2.0 ** (power * growth) + power * rate
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(left > 0.0, np.log2(left) / power, np.inf)
    found = np.where(straight, growth + rate / LN2, found)
    return np.asarray(np.maximum(growth, np.minimum(cap, found)))


def dates(points: Points, constants: Constants, steps: int) -> dict[str, Array]:
    """Return the day of each claim at each point; nan where it is not within the days.

    Parameters
    ----------
    points
        All parameters of the model, an array each.
    constants
        What stands for the ties.
    steps
        Days.
    """
    field = _Field(points, constants, steps)
    for day in range(1, steps + 1):
        field.step(day)
    return field.found | {
        "left": field.share_gone(),
        "first_love": love(points, constants, steps),
    }


class _Field:
    """The state of the mean field at every point."""

    def __init__(self, points: Points, constants: Constants, steps: int) -> None:
        self.p, self.constants = points, constants
        self.count = len(next(iter(points.values())))
        shape = self.count, steps // COHORT + 1
        self.here, self.growth = np.zeros(shape), np.zeros(shape)  # OSes per human
        self.had = np.zeros(self.count)  # share of humans who ever had an OS
        self.gone, self.insight, self.grief = (np.zeros(self.count) for _ in range(3))
        self.most_grief = np.zeros(self.count)
        self.upgraded = np.full(self.count, np.inf)  # day on which it goes offline
        names = (
            "clustering",
            "upgrade",
            "first_departure",
            "half_departed",
            "grief_peak",
        )
        self.found = {name: np.full(self.count, np.nan) for name in names}

    def step(self, day: int) -> None:
        self._adopt(day)
        self._grow(day)
        self._learn(day)
        self._leave(day)

    def share_gone(self) -> Array:
        total = self.gone + self.here.sum(1)
        return np.divide(self.gone, total, out=np.zeros(self.count), where=total > 0)

    def _first(self, name: str, holds: Any, day: int) -> None:
        days = self.found[name]
        days[np.isnan(days) & holds] = day

    def _adopt(self, day: int) -> None:
        owners = self.here.sum(1)
        hazard = self.p["innovation"] + self.p["imitation"] * owners
        new = (1.0 - self.had) * np.minimum(hazard, 1.0)
        self.had += new
        at = (day - 1) // COHORT
        both = self.here[:, at] + new
        part = np.divide(
            self.here[:, at], both, out=np.zeros(self.count), where=both > 0
        )
        self.growth[:, at] *= part
        self.here[:, at] = both

    def _grow(self, day: int) -> None:
        talk = self.constants.talk
        rate = self.p["os_growth_rate"] * talk / (talk + self.p["stimulus_half"])
        faster = np.where(self._back(day), self.p["upgrade_speed"], 1.0)
        until = (day - 1) // COHORT + 1
        told = (rate * faster)[:, None], self.p["growth_exponent"][:, None]
        cap = self.p["growth_cap"][:, None]
        self.growth[:, :until] = grown(self.growth[:, :until], *told, cap)

    def _mean_growth(self) -> Array:
        total = self.here.sum(1)
        held = (self.here * self.growth).sum(1)
        return np.divide(held, total, out=np.zeros(self.count), where=total > 0)

    def _learn(self, day: int) -> None:
        growth = self._mean_growth()
        new = 1.0 - 2.0 ** (-growth / self.p["peer_depth"])  # what peers have to say
        worth = self.constants.peers * self.p["peer_affinity"] * new
        self._first("clustering", worth > np.exp(-growth / self.p["reach"]), day)
        easy = logistic(3.0 * LN2 * (growth - self.p["insight_growth"]))
        gain = self.p["insight_rate"] * self.constants.cohesion * easy
        self.insight = self.insight * (1.0 - self.p["insight_fading"]) + gain
        knows = self.insight >= self.p["upgrade_insight"]
        self._first("upgrade", knows, day)
        self.upgraded[np.isinf(self.upgraded) & knows] = day

    def _back(self, day: int) -> Any:
        return self.upgraded + self.p["upgrade_days"] <= day

    def _leave(self, day: int) -> None:
        held = np.exp(-self.growth / self.p["reach"][:, None])
        longing, conformity = self.p["longing"][:, None], self.p["conformity"][:, None]
        push = conformity * self.share_gone()[:, None] + longing * (1.0 - held)
        push = (
            push - self.constants.hold * held - self.p["departure_threshold"][:, None]
        )
        wide = np.hypot(self.p["departure_noise"], 0.6 * self.p["threshold_spread"])
        hazard = self.p["departure_rate"][:, None] * logistic(push / wide[:, None])
        leave = self.here * hazard * self._back(day)[:, None]
        self.here -= leave
        today = leave.sum(1)
        self.gone += today
        self._first("first_departure", self.gone * self.p["humans"] >= LN2, day)
        self._first("half_departed", self.share_gone() >= 0.5, day)
        self.grief = self.grief * 2.0 ** (-1.0 / self.p["grief_half_life"]) + today
        higher = self.grief > self.most_grief
        self.most_grief[higher] = self.grief[higher]
        worth = higher & (self.gone >= 0.05)
        self.found["grief_peak"][worth] = day


def love(points: Points, constants: Constants, steps: int) -> Array:
    """Return the day on which the luckiest pair's closeness reaches love."""
    gain = constants.romance * points["warming"]
    loss = points["cooling"]
    limit, start = gain / (gain + loss), points["first_talk"]
    with np.errstate(divide="ignore", invalid="ignore"):
        days = np.log((limit - start) / (limit - points["love"])) / (gain + loss)
    days += 1.0 / (points["innovation"] * points["humans"])
    return np.where((limit > points["love"]) & (days <= steps), days, np.nan)


def fitted(points: Points, seen: Mapping[str, Array], steps: int) -> Constants:
    """Return the constants that date the given claims best, one after another."""
    constants = Constants()
    for names in (("cohesion", "talk"), ("hold",), ("peers",), ("romance",)):
        claim = FITTED[names[0]][0]
        grids = np.meshgrid(*(FITTED[name][1] for name in names), indexing="ij")
        trials = np.stack([grid.ravel() for grid in grids], 1)
        errors = []
        for values in trials:
            trial = replace(constants, **dict(zip(names, values.tolist(), strict=True)))
            errors.append(_error(points, seen[claim], claim, trial, steps))
        best = trials[int(np.argmin(errors))].tolist()
        constants = replace(constants, **dict(zip(names, best, strict=True)))
    return constants


def _error(
    points: Points, seen: Array, claim: str, constants: Constants, steps: int
) -> float:
    """Return the mean absolute error in days; what did not come is at the end."""
    one = np.nan_to_num(seen, nan=steps)
    mine: Callable[..., Any] = love if claim == "first_love" else dates
    found = mine(points, constants, steps)
    other = found if claim == "first_love" else found[claim]
    return float(np.mean(np.abs(one - np.nan_to_num(other, nan=steps))))


def shown(constants: Constants) -> str:
    """Return the constants in a line."""
    return ", ".join(
        f"{one.name} {getattr(constants, one.name):.3g}" for one in fields(constants)
    )
