"""Networks of a design: files by their paths, and networks in memory by their digests.

A network in memory is known in a design as ``networks/`` and the beginning of its
digest. It is held by this process, and kept under that name in the folder of its sweep,
where workers, and whoever opens the sweep again, find it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sim.model.network_files.builder import LARGEST
from sim.model.network_files.in_memory import NetworkData, as_file, is_in_memory
from sim.model.network_files.network_file import NetworkFile
from sim.utils.errors import InputError
from sim.utils.files import writing
from sim.utils.provenance import file_identity
from sim.utils.untrusted import read_bytes, resolve_inside

FOLDER = "networks"
_NAME = re.compile(f"{FOLDER}/[0-9a-f]{{16}}[.]json")
_held: dict[str, NetworkData] = {}


def _name_of(data: NetworkData) -> str:
    return f"{FOLDER}/{data.digest[:16]}.json"


def named(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a design with a name for each network in memory, which is held by that."""

    def name(value: Any) -> Any:
        if not is_in_memory(value):
            return value
        data = as_file(value)
        assert isinstance(data, NetworkData)
        _held[_name_of(data)] = data
        return _name_of(data)

    def within(values: Any) -> Any:
        if not isinstance(values, Mapping) or "network" not in values:
            return values
        given = values["network"]
        found = list(map(name, given)) if isinstance(given, list) else name(given)
        return {**values, "network": found}

    found = dict(within(record))
    if "grid" in found:
        found["grid"] = within(found["grid"])
    if isinstance(found.get("list"), list):
        found["list"] = [within(one) for one in found["list"]]
    return found


def held(name: str | None) -> NetworkData | None:
    """Return the network in memory that a name of a design stands for, if it does."""
    return _held.get(name or "")


def recall(folder: Path, record: Mapping[str, Any]) -> None:
    """Hold the networks that a sweep keeps in its folder, and names in its design.

    Raises
    ------
    InputError
        If one is not the one that it is named by.
    """
    names = {name for name in _networks_in(record) if _NAME.fullmatch(name)}
    for name in sorted(names - _held.keys()):
        found = load(resolve_inside(folder, name))
        if _name_of(found) != name:
            file = folder / name
            raise InputError(f"{file} is damaged: other bytes than it is named by")
        _held[name] = found


def _networks_in(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the networks that a design names."""
    listed = record.get("list")
    parts = [record, record.get("grid"), *(listed if isinstance(listed, list) else [])]
    for part in parts:
        told = part.get("network") if isinstance(part, Mapping) else None
        yield from (
            one
            for one in (told if isinstance(told, list) else [told])
            if isinstance(one, str)
        )


def load(file: str | Path) -> NetworkData:
    """Return a network that a sweep keeps; InputError if it cannot be read."""
    try:
        content = read_bytes(Path(file), LARGEST)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read network {file}: {reason}") from None
    return NetworkData("network", format="json", content=content)


def keep(folder: Path, name: str) -> Path:
    """Write the network of a name into the folder of a sweep; return where it is."""
    place = folder / name
    with writing(folder):
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(_held[name].content)
    return place


def digest_of(name: str) -> str:
    """Return the SHA-256 of a network of a design; a file is read once."""
    data = held(name)
    return data.digest if data is not None else _digest_of_file(name)


@functools.lru_cache(maxsize=64)
def _digest_of_file(path: str) -> str:
    return file_identity(path)["sha256"]


def with_digests(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of network files; of a table of people, its digest."""
    found = dict(options)
    if "people" in found:
        found["people"] = _digest_of_file(found["people"])
    return found


def of_job(job: Mapping[str, Any]) -> NetworkFile | None:
    """Return the network of a run, and how to read it; None if it has none."""
    name = job["network"]
    if name is None:
        return None
    if job.get("network_kept"):
        return load(name)
    return held(name) or NetworkFile(name, **job.get("network_options", {}))
