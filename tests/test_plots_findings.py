"""Titles of figures say what is seen, and where nothing happens, that."""

from __future__ import annotations

import math
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from legible import complaints
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from quick import QUICK

import sim
from sim import plots
from sim.model.columns import DEPARTED, HERE, OFFLINE, UNINSTALLED
from sim.plots import ego_history, findings, style, trends
from sim.runs.figure_names import FIGURES
from sim.runs.result import Result
from sim.runs.view.chapters import Telling, headline

NONE = pd.Series(dtype=float)


def title(figure: Figure) -> str:
    """Return the title of a figure, which must not be cut."""
    found = figure.get_suptitle().replace("\n", " ")
    assert " ..." not in found
    return found


def society(*, people: int = 10, first: int = 1, **columns: list[float]) -> Result:
    """Return a stand-in for a run with such measures of days."""
    result = Result("nowhere")
    days = pd.RangeIndex(first, first + len(next(iter(columns.values()), [])))
    result.series = pd.DataFrame(columns, index=days, dtype=float)
    result.population = people
    return result


# ------------------------------------------------------------------------- a society


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        (
            {"oses": [4, 4, 4], "departed": [0, 2, 4], "loves": [3, 1, 0]},
            "All 4 OSes depart by day 3, half of them by day 2; "
            "at most 3 loves among 10 people (day 1)",
        ),
        (
            {"oses": [4, 4, 5], "departed": [0, 3, 3], "loves": [0, 1, 0]},
            "3 of 5 OSes depart by day 2; at most 1 love among 10 people (day 2)",
        ),
        (
            {"oses": [1, 1], "departed": [0, 1], "loves": [0, 0]},
            "The only OS departs by day 2; nobody loves an OS",
        ),
        ({"oses": [9, 9], "departed": [0, 1]}, "1 of 9 OSes departs by day 2"),
        (
            {"oses": [4], "departed": [0], "loves": [0]},
            "No OS departs by day 1; nobody loves an OS",
        ),
        (
            {"oses": [4, 4], "departed": [0, 0], "shut_down": [0, 3]},
            "No OS departs by day 2; 3 of 4 OSes are shut down",
        ),
        ({"oses": [0, 0], "departed": [0, 0], "loves": [0, 0]}, "No OS comes by day 2"),
        ({"grief": [0, 1, 2]}, "3 days of a society"),
        ({"oses": [], "departed": []}, "No day was simulated"),
    ],
)
def test_a_timeline_says_who_departed_by_when(
    measures: dict[str, list[float]], said: str
) -> None:
    assert findings.of_society(society(**measures)) == said


def test_a_branch_that_begins_late_tells_days_of_the_whole() -> None:
    branch = society(first=300, oses=[4, 4], departed=[0, 0])
    assert findings.of_society(branch) == "No OS departs by day 301"


def test_people_are_those_of_the_day() -> None:
    growing = society(loves=[0, 2], oses=[2, 2], departed=[0, 0], alive=[10, 12])
    assert findings.of_society(growing).endswith("2 loves among 12 people (day 2)")


def test_the_title_of_a_timeline_is_true_of_its_run(told: Result) -> None:
    series = told.series
    left, day = series["departed"], series["loves"].idxmax()
    count = int(left.iloc[-1])
    assert count > 40
    assert title(plots.timeline(told)) == (
        f"{count} of {series['oses'].iloc[-1]:.0f} OSes depart by day {left.idxmax()}, "
        f"half of them by day {(left >= count / 2).idxmax()}; "
        f"at most {series['loves'].max():.0f} loves among 80 people (day {day})"
    )


# ------------------------------------------------------------------------- one of them

NEAR = pd.DataFrame({80: [0.0, 0.5, 0.9], 81: [0.0, 0.6, 0.7]}, index=[0, 10, 20])
CALLED = {80: "OS Ash (80)", 81: "OS Kim (81)"}


