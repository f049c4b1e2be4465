"""One run of a sweep as plain values: its hash, and doing it.

A run is known by the SHA-256 of all that makes it: the package's source, the resolved
parameters and interventions, the network file, the mind, the seed, and the outcomes
that are wanted. Nothing else, so that equal runs are run once, whatever their names.

Whatever a run raises becomes a finding with the stage it broke in. What cannot be
caught (a process that is killed, or hangs) is left to whoever watches over the process.
"""

from __future__ import annotations

import gc
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sim.engine import guard
from sim.events import own_detectors
from sim.mechanisms import registry
from sim.minds.options import MindOptions, open_cast
from sim.minds.transcript import InUse
from sim.model.encounters import Cast
from sim.model.network_files.in_memory import NetworkData
from sim.runs.simulate import finalize, introduce, language_mind
from sim.runs.stopping_rules import StoppingRule, Until, rule_again, rule_of
from sim.runs.writer import RunWriter
from sim.scenarios import Scenario, differences
from sim.scenarios.interventions import Intervention
from sim.society import Society
from sim.studies import design, given_networks, outcomes
from sim.studies.design import (
    FACTORS,
    NAMES,
    NONE,
    Design,
    Point,
    interventions_of_lever,
    is_path,
    mind_at,
    mind_identity,
    minds,
    scenario_of_factor,
)
from sim.studies.outcomes import OutcomeRecorder, find, simulate_twin
from sim.utils import importable
from sim.utils.errors import InputError
from sim.utils.provenance import provenance
from sim.utils.source import changed_code, source_digest

Job = dict[str, Any]  # ready for JSON
MOST_FUNCTIONS = 1000  # of a user's own, as many as a design has outcomes
COLUMNS = ("position", "seed", "state", "error", "run")  # of a table of runs


class Task(NamedTuple):
    """One run of a design: where it stands in it, what varies, and the job."""

    position: int
    point: Point
    seed: int
    job: Job

    @property
    def run(self) -> str:
        """The hash of the run."""
        return str(self.job["run"])


class Tasks:
    """All runs of a design, each made when it is asked for.

    Parameters
    ----------
    design
        The design.
    functions
        A user's own outcomes, by name: kept whether the design names them or not.
    until
        What ends a run sooner, in the place of what the design says.

    Raises
    ------
    InputError
        If a function or a detector of one's own cannot be found again in another
        process, a function has the name of another column of the table, there are too
        many, or a network file cannot be read.
    """

    def __init__(
        self,
        design: Design,
        functions: Mapping[str, outcomes.Measure] | None = None,
        until: Until | None = None,
    ) -> None:
        guard.refuse_replaced()
        self.design = design
        self.layout = design.layout()
        self.seeds = design.seed_list
        used = design.parameters().mechanisms
        given = dict(functions or {})
        self.outcomes = [name for name in design.outcomes if name not in given]
        if not design.outcomes:
            self.outcomes = outcomes.usual(used, design.varied)
        self.rule = rule_of(design.until if until is None else until, design.measures())
        if self.rule is not None and outcomes.DAYS not in self.outcomes:
            self.outcomes = [*self.outcomes, outcomes.DAYS]
        self.detectors = own_detectors.describe(outcomes.kinds_in(self.outcomes))
        for name in {*design.varied, *COLUMNS} & given.keys():
            raise InputError(f"the table has a column {name!r} already; rename yours")
        if len(given) > MOST_FUNCTIONS:
            raise InputError(f"a sweep takes at most {MOST_FUNCTIONS:,} functions")
        self.functions = [outcomes.describe(name, one) for name, one in given.items()]
        self._made: tuple[int, Job] = (-1, {})

    def __len__(self) -> int:
        return self.layout.total * len(self.seeds)

    def __iter__(self) -> Iterator[Task]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> Task:
        number, index = divmod(position, len(self.seeds))
        point, seed = self.layout.at(number), self.seeds[index]
        if self._made[0] != number:  # replicates differ by their seed alone
            self._made = number, self._job(point)
        job = self._made[1] | {"seed": seed}
        return Task(position, point, seed, job | {"run": run_hash(job)})

    def identity(self) -> str:
        """Return the design, and the digests of what it refers to, as JSON."""
        told = [self.design.network, *self._varied("network")]
        known = {
            "design": self.design.as_dict(),
            "outcomes": self.outcomes,
            "functions": {f["name"]: f["digest"] for f in self.functions},
            "networks": [_network_digest(one) for one in told],
            "minds": [mind_identity(one) for one in self.minds],
        }
        mechanisms = registry.digests(self.design.parameters()())
        if mechanisms:
            known["mechanisms"] = mechanisms
        if self.rule is not None:
            known["until"] = self.rule.record
        if self.detectors:
            known["detectors"] = {
                one["kind"]: {"meaning": one["meaning"], "digest": one["digest"]}
                for one in self.detectors
            }
        return json.dumps(known)  # in the design's own order, which its points follow

    @property
    def minds(self) -> Sequence[Mapping[str, Any]]:
        """All minds of the design, as plain values."""
        return minds(self.design)

    def _varied(self, name: str) -> list[Any]:
        design = self.design
        listed = [one[name] for one in design.listed or [] if name in one]
        return [*(design.grid or {}).get(name, []), *listed]

    def _job(self, point: Point) -> Job:
        design = self.design
        values = {name: point.get(name, getattr(design, name)) for name in NAMES}
        changes = {n: v for n, v in point.items() if n not in FACTORS}
        scenario = scenario_of_factor(values["scenario"])
        if design.mechanisms:
            scenario = scenario.use(*design.mechanisms)
        scenario = scenario.replace(**design.base, **changes)
        more = interventions_of_lever(values["lever"])
        network = None if values["network"] == NONE else values["network"]
        shown = [i.model_dump(mode="json") for i in (*scenario.interventions, *more)]
        job = {
            "scenario": scenario.name,
            "profile": scenario.profile,
            "parameters": scenario.parameters.model_dump(mode="json"),
            "interventions": shown,
            "network": network if given_networks.held(network) else absolute(network),
            "network_digest": _network_digest(network),
            "mind": {
                key: absolute(value) if is_path(key, value) else value
                for key, value in mind_at(design, point).items()
            },
            "outcomes": self.outcomes,
            "functions": self.functions,
            "source": source_digest(),
        }
        if network is not None and design.network_options:
            options = dict(design.network_options)
            if "people" in options:
                options["people"] = absolute(options["people"])
            job["network_options"] = options
        if scenario.mechanisms:
            used = scenario.parameters.mechanisms
            job["mechanisms"] = [one.origin() for one in used]
        if self.rule is not None:
            job["until"] = {"rule": self.rule.record, "function": self.rule.described}
        job |= scenario.differing()
        return job | ({"detectors": self.detectors} if self.detectors else {})


