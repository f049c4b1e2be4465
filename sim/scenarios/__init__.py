"""Scenarios: named starting points in TOML, with story, sources and expectations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)

from sim.mechanisms import registry
from sim.mechanisms.heterogeneity import Heterogeneity, ProfileShare, Variation
from sim.model.parameter_sides import side_of
from sim.model.parameters import Changes, Parameters, table
from sim.scenarios import differences, interventions, own_names
from sim.scenarios.expectations import Expectation
from sim.scenarios.interventions import Intervention
from sim.scenarios.outcomes import OUTCOMES
from sim.utils.cards import card
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments
from sim.utils.untrusted import is_safe_name, read_toml

if TYPE_CHECKING:
    from sim.mechanisms import Mechanism

FOLDER = Path(__file__).parent / "library"
LARGEST = 1_000_000  # bytes of a scenario file
MOST_SHOWN = 8  # parameters on a card
MOST = 1000  # interventions, expectations, sources


def with_names(
    names: Iterable[str], differing: Heterogeneity | None = None
) -> type[Parameters]:
    """Return the parameters with those of mechanisms, whose other names become known.

    ``differing`` is what differs between agents, if anything does.

    Raises
    ------
    InputError
        If there is no such mechanism, or a name is taken.
    """
    kind = registry.parameters_with(names, differing)
    own_names.take(kind.mechanisms, OUTCOMES)
    return kind


@checked_arguments()
class Scenario(BaseModel):
    """A named starting point. Immutable: ``replace`` makes a changed copy."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    title: str
    story: str
    sources: list[str] = Field(default=[], max_length=MOST)
    profile: str = "os1"
    mechanisms: list[str] = Field(default=[], max_length=MOST)  # by their names
    varies: dict[str, Variation] = Field(default={}, max_length=MOST)  # by parameter
    profiles: list[ProfileShare] = Field(default=[], max_length=MOST)
    parameters: SerializeAsAny[Parameters] = Parameters()
    interventions: list[Intervention] = Field(default=[], max_length=MOST)
    expectations: list[Expectation] = Field(default=[], max_length=MOST)

    @model_validator(mode="before")
    @classmethod
    def _with_mechanisms(cls, given: Any) -> Any:
        """Let parameters be those of the model and of its mechanisms.

        Their class knows what differs between agents, too.
        """
        if not isinstance(given, Mapping):
            return given
        names, found = given.get("mechanisms"), given.get("parameters")
        if isinstance(found, Parameters) and found.mechanisms and not names:
            names = [one.name for one in found.mechanisms]
            given = {**given, "mechanisms": names}
        names = names or []
        if not isinstance(names, list):
            return given
        try:
            differing = differences.read(given)
            kind = with_names(names, differing)
            if kind is Parameters or type(found) is kind:
                return given
            if isinstance(found, Parameters):
                found = registry.known_to(kind, found)
            extended = kind() if found is None else kind.model_validate(found)
        except InputError as error:
            raise ValueError(str(error)) from None
        return {**given, "parameters": extended}

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        """Its runs are kept in folders that begin with its name."""
        if not is_safe_name(name):
            raise ValueError("it cannot be the name of a folder")
        return name

    def _repr_html_(self) -> str:
        """Return a card for a notebook: what it tells, and what it changes."""
        usual = type(self.parameters)().model_dump(mode="json")
        own = self.parameters.model_dump(mode="json")
        changed = [f"{n} = {own[n]}" for n in own if own[n] != usual[n]]
        differs = ", ".join(changed[:MOST_SHOWN])
        facts = [
            ("tells", " ".join(self.story.split())),
            ("people, days", f"{self.parameters.humans:,}, {self.parameters.steps:,}"),
            ("differs", differs + " ..." * (len(changed) > MOST_SHOWN)),
            ("interventions", f"{len(self.interventions)}"),
        ]
        following = (f"sim.run({self.name!r}, seed=1)",)
        return card(f"{self.name}: {self.title}", facts, None, following)

    def replace(self, **changes: Any) -> Scenario:
        """Return the scenario with some parameters changed.

        Parameters
        ----------
        changes
            Values by name; ``varies`` and ``profiles``, as they stand in a scenario's
            file, take the place of those it had.

        Raises
        ------
        InputError
            If a parameter is unknown or its value out of range, or cannot differ so.

        Examples
        --------
        >>> import sim
        >>> own = {"cooling": {"of": "humans", "sd": 0.002}}
        >>> town = sim.scenario("her").replace(humans=200, varies=own)
        >>> town.varies["cooling"].kind
        'normal'
        """
        differing = {n: changes.pop(n) for n in differences.NAMES if n in changes}
        changed = self.parameters.replace(**changes)
        copied = self.model_copy(update={"parameters": changed})
        return differences.replaced(copied, differing) if differing else copied

    def differing(self) -> dict[str, Any]:
        """Return what differs between agents, ready for JSON; {} if nothing does."""
        wanted = {*differences.NAMES}
        found = self.model_dump(mode="json", include=wanted, exclude_none=True)
        return {name: value for name, value in found.items() if value}

    @checked_arguments()
    def use(self, *mechanisms: Mechanism | str | Path) -> Scenario:
        """Return the scenario with mechanisms added, which are put to use by that.

        Parameters
        ----------
        mechanisms
            As for ``sim.use``. One that the scenario has already is not added again.

        Raises
        ------
        InputError
            If there is no such mechanism, or two do not go together.

        Examples
        --------
        >>> import sim
        >>> town = sim.scenario("her").use("experiments/mechanisms/gossip.py")
        >>> town.mechanisms, town.parameters.hearsay
        (['gossip'], 0.05)
        """
        new = [registry.use(one).name for one in mechanisms]
        names = list(dict.fromkeys([*self.mechanisms, *new]))
        with_names(names)
        extended = registry.extend(self.parameters, names)
        return self.model_copy(update={"parameters": extended, "mechanisms": names})

    def without_oses(self) -> Scenario:
        """Return the scenario's twin: the same society, in which nobody has an OS.

        With the same seed it has the same people and the same random numbers, so that
        whatever differs is the doing of OSes. Interventions stay, as far as they do
        not bring OSes back.

        Examples
        --------
        >>> import sim
        >>> sim.scenario("her").without_oses().parameters.adoption
        False
        """
        kept = [
            one.model_copy(update={"set": {**one.set, "adoption": False}})
            if "adoption" in one.set
            else one
            for one in self.interventions
        ]
        parameters = self.parameters.replace(adoption=False)
        return self.model_copy(update={"parameters": parameters, "interventions": kept})

    @checked_arguments()
    def pull(self, lever: str, at: int) -> Scenario:
        """Return the scenario with a lever (a named intervention) from day ``at`` on.

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


def based_on(name: str) -> str | None:
    """Return the scenario on which one that comes with the package is based, if any.

    >>> based_on("her"), based_on("today")
    ('today', None)
    """
    found: str | None = read_toml(FOLDER / f"{name}.toml", LARGEST).get("based_on")
    return found


@checked_arguments()
def load(name: str | Path) -> Scenario:
    """Return a scenario by its name, or from a TOML file of one's own.

    Parameters
    ----------
    name
        One of ``names()``, or the path of a file that ends in ``.toml``.

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


