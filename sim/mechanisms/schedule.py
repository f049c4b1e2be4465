"""Processes of mechanisms among those of a day, for one society."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from sim.engine.rng import key
from sim.engine.threads import share_out, worth_sharing
from sim.mechanisms import loops, requests
from sim.mechanisms.factors import OwnFactor
from sim.mechanisms.loops import Scope
from sim.mechanisms.measured import number_of
from sim.mechanisms.mechanism import Mechanism, OwnProcess, own_tables
from sim.mechanisms.replaced import Substitute, is_concerned, rules_replaced
from sim.mechanisms.varying import OVER_TIES, Varying
from sim.model import turnover
from sim.model.parameters import Parameters
from sim.model.presence import comes_and_goes
from sim.model.processes import PHASES, Phase
from sim.model.state import State
from sim.utils.errors import InputError, nearest

Declared = tuple[str, ...]  # columns, by full names


class _Placed(NamedTuple):
    """A process in the order of the day, and the one it was put beside."""

    phase: Phase
    beside: str


class OwnSchedule:
    """The processes of a society's mechanisms, in their places in its day.

    Parameters
    ----------
    usual
        The parameters that the society begins with.
    current
        Those of today, which interventions may have changed.
    for_some
        The names of parameters that interventions set for some people only.

    Raises
    ------
    InputError
        If a process is to stand beside one that there is not.
    """

    def __init__(
        self,
        usual: Parameters,
        current: Parameters,
        for_some: frozenset[str] = frozenset(),
    ) -> None:
        self.mechanisms: tuple[Mechanism, ...] = usual.mechanisms
        self.constants = {one.name: _record(one) for one in self.mechanisms}
        self.begun = {one.name for one in self.mechanisms if getattr(usual, one.name)}
        self.substitutes: list[Substitute] = []
        self.rows = self._rows(usual)
        shipped = [self._with_rules(phase, usual) for phase in PHASES]
        self.set_constants(current)
        self.varying = Varying(usual, self._factor_scope, self._is_on, for_some)
        self._check_rules(usual)
        shipped = self.varying.arranged(shipped)
        self.phases = _arranged(shipped, self.mechanisms, self._phase)
        self.phases = requests.added_to(self.phases, usual)
        if comes_and_goes(usual):
            self.phases = turnover.with_people(self.phases)

    def set_constants(self, parameters: Parameters) -> None:
        """Take over the parameters of a day.

        Raises
        ------
        InputError
            If a mechanism with a start is switched on that was off on day 0, or how
            many rows a table has on day 0 is changed later.
        """
        if self._rows(parameters) != self.rows:
            raise InputError(
                "how many rows a table has on day 0 is no matter of an intervention"
            )
        for one in self.mechanisms:
            is_on = bool(getattr(parameters, one.name))
            if is_on and one.starts is not None and one.name not in self.begun:
                raise InputError(
                    f"mechanism {one.name!r} has a start, so it cannot be switched on "
                    "later if it is off on day 0"
                )
            record = self.constants[one.name]
            for name in one.parameters:
                record[name] = float(getattr(parameters, name))
        for substitute in self.substitutes:
            substitute.take(parameters)

    def _with_rules(self, phase: Phase, usual: Parameters) -> Phase:
        """Return a process of the model with the rules that mechanisms replace."""
        if not is_concerned(phase.run, rules_replaced(usual)):
            return phase
        self.substitutes.append(Substitute(phase.run))
        return phase._replace(run=self.substitutes[-1])

    def _check_rules(self, usual: Parameters) -> None:
        """Raise InputError if a rule of talk or meeting is replaced where they differ.

        There the model has loops of its own for agents who differ from each other,
        which call its rules; all others run its loops for some rows at a time.
        """
        replaced = rules_replaced(usual)
        for phase in PHASES:
            if phase.name not in self.varying.phases & {*OVER_TIES, "meet"}:
                continue
            for rule, of in replaced.items():
                if is_concerned(phase.run, [rule]):
                    raise InputError(
                        f"mechanism {of!r} replaces the rule {rule!r}, which "
                        f"{phase.name!r} uses, where agents differ from each other "
                        "(varies, profiles, factors, or who is treated); take one of "
                        "the two"
                    )

    def _rows(self, parameters: Parameters) -> list[dict[str, int]]:
        """Return how many rows there are of own tables, and for people to come."""
        to_come = {one.name: one.people_to_come(parameters) for one in self.mechanisms}
        return [parameters.own_rows(), to_come]

    def start(self, state: State, day: Any) -> None:
        """Run the starts of all mechanisms that are on; draw what differs before.

        Raises
        ------
        InputError
            If one breaks.
        """
        self.varying.start(state, day)
        for one in self.mechanisms:
            if one.starts is not None and one.name in self.begun:
                self.run(one, one.starts, state, day, None)

    def measure(self, state: State, day: Any) -> dict[str, float]:
        """Return what the mechanisms measure of today, on or off.

        Raises
        ------
        InputError
            If a measure breaks, or is no number.
        """
        found = {}
        for one in self.mechanisms:
            for name, measure in one.measures.items():
                scope = measured_scope(
                    measure.reads, state, day, self.constants[one.name]
                )
                what = f"{one.name}: measure {name!r}"
                found[name] = number_of(what, measure.function, plain(scope))
        return found

    def _phase(self, one: Mechanism, process: OwnProcess) -> Phase:
        run = partial(self.run, one, process)
        declared = process.reads, process.writes
        return Phase(process.name, "own", run, *declared, process.does)

    def run(
        self,
        one: Mechanism,
        process: OwnProcess,
        state: State,
        day: Any,
        threads: ThreadPoolExecutor | None,
    ) -> None:
        """Run a process of a mechanism, unless that is switched off.

        Raises
        ------
        InputError
            If it cannot be compiled, or breaks.
        """
        record = self._record_today(one, day)
        if record is None:
            return
        scope = scope_of(process, state, day, record)
        try:
            _run(one, process, state, scope, threads)
        except InputError:
            raise
        except Exception as error:
            raise loops.explained(process, error) from error

    def _is_on(self, one: Mechanism) -> bool:
        return bool(self.constants[one.name][one.name])

    def _record_today(self, one: Mechanism, day: Any) -> Any:
        """Return a mechanism's record with the keys of the day; None if it is off."""
        record = self.constants[one.name]
        if not self._is_on(one):
            return None
        for name in one.streams:
            record[f"key_{name}"] = key(
                int(day["seed"]), one.stream(name), int(day["step"])
            )
        return record

    def _factor_scope(
        self, one: Mechanism, factor: OwnFactor, state: State, day: Any
    ) -> Scope | None:
        """Return what a factor may read today; None if its mechanism is off."""
        record = self._record_today(one, day)
        return None if record is None else scope_of(factor, state, day, record)


