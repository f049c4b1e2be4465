"""Mesa agent sets over columns: arrays of agent ids.

A `ColumnAgentSet` behaves like Mesa's `AgentSet` and answers from the columns of the
society's state. Views of agents exist only while somebody looks at them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from math import ceil, inf
from random import Random
from typing import Any, Protocol, Self

import numpy as np
from mesa.agent import AgentSet

from sim.engine.table import Column, Table
from sim.model.columns import OFFLINE, STATUS, UNINSTALLED
from sim.model.state import State
from sim.utils.errors import InputError, nearest
from sim.utils.typing import Array

try:  # moved in mesa 3.4
    from mesa.agentset import GroupBy
except ImportError:
    from mesa.agent import GroupBy

# The tables that columns of rows point into.
_POINTS_TO_OSES = ("os", "made_by", "collective")

_REDUCERS: tuple[tuple[Any, Any], ...] = ((sum, np.sum), (min, np.min), (max, np.max))


class Registry(Protocol):
    """What a set of agents asks of its model (``sim.society.agents.AgentRegistry``)."""

    state: State
    random: Random

    def view(self, number: int) -> Any:
        """Return the agent with a number."""

    def number_of(self, agent: object) -> int:
        """Return the number of an agent of this model, or -1."""

    def living(self, agent_type: type) -> Array:
        """Return ``int64[any]``: the numbers of all living agents of a type."""

    def is_living(self, numbers: Array) -> Array:
        """Return ``bool[len(numbers)]``: which of these agents live."""

    def is_type(self, numbers: Array, agent_type: type) -> Array:
        """Return ``bool[len(numbers)]``: which of these agents are of a type."""


def check_values(state: State, column: Column, values: Any) -> None:
    """Check that values can be written into a column.

    Raises
    ------
    InputError
        If a value is no number, or names a row or a status that does not exist.
    """
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        what = f"{column.name} is a number ({column.meaning}; {column.unit})"
        raise InputError(f"{what}, so it cannot hold {values!r}")
    low, high = _limits(state, column)
    if given.size and not (low <= given.min() and given.max() <= high):
        raise InputError(f"{column.name} must be from {low} to {high}, not {values!r}")


def _limits(state: State, column: Column) -> tuple[float, float]:
    if column.unit == "row":
        rows = state.oses.n if column.name in _POINTS_TO_OSES else state.humans.n
        return -1, rows - 1
    if column.unit == "agent":
        return -1, state.humans.n + state.oses.n - 1
    if column.name == "status":
        return 0, len(STATUS) - 1
    kind = np.dtype(column.dtype)
    if kind.kind == "f":
        return -inf, inf
    return int(np.iinfo(kind).min), int(np.iinfo(kind).max)


def check_new_rows(state: State, rows: int, columns: dict[str, Any]) -> None:
    """Check the columns given for new OSes.

    Raises
    ------
    TypeError
        If a column is unknown.
    InputError
        If the values do not fit the rows or the columns, or an owner has an OS.
    """
    if rows < 0:
        raise InputError(f"cannot create {rows} agents; give 0 or more")
    for name, values in columns.items():
        if name not in state.oses.columns:
            raise TypeError(missing("OS", name, tuple(state.oses.columns)))
        if np.shape(values) not in ((), (rows,)):
            wrong = f"{list(np.shape(values))} values for {rows} agents"
            raise InputError(f"{name}: give one value, or one for each, not {wrong}")
        check_values(state, state.oses.columns[name], values)
    owners = np.broadcast_to(columns.get("owner", -1), rows).astype(np.int64)
    owners = owners[owners >= 0]
    if len(np.unique(owners)) < len(owners) or (state.humans.os[owners] >= 0).any():
        raise InputError("owner: each must be another human, without an OS so far")


def uninstall(state: State, rows: Array) -> None:
    """Uninstall those OSes of the rows that are here or offline."""
    leaving = rows[state.oses.status[rows] <= OFFLINE]
    state.oses.status[leaving] = UNINSTALLED
    state.humans.os[np.isin(state.humans.os, leaving)] = -1


@cache  # asking many agents for what they lack must not be slow
def missing(kind: str, name: str, columns: tuple[str, ...]) -> str:
    """Return what to say about a column that agents of a kind do not have."""
    return f"{kind} has no column {name!r}{nearest(name, columns)}"


class Columns:
    """The columns of a set of agents, read as attributes."""

    def __init__(self, agents: ColumnAgentSet) -> None:
        self._agents = agents

    def __getattr__(self, name: str) -> Array:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._agents.column(name)


class ColumnGroupBy(GroupBy):
    """Mesa's groups, aggregated on columns."""

    def agg(self, attr_name: str, func: Any) -> dict[Any, Any]:
        """Return, by group, what one function or several make of an attribute."""
        if all(isinstance(group, ColumnAgentSet) for group in self.groups.values()):
            return {k: group.agg(attr_name, func) for k, group in self.groups.items()}
        groups: dict[Any, Any] = super().agg(attr_name, func)
        return groups


