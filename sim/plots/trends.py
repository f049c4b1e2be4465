"""Trends of OSes: growth, hours given, staying (survival)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.model import rules
from sim.model.columns import DEPARTED, HERE, OFFLINE, OWNER, SHUT_DOWN, UNINSTALLED
from sim.model.parameters import recorded
from sim.plots import findings, style
from sim.plots.style import BLACK, BLUE, GREEN, ORANGE, RED, SKY
from sim.runs import headcount
from sim.runs.result import Result
from sim.utils.errors import InputError, legible
from sim.utils.signatures import checked_arguments
from sim.utils.stats import Interval, kaplan_meier, median_interval

if TYPE_CHECKING:
    from sim.society import Society


Array = npt.NDArray[np.float64]

PULL = "attention_weight"  # the rule
MOST_CURVES = 60
BAND = (0.1, 0.5, 0.9)  # quantiles: a band, and the median in it
ATTENTION = (
    ("own", "own human", BLUE),
    ("others", "other humans", SKY),
    ("peers", "OSes", GREEN),
)


@checked_arguments()
@style.in_own_settings
def growth(source: Result | Society) -> Figure:
    """Draw how OSes and humans grow: some one by one, all as a median with a band.

    The title says how far apart fast and slow OSes are.

    Parameters
    ----------
    source
        A run. Of more than ``MOST_CURVES`` OSes some are drawn, evenly by number,
        which the figure says; the median and the band are of all.
    """
    result = style.result_of(source)
    ever, bands, oses = _growth(result)
    drawn = oses.columns
    count = f"all {len(drawn)}" if len(drawn) == ever else f"{len(drawn)}"
    note = f"thin: {count} of {ever:,} OSes, each until a dot where it was last seen; "
    note += "bands hold four in five"
    title, note = findings.of_growth(*_told_of(result)), style.about(result, note)
    figure = style.blank(style.WIDE, 6.4, title, note, 5.2, lines=4)
    style.margins(figure, 0.075, 0.1, 0.78, 0.85)
    axis = figure.subplots()
    style.frame(axis, "day", "growth (doublings above a human of day 0)")
    for agent in drawn:
        own = oses[agent].dropna()
        axis.plot(own, color=ORANGE, linewidth=0.6, alpha=0.35, zorder=1)
        axis.plot(own.index[-1:], own.iloc[-1:], ".", color=ORANGE, markersize=3)
    for kind, colour, name in (("oses", RED, "OSes here"), ("humans", BLUE, "humans")):
        _banded(axis, bands[kind], colour, name)
    most = result.series.get("growth_max")
    if most is not None and (ever or most.any()):
        axis.plot(most, "--", color=BLACK, linewidth=1.4, label="fastest OS ever")
    axis.set_ylim(0, None)
    style.days_across(axis, result.steps[0], result.steps[-1])
    style.label_ends(axis)
    return figure


def _told_of(result: Result) -> tuple[int, pd.Series[Any], pd.Series[Any], str]:
    """Return a day, the growth of the OSes and of the humans there, and why that day.

    It is the last snapshot with OSes, before the first departure if there is one.
    """
    events = result.events
    departures = events.loc[events["kind"] == "first_departure", "step"]
    eve = int(departures.min()) if len(departures) else np.inf
    days = sorted(result.steps, key=lambda day: (day < eve, day), reverse=True)
    for day in [*days, days[0]]:
        oses = result.oses(day)
        growth = oses.loc[oses["status"].isin((HERE, OFFLINE)), "growth"]
        if len(growth):
            break
    why = "the last drawn with an OS"
    if day == max((some for some in days if some < eve), default=-1):
        why = "on the eve of the departure"
    if day == result.steps[-1] or not len(growth):
        why = ""
    return day, growth, headcount.those_there(result.humans(day))["growth"], why


def _growth(result: Result) -> tuple[int, dict[str, pd.DataFrame], pd.DataFrame]:
    """Return how many OSes were ever here, bands of growth, and the growth of some.

    Bands, of ``humans`` and ``oses``: a row a day, a column a quantile. The growth of
    OSes: days by agents, nan when not here.
    """
    rows: dict[str, dict[int, Any]] = {"humans": {}, "oses": {}}
    growth, ever = {}, pd.Index([], dtype=np.int64)
    for day in result.steps:
        oses = result.oses(day)
        growth[day] = oses.loc[oses["status"].isin((HERE, OFFLINE)), "growth"]
        ever = ever.union(growth[day].index)
        of_humans = headcount.those_there(result.humans(day))["growth"]
        for kind, some in (("humans", of_humans), ("oses", growth[day])):
            if len(some):
                rows[kind][day] = some.astype(float).quantile(BAND).to_list()
    drawn = ever[_some(len(ever), MOST_CURVES)]
    bands = {
        kind: pd.DataFrame.from_dict(table, orient="index", columns=list(BAND))
        for kind, table in rows.items()
    }
    curves = pd.DataFrame({day: own.reindex(drawn) for day, own in growth.items()})
    return len(ever), bands, curves.T.astype(float)


def _some(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return up to ``most`` positions out of ``count``, evenly."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)


def _banded(axis: Axes, table: pd.DataFrame, colour: str, name: str) -> None:
    """Draw the median of each day, and a band of the middle four in five."""
    if table.empty:
        return
    low, middle, high = (table[quantile] for quantile in BAND)
    days = table.index.to_numpy(float)
    axis.fill_between(days, low, high, color=colour, alpha=0.2, linewidth=0)
    label = f"{name}: median and band"
    axis.plot(days, middle, color=colour, linewidth=2, label=label)


@checked_arguments()
@style.in_own_settings
def attention(source: Result | Society) -> Figure:
    """Draw whom OSes give their hours: their own human, other humans, OSes.

    The title says which share they give each other, first, at most and last.

    What an OS gives to all humans together is known; it is shared out between its own
    and others as attention is: by the pull of ties, at most what a human has time for.

    Parameters
    ----------
    source
        A run.
    """
    result = style.result_of(source)
    hours = hours_given(result)
    note = "mean over the OSes here on a day; hours with humans shared out by the pull "
    note += "of their ties"
    title = findings.of_hours(hours) if len(result.oses()) else findings.NO_OS
    note = style.about(result, note)
    figure = style.blank(style.WIDE, 7.2, title, note, 6.0)
    style.margins(figure, 0.075, 0.09, 0.86, 0.885, hspace=0.14)
    top, bottom = figure.subplots(2, 1, sharex=True)
    shares = 100.0 * hours.div(hours.sum(axis=1).replace(0.0, np.nan), axis=0)
    for axis, table in ((top, hours), (bottom, shares.dropna())):
        columns = [table[name] for name, _, _ in ATTENTION]
        colours = [colour for _, _, colour in ATTENTION]
        names = [name for _, name, _ in ATTENTION]
        days = table.index.to_numpy(float)
        axis.stackplot(days, columns, colors=colours, labels=names, linewidth=0)
    style.frame(top, y="hours a day per OS")
    style.frame(bottom, "day", "share of hours, %")
    top.set_ylim(0, None if hours.to_numpy().any() else 1)
    bottom.set_ylim(0, 100)
    style.days_across(bottom, result.steps[0], result.steps[-1])
    _name_layers(top, bottom, shares.dropna())
    return figure


def _name_layers(top: Axes, bottom: Axes, shares: pd.DataFrame) -> None:
    """Say beside the lower axis, at the last day, what its layers are."""
    if style.narrow() or shares.empty:
        style.beside(top, reversed(top.get_legend_handles_labels()[0]))
        return
    last = shares.iloc[-1].to_numpy(float)
    middles = np.cumsum(last) - last / 2.0
    for (_, name, colour), middle in zip(ATTENTION, middles, strict=True):
        look: dict[str, Any] = {"color": colour, "label": name, "linewidth": 0}
        bottom.plot(shares.index[-1:], [middle], **look)
    style.label_ends(bottom)


@checked_arguments()
def hours_given(result: Result) -> pd.DataFrame:
    """Return mean hours a day that an OS gives ``own``, ``others`` and ``peers``.

    One row a snapshot day; 0 where no OS is here.

    Raises
    ------
    InputError
        If a mechanism replaced the rule by which attention is shared out.
    """
    who = result.provenance.get("rules", {}).get(PULL)
    if who is not None:
        raise InputError(
            f"hours with humans cannot be shared out: mechanism {who!r} replaced the "
            f"rule {PULL!r}, by which they are"
        )
    rows = {}
    for day in result.steps:
        oses = result.oses(day)
        here = oses[oses["status"] == HERE]
        mean = here[["hours_humans", "hours_oses"]].astype(float).mean().fillna(0.0)
        own = _hours_with_own(result, day, here) / max(1, len(here))
        rest = max(0.0, mean["hours_humans"] - own)
        rows[day] = (own, rest, mean["hours_oses"])
    names = [name for name, _, _ in ATTENTION]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).astype(float)


def _hours_with_own(result: Result, day: int, here: pd.DataFrame) -> float:
    """Return the hours that OSes spend with their own humans, all together.

    Hours on a tie are the smaller of two offers. The human's follow from the pull of
    all its ties; the OS's are in proportion to pull, and sum to what is known.
    """
    constants = recorded(result.provenance.get("parameters", {}))
    focus, first = constants.focus, result.population
    humans = result.ties(day, np.arange(first))
    to_os = humans["neighbour"] >= first
    humans = humans[~to_os | humans["neighbour"].isin(here.index)]
    charm = np.where(humans["neighbour"] >= first, constants.os_charm, 1.0)
    pull = _pull(humans["closeness"], focus) * charm
    owner = humans["owner"].to_numpy()
    total = np.bincount(owner, pull, first) + constants.stranger_reserve
    offer = constants.human_attention * pull / total[owner]
    mixed = (humans["neighbour"] >= first).to_numpy()
    some = humans[mixed]
    row = np.searchsorted(here.index, some["neighbour"])
    known = here["hours_humans"].to_numpy(float)
    hours = _shared(row, _pull(some["returned"], focus), offer[mixed], known)
    return float(hours[(some["kind"] & OWNER).to_numpy() > 0].sum())


def _pull(closeness: pd.Series[float], focus: float) -> Array:
    close: Any = closeness.to_numpy(float)  # the rule is as good for many as for one
    return np.asarray(rules.attention_weight(close, focus, 1.0), np.float64)


def _shared(row: Any, pull: Array, offer: Array, known: Array) -> Array:
    """Return hours by tie: in proportion to pull, at most the offer, summing to known.

    ``row`` is whose each tie is, in ``known``. The common rate is found by bisection.
    """
    low, high = np.zeros(len(known)), np.full(len(known), 1e6)
    for _ in range(60):
        rate = (low + high) / 2.0
        enough = (
            np.bincount(row, np.minimum(rate[row] * pull, offer), len(known)) >= known
        )
        low, high = np.where(enough, low, rate), np.where(enough, rate, high)
    hours: Array = np.minimum(high[row] * pull, offer)
    return hours


@checked_arguments()
@style.in_own_settings
def survival(
    source: Result | Society | Sequence[Result] | pd.DataFrame, unit: str = "run"
) -> Figure:
    """Draw which share of OSes is still there so many days after its installation.

    The title says after how many days half of them are gone, if they are.

    Parameters
    ----------
    source
        A run, several (one a seed), or a table with ``run``, ``age`` (days) and
        ``staying`` (share, 0..1) as made by ``staying``.
    unit
        What one curve is, for the legend.

    Raises
    ------
    InputError
        If there is no run, or a table lacks a column.
    """
    table, about, interval = _staying(source)
    curves = table.pivot_table("staying", "age", "run").ffill()
    note = f"{about}; Kaplan-Meier: OSes that were uninstalled, or are there at the "
    note += "end, are censored"
    if interval and interval[0] < np.inf:
        note += "; the interval takes OSes for independent"
    title = findings.of_stays(curves, interval, unit)
    figure = style.blank(style.WIDE, 6.0, title, note, 4.8)
    right = 0.97 if curves.shape[1] < 2 else 0.8
    style.margins(figure, 0.075, 0.11, right, 0.86)
    axis = figure.subplots()
    style.frame(axis, "days since the OS was installed", "OSes still there, %")
    count = curves.shape[1]
    look: dict[str, Any] = {"where": "post", "color": RED}
    ages, shares = curves.index.to_numpy(float), 100.0 * curves
    if count > 1:
        low, high = (shares.quantile(q, axis=1) for q in (BAND[0], BAND[-1]))
        axis.fill_between(
            ages,
            low,
            high,
            step="post",
            color=RED,
            alpha=0.2,
            linewidth=0,
            label=f"four in five of {count} {unit}s",
        )
        for _, one in shares.items():
            axis.step(ages, one, **look, linewidth=0.6, alpha=0.5)
    name = f"median of {count} {unit}s"
    axis.step(ages, shares.median(axis=1), **look, linewidth=2.2, label=name)
    axis.set_ylim(0, 103)
    axis.set_xlim(0, max(1.0, float(ages.max(initial=1.0))))
    if count > 1:
        style.beside(axis)
    return figure


def _staying(
    source: Result | Society | Sequence[Result] | pd.DataFrame,
) -> tuple[pd.DataFrame, str, Interval | None]:
    """Return the table of curves, what they are of, and the interval of a median."""
    if isinstance(source, pd.DataFrame):
        missing = sorted({"run", "age", "staying"} - set(source.columns))
        if missing:
            raise InputError(f"a table of survival lacks {', '.join(missing)}")
        return source, "how long OSes stay", None
    runs = list(source) if isinstance(source, Sequence) else [style.result_of(source)]
    if not runs:
        raise InputError("survival takes at least one run")
    tables = [staying(one).assign(run=number) for number, one in enumerate(runs)]
    about, interval = style.about(runs[0]), None
    if len(runs) > 1:
        found = legible(str(runs[0].provenance.get("scenario")))
        people = f"{headcount.at_start(runs[0]):,} humans each"
        about = f"{found}: {len(runs)} seeds, {people}"
    else:
        born, last, ended = _stays(runs[0])
        interval = median_interval(last - born, ended)
    return pd.concat(tables, ignore_index=True), about, interval


@checked_arguments()
def staying(result: Result) -> pd.DataFrame:
    """Return the Kaplan-Meier curve of a run's OSes.

    Departure and shutdown end a stay. A departure is dated to its day, the others to
    the first snapshot that shows them.

    Returns
    -------
    pandas.DataFrame
        ``age`` (days since installation) and ``staying`` (share, 0..1), from age 0.
    """
    born, last, ended = _stays(result)
    ages, share = kaplan_meier(last - born, ended)
    return pd.DataFrame({"age": ages, "staying": share})


def _stays(result: Result) -> tuple[Any, Any, Any]:
    """Return for each OS: day of birth, last day, whether its stay ended there."""
    oses = result.oses()
    last = pd.Series(result.steps[-1], oses.index)
    for day in reversed(result.steps):
        then = result.oses(day)["status"]
        over = then[then.isin((UNINSTALLED, SHUT_DOWN))].index
        last[over] = day
    gone = oses["status"] == DEPARTED
    last = last.mask(gone, oses["departed_step"])
    ended = gone | (oses["status"] == SHUT_DOWN)
    born = oses["born_step"].to_numpy()
    return born, last.to_numpy(), ended.to_numpy()
