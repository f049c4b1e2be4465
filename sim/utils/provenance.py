"""Provenance of a result: software, source digest, machine, parameters, seed."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from sim.utils.errors import InputError, writable
from sim.utils.source import source_digest
from sim.utils.untrusted import open_file

SOFTWARE = "os-society"
LARGEST = 100_000_000  # bytes of a provenance file
LIBRARIES = ("numpy", "numba", "mesa", "pandas", "pyarrow", "networkx")
DIGEST = "digest"  # of a record, within it


def software_version() -> str:
    """Return the installed version of this package, or ``"not installed"``."""
    return _version(SOFTWARE)


def provenance(
    scenario: Any, seed: int, steps: int, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the provenance of a run, ready for JSON.

    Parameters
    ----------
    scenario
        The scenario run: its ``name`` and all resolved ``parameters`` are recorded.
    seed, steps
        What the run was started with; ``steps`` in days.
    extra
        More to record. A path under ``"network"`` becomes the file's name and SHA-256,
        a file with how to read it that and the options.

    Raises
    ------
    InputError
        If the network file cannot be read.
    """
    more = dict(extra or {})
    if more.get("network") is not None and not isinstance(more["network"], Mapping):
        more["network"] = network_identity(more["network"])
    return {
        "software": {"name": SOFTWARE, "version": software_version()},
        "source_digest": source_digest(),
        **versions(),
        "platform": platform.platform(),
        "processor": _processor(),
        "command": writable(shlex.join(sys.argv)),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "scenario": scenario.name,
        "profile": scenario.profile,
        **_mechanisms(scenario.parameters.mechanisms),
        **scenario.differing(),
        "parameters": scenario.parameters.model_dump(mode="json"),
        "interventions": [i.model_dump(mode="json") for i in scenario.interventions],
        "seed": int(seed),
        "steps": int(steps),
        "network": None,
    } | more


def versions() -> dict[str, Any]:
    """Return the versions of Python and of the libraries that make a result."""
    libraries = {name: _version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), "libraries": libraries}


def other_versions(record: Mapping[str, Any]) -> str:
    """Return in words in which versions a record differs from what is here, or "".

    Parameters
    ----------
    record
        With ``python`` and ``libraries``, as ``versions`` has them. What it does not
        name is not compared.
    """
    here = versions()
    then = {"python": record.get("python", ""), **(record.get("libraries") or {})}
    now = {"python": here["python"], **here["libraries"]}
    return ", ".join(
        f"{name} {then[name]}, now {now[name]}"
        for name in now
        if then.get(name, "") not in ("", now[name])
    )


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with a digest of all that it says, so that an edit shows.

    The digest is of the values, not of how they are written. It is no signature: who
    changes a value on purpose can write another digest, too.
    """
    known = {name: value for name, value in record.items() if name != DIGEST}
    return known | {DIGEST: _digest(known)}


def is_sealed(record: Mapping[str, Any]) -> bool:
    """Tell whether a record's digest is of what it says."""
    return bool(record.get(DIGEST) == sealed(record)[DIGEST])


def _digest(record: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(record))  # as it is read again
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _mechanisms(used: Any) -> dict[str, dict[str, str]]:
    """Return the digests of mechanisms by name, and what rules which of them replace.

    Nothing of it is there if there are none.
    """
    rules = {rule: one.name for one in used for rule in one.replacements}
    digests = {one.name: one.digest for one in used}
    found = {"mechanisms": digests, "rules": rules}
    return {name: known for name, known in found.items() if known}


class _HowToRead(Protocol):
    """A network that says what makes it, as ``sim.NetworkFile``."""

    def identity(self) -> dict[str, str]:
        """Return names and digests of what is read, and the options by name."""


def network_identity(network: str | Path | _HowToRead) -> dict[str, str]:
    """Return what makes a network: a file's name, its SHA-256, how it is to be read.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if isinstance(network, (str, Path)):
        return file_identity(network)
    return network.identity()


def file_identity(path: str | Path) -> dict[str, str]:
    """Return a file's ``name`` and ``sha256``; InputError if it cannot be read."""
    try:
        with open_file(Path(path)) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot read network file {path}: {reason}") from error
    return {"name": writable(Path(path).name), "sha256": digest}


@functools.cache  # each run asks for all of them: half of what its start takes
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