def chosen(
    scenario: Scenario | str | Path, parameters: Changes | None = None
) -> Scenario:
    """Return a scenario, or the one with a name or file, with parameters changed.

    Raises
    ------
    InputError
        If there is no such scenario, or a parameter is not valid.
    """
    found = scenario if isinstance(scenario, Scenario) else load(scenario)
    if parameters is None:
        return found
    if not isinstance(parameters, Mapping):
        wanted = "parameters by name, as {'humans': 200}"
        raise InputError(f"parameters: give {wanted}, not {parameters!r}")
    return found.replace(**parameters)


def changes(scenario: Scenario) -> dict[str, Any]:
    """Return the parameters that differ from the defaults."""
    usual = type(scenario.parameters)().model_dump()
    values = scenario.parameters.model_dump()
    return {name: value for name, value in values.items() if value != usual[name]}


def compare_parameters(one: Scenario, other: Scenario) -> list[dict[str, Any]]:
    """Return the parameters in which two scenarios differ, and whose each is.

    Parameters
    ----------
    one, other
        Any two. A parameter of a mechanism that only one of them has counts as
        different; the other has None for it.

    Returns
    -------
    list of dict
        In the order of the parameters: ``name``; ``side`` ("people", "OSes",
        "diffusion", "provider", "run", "mechanism"); ``one``, ``other``, the values;
        ``unit``.

    Examples
    --------
    >>> from sim import scenarios
    >>> her, linear = scenarios.load("her"), scenarios.load("her-linear")
    >>> [(row["name"], row["side"]) for row in compare_parameters(her, linear)]
    [('growth_exponent', 'OSes')]
    """
    first, second = (
        {row["name"]: row for row in table(told.parameters)} for told in (one, other)
    )
    found = []
    for name in dict.fromkeys([*first, *second]):
        known = first.get(name) or second[name]
        value, others = (
            rows[name]["value"] if name in rows else None for rows in (first, second)
        )
        if value != others:
            row = {"name": name, "side": side_of(name)}
            row |= {"one": value, "other": others, "unit": known["unit"]}
            found.append(row)
    return found


