"""Help and completion: examples that parse, and what a shell offers at the tab key."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from sim.cli import main, parser
from sim.cli.completion import SCRIPTS, candidates

TOP = parser()
COMMANDS: dict[str, argparse.ArgumentParser] = next(
    dict(action.choices) for action in TOP._actions if isinstance(action.choices, dict)
)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_examples_that_parse(name: str) -> None:
    text = COMMANDS[name].format_help()
    examples = re.findall(rf"^  os-society {name}\b.*", text, re.MULTILINE)
    assert examples
    for line in examples:
        words = shlex.split(re.split(r" >> | \| ", line)[0])
        assert TOP.parse_args(words[1:]).command == name
    assert {"--quiet", "--debug"} <= set(COMMANDS[name]._option_string_actions)


def test_every_command_prints_json_but_those_that_talk_or_serve() -> None:
    without = {"talk", "serve-model", "completion"}
    known = {n for n, one in COMMANDS.items() if "--json" in one._option_string_actions}
    assert known == COMMANDS.keys() - without


def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["help", "plot"])
    assert end.value.code == 0
    assert "usage: os-society plot" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "some"),
    [
        (["ru"], ["run", "runs"]),
        (["run", "her-l"], ["her-linear"]),
        (["run", "her", "--see"], ["--seed"]),
        (
            ["run", "her", "--mind", ""],
            ["archetype", "compiled", "llm", "rules", "scripted"],
        ),
        (["run", "her", "--set", "growth_e"], ["growth_exponent="]),
        (["plot", "latest", "--what", "f"], ["film"]),
        (["show", ""], ["her-0-0a1b2c3d", "latest", "results/runs/her-0-0a1b2c3d"]),
        (["compare", "her", "--lever", "human"], ["human_contact"]),
        (["events", "latest", "--kind", "first_"], ["first_departure", "first_love"]),
        (["walk", "zzz"], []),
    ],
)
def test_words_that_may_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str], some: list[str]
) -> None:
    run = tmp_path / "results" / "runs" / "her-0-0a1b2c3d"
    run.mkdir(parents=True)
    (run / "provenance.json").touch()
    monkeypatch.chdir(tmp_path)
    assert candidates(TOP, typed) == some


def test_every_shell_has_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    for shell, script in SCRIPTS.items():
        assert main(["completion", shell]) == 0
        assert capsys.readouterr().out == script
        assert "completion words" in script


@pytest.mark.posix
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes(tmp_path: Path) -> None:
    program = tmp_path / "os-society"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sim "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(SCRIPTS["bash"])
    typed = "COMP_WORDS=(./os-society run her --se); COMP_CWORD=3"
    ask = f'. ./script; {typed}; _os_society; printf "%s " "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", ask],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("--seed --set ", "")