def run_hash(job: Job) -> str:
    """Return the SHA-256 of all that makes a run, which is its name."""
    made_of = [
        *(job["source"], job["parameters"], job["interventions"]),
        *(job["network_digest"], mind_identity(job["mind"])),
        *(job["seed"], job["outcomes"]),
        [[one["name"], one["digest"]] for one in job["functions"]],
        *([[o["kind"], o["digest"]] for o in job.get("detectors", [])]),
        *(
            [given_networks.with_digests(job["network_options"])]
            if "network_options" in job
            else []
        ),
        *([[o["name"], o["digest"]] for o in job.get("mechanisms", [])]),
        *([{"until": job["until"]["rule"]}] if "until" in job else []),
        *([[name, job[name]] for name in differences.NAMES if name in job]),
    ]
    text = json.dumps(made_of, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def absolute(path: str | None) -> str | None:
    """Return a path that leads there from the folder of any worker, too."""
    return None if path is None else str(Path(path).absolute())


def _network_digest(path: str | None) -> str | None:
    if path is None or path == NONE:
        return None
    return given_networks.digest_of(path)


def rule_of_job(job: Job) -> StoppingRule | None:
    """Return what ends the run of a job sooner.

    Raises
    ------
    InputError
        If the file of a user's function is another one by now.
    """
    told = job.get("until")
    if told is None:
        return None
    until = None
    if told["function"] is not None:
        where = told["function"]
        until = importable.load(where["module"], where["name"], where["file"])
    return rule_again(told["rule"], until, f"the run {job['run'][:8]}")


def scenario_of(job: Job) -> Scenario:
    """Return the scenario that a job holds; it has no story to tell."""
    return Scenario(
        name=job["scenario"],
        title="",
        story="",
        profile=job["profile"],
        varies=job.get("varies", {}),
        profiles=job.get("profiles", []),
        parameters=registry.revive(job.get("mechanisms", []), job["parameters"]),
        interventions=[Intervention.model_validate(i) for i in job["interventions"]],
    )


JobResult = dict[str, Any]  # ready for JSON: run, state, seconds, values or a failure
Notice = Callable[[str], None]  # told the stage a run is in

DONE, FAILED = "done", "failed"
RAISED, EXITED, OUT_OF_MEMORY = "raised", "exited", "out of memory"
OTHER_CODE = "other code"
SNAPSHOT_EVERY = 30  # days, in a run that is kept
LONGEST_WAIT = 600.0  # seconds for another process that does the same run
LOOK_EVERY = 0.5  # seconds, for its end
LONGEST = 500  # letters of an error that are kept


def failure(run: str, stage: str, reason: str, error: str, seconds: float) -> JobResult:
    """Return the finding of a run that broke."""
    text = " ".join(error.split())[:LONGEST]
    return {
        "run": run,
        "state": FAILED,
        "stage": stage,
        "reason": reason,
        "error": text,
        "seconds": seconds,
    }


def run_job(job: Job, notice: Notice = lambda stage: None) -> JobResult:
    """Do a job; return its outcomes, or the stage and the reason of its failure."""
    began = time.monotonic()
    stage = ["setting up"]

    def entered(name: str) -> None:
        stage[0] = name
        notice(name)

    def broke(reason: str, error: str) -> JobResult:
        spent = time.monotonic() - began
        return failure(job["run"], stage[0], reason, error, spent)

    try:
        if changed_code() or job["source"] != source_digest():
            return broke(OTHER_CODE, "the worker has other source than the driver")
        if wrong := registry.difference(job.get("mechanisms", [])):
            return broke(OTHER_CODE, wrong)
        values = _simulate(job, entered)
    except MemoryError as error:
        return broke(OUT_OF_MEMORY, f"MemoryError: {error}")
    except SystemExit as error:
        return broke(EXITED, f"exit code {error.code}")
    except Exception as error:
        return broke(RAISED, f"{type(error).__name__}: {error}")
    finally:
        gc.collect()  # a Mesa model is never freed by its reference count alone
    spent = time.monotonic() - began
    return {"run": job["run"], "state": DONE, "values": values, "seconds": spent}


def _simulate(job: Job, entered: Notice) -> dict[str, float]:
    """Simulate one society, and return its outcomes."""
    entered("setting up")
    functions = {one["name"]: find(one) for one in job["functions"]}
    observer = OutcomeRecorder(job["outcomes"], functions)
    with ExitStack() as stack:
        stack.enter_context(own_detectors.registered(job.get("detectors", [])))
        mind = design.mind(job["mind"], **job.get("reach", {}))
        if "record" in job:
            mind = mind._replace(record=job["record"])
        cast = _opened(mind, job["seed"], stack, entered)
        society = Society(
            scenario_of(job),
            rng=job["seed"],
            network=given_networks.of_job(job),
            cast=cast,
        )
        introduce(society)
        rule = rule_of_job(job)
        society.until = None if rule is None else rule.ends
        writer = _writer(job, society, stack)
        if writer is None and (rule is None or "measure" in rule.record):
            observer.spare(society, [] if rule is None else [rule.record["measure"]])
        while society.running:
            day = society.calendar + 1
            entered(f"day {day}")
            society.step()
            observer.look(society)
            if writer is not None and day % SNAPSHOT_EVERY == 0:
                writer.snapshot(day, society.state)
        entered("outcomes")
        network = given_networks.of_job(job)
        twin = partial(
            simulate_twin, scenario_of(job), job["seed"], network, reads=observer.reads
        )
        values = observer.values(society, twin)
        for name in functions:
            entered(f"outcome {name}")
            values[name] = observer.own(name, society)
        if writer is not None:
            entered("writing")
            if rule is not None and society.stopped is not None:
                stopped = {"day": society.stopped, "rule": rule.text}
                writer.provenance["stopped"] = stopped
            _finish(society, writer)
        return values


def _opened(
    mind: MindOptions, seed: int, stack: ExitStack, entered: Notice
) -> Cast | None:
    """Open a cast; wait while another process does the same run.

    On a cluster one may go on with it whose driver was killed. What it pays is then
    found in the transcript.
    """
    until = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            return stack.enter_context(open_cast(mind, seed))
        except InUse:
            if time.monotonic() > until:
                raise
        entered("waiting for another process that does the run")
        time.sleep(LOOK_EVERY)


def _writer(job: Job, society: Society, stack: ExitStack) -> RunWriter | None:
    """Return where the whole run is kept, if it is."""
    if job.get("keep") is None:
        return None
    steps, network = society.parameters.steps, given_networks.of_job(job)
    looked = own_detectors.identity(society.monitor.kinds)
    more = {"network": network, "run": job["run"], "detectors": looked}
    if "until" in job:
        more["until"] = job["until"]["rule"]
    lived = {"parameters": society.parameters}  # a network says how many people
    scenario = scenario_of(job).model_copy(update=lived)
    record = provenance(scenario, job["seed"], steps, more)
    if society.read_as is not None:
        record["network"]["read_as"] = society.read_as
    writer = stack.enter_context(RunWriter(Path(job["keep"]), record, overwrite=True))
    if isinstance(network, NetworkData):
        writer.network(network.stored, network.content)
    writer.snapshot(0, society.state)
    return writer


def _finish(society: Society, writer: RunWriter) -> None:
    last = society.calendar
    if last % SNAPSHOT_EVERY:
        writer.snapshot(last, society.state)
    mind = language_mind(society)
    if mind is not None:
        writer.speech(mind.lines, mind.rows())
    finalize(society, writer)


def warm_up() -> None:
    """Load, or if need be compile, the loops of a day, so that no run pays for it."""
    society = Society("her", seed=0, humans=20, steps=3)
    while society.running:
        society.step()
