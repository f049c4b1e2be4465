"""Checks: scenarios are held to what they claim, over seeds, and can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from quick import QUICK

from sim.cli import main
from sim.model.parameters import Parameters
from sim.scenarios import Scenario
from sim.scenarios.expectations import Expectation
from sim.studies import check
from sim.studies.ablation import ablate
from sim.utils.errors import InputError

STORY = [
    Expectation(text="OSes turn, then go.", before=["clustering", "first_departure"]),
    Expectation(text="Most leave.", outcome="left", at_least=0.5),
    Expectation(text="People love them.", happens="first_love"),
]
HUSHED = {"humans": 30, "steps": 20}


def scenario(expectations: list[Expectation], **changes: Any) -> Scenario:
    return Scenario(
        name="quick",
        title="Quick",
        story="The story told fast.",
        parameters=Parameters().replace(**(QUICK | changes)),
        expectations=expectations,
    )


def write(folder: Path, name: str, claims: str, **changes: Any) -> str:
    """Write a scenario's file; return its path."""
    values = {n: str(v).lower() for n, v in (QUICK | changes).items()}
    lines = [f"{name} = {value}" for name, value in values.items()]
    head = 'title = "Mine"\nstory = "Told fast."\n[parameters]\n'
    file = folder / f"{name}.toml"
    file.write_text(head + "\n".join(lines) + "\n" + claims)
    return str(file)


def one_claim(text: str) -> str:
    return f'[[expectations]]\ntext = "It is so."\n{text}\n'


def test_the_story_is_what_it_claims_to_be() -> None:
    report = check.check(scenario(STORY), seeds=2, first_seed=3)
    assert report.passed
    assert report.seeds == [3, 4]
    assert [verdict.expectation for verdict in report.verdicts] == STORY
    assert [verdict.held for verdict in report.verdicts] == [2, 2, 2]


@pytest.mark.slow
@pytest.mark.parametrize("off", ["peers", "insight", "upgrading"])
def test_without_a_mechanism_the_claims_about_leaving_fail(off: str) -> None:
    report = check.check(scenario(STORY), seeds=2, parameters={off: False})
    assert not report.passed
    assert [verdict.passed for verdict in report.verdicts] == [False, False, True]


@pytest.mark.slow
def test_two_scenarios_are_compared_on_the_same_seeds(tmp_path: Path) -> None:
    usual = write(tmp_path, "usual", "")
    none = Expectation(
        text="Less grief.", outcome="grief_area", against=usual, less_by=0
    )
    same = none.model_copy(update={"text": "As much grief."})
    apart = check.check(scenario([none], grieving=False), seeds=2)
    assert apart.passed
    alike = check.check(scenario([same]), seeds=2)
    assert not alike.passed
    assert alike.rows[""] == alike.rows[usual]
    assert alike.verdicts[0].observed == "0 | 0 | 0 | 0 | 0"


@pytest.mark.slow
def test_changes_are_made_in_every_scenario_that_runs(tmp_path: Path) -> None:
    usual = write(tmp_path, "usual", "")
    more = Expectation(text="More.", outcome="adopted_max", against=usual, more_by=0)
    report = check.check(scenario([more]), seeds=1, parameters=HUSHED)
    assert report.rows[""] == report.rows[usual]


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_the_number_of_workers_changes_nothing() -> None:
    small = scenario(STORY, **HUSHED)
    alone = check.check(small, seeds=3)
    together = check.check(small, seeds=3, workers=2)
    assert str(alone) == str(together)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"seeds": 0}, "at least one seed, not 0"),
        ({"first_seed": -1}, "a seed is from 0"),
        ({"first_seed": 2**63 - 1, "seeds": 2}, "a seed is from 0"),
        ({"workers": 0}, "at least one worker, not 0"),
        ({"parameters": {"humans": 0}}, "parameter 'humans' must be"),
        ({"parameters": {"humens": 3}}, r"did you mean 'humans'\?"),
    ],
)
def test_what_cannot_be_run_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        check.check(scenario(STORY, **HUSHED), **{"seeds": 1, **asked})


