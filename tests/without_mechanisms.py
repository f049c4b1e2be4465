"""Copies of the package from which files of mechanisms are taken out, or put in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import forked

ROOT = Path(__file__).parents[1]
FOLDER = Path("sim", "model", "mechanisms")
# Those that can be taken out; others of the model are needed by each other.
OPTIONAL = (
    *("comfort", "creation", "declared_love", "farewell", "feed"),
    *("jealousy", "partnership", "repair", "stigma", "touch"),
)


def copied(place: Path, without: Iterable[str] = ()) -> Path:
    """Copy the package, and the tests of mechanisms, but for some mechanisms.

    Parameters
    ----------
    place
        A folder that is made.
    without
        Names of mechanisms: their files and the tests of these are left out.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sim", place / "sim", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "mechanisms", place / "tests", ignore=ignored)
    shutil.copy(ROOT / "tests" / "bare.py", place / "tests")
    for name in without:
        (place / FOLDER / f"{name}.py").unlink()
        (place / "tests" / f"test_{name}.py").unlink()
    return place


def python(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy, with its package and no other."""
    return forked.run(words, place, os.environ | {"PYTHONPATH": str(place)})


def said(place: Path, *words: str) -> str:
    """Run a command of a copy, which must end well; return what it printed."""
    done = python(place, "-m", "sim", *words)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


DESIGN = """
scenario = "surrogates"
seeds = 2
[base]
humans = 30
steps = 10
[grid]
warming = [0.05, 0.09]
"""


def tried(place: Path) -> str:
    """Run, sweep, draw and report in a copy; return what its tests of mechanisms say.

    Raises
    ------
    AssertionError
        If a command, or a test of a mechanism that is there, fails.
    """
    size = ("--humans", "100", "--steps", "60")
    said(place, "run", "her", *size, "--out", "run")
    said(place, "plot", "run", "--what", "timeline")
    said(place, "report", "run", "--out", "run.html")
    (place / "design.toml").write_text(DESIGN, encoding="utf-8")
    said(place, "sweep", "design.toml", "--out", "sweep")
    done = python(place, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]
