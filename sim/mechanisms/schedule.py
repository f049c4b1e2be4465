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
from sim.mechanisms.loops import Scope
from sim.mechanisms.mechanism import Mechanism, OwnProcess
from sim.model.parameters import Parameters
from sim.model.processes import PHASES, Phase
from sim.model.state import State
from sim.utils.errors import InputError, nearest


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

    Raises
    ------
    InputError
        If a process is to stand beside one that there is not.
    """

    def __init__(self, usual: Parameters, current: Parameters) -> None:
        self.mechanisms: tuple[Mechanism, ...] = usual.mechanisms
        self.constants = {one.name: _record(one) for one in self.mechanisms}
        self.begun = {one.name for one in self.mechanisms if getattr(usual, one.name)}
        self.rows = usual.own_rows()
        self.set_constants(current)
        self.phases = _arranged(self.mechanisms, self._phase)
        self.phases = requests.added_to(self.phases, usual)

    def set_constants(self, parameters: Parameters) -> None:
        """Take over the parameters of a day.

        Raises
        ------
        InputError
            If a mechanism with a start is switched on that was off on day 0, or how
            many rows a table has on day 0 is changed later.
        """
        if parameters.own_rows() != self.rows:
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

    def start(self, state: State, day: Any) -> None:
        """Run the starts of all mechanisms that are on.

        Raises
        ------
        InputError
            If one breaks.
        """
        for one in self.mechanisms:
            if one.starts is not None and one.name in self.begun:
                self.run(one, one.starts, state, day, None)

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
        record = self.constants[one.name]
        if not record[one.name]:
            return
        for name in one.streams:
            record[f"key_{name}"] = key(
                int(day["seed"]), one.stream(name), int(day["step"])
            )
        scope = scope_of(process, state, day, record)
        try:
            _run(one, process, state, scope, threads)
        except InputError:
            raise
        except Exception as error:
            raise loops.explained(process, error) from error


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
        setattr(self, table, _columns(table, process, whole.column))
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


def count_of(process: OwnProcess, state: State) -> int:
    """Return how many rows a process runs over; for ties, those of their agents."""
    if process.over in ("agents", "ties"):
        return state.ties.agents
    if process.over in state.tables:
        return state.tables[process.over].n
    return state.humans.n if process.over == "humans" else state.oses.n


def scope_of(process: OwnProcess, state: State, day: Any, my: Any) -> Scope:
    """Return what a process may read and write: what it has declared, and no more.

    The record of the day is a copy, so that nothing else sees what is written to it.
    """
    tables = (
        _columns("humans", process, state.humans.column),
        _columns("oses", process, state.oses.column),
        _columns("ties", process, state.ties.column),
    )
    own = [
        _columns(name, process, state.tables[name].column) for name in process.tables
    ]
    made: Scope = loops.scope_type(process.tables)(*tables, day.copy(), my, *own)
    return made


def _columns(
    table: str, process: OwnProcess, column: Callable[[str], Any]
) -> tuple[Any, ...]:
    names = tuple(
        full.partition(".")[2]
        for full in process.reads
        if full.partition(".")[0] == table
    )
    views = []
    for name in names:
        view = column(name).view()
        view.flags.writeable = f"{table}.{name}" in process.writes
        views.append(view)
    made: tuple[Any, ...] = loops.columns_type(names)(*views)
    return made


def _record(one: Mechanism) -> Any:
    """Return the record of a mechanism's parameters and keys, as loops take it."""
    fields = [(name, "f8") for name in one.parameters]
    keys = [(f"key_{name}", "u8") for name in one.streams]
    return np.zeros(1, np.dtype([*fields, *keys]))[0]


def _arranged(
    mechanisms: Iterable[Mechanism], phase: Callable[..., Phase]
) -> tuple[Phase, ...]:
    """Return all processes of a day, in order."""
    day = [_Placed(one, "") for one in PHASES]
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
