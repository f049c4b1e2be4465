"""Ground and sky over time: small multiples of some days, and a film of all."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from sim.plots import findings, stories, style
from sim.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from sim.runs import headcount
from sim.runs.result import Result
from sim.runs.selection import informative_days
from sim.runs.view.chapters import headline, moment
from sim.utils.errors import InputError
from sim.utils.files import replacing
from sim.utils.progress import counted
from sim.utils.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.society import Society

MOST_PANELS = 9
FILMS = ("gif", "mp4")
FILM_DOTS = 80  # per inch
CURVES = (
    ("adopted", "humans with an OS", BLUE),
    ("peer_attention", "OSes' talk with OSes", ORANGE),
    ("departed", "OSes departed", RED),
)


OWN = ("#FFFFFF", BLACK, GREY, ORANGE, SKY, GREEN, BLUE, RED, PURPLE)
ALIKE = 8  # of 255: the Pillow library looks up colours of a palette by some bits only
SAMPLED = 8  # frames, of which the other colours of a GIF are taken


class GifWriter(PillowWriter):
    """Writes a GIF with one palette for all frames, the colours of signs among it.

    A palette by how often colours occur turns that of few dots into grey.
    """

    _frames: list[Image.Image]

    def finish(self) -> None:
        """Write the file."""
        frames = [frame.convert("RGB") for frame in self._frames]
        palette = _palette(frames)
        first, *others = (
            frame.quantize(palette=palette, dither=Image.Dither.NONE)
            for frame in frames
        )
        kept: dict[str, Any] = {"save_all": True, "append_images": others, "loop": 0}
        first.save(self.outfile, duration=int(1000 / self.fps), **kept)


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """Return an image whose palette has our own colours, and those of some frames."""
    own = [ImageColor.getrgb(name) for name in OWN]
    some = frames[:: math.ceil(len(frames) / SAMPLED)]
    wide, high = some[0].size
    sheet = Image.new("RGB", (wide, high * len(some)))
    for at, frame in enumerate(some):
        sheet.paste(frame, (0, at * high))
    flat = sheet.quantize(256 - len(OWN)).getpalette() or []
    others = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    apart = [one for one in others if not any(_alike(one, other) for other in own)]
    made = Image.new("P", (1, 1))
    made.putpalette([channel for colour in (*own, *apart) for channel in colour])
    return made


def _alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Tell whether one colour would be taken for another."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= ALIKE


@checked_arguments()
@style.in_own_settings
def multiples(source: Result | Society, steps: Sequence[int] | None = None) -> Figure:
    """Draw ground and sky on up to nine days, in rows; people stay in their places.

    The title is the finding, computed from the run, and each day says what marks it.

    Parameters
    ----------
    source
        A run.
    steps
        Snapshot days, in order; None takes more of them when more changes.

    Raises
    ------
    InputError
        If there is no snapshot of one of ``steps``, or more than there is room for.
    """
    result = style.result_of(source)
    days = informative_days(result, MOST_PANELS) if steps is None else list(steps)
    if not 0 < len(days) <= MOST_PANELS:
        raise InputError(f"there is room for 1 to {MOST_PANELS} days, not {len(days)}")
    across = min(2 if style.narrow() else 3, len(days))
    down = math.ceil(len(days) / across)
    height = 1.65 + 2.75 * down
    title, note = _finding(result), style.about(result)
    figure = style.blank(style.WIDE, height, title, note, 1.8 + 2.3 * down)
    style.margins(
        figure,
        *(0.06, 0.66 / height, 0.99, 1 - 1.12 / height),
        wspace=0.04,
        hspace=0.24,
    )
    grid = figure.subplots(down, across, squeeze=False)
    for axis in grid.flat[len(days) :]:
        axis.set_axis_off()
    places = stories.arranged(result)
    for at, day in enumerate(days):
        axis = grid.flat[at]
        drawn = stories.ground_and_sky(result, day, places)
        stories.draw_moment(axis, drawn, first=at % across == 0)
        words = _words(result, day, 0.92 / across)
        axis.set_title(words, fontsize=style.small(), loc="left")
    stories.legend_below(figure)
    return figure


def _finding(result: Result) -> str:
    """Return what became of a run, if it has a day."""
    return findings.of_society(result) if result.series.empty else headline(result)


def _words(result: Result, day: int, share: float = 1.0) -> str:
    """Return what marks a day; in a column, on lines of a share of its width."""
    words = f"day {day:,}: {moment(result, day)}"
    if style.in_column():
        return style.plain(textwrap.fill(words, style.letters(share)))
    return style.plain(textwrap.shorten(words, 56, placeholder=" ..."))


@checked_arguments()
@style.in_own_settings
def animate(
    result: Result,
    path: str | Path,
    steps: Sequence[int] | None = None,
    per_second: int = 4,
) -> Path:
    """Write ground and sky over time as a film, whole or not at all.

    Parameters
    ----------
    result
        A run.
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
    days = [
        result.snapshot_day(day) for day in (result.steps if steps is None else steps)
    ]
    places = stories.arranged(result)
    figure = _stage(result)
    picture, story = figure.axes
    cursor = story.axvline(days[0], color=BLACK, linewidth=1.6)
    with (
        replacing(path, path.suffix) as part,
        writer.saving(figure, str(part), FILM_DOTS),
    ):
        for day in counted(days, "filming", len(days), "frame"):
            picture.clear()
            drawn = stories.ground_and_sky(result, day, places)
            stories.draw_moment(picture, drawn, first=True)
            picture.set_title(_words(result, day), fontsize=style.large(), loc="left")
            cursor.set_xdata([day, day])
            writer.grab_frame()
    return path


def _writer(path: Path, per_second: int) -> AbstractMovieWriter:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FILMS:
        raise InputError(f"cannot film {path}: use one of .{', .'.join(FILMS)}")
    if kind == "gif":
        return GifWriter(fps=per_second)
    if not FFMpegWriter.isAvailable():
        raise InputError(f"cannot film {path}: ffmpeg is not found; a .gif needs none")
    return FFMpegWriter(fps=per_second)


def _stage(result: Result) -> Figure:
    """Return a figure with room for the picture, and the story's curves below it."""
    figure = style.blank(10.0, 8.6, _finding(result), style.about(result))
    rows: dict[str, Any] = {"height_ratios": [5.4, 1.3], "hspace": 0.16}
    figure.subplots(2, 1, gridspec_kw=rows)
    figure.subplots_adjust(0.075, 0.14, 0.98, 0.88)
    _draw_story(figure.axes[1], result)
    stories.legend_below(figure)
    return figure


def _draw_story(axis: Axes, result: Result) -> None:
    for name, label, colour in CURVES:
        if name in result.series:
            values = 100.0 * result.series[name]
            if name == "departed":
                values = values / headcount.heads(result)
            axis.plot(values, color=colour, linewidth=1.6, label=label)
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 0.96)}
    if axis.lines:
        axis.legend(ncols=3, frameon=False, fontsize=style.small(), **place)
    style.frame(axis, "day", "%")
    axis.set_ylim(0, 105)
    axis.spines["left"].set_color(GREY)
    style.days_across(axis, result.steps[0], result.steps[-1])
