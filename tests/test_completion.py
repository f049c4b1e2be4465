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
    dict(action.choices) for action in TOP._actions if action.dest == "command"
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
    without = {"talk", "play", "serve-model", "completion"}
    known = {n for n, one in COMMANDS.items() if "--json" in one._option_string_actions}
    assert known == COMMANDS.keys() - without


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["help", "plot"], "usage: os-society plot"),
        (["--debug", "help", "plot"], "usage: os-society plot"),
        (["help"], "usage: os-society [-h]"),
        (["help", "help"], "usage: os-society [-h]"),
    ],
)
def test_help_is_a_command_too(
    capsys: pytest.CaptureFixture[str], words: list[str], usage: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    assert usage in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["completion"], "required: shell (see"),
        (["plot"], "required: run (see"),
    ],
)
def test_only_what_is_missing_is_asked_for(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("open her-0 --no-browser report", {"run": "her-0", "view": "report"}),
        ("compare her --seeds 2 today --json", {"other": "today", "seeds": 2}),
        ("plot a --what story b c", {"run": "a", "more": ["b", "c"]}),
        ("plot a b --what story c", {"more": ["b", "c"], "what": "story"}),
    ],
)
def test_words_may_stand_after_options(line: str, told: dict[str, object]) -> None:
    found = vars(TOP.parse_args(line.split()))
    assert {name: found[name] for name in told} == told


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("show a --json b", "too many arguments: b (see 'os-society show --help')"),
        ("open a --json view b", "too many arguments: b (see"),
        ("open a --json pictures", "takes no 'pictures'; did you mean figure?"),
    ],
)
def test_words_too_many_are_told(
    capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(line.split())
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_nothing_is_typed_after_the_name_of_a_shell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["completion", "bash", "zsh"]) == 2
    assert "too many arguments: zsh" in capsys.readouterr().err


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
        (["parameters", "--differences", "tod"], ["today"]),
        (["parameters", "--differences", "today", "her-f"], ["her-film-cut"]),
        (["parameters", "--differences", "today", "her", "her"], []),
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


@pytest.mark.posix
@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
def test_zsh_tells_that_a_word_is_empty(tmp_path: Path) -> None:
    """What may follow ``run`` is asked for, not what ``run`` may be the start of."""
    program = tmp_path / "os-society"
    program.write_text('#!/bin/sh\nprintf "<%s>" "$@" > asked\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(SCRIPTS["zsh"])
    stand_ins = "compdef() { :; }; compinit() { :; }; _files() { :; }"
    typed = 'words=(./os-society run ""); CURRENT=3'
    ask = f"{stand_ins}; . ./script; {typed}; _os_society"
    subprocess.run(["zsh", "-fc", ask], cwd=tmp_path, capture_output=True, check=True)
    assert (tmp_path / "asked").read_text() == "<completion><words><--><run><>"