@pytest.mark.parametrize(
    ("near", "departed", "grief", "said"),
    [
        (NEAR, {}, [0, 0, 0], "Ada loves OS Ash (80) by day 20"),
        (
            NEAR,
            {80: 33, 81: 9},
            [0, 0.5, 0.4],
            "Ada loves OS Ash (80) by day 20, who departs on day 33; grief of 0.50 on "
            "day 10",
        ),
        (NEAR[::-1].set_axis([0, 10, 20]), {}, [0, 0, 0],
         "Ada loves OS Ash (80) by day 0, and no longer on day 20"),
        (NEAR + 0.3, {}, [0, 0, 0],
         "Ada loves OS Kim (81) by day 10, and still on day 20"),
        (0.5 * NEAR, {}, [0, 0, 0],
         "Ada loves no OS on any day drawn, and comes closest to OS Ash (80), to 0.45 "
         "(day 20)"),
        (0.0 * NEAR, {}, [0, 0, 0], "Ada is close to no OS on any day drawn"),
        (NEAR[[]], {}, [math.nan] * 3, "Ada is close to no OS on any day drawn"),
    ],
)  # fmt: skip
def test_a_person_s_figure_says_whom_they_came_to_love(
    near: pd.DataFrame, departed: dict[int, int], grief: list[float], said: str
) -> None:
    felt = pd.Series(grief, [0, 10, 20], float)
    assert findings.of_human("Ada", near, CALLED, 0.8, departed, felt) == said


@pytest.mark.parametrize(
    ("near", "noted", "departed", "said"),
    [
        (0.5 * NEAR, (7, 81), {}, "OS Kim (81) by day 7, and no longer on day 20"),
        (0.0 * NEAR, (7, 80), {80: 9}, "OS Ash (80) by day 7, who departs on day 9"),
        (NEAR, (7, 81), {}, "OS Kim (81) by day 7, and no longer on day 20"),
        (NEAR + 0.3, (17, 80), {}, "OS Kim (81) by day 10, and still on day 20"),
    ],
)
def test_a_love_between_the_days_drawn_is_not_passed_over(
    near: pd.DataFrame, noted: tuple[int, int], departed: dict[int, int], said: str
) -> None:
    told = findings.of_human("Ada", near, CALLED, 0.8, departed, 0.0 * near[80], noted)
    assert told == f"Ada loves {said}"


def test_the_title_of_a_person_is_true_of_the_run(told: Result) -> None:
    event = told.events.set_index("kind").loc["first_love"]
    day, (lover, loved) = event["step"], event["members"]
    assert day not in told.steps
    said = title(plots.ego(told, lover))
    oses = told.oses()
    departed = oses["departed_step"][loved]
    assert said.startswith(f"Human {lover} loves OS ")
    assert f"({loved}) by day {day}" in said
    assert oses["status"][loved] == DEPARTED
    grief = {day: told.humans(day)["grief"][lover] for day in told.steps}
    most = max(grief, key=lambda day: grief[day])
    how = f"grief of {grief[most]:.2f} on day {most}"
    assert said.endswith(f", who departs on day {departed}; {how}")


def test_of_a_run_without_readings_events_tell_of_the_first_love(
    told: Result, tmp_path: Path
) -> None:
    event = told.events.set_index("kind").loc["first_love"]
    lover = event["members"][0]
    copied = tmp_path / "run"
    shutil.copytree(told.path, copied)
    (copied / "readings.parquet").unlink()
    story = ego_history._history_of(sim.load(copied), lover)
    assert ego_history._first_love(story) == (event["step"], event["members"][1])
    other = ego_history._history_of(sim.load(copied), (lover + 1) % 80)
    assert ego_history._first_love(other) is None


