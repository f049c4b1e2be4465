"""Imports go one way, and each outside library has its door (see pyproject.toml)."""

from __future__ import annotations

import graphlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the package that lies in ``folder``."""
    program = "import importlinter.cli as cli; cli.lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_are_kept() -> None:
    report = lint_imports(ROOT)
    assert report.returncode == 0, report.stdout + report.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("utils/errors", "import sim.engine.ties", "Helpers know no engine"),
        ("engine/table", "import sim.model.state", "The engine knows no science"),
        ("model/state", "import sim.runs.result", "Data flows down"),
        ("unheard_of", "", "Data flows down"),
        ("model/state", "import mesa", "Mesa stays in the Mesa face"),
        (
            "model/state",
            "def draw():\n    import matplotlib.pyplot",
            "Only plots draws",
        ),
        ("model/state", "import networkx", "Graph objects are read"),
        ("model/state", "import openai", "Each optional extra has one door"),
    ],
)
def test_a_wrong_import_breaks_a_contract(
    tmp_path: Path, module: str, line: str, broken: str
) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sim", tmp_path / "sim", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "sim" / f"{module}.py").open("a") as file:
        file.write(f"\n{line}\n")
    report = lint_imports(tmp_path)
    assert report.returncode == 1, report.stdout + report.stderr
    broken_contracts = [row for row in report.stdout.splitlines() if "BROKEN" in row]
    assert any(broken in row for row in broken_contracts), report.stdout


def test_no_module_imports_itself_round_a_corner() -> None:
    graph = grimp.build_graph("sim", cache_dir=None, exclude_type_checking_imports=True)
    imports = {
        module: graph.find_modules_directly_imported_by(module)
        for module in graph.modules
    }
    # Raises a CycleError that names the modules of the first cycle.
    graphlib.TopologicalSorter(imports).prepare()
