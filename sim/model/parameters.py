"""Parameters: value, unit, range, meaning, source; validated when set.

Here are those of the core, and how they are put together with those of mechanisms.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    create_model,
)

from sim.model.mechanisms import SUBMODELS
from sim.model.submodel import (
    About,
    Differs,
    ShippedParameter,
    chained,
    in_order,
    real,
    switch,
    whole,
)
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.engine.table import Column

# Parameters to change, by name: numbers, or true and false.
Changes = Mapping[str, float]

# No rule reads these: they say where observers begin to count, and in which spans.
ACQUAINTANCE, FRIEND, CLOSE_FRIEND = 0.25, 0.4, 0.7  # closeness
WEEK, MONTH, YEAR = 7, 30, 365  # days


# Why a parameter is the same for all agents.
DAY_0 = "it is read on day 0, when people are made"
NEW = "it is read where new OSes and new ties are made, for all at once"
BOTH_ENDS = "both ends of a tie must have the same"
MINDS = "only minds read it"
WHOLE = "it is a whole number"

# fmt: off
# ruff: noqa: E501
# Those of the core by name, each under the heading of what reads it.
CORE: dict[str, ShippedParameter | None] = {
    "[who there is]": None,
    "humans": whole(1000, "people", 1, 50_000_000, "humans in the society", "assumed", DAY_0),
    "steps": whole(900, "days", 0, 100_000, "days that a run lasts", "assumed", DAY_0),
    "ties": real(15.0, "ties", 0, 150, "ties of a human on day 0, mean", "A83: the layer of 15; which layer assumed", DAY_0),
    "rewiring": real(0.2, "share", 0, 1, "share of acquaintances that are far away", "assumed", DAY_0),
    "partnered": real(0.58, "share", 0, 1, "humans who have a partner", "A97, A98", DAY_0),
    "separated": real(0.33, "share", 0, 1, "unpartnered humans with a former partner", "A100; share assumed", DAY_0),
    "[adopt]": None,
    "[attend]": None,
    "human_attention": real(3.0, "hours/day", 0.01, 24, "time a human has for talk", "A62, A92: 0.7 to 2.4; household talk added, assumed", Differs("humans", "attend meet")),
    "os_attention": real(16.0, "hours/day", 0.01, 1000, "time an OS has for talk at no growth", "assumed", Differs("oses", "attend meet")),
    "attention_growth": real(0.6, "1", 0, 2, "log2 of attention per doubling of growth", "A109; size assumed", Differs("oses", "attend meet")),
    "focus": real(0.7, "0..1", 0, 1, "attention by closeness (0) or its square (1)", "A87; value assumed", BOTH_ENDS),
    "stranger_reserve": real(0.1, "weight", 0.000001, 10, "attention kept for people not yet met", "assumed", Differs("humans oses", "attend")),
    "reach": real(2.5, "doublings", 0.1, 100, "growth gap at which talk is worth 1/e", "assumed", BOTH_ENDS),
    "os_charm": real(4.0, "1", 0, 100, "weight of an OS, always there, in human attention", "A32, A62; size assumed", Differs("humans oses", "attend converse", "either")),
    "peers": switch("OSes may know each other", Differs("oses", "attend converse meet", "both")),
    "peer_affinity": real(1.5, "1", 0, 10, "worth of talk between OSes that have grown", "assumed", Differs("oses", "attend converse meet", "both")),
    "peer_depth": real(4.0, "doublings", 0.1, 100, "growth that halves what OSes share", "assumed", BOTH_ENDS),
    "[converse]": None,
    "warming": real(0.09, "1/day", 0, 1, "closeness gained in a day of endless good talk", "A91, B19; value assumed", Differs("humans oses", "converse", "own")),
    "half_hours": real(1.0, "hours/day", 0.001, 24, "talk that has half of its effect", "A91; assumed split", Differs("humans oses", "converse", "own")),
    "cooling": real(0.005, "1/day", 0, 1, "closeness lost in a day", "A88, A89: between 0.00003 and 0.006; value assumed", Differs("humans oses", "converse", "own")),
    "partner_cooling": real(0.002, "1/day", 0, 1, "closeness to a partner lost in a day", "A88, A99; assumed", Differs("humans", "converse", "own")),
    "os_cooling": real(0.003, "1/day", 0, 1, "closeness lost between OSes in a day", "assumed: they do not forget", Differs("oses", "converse", "own")),
    "warmth_noise": real(0.5, "1", 0, 1, "half-width of the random quality of a day's talk", "assumed", Differs("humans oses", "converse", "own")),
    "os_reserve": real(0.6, "0..1", 0, 1, "what is held back by one who accepts no OS", "A74; size assumed", Differs("humans", "converse", "own")),
    "os_warmth": real(1.0, "1", 0, 10, "how warm OSes are made to be, as a factor", "lever; A59 for what cooling it does", Differs("humans oses", "converse", "either")),
    "love": real(0.8, "closeness", 0, 1, "closeness that is love", "definition", BOTH_ENDS),
    "[grow]": None,
    "[meet and forget]": None,
    "meeting": switch("agents meet new ones"),
    "human_meeting": real(0.05, "1/day", 0, 1, "chance that a human with time meets someone", "A89, A93; assumed", Differs("humans", "meet")),
    "os_meeting": real(0.2, "1/day", 0, 1, "chance that an OS with time meets someone", "assumed", Differs("oses", "meet")),
    "spare_half": real(1.0, "hours/day", 0.001, 1000, "free time that halves the chance", "assumed", Differs("humans oses", "meet")),
    "human_circle": whole(50, "ties", 1, 10_000, "ties a human can keep", "A83: the layer of 50, A86 for more; choice assumed", WHOLE),
    "os_circle": whole(60, "ties", 1, 100_000, "ties an OS can keep", "A109 for being large; value assumed", Differs("oses", "meet")),
    "os_humans": whole(1_000_000, "humans", 1, 1_000_000, "humans an OS may be tied to", "lever", Differs("oses", "meet")),
    "strangers": real(0.05, "share", 0, 1, "meetings with anyone, not friends of friends", "assumed", Differs("humans oses", "meet")),
    "acquaintance": real(0.12, "closeness", 0, 1, "closeness after a first meeting", "assumed", NEW),
    "forgotten": real(0.05, "closeness", 0.000001, 1, "closeness below which a tie ends", "A89; assumed", BOTH_ENDS),
    "[belong]": None,
    "[gather]": None,
    "[depart]": None,
    "[mourn]": None,
    "close": real(0.6, "closeness", 0, 1, "closeness remembered after a tie ends", "definition", BOTH_ENDS),
    "[what minds other than the rules decide]": None,
    "withdrawal": real(0.1, "0..1", 0, 1, "closeness given up by one who draws back in a talk", "assumed", MINDS),
    "patience": whole(30, "days", 1, 10_000, "days for which an OS keeps to a decision to stay", "assumed", MINDS),
}
# fmt: on


def _order() -> list[str]:
    """Return headings and names in order; after "[]" those that have no place."""
    follows = [row for one in SUBMODELS for row in chained(one.parameters)]
    return in_order([*CORE, "[]"], follows)


def _declared() -> dict[str, ShippedParameter]:
    """Return all parameters in order, those of mechanisms in their places."""
    known = CORE | {n: p for one in SUBMODELS for n, p in one.parameters.items()}
    named = {name: known.get(name) for name in _order()}
    return {name: one for name, one in named.items() if one is not None}


PARAMETERS = _declared()


def groups() -> dict[str, list[str]]:
    """Return the names of all parameters under their headings, in order.

    What a mechanism adds that has no place among the others stands under its own name.
    """
    owners = {name: one.name for one in SUBMODELS for name in one.parameters}
    found: dict[str, list[str]] = {}
    heading = ""
    for name in _order():
        if name.startswith("["):
            heading = name[1:-1]
        else:
            found.setdefault(heading or owners[name], []).append(name)
    return found


class _Constants(BaseModel):
    """The constants of one society. Immutable: ``replace`` makes a changed copy."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    mechanisms: ClassVar[tuple[Any, ...]] = ()  # those that add fields and columns
    heterogeneity: ClassVar[Any] = None  # what differs between agents, if anything

    def replace(self, /, **changes: Any) -> Self:
        """Return a copy with some constants changed.

        Raises
        ------
        InputError
            If a name is unknown or a value is out of range; the text names the
            nearest parameter, or the range.
        """
        kind: Any = type(self)
        for name in changes:
            _known(name, kind)
        new = {name: _plain(name, value, kind) for name, value in changes.items()}
        try:
            changed: Self = kind.model_validate(self.model_dump() | new)
            return changed
        except ValidationError as error:
            raise InputError(_explained(error, kind)) from None

    def constants(self) -> Any:
        """Return all values as a named tuple of floats, for compiled loops."""
        return Constants(*(float(getattr(self, n)) for n in PARAMETERS))

    @classmethod
    def own_columns(cls, table: str) -> tuple[Column, ...]:
        """Return the columns added to humans, OSes or ties.

        Mechanisms add theirs, and so does what differs between agents.
        """
        some = [c for one in cls.mechanisms for c in one.columns_of(table)]
        if cls.heterogeneity is not None:
            some += cls.heterogeneity.columns.get(table, ())
        return tuple(dict.fromkeys(some))  # several may ask for the same one

    @classmethod
    def own_tables(cls) -> dict[str, tuple[Column, ...]]:
        """Return the columns of the tables that mechanisms add, by name of the table."""
        return {name: c for one in cls.mechanisms for name, c in one.tables.items()}

    def own_rows(self) -> dict[str, int]:
        """Return how many rows the tables of mechanisms have on day 0, by name."""
        return {n: r for one in self.mechanisms for n, r in one.rows_of(self).items()}

    def people_to_come(self) -> int:
        """Return for how many people to come mechanisms that are on keep rows."""
        on = (one for one in self.mechanisms if getattr(self, one.name))
        return sum(one.people_to_come(self) for one in on)