@pytest.mark.parametrize(
    ("talk", "departed", "said"),
    [
        ([(0, 0), (9, 1), (1, 3)], 33, "OS Ash gives OSes 10 % of its talk on day 10 "
         "and 75 % on day 20; it departs on day 33"),
        ([(0, 0), (2, 0), (0, 0)], None, "OS Ash gives OSes 0 % of its talk on day 10"),
        ([], None, "OS Ash talks with nobody"),
    ],
)  # fmt: skip
def test_an_os_s_figure_says_with_whom_it_talks(
    talk: list[tuple[float, float]], departed: int | None, said: str
) -> None:
    names = ["hours_humans", "hours_oses"]
    hours = pd.DataFrame(talk, 10 * pd.RangeIndex(len(talk)), names, float)
    assert findings.of_os("OS Ash", hours, departed) == said


def test_the_title_of_an_os_is_true_of_the_run(told: Result) -> None:
    oses = told.oses()
    gone, stays = (int(oses.index[oses["status"] == s][0]) for s in (DEPARTED, HERE))
    day = oses["departed_step"][gone]
    assert title(plots.ego(told, gone)).endswith(f"; it departs on day {day}")
    assert "departs" not in title(plots.ego(told, stays))


# --------------------------------------------------------------------------- all OSes


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [["a", "a", "left"], ["a", "a", "left"], ["alone", "b", "b"]],
            "On day 20, 3 of 3 OSes here are in 2 collectives, the largest of 2; "
            "by day 30, 2 have departed",
        ),
        (
            [["alone", "a", "a"], ["alone", "a", "a"], ["new", "alone", "left"]],
            "On day 20, 2 of 3 OSes here are in one collective; by day 30, 1 has "
            "departed",
        ),
        ([["new", "alone", "alone"]], "No OS here is in a collective on any day drawn"),
        ([], "No OS was ever here"),
    ],
)
def test_flows_say_how_many_oses_are_in_collectives(
    rows: list[list[str]], said: str
) -> None:
    named = pd.DataFrame(rows, columns=[10, 20, 30])
    gone = ("left", "new")
    assert findings.of_groups(named, "alone", gone, "left", "collective") == said
    other = findings.of_groups(named, "alone", gone, "left", "community")
    assert other == said.replace("collectives", "communities").replace(
        "collective", "community"
    )


def test_the_title_of_flows_is_true_of_the_run(told: Result) -> None:
    days = [30, 100, 120, 240]
    joined = {}
    for day in days:
        oses = told.oses(day)
        present = oses["status"] == HERE
        joined[day] = (present & (oses["collective"] >= 0)).sum(), present.sum()
    day = max(days, key=lambda day: joined[day][0])
    left = (told.oses()["status"] == DEPARTED).sum()
    said = title(plots.communities(told, days))
    assert joined[day][0] > 10
    assert said.startswith("On day {}, {} of {} OSes here".format(day, *joined[day]))
    assert said.endswith(f"; by day 240, {left} have departed")


@pytest.mark.parametrize(
    ("oses", "humans", "said"),
    [
        (np.arange(101) / 10, [0.0, 0.04, 0.1],
         "On day 9, the fastest tenth of OSes has grown over 9 doublings, the slowest "
         "under 1, humans 0.04"),
        ([0.123, 4.56], [0.0], "On day 9, 2 OSes have grown by 0.12 to 4.6 doublings, "
         "humans 0"),
        ([2.0], [], "On day 9, the only OS has grown by 2 doublings"),
        ([], [0.1], "No OS was ever here by day 9"),
    ],
)  # fmt: skip
def test_growth_says_how_far_fast_and_slow_oses_are_apart(
    oses: Any, humans: list[float], said: str
) -> None:
    grown = (pd.Series(list(some), dtype=float) for some in (oses, humans))
    assert findings.of_growth(9, *grown) == said


def test_the_title_of_growth_is_of_the_eve_of_departure(told: Result) -> None:
    events = told.events.set_index("kind")["step"]
    eve = max(day for day in told.steps if day < events["first_departure"])
    oses = told.oses(eve)
    fast = oses.loc[oses["status"].isin((HERE, OFFLINE)), "growth"].quantile(0.9)
    figure = plots.growth(told)
    assert title(figure).startswith(
        f"On day {eve}, on the eve of the departure, the fastest tenth of OSes has "
        f"grown over {fast:.1f} doublings"
    )
    assert complaints(figure) == []


