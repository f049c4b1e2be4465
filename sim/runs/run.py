"""Run a scenario and store the result; estimate its model calls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sim import scenarios
from sim.events import own_detectors
from sim.events.measures import measured
from sim.events.monitor import Monitor
from sim.minds.options import (
    CallEstimate,
    CountingMind,
    MindOptions,
    cast_of,
    check,
    open_cast,
)
from sim.minds.several import SpokenSides
from sim.model.network_files.in_memory import (
    GivenNetwork,
    NetworkData,
    as_file,
    check_humans,
)
from sim.model.parameters import IN_PARAMETERS, IN_SCENARIO, Changes
from sim.runs import checkpoint
from sim.runs import simulate as simulation
from sim.runs.result import Result, load
from sim.runs.simulate import (
    RunOptions,
    clear_unfinished,
    default_path,
    finalize,
    introduce,
    language_mind,
    simulate,
)
from sim.runs.stopping_rules import Until, rule_of
from sim.runs.writer import RunWriter, begun_at, is_run
from sim.scenarios import Scenario
from sim.society import Society, seed_from
from sim.utils.errors import InputError
from sim.utils.files import expanded
from sim.utils.provenance import other_versions, provenance
from sim.utils.signatures import checked_arguments
from sim.utils.source import source_digest


@checked_arguments(IN_PARAMETERS)
def run(
    scenario: Scenario | str | Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    parameters: Changes | None = None,
    network: GivenNetwork | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    threads: int = 1,
    mind: MindOptions | None = None,
    detectors: Sequence[str] | None = None,
    snapshot_every: int = 30,
    checkpoint_every: int = 0,
    until: Until | None = None,
    progress: bool = False,
) -> Result:
    """Run a scenario to its end, store the run, and open it.

    Parameters
    ----------
    scenario
        A scenario, its name, or the path of its TOML file.
    steps
        Days to run; None takes the scenario's own.
    seed
        The seed of all random numbers, 0 to 2**63 - 1. The same seed gives the same
        bytes.
    parameters
        Changes to the scenario's parameters, by name, as ``{"humans": 200}``.
    network
        Who knows whom on day 0: a file, a graph of networkx, a pandas table of ties, or
        a pair of one and a table of people. A ``NetworkFile`` or a ``Network`` says how
        to take what can be taken in two ways. What was read is
        ``provenance["network"]["read_as"]``; what was in memory is kept with the run
        (``Result.network``).
    out
        Directory to write. None puts the run under ``results/runs``, in a directory
        named by what makes the run, replacing the same run if it is there.
    overwrite
        Whether to replace a run that is there at ``out``; else it is refused.
    threads
        Threads to compute with; the result is the same for any number.
    mind
        Who speaks through a language model, and how; None lets everybody follow the
        rules.
    detectors
        Kinds of events to look for; None is all that are registered.
    snapshot_every
        Days between two snapshots of all humans, OSes and ties.
    checkpoint_every
        Days between two checkpoints, 0 for none: with them a run that was cut short is
        completed by ``resume``, and a finished one can be forked.
    until
        What ends the run before its days are over, asked at the end of each: a function
        at the top of a file that takes the ``Society``, or as ``result`` a ``Result``
        of it, and returns True or False; its place, ``"FILE.py:NAME"``; or a condition,
        as ``{"measure": "adopted", "above": 0.9}``. ``Result.stopped`` says when.
    progress
        Whether to show a bar on standard error.

    Returns
    -------
    Result
        The stored run.

    Raises
    ------
    InputError
        If anything given is not valid, or nothing can be written at ``out``.
    """
    check_humans(network, parameters or {})
    chosen = scenarios.chosen(scenario, parameters)
    options = RunOptions(
        threads=threads,
        snapshot_every=snapshot_every,
        overwrite=overwrite,
        progress=progress,
        mind=mind or MindOptions(),
        detectors=detectors,
        checkpoint_every=checkpoint_every,
        until=rule_of(until, measured(chosen.parameters)),
    )
    if steps is not None:
        chosen = chosen.replace(steps=steps)
    seed = seed_from(seed)
    network = None if network is None else as_file(network)
    if out is None:
        place = default_path(
            chosen, seed, network, options.mind, detectors, options.until
        )
    else:
        place = Path(out)
    make = partial(Society, chosen, seed=seed, network=network, threads=options.threads)
    with open_cast(options.mind, seed) as cast:
        society = make(cast=cast)
        introduce(society)
        society.monitor = Monitor(society.parameters, options.detectors)
        chosen = chosen.model_copy(update={"parameters": society.parameters})
        steps, kept = chosen.parameters.steps, options.kept()
        looked = own_detectors.identity(society.monitor.kinds)
        more = {"network": network, "options": kept, "detectors": looked}
        if options.until is not None:
            more["until"] = options.until.record
        record = provenance(chosen, seed, steps, more)
        if society.read_as is not None:
            record["network"]["read_as"] = society.read_as
        if options.checkpoint_every:
            checkpoint.check(society)
        clear_unfinished(place, options.overwrite)
        overwrite = options.overwrite or out is None
        lasting = options.checkpoint_every > 0
        with RunWriter(place, record, overwrite=overwrite, lasting=lasting) as writer:
            if lasting:
                writer.begin({"provenance": record, "overwrite": overwrite})
            if isinstance(network, NetworkData):
                writer.network(network.stored, network.content)
            simulate(society, chosen, writer, options)
            record["mind"] = _speech(society, writer, options.mind)
            finalize(society, writer)
    return load(writer.directory)


@checked_arguments(IN_PARAMETERS)
def kept(
    scenario: Scenario,
    *,
    seed: int = 0,
    network: GivenNetwork | None = None,
    mind: MindOptions | None = None,
    snapshot_every: int = 30,
    checkpoint_every: int = 0,
    until: Until | None = None,
) -> Result | None:
    """Return the run that these would make, if it is stored under ``results/runs``.

    It must be of the same code and versions, keep the same days, and be whole as far as
    opening it shows. A run that asks a model, or writes a transcript, is not found.

    Parameters
    ----------
    scenario, seed, network, mind, snapshot_every, checkpoint_every, until
        As for ``run``.

    Raises
    ------
    InputError
        If one of them is wrong.
    """
    mind = mind or MindOptions()
    if mind.kind not in ("rules", "scripted") or mind.record or mind.replay:
        return None
    options = RunOptions(
        snapshot_every=snapshot_every, checkpoint_every=checkpoint_every
    )
    rule = rule_of(until, measured(scenario.parameters))
    given = None if network is None else as_file(network)
    place = default_path(scenario, seed_from(seed), given, mind, None, rule)
    if not is_run(place) or begun_at(place.absolute()).exists():
        return None
    try:
        found = load(expanded(place).resolve())
    except InputError:
        return None
    known = found.provenance
    if other_versions(known) or known.get("source_digest") != source_digest():
        return None
    return found if known.get("options") == options.kept() else None


@checked_arguments()
def resume(
    out: str | Path,
    *,
    threads: int = 1,
    progress: bool = False,
    allow_other_versions: bool = False,
    until: Until | None = None,
) -> Result:
    """Complete a run that was cut short, from its last checkpoint.

    The result has the same bytes as if nothing had happened. If the last checkpoint is
    damaged, the one before is taken, and so on; a line on the log says so.

    Parameters
    ----------
    out
        Where the run shall be, as it was begun.
    threads, progress
        As for ``run``.
    allow_other_versions
        Whether Python and libraries may be others than those it was begun with; then
        its provenance says which, from which day on.
    until
        As for ``run``; needed where a function was to end the run, since a run that
        lies somewhere runs no code.

    Raises
    ------
    InputError
        If no run was cut short there, it is being written, it was begun by other code
        or with other versions, or all its checkpoints are damaged.
    """
    options: dict[str, Any] = {"threads": threads, "progress": progress}
    options |= {"allow_other_versions": allow_other_versions, "until": until}
    return load(simulation.resume(expanded(out).resolve(), **options))


def _speech(
    society: Society, writer: RunWriter, options: MindOptions
) -> dict[str, Any] | None:
    """Write what the cast said; return what the provenance says of it."""
    mind = language_mind(society)
    if mind is None or society.cast is None:
        return None
    writer.speech(mind.lines, mind.rows())
    members = society.cast.members(society.state).tolist()
    how = {"kind": options.kind, "cast": options.cast, "talks": options.talks}
    how |= {"ghost_writer": options.ghost_writer, "members": members}
    told = how | mind.summary()
    if isinstance(mind, SpokenSides):
        oses = [agent for agent in members if agent >= society.state.humans.n]
        for name, theirs in mind.whose(oses).items():
            told["models"][name]["oses"] = theirs
    return told


@checked_arguments(IN_SCENARIO)
def estimate(
    scenario: Scenario | str | Path,
    mind: MindOptions,
    *,
    seed: int = 0,
    network: GivenNetwork | None = None,
) -> CallEstimate:
    """Return what a run would ask of a language model, without asking it.

    The same society is simulated once by the rules, and the encounters of its cast are
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
        society = Society(scenario, seed=seed, network=network, cast=cast)
        counting.meet(society.labels, society.state.humans.n)
        for _ in range(society.parameters.steps):
            society.step()
    return counting.estimate(mind.policy.max_calls)
