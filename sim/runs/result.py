"""Result of a finished run: its tables, read when asked for.

A run directory holds ``provenance.json``, ``series.parquet`` (one row a day),
``events.parquet`` and ``snapshots/`` (humans, OSes and ties on some days). Where a cast
spoke, there are ``talks.parquet`` (who said what), ``calls.parquet`` (what a model was
asked and answered) and the cast's memories in the snapshots. Each is read when asked
for, and no more of it.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa

from sim.events.detector import AgentIds
from sim.model.network_files.in_memory import NetworkData
from sim.model.network_files.opening import LARGEST as LARGEST_NETWORK
from sim.model.parameters import FRIEND
from sim.model.presence import ALIVE
from sim.runs import digests, first_day, schemas, validation
from sim.runs.figure_names import FIGURES
from sim.runs.parquet import Columns, Numbers, columns_of, rows_of
from sim.runs.readings import PACKED, days
from sim.runs.schemas import (
    CALLS_SCHEMA,
    EVENTS_SCHEMA,
    MEMORIES_SCHEMA,
    READINGS_SCHEMA,
    TALKS_SCHEMA,
)
from sim.runs.writer import PEOPLE, READINGS, is_ours, snapshot_name, table_of_events
from sim.utils.cards import card
from sim.utils.errors import InputError, nearest
from sim.utils.files import expanded
from sim.utils.names import human_label, os_name
from sim.utils.provenance import LARGEST, SOFTWARE
from sim.utils.signatures import checked_arguments
from sim.utils.source import source_digest
from sim.utils.typing import Array
from sim.utils.untrusted import read_bytes, read_json, resolve_inside

if TYPE_CHECKING:
    from sim.runs.stopping_rules import Until
    from sim.runs.view import RunView
    from sim.scenarios.interventions import Intervention


LOG = logging.getLogger(__name__)
SNAPSHOTS = ("humans", "oses", "ties", "memories")  # not of mechanisms
WHO, NAMED = 32, 4  # letters for who took part in an event, and at most so many


class Result:
    """A finished run; use ``load``, which checks its directory first.

    Parameters
    ----------
    path
        The run directory.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._known_sizes: dict[int, tuple[int, int]] = {}

    def __repr__(self) -> str:
        return f"Result({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Return a card for a notebook: what was run, and what became of it."""
        found, series = self.provenance, self.series
        facts: list[tuple[str, object]] = [
            ("run", self.path.name),
            ("people", f"{self.population:,}"),
            ("days", f"{len(series):,}"),
            ("events", f"{len(self.events):,}"),
        ]
        curves = {}
        if len(series):
            last = series.iloc[-1]
            came, left = f"{last['oses']:,.0f}", f"{last['departed']:,.0f}"
            facts.append(("OSes", f"{came}, of which {left} left"))
            names = {"loves": "loves", "departed": "OSes that left", "grief": "grief"}
            names["human_closeness"] = "closeness of a person to people"
            curves = {words: series[name].tolist() for name, words in names.items()}
        title = f"{found.get('scenario')}, seed {found.get('seed')}"
        following = ("result.view()", "result.plot()", "result.events")
        return card(title, facts, curves, following)

    @functools.cached_property
    def provenance(self) -> dict[str, Any]:
        """The provenance record: software, parameters, environment, seed."""
        file = resolve_inside(self.path, "provenance.json")
        with validation.as_input_error(file, self.path):
            found = read_json(file, LARGEST)
        if not is_ours(found):
            raise InputError(f"{file} is not the provenance of an {SOFTWARE} run")
        validation.check_provenance(file, found)
        digests.listed_in(file, found)
        return dict(found)

    @property
    def stopped(self) -> int | None:
        """The day on which a stopping rule ended the run; None if it lived all days.

        An event that did not happen by then is not known never to happen.
        """
        found = self.provenance.get("stopped")
        return None if found is None else int(found["day"])

    @functools.cached_property
    def series(self) -> pd.DataFrame:
        """The society day by day: one row a day, indexed by ``step``."""
        table = validation.read_part(self.path, "series.parquet", schemas.SERIES_SCHEMA)
        series: pd.DataFrame = table.to_pandas()
        return series.set_index("step")

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """What happened: kind, step, members (agent numbers), size, strength, ...

        AgentIds can be gone through, counted and indexed like a list.
        ``who`` tells the members by name, or how many they are. ``p_value`` is ``nan``
        where there is nothing to test.
        """
        table = validation.read_part(self.path, "events.parquet", EVENTS_SCHEMA)
        return self._with_who(_events_of(table))

    @functools.cached_property
    def readings(self) -> pd.DataFrame:
        """What detectors saw besides measures: step, name, agent and value.

        In a large run this is a great deal; ``noted`` returns what has one name.

        Raises
        ------
        InputError
            If the run was written without it.
        """
        return self._readings()

    def noted(self, name: str, since: int, until: int) -> pd.DataFrame:
        """Return the readings of one name on the days from ``since`` to ``until``.

        Raises
        ------
        InputError
            If the run was written without readings.
        """
        return self._readings(name, np.arange(since, until + 1))

    @functools.cached_property
    def steps(self) -> list[int]:
        """The days of which there are snapshots, in order."""
        files = (self.path / "snapshots").glob("ties-*.parquet")
        numbers = (file.stem.removeprefix("ties-") for file in files)
        return sorted(int(number) for number in numbers if number.isdecimal())

    @functools.cached_property
    def population(self) -> int:
        """How many humans there are; OSes have numbers from there on.

        Where people come and go, those to come and those who are gone are among them;
        the measure ``alive`` of ``series`` counts those who are there.
        """
        return self._sizes(self.snapshot_day(None))[0]

    @functools.cached_property
    def agents_in_all(self) -> int:
        """How many agents there are on the last snapshot day."""
        return sum(self._sizes(self.snapshot_day(None)))

    def _sizes(self, step: int) -> tuple[int, int]:
        """Return how many humans and OSes there are on a snapshot day."""
        if step not in self._known_sizes:
            files = (snapshot_name(name, step) for name in ("humans", "oses"))
            humans, oses = (validation.count_rows(self.path, file) for file in files)
            self._known_sizes[step] = humans, oses
        return self._known_sizes[step]

    @functools.cached_property
    def labels(self) -> tuple[str, ...] | None:
        """What a network file calls each human, by agent number; None if none does.

        Raises
        ------
        InputError
            If the file that says so is damaged.
        """
        table = self._people_table
        if table is None:
            return None
        numbers, people = table.column("agent").to_numpy(), self.population
        if not np.array_equal(numbers, np.arange(people)):
            message = f"{self.path / PEOPLE} is damaged (it is not of {people} people)"
            raise InputError(f"{message}; run it again")
        labels = tuple(table.column("label").to_pylist())
        return labels if any(labels) else None

    @functools.cached_property
    def _people_table(self) -> pa.Table | None:
        listed = digests.files_listed(self.path) or ()
        if PEOPLE not in listed and not (self.path / PEOPLE).exists():
            return None
        return validation.read_part(self.path, PEOPLE, schemas.PEOPLE_SCHEMA)

    @functools.cached_property
    def people(self) -> pd.DataFrame:
        """What the network says of people besides the model, by agent number.

        Whole and real numbers (nan where nothing is known), and words as categories;
        without columns if it says nothing. A generated network says of which ``group``
        they are, where there are groups.
        """
        _, table = self.labels, self._people_table  # labels tell if it is damaged
        if table is None:
            return told_of({}, self.population)
        names = [n for n in table.column_names if n not in schemas.PEOPLE_SCHEMA.names]
        columns = {name: table.column(name).to_numpy() for name in names}
        return told_of(columns, self.population)

    @functools.cached_property
    def network(self) -> NetworkData | None:
        """The network that the run was given in memory, to give it to another.

        None if it was read from a file, or made by the model.
        """
        told = self.provenance.get("network") or {}
        stored = told.get("stored")
        if stored is None:
            return None
        with validation.as_input_error(self.path / stored, self.path):
            digests.check_file(self.path, stored)
            content = read_bytes(resolve_inside(self.path, stored), LARGEST_NETWORK)
        return NetworkData("network", format="json", content=content)

    def number_of(self, agent: int | str) -> int:
        """Return the number of an agent.

        Parameters
        ----------
        agent
            Its number, or as text its number or what a file calls a human; ``number:7``
            and ``label:7`` tell apart what could be both.

        Raises
        ------
        InputError
            If there is no such agent, or a text could mean two.
        """
        text = str(agent).strip()
        kind, _, rest = text.partition(":")
        if kind in ("number", "label") and rest:
            text = rest
        else:
            kind = ""
        found: set[int] = set()
        agents = self.population + len(self.called)
        if kind != "number" and isinstance(agent, str):
            labels = self.labels or ()
            found = {row for row, label in enumerate(labels) if label == text}
        if kind != "label" and text.isascii() and text.isdecimal():
            number = int(text[:20])
            found |= {number} if number < agents else set()
        if len(found) > 1:
            raise InputError(
                f"{text!r} is the number of one agent and what {self.path} calls "
                f"another; write number:{text} or label:{text}"
            )
        if not found:
            hint = nearest(text, self.labels or ())
            last = agents - 1
            raise InputError(f"no agent {text} in {self.path}; have 0 to {last}{hint}")
        return found.pop()

    @functools.cached_property
    def called(self) -> pd.Series[int]:
        """What OSes call themselves, as the number of a name, by agent number."""
        name = snapshot_name("oses", self.snapshot_day(None))
        schema = pa.schema([validation.OSES.field("name")])
        table = validation.read_part(self.path, name, schema, ["name"])
        index = pd.RangeIndex(self.population, self.population + len(table))
        return pd.Series(table.column("name").to_numpy(), index)

    @checked_arguments()
    def columns(
        self, table: str, names: Sequence[str], step: int | None = None
    ) -> dict[str, Array]:
        """Return some columns of ``humans``, ``oses`` or ``ties``, by name.

        Parameters
        ----------
        table
            "humans", "oses" or "ties".
        names
            Of the columns.
        step
            A day from ``steps``; None is the last.

        Raises
        ------
        InputError
            If there is no such table, column or day.
        """
        if table not in ("humans", "oses", "ties"):
            raise InputError(f"the tables are humans, oses and ties, not {table!r}")
        rows = getattr(self, table)(step)
        for name in names:
            if name not in rows:
                hint = nearest(str(name), map(str, rows.columns))
                raise InputError(f"{table} have no column {name!r}{hint}")
        return {name: rows[name].to_numpy() for name in names}

    @checked_arguments()
    def humans(self, step: int | None = None) -> pd.DataFrame:
        """Return the humans on a snapshot day (None: the last), by agent number.

        What only a day that was lived can tell is missing (nan) on day 0; and on all
        days what the code that made the run did not know. What the network says of
        people stands in the last columns.
        """
        found = self._snapshot("humans", step, 0)
        return pd.concat([found, self.people], axis=1) if len(self.people.T) else found

    @checked_arguments()
    def oses(self, step: int | None = None) -> pd.DataFrame:
        """Return the OSes on a snapshot day (None: the last), by agent number.

        What the code that made the run did not know is missing (nan).
        """
        return self._snapshot("oses", step, self.population)

    @checked_arguments()
    def ties(
        self, step: int | None = None, owners: Numbers | None = None
    ) -> pd.DataFrame:
        """Return the directed ties on a snapshot day (None: the last).

        Columns: ``owner`` and ``neighbour`` (agent numbers), ``closeness`` (of the
        owner to the neighbour, 0..1), ``returned`` (the other way), ``kind`` (flags),
        and those of mechanisms.

        Parameters
        ----------
        step
            A day from ``steps``.
        owners
            The agents whose ties are returned, by owner; None is all. Of a large run,
            only what they lie in is read.
        """
        day = self.snapshot_day(step)
        name, check = (
            snapshot_name("ties", day),
            validation.ties_of(sum(self._sizes(day))),
        )
        with validation.open_table(self.path, name, schemas.TIES_SCHEMA) as file:
            if owners is None:
                columns = columns_of(file, check)
            else:
                columns = rows_of(file, "owner", _agent_numbers(owners), check)
            return pd.DataFrame(columns, copy=False)

    @functools.cached_property
    def tables(self) -> list[str]:
        """The names of the tables that mechanisms have added, in order."""
        known, end = digests.files_listed(self.path), f"-{self.snapshot_day(None):06d}"
        listed = digests.files_of(self.path) if known is None else known
        files = (Path(name) for name in listed if name.startswith("snapshots/"))
        found = (f.stem.removesuffix(end) for f in files if f.stem.endswith(end))
        return sorted(name for name in found if name not in SNAPSHOTS)

    @checked_arguments()
    def table(self, name: str, step: int | None = None) -> pd.DataFrame:
        """Return a table that a mechanism has added, on a snapshot day, by ``row``.

        Parameters
        ----------
        name
            One of ``tables``, as ``"companies"``.
        step
            A day from ``steps``; None is the last.

        Raises
        ------
        InputError
            If there is no such table or day.
        """
        day = self.snapshot_day(step)
        if name not in self.tables:
            known = ", ".join(self.tables) or "none"
            hint = nearest(name, self.tables) or f"; there are {known}"
            raise InputError(f"no table {name!r} of a mechanism in {self.path}{hint}")
        file_name = snapshot_name(name, day)
        with validation.open_table(self.path, file_name, validation.ROWS) as file:
            return _by_row(columns_of(file, validation.check_rows))

    def snapshot_day(self, step: int | None) -> int:
        """Return the day of a snapshot; None is the last.

        Raises
        ------
        InputError
            If there is no snapshot of that day; says which there are.
        """
        if not self.steps:
            raise InputError(f"{self.path} has no snapshots; run it again")
        if step is None:
            return self.steps[-1]
        if step not in self.steps:
            known = ", ".join(map(str, self.steps))
            raise InputError(f"no snapshot of step {step} in {self.path}; have {known}")
        return int(step)

    @checked_arguments()
    def detect(self, kinds: Iterable[str] | None = None) -> pd.DataFrame:
        """Look for events once more, as they were looked for day by day.

        Parameters
        ----------
        kinds
            What to look for; None is all that is registered now, your own included,
            and what mechanisms of the run detect. One that is not in use, or in another
            version, detects nothing: a line (a warning in the log) names it.

        Returns
        -------
        pandas.DataFrame
            As ``events``.

        Raises
        ------
        InputError
            If there is no detector for a kind, or the run keeps no readings.
        """
        from sim import events
        from sim.mechanisms import registry

        table = self.series.reset_index()
        series = {str(name): column.to_numpy() for name, column in table.items()}
        with validation.open_table(self.path, READINGS, READINGS_SCHEMA, PACKED):
            noted = days([resolve_inside(self.path, READINGS)], self.agents_in_all)
        talks: Any = self.speech.talks.to_dict("records")
        shocks: Any = self.events[self.events["kind"] == "intervention"]
        stored = events.StoredReadings(series, noted, talks, shocks.to_dict("records"))
        chosen = None if kinds is None else list(kinds)
        if chosen is None:
            used = self.provenance.get("mechanisms", {})
            for line in registry.not_the_same(used, f"the run {self.path}"):
                LOG.warning("os-society: its events are not looked for: %s", line)
        known = registry.recorded(self.provenance)
        monitor = events.replay(stored, known, chosen)
        noticed = (e for e in monitor.happened() if chosen is None or e.kind in chosen)
        rows = table_of_events(event._asdict() for event in noticed)
        return self._with_who(_events_of(rows))

    @checked_arguments()
    def agents(self, step: int | None = None) -> pd.DataFrame:
        """Return humans and OSes in one table, by agent number.

        ``kind`` is ``"human"`` or ``"OS"``. A column that only one kind has is missing
        (NaN or NA) for the other.

        Raises
        ------
        InputError
            If there is no snapshot of ``step``; says which there are.
        """
        humans, oses = self.humans(step), self.oses(step)
        for own, other in ((humans, oses), (oses, humans)):
            for name in own.columns.difference(other.columns):
                if own[name].dtype.kind in "iu":
                    wide = own[name].to_numpy().itemsize > 4
                    own[name] = own[name].astype("Int64" if wide else "Int32")
        humans.insert(0, "kind", "human")
        oses.insert(0, "kind", "OS")
        return pd.concat([humans, oses])

    @checked_arguments()
    def graph(self, step: int | None = None, closest: float = 0.0) -> nx.DiGraph[int]:
        """Return the relationships on a snapshot day as a networkx graph.

        Parameters
        ----------
        step
            A day from ``steps``; None is the last.
        closest
            Leave out ties less close than this, 0..1.

        Returns
        -------
        networkx.DiGraph
            Nodes are agent numbers, with their columns and ``kind`` ("human" or "OS");
            of humans, those who are there that day. An edge is a tie of its first
            agent, with ``closeness``, ``returned`` (the other's closeness), ``kind``
            (flags) and columns of mechanisms.
        """
        graph: nx.DiGraph[int] = nx.DiGraph(step=self.snapshot_day(step))
        humans = self.humans(step)
        if "life" in humans:
            humans = humans[humans["life"] == ALIVE]
        for kind, table in (("human", humans), ("OS", self.oses(step))):
            rows: Any = table.assign(kind=kind).to_dict("records")
            graph.add_nodes_from(zip(table.index.tolist(), rows, strict=True))
        ties = self.ties(step)
        ties = ties[ties["closeness"] >= closest]
        known: Any = ties.drop(columns=["owner", "neighbour"]).to_dict("records")
        ends = ties["owner"].tolist(), ties["neighbour"].tolist()
        graph.add_edges_from(zip(*ends, known, strict=True))
        return graph

    @checked_arguments()
    def view(self, closest: float = FRIEND, height: int = 900) -> RunView:
        """Return an interactive view of the run, which a notebook shows.

        People on the ground in the order of their communities, each OS above its owner
        as high as the share of its talk that is with OSes; also by forces, and as a map
        of communities. It needs no network and no server, can be played, searched and
        scrubbed, and can be saved: ``result.view().save("her.html")``.

        Parameters
        ----------
        closest
            Ties less close than this are not drawn, 0..1.
        height
            Pixels in a notebook, 300 to 4000.

        Raises
        ------
        InputError
            If the run has no snapshots or is damaged, or a number is out of its range.
        """
        from sim.runs import view

        return view.of_result(self, closest, height)

    def plot(
        self, what: str = "story", *, preset: str | None = None, **options: Any
    ) -> Any:
        """Draw a figure of the run.

        Parameters
        ----------
        what
            The name of a figure of ``sim.plots``: ``"story"``, ``"timeline"``, ...
        preset
            For a column of a journal: ``"single"`` (3.5 inches wide) or ``"double"``
            (7.2 inches); None as on a screen.
        options
            What the figure takes besides the run.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If there is no such figure or preset, or the figure cannot be drawn so.

        Examples
        --------
        >>> sim.load("results/runs/her").plot("timeline")  # doctest: +SKIP
        """
        # Figures know results, not the other way round: they are loaded by name.
        plots = importlib.import_module("sim.plots")
        if what not in FIGURES:
            hint = nearest(what, FIGURES)
            known = ", ".join(FIGURES)
            raise InputError(f"there is no figure {what!r}{hint}; there are {known}")
        with plots.preset(preset):
            return getattr(plots, what)(self, **options)

    @functools.cached_property
    def speech(self) -> Speech:
        """What the cast of the run said, was asked, and remembers."""
        return Speech(self)

    @checked_arguments()
    def fork(
        self,
        step: int,
        interventions: Sequence[Intervention] = (),
        *,
        out: str | Path | None = None,
        overwrite: bool = False,
        threads: int = 1,
        snapshot_every: int | None = None,
        checkpoint_every: int | None = None,
        until: Until | bool | None = None,
        progress: bool = False,
    ) -> Result:
        """Continue from a checkpoint in another run, with something changed or not.

        Parameters
        ----------
        step
            The day of a checkpoint (``run(..., checkpoint_every=...)`` keeps them).
        interventions
            What is changed from then on; nothing gives the same bytes again.
        out
            Directory to write; None is under ``results/runs``, named by what makes it.
        overwrite, threads, progress
            As for ``run``.
        snapshot_every, checkpoint_every
            Days, as for ``run``; None is as in this run.
        until
            What ended this run, which is given again if it is a function. False lets
            the fork live all its days.

        Raises
        ------
        InputError
            If there is no such checkpoint, an intervention is due before it, the run
            was made by other code, or nothing can be written.
        """
        from sim.runs import simulate, stopping_rules

        days = {"snapshot_every": snapshot_every, "checkpoint_every": checkpoint_every}
        days = {name: number for name, number in days.items() if number is not None}
        kept = simulate.kept_of(self.provenance) | days
        rule = None
        if until is not False:
            told = self.provenance.get("until")
            given = None if isinstance(until, bool) else until
            rule = stopping_rules.rule_again(told, given, f"the run {self.path}")
        options = simulate.RunOptions(
            **kept,
            overwrite=overwrite,
            threads=threads,
            progress=progress,
            until=rule,
        )
        path = simulate.fork(
            self.path, self.provenance, step, interventions, options, out
        )
        return load(path)

    def _readings(self, name: str | None = None, steps: Numbers = ()) -> pd.DataFrame:
        """Return all readings, or those of one name on some days."""
        check, found = (
            validation.readings_of(self.agents_in_all),
            [READINGS_SCHEMA.empty_table()],
        )
        with validation.open_table(
            self.path, READINGS, READINGS_SCHEMA, PACKED
        ) as file:
            groups = None if name is None else file.holding("step", steps)
            for part in file.tables(groups=groups):
                check(part)
                some = part if name is None else _of_name(part, name, steps)
                found.append(some.select(READINGS_SCHEMA.names).cast(READINGS_SCHEMA))
        table: pd.DataFrame = pa.concat_tables(found).to_pandas()
        return table

    def _snapshot(self, name: str, step: int | None, first: int) -> pd.DataFrame:
        day = self.snapshot_day(step)
        humans, oses = self._sizes(day)
        file_name = snapshot_name(name, day)
        whole = {"humans": validation.HUMANS, "oses": validation.OSES}[name]
        schema = whole
        if self.provenance.get("source_digest") != source_digest():
            schema = validation.known_then(self.path, file_name, whole)

        def check(columns: Columns) -> None:
            validation.check_people(columns, humans, oses)

        with validation.open_table(self.path, file_name, schema) as file:
            columns = columns_of(file, check)
        unknown = np.full(len(columns["row"]), np.nan)
        columns |= {n: unknown.copy() for n in whole.names if n not in columns}
        if name == "humans" and day == 0:
            half = float(self.provenance["parameters"]["support_half"])
            replaced = self.provenance.get("rules", {})
            first_day.complete(columns, self._degree_on_day_0, half, replaced)
        table = pd.DataFrame(columns, copy=False)
        table.index = pd.RangeIndex(first, first + len(table), name="agent")
        return table

    def _degree_on_day_0(self) -> Array:
        """Return how many ties each human has on day 0."""
        n, name = self._sizes(0)[0], snapshot_name("ties", 0)
        degree = np.zeros(n, np.int64)
        with validation.open_table(self.path, name, schemas.TIES_SCHEMA) as file:
            for part in file.parts(["owner"]):
                degree += np.bincount(part["owner"], minlength=n)[:n]
        return degree

    def _with_who(self, events: pd.DataFrame) -> pd.DataFrame:
        """Add who took part, in words: OSes by their names."""
        few = set().union(*(m for m in events["members"] if len(m) <= NAMED))
        labels = self.labels
        names: dict[int, str] = {}
        if self.steps and few:
            called = self.called[self.called.index.isin(few)]
            known: dict[Any, int] = called.to_dict()
            names = {agent: os_name(name) for agent, name in known.items()}
        sizes = zip(events["members"], events["size"], strict=True)
        texts = [who(members, int(size), names, labels) for members, size in sizes]
        return events.assign(who=pd.Series(texts, dtype=object, index=events.index))