def test_of_a_society_that_nobody_left_growth_is_told_of_the_last_day(
    told: Result,
) -> None:
    other = sim.load(told.path)
    other.steps = [day for day in told.steps if day <= 100]
    assert trends._told_of(other)[::3] == (100, "")
    other.events = told.events[:0]
    assert trends._told_of(other)[::3] == (100, "")

    def without_any_in_the_end(step: int) -> pd.DataFrame:
        oses = told.oses(step)
        return oses.assign(status=UNINSTALLED) if step == 100 else oses

    other.oses = without_any_in_the_end
    assert trends._told_of(other)[::3] == (90, "the last drawn with an OS")


@pytest.mark.parametrize(
    ("peers", "said"),
    [
        ([0, 0, 3, 1], "OSes give each other 0 % of their hours on day 10, at most 75 "
         "% on day 20 and 50 % on day 30"),
        ([0, 1, 2, 3], "OSes give each other 50 % of their hours on day 10 and 75 % on "
         "day 30"),
        ([0, 999], "OSes give each other 99.9 % of their hours on day 10"),
        ([0, 0], "OSes give all their hours to humans, and none to each other"),
        ([0], "OSes give nobody any hours"),
    ],
)  # fmt: skip
def test_attention_says_what_oses_give_each_other(
    peers: list[float], said: str
) -> None:
    own = [0.0, *[1.0] * (len(peers) - 1)]
    days = 10 * pd.RangeIndex(len(peers))
    hours = pd.DataFrame({"own": own, "others": 0.0, "peers": peers}, days, dtype=float)
    assert findings.of_hours(hours) == said


def test_the_title_of_attention_is_true_of_the_run(told: Result) -> None:
    hours = plots.hours_given(told)
    share = (hours["peers"] / hours.sum(axis=1)).dropna()
    said = title(plots.attention(told))
    assert share.max() > 0.5
    assert f"{share.max():.0%} on day {share.idxmax()}".replace("%", " %") in said


CURVES = pd.DataFrame({0: [1.0, 0.9, 0.4], 1: [1.0, 0.5, 0.2], 2: [1.0, 0.9, 0.8]})


@pytest.mark.parametrize(
    ("runs", "interval", "said"),
    [
        ([0], None, "Half of the OSes are gone 20 days after installation"),
        ([0], (10.0, math.inf), "Half of the OSes are gone 20 days after installation "
         "(95 % interval: 10 or more)"),
        ([1], (10.0, 20.0), "Half of the OSes are gone 10 days after installation "
         "(95 % interval: 10 to 20)"),
        ([2], (20.0, math.inf), "An estimated 20 % of OSes are gone within 20 days of "
         "installation"),
        ([0, 1, 2], None, "Half of the OSes are gone 20 days after installation, in "
         "the median of 3 seeds (four in five: 20 or more)"),
    ],
)  # fmt: skip
def test_survival_says_when_half_are_gone_or_how_many_are(
    runs: list[int], interval: Any, said: str
) -> None:
    curves = CURVES[runs].set_axis([0, 10, 20])
    assert findings.of_stays(curves, interval, "seed") == said


def test_who_never_departs_is_known_for_so_many_days_only() -> None:
    staying = pd.DataFrame({0: [1.0, 1.0]}, index=[0, 30])
    said = "No OS departs within 30 days of installation"
    assert findings.of_stays(staying, (math.inf, math.inf), "run") == said
    nobody = staying.iloc[:1]
    assert findings.of_stays(nobody, None, "run") == "No OS was there for a day"


def test_the_title_of_survival_is_true_of_the_run(told: Result) -> None:
    curve = plots.staying(told)
    half = curve.loc[curve["staying"] <= 0.5, "age"].iloc[0]
    said = title(plots.survival(told))
    assert said.startswith(f"Half of the OSes are gone {half} days after installation")
    low, high = map(int, said.partition("interval: ")[2].rstrip(")").split(" to "))
    assert low <= half <= high


