"""Submodel: a mechanism of the shipped model, declared in one file.

``sim.model.mechanisms`` finds the files; parameters, columns, processes, streams,
measures, rules and sockets of the model are put together from what they declare. Users
add to the model from outside, with ``sim.mechanisms.Mechanism``.

Who only sets parameters needs no compiler. So decorators of loops and of what they call
leave a note, and names from compiled modules are stand-ins (``Later``), until
``sim.model.linked`` puts the real ones in their place.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import Field

from sim.engine.table import Column
from sim.utils.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

# Where something stands: after the first of these that is there; else at the end.
After = str | tuple[str, ...]


# ------------------------------------------------------------------------- parameters


class About(NamedTuple):
    """What a constant means and where it comes from."""

    unit: str
    low: float
    high: float
    meaning: str
    source: str


class Differs(NamedTuple):
    """Whose a parameter may be, where agents differ, and which processes read it."""

    of: str  # "humans", "oses", or both with a blank between
    phases: str  # names, with blanks between
    on_tie: str = ""  # own: each end's own; either: of the human or the OS of a pair;
    # both: of two OSes the lesser


class ShippedParameter(NamedTuple):
    """A parameter: its type, how it is declared, where it stands, whether it differs.

    What does not differ between agents has the reason why not, in words.
    """

    type: type
    field: Any
    after: After = ""
    differs: Differs | str = "its mechanism does not say that it may"


def real_field(
    default: float, unit: str, low: float, high: float, meaning: str, source: str
) -> Any:
    """Return the declaration of a real constant to pydantic; see ``real``."""
    extra: Any = {"about": About(unit, low, high, meaning, source)}
    return Field(default, ge=low, le=high, allow_inf_nan=False, json_schema_extra=extra)


def whole_field(
    default: int, unit: str, low: int, high: int, meaning: str, source: str
) -> Any:
    """Return the declaration of a constant that is a whole number."""
    extra: Any = {"about": About(unit, low, high, meaning, source)}
    return Field(default, ge=low, le=high, json_schema_extra=extra)


def switch_field(meaning: str) -> Any:
    """Return the declaration of a constant that is true or false, true by default."""
    extra: Any = {"about": About("on/off", 0, 1, meaning, "switch")}
    return Field(True, json_schema_extra=extra)


def real(
    default: float,
    unit: str,
    low: float,
    high: float,
    meaning: str,
    source: str,
    *where: Any,
    after: After = "",
) -> ShippedParameter:
    """Return a parameter that is a real number.

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
        Where the value is from: an id of the evidence, a publication, or the word
        *assumed* where it is from nowhere.
    where
        A ``Differs``, or the reason why all agents have the same value.
    after
        The parameter it stands after, or the heading, as ``"[adopt]"``; of several, the
        first that is there. Without it, it follows the one before in its file, or
        stands at the end under the name of its mechanism.
    """
    field = real_field(default, unit, low, high, meaning, source)
    return ShippedParameter(float, field, after, *where)


def whole(
    default: int,
    unit: str,
    low: int,
    high: int,
    meaning: str,
    source: str,
    *where: Any,
    after: After = "",
) -> ShippedParameter:
    """Return a parameter that is a whole number, declared as for ``real``."""
    field = whole_field(default, unit, low, high, meaning, source)
    return ShippedParameter(int, field, after, *where)


def switch(meaning: str, *where: Any, after: After = "") -> ShippedParameter:
    """Return a parameter that is true or false, true unless it is changed."""
    return ShippedParameter(
        bool, switch_field(meaning), after, *where or ("it is a switch",)
    )


# ------------------------------------------------------------------ what else there is


class ShippedColumn(NamedTuple):
    """A column, and the one it stands after."""

    column: Column
    after: After


class Trait(NamedTuple):
    """A column of humans that is drawn on day 0: a power of a uniform draw."""

    mean: str  # the parameter that is its mean
    draw: int | None = None  # which of a person's draws; None: of a stream of its own


class ShippedProcess(NamedTuple):
    """A process of a day that a submodel brings along."""

    name: str
    over: str
    run: Any  # a function, or what stands for a loop until it is linked
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    does: str
    after: After


class SocketEntry(NamedTuple):
    """A function at a socket; of several, the one with the lowest place comes first."""

    place: int
    socket: str
    function: Any


class ShippedMeasure(NamedTuple):
    """A daily measure, and the one it stands after."""

    function: Callable[[Any], float]
    after: After


def column(
    name: str,
    dtype: str,
    unit: str,
    meaning: str,
    default: float = 0,
    *,
    after: After = "",
) -> ShippedColumn:
    """Return a column, which stands after another one; see ``real`` for where."""
    return ShippedColumn(Column(name, dtype, unit, meaning, default), after)


class Submodel:
    """A mechanism of the shipped model: what one file adds to it.

    Parameters
    ----------
    name
        The name of its file.
    parameters
        By name, each made by ``real``, ``whole`` or ``switch``.
    humans, oses
        Columns, each made by ``column``.
    traits
        Columns of humans that are drawn on day 0, by name.
    streams
        Random streams whose keys of the day are ``day.key_NAME``, and the stream that
        each stands after. Their numbers are those of ``Stream``, or follow from the two
        names.
    in_talk
        Parameters that its functions at sockets of the talk read.
    """

    def __init__(
        self,
        name: str,
        *,
        parameters: Mapping[str, ShippedParameter] | None = None,
        humans: Sequence[ShippedColumn] = (),
        oses: Sequence[ShippedColumn] = (),
        traits: Mapping[str, Trait] | None = None,
        streams: Mapping[str, After] | None = None,
        in_talk: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.parameters = dict(parameters or {})
        self.columns = {"humans": tuple(humans), "oses": tuple(oses)}
        self.traits = dict(traits or {})
        self.streams = dict(streams or {})
        self.in_talk = tuple(in_talk)
        self.processes: list[ShippedProcess] = []
        self.entries: list[SocketEntry] = []
        self.measures: dict[str, ShippedMeasure] = {}

    def __repr__(self) -> str:
        return f"<Submodel {self.name}>"

    def process(
        self,
        name: str = "",
        *,
        over: str,
        after: After,
        does: str,
        reads: Sequence[str] = (),
        writes: Sequence[str] = (),
    ) -> Callable[[F], F]:
        """Decorate what runs once a day.

        Parameters
        ----------
        name
            Of the process; that of the function if it is not given.
        over
            ``"agents"``, ``"humans"`` or ``"oses"``: a kernel over a range of them;
            ``"society"``: a function of state and day.
        after
            The process it stands after; of several, the first that is there.
        reads, writes
            Columns, as ``"humans.growth"``; ``"humans.*"`` is all of a table.
        does
            What it does, in a sentence.
        """

        def declare(function: F) -> F:
            self.processes.append(
                ShippedProcess(
                    name or function.__name__,
                    over,
                    function,
                    tuple(reads),
                    tuple(writes),
                    does,
                    after,
                )
            )
            return function

        return declare

    def enters(self, socket: str, place: int = 100) -> Callable[[F], F]:
        """Decorate a function that changes the value at a socket; see ``sockets``."""

        def declare(function: F) -> F:
            self.entries.append(SocketEntry(place, socket, function))
            return function

        return declare

    def measure(self, name: str = "", after: After = "") -> Callable[[F], F]:
        """Decorate a daily measure: a number for the state of a society."""

        def declare(function: F) -> F:
            self.measures[name or function.__name__] = ShippedMeasure(function, after)
            return function

        return declare


def in_order(core: Sequence[str], added: Iterable[tuple[str, After]]) -> list[str]:
    """Return names in order, each added one after that which it is to follow.

    Parameters
    ----------
    core
        Names that are always there, in their order.
    added
        Names, and what each follows: the first of these that is there. Those that
        follow the same one keep their order; what follows nothing stands at the end.

    Raises
    ------
    InputError
        If a name is there twice, or some follow each other in a circle.

    Examples
    --------
    >>> in_order(["warming", "love"], [("touch", "love"), ("stigma", "warming")])
    ['warming', 'stigma', 'love', 'touch']
    """
    added = list(added)
    names = [*core, *(name for name, _ in added)]
    known = set(names)
    if len(known) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two mechanisms of the model both have {twice!r}")
    following: dict[str, list[str]] = {}
    for name, after in added:
        wanted = (after,) if isinstance(after, str) else after
        anchor = next((one for one in wanted if one in known), "")
        following.setdefault(anchor, []).append(name)
    found: list[str] = []

    def stand(name: str) -> None:
        found.append(name)
        for one in following.get(name, ()):
            stand(one)

    for name in (*core, *following.get("", ())):
        stand(name)
    if len(found) < len(names):
        lost = ", ".join(sorted(known - set(found)))
        raise InputError(f"these follow each other in a circle: {lost}")
    return found


def chained(declared: Mapping[str, Any]) -> list[tuple[str, After]]:
    """Return names and what they follow: without more, the one before."""
    found: list[tuple[str, After]] = []
    before: After = ""
    for name, one in declared.items():
        found.append((name, one.after or before))
        before = name
    return found


# --------------------------------------------------------------- what is linked later


class Later:
    """Stands for something of a compiled module until that is needed.

    Parameters
    ----------
    find
        Returns it.
    function
        The function that a loop is made of, if it is one.
    """

    def __init__(
        self, find: Callable[[], Any], function: Callable[..., Any] | None = None
    ) -> None:
        self._find = find
        self._found: Any = None
        if function is not None:
            self.__name__ = function.__name__
            self.__doc__ = function.__doc__
            self.py_func = function

    def now(self) -> Any:
        """Return what it stands for."""
        if self._found is None:
            self._found = self._find()
        return self._found


def later(module: str, name: str = "") -> Any:
    """Return what stands for a module that needs the compiler, or a name in it."""

    def find() -> Any:
        found = importlib.import_module(module)
        return getattr(found, name) if name else found

    return Later(find)


# Plain functions that compiled loops may call, and the decorator of each.
NOTED: list[tuple[str, Callable[..., Any]]] = []


def rule(function: F) -> F:
    """Decorate a rule: a scalar function, of Python as of compiled loops."""
    NOTED.append(("rule", function))
    return function


def inline(function: F) -> F:
    """Decorate a helper that only kernels call; see ``sim.engine.jit``."""
    NOTED.append(("inline", function))
    return function


def inline_always(function: F) -> F:
    """Decorate a helper that becomes part of whatever loop calls it."""
    NOTED.append(("inline_always", function))
    return function


def inline_source(function: F) -> F:
    """Decorate a helper whose source is written into whatever calls it."""
    noted: F = _compiled_later("inline_source", function)
    return noted


def kernel(function: F) -> F:
    """Decorate a loop of the day."""
    noted: F = _compiled_later("kernel", function)
    return noted


def _compiled_later(decorator: str, function: Any) -> Any:
    def find() -> Any:
        return getattr(importlib.import_module("sim.engine.jit"), decorator)(function)

    return Later(find, function)


uniform = later("sim.engine.rng", "uniform")
pair_uniform = later("sim.engine.rng", "pair_uniform")
draws_of = later("sim.engine.rng", "draws_of")
key = later("sim.engine.rng", "key")
