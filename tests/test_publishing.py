"""Publishing replaces nothing it was not told to; a killed process leaves nothing.

`experiments/benchmarks/publishing.py` disturbs every writer at each of its steps.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from sim import scenarios
from sim.runs.simulate import load_unfinished
from sim.runs.writer import RunWriter, begun_at
from sim.utils import publish
from sim.utils.errors import InputError
from sim.utils.files import replacing, write_text
from sim.utils.provenance import provenance
from sim.utils.publish import Draft, hidden, state_of, sweep, sweep_folder
from sim.utils.stopping import stop_signals

SCRIPT = ROOT / "experiments" / "benchmarks" / "publishing.py"
SERIES = {"step": np.arange(3, dtype=np.int32)}
HERE = f" 1 {platform.node()}\n"  # how a lock is signed on this machine


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def run(place: Path, seed: int = 1, overwrite: bool = False) -> RunWriter:
    """Begin to write a run of which next to nothing is told."""
    known = provenance(scenarios.load("her"), seed=seed, steps=2)
    return RunWriter(place, known, overwrite)


def seed_of(place: Path) -> Any:
    return json.loads((place / "provenance.json").read_text())["seed"]


def make_file(place: Path) -> None:
    place.write_text("theirs")


def make_folder(place: Path) -> None:
    place.mkdir()
    (place / "thesis.txt").write_text("theirs")


def make_run(place: Path) -> None:
    with run(place, seed=5) as writer:
        writer.finish(SERIES, [])


def make_link(place: Path) -> None:
    make_folder(place.with_name("somebody"))
    place.symlink_to(place.with_name("somebody"), target_is_directory=True)


def make_link_to_nothing(place: Path) -> None:
    place.symlink_to(place.with_name("nothing"))


CAME: list[Callable[[Path], None]] = [
    *(make_file, make_folder, Path.mkdir, make_run, make_link, make_link_to_nothing)
]


# ------------------------------------------------------------------ what came meanwhile


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("came", CAME)
def test_what_comes_while_a_run_is_written_stays(
    tmp_path: Path, came: Callable[[Path], None], overwrite: bool
) -> None:
    place = tmp_path / "run"
    with run(place, seed=2, overwrite=overwrite) as writer:
        came(place)
        there = state_of(place)
        kept = rf"run is not what it was .* kept as {tmp_path}/run\.kept: move one"
        with pytest.raises(InputError, match=kept):
            writer.finish(SERIES, [])
    assert state_of(place) == there
    assert seed_of(tmp_path / "run.kept") == 2
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_changed_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    with run(tmp_path / "run", overwrite=True) as writer:
        (tmp_path / "run" / "thesis.txt").write_text("theirs")
        with pytest.raises(InputError, match="kept as"):
            writer.finish(SERIES, [])
    assert (tmp_path / "run" / "thesis.txt").read_text() == "theirs"
    assert names(tmp_path) == ["run", "run.kept"]


def test_of_two_runs_at_one_place_none_is_lost(tmp_path: Path) -> None:
    with run(tmp_path / "run", 1) as first, run(tmp_path / "run", 2) as second:
        second.finish(SERIES, [])
        with pytest.raises(InputError, match="kept as"):
            first.finish(SERIES, [])
    assert [seed_of(tmp_path / name) for name in names(tmp_path)] == [2, 1]


def test_the_same_run_may_come_twice(tmp_path: Path) -> None:
    place = tmp_path / "run"
    with run(place, overwrite=True) as first, run(place, overwrite=True) as second:
        second.finish(SERIES, [])
        first.finish(SERIES, [])
    assert names(tmp_path) == ["run"]


def test_a_file_that_came_meanwhile_stays_and_one_that_was_there_goes(
    tmp_path: Path,
) -> None:
    place = tmp_path / "table.csv"
    write_text(place, "first")
    write_text(place, "second")
    assert place.read_text() == "second"
    with pytest.raises(InputError, match=r"kept as .*table\.kept\.csv"):  # noqa: SIM117
        with replacing(place) as part:
            part.write_text("third")
            place.write_text("theirs")
    assert place.read_text() == "theirs"
    assert (tmp_path / "table.kept.csv").read_text() == "third"
    assert names(tmp_path) == ["table.csv", "table.kept.csv"]


@pytest.mark.parametrize("kind", ["exchange", "two steps"])
def test_what_comes_between_the_look_and_the_exchange_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The first look sees what was there; what comes after it is seen by the second."""
    place, before = tmp_path / "table.csv", publish.move
    place.write_text("old")

    def move(source: Path, target: Path) -> None:
        if place.exists() and place.read_text() == "old":
            place.unlink()
            place.write_text("theirs")
        before(source, target)

    if kind == "two steps":
        monkeypatch.setattr(publish, "_calls", dict)
    monkeypatch.setattr(publish, "move", move)
    with pytest.raises(InputError, match=r"kept as .*table\.kept\.csv"):
        write_text(place, "new")
    assert place.read_text() == "theirs"
    assert (tmp_path / "table.kept.csv").read_text() == "new"
    assert names(tmp_path) == ["table.csv", "table.kept.csv"]