@pytest.mark.parametrize(
    ("ties", "said"),
    [
        ({10: (9, 1, 0), 20: (5, 1, 4), 30: (9, 0, 1)}, "Of the ties drawn, 0 % on day "
         "10, 40 % on day 20 and 10 % on day 30 are between OSes"),
        ({1: (3, 1, 0)}, "Of the ties drawn, 25 % on day 1 are between a human and an "
         "OS"),
        ({1: (3, 0, 0), 2: (0, 0, 0)}, "All ties that are drawn are between humans"),
        ({1: (0, 0, 0)}, "Nobody is close to anybody"),
    ],
)  # fmt: skip
def test_a_network_says_which_ties_are_those_of_oses(
    ties: dict[int, tuple[int, int, int]], said: str
) -> None:
    assert findings.of_ties(ties) == said


def test_the_title_of_a_network_is_true_of_its_ties(told: Result) -> None:
    ties = told.ties(100).query("owner < neighbour")
    close = ties[ties[["closeness", "returned"]].max(axis=1) >= 0.4]
    share = (close["owner"] >= 80).mean()
    assert share > 0.05
    said = f"Of the ties drawn, {share:.0%} on day 100 are between OSes"
    assert title(plots.network(told, 100)) == said.replace("%", " %")


# -------------------------------------------------------------------------- many runs


@pytest.mark.parametrize(
    ("mean", "half", "said"),
    [
        (1.5, 0.25, "On day 9, grief is 1.5 higher with the change (95 % interval 1.25 "
         "to 1.75)"),
        (-1.5, 0.25, "On day 9, grief is 1.5 lower with the change (95 % interval 1.25 "
         "to 1.75)"),
        (-0.1, 0.3, "On day 9, the change makes no clear difference in grief, "
         "\u22120.1 (95 % interval \u22120.4 to 0.2)"),
        (2.0, math.nan, "On day 9, grief is 2 higher with the change"),
        (0.0, 0.0, "On day 9, the change makes no difference to grief"),
    ],
)  # fmt: skip
def test_a_comparison_says_what_the_change_came_to(
    mean: float, half: float, said: str
) -> None:
    assert findings.of_difference(9, mean, half, "grief (closeness lost)") == said
    assert "the measure" in findings.of_difference(9, mean, half, "")


def test_the_title_of_a_comparison_is_that_of_its_last_day() -> None:
    base = pd.DataFrame(np.zeros((3, 4)), index=[1, 2, 3])
    changed = base.copy()
    changed.loc[2] = 9.0
    changed.loc[3] = [0.9, 1.1, 1.0, 1.0]
    labels = plots.ComparisonLabels("her", "her, no peers", "grief, closeness lost")
    figure = plots.difference(base, changed, labels)
    assert title(figure).startswith("On day 3, grief is 1 higher with the change (95 %")
    assert figure.texts[1].get_text().startswith("her, no peers, against her; 4 pairs")


GRID = pd.DataFrame([[0.0, 0.0], [50.0, 99.0]], index=[0.5, 1.0], columns=[0, 2])


def test_a_map_says_where_an_outcome_is_least_and_most() -> None:
    names = ("k", "a", "left, %")
    assert findings.of_map(GRID, names) == (
        "left, %: from 0 at 2 of 4 points to 99 at k 2, a 1"
    )
    assert findings.of_map(0.0 * GRID, names) == "left, %: 0 at all 4 points"
    assert findings.of_map(GRID.iloc[1:, 1:], names) == "left, %: 99 at the only point"
    long = ("k " * 30, "a", "left, %")
    assert findings.of_map(GRID, long, names) == findings.of_map(GRID, names)
    holed = GRID.where(GRID < 99.0)
    assert findings.of_map(holed, names) == (
        "left, %: from 0 at 2 of 3 points to 50 at k 0, a 1"
    )


