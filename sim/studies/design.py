"""Designs: what a sweep varies, from TOML or Python.

Such a file reads like this, with ``[lhs]``, ``[sobol]`` or ``[morris]`` (``n`` and
ranges) or ``[[list]]`` in place of ``[grid]``::

    scenario = "her"
    seeds = 6                      # replicates on common seeds, or a list
    [base]                         # parameters fixed for the whole sweep
    humans = 100
    [grid]
    growth_exponent = [0.9, 1.1]

Besides parameters, ``[grid]`` and ``[[list]]`` may vary ``scenario``, ``network``,
``lever`` and ``mind``. A mind is a table of what ``MindOptions``, its ``Settings`` and
its ``Policy`` have: kind, cast, talks, model, max_calls, without and so on. Parts of it
vary in ``[grid]`` as ``mind.temperature = [0.0, 1.0]``, ``mind.model``, ``mind.draw``
or ``mind.prompts = ["shipped", "own"]``; ``[mind]`` says what they have in common.
``until = {measure = "adopted", above = 0.9}`` ends each run on the first such day.
``[network_options]`` says how network files are to be read where they leave it open, as
``columns = "from,to"`` or ``closeness_from = "calls"`` and ``scale = "log"``: the
options of ``sim.NetworkFile``.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sim import scenarios
from sim.events.kinds import EVENTS
from sim.events.measures import measured
from sim.mechanisms import registry
from sim.minds import personas, prompts, wording
from sim.minds.calls import Settings
from sim.minds.client import hosts
from sim.minds.dialect import check_names
from sim.minds.mind import Policy
from sim.minds.options import MindOptions
from sim.minds.options import check as check_mind
from sim.minds.several import OsModel
from sim.model import parameters
from sim.model.network_files.network_file import NetworkFile
from sim.model.parameters import Parameters
from sim.runs.stopping_rules import rule_of
from sim.scenarios import Scenario, interventions
from sim.scenarios.interventions import Condition
from sim.society import seed_from
from sim.studies import given_networks, outcomes, points
from sim.studies.points import MorrisSample, Sampled, SobolSample
from sim.utils.errors import InputError, nearest
from sim.utils.provenance import file_identity
from sim.utils.untrusted import is_safe_name, read_toml, resolve_inside

NAMES = ("scenario", "network", "lever", "mind")
NONE = "none"
SPEAKS = (
    *("kind", "cast", "humans", "talks", "turns", "ghost_writer", "replay"),
    *("answers", "prompts", "personas"),
)
# Of a mind: what is there, and not where it is, makes a run.
FILES = ("replay", "prompts", "personas")
SHIPPED = "shipped"  # prompts
UNNAMED = {"prompts": SHIPPED, "personas": NONE}  # what says that there are none

REACHES = ("model", "base_url", "temperature", "without", "max_tokens", "extra_body")
HELPS = ("on_failure", "max_calls", "draw", "stop_after", "councils")
KEYS = (*SPEAKS, *REACHES, *HELPS, "oses")  # of a mind
PART = "mind."  # begins the name of a part of a mind that varies
TYPES: dict[str, Any] = {
    **dict.fromkeys(("kind", "replay", "model", "on_failure"), str),
    **dict.fromkeys(("prompts", "personas"), str),
    **dict.fromkeys(("cast", "max_calls", "max_tokens"), int | None),
    **dict.fromkeys(("draw", "stop_after", "answers", "turns"), int),
    **dict.fromkeys(("talks", "temperature", "share"), int | float),
    **dict.fromkeys(("humans", "without", "oses"), list | tuple),
    **{
        "ghost_writer": bool,
        "councils": bool,
        "base_url": str | None,
        "extra_body": dict,
    },
}
ITEMS: dict[str, tuple[type, ...]] = {
    "humans": (int, str),
    "without": (str,),
    "oses": (dict,),
}


# Of a mind, what is one value and may vary by itself.
PARTS = tuple(
    f"{PART}{name}"
    for name in (*SPEAKS, *REACHES, *HELPS)
    if TYPES[name] not in (list | tuple, dict)
)
FACTORS = (*NAMES, *PARTS)  # besides parameters


def check_factor(name: str, value: Any) -> None:
    """Raise InputError unless ``value`` is one that a factor can take."""
    if name == "mind":
        mind(value)
        return
    if name in PARTS:  # all its combinations are checked together
        _check_keys({name.removeprefix(PART): value}, KEYS, "a mind")
        return
    if not isinstance(value, str):
        raise InputError(f"a {name} is named by a text, not {value!r}")
    if name == "scenario":
        scenario_of_factor(value)
    elif name == "lever":
        interventions_of_lever(value)
    elif value != NONE:
        given_networks.digest_of(value)


@functools.lru_cache(maxsize=64)
def scenario_of_factor(name: str) -> Scenario:
    """Return a scenario by its name or file."""
    return scenarios.load(name)


def interventions_of_lever(text: str) -> list[interventions.Intervention]:
    """Return the interventions of a lever, written as ``growth_cap@300``, or ``none``.

    Raises
    ------
    InputError
        If there is no such lever, or no such day.
    """
    if text == NONE:
        return []
    name, at, day = text.partition("@")
    if not at or not day.isdecimal() or len(day) > 9:
        raise InputError(f"a lever is written as 'name@day' or 'none', not {text!r}")
    return interventions.lever(name, int(day))


def mind(
    record: Mapping[str, Any], allow_model: Iterable[str] = (), insecure: bool = False
) -> MindOptions:
    """Return the mind that plain values describe; nothing is the rules.

    Parameters
    ----------
    record
        The values, as a design has them.
    allow_model
        Hosts that a language model may be asked at: none unless a user said so, since
        a design, or the store of a sweep, is untrusted.
    insecure
        Whether one on another machine may be reached by http://.

    Raises
    ------
    InputError
        If a name is unknown, or the values do not go together.
    """
    if not isinstance(record, Mapping):
        raise InputError(f"a mind is a table, as in {{kind = 'rules'}}, not {record!r}")
    _check_keys(record, KEYS, "a mind")
    if record.get("kind") == "person":
        raise InputError("a person speaks in one run (os-society play), not in a sweep")
    spoken = {name: record[name] for name in SPEAKS if name in record}
    spoken = {n: value for n, value in spoken.items() if UNNAMED.get(n, ...) != value}
    if "humans" in spoken:
        spoken["humans"] = tuple(spoken["humans"])
    settings = _settings(record, allow_model, insecure)
    oses = []
    for one in record.get("oses", ()):
        _check_keys(one, ("share", *REACHES), "a model of OSes")
        model = _settings(one, allow_model, insecure)
        if model is None or "share" not in one:
            raise InputError("a model of OSes has a 'share' and a 'model'")
        oses.append(OsModel(one["share"], model))
    if oses and "replay" in record:
        raise InputError("a mind with models of OSes cannot be replayed in a design")
    policy = Policy(**{name: record[name] for name in HELPS if name in record})
    options = MindOptions(**spoken, settings=settings, policy=policy, oses=tuple(oses))
    check_mind(options)
    return options


def _check_keys(record: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    """Raise InputError where a table says what it cannot."""
    for name in record:
        if name not in known:
            raise InputError(f"unknown key {name!r} of {what}{nearest(name, known)}")
        if not isinstance(record[name], TYPES[name]) or _is_other(record[name], name):
            raise InputError(f"{name!r} of {what} cannot be {record[name]!r}")


def _settings(
    record: Mapping[str, Any], allow_model: Iterable[str], insecure: bool
) -> Settings | None:
    """Return how to reach the model that a table names, if it names one."""
    reach = {name: record[name] for name in REACHES if name in record}
    if "model" not in reach:
        return None
    if "without" in reach:
        reach["without"] = check_names(tuple(reach["without"]))
    found = Settings(**reach)
    return found._replace(allowed=hosts(allow_model), insecure=insecure)


def _is_other(value: Any, name: str) -> bool:
    """Tell whether a value has its type by Python's rules only, or wrong parts."""
    if isinstance(value, list | tuple):
        return any(type(item) not in ITEMS[name] for item in value)
    return isinstance(value, bool) and TYPES[name] is not bool


