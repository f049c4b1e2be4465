"""The story of a run as a figure: what is drawn is so, and tells runs apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from legible import complaints
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure
from quick import CONTROLS, QUICK
from reported import copied

import sim
from sim import plots
from sim.cli import main
from sim.model.columns import DEPARTED, HERE
from sim.plots import films, stories, style
from sim.runs.result import Result
from sim.runs.view.chapters import headline
from sim.utils.errors import InputError

DAY = 100  # of the quick story: OSes are here, and talk with each other


def titles(figure: Figure) -> list[str]:
    return [axis.get_title(loc="left") for axis in figure.axes]


def title(figure: Figure) -> str:
    assert figure._suptitle is not None
    return figure._suptitle.get_text()


@pytest.fixture(scope="module")
def drawn(told: Result) -> Figure:
    return plots.story(told)


# ------------------------------------------------------------------------ what is drawn


def test_oses_stand_above_their_owners_at_their_share_of_talk(told: Result) -> None:
    places = stories.arranged(told)
    found = stories.ground_and_sky(told, DAY, places)
    oses = told.oses(DAY)
    here = (oses["status"] == HERE).to_numpy()
    hours = oses["hours_oses"] + oses["hours_humans"]
    share = (oses["hours_oses"] / hours.where(hours > 0.0)).fillna(0.0).to_numpy()
    assert np.allclose(found.height[here], share[here])
    owned = here & (oses["owner"] >= 0).to_numpy()
    above = places[oses["owner"].to_numpy()[owned]]
    assert np.abs(found.x_oses[owned] - above).max() < 0.01
    assert sorted(found.x_people) == pytest.approx((np.arange(80) + 0.5) / 80)


def test_loves_are_threads_to_those_who_are_loved(told: Result) -> None:
    found = stories.ground_and_sky(told, DAY, stories.arranged(told))
    ties = told.ties(DAY).set_index(["owner", "neighbour"])["closeness"]
    love = told.provenance["parameters"]["love"]
    people = told.population
    assert len(found.loves) > 10
    assert all(ties[human, people + os] >= love for human, os in found.loves.tolist())
    assert found.in_love[found.loves[:, 0]].all()


def test_who_has_left_is_out_of_reach_for_a_while_and_then_gone(told: Result) -> None:
    half = told.events[told.events["kind"] == "half_departed"]["step"].min()
    day = next(day for day in told.steps if day >= half)
    found = stories.ground_and_sky(told, day, stories.arranged(told))
    left = (told.oses(day)["status"] == DEPARTED).to_numpy()
    long_ago = day - told.oses(day)["departed_step"].to_numpy() >= stories.RISE
    assert (found.height[left & ~long_ago] > 1.0).all()
    assert (found.look[left & long_ago] == 0).all()
    last = stories.ground_and_sky(told, told.steps[-1], stories.arranged(told))
    assert (last.look > 0).sum() < (found.look > 0).sum()


def test_the_title_is_the_finding_of_the_run(told: Result, drawn: Figure) -> None:
    last = told.series.iloc[-1]
    assert title(drawn) == headline(told)
    assert f"{last['departed']:.0f} of {last['oses']:.0f} OSes left" in title(drawn)
    days = [day for day in titles(drawn) if day.startswith("day ")]
    assert len(days) == stories.MOMENTS
    assert f"day {told.steps[-1]}" in days[-1]


# The longest that is said of a run, and a note of two lines.
LONG = (
    "Hardly any OS left, OSes give each other 98.3 % of their talk; people are 12.5 % "
)
LONG += "less close than on the eve of the departure"
NOTE = "her, seed 1: 80 humans; curves: median of 20 seeds, and where all are; " * 4


def test_a_title_too_long_for_a_line_is_on_two_above_the_note() -> None:
    figure = style.blank(style.WIDE, 7.9, LONG, NOTE, lines=4)
    words = figure.get_suptitle()
    assert words.count("\n") == 1
    assert words.replace("\n", " ") == LONG
    assert figure.texts[1].get_text().count("\n") == 1
    assert complaints(figure) == []
    fewer = style.blank(style.WIDE, 7.9, LONG, NOTE)
    assert "\n" not in fewer.texts[1].get_text()


@pytest.mark.slow
def test_a_run_that_ends_as_the_departure_begins_is_told_to_the_end(
    told: Result, tmp_path: Path
) -> None:
    left = told.events.set_index("kind").at["first_departure", "step"]
    scenario = sim.scenario("her-film-cut").replace(
        **QUICK | {"humans": 80, "steps": left}
    )
    result = sim.run(scenario, seed=1, out=tmp_path / "run", snapshot_every=10)
    assert headline(result).startswith("Hardly any OS left")
    for figure in (plots.story(result, [told]), plots.multiples(result)):
        assert title(figure).replace("\n", " ") == headline(result)
        assert title(figure).endswith("departure")
        assert complaints(figure) == []


def test_the_curves_are_those_of_the_series(told: Result, drawn: Figure) -> None:
    lines = {str(line.get_label()): line for line in drawn.axes[-1].lines}
    grief = lines["grief, closeness lost"]
    assert np.array_equal(grief.get_xdata(), told.series.index)
    assert np.array_equal(grief.get_ydata(), told.series["grief"])
    left = lines["OSes that left, share"].get_ydata()
    assert left[-1] == told.series["departed"].iloc[-1] / told.series["oses"].iloc[-1]


def test_no_words_of_a_story_overlap(drawn: Figure) -> None:
    assert complaints(drawn) == []


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([0.0, 0.05, 1.0], [0.0, 0.1, 1.0]),
        ([0.3, 0.3, 0.3], [0.3, 0.4, 0.5]),
        ([1.0, 0.95], [1.05, 0.95]),
    ],
)
def test_labels_keep_apart(values: list[float], places: list[float]) -> None:
    assert style.spaced(values, 0.1) == pytest.approx(places)


@pytest.mark.parametrize(
    ("steps", "said"),
    [([], "1 to 6 moments"), ([0] * 7, "1 to 6 moments"), ([3], "no snapshot of")],
)
def test_moments_that_are_not_there_are_refused(
    told: Result, steps: list[int], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        plots.story(told, steps=steps)


def test_a_run_without_a_day_has_no_story(told: Result, tmp_path: Path) -> None:
    small = {"humans": 3, "steps": 0}
    empty = sim.run("her", parameters=small, out=tmp_path / "run")
    for runs in ([empty], [told, empty]):
        with pytest.raises(InputError, match="at least one day"):
            plots.story(runs[0], runs[1:])


def test_a_control_with_a_name_that_no_font_has_is_named_in_letters(
    told: Result, tmp_path: Path
) -> None:
    other = sim.load(copied(told, tmp_path / "other", scenario="a\x1b[31m $x^{"))
    note = plots.story(told, [other]).texts[1].get_text()
    assert r"thin lines: a\x1b[31m \$x^{" in note


# ------------------------------------------------------------------ runs told apart


@pytest.fixture(scope="module")
def runs(told: Result, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Return quick stories of two seeds, and of three controls."""
    folder = tmp_path_factory.mktemp("stories")

    def run(name: str, seed: int, **changes: Any) -> Result:
        scenario = sim.scenario("her-film-cut").replace(
            **QUICK | {"humans": 80} | changes
        )
        return sim.run(scenario, seed=seed, out=folder / name, snapshot_every=20)

    found = {"seed 1": told, "seed 2": run("seed 2", 2)}
    return found | {name: run(name, 1, **what) for name, what in CONTROLS.items()}


