"""Named starting points, each a small change to the parameters, told as a story."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sim import interventions
from sim.errors import InputError, nearest
from sim.expectations import Expectation
from sim.interventions import Intervention
from sim.parameters import Parameters

FOLDER = Path(__file__).parent / "scenarios"
LARGEST = 1_000_000  # bytes of a scenario file


class Scenario(BaseModel):
    """A named starting point. Immutable: ``replace`` makes a changed copy."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    title: str
    story: str
    sources: list[str] = []
    profile: str = "os1"
    parameters: Parameters = Parameters()
    interventions: list[Intervention] = []
    expectations: list[Expectation] = []

    def replace(self, **changes: Any) -> Scenario:
        """Return the scenario with some parameters changed.

        Raises
        ------
        InputError
            If a parameter is unknown or its value out of range.
        """
        changed = self.parameters.replace(**changes)
        return self.model_copy(update={"parameters": changed})

    def pull(self, lever: str, at: int) -> Scenario:
        """Return the scenario with a lever pulled on day ``at`` (the first being 1).

        Raises
        ------
        InputError
            If there is no such lever or no such day.
        """
        more = [*self.interventions, *interventions.lever(lever, at)]
        return self.model_copy(update={"interventions": more})


def names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def load(name: str | Path) -> Scenario:
    """Return a scenario by its name, or from a TOML file of one's own.

    Raises
    ------
    InputError
        If there is no such scenario, or the file is no valid scenario.
    """
    shipped = FOLDER / f"{name}.toml"
    if str(name) in names():
        return read(shipped)
    if str(name).endswith(".toml"):
        return read(Path(name))
    hint = nearest(str(name), names()) or f"; there are {', '.join(names())}"
    raise InputError(f"unknown scenario {str(name)!r}{hint}")


def changes(scenario: Scenario) -> dict[str, Any]:
    """Return the parameters that differ from the defaults."""
    usual = Parameters().model_dump()
    values = scenario.parameters.model_dump()
    return {name: value for name, value in values.items() if value != usual[name]}


def read(file: Path) -> Scenario:
    """Return the scenario that a TOML file describes; see ``load``."""
    try:
        text = _text(file)
        values = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{file} is not TOML: {error}") from None
    if "name" in values:
        raise InputError(f"{file}: a scenario's name is its file's; remove 'name'")
    try:
        changes = values.pop("parameters", {})
        kind = interventions.profile(values.get("profile", "os1"))
        parameters = Parameters().replace(**{**kind, **changes})
        return Scenario(name=file.stem, parameters=parameters, **values)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file}: {where!r}: {first['msg']}") from None
    except TypeError:
        raise InputError(f"{file}: 'parameters' must be a table") from None


def _text(file: Path) -> str:
    with file.open("rb") as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise InputError(f"{file} is larger than a scenario can be ({LARGEST} bytes)")
    return raw.decode("utf-8")