def is_path(name: str, value: Any) -> bool:
    """Tell whether a value of a mind is where a file or a folder is."""
    return name in FILES and UNNAMED.get(name) != value


def mind_identity(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what of a mind makes a run: None for the rules."""
    if _is_by_rules(record):
        return None
    known = {n: value for n, value in record.items() if UNNAMED.get(n, ...) != value}
    if "replay" in known:
        known["replay"] = file_identity(known["replay"])["sha256"]
    if "prompts" in known:
        known["prompts"] = prompts.digest(wording.read(known["prompts"]))
    if "personas" in known:
        known["personas"] = personas.read(known["personas"]).digest
    return known


def _is_by_rules(record: Mapping[str, Any]) -> bool:
    return record.get("kind", "rules") == "rules" or record.get("cast") == 0


def beside(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a design whose relative files are looked for beside it, in ``folder``.

    Raises
    ------
    InputError
        If it names a file elsewhere: a design is untrusted.
    """

    def found(value: Any, name: str = "") -> Any:
        if not isinstance(value, str) or value in (NONE, SHIPPED):
            return value
        if Path(value).is_absolute() or ".." in Path(value).parts:
            raise InputError(f"{value!r} is not beside the design; put it there")
        place = folder / value
        is_there = place.is_dir() if name == "prompts" else place.is_file()
        return str(resolve_inside(folder, value)) if is_there else value

    def placed(values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: replaced(name, value) for name, value in values.items()}

    def replaced(name: str, value: Any) -> Any:
        name = name.removeprefix(PART)
        if name not in ("network", "scenario", "mind", *FILES):
            return value
        if isinstance(value, dict):
            return placed(value)
        if isinstance(value, list):
            return [replaced(name, one) for one in value]
        return found(value, name)

    changed: dict[str, Any] = placed(record)
    options = changed.get("network_options")
    if isinstance(options, dict) and "people" in options:
        changed["network_options"] = options | {"people": found(options["people"])}
    if "grid" in changed:
        changed["grid"] = placed(changed["grid"])
    if isinstance(changed.get("list"), list):
        changed["list"] = [placed(one) for one in changed["list"]]
    return changed


LARGEST = 10_000_000  # bytes of a design
MOST_RUNS = 10**9
MOST_SEEDS = 10**6
MOST_VALUES = 10**5  # that are listed
MOST_MINDS = 10**4
FORMS = ("grid", "list", "lhs", "sobol", "morris")

Point = dict[str, Any]  # what varies, by name


class Design(BaseModel):
    """A designed set of runs: points, each on the same seeds. Immutable and lazy."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, populate_by_name=True
    )

    name: str = "sweep"
    scenario: str = "her"
    network: str | None = None
    network_options: dict[str, Any] = {}
    lever: str = "none"
    mind: dict[str, Any] = {}
    mechanisms: list[str] = Field(default=[], max_length=1000)  # added to all scenarios
    seeds: int | list[int] = 1
    outcomes: list[str] = Field(default=[], max_length=1000)  # none named: all
    keep_runs: bool = False
    until: Condition | None = None  # what ends a run sooner
    base: dict[str, Any] = {}
    grid: dict[str, list[Any]] | None = None
    listed: list[dict[str, Any]] | None = Field(None, alias="list")
    lhs: Sampled | None = None
    sobol: SobolSample | None = None
    morris: MorrisSample | None = None

    @model_validator(mode="after")
    def _validated(self) -> Self:
        forms = [form for form in FORMS if _part(self, form) is not None]
        if len(forms) > 1:
            raise ValueError(f"a design has one of {' and '.join(forms)}, not both")
        try:
            _check(self)
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def form(self) -> str:
        """How its points are laid out: one of ``FORMS``, or ``one`` for a lone one."""
        forms = [form for form in FORMS if _part(self, form) is not None]
        return forms[0] if forms else "one"

    @property
    def seed_list(self) -> list[int]:
        """The seeds of every point."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    @property
    def varied(self) -> list[str]:
        """The names of what varies, in the order of the design."""
        if self.listed is not None:
            return list(dict.fromkeys(name for one in self.listed for name in one))
        if self.grid is not None:
            return list(self.grid)
        sample = self.lhs or self.sobol or self.morris
        return list(sample.ranges) if sample is not None else []

    def parameters(self) -> type[Parameters]:
        """Return the class of all parameters that there are in the design's scenarios.

        Raises
        ------
        InputError
            If a scenario or a mechanism is not there.
        """
        return _kind(self)

    def measures(self) -> list[str]:
        """Return the names of what is measured in every run of the design."""
        added = self.mechanisms
        used = [scenario_of_factor(one).use(*added) for one in _scenarios(self)]
        first, *others = [measured(one.parameters) for one in used]
        return [name for name in first if all(name in other for other in others)]

    def most(self, name: str) -> Any:
        """Return the largest value that a parameter has in any run of the design."""
        lists = [one for one in self.listed or [] if name in one]
        sample = self.lhs or self.sobol or self.morris
        spans = sample.ranges if sample is not None else {}
        varied = [*(self.grid or {}).get(name, []), *(one[name] for one in lists)]
        varied += spans.get(name, [])
        if len(lists) < len(self.listed or []) or not varied:
            varied += [self.base[name]] if name in self.base else self._usual(name)
        return max(varied)

    def _usual(self, name: str) -> list[Any]:
        """Return a parameter's values in the scenarios of the design."""
        named = sorted(_scenarios(self))
        return [getattr(scenario_of_factor(one).parameters, name) for one in named]

    def layout(self) -> points.Points:
        """Return its points, each made when it is asked for.

        Raises
        ------
        InputError
            If the points need SALib and it is not installed.
        """
        if self.listed is not None:
            return points.listed(self.listed)
        if self.grid is not None:
            return points.grid(self.grid)
        if self.lhs is not None:
            latin = self.lhs.n, self.lhs.seed, self.lhs.ranges
            return points.latin(*latin, self.parameters())
        if self.sobol is not None:
            return points.sobol_points(self.sobol, self.parameters())
        if self.morris is not None:
            return points.morris_points(self.morris, self.parameters())
        return points.listed([{}])

    def as_dict(self) -> dict[str, Any]:
        """Return the design as plain values: what is left out is as by default."""
        found: dict[str, Any] = self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True
        )
        return found


