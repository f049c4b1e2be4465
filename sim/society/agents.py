"""Humans and OSes as Mesa agents: views of table rows.

An agent is a number (see `sim.model.state`); a view is a model and a row, and reads and
writes the columns. `AgentRegistry` gives a model Mesa's public members over them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import mesa
import numpy as np

from sim.engine.table import Column, Table
from sim.model import presence
from sim.model.columns import HUMAN_COLUMNS, OFFLINE, OS_COLUMNS, STATUS
from sim.model.state import State
from sim.society.agentset import (
    ColumnAgentSet,
    check_new_rows,
    check_values,
    missing,
    uninstall,
)
from sim.utils.errors import InputError
from sim.utils.names import os_name
from sim.utils.typing import Array

Other = TypeVar("Other", bound="AgentView")


class Tie(NamedTuple):
    """One relationship, seen from one side."""

    agent: AgentView  # the other
    closeness: float  # 0..1, to the other
    returned: float  # 0..1, by the other
    kind: int  # flags PARTNER, OWNER, KNOWS, WAS_CLOSE of sim.model.state


class AgentView(mesa.Agent):
    """An agent as a name: a model and a row of its columns.

    Views of the same agent of the same model are equal, and keep nothing of their own.
    """

    __slots__ = ("model", "row")
    model: AgentRegistry
    row: int
    columns: ClassVar[dict[str, Column]] = {}
    table_name: ClassVar[str]
    pos = None  # Mesa's drawing code asks; there is no space

    def __init__(self, model: AgentRegistry, **columns: Any) -> None:
        # Mesa's own __init__ would register an object for every agent.
        object.__setattr__(self, "model", model)
        model.register_agent(self, **columns)

    @classmethod
    def at(cls, model: AgentRegistry, row: int) -> Self:
        """Return the view of a row that exists."""
        view = cls.__new__(cls)
        object.__setattr__(view, "model", model)
        object.__setattr__(view, "row", row)
        return view

    @property
    def table(self) -> Table:
        """The table whose row this is."""
        return getattr(self.model.state, self.table_name)  # type: ignore[no-any-return]

    @property
    def number(self) -> int:
        """The agent's number in ties, events and results: humans come first."""
        return self.row + (self.model.state.humans.n if isinstance(self, OS) else 0)

    @property
    def unique_id(self) -> int:
        """Mesa's identifier: the agent's number plus 1."""
        return self.number + 1

    @property
    def ties(self) -> list[Tie]:
        """The agent's relationships, in no particular order."""
        block = self.model.state.ties.of(self.number)
        others = map(self.model.view, block["neighbour"].tolist())
        numbers = (block[name].tolist() for name in ("closeness", "returned", "kind"))
        return [Tie(*tie) for tie in zip(others, *numbers, strict=True)]

    def remove(self) -> None:
        """Remove the agent from the society; do nothing if it is gone."""
        with contextlib.suppress(KeyError):
            self.model.deregister_agent(self)

    @classmethod
    def create_agents(
        cls, model: AgentRegistry, n: int, *args: Any, **columns: Any
    ) -> ColumnAgentSet:
        """Create ``n`` agents with columns of one value, or of one for each."""
        if args:
            raise TypeError("give columns by keyword, as in growth=0.5")
        return model.add(cls, n, **columns)

    @classmethod
    def from_dataframe(
        cls, model: AgentRegistry, df: Any, **columns: Any
    ) -> ColumnAgentSet:
        """Create an agent for each row of a data frame; keywords hold for all."""
        own = {str(name): df[name].to_numpy() for name in df.columns}
        return model.add(cls, len(df), **own, **columns)

    def __getattr__(self, name: str) -> Any:
        # One that a mechanism has added, unless the view itself is being made.
        if name not in AgentView.__slots__ and name in self.table.columns:
            return _read(name, self)
        if name not in AgentView.__slots__ and self.table_name == "humans":
            told = getattr(self.model, "people", {})
            if name in told:
                return told[name].item(self.row)
        raise AttributeError(_lacks(type(self), name))

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(getattr(type(self), name, None), property):
            if name in self.table.columns:
                _write(self.table.columns[name], self, value)
                return
            text = f"{_lacks(type(self), name)}; views keep nothing of their own"
            raise AttributeError(text)
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AgentView) or type(self) is not type(other):
            return False
        return self.row == other.row and self.model is other.model

    def __hash__(self) -> int:
        return hash((type(self), self.row, id(self.model)))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return type(self).at, (self.model, self.row)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.number}>"


