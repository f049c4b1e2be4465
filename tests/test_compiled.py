"""Compiled loops are cached by the source they were made of: no stale one ever runs."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import forked
import numba
import numpy as np
import pytest

from sim.engine import by_address, jit, rng
from sim.model import rules
from sim.model.kernels import meetings, talk
from sim.model.mechanisms import MODULES, collectives, growth
from sim.society import Society
from sim.utils import provenance, source

DECORATORS = (
    *("compile_loop", "kernel", "inline", "inline_always", "inline_source"),
    *("wraparound", "rule"),
)
OLD = "return min(1.0, max(0.0, average + weight * (owner - average) + noise))"
NEW = "return min(1.0, max(0.0, average + 0.5 * weight * (owner - average) + noise))"
LOOP = """
import json, sys
import numpy as np
from sim.engine import jit
from sim.model import traits
if sys.argv[1:]:
    jit.loops_digest = lambda: sys.argv[1]
    import importlib
    importlib.reload(traits)
    from sim.engine import guard
    guard._shipped.clear()  # it would notice, and nothing would be kept
out = np.zeros(1)
traits._shape(out, np.array([1.0]), np.array([0.0]), 0.0, 1.0)
print(json.dumps({"answer": out[0], "folder": str(jit.cache_folder())}))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source.PACKAGE, tmp_path / "there" / "sim", ignore=ignored)
    return tmp_path / "there"


