"""One run of a sweep as plain values, and the hash that says what it is.

A run is known by the SHA-256 of all that makes it: the package's source, the resolved
parameters and interventions, the network file, the mind, the seed, and the outcomes
that are wanted. Nothing else, so that equal runs are run once, whatever their names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sim.compiled import source_digest
from sim.errors import InputError
from sim.events import own
from sim.interventions import Intervention
from sim.parameters import Parameters
from sim.scenarios import Scenario
from sim.sweeps import factors, measures
from sim.sweeps.designs import Design, Point

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
        A user's own outcomes, by name.

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
        functions: Mapping[str, measures.Measure] | None = None,
    ) -> None:
        self.design = design
        self.layout = design.layout()
        self.seeds = design.seed_list
        self.outcomes = design.outcomes or measures.usual()
        self.detectors = own.describe(measures.kinds_in(self.outcomes))
        given = dict(functions or {})
        for name in {*design.varied, *COLUMNS} & given.keys():
            raise InputError(f"the table has a column {name!r} already; rename yours")
        if len(given) > MOST_FUNCTIONS:
            raise InputError(f"a sweep takes at most {MOST_FUNCTIONS:,} functions")
        self.functions = [measures.describe(name, one) for name, one in given.items()]
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
        return Task(position, point, seed, job | {"run": self._hash(job)})

    def identity(self) -> str:
        """Return the design, and the digests of what it refers to, as JSON."""
        networks = [self.design.network, *self._varied("network")]
        known = {
            "design": self.design.told(),
            "outcomes": self.outcomes,
            "functions": {f["name"]: f["digest"] for f in self.functions},
            "networks": [_network_digest(one) for one in networks],
            "minds": [factors.mind_identity(one) for one in self.minds],
        }
        if self.detectors:
            known["detectors"] = {
                one["kind"]: {"meaning": one["meaning"], "digest": one["digest"]}
                for one in self.detectors
            }
        return json.dumps(known)  # in the design's own order, which its points follow

    @property
    def minds(self) -> list[Mapping[str, Any]]:
        """All minds of the design, as plain values."""
        return [self.design.mind, *self._varied("mind")]

    def _varied(self, name: str) -> list[Any]:
        design = self.design
        listed = [one[name] for one in design.listed or [] if name in one]
        return [*(design.grid or {}).get(name, []), *listed]

    def _job(self, point: Point) -> Job:
        design = self.design
        told = {name: point.get(name, getattr(design, name)) for name in factors.NAMES}
        changes = {n: v for n, v in point.items() if n not in factors.NAMES}
        scenario = factors.scenario(told["scenario"])
        scenario = scenario.replace(**design.base, **changes)
        pulled = factors.pulled(told["lever"])
        network = None if told["network"] == factors.NONE else told["network"]
        shown = [i.model_dump(mode="json") for i in (*scenario.interventions, *pulled)]
        job = {
            "scenario": scenario.name,
            "profile": scenario.profile,
            "parameters": scenario.parameters.model_dump(mode="json"),
            "interventions": shown,
            "network": network,
            "network_digest": _network_digest(network),
            "mind": told["mind"],
            "outcomes": self.outcomes,
            "functions": self.functions,
            "source": source_digest(),
        }
        return job | ({"detectors": self.detectors} if self.detectors else {})

    def _hash(self, job: Job) -> str:
        made_of = [
            *(job["source"], job["parameters"], job["interventions"]),
            *(job["network_digest"], factors.mind_identity(job["mind"])),
            *(job["seed"], job["outcomes"]),
            [[one["name"], one["digest"]] for one in job["functions"]],
            *([[o["kind"], o["digest"]] for o in job.get("detectors", [])]),
        ]
        text = json.dumps(made_of, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _network_digest(path: str | None) -> str | None:
    if path is None or path == factors.NONE:
        return None
    return factors.network_digest(path)


def scenario_of(job: Job) -> Scenario:
    """Return the scenario that a job holds; it has no story to tell."""
    return Scenario(
        name=job["scenario"],
        title="",
        story="",
        profile=job["profile"],
        parameters=Parameters(**job["parameters"]),
        interventions=[Intervention.model_validate(i) for i in job["interventions"]],
    )
