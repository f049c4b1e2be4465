"""The contract of a mechanism as a test: what users run on their own.

Most of it holds by the way processes are given their columns; here it is tried, and
what can only be tried is looked at, too: that switched off it changes nothing, that
rows may come in any order and on any thread, that plain and compiled function agree,
and that nothing is remembered beside the columns.
"""

from __future__ import annotations

import copy
import inspect
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
from sim.mechanisms.replaced import Replacement, Substitute, compiled_rule
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
ROWS = ("agents", "humans", "oses")  # what processes run over, range by range
EVERY = 13  # days between those on which processes are looked at
ROUNDED, SMALL = 1e-5, 1e-6  # relative, absolute: plain Python rounds elsewhere
DRAWN = 1000  # arguments of a rule that is replaced
# What arguments of rules are within, by their names; others are within 0 to 1.
RANGES = {
    **dict.fromkeys(("amount", "half", "reach", "scale", "half_life"), (0.01, 100.0)),
    **dict.fromkeys(("x", "push", "threshold", "support"), (-5.0, 5.0)),
    **dict.fromkeys(("gap", "growth_gap", "spare"), (-10.0, 10.0)),
    **dict.fromkeys(("openness_gap", "playfulness_gap"), (-1.0, 1.0)),
    **dict.fromkeys(("y", "growth", "needed", "grief", "other_grief"), (0.0, 10.0)),
    **dict.fromkeys(("worth", "strength", "quality", "crowding"), (0.0, 2.0)),
    **dict.fromkeys(("conformity", "longing", "opening", "fit"), (0.0, 2.0)),
    **dict.fromkeys(("noise", "mean", "price"), (0.01, 0.99)),
    **{"base": (0.1, 100.0), "exponent": (0.0, 2.0), "cap": (10.0, 60.0)},
    **{"hours": (0.0, 24.0), "rate": (0.0, 0.5)},
}
HELD = (
    "switched off, it changes no byte",
    "its processes read and write what they declare, and no more",
    "any cut of the rows and any number of threads give the same bytes",
    "plain and compiled functions agree, and rules are finite",
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
    usual = (
        scenarios.load("her-film-cut").replace(**QUICK)
        if scenario is None
        else scenario
    )
    town = usual.use(one.name)
    _check_off(one, usual, town)
    _check_rules(one, town)
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
    own = {f"{t}.{c.name}" for t in one.columns for c in one.columns_of(t)}
    own |= {f"{t}.{c.name}" for t, some in one.tables.items() for c in some}
    before, after = _contents(without.state), _contents(switched.state)
    changed = [n for n in after if n not in own and _differ(before[n], after[n])]
    series = without.monitor.history.columns(), switched.monitor.history.columns()
    changed += [n for n in series[0] if _differ(series[0][n], series[1][n])]
    if changed:
        raise InputError(f"{one.name}: switched off, it changes {changed[0]}")


# ----------------------------------------------------------------------------- rules


def _check_rules(one: Mechanism, town: Scenario) -> None:
    """Compare replaced rules with their plain functions on random arguments."""
    for replacement in one.replacements.values():
        name = f"{one.name}.{replacement.function.__name__}"
        rows = _arguments(one, replacement, town)
        found, wanted = np.zeros((2, len(rows)))
        compiled_rule(replacement)(rows, found)
        for at, row in enumerate(rows.tolist()):
            try:
                wanted[at] = _plainly(replacement, row)
            except Exception as error:
                what = f"its plain function breaks ({type(error).__name__}: {error})"
                raise InputError(f"{name}: {what} {_at(replacement, row)}") from error
        near = np.isclose(found, wanted, ROUNDED, SMALL)
        for at in np.flatnonzero(~(near & np.isfinite(found)))[:1]:
            said = f"returns {found[at]}, compiled, and {wanted[at]}, plain,"
            if not np.isfinite(found[at]):
                said = f"returns {found[at]}, no finite number,"
            raise InputError(f"{name} {said} {_at(replacement, rows[at].tolist())}")


def _plainly(replacement: Replacement, row: list[float]) -> float:
    count = len(row) - len(replacement.settings)
    own = dict(zip(replacement.settings, row[count:], strict=True))
    return float(replacement.function(*row[:count], **own))


def _arguments(one: Mechanism, replacement: Replacement, town: Scenario) -> Array:
    """Return random arguments of a rule, and the mechanism's parameters after them.

    These are as the scenario has them in half of the rows, and anything that they may
    be in the others.
    """
    random, columns = np.random.default_rng(SEED), []
    for name in inspect.signature(replacement.function).parameters:
        low, high = RANGES.get(name, (0.0, 1.0))
        if name in replacement.settings:
            constant = one.parameters[name]
            about = constant.field.json_schema_extra["about"]
            low, high = about.low, about.high
        drawn = random.uniform(low, high, DRAWN)
        if name in replacement.settings:
            if constant.type is not float:
                drawn = np.round(drawn)
            drawn[::2] = float(getattr(town.parameters, name))
        columns.append(drawn)
    return np.column_stack(columns)


def _at(replacement: Replacement, row: list[float]) -> str:
    """Return the arguments of a rule in words."""
    names = inspect.signature(replacement.function).parameters
    told = (f"{name} = {value:g}" for name, value in zip(names, row, strict=True))
    return f"at {', '.join(told)}"


# ------------------------------------------------------------------------- processes


def _check_processes(one: Mechanism, town: Scenario) -> None:
    """Run a society whose own processes are looked at while they run."""
    society = Society(town, seed=SEED)
    schedule = society.own_schedule
    assert schedule is not None  # the scenario uses a mechanism
    own = {process.name: process for process in one.processes}
    usual, record = schedule.phases, schedule.constants[one.name]

    def watched(phase: Phase) -> Phase:
        if isinstance(phase.run, Substitute) and phase.over in ROWS:
            return phase._replace(over="own", run=_Cut(phase).look)
        if phase.name in own:
            watch = _Watch(one, own[phase.name], phase.run, record)
            return phase._replace(run=watch.look)
        here = [f for f in one.factors if SOCKETS[f.socket].phase == phase.name]
        factors = _WatchFactors(one, here, phase.run, record)
        return phase._replace(run=factors.look) if here else phase

    for day in range(town.parameters.steps):
        schedule.phases = usual if day % EVERY else tuple(map(watched, usual))
        society.step()


class _Cut(NamedTuple):
    """Runs a process of the model with replaced rules, and in other orders."""

    phase: Phase

    def look(self, state: State, day: Any, threads: Any) -> None:
        """Run the process on a state, and on a copy from the last rows to the first."""
        over = self.phase.over
        count = state.ties.agents if over == "agents" else len(getattr(state, over))
        again = copy.deepcopy(state)
        self.phase.run(0, count, state.agents, state.ties.arrays, day)
        for first, last in reversed(list(_pieces(count))):
            self.phase.run(first, last, again.agents, again.ties.arrays, day)
        found, wanted = _contents(again), _contents(state)
        for name in wanted:
            if _differ(found[name], wanted[name]):
                what = "with replaced rules, depends on the order of rows"
                raise InputError(f"{self.phase.name}, {what}: {name} is not the same")


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
            now = after[name]
            if name.partition(".")[0] in process.adds:
                now = now[: len(column)]
            if name not in process.writes and _differ(column, now):
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
        """Run the function as plain Python, with numbers of full precision.

        Who reads and writes what is noted, since threads that write the same place, or
        read what another writes, give what they give by luck.
        """
        process = self.process
        scope = plain(scope_of(process, state, day, self.record))
        uses = {
            table: [_Uses(f"{table}.{name}") for name in columns._fields]
            for table, columns in scope._asdict().items()
            if table not in ("day", "my")
        }
        wrapped = {
            table: columns._make(map(_Numbers, columns, uses[table]))
            for table, columns in scope._asdict().items()
            if table in uses
        }
        scope = scope._replace(**wrapped)
        noted = [one for some in uses.values() for one in some]
        try:
            for row in loops.run_plainly(process, count_of(process, state), scope):
                for one in noted:
                    one.row = row
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise InputError(
                f"{process.name}: its plain function breaks ({what})"
            ) from error
        for one in noted:
            one.check(process.name)

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
        contents = _contents(state)
        tables = {"humans": state.humans, "oses": state.oses, **state.tables}
        known = {name: table.columns for name, table in tables.items()}
        known["ties"] = state.ties.own
        for name in self.process.writes:
            table, _, word = name.partition(".")
            self._check_column(name, known[table][word], contents[name])

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


class _Uses:
    """Which rows of a process read and write which places of a column."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.row = 0  # whose turn it is
        self.readers: dict[int, set[int]] = {}
        self.writers: dict[int, set[int]] = {}

    def check(self, process: str) -> None:
        """Raise InputError if a row reads or writes what another row writes."""
        for at, rows in self.writers.items():
            if len(rows | self.readers.get(at, set())) > 1:
                raise InputError(
                    f"{process}: several rows use a place of {self.name} that one of "
                    "them writes, so that threads give what they give by luck; let "
                    "each row write its own place, or add up in a process over the "
                    "rows that get the sums"
                )


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
    called: OwnFactor, state: State, day: Any, record: Any
) -> list[Any]:
    """Return what a function returns for each row, as plain Python."""
    scope = plain(scope_of(called, state, day, record))
    wrapped = {
        table: columns._make(_Numbers(one, _Uses(table)) for one in columns)
        for table, columns in scope._asdict().items()
        if table not in ("day", "my")
    }
    scope = scope._replace(**wrapped)
    try:
        return [called.function(i, scope) for i in range(count_of(called, state))]
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        text = f"{called.name}: its plain function breaks ({what})"
        raise InputError(text) from error


class _Numbers:
    """A column that is read and written a number at a time, as plain Python numbers."""

    def __init__(self, column: Array, uses: _Uses) -> None:
        self._column, self._uses = column, uses

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, at: int) -> Any:
        self._note(self._uses.readers, at)
        return self._column[at].item()

    def __setitem__(self, at: int, value: Any) -> None:
        self._note(self._uses.writers, at)
        self._column[at] = value

    def _note(self, known: dict[int, set[int]], at: int) -> None:
        place = int(at) % max(len(self), 1)
        known.setdefault(place, set()).add(self._uses.row)


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
    parts += [(name, whole.table(name), other.table(name)) for name in one.tables]
    for name, left, right in parts:
        if not left.equals(right):
            raise InputError(f"{one.name}: {what}: its {name} are not the same")


# ---------------------------------------------------------------------------- columns


def _contents(state: State) -> dict[str, Array]:
    """Return a copy of every column of a state, by its full name."""
    found = {f"humans.{n}": c for n, c in state.humans.copy_columns().items()}
    found |= {f"oses.{n}": c for n, c in state.oses.copy_columns().items()}
    found |= {f"ties.{n}": c for n, c in state.ties.table().items()}
    for table, rows in state.tables.items():
        found |= {f"{table}.{n}": c for n, c in rows.copy_columns().items()}
    return found | {"faces": state.faces.copy()}


def _differ(one: Array, other: Array) -> bool:
    """Tell whether two columns differ in any bit."""
    return one.shape != other.shape or one.tobytes() != other.tobytes()
