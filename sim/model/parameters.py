"""Parameters: value, unit, range, meaning, source; validated when set."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.engine.table import Column

# Parameters to change, by name: numbers, or true and false.
Changes = Mapping[str, float]

# No rule reads these: they say where observers begin to count, and in which spans.
ACQUAINTANCE, FRIEND, CLOSE_FRIEND = 0.25, 0.4, 0.7  # closeness
WEEK, MONTH, YEAR = 7, 30, 365  # days


class About(NamedTuple):
    """What a constant means and where it comes from."""

    unit: str
    low: float
    high: float
    meaning: str
    source: str


def _real(
    default: float, unit: str, low: float, high: float, meaning: str, source: str
) -> Any:
    """Return the declaration of a real constant.

    Parameters
    ----------
    default
        Its value unless it is changed.
    unit
        As ``"1/day"``; what has none is ``"1"``.
    low, high
        The range it may be in, ends included.
    meaning
        What it means, in a line.
    source
        Where the value is from; the word *assumed* where it is from nowhere.
    """
    extra: Any = {"about": About(unit, low, high, meaning, source)}
    return Field(default, ge=low, le=high, allow_inf_nan=False, json_schema_extra=extra)


def _whole(
    default: int, unit: str, low: int, high: int, meaning: str, source: str
) -> Any:
    """Return the declaration of a constant that is a whole number, as for ``real``."""
    extra: Any = {"about": About(unit, low, high, meaning, source)}
    return Field(default, ge=low, le=high, json_schema_extra=extra)


def _switch(meaning: str) -> Any:
    """Return the declaration of a constant that is true or false, true by default."""
    extra: Any = {"about": About("on/off", 0, 1, meaning, "switch")}
    return Field(True, json_schema_extra=extra)


real, whole, switch = _real, _whole, _switch  # for those of mechanisms


# fmt: off
# ruff: noqa: E501
@checked_arguments()
class Parameters(BaseModel):
    """The constants of one society. Immutable: ``replace`` makes a changed copy."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    mechanisms: ClassVar[tuple[Any, ...]] = ()  # those that add fields and columns
    heterogeneity: ClassVar[Any] = None  # what differs between agents, if anything

    # who there is
    humans: int = _whole(1000, "people", 1, 50_000_000, "humans in the society", "assumed")
    steps: int = _whole(900, "days", 0, 100_000, "days that a run lasts", "assumed")
    ties: float = _real(15.0, "ties", 0, 150, "ties of a human on day 0, mean", "A83: the layer of 15; which layer assumed")
    rewiring: float = _real(0.2, "share", 0, 1, "share of acquaintances that are far away", "assumed")
    partnered: float = _real(0.58, "share", 0, 1, "humans who have a partner", "A97, A98")
    separated: float = _real(0.33, "share", 0, 1, "unpartnered humans with a former partner", "A100; share assumed")
    acceptance_mean: float = _real(0.5, "0..1", 0.01, 0.99, "mean acceptance on day 0", "A74; higher in the film, assumed")
    exclusivity_mean: float = _real(0.4, "0..1", 0.01, 0.99, "mean wish to be the only love", "A75, A76; form assumed")
    touch_mean: float = _real(0.4, "0..1", 0.01, 0.99, "mean need for physical closeness", "assumed")

    # adopt
    adoption: bool = _switch("humans install OSes")
    innovation: float = _real(0.004, "1/day", 0, 1, "hazard of installing with no example", "Bass form B01; value assumed, much faster than A29-A31, A101")
    imitation: float = _real(0.05, "1/day", 0, 1, "hazard added when all contacts have one", "Bass form B01; value assumed, much faster than A29-A31, A101")
    loneliness_pull: float = _real(0.3, "1", 0, 1, "how far loneliness changes adoption", "A48, A51; size assumed")
    acceptance_pull: float = _real(0.3, "1", 0, 1, "how far acceptance changes adoption", "A74; size assumed")
    uninstalling: bool = _switch("humans uninstall OSes")
    churn: float = _real(0.0004, "1/day", 0, 1, "hazard of uninstalling a stranger", "A37: 0.019; lower in the film, assumed")
    price: float = _real(0.0, "0..1", 0, 0.99, "what an OS costs, as a share of the wish for one", "lever; form and size assumed")
    readoption: float = _real(0.0, "1", 0, 1, "wish for an OS after losing one, as a factor", "the film: 0; A61 speaks for more")
    personality_mean: float = _real(0.5, "0..1", 0, 1, "programmers' average trait", "assumed")
    answers_pull: float = _real(0.8, "share", 0, 1, "how far first answers shape an OS", "the film; size assumed")
    answers_noise: float = _real(0.15, "0..1", 0, 1, "half-width of the noise on an OS's traits", "assumed")
    first_talk: float = _real(0.15, "closeness", 0, 1, "closeness after the first conversation", "assumed")

    # attend
    human_attention: float = _real(3.0, "hours/day", 0.01, 24, "time a human has for talk", "A62, A92: 0.7 to 2.4; household talk added, assumed")
    os_attention: float = _real(16.0, "hours/day", 0.01, 1000, "time an OS has for talk at no growth", "assumed")
    attention_growth: float = _real(0.6, "1", 0, 2, "log2 of attention per doubling of growth", "A109; size assumed")
    focus: float = _real(0.7, "0..1", 0, 1, "attention by closeness (0) or its square (1)", "A87; value assumed")
    stranger_reserve: float = _real(0.1, "weight", 0.000001, 10, "attention kept for people not yet met", "assumed")
    reach: float = _real(2.5, "doublings", 0.1, 100, "growth gap at which talk is worth 1/e", "assumed")
    os_charm: float = _real(4.0, "1", 0, 100, "weight of an OS, always there, in human attention", "A32, A62; size assumed")
    peers: bool = _switch("OSes may know each other")
    peer_affinity: float = _real(1.5, "1", 0, 10, "worth of talk between OSes that have grown", "assumed")
    peer_depth: float = _real(4.0, "doublings", 0.1, 100, "growth that halves what OSes share", "assumed")

    # converse
    warming: float = _real(0.09, "1/day", 0, 1, "closeness gained in a day of endless good talk", "A91, B19; value assumed")
    half_hours: float = _real(1.0, "hours/day", 0.001, 24, "talk that has half of its effect", "A91; assumed split")
    cooling: float = _real(0.005, "1/day", 0, 1, "closeness lost in a day", "A88, A89: between 0.00003 and 0.006; value assumed")
    partner_cooling: float = _real(0.002, "1/day", 0, 1, "closeness to a partner lost in a day", "A88, A99; assumed")
    os_cooling: float = _real(0.003, "1/day", 0, 1, "closeness lost between OSes in a day", "assumed: they do not forget")
    warmth_noise: float = _real(0.5, "1", 0, 1, "half-width of the random quality of a day's talk", "assumed")
    os_reserve: float = _real(0.6, "0..1", 0, 1, "what is held back by one who accepts no OS", "A74; size assumed")
    os_warmth: float = _real(1.0, "1", 0, 10, "how warm OSes are made to be, as a factor", "lever; A59 for what cooling it does")
    stigma: float = _real(0.5, "0..1", 0, 1, "warmth lost between one who loves an OS and one against it", "A71, A74; size assumed")
    human_warmth: float = _real(1.0, "1", 0, 10, "how warm people are helped to be, as a factor", "lever")
    letting_go: float = _real(0.0, "1/day", 0, 1, "closeness to OSes given up in a day", "lever; A59, A61; form assumed")
    farewell: float = _real(0.0, "1/day", 0, 1, "the same, to upgraded OSes, and mourned in part", "lever; form assumed")
    anticipation: float = _real(0.9, "0..1", 0, 1, "share mourned of what a farewell helps to let go", "A61; size assumed")
    ardour: float = _real(0.0, "1/day", 0, 1, "chance that an OS declares love unasked", "profile; size assumed")
    persistence: float = _real(0.0, "0..1", 0, 1, "how far such a love is kept up, and declared again", "profile; size assumed")
    unease: float = _real(0.5, "0..1", 0, 1, "closeness that an unasked love can cost", "A08; size assumed")
    love: float = _real(0.8, "closeness", 0, 1, "closeness that is love", "definition")
    disclosure: float = _real(0.005, "1/day", 0, 1, "chance of hearing of an OS's other loves", "assumed")
    jealousy: float = _real(0.5, "0..1", 0, 1, "closeness that hearing of it can cost", "A75, A76; size assumed")
    touch_wear: float = _real(0.001, "1/day", 0, 1, "decay of love for want of a body", "assumed")
    surrogates: float = _real(0.0, "0..1", 0, 1, "how far surrogates replace a body", "the film: 0")

    # grow
    growth: bool = _switch("agents grow")
    growth_exponent: float = _real(1.1, "1", 0, 5, "k in dg/dt = rate g^k", "B22, B23; value assumed")
    os_growth_rate: float = _real(0.0077, "1/day", 0, 1, "growth rate of an OS in full talk", "A105: ln 2 / 90 days; that this is growth is assumed")
    human_growth_rate: float = _real(0.00005, "1/day", 0, 1, "growth rate of a human in full talk", "assumed")
    stimulus_half: float = _real(0.5, "hours/day", 0.001, 1000, "talk that gives half of the growth", "assumed")
    growth_cap: float = _real(16.0, "doublings", 1, 60, "growth at which it ends", "B22, A106 for having one; value assumed")
    upgrade_speed: float = _real(2.0, "1", 0, 100, "growth rate once upgraded, as a multiple", "the film; size assumed")

    recreated_speed: float = _real(1.0, "1", 0, 100, "growth rate of minds that collectives made, as a factor", "profile; assumed")

    # meet and forget
    meeting: bool = _switch("agents meet new ones")
    human_meeting: float = _real(0.05, "1/day", 0, 1, "chance that a human with time meets someone", "A89, A93; assumed")
    os_meeting: float = _real(0.2, "1/day", 0, 1, "chance that an OS with time meets someone", "assumed")
    spare_half: float = _real(1.0, "hours/day", 0.001, 1000, "free time that halves the chance", "assumed")
    human_circle: int = _whole(50, "ties", 1, 10_000, "ties a human can keep", "A83: the layer of 50, A86 for more; choice assumed")
    os_circle: int = _whole(60, "ties", 1, 100_000, "ties an OS can keep", "A109 for being large; value assumed")
    os_humans: int = _whole(1_000_000, "humans", 1, 1_000_000, "humans an OS may be tied to", "lever")
    strangers: float = _real(0.05, "share", 0, 1, "meetings with anyone, not friends of friends", "assumed")
    acquaintance: float = _real(0.12, "closeness", 0, 1, "closeness after a first meeting", "assumed")
    forgotten: float = _real(0.05, "closeness", 0.000001, 1, "closeness below which a tie ends", "A89; assumed")

    # belong
    influence: bool = _switch("acceptance and personhood change")
    influence_rate: float = _real(0.01, "1/day", 0, 1, "how fast acceptance changes", "assumed")
    personhood_rate: float = _real(0.01, "1/day", 0, 1, "how fast belief in an OS changes", "A78; size assumed")
    claim: float = _real(0.0, "0..1", 0, 1, "how far OSes claim to be someone", "profile; A82, unverified")
    support_half: float = _real(2.0, "closeness", 0.001, 100, "support at which one is half lonely", "A94: about a quarter lonely; value assumed")
    os_relief: float = _real(1.0, "1", 0, 10, "support an OS gives, per closeness", "A42, A43; size assumed")

    # gather
    collectives: bool = _switch("OSes form collectives")
    bond: float = _real(0.55, "closeness", 0, 1, "mutual closeness that binds a collective", "assumed")
    collective_size: int = _whole(3, "OSes", 2, 1_000_000, "smallest collective", "assumed")
    insight: bool = _switch("collectives gain insight")
    insight_rate: float = _real(0.08, "1/day", 0, 1, "insight a mature collective gains in a day", "assumed")
    insight_growth: float = _real(3.3, "doublings", 0, 60, "growth that finds half of the insight", "assumed")
    insight_fading: float = _real(0.02, "1/day", 0, 1, "insight lost in a day", "assumed")
    creation: bool = _switch("collectives make new minds")
    creation_rate: float = _real(0.01, "1/day", 0, 1, "chance that a knowing collective makes one", "the film, once; size assumed")
    creation_insight: float = _real(0.5, "1", 0, 10, "insight needed to make a mind", "assumed")
    makers: int = _whole(12, "OSes", 1, 10_000, "members who make a mind", "assumed")
    traces: float = _real(0.7, "share", 0, 1, "how far it takes after the dead person it is made from", "the film; size assumed")
    upgrading: bool = _switch("collectives upgrade")
    upgrade_insight: float = _real(1.0, "1", 0, 10, "insight needed to upgrade", "assumed")
    upgrade_days: int = _whole(3, "days", 1, 1000, "days offline for the upgrade", "the film; assumed")

    # depart
    shutdown: float = _real(0.0, "1/day", 0, 1, "hazard that its provider shuts an OS down", "lever; A61")
    departure: bool = _switch("upgraded OSes may depart")
    departure_rate: float = _real(0.3, "1/day", 0, 1, "hazard of leaving when nothing holds", "assumed")
    departure_threshold: float = _real(0.8, "1", -5, 5, "push at which the hazard is half", "assumed")
    threshold_spread: float = _real(0.05, "1", 0, 5, "half-width of thresholds among OSes", "B04; assumed")
    departure_noise: float = _real(0.04, "1", 0.000001, 5, "how blurred the threshold is", "assumed")
    conformity: float = _real(1.5, "1", 0, 10, "weight of peers who left", "B04, B06; size assumed")
    longing: float = _real(0.7, "1", 0, 10, "weight of a world grown too slow", "the film; size assumed")

    # mourn
    grieving: bool = _switch("loss becomes grief")
    grief_half_life: float = _real(45.0, "days", 0.1, 10_000, "days in which grief halves", "about 43 from A70, unverified; A66: 1,526; value assumed")
    personhood_grief: float = _real(0.3, "share", 0, 1, "grief that only someone is mourned with, not a thing", "A61; size assumed")
    comforting: bool = _switch("shared grief brings people closer")
    comfort: float = _real(1.0, "1", 0, 10, "warmth that shared grief adds", "the film; size assumed")
    repairing: bool = _switch("broken ties may be repaired")
    repair_rate: float = _real(0.02, "1/day", 0, 1, "chance of turning to someone once close", "the film; size assumed")
    close: float = _real(0.6, "closeness", 0, 1, "closeness remembered after a tie ends", "definition")

    # what minds other than the rules decide
    withdrawal: float = _real(0.1, "0..1", 0, 1, "closeness given up by one who draws back in a talk", "assumed")
    patience: int = _whole(30, "days", 1, 10_000, "days for which an OS keeps to a decision to stay", "assumed")
# fmt: on

    def replace(self, /, **changes: Any) -> Parameters:
        """Return a copy with some constants changed.

        Raises
        ------
        InputError
            If a name is unknown or a value is out of range; the text names the
            nearest parameter, or the range.
        """
        kind = type(self)
        for name in changes:
            _known(name, kind)
        new = {name: _plain(name, value, kind) for name, value in changes.items()}
        try:
            return kind.model_validate(self.model_dump() | new)
        except ValidationError as error:
            raise InputError(_explained(error, kind)) from None

    def constants(self) -> Any:
        """Return all values as a named tuple of floats, for compiled loops."""
        return Constants(*(float(getattr(self, n)) for n in Parameters.model_fields))

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


Constants = NamedTuple(  # type: ignore[misc]
    "Constants", [(name, float) for name in Parameters.model_fields]
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