def _lacks(agent_type: type[AgentView], name: str) -> str:
    return missing(agent_type.__name__, name, tuple(agent_type.columns))


class Human(AgentView):
    """A human, by row of the humans' table; ``number`` is the row."""

    __slots__ = ()
    columns: ClassVar = {column.name: column for column in HUMAN_COLUMNS}
    table_name = "humans"

    @property
    def is_living(self) -> bool:
        """Whether the human is part of the society.

        That is always so, unless it was emptied, or people come and go.
        """
        return bool(self.model.is_living(np.array([self.row]))[0])

    @property
    def own_os(self) -> OS | None:
        """The OS this human has installed (column ``os``)."""
        return _other(self.model, self.model.os_type, self.os)

    @property
    def companion(self) -> Human | None:
        """The human this one is partnered with (column ``partner``)."""
        return _other(self.model, self.model.human_type, self.partner)


class OS(AgentView):
    """An OS, by row of the OSes' table; ``number`` follows those of the humans."""

    __slots__ = ()
    columns: ClassVar = {column.name: column for column in OS_COLUMNS}
    table_name = "oses"

    @property
    def is_living(self) -> bool:
        """Whether the OS is part of the society: here or offline."""
        return bool(self.status <= OFFLINE)

    @property
    def owned_by(self) -> Human | None:
        """The human who installed this OS (column ``owner``)."""
        return _other(self.model, self.model.human_type, self.owner)

    @property
    def status_name(self) -> str:
        """The status as a word: here, offline, departed or uninstalled."""
        return STATUS[self.status]

    @property
    def full_name(self) -> str:
        """The name it gave itself."""
        return os_name(self.name)

    def __repr__(self) -> str:
        who = f"{type(self).__name__} {self.number} {self.full_name!r}"
        return f"<{who} {self.status_name}>"


def _other(model: AgentRegistry, agent_type: type[Other], row: int) -> Other | None:
    return None if row < 0 else agent_type.at(model, row)


def _read(name: str, view: AgentView) -> Any:
    return view.table.column(name)[view.row].item()


def _write(column: Column, view: AgentView, value: Any) -> None:
    check_values(view.model.state, column, value)
    view.table.column(column.name)[view.row] = value


def _offer_columns(agent_type: type[AgentView]) -> None:
    for name, column in agent_type.columns.items():
        doc = f"{column.meaning} ({column.dtype}; {column.unit})"
        read, write = partial(_read, name), partial(_write, column)
        setattr(agent_type, name, property(read, write, doc=doc))


_offer_columns(Human)
_offer_columns(OS)


