"""Run a scenario and keep what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sim import scenarios
from sim.compiled import source_digest
from sim.errors import InputError
from sim.events import Watch
from sim.minds.casting import (
    CountingMind,
    Estimate,
    MindOptions,
    cast_of,
    check,
    open_cast,
)
from sim.minds.language import LanguageMind
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
        at ``out`` is kept and refused), ``progress`` (False: no bar), ``mind``
        (``sim.minds.MindOptions``; None: everybody lives by the rules), ``detectors``
        (kinds of events to look for; None: all that are registered).

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
    place = Path(out) if out is not None else place_of(chosen, seed, network, told.mind)
    make = partial(Society, chosen, rng=seed, network=network, threads=told.threads)
    with open_cast(told.mind) as cast:
        society = make(cast=cast)
        society.watch = Watch(society.parameters, told.detectors)
        chosen = chosen.model_copy(update={"parameters": society.parameters})
        birth = provenance(chosen, seed, chosen.parameters.steps, {"network": network})
        overwrite = told.overwrite or out is None
        with RunWriter(place, birth, overwrite=overwrite) as writer:
            _live(society, writer, told)
            birth["mind"] = _speech(society, writer, told.mind)
            watch = society.watch
            writer.finish(watch.history.columns(), watch.rows(), watch.readings())
    return load(writer.directory)


def _speech(
    society: Society, writer: RunWriter, told: MindOptions
) -> dict[str, Any] | None:
    """Write what the cast said; return what the birth certificate says of it."""
    mind = _speaks(society)
    if mind is None or society.cast is None:
        return None
    writer.speech(mind.lines, mind.transcript.rows())
    members = society.cast.members(society.state).tolist()
    how = {"kind": told.kind, "cast": told.cast, "talks": told.talks}
    how |= {"ghost_writer": told.ghost_writer, "members": members}
    return how | mind.summary()


def _speaks(society: Society) -> LanguageMind | None:
    """Return the mind that speaks for a cast, if there is one."""
    mind = society.cast.mind if society.cast is not None else None
    return mind if isinstance(mind, LanguageMind) else None


def estimate(
    scenario: Scenario | str,
    mind: MindOptions,
    *,
    seed: int = 0,
    network: str | Path | None = None,
) -> Estimate:
    """Return what a run would ask of a language model, without asking it.

    The same society is lived once by the rules, and the encounters of its cast are
    counted. What the model decides may change who meets whom, so it is an estimate.

    Parameters
    ----------
    scenario, seed, network
        As in `run`.
    mind
        Who would speak through which mind.

    Raises
    ------
    InputError
        If anything given is not valid.
    """
    check(mind)
    counting = CountingMind(mind)
    if mind.kind != "rules" and mind.cast != 0:
        cast = cast_of(mind, counting)
        society = Society(scenario, rng=seed, network=network, cast=cast)
        for _ in range(society.parameters.steps):
            society.step()
    return counting.estimate(mind.policy.max_calls)


class Options:
    """How to run, which changes nothing of what comes out but the snapshots' days."""

    def __init__(
        self,
        threads: int = 1,
        snapshot_every: int = 30,
        overwrite: bool = False,
        progress: bool = False,
        mind: MindOptions | None = None,
        detectors: Sequence[str] | None = None,
    ) -> None:
        for name, value in (("threads", threads), ("snapshot_every", snapshot_every)):
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{name} is a whole number from 1, not {value!r}")
        self.threads = threads
        self.snapshot_every = snapshot_every
        self.overwrite = overwrite
        self.progress = progress
        self.mind = mind or MindOptions()
        self.detectors = detectors


def place_of(
    scenario: Scenario,
    seed: int,
    network: str | Path | None,
    mind: MindOptions | None = None,
) -> Path:
    """Return the default directory of a run, named by all that makes it."""
    known = file_identity(network) if network is not None else None
    changes = [one.model_dump() for one in scenario.interventions]
    made_of = [scenario.parameters.model_dump(), changes, seed, known, source_digest()]
    if mind is not None and mind.kind != "rules" and mind.cast != 0:
        made_of.append([str(part) for part in mind])
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
            mind = _speaks(society)
            if mind is not None:
                writer.memories(step, mind.memories.columns())
