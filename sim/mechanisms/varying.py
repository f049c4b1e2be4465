"""Processes of the model in a society whose agents differ in their parameters.

Only processes that read what differs are run in another way; all others, and all in
societies of equals, are those of ``sim.model.processes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from sim.engine.rng import draws_of, key
from sim.engine.threads import share_out, worth_sharing
from sim.mechanisms import heterogeneity, loops, pair_loops, row_loops
from sim.mechanisms.factors import SOCKETS, OwnFactor, check_factors
from sim.mechanisms.heterogeneity import (
    HUMANS,
    OF_EITHER,
    OSES,
    PROFILE,
    VARIABLE,
    Heterogeneity,
    stream_number,
)
from sim.mechanisms.loops import Scope
from sim.mechanisms.mechanism import Mechanism
from sim.mechanisms.replaced import Substitute
from sim.model.parameters import Parameters, about
from sim.model.processes import PHASES, Phase, run_over
from sim.model.state import State
from sim.utils.errors import InputError
from sim.utils.typing import Array

OVER_TIES = ("attend", "converse")
# Minds are asked about talks and departures that follow the constants of all.
ASKED_OF_MINDS = {"attend", "converse", "depart"}
TINY = 1e-12  # what divides is no less

# The scope of a factor today; None while its mechanism is switched off.
ScopeOf = Callable[[Mechanism, OwnFactor, State, Any], Scope | None]


class Varying:
    """What differs between the agents of a society, and how its processes take it in.

    Parameters
    ----------
    usual
        The parameters that the society begins with.
    scope_of
        Returns what a factor of a mechanism may read today.
    is_on
        Tells whether a mechanism is switched on today. Its columns hold nobody's values
        while it is not.
    for_some
        The names of parameters that interventions set for some people only.

    Attributes
    ----------
    changes : list of (bool[humans], dict)
        Those people today, and the parameters that are others for them.

    Raises
    ------
    InputError
        If a factor and a parameter that differs do not go together, or one that differs
        by OS is set for some people.
    """

    def __init__(
        self,
        usual: Parameters,
        scope_of: ScopeOf,
        is_on: Callable[[Mechanism], bool],
        for_some: frozenset[str] = frozenset(),
    ) -> None:
        self.usual = usual
        self.changes: list[tuple[Array, Mapping[str, Any]]] = []
        self._for_some = for_some
        self.declared: Heterogeneity = usual.heterogeneity or Heterogeneity()
        self.overridden: frozenset[str] = frozenset()  # by interventions in force
        self._of = self.declared.varied()
        self._variations = dict(self.declared.varies)
        self._factors = [(one, f) for one in usual.mechanisms for f in one.factors]
        self._scope_of, self._is_on = scope_of, is_on
        self._owners = {
            f"{table}.{column.name}": one
            for one in usual.mechanisms
            for table, columns in one.columns.items()
            for column in columns
        }
        for _, factor in self._factors:
            self._check_factor(factor)
        for name in for_some:
            if {OSES, PROFILE} & {*self._of.get(name, ())}:
                raise InputError(
                    f"{name!r} differs by OS, so it is not changed for some people"
                )

    def _check_factor(self, factor: OwnFactor) -> None:
        for table, names in self._scaled(factor):
            for name in names:
                of = self._of.get(name, [HUMANS] * (name in self._for_some))
                if name in OF_EITHER and of == [HUMANS] != [table]:
                    raise InputError(
                        f"{factor.name}: {name!r} differs by humans, so it is not "
                        "multiplied for oses"
                    )

    @staticmethod
    def _scaled(factor: OwnFactor) -> Iterator[tuple[str, dict[str, int]]]:
        for table in factor.tables:
            yield table, dict(SOCKETS[factor.socket].scales[table])

    @property
    def phases(self) -> set[str]:
        """The names of processes that are run in another way."""
        names = {*self._of, *self._for_some}
        read = {phase for name in names for phase in VARIABLE[name].phases}
        return read | {SOCKETS[factor.socket].phase for _, factor in self._factors}

    def check_cast(self) -> None:
        """Raise InputError if minds would be asked about what differs."""
        names = [*self._of, *sorted(self._for_some - self._of.keys())]
        asked = [n for n in names if ASKED_OF_MINDS & {*VARIABLE[n].phases}]
        asked += [
            factor.name
            for _, factor in self._factors
            if SOCKETS[factor.socket].phase in ASKED_OF_MINDS
        ]
        if asked:
            raise InputError(
                "a cast does not go with what differs between agents in talk or "
                f"departure: {', '.join(asked)}"
            )

    def arranged(self, phases: Iterable[Phase]) -> list[Phase]:
        """Return the processes of a day, those that read what differs in their way."""
        found = []
        for phase in phases:
            own = phase.name in self.phases
            run = partial(self._run, phase)
            found.append(phase._replace(over="own", run=run) if own else phase)
            if phase.name == "create" and self.declared.columns[OSES]:
                found.append(self._assigning())
        return found

    # ------------------------------------------------------------------------ values

    def _run(
        self, phase: Phase, state: State, day: Any, threads: ThreadPoolExecutor | None
    ) -> None:
        threads = threads if worth_sharing(len(state.ties.arrays.neighbour)) else None
        values = self.values(phase, state, day, threads)
        if not values:
            run_over(state, phase, day, threads)
            return
        run: Callable[..., None]
        if phase.name in OVER_TIES:
            run = partial(pair_loops.run, phase.name, pair_loops.values_of(values, day))
        else:
            process = phase.run.now if isinstance(phase.run, Substitute) else phase.run
            run = partial(row_loops.run, process, row_loops.values_of(values))
        arguments = state.agents, state.ties.arrays, day
        share_out(run, rows_of(phase.over, state), arguments, threads)

    def values(
        self,
        phase: Phase,
        state: State,
        day: Any,
        threads: ThreadPoolExecutor | None = None,
    ) -> dict[str, Array]:
        """Return what differs in a process today: float64[rows], by parameter.

        Parameters
        ----------
        phase
            The process of the model, as it is in ``sim.model.processes``.
        state, day
            The society, and the record of the day.
        threads
            As for ``sim.model.processes.advance``.

        Raises
        ------
        InputError
            If a column holds what the parameter cannot be, or a factor is negative or
            not finite.
        """
        names = [
            name
            for name in self._of
            if phase.name in VARIABLE[name].phases and self._differs(name)
        ]
        found = {name: self._values_of(name, phase, state, day) for name in names}
        self._hold_for_some(phase, state, day, found)
        for one, factor in self._factors:
            if SOCKETS[factor.socket].phase == phase.name:
                self._multiply(one, factor, phase, (state, day, threads), found)
        return found

    def of_each(self, process: str, state: State, day: Any) -> dict[str, Array]:
        """Return what differs in a process of the model, as ``values`` does."""
        phase = next(phase for phase in PHASES if phase.name == process)
        return self.values(phase, state, day)

    def _hold_for_some(
        self, phase: Phase, state: State, day: Any, found: dict[str, Array]
    ) -> None:
        """Write what interventions set for some people."""
        if phase.over == OSES:
            return
        for rows, changes in self.changes:
            for name, value in changes.items():
                if phase.name not in VARIABLE[name].phases:
                    continue
                if name not in found:
                    usual = float(day[name])
                    found[name] = _even(name, usual, phase.over, state, [HUMANS])
                found[name][: state.humans.n][rows] = float(value)

    def _differs(self, name: str) -> bool:
        """Tell whether a parameter differs today."""
        one = self._variations.get(name)
        owner = self._owners.get(str(one.column)) if one is not None else None
        return name not in self.overridden and (owner is None or self._is_on(owner))

    def _values_of(self, name: str, phase: Phase, state: State, day: Any) -> Array:
        """Return everybody's value of a parameter in a process."""
        usual, by = float(day[name]), self._of[name]
        found = _even(name, usual, phase.over, state, by)
        of_oses = OSES in by or PROFILE in by
        if HUMANS in by:
            found[: state.humans.n] = self._column(name, state)
        if not of_oses:
            return found
        own = self._of_oses(name, usual, state)
        if phase.over == OSES:
            found[:] = own
        elif phase.over == "agents":
            found[state.humans.n :] = own
        else:  # of a human: that of its own OS
            row = state.humans.os
            found[row >= 0] = own[row[row >= 0]]
        return found

    def _of_oses(self, name: str, usual: float, state: State) -> Array:
        if PROFILE not in self._of[name]:
            return self._column(name, state)
        values = [dict(one.values).get(name, usual) for one in self.declared.profiles]
        return np.array(values)[state.oses.column(PROFILE)]

    def _column(self, name: str, state: State) -> Array:
        one = self._variations[name]
        column = one.column or f"{one.table}.{name}"
        table = getattr(state, one.table)
        values = table.column(column.partition(".")[2]).astype(np.float64)
        heterogeneity.check_values(name, values, column)
        return np.asarray(values)

    # ----------------------------------------------------------------------- factors

    def _multiply(
        self,
        one: Mechanism,
        factor: OwnFactor,
        phase: Phase,
        today: tuple[State, Any, ThreadPoolExecutor | None],
        found: dict[str, Array],
    ) -> None:
        """Multiply what a factor is of."""
        state, day, threads = today
        scope = self._scope_of(one, factor, state, day)
        if scope is None:
            return
        factors = evaluated(one, factor, scope, rows_of(factor.over, state), threads)
        n = state.humans.n
        for table, names in self._scaled(factor):
            part = slice(0, n) if table == HUMANS else slice(n, None)
            rows = part if phase.over == "agents" else slice(None)
            those = factors[part] if factor.over == "agents" else factors
            for name, power in names.items():
                if name not in found:
                    usual = float(day[name])
                    found[name] = _even(name, usual, phase.over, state, [table])
                    if name in OF_EITHER:
                        found[name][rows] = usual
                values = found[name]
                values[rows] = _scaled(name, values[rows], those, power)

    # -------------------------------------------------------------------- new agents

    def start(self, state: State, day: Any) -> None:
        """Draw what humans have of their own, on day 0."""
        for name, one in self.declared.varies:
            if one.column is None and one.table == HUMANS:
                everybody = np.arange(state.humans.n)
                state.humans.column(name)[:] = self._drawn(name, everybody, day)

    def _assigning(self) -> Phase:
        written = tuple(f"{OSES}.{c.name}" for c in self.declared.columns[OSES])
        reads = "oses.owner", "oses.born_step"
        text = "New OSes get a profile, and values of their own."
        return Phase("assign", "own", self._assign, reads, written, text)

    def _assign(
        self, state: State, day: Any, threads: ThreadPoolExecutor | None
    ) -> None:
        """Draw profile and values of today's new OSes, by owner if they have one."""
        oses = state.oses
        new = np.flatnonzero(oses.born_step == int(day["calendar"]))
        if not len(new):
            return
        owner = oses.owner[new].astype(np.int64)
        names = np.where(owner >= 0, owner, new + state.humans.n)
        for name, one in self.declared.varies:
            if one.column is None and one.table == OSES:
                oses.column(name)[new] = self._drawn(name, names, day)
        if self.declared.profiles:
            draws = draws_of(_key_today(day, "profiles", PROFILE), names, 0)
            ends = np.cumsum([one.share for one in self.declared.profiles])
            codes = np.searchsorted(ends, draws, side="right")
            oses.column(PROFILE)[new] = np.minimum(codes, len(ends) - 1)

    def _drawn(self, name: str, agents: Array, day: Any) -> Array:
        draws = draws_of(_key_today(day, "varies", name), agents, 0)
        usual = float(getattr(self.usual, name))
        return heterogeneity.drawn(name, self._variations[name], usual, draws)