class AgentRegistry:
    """Mesa's members of a model, over a `State`: mix it in before ``mesa.Model``.

    The living agents are all humans, where people come and go those who are there, and
    the OSes that are here or offline. The model must have ``state``; its ``calendar``
    (an int, else 0) dates the OSes it creates.
    """

    state: State
    random: Random
    human_type: ClassVar[type[Human]] = Human
    os_type: ClassVar[type[OS]] = OS
    emptied = False

    @property
    def agents(self) -> ColumnAgentSet:
        """All living agents, humans first."""
        return ColumnAgentSet(self)

    @property
    def agents_by_type(self) -> dict[type[AgentView], ColumnAgentSet]:
        """The living agents of each type that has any."""
        return {
            agent_type: ColumnAgentSet(self, agent_type=agent_type)
            for agent_type in self.agent_types
        }

    @property
    def agent_types(self) -> list[type[AgentView]]:
        """The types that have living agents."""
        types: tuple[type[AgentView], ...] = (self.human_type, self.os_type)
        return [agent_type for agent_type in types if len(self.living(agent_type))]

    def register_agent(self, agent: Any, **columns: Any) -> None:
        """Create a row for a new view; Mesa calls this when ``OS(model)`` is made.

        Raises
        ------
        TypeError
            For any agent but a new OS.
        """
        known = (self.human_type, self.os_type)
        if type(agent) not in known or hasattr(agent, "row"):
            name = self.os_type.__name__
            what = f"cannot register this {type(agent).__name__}"
            raise TypeError(
                f"{what}; this society makes {name} agents, by {name}(model)"
            )
        new = self.add(type(agent), 1, **columns).numbers
        object.__setattr__(agent, "row", int(new[0]) - self.state.humans.n)

    def deregister_agent(self, agent: Any) -> None:
        """Uninstall an OS; its ties fall away by the model's next day.

        Raises
        ------
        TypeError
            For a human.
        KeyError
            If the OS has departed or was uninstalled before.
        """
        if isinstance(agent, Human):
            raise TypeError(
                "humans cannot be removed one by one; see remove_all_agents()"
            )
        if self.number_of(agent) < 0 or not agent.is_living:
            raise KeyError(agent)
        uninstall(self.state, np.array([agent.row]))
        self._signal("agent_removed", np.array([agent.number]))

    def remove_all_agents(self) -> None:
        """Empty the society: no humans, no OSes, no ties."""
        gone = self.living(AgentView)
        uninstall(self.state, np.arange(self.state.oses.n))
        self.emptied = True
        nothing = np.zeros(0)
        pairs = np.zeros((0, 2), np.int32)
        self.state.ties.fill(pairs, nothing, nothing.astype(np.uint8), 0)
        self._signal("agent_removed", gone)
        if hasattr(self, "data_registry"):  # mesa >= 3.5
            self.data_registry.close()

    def add(self, cls: type[AgentView], n: int, /, **columns: Any) -> ColumnAgentSet:
        """Create ``n`` OSes with columns of one value, or of one for each.

        An ``owner`` is a human without an OS, whose ``os`` column will name the new
        one; the tie between them is the model's to make.

        Raises
        ------
        TypeError
            If ``cls`` is not this model's type of OS, or a column is unknown.
        InputError
            If there are too many or too few values, or they do not fit the column.
        """
        if issubclass(cls, Human):
            raise TypeError("humans cannot be created after set-up")
        if not (issubclass(cls, OS) and issubclass(self.os_type, cls)):
            raise TypeError(f"this society makes {self.os_type.__name__}, not {cls}")
        check_new_rows(self.state, n, columns)
        columns.setdefault("born_step", getattr(self, "calendar", 0))
        new = self.state.add_oses(n, **columns)
        owners = self.state.oses.owner[new]
        rows = np.arange(new.start, new.stop)
        self.state.humans.os[owners[owners >= 0]] = rows[owners >= 0]
        numbers = rows + self.state.humans.n
        self._signal("agent_added", numbers)
        return ColumnAgentSet(self, numbers)

    def subset(self, agents: Iterable[Any]) -> ColumnAgentSet:
        """Return a set of these agents, each once, in their order.

        Unlike a ``mesa.AgentSet``, it holds on to agents that no one else refers to.
        """
        return self.agents.of(agents)

    def view(self, number: int) -> Any:
        """Return the agent with a number: a `Human` or an `OS`, living or not.

        Raises
        ------
        InputError
            If there is no such agent.
        """
        humans = self.state.humans.n
        if 0 <= number < humans:
            return self.human_type.at(self, number)
        if humans <= number < humans + self.state.oses.n:
            return self.os_type.at(self, number - humans)
        last = humans + self.state.oses.n - 1
        raise InputError(f"there is no agent {number}; agents are 0 to {last}")

    def number_of(self, agent: object) -> int:
        """Return the number of an agent of this model, or -1."""
        if isinstance(agent, AgentView) and agent.model is self:
            return int(agent.number)
        return -1

    def living(self, agent_type: type) -> Array:
        """Return ``int64[any]``: the numbers of all living agents of a type."""
        humans, oses = np.arange(0), np.arange(0)
        if issubclass(self.human_type, agent_type) and not self.emptied:
            humans = presence.of_those_alive(self.state, np.arange(self.state.humans.n))
        if issubclass(self.os_type, agent_type):
            oses = np.flatnonzero(self.state.oses.status <= OFFLINE)
        return np.concatenate([humans, oses + self.state.humans.n])

    def is_living(self, numbers: Array) -> Array:
        """Return ``bool[len(numbers)]``: which of these agents live."""
        alive = np.full(len(numbers), not self.emptied)
        is_os = numbers >= self.state.humans.n
        there = presence.alive(self.state)
        if there is not None:
            alive[~is_os] &= there[numbers[~is_os]]
        rows = numbers[is_os] - self.state.humans.n
        alive[is_os] = self.state.oses.status[rows] <= OFFLINE
        return alive

    def is_type(self, numbers: Array, agent_type: type) -> Array:
        """Return ``bool[len(numbers)]``: which of these agents are of a type."""
        human, is_os = (
            issubclass(t, agent_type) for t in (self.human_type, self.os_type)
        )
        return np.where(numbers < self.state.humans.n, human, is_os)

    def _signal(self, signal: str, numbers: Array) -> None:
        """Tell those who observe this model's agents (mesa >= 3.5)."""
        if ("agents", signal) in getattr(self, "subscribers", ()):
            for number in numbers.tolist():
                self.notify("agents", signal, args=(self.view(number),))  # type: ignore[attr-defined]
