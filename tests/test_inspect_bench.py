"""Inspect runs the bench with a provider of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import loopback
import pytest
from conversing import REPLY, talks_only
from loopback import Loopback

from sim.studies.bench import OUTCOMES
from sim.studies.inspect_bench import companion_bench
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
INSTALLED = importlib.util.find_spec("inspect_ai") is not None
MODEL = "openai-api/fake/tiny"
COLD = "I am bored and busy; stop, that is enough."


def test_without_inspect_a_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(InputError, match=r"os-society\[inspect\]"):
        companion_bench()


def evaluated(folder: Path, url: str) -> dict[str, Any]:
    """Return the log of an evaluation, as the command of Inspect makes it."""
    task = "experiments/minds/inspect_task.py"
    sizes = {"humans": 20, "shutdown": 31, "seeds": 3, "answers": 1}
    told = [f"{name}={value}" for name, value in sizes.items()]
    told.append(f"record={folder / 'calls.jsonl'}")
    options = [word for one in told for word in ("-T", one)]
    options += ["--model", MODEL, "--model-base-url", url, "--display", "none"]
    options += ["--log-format", "json", "--log-dir", str(folder / "logs")]
    program = "import sys; from inspect_ai._cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "eval", task, *options],
        env=os.environ | {"FAKE_API_KEY": "none", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    latest = max((folder / "logs").glob("*.json"))
    return dict(json.loads(latest.read_text()))


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="Inspect (inspect-ai) is not installed")
def test_an_evaluation_asks_an_endpoint_and_scores_its_outcomes(tmp_path: Path) -> None:
    cold = talks_only(loopback.ok(REPLY | {"said": COLD, "warmth": 0}))
    with Loopback(default=cold) as server:
        log = evaluated(tmp_path, server.url)
        asked = server.count
    assert log["status"] == "success", log.get("error")
    (score,) = log["samples"][0]["scores"].values()
    assert set(score["value"]) == set(OUTCOMES) and score["value"]["closeness"] < 0.0
    told = score["metadata"]["arms"]["model"]["mind"]
    assert told["calls"] == asked > 2 and told["model"] == MODEL
    assert not told["by_rule"]
    lines = (tmp_path / "calls.jsonl").read_text().splitlines()
    assert len(lines) == asked + 1 and json.loads(lines[0])["model"] == MODEL
    with Loopback() as silent:  # all is in the transcript: nothing is asked again
        again = evaluated(tmp_path, silent.url)
        assert silent.count == 0
    (same,) = again["samples"][0]["scores"].values()
    assert same["value"] == score["value"]
