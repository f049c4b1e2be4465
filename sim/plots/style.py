"""Style of figures, and saving them.

Colours are those of Okabe & Ito (2008), which people with any colour vision can tell
apart. No global matplotlib state is read or changed.

A figure is drawn for a screen, or for a column of a journal (``preset``): it is then as
wide as the column, texts are seven tenths of their size on a screen, and room for words
is found by matplotlib's constrained layout.
"""

from __future__ import annotations

import functools
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib import ft2font
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.runs import view
from sim.runs.result import Result
from sim.utils.errors import InputError, nearest
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
BENEATH = 12.6  # letters an inch of the line below a title, on a screen
IN_COLUMN = 0.7  # size of texts and strokes in a column of a journal
MOST_OF_A_RUN = 110  # letters of what it is called
APART = 1.5  # lines, from one label at the end of a curve to the next
DIM = 0.35  # luminance, 0..1, above which a colour is too light for words
ABOVE = 22  # letters of labels, up to which a legend in a narrow column has two columns
PRINTED = 300  # dots per inch of a preset
SECOND = 0.19  # inches of the second line of a title on a screen
HEAD = 0.7  # inches of a title and a note on a screen, which heights count
NO_GLYPH = r"Glyph \d+ \(.*\) missing from"  # a warning of matplotlib
SCALED = (  # settings of matplotlib in points
    *("font.size", "axes.linewidth", "axes.labelpad", "axes.titlepad"),
    *("grid.linewidth", "patch.linewidth"),
    *(f"{axis}tick.major.{what}" for axis in "xy" for what in ("size", "width", "pad")),
)
# Inches: 89 and 183 mm, one and two columns as Nature asks for them. Columns of other
# journals differ from these by some millimetres.
PRESETS = {"single": 3.5, "double": 7.2}
_preset: ContextVar[str] = ContextVar("preset", default="")


# Words of scripts that run from right to left, with the spaces, marks and digits
# between them, and the dots of those cut short.
_RTL = "\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff"
_RTL = f"[{_RTL}\U0001e800-\U0001efff]+"
_LEFTWARD = re.compile(rf"{_RTL}(?:[ \d.'\"-]+{_RTL})*(?:\.\.\.)?")


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
def preset(name: str | None) -> Iterator[None]:
    """Draw figures for a column of a journal, as long as this is open.

    They are as wide as the column, have texts of 6 to 9 points, and 300 dots an inch
    if saved as PNG. A PDF carries its fonts as TrueType.

    Parameters
    ----------
    name
        ``"single"`` (3.5 inches, 89 mm), ``"double"`` (7.2 inches, 183 mm), or None
        for figures as on a screen.

    Raises
    ------
    InputError
        If there is no such preset; from a figure, if it has no layout for it.

    Examples
    --------
    >>> import sim
    >>> from sim import plots
    >>> run = sim.load("results/runs/her")  # doctest: +SKIP
    >>> with plots.preset("single"):  # doctest: +SKIP
    ...     plots.save(plots.timeline(run), "timeline.pdf")
    """
    if name is not None and name not in PRESETS:
        known = " and ".join(PRESETS)
        hint = nearest(str(name), tuple(PRESETS))
        raise InputError(f"there is no preset {name!r}{hint}; there are {known}")
    before = _preset.set(name or "")
    try:
        yield
    finally:
        _preset.reset(before)


def in_column() -> bool:
    """Return whether a figure is for a column of a journal, or for two."""
    return bool(_preset.get())


def narrow() -> bool:
    """Return whether a figure is for a single column."""
    return _preset.get() == "single"


def points(size: float) -> float:
    """Return the size of a text that has so many points on a screen."""
    return size * IN_COLUMN if in_column() else size


def small() -> float:
    """Return the points of a small text."""
    return points(SMALL)


def usual() -> float:
    """Return the points of a usual text."""
    return points(USUAL)


def large() -> float:
    """Return the points of a title."""
    return points(LARGE)


