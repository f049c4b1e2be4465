"""What differs between agents, as a scenario says it: ``varies`` and ``profiles``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sim.mechanisms import registry
from sim.mechanisms.heterogeneity import (
    Heterogeneity,
    ProfileShare,
    Variation,
    declared,
)
from sim.scenarios.interventions import profile
from sim.utils.errors import InputError

if TYPE_CHECKING:
    from sim.scenarios import Scenario

NAMES = ("varies", "profiles")
OF_ALL = "os1"  # the profile of a scenario that names none


class _Said(BaseModel):
    """What a scenario says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    varies: dict[str, Variation] = {}
    profiles: list[ProfileShare] = []


def read(given: Mapping[str, Any]) -> Heterogeneity | None:
    """Return what differs in a scenario of which all fields are given.

    What is no such field is left to the check of the scenario.

    Raises
    ------
    InputError
        If a parameter cannot differ so, there is no such profile, or the scenario has
        a profile for all OSes besides.
    """
    wanted = {name: given[name] for name in NAMES if given.get(name)}
    if not wanted:
        return None
    try:
        said = _Said.model_validate(wanted)
    except ValidationError as error:
        raise InputError(first_of(error)) from None
    if said.profiles and given.get("profile", OF_ALL) != OF_ALL:
        raise InputError(
            f"it has the profile {given['profile']!r} for all OSes, and profiles; "
            "give one of the two"
        )
    known = {one.name: profile(one.name) for one in said.profiles}
    return declared(said.varies, said.profiles, known)


def replaced(scenario: Scenario, differing: Mapping[str, Any]) -> Scenario:
    """Return a scenario with other ``varies`` or ``profiles``.

    Raises
    ------
    InputError
        If they are not valid.
    """
    fields = {name: getattr(scenario, name) for name in type(scenario).model_fields}
    known = fields | dict(differing)
    kind = registry.parameters_with(scenario.mechanisms, read(known))
    said = _Said.model_validate({name: known[name] for name in NAMES})
    parameters = kind(**registry.known_to(kind, scenario.parameters))
    more = {"varies": said.varies, "profiles": said.profiles}
    return scenario.model_copy(update=more | {"parameters": parameters})


def first_of(error: ValidationError) -> str:
    """Return where the first error is that was found, and what it is."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where!r}: {first['msg'].removeprefix('Value error, ')}"