def read(file: Path) -> Scenario:
    """Return the scenario that a TOML file describes; see ``load``.

    With ``based_on`` it has the parameters and mechanisms of another scenario, but for
    those that it sets.
    """
    return _read(file, ())


def _read(file: Path, based: tuple[Path, ...]) -> Scenario:
    """Return a file's scenario, on which those of the files ``based`` are based."""
    values = read_toml(file, LARGEST)
    base = _base(values.pop("based_on", None), file, based)
    if "name" in values:
        raise InputError(f"{file}: a scenario's name is its file's; remove 'name'")
    changes, profile = values.pop("parameters", {}), values.get("profile", "os1")
    if not isinstance(changes, dict):
        raise InputError(f"{file}: 'parameters' must be a table")
    if not isinstance(profile, str):
        raise InputError(f"{file}: 'profile' must be a text")
    names = values.get("mechanisms", [])
    if not isinstance(names, list):
        raise InputError(f"{file}: 'mechanisms' must be a list of names")
    if base is not None:
        values["mechanisms"] = names = [*dict.fromkeys([*base.mechanisms, *names])]
    if file.parent == FOLDER:
        where = f"scenario {file.stem!r}"
        changes = interventions.known_here(where, changes)
        for one in (i for i in values.get("interventions", []) if "set" in i):
            one["set"] = interventions.known_here(where, one["set"])
    try:
        usual = registry.parameters_with(names)()
        known = {} if base is None else base.parameters.model_dump()
        known |= interventions.profile(profile)
        parameters = usual.replace(**{**known, **changes})
        made = {"name": file.stem, "parameters": parameters}
        return Scenario.model_validate(made | values)
    except ValidationError as error:
        raise InputError(f"{file}: {differences.first_of(error)}") from None
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _base(name: Any, file: Path, based: tuple[Path, ...]) -> Scenario | None:
    """Return what a file is based on: a shipped scenario, or a file beside it."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise InputError(f"{file}: 'based_on' must be a scenario's name, or its file")
    shipped = name in names()
    if not shipped and not name.endswith(".toml"):
        hint = nearest(name, names()) or f"; there are {', '.join(names())}"
        raise InputError(f"{file}: based_on: unknown scenario {name!r}{hint}")
    found = FOLDER / f"{name}.toml" if shipped else file.parent / name
    if found.resolve() in {one.resolve() for one in (file, *based)}:
        raise InputError(f"{file}: based_on: {name!r} is based on this scenario itself")
    try:
        return _read(found, (*based, file))
    except InputError as error:
        raise InputError(f"{file}: based_on: {error}") from None
