"""Thresholds of alarm-raising detectors, as calibrated on nulls, with provenance."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).parent / "thresholds.json"


class Threshold(NamedTuple):
    """What an alarm takes, and how often it is false."""

    threshold: float  # in the unit of the detector's statistic
    bound: float  # false alarms per 1,000 steps: 95 % upper bound on the worst null


NONE = Threshold(0.0, 0.0)  # of what raises no alarms


@functools.cache
def read() -> dict[str, Any]:
    """Return the shipped file: provenance and the thresholds by kind of event."""
    if not FILE.exists():
        return {"thresholds": {}}
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def of(kind: str) -> Threshold:
    """Return the threshold of a kind of event.

    A detector of your own that is not in the file sets its own threshold; until it
    is calibrated, every step may be a false alarm.
    """
    found = read()["thresholds"].get(kind)
    if found is None:
        return Threshold(0.0, 1000.0)
    return Threshold(float(found["threshold"]), float(found["bound"]))
