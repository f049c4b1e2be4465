"""What `make` installs: pinned, whatever it builds with too, and by its hashes."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

requirements = pytest.importorskip("packaging.requirements")

CI = Path(__file__).parents[1] / ".ci"
BUILD = ("hatchling", "editables")  # what the package is built with


def plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def pins(file: str) -> set[str]:
    """Return the requirements in a file as they are compared, markers included."""
    text = (CI / file).read_text().replace("\\\n", " ")
    found = (line.partition(" --hash")[0].strip() for line in text.splitlines())
    wanted = [requirements.Requirement(one) for one in found if one and one[0] != "#"]
    return {f"{plain(one.name)}{one.specifier} {one.marker or ''}" for one in wanted}


def names(file: str) -> set[str]:
    return {one.partition("==")[0] for one in pins(file)}


def needed(of: str, extra: str = "") -> set[str]:
    """Return all that an installed package needs here, as its metadata says."""
    found: set[str] = set()
    waiting = [(of, extra)]
    while waiting:
        name, wanted = waiting.pop()
        for text in metadata.requires(name) or []:
            one = requirements.Requirement(text)
            if one.marker is not None and not one.marker.evaluate({"extra": wanted}):
                continue
            if plain(one.name) not in found:
                found.add(plain(one.name))
                waiting += [(one.name, each) for each in ("", *one.extras)]
    return found


@pytest.mark.parametrize("file", ["lock-run.txt", "lock-dev.txt", "lock-docs.txt"])
def test_a_lock_has_the_pins_and_a_hash_of_each(file: str) -> None:
    allowed = {one.partition(" ")[0] for one in pins("constraints.txt")}
    assert {one.partition(" ")[0] for one in pins(file)} <= allowed
    text = (CI / file).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        assert line.startswith("#") or re.search("--hash=sha256:[0-9a-f]{64}", line)


def test_locks_have_all_that_is_needed_here() -> None:
    run, dev = names("lock-run.txt"), names("lock-dev.txt")
    assert needed("os-society") | set(BUILD) <= run
    assert needed("os-society", "dev") <= run | dev


def test_locks_have_what_the_site_is_built_with() -> None:
    with (CI.parent / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    asked = {plain(requirements.Requirement(one).name) for one in extras["docs"]}
    run, docs = names("lock-run.txt"), names("lock-docs.txt")
    assert asked <= docs
    if {"codespell", "sphinx"} <= {plain(d.name) for d in metadata.distributions()}:
        assert needed("os-society", "docs") <= run | docs
