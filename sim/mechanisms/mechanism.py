"""Mechanism: what a user adds to the model, declared in one object in one file."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sim.engine.table import Column
from sim.mechanisms.declared import (
    OVER,
    PEOPLE,
    REQUESTS,
    SHIPPED,
    added,
    check_name,
    checked_columns,
    checked_rows,
    checked_tables,
)
from sim.mechanisms.factors import SOCKETS, OwnFactor
from sim.mechanisms.measured import OwnMeasure, OwnOutcome
from sim.model.parameters import Parameters
from sim.model.presence import PEOPLE_COLUMNS, WRITABLE
from sim.model.submodel import real_field, switch_field, whole_field
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.mechanisms.replaced import Replacement

F = TypeVar("F", bound=Callable[..., Any])
D = TypeVar("D")

# Words that mean something else where names of parameters stand, too.
TAKEN = {
    *("scenario", "network", "lever", "mind", "seed", "seeds", "rng", "threads"),
    *("cast", "parameters", "mechanisms", "position", "state", "error", "run"),
    *("n", "ranges", "levels", "second_order", "step", "day", "name", "kind", "agent"),
    *("varies", "profile", "profiles"),
}
LOOKED_UP = ("start", "degree", "neighbour")  # by the loop of a process over ties


class Constant(NamedTuple):
    """A parameter of a mechanism: its type, and how it is declared."""

    type: type
    field: Any


def real(
    default: float, unit: str, low: float, high: float, meaning: str, source: str
) -> Constant:
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
        Where the value is from; the word *assumed* where it is from nowhere.
    """
    span = float(default), unit, float(low), float(high)
    return Constant(float, real_field(*span, meaning, source))


def whole(
    default: int, unit: str, low: int, high: int, meaning: str, source: str
) -> Constant:
    """Return a parameter that is a whole number, declared as for ``real``."""
    return Constant(int, whole_field(default, unit, low, high, meaning, source))


def switch(meaning: str) -> Constant:
    """Return a parameter that is true or false; true unless it is changed."""
    return Constant(bool, switch_field(meaning))