def _part(design: Design, form: str) -> Any:
    return getattr(design, "listed" if form == "list" else form)


def read(path: str | Path, mechanisms: Sequence[str] = ()) -> Design:
    """Return the design that a TOML file describes, named after the file.

    A file named ``design.toml`` is named after its folder. Network files are looked
    for beside the design. Names of ``mechanisms`` are added to those in the file.

    Raises
    ------
    InputError
        If the file is no valid design: names the file and the key.
    """
    file = Path(path)
    given = read_toml(file, LARGEST)
    if not given:
        raise InputError(f"{file} is empty; a design says what to run, as in seeds = 3")
    own = file.resolve().parent.name if file.stem == "design" else file.stem
    known = given.get("mechanisms", [])
    if mechanisms and isinstance(known, list):
        given["mechanisms"] = list(dict.fromkeys([*known, *mechanisms]))
    try:
        return make({"name": own} | beside(given, file.parent))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def mind_at(design: Design, point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mind of a point, as plain values."""
    parts = {n.removeprefix(PART): v for n, v in point.items() if n in PARTS}
    return {**point.get("mind", design.mind), **parts}


def minds(design: Design) -> list[dict[str, Any]]:
    """Return all minds of a design, as plain values.

    Raises
    ------
    InputError
        If there are more than ``MOST_MINDS``.
    """
    grid = design.grid or {}
    parts = [name for name in grid if name in PARTS]
    if math.prod(len(grid[name]) for name in parts) > MOST_MINDS:
        raise InputError(f"a design has at most {MOST_MINDS:,} minds")
    if parts:
        values = itertools.product(*(grid[name] for name in parts))
        return [mind_at(design, dict(zip(parts, one, strict=True))) for one in values]
    points = design.listed or []
    listed = [mind_at(design, one) for one in points if {"mind", *PARTS} & one.keys()]
    is_part = any(name in PARTS for name in design.varied)
    base = [] if is_part and len(listed) == len(points) else [design.mind]
    return [*base, *grid.get("mind", []), *listed]


def make(record: Mapping[str, Any]) -> Design:
    """Return the design of plain values, as a TOML file would hold them.

    A network may stand there itself, as ``sim.run`` takes one in memory.

    Raises
    ------
    InputError
        If a key or a value is not valid: names it, and the nearest that is.
    """
    record = given_networks.named(record)
    if isinstance(record.get("grid"), Mapping):
        record = {**record, "grid": _with_parts(record["grid"])}
    try:
        return Design(**{str(name): value for name, value in record.items()})
    except ValidationError as error:
        raise InputError(_first(error)) from None


def _with_parts(grid: Mapping[str, Any]) -> dict[str, Any]:
    """Return a grid in which parts of a mind have names: TOML makes a table of them."""
    found = {str(name): value for name, value in grid.items()}
    parts = found.get("mind")
    if not isinstance(parts, Mapping):
        return found
    named = {f"{PART}{name}": value for name, value in parts.items()}
    return {n: v for n, v in found.items() if n != "mind"} | named


def _first(error: ValidationError) -> str:
    """Return the first thing wrong with a design, as one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = [f.alias or n for n, f in Design.model_fields.items()]
        hint = nearest(where, known) or f"; there are {', '.join(known)}"
        return f"unknown key {where!r}{hint}"
    text = first["msg"].removeprefix("Value error, ")
    return f"{where!r}: {text}" if where else text


# --------------------------------------------------------------------------- checks


def _check(design: Design) -> None:
    """Raise InputError unless every name and value of a design is valid."""
    if not is_safe_name(design.name):
        raise InputError(f"'name': {design.name!r} cannot be the name of a folder")
    _check_seeds(design.seeds)
    _at_place("mechanisms", scenarios.with_names, design.mechanisms)
    for name in design.outcomes:
        _at_place("outcomes", outcomes.check, name)
    for name in NAMES:
        if name != "mind" and getattr(design, name):
            _at_place(name, check_factor, name, getattr(design, name))
    _at_place("network_options", _check_network_options, design)
    kind = _kind(design)
    for name, value in design.base.items():
        _at_place(f"base.{name}", _check_parameter, name, value, kind)
    for name in design.varied:
        if name in design.base:
            raise InputError(f"'base.{name}': {name!r} varies; fix it or vary it")
    _check_points(design, kind)
    _check_minds(design)
    for name in design.varied:
        _check_column(name, design.outcomes)
    if design.until is not None:
        _at_place("until", rule_of, design.until, design.measures())


def _check_column(name: str, wanted: Iterable[str]) -> None:
    """Raise InputError if a parameter has the name of another column."""
    if name in wanted and name in EVENTS:
        raise InputError(
            f"'outcomes': {name!r} varies, and is an event, too; the day of the event "
            f"is '{outcomes.DAY_OF}{name}' here"
        )
    if name in (*Parameters.model_fields, *FACTORS):
        return
    if name in outcomes.known():
        raise InputError(
            f"{name!r} varies, and the table of a sweep has another column of that "
            "name; rename the parameter"
        )


def _scenarios(design: Design) -> list[Any]:
    """Return the scenarios that a design names, each once."""
    listed = [one["scenario"] for one in design.listed or [] if "scenario" in one]
    varied = (design.grid or {}).get("scenario", [])
    return list(dict.fromkeys([design.scenario, *varied, *listed]))


def _kind(design: Design) -> type[Parameters]:
    """Return the class of parameters of the design's scenarios, all together."""
    names = list(design.mechanisms)
    for text in _scenarios(design):
        if isinstance(text, str) and text.endswith(".toml"):  # no other names any
            names += scenario_of_factor(text).mechanisms
    return registry.parameters_with(dict.fromkeys(names))


def _check_network_options(design: Design) -> None:
    if not design.network_options:
        return
    known = [field.name for field in fields(NetworkFile)[1:]]
    for name, value in design.network_options.items():
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(known)}"
            raise InputError(f"unknown option {name!r}{hint}")
        kind = bool if name == "header" else str
        if not isinstance(value, kind):
            what = "true or false" if kind is bool else "a text"
            raise InputError(f"{name!r} is {what}, not {value!r}")
    NetworkFile("", **design.network_options)
    if "people" in design.network_options:
        given_networks.with_digests(design.network_options)
    if design.network is None and "network" not in design.varied:
        raise InputError("they go with a network file: name one as 'network'")


