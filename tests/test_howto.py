"""The recipes: those that need no other program are done as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import ROOT

import sim
from sim.cli import main, parser

TEXT = (ROOT / "sim" / "docs" / "HOWTO.md").read_text("utf-8")
DONE = 6  # recipes, from the first


def recipes() -> list[tuple[str, str]]:
    """Return the title and the text of each recipe."""
    parts = re.split(r"^## (.*)\n", TEXT, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def commands(text: str) -> list[list[str]]:
    return [
        shlex.split(one) for one in re.findall(r"^    os-society (.*)$", text, re.M)
    ]


def files(text: str) -> dict[str, str]:
    return dict(
        re.findall(r"^In a file `(.*)`:\n\n```\w+\n(.*?)^```", text, re.S | re.M)
    )


@pytest.mark.parametrize(("title", "text"), recipes(), ids=lambda one: one[:24])
def test_the_commands_of_a_recipe_parse(title: str, text: str) -> None:
    for words in commands(text):
        parser().parse_args(words)


@pytest.mark.slow
def test_the_first_recipes_are_done_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for title, text in recipes()[:DONE]:
        assert commands(text), title
        for name, content in files(text).items():
            Path(name).write_text(content)
        for words in commands(text):
            assert main(words) == 0, f"{title}: {words}\n{capsys.readouterr()}"
    assert len(sim.load_sweep("design").table()) == 4
    assert {"friends.csv", "mine.toml", "calm.py", "her.gexf", "ties.csv"} <= {
        one.name for one in tmp_path.iterdir()
    }
