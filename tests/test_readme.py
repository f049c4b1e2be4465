"""The README does what it says: its Python runs, its commands parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sim import cli
from sim.studies import design
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
# What makes an example small; the rest runs as it stands.
SMALLER = {
    "steps=900": "steps=60, parameters={'humans': 200}",
    "step=450": "step=30",
    "humans=500": "humans=50",
}


def blocks(language: str) -> list[str]:
    """Return the fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Return the indented lines of commands, continued ones joined, uncommented."""
    lines = TEXT.replace("\\\n", " ").splitlines()
    indented = [line for line in lines if line.startswith("    ")]
    return [re.sub(r"\s+#.*", "", line).strip() for line in indented]


@pytest.mark.parametrize("block", blocks("python"), ids=lambda one: one.split("\n")[0])
def test_an_example_runs(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for long, short in SMALLER.items():
        assert long in TEXT
        block = block.replace(long, short)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


def test_there_are_examples_of_both_sorts() -> None:
    assert len(blocks("python")) == 2
    assert len(blocks("toml")) == 1


def test_the_figure_is_described_by_what_was_computed_with_it() -> None:
    """What stands in place of the figure for those who cannot see it is its caption."""
    for name in ("her-story",):
        words = (ROOT / "results" / f"{name}.txt").read_text(encoding="utf-8").strip()
        assert f"![{words}](results/{name}.png)" in TEXT


def test_the_design_is_one(tmp_path: Path) -> None:
    (block,) = blocks("toml")
    (tmp_path / "design.toml").write_text(block)
    read = design.read(tmp_path / "design.toml")
    assert sorted(read.varied) == ["growth_exponent", "lever"]
    (tmp_path / "design.toml").write_text(block.replace("seeds", "seed"))
    with pytest.raises(InputError):
        design.read(tmp_path / "design.toml")


OURS = [line for line in commands() if line.startswith("os-society ")]


@pytest.mark.parametrize("line", OURS)
def test_a_command_parses(line: str) -> None:
    cli.parser().parse_args(shlex.split(line)[1:])


def test_a_command_that_is_none_does_not_parse() -> None:
    assert len(OURS) > 20
    with pytest.raises((SystemExit, InputError)):
        cli.parser().parse_args(["run", "her", "--human", "5"])


def test_what_make_is_told_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = set(re.findall(r"(?:`|^    )make (\w+)", TEXT, re.MULTILINE))
    assert {"run", "test", "phase", "evidence"} <= wanted
    assert wanted <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
