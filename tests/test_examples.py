"""Examples of the public names: each has some, they do what they say, and all run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.docs import site
from sim.mechanisms import registry

VIEWS = (sim.Human, sim.OS)  # their columns are attributes
CLASSES = [name for name in sim.__all__ if inspect.isclass(getattr(sim, name))]
NAMES = [*sim.__all__, *site.MODULES]
FILES = sorted(file.stem for file in site.EXAMPLES.glob("*.md"))
SLOW = {
    *("Mechanism", "Result", "ablate", "counterfactual", "exports", "load_sweep"),
    *("plots", "report", "sweep", "sim.studies.contract"),
}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every example begin in an empty folder, with no mechanism in use."""
    monkeypatch.chdir(tmp_path)
    before = dict(registry._in_use)
    yield
    registry._in_use.clear()
    registry._in_use.update(before)


def code(name: str) -> str:
    """Return the examples of a name, without the words between them."""
    blocks = re.findall(r"^```python\n(.*?)^```", site.examples(name), re.S | re.M)
    return "\n".join(blocks)


def marked(names: list[str]) -> list[Any]:
    """Return names as parameters, those of slow examples marked so."""
    return [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in names]


def run(test: doctest.DocTest) -> None:
    said: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=OPTIONS).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", marked(FILES))
def test_the_examples_of_a_name_run(name: str) -> None:
    test = doctest.DocTestParser().get_doctest(code(name), {}, name, f"{name}.md", 0)
    assert test.examples
    run(test)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>> " in code(name) or ">>> " in (inspect.getdoc(getattr(sim, name)) or "")


def test_the_examples_are_of_public_names() -> None:
    assert set(FILES) <= set(NAMES)


def members(kind: type) -> set[str]:
    """Return the methods and properties of a class that are ours, but for columns."""
    columns = set(vars(kind).get("columns", ())) if kind in VIEWS else set()
    found = {
        name
        for one in kind.__mro__
        if one.__module__.startswith("sim.")
        for name, what in vars(one).items()
        if callable(getattr(what, "__func__", what)) or isinstance(what, property)
    }
    return {name for name in found if not name.startswith("_")} - columns


@pytest.mark.parametrize("name", CLASSES)
def test_every_method_of_a_class_is_in_an_example(name: str) -> None:
    used = code(name)
    assert not [
        m for m in members(getattr(sim, name)) if not re.search(rf"\b{m}\b", used)
    ]


def test_methods_are_found_where_they_are_inherited() -> None:
    assert {"step", "graph", "agents", "view", "add"} <= members(sim.Society)
    assert {"remove", "ties", "own_os"} <= members(sim.Human)
    assert "grief" not in members(sim.Human)


def test_all_that_modules_offer_is_there() -> None:
    for name in site.MODULES:
        module = getattr(sim, name)
        for one in (*site.MODULES[name], *getattr(module, "__all__", ())):
            assert getattr(module, one) is not None


def documented() -> list[str]:
    """Return the modules in whose text an example stands."""
    root = Path(sim.__file__).parent
    found = (one.name for one in pkgutil.walk_packages([str(root)], "sim."))
    files = {name: root.joinpath(*name.split(".")[1:]) for name in found}
    texts = {
        name: (file / "__init__.py" if file.is_dir() else file.with_suffix(".py"))
        for name, file in files.items()
    }
    return [name for name, file in texts.items() if ">>> " in file.read_text("utf-8")]


@pytest.mark.parametrize("name", marked(documented()))
def test_the_examples_in_a_text_of_the_code_run(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.ROOT)
    for test in doctest.DocTestFinder().find(importlib.import_module(name)):
        if test.examples:
            run(test)
