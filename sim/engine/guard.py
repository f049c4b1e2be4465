"""A guard against code of the model that was replaced while the program runs.

A function put in the place of a shipped one would be compiled into loops, and kept in
their cache, under the name of the shipped source; or, with a full cache, be ignored.
Either way results would not be those of the code that their provenance names. So a
society is not made, and no loop is kept, while something differs from what was
imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

from sim.utils.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

# Modules whose code decides what happens to a society, by the start of their names.
DECISIVE = ("sim.engine.", "sim.model.", "sim.mechanisms.", "sim.events.measures")

_shipped: dict[str, dict[str, Any]] = {}  # by module and name


def note(function: F) -> F:
    """Remember a function of the module that is being imported, as it is shipped.

    Of a module that is loaded a second time the first is remembered.
    """
    _of(function.__module__).setdefault(function.__name__, function)
    return function


def note_by_name(module: str, functions: Mapping[str, Any]) -> None:
    """Remember what a module offers beside its own: functions by their names there."""
    for name, function in functions.items():
        _of(module).setdefault(name, function)


def remember() -> None:
    """Remember all that modules of the model hold by now; what was noted stays so.

    Constants of the engine, as how many agents make threads worth while, decide how
    fast a society is and not what happens to it.
    """
    for module in _decisive():
        for name, value in vars(sys.modules[module]).items():
            constant = name.isupper() and not module.startswith("sim.engine.")
            if callable(value) or constant:
                _of(module).setdefault(name, _content(value))


def replaced() -> list[str]:
    """Return the full names of what is not as it was shipped."""
    return [
        f"{module}.{name}"
        for module, known in _shipped.items()
        if module.startswith(DECISIVE)
        for name in _differing(sys.modules.get(module), known)
    ]


def _of(module: str) -> dict[str, Any]:
    return _shipped.setdefault(module, {})


def _differing(module: ModuleType | None, known: Mapping[str, Any]) -> list[str]:
    """Return the names of what a module does not hold as it was shipped."""
    held = {} if module is None else vars(module)
    return [
        name
        for name, shipped in known.items()
        if held.get(name) is not shipped  # nearly always enough, and quick
        and not _same(shipped, getattr(module, name, None))
    ]


def refuse_replaced() -> None:
    """Raise InputError if anything of the model is not as it was shipped."""
    found = replaced()
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise InputError(
            f"{found[0]}{more} was replaced while the program runs, so results would "
            "not be those of the code that their provenance names; put it back, and "
            "change the model in its files, where the source digest sees it"
        )


def _decisive() -> Iterator[str]:
    yield from [name for name in sys.modules if name.startswith(DECISIVE)]


def _content(value: Any) -> Any:
    """Return a value, or a copy of what may be changed in place."""
    return dict(value) if isinstance(value, dict) else value


def _same(shipped: Any, now: Any) -> bool:
    if isinstance(shipped, dict) and isinstance(now, dict):
        return list(shipped) == list(now) and all(
            one is other
            for one, other in zip(shipped.values(), now.values(), strict=True)
        )
    return shipped is now
