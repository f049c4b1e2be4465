"""Whatever untrusted bytes come, a reader answers with a value or an InputError.

A few examples for each reader; `experiments/fuzz.py` tries thousands, for minutes.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import forked
import pytest
from hypothesis import HealthCheck, Phase, given, settings

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "experiments" / "fuzz.py"
READERS = (
    *("network-edges", "network-graphml", "network-gexf", "gzip", "network-json"),
    *("network-texts", "archives", "scenario"),
    *("design", "transcript", "run-directory", "checkpoint", "sweep"),
)
MANY = 90  # examples
COSTLY = {"run-directory": 15, "checkpoint": 6, "gzip": 4}  # times the usual example


def imported(name: str) -> ModuleType:
    """Return a module of the experiments, which are no package."""
    known = importlib.util.spec_from_file_location(name, PROGRAM.with_stem(name))
    assert known is not None
    assert known.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(known)
    known.loader.exec_module(module)
    return module


fuzz_targets, fuzz = imported("fuzz_targets"), imported("fuzz")


def attempt(reader: str, examples: int) -> None:
    """Let a reader read its sound inputs, and some hostile ones."""
    target = fuzz_targets.TARGETS[reader]
    for seed in target.seeds():
        target.read(seed)

    @settings(
        max_examples=examples,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.examples())
    def read(content: bytes) -> None:
        target.read(content)

    read()


def test_every_reader_of_outside_data_has_a_target() -> None:
    assert tuple(fuzz_targets.TARGETS) == READERS


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_many_hostile_inputs(reader: str) -> None:
    attempt(reader, MANY // COSTLY.get(reader, 1))


# ------------------------------------------------------------------------- the driver


def test_bytes_change_one_file_of_a_folder(tmp_path: Path) -> None:
    def make(path: Path) -> None:
        path.mkdir()
        (path / "a").write_bytes(b"abcd")
        (path / "b").write_bytes(b"")

    folder = fuzz_targets.Folder(make, str(tmp_path / "folder"))
    assert folder.changed(b"") == ("a", b"")
    assert folder.changed(b"\0\0whole") == ("a", b"whole")
    assert folder.changed(b"\0\1\0\1X\0\2Y") == ("a", b"aXYd")
    assert folder.changed(b"\0\2\0\0X") == ("a", b"abcX")
    assert folder.changed(b"\0\3\0\0\2") == ("a", b"ab")
    assert folder.changed(b"\1\1\0\1X") == ("b", b"")
    seen = []
    folder.trying(b"\0\0other", lambda path: seen.append((path / "a").read_bytes()))
    assert seen == [b"other"]
    assert (folder.path / "a").read_bytes() == b"abcd"


def test_findings_are_kept_once_for_each_place(tmp_path: Path) -> None:
    def read(content: bytes) -> None:
        if content.startswith(b"a"):
            raise KeyError("not an InputError")

    trial = fuzz.Trial(fuzz_targets.Target("", read, list, None, ()), tmp_path)
    for content in (b"fine", b"abc", b"ab", b"abcd"):
        trial(content)
    (finding,) = (f for f in tmp_path.glob("KeyError-*") if f.suffix != ".txt")
    assert finding.read_bytes() == b"ab"
    assert "not an InputError" in finding.with_suffix(".txt").read_text()
    assert trial.notes.count == 4
    assert trial.notes.last.read_bytes() == b"abcd"


def driven(tmp_path: Path, *told: str) -> Any:
    """Run the driver in a folder of its own."""
    return forked.run([str(PROGRAM), *told], tmp_path)


@pytest.mark.slow
def test_the_driver_tries_inputs_and_counts_them(tmp_path: Path) -> None:
    done = driven(tmp_path, "scenario", "--minutes", "0.01", "--engine", "hypothesis")
    assert done.returncode == 0, done.stderr
    assert "inputs in" in done.stdout
    assert "0 findings" in done.stdout


def test_the_driver_lists_its_readers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for told, code in (("--list", 0), ("nobody", 2)):
        monkeypatch.setattr(sys, "argv", [str(PROGRAM), told])
        assert fuzz.main() == code
        listed = capsys.readouterr().out
        assert all(reader in listed for reader in READERS)
