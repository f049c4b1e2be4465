"""Who is close to whom: on one day, on telling days side by side, and over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.errors import InputError
from sim.plots import style
from sim.plots.staging import CLOSEST_DRAWN, NetworkLayout, draw, legend, scene
from sim.results import Result
from sim.sampling import moments, telling
from sim.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.model import Society

MOST_PANELS = 9


@checked_arguments()
def network(
    source: Result | Society,
    steps: int | Sequence[int] | None = None,
    shown: NetworkLayout | None = None,
) -> Figure:
    """Draw who is close to whom on some days, everyone staying in place.

    Parameters
    ----------
    source
        A run, or a society as it is now. Of one over ``staging.MOST_DRAWN`` agents a
        neighbourhood is drawn, which the figure says.
    steps
        A snapshot day, or several; None chooses an early one, the eve of the
        departure (or the peak of ties among OSes) and the end.
    shown
        Who is drawn and where, to keep a layout over several figures.

    Raises
    ------
    InputError
        If there is no snapshot of one of ``steps``, or no day is given.
    """
    result = style.result_of(source)
    days = [steps] if isinstance(steps, int) else steps
    named = moments(result) if days is None else dict.fromkeys(days, "")
    if not named:
        raise InputError("give at least one snapshot day to draw")
    days, shown = list(named), shown or scene(result, list(named))
    single = len(days) == 1
    width, height = (10.0, 9.4) if single else (5.0 * len(days), 6.9)
    figure = style.blank(width, height, style.title_of(result), _caption(shown))
    top = 1 - 0.95 / height
    figure.subplots_adjust(0.01, 0.75 / height, 0.99, top, wspace=0.02)
    axes = figure.subplots(1, len(days), squeeze=False, sharex=True, sharey=True)[0]
    for axis, day in zip(axes, days, strict=True):
        _panel(axis, result, day, shown, 1.4 if single else 1.0)
        if named[day]:
            axis.set_title(f"{named[day]}: day {day}", fontsize=12)
    style.below(figure, legend(), 4)
    return figure


@checked_arguments()
def multiples(
    source: Result | Society, steps: Sequence[int] | None = None, most: int = 0
) -> Figure:
    """Draw the network on up to nine days, in rows, everyone staying in place.

    Parameters
    ----------
    source
        A run.
    steps
        Snapshot days, in order; None takes more of them when more changes.
    most
        How many agents there is room for (``staging.MOST_DRAWN``).

    Raises
    ------
    InputError
        If there is no snapshot of one of ``steps``, or more than there is room for.
    """
    result = style.result_of(source)
    days = telling(result, MOST_PANELS) if steps is None else list(steps)
    if not 0 < len(days) <= MOST_PANELS:
        raise InputError(f"there is room for 1 to {MOST_PANELS} days, not {len(days)}")
    shown = scene(result, days, most)
    across = min(3, len(days))
    down = math.ceil(len(days) / across)
    height = 1.75 + 3.9 * down
    figure = style.blank(style.WIDE, height, style.title_of(result), _caption(shown))
    top, bottom = 1 - 0.95 / height, 0.75 / height
    figure.subplots_adjust(0.01, bottom, 0.99, top, wspace=0.02, hspace=0.1)
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for axis in grid.flat[len(days) :]:
        axis.set_axis_off()
    for axis, day in zip(grid.flat, days, strict=False):
        _panel(axis, result, day, shown, 0.75)
    style.below(figure, legend(), 4)
    return figure


def _panel(
    axis: Axes, result: Result, day: int, shown: NetworkLayout, scale: float = 1.0
) -> None:
    draw(axis, result, day, shown, scale)
    axis.set_title(f"day {day}", fontsize=12)


def _caption(shown: NetworkLayout) -> str:
    close = f"ties of closeness {CLOSEST_DRAWN:g} or more, wider when closer"
    return f"{shown.who}; {close}; departed OSes fade"
