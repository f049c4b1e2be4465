"""Style of figures, and saving them.

Colours are those of Okabe & Ito (2008), which people with any colour vision can tell
apart. No global matplotlib state is read or changed.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.runs import view
from sim.runs.result import Result
from sim.utils.errors import InputError
from sim.utils.files import replacing
from sim.utils.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.society import Society


Given = ParamSpec("Given")
Made = TypeVar("Made")
BLACK, GREY, PALE = "#000000", "#8A8A8A", "#E4E4E4"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, RED, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
SHADES = "cividis"  # of a number: rises in lightness, same for any colour vision
FORMATS = ("png", "svg", "pdf")
DOTS_PER_INCH = 110
WIDE = 12.0  # inches: 1,320 dots
SMALL, USUAL, LARGE = 10, 11, 13  # points
LETTERS, BESIDE = 9.0, 27  # of a title, an inch; of a line of a legend beside an axis


class Glyph(NamedTuple):
    """How one kind of agent is drawn; marker and size as the drawing library has it."""

    label: str
    marker: str
    size: float
    fill: str
    edge: str = "none"


class Curve(NamedTuple):
    """How one column of a run's series is drawn."""

    column: str
    label: str
    colour: str
    dash: str = "-"
    factor: float = 1.0  # from the column's unit to the figure's


class TieLook(NamedTuple):
    """How one kind of tie is drawn."""

    label: str
    colour: str
    alpha: float


HUMAN = Glyph("human", "o", 26, SKY, "white")
SINGLE = Glyph("OS on its own", "^", 34, ORANGE, "white")
JOINED = Glyph("OS in a collective", "^", 34, GREEN, "white")
GONE = Glyph("OS departed", "^", 30, "none", GREY)
AGENTS = (HUMAN, SINGLE, JOINED, GONE)
TIE_KINDS = (
    TieLook("human and human", BLUE, 0.5),
    TieLook("human and OS", RED, 0.6),
    TieLook("OS and OS", GREEN, 0.25),
)


@contextmanager
def _own_settings() -> Iterator[None]:
    """Draw with matplotlib's own settings, whatever a matplotlibrc or a style says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["svg.hashsalt"] = "os-society"
        matplotlib.rcParams["pdf.fonttype"] = 42  # TrueType, as journals ask for
        yield


def in_own_settings(draw: Callable[Given, Made]) -> Callable[Given, Made]:
    """Decorate a function that draws, so that it looks the same for everybody."""

    @functools.wraps(draw)
    def drawn(*args: Given.args, **keywords: Given.kwargs) -> Made:
        with _own_settings():
            return draw(*args, **keywords)

    return drawn


title_of = view.title_of


def plain(text: str) -> str:
    """Return a text that matplotlib takes for a text, not for mathematics."""
    return text.replace("$", r"\$")


def result_of(source: Result | Society) -> Result:
    """Return what is drawn: a stored run, or a running society read like one."""
    if isinstance(source, Result):
        return source
    from sim.runs.live import LiveResult

    if not hasattr(source, "monitor"):
        what = textwrap.shorten(repr(source), 80, placeholder=" ...")
        raise InputError(f"a figure is of a run (sim.load) or a society, not {what}")
    return LiveResult(source)


def blank(width: float, height: float, title: str, note: str = "") -> Figure:
    """Return an empty figure of so many inches, with a title and a line below it."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    top, left = 1 - 0.1 / height, 0.12 / width
    title = plain(textwrap.shorten(title, int(LETTERS * width), placeholder=" ..."))
    figure.suptitle(title, x=left, y=top, ha="left", va="top", fontsize=LARGE)
    if note:
        under = 1 - 0.42 / height
        figure.text(
            left, under, plain(note), fontsize=SMALL, va="top", linespacing=1.35
        )
    return figure


def frame(axis: Axes, x: str = "", y: str = "") -> None:
    """Label an axis, and leave of its frame what helps to read it."""
    axis.set_xlabel(plain(x), fontsize=USUAL)
    axis.set_ylabel(plain(y), fontsize=SMALL)
    axis.grid(axis="y", color=PALE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def days_across(axis: Axes, first: int, last: int) -> None:
    """Let an axis show whole days from the first to the last."""
    axis.set_xlim(first, max(first + 1, last))
    axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def beside(
    axis: Axes, handles: Iterable[Any] | None = None, right: float = 1.01
) -> None:
    """Put the legend to the right of an axis, where it covers nothing."""
    if handles is None:
        handles = axis.get_legend_handles_labels()[0]
    shown = list(handles)
    names = [str(handle.get_label()) for handle in shown]
    short = [textwrap.shorten(name, 4 * BESIDE, placeholder=" ...") for name in names]
    labels = [plain(textwrap.fill(name, BESIDE)) for name in short]
    style: dict[str, Any] = {"loc": "upper left", "frameon": False, "fontsize": SMALL}
    if shown:
        axis.legend(shown, labels, bbox_to_anchor=(right, 1.0), **style)


def below(figure: Figure, handles: list[Any], columns: int) -> None:
    """Put a legend at the foot of a figure."""
    style: dict[str, Any] = {"frameon": False, "fontsize": SMALL, "ncols": columns}
    figure.legend(handles=handles, loc="lower center", **style)


def spot(look: Glyph, label: str | None = None) -> Line2D:
    """Return the sign of a kind of agent, for a legend."""
    return Line2D(
        [],
        [],
        linestyle="",
        marker=look.marker,
        markerfacecolor=look.fill,
        markeredgecolor=look.edge,
        markersize=8,
        label=label or look.label,
    )


def stroke(colour: str, label: str, **style: Any) -> Line2D:
    """Return the sign of a kind of line, for a legend."""
    return Line2D([], [], color=colour, label=label, **({"linewidth": 2} | style))


@checked_arguments()
def save(figure: Figure, path: str | Path) -> Path:
    """Save a figure whole or not at all; the suffix names the format.

    Raises
    ------
    InputError
        If the suffix is no format of ours, or nothing can be written there.
    """
    path = Path(path)
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise InputError(f"cannot draw {path}: use one of .{', .'.join(FORMATS)}")
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with replacing(path) as part, _own_settings():
        figure.savefig(part, format=kind, metadata=undated)
    return path
