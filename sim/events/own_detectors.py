"""A user's own detectors in other processes: described here, registered there."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sim.events import kinds
from sim.events.detector import PACKAGE, Detector, known, register
from sim.events.detectors import DETECTORS
from sim.utils import importable
from sim.utils.errors import InputError

Described = dict[str, str]  # ready for JSON


def describe(wanted: Iterable[str]) -> list[Described]:
    """Return where the classes of a user's own detectors are found again.

    Parameters
    ----------
    wanted
        Kinds of event; those of shipped detectors need no description, and those of
        mechanisms are where these are.

    Returns
    -------
    list of dict
        A row a kind: ``kind``, ``meaning``, and as in ``importable.locate``.

    Raises
    ------
    InputError
        If there is no detector for a kind, or another process could not find it.
    """
    found = []
    for kind in dict.fromkeys(wanted):
        is_shipped = kind in kinds.SHIPPED and not _is_own(kind)
        if is_shipped or kind in kinds.OF_MECHANISMS:
            continue
        detector = DETECTORS[known(kind)]
        where = importable.locate(f"detector of {kind!r}", detector)
        found.append({"kind": kind, "meaning": kinds.EVENTS[kind], **where})
    return found


def identity(wanted: Iterable[str]) -> dict[str, Any]:
    """Return which detectors looked at a run, for its provenance.

    Parameters
    ----------
    wanted
        Kinds of event that have a detector, in the order of looking.

    Returns
    -------
    dict
        ``kinds``, and under ``own`` the digest of each of a user's own: that of its
        file, or of its source where there is no file, or None if that is not known.
    """
    names = list(wanted)
    own = {kind: _digest(DETECTORS[kind]) for kind in names if _is_own(kind)}
    return {"kinds": names, "own": own}


def _digest(detector: type[Detector]) -> str | None:
    try:
        return importable.locate("", detector)["digest"]
    except InputError:
        pass
    try:
        return hashlib.sha256(inspect.getsource(detector).encode()).hexdigest()
    except (OSError, TypeError):
        return None


def _is_own(kind: str) -> bool:
    """Tell whether a user's detector took the place of a shipped one."""
    detector = DETECTORS.get(kind)
    return detector is not None and not detector.__module__.startswith(PACKAGE)


@contextmanager
def registered(described: Sequence[Mapping[str, str]]) -> Iterator[None]:
    """Look for the events of described detectors, too, for a while.

    Those that are registered already, with the same source, stay as they are.
    """
    before = {one["kind"]: DETECTORS.get(one["kind"]) for one in described}
    new = [one for one in described if not _is_there(one)]
    for one in new:
        register(_found(one))
        kinds.add(one["kind"], one["meaning"])
    try:
        yield
    finally:
        for one in new:
            _put_back(one["kind"], before[one["kind"]])


def _is_there(described: Mapping[str, str]) -> bool:
    detector = DETECTORS.get(described["kind"])
    if detector is None:
        return False
    try:
        where = importable.locate("", detector)
    except InputError:
        return False
    return where["digest"] == described["digest"]


def _found(described: Mapping[str, str]) -> type[Detector]:
    where = described["module"], described["name"], described["file"]
    found: type[Detector] = importable.load(*where)
    return found


def _put_back(kind: str, detector: type[Detector] | None) -> None:
    if detector is not None:
        DETECTORS[kind] = detector
        return
    DETECTORS.pop(kind, None)
    kinds.remove(kind)


def call(
    described: Sequence[Mapping[str, str]], function: Callable[..., Any], *given: Any
) -> Any:
    """Return ``function(*given)``, looking for the events of described detectors, too.

    It is what a pool of processes is handed instead of the function.
    """
    with registered(described):
        return function(*given)