class OwnProcess(NamedTuple):
    """A process of a mechanism: a function, when it runs, what it reads and writes."""

    name: str  # of the mechanism and of the function, with a dot between
    function: Callable[..., Any]
    anchor: str  # the process it stands beside
    is_after: bool
    over: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    adds: tuple[str, ...] = ()  # own tables to which it may add rows

    @property
    def tables(self) -> tuple[str, ...]:
        """The own tables that it has to do with."""
        return own_tables((*self.reads, self.over, *self.adds))

    @property
    def does(self) -> str:
        """What it does: the first line of its function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


def own_tables(declared: Sequence[str]) -> tuple[str, ...]:
    """Return the own tables among tables and columns that are declared."""
    named = dict.fromkeys(full.partition(".")[0] for full in declared)
    return tuple(name for name in named if name not in OVER)


class Mechanism:
    """Something that is added to the model: parameters, columns, streams, processes.

    It is declared at the top of a file of its own, which is all that is needed to run
    it elsewhere: its functions, and what they use, stand there.

    Parameters
    ----------
    name
        Lower-case letters, digits and ``_``. A switch of this name, a parameter that is
        on where the mechanism is used, switches it off.
    text
        What it adds, in a line.
    parameters
        By name, each made by ``real``, ``whole`` or ``switch``.
    columns
        ``Column`` objects for ``"humans"``, for ``"oses"`` and for ``"ties"``: their
        types are f4, f8, i4, i8 or u1, and they begin at their ``default``. Of a tie,
        each side has its own value.
    tables
        Other kinds of agents: ``Column`` objects by name of the table, as
        ``"companies"``. Rows are never removed, so that a row is a name.
    rows
        How many rows such a table has on day 0, by name of the table: a number, or the
        name of a parameter of the mechanism that is a whole number. Else it has none.
        Of ``"humans"``, it is how many rows are kept for people to come.
    streams
        Names of random streams: a process reads the key of the day of a stream
        ``tell`` as ``s.my.key_tell``, and draws from it with ``uniform``. The keys
        depend on the seed, both names and the day, and on nothing else.

    Raises
    ------
    InputError
        If a name is taken or cannot be one, or it is not declared in a file.

    Examples
    --------
    In a file ``gossip.py``::

        from sim.mechanisms import Column, Mechanism, real

        GOSSIP = Mechanism(
            "gossip",
            "Belief that an OS is someone spreads along human ties.",
            parameters={"hearsay": real(0.05, "1/day", 0, 1, "how fast", "assumed")},
            columns={"humans": [Column("heard", "f4", "0..1", "belief around")]},
        )

        @GOSSIP.process(
            after="belong", over="humans",
            reads=("humans.heard",), writes=("humans.personhood",),
        )
        def believe(i, s):
            gap = s.humans.heard[i] - s.humans.personhood[i]
            s.humans.personhood[i] += s.my.hearsay * gap
    """

    @checked_arguments()
    def __init__(
        self,
        name: str,
        text: str,
        *,
        parameters: Mapping[str, Constant] | None = None,
        columns: Mapping[str, Sequence[Column]] | None = None,
        tables: Mapping[str, Sequence[Column]] | None = None,
        rows: Mapping[str, int | str] | None = None,
        streams: Sequence[str] = (),
    ) -> None:
        check_name("mechanism", name, TAKEN | Parameters.model_fields.keys())
        self.name, self.text = name, text
        given = {name: switch(text), **(parameters or {})}
        for word, constant in given.items():
            _check_parameter(self, word, constant, name in (parameters or {}))
        self.parameters = MappingProxyType(given)
        self.columns = MappingProxyType(checked_columns(name, columns or {}))
        self.tables = MappingProxyType(checked_tables(name, tables or {}))
        whole = [word for word, one in given.items() if one.type is int]
        checked = checked_rows(name, rows or {}, self.tables, whole)
        self.rows = MappingProxyType(checked)
        for word in streams:
            check_name(f"{name}: stream", word, ())
        self.streams = tuple(streams)
        self.processes: list[OwnProcess] = []
        self.factors: list[OwnFactor] = []
        self.starts: OwnProcess | None = None
        self.replacements: dict[str, Replacement] = {}  # by rule
        self.measures: dict[str, OwnMeasure] = {}
        self.outcomes: dict[str, OwnOutcome] = {}
        self.detectors: dict[str, type[Any]] = {}  # of sim.events, by kind of event
        self.file = _declaring_file(name)
        self.source = self.file.read_bytes()
        self.digest = hashlib.sha256(self.source).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"<Mechanism {self.name} {self.digest}>"

    def origin(self) -> dict[str, str]:
        """Return where another process finds it again, ready for JSON."""
        return {"name": self.name, "file": str(self.file), "digest": self.digest}

    def stream(self, name: str) -> int:
        """Return the number of a random stream: that of no other, shipped or own."""
        known = hashlib.sha256(f"{self.name}\0{name}".encode()).digest()
        return 2**62 + int.from_bytes(known[:8], "little") % 2**62

    def columns_of(self, table: str) -> tuple[Column, ...]:
        """Return the columns that are added to humans, OSes or ties.

        Those for requests are added if a process uses them, and those of people who
        come and go if anything does.
        """
        columns: tuple[Column, ...] = self.columns[table]
        used = {full for process in self.processes for full in process.reads}
        of_table = {n: c for n, c in REQUESTS.items() if n.startswith(f"{table}.")}
        requests = (c for name, c in of_table.items() if name in used)
        come_and_go = table == "humans" and self._lets_people_come_or_go()
        return (*columns, *requests, *(PEOPLE_COLUMNS if come_and_go else ()))

    def _lets_people_come_or_go(self) -> bool:
        steps = [*self.processes, *([self.starts] if self.starts else [])]
        used = (full for process in steps for full in process.reads)
        return "humans" in self.rows or any(full in PEOPLE for full in used)

    def rows_of(self, parameters: Any) -> dict[str, int]:
        """Return how many rows own tables have on day 0, by name of the table."""
        return {
            name: int(getattr(parameters, rows) if isinstance(rows, str) else rows)
            for name, rows in self.rows.items()
            if name != "humans"
        }

    def people_to_come(self, parameters: Any) -> int:
        """Return for how many people to come it keeps rows."""
        rows = self.rows.get("humans", 0)
        return int(getattr(parameters, rows) if isinstance(rows, str) else rows)

    @checked_arguments()
    def process(
        self,
        *,
        over: str,
        after: str | None = None,
        before: str | None = None,
        reads: Sequence[str] = (),
        writes: Sequence[str] = (),
    ) -> Callable[[F], F]:
        """Decorate a function that is run every day.

        Parameters
        ----------
        over
            ``"humans"``, ``"oses"`` or ``"agents"``: the function is called as
            ``function(i, s)`` for the row of each, in no particular order, compiled by
            numba (a scalar function: numbers and loops, no arrays of its own).
            An own table: the same, for its rows. ``"ties"``: it is called as
            ``function(k, i, j, s)`` for each side of each tie, which is ``k`` in
            columns of ties, of agent ``i`` with its neighbour ``j``.
            ``"society"``: it is called once as ``function(s)``, as plain Python.
        after, before
            One of the two: the process it stands beside, one of the model
            (``sim/docs/MODEL.md`` lists them) or an own one, as ``"gossip.overhear"``.
            Several after the same one come in the order of their declaration.
        reads, writes
            Columns as ``"humans.growth"``, ``"oses.status"``, ``"ties.closeness"``;
            ``"humans.*"`` is all of a table. What is written may be read, too. ``s``
            has no others. Columns of the model that may be written are those of real
            numbers. Requests are written beside these: ``"oses.shutdown_request"`` to
            shut an OS down, ``"humans.parting_request"`` and
            ``"humans.partner_request"`` to end and to begin couples,
            ``"humans.birth_request"`` and others to let people come and go. And
            ``"new companies"`` lets a process over the society add rows to a table.

        Raises
        ------
        InputError
            If something named is not there, or cannot be written, or the function
            stands in another file.
        """

        def declare(function: F) -> F:
            name = self._name_of(function)
            if name in (one.name for one in self.processes):
                raise InputError(f"{name}: there is a process of that name already")
            where = _place(name, after, before)
            declared = self._declared(name, over, reads, writes)
            self.processes.append(OwnProcess(name, function, *where, over, *declared))
            return function

        return declare

    @checked_arguments()
    def factor(
        self, socket: str, *, over: str, reads: Sequence[str] = ()
    ) -> Callable[[F], F]:
        """Decorate a function that multiplies something in a process of the model.

        It is called as ``function(i, s)`` for each row, compiled as that of a process
        is, and returns a number from 0 up: 1 changes nothing.

        Parameters
        ----------
        socket
            What is multiplied: ``"adoption"``, ``"uninstalling"``, ``"growth_rate"``,
            ``"meeting_rate"``, ``"homophily"``, ``"warmth"``, ``"cooling"``,
            ``"departure_push"`` or ``"loneliness_support"``.
        over
            Whose: ``"humans"``, ``"oses"``, or ``"agents"`` for both.
        reads
            Columns, as for ``process``.

        Raises
        ------
        InputError
            If there is no such socket, or it is not of those.
        """

        def declare(function: F) -> F:
            name = self._name_of(function)
            if name in (one.name for one in self.factors):
                raise InputError(f"{name}: there is a factor of that name already")
            if socket not in SOCKETS:
                hint = nearest(socket, SOCKETS) or f"; there are {', '.join(SOCKETS)}"
                raise InputError(f"{name}: nothing is multiplied at {socket!r}{hint}")
            read, _, _ = self._declared(name, over, reads, ())
            made = OwnFactor(name, function, socket, over, read)
            known = SOCKETS[socket].scales
            if not {*made.tables} <= known.keys():
                of = " or ".join(known)
                raise InputError(f"{name}: {socket!r} is of {of}, not of {over}")
            self.factors.append(made)
            return function

        return declare

    @checked_arguments()
    def start(
        self, *, reads: Sequence[str] = (), writes: Sequence[str] = ()
    ) -> Callable[[F], F]:
        """Decorate a function that is run once, on day 0, if the mechanism is on then.

        It is called as ``function(s)``, as plain Python, when people have traits and
        ties, and there are no OSes. The keys of streams are those of day 0.

        Parameters
        ----------
        reads, writes
            As for ``process``.

        Raises
        ------
        InputError
            If something named is not there or cannot be written, or there is a start.
        """

        def declare(function: F) -> F:
            name = self._name_of(function)
            if self.starts is not None:
                raise InputError(f"{name}: {self.name} has a start already")
            declared = self._declared(name, "society", reads, writes)
            self.starts = OwnProcess(name, function, "", True, "society", *declared)
            return function

        return declare

    @checked_arguments()
    def replaces(self, rule: str) -> Callable[[F], F]:
        """Decorate a function that stands in the place of a rule of the model.

        While the mechanism is on, it does so in everything of the model that comes to
        the rule, in compiled loops and elsewhere; off, all is as shipped. Functions of
        mechanisms that call the rule call the shipped one, this function included.

        Parameters
        ----------
        rule
            The name of a function of ``sim.model.rules``. The function takes the same
            arguments, numbers all, and returns a number; it may also take parameters of
            the mechanism by their names, after a ``*``. It is compiled by numba.

        Raises
        ------
        InputError
            If there is no such rule, it takes other arguments, or the mechanism
            replaces the rule already.

        Examples
        --------
        In a file ``drift.py``, whose mechanism has a parameter ``pace``::

            @DRIFT.replaces("grow")
            def grow(growth, rate, exponent, cap, *, pace):
                return min(cap, growth + pace * rate)
        """
        from sim.mechanisms import replaced  # late: what is compiled takes time

        def declare(function: F) -> F:
            self._name_of(function)
            if rule in self.replacements:
                raise InputError(f"{self.name}: it replaces the rule {rule!r} already")
            self.replacements[rule] = replaced.declared(self, rule, function)
            return function

        return declare

    @checked_arguments()
    def measure(
        self, name: str, *, unit: str, reads: Sequence[str] = ()
    ) -> Callable[[F], F]:
        """Decorate a function that measures the society every day.

        It is called as ``function(s)`` at the end of the day, as plain Python, whether
        the mechanism is on or off, and returns a number. Measures are in the series of
        a run, conditions of interventions, readings of detectors, Mesa's collector.

        Parameters
        ----------
        name
            What the measure is called; the docstring's first line says what it is.
        unit
            As ``"0..1"`` or ``"hours/day"``.
        reads
            As for ``process``; nothing can be written.

        Raises
        ------
        InputError
            If the name is taken, or a column is not there.

        Examples
        --------
        In a file ``gossip.py``::

            @GOSSIP.measure("heard_mean", unit="0..1", reads=("humans.heard",))
            def heard_mean(s):
                \"\"\"Belief around people, on average.\"\"\"
                return s.humans.heard.mean()
        """

        def declare(function: F) -> F:
            full = self._name_of(function)
            self._check_new("measure", name)
            read, _, _ = self._declared(full, "society", reads, ())
            self.measures[name] = OwnMeasure(name, unit, function, read)
            return function

        return declare

    @checked_arguments()
    def outcome(self, name: str, *, unit: str) -> Callable[[F], F]:
        """Decorate a function that sums a finished run up in a number.

        It is called as ``function(run)``, as plain Python, with ``run.series`` (arrays
        of measures by name, a value a day), ``run.days`` (the first day of each kind of
        event that happened) and ``run.parameters``; None is for what did not happen.
        Sweeps, counterfactuals, ablation, checks and expectations know it by its name.

        Parameters
        ----------
        name, unit
            As for ``measure``.

        Raises
        ------
        InputError
            If the name is taken.
        """

        def declare(function: F) -> F:
            self._name_of(function)
            self._check_new("outcome", name)
            self.outcomes[name] = OwnOutcome(name, unit, function)
            return function

        return declare

    def detector(self, detector: type[D]) -> type[D]:
        """Decorate a class of ``sim.events.Detector`` that looks for a kind of event.

        It looks at societies that use the mechanism, and at no others.

        Raises
        ------
        InputError
            If it is no detector, or its kind of event is taken.
        """
        kind, look = getattr(detector, "kind", ""), getattr(detector, "look", None)
        if not isinstance(detector, type) or look is None or not kind:
            raise InputError(
                f"{self.name}: {detector!r:.60} is no detector: a class that extends "
                "sim.events.Detector, with a kind, a meaning and a method look"
            )
        self._name_of(look)
        self._check_new("detector", kind)
        self.detectors[kind] = detector
        return detector

    def _check_new(self, what: str, name: str) -> None:
        check_name(f"{self.name}: {what}", name, TAKEN | Parameters.model_fields.keys())
        if name in {*self.parameters, *self.measures, *self.outcomes, *self.detectors}:
            raise InputError(f"{self.name}: it has something called {name!r} already")

    def _name_of(self, function: Callable[..., Any]) -> str:
        """Return the full name of a function, which must stand in this very file."""
        name = f"{self.name}.{function.__name__}"
        code = getattr(function, "__code__", None)
        if code is None or Path(code.co_filename).resolve() != self.file:
            raise InputError(
                f"{name} does not stand in {self.file}: the digest of that file would "
                "not say what is run; declare processes where the mechanism is"
            )
        return name

    def _declared(
        self, name: str, over: str, reads: Sequence[str], writes: Sequence[str]
    ) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Return what is read, what is written (by full names), and what gets rows.

        What is written is among those that are read.
        """
        known = (*OVER, *self.tables)
        if over not in known:
            text = f"over= is one of {', '.join(known)}, not {over!r}"
            raise InputError(f"{name}: {text}")
        for word, given in (("reads", reads), ("writes", writes)):
            if isinstance(given, str):
                raise InputError(f"{name}: {word}= is a list of names, not {given!r}")
        adds = added(name, over, writes, self.tables)
        rest = [one for one in writes if str(one).removeprefix("new ") not in adds]
        written = self._full_names(name, rest)
        for one in written:
            self._check_written(name, one)
        looked_up = [f"ties.{word}" for word in LOOKED_UP if over == "ties"]
        read = dict.fromkeys([*self._full_names(name, reads), *written, *looked_up])
        return tuple(read), tuple(written), adds

    def _full_names(self, name: str, given: Sequence[str]) -> list[str]:
        found: list[str] = []
        for one in given:
            table, _, column = str(one).partition(".")
            known = self._columns_of(name, table)
            if_used = one in REQUESTS or one in PEOPLE
            if column != "*" and column not in known and not if_used:
                hint = nearest(column, known)
                raise InputError(f"{name}: {table} have no column {column!r}{hint}")
            names = known if column == "*" else [column]
            found += [f"{table}.{word}" for word in names]
        return list(dict.fromkeys(found))

    def _columns_of(self, name: str, table: str) -> Sequence[str]:
        if table in self.tables:
            return [column.name for column in self.tables[table]]
        if table not in SHIPPED:
            known = " or ".join(f"'{word}.NAME'" for word in (*SHIPPED, *self.tables))
            raise InputError(f"{name}: a column is named as {known}, not {table!r}")
        return [*SHIPPED[table], *(column.name for column in self.columns[table])]

    def _check_written(self, name: str, full: str) -> None:
        table, _, column = full.partition(".")
        shipped = SHIPPED.get(table, {}).get(column)
        if full in PEOPLE and column not in WRITABLE:
            text = "the model writes it; ask by a column that ends in _request"
            raise InputError(f"{name}: {full} cannot be written: {text}")
        if table == "ties" and shipped is not None:
            text = "ties of the model are read by mechanisms, not written"
            raise InputError(f"{name}: {full} cannot be written: {text}")
        if shipped is not None and not shipped.dtype.startswith("f"):
            what = "whole numbers, on which loops of the model rely"
            raise InputError(f"{name}: {full} cannot be written: it is of {what}")