class Speech:
    """What the cast of a run said, was asked, and remembers; empty without a cast.

    Parameters
    ----------
    result
        The run.
    """

    def __init__(self, result: Result) -> None:
        self._result = result

    @functools.cached_property
    def talks(self) -> pd.DataFrame:
        """Who said what: a row an encounter, decision or letter, in order.

        Columns: ``step``, ``kind``, ``agent`` and ``other`` (numbers, -1 for nobody),
        ``said``, ``act``, ``speaker`` and ``listener`` (names).
        """
        return self._table("talks.parquet", TALKS_SCHEMA)

    @functools.cached_property
    def calls(self) -> pd.DataFrame:
        """What a language model was asked and answered, in the order of the calls.

        As in a transcript; ``messages`` is JSON.
        """
        return self._table("calls.parquet", CALLS_SCHEMA)

    def memories(self, step: int | None = None) -> pd.DataFrame:
        """Return what the cast remembers on a snapshot day (None: the last)."""
        steps = self._result.steps
        day = steps[-1] if step is None and steps else step
        return self._table(snapshot_name("memories", day or 0), MEMORIES_SCHEMA)

    def _table(self, name: str, schema: pa.Schema) -> pd.DataFrame:
        path = self._result.path
        listed = digests.files_listed(path) or ()
        there = name in listed or (path / name).exists()
        table = (
            validation.read_part(path, name, schema) if there else schema.empty_table()
        )
        found: pd.DataFrame = table.to_pandas()
        return found


