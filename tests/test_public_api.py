"""What a user may rely on: the public names, and a quiet, quick import."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sim

ROOT = Path(__file__).parents[1]
NAMES = [
    "Human",
    "InputError",
    "MindOptions",
    "OS",
    "Parameters",
    "Result",
    "Scenario",
    "Society",
    "ablate",
    "counterfactual",
    "load",
    "load_sweep",
    "report",
    "run",
    "scenario",
    "sweep",
]
HEAVY = {"matplotlib", "mesa", "networkx", "numba", "pandas", "pyarrow", "pydantic"}


def modules_after(statement: str) -> set[str]:
    """Return the modules that a new process has loaded after a statement."""
    report = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", report],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


def test_these_names_are_public() -> None:
    """A name that goes, or a new one, is a change of the interface: see CHANGELOG."""
    assert sorted(sim.__all__) == NAMES
    assert len(NAMES) <= 20


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(sim, name)
    assert inspect.getdoc(found)
    assert getattr(sim, name) is found
    assert name in dir(sim)


def test_star_import_gives_all_of_it() -> None:
    names: dict[str, Any] = {}
    exec("from sim import *", names)
    assert set(NAMES) <= set(names)
    assert names["Society"] is sim.Society


@pytest.mark.parametrize(
    ("name", "module", "attribute"),
    [
        ("Society", "sim.model", "Society"),
        ("load", "sim.results", "load"),
        ("run", "sim.runs", "run"),
        ("scenario", "sim.scenarios", "load"),
        ("InputError", "sim.errors", "InputError"),
    ],
)
def test_a_public_name_is_the_thing_itself(
    name: str, module: str, attribute: str
) -> None:
    assert getattr(sim, name) is getattr(importlib.import_module(module), attribute)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'sim' has no attribute 'Sociaty'"):
        _ = sim.Sociaty
    assert not hasattr(sim, "__path_of_nobody__")


def test_the_import_is_lazy() -> None:
    loaded = modules_after("import sim")
    assert "sim" in loaded
    assert not HEAVY & loaded
    assert not [name for name in loaded if name.startswith("sim.")]


def test_looking_around_loads_nothing() -> None:
    assert not HEAVY & modules_after("import sim; dir(sim); sim.__version__")


def test_parameters_need_no_engine() -> None:
    loaded = modules_after("import sim; sim.scenario('her').replace(reach=3.0)")
    assert not {"matplotlib", "mesa", "networkx", "numba", "pandas"} & loaded


@pytest.mark.slow
def test_a_society_needs_no_plots() -> None:
    assert "matplotlib" not in modules_after("import sim; sim.Society; sim.run")


def test_an_input_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="unknown scenario"):
        sim.scenario("nothing")


def test_the_first_lines_of_the_documentation_hold() -> None:
    calm = sim.scenario("her")
    bold = calm.replace(growth_exponent=1.3)
    assert bold.parameters.growth_exponent == 1.3
    assert calm.parameters.growth_exponent != 1.3
    assert list(inspect.signature(sim.run).parameters)[:2] == ["scenario", "steps"]
    assert {"seed", "network", "out"} <= set(inspect.signature(sim.run).parameters)


def test_the_version_is_that_of_the_project() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{sim.__version__}"' in project
