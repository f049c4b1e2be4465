"""Sweeps: estimate, drive, resume and read back a designed set of runs."""

from __future__ import annotations

import functools
import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from sim.events import kinds
from sim.minds.client import hosts
from sim.minds.options import (
    MindOptions,
    check_address,
    is_live,
    open_cast,
    stand_in,
)
from sim.minds.several import file_of
from sim.minds.transcript import MOST_BYTES_OF_A_HEADER, read_header
from sim.model.parameters import IN_DESIGN
from sim.runs import result
from sim.runs.result import Result
from sim.runs.run import run as simulate
from sim.runs.simulate import introduce, language_mind
from sim.runs.stopping_rules import Until, conditions_of, rule_again
from sim.scenarios.outcomes import known_for_now
from sim.society import Society
from sim.studies import design, executors, given_networks, store
from sim.studies.design import Design, make, mind, resolve, scenario_of_factor
from sim.studies.job import (
    DONE,
    FAILED,
    MOST_FUNCTIONS,
    OTHER_CODE,
    SNAPSHOT_EVERY,
    Job,
    JobResult,
    Task,
    Tasks,
    scenario_of,
    warm_up,
)
from sim.studies.outcomes import DAYS, OBSERVED, Measure, flagged, is_day
from sim.studies.store import KEPT, TRANSCRIPTS, Store, identity_of
from sim.studies.store_digests import driving
from sim.studies.workers import Limits, WorkerPool
from sim.utils.cards import card
from sim.utils.errors import InputError, nearest
from sim.utils.files import expanded
from sim.utils.portable import processors
from sim.utils.progress import doing, progress_shown
from sim.utils.publish import sweep_folder
from sim.utils.signatures import checked_arguments
from sim.utils.source import source_digest
from sim.utils.typing import Array
from sim.utils.untrusted import open_file, parse_json, resolve_inside

PILOT = 10.0  # seconds, at most


class SweepEstimate(NamedTuple):
    """What is still to be done, and what it will take."""

    runs: int
    done: int
    seconds: float  # of one run
    bytes: int  # of all runs, on disk
    source: str  # where the numbers come from
    requests: int | None = None  # to language models, about; None if not known

    def wall(self, workers: int) -> float:
        """Return the seconds until all is done, with so many workers."""
        return (self.runs - self.done) * self.seconds / workers