def _run(
    one: Mechanism,
    process: OwnProcess,
    state: State,
    scope: Scope,
    threads: ThreadPoolExecutor | None,
) -> None:
    if process.over == "society":
        try:
            process.function(SocietyScope(process, state, plain(scope)))
        except AttributeError as error:
            if isinstance(error.obj, tuple | SimpleNamespace):
                raise loops.undeclared(process, str(error.name)) from error
            raise
        return
    if not worth_sharing(len(state.ties.arrays.neighbour)):
        threads = None
    loop = loops.compiled(one, process)
    share_out(loop, count_of(process, state), (scope,), threads)


class SocietyScope(SimpleNamespace):
    """The scope of a process over the society: columns, and what adds rows to tables.

    Parameters
    ----------
    process
        Says to which tables it may add.
    state
        Of the society.
    scope
        What the process has.
    """

    def __init__(self, process: OwnProcess, state: State, scope: Any) -> None:
        super().__init__(**scope._asdict())
        self._of = process, state

    def add(self, table: str, rows: int = 1, **values: Any) -> range:
        """Add rows to an own table; its columns in the scope have them from then on.

        Parameters
        ----------
        table
            Its name; the process declares ``"new NAME"`` in ``writes=``.
        rows
            How many.
        values
            By column, one for all or one for each; others have their default.

        Returns
        -------
        range
            The new rows.

        Raises
        ------
        InputError
            If it may not add to that table, or there is no such column.
        """
        process, state = self._of
        if table not in process.adds:
            text = f"adds rows to {table!r}, but does not declare 'new {table}'"
            raise InputError(f"{process.name} {text} in writes=")
        if not isinstance(rows, int | np.integer) or rows < 0:
            text = f"adds a whole number of rows from 0, not {rows!r}"
            raise InputError(f"{process.name} {text}")
        whole = state.tables[table]
        for name in values:
            if name not in whole.columns:
                hint = nearest(name, whole.columns)
                raise InputError(f"{process.name}: {table} have no {name!r}{hint}")
        new = whole.append(int(rows), **values)
        declared = process.reads, process.writes
        setattr(self, table, _columns(table, declared, whole.column))
        return range(new.start, new.stop)


