"""What a user may rely on: the public names, and a quiet, quick import."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.utils.signatures import checked_arguments

ROOT = Path(__file__).parents[1]
NAMES = [
    "Human",
    "InputError",
    "Mechanism",
    "MindOptions",
    "Network",
    "NetworkFile",
    "OS",
    "Parameters",
    "Result",
    "Scenario",
    "Society",
    "ablate",
    "check_mechanism",
    "columns",
    "counterfactual",
    "in_words",
    "load",
    "load_sweep",
    "report",
    "run",
    "scenario",
    "simulator",
    "sweep",
    "use",
    "verify",
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
    assert len(NAMES) <= 25


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
        ("Society", "sim.society", "Society"),
        ("load", "sim.runs.result", "load"),
        ("run", "sim.runs.run", "run"),
        ("scenario", "sim.scenarios", "load"),
        ("InputError", "sim.utils.errors", "InputError"),
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


# ------------------------------------------------------------------- wrong arguments


SCRIPT = "import sim\nsim.run('her', {})\n"
# What other types are makes no difference to the names of our options.
QUICKLY = """[mypy]
strict = True
follow_imports = skip
[mypy-sim,sim.runs,sim.runs.run,sim.utils,sim.utils.signatures]
follow_imports = silent
"""


@pytest.mark.slow
def test_a_type_checker_rejects_an_option_that_there_is_not(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(QUICKLY)
    lines = {"good": "threads=2", "bad": "thread=2", "kind": "threads='two'"}
    for name, option in lines.items():
        (tmp_path / f"{name}.py").write_text(SCRIPT.format(option))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "."],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(found) == 2, done.stdout + done.stderr
    assert any(
        line.startswith("bad.py:2: ") and '"thread" for "run"' in line for line in found
    )
    assert any(line.startswith("kind.py:2: ") and '"threads"' in line for line in found)


def her() -> Any:
    return sim.scenario("her")


def refuse(call: Callable[[], object]) -> str:
    with pytest.raises(sim.InputError) as refused:
        call()
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    return text


WRONG_WORDS: dict[str, tuple[Callable[[], object], str, str]] = {
    "run": (lambda: sim.run("her", thread=2), "thread", "threads"),
    "sweep": (lambda: sim.sweep({}, worker=2), "worker", "workers"),
    "counterfactual": (
        lambda: sim.counterfactual("her", "price", sedes=3),
        "sedes",
        "seeds",
    ),
    "ablate": (lambda: sim.ablate("her", outcom="left"), "outcom", "outcome"),
    "check": (lambda: sim.checks.check("her", seed=3), "seed", "seeds"),
    "Society": (lambda: sim.Society("her", thread=2), "thread", "threads"),
    "Result.fork": (
        lambda: sim.Result("nowhere").fork(2, intervention=[]),
        "intervention",
        "interventions",
    ),
    "Result.view": (
        lambda: sim.Result("nowhere").view(hight=300),
        "hight",
        "height",
    ),
    "MindOptions": (lambda: sim.MindOptions(kid="llm"), "kid", "kind"),
    "Parameters": (lambda: sim.Parameters(growht=1), "growht", "growth"),
    "Intervention": (
        lambda: sim.interventions.Intervention(name="a", att=3, set={}),
        "att",
        "at",
    ),
    "Scenario.pull": (lambda: her().pull("price", att=2), "att", "at"),
    "export": (lambda: sim.exports.export(kin="gexf"), "kin", "kind"),
    "timeline": (lambda: sim.plots.timeline(sorce=1), "sorce", "source"),
    "load": (lambda: sim.load(paths="x"), "paths", "path"),
}


@pytest.mark.parametrize("name", WRONG_WORDS)
def test_a_wrong_word_gets_the_nearest_right_one(name: str) -> None:
    call, word, right = WRONG_WORDS[name]
    expected = f"{name}: unknown option {word!r}; did you mean {right!r}?"
    assert refuse(call) == expected


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: sim.run("her", humans=200),
            "'humans' is a parameter of the model; give parameters={'humans': 200}",
        ),
        (
            lambda: sim.counterfactual("her", "price", at=9, humans=200),
            "change the scenario: sim.scenario('her').replace(humans=200)",
        ),
        (
            lambda: sim.sweep({"scenario": "her"}, humans=200),
            "set it in the design: 'base' = {'humans': 200}",
        ),
    ],
)
def test_a_parameter_among_the_options_is_told_its_place(
    call: Callable[[], object], says: str
) -> None:
    assert says in refuse(call)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sim.run("her", 100), "run takes only scenario by position, but 2"),
        (lambda: sim.Society("her", 3), "give others by name: seed=..., rng=..."),
        (sim.run, "run: 'scenario' is missing"),
        (lambda: her().pull("price"), "Scenario.pull: 'at' is missing"),
        (lambda: sim.run("her", scenario="her"), "'scenario' is given twice"),
        (lambda: sim.Scenario("her"), "Scenario: give everything by name"),
        (lambda: sim.Society("her", seed=3, rng=3), "'seed' and 'rng' mean the same"),
        (lambda: sim.run("her", parameters={"humns": 9}), "did you mean 'humans'?"),
        (lambda: sim.run("her", parameters=9), "as {'humans': 200}, not 9"),
    ],
)
def test_arguments_that_do_not_fit_are_told_how_they_would(
    call: Callable[[], object], says: str
) -> None:
    assert says in refuse(call)


def test_an_error_inside_a_call_that_fits_stays_what_it_is() -> None:
    @checked_arguments()
    def share(number: int, names: list[str] | None = None) -> float:
        return number / len(names or ())

    assert share(4, ["a", "b"]) == 2.0
    with pytest.raises(ZeroDivisionError):
        share(4)
    assert list(inspect.signature(share).parameters) == ["number", "names"]
    assert refuse(lambda: share("4", ["a"])).endswith(
        "share: 'number' is a whole number, not '4'"
    )
    assert refuse(lambda: share(4, 5)).endswith(
        "'names' is a list of texts or None, not 5"
    )


def test_parameters_are_given_by_name_to_a_run_and_to_a_society(tmp_path: Path) -> None:
    small = {"humans": 30, "steps": 3}
    result = sim.run("her", parameters=small, seed=3, out=tmp_path / "run")
    assert (result.population, result.steps[-1]) == (30, 3)
    spelled = sim.Society("her", seed=3, humans=30, steps=3)
    mapped = sim.Society("her", rng=3, parameters=small)
    assert spelled.parameters == mapped.parameters == her().replace(**small).parameters
    for society in (spelled, mapped):
        society.step()
        first = society.monitor.history.columns()["loneliness"][0]
        assert first == result.series["loneliness"].iloc[0]


def test_every_public_function_spells_out_its_options() -> None:
    names = [name for name in NAMES if inspect.isfunction(getattr(sim, name))]
    assert "run" in names
    found = [getattr(sim, name) for name in names]
    found += [sim.Result.fork, sim.Result.view]
    found += [sim.checks.check, sim.exports.export]
    for function in found:
        signature = inspect.signature(function)
        kinds = {known.kind for known in signature.parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds
        assert all(
            name in function.__doc__ for name in signature.parameters if name != "self"
        )
