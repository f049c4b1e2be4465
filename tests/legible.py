"""What makes a figure hard to read: words that overlap, are cut off or too small."""

from __future__ import annotations

from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

SMALLEST = 8.5  # points
SCREEN = 1200  # dots across
IN_PRINT = 6.0  # points, which journals ask for at least


def words(figure: Figure) -> list[Text]:
    """Return every text that is drawn."""
    found = list(figure.texts)
    for legend in figure.legends:
        found += legend.get_texts()
    for axis in figure.axes:
        found += axis.texts
        legend = axis.get_legend()
        found += legend.get_texts() if legend else []
        found += [axis.title, axis._left_title]
        if axis.axison:
            found += [*along(axis, axis.xaxis), *along(axis, axis.yaxis)]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def along(axes: Axes, axis: Axis) -> list[Text]:
    """Return the label of an axis, and of its ticks those within its limits."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [axis.label, *(label for t in ticks for label in (t.label1, t.label2))]


def complaints(figure: Figure, in_print: bool = False) -> list[str]:
    """Return what is wrong with the words of a figure, on a screen or in print."""
    figure.draw_without_rendering()
    boxes = [(text, text.get_window_extent()) for text in words(figure)]
    boxes = [(text, box) for text, box in boxes if box.width > 0]
    paper = figure.bbox
    wrong = [
        f"cut off: {text.get_text()!r}"
        for text, box in boxes
        if not (paper.x0 <= box.x0 and box.x1 <= paper.x1)
        or not (paper.y0 <= box.y0 and box.y1 <= paper.y1)
    ]
    shown = 1.0 if in_print else min(1.0, SCREEN / paper.width)
    smallest = IN_PRINT if in_print else SMALLEST * 0.85
    wrong += [
        f"too small: {text.get_text()!r}"
        for text, _ in boxes
        if text.get_fontsize() * shown < smallest
    ]
    return wrong + [
        f"overlap: {one.get_text()!r} and {other.get_text()!r}"
        for (one, box), (other, place) in combinations(boxes, 2)
        if box.padded(-1).overlaps(place.padded(-1))
    ]


def unlabelled(figure: Figure) -> list[str]:
    """Return the axes with curves that say not what they measure."""
    return [
        f"axis {number}"
        for number, axis in enumerate(figure.axes)
        if axis.axison
        and axis.lines
        and axis.get_xticks().size
        and not (axis.get_ylabel() or axis.get_title() or axis.get_xlabel())
    ]