@checked_arguments()
def load(path: str | Path) -> Result:
    """Return the finished run in a directory.

    Parameters
    ----------
    path
        The run directory.

    Raises
    ------
    InputError
        If there is no run; says which file is missing or damaged. Whether a table is
        the one that was written is looked at when it is read; ``verify`` looks at all.
    """
    folder = expanded(path)
    if not folder.exists():
        raise InputError(f"no run at {folder}: there is no such directory")
    if not folder.is_dir():
        raise InputError(f"no run at {folder}: it is a file, not a run directory")
    result = Result(folder)
    _ = result.provenance
    names = ["series.parquet", "events.parquet"]
    for step in result.steps:
        there = ("humans", "oses", "ties", *result.tables)
        names += [snapshot_name(name, step) for name in there]
    for name in names:
        with validation.open_table(folder, name, unread=True):
            pass
    return result


def _agent_numbers(owners: Numbers) -> Array:
    """Return agents' numbers as an array.

    Raises
    ------
    InputError
        If they are no whole numbers.
    """
    try:
        numbers = np.asarray(owners)
    except (TypeError, ValueError):
        numbers = np.zeros(1)
    if numbers.ndim != 1 or (len(numbers) and numbers.dtype.kind not in "iu"):
        raise InputError(f"owners are agent numbers, as [0, 3], not {owners!r:.80}")
    return numbers


