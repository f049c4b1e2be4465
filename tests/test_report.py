"""The report: what it says is so, and it is valid, accessible, alone and inert."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import whole_story
from digests import without_digests
from legible import complaints
from reported import HOSTILE, copied, text_of, undrawn
from sweep_runs import DESIGN, Here, at_home, spoil

import sim
from sim import plots, reports
from sim.cli import main
from sim.reports import effects, figures, maps, provenance, sweep
from sim.reports.run import _all, _first
from sim.reports.run import found as event_row
from sim.runs.result import Result
from sim.runs.view.chapters import headline
from sim.studies import Sweep
from sim.studies.design import Design, make
from sim.utils import publish, stats
from sim.utils.errors import InputError
from sim.utils.text import course, exact, number, per_cent

pytest.importorskip("html5lib", reason="html5lib is not installed: extra 'dev'")
accessible: Any = pytest.importorskip("accessible")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return the quick story with few snapshots, all of which a report reads."""
    return whole_story(tmp_path_factory, every=50)


@pytest.fixture(scope="module")
def page(told: Result) -> str:
    """Return the report of a quick story of 80 humans, without its figures."""
    with undrawn():
        return sim.report(told)


@pytest.fixture
def blank() -> Iterator[None]:
    """Draw no figures."""
    with undrawn():
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Return a small sweep of which some runs failed; tests only read it."""
    place = tmp_path_factory.mktemp("sweeps") / "small"
    changes = {"base": {"steps": 4}, "grid": {"humans": [10, 11], "reach": [2.0, 3.0]}}
    return at_home(place, changes, functions={HOSTILE: spoil})


# ------------------------------------------------------------------- what is in there


@pytest.mark.slow
def test_a_report_says_what_was_run_and_what_came_of_it(
    told: Result, page: str
) -> None:
    text = text_of(page)
    assert "Report of a run: her-film-cut, seed 1" in text
    assert sim.scenario("her-film-cut").title in text
    assert " ".join(sim.scenario("her-film-cut").story.split()) in text
    assert re.search(f"(All|of) {len(told.events)} events, in the order of days", text)
    for event in told.events.drop_duplicates("kind").to_dict("records"):
        assert event["kind"].replace("_", " ") in text
        assert event["evidence"] in text
    assert f"{told.population} humans over {len(told.series)} days" in text
    finding = headline(told)
    assert text.count(finding) == 2  # in the lead, and above the figure that shows it
    order = [finding, "What became of it", finding, "What was run", "Figures"]
    places = [text.index(order[0])]
    for words in order[1:]:
        places.append(text.index(words, places[-1] + 1))


def test_changed_parameters_come_with_unit_range_and_source(page: str) -> None:
    row = re.search(r"<tr><th scope=\"row\"><code>grief_half_life</code>.*?</tr>", page)
    assert row
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row[0])
    assert cells[:4] == ["10", "45", "days", "0.1 to 10,000"]
    assert "A70" in cells[5]
    assert cells[6] == "this run"
    assert '<th scope="row">A70</th>' in page  # the evidence itself
    assert "<code>touch_wear</code>" not in page  # as by default


@pytest.mark.slow
def test_interventions_are_told(told: Result, tmp_path: Path, blank: None) -> None:
    declared = [
        {"name": "one", "at": 30, "days": 5, "set": {"price": 0.5}},
        {"name": "two", "when": {"measure": "grief", "above": 0.2}, "set": {}},
    ]
    place = copied(told, tmp_path / "run", interventions=declared)
    text = text_of(sim.report(place))
    assert "one day 30 5 days price = 0.5" in text
    assert "two the day on which grief is above 0.2 for good" in text


def test_outcomes_and_dates_are_those_of_the_run(told: Result, page: str) -> None:
    found = event_row(told)
    for name in ("left", "grief_max", "human_closeness_change"):
        row = f'<code>{name}</code></th><td class="number">{number(found[name])}<'
        assert row in page.replace("<td>none", '<td class="number">none')
    last = told.series.iloc[-1]
    row = re.search(r"<th scope=\"row\">OSes departed</th>(.*?)</tr>", page)
    assert row
    assert row[1].endswith(f">{number(last['departed'])}</td>")


def test_each_claim_of_the_scenario_is_judged(told: Result, page: str) -> None:
    row, text = event_row(told), text_of(page)
    claims = sim.scenario("her-film-cut").expectations
    twinned = {name: 0.0 for claim in claims for name in claim.names if name not in row}
    assert [*twinned] == ["human_closeness_after against twin"]
    for claim in claims:
        verdict = "held" if claim.holds({**twinned, **row}) else "broken"
        if any(name in twinned for name in claim.names):
            verdict = "not judged: it needs the twin of this run that never had OSes"
        share = f"{100 * claim.share:.0f} %"
        assert f"{claim.text} {claim.claim} {share} {verdict}" in text
    assert "This run has other values of 10 parameters than the scenario (" in text


@pytest.mark.slow
def test_a_claim_about_another_scenario_is_not_judged(
    told: Result, tmp_path: Path, blank: None
) -> None:
    place = copied(told, tmp_path / "run", scenario="quiet-goodbye")
    text = text_of(sim.report(place))
    assert "not judged: it needs the run of her with this seed" in text


def test_of_many_events_of_a_kind_some_are_listed(told: Result) -> None:
    many = pd.concat([told.events.head(1)] * 20 + [told.events.tail(1)])
    text = text_of(_all(many))
    assert "9 of 21 events, in the order of days: at most 8 of a kind" in text
    assert text.count(str(many["evidence"].iloc[0])) == 8


def test_false_alarms_are_told(told: Result, page: str) -> None:
    assert re.search(
        r'<td class="number">0\.\d+</td><td class="number">\d+</td></tr>', page
    )
    made = {
        "kind": "mine",
        "evidence": "e",
        "step": 3,
        "who": "",
        "false_alarms": 1000.0,
    }
    assert "not calibrated" in _first(made)


def test_where_it_comes_from_and_how_to_cite_it(told: Result, page: str) -> None:
    known, text = told.provenance, text_of(page)
    for name in ("source_digest", "python", "platform", "created"):
        assert str(known[name]) in text
    assert f"OS Society contributors. {provenance.TITLE}." in text
    for file in ("series.parquet", "events.parquet", "snapshots/"):
        assert file in text
    assert str(told.path) not in page
    cited = (ROOT / "CITATION.cff").read_text()
    assert f'title: "{provenance.TITLE}"' in cited
    assert f"- name: {provenance.AUTHORS}" in cited
    assert f"license: {provenance.LICENCE}" in cited
    assert f"version: {provenance.version()}\n" in cited


def test_a_command_does_not_tell_where_things_lay() -> None:
    long = "/opt/me/sim/__main__.py run her --out '/opt/me/a run' --set price=0.5"
    short = "os-society run her --out .../a run --set price=0.5"
    assert provenance.command(long) == short
    assert (
        provenance.command("os-society run her --out x") == "os-society run her --out x"
    )
    assert provenance.command("an 'open quote") == "an 'open quote"


# -------------------------------------------------------------- what is seen, in words


def test_words_tell_how_a_curve_runs() -> None:
    curve = pd.Series([0.0, 4.0, -1.0, 2.0], [1, 2, 3, 4])
    assert course(curve, "grief", "points") == (
        "Grief goes from 0 to 2 points, with the most, 4, on day 2, the least, -1, on "
        "day 3."
    )
    assert course(curve * 0, "grief") == "Grief stays at 0."
    assert course(curve[:0], "grief") == "Grief: nothing was measured."


@pytest.mark.slow
def test_alternative_texts_are_computed_from_the_data(told: Result) -> None:
    series = told.series
    timeline = figures.tell_timeline(told)
    assert f"Grief goes from {number(series['grief'].iloc[0])} to" in timeline
    assert f"on day {series['grief'].idxmax()}." in timeline
    stays = plots.staying(told).set_index("age")["staying"]
    assert f"{per_cent(stays[stays.index <= 100].iloc[-1])} after 100 days" in (
        figures.tell_survival(told)
    )
    oses = told.oses()
    on_last_day = figures.tell_communities(told).rpartition("Day ")[2]
    assert f"{(oses['status'] == 2).sum()} departed" in on_last_day
    median = told.humans()["growth"].median()
    assert f"to {number(median)} doublings" in figures.tell_growth(told)


def test_a_map_tells_its_extremes_and_its_slopes() -> None:
    grid = pd.DataFrame([[1.0, 2.0], [3.0, np.nan]], [0.5, 0.6], [10, 20])
    grid.index.name, grid.columns.name = "price", "humans"
    assert maps.tell_map(grid, "left") == (
        "left at 3 points. Least, 1, at humans 10 and price 0.5. Most, 3, at humans "
        "10 and price 0.6. From humans 10 to 20, the mean goes from 2 to 2. From price "
        "0.5 to 0.6, the mean goes from 1.5 to 3."
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((0.0, "0"), (0.12345, "0.123"), (12345.6, "12,346"), (7, "7")),
        *((float("nan"), "none"), (True, "on"), (-0.5, "-0.5")),
    ],
)
def test_numbers_are_short(value: float, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(5e-05, "0.00005"), (1_000_000, "1,000,000"), (False, "off"), (0.7, "0.7")],
)
def test_values_of_parameters_are_exact(value: float, shown: str) -> None:
    assert exact(value) == shown


# ----------------------------------------------------------------------------- sweeps


@pytest.mark.slow
def test_a_sweep_says_what_was_varied_and_what_failed(small: Sweep) -> None:
    page = sim.report(small.path)
    text = text_of(page)
    assert accessible.faults(page) == []
    assert "The sweep varies humans and reach: 4 points on 2 seeds each, 8 runs" in text
    assert "done 4 failed 4 waiting 0" in text
    assert "raised outcome <script>" in text
    assert "4 RuntimeError: no such luck" in text
    assert "doublings 0.1 to 100 growth gap at which talk is worth 1/e assumed" in text
    assert small.about["source"] in text
    assert page == sim.report(sim.load_sweep(small.path))
    assert page.count("<script") == 0


def test_means_have_their_interval_over_seeds() -> None:
    runs = pd.DataFrame({"seed": [0, 0, 1, 1], "left": [0.0, 0.2, 0.4, np.nan]})
    assert sweep.cell(runs, "left") == "0.25 (-1.66 to 2.16); 3 of 4 runs"
    assert sweep.cell(runs[:2], "left") == "0.1"
    assert sweep.cell(runs[3:], "left") == "none"


@pytest.mark.slow
def test_a_grid_of_two_numbers_is_mapped(tmp_path: Path) -> None:
    found = at_home(tmp_path / "s", {"outcomes": ["loneliness_end", "left"]})
    page, table = sim.report(found), found.table()
    assert accessible.faults(page) == []
    assert "loneliness_end over reach and growth_exponent" in text_of(page)
    mean = table.groupby(["growth_exponent", "reach"])["loneliness_end"].mean()
    told = re.search(r'alt="(loneliness_end at 4 points[^"]*)"', page)
    assert told
    assert f"Most, {number(mean.max())}, at" in told[1]
    assert "loneliness_end by factor" in text_of(page)
    assert page.count("<img") == 2  # nobody left in five days: there is none of it


def made_up(changes: dict[str, Any]) -> tuple[Design, pd.DataFrame]:
    """Return a design, and runs in which only the scenario and ``reach`` matter."""
    design = make(DESIGN | {"grid": None, "seeds": 3} | changes)
    layout = design.layout()
    points = [layout.at(number) for number in range(layout.total)]
    rows = [
        point | {"seed": seed, "left": EFFECT[point.get("scenario", "her")]}
        for point in points
        for seed in range(3)
    ]
    runs = pd.DataFrame(rows)
    runs["left"] += 0.1 * runs["reach"] + 0.01 * (runs["seed"] - 1)
    return design, runs


EFFECT = {"her": 0.1, "watts": 0.5}


def test_outcomes_by_factor_are_never_over_several_arms() -> None:
    grid = {"scenario": ["her", "watts"], "reach": [1.0, 2.0]}
    design, runs = made_up({"grid": grid})
    assert list(effects.arms_of(runs, design)) == ["her", "watts"]
    table = effects.effects(runs, design, "left").set_index(["factor", "level", "arm"])
    assert table["mean"].round(6).to_dict() == {
        ("arm", "her", ""): 0.25,
        ("arm", "watts", ""): 0.65,
        ("reach", "1", "her"): 0.2,
        ("reach", "1", "watts"): 0.6,
        ("reach", "2", "her"): 0.3,
        ("reach", "2", "watts"): 0.7,
    }
    low, high = stats.mean_interval(np.array([0.19, 0.2, 0.21]))
    ends = table.loc[("reach", "1", "her"), ["low", "high"]].to_list()
    assert ends == pytest.approx([low, high])
    found = effects.finding(table.reset_index(), "left")
    assert found == "left goes furthest with arm: from 0.25 to 0.65"
    text = text_of("".join(map(str, sweep._outcomes(design, runs, ["left"]))))
    assert "There are 2 arms" in text
    assert "1; her 0.2 (0.175 to 0.225)" in text
    figure = plots.effects(table.reset_index(), "left", found)
    assert complaints(figure) == []


def test_outcomes_of_a_hypercube_are_shown_by_quarters() -> None:
    design, runs = made_up({"lhs": {"n": 40, "reach": [1.0, 5.0]}})
    table = effects.effects(runs, design, "left")
    assert table["factor"].to_list() == ["reach"] * 4
    assert table["mean"].is_monotonic_increasing
    figure = plots.effects(table, "left", effects.finding(table, "left"))
    assert complaints(figure) == []
    with pytest.raises(InputError, match="this lacks low, high"):
        plots.effects(table.drop(columns=["low", "high"]), "left")


@pytest.mark.slow
def test_a_list_of_scenarios_levers_and_minds_is_told(tmp_path: Path) -> None:
    (tmp_path / "ties.csv").write_text("a,b\nb,c\nc,a\n")
    (tmp_path / "design.toml").write_text(
        """
        seeds = 1
        outcomes = ["loneliness_end"]
        [base]
        steps = 2
        [[list]]
        scenario = "watts"
        humans = 9
        [[list]]
        lever = "growth_cap@1"
        humans = 9
        [[list]]
        network = "ties.csv"
        [[list]]
        mind = {kind = "scripted", cast = 1}
        humans = 9
        """
    )
    found = sim.sweep(tmp_path / "design.toml", Here(), out=tmp_path / "s")
    page = sim.report(found)
    text = text_of(page)
    assert accessible.faults(page) == []
    assert "growth_cap day 1 for good growth_cap = 2" in text
    assert "{kind: scripted, cast: 1}" in text
    assert "network ties.csv - - who knows whom on day 0 -" in text
    assert "without an interval, since there is one seed only" in text
    assert str(tmp_path) not in page


@pytest.mark.slow
def test_a_sensitivity_design_has_bars(tmp_path: Path) -> None:
    pytest.importorskip("SALib")
    design = {"n": 3, "acceptance_mean": [0.2, 0.8], "loneliness_pull": [0.0, 1.0]}
    changes = {
        "grid": None,
        "morris": design,
        "outcomes": ["acceptance_end"],
        "seeds": 1,
    }
    page = sim.report(at_home(tmp_path / "s", changes))
    assert accessible.faults(page) == []
    assert "by mean absolute effect: acceptance_mean" in page


def test_a_sweep_that_has_barely_begun_has_a_report(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="start it again"):
        at_home(tmp_path / "s", executor=Here(1))
    page = sim.report(tmp_path / "s")
    assert accessible.faults(page) == []
    assert re.search(r"[01] of them (is|are) done|0 of them are done", text_of(page))


# ------------------------------------------------------------------- the command line


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused in one line; return the line."""
    assert main(["report", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("os-society: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.slow
def test_the_command_writes_the_report(
    told: Result, somewhere: Path, capsys: pytest.CaptureFixture[str], blank: None
) -> None:
    out = "new/report.html"
    for _ in range(2):  # as plot and export do, it replaces what it wrote before
        assert main(["report", str(told.path), "--out", out]) == 0
        assert capsys.readouterr().out == f"{out}\n"
    assert Path(out).read_text(encoding="utf-8") == sim.report(told)
    assert [entry.name for entry in Path("new").iterdir()] == ["report.html"]


def break_nothing(_: Path) -> None:
    """Leave a run as it is."""


def lose_a_snapshot(run: Path) -> None:
    (run / "snapshots" / "oses-000100.parquet").unlink()


def spoil_the_events(run: Path) -> None:
    (run / "events.parquet").write_text("no table")


def damage(name: str, value: Any) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        file = run / "provenance.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
        without_digests(run)

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "out", "said"),
    [
        (lose_a_snapshot, "r.html", "snapshots/oses-000100.parquet is missing"),
        (spoil_the_events, "r.html", "events.parquet is damaged"),
        (damage("parameters", []), "r.html", "parameters: Input should be a valid"),
        (damage("parameters", {"price": "x"}), "r.html", "'price' is no number"),
        (damage("parameters", {"price": 7}), "r.html", "of another version"),
        (damage("interventions", [1]), "r.html", "interventions.0: Input should"),
        (damage("software", {"name": "x"}), "r.html", "not the provenance of an"),
        (break_nothing, "r.pdf", "a report is a file of .html"),
        (break_nothing, "run/series.parquet/r.html", "cannot write"),
    ],
)
def test_what_is_broken_is_said_and_nothing_written(
    told: Result,
    somewhere: Path,
    capsys: pytest.CaptureFixture[str],
    blank: None,
    broken: Any,
    out: str,
    said: str,
) -> None:
    broken(copied(told, somewhere / "run"))
    before = sorted(somewhere.rglob("*"))
    assert said in refused(capsys, "run", "--out", out)
    assert sorted(somewhere.rglob("*")) == before


def test_a_foreign_directory_says_what_it_misses(
    somewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos").mkdir()
    said = refused(capsys, "photos", "--out", "r.html")
    assert "photos is neither a run nor a sweep: it has no provenance.json and" in said
    said = refused(capsys, "nowhere", "--out", "r.html")
    assert "no run or sweep at nowhere: there is no such directory" in said
    (Path("photos") / "ledger.sqlite").write_text("no ledger")
    assert "is no sweep, or damaged" in refused(capsys, "photos", "--out", "r.html")


@pytest.mark.slow
def test_a_full_disk_leaves_what_was_there(
    told: Result,
    somewhere: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    blank: None,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    Path("r.html").write_text("mine")
    monkeypatch.setattr(publish, "_rename", refuse)
    assert "No space left" in refused(capsys, str(told.path), "--out", "r.html")
    assert Path("r.html").read_text() == "mine"
    assert [entry.name for entry in somewhere.iterdir()] == ["r.html"]


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"steps": 0}, {"humans": 1, "steps": 2}])
def test_the_smallest_runs_have_a_report(tmp_path: Path, changes: Any) -> None:
    scenario = sim.scenario("her").replace(**({"humans": 5} | changes))
    page = sim.report(sim.run(scenario, out=tmp_path / "run"))
    assert accessible.faults(page) == []


@pytest.mark.slow
def test_a_report_takes_a_path_a_run_or_a_sweep(
    told: Result, small: Sweep, blank: None
) -> None:
    assert sim.report(str(told.path)) == sim.report(told.path) == sim.report(told)
    assert isinstance(reports.opened(small.path), Sweep)
    assert DESIGN["name"] in sim.report(small)
