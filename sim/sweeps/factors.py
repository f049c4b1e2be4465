"""What a sweep can vary besides parameters: scenario, network, lever and mind."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sim import interventions, scenarios
from sim.errors import InputError, nearest
from sim.minds.calls import Settings
from sim.minds.casting import MindOptions
from sim.minds.casting import check as check_mind
from sim.minds.connection import hosts
from sim.minds.language import Policy
from sim.provenance import file_identity
from sim.scenarios import Scenario
from sim.strangers import inside

NAMES = ("scenario", "network", "lever", "mind")
NONE = "none"
SPEAKS = ("kind", "cast", "humans", "talks", "ghost_writer", "replay")
REACHES = ("model", "base_url", "temperature")
TYPES: dict[str, Any] = {
    **dict.fromkeys(("kind", "replay", "model"), str),
    **dict.fromkeys(("cast", "max_calls"), int | None),
    **dict.fromkeys(("talks", "temperature"), int | float),
    **{"humans": list | tuple, "ghost_writer": bool, "base_url": str | None},
}


def check(name: str, value: Any) -> None:
    """Raise InputError unless ``value`` is one that a factor can take."""
    if name == "mind":
        mind(value)
        return
    if not isinstance(value, str):
        raise InputError(f"a {name} is named by a text, not {value!r}")
    if name == "scenario":
        scenario(value)
    elif name == "lever":
        pulled(value)
    elif value != NONE:
        network_digest(value)


@functools.lru_cache(maxsize=64)
def scenario(name: str) -> Scenario:
    """Return a scenario by its name or file."""
    return scenarios.load(name)


@functools.lru_cache(maxsize=64)
def network_digest(path: str) -> str:
    """Return the SHA-256 of a network file, read once."""
    return file_identity(path)["sha256"]


def pulled(told: str) -> list[interventions.Intervention]:
    """Return the interventions of a lever, told as ``growth_cap@300``, or ``none``.

    Raises
    ------
    InputError
        If there is no such lever, or no such day.
    """
    if told == NONE:
        return []
    name, at, day = told.partition("@")
    if not at or not day.isdecimal() or len(day) > 9:
        raise InputError(f"a lever is told as 'name@day' or 'none', not {told!r}")
    return interventions.lever(name, int(day))


def mind(
    told: Mapping[str, Any], allow_model: Iterable[str] = (), insecure: bool = False
) -> MindOptions:
    """Return the mind that plain values describe; nothing is the rules.

    Parameters
    ----------
    told
        The values, as a design has them.
    allow_model
        Hosts that a language model may be asked at: none unless a user said so, since
        a design, or the store of a sweep, may be anybody's.
    insecure
        Whether one on another machine may be reached by http://.

    Raises
    ------
    InputError
        If a name is unknown, or the values do not go together.
    """
    if not isinstance(told, Mapping):
        raise InputError(f"a mind is a table, as in {{kind = 'rules'}}, not {told!r}")
    for name in told:
        if name not in (*SPEAKS, *REACHES, "max_calls"):
            known = [*SPEAKS, *REACHES, "max_calls"]
            raise InputError(f"unknown key {name!r} of a mind{nearest(name, known)}")
        if not isinstance(told[name], TYPES[name]) or _is_other(told[name], name):
            raise InputError(f"{name!r} of a mind cannot be {told[name]!r}")
    spoken = {name: told[name] for name in SPEAKS if name in told}
    if "humans" in spoken:
        spoken["humans"] = tuple(spoken["humans"])
    reach = {name: told[name] for name in REACHES if name in told}
    settings = Settings(**reach) if "model" in reach else None
    if settings is not None:
        settings = settings._replace(allowed=hosts(allow_model), insecure=insecure)
    policy = Policy()._replace(**{n: told[n] for n in ("max_calls",) if n in told})
    options = MindOptions(**spoken, settings=settings, policy=policy)
    check_mind(options)
    return options


def _is_other(value: Any, name: str) -> bool:
    """Tell whether a value has its type by Python's rules only, or wrong parts."""
    if isinstance(value, list | tuple):
        return any(type(number) is not int for number in value)
    return isinstance(value, bool) and name != "ghost_writer"


def mind_identity(told: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what of a mind makes a run: None for the rules."""
    if told.get("kind", "rules") == "rules" or told.get("cast") == 0:
        return None
    known = dict(told)
    if "replay" in known:
        known["replay"] = file_identity(known["replay"])["sha256"]
    return known


def beside(told: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a design whose relative files are looked for beside it, in ``folder``.

    Raises
    ------
    InputError
        If it names a file elsewhere: a design may be a stranger's.
    """

    def found(value: Any) -> Any:
        if not isinstance(value, str) or value == NONE:
            return value
        if Path(value).is_absolute() or ".." in Path(value).parts:
            raise InputError(f"{value!r} is not beside the design; put it there")
        return str(inside(folder, value)) if (folder / value).is_file() else value

    def placed(values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: replaced(name, value) for name, value in values.items()}

    def replaced(name: str, value: Any) -> Any:
        if name not in ("network", "scenario", "replay", "mind"):
            return value
        if isinstance(value, dict):
            return placed(value)
        return [found(v) for v in value] if isinstance(value, list) else found(value)

    changed: dict[str, Any] = placed(told)
    if "grid" in changed:
        changed["grid"] = placed(changed["grid"])
    if isinstance(changed.get("list"), list):
        changed["list"] = [placed(one) for one in changed["list"]]
    return changed