def plain(scope: Scope) -> Scope:
    """Return a scope as plain Python takes it, which reads records by attribute."""
    return scope._replace(day=_namespace(scope.day), my=_namespace(scope.my))


def _namespace(record: Any) -> SimpleNamespace:
    """Return the values of a record; keys of streams stay unsigned."""
    values = {name: record[name] for name in record.dtype.names}
    return SimpleNamespace(
        **{n: v if v.dtype.kind == "u" else v.item() for n, v in values.items()}
    )


def count_of(process: OwnProcess | OwnFactor, state: State) -> int:
    """Return how many rows a process runs over; for ties, those of their agents."""
    if process.over in ("agents", "ties"):
        return state.ties.agents
    if process.over in state.tables:
        return state.tables[process.over].n
    return state.humans.n if process.over == "humans" else state.oses.n


def scope_of(process: OwnProcess | OwnFactor, state: State, day: Any, my: Any) -> Scope:
    """Return what a process may read and write: what it has declared, and no more."""
    is_factor = isinstance(process, OwnFactor)
    own = own_tables(process.reads) if is_factor else process.tables
    return _scope((process.reads, process.writes), own, state, day, my)


def measured_scope(reads: Declared, state: State, day: Any, my: Any) -> Scope:
    """Return what a measure may read."""
    return _scope((reads, ()), own_tables(reads), state, day, my)


def _scope(
    declared: tuple[Declared, Declared],
    own: tuple[str, ...],
    state: State,
    day: Any,
    my: Any,
) -> Scope:
    """Return columns that are read, and written; what is written to the day is lost."""
    tables = (
        _columns("humans", declared, state.humans.column),
        _columns("oses", declared, state.oses.column),
        _columns("ties", declared, state.ties.column),
    )
    more = [_columns(name, declared, state.tables[name].column) for name in own]
    made: Scope = loops.scope_type(own)(*tables, day.copy(), my, *more)
    return made


def _columns(
    table: str, declared: tuple[Declared, Declared], column: Callable[[str], Any]
) -> tuple[Any, ...]:
    reads, writes = declared
    names = tuple(
        full.partition(".")[2] for full in reads if full.partition(".")[0] == table
    )
    views = []
    for name in names:
        view = column(name).view()
        view.flags.writeable = f"{table}.{name}" in writes
        views.append(view)
    made: tuple[Any, ...] = loops.columns_type(names)(*views)
    return made


def _record(one: Mechanism) -> Any:
    """Return the record of a mechanism's parameters and keys, as loops take it."""
    fields = [(name, "f8") for name in one.parameters]
    keys = [(f"key_{name}", "u8") for name in one.streams]
    return np.zeros(1, np.dtype([*fields, *keys]))[0]


def _arranged(
    shipped: Iterable[Phase],
    mechanisms: Iterable[Mechanism],
    phase: Callable[..., Phase],
) -> tuple[Phase, ...]:
    """Return all processes of a day, in order."""
    day = [_Placed(one, "") for one in shipped]
    for mechanism in mechanisms:
        for process in mechanism.processes:
            names = [placed.phase.name for placed in day]
            if process.anchor not in names:
                hint = (
                    nearest(process.anchor, names) or f"; there are {', '.join(names)}"
                )
                raise InputError(f"{process.name}: no process {process.anchor!r}{hint}")
            at = names.index(process.anchor)
            if process.is_after:
                at += 1
                mark = f"after {process.anchor}"
                while at < len(day) and day[at].beside == mark:
                    at += 1
            else:
                mark = f"before {process.anchor}"
            day.insert(at, _Placed(phase(mechanism, process), mark))
    return tuple(placed.phase for placed in day)
