"""Colour: where a terminal has it, and nobody asks for none."""

from __future__ import annotations

import io
import sys

import pytest

from sim.cli import main
from sim.cli.arguments import as_table
from sim.utils.colour import STYLES, has_colour, painted

RED, END = "\x1b[1;31m", "\x1b[0m"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "in_terminal", "in_file"),
    [
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({}, False, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"TERM": "xterm", "FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "3", "NO_COLOR": "1"}, False, False),
    ],
    ids=str,
)
def test_where_there_is_colour(
    variables: dict[str, str],
    in_terminal: bool,
    in_file: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR", "WT_SESSION", "ANSICON"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert has_colour(Terminal()) == in_terminal
    assert has_colour(io.StringIO()) == in_file
    assert not has_colour(None)


def test_a_style_ends_where_the_text_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert painted("FAIL", "bad", io.StringIO()) == "FAIL"
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert painted("FAIL", "bad") == f"{RED}FAIL{END}"
    assert painted("", "bad") == ""
    assert len({*STYLES.values()}) == len(STYLES)


def test_an_error_and_the_heads_of_a_table_have_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = as_table("{:<4} ", ("day", "what"), [(1, "love\x1b[31m")])
    assert plain.split("\n")[0] == "day  what"
    monkeypatch.setenv("FORCE_COLOR", "1")
    heads, row = as_table("{:<4} ", ("day", "what"), [(1, "love\x1b[31m")]).split("\n")
    assert heads == f"\x1b[1mday  what{END}"
    assert "\x1b" not in row  # of what is stored, no terminal obeys anything
    assert main(["run", "hers"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"os-society: {RED}error:{END} unknown scenario 'hers'")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["run", "hers"]) == 2
    assert sys.stderr.getvalue().startswith("os-society: error: ")


def test_json_has_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["interventions", "--json"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["interventions"]) == 0
    assert "\x1b[1m" in capsys.readouterr().out
