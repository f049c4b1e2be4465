"""Figures of one run: who is close over time, how people and OSes fare."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from legible import complaints, unlabelled
from matplotlib.animation import FFMpegWriter
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from PIL import Image
from quick import lived

from sim import plots
from sim.model.columns import DEPARTED, HERE, OWNER
from sim.plots import ego_history, flows, networks, style
from sim.runs import selection
from sim.runs.live import LiveResult
from sim.runs.result import Result
from sim.runs.view.chapters import headline
from sim.society import Society
from sim.utils.errors import InputError

pytestmark = pytest.mark.slow  # each draws figures of a whole story

OF_A_RUN: dict[str, Callable[[Result], Figure]] = {
    name: getattr(plots, name)
    for name in (
        *("timeline", "network", "multiples", "ego", "communities", "growth"),
        *("attention", "survival", "story"),
    )
}
PALETTE = {
    *(style.BLACK, style.GREY, style.PALE, style.ORANGE, style.SKY, style.GREEN),
    *(style.YELLOW, style.BLUE, style.RED, style.PURPLE),
}


# Of agents in the legend of a film.
SIGNS = {style.SKY, style.RED, style.PURPLE, style.ORANGE, style.GREEN, style.GREY}


@pytest.fixture(scope="module")
def today() -> Society:
    """Return a society in the middle of its story; tests only look at it."""
    return lived(100, humans=40)


@pytest.fixture(scope="module")
def drawn(told: Result) -> dict[str, Figure]:
    """Return every figure of a run; tests only look at them."""
    return {name: draw(told) for name, draw in OF_A_RUN.items()}


@pytest.mark.parametrize("name", OF_A_RUN)
def test_every_figure_can_be_read(drawn: dict[str, Figure], name: str) -> None:
    figure = drawn[name]
    assert complaints(figure) == []
    assert unlabelled(figure) == []
    words = [text.get_text() for text in figure.texts]  # the title among them
    assert any("her-film-cut, seed 1: 80 humans" in text for text in words)


@pytest.mark.parametrize("name", OF_A_RUN)
def test_curves_have_colours_that_anyone_can_tell_apart(
    drawn: dict[str, Figure], name: str
) -> None:
    lines = [line for axis in drawn[name].axes for line in axis.lines]
    known = {colour.upper() for colour in PALETTE} | {"#FFFFFF"}
    assert {to_hex(line.get_color()).upper() for line in lines} <= known


@pytest.mark.parametrize("name", ["timeline", "network", "ego", "growth", "attention"])
def test_a_living_society_is_drawn_like_a_run(today: Society, name: str) -> None:
    figure = getattr(plots, name)(today)
    assert complaints(figure) == []
    assert "40 humans" in figure.texts[1].get_text()


def test_a_living_society_reads_like_a_run(today: Society) -> None:
    now = LiveResult(today)
    assert now.steps == [100]
    assert now.population == 40
    assert len(now.series) == 100
    assert now.agents().index.tolist() == list(range(today.state.ties.agents))
    assert len(now.ties()) == now.graph().number_of_edges()
    with pytest.raises(InputError, match="no snapshot of step 3"):
        now.oses(3)


# -------------------------------------------------------------------------- network


def test_one_day_alone_is_drawn_large(told: Result) -> None:
    figure = plots.network(told, 100)
    assert [axis.get_title() for axis in figure.axes] == ["day 100"]
    with pytest.raises(InputError, match="at least one snapshot day"):
        plots.network(told, [])


def test_small_multiples_take_informative_days(told: Result) -> None:
    figure = plots.multiples(told)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    days = [int(re.match(r"day (\d+): \w", title)[1]) for title in titles]
    assert len(days) == 9
    assert days == sorted(set(days))
    assert (days[0], days[-1]) == (0, 240)
    left = told.events.set_index("kind").at["first_departure", "step"]
    assert min(abs(day - left) for day in days) <= 10
    assert figure.get_suptitle() == headline(told)
    with pytest.raises(InputError, match="room for 1 to 9 days, not 10"):
        plots.multiples(told, told.steps[:10])


def test_informative_days_are_all_there_are_if_few(told: Result) -> None:
    assert selection.informative_days(told, 99) == told.steps
    assert selection.informative_days(told, 2) == [0, 240]


def test_a_layout_can_be_kept_as_a_society_grows(told: Result) -> None:
    before = plots.scene(told, [30])
    after = plots.scene(told, [100], known=before)
    assert len(after.places) > len(before.places)
    moved = [
        a for a in before.places if not (before.places[a] == after.places[a]).all()
    ]
    assert moved == []
    spots = np.array(list(after.places.values()))
    assert len(np.unique(spots, axis=0)) == len(spots)


def test_every_collective_is_shaded_once(told: Result) -> None:
    eve = max(told.steps, key=lambda day: (told.oses(day)["collective"] >= 0).sum())
    oses = told.oses(eve)
    joined = oses[(oses["collective"] >= 0) & (oses["status"] != DEPARTED)]
    shades = [
        patch
        for patch in plots.network(told, eve).axes[0].patches
        if isinstance(patch, PathPatch)
    ]
    assert len(shades) == joined["collective"].nunique() > 0
    sizes = sorted(len(shade.get_path().vertices) // 2 + 1 for shade in shades)
    assert sizes == sorted(joined["collective"].value_counts())


def test_the_tree_through_a_collective_is_the_shortest() -> None:
    row = np.array([[0.0, 0], [3, 0], [1, 0], [2, 0]])
    edges = {tuple(sorted(edge)) for edge in networks._tree(row).tolist()}
    assert edges == {(0, 2), (2, 3), (1, 3)}
    assert len(networks._tree(row[:1])) == 0


def strength(figure: Figure) -> np.ndarray:
    """Return how strongly each departed OS is drawn, 0..1."""
    spots = [s for s in figure.axes[0].collections if isinstance(s, PathCollection)]
    hollow = [some for some in spots if len(some.get_facecolor()) == 0]
    return np.concatenate([some.get_edgecolor()[:, 3] for some in hollow])


def test_departed_oses_fade(told: Result) -> None:
    gone = told.oses()["departed_step"]
    day = next(day for day in told.steps if day > gone[gone >= 0].median())
    soon, late = (strength(plots.network(told, d)) for d in (day, told.steps[-1]))
    assert networks.FAINT <= soon.min() < soon.max() <= 1.0
    assert late.mean() < soon.mean()


# ------------------------------------------------------------------------------ film


def test_a_film_has_a_frame_a_day(told: Result, tmp_path: Path) -> None:
    film = plots.animate(told, tmp_path / "new" / "film.gif", steps=[0, 60, 120])
    with Image.open(film) as image:
        assert image.n_frames == 3
        assert image.size == (800, 688)
        for at in range(3):
            image.seek(at)
            colours = image.convert("RGB").getcolors(1 << 16)
            kept = {"#{:02X}{:02X}{:02X}".format(*colour) for _, colour in colours}
            assert kept >= SIGNS
    assert [entry.name for entry in film.parent.iterdir()] == ["film.gif"]


def test_a_film_that_cannot_be_made_says_why(
    told: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FFMpegWriter, "isAvailable", lambda: False)
    with pytest.raises(InputError, match=r"ffmpeg is not found; a \.gif needs none"):
        plots.animate(told, tmp_path / "film.mp4")
    with pytest.raises(InputError, match=r"use one of \.gif, \.mp4"):
        plots.animate(told, tmp_path / "film.avi")
    with pytest.raises(InputError, match="no snapshot of step 7"):
        plots.animate(told, tmp_path / "film.gif", steps=[7])
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------ one person


def test_a_person_is_shown_with_those_who_were_close(told: Result) -> None:
    lover = told.events.set_index("kind").at["first_love", "members"][0]
    figure = plots.ego(told)
    assert figure.get_suptitle().startswith(f"Human {lover} loves OS ")
    ties, feelings = figure.axes[5:7]
    own = told.oses().index[told.oses()["owner"] == lover][0]
    lines = {str(line.get_label()): line for line in ties.lines}
    name = next(label for label in lines if f"({own})" in label)
    day = 100
    close = told.ties(day).set_index(["owner", "neighbour"])["closeness"]
    drawn = dict(zip(*lines[name].get_data(), strict=True))
    assert drawn[day] == pytest.approx(close[lover, own])
    assert {line.get_label() for line in feelings.lines} >= {"loneliness"}


def test_an_os_has_a_story_too(told: Result) -> None:
    made = int(told.oses().index[0])
    figure = plots.ego(told, made, steps=[60, 100])
    assert complaints(figure) == []
    assert f"({made})" in figure.get_suptitle()
    assert [axis.get_title() for axis in figure.axes[:2]] == ["day 60", "day 100"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"agent": 99_999}, "no agent 99999 .*; have 0 to"),
        ({"agent": -1}, "no agent -1"),
        ({"steps": [0, 10, 20, 30, 40, 50]}, "room for 1 to 5 days"),
        ({"steps": [5]}, "no snapshot of step 5"),
    ],
)
def test_nobody_is_not_drawn(told: Result, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        plots.ego(told, **options)


@pytest.mark.slow
def test_someone_without_any_tie_can_be_drawn(told: Result) -> None:
    alone = set(range(80)) - set(told.ties(0)["owner"])
    someone = min(alone, default=0)
    assert plots.ego(told, someone, steps=[0]).axes


# ----------------------------------------------------------------------- communities


def test_all_oses_are_in_a_bar_on_every_day(told: Result) -> None:
    figure = plots.communities(told, steps=[30, 100, 240])
    bars = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    heights = pd.Series([bar.get_height() for bar in bars])
    places = pd.Series([round(bar.get_x() + bar.get_width() / 2) for bar in bars])
    assert heights.groupby(places).sum().tolist() == [len(told.oses())] * 3


def test_what_flows_out_flows_in(told: Result) -> None:
    days = [30, 100, 240]
    table = flows._groups(told, days, None, "collective")
    assert table.shape == (len(told.oses()), 3)
    left = (told.oses()["status"] == DEPARTED).sum()
    assert (table[240] == "departed").sum() == left > 0
    born = told.oses()["born_step"] > 30
    assert (table[30] == "not yet here").sum() == born.sum()


def test_the_largest_heir_keeps_the_name(told: Result) -> None:
    names = [told.oses().index[row] for row in range(6)]
    table = pd.DataFrame(
        {1: ["3", "3", "3", "9", "9", "on its own"], 2: ["0"] * 5 + ["7"]}, index=names
    )
    traced = flows._lineages(table, told)
    assert traced[1][names[0]] == traced[2][names[0]] == traced[2][names[4]]
    assert traced[1][names[3]] != traced[1][names[0]]


def test_what_the_detectors_found_can_be_drawn(told: Result) -> None:
    days = [60, 100, 120, 140]
    found = plots.found_communities(told, days)
    assert found.index.equals(told.oses(140).index)
    assert found.columns.tolist() == days
    noted = told.readings
    assert (found.to_numpy() >= 0).any() == (
        noted[noted["step"] <= 140]["name"] == "community"
    ).any()
    assert complaints(plots.communities(told, days, found)) == []


def test_other_communities_can_be_drawn(told: Result) -> None:
    days = [100, 110]
    oses = told.oses(110).index
    halves = pd.DataFrame({day: np.arange(len(oses)) % 2 for day in days}, index=oses)
    texts = plots.communities(told, days, halves).legends[0].get_texts()
    assert sum("community of" in text.get_text() for text in texts) == 2
    with pytest.raises(InputError, match="at least two snapshot days"):
        plots.communities(told, [100])


# ------------------------------------------------------------------------------ lives


def test_the_median_of_growth_is_drawn(told: Result) -> None:
    lines = {str(x.get_label()): x for x in plots.growth(told).axes[0].lines}
    drawn = dict(zip(*lines["OSes here: median and band"].get_data(), strict=True))
    oses = told.oses(100)
    here = oses[oses["status"] <= 1]
    assert drawn[100] == pytest.approx(here["growth"].median())


def test_many_oses_are_sampled_and_the_figure_says_so(
    told: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.plots import trends

    monkeypatch.setattr(trends, "MOST_CURVES", 5)
    figure = plots.growth(told)
    assert any(text.get_text().find("; thin: 5 of ") > 0 for text in figure.texts)


def test_hours_add_up(told: Result) -> None:
    given = plots.hours_given(told).loc[100]
    oses = told.oses(100)
    here = oses[oses["status"] == HERE]
    assert given["own"] + given["others"] == pytest.approx(here["hours_humans"].mean())
    assert given["peers"] == pytest.approx(here["hours_oses"].mean())
    ties = told.ties(100)
    alone = ties[(ties["owner"] >= 80) & (ties["neighbour"] < 80)].groupby("owner")
    assert (alone["kind"].first() & OWNER).any()
    assert given["own"] > 0.0 and given["others"] > 0.0


def test_an_os_with_its_own_human_only_gives_them_all_its_hours(told: Result) -> None:
    given = plots.hours_given(told)
    first = given[given["own"] > 0.0].iloc[0]
    assert first["own"] > first["others"]
    assert given.loc[0].tolist() == [0.0, 0.0, 0.0]


def test_survival_is_the_share_that_stays(told: Result) -> None:
    curve = plots.staying(told)
    assert curve["staying"].iloc[0] == 1.0
    assert curve["staying"].is_monotonic_decreasing
    oses = told.oses()
    departed = oses["status"] == DEPARTED
    assert curve["staying"].iloc[-1] == pytest.approx(1.0 - departed.mean(), abs=0.1)


def test_several_seeds_have_a_band(told: Result) -> None:
    figure = plots.survival([told, told, told])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["four in five of 3 runs", "median of 3 runs"]
    assert complaints(figure) == []
    table = pd.DataFrame({"run": [0, 0], "age": [0, 9], "staying": [1.0, 0.5]})
    assert plots.survival(table).axes
    with pytest.raises(InputError, match="lacks staying"):
        plots.survival(table.drop(columns="staying"))
    with pytest.raises(InputError, match="at least one run"):
        plots.survival([])


def test_agents_have_names(told: Result) -> None:
    assert ego_history.name_of(told, 3) == "human 3"
    assert ego_history.name_of(told, 80).startswith("OS ")


@pytest.mark.slow
def test_a_run_without_oses_can_be_drawn(tmp_path: Path) -> None:
    from sim import scenarios
    from sim.runs import run

    alone = scenarios.load("her").replace(humans=20, steps=20, adoption=False)
    result = run.run(alone, out=tmp_path / "alone", snapshot_every=10)
    for draw in OF_A_RUN.values():
        assert complaints(draw(result)) == []