class ColumnAgentSet(AgentSet):
    """A Mesa `AgentSet` that is an array of agent numbers over columns.

    Without numbers it is all living agents of a type, and stays so as they come and
    go. With numbers it keeps its members, less those that are removed; unlike in Mesa's
    own set, nothing is lost when no one else refers to a member.
    """

    def __init__(
        self,
        model: Registry,
        numbers: Array | None = None,
        random: Random | None = None,
        agent_type: type = object,
    ) -> None:
        self.model = model
        self.random = model.random if random is None else random
        self._numbers = None if numbers is None else numbers.astype(np.int64)
        self._agent_type = agent_type

    @property
    def numbers(self) -> Array:
        """``int64[len(self)]``: the living agents of the set, in its order."""
        if self._numbers is None:
            return self.model.living(self._agent_type)
        living: Array = self._numbers[self.model.is_living(self._numbers)]
        return living

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Any]:
        return map(self.model.view, self.numbers.tolist())

    def __contains__(self, agent: object) -> bool:
        number = self.model.number_of(agent)
        if number < 0 or not self.model.is_living(np.array([number]))[0]:
            return False
        if self._numbers is None:
            return isinstance(agent, self._agent_type)
        return bool(np.any(self._numbers == number))

    def __getitem__(self, item: Any) -> Any:
        numbers = self.numbers
        if isinstance(item, slice):
            return [self.model.view(number) for number in numbers[item].tolist()]
        return self.model.view(int(numbers[operator.index(item)]))

    def to_list(self) -> list[Any]:
        """Return views of all agents of the set."""
        return list(self)

    def copy(self) -> Self:
        """Return the set as it is now: it no longer follows births."""
        return self._derive(self.numbers)

    __copy__ = copy

    def _derive(self, numbers: Array, inplace: bool = False) -> Self:
        if not inplace:
            return type(self)(self.model, numbers, self.random)
        self._numbers = numbers
        return self

    def _update(self, agents: Iterable[Any]) -> Self:
        return self._derive(self.of(agents).numbers, inplace=True)

    def of(self, agents: Iterable[Any]) -> Self:
        """Return a set of the given agents, each once, in their order."""
        numbers = dict.fromkeys(map(self._number_of, agents))
        return self._derive(np.fromiter(numbers, np.int64, len(numbers)))

    _from_iterable = of  # Python's set operators make their results by this name

    def _number_of(self, agent: object) -> int:
        number = self.model.number_of(agent)
        if number < 0:
            raise InputError(f"{agent!r} is no agent of this society")
        return number

    def add(self, agent: Any) -> None:
        """Add an agent at the end, unless the set has it."""
        number, numbers = self._number_of(agent), self._own_numbers()
        if not np.any(numbers == number):
            self._numbers = np.append(numbers, number)

    def discard(self, agent: Any) -> None:
        """Take an agent out, if the set has it."""
        numbers = self._own_numbers()
        self._numbers = numbers[numbers != self.model.number_of(agent)]

    def remove(self, agent: Any) -> None:
        """Take an agent out.

        Raises
        ------
        KeyError
            If the set does not have it.
        """
        if agent not in self:
            raise KeyError(agent)
        self.discard(agent)

    def clear(self) -> None:
        """Take all agents out."""
        self._numbers = self._own_numbers()[:0]

    def _own_numbers(self) -> Array:
        if self._numbers is None:
            raise TypeError(
                "the society's own sets change only as agents come and go; "
                "edit a copy() of them"
            )
        numbers: Array = self._numbers
        return numbers

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} agents>"

    def column(self, name: str) -> Array:
        """Return a copy of one column for the agents of the set, in its order.

        Raises
        ------
        AttributeError
            If an agent of the set has no such column.
        """
        numbers = self.numbers
        if name == "unique_id":
            return numbers + 1
        parts = self._parts(numbers)
        if not len(numbers):
            return self._none_of(name)
        for table, _, _ in parts:
            _require(table, name)
        if len(parts) == 1:
            return np.asarray(parts[0][0].column(name)[parts[0][2]])
        kind = np.result_type(*(table.column(name) for table, _, _ in parts))
        values = np.empty(len(numbers), kind)
        for table, where, rows in parts:
            values[where] = table.column(name)[rows]
        return values

    def _none_of(self, name: str) -> Array:
        """Return a column of nobody: of either kind of agent, whichever it has."""
        tables = [self.model.state.humans, self.model.state.oses]
        for table in tables:
            if name in table.columns:
                return np.empty(0, table.column(name).dtype)
        known = tuple(dict.fromkeys([*tables[0].columns, *tables[1].columns]))
        raise AttributeError(missing("nobody here", name, known))

    def _parts(self, numbers: Array) -> list[tuple[Table, Array, Array]]:
        """Return (table, where in the set, rows of the table), by type of agent."""
        state = self.model.state
        is_os = numbers >= state.humans.n
        if not is_os.any():
            return [(state.humans, ~is_os, numbers)]
        oses = (state.oses, is_os, numbers[is_os] - state.humans.n)
        if is_os.all():
            return [oses]
        return [(state.humans, ~is_os, numbers[~is_os]), oses]

    def get(
        self,
        attr_names: str | Iterable[str],
        handle_missing: str = "error",
        default_value: Any = None,
    ) -> list[Any]:
        """Return the attribute of each agent; for several names, a list for each.

        Values are Python scalars; ``column`` gives an array, faster.

        Raises
        ------
        AttributeError
            If an agent lacks the attribute and ``handle_missing`` is ``"error"``.
        ValueError
            If ``handle_missing`` is neither ``"error"`` nor ``"default"``.
        """
        if handle_missing not in ("error", "default"):
            raise ValueError(
                f"handle_missing is 'error' or 'default', not {handle_missing!r}"
            )
        default = () if handle_missing == "error" else (default_value,)
        if isinstance(attr_names, str):
            return list(self._values(attr_names, default))
        columns = [list(self._values(name, default)) for name in attr_names]
        return [[column[i] for column in columns] for i in range(len(self))]

    def _values(self, name: str, default: tuple[Any, ...] = ()) -> list[Any]:
        try:
            values: list[Any] = self.column(name).tolist()
            return values
        except AttributeError:
            return [getattr(agent, name, *default) for agent in self]

    def set(self, attr_name: str, value: Any) -> Self:
        """Set an attribute of all agents, to one value or to an array of one each.

        Raises
        ------
        InputError
            If the value does not fit the column, or the array the set.
        """
        parts = self._parts(self.numbers)
        if not all(attr_name in table.columns for table, _, _ in parts):
            for agent in self:
                setattr(agent, attr_name, value)
            return self
        if np.ndim(value) and np.shape(value) != (len(self),):
            size = f"{np.shape(value)} for {len(self)} agents"
            raise InputError(f"{attr_name}: one value, or one for each, not {size}")
        for table, where, rows in parts:
            check_values(self.model.state, table.columns[attr_name], value)
            own = np.asarray(value)[where] if np.ndim(value) else value
            table.column(attr_name)[rows] = own
        return self

    def agg(
        self,
        attribute: str,
        func: Callable[[Any], Any] | Iterable[Callable[[Any], Any]],
    ) -> Any:
        """Return what a function makes of all values, or a list for several.

        Functions of NumPy get the values as an array, in double precision; ``sum``,
        ``min`` and ``max`` are as fast; others get a list, as from ``get``.
        """
        values: Any
        try:
            values = _widened(self.column(attribute))
        except AttributeError:
            values = self.get(attribute)
        if callable(func):
            return _reduce(func, values)
        return [_reduce(function, values) for function in func]

    def select(
        self,
        filter_func: Callable[[Any], bool] | None = None,
        at_most: float = inf,
        inplace: bool = False,
        agent_type: type | None = None,
        *,
        where: Callable[[Columns], Array] | None = None,
    ) -> Self:
        """Return the agents that meet all conditions, in the order of the set.

        Parameters
        ----------
        filter_func
            Asked about one agent at a time.
        at_most
            Stop after so many agents, or (a float up to 1.0) this share of the set.
        inplace
            Change this set instead of making another.
        agent_type
            Only agents of this type.
        where
            Asked once about whole columns, and much faster than ``filter_func``:
            ``where=lambda columns: columns.growth > 1``.

        Raises
        ------
        InputError
            If ``where`` returns anything but one truth value for each agent.
        """
        numbers = self.numbers
        limit = _limit(at_most, len(numbers))
        if agent_type is not None:
            numbers = numbers[self.model.is_type(numbers, agent_type)]
        if where is not None:
            numbers = numbers[_mask(where(Columns(self._derive(numbers))), numbers)]
        if filter_func is not None:
            view = self.model.view
            chosen = (n for n in numbers.tolist() if filter_func(view(n)))
            numbers = np.fromiter(islice(chosen, limit), np.int64)
        return self._derive(numbers[:limit], inplace)

    def shuffle(self, inplace: bool = False) -> Self:
        """Return the agents in an order drawn from Mesa's ``random``."""
        generator = np.random.default_rng(self.random.getrandbits(64))
        return self._derive(generator.permutation(self.numbers), inplace)

    def sort(
        self,
        key: Callable[[Any], Any] | str,
        ascending: bool = False,
        inplace: bool = False,
    ) -> Self:
        """Return the agents by falling (or rising) key; equals keep their order."""
        order: Any
        numbers, keys = self.numbers, self._keys(key)
        if isinstance(keys, list):
            order = sorted(
                range(len(keys)), key=keys.__getitem__, reverse=not ascending
            )
        elif ascending:
            order = np.argsort(keys, kind="stable")
        else:
            order = len(keys) - 1 - np.argsort(keys[::-1], kind="stable")[::-1]
        return self._derive(numbers[np.asarray(order, np.int64)], inplace)

    def _keys(self, by: Callable[[Any], Any] | str) -> Any:
        """Return one key for each agent: a column if there is one, else a list."""
        if callable(by):
            return [by(agent) for agent in self]
        try:
            return self.column(by)
        except AttributeError:
            return list(map(operator.attrgetter(by), self))

    def groupby(
        self, by: Callable[[Any], Any] | str, result_type: str = "agentset"
    ) -> ColumnGroupBy:
        """Return the agents in groups of equal attribute, in order of appearance.

        ``result_type`` is ``"agentset"``, or ``"list"`` for lists of views.
        """
        groups = _groups(self._keys(by), self.numbers)
        sets = {key: self._derive(members) for key, members in groups.items()}
        if result_type == "agentset":
            return ColumnGroupBy(sets)
        return ColumnGroupBy({key: group.to_list() for key, group in sets.items()})

    def map(
        self, method: Callable[..., Any] | str, *args: Any, **kwargs: Any
    ) -> list[Any]:
        """Call a method, or a function of the agent, for each; return the results.

        Agents that are removed on the way are passed over.
        """
        call = _caller(method, args, kwargs)
        return [call(agent) for agent in self if agent.is_living]

    def do(self, method: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Self:
        """Call a method, or a function of the agent, for each; return the set."""
        call = _caller(method, args, kwargs)
        for agent in self:
            if agent.is_living:
                call(agent)
        return self

    def shuffle_do(
        self, method: Callable[..., Any] | str, *args: Any, **kwargs: Any
    ) -> Self:
        """Do as ``do``, in an order drawn from Mesa's ``random``; return the set."""
        self.shuffle().do(method, *args, **kwargs)
        return self


def _limit(at_most: float, size: int) -> int | None:
    if at_most == inf:
        return None
    if isinstance(at_most, float) and at_most <= 1.0:
        return max(0, int(size * at_most))
    return max(0, ceil(at_most))


def _mask(chosen: Any, numbers: Array) -> Array:
    mask = np.asarray(chosen)
    if mask.dtype != np.bool_ or mask.shape != numbers.shape:
        raise InputError(
            f"where must return bool[{len(numbers)}], one truth value for each agent, "
            f"not {mask.dtype}{list(mask.shape)}"
        )
    return mask


def _groups(keys: Any, numbers: Array) -> dict[Any, Array]:
    if isinstance(keys, list):
        lists: dict[Any, list[int]] = {}
        for key, number in zip(keys, numbers.tolist(), strict=True):
            lists.setdefault(key, []).append(number)
        return {key: np.array(members) for key, members in lists.items()}
    values, first, group = np.unique(keys, return_index=True, return_inverse=True)
    ends = np.cumsum(np.bincount(group, minlength=len(values)))
    members = np.split(numbers[np.argsort(group, kind="stable")], ends)
    return {values[k].item(): members[k] for k in np.argsort(first)}


def _caller(
    method: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[Any], Any]:
    if isinstance(method, str):
        return operator.methodcaller(method, *args, **kwargs)
    return lambda agent: method(agent, *args, **kwargs)


def _require(table: Table, name: str) -> None:
    if name not in table.columns:
        kind = "Human" if "os" in table.columns else "OS"
        raise AttributeError(missing(kind, name, tuple(table.columns)))


def _widened(values: Array) -> Array:
    """Return the values with the precision that Python's own numbers have."""
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)


def _reduce(function: Callable[[Any], Any], values: Any) -> Any:
    if not isinstance(values, np.ndarray):
        return function(values)
    for slow, fast in _REDUCERS:
        if function is slow:
            return fast(values).item()
    known = (getattr(function, "__module__", None) or "").startswith("numpy")
    if known or isinstance(function, np.ufunc):
        return function(values)
    return function(values.tolist())
