"""Importable functions and classes of a user's own file, for other processes."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import runpy
from pathlib import Path
from typing import Any

from sim.utils.errors import InputError


def locate(what: str, thing: Any) -> dict[str, str]:
    """Return where a function or class is found again, and the digest of its file.

    Parameters
    ----------
    what
        What it is, for the error, such as ``"outcome 'grief'"``.
    thing
        A function or class at the top of a file.

    Returns
    -------
    dict of str to str
        ``module``, ``name`` and ``file``, and ``digest``: 64 hex digits of SHA-256 of
        its name and of the whole file, since it may use all that stands there. What it
        imports from other files is not in the digest.

    Raises
    ------
    InputError
        If it cannot be found there: a lambda, something inside a function, or defined
        where there is no file, as in a notebook.
    """
    where = getattr(thing, "__qualname__", "<lambda>")
    try:
        inspect.getsource(thing)
        file = Path(inspect.getsourcefile(thing) or "").resolve()
    except (OSError, TypeError):
        file = Path()
    if "<" in where or "." in where or not file.is_file():
        kind = "class" if inspect.isclass(thing) else "function"
        raise InputError(
            f"{what}: other processes cannot find the {kind} {where}; "
            "define it at the top of a file"
        )
    digest = hashlib.sha256(where.encode() + b"\0" + file.read_bytes()).hexdigest()
    module = thing.__module__
    return {"module": module, "name": where, "file": str(file), "digest": digest}


def load(module: str, name: str, file: str) -> Any:
    """Return what ``locate`` located, by importing its module or running its file."""
    if module in ("__main__", "__mp_main__"):
        return runpy.run_path(file)[name]
    return getattr(importlib.import_module(module), name)
