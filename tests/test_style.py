"""What of the style a test can judge: short functions, docstrings, a quiet import."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

MOST_LINES_OF_A_FUNCTION = 60
TOP_LEVEL = {
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "Makefile",
    "README.md",
    "experiments",
    "notebooks",
    "pyproject.toml",
    "results",
    "sim",
    "tests",
}
LATE_IMPORTS = {"dask", "matplotlib", "mesa", "networkx", "numba", "openai", "panel"}
PATH_OF_A_MACHINE = re.compile(rb"(?<![\w.])/(?:home|root|work|Users)/\w")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
MODULES = {
    file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8")
    for file in sorted((ROOT / "sim").rglob("*.py"))
}


class Found(NamedTuple):
    """A function or class, and where it stands."""

    where: str
    node: Definition
    public: bool


def definitions(
    parent: ast.AST, module: str, inside: str = "", public: bool = True
) -> Iterator[Found]:
    """Yield every function and class under ``parent``; local ones are not public."""
    for node in ast.iter_child_nodes(parent):
        if not isinstance(node, Definition):
            if not isinstance(node, ast.expr):  # in which there is no definition
                yield from definitions(node, module, inside, public)
            continue
        name = f"{inside}{node.name}"
        shown = public and not node.name.startswith("_")
        yield Found(f"{module}:{node.lineno} {name}", node, shown)
        open_inside = shown and isinstance(node, ast.ClassDef)
        yield from definitions(node, module, f"{name}.", open_inside)


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of every module."""
    return {module: ast.parse(text) for module, text in MODULES.items()}


@pytest.fixture(scope="module")
def found_in_all(trees: dict[str, ast.Module]) -> list[Found]:
    """Return the functions and classes of every module."""
    return [
        found for module, tree in trees.items() for found in definitions(tree, module)
    ]


def body_lines(function: Definition) -> int:
    """Count the lines of a function from its first statement after the docstring."""
    statements = function.body[ast.get_docstring(function) is not None :]
    if not statements:
        return 0
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1


def repository_files() -> list[str]:
    """List the files that are in the repository, or would be if all were added."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        shown = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    names = shown.stdout.decode().split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def test_functions_are_short(found_in_all: list[Found]) -> None:
    functions = [found for found in found_in_all if isinstance(found.node, Function)]
    lengths = {found.where: body_lines(found.node) for found in functions}
    long = {where: n for where, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION}
    assert not long


def test_what_is_public_is_documented(found_in_all: list[Found]) -> None:
    public = [found for found in found_in_all if found.public]
    assert not [found.where for found in public if not ast.get_docstring(found.node)]


def test_every_module_says_what_it_is_for(trees: dict[str, ast.Module]) -> None:
    assert not [module for module, tree in trees.items() if not ast.get_docstring(tree)]


LOOK_AROUND = """
import json, multiprocessing, os, sys, threading, warnings
import numpy

def look():
    return {
        "environment": dict(os.environ),
        "printing": repr(numpy.get_printoptions()),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "path": list(sys.path),
        "warnings": repr(warnings.filters),
        "threads": threading.active_count(),
    }

before = look()
import sim
after = look()
changed = {key: after[key] for key in after if after[key] != before[key]}
print(json.dumps({"changed": changed, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def import_alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Import sim in a new process with an empty home; return what it did."""
    home = tmp_path_factory.mktemp("home")
    places = {
        "HOME": str(home),
        "OS_SOCIETY_CACHE": str(home / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", LOOK_AROUND],
        cwd=home,
        env=os.environ | places,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [file.name for file in home.rglob("*")]
    did: dict[str, Any] = json.loads(done.stdout)
    return did | {"files": files, "errors": done.stderr}


def test_importing_sim_changes_nothing(import_alone: dict[str, Any]) -> None:
    assert import_alone["changed"] == {}
    assert import_alone["files"] == []
    assert import_alone["errors"] == ""


def test_importing_sim_loads_nothing_heavy(import_alone: dict[str, Any]) -> None:
    assert "sim" in import_alone["modules"]
    assert not LATE_IMPORTS & set(import_alone["modules"])


def test_the_top_level_is_the_users() -> None:
    top = {name.split("/")[0] for name in repository_files()}
    assert not {name for name in top if not name.startswith(".")} - TOP_LEVEL


def test_no_file_names_a_path_of_some_machine() -> None:
    named = {
        name: match.group().decode()
        for name in repository_files()
        if (match := PATH_OF_A_MACHINE.search((ROOT / name).read_bytes()))
    }
    assert not named