# ---------------------------------------------------------------------------- checks


def _check_parameter(
    of: Mechanism, name: str, constant: object, is_switch_given: bool
) -> None:
    if is_switch_given:
        raise InputError(f"{of.name}: its switch {of.name!r} is there by itself")
    check_name(f"{of.name}: parameter", name, TAKEN | Parameters.model_fields.keys())
    if not isinstance(constant, Constant):
        what = "sim.mechanisms.real(...), whole(...) or switch(...)"
        raise InputError(f"{of.name}: parameter {name!r} is declared by {what}")
    default, about = constant.field.default, constant.field.json_schema_extra["about"]
    if not about.low <= default <= about.high:
        span = f"{about.low:g} to {about.high:g}"
        raise InputError(f"{of.name}: the default of {name!r} is not within {span}")


def _place(name: str, after: str | None, before: str | None) -> tuple[str, bool]:
    if before is not None and after is None:
        return before, False
    if after is not None and before is None:
        return after, True
    raise InputError(f"{name}: say after= or before= which process it is run")


def _declaring_file(name: str) -> Path:
    """Return the file that is being run, in which a mechanism is declared."""
    frame = sys._getframe(1)
    passed = (__name__, checked_arguments.__module__)
    while frame.f_globals.get("__name__") in passed and frame.f_back is not None:
        frame = frame.f_back
    file = frame.f_globals.get("__file__")
    if not isinstance(file, str) or not Path(file).is_file():
        raise InputError(
            f"mechanism {name!r} is not declared in a file, so that no other process, "
            "and no provenance, could say what it is; write it to a file of its own "
            "(in a notebook: %%writefile) and put that to use: sim.use('FILE.py')"
        )
    return Path(file).resolve()
