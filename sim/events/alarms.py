"""Alarm statistics: CUSUM, a contagion test, early-warning indicators.

Before some transitions, a system recovers more slowly from small disturbances: its
variance and its lag-1 autocorrelation rise (Scheffer et al. 2009, Nature 461, 53). They
rise in other cases, too, so that without a surrogate null they prove nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sim.events.detector import Detector, Event, Reading
from sim.model.parameters import WEEK
from sim.utils.typing import Array

MEMORY = 24  # weeks of past changes that today's is compared with
WARM_UP = 6  # weeks before anything can be unusual
GUARD = 8  # latest weeks, not yet part of the past
SLACK = 0.6  # spreads that a change may exceed the usual one by
MOST_A_WEEK = 6.0  # spreads: no single week raises an alarm by itself


class Cusum:
    """A one-sided CUSUM on the weekly changes of a number, against its own past.

    Changes are measured in robust spreads of the past months' changes (median absolute
    deviation), so that neither a trend nor noise of any size is unusual. An episode
    is alarmed on once, and only when the number rose by ``least`` beyond its trend.
    After Page (1954), Biometrika 41, 100.

    Parameters
    ----------
    threshold
        Spreads that add up to an alarm.
    least
        Smallest rise worth an alarm, in the number's unit.
    """

    def __init__(self, threshold: float, least: float) -> None:
        self.threshold, self.least = threshold, least
        self.score = 0.0  # CUSUM today, in spreads
        self.risen = 0.0  # in the number's unit, since the onset, beyond the trend
        self.onset = 0  # day on which the excursion began
        self.day = 0
        self._week: deque[float] = deque(maxlen=WEEK)
        self._last: float | None = None
        self._past: deque[float] = deque(maxlen=MEMORY + GUARD)
        self._told = False

    def add(self, value: float, step: int) -> bool:
        """Take today's number; tell whether it gives an alarm."""
        self.day += 1
        self._week.append(value)
        if self.day % WEEK:
            return False
        mean = math.fsum(self._week) / WEEK
        change = None if self._last is None else mean - self._last
        self._last = mean
        return False if change is None else self._weigh(change, step)

    def _weigh(self, change: float, step: int) -> bool:
        known = sorted(list(self._past)[:-GUARD])
        self._past.append(change)
        if len(known) < WARM_UP:
            return False
        usual, spread = _middle(known), self._spread(known)
        if self.score == 0.0:
            self.risen, self.onset = 0.0, step - WEEK + 1
        excess = change - usual
        self.score += min(excess / spread, MOST_A_WEEK) - SLACK
        self.risen += excess
        if self.score <= 0.0:
            self.score, self._told = 0.0, False
            return False
        if self._told or self.score < self.threshold or self.risen < self.least:
            return False
        self._told = True
        return True

    def _spread(self, known: list[float]) -> float:
        """Return the spread of usual changes; never less than an eighth of a rise."""
        usual = _middle(known)
        gaps = sorted(abs(change - usual) for change in known)
        few = 1.0 + 4.0 / len(known)  # a small sample looks too regular
        return max(1.4826 * few * _middle(gaps), self.least / 8.0)


def _middle(ordered: list[float]) -> float:
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2.0


class CusumDetector(Detector):
    """Raises an alarm when a measure rises beyond its own past."""

    alarm = True
    null = "its own past months: autocorrelated noise, trends, common shocks"
    source = "Page 1954 (CUSUM)"
    measure: ClassVar[str] = ""
    least: ClassVar[float] = 0.1
    called: ClassVar[str] = ""

    def start(self) -> None:
        """Begin with nothing seen."""
        self._rise = Cusum(self.threshold, self.least)

    def value(self, reading: Reading) -> float:
        """Return the number that is watched."""
        return reading.measures[self.measure]

    def look(self, reading: Reading) -> list[Event]:
        """Add today's number to the CUSUM."""
        rise = self._rise
        if not rise.add(self.value(reading), reading.step):
            return []
        evidence = (
            f"{self.called} up by {rise.risen:.3f} beyond its trend; "
            f"CUSUM {rise.score:.1f} >= {self.threshold:g}"
        )
        return [self.event(reading, evidence, step=rise.onset, strength=rise.risen)]


ODDS = np.array([1.5, 2.0, 4.0, 8.0, 16.0, 64.0])  # times as likely to, if all exposed


class ContagionTest:
    """Evidence that those exposed to others' doing something do it more than the rest.

    Each time somebody acts, its exposure is compared with the mean exposure of all who
    could have, each weighed by how likely it would be to act if exposure made no
    difference (an offset in the partial likelihood; Cox 1975, Biometrika 62, 269).
    When they act does not matter, so common shocks and bursts are no evidence; nor is
    it that those who are alike know each other (homophily; Shalizi and Thomas 2011,
    Sociol. Methods Res. 40, 211), as far as the weights know what they are alike in.
    The odds hold at every moment, so looking daily costs nothing: if exposure makes no
    difference, they exceed ``exp(h)`` with probability ``exp(-h)`` at most (Ville's
    inequality for a mixture of martingales; Ramdas et al. 2023, Stat. Sci. 38, 576).
    """

    def __init__(self) -> None:
        self.observed = 0.0
        self.expected = 0.0
        self._log_odds = np.zeros(len(ODDS))

    def add(self, exposure: float, mean: float) -> None:
        """Take one act.

        Parameters
        ----------
        exposure
            How exposed its doer was, 0..1.
        mean
            How exposed all who could have acted were, weighed by how likely each was to
            act without exposure, 0..1.
        """
        self.observed += exposure
        self.expected += mean
        self._log_odds += np.log1p((ODDS - 1.0) * exposure)
        self._log_odds -= np.log1p((ODDS - 1.0) * mean)

    @property
    def effect(self) -> float:
        """How many times as exposed as expected those who acted were; 0 before any."""
        return self.observed / self.expected if self.expected > 0.0 else 0.0

    @property
    def nats(self) -> float:
        """The logarithm of the odds for copying."""
        most = float(self._log_odds.max())
        return most + math.log(float(np.exp(self._log_odds - most).mean()))


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