@pytest.mark.parametrize("came", CAME)
def test_without_the_calls_of_linux_and_macos_nothing_is_replaced_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, came: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(publish, "_calls", dict)
    with run(tmp_path / "new") as writer:
        writer.finish(SERIES, [])
    with run(tmp_path / "new", seed=2, overwrite=True) as writer:
        writer.finish(SERIES, [])
    assert seed_of(tmp_path / "new") == 2
    came(tmp_path / "run")
    there = state_of(tmp_path / "run")
    with pytest.raises(FileExistsError):
        publish.move(tmp_path / "new", tmp_path / "run")
    assert state_of(tmp_path / "run") == there
    write_text(tmp_path / "file", "new")
    with pytest.raises(FileExistsError):
        publish.move(tmp_path / "file", tmp_path / "run")
    assert state_of(tmp_path / "run") == there
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_put_in_its_place_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    make_run(tmp_path / "run")
    with run(tmp_path / "run", seed=2, overwrite=True) as writer:
        monkeypatch.setattr(publish, "exchange", refuse)
        with pytest.raises(InputError, match=r"not permitted; .* kept as .*run\.kept"):
            writer.finish(SERIES, [])
    assert [seed_of(tmp_path / name) for name in names(tmp_path)] == [5, 2]


# -------------------------------------------------------------------------------- links


def test_a_run_goes_where_a_link_leads_but_replaces_nothing_there(
    tmp_path: Path,
) -> None:
    link, real = tmp_path / "link", tmp_path / "elsewhere" / "real"
    link.symlink_to(real, target_is_directory=True)
    with run(link, seed=2) as writer:
        writer.finish(SERIES, [])
    assert seed_of(real) == 2
    with pytest.raises(InputError, match=r"is a link to the run .* not replaced"):
        run(link, seed=3, overwrite=True)
    assert seed_of(real) == 2
    assert link.is_symlink()
    make_link(tmp_path / "other")
    with pytest.raises(InputError, match="is not a run"):
        run(tmp_path / "other", overwrite=True)
    assert names(tmp_path) == ["elsewhere", "link", "other", "somebody"]


def test_a_file_takes_the_place_of_a_link_and_leaves_what_that_leads_to(
    tmp_path: Path,
) -> None:
    (tmp_path / "theirs.csv").write_text("theirs")
    (tmp_path / "table.csv").symlink_to(tmp_path / "theirs.csv")
    write_text(tmp_path / "table.csv", "new")
    assert (tmp_path / "theirs.csv").read_text() == "theirs"
    assert (tmp_path / "table.csv").read_text() == "new"
    make_link(tmp_path / "link")
    with pytest.raises(InputError, match="Is a directory; name a file in it"):
        write_text(tmp_path / "link", "new")


@pytest.mark.posix
def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    for place in (tmp_path / "null", Path(os.devnull)):
        with pytest.raises(InputError, match="it is not a file; name another"):
            write_text(place, "new")


# -------------------------------------------------------------- what a process has left


def test_what_dead_processes_left_goes_and_nothing_else(tmp_path: Path) -> None:
    left = {
        ".run.01234567.part.lock": HERE,
        ".run.01234567.part": None,
        ".run.89abcdef.part.lock": "",  # killed before it signed
        ".run.11111111.part.lock": "mine\n",  # no lock of ours
        ".run.11111111.part": None,
        ".run.22222222.part": None,  # without a lock
        ".run.33333333.part.lock": " 7 elsewhere\n",  # perhaps alive
        ".run.33333333.part": None,
        ".run.44444444.part.lock": " 7 elsewhere\n",
        ".run.44444444.part": None,
        ".other.55555555.part.lock": HERE,  # of another place
        ".run.thesis": "mine",
        ".run.01234567.thesis": "mine",
    }
    for name, text in left.items():
        if text is None:
            make_folder(tmp_path / name)
        else:
            (tmp_path / name).write_text(text)
    long_ago = 10 * 24 * 3600.0
    old = tmp_path / ".run.44444444.part"
    for place in (old / "thesis.txt", old):
        os.utime(place, (long_ago, long_ago))
    draft = Draft(tmp_path / "run")
    alive = [name for name in names(tmp_path) if name not in left]
    assert len(alive) == 1
    sweep(tmp_path / "run")
    gone = ("01234567", "89abcdef", "44444444")
    kept = [name for name in left if name.split(".")[2] not in gone or "thesis" in name]
    assert names(tmp_path) == sorted([*kept, *alive])
    draft.discard()
    sweep_folder(tmp_path)
    assert ".other.55555555.part.lock" not in names(tmp_path)


