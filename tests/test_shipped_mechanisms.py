"""The shipped model is made of mechanisms: a file that is there counts, and no list."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from without_mechanisms import FOLDER, OPTIONAL, ROOT, copied, python, said, tried

from sim.events import MEASURES
from sim.model import parameters, rules, sockets
from sim.model.columns import HUMAN_COLUMNS, OS_COLUMNS
from sim.model.mechanisms import SUBMODELS
from sim.model.processes import PHASES, STREAMS
from sim.model.submodel import in_order
from sim.utils.errors import InputError

# What a colleague adds to the model itself: a parameter, a column, a rule, a process
# and a measure.
CURIOSITY = '''"""Curiosity: who hears much that is new becomes more curious."""

from __future__ import annotations

from typing import Any

from sim.model import sums
from sim.model.submodel import Submodel, column, kernel, real, rule

CURIOSITY = Submodel(
    "curiosity",
    parameters={"wonder": real(0.05, "1/day", 0, 1, "how fast it comes", "assumed")},
    humans=[column("curiosity", "f4", "0..1", "how curious")],
)


@rule
def update_curiosity(curiosity: float, stimulus: float, rate: float) -> float:
    """Return tomorrow's curiosity: it moves toward 1, the faster the more is heard.

    Source: assumed.
    """
    return curiosity + rate * stimulus / (1.0 + stimulus) * (1.0 - curiosity)


@CURIOSITY.process(
    over="humans",
    after="grow",
    does="Who hears much that is new becomes more curious.",
    reads=("humans.stimulus", "humans.curiosity"),
    writes=("humans.curiosity",),
)
@kernel
def wonder_at(first, last, agents, ties, day):
    """Write how curious each human is."""
    humans = agents.humans
    for i in range(first, last):
        humans.curiosity[i] = update_curiosity(
            humans.curiosity[i], humans.stimulus[i], day.wonder
        )


@CURIOSITY.measure()
def curiosity(state: Any) -> float:
    """Return the mean curiosity of humans."""
    return sums.human_mean(state, "curiosity")
'''


# -------------------------------------------------------------------------- the order


def test_what_is_added_stands_after_what_it_names() -> None:
    core = ["warming", "love"]
    added = [("touch", "love"), ("stigma", "warming"), ("wonder", "")]
    assert in_order(core, added) == ["warming", "stigma", "love", "touch", "wonder"]


def test_the_order_of_the_others_holds_when_one_is_taken_out() -> None:
    """Each names what it follows; of several the first that is there."""
    one = ("stigma", "warming")
    two = ("human_warmth", ("stigma", "warming"))
    assert in_order(["warming"], [two, one]) == ["warming", "stigma", "human_warmth"]
    assert in_order(["warming"], [two]) == ["warming", "human_warmth"]
    assert in_order(["warming"], [("touch", "jealousy")]) == ["warming", "touch"]


def test_a_name_that_two_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"two mechanisms .* both have 'touch'"):
        in_order(["love"], [("touch", "love"), ("touch", "love")])


def test_what_follows_itself_is_refused() -> None:
    with pytest.raises(InputError, match="follow each other in a circle: one, two"):
        in_order(["love"], [("one", "two"), ("two", "one")])


def test_every_file_is_there_and_all_that_it_declares() -> None:
    files = {file.stem for file in (ROOT / FOLDER).glob("*.py")} - {"__init__"}
    assert {one.name for one in SUBMODELS} == files
    assert set(OPTIONAL) < files
    columns = {"humans": HUMAN_COLUMNS, "oses": OS_COLUMNS}
    for one in SUBMODELS:
        assert one.parameters.keys() <= parameters.PARAMETERS.keys()
        assert {process.name for process in one.processes} <= {p.name for p in PHASES}
        assert one.measures.keys() <= MEASURES.keys()
        assert one.streams.keys() <= STREAMS.keys()
        assert {entry.socket for entry in one.entries} <= sockets.SOCKETS.keys()
        assert set(one.in_talk) <= one.parameters.keys()
        for table, placed in one.columns.items():
            assert {p.column for p in placed} <= set(columns[table])
    assert "grow" in rules.__all__ and "update_closeness" in rules.__all__


# -------------------------------------------------- what is nobody else's business


@functools.cache
def read_in(file: Path) -> tuple[set[str | None], set[str]]:
    """Return the modules that a module imports from, and what it reads by name."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return imported, set(read_by_name(nodes))


