"""Figures: complete, legible, the same every time, and saved whole or not at all."""

from __future__ import annotations

import errno
import os
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from quick import QUICK

from sim import plots, scenarios
from sim.plots import networks, timelines
from sim.runs import run, selection
from sim.runs.result import Result
from sim.utils.errors import InputError

OKABE_ITO = {
    *("#000000", "#E69F00", "#56B4E9", "#009E73"),
    *("#F0E442", "#0072B2", "#D55E00", "#CC79A7"),
}
STORY = scenarios.load("her-film-cut").replace(**(QUICK | {"humans": 80}))


@pytest.fixture(scope="module")
def timeline(told: Result) -> Figure:
    return plots.timeline(told)


@pytest.fixture(scope="module")
def network(told: Result) -> Figure:
    return plots.network(told)


def crowded(*steps: int) -> Result:
    """Return a stand-in for a run whose events fall on the given days."""
    kinds = ["a_rather_long_kind_of_event", "love", "grief", "upgrade", "departure"]
    events = pd.DataFrame({"kind": kinds[: len(steps)], "step": steps})
    days = pd.RangeIndex(1, 901, name="step")

    result = Result("nowhere")
    result.series = pd.DataFrame({"grief": np.linspace(0, 1, 900)}, index=days)
    result.events = events
    result.population = 10
    result.provenance = {"scenario": "her-film-cut", "seed": 1}
    return result


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def spots_of(axis: Axes) -> list[tuple[float, float]]:
    """Return the places of all agents drawn."""
    scattered = [s for s in axis.collections if isinstance(s, PathCollection)]
    return [tuple(at) for some in scattered for at in np.asarray(some.get_offsets())]


# ------------------------------------------------------------------------- timeline


def test_every_panel_of_the_timeline_names_its_unit(timeline: Figure) -> None:
    panels = [axis for axis in timeline.axes if axis.lines and axis.axison]
    assert len(panels) == 7
    assert all(axis.get_ylabel() for axis in panels)
    assert "day" in texts(timeline)


def test_the_timeline_shows_the_series(told: Result, timeline: Figure) -> None:
    lines = {
        str(line.get_label()): line for axis in timeline.axes for line in axis.lines
    }
    grief, departed = lines["grief of a human"], lines["OSes departed"]
    assert np.array_equal(grief.get_xdata(), told.series.index)
    assert np.array_equal(grief.get_ydata(), told.series["grief"])
    assert np.allclose(departed.get_ydata(), told.series["departed"] * 100 / 80)


def test_every_event_is_marked_and_labelled(told: Result, timeline: Figure) -> None:
    assert len(told.events) >= 9
    for kind, step in told.events[["kind", "step"]].itertuples(index=False):
        assert f"{kind.replace('_', ' ')} (day {step})" in texts(timeline)


def test_repeated_events_are_labelled_once() -> None:
    result = crowded(10, 20, 30)
    result.events["kind"] = "upgrade"
    assert "upgrade (day 10, first of 3)" in texts(plots.timeline(result))