@pytest.mark.parametrize(
    ("there", "left", "found"),
    [
        ("new", "old", {"run": "new"}),
        (None, "old", {"run": "old"}),
        ("old", "new", {"run": "old"}),
        ("new", "theirs", {"run": "new", "run.kept": "theirs"}),
    ],
    ids=["exchanged", "taken away", "not yet exchanged", "of somebody else"],
)
def test_what_was_to_be_exchanged_goes_or_comes_back(
    tmp_path: Path, there: str | None, left: str, found: dict[str, str]
) -> None:
    place, made = tmp_path / "run", tmp_path / "made"
    place.write_text("old")
    made.write_text("new")
    old = hidden(place, f"01234567.{state_of(place)}.{state_of(made)}.old")
    (tmp_path / "theirs").write_text("theirs")
    {"old": place, "new": made, "theirs": tmp_path / "theirs"}[left].rename(old)
    for other in (made, tmp_path / "theirs"):
        other.unlink(missing_ok=True)
    if there is not None:
        place.write_text(there)
    hidden(place, "01234567.part.lock").write_text(HERE)
    sweep(place)
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == found


def test_long_names_that_begin_alike_share_nothing(tmp_path: Path) -> None:
    one, other = tmp_path / ("ж" * 100 + "1"), tmp_path / ("ж" * 100 + "2")
    assert begun_at(one) != begun_at(other)
    for seed, place in enumerate([one, other]):
        with run(place, seed) as writer:
            writer.finish(SERIES, [])
    assert [seed_of(one), seed_of(other)] == [0, 1]
    with run(place := tmp_path / ("ж" * 127), 3) as writer:
        place.mkdir()
        with pytest.raises(InputError, match="kept as"):
            writer.finish(SERIES, [])


def test_a_run_that_was_killed_when_it_was_in_its_place_is_complete(
    tmp_path: Path,
) -> None:
    make_run(tmp_path / "run")
    (tmp_path / "run" / "unfinished.json").write_text("{}")
    with pytest.raises(InputError, match=r"nothing to resume: .* is complete"):
        load_unfinished(tmp_path / "run")
    assert not (tmp_path / "run" / "unfinished.json").exists()
    (tmp_path / "run" / "unfinished.json").write_text("{}")
    with run(tmp_path / "run", 2, overwrite=True) as writer:
        writer.finish(SERIES, [])
    assert seed_of(tmp_path / "run") == 2


def test_what_cannot_be_removed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)
        run(tmp_path / "run").abort()
    assert len(names(tmp_path)) == 2
    run(tmp_path / "run").abort()
    assert names(tmp_path) == []


# -------------------------------------------------------------- disturbed at every step


def disturbed(writers: str, every: int) -> dict[str, Any]:
    """Disturb writers; return what was seen of each, none of it wrong."""
    told = [str(SCRIPT), "--only", writers, "--every", str(every), "--json"]
    done = subprocess.run(
        [sys.executable, *told],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.posix
def test_whatever_comes_or_whenever_it_is_killed_nothing_is_lost() -> None:
    found = disturbed("folder, replaced", every=5)["folder, replaced"]
    assert found["wrong"] == 0
    assert found["killed: the old is there"] and found["killed: the new is there"]
    assert found["what came is there"] == 24


@pytest.mark.slow
@pytest.mark.posix
def test_nor_when_a_run_is_replaced_or_resumed() -> None:
    for found in disturbed("run --force;resume", every=13).values():
        assert found["wrong"] == 0
        assert found["what was made is kept beside"]


# ------------------------------------------------------------------------------ signals


@pytest.mark.posix
def test_a_closed_terminal_asks_to_end_unless_told_not_to() -> None:
    assert stop_signals() == (signal.SIGTERM, signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert stop_signals() == (signal.SIGTERM,)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no name"), replacing(tmp_path / "a\0b"):
        raise AssertionError("nothing is to be written")
