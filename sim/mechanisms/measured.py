"""What mechanisms add to what is measured: measures of a day, outcomes of a run."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sim.utils.errors import InputError


class OwnMeasure(NamedTuple):
    """A number of every day, from the columns of a society."""

    name: str
    unit: str
    function: Callable[..., Any]
    reads: tuple[str, ...]  # columns, by full names

    @property
    def meaning(self) -> str:
        """What it is: the first line of its function's docstring."""
        return first_line(self.function)


class OwnOutcome(NamedTuple):
    """A number of a finished run."""

    name: str
    unit: str
    function: Callable[..., Any]

    @property
    def meaning(self) -> str:
        """What it is: the first line of its function's docstring."""
        return first_line(self.function)


def first_line(function: Callable[..., Any]) -> str:
    """Return what a docstring says first that a function returns."""
    text = (function.__doc__ or "").strip().partition("\n")[0]
    return text.removesuffix(".").removeprefix("Return ")


def outcomes_of(run: Any, mechanisms: Iterable[Any]) -> dict[str, float]:
    """Return the outcomes that mechanisms add, by name.

    Parameters
    ----------
    run
        What their functions are given.
    mechanisms
        Whose they are.

    Raises
    ------
    InputError
        If a function breaks, or returns no number.
    """
    return {
        name: number_of(f"{one.name}: outcome {name!r}", outcome.function, run)
        for one in mechanisms
        for name, outcome in one.outcomes.items()
    }


def number_of(what: str, function: Callable[..., Any], given: Any) -> float:
    """Return the number that a user's function returns; None is nan.

    Raises
    ------
    InputError
        If it breaks, or returns something else.
    """
    try:
        found = function(given)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what} broke ({type(error).__name__}): {error}") from error
    if found is None:
        return math.nan
    if isinstance(found, numbers.Real) or getattr(found, "shape", None) == ():
        return float(found)
    raise InputError(f"{what} is a number, not {found!r:.60}")