def _by_row(columns: Columns) -> pd.DataFrame:
    known = {name: column for name, column in columns.items() if name != "row"}
    table = pd.DataFrame(known, copy=False)
    table.index = pd.RangeIndex(len(columns["row"]), name="row")
    return table


def told_of(columns: Mapping[str, Array], people: int) -> pd.DataFrame:
    """Return what is known of people besides the model: numbers, and categories."""
    found = {
        name: pd.Categorical([word or None for word in column])
        if column.dtype == object
        else column
        for name, column in columns.items()
    }
    return pd.DataFrame(found, index=pd.RangeIndex(people, name="agent"))


def _events_of(table: pa.Table) -> pd.DataFrame:
    """Return events as a data frame, their members compact."""
    column = table.column("members").combine_chunks()
    ends, numbers = column.offsets.to_numpy(), column.values.to_numpy()
    members = [AgentIds(numbers[a:b]) for a, b in pairwise(ends.tolist())]
    events: pd.DataFrame = table.to_pandas()
    events["members"] = pd.Series(members, dtype=object, index=events.index)
    return events


def _of_name(part: pa.Table, name: str, steps: Numbers) -> pa.Table:
    """Return the readings of one name on some days."""
    known, codes = validation.dictionary_of(part.column("name"))
    keep = np.isin(codes, [code for code, word in enumerate(known) if word == name])
    return part.filter(pa.array(keep & np.isin(part.column("step").to_numpy(), steps)))


def who(
    members: Sequence[int],
    size: int,
    names: Mapping[int, str],
    labels: Sequence[str] | None = None,
) -> str:
    """Return the members one by one if there is room for them, or how many.

    Parameters
    ----------
    members, size
        Agent numbers, and how many took part, named or not.
    names
        What OSes call themselves, by agent number; others are humans.
    labels
        What a network file calls each human, if it does.
    """
    some = members if len(members) <= NAMED else ()  # of others, names are not known
    texts = [
        f"OS {names[m]} ({m})" if m in names else human_label(m, labels) for m in some
    ]
    one_by_one = ", ".join(texts)
    if len(members) == len(texts) > 0 and len(one_by_one) <= WHO:
        return one_by_one
    return f"{size:,} agents" if size else ""