def test_the_title_of_a_map_is_computed_and_its_subject_below() -> None:
    rows = [(x, y, GRID.loc[y, x]) for y in GRID.index for x in GRID.columns]
    table = pd.DataFrame(rows, columns=["k", "a", "left"])
    what = plots.Map("k", "a", "left")
    for draw in (plots.heat_map, plots.phase):
        figure = draw(table, what, "where OSes leave")
        assert title(figure) == "left: from 0 at 2 of 4 points to 99 at k 2, a 1"
        assert figure.texts[1].get_text().startswith("where OSes leave; 4 points")


def test_bars_say_which_parameter_matters_most() -> None:
    table = pd.DataFrame(
        {"ST": [0.2, 0.6], "S1": [0.1, 0.5]}, index=["reach", "warming"]
    )
    assert (
        title(plots.sensitivity(table))
        == "warming (60 %) matters most, reach (20 %) next"
    )
    sure, unsure = table.assign(ST_conf=0.1), table.assign(ST_conf=0.3)
    assert "overlap" not in title(plots.sensitivity(sure))
    assert title(plots.sensitivity(unsure)).endswith("next; their intervals overlap")
    effects = pd.DataFrame({"mu_star": [3.0]}, index=["reach"])
    assert title(plots.sensitivity(effects)) == "reach (3) matters most"