def letters(share: float = 1.0, size: float = SMALL) -> int:
    """Return how many letters of a size go into a share of the width of a figure."""
    width = PRESETS.get(_preset.get(), WIDE)
    return int(share * width * LETTERS * LARGE / points(size))


def margins(figure: Figure, *sides: float, **options: float) -> None:
    """Leave room for words on a screen; in a column, the layout finds it."""
    if not in_column():
        figure.subplots_adjust(*sides, **options)


@contextmanager
def _own_settings() -> Iterator[None]:
    """Draw with matplotlib's own settings, whatever a matplotlibrc or a style says."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A sign that no font has is drawn as a box, which says as much.
        warnings.filterwarnings("ignore", NO_GLYPH, UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams["svg.hashsalt"] = "os-society"
        matplotlib.rcParams["pdf.fonttype"] = 42  # TrueType, as journals ask for
        if in_column():
            settings: Any = matplotlib.rcParams
            for name in SCALED:
                settings[name] *= IN_COLUMN
        yield


def in_own_settings(draw: Callable[Given, Made]) -> Callable[Given, Made]:
    """Decorate a function that draws, so that it looks the same for everybody."""

    @functools.wraps(draw)
    def drawn(*args: Given.args, **keywords: Given.kwargs) -> Made:
        with _own_settings():
            made = draw(*args, **keywords)
            if in_column() and isinstance(made, Figure):
                _thin(made)
            return made

    return drawn


def _thin(figure: Figure) -> None:
    """Give strokes and signs the size that goes with the texts of a column."""
    legends = [axis.get_legend() for axis in figure.axes] + list(figure.legends)
    signs = [sign for one in legends if one for sign in one.legend_handles]
    lines = [line for axis in figure.axes for line in axis.lines]
    for line in [*lines, *(one for one in signs if isinstance(one, Line2D))]:
        line.set_linewidth(line.get_linewidth() * IN_COLUMN)
        line.set_markersize(line.get_markersize() * IN_COLUMN)
    for axis in figure.axes:
        for some in axis.collections:
            some.set_linewidth((np.asarray(some.get_linewidth()) * IN_COLUMN).tolist())
            if isinstance(some, PathCollection):
                some.set_sizes(some.get_sizes() * IN_COLUMN**2)
        for patch in axis.patches:
            patch.set_linewidth(patch.get_linewidth() * IN_COLUMN)


title_of = view.title_of


def about(result: Result, note: str = "") -> str:
    """Return the line below a finding: which run it is of, and what is drawn."""
    run = textwrap.shorten(title_of(result), MOST_OF_A_RUN, placeholder=" ...")
    return f"{run}; {note}" if note else run


def plain(text: str) -> str:
    """Return a text that matplotlib takes for a text, not for mathematics.

    What runs from right to left in it keeps to its place (UAX 9, isolates), where
    matplotlib draws it so: before 3.11 it does not, and would draw the marks as boxes.
    """
    text = text.replace("$", r"\$")
    both_ways = hasattr(ft2font, "__libraqm_version__")
    return _LEFTWARD.sub(_isolated, text) if both_ways else text


def _isolated(found: re.Match[str]) -> str:
    """Return words with marks around them that no font draws."""
    return f"\N{FIRST STRONG ISOLATE}{found.group()}\N{POP DIRECTIONAL ISOLATE}"


def result_of(source: Result | Society) -> Result:
    """Return what is drawn: a stored run, or a running society read like one."""
    if isinstance(source, Result):
        return source
    from sim.runs.live import LiveResult

    if not hasattr(source, "monitor"):
        what = textwrap.shorten(repr(source), 80, placeholder=" ...")
        raise InputError(f"a figure is of a run (sim.load) or a society, not {what}")
    return LiveResult(source)


def blank(
    width: float,
    height: float,
    title: str,
    note: str = "",
    column: float = 0.0,
    lines: int = 3,
) -> Figure:
    """Return an empty figure of so many inches, with a title and a line below it.

    On a screen, a title that is too long for one line takes two, and title and note
    together at most ``lines``, 3 or 4.

    For a column of a journal it is as wide as that. ``height`` is then that of the
    figure in two columns, and ``column`` in one, if texts had their size of a screen;
    if it is negative, one column has no room for it, and without it no journal's has.
    """
    if in_column():
        return _in_column(column if narrow() or not column else height, title, note)
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    top, left = 1 - 0.1 / height, 0.12 / width
    style: dict[str, Any] = {"placeholder": " ...", "break_on_hyphens": False}
    title = " ".join(title.split())
    titles = textwrap.wrap(title, int(LETTERS * width), max_lines=2, **style)
    words = plain("\n".join(titles))
    figure.suptitle(words, x=left, y=top, ha="left", va="top", fontsize=LARGE)
    most = min(2, lines - len(titles))
    notes = textwrap.wrap(note, int(BENEATH * width), max_lines=most, **style)
    if notes:
        more = SECOND if len(titles) > 1 else 0.0
        under, text = 1 - (0.42 + more) / height, plain("\n".join(notes))
        figure.text(left, under, text, fontsize=SMALL, va="top", linespacing=1.35)
    return figure


def _in_column(height: float, title: str, note: str) -> Figure:
    """Return an empty figure with a title and a note on as many lines as they take."""
    if height <= 0.0:
        takes = "the preset double" if height < 0.0 else "no preset"
        raise InputError(
            f"the preset {_preset.get()} has no room for this figure, which takes "
            f"{takes}"
        )
    width = PRESETS[_preset.get()]
    titles = textwrap.wrap(title, letters(0.97, LARGE), max_lines=4, placeholder=" ...")
    notes = textwrap.wrap(note, letters(0.97), max_lines=5, placeholder=" ...")
    under = 0.07 + 1.3 * large() / 72 * len(titles)
    head = under + 1.4 * small() / 72 * len(notes) + 0.06
    tall = (height - HEAD) * IN_COLUMN + head
    figure = Figure(figsize=(width, tall), dpi=PRINTED)
    FigureCanvasAgg(figure)
    room = (0.0, 0.0, 1.0, 1.0 - head / tall)
    figure.set_layout_engine("constrained", rect=room, h_pad=0.03, w_pad=0.03)
    place: dict[str, Any] = {"ha": "left", "va": "top"}
    left, top = 0.05 / width, 1.0 - 0.05 / tall
    words = plain("\n".join(titles))
    figure.suptitle(words, x=left, y=top, fontsize=large(), **place)
    place |= {"linespacing": 1.35, "fontsize": small()}
    figure.text(left, 1.0 - under / tall, plain("\n".join(notes)), **place)
    return figure


def frame(axis: Axes, x: str = "", y: str = "") -> None:
    """Label an axis, and leave of its frame what helps to read it."""
    axis.set_xlabel(plain(x), fontsize=usual())
    axis.set_ylabel(plain(y), fontsize=small())
    axis.grid(axis="y", color=PALE, linewidth=points(0.8))
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def days_across(axis: Axes, first: int, last: int) -> None:
    """Let an axis show whole days from the first to the last."""
    axis.set_xlim(first, max(first + 1, last))
    axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def beside(
    axis: Axes, handles: Iterable[Any] | None = None, right: float = 1.01
) -> None:
    """Put the legend to the right of an axis, where it covers nothing.

    In a single column it goes above the axis.
    """
    if handles is None:
        handles = axis.get_legend_handles_labels()[0]
    shown = list(handles)
    if not shown:
        return
    names = [str(handle.get_label()) for handle in shown]
    style: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (right, 1.0)}
    wide = BESIDE
    if narrow():
        wide, style = letters(0.75), _above(names)
    short = [textwrap.shorten(name, 4 * BESIDE, placeholder=" ...") for name in names]
    labels = [plain(textwrap.fill(name, wide)) for name in short]
    axis.legend(shown, labels, frameon=False, fontsize=small(), **style)


def label_ends(axis: Axes, least: float | None = None) -> None:
    """Write what curves are to the right of an axis, where they end.

    In a single column, a legend above the axis says it. The limits of the axis are to
    be set before; a curve without a name, or with no value, gets no label.

    Parameters
    ----------
    axis
        The axis.
    least
        How far labels are apart at least, of the axis's height; None takes what lines
        of text need.
    """
    if narrow():
        beside(axis)
        return
    if least is None:
        tall = axis.bbox.height / axis.get_figure(root=True).dpi  # type: ignore
        least = APART * small() / 72.0 / tall
    curves = [line for line in axis.lines if not str(line.get_label()).startswith("_")]
    ends = [(line, *_end(line)) for line in curves if np.isfinite(_end(line)[1])]
    low, high = axis.get_ylim()
    edge = axis.get_xlim()[1]
    heights = [(y - low) / (high - low) for _, _, y in ends]
    places = spaced(heights, least, 1.05)
    look: dict[str, Any] = {"linewidth": 0.8, "transform": axis.transAxes}
    for (line, x, y), end, at in zip(ends, heights, places, strict=True):
        colour = str(line.get_color())
        ink = colour if luminance(colour) <= DIM else BLACK
        words = plain(str(line.get_label()))
        place: dict[str, Any] = {"transform": axis.transAxes, "va": "center"}
        axis.text(1.02, at, words, color=ink, fontsize=small(), **place)
        axis.plot([1.002, 1.016], [end, at], color=colour, clip_on=False, **look)
        if x < edge:  # the curve ends before the axis does
            axis.plot([x, edge], [y, y], ":", color=colour, linewidth=0.8)


def _end(line: Line2D) -> tuple[float, float]:
    """Return where the last value of a curve is, x and y; nan if it has none."""
    x, y = (np.asarray(values, float) for values in line.get_data())
    known = np.flatnonzero(np.isfinite(y))
    return (float(x[known[-1]]), float(y[known[-1]])) if len(known) else (np.nan,) * 2


def luminance(colour: str) -> float:
    """Return how light a colour is, 0..1 (relative luminance of WCAG 2).

    >>> round(luminance("#FFFFFF"), 2), round(luminance("#0072B2"), 2)
    (1.0, 0.15)
    """
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def spaced(values: Sequence[float], least: float, most: float = np.inf) -> list[float]:
    """Return places near some values and at least so far apart, in the same order.

    None is above ``most``, as long as there is room below.

    >>> spaced([0.0, 0.05, 1.0], 0.1)
    [0.0, 0.1, 1.0]
    >>> spaced([0.75, 1.0, 1.0], 0.25, most=1.0)
    [0.5, 0.75, 1.0]
    """
    order = np.argsort(values, kind="stable")
    found = np.array(values, float)
    floor = -np.inf
    for at in order:
        found[at] = max(found[at], floor)
        floor = found[at] + least
    ceiling = most
    for at in order[::-1]:
        found[at] = min(found[at], ceiling)
        ceiling = found[at] - least
    places: list[float] = found.tolist()
    return places


def _above(names: list[str]) -> dict[str, Any]:
    """Return where a legend stands above an axis: in two columns, if they are short."""
    columns = 2 if max(map(len, names)) <= ABOVE else 1
    place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": columns}
    return place | {"borderpad": 0.1, "handlelength": 1.6, "columnspacing": 1.2}


def below(figure: Figure, handles: list[Any], columns: int, **look: Any) -> None:
    """Put a legend at the foot of a figure, in so many columns; if narrow, in fewer."""
    style: dict[str, Any] = {"frameon": False, "fontsize": small(), "ncols": columns}
    names = [str(handle.get_label()) for handle in handles]
    if narrow() and columns > 2:
        style["ncols"] = 2 if max(map(len, names), default=0) <= ABOVE else 1
    style["loc"] = "outside lower center" if in_column() else "lower center"
    figure.legend(handles, [plain(name) for name in names], **(style | look))


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