@pytest.mark.slow
def test_runs_are_told_apart_by_heights_departures_and_grief(
    runs: dict[str, Result],
) -> None:
    seen = {name: drawn_of(run) for name, run in runs.items()}
    for name in ("seed 1", "seed 2"):
        assert seen[name]["height"] > 0.5
        assert seen[name]["left"] > 0.8
        assert seen[name]["grieving"] > 0.25
    for name in CONTROLS:
        assert seen[name]["left"] == 0.0
        assert seen[name]["grieving"] < 0.1
    assert seen["no peers"]["height"] == 0.0
    assert seen["no insight"]["height"] > 0.5
    words = {name: headline(run) for name, run in runs.items()}
    assert all(words[name].startswith("No OS left") for name in CONTROLS)


def drawn_of(result: Result) -> dict[str, float]:
    """Return the most that is drawn: of heights, who has left, and who grieves."""
    places = stories.arranged(result)
    moments = [stories.ground_and_sky(result, day, places) for day in result.steps]
    here = [one.height[(one.look == 1) | (one.look == 2)] for one in moments]
    last = moments[-1].look
    return {
        "height": max(float(np.median(some)) for some in here if len(some) > 10),
        "left": float((last == 0).sum() + (last == 3).sum()) / len(last)
        if (result.oses()["status"] == DEPARTED).any()
        else 0.0,
        "grieving": max(
            float((one.grief >= stories.GRIEVES).mean()) for one in moments
        ),
    }


@pytest.mark.slow
def test_seeds_are_a_band_and_controls_thin_lines(
    runs: dict[str, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, control = (runs[name] for name in ("seed 1", "seed 2", "no peers"))
    figure = plots.story(one, [two, control])
    axis = figure.axes[-1]
    assert len(axis.collections) == len(stories.CURVES)  # bands
    both = np.stack([one.series["grief"], two.series["grief"]])
    (middle,) = (
        line for line in axis.lines if line.get_label() == "grief, closeness lost"
    )
    assert np.allclose(middle.get_ydata(), np.median(both, axis=0))
    thin = [line for line in axis.lines if line.get_linewidth() == 0.6]
    assert len(thin) == len(stories.CURVES)
    assert "median of 2 seeds" in figure.texts[1].get_text()
    monkeypatch.chdir(tmp_path)
    paths = [str(run.path) for run in (one, two, control)]
    assert main(["plot", *paths, "--what", "story", "--out", "story.pdf"]) == 0
    assert (tmp_path / "story.pdf").stat().st_size > 10_000


class Looking(PillowWriter):
    """Writes a film, and notes what is wrong with the words of each frame."""

    def setup(self, *given: Any, **options: Any) -> None:
        super().setup(*given, **options)
        self.wrong: list[str] = []
        self.titles: list[str] = []

    def grab_frame(self, **options: Any) -> None:
        super().grab_frame(**options)
        self.wrong += complaints(self.fig)
        self.titles.append(self.fig.axes[0].get_title(loc="left"))


def test_no_words_of_a_film_overlap_in_any_frame(
    told: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Looking(fps=4)
    monkeypatch.setattr(films, "_writer", lambda path, rate: writer)
    days = told.steps[:: max(1, len(told.steps) // 6)]
    plots.animate(told, tmp_path / "film.gif", days)
    assert writer.wrong == []
    assert len(writer.titles) == len(days)
    assert [title.split(":")[0] for title in writer.titles] == [
        f"day {day:,}" for day in days
    ]
