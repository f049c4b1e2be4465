"""Importable functions and classes of a user's own file, for other processes."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import linecache
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from sim.utils.errors import InputError, nearest
from sim.utils.files import expanded

RUN = "os_society_file_"  # begins the name of a module that is a file run by its path
_MAIN = ("__main__", "__mp_main__")


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
    digest = _digest(where, file.read_bytes())
    module = thing.__module__
    return {"module": module, "name": where, "file": str(file), "digest": digest}


def _digest(name: str, source: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\0" + source).hexdigest()


def shown(where: Mapping[str, str]) -> str:
    """Return what ``locate`` located as ``stop.py:enough``."""
    return f"{Path(where['file']).name}:{where['name']}"


def load(module: str, name: str, file: str) -> Any:
    """Return what ``locate`` located, by importing its module or running its file."""
    if module in _MAIN or module.startswith(RUN):
        return vars(_run(Path(file)))[name]
    return getattr(importlib.import_module(module), name)


def from_file(what: str, text: str) -> Any:
    """Return the function that ``FILE.py:NAME`` names; the file is run.

    Parameters
    ----------
    what
        What it is for, for the error, such as ``"until"``.
    text
        The path of the file, and its name there, which is not needed if the file
        defines one function only.

    Raises
    ------
    InputError
        If there is no such file or function, or the file cannot be run.
    """
    path, mark, name = text.rpartition(":")
    if not mark or not path.endswith(".py"):
        path, name = text, ""
    if not path.endswith(".py"):
        raise InputError(f"{what}: give FILE.py:NAME, not {text!r}")
    try:
        module = _run(expanded(path).resolve())
    except OSError as error:
        raise InputError(f"{what}: cannot read {path}: {error.strerror}") from None
    there = {
        key: value
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }
    if name in there:
        return there[name]
    public = [key for key in there if not key.startswith("_")]
    if not name and len(public) == 1:
        return there[public[0]]
    have = ", ".join(public) or "none"
    asked = f"no function {name!r}" if name else "not one function"
    hint = nearest(name, public)
    raise InputError(
        f"{what}: {path} has {asked}: there is {have} (FILE.py:NAME){hint}"
    )


def _run(path: Path) -> ModuleType:
    """Return what a file defines, run from its source; once for each content.

    Never its bytecode, which Python takes for that of a file of the same size that was
    written in the same second.
    """
    source = path.read_bytes()
    name = f"{RUN}{path.stem}_{hashlib.sha256(source).hexdigest()[:16]}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    except InputError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"{path}: {type(error).__name__}: {error}") from error
    linecache.checkcache(str(path))
    return module
