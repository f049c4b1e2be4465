"""Who of the humans of a run is there, where mechanisms let people come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sim.model.presence import ALIVE, DEAD, MOVED_AWAY, PRESENT, TO_COME
from sim.utils.typing import Array

if TYPE_CHECKING:
    from sim.runs.result import Result


def comes_and_goes(humans: pd.DataFrame) -> bool:
    """Tell whether a table of humans is of a society in which people come and go."""
    return "life" in humans


def those_there(humans: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of humans who were there on its day."""
    return humans[humans["life"] == ALIVE] if comes_and_goes(humans) else humans


def numbers_there(result: Result, *steps: int) -> Array:
    """Return ``int[any]``: the humans who were there on any of some snapshot days."""
    numbers = [those_there(result.humans(step)).index.to_numpy() for step in steps]
    return np.unique(np.concatenate(numbers))


def heads(result: Result) -> Any:
    """Return how many humans there are: on each day (a series), if that changes."""
    return result.series.get(PRESENT, result.population)


def changes(result: Result) -> bool:
    """Tell whether people come and go, by the measures of a run's days."""
    return PRESENT in result.series


def at_start(result: Result) -> int:
    """Return how many humans there were on day 0."""
    if not changes(result):
        return int(result.population)
    parameters = result.provenance["parameters"]
    return int(parameters.get("humans", result.population))


def came_and_went(result: Result) -> dict[str, int]:
    """Return how many people came and went; nothing of a run in which nobody does.

    Returns
    -------
    dict of str to int
        ``there``, ``died``, ``moved away``, ``born`` and ``moved in`` by the last
        snapshot.
    """
    humans = result.humans()
    if not comes_and_goes(humans):
        return {}
    life, is_new = humans["life"], humans["came_step"] > 0
    is_child = humans["parent"] >= 0
    counted = {
        "there": life == ALIVE,
        "died": life == DEAD,
        "moved away": life == MOVED_AWAY,
        "born": is_new & is_child,
        "moved in": is_new & ~is_child & (life != TO_COME),
    }
    return {name: int(flags.sum()) for name, flags in counted.items()}
