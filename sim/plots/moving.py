"""The network as a film: a frame a snapshot day, everyone staying in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.errors import InputError
from sim.files import replacing
from sim.plots import style
from sim.plots.staging import NetworkLayout, draw, legend, scene
from sim.plots.style import BLACK, BLUE, GREY, ORANGE, RED
from sim.results import Result
from sim.signatures import checked_arguments

FILMS = ("gif", "mp4")
FILM_DOTS = 80  # per inch
CURVES = (
    ("adopted", "humans with an OS", BLUE),
    ("peer_attention", "OSes' talk with OSes", ORANGE),
    ("departed", "OSes departed", RED),
)


@checked_arguments()
def animate(
    result: Result,
    path: str | Path,
    steps: Sequence[int] | None = None,
    per_second: int = 4,
) -> Path:
    """Write the network over time as a film, whole or not at all.

    Parameters
    ----------
    result
        A run. Of a large one a neighbourhood is drawn, which the film says.
    path
        Where to write it: ``.gif``, or ``.mp4`` where the program ffmpeg is found.
    steps
        Snapshot days, one a frame; None takes all there are.
    per_second
        Frames a second.

    Raises
    ------
    InputError
        If the suffix is no film of ours, ffmpeg is not found, there is no snapshot of
        a day, or nothing can be written there.
    """
    path = Path(path)
    writer = _writer(path, per_second)
    days = result.steps if steps is None else list(steps)
    shown = scene(result, days)
    figure = _stage(result, shown)
    network, story = figure.axes
    cursor = story.axvline(days[0], color=BLACK, linewidth=1.6)
    with (
        replacing(path, path.suffix) as part,
        writer.saving(figure, str(part), FILM_DOTS),
    ):
        for day in days:
            network.clear()
            draw(network, result, day, shown, 1.1)
            network.set_title(f"day {day}", fontsize=style.LARGE, loc="left")
            cursor.set_xdata([day, day])
            writer.grab_frame()
    return path


def _writer(path: Path, per_second: int) -> AbstractMovieWriter:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FILMS:
        raise InputError(f"cannot film {path}: use one of .{', .'.join(FILMS)}")
    if kind == "gif":
        return PillowWriter(fps=per_second)
    if not FFMpegWriter.isAvailable():
        raise InputError(f"cannot film {path}: ffmpeg is not found; a .gif needs none")
    return FFMpegWriter(fps=per_second)


def _stage(result: Result, shown: NetworkLayout) -> Figure:
    """Return a figure with room for the network, and the story's curves below it."""
    note = f"{shown.who}; departed OSes fade"
    figure = style.blank(10.0, 10.6, style.title_of(result), note)
    rows: dict[str, Any] = {"height_ratios": [7.4, 1.3], "hspace": 0.13}
    figure.subplots(2, 1, gridspec_kw=rows)
    figure.subplots_adjust(0.06, 0.11, 0.98, 0.905)
    _draw_story(figure.axes[1], result)
    style.below(figure, legend(), 4)
    return figure


def _draw_story(axis: Axes, result: Result) -> None:
    for name, label, colour in CURVES:
        if name in result.series:
            values = 100.0 * result.series[name]
            if name == "departed":
                values = values / result.population
            axis.plot(values, color=colour, linewidth=1.6, label=label)
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 0.96)}
    if axis.lines:
        axis.legend(ncols=3, frameon=False, fontsize=style.SMALL, **place)
    style.frame(axis, "day", "%")
    axis.set_ylim(0, 105)
    axis.spines["left"].set_color(GREY)
    style.days_across(axis, result.steps[0], result.steps[-1])