def _check_minds(design: Design) -> None:
    """Raise InputError unless minds are such, and parts that vary change something."""
    parts = [name for name in design.varied if name in PARTS]
    if parts and "mind" in (design.grid or {}):
        raise InputError(f"'grid.mind': either minds vary, or parts as {parts[0]!r}")
    where = ", ".join(parts) or "mind"
    found = minds(design)
    for one in found:
        _at_place(where, mind, one)
    for name in parts:
        speaking = [one for one in found if not _is_by_rules(one)]
        _at_place(name, _check_effect, name.removeprefix(PART), speaking)


def _check_effect(key: str, speaking: Sequence[Mapping[str, Any]]) -> None:
    """Raise InputError if a part of minds that varies is of none of them."""
    if not speaking:
        raise InputError("nobody speaks; say a kind of [mind], as 'scripted' or 'llm'")
    if key in REACHES and not any("model" in one for one in speaking):
        raise InputError("no model is asked; name one in [mind] as 'model'")


def _check_seeds(seeds: int | list[int]) -> None:
    numbers = [seeds] if isinstance(seeds, int) else seeds
    if isinstance(seeds, int) and seeds > MOST_SEEDS:
        raise InputError(f"'seeds': at most {MOST_SEEDS:,}, not {seeds}")
    if not numbers or (isinstance(seeds, int) and seeds < 1):
        raise InputError("'seeds': it takes at least one seed")
    if len(set(numbers)) < len(numbers):
        raise InputError("'seeds': a seed is named twice")
    for number in numbers:
        _at_place("seeds", seed_from, number)