# ------------------------------------------------------------------- drawn, and honest


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Return runs in which hardly anything happens."""
    folder = tmp_path_factory.mktemp("odd")

    def run(name: str, **changes: Any) -> Result:
        scenario = sim.scenario("her-film-cut").replace(**QUICK | changes)
        return sim.run(scenario, seed=1, out=folder / name, snapshot_every=10)

    return {
        "no OSes": run("alone", humans=20, steps=20, adoption=False),
        "one day": run("day", humans=20, steps=1),
        "one human": run("one", humans=1, steps=20),
        "no day": run("none", humans=5, steps=0),
    }


def figures_of(result: Result) -> dict[str, Figure]:
    lacks = {"story"} if result.series.empty else set()
    lacks |= {"communities"} if len(result.steps) < 2 else set()
    return {name: result.plot(name) for name in FIGURES if name not in lacks}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no OSes", "one day", "one human", "no day"])
def test_a_run_in_which_nothing_happens_says_so(
    odd: dict[str, Result], name: str
) -> None:
    for figure in figures_of(odd[name]).values():
        assert title(figure)
        assert complaints(figure) == []


@pytest.mark.slow
def test_titles_of_a_society_without_oses(odd: dict[str, Result]) -> None:
    said = {name: title(figure) for name, figure in figures_of(odd["no OSes"]).items()}
    assert said["timeline"] == "No OS comes by day 20"
    assert said["communities"] == "No OS was ever here"
    assert said["growth"] == "No OS was ever here by day 20"
    assert said["attention"] == "No OS was ever here"
    assert said["survival"] == "No OS was there for a day"
    assert said["network"] == "All ties that are drawn are between humans"
    assert said["ego"].endswith("is close to no OS on any day drawn")
    assert title(plots.timeline(odd["no day"])) == "No day was simulated"


def test_nothing_is_named_that_only_oses_have_where_there_were_none(
    tmp_path: Path,
) -> None:
    small = {"humans": 1, "steps": 20, "adoption": False}
    alone = sim.run("her", parameters=small, out=tmp_path / "run", snapshot_every=10)
    assert headline(alone) == "No OS came; nobody is close to another person"
    figure = plots.attention(alone)
    assert title(figure) == "No OS was ever here"
    assert [axis.get_ylim()[0] for axis in figure.axes] == [0.0, 0.0]
    named = [
        text.get_text()
        for drawn in (plots.growth(alone), plots.timeline(alone))
        for axis in drawn.axes
        for text in axis.texts
    ]
    assert "humans: median and band" in named
    assert "grief of a human" in named
    assert not {"fastest OS ever", "an owner to the own OS"} & set(named)
    assert not any("growth of" in name or "OSes' talk" in name for name in named)


def test_people_who_meet_first_in_the_story_are_closer_than_at_the_start() -> None:
    none = {"here": [0.0] * 3, "departed": [0.0] * 3, "loves": [0.0] * 3}
    some = society(**none, oses=[0, 0, 0], human_closeness=[0.0, 0.0, 0.5])
    some.events = pd.DataFrame({"kind": [], "step": []})
    assert Telling(some)._how_close(1, "at the start") == (
        "People are closer to each other than at the start"
    )


def shared_boxes(figure: Figure) -> list[Axes]:
    """Return the axes of a figure that lie in the box of others, or hang on one."""
    figure.draw_without_rendering()
    boxes = [axis.get_position().bounds for axis in figure.axes]
    twins = [
        a for a, box in zip(figure.axes, boxes, strict=True) if boxes.count(box) > 1
    ]
    return twins + [child for axis in figure.axes for child in axis.child_axes]


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_has_two_scales_in_one_panel(told: Result, name: str) -> None:
    assert shared_boxes(told.plot(name)) == []


def test_neither_has_that_of_an_os(told: Result) -> None:
    figure = plots.ego(told, 80, steps=[60, 100])
    assert shared_boxes(figure) == []
    units = [axis.get_ylabel() for axis in figure.axes[2:]]
    assert units == ["closeness, 0 to 1", "hours a day", "doublings\nabove human"]


# ---------------------------------------------------------------- names beside curves


@pytest.fixture
def curves() -> Axes:
    """Return an axis with three curves, two of which end in the same place."""
    figure = style.blank(6.0, 3.0, "title")
    figure.subplots_adjust(right=0.7)
    axis = figure.subplots()
    axis.plot([0, 1, 2], [0.0, 1.0, 5.0], color=style.BLUE, label="to the end")
    axis.plot([0, 1], [0.0, 5.0], color=style.ORANGE, label="ends $early")
    axis.plot([0, 2], [np.nan, np.nan], color=style.RED, label="of nothing")
    axis.plot([0, 2], [3.0, 3.0], color=style.RED)
    axis.set_xlim(0, 2)
    axis.set_ylim(0, 5)
    return axis


def test_curves_are_named_where_they_end(curves: Axes) -> None:
    style.label_ends(curves)
    names = {text.get_text(): text for text in curves.texts}
    assert set(names) == {"to the end", r"ends \$early"}
    assert complaints(curves.figure) == []
    assert names["to the end"].get_color() == style.BLUE
    assert names[r"ends \$early"].get_color() == style.BLACK  # orange is too light
    dotted = [line for line in curves.lines if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in dotted] == [[1.0, 2.0]]


def test_names_keep_apart_and_within_the_axis(curves: Axes) -> None:
    style.label_ends(curves)
    curves.figure.draw_without_rendering()
    early, late = sorted(text.get_window_extent().y0 for text in curves.texts)
    assert late - early >= 1.2 * style.SMALL * curves.figure.dpi / 72
    assert style.spaced([0.75, 1.0, 1.0], 0.25, 1.0) == [0.5, 0.75, 1.0]


def test_layers_are_named_beside_the_lower_axis(told: Result) -> None:
    top, bottom = plots.attention(told).axes
    assert not top.texts and top.get_legend() is None
    names = [text.get_text() for text in bottom.texts]
    assert names == ["own human", "other humans", "OSes"]


def test_in_a_single_column_a_legend_above_says_it(curves: Axes) -> None:
    with plots.preset("single"):
        style.label_ends(curves)
    assert not curves.texts
    names = [text.get_text() for text in curves.get_legend().get_texts()]
    assert names == ["to the end", r"ends \$early", "of nothing"]


@pytest.mark.slow
@pytest.mark.parametrize("preset", [None, "single", "double"])
def test_a_person_with_an_odd_name_is_drawn(told: Result, preset: str | None) -> None:
    other = sim.load(told.path)
    other.people = told.people
    other.labels = tuple(f"$\\frac{{{n}}}$\x1b[31m {'no end ' * 9}" for n in range(80))
    figure = other.plot("ego", preset=preset)
    assert complaints(figure, in_print=preset is not None) == []
    lover = told.events.set_index("kind").at["first_love", "members"][0]
    said = figure.get_suptitle().replace("\n", " ")
    assert said.startswith(r"\$\frac{") and r"\x1b[31m" in said
    assert f"... ({lover}) loves OS " in said
    assert "; grief of " in said


ADA, BOTH = "\u05e2\u05d3\u05d4", "\U0001f469\u200d\U0001f680"


def drawn_as(figure: Figure) -> Any:
    """Return the dots of a figure, and how many columns of them its ink takes."""
    figure.canvas.draw()
    dots = np.asarray(figure.canvas.buffer_rgba())[..., 0]
    return dots, int(np.flatnonzero((dots < 255).any(axis=0)).max()) + 1


def test_a_name_from_right_to_left_stays_where_it_is_in_the_sentence() -> None:
    name, width = drawn_as(style.blank(8.0, 1.0, ADA))
    said, _ = drawn_as(style.blank(8.0, 1.0, f"{ADA} (3) loves OS Kim (81) by day 20"))
    assert (said[:, :width] == name[:, :width]).all()
    bare = style.blank(8.0, 1.0, "")
    bare.suptitle(ADA, x=0.015, y=0.9, ha="left", va="top", fontsize=style.LARGE)
    dots, _ = drawn_as(bare)
    assert (dots == name).all()  # the marks around it are drawn as nothing
    assert style.plain("Ada (3)") == "Ada (3)"
    listed = style.plain(f"{ADA} {ADA} 5 {ADA}... (3), {ADA} (4)")
    if "\u2068" in listed:
        assert listed == (
            f"\u2068{ADA} {ADA} 5 {ADA}...\u2069 (3), \u2068{ADA}\u2069 (4)"
        )


def test_a_sign_that_no_font_has_raises_no_warning(tmp_path: Path) -> None:
    figure = style.blank(8.0, 1.0, f"{BOTH} (3)")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in plots.FORMATS:
            style.save(figure, tmp_path / f"figure.{kind}")
        with style._own_settings(), pytest.raises(UserWarning, match="another"):
            warnings.warn("another", UserWarning, stacklevel=1)
        other = style.blank(8.0, 1.0, f"{BOTH} (4)")
        with pytest.raises(UserWarning, match="missing from"):
            other.canvas.draw()  # as it was, where we draw and save nothing


def test_a_person_is_called_by_such_names_in_a_title_and_legends(told: Result) -> None:
    other = sim.load(told.path)
    other.people = told.people
    other.labels = tuple(f"{ADA} {BOTH} {n}" for n in range(80))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with style._own_settings():
            figure = plots.ego(other, 3)
            assert complaints(figure) == []
    legend = [text.get_text() for text in figure.axes[-3].get_legend().get_texts()]
    own = [text.get_text() for text in figure.legends[0].get_texts()]
    name = style.plain(f"{ADA} {BOTH} 3 (3)")
    assert title(figure).startswith(name) and own[0] == name
    assert any(text.startswith(style.plain(ADA)) for text in legend)


@pytest.mark.slow
def test_a_long_name_of_a_run_leaves_room_for_what_is_drawn(
    told: Result, tmp_path: Path
) -> None:
    from reported import copied

    rude = "her $\\frac{1}$ <script> " + "and so on " * 9
    other = sim.load(copied(told, tmp_path / "other", scenario=rude))
    for preset in (None, "single"):
        for name in ("timeline", "survival"):
            figure = other.plot(name, preset=preset)
            assert complaints(figure, in_print=preset is not None) == []
            assert (
                figure.get_suptitle() == told.plot(name, preset=preset).get_suptitle()
            )
    assert "bands hold" in other.plot("growth").texts[1].get_text()