@pytest.mark.parametrize(
    "steps",
    [
        (1, 2, 3, 4, 5),
        (5, 5, 5, 5, 5),
        (100, 250, 260, 500, 890),
        (1, 899, 898, 4, 300),
        (10, 210, 410, 610, 810),
    ],
)
def test_no_label_is_covered_or_cut_off(steps: tuple[int, ...]) -> None:
    figure = plots.timeline(crowded(*steps))
    figure.draw_without_rendering()
    labels = [t for t in figure.findobj(Text) if "(day" in t.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    assert len(boxes) == 5
    assert not any(one.overlaps(another) for one, another in combinations(boxes, 2))
    assert all(box.x1 < figure.bbox.x1 and box.y1 < figure.bbox.y1 for box in boxes)
    leaders = [line for line in figure.axes[-1].lines if len(line.get_xdata()) == 2]
    assert len(leaders) == 5
    for leader in leaders:  # which hangs down from the axis
        box = leader.get_window_extent().padded(-1)
        crossed = [b for b in boxes if b.x0 < box.x0 < b.x1 and box.y0 < b.y1 - 4]
        assert not [b for b in crossed if box.y1 > b.y0]


def test_nothing_of_a_figure_is_cut_off(timeline: Figure, network: Figure) -> None:
    for figure in (timeline, network, plots.timeline(crowded(1, 890, 895, 899, 900))):
        figure.draw_without_rendering()
        drawn, paper = figure.get_tightbbox(), figure.bbox_inches
        assert 0 <= drawn.x0 < drawn.x1 <= paper.x1
        assert 0 <= drawn.y0 < drawn.y1 <= paper.y1


def test_curves_are_named_where_they_end(told: Result, timeline: Figure) -> None:
    timeline.draw_without_rendering()
    names = {label: at for axis in timeline.axes[:-1] for label, at in named(axis)}
    assert len(names) == 11
    last = told.series.iloc[-1]
    order = ["departed", "offline"] if last["departed"] > 0 else ["offline", "departed"]
    assert names[f"OSes {order[0]}"] > names[f"OSes {order[1]}"]
    for axis in timeline.axes[:-1]:
        for text in axis.texts:
            assert not text.get_window_extent().overlaps(axis.bbox)


def named(axis: Axes) -> list[tuple[str, float]]:
    """Return the names beside an axis, and how high they stand on the page."""
    return [(text.get_text(), text.get_window_extent().y0) for text in axis.texts]


def test_colours_can_be_told_apart_by_anyone(timeline: Figure, network: Figure) -> None:
    curves = [x for a in timeline.axes for x in a.lines if len(x.get_xdata()) > 2]
    assert {to_hex(x.get_color()).upper() for x in curves} <= OKABE_ITO
    spots = [some for axis in network.axes for some in axis.collections]
    fills = [to_hex(rgb).upper() for some in spots for rgb in some.get_facecolor()]
    ties = [some for some in spots if isinstance(some, LineCollection)]
    strokes = [to_hex(rgb).upper() for some in ties for rgb in some.get_color()]
    assert len(set(fills)) == 3
    assert len(set(strokes)) == 3
    assert {*fills, *strokes} <= OKABE_ITO


def test_a_panel_gives_each_of_its_curves_a_colour_of_its_own() -> None:
    for panel in timelines.PANELS:
        assert len({line.colour for line in panel.lines}) == len(panel.lines)


def test_a_column_that_is_not_there_is_left_out() -> None:
    lines = {
        str(x.get_label()) for a in plots.timeline(crowded()).axes for x in a.lines
    }
    assert "grief of a human" in lines
    assert "loneliness of a human" not in lines


# -------------------------------------------------------------------------- network


def test_the_moments_lie_around_the_departure(told: Result) -> None:
    shown = selection.moments(told)
    assert list(shown.values()) == ["early", "eve of departure", "end"]
    early, eve, end = shown
    events = told.events.set_index("kind")["step"]
    assert early < eve < events["first_departure"]
    assert eve + 10 >= events["first_departure"]
    assert end == told.steps[-1]


def test_everyone_stays_in_place(told: Result, network: Figure) -> None:
    humans = [axis.collections[3].get_offsets() for axis in network.axes]
    assert len(humans) == 3
    assert len(humans[0]) == 80
    assert np.array_equal(humans[0], humans[1])
    assert np.array_equal(humans[0], humans[2])
    assert len(np.unique(np.asarray(humans[0]), axis=0)) == 80


def test_close_ties_are_drawn_and_no_others(told: Result, network: Figure) -> None:
    _, eve, _ = selection.moments(told)
    axis = network.axes[1]
    drawn = sum(
        len(some.get_segments())
        for some in axis.collections
        if isinstance(some, LineCollection)
    )
    ties = told.ties(eve)
    closest = ties[["closeness", "returned"]].max(axis=1)
    assert drawn == np.count_nonzero(closest >= 0.4) / 2
    assert drawn > 80


def test_oses_that_departed_are_hollow(told: Result, network: Figure) -> None:
    end = network.axes[2]
    spots = [some for some in end.collections if isinstance(some, PathCollection)]
    hollow = [some for some in spots if len(some.get_facecolor()) == 0]
    departed = np.count_nonzero(told.oses()["status"] == 2)
    assert sum(len(some.get_offsets()) for some in hollow) == departed > 40


def test_a_small_society_is_drawn_whole_and_says_so(
    told: Result, network: Figure
) -> None:
    agents = 80 + len(told.oses())
    assert any(f"; all {agents} agents;" in text for text in texts(network))


def test_a_large_society_is_sampled_and_says_so(
    told: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "MOST_DRAWN", 50)
    shown = texts(plots.network(told))
    assert any("; a neighbourhood of 50 of" in text for text in shown)


def test_the_neighbourhood_is_around_the_first_love(told: Result) -> None:
    steps = list(selection.moments(told))
    agents = selection.neighbourhood(told, steps, 50)
    humans, oses = agents[agents < 80], agents[agents >= 80]
    lover = told.events.set_index("kind").at["first_love", "members"][0]
    assert lover in humans
    assert len(humans) == 25
    assert len(agents) <= 50
    owners = told.oses().loc[oses, "owner"]
    assert set(owners[owners >= 0]) <= set(humans)
    assert np.array_equal(agents, selection.neighbourhood(told, steps, 50))


def test_days_to_draw_can_be_chosen(told: Result) -> None:
    figure = plots.network(told, steps=[10, 20])
    assert [axis.get_title() for axis in figure.axes] == ["day 10", "day 20"]
    with pytest.raises(InputError, match="no snapshot of step 11"):
        plots.network(told, steps=[11])


@pytest.mark.parametrize(("humans", "steps"), [(1, 0), (1, 3), (30, 0), (30, 2)])
def test_a_society_without_a_story_can_be_drawn(
    humans: int, steps: int, tmp_path: Path
) -> None:
    short = run.run(STORY.replace(humans=humans, steps=steps), out=tmp_path / "short")
    timeline, network = plots.timeline(short), plots.network(short)
    assert "day" in texts(timeline)
    assert len(spots_of(network.axes[-1])) >= humans
    title = "1 human" if humans == 1 else "30 humans"
    assert f"her-film-cut, seed 0: {title}" in texts(timeline)


def test_a_society_without_oses_can_be_drawn(tmp_path: Path) -> None:
    alone = STORY.replace(humans=30, steps=40, adoption=False)
    result = run.run(alone, out=tmp_path / "alone")
    axis = plots.timeline(result).axes[0]
    assert axis.get_ylim() == (0, 1)
    curves = [line for line in axis.lines if len(line.get_xdata()) > 2]
    assert len(curves) == 4
    assert not any(np.any(line.get_ydata()) for line in curves)
    start, end = plots.network(result).axes
    assert (start.get_title(), end.get_title()) == ("start: day 0", "end: day 40")
    assert len(spots_of(start)) == len(spots_of(end)) == 30


def test_without_departures_the_height_of_os_ties_is_shown(tmp_path: Path) -> None:
    calm = STORY.replace(humans=30, steps=60, departure=False)
    names = selection.moments(run.run(calm, out=tmp_path / "calm")).values()
    assert "eve of departure" not in names
    alone = run.run(calm.replace(peers=False), out=tmp_path / "alone")
    assert selection.moments(alone)[30] == "halfway"


# --------------------------------------------------------------------------- saving


@pytest.mark.slow
@pytest.mark.parametrize("suffix", plots.FORMATS)
def test_the_same_figure_has_the_same_bytes(
    told: Result, tmp_path: Path, suffix: str
) -> None:
    one = plots.save(plots.timeline(told), tmp_path / f"one.{suffix}")
    two = plots.save(plots.timeline(told), tmp_path / "new" / f"two.{suffix}")
    assert one.read_bytes() == two.read_bytes()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["new", one.name]


def test_figures_change_no_settings_of_matplotlib(told: Result, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    plots.save(plots.timeline(told), tmp_path / "figure.svg")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("suffix", plots.FORMATS)
def test_a_figure_outlives_a_failed_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def fill_the_disk(figure: Figure, file: Path, **_: object) -> None:
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place = plots.save(Figure(), tmp_path / f"figure.{suffix}")
    before = place.read_bytes()
    monkeypatch.setattr(Figure, "savefig", fill_the_disk)
    with pytest.raises(InputError, match=r"cannot write .*: No space left"):
        plots.save(Figure(), place)
    assert place.read_bytes() == before
    assert list(tmp_path.iterdir()) == [place]


def test_a_figure_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"use one of \.png, \.svg, \.pdf"):
        plots.save(Figure(), tmp_path / "figure.bmp")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        plots.save(Figure(), tmp_path / "file" / "figure.png")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