def _check_points(design: Design, kind: type[Parameters]) -> None:
    values = [*(design.grid or {}).values(), *(design.listed or [])]
    if sum(map(len, values)) > MOST_VALUES:
        raise InputError(f"a design lists at most {MOST_VALUES:,} values; sample them")
    for name, values in (design.grid or {}).items():
        if not values:
            raise InputError(f"'grid.{name}': it takes at least one value")
        for value in values:
            _at_place(f"grid.{name}", _check_varied, name, value, kind)
    for number, point in enumerate(design.listed or [], 1):
        for name, value in point.items():
            _at_place(f"list.{name} ({number})", _check_varied, name, value, kind)
    for form in ("lhs", "sobol", "morris"):
        sample = _part(design, form)
        for name, span in (sample.ranges if sample is not None else {}).items():
            _at_place(f"{form}.{name}", _check_range, name, span, kind)
    if design.listed == []:
        raise InputError("'list': it takes at least one point")
    if design.sobol is not None and design.sobol.n & (design.sobol.n - 1):
        raise InputError("'sobol.n': Sobol's points come in powers of 2")
    runs = _count(design) * len(design.seed_list)
    if runs > MOST_RUNS:
        raise InputError(f"a design has at most {MOST_RUNS:,} runs, not {runs:,}")


