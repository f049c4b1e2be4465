"""The wheel, in an environment of its own, with somebody else's package beside it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

import sim

pytest.importorskip("build", reason="build is not installed")
pytest.importorskip("hatchling", reason="hatchling is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.posix]

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "their-gossip"
version = "1.0"
dependencies = ["os-society"]
[project.entry-points."os_society.mechanisms"]
gossip = "their_gossip:GOSSIP"
"""
SMALL = ("--humans", "40", "--steps", "30", "--no-figures")
# Ends the process by SIGKILL at its second checkpoint.
KILLED = """
import os, signal, sys
from sim import cli
from sim.runs import simulate
save, count = simulate.save_checkpoint, []
def then_die(*given):
    save(*given)
    count.append(1)
    if len(count) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
simulate.save_checkpoint = then_die
cli.main(sys.argv[1:])
"""
DESIGN = """
outcomes = ["grief_area"]
mechanisms = ["gossip"]
[base]
humans = 40
steps = 30
[grid]
hearsay = [0.0, 0.3]
"""


class Clean:
    """An environment in which nothing of this checkout can be found.

    What the project depends on is taken from where these tests run: no test needs an
    index of packages.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(parents=True)
        venv.create(folder / "venv", with_pip=False)
        (site,) = (folder / "venv").glob("lib/python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self.environment = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("PYTHON", "COV", "OPENAI"))
        } | {"PATH": os.defpath}

    def install(self, source: Path) -> None:
        """Build the wheel of a project, and install it without what it depends on."""
        wheels = self.folder / f"wheels of {source.name}"
        make = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
        self._do([*make, "--outdir", str(wheels), str(source)])
        (wheel,) = wheels.glob("*.whl")
        pip = [sys.executable, "-m", "pip", "--python", self._program("python")]
        self._do([*pip, "install", "--no-deps", "--no-index", "-q", str(wheel)])

    def run(self, *words: str, code: int = 0) -> str:
        """Run ``os-society``; return what it prints."""
        return self._do([self._program("os-society"), *words], code)

    def python(self, text: str, *words: str, code: int = 0) -> str:
        """Run Python."""
        return self._do([self._program("python"), "-c", text, *words], code)

    def _program(self, name: str) -> str:
        return str(self.folder / "venv" / "bin" / name)

    def _do(self, words: list[str], code: int = 0) -> str:
        done = subprocess.run(
            words,
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clean:
    folder = tmp_path_factory.mktemp("clean")
    theirs = folder / "their_gossip"
    package = theirs / "their_gossip"
    package.mkdir(parents=True)
    (theirs / "pyproject.toml").write_text(PROJECT)
    mechanism = ROOT / "experiments" / "mechanisms" / "gossip.py"
    (package / "__init__.py").write_bytes(mechanism.read_bytes())
    made = Clean(folder)
    made.install(ROOT)
    made.install(theirs)
    return made


def test_somebody_elses_mechanism_is_run_killed_resumed_and_swept(clean: Clean) -> None:
    told = ("run", "her", "--set", "gossip=true", *SMALL, "--checkpoint-every", "10")
    clean.run(*told, "--out", "whole")
    whole = sim.load(clean.home / "whole")
    (file,) = (clean.folder / "venv").rglob("their_gossip/__init__.py")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    assert whole.provenance["mechanisms"] == {"gossip": digest}
    clean.python(KILLED, *told, "--out", "killed", code=-signal.SIGKILL)
    assert not (clean.home / "killed").exists()
    clean.run("resume", "killed", "--no-figures")
    for path in sorted(whole.path.rglob("*.parquet")):
        name = path.relative_to(whole.path)
        assert (clean.home / "killed" / name).read_bytes() == path.read_bytes(), name
    (clean.home / "design.toml").write_text(DESIGN)
    tables = []
    for workers in ("1", "2"):
        words = ("sweep", "design.toml", "--workers", workers, "--out", workers)
        assert json.loads(clean.run(*words, "--json"))["done"] == 2
    code = "import sim; print(*(sim.load_sweep(n).table().to_json() for n in '12'))"
    for text in clean.python(code).split():
        table = pd.DataFrame(json.loads(text))
        tables.append(table[["run", "hearsay", "grief_area"]])
    assert tables[0].equals(tables[1])
    assert tables[0]["run"].nunique() == 2


def test_the_wheel_is_all_that_is_found(clean: Clean) -> None:
    text = "import sim; print(sim.__file__)"
    assert clean.python(text).startswith(str(clean.home.parent / "venv"))
    assert "her" in clean.run("scenarios")
