"""The society as a Mesa model."""

from __future__ import annotations

import importlib
import itertools
import operator
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import mesa
import networkx as nx
import numpy as np

from sim import events, scenarios
from sim.engine import guard
from sim.events.measures import measured
from sim.mechanisms.replaced import instead_of
from sim.mechanisms.schedule import OwnSchedule
from sim.model import births, population, processes
from sim.model.encounters import Cast
from sim.model.mechanisms import groups
from sim.model.network_files.in_memory import GivenNetwork, check_humans
from sim.model.parameters import FRIEND, PARAMETERS, Changes, Parameters
from sim.model.population import SocialNetwork
from sim.model.state import State
from sim.scenarios import Scenario
from sim.scenarios.interventions import Steering
from sim.society import treatment
from sim.society.agents import AgentRegistry
from sim.society.collector import HistoryCollector
from sim.utils.cards import card
from sim.utils.errors import InputError
from sim.utils.signatures import checked_arguments, unknown_option
from sim.utils.stopping import leave_if_asked

guard.remember()

# What a society is given besides parameters.
OPTIONS = ("scenario", "seed", "rng", "network", "threads", "cast", "parameters")


class Society(AgentRegistry, mesa.Model):
    """People and OSes, simulated one day a step.

    Parameters
    ----------
    scenario
        A scenario, its name, or the path of its TOML file.
    seed
        The seed of all random numbers, a whole number from 0 to 2**63 - 1. None draws
        another one each time, as Mesa does.
    rng
        Another word for ``seed``, which Mesa uses; give one of the two.
    network
        Who knows whom on day 0: a file, a graph of networkx, a pandas table of ties or
        a pair of one and a table of people (``read_as`` says in one line what it was
        taken for). None generates one for ``humans`` people; else there are as many
        humans as the network has.
    threads
        Threads for large societies; the result is the same for any number.
    cast
        Those who speak through a mind; None lets everybody follow the rules.
    parameters
        Changes to the scenario's parameters, by name, as ``{"humans": 200}``.
    changes
        The same by keyword, as ``humans=200``: Mesa's ``batch_run`` gives them so.

    Attributes
    ----------
    seed : int
        The seed that was given, or drawn: with it the same society comes again.
    labels : tuple of str or None
        What a network calls each human, by row.
    people : Mapping of str to array
        What a network says of each human besides the model, by row: int64, float64
        (nan where nothing is known) or words ("").
    until : callable or None
        Asked at the end of each day whether this was the last, before ``steps``.
    stopped : int or None
        The day on which it was.

    Raises
    ------
    InputError
        If an option, the scenario, a parameter, the seed or the network is not valid,
        or code of the model was replaced while the program runs.
    """

    @checked_arguments()
    def __init__(
        self,
        scenario: Scenario | str | Path = "her",
        *,
        seed: int | None = None,
        rng: int | None = None,
        network: SocialNetwork | GivenNetwork | None = None,
        threads: int = 1,
        cast: Cast | None = None,
        parameters: Changes | None = None,
        **changes: float,
    ) -> None:
        _check_words(changes, scenario)
        if seed is not None and rng is not None:
            raise InputError("Society: 'seed' and 'rng' mean the same: give one")
        if cast is not None and not isinstance(cast, Cast):
            raise InputError(f"Society: 'cast' is a Cast or None, not {cast!r:.80}")
        if threads < 1:
            raise InputError(f"Society: 'threads' is 1 or more, not {threads}")
        guard.refuse_replaced()
        given = rng if seed is None else seed
        self.seed = drawn_seed() if _is_absent(given) else seed_from(given)
        super().__init__(rng=self.seed)
        chosen = scenarios.chosen(scenario, parameters)
        check_humans(network, {**(parameters or {}), **changes})
        asked = chosen.parameters.replace(**changes)
        known = make_network(asked, network, self.seed)
        self.parameters = asked.replace(humans=known.n)
        known = _with_people_to_come(known, self.parameters.people_to_come())
        self.labels = known.labels
        self.people = dict(known.people)
        self.read_as = known.read_as
        declared = chosen.interventions
        more = treatment.columns_for(declared)
        populate = instead_of(births.populate, self.parameters)
        self.state: State = populate(self.parameters, known, self.seed, more)
        own = self.parameters.own_columns("humans")
        treatment.check(declared, own, self.state.humans, self.people)
        self.day = processes.make_day(self.parameters, known.n, self.seed)
        self.seconds: dict[str, float] = {}
        self.monitor = events.Monitor(self.parameters)
        names = measured(self.parameters)
        self.steering = Steering(self.parameters, declared, names)
        self.own_schedule = self._scheduled()
        if self.own_schedule is not None and not _RESTORING.get():
            self.own_schedule.start(self.state, self.day)
            told = [c.name for c in own]
            births.begin_with(self.state, known, told)  # what is told stays so
        self.datacollector: mesa.DataCollector = HistoryCollector(self)
        self.running = self.parameters.steps > 0
        self.until: Callable[[Society], bool] | None = None
        self.stopped: int | None = None
        if cast is not None and self.own_schedule is not None:
            self.own_schedule.varying.check_cast()
        self.cast = cast
        if cast is not None:
            cast.labels = self.labels
        self._threads = ThreadPoolExecutor(threads) if threads > 1 else None

    @property
    def calendar(self) -> int:
        """The number of the day last simulated.

        Dates count from the number that day 0 is given; no rule reads it.
        """
        return int(self.day["calendar"])

    @calendar.setter
    def calendar(self, number: int) -> None:
        """Give the day last simulated another number."""
        self.day["calendar"] = number

    def step(self) -> None:
        """Simulate one day, measure the society, and look for events."""
        leave_if_asked()
        self._steer()
        phases = None if self.own_schedule is None else self.own_schedule.phases
        processes.advance(
            self.state, self.day, self._threads, self.seconds, self.cast, phases
        )
        said = self._said_today()
        schedule = self.own_schedule
        own = None if schedule is None else schedule.measure(self.state, self.day)
        self.monitor.look(
            self.calendar, self.state, said, self._threads, own, self._departing
        )
        self.datacollector.collect(self)
        self.running = int(self.day["step"]) < self.parameters.steps
        if self.until is not None and self.until(self):
            self.running, self.stopped = False, self.calendar

    def _departing(self) -> Mapping[str, Any]:
        """Return parameters today; of departure float64[OSes] where OSes differ."""
        found = {name: float(self.day[name]) for name in PARAMETERS}
        if self.own_schedule is None:
            return found
        varying = self.own_schedule.varying
        return {**found, **varying.of_each("depart", self.state, self.day)}

    def __repr__(self) -> str:
        people, oses = self.state.humans.n, self.state.oses.n
        return f"<Society: day {self.calendar}, {people:,} people, {oses:,} OSes>"

    def _repr_html_(self) -> str:
        """Return a card for a notebook: how it is today."""
        monitor, facts = self.monitor, [("day", f"{self.calendar:,}")]
        facts += [("seed", f"{self.seed}"), ("people", f"{self.state.humans.n:,}")]
        curves = {}
        if monitor.history.days:
            here = monitor.latest("here"), monitor.latest("departed")
            facts.append(("OSes", f"{here[0]:,.0f} here, {here[1]:,.0f} left"))
            names = {"loves": "loves", "departed": "OSes that left", "grief": "grief"}
            curves = {words: monitor.history[name] for name, words in names.items()}
        following = ("society.step()", "sim.plots.network(society)")
        return card("A society", facts, curves, following)

    def show(self, closest: float = FRIEND, height: int = 900) -> Any:
        """Return an interactive view of today, which a notebook shows.

        Parameters
        ----------
        closest
            Ties less close than this are not drawn, 0..1.
        height
            Pixels in a notebook, 300 to 4000.

        Returns
        -------
        sim.runs.view.RunView
            As of a run (``Result.view``); ``save("today.html")`` makes a page of it.

        Raises
        ------
        InputError
            If a number is out of its range.

        Examples
        --------
        >>> import sim
        >>> sim.Society("her", seed=1, humans=20).show()
        RunView of a society, seed 1: 20 humans; save it with .save('view.html')
        """
        # Views know societies, not the other way round: they are loaded by name.
        live = importlib.import_module("sim.runs.live")
        view = importlib.import_module("sim.runs.view")
        return view.of_result(live.LiveResult(self), closest, height)

    def _said_today(self) -> list[Any]:
        """Return what the cast said today, in order, if it speaks at all."""
        if self.cast is None:
            return []
        lines = getattr(self.cast.mind, "lines", [])
        step = self.calendar
        today = itertools.takewhile(lambda line: line["step"] == step, reversed(lines))
        return list(today)[::-1]

    def _steer(self) -> None:
        """Let interventions begin and end, before the day begins."""
        if self.own_schedule is None and self.steering.is_idle:
            self.follow(self.steering.usual)
            return
        measures = None  # before the first day nothing is measured
        if self.monitor.history.days and self.steering.waiting:
            names = self.monitor.history.names
            measures = {name: self.monitor.latest(name) for name in names}
        begun = self.steering.begin(int(self.day["step"]) + 1, measures)
        _, communities = self.monitor.friends()
        of = self.state.humans, self.people, communities, self.seed
        for one in begun:
            what = treatment.begin(one, *of)
            self.monitor.note(self.calendar + 1, one.name, what)
        self.follow(self.steering.parameters)
        if self.own_schedule is not None:
            self.own_schedule.varying.overridden = self.steering.changed
        humans = self.state.humans
        self.hold_for_some(
            [
                (humans.column(treatment.column_of(one)) > 0, changes)
                for one, changes in self.steering.for_some
            ]
        )

    def follow(self, current: Parameters) -> None:
        """Let parameters hold from the next day on."""
        if current is not self.parameters and current != self.parameters:
            self.parameters = current
            processes.set_constants(self.day, current)
            if self.own_schedule is not None:
                self.own_schedule.set_constants(current)

    def hold_for_some(self, changes: Sequence[tuple[Any, Changes]]) -> None:
        """Let changed parameters hold for some people on the day that begins.

        Parameters
        ----------
        changes
            Who, bool[humans], and the parameters that are others for them; of several
            for one person, the last counts. Nothing lets all be as for everybody.
        """
        if self.own_schedule is not None:
            self.own_schedule.varying.changes = list(changes)

    def _scheduled(self) -> OwnSchedule | None:
        """Return the processes of a day that mechanisms or differences change."""
        some = self.steering.set_for_some
        usual = self.parameters
        if not usual.mechanisms and usual.heterogeneity is None and not some:
            return None
        return OwnSchedule(self.steering.usual, self.parameters, some)

    @checked_arguments()
    def graph(
        self, sample: int | None = None, around: int | None = None, hops: int = 2
    ) -> nx.DiGraph[int]:
        """Return living agents and their ties as a networkx graph.

        Parameters
        ----------
        sample
            At most so many agents, evenly spread over all numbers.
        around
            Only the agents within ``hops`` ties of this agent number.
        hops
            How far to go from ``around``.

        Returns
        -------
        networkx.DiGraph
            Nodes are agent numbers with their columns and ``kind`` ("human" or "OS");
            edges carry ``closeness`` of the first to the second, and what mechanisms
            add to ties.

        Raises
        ------
        InputError
            If ``around`` is no agent, or ``sample`` is not positive.
        """
        living = self.is_living(np.arange(self.state.ties.agents))
        keep = np.flatnonzero(living)
        if around is not None:
            keep = _within(self.state, self.number_of(self.view(around)), hops, living)
        if sample is not None:
            keep = _evenly(keep, sample)
        return _graph(self.state, keep)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the threads behind: a copy makes do with one."""
        day = np.array([self.day], processes.DAY)  # a lone record would not thaw
        return {**self.__dict__, "_threads": None, "own_schedule": None, "day": day}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        """Continue a copied society where it was."""
        guard.refuse_replaced()
        self.__dict__.update(kept)
        self.day = kept["day"][0]
        self.own_schedule = self._scheduled()


_RESTORING: ContextVar[bool] = ContextVar("restoring", default=False)


@contextmanager
def restoring() -> Iterator[None]:
    """Make societies whose columns are written next: no start of a mechanism is run."""
    before = _RESTORING.set(True)
    try:
        yield
    finally:
        _RESTORING.reset(before)


def _check_words(changes: Mapping[str, float], scenario: Scenario | str | Path) -> None:
    """Raise InputError unless all words are parameters of a scenario."""
    known = Parameters.model_fields
    if not changes.keys() <= known.keys():
        known = type(scenarios.chosen(scenario).parameters).model_fields
    for word in changes:
        if word not in known:
            raise unknown_option("Society", word, [*OPTIONS, *known])


def drawn_seed() -> int:
    """Return a seed from the operating system, another one each time.

    It is below 2**53, so that JSON, spreadsheets and R keep all of its digits.
    """
    return secrets.randbelow(2**53)


def _is_absent(seed: object) -> bool:
    return seed is None or (isinstance(seed, str) and not seed)


def seed_from(rng: object) -> int:
    """Return the seed that a number, or a text of one, stands for; 0 if there is none.

    Raises
    ------
    InputError
        If it is not a whole number from 0 to 2**63 - 1.
    """
    if _is_absent(rng):
        return 0
    try:
        seed = int(rng) if isinstance(rng, str) else operator.index(rng)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(f"a seed is a whole number, not {rng!r}") from None
    if not 0 <= seed < 2**63:
        raise InputError(f"a seed is from 0 to 2**63 - 1, not {seed}")
    return seed


def make_network(
    parameters: Parameters,
    network: SocialNetwork | GivenNetwork | None,
    seed: int,
) -> SocialNetwork:
    """Return who knows whom on day 0: as given, read from a file, or generated."""
    if isinstance(network, SocialNetwork):
        return network
    if network is not None:
        own = parameters.own_columns("humans")
        return population.read(network, seed, partnered=parameters.partnered, own=own)
    return population.generate(
        parameters.humans,
        parameters.ties,
        seed,
        partnered=parameters.partnered,
        rewiring=parameters.rewiring,
        group_size=parameters.group_size,
        group_pull=parameters.group_pull,
    )


def _with_people_to_come(network: SocialNetwork, rows: int) -> SocialNetwork:
    """Return a network with rows for people to come, who have no ties yet."""
    labels = network.labels
    if rows and labels is not None:
        labels = (*labels, *(f"newcomer {number}" for number in range(1, rows + 1)))
    if not rows:
        return network
    people = {n: _padded(n, column, rows) for n, column in network.people.items()}
    return network._replace(n=network.n + rows, labels=labels, people=people)


def _padded(name: str, column: Any, rows: int) -> Any:
    """Return a column with zeros, or empty texts, for people to come: of no group."""
    none = groups.NONE if name == groups.COLUMN else 0
    nothing = "" if column.dtype == object else none
    return np.concatenate([column, np.full(rows, nothing, column.dtype)])


def _evenly(numbers: Any, most: int) -> Any:
    if most < 1:
        raise InputError(f"a sample has at least one agent, not {most}")
    if len(numbers) <= most:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, most).astype(np.int64)]


def _within(state: State, agent: int, hops: int, living: Any) -> Any:
    found = {agent}
    edge = {agent}
    for _ in range(hops):
        reached = {n for a in edge for n in state.ties.of(a)["neighbour"].tolist()}
        edge = {n for n in reached - found if living[n]}
        found |= edge
    return np.array(sorted(found))


def _graph(state: State, keep: Any) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    n = state.humans.n
    for agent in keep.tolist():
        table, row = (state.humans, agent) if agent < n else (state.oses, agent - n)
        columns = {name: table.column(name).item(row) for name in table.columns}
        graph.add_node(agent, kind="human" if agent < n else "OS", **columns)
    for agent in keep.tolist():
        ties = state.ties.of(agent)
        others, names = ties["neighbour"].tolist(), ("closeness", *state.ties.own)
        for other, *known in zip(
            others, *(ties[n].tolist() for n in names), strict=True
        ):
            if other in graph:
                graph.add_edge(agent, other, **dict(zip(names, known, strict=True)))
    return graph