def _count(design: Design) -> int:
    """Return how many points there are, without making any."""
    if design.grid is not None:
        return math.prod(map(len, design.grid.values()))
    if design.listed is not None:
        return len(design.listed)
    sample = design.lhs or design.sobol or design.morris
    return sample.points if sample is not None else 1


def _at_place(where: str, check: Callable[..., Any], *given: Any) -> None:
    try:
        check(*given)
    except InputError as error:
        raise InputError(f"{where!r}: {error}") from None


def _check_varied(name: str, value: Any, kind: type[Parameters]) -> None:
    if name in FACTORS:
        check_factor(name, value)
    else:
        _check_parameter(name, value, kind, also=FACTORS)


def _check_parameter(
    name: str, value: Any, kind: type[Parameters], also: tuple[str, ...] = ()
) -> None:
    if name not in kind.model_fields:
        known = [*kind.model_fields, *also]
        hint = nearest(name, known) or "; 'os-society parameters' lists them"
        if name in registry.installed():
            hint = f"; it is a mechanism's switch: add mechanisms = [{name!r}]"
        raise InputError(f"unknown parameter {name!r}{hint}")
    if not parameters.fits(name, value, kind):
        kind().replace(**{name: value})  # says what is wrong


def _check_range(name: str, span: list[float], kind: type[Parameters]) -> None:
    if name in FACTORS:
        raise InputError("it varies over values: name them in [grid] or [[list]]")
    if len(span) != 2:
        raise InputError("a range is [low, high]")
    for value in span:
        if not math.isfinite(value):
            raise InputError(f"a range is [low, high], not {span}")
        _check_parameter(name, points.fitting(name, value, kind), kind)
    if kind.model_fields[name].annotation is bool:
        raise InputError(f"parameter {name!r} is a switch; vary it in [grid]")
    if not span[0] < span[1]:
        raise InputError(f"a range is [low, high], not {span}")


def resolve(design: Design | Mapping[str, Any] | str | Path) -> Design:
    """Return a design from whatever stands for one: a design, values, or a file."""
    if isinstance(design, Design):
        return design
    return make(design) if isinstance(design, Mapping) else read(design)
