"""Run a scenario and keep what came of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sim import scenarios
from sim.compiled import source_digest
from sim.errors import InputError
from sim.model import Society, seed_from
from sim.provenance import file_identity, provenance
from sim.results import Result, RunWriter, load
from sim.scenarios import Scenario

RUNS = Path("results") / "runs"


def run(
    scenario: Scenario | str,
    *,
    steps: int | None = None,
    seed: int = 0,
    network: str | Path | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> Result:
    """Run a scenario to its end, store the run, and open it.

    Parameters
    ----------
    scenario
        A scenario, its name, or the path of its TOML file.
    steps
        Days to run; None takes the scenario's own.
    seed
        The seed of all luck. The same seed gives the same bytes.
    network
        File of who knows whom on day 0 (edge list, GraphML or GEXF).
    out
        Directory to write. None puts the run under ``results/runs``, in a directory
        named by what makes the run, replacing the same run if it is there.
    options
        ``threads`` (int, 1), ``snapshot_every`` (days, 30), ``overwrite`` (False: a run
        at ``out`` is kept and refused), ``progress`` (False: no bar).

    Returns
    -------
    Result
        The stored run.

    Raises
    ------
    InputError
        If anything given is not valid, or nothing can be written at ``out``.
    """
    told = Options(**options)
    chosen = scenario if isinstance(scenario, Scenario) else scenarios.load(scenario)
    if steps is not None:
        chosen = chosen.replace(steps=steps)
    seed = seed_from(seed)
    place = Path(out) if out is not None else place_of(chosen, seed, network)
    society = Society(chosen, rng=seed, network=network, threads=told.threads)
    chosen = chosen.model_copy(update={"parameters": society.parameters})
    birth = provenance(chosen, seed, chosen.parameters.steps, {"network": network})
    with RunWriter(place, birth, overwrite=told.overwrite or out is None) as writer:
        _live(society, writer, told)
        writer.finish(society.watch.history.columns(), society.watch.rows())
    return load(writer.directory)


class Options:
    """How to run, which changes nothing of what comes out but the snapshots' days."""

    def __init__(
        self,
        threads: int = 1,
        snapshot_every: int = 30,
        overwrite: bool = False,
        progress: bool = False,
    ) -> None:
        for name, value in (("threads", threads), ("snapshot_every", snapshot_every)):
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{name} is a whole number from 1, not {value!r}")
        self.threads = threads
        self.snapshot_every = snapshot_every
        self.overwrite = overwrite
        self.progress = progress


def place_of(scenario: Scenario, seed: int, network: str | Path | None) -> Path:
    """Return the default directory of a run, named by all that makes it."""
    known = file_identity(network) if network is not None else None
    changes = [one.model_dump() for one in scenario.interventions]
    made_of = [scenario.parameters.model_dump(), changes, seed, known, source_digest()]
    text = json.dumps(made_of, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return RUNS / f"{scenario.name}-{seed}-{digest}"


def _live(society: Society, writer: RunWriter, told: Options) -> None:
    """Live all days; write a snapshot of the first, the last, and some between."""
    steps = society.parameters.steps
    writer.snapshot(0, society.state)
    for step in tqdm(range(1, steps + 1), unit="day", disable=not told.progress):
        society.step()
        if step % told.snapshot_every == 0 or step == steps:
            writer.snapshot(step, society.state)