def estimate(tasks: Tasks, place: Path) -> SweepEstimate:
    """Return what the runs of a design will take.

    If the sweep has been begun in ``place``, its ledger tells; else the middle run of
    the design is simulated for at most ten seconds.
    """
    names = [*tasks.outcomes, *(one["name"] for one in tasks.functions)]
    size = (store.row_size(len(names)) + _kept(tasks)) * len(tasks)
    if (place / store.LEDGER).is_file():
        ledger = load_sweep(place).ledger()
        finished = ledger[ledger["state"] == DONE]
        if len(finished):
            seconds = float(finished["seconds"].mean())
            text = f"{len(finished)} runs in the ledger"
            done = load_sweep(place).counts().get(DONE, 0)
            return SweepEstimate(len(tasks), done, seconds, size, text)
    task = tasks[len(tasks) // 2]
    seconds, days, requests = _pilot(task)
    text = f"a pilot of {days} days"
    if is_live(design.mind(task.job["mind"])):
        text += " with scripted agents; the time that a model takes comes on top"
    return SweepEstimate(len(tasks), 0, seconds, size, text, requests * len(tasks))


def _pilot(task: Task) -> tuple[float, int, int]:
    """Return the seconds of a run, the days that were tried, and the requests of a run.

    If all goes well, these are the opening and one for each call; at most the budget.
    """
    warm_up()
    began = time.monotonic()
    days, mind = 0, design.mind(task.job["mind"])
    with _opened(task) as society:
        ready = time.monotonic()
        while society.running and time.monotonic() - began < PILOT:
            society.step()
            days += 1
        steps, spoken = society.parameters.steps, language_mind(society)
    simulating, share = time.monotonic() - ready, steps / days if days else 0.0
    requests = 0.0
    if is_live(mind) and spoken is not None:
        most = mind.policy.max_calls
        requests = 1 + spoken.tally["calls"] * share
        requests = requests if most is None else min(most, requests)
    return ready - began + simulating * share, days, round(requests)


@contextmanager
def _opened(task: Task) -> Iterator[Society]:
    """Open the society of a task, with its cast for as long as it is looked at.

    No model is asked: scripted agents stand in for it.
    """
    job = task.job
    with open_cast(stand_in(design.mind(job["mind"])), job["seed"]) as cast:
        society = Society(
            scenario_of(job),
            rng=job["seed"],
            network=given_networks.of_job(job),
            cast=cast,
        )
        introduce(society)
        yield society


def _kept(tasks: Tasks) -> int:
    """Return about how many bytes a kept run takes: uncompressed, so at most."""
    if not tasks.design.keep_runs:
        return 0
    with _opened(tasks[len(tasks) // 2]) as society:
        snapshots = 2 + society.parameters.steps // SNAPSHOT_EVERY
        return int(society.state.nbytes * snapshots)


DAMAGED, WAITING = "damaged", "waiting"


# The name of a run: the SHA-256 of all that makes it.
RUN = re.compile("[0-9a-f]{64}")


class DesignRecord(BaseModel):
    """What a ledger says of its design, as ``Tasks.identity`` wrote it."""

    model_config = ConfigDict(strict=True, extra="allow")

    design: dict[str, Any]
    outcomes: list[str] = Field(max_length=MOST_FUNCTIONS)
    functions: dict[str, str] = Field(max_length=MOST_FUNCTIONS)
    detectors: dict[str, dict[str, str]] = {}  # of a user's own events, by kind


class Sweep:
    """A sweep in its folder. Everything is read anew when asked for.

    Parameters
    ----------
    path
        The folder; use ``load_sweep``, which checks it first.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Sweep({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Return a card for a notebook: what is varied, and how far it is."""
        design, counts = self.design, self.counts()
        facts = [
            ("folder", self.path.name),
            ("scenario", design.scenario),
            ("varied", ", ".join(design.varied) or "seeds alone"),
            ("runs", ", ".join(f"{n:,} {state}" for state, n in counts.items())),
            ("outcomes", ", ".join(self.outcomes)),
        ]
        following = ("sweep.table()", f"sim.report({str(self.path)!r})")
        return card("A sweep", facts, None, following)

    @functools.cached_property
    def about(self) -> dict[str, Any]:
        """Name, design, source digest and day of creation of the sweep."""
        rows = dict(self._query(store.ABOUT))
        try:
            record = parse_json(rows["design"])
            DesignRecord.model_validate(record)
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{self.path} is no sweep, or damaged") from None
        return rows | {"design": record}

    @functools.cached_property
    def design(self) -> Design:
        """What is varied."""
        own = self.about["design"].get("detectors", {})
        given_networks.recall(self.path, self.about["design"]["design"])
        told = {kind: one["meaning"] for kind, one in own.items()}
        functions = self.about["design"].get("functions", {})
        with kinds.known_for_now(told), known_for_now(functions):
            return make(self.about["design"]["design"])

    @property
    def outcomes(self) -> list[str]:
        """The names of what is known of each run that is done."""
        known = self.about["design"]
        return [*known["outcomes"], *known["functions"]]

    def __len__(self) -> int:
        return self.design.layout().total * len(self.design.seed_list)

    def counts(self) -> dict[str, int]:
        """Return how many runs of the design are in each state."""
        found = dict(self._query(_STATES))
        return {**found, WAITING: len(self) - sum(found.values())}

    def failures(self) -> pd.DataFrame:
        """Return the runs that failed, with the stage and the reason."""
        ledger = self.ledger()
        return ledger[ledger["state"] == FAILED]

    def endpoints(self) -> list[dict[str, Any]]:
        """Return each model that was asked, its provider, and what is not sent to it.

        Returns
        -------
        list of dict
            With keys ``model``, ``provider`` and ``without``, ready for JSON; from the
            transcripts of runs, those that cannot be read left out.
        """
        found: dict[str, dict[str, Any]] = {}
        folder = resolve_inside(self.path, TRANSCRIPTS)
        for file in sorted(folder.glob("*.jsonl")):
            with suppress(InputError, OSError), open_file(file) as opened:
                begins = opened.read(MOST_BYTES_OF_A_HEADER) or b""
                header = read_header(file, begins[: begins.find(b"\n") + 1])
                told = {name: getattr(header, name) for name in _SETTLED}
                found.setdefault(json.dumps(told), told)
        return list(found.values())

    def ledger(self) -> pd.DataFrame:
        """Return what is noted of each run: state, attempts, seconds, versions."""
        names = [name for name in store.COLUMNS if name != "outcomes"]
        text = f"SELECT {', '.join(names)} FROM runs ORDER BY finished, run"
        return pd.DataFrame(self._query(text), columns=names)

    def table(self, waiting: bool = False) -> pd.DataFrame:
        """Return one row a run: what varies, seed, outcomes, state and error.

        Parameters
        ----------
        waiting
            Whether to list the runs that are not done yet, too.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``position`` in the design. Outcomes of a run that is not
            done, or whose outcomes are not as they were written, are missing.
        """
        found = self._read()
        places = list(range(len(self)) if waiting else found.shown)
        varied = ["position", *self.design.varied, "seed"]
        if not places:
            names = [*varied, *self.outcomes, *_SHOWN]
            return pd.DataFrame([], columns=names).set_index("position")
        numbers = np.full((len(places), len(self.outcomes)), np.nan)
        rows = {position: row for row, position in enumerate(places)}
        numbers[[rows[position] for position in found.valid]] = found.numbers
        shown = [found.shown.get(position, _NOTHING) for position in places]
        columns = [
            pd.DataFrame(list(self._points(places)), columns=varied),
            pd.DataFrame(numbers, columns=self.outcomes),
            pd.DataFrame(shown, columns=_SHOWN),
        ]
        return pd.concat(columns, axis=1).set_index("position")

    def times(self, outcome: str) -> pd.DataFrame:
        """Return a time of each run that is done, censored where it had not come yet.

        Parameters
        ----------
        outcome
            A recorded one that is a time: the day of an event.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``position``: what varies, ``seed``, ``time`` (days), and
            ``observed``: False where it had not happened by then, the last day.

        Raises
        ------
        InputError
            If it was not recorded, or is no day of an event.

        Examples
        --------
        >>> found = sim.load_sweep("results/sweeps/phase")  # doctest: +SKIP
        >>> within(found.times("half_departed"), [900, 2700])  # doctest: +SKIP
        """
        if outcome not in self.outcomes:
            hint = nearest(outcome, self.outcomes)
            raise InputError(f"the sweep has no outcome {outcome!r}{hint}")
        if not is_day(outcome):
            raise InputError(f"{outcome!r} is no day of an event, so it has no end")
        table = self.table()
        table = table[table["state"] == DONE]
        values = table[[outcome]].to_numpy(float)
        time, flags = flagged([outcome], values, self._days_of(table))
        known = table[[*self.design.varied, "seed"]]
        return known.assign(time=time[:, 0], observed=flags[:, 0] == OBSERVED)

    def _days_of(self, table: pd.DataFrame) -> Array:
        """Return how many days each run had, as recorded, set, or of its scenario."""
        for name in (DAYS, "steps"):
            if name in table:
                return table[name].to_numpy(float)
        if "scenario" in table and "steps" not in self.design.base:
            named = {n: scenario_of_factor(n) for n in table["scenario"].unique()}
            usual = {n: float(one.parameters.steps) for n, one in named.items()}
            return table["scenario"].map(usual).to_numpy(float)
        return np.full(len(table), float(self.design.most("steps")))

    def _points(self, places: list[int]) -> Iterator[dict[str, Any]]:
        """Yield what varies at places in the design, and the seed."""
        layout, seeds = self.design.layout(), self.design.seed_list
        made: tuple[int, dict[str, Any]] = (-1, {})
        for position in places:
            number, index = divmod(position, len(seeds))
            if made[0] != number:  # replicates differ by their seed alone
                made = number, layout.at(number)
            yield {"position": position} | made[1] | {"seed": seeds[index]}

    def _read(self) -> _Found:
        """Return what the ledger holds of every run, its outcomes in one array."""
        encoding = store.Encoding(self.outcomes)
        shown: dict[int, tuple[Any, ...]] = {}
        valid, raw = [], bytearray()
        for position, run, state, error, *kept in self._rows():
            shown[position] = state, error, run
            if state != DONE:
                continue
            wrong = encoding.damage(run, *kept)
            if wrong is None:
                valid.append(position)
                raw += kept[-1]
            else:
                shown[position] = DAMAGED, f"{wrong}; --resume runs it again", run
        numbers = np.frombuffer(raw, "<f8").reshape(len(valid), len(self.outcomes))
        return _Found(shown, valid, numbers)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        total, last = len(self), -1
        with closing(self._each(_POINTS)) as rows:
            for position, run, *rest in rows:
                if not last < position < total:
                    raise InputError(f"{self.path} is damaged: it has a run {run!r}")
                last = position
                yield position, _name(self.path, run), *rest

    def runs(
        self,
        where: str | None = None,
        *,
        allow_model: str | Iterable[str] = (),
        insecure: bool = False,
    ) -> Iterator[Result]:
        """Open single runs in full, one after another.

        Parameters
        ----------
        where
            Which rows of the table, as in ``"growth_exponent > 1 and seed == 0"``.
            None takes all that are done.
        allow_model, insecure
            As for ``sweep``: where a language model may be asked for a run that was not
            kept and has no transcript. Nowhere unless you say so: a store is untrusted.

        Yields
        ------
        Result
            A kept run; one that was not kept is run again, and kept from then on. What
            a language model answers is then as in its transcript in the store.

        Raises
        ------
        InputError
            If the condition cannot be read, or a run would have to be run again with
            other code than the sweep's or a model that is not allowed.
        """
        table = self.table()
        table = table[table["state"] == DONE]
        try:
            chosen = table.query(where) if where is not None else table
        except Exception as error:
            raise InputError(f"cannot tell which runs {where!r} are: {error}") from None
        reach = {"allow_model": hosts(allow_model), "insecure": insecure}
        return (self._open(position, reach) for position in chosen.index.tolist())

    def _open(self, position: int, reach: Mapping[str, Any]) -> Result:
        task = Tasks(self.design)[position]
        (found,) = self._query("SELECT run FROM points WHERE position = ?", position)
        run = _name(self.path, *found)
        place = resolve_inside(self.path, f"{store.KEPT}/{run}")
        if place.exists():
            return result.load(place)
        if self.about["source"] != source_digest():
            raise InputError(f"run {run[:8]} was not kept, and was run by other code")
        job = task.job
        mind = design.mind(job["mind"], **reach)
        said = resolve_inside(self.path, f"{store.TRANSCRIPTS}/{run}.jsonl")
        if is_live(mind):
            mind = _recorded(mind, said)
        try:
            check_address(mind)
        except InputError as error:
            raise InputError(f"run {run[:8]} was not kept: {error}") from None
        told = self.about["design"].get("until")
        try:
            rule = rule_again(told, None, f"run {run[:8]}")
        except InputError as error:
            raise InputError(f"run {run[:8]} was not kept: {error}") from None
        until = None if rule is None or told is None else conditions_of(told)
        given: dict[str, Any] = {"network": given_networks.of_job(job), "mind": mind}
        given["until"] = until
        return simulate(scenario_of(job), seed=task.seed, out=place, **given)

    def _query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(self._each(text, *values))

    def _each(self, text: str, *values: Any) -> Generator[tuple[Any, ...]]:
        try:
            ledger = store.connect(self.path / store.LEDGER, read_only=True)
            try:
                yield from ledger.execute(text, values)
            finally:
                ledger.close()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise InputError(f"{self.path} is no sweep, or damaged: {error}") from None


def _recorded(mind: MindOptions, said: Path) -> MindOptions:
    """Return options by which the transcripts of a run are asked, if they are there."""
    if not mind.oses:
        return mind._replace(settings=None, replay=said) if said.is_file() else mind
    files = [file_of(said, place) for place in range(len(mind.oses))]
    files += [said] * (mind.settings is not None)
    are_there = all(file is not None and file.is_file() for file in files)
    return mind._replace(replay=said) if are_there else mind


class _Found(NamedTuple):
    """What a ledger holds of all runs that it knows."""

    shown: dict[int, tuple[Any, ...]]  # state, error and name of a run, by position
    valid: list[int]  # positions of runs whose outcomes are as they were written
    numbers: Array  # float64[valid, outcomes]


_SETTLED = ("model", "provider", "without")
_SHOWN = ["state", "error", "run"]
_NOTHING = (WAITING, None, None)
_POINTS = """
SELECT position, runs.run, state, reason || ' (' || stage || '): ' || error,
    seed, digest, outcomes
FROM points JOIN runs USING (run) ORDER BY position
"""
_STATES = "SELECT state, count(*) FROM points JOIN runs USING (run) GROUP BY state"


def _name(place: Path, run: object) -> str:
    """Return the name of a run, as a ledger has it."""
    if not RUN.fullmatch(str(run)):
        raise InputError(f"{place} is damaged: it has a run {run!r}")
    return str(run)


@checked_arguments()
def load_sweep(path: str | Path) -> Sweep:
    """Return the sweep in a folder, finished or not.

    Parameters
    ----------
    path
        The folder of its store.

    Raises
    ------
    InputError
        If there is no sweep.
    """
    folder = expanded(path)
    if not os.path.isfile(folder / store.LEDGER):  # pathlib's raises for long names
        raise InputError(f"no sweep at {folder}: there is no {store.LEDGER}")
    found = Sweep(folder)
    _ = found.about
    return found


SWEEPS = Path("results") / "sweeps"

Tell = Callable[[str], None]


@checked_arguments(IN_DESIGN)
def sweep(
    design: Design | Mapping[str, Any] | str | Path,
    executor: Executor | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    functions: Mapping[str, Measure] | None = None,
    until: Until | None = None,
    allow_model: str | Iterable[str] = (),
    insecure: bool = False,
    allow_other_versions: bool = False,
    workers: int | None = None,
    time_limit: float = 3600.0,
    memory_limit: int = 0,
    progress: bool = False,
    tell: Tell | None = None,
) -> Sweep:
    """Run every run of a design that is not done yet, and keep its outcomes.

    What a language model answers is kept in the store, too, in a transcript for each
    run, before it is used: so a run that is begun again pays no answer twice.

    Parameters
    ----------
    design
        A design, its TOML file, or what such a file would hold.
    executor
        What does the runs; None starts supervised processes on this machine. The
        outcomes are the same bytes whatever does them.
    out
        Folder of the store; None is ``results/sweeps/`` and the design's name.
    resume
        Whether to continue a sweep that is there: runs that are done stay as they
        are; those that failed, are damaged or are missing are run.
    functions
        Outcomes of one's own by name: functions at the top of a file that take the
        ``Society`` at the end of its last day, or as ``result`` a ``Result`` of it, and
        return a number.
    until
        What ends a run before its days are over, as for ``run``, in the place of what
        the design says. How many days each run lived is an outcome then, ``days``: the
        day of an event that had not happened by then is missing, and it may have
        happened later.
    allow_model
        Host, or hosts, that a design may ask a language model at, as
        ``"api.openai.com"`` or ``"127.0.0.1:8012"``: your key goes there.
    insecure
        Whether such a host, on another machine, may be reached by http://.
    allow_other_versions
        Whether a sweep may be resumed that was begun with another Python or other
        libraries; its ledger says which run was done with which.
    workers
        Processes to run in; None is one a processor.
    time_limit
        Seconds of wall clock after which a run is given up as failed; 0 is no limit.
    memory_limit
        Megabytes that a run's process may take; 0 is no limit.
    progress
        Whether to show a bar on standard error.
    tell
        Called with each line worth knowing, such as a damaged run that is run again.

    Returns
    -------
    Sweep
        The stored sweep, with its failures.

    Raises
    ------
    InputError
        If an option or the design is not valid, the design asks a model that is not
        allowed, there is another sweep or another driver in its place, or nothing can
        be written there. What is done by then stays done.
    """
    if workers is not None and workers < 1:
        raise InputError(f"it takes at least one worker, not {workers}")
    if not (time_limit >= 0 and memory_limit >= 0):  # nan is neither
        raise InputError("a limit is 0 (none) or more")
    with known_for_now(functions or {}):
        chosen = resolve(design)
    tasks = Tasks(chosen, functions, until)
    allowed = list(hosts(allow_model))
    reach: dict[str, Any] = {"allow_model": allowed, "insecure": insecure}
    for one in tasks.minds:
        check_address(mind(one, **reach))
    place = expanded(out) if out is not None else SWEEPS / chosen.name
    identity = identity_of(chosen.name, tasks.identity())
    limits = Limits(time_limit, memory_limit)
    told = tell or (lambda line: None)
    with driving(place, identity, resume, allow_other_versions, told) as store:
        driver = Driver(tasks, store, tell, reach)
        if executor is None:
            pool = WorkerPool(workers or processors(), limits)
            findings = pool.run(driver.jobs())
        else:
            ahead = 2 * (workers or executors.IN_FLIGHT // 2)
            findings = executors.run(executor, driver.jobs(), limits, ahead)
        with closing(findings):
            driver.keep(findings, progress)
        if chosen.keep_runs:
            sweep_folder(place / KEPT)  # of workers that were killed
    return load_sweep(place)


class Driver:
    """Hands out the jobs of a sweep, and keeps what comes of them.

    Parameters
    ----------
    tasks
        All runs of the design.
    store
        Where they are kept.
    tell
        Told what a user should know.
    reach
        Which models may be asked, as ``factors.mind`` takes it.
    """

    def __init__(
        self, tasks: Tasks, store: Store, tell: Tell | None, reach: Mapping[str, Any]
    ) -> None:
        self.tasks, self.store, self._reach = tasks, store, reach
        self._tell = tell or (lambda line: None)
        self._flying: dict[str, list[Task]] = {}  # tasks that are the same run
        for line in store.told:
            self._tell(line)
        for wrong in store.damaged.values():
            self._tell(f"{wrong}; it is run again")

    def jobs(self) -> Iterator[Job]:
        """Yield the jobs of all runs that are not done."""
        for task in self.tasks:
            if task.run in self._flying:
                self._flying[task.run].append(task)
            elif task.run not in self.store.done:
                self._flying[task.run] = [task]
                yield self._job(task)
            elif task.position not in self.store.noted:
                self.store.note_point(task.position, task.run)

    def _job(self, task: Task) -> Job:
        job = task.job | {"reach": dict(self._reach)}
        place = self.store.path.resolve()
        if job["mind"] and is_live(design.mind(job["mind"])):
            said = resolve_inside(place, f"{TRANSCRIPTS}/{task.run}.jsonl")
            job["record"] = str(said)
        if self.tasks.design.keep_runs:
            job["keep"] = str(place / KEPT / task.run)
        if given_networks.held(job["network"]):
            job["network"] = str(given_networks.keep(place, job["network"]))
            job["network_kept"] = True
        return job

    def keep(self, findings: Iterator[JobResult], progress: bool) -> None:
        """Keep all findings, and show how far it is."""
        total, done = len(self.tasks), len(self.store.noted)
        failed = 0
        with progress_shown(progress), doing("", total, "run", done) as task:
            for finding in findings:
                kept = self.keep_one(finding)
                failed += kept["state"] == FAILED
                task.reach(min(len(self.store.noted), total))
                task.note = f"{failed} failed" if failed else ""

    def keep_one(self, finding: JobResult) -> JobResult:
        """Keep one finding.

        Raises
        ------
        InputError
            If it was found by other code, which must not be mixed in.
        """
        if finding.get("reason") == OTHER_CODE:
            raise InputError(
                "the source changed while the sweep ran, or differs on the cluster; "
                "continue with the code it began with, or start another sweep"
            )
        tasks = self._flying[finding["run"]]
        positions = [task.position for task in tasks]
        kept = self.store.add(finding, tasks[0].seed, positions)
        # Whatever comes later of the same run in the design is done, or tried again.
        del self._flying[finding["run"]]
        return kept
