"""Sets of agents, as Mesa knows them, without the agents: arrays of numbers.

A `ColumnAgentSet` behaves like Mesa's `AgentSet` and answers from the columns of the
society's state. Views of agents exist only while somebody looks at them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import islice
from math import ceil, inf
from typing import Any, Self

import numpy as np
from mesa.agent import AgentSet

from sim.agentset.columns import Columnar
from sim.errors import InputError
from sim.ties import Array

try:  # moved in mesa 3.4
    from mesa.agentset import GroupBy
except ImportError:
    from mesa.agent import GroupBy


class Columns:
    """The columns of a set of agents, read as attributes."""

    def __init__(self, agents: Columnar) -> None:
        self._agents = agents

    def __getattr__(self, name: str) -> Array:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._agents.column(name)


class ColumnGroupBy(GroupBy):
    """Mesa's groups, aggregated on columns."""

    def agg(self, attr_name: str, func: Any) -> dict[Any, Any]:
        """Return, by group, what one function or several make of an attribute."""
        if all(isinstance(group, Columnar) for group in self.groups.values()):
            return {k: group.agg(attr_name, func) for k, group in self.groups.items()}
        groups: dict[Any, Any] = super().agg(attr_name, func)
        return groups


class ColumnAgentSet(Columnar, AgentSet):
    """A Mesa `AgentSet` that is an array of agent numbers over columns.

    Without numbers it is all living agents of a type, and stays so as they come and
    go. With numbers it keeps its members, less those that are removed; unlike in Mesa's
    own set, nothing is lost when no one else refers to a member.
    """

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
