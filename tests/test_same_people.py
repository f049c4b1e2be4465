"""Scenarios of the same people: what one is based on, and whose parameters are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from sim import scenarios
from sim.cli import main
from sim.mechanisms import registry, use
from sim.model.parameter_sides import PEOPLE, RUN, SIDES, side_of
from sim.model.parameters import Parameters
from sim.utils.errors import InputError

GOSSIP = ROOT / "experiments" / "mechanisms" / "gossip.py"
HEAD = 'title = "Mine"\nstory = "A town. It has people."\n'


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Leave no mechanism in use."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / f"{name}.toml"
    file.write_text(HEAD + text)
    return file


def sides(one: str, other: str) -> set[str]:
    pair = scenarios.load(one), scenarios.load(other)
    return {row["side"] for row in scenarios.compare_parameters(*pair)}


# ------------------------------------------------------------------------------ sides


def test_every_parameter_is_somebodys() -> None:
    assert SIDES.keys() == Parameters.model_fields.keys()
    assert side_of("a_parameter_of_mine") == "mechanism"


# Scenarios that ask what if people were others than they are, and in what.
OTHER_PEOPLE = {
    "open-marriage": {"exclusivity_mean"},
    "jealous-marriage": {"exclusivity_mean"},
}


@pytest.mark.parametrize("name", [n for n in scenarios.names() if n != "her-film-cut"])
def test_the_people_of_all_scenarios_are_those_of_today(name: str) -> None:
    pair = scenarios.load("today"), scenarios.load(name)
    rows = scenarios.compare_parameters(*pair)
    found = {row["name"] for row in rows if row["side"] == PEOPLE}
    assert found == OTHER_PEOPLE.get(name, set())
    assert bool(rows) == (name != "today")


def test_every_value_of_the_story_is_of_today_or_of_the_film_cut() -> None:
    both, today, film = (
        scenarios.load(name).parameters.model_dump()
        for name in ("her", "today", "her-film-cut")
    )
    new = {name for name in both if both[name] not in (today[name], film[name])}
    assert new == {"steps"}


def test_the_film_cut_has_people_of_its_own() -> None:
    assert PEOPLE in sides("today", "her-film-cut")


def test_two_scenarios_differ_in_what_one_of_them_sets() -> None:
    pair = scenarios.load("her"), scenarios.load("her-linear")
    linear = {"name": "growth_exponent", "side": "OSes", "one": 1.1, "other": 0.0}
    assert scenarios.compare_parameters(*pair) == [{**linear, "unit": "1"}]
    assert scenarios.compare_parameters(pair[0], pair[0]) == []


def test_what_only_one_scenario_has_is_a_difference() -> None:
    her = scenarios.load("her")
    town = her.use(GOSSIP)
    (row, *_) = scenarios.compare_parameters(her, town)
    assert (row["side"], row["one"]) == ("mechanism", None)
    assert row["other"] is not None
    (back, *_) = scenarios.compare_parameters(town, her)
    assert (back["one"], back["other"]) == (row["other"], None)


def test_differences_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parameters", "--differences", "today", "her"]) == 0
    heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split() == ["name", "whose", "today", "her", "unit"]
    assert "peers OSes off on on/off" in {" ".join(row.split()) for row in rows}
    assert main(["parameters", "--differences", "today", "her", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told) == len(rows)
    assert {
        "name": "steps",
        "side": RUN,
        "one": 730,
        "other": 1500,
        "unit": "days",
    } in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["hr", "her"], "unknown scenario 'hr'; did you mean 'her'?"),
        (["her", "her-linear", "--search", "growth"], "does not go with --differences"),
    ],
)
def test_a_wrong_comparison_says_why(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["parameters", "--differences", *words]) == 2
    assert says in capsys.readouterr().err


# --------------------------------------------------------------------------- based on


def test_a_scenario_has_the_parameters_of_what_it_is_based_on(tmp_path: Path) -> None:
    file = write(tmp_path, "mine", 'based_on = "today"\n[parameters]\nreach = 3.0\n')
    today = scenarios.load("today")
    mine = scenarios.load(file)
    assert mine.parameters == today.parameters.replace(reach=3.0)
    assert (mine.title, mine.expectations, mine.interventions) == ("Mine", [], [])


def test_a_scenario_may_be_based_on_a_file_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "town", 'based_on = "today"\n[parameters]\nreach = 3.0\n')
    file = write(tmp_path, "mine", 'based_on = "town.toml"\n[parameters]\nlove = 0.7\n')
    wanted = scenarios.load("today").parameters.replace(reach=3.0, love=0.7)
    assert scenarios.load(file).parameters == wanted


def test_a_profile_comes_after_what_a_scenario_is_based_on(tmp_path: Path) -> None:
    file = write(tmp_path, "mine", 'based_on = "today"\nprofile = "companion"\n')
    changes = scenarios.interventions.profile("companion")
    wanted = scenarios.load("today").parameters.replace(**changes)
    assert changes
    assert scenarios.load(file).parameters == wanted


def test_a_scenario_has_the_mechanisms_of_what_it_is_based_on(tmp_path: Path) -> None:
    use(GOSSIP)
    write(tmp_path, "town", 'mechanisms = ["gossip"]\n[parameters]\nhearsay = 0.2\n')
    mine = scenarios.load(write(tmp_path, "mine", 'based_on = "town.toml"\n'))
    assert mine.mechanisms == ["gossip"]
    assert mine.parameters.hearsay == 0.2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('based_on = "todya"\n', "based_on: unknown scenario 'todya'; did you mean"),
        ("based_on = 3\n", "'based_on' must be a scenario's name, or its file"),
        ('based_on = "mine.toml"\n', "'mine.toml' is based on this scenario itself"),
        ('based_on = "ring.toml"\n', "'mine.toml' is based on this scenario itself"),
        ('based_on = "none.toml"\n', "none.toml"),
        ('based_on = "bad.toml"\n', "bad.toml: unknown parameter 'reech'"),
    ],
)
def test_a_wrong_base_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "ring", 'based_on = "mine.toml"\n')
    write(tmp_path, "bad", "[parameters]\nreech = 3.0\n")
    with pytest.raises(InputError) as refused:
        scenarios.load(write(tmp_path, "mine", text))
    assert says in str(refused.value)