def run(package: Path, *arguments: str, cache: str = "cache") -> dict[str, object]:
    """Run a loop that calls a rule of another file, in a new process."""
    places = {
        "OS_SOCIETY_CACHE": os.path.normpath(package.parent / cache),
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = forked.run(["-c", LOOP, *arguments], package, os.environ | places)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def edit(package: Path) -> None:
    file = package / "sim" / "model" / "formulas.py"
    text = file.read_text()
    assert text.count(OLD) == 1
    file.write_text(text.replace(OLD, NEW))


@pytest.mark.slow
def test_copies_share_what_is_compiled_and_an_edited_one_compiles_anew(
    package: Path,
) -> None:
    before, again = run(package), run(package)
    assert before["answer"] == 1.0
    assert again == before
    kept = list(Path(str(before["folder"])).rglob("*.nbc"))
    assert kept, "nothing was cached"
    copy = shutil.copytree(package, package.parent / "elsewhere" / "copy")
    assert run(copy, cache="../cache") == before
    assert list(Path(str(before["folder"])).rglob("*.nbc")) == kept
    edit(package)
    after = run(package)
    assert after["answer"] == 0.5
    assert after["folder"] != before["folder"]


@pytest.mark.slow
def test_without_the_digest_the_edit_would_be_missed(package: Path) -> None:
    """The trap is real: in a folder of a fixed name, the old rule runs on."""
    assert run(package, "fixed")["answer"] == 1.0
    edit(package)
    assert run(package, "fixed")["answer"] == 1.0


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_no_reason_to_run_an_old_rule(
    package: Path,
) -> None:
    """numba then keeps its files beside the source, where the digest does not reach."""
    (package.parent / "file").write_text("in the way")
    assert run(package, cache="file")["answer"] == 1.0
    edit(package)
    assert run(package, cache="file")["answer"] == 0.5


# --------------------------------------------------------------------------- digest


def digest_of(package: Path) -> str:
    return source.digest_of_contents(source.contents_of(package / "sim"))


def test_the_digest_is_of_the_source_and_not_of_its_place(package: Path) -> None:
    here = provenance.source_digest()
    assert digest_of(package) == here
    assert len(here) == 16
    assert int(here, 16) >= 0


def test_any_edit_changes_the_digest(package: Path) -> None:
    seen = [digest_of(package)]
    kernels = package / "sim" / "model" / "kernels"
    with (kernels / "talk.py").open("a") as file:
        file.write("# a remark\n")
    seen.append(digest_of(package))
    (kernels / "talk.py").rename(kernels / "speech.py")
    seen.append(digest_of(package))
    (kernels / "more.py").touch()
    seen.append(digest_of(package))
    for suffix in ("json", "toml", "md", "csv", "css"):
        file = next((package / "sim").rglob(f"*.{suffix}"))
        file.write_bytes(file.read_bytes() + b" ")
        seen.append(digest_of(package))
    assert len(set(seen)) == len(seen)


def test_the_digest_is_of_all_that_the_package_ships(package: Path) -> None:
    shipped = {
        file.relative_to(package / "sim").as_posix()
        for file in (package / "sim").rglob("*")
        if file.is_file() and file.name != "py.typed"
    }
    assert set(source.contents_of(package / "sim")) == shipped


def test_what_is_no_source_leaves_the_digest(package: Path) -> None:
    before = digest_of(package)
    (package / "sim" / "__pycache__").mkdir()
    (package / "sim" / "__pycache__" / "rules.pyc").touch()
    (package / "sim" / "model" / "rules.py~").touch()
    (package / "sim" / "model" / ".rules.py.swp").touch()
    assert digest_of(package) == before


@pytest.mark.parametrize(
    ("places", "root"),
    [
        ({"OS_SOCIETY_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"OS_SOCIETY_CACHE": "", "XDG_CACHE_HOME": "/b"}, Path("/b")),
        ({"OS_SOCIETY_CACHE": "", "XDG_CACHE_HOME": ""}, Path.home() / ".cache"),
    ],
)
def test_the_cache_is_where_it_is_told_to_be(
    monkeypatch: pytest.MonkeyPatch, places: dict[str, str], root: Path
) -> None:
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    folder = jit.cache_folder()
    assert folder == root / "os-society" / jit.loops_digest()


# ----------------------------------------------------------------------- decorators

KERNELS = [
    getattr(function, "part", function)
    for module in (talk, meetings, *MODULES)
    for function in vars(module).values()
    if isinstance(function, numba.core.dispatcher.Dispatcher | by_address.Loop)
]


@pytest.mark.parametrize("function", KERNELS, ids=lambda f: f.__name__)
def test_nothing_is_compiled_in_a_way_that_depends_on_the_processor(
    function: numba.core.dispatcher.Dispatcher,
) -> None:
    options = function.targetoptions
    assert not options.get("fastmath")
    assert not options.get("parallel")


def test_a_kernel_lets_other_threads_run() -> None:
    society = Society("her", seed=0, humans=5)
    society.step()
    for loop in (talk._converse, talk._attend, growth.grow_all, meetings.meet):
        for entry in loop.entries:
            assert entry.targetoptions["nogil"]
        assert loop.entries


def test_a_rule_stays_a_plain_function() -> None:
    assert inspect.isfunction(rules.talk_value)
    assert rules.talk_value(0.0, 1.0) == 1.0


def test_a_helper_may_be_called_from_python() -> None:
    assert collectives.root_of([0, 0, 1], 2) == 0
    assert float(rng.uniform(np.uint64(2**63), 1, 2)) < 1.0  # integers wrap around


def test_compiling_leaves_the_configuration_of_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_SOCIETY_CACHE", str(tmp_path))
    before = numba.config.CACHE_DIR

    @jit.compile_loop
    def total(values: np.ndarray) -> float:
        result = 0.0
        for value in values:
            result += value
        return result

    assert total(np.arange(4.0)) == 6.0
    assert before == numba.config.CACHE_DIR
    folder = jit.cache_folder()
    assert folder.is_relative_to(tmp_path)
    assert list(folder.rglob("*total*.nbc"))


def compiled_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            used = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
            if used & set(DECORATORS):
                yield node


@pytest.mark.slow
def test_no_loop_depends_on_source_that_its_cache_does_not_know() -> None:
    """The digest is of ``engine`` and ``model``; numba watches a loop's own file."""
    elsewhere = []
    for file in sorted(source.PACKAGE.rglob("*.py")):
        if file.relative_to(source.PACKAGE).parts[0] in jit.SOURCES:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imported = {
            name.asname or name.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            and re.match(r"sim\b(?!\.(engine|model))", node.module or "")
            for name in node.names
        }
        for function in compiled_functions(tree):
            used = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
            assert not used & imported, (file, function.name)
            elsewhere.append(function.name)
    assert elsewhere, "communities are found by compiled loops"


def test_engine_and_model_use_no_loop_from_elsewhere() -> None:
    code = "import sys, sim.model.processes; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = [name for name in done.stdout.split() if name.startswith("sim.")]
    assert {name.split(".")[1] for name in loaded} == {*jit.SOURCES, "utils"}
    for file in (source.PACKAGE / "utils").glob("*.py"):
        assert "import numba" not in file.read_text(encoding="utf-8")
