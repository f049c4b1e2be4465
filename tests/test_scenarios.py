"""Scenarios load by name or from a file, or say in one line why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sim import scenarios
from sim.model.parameters import Parameters
from sim.scenarios import LARGEST, Scenario
from sim.utils.errors import InputError

CONTROLS = {
    "her-linear": {"growth_exponent": 0.0},
    "her-no-insight": {"insight": False},
    "her-no-peers": {"peers": False},
}
GOOD = 'title = "Mine"\nstory = "Nothing happens."\n'


def write(folder: Path, text: str | bytes, name: str = "mine.toml") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refusal(file: Path | str) -> str:
    with pytest.raises(InputError) as refused:
        scenarios.load(file)
    return str(refused.value)


def test_these_scenarios_come_with_the_package() -> None:
    assert {"her", *CONTROLS} <= set(scenarios.names())


@pytest.mark.parametrize("name", scenarios.names())
def test_a_shipped_scenario_tells_its_story(name: str) -> None:
    scenario = scenarios.load(name)
    assert scenario.name == name
    assert scenario.title
    assert scenario.story.strip()
    assert scenario.sources


@pytest.mark.parametrize(("name", "change"), CONTROLS.items())
def test_a_control_differs_by_what_it_controls(
    name: str, change: dict[str, object]
) -> None:
    her = scenarios.load("her").parameters
    assert scenarios.load(name).parameters == her.replace(**change)


def test_a_scenario_of_ones_own(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD + "[parameters]\nreach = 3\npeers = false\n")
    mine = scenarios.load(str(file))
    assert (mine.name, mine.title, mine.sources) == ("mine", "Mine", [])
    assert mine.parameters == Parameters().replace(reach=3.0, peers=False)
    assert scenarios.load(write(tmp_path, GOOD)).parameters == Parameters()


def test_replace_changes_a_copy() -> None:
    calm = scenarios.load("her")
    bold = calm.replace(growth_exponent=1.3)
    assert bold.parameters.growth_exponent == 1.3
    assert bold.name == calm.name
    assert calm == scenarios.load("her")
    with pytest.raises(InputError, match=r"did you mean 'growth_exponent'\?"):
        calm.replace(growth_exponnent=1.3)
    with pytest.raises(ValidationError):
        calm.name = "other"


def test_an_unknown_name_gets_the_nearest() -> None:
    assert refusal("hr") == "unknown scenario 'hr'; did you mean 'her'?"
    assert "'her-no-peers'" in refusal("her-no-peer")
    assert "; there are assistant, characterai-2025, her," in refusal("xyz")
    assert "unknown scenario '../her'" in refusal("../her")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = ", "is not TOML: Invalid value"),
        (GOOD + "[parameters\n", "is not TOML: "),
        (GOOD + "[parameters]\nreach = 3\nreach = 4\n", "is not TOML: "),
        (b'title = "\xff"\n', "is not TOML: 'utf-8' codec"),
        ("a = " + "[" * 10_000, "is not TOML: "),
        (GOOD + 'colour = "red"\n', ": 'colour': Extra inputs are not permitted"),
        ('title = "Mine"\n', ": 'story': Field required"),
        ("title = 3\nstory = 'x'\n", ": 'title': Input should be a valid string"),
        (GOOD + "sources = [1]\n", ": 'sources.0': Input should be a valid string"),
        (GOOD + "parameters = 3\n", ": 'parameters' must be a table"),
        (GOOD + "[[parameters]]\nreach = 3\n", ": 'parameters' must be a table"),
        (GOOD + "[parameters]\nreech = 3\n", ": unknown parameter 'reech'; did you"),
        (GOOD + "[parameters]\nreach = 0\n", ": parameter 'reach' must be a number"),
        (GOOD + "[parameters]\nreach = nan\n", ": parameter 'reach' must be a number"),
        (GOOD + "[parameters]\npeers = 'no'\n", ": parameter 'peers' is true or false"),
        (GOOD + "[parameters]\nhumans = 1.5\n", ": parameter 'humans' must be a whole"),
        (GOOD + "[parameters]\nreach = 1979-05-27\n", ": parameter 'reach' must be"),
        (GOOD + "#" * LARGEST, "is larger than such a file can be"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    file = write(tmp_path, text)
    found = refusal(file)
    assert str(file) in found
    assert says in found
    assert "\n" not in found


def test_a_name_in_the_file_is_refused(tmp_path: Path) -> None:
    """The name of a scenario is that of its file."""
    assert "'name'" in refusal(write(tmp_path, GOOD + 'name = "other"\n'))


@pytest.mark.parametrize("name", ["missing.toml", "folder.toml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.toml").mkdir()
    assert refusal(tmp_path / name).startswith(f"cannot read {tmp_path / name}: ")


def test_a_scenario_is_only_a_change_of_parameters() -> None:
    """No rule can read a name it is never given: nothing else is in a scenario.

    Mechanisms are named in it, and found among what the user put to use; what differs
    between agents is parameters, too.
    """
    assert set(Scenario.model_fields) == {
        "name",
        "title",
        "story",
        "sources",
        "profile",
        "mechanisms",
        "varies",
        "profiles",
        "parameters",
        "interventions",
        "expectations",
    }
