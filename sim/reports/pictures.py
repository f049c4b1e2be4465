"""Figures inside a page: drawn by ``sim.plots``, kept in the page's own bytes."""

from __future__ import annotations

import base64
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sim import plots
from sim.html import Html, element, joined, paragraph, start

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {"svg": "image/svg+xml", "png": "image/png"}


class ReportFigure(NamedTuple):
    """A figure and its words. It is drawn, and looked at, when it is asked for."""

    name: str  # id, unique on the page
    title: str
    caption: str
    draw: Callable[[], Figure]
    tell: Callable[[], str]  # what is seen, from the data


def shown(one: ReportFigure) -> Html:
    """Return a figure under a heading of the third rank, or why there is none."""
    heading = element("h3", one.title, id=one.name)
    try:
        alternative, image = one.tell(), drawn(one.draw)
    except ValueError as error:  # or a run of another version has other columns
        reason = str(error).partition("\n")[0]
        return joined((heading, paragraph(f"Not drawn: {reason}.", class_="note")))
    source, (width, height) = image
    seen = start("img", src=source, alt=alternative, width=width, height=height)
    name = f"{one.title}, figure"
    sheet = element(
        "div", seen, class_="sheet", role="group", aria_label=name, tabindex=0
    )
    caption = element("figcaption", one.caption)
    return joined((heading, element("figure", sheet, caption)))


def drawn(draw: Callable[[], Figure]) -> tuple[str, tuple[int, int]]:
    """Return a figure as a ``data:`` address, as PNG or SVG, and its size in dots.

    The smaller file is taken: a drawing of few strokes is smaller as SVG, one of
    thousands as PNG.
    """
    with warnings.catch_warnings():
        # A name may hold letters that the font has not: boxes take their place.
        warnings.filterwarnings("ignore", "Glyph|Matplotlib currently")
        figure = draw()
        files = _files(figure)
    kind = min(files, key=lambda kind: len(files[kind]))
    text = base64.b64encode(files[kind]).decode("ascii")
    width, height = (round(inches * figure.dpi) for inches in figure.get_size_inches())
    return f"data:{KINDS[kind]};base64,{text}", (width, height)


def _files(figure: Figure) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        places = {kind: Path(folder) / f"figure.{kind}" for kind in KINDS}
        return {
            kind: plots.save(figure, place).read_bytes()
            for kind, place in places.items()
        }
