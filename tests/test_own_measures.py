"""Measures, outcomes and detectors of mechanisms: wherever the model's own are."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import QUICK

import sim
from sim.cli import main
from sim.events import kinds
from sim.mechanisms import registry
from sim.scenarios import Scenario, outcomes, own_names
from sim.scenarios.expectations import Expectation
from sim.scenarios.interventions import Condition, Intervention
from sim.society import Society
from sim.studies import outcomes as recorded
from sim.studies.design import make
from sim.studies.job import Tasks, run_job
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
GOSSIP = ROOT / "experiments" / "mechanisms" / "gossip.py"
SMALL = QUICK | {"humans": 40, "steps": 20}
RUMOUR = """
from sim.events import Detector
from sim.mechanisms import Column, Mechanism, real

RUMOUR = Mechanism(
    "rumour",
    "A rumour goes round.",
    parameters={"speed": real(0.1, "1/day", 0, 1, "how fast it goes", "assumed")},
    columns={"humans": [Column("told", "f4", "0..1", "how much they were told")]},
)


@RUMOUR.process(after="grow", over="humans", writes=("humans.told",))
def tell(i, s):
    s.humans.told[i] += s.my.speed * (1.0 - s.humans.told[i])


@RUMOUR.measure("told_mean", unit="0..1", reads=("humans.told",))
def told_mean(s):
    \"\"\"Return how much people were told.

    Over all of them.
    \"\"\"
    return s.humans.told.mean() if s.my.rumour else None


@RUMOUR.outcome("told_end", unit="0..1")
def told_end(run):
    \"\"\"Return how much people were told by the end.\"\"\"
    return run.series["told_mean"][-1]


@RUMOUR.outcome("known_after", unit="days")
def known_after(run):
    \"\"\"Return the days until everybody knew.\"\"\"
    return run.days["all_know"] - 1 if "all_know" in run.days else None


@RUMOUR.detector
class AllKnow(Detector):
    \"\"\"Everybody knows.\"\"\"

    kind, meaning, once = "all_know", "everybody knows the rumour", True

    def look(self, reading):
        if reading.measures["told_mean"] > 0.5:
            return [self.event(reading, f"told {reading.measures['told_mean']:.2f}")]
        return []