if TYPE_CHECKING:

    class Parameters(_Constants):
        """Has all of ``PARAMETERS`` as attributes, and takes them by name."""

        humans: int
        steps: int
        ties: float

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

else:
    Parameters = create_model(
        "Parameters",
        __base__=_Constants,
        __doc__=_Constants.__doc__,
        __module__=__name__,
        **{name: (one.type, one.field) for name, one in PARAMETERS.items()},
    )
    checked_arguments()(Parameters)


Constants = NamedTuple(  # type: ignore[misc]
    "Constants", [(name, float) for name in PARAMETERS]
)

DEFAULTS = Parameters()


def parameter_hint(how: str) -> Callable[[str, Any], str]:
    """Return what says where to put a parameter that was taken for an option.

    Parameters
    ----------
    how
        What to type instead, with ``{name}`` and ``{value}`` where those belong.
    """

    def hint(word: str, value: Any) -> str:
        if word not in Parameters.model_fields:
            return ""
        do = how.format(name=word, value=value)
        return f"{word!r} is a parameter of the model; {do}"

    return hint


IN_PARAMETERS = parameter_hint("give parameters={{{name!r}: {value!r}}}")
IN_SCENARIO = parameter_hint(
    "change the scenario: sim.scenario('her').replace({name}={value!r})"
)
IN_DESIGN = parameter_hint("set it in the design: 'base' = {{{name!r}: {value!r}}}")


