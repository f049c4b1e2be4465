"""Run a scenario and keep what came of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from sim import checkpoints, living, scenarios
from sim.events import Watch
from sim.living import (
    RUNS,
    Options,
    finish,
    live,
    place_of,
    refuse_unfinished,
    speaks,
)
from sim.minds.casting import (
    CountingMind,
    Estimate,
    MindOptions,
    cast_of,
    check,
    open_cast,
)
from sim.model import Society, seed_from
from sim.provenance import provenance
from sim.results import Result, RunWriter, load
from sim.scenarios import Scenario

__all__ = ["RUNS", "estimate", "place_of", "resume", "run"]


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
        (kinds of events to look for; None: all that are registered),
        ``checkpoint_every`` (days, 0: never; else a run that was cut short can be gone
        on with by ``resume``, and a finished one be forked).

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
        steps, kept = chosen.parameters.steps, told.kept()
        birth = provenance(chosen, seed, steps, {"network": network, "options": kept})
        if told.checkpoint_every:
            checkpoints.check(society)
            refuse_unfinished(place, told.overwrite)
        overwrite = told.overwrite or out is None
        lasting = told.checkpoint_every > 0
        with RunWriter(place, birth, overwrite=overwrite, lasting=lasting) as writer:
            if lasting:
                writer.begin({"provenance": birth, "overwrite": overwrite})
            live(society, chosen, writer, told)
            birth["mind"] = _speech(society, writer, told.mind)
            finish(society, writer)
    return load(writer.directory)


def resume(out: str | Path, *, threads: int = 1, progress: bool = False) -> Result:
    """Go on with a run that was cut short, from its last checkpoint.

    The result has the same bytes as if nothing had happened.

    Parameters
    ----------
    out
        Where the run shall be, as it was begun.
    threads, progress
        As for ``run``.

    Raises
    ------
    InputError
        If no run was cut short there, it is being written, it was begun by other code,
        or its last checkpoint is damaged.
    """
    place = Path(out).expanduser().resolve()
    return load(living.resume(place, threads=threads, progress=progress))


def _speech(
    society: Society, writer: RunWriter, told: MindOptions
) -> dict[str, Any] | None:
    """Write what the cast said; return what the birth certificate says of it."""
    mind = speaks(society)
    if mind is None or society.cast is None:
        return None
    writer.speech(mind.lines, mind.transcript.rows())
    members = society.cast.members(society.state).tolist()
    how = {"kind": told.kind, "cast": told.cast, "talks": told.talks}
    how |= {"ghost_writer": told.ghost_writer, "members": members}
    return how | mind.summary()


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
