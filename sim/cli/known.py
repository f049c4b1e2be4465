"""What the command line knows without loading what is heavy: names, and stored runs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sim.cli.arguments import PROGRAM
from sim.utils.errors import InputError, closest, nearest

RUNS, SWEEPS = Path("results", "runs"), Path("results", "sweeps")
LATEST = "latest"
RECORD, LEDGER = "provenance.json", "ledger.sqlite"  # by which a run or sweep is known
FEW = 5  # runs that an error lists


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    folder = Path(__file__).parents[1] / "scenarios" / "library"
    return sorted(file.stem for file in folder.glob("*.toml"))


def check_scenario(text: str) -> None:
    """Raise InputError unless a text is a scenario's name, or may be one's file."""
    names = scenario_names()
    if text in names or text.endswith(".toml"):
        return
    hint = nearest(text, names) or f"; there are {', '.join(names)}"
    raise InputError(f"unknown scenario {text!r}{hint}")


def called() -> str:
    """Return how the command line was called, to be called so again."""
    given = sys.argv[0] if sys.argv else ""
    folder, name = os.path.split(given)
    if name == "__main__.py" and os.path.basename(folder) == "sim":
        return f"{os.path.basename(sys.executable)} -m sim"
    if os.path.splitext(name)[0] != PROGRAM:
        return PROGRAM
    found = shutil.which(PROGRAM)
    is_same = found is not None and os.path.realpath(found) == os.path.realpath(given)
    return PROGRAM if is_same else given


# ---------------------------------------------------------------------- stored runs


def kept_runs() -> list[Path]:
    """Return the runs that are stored here, the latest first.

    Those of ``results/runs``, and those in folders of where one is.
    """
    found = {*RUNS.glob(f"*/{RECORD}"), *Path().glob(f"*/{RECORD}")}
    shown = [one for one in found if not one.parent.name.startswith(".")]
    times = {one.parent: _time_of(one) for one in shown}
    return sorted(times, key=lambda one: (-times[one], one.name))


def none_yet() -> str:
    """Return what to say where no run is stored."""
    return f"no run is stored here yet; '{called()} run her' makes one"


def _time_of(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def run_at(text: str, what: str = "run") -> Path:
    """Return where a stored run is, told by its path, part of its name, or ``latest``.

    Parameters
    ----------
    text
        What is given.
    what
        What may be there, for an error.

    Raises
    ------
    InputError
        If there is none, or a part of a name is of several.
    """
    if not text.strip() or os.path.lexists(os.path.expanduser(text)):
        return Path(text)
    kept = kept_runs()
    if text == LATEST:
        if not kept:
            raise InputError(none_yet())
        return kept[0]
    sweeps = list(SWEEPS.glob(f"*/{LEDGER}")) if "sweep" in what else []
    kept = [*kept, *(one.parent for one in sweeps)]
    found = list(_named(text, kept))
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(one.name for one in found[:FEW])
        more = f" and {len(found) - FEW} more" if len(found) > FEW else ""
        raise InputError(f"{text!r} may be {some}{more}; write more of the name")
    where = f"no {what} at {text}: there is no such directory"
    raise InputError(f"{where}{_hint(text, kept)}")


def _named(text: str, kept: Sequence[Path]) -> Iterator[Path]:
    """Yield the runs that a text names: whole, as a beginning, or as a last part."""
    whole = [one for one in kept if one.name == text]
    yield from whole or [
        one
        for one in kept
        if one.name.startswith(text) or one.name.rpartition("-")[2].startswith(text)
    ]


def _hint(text: str, kept: Sequence[Path]) -> str:
    meant = closest(text, [LATEST, *(one.name for one in kept)]) if kept else ""
    return f"; did you mean {meant!r}?" if meant else ""