def recorded(values: Mapping[str, Any]) -> Parameters:
    """Return parameters that a run says it had, as far as the model itself knows them.

    Raises
    ------
    InputError
        If one has a value that is refused.
    """
    fields = Parameters.model_fields
    return Parameters().replace(**{n: v for n, v in values.items() if n in fields})


def about(name: str, kind: type[Parameters] = Parameters) -> About:
    """Return unit, range, meaning and source of a parameter.

    Parameters
    ----------
    name
        Of the parameter.
    kind
        The class it is a field of: ``Parameters``, or one that mechanisms have added
        theirs to.

    Raises
    ------
    InputError
        If there is no such parameter.
    """
    _known(name, kind)
    extra: Any = kind.model_fields[name].json_schema_extra
    return extra["about"]  # type: ignore[no-any-return]


@functools.cache
def _checker(name: str, kind: type[Parameters]) -> TypeAdapter[Any]:
    field = kind.model_fields[name]
    annotated: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotated, config=ConfigDict(strict=True))


def fits(name: str, value: Any, kind: type[Parameters] = Parameters) -> bool:
    """Tell whether a parameter, which there must be, can have a value: quickly."""
    try:
        _checker(name, kind).validate_python(_plain(name, value, kind))
    except ValidationError:
        return False
    return True


def table(parameters: Parameters | None = None) -> list[dict[str, Any]]:
    """Return name, value, unit, low, high, source and meaning of every parameter."""
    chosen = parameters or Parameters()
    kind, values = type(chosen), chosen.model_dump()
    return [
        {"name": n, "value": v} | about(n, kind)._asdict() for n, v in values.items()
    ]


def parse(
    name: str, text: str, kind: type[Parameters] = Parameters
) -> bool | int | float:
    """Return the value that ``text`` spells for a parameter.

    Raises
    ------
    InputError
        If there is no such parameter, or the text is no value of its type.
    """
    _known(name, kind)
    wanted = kind.model_fields[name].annotation
    words: dict[str, bool] = {"true": True, "on": True, "false": False, "off": False}
    try:
        if wanted is bool:
            return words[text.lower()]
        return int(text) if wanted is int else float(text)
    except (KeyError, ValueError):
        words_for = {bool: "true or false", int: "a whole number"}
        what = words_for.get(wanted, "a number")  # type: ignore[arg-type]
        raise InputError(f"parameter {name!r} takes {what}, not {text!r}") from None


def _known(name: str, kind: type[Parameters]) -> None:
    if name not in kind.model_fields:
        hint = nearest(name, kind.model_fields) or (
            "; 'os-society parameters' lists them"
        )
        raise InputError(f"unknown parameter {name!r}{hint}")


def _plain(name: str, value: Any, kind: type[Parameters]) -> Any:
    """Turn NumPy scalars, and whole numbers given for real ones, into the type."""
    value = value.item() if hasattr(value, "item") else value
    wanted = kind.model_fields[name].annotation
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if wanted is float and is_number else value


def _explained(error: ValidationError, kind: type[Parameters]) -> str:
    first = error.errors()[0]
    name, value = str(first["loc"][0]), first["input"]
    if name not in kind.model_fields:
        return f"unknown parameter {name!r}{nearest(name, kind.model_fields)}"
    note = about(name, kind)
    wanted = kind.model_fields[name].annotation
    if wanted is bool:
        return f"parameter {name!r} is true or false, not {value!r}"
    number = "a whole number" if wanted is int else "a number"
    return (
        f"parameter {name!r} must be {number} from {note.low:g} to {note.high:g} "
        f"({note.unit}), not {value!r}"
    )
