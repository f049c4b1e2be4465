"""The house: rooms are found by their names, and each name stands for one thing."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sim"
FILES = sorted(PACKAGE.rglob("*.py"))

# File names that stand twice because they are about the same thing, seen by another
# package: the study and its command, the result and its report.
SAME_SUBJECT = {
    "audit.py": "an audit of a mind: the study, its command, its page",
    "bench.py": "a bench of companion models: the study, its command, its report",
    "check.py": "a scenario held to its expectations: the study, and its command",
    "collectives.py": "collectives: the mechanism, and what is detected of them",
    "departure.py": "departure: the mechanism, and what is detected of it",
    "growth.py": "growth: the mechanism, and what is detected of it",
    "outcomes.py": "outcomes of a run, and those that a sweep records",
    "play.py": "a run that a person plays in, and its command",
    "provenance.py": "provenance of a result, and its section in a report",
    "run.py": "a run: simulating it, its command, its report",
    "survey.py": "a questionnaire that agents of a run answer, and its command",
    "sweep.py": "a sweep: its command, its report",
    "sweeps.py": "sweeps: driving them, figures of them",
    "verify.py": "verifying what is stored, and its command",
}


def named_more_than_once(found: Iterator[tuple[str, Path]]) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name, file in found:
        places[name].append(file.relative_to(PACKAGE).as_posix())
    return {name: where for name, where in places.items() if len(where) > 1}


@functools.cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def classes() -> Iterator[tuple[str, Path]]:
    for file in FILES:
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.ClassDef):
                yield node.name, file


def test_only_the_two_doors_lie_flat_in_the_package() -> None:
    assert {file.name for file in PACKAGE.glob("*.py")} == {
        "__init__.py",
        "__main__.py",
    }


def test_no_class_name_means_two_things() -> None:
    assert named_more_than_once(classes()) == {}


def test_a_file_name_stands_twice_only_for_the_same_subject() -> None:
    files = ((file.name, file) for file in FILES if file.name != "__init__.py")
    assert set(named_more_than_once(files)) == set(SAME_SUBJECT)


def test_every_module_says_on_its_first_line_what_it_holds() -> None:
    for file in FILES:
        said = ast.get_docstring(tree_of(file))
        assert said, f"{file} has no docstring"
        first = said.splitlines()[0]
        assert 20 <= len(first) <= 88 and first[-1] in ".:", f"{file}: {first}"


def test_there_are_at_most_eight_layers() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c["type"] == "layers")
    assert len(layers) <= 8
