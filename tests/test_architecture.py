"""Imports go one way, and each outside library has its door (see pyproject.toml)."""

from __future__ import annotations

import graphlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]


# One process for all folders: to start it takes longer than to check a package.
LINT = """
import contextlib, io, json, os, sys
from importlinter import cli
found = []
for folder in sys.argv[1:]:
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = cli.lint_imports(no_cache=True)
    found.append([code, told.getvalue()])
print(json.dumps(found))
"""
WRONG = [
    ("utils/errors", "import sim.engine.ties", "Helpers know no engine"),
    ("engine/table", "import sim.model.state", "The engine knows no science"),
    ("model/state", "import sim.runs.result", "Data flows down"),
    ("unheard_of", "", "Data flows down"),
    ("model/state", "import mesa", "Mesa stays in the Mesa face"),
    ("model/state", "def draw():\n    import matplotlib.pyplot", "Only plots draws"),
    ("model/state", "import networkx", "Graph objects are read"),
    ("model/state", "import openai", "Each optional extra has one door"),
]


def lint_imports(*folders: Path) -> list[tuple[int, str]]:
    """Check the contracts of packages, one in each folder: exit code and report."""
    process = subprocess.run(
        [sys.executable, "-P", "-c", LINT, *map(str, folders)],
        env={name: os.environ[name] for name in os.environ if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return [(code, report) for code, report in json.loads(process.stdout)]


def test_the_contracts_are_kept() -> None:
    ((code, report),) = lint_imports(ROOT)
    assert code == 0, report


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """Return what is said of copies of the package, each with one wrong import."""
    folders = []
    for module, line, _ in WRONG:
        folder = tmp_path_factory.mktemp("wrong")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "sim", folder / "sim", ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", folder)
        with (folder / "sim" / f"{module}.py").open("a") as file:
            file.write(f"\n{line}\n")
        folders.append(folder)
    return lint_imports(*folders)


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_a_wrong_import_breaks_a_contract(
    reports: list[tuple[int, str]], case: int
) -> None:
    code, report = reports[case]
    assert code == 1, report
    broken = [row for row in report.splitlines() if "BROKEN" in row]
    assert any(WRONG[case][2] in row for row in broken), report


def test_no_module_imports_itself_round_a_corner() -> None:
    graph = grimp.build_graph("sim", cache_dir=None, exclude_type_checking_imports=True)
    imports = {
        module: graph.find_modules_directly_imported_by(module)
        for module in graph.modules
    }
    # Raises a CycleError that names the modules of the first cycle.
    graphlib.TopologicalSorter(imports).prepare()