def _key_today(day: Any, of: str, name: str) -> np.uint64:
    return key(int(day["seed"]), stream_number(of, name), int(day["step"]))


def rows_of(over: str, state: State) -> int:
    """Return how many rows there are of humans, OSes, or agents."""
    sizes = {HUMANS: state.humans.n, OSES: state.oses.n}
    return sizes.get(over, state.ties.agents)


def _even(name: str, usual: float, over: str, state: State, by: list[str]) -> Array:
    """Return one value for all; nan for those it is not of, if it is of either."""
    found = np.full(rows_of(over, state), usual)
    if name in OF_EITHER:
        n = state.humans.n
        found[slice(n, None) if by == [HUMANS] else slice(0, n)] = np.nan
    return found


def _scaled(name: str, values: Array, factors: Array, power: int) -> Array:
    if power < 0:
        return values / np.maximum(factors, TINY)
    scaled = values * factors
    if Parameters.model_fields[name].annotation is bool:
        return scaled
    known = about(name)
    return np.asarray(np.clip(scaled, known.low, known.high))


def evaluated(
    one: Mechanism,
    factor: OwnFactor,
    scope: Scope,
    rows: int,
    threads: ThreadPoolExecutor | None = None,
) -> Array:
    """Return what a factor is today, float64[rows].

    Raises
    ------
    InputError
        If it cannot be compiled, breaks, or is negative or not finite.
    """
    found = np.empty(rows)
    try:
        share_out(loops.compiled(one, factor), rows, (scope, found), threads)
    except InputError:
        raise
    except Exception as error:
        raise loops.explained(factor, error) from error
    check_factors(factor.name, found)
    return found
