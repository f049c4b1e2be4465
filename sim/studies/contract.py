"""The contract of a mechanism as a test: what users run on their own.

Most of it holds by the way processes are given their columns; here it is tried, and
what can only be tried is looked at, too: that switched off it changes nothing, that
rows may come in any order and on any thread, that plain and compiled function agree,
and that nothing is remembered beside the columns.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim import scenarios
from sim.engine.rng import key
from sim.engine.table import Column
from sim.engine.threads import share_out
from sim.mechanisms import loops, registry
from sim.mechanisms.factors import SOCKETS, OwnFactor
from sim.mechanisms.mechanism import Mechanism, OwnProcess
from sim.mechanisms.schedule import count_of, plain, scope_of
from sim.mechanisms.varying import evaluated
from sim.model.processes import Phase
from sim.model.state import State
from sim.runs.result import Result
from sim.runs.run import run
from sim.scenarios import Scenario
from sim.society import Society
from sim.utils.errors import InputError
from sim.utils.signatures import checked_arguments
from sim.utils.typing import Array

# A society so quick that in 40 days people install OSes, and some of those are loved.
QUICK: dict[str, Any] = {
    "humans": 60,
    "steps": 40,
    "innovation": 0.05,
    "imitation": 0.2,
    "warming": 0.3,
    "os_growth_rate": 0.05,
    "insight_rate": 0.5,
    "os_meeting": 0.5,
    "influence_rate": 0.05,
    "personhood_rate": 0.05,
}
SEED = 1
EVERY = 13  # days between those on which processes are looked at
ROUNDED, SMALL = 1e-5, 1e-6  # relative, absolute: plain Python rounds elsewhere
HELD = (
    "switched off, it changes no byte",
    "its processes read and write what they declare, and no more",
    "any cut of the rows and any number of threads give the same bytes",
    "plain and compiled functions agree",
    "columns it writes are finite, and shares within 0 to 1",
    "the same seed gives the same bytes",
    "a run continued from a checkpoint has the bytes of a whole one",
)


@checked_arguments()
def check_mechanism(
    mechanism: Mechanism | str | Path, *, scenario: Scenario | None = None
) -> list[str]:
    """Try whether a mechanism keeps its contract.

    Parameters
    ----------
    mechanism
        As for ``sim.use``.
    scenario
        What is run, with and without it; keep it small, since processes are run as
        plain Python, too. None is 60 people for 40 quick days.

    Returns
    -------
    list of str
        What holds, a line each.

    Raises
    ------
    InputError
        If something does not hold: names the process or the mechanism, and what.

    Examples
    --------
    >>> import sim
    >>> for line in sim.check_mechanism("experiments/mechanisms/gossip.py")[:1]:
    ...     print(line)
    switched off, it changes no byte
    """
    one = registry.use(mechanism)
    usual = scenarios.load("her").replace(**QUICK) if scenario is None else scenario
    town = usual.use(one.name)
    _check_off(one, usual, town)
    _check_processes(one, town)
    with tempfile.TemporaryDirectory() as folder:
        _check_again(one, town, Path(folder))
    return list(HELD)


def _lived(scenario: Scenario) -> Society:
    society = Society(scenario, seed=SEED)
    for _ in range(scenario.parameters.steps):
        society.step()
    return society


def _check_off(one: Mechanism, usual: Scenario, town: Scenario) -> None:
    off = town.replace(**{one.name: False})
    without, switched = _lived(usual), _lived(off)
    own = {f"{t}.{c.name}" for t, some in one.columns.items() for c in some}
    before, after = _contents(without.state), _contents(switched.state)
    changed = [n for n in after if n not in own and _differ(before[n], after[n])]
    series = without.monitor.history.columns(), switched.monitor.history.columns()
    changed += [n for n in series[0] if _differ(series[0][n], series[1][n])]
    if changed:
        raise InputError(f"{one.name}: switched off, it changes {changed[0]}")


# ------------------------------------------------------------------------- processes


def _check_processes(one: Mechanism, town: Scenario) -> None:
    """Run a society whose own processes are looked at while they run."""
    society = Society(town, seed=SEED)
    schedule = society.own_schedule
    assert schedule is not None  # the scenario uses a mechanism
    own = {process.name: process for process in one.processes}
    usual, record = schedule.phases, schedule.constants[one.name]

    def watched(phase: Phase) -> Phase:
        if phase.name in own:
            watch = _Watch(one, own[phase.name], phase.run, record)
            return phase._replace(run=watch.look)
        here = [f for f in one.factors if SOCKETS[f.socket].phase == phase.name]
        factors = _WatchFactors(one, here, phase.run, record)
        return phase._replace(run=factors.look) if here else phase

    for day in range(town.parameters.steps):
        schedule.phases = usual if day % EVERY else tuple(map(watched, usual))
        society.step()


class _Watch(NamedTuple):
    """Runs a process, and looks whether it does what it may."""

    mechanism: Mechanism
    process: OwnProcess
    run: Callable[[State, Any, ThreadPoolExecutor | None], None]
    record: Any

    def look(self, state: State, day: Any, threads: Any) -> None:
        """Run the process on a state, and on copies in other ways."""
        before = copy.deepcopy(state)
        self.run(state, day, threads)
        process, after = self.process, _contents(state)
        for name, column in _contents(before).items():
            if name not in process.writes and _differ(column, after[name]):
                raise InputError(f"{process.name} changes {name}, not declared")
        self._check_values(state)
        if process.over == "society":
            return
        for how in (self._in_pieces, self._on_threads):
            again = copy.deepcopy(before)
            how(again, day)
            self._compare(again, state, "depends on the order of rows", exact=True)
        again = copy.deepcopy(before)
        self._plainly(again, day)
        self._compare(again, state, "differs from its plain function", exact=False)

    def _loop(self, state: State, day: Any) -> tuple[Any, Any, int]:
        scope = scope_of(self.process, state, day, self.record)
        loop = loops.compiled(self.mechanism, self.process)
        return loop, scope, count_of(self.process, state)

    def _in_pieces(self, state: State, day: Any) -> None:
        """Run over ranges of 1, 2, 3 ... rows, the last first."""
        loop, scope, count = self._loop(state, day)
        for first, last in reversed(list(_pieces(count))):
            loop(first, last, scope)

    def _on_threads(self, state: State, day: Any) -> None:
        loop, scope, count = self._loop(state, day)
        with ThreadPoolExecutor(3) as threads:
            share_out(loop, count, (scope,), threads)

    def _plainly(self, state: State, day: Any) -> None:
        """Run the function as plain Python, with numbers of full precision."""
        _called_plainly(self.process, state, day, self.record)

    def _compare(self, one: State, whole: State, what: str, *, exact: bool) -> None:
        found, wanted = _contents(one), _contents(whole)
        for name in self.process.writes:
            a, b = found[name], wanted[name]
            same = not _differ(a, b)
            if not exact and a.dtype.kind == "f":
                same = np.allclose(a, b, ROUNDED, SMALL)
            if not same:
                raise InputError(f"{self.process.name} {what}: {name} is not the same")

    def _check_values(self, state: State) -> None:
        for name in self.process.writes:
            table, _, word = name.partition(".")
            rows = getattr(state, table)
            self._check_column(name, rows.columns[word], rows.column(word))

    def _check_column(self, name: str, declared: Column, values: Array) -> None:
        if values.dtype.kind != "f":
            return
        if not np.isfinite(values).all():
            text = f"writes what is no finite number to {name}"
            raise InputError(f"{self.process.name} {text}")
        low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
        if declared.unit == "0..1" and not -1e-6 <= low <= high <= 1.0 + 1e-6:
            text = f"writes {low:g} to {high:g} to {name}, which is within 0 to 1"
            raise InputError(f"{self.process.name} {text}")


class _WatchFactors(NamedTuple):
    """Runs a process of the model, and looks at the factors that enter it before."""

    mechanism: Mechanism
    factors: list[OwnFactor]
    run: Callable[[State, Any, ThreadPoolExecutor | None], None]
    record: Any

    def look(self, state: State, day: Any, threads: Any) -> None:
        """Work the factors out in several ways, and run the process."""
        streams = self.mechanism.streams
        keys = {f"key_{n}": self.mechanism.stream(n) for n in streams}
        for name, number in keys.items():
            self.record[name] = key(int(day["seed"]), number, int(day["step"]))
        before = _contents(state)
        for factor in self.factors:
            self._look_at(factor, state, day)
        for name, column in _contents(state).items():
            if _differ(column, before[name]):
                raise InputError(f"{self.factors[0].name} changes {name}")
        self.run(state, day, threads)

    def _look_at(self, factor: OwnFactor, state: State, day: Any) -> None:
        scope = scope_of(factor, state, day, self.record)
        count = count_of(factor, state)
        whole = evaluated(self.mechanism, factor, scope, count)
        loop, again = loops.compiled(self.mechanism, factor), np.empty(count)
        for first, last in reversed(list(_pieces(count))):
            loop(first, last, scope, again)
        with ThreadPoolExecutor(3) as threads:
            spread = evaluated(self.mechanism, factor, scope, count, threads)
        if _differ(again, whole) or _differ(spread, whole):
            raise InputError(f"{factor.name} depends on the order of rows")
        plainly = _called_plainly(factor, state, day, self.record)
        if not np.allclose(np.array(plainly, float), whole, ROUNDED, SMALL):
            raise InputError(f"{factor.name} differs from its plain function")


def _called_plainly(
    called: OwnProcess | OwnFactor, state: State, day: Any, record: Any
) -> list[Any]:
    """Return what a function returns for each row, as plain Python."""
    scope = plain(scope_of(called, state, day, record))
    tables = [table._make(map(_Numbers, table)) for table in scope[:3]]
    scope = scope._replace(humans=tables[0], oses=tables[1], ties=tables[2])
    try:
        return [called.function(i, scope) for i in range(count_of(called, state))]
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        text = f"{called.name}: its plain function breaks ({what})"
        raise InputError(text) from error


class _Numbers:
    """A column that is read and written a number at a time, as plain Python numbers."""

    def __init__(self, column: Array) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, at: int) -> Any:
        return self._column[at].item()

    def __setitem__(self, at: int, value: Any) -> None:
        self._column[at] = value


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    first, size = 0, 1
    while first < count:
        yield first, min(count, first + size)
        first, size = first + size, size + 1


# ------------------------------------------------------------------------------ runs


def _check_again(one: Mechanism, town: Scenario, folder: Path) -> None:
    """Run the whole, run it again, and continue it: by a file that was run anew."""
    middle = max(1, town.parameters.steps // 2)
    options: dict[str, Any] = {"seed": SEED, "snapshot_every": middle}
    whole = run(town, out=folder / "a", checkpoint_every=middle, **options)
    try:
        registry.run_again(one)
        again = run(_renewed(town), out=folder / "b", **options)
        _compare_runs(one, whole, again, "the same seed gives another run")
        registry.run_again(one)
        if middle < town.parameters.steps:
            forked = whole.fork(middle, out=folder / "c")
            what = "a run continued from a checkpoint differs from a whole one"
            _compare_runs(one, whole, forked, what)
    finally:
        registry.use(one)


def _renewed(town: Scenario) -> Scenario:
    """Return a scenario whose parameters are of the mechanisms now in use."""
    extended = registry.extend(town.parameters, town.mechanisms)
    return town.model_copy(update={"parameters": extended})


def _compare_runs(one: Mechanism, whole: Result, other: Result, what: str) -> None:
    tables = ("series", "events")
    parts = [(name, getattr(whole, name), getattr(other, name)) for name in tables]
    parts += [("humans", whole.humans(), other.humans())]
    parts += [
        ("oses", whole.oses(), other.oses()),
        ("ties", whole.ties(), other.ties()),
    ]
    for name, left, right in parts:
        if not left.equals(right):
            raise InputError(f"{one.name}: {what}: its {name} are not the same")


# ---------------------------------------------------------------------------- columns


def _contents(state: State) -> dict[str, Array]:
    """Return a copy of every column of a state, by its full name."""
    found = {f"humans.{n}": c for n, c in state.humans.copy_columns().items()}
    found |= {f"oses.{n}": c for n, c in state.oses.copy_columns().items()}
    found |= {f"ties.{n}": c for n, c in state.ties.table().items()}
    return found | {"faces": state.faces.copy()}


def _differ(one: Array, other: Array) -> bool:
    """Tell whether two columns differ in any bit."""
    return one.shape != other.shape or one.tobytes() != other.tobytes()
