"""Reports of runs and sweeps: one file of HTML each, for people to read and keep."""

from __future__ import annotations

from pathlib import Path

from sim.reports import run, sweep
from sim.runs import result
from sim.runs.result import Result
from sim.studies.store import LEDGER
from sim.studies.sweeps import Sweep, load_sweep
from sim.utils.errors import InputError
from sim.utils.files import expanded
from sim.utils.signatures import checked_arguments

__all__ = ["report"]


@checked_arguments()
def report(source: str | Path | Result | Sweep) -> str:
    """Return the report of a run or of a sweep: a page of HTML that needs nothing else.

    It says what was run, what happened, with figures and tables, where it comes from,
    and what it cannot say. The same result and code give the same text.

    Parameters
    ----------
    source
        A run or a sweep, or its directory.

    Raises
    ------
    InputError
        If there is neither, or it is broken; says what is missing.
    """
    found = source if isinstance(source, Result | Sweep) else opened(source)
    return sweep.report(found) if isinstance(found, Sweep) else run.report(found)


def opened(path: str | Path) -> Result | Sweep:
    """Return the run or the sweep in a directory.

    Raises
    ------
    InputError
        If there is neither, or it is broken.
    """
    folder = expanded(path)
    if not folder.exists():
        raise InputError(f"no run or sweep at {folder}: there is no such directory")
    if (folder / LEDGER).is_file():
        return load_sweep(folder)
    if folder.is_dir() and not (folder / "provenance.json").exists():
        raise InputError(
            f"{folder} is neither a run nor a sweep: it has no provenance.json and "
            f"no {LEDGER}"
        )
    return result.load(folder)