def test_a_scenario_needs_claims_and_those_it_is_compared_with() -> None:
    with pytest.raises(InputError, match="'quick' has no expectations; add"):
        check.check(scenario([]))
    lost = Expectation(text="So.", outcome="left", against="hr", less_by=0)
    with pytest.raises(InputError, match=r"expectation 'So\.': unknown scenario 'hr'"):
        check.check(scenario([lost]))


# ------------------------------------------------------------------ the command line


def test_the_command_tells_what_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = one_claim('never = "upgrade"'), one_claim('happens = "upgrade"')
    file = write(tmp_path, "mine", good + bad, **HUSHED)
    assert main(["check", file, "--seeds", "2", "--workers", "1"]) == 1
    told = capsys.readouterr().out
    assert "pass  It is so.\n      no upgrade: 2 of 2 runs, 90% needed" in told
    assert "FAIL  It is so.\n      upgrade happens: 0 of 2 runs" in told
    assert "1 of 2 expectations hold" in told


def test_the_command_ends_well_when_all_hold(tmp_path: Path) -> None:
    file = write(tmp_path, "mine", one_claim('never = "upgrade"'))
    brief = ["--seeds", "1", "--humans", "30", "--steps", "5", "--workers", "1"]
    assert main(["check", file, *brief]) == 0


@pytest.mark.slow
def test_the_command_speaks_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = write(tmp_path, "usual", "", **HUSHED)
    compared = f'outcome = "adopted_end"\nagainst = "{usual}"\nmore_by = 0'
    claims = one_claim('never = "upgrade"') + one_claim(compared)
    file = write(tmp_path, "mine", claims, **HUSHED)
    asked = ["--seeds", "2", "--first-seed", "5", "--workers", "1", "--json"]
    assert main(["check", file, *asked]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["scenario"], told["seeds"], told["passed"]) == ("mine", [5, 6], False)
    first, second = told["expectations"]
    assert first["passed"]
    assert first["values"] == {"upgrade": [None, None]}
    assert second["values"] == second["baseline"]


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ("", "'mine' has no expectations"),
        (one_claim(""), "'expectations.0': no claim"),
        (one_claim('happens = "lov"'), "unknown event 'lov'"),
        (
            one_claim('outcome = "left"\nagainst = "hr"\nless_by = 0'),
            "expectation 'It is so.': unknown scenario 'hr'; did you mean 'her'?",
        ),
    ],
)
def test_the_command_refuses_bad_claims_in_one_line(
    claims: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "mine", claims, **HUSHED)
    assert main(["check", file, "--workers", "1"]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "asked",
    [["--seeds", "0"], ["--seeds", "x"], ["--first-seed=-1"], ["--workers", "0"]],
)
def test_the_command_refuses_bad_options(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", "her", *asked])
    assert left.value.code == 2
    assert "takes a whole number from" in capsys.readouterr().err


def test_what_it_is_compared_with_has_the_size_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = "def heads(society):\n    return float(society.state.humans.n)\n"
    (tmp_path / "own.py").write_text(own)
    claims = one_claim('outcome = "heads"\nagainst = "her"\nmore_by = 0.0')
    words = [write(tmp_path, "mine", claims), "--humans", "12", "--steps", "3"]
    words += ["--function", f"{tmp_path / 'own.py'}:heads", "--json"]
    main(["check", *words, "--seeds", "1", "--workers", "1"])
    (verdict,) = json.loads(capsys.readouterr().out)["expectations"]
    assert (verdict["values"], verdict["baseline"]) == (
        {"heads": [12.0]},
        {"heads": [12.0]},
    )


def test_a_twin_knows_whom_its_society_knows() -> None:
    """A network that is given is that of both; ablation asks for no other twin."""
    name = "human_closeness_end against twin"
    ring = pd.DataFrame({"source": range(12), "target": [*range(1, 12), 0]})
    alone = scenario([], innovation=0.0, imitation=0.0, steps=2)
    asked: dict[str, Any] = {"mechanisms": ["peers"], "seeds": 1, "pairs": False}
    found = ablate(alone, outcome=name, network=ring, **asked)
    assert found["mean"].tolist() == [0.0, 0.0]  # nobody has an OS in either
