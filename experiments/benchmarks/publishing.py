"""Disturb all that publishes a result, at each of its steps, and look what is left.

A step is one call that makes, opens, renames or removes a name. Before each of them,
in a process of its own for each trial, either something comes to the place where the
result shall be (a file, a folder, a link, another run, ...), or the process is killed
by SIGKILL. Afterwards

- what came is there with every byte, and what was made is kept, where the message says;
- after a kill there is the old or the new at the place;
- after the next result at that place no hidden name is left beside it.

    python experiments/benchmarks/publishing.py [--only NAME;...] [--every 1] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.utils.errors import InputError
from sim.utils.files import write_text
from sim.utils.publish import Draft, state_of, sweep

STEPS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "open"}
KEPT = re.compile(r"kept as (.+?): move one")
UNEQUAL = {"provenance.json"}  # of two runs that are the same
RESUMABLE = {"unfinished", "lock"}
PEOPLE = {"humans": 20, "steps": 4}
THEIRS = "thesis.txt"


def tree(place: Path) -> str | None:
    """Return a digest of all that is at a place, but for what no two runs share."""
    if not os.path.lexists(place):
        return None
    found = [place, *sorted(place.rglob("*"))] if not place.is_symlink() else [place]
    told = hashlib.sha256()
    for one in found:
        if one.name == "unfinished.json":
            continue  # a run that was killed just before its end has it
        told.update(one.relative_to(place).as_posix().encode())
        if one.is_symlink():
            told.update(b"link" + os.readlink(one).encode())
        elif one.is_file() and one.name not in UNEQUAL:
            told.update(one.read_bytes())
    return told.hexdigest()


def hidden_names(folder: Path) -> list[str]:
    """Return the hidden names in a folder and below."""
    return sorted(f.relative_to(folder).as_posix() for f in folder.rglob(".*"))


# ----------------------------------------------------------------------------- writers


@dataclass
class Writer:
    """Something that publishes.

    Parameters
    ----------
    write
        Does it, at a place.
    again
        Does it once more, allowed to replace what is there.
    prepare
        Makes what it needs, and what may be there before, in the place's folder.
    name
        Of what it writes, in that folder.
    told
        Whether it was told to replace what is there, or what is there is a file.
    """

    write: Callable[[Path], object]
    again: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda place: None
    name: str = "result"
    told: bool = False


def _folder(place: Path, text: str = "new", replace: bool = False) -> None:
    """Publish a folder, as a run is, with next to nothing in it."""
    sweep(place)
    draft = Draft(place, state_of(place) if replace else None)
    try:
        draft.part.mkdir()
        (draft.part / "inside").mkdir()
        (draft.part / "inside" / "text").write_text(text)
        draft.publish()
    finally:
        draft.discard()


def plain() -> dict[str, Writer]:
    """Return writers of a folder and a file, without a society."""

    def folder(place: Path) -> None:
        _folder(place, replace=True)

    def old(place: Path) -> None:
        _folder(place, "old")

    def file(place: Path) -> None:
        write_text(place, "new")

    return {
        "folder": Writer(_folder, folder),
        "folder, replaced": Writer(folder, folder, old, told=True),
        "file": Writer(file, file, told=True),
        "file, replaced": Writer(file, file, lambda p: p.write_text("old"), told=True),
    }


def _run(place: Path, force: bool = False, seed: int = 1, every: int = 0) -> Any:
    import sim

    given: dict[str, Any] = {"overwrite": force, "checkpoint_every": every}
    return sim.run("her-film-cut", seed=seed, out=place, parameters=PEOPLE, **given)


def _resume(place: Path) -> None:
    from sim.runs.run import resume

    resume(place)


def _resume_again(place: Path) -> None:
    with contextlib.suppress(InputError):
        _resume(place)
    _run(place, force=True, every=2)


def _cut_short(place: Path, force: bool = False) -> None:
    """Leave a run that was killed after its checkpoint of the second day."""
    end = str(place.with_name(f".{place.name}.unfinished") / "checkpoints" / "000002")

    def kill(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and os.path.exists(end):
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        sys.addaudithook(kill)
        _run(place, force, every=2)
        os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _old_and_cut_short(place: Path) -> None:
    _run(place, seed=2, every=2)
    _cut_short(place, force=True)


def _parent(place: Path) -> None:
    _run(place.with_name("parent"), every=2)


def _parent_and_old(place: Path) -> None:
    _parent(place)
    _run(place, seed=2)


def _fork(place: Path, force: bool = False) -> None:
    import sim

    parent = sim.load(place.with_name("parent"))
    parent.fork(2, out=place, overwrite=force)


def runs() -> dict[str, Writer]:
    """Return the writers of runs."""

    def forced(place: Path) -> None:
        _run(place, force=True)

    def lasting(place: Path) -> None:
        _run(place, every=2)

    def lasting_forced(place: Path) -> None:
        _run(place, force=True, every=2)

    def fork_forced(place: Path) -> None:
        _fork(place, force=True)

    def old(place: Path) -> None:
        _run(place, seed=2)

    return {
        "run": Writer(_run, forced),
        "run into an empty folder": Writer(_run, forced, lambda p: p.mkdir()),
        "run --force": Writer(forced, forced, old, told=True),
        "run with checkpoints": Writer(lasting, lasting_forced),
        "run with checkpoints --force": Writer(
            lasting_forced, lasting_forced, old, told=True
        ),
        "resume": Writer(_resume, _resume_again, _cut_short),
        "resume --force": Writer(_resume, _resume_again, _old_and_cut_short, told=True),
        "fork": Writer(_fork, fork_forced, _parent),
        "fork --force": Writer(fork_forced, fork_forced, _parent_and_old, told=True),
    }


class Here(Executor):
    """Does jobs in this process, so that it can be disturbed."""

    def submit(self, function: Any, /, *args: Any, **options: Any) -> Future[Any]:
        """Do the job of a sweep."""
        from sim.studies.job import run_job

        done: Future[Any] = Future()
        done.set_result(run_job(args[0]))
        return done


def sweeps() -> dict[str, Writer]:
    """Return the writers of the runs that a sweep keeps."""
    import sim
    from sim.studies.design import resolve
    from sim.studies.job import Tasks

    design = {"base": PEOPLE, "grid": {"reach": [3.0]}, "outcomes": ["left"]}
    design |= {"keep_runs": True, "name": "kept"}
    (task,) = Tasks(resolve(design), {})

    def write(place: Path) -> None:
        store = place.parents[1]
        found = sim.sweep(design, Here(), out=store, resume=store.exists())
        for error in found.failures()["error"]:
            raise InputError(error)

    return {"sweep with kept runs": Writer(write, write, name=f"kept/runs/{task.run}")}


def files() -> dict[str, Writer]:
    """Return the writers of files about a run."""
    import sim
    from sim import plots, reports
    from sim.runs.export import export

    page: list[str] = []

    def report(place: Path) -> None:
        from sim.cli import report as command

        told = argparse.Namespace(out=str(place), source=str(place.with_name("parent")))
        reports.report = lambda source: page[0]  # it takes seconds, and no step
        with contextlib.redirect_stdout(None):
            command.write_report(told)

    def with_report(place: Path) -> None:
        _parent(place)
        page.append(reports.report(place.with_name("parent")))

    def graph(place: Path) -> None:
        export(sim.load(place.with_name("parent")), place)

    def figure(place: Path) -> None:
        plots.save(plots.timeline(sim.load(place.with_name("parent"))), place)

    made = {"export": (graph, "ties.graphml"), "export of tables": (graph, "ties.csv")}
    made |= {"report": (report, "report.html"), "figure": (figure, "figure.svg")}
    found = {}
    for name, (write, file) in made.items():
        first = with_report if write is report else _parent

        def old(place: Path, first: Callable[[Path], object] = first) -> None:
            first(place)
            place.write_text("old")

        found[name] = Writer(write, write, first, file, told=True)
        found[f"{name}, replaced"] = Writer(write, write, old, file, told=True)
    return found


# ------------------------------------------------------------------------------- faults


@dataclass
class Fault:
    """Acts before a step of the process that it is armed in.

    Parameters
    ----------
    folder
        Only calls that concern names in it are steps.
    at
        Before which step, from 1; 0 is never.
    act
        What happens; takes whether publishing had begun.
    """

    folder: Path
    at: int = 0
    act: Callable[[bool], None] = lambda began: None
    steps: list[str] = field(default_factory=list)
    has_begun: bool = False

    def arm(self) -> None:
        """Begin to count."""
        sys.addaudithook(self._look)

    def _look(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in STEPS or not self._concerns(event, args):
            return
        name = os.path.basename(str(args[0]))
        self.steps.append(f"{event.removeprefix('os.')} {name}")
        if len(self.steps) == self.at:
            self.at = 0  # what is done now is no step
            count = len(self.steps)
            self.act(self.has_begun)
            del self.steps[count:]
        is_new = event == "open" and not os.path.lexists(args[0])
        self.has_begun |= is_new and name.endswith(".part.lock")

    def _concerns(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            flags = args[2] if isinstance(args[2], int) else 0
            if not flags & os.O_CREAT:
                return False
        elif event in ("os.remove", "os.rmdir") and args[-1] != -1:
            return True  # within a folder that is being removed
        names = [str(one) for one in args if isinstance(one, str | Path)]
        return any(name.startswith(str(self.folder)) for name in names)


def warm_up() -> None:
    """Load here what every process would load."""
    import sim

    with tempfile.TemporaryDirectory() as room:
        sim.load(_run(Path(room, "run"), every=2).path)
    gc.collect()
    gc.freeze()  # what is not touched need not be copied


def kill(began: bool) -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Plant:
    """Puts something at a place, as somebody else would.

    What was there is moved away by them, not removed.
    """

    kind: str
    place: Path
    outside: Path

    def __call__(self, began: bool) -> None:
        """Do it, and note what was there, and what is now."""
        place, before = self.place, tree(self.place)
        if self.kind == "change" and before is not None:
            inside = place / THEIRS if place.is_dir() else place
            inside.write_text("theirs")
        else:
            if before is not None:
                place.rename(self.outside / "aside")
            place.parent.mkdir(parents=True, exist_ok=True)
            self._make()
        told = {"began": began, "before": before, "planted": tree(place)}
        (self.outside / "told.json").write_text(json.dumps(told))

    def _make(self) -> None:
        place, somebody = self.place, self.outside / "somebody"
        if self.kind in ("file", "change"):
            place.write_text("theirs")
        elif self.kind == "link":
            place.symlink_to(somebody, target_is_directory=True)
        elif self.kind == "link to an empty folder":
            place.symlink_to(self.outside / "empty", target_is_directory=True)
        elif self.kind == "link to nothing":
            place.symlink_to(self.outside / "nothing")
        elif self.kind == "run":
            shutil.copytree(self.outside.parent / "other", place)
        else:
            place.mkdir()
            if self.kind == "folder":
                (place / THEIRS).write_text("theirs")


KINDS = (
    *("file", "folder", "empty folder", "link", "link to an empty folder"),
    *("link to nothing", "run", "change"),
)


# ------------------------------------------------------------------------------- trials


class Trials:
    """All trials of one writer.

    Parameters
    ----------
    name, writer
        What is disturbed.
    room
        A folder for them.
    """

    def __init__(self, name: str, writer: Writer, room: Path) -> None:
        self.name, self.writer, self.room = name, writer, room
        self.bad: list[str] = []
        self.seen: Counter[str] = Counter()
        self.template = room / "template"
        self.template.mkdir()
        (room / "other").mkdir()
        (room / "other" / "provenance.json").write_text('{"software": {"name": "no"}}')
        writer.prepare(self.template / writer.name)
        self.old = tree(self.template / writer.name)
        self.steps, self.new = [], None
        folder, told, is_killed = self._attempt(0, lambda began: None)
        if is_killed or told["error"]:
            raise SystemExit(f"{name} fails undisturbed: {told}")
        self.steps, self.new = told["steps"], tree(folder / writer.name)
        assert self.new not in (None, self.old), name
        self._look_for_hidden("undisturbed", folder)

    def all(self, every: int = 1, kinds: tuple[str, ...] = KINDS) -> None:
        """Disturb at each step, or at one in so many."""
        for at in range(1, len(self.steps) + 1, every):
            self.killed(at)
            for kind in kinds:
                self.disturbed(at, kind)

    def killed(self, at: int) -> None:
        """Kill before a step, then go on; note what is wrong."""
        where = f"killed before {at} ({self.steps[at - 1]})"
        folder, told, is_killed = self._attempt(at, kill)
        if not is_killed:
            self.bad.append(f"{where}: was not killed: {told}")
        there = tree(folder / self.writer.name)
        which = {self.old: "the old", self.new: "the new"}.get(there, "neither")
        which = "nothing" if there is None and self.old is None else which
        self.seen[f"killed: {which} is there"] += 1
        if which == "neither":
            self.bad.append(f"{where}: neither the old nor the new is there")
        told = self._apart(folder, self.writer.again, Fault(folder))[0]
        if told["error"]:
            self.bad.append(f"{where}: the next says {told['error']}")
        if tree(folder / self.writer.name) != self.new:
            self.bad.append(f"{where}: the next is not what it should be")
        self._look_for_hidden(where, folder)
        shutil.rmtree(folder.parent)

    def disturbed(self, at: int, kind: str) -> None:
        """Let something come before a step; note what is wrong."""
        where = f"{kind} before {at} ({self.steps[at - 1]})"
        folder, told, is_killed = self._attempt(at, kind)
        outside = folder.parent / "outside"
        place = folder / self.writer.name
        if is_killed or not (outside / "told.json").exists():
            self.bad.append(f"{where}: {told}")
            return
        plant = json.loads((outside / "told.json").read_text())
        self._look_at_plant(where, kind, place, plant)
        self._look_at_result(where, place, plant, told["error"])
        if (outside / "somebody" / THEIRS).read_text() != "theirs":
            self.bad.append(f"{where}: what the link leads to has changed")
        error = self._apart(folder, self.writer.again, Fault(folder))[0]["error"]
        if error and not error.startswith("InputError"):
            self.bad.append(f"{where}: the next says {error}")
        self._look_for_hidden(where, folder)
        shutil.rmtree(folder.parent)

    def _look_at_plant(
        self, where: str, kind: str, place: Path, plant: dict[str, Any]
    ) -> None:
        """Look whether what came is there, unless it came before the first look."""
        now = tree(place)
        if now == plant["planted"] or (kind == "change" and (place / THEIRS).exists()):
            self.seen["what came is there"] += 1
        elif not plant["began"] and now == self.new:
            is_free = kind == "empty folder"
            if is_free or self.writer.told:
                self.seen["came before the first look, and was to be replaced"] += 1
                return
            self.bad.append(f"{where}: what came first was replaced")
        else:
            self.bad.append(f"{where}: what came is gone")

    def _look_at_result(
        self, where: str, place: Path, plant: dict[str, Any], error: str
    ) -> None:
        """Look whether what was made, and what was there before, are kept."""
        if error and not error.startswith("InputError"):
            self.bad.append(f"{where}: {error}")
            return
        aside = place.parents[self.writer.name.count("/")].parent / "outside" / "aside"
        if aside.exists() and tree(aside) != plant["before"]:
            self.bad.append(f"{where}: what was there before has changed")
        if plant["before"] == self.new or not plant["began"]:
            self.seen["came before the beginning or after the end"] += 1
            return
        kept = KEPT.search(error)
        if kept is None:
            self.bad.append(f"{where}: says no place where it is kept: {error!r}")
        elif tree(Path(kept[1])) != self.new:
            self.bad.append(f"{where}: {kept[1]} is not what was made")
        else:
            self.seen["what was made is kept beside"] += 1

    def _look_for_hidden(self, where: str, folder: Path) -> None:
        names = hidden_names(folder)
        if (folder / self.writer.name).is_symlink():
            # What can be resumed stays, once the link is moved away.
            names = [n for n in names if n.rpartition(".")[2] not in RESUMABLE]
        if names:
            self.bad.append(f"{where}: {', '.join(names)} is left")

    def _attempt(self, at: int, act: Any) -> tuple[Path, dict[str, Any], bool]:
        """Write once, disturbed; return the folder, what was said, and if it ended."""
        room = Path(tempfile.mkdtemp(dir=self.room))
        folder, outside = room / "folder", room / "outside"
        shutil.copytree(self.template, folder, symlinks=True)
        shutil.copytree(self.room / "other", room / "other")
        for name in ("somebody", "empty"):
            (outside / name).mkdir(parents=True)
        (outside / "somebody" / THEIRS).write_text("theirs")
        place = folder / self.writer.name
        what = Plant(act, place, outside) if isinstance(act, str) else act
        told, is_killed = self._apart(
            folder, self.writer.write, Fault(folder, at, what)
        )
        return folder, told, is_killed

    def _apart(
        self, folder: Path, write: Callable[[Path], object], fault: Fault
    ) -> tuple[dict[str, Any], bool]:
        """Write in a process of its own; return what it said, and whether it ended."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            gc.disable()
            error = ""
            fault.arm()
            try:
                write(folder / self.writer.name)
            except InputError as refused:
                error = f"InputError: {refused}"
            except BaseException:
                error = traceback.format_exc()
            fault.at = 0
            with os.fdopen(writer, "w") as pipe:
                json.dump({"error": error, "steps": fault.steps}, pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        nothing = {"error": "", "steps": []}
        return json.loads(said) if said else nothing, os.WIFSIGNALED(status)


def main() -> int:
    """Print what was seen; return 1 if anything was lost, or anything left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME;...", help="writers (all)")
    parser.add_argument("--every", type=int, default=1, help="one step in so many (1)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    writers = plain()
    chosen = args.only.split(";") if args.only else []
    if not chosen or not set(chosen) <= set(writers):
        warm_up()
        writers |= runs() | sweeps() | files()
    unknown = [name for name in chosen if name not in writers]
    if unknown:
        parser.error(f"no writer {unknown[0]!r}; there are {'; '.join(writers)}")
    chosen = chosen or list(writers)
    found, is_bad = {}, False
    for name in chosen:
        with tempfile.TemporaryDirectory() as room:
            trials = Trials(name, writers[name], Path(room).resolve())
            trials.all(args.every)
        found[name] = {"steps": len(trials.steps)} | dict(sorted(trials.seen.items()))
        found[name]["wrong"] = len(trials.bad)
        is_bad |= bool(trials.bad)
        if not args.json:
            print(
                name,
                *(f"{v:6} {k}" for k, v in found[name].items()),
                sep="\n  ",
                flush=True,
            )
        for line in trials.bad:
            print(f"WRONG {name}: {line}", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps(found, indent=1))
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main())