def read_by_name(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield parameters, keys and columns that a module reads by their names."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            yield f"{node.value.attr}.{node.attr}"
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            yield f"{ast.unparse(node.value)}.{node.slice.value}"


@pytest.mark.parametrize("name", OPTIONAL)
def test_nothing_else_of_the_model_reads_what_is_of_an_optional_one(name: str) -> None:
    """A loop that does would not compile without it: sockets are for that."""
    (one,) = (submodel for submodel in SUBMODELS if submodel.name == name)
    own = {f"{where}.{p}" for p in one.parameters for where in ("day", "parameters")}
    own |= {f"day.key_{stream}" for stream in one.streams}
    own |= {f"{t}.{p.column.name}" for t, some in one.columns.items() for p in some}
    for file in (ROOT / "sim" / "model").rglob("*.py"):
        if file.stem == name and file.parent.name == "mechanisms":
            continue
        imported, read = read_in(file)
        assert f"sim.model.mechanisms.{name}" not in imported, file
        assert not own & read, file


# ----------------------------------------------------------------- copies of the model


def look(place: Path) -> list[str]:
    """Load all that ships with a copy, make a society; return lines on the log."""
    code = (
        "import json, sim\n"
        "from sim import scenarios\n"
        "from sim.model import parameters\n"
        "from sim.scenarios.interventions import LEVERS, PROFILES, lever, profile\n"
        "from sim.studies.ablation import MECHANISMS\n"
        "list(map(profile, PROFILES)), list(map(scenarios.load, scenarios.names()))\n"
        "for name in LEVERS: lever(name, 5)\n"
        "for off in MECHANISMS.values(): sim.Parameters().replace(**off)\n"
        "import sim.society  # all is linked\n"
        "print(json.dumps(list(parameters.PARAMETERS)))\n"
    )
    done = python(place, "-c", code)
    assert done.returncode == 0, done.stderr
    names = json.loads(done.stdout)
    usual = [name for name in parameters.PARAMETERS if name in names]
    assert names == usual
    return sorted(done.stderr.splitlines())


@pytest.mark.parametrize(
    "name",
    [n if n == "touch" else pytest.param(n, marks=pytest.mark.slow) for n in OPTIONAL],
)
def test_the_file_of_one_can_be_taken_out(name: str, tmp_path: Path) -> None:
    """Scenarios that set its parameters do without, and one line says so."""
    lines = look(copied(tmp_path / "copy", [name]))
    (one,) = (submodel for submodel in SUBMODELS if submodel.name == name)
    left = " is left out, no mechanism here has it"
    assert all(line.endswith(left) for line in lines)
    assert all(any(f": {p} = " in line for p in one.parameters) for line in lines)
    if name == "touch":
        assert lines == [
            f"os-society: scenario 'surrogates': surrogates = 1.0{left}",
            f"os-society: scenario 'today': touch_wear = 0.003{left}",
        ]


@pytest.mark.slow
def test_without_all_that_are_optional_and_with_one_more(tmp_path: Path) -> None:
    """One new file is all that it takes; loops are compiled once for all of this."""
    place = copied(tmp_path / "copy", OPTIONAL)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(place)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "as it was"], check=True)
    (place / FOLDER / "curiosity.py").write_text(CURIOSITY, encoding="utf-8")
    status = subprocess.run(
        [*git, "status", "-s", "-uall"], capture_output=True, check=True
    )
    assert status.stdout.decode().split() == [
        "??",
        (FOLDER / "curiosity.py").as_posix(),
    ]

    assert "wonder" in said(place, "parameters")
    assert "passed" in tried(place)
    series = pd.read_parquet(place / "run" / "series.parquet")
    assert series["curiosity"].iloc[-1] > series["curiosity"].iloc[0] > 0.0
    people = pd.read_parquet(next((place / "run").rglob("humans-*.parquet")))
    assert "curiosity" in people and "touch" not in people
    slower = ("--humans", "30", "--steps", "20", "--set", "wonder=0.0")
    said(place, "run", "her", *slower, "--out", "idle")
    assert (
        pd.read_parquet(place / "idle" / "series.parquet")["curiosity"] == 0.0
    ).all()