"""


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    forget()
    yield
    forget()


def forget() -> None:
    registry._in_use.clear()
    for kind in [*kinds.OF_MECHANISMS]:
        kinds.remove(kind)


@pytest.fixture
def rumour(tmp_path: Path) -> Path:
    file = tmp_path / "rumour.py"
    file.write_text(RUMOUR)
    return file


def small(*mechanisms: Any, **changes: Any) -> Scenario:
    return sim.scenario("her").replace(**SMALL).use(*mechanisms).replace(**changes)


def lived(scenario: Scenario, days: int = 20) -> Society:
    society = Society(scenario, seed=1)
    for _ in range(days):
        society.step()
    return society


def told(day: int, speed: float = 0.1) -> float:
    """Return how much people were told on a day."""
    return 1.0 - (1.0 - speed) ** day


# ---------------------------------------------------------------------------- measures


def test_a_measure_is_in_series_and_collector_after_those_of_the_model(
    rumour: Path,
) -> None:
    society = lived(small(rumour), 3)
    frame = society.datacollector.get_model_vars_dataframe()
    assert list(frame.columns) == [*sim.events.MEASURES, "told_mean"]
    assert np.allclose(frame["told_mean"], [told(1), told(2), told(3)])
    assert society.monitor.latest("told_mean") == frame["told_mean"].iloc[-1]
    without = lived(small(), 3).monitor.history.columns()
    with_it = society.monitor.history.columns()
    assert all(np.array_equal(without[name], with_it[name]) for name in without)


def test_a_stored_run_has_it_without_the_mechanism(
    rumour: Path, tmp_path: Path
) -> None:
    town = small(rumour)
    done = sim.run(town, seed=1, out=tmp_path / "run", checkpoint_every=8)
    forked = done.fork(8, out=tmp_path / "fork")
    assert forked.series.equals(done.series) and forked.events.equals(done.events)
    noticed = done.detect(["all_know"])["step"].tolist()
    forget()
    again = sim.load(tmp_path / "run")
    assert np.allclose(again.series["told_mean"], [told(day) for day in range(1, 21)])
    events = again.events.set_index("kind")
    assert [events.loc["all_know", "step"]] == noticed == [7]
    with pytest.raises(InputError, match="no detector for 'all_know'"):
        again.detect(["all_know"])


def test_looking_again_names_a_mechanism_that_is_missing(
    rumour: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = sim.run(small(rumour), seed=1, out=tmp_path / "run")
    forget()
    assert "all_know" not in set(run.detect()["kind"])
    (line,) = caplog.messages
    assert "events are not looked for: no mechanism 'rumour' is in use" in line
    run.detect(["first_departure"])  # which needs none
    chosen = ["--again", "--kind", "first_departure"]
    assert main(["events", str(run.path), *chosen]) == 0
    given = ["--mechanism", str(rumour)]
    assert main(["events", str(run.path), "--again", *given]) == 0
    assert "all_know" in capsys.readouterr().out
    assert len(caplog.messages) == 1


def test_a_condition_of_an_intervention_may_be_on_it(rumour: Path) -> None:
    town = small(rumour)
    hush = Intervention(
        name="hush", when=Condition(measure="told_mean", above=0.5), set={"speed": 0.0}
    )
    society = lived(town.model_copy(update={"interventions": [hush]}))
    assert np.allclose(society.state.humans.told, told(7))
    with pytest.raises(InputError, match="unknown measure 'told_mean'"):
        Society(small().model_copy(update={"interventions": [hush]}), seed=1)


def test_a_condition_that_ends_a_run_may_be_on_it(rumour: Path, tmp_path: Path) -> None:
    known: dict[str, Any] = {"measure": "told_mean", "above": 0.5}
    run = sim.run(small(rumour), seed=1, until=known, out=tmp_path / "run")
    assert run.stopped == 7
    design = {"mechanisms": ["rumour"], "base": SMALL, "outcomes": ["told_end"]}
    found = run_job(Tasks(make({**design, "until": known}))[0].job)["values"]
    assert found["days"] == 7
    assert Tasks(make(design), until=known).rule is not None
    unknown = known | {"measure": "told_maen"}
    hint = r"unknown measure 'told_maen'; did you mean 'told_mean'\?"
    with pytest.raises(InputError, match=hint):
        sim.run(small(rumour), until=unknown, out=tmp_path / "no")
    with pytest.raises(InputError, match=hint):
        make({**design, "until": unknown})
    with pytest.raises(InputError, match="unknown measure 'told_mean'"):
        make({"base": SMALL, "until": known})
    assert not (tmp_path / "no").exists()


def test_none_is_what_was_not_measured(rumour: Path) -> None:
    society = lived(small(rumour, rumour=False), 2)
    assert math.isnan(society.monitor.latest("told_mean"))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("return s.humans.grief.mean()", r"mine: measure 'mean' broke .*'grief'"),
        ("return s.humans.told", r"mine: measure 'mean' is a number, not array"),
        ("s.humans.told[0] = 1.0", r"mine: measure 'mean' broke .*read-only"),
    ],
)
def test_a_measure_that_breaks_is_named(tmp_path: Path, line: str, what: str) -> None:
    file = tmp_path / "mine.py"
    columns = "{'humans': [Column('told', 'f4', '', '')]}"
    file.write_text(
        "from sim.mechanisms import Column, Mechanism\n"
        f"M = Mechanism('mine', '', columns={columns})\n"
        "@M.measure('mean', unit='1', reads=['humans.told'])\n"
        f"def mean(s):\n    {line}\n"
    )
    with pytest.raises(InputError, match=what):
        lived(small(file), 1)


# ------------------------------------------------------------------ outcomes and events


def test_outcomes_and_events_are_known_by_their_names(rumour: Path) -> None:
    society = lived(small(rumour))
    monitor = society.monitor
    found = outcomes.outcomes(
        monitor.history.columns(), monitor.rows(), society.parameters
    )
    assert found["told_end"] == pytest.approx(told(20))
    assert (found["all_know"], found["known_after"]) == (7.0, 6.0)
    assert outcomes.meaning("told_end") == "how much people were told by the end (0..1)"
    assert recorded.meaning("all_know") == "day on which everybody knows the rumour"
    assert set(own_names.outcomes()) == {"told_end", "known_after"}
    with pytest.raises(InputError, match="did you mean 'told_end'"):
        recorded.check("told_ende")


def test_a_counterfactual_compares_them(rumour: Path) -> None:
    town = small(rumour)
    both = sim.counterfactual(town, town.replace(speed=0.5), seeds=1).runs
    assert {"told_end", "known_after"} <= set(both.columns)
    assert "all_know" not in both.columns  # of kinds, what is asked for by its name
    asked = ["known_after", "all_know to first_departure", "all_know"]
    both = sim.counterfactual(town, town.replace(speed=0.5), seeds=1, outcomes=asked)
    assert both.runs["known_after"].tolist() == [6.0, 1.0]
    assert both.runs["all_know"].tolist() == [7.0, 2.0]


def test_an_expectation_may_be_on_them(rumour: Path) -> None:
    town = small(rumour)
    expected = [
        Expectation(text="they know", outcome="told_end", at_least=0.8),
        Expectation(text="it is known", happens="all_know"),
    ]
    story = town.model_copy(update={"expectations": expected})
    report = sim.checks.check(story, seeds=1)
    assert [verdict.held for verdict in report.verdicts] == [1, 1]
    with pytest.raises(ValueError, match="did you mean 'told_end'"):
        Expectation(text="they know", outcome="told_ende", at_least=0.8)


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_workers_of_sweeps_and_counterfactuals_have_them(
    rumour: Path, tmp_path: Path
) -> None:
    sim.use(rumour)
    design = {
        **{"scenario": "her", "mechanisms": ["rumour"], "base": SMALL},
        **{"grid": {"speed": [0.1, 0.5]}, "outcomes": ["told_end", "all_know"]},
    }
    swept = sim.sweep(design, out=tmp_path / "sweep", workers=1).table()
    assert np.allclose(swept["told_end"], [told(20), told(20, 0.5)])
    assert swept["all_know"].tolist() == [7.0, 2.0]
    town = small("rumour")
    both = sim.counterfactual(
        town, town.replace(speed=0.5), seeds=2, workers=2, outcomes=["all_know"]
    )
    assert both.runs["all_know"].tolist() == [7.0, 2.0, 7.0, 2.0]


def test_a_sweep_that_names_no_outcomes_keeps_them(rumour: Path) -> None:
    sim.use(rumour)
    assert recorded.usual() == [*outcomes.OUTCOMES, *recorded.EXTRA, *kinds.SHIPPED]
    used = small("rumour").parameters.mechanisms
    assert {"told_end", "known_after"} == {*recorded.usual(used)} - {*recorded.usual()}


def test_names_kept_for_what_sweeps_record_are_all_of_them() -> None:
    assert set(recorded.EXTRA) == set(own_names.RECORDED)


# ---------------------------------------------------------------------------- refused

LOOK = "    def look(self, reading): return []\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("@M.measure('grief', unit='1')\ndef f(s): return 0.0", "measure 'grief': the"),
        ("@M.outcome('left', unit='1')\ndef f(run): return 0.0", "outcome 'left': the"),
        ("@M.outcome('cascade', unit='1')\ndef f(run): return 0.0", "'cascade': the"),
        ("@M.outcome('love_gini', unit='1')\ndef f(run): return 0.0", "'love_gini': t"),
        ("@M.measure('growth', unit='1')\ndef f(s): return 0.0", "the name is taken"),
        ("@M.measure('Mean', unit='1')\ndef f(s): return 0.0", "lower-case letters"),
        (
            "@M.measure('far', unit='1')\ndef f(s): return 0.0\n"
            "@M.outcome('far', unit='1')\ndef g(run): return 0.0",
            "it has something called 'far' already",
        ),
        (
            "@M.measure('far', unit='1', reads=['humans.grif'])\ndef f(s): return 0.0",
            "no column 'grif'",
        ),
        (
            f"@M.detector\nclass A(Detector):\n    kind = 'cascade'\n{LOOK}",
            "detector 'cascade': the name is taken",
        ),
        (
            f"@M.detector\nclass A(Detector):\n    kind = 'left'\n{LOOK}",
            "detector 'left': the name is taken",
        ),
        (f"@M.detector\nclass A:\n    kind = 'far'\n{LOOK}", "extends sim.events.Det"),
        ("@M.detector\nclass A(Detector):\n    kind = 'far'", "stand in"),
        ("M.detector(3)", "3 is no detector"),
    ],
)
def test_names_that_are_taken_are_refused(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "mine.py"
    head = "from sim.events import Detector\nfrom sim.mechanisms import Mechanism\n"
    file.write_text(f"{head}M = Mechanism('mine', '')\n{text}\n")
    with pytest.raises(InputError, match=what):
        small(file)
    assert not kinds.OF_MECHANISMS


@pytest.mark.parametrize("name", ["left", "days", "first_love"])
def test_a_parameter_called_as_an_outcome_is_not_swept(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from sim.mechanisms import Mechanism, real\n"
        f"P = {{'{name}': real(0.1, '1', 0, 1, 'x', 'assumed')}}\n"
        "M = Mechanism('mine', '', parameters=P)\n"
    )
    sim.use(file)
    fixed = {"mechanisms": ["mine"], "base": {name: 0.2}}
    assert make(fixed).parameters()().mine
    with pytest.raises(InputError, match=f"'{name}' varies, .*rename the parameter"):
        make({"mechanisms": ["mine"], "grid": {name: [0.1, 0.9]}})


def test_two_mechanisms_that_give_the_same_name_do_not_go_together(
    rumour: Path, tmp_path: Path
) -> None:
    sim.use(rumour)
    file = tmp_path / "other.py"
    file.write_text(
        "from sim.mechanisms import Mechanism\n"
        "M = Mechanism('other', '')\n"
        "@M.measure('told_end', unit='1')\ndef told_end(s): return 0.0\n"
    )
    with pytest.raises(InputError, match="both add 'told_end'"):
        small("rumour", file)


# ------------------------------------------------------------------------ command line


def test_a_scenario_is_described_with_all_that_mechanisms_add(
    rumour: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    law = GOSSIP.with_name("growth_and_departure.py")
    own = ["--mechanism", str(rumour), "--mechanism", str(law)]
    assert main(["describe", "her", *own, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = [row["process"] for row in found["processes"]]
    assert names[names.index("grow") + 1] == "rumour.tell"
    replaced = {row["process"]: row["rules"] for row in found["processes"]}
    assert replaced["depart"] == {"departure_hazard": "growth_and_departure"}
    assert replaced["meet"] == {}
    told = found["mechanisms"][0]
    kinds_of_rows = ("parameters", "columns", "measures", "outcomes", "events")
    assert [[row["name"] for row in told[kind]] for kind in kinds_of_rows] == [
        *(["rumour", "speed"], ["humans.told"], ["told_mean"]),
        *(["told_end", "known_after"], ["all_know"]),
    ]
    assert told["bytes_per_row"] == {"humans": 4}
    assert main(["describe", "her", *own]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("departure_hazard is that of" in line for line in lines) == 2
    assert any(line.startswith("measure    told_mean") for line in lines)
    assert (
        "memory     humans                 4 bytes a row, and as much in a snapshot"
        in (lines)
    )


def test_tables_factors_and_what_differs_are_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.toml"
    text = (
        'title = "T"\nstory = "s"\n[varies]\ninnovation = {of = "humans", sd = 0.1}\n'
    )
    mine.write_text(text)
    own = [
        f"--mechanism={GOSSIP.with_name(name)}" for name in ("wages.py", "companies.py")
    ]
    assert main(["describe", str(mine), *own, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    over = {row["process"]: row["over"] for row in found["processes"]}
    assert (over["adopt"], over["companies.earn"]) == ("humans", "companies")
    wages, companies = found["mechanisms"]
    assert [row["name"] for row in wages["factors"]] == ["adoption"]
    assert "companies.price" in [row["name"] for row in companies["columns"]]
    assert main(["describe", str(mine), *own]) == 0
    assert "factor     adoption" in capsys.readouterr().out


def test_what_has_no_docstring_is_described_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from sim.mechanisms import Column, Mechanism\n"
        "C = {'humans': [Column('told', 'f4', '', '')]}\n"
        "M = Mechanism('mine', '', columns=C)\n"
        "@M.process(after='grow', over='humans', writes=['humans.told'])\n"
        "def tell(i, s):\n    s.humans.told[i] = 1.0\n"
        "@M.measure('told_mean', unit='')\ndef told_mean(s): return 0.0\n"
    )
    assert main(["describe", "her", f"--mechanism={file}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "mine.tell              humans" in lines
    assert "measure    told_mean" in lines


def test_a_detector_that_breaks_is_named(
    rumour: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rumour.write_text(RUMOUR.replace('measures["told_mean"] >', 'measures["tol"] >'))
    days = ["--steps=1", "--set=humans=20", f"--out={tmp_path / 'run'}"]
    assert main(["run", "her", f"--mechanism={rumour}", *days]) == 2
    told = capsys.readouterr().err
    assert "rumour: detector 'all_know': KeyError: 'tol'" in told
    assert "Traceback" not in told


# ----------------------------------------------------------------------------- example


def test_the_example_measures_what_people_hear() -> None:
    town = small(GOSSIP)
    found = sim.counterfactual(
        town.replace(hearsay=0.0), town, seeds=1, outcomes=["heard_peak_day"]
    )
    assert found.runs["heard_peak_day"].between(1, 20).all()
    society = lived(town, 5)
    heard = society.state.humans.heard
    spread = society.monitor.latest("heard_spread")
    assert spread == pytest.approx(float(heard.std(dtype=float)))
