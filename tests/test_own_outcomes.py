"""A user's own outcomes and stopping rules, in all that runs a society."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from quick import QUICK

import sim
from sim.cli import main
from sim.runs.run import resume
from sim.scenarios.interventions import Condition
from sim.scenarios.outcomes import known_for_now
from sim.studies import outcomes
from sim.studies.check import check
from sim.studies.design import make
from sim.studies.job import Tasks, run_job
from sim.studies.outcomes import OwnOutcomes
from sim.utils import importable
from sim.utils.errors import InputError

EXAMPLE = Path("experiments/mechanisms/own_outcome.py")
SMALL: dict[str, Any] = {**QUICK, "humans": 30, "steps": 20, "innovation": 0.05}
HALF = {"measure": "adopted", "above": 0.5}
CLAIM = """
title = "t"
story = "s"
[parameters]
humans = 20
steps = 3
[[expectations]]
text = "Nobody is unequal yet."
outcome = "inequality"
at_most = 0.99
"""


def named(name: str) -> Any:
    """Return a function of the example, as the command line finds it."""
    return importable.from_file("example", f"{EXAMPLE}:{name}")


def half(society: sim.Society) -> bool:
    return bool(society.monitor.latest("adopted") > 0.5)


def half_of_a_result(result: sim.Result) -> bool:
    return bool(result.series["adopted"].iloc[-1] > 0.5)


def adopters(result: sim.Result) -> int:
    return int((result.humans()["adopted_step"] >= 0).sum())


def running(society: sim.Society) -> str:
    return "no number"


def forgetful(society: sim.Society) -> Any:
    return None


def town(**changes: Any) -> sim.Scenario:
    return sim.scenario("her").replace(**{**SMALL, **changes})


def first_day(run: sim.Result) -> int:
    """Return the first day on which more than half had an OS."""
    return int(run.series.index[run.series["adopted"] > 0.5][0])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> sim.Result:
    """Return a run that lives all its days; tests only read it."""
    return sim.run(town(), out=tmp_path_factory.mktemp("whole") / "run")


# ------------------------------------------------------------------------- stopping


@pytest.mark.parametrize(
    "until",
    [half, half_of_a_result, HALF, Condition(measure="adopted", above=0.5)],
    ids=["society", "result", "mapping", "condition"],
)
def test_a_run_ends_on_the_first_day_of_a_rule(
    whole: sim.Result, tmp_path: Path, until: Any
) -> None:
    run = sim.run(town(), until=until, out=tmp_path / "run")
    day = first_day(whole)
    assert 1 < day < 20
    assert run.stopped == day
    assert run.steps[-1] == len(run.series) == day
    assert run.series.equals(whole.series.loc[:day])
    assert run.provenance["stopped"]["rule"] == run.provenance["until"]["rule"]
    proof = sim.verify(run.path)
    assert proof.is_proved
    assert f", {day} days, seed 0" in proof.findings[-1].text
    assert whole.stopped is None


def test_a_rule_that_never_holds_changes_nothing(
    whole: sim.Result, tmp_path: Path
) -> None:
    never = {"measure": "adopted", "above": 2.0}
    run = sim.run(town(), until=never, out=tmp_path / "run")
    assert run.stopped is None
    assert run.provenance["files"] == whole.provenance["files"]
    assert "stopped" not in run.provenance


@pytest.mark.slow
def test_resume_and_forks_stop_on_the_same_day(tmp_path: Path) -> None:
    options: dict[str, Any] = {"checkpoint_every": 4}
    run = sim.run(town(), until=half, out=tmp_path / "run", **options)
    with pytest.raises(InputError, match=r"begun with until .*half; give it again"):
        run.fork(4, out=tmp_path / "no")
    with pytest.raises(InputError, match="another stopping rule"):
        run.fork(4, until=half_of_a_result, out=tmp_path / "no")
    fork = run.fork(4, until=half, out=tmp_path / "fork")
    assert fork.provenance["files"] == run.provenance["files"]
    assert fork.stopped == run.stopped
    assert run.fork(4, until=False, out=tmp_path / "on").stopped is None

    class Killed(BaseException):
        pass

    def die(self: sim.Society) -> None:
        if self.calendar == 5:
            raise Killed
        step(self)

    step = sim.Society.step
    with pytest.MonkeyPatch.context() as patch:
        for module in ("sim.runs.simulate", "sim.society"):
            patch.setattr(f"{module}.guard.refuse_replaced", lambda: None)
        patch.setattr(sim.Society, "step", die)
        patch.setattr("sim.runs.writer.RunWriter.abort", lambda self: None)
        with pytest.raises(Killed):
            sim.run(town(), until=half, out=tmp_path / "cut", **options)
    with pytest.raises(InputError, match="give it again: until="):
        resume(tmp_path / "cut")
    again = resume(tmp_path / "cut", until=half)
    assert again.provenance["files"] == run.provenance["files"]
    assert again.stopped == run.stopped


def test_a_run_tells_another_rule_by_its_place(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        short = {"parameters": {"steps": 2, "humans": 10}}
        places = {
            sim.run("her", until=until, **short).path
            for until in (None, half, half_of_a_result, HALF)
        }
    assert len(places) == 4


WRONG: dict[str, Any] = {
    "unknown measure 'adoptd'; did you mean 'adopted'?": {
        "measure": "adoptd", "above": 1
    },
    "until is a function, a condition": 3,
    "other processes cannot find the function": lambda society: True,
    "give FILE.py:NAME, not 'adopted'": "adopted",
    "has no function 'settle'": f"{EXAMPLE}:settle",
    "has not one function: there is inequality, settled, by_imitation": str(EXAMPLE),
    "it returns None, not True or False": forgetful,
}  # fmt: skip


@pytest.mark.parametrize("told", WRONG)
def test_a_rule_that_is_none_is_refused(tmp_path: Path, told: str) -> None:
    with pytest.raises(InputError) as error:
        sim.run(town(steps=1), until=WRONG[told], out=tmp_path / "run")
    assert told in str(error.value)
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------- outcomes


def test_own_outcomes_are_compared_and_known_by_their_file() -> None:
    changed = town(imitation=0.0, innovation=0.0)
    found = sim.counterfactual(
        town(),
        changed,
        seeds=2,
        outcomes=["adopted_end"],
        functions={"adopters": adopters, "inequality": named("inequality")},
    )
    table = found.differences
    assert table.loc["adopters", "with"] == 0
    assert np.isclose(
        table.loc["adopters", "without"], 30 * table.loc["adopted_end", "without"]
    )
    assert found.functions.keys() == {"adopters", "inequality"}
    assert all(len(digest) == 64 for digest in found.functions.values())


def test_ablation_takes_them() -> None:
    table = sim.ablate(
        town(),
        mechanisms=["imitation"],
        outcome="adopters",
        functions={"adopters": adopters},
        seeds=2,
        pairs=False,
    )
    assert table["mean"].iloc[0] > table["mean"].iloc[1]
    assert table.attrs["functions"].keys() == {"adopters"}


def test_expectations_may_be_about_them(tmp_path: Path) -> None:
    (tmp_path / "calm.toml").write_text(CLAIM)
    with pytest.raises(InputError, match="unknown outcome 'inequality'"):
        check(tmp_path / "calm.toml", seeds=1)
    own = {"inequality": named("inequality")}
    report = check(tmp_path / "calm.toml", seeds=2, functions=own)
    assert report.passed
    assert [row["inequality"] for row in report.rows[""]] == [0.0, 0.0]
    assert report.functions.keys() == {"inequality"}


@pytest.mark.parametrize(
    ("functions", "told"),
    [
        ({"left": adopters}, "there is an outcome 'left' already"),
        ({"mine": lambda society: 1.0}, "other processes cannot find the function"),
        ({"running": running}, "outcome 'running' is 'no number', not a number"),
    ],
)
def test_what_is_no_outcome_is_refused(functions: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        sim.counterfactual(
            town(steps=1), town(steps=1), seeds=1, outcomes=[], functions=functions
        )


def test_a_file_that_changed_is_not_found_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def one(society):\n    return 1.0\n")
    function = importable.from_file("", str(file))
    own = OwnOutcomes({"one": function})
    find, given = own.__reduce__()
    assert find(*given).functions["one"](None) == 1.0
    file.write_text("def one(society):\n    return 2.0\n")
    with pytest.raises(InputError, match="has changed since it was given"):
        find(*given)


# --------------------------------------------------------------------------- sweeps


def test_a_sweeps_run_says_how_many_days_it_lived() -> None:
    design = make(DESIGN)
    lived = run_job(Tasks(design)[0].job)["values"]
    job = Tasks(design, {"adopters": adopters}, half)[0].job
    found = run_job(job)["values"]
    assert found["days"] < 20
    assert "days" not in lived
    assert found["adopters"] > 15
    assert math.isnan(found["first_departure"])
    assert job["run"] != Tasks(design, {"adopters": adopters})[0].job["run"]


DESIGN: dict[str, Any] = {"base": SMALL, "outcomes": ["adopted_end", "first_departure"]}


def test_a_design_may_name_functions_that_are_given() -> None:
    named = {**DESIGN, "outcomes": ["adopters", "adopted_end"]}
    with pytest.raises(InputError, match="unknown outcome 'adopters'"):
        make(named)
    with known_for_now(["adopters"]):
        design = make(named)
    found = run_job(Tasks(design, {"adopters": adopters})[0].job)["values"]
    assert list(found) == ["adopted_end", "adopters"]
    alone = Tasks(
        design.model_copy(update={"outcomes": ["adopters"]}), {"adopters": adopters}
    )
    assert alone.outcomes == []  # nothing is kept that was not named


def test_an_event_called_as_what_varies_has_another_name() -> None:
    """Else a table would have two columns of one name: `insight`, or `disclosure`."""
    varied: dict[str, Any] = {"base": SMALL, "grid": {"insight": [True, False]}}
    found = run_job(Tasks(make(varied))[0].job)["values"]
    assert "insight" not in found
    assert math.isnan(found["day_of_insight"])
    assert outcomes.is_time("day_of_insight")
    assert outcomes.meaning("day_of_insight") == outcomes.meaning("insight")
    assert outcomes.kinds_in(["day_of_insight"]) == ["insight"]
    with pytest.raises(InputError, match="of the event is 'day_of_insight' here"):
        make({**varied, "outcomes": ["insight"]})
    tasks = Tasks(make({**varied, "outcomes": ["day_of_insight", "left"]}))
    assert tasks.outcomes == ["day_of_insight", "left"]
    assert "insight" in Tasks(make({"base": SMALL})).outcomes


@pytest.mark.parametrize(
    ("until", "told"),
    [
        ("stop.py:enough", "until"),
        ({"measure": "adoptd", "above": 0.5}, "unknown measure 'adoptd'"),
    ],
)
def test_a_design_holds_no_code(until: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        sim.sweep({**DESIGN, "until": until})


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_a_sweep_with_both_is_the_same_with_workers(tmp_path: Path) -> None:
    own = {"inequality": named("inequality")}
    example = sys.modules[own["inequality"].__module__]
    base = {"humans": 60, "steps": 120, "innovation": 0.01}
    wanted = [*example.DESIGN["outcomes"], "inequality"]
    design = {**example.DESIGN, "base": base, "seeds": 2, "outcomes": wanted}
    options: dict[str, Any] = {"functions": own, "until": named("settled")}
    out = tmp_path / "sweep"
    sweep = sim.sweep(design, out=out, workers=1, **options)
    table = sweep.table()
    assert not len(sweep.failures())
    shown = example.by_imitation(table, base["steps"])
    assert shown["days"].is_monotonic_decreasing
    assert shown["settled"].iloc[[0, 2]].tolist() == [0, 2]
    assert shown["inequality"].between(0.0, 1.0).all()
    alone = Tasks(sweep.design, own, named("settled"))
    for position, task in enumerate(alone):
        values = run_job(task.job)["values"]
        shown = table.loc[position, list(values)].astype(float)
        assert shown.equals(pd.Series(values, name=position))
    assert sim.verify(out).is_proved
    with pytest.raises(InputError):
        sim.sweep(design, out=out, resume=True, functions=own)
    with pytest.raises(InputError, match="begun with until own_outcome"):
        next(iter(sweep.runs()))


# --------------------------------------------------------------------- command line


def test_the_command_line_takes_rules_and_functions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "her", "--no-figures", "--out", str(tmp_path / "a")]
    words += [f"--set={name}={value}" for name, value in SMALL.items()]
    assert main([*words, "--until", "adopted > 0.5"]) == 0
    assert "stopped on day" in capsys.readouterr().out
    assert main([*words, "--force", "--until", f"{EXAMPLE}:settled"]) == 0
    assert main([*words, "--force", "--until", "adopted"]) == 2
    assert "give FILE.py:NAME" in capsys.readouterr().err
    (tmp_path / "calm.toml").write_text(CLAIM)
    own = ["--function", f"{EXAMPLE}:inequality"]
    calm = str(tmp_path / "calm.toml")
    assert main(["check", calm, "--seeds", "1", "--workers", "1", *own]) == 0
    assert "own   inequality: 0 | 0" in capsys.readouterr().out
    ablate = ["ablate", calm, "--seeds", "1", "--workers", "1", "--no-pairs"]
    ablate += ["--mechanisms", "imitation", "--outcome", "inequality"]
    assert main(ablate) == 2
    assert main([*ablate, *own]) == 0
    compare = ["compare", calm, "her", "--seeds", "1", "--workers", "1", *own]
    assert main([*compare, "--outcomes", "adopted_end"]) == 0
    assert "inequality" in capsys.readouterr().out


@pytest.mark.slow
def test_a_report_says_that_a_run_was_stopped(tmp_path: Path) -> None:
    run = sim.run(town(), until=HALF, out=tmp_path / "run")
    says = f"ended on day {run.stopped} by a stopping rule (adopted above 0.5)"
    assert says in sim.report(run)
