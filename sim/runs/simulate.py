"""Simulate a society into a run directory: from the start, resumed, or forked."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.engine import guard
from sim.events import own_detectors
from sim.events.detectors import DETECTORS
from sim.mechanisms import registry
from sim.minds.mind import LanguageMind
from sim.minds.options import MindOptions, by_content, is_live, money
from sim.minds.several import SpokenSides
from sim.model.network_files.in_memory import GivenNetwork, as_file
from sim.runs.checkpoint import Checkpoint, check_files, load, readings_of
from sim.runs.checkpoint import save as save_checkpoint
from sim.runs.checkpoint import steps as checkpoint_steps
from sim.runs.stopping_rules import StoppingRule, Until, rule_again
from sim.runs.validation import check_provenance
from sim.runs.writer import (
    UNFINISHED,
    RunWriter,
    begun_at,
    drop_unfinished,
    is_run,
    lock,
    tidy,
)
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.society import Society
from sim.utils.errors import InputError
from sim.utils.files import expanded, writing
from sim.utils.progress import doing, progress_shown
from sim.utils.provenance import (
    LARGEST,
    file_identity,
    is_sealed,
    other_versions,
    provenance,
    versions,
)
from sim.utils.source import source_digest
from sim.utils.untrusted import read_json

LOG = logging.getLogger(__name__)
RUNS = Path("results") / "runs"
KEPT = ("snapshot_every", "checkpoint_every")


@dataclass
class RunOptions:
    """How to run, which changes nothing of what comes out but which days are kept."""

    threads: int = 1
    snapshot_every: int = 30  # days
    overwrite: bool = False
    progress: bool = False  # a bar on standard error
    mind: MindOptions = field(default_factory=MindOptions)
    detectors: Sequence[str] | None = None  # kinds; None is all
    checkpoint_every: int = 0  # days; 0 is never
    until: StoppingRule | None = None  # what ends it sooner

    def __post_init__(self) -> None:
        """Raise InputError if a number is out of range."""
        for name, least in (
            ("threads", 1),
            ("snapshot_every", 1),
            ("checkpoint_every", 0),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                number = f"a whole number from {least}"
                raise InputError(f"{name} is {number}, not {value!r}")

    def kept(self) -> dict[str, int]:
        """Return what says which days are kept, ready for JSON."""
        return {name: getattr(self, name) for name in KEPT}


def kept_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a provenance record says of the days that are kept, and no more."""
    options = record.get("options", {})
    return {name: options[name] for name in KEPT if name in options}


def default_path(
    scenario: Scenario,
    seed: int,
    network: GivenNetwork | None,
    mind: MindOptions | None = None,
    detectors: Sequence[str] | None = None,
    until: StoppingRule | None = None,
) -> Path:
    """Return the default directory of a run, named by all that makes it."""
    known = as_file(network).identity() if network is not None else None
    changes = [one.model_dump() for one in scenario.interventions]
    made_of = [scenario.parameters.model_dump(), changes, seed, known, source_digest()]
    if scenario.mechanisms:
        made_of.append({"mechanisms": registry.digests(scenario.parameters)})
    if differing := scenario.differing():
        made_of.append(differing)
    if mind is not None and mind.kind != "rules" and mind.cast != 0:
        made_of.append([str(part) for part in by_content(mind)])
    looked = own_detectors.identity(DETECTORS if detectors is None else detectors)
    if looked["own"] or detectors is not None:
        made_of.append(looked)
    if until is not None:
        made_of.append({"until": until.record})
    text = json.dumps(made_of, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return RUNS / f"{scenario.name}-{seed}-{digest}"


def simulate(
    society: Society, scenario: Scenario, writer: RunWriter, options: RunOptions
) -> None:
    """Simulate all days to come; write snapshots of the first, the last, and some.

    Checkpoints are written last of all on their day: what they build on is there. Where
    a stopping rule ended the run, its provenance says so.

    Raises
    ------
    InputError
        If code of the model was replaced since it was imported.
    """
    guard.refuse_replaced()
    steps, first = society.parameters.steps, int(society.day["step"])
    every = options.checkpoint_every
    readings = society.monitor.keeper = writer.keep_readings()
    rule = options.until
    society.until = None if rule is None else rule.ends

    def save() -> None:
        save_checkpoint(society, scenario, writer.part, readings.cut())

    if not first:
        writer.snapshot(0, society.state)
        if every:
            save()
    shown = progress_shown(options.progress)
    with shown, doing("", steps, "day", done=first) as task:
        for step in range(first + 1, steps + 1):
            society.step()
            task.note = spent(society, options.mind)
            is_last = not society.running
            if step % options.snapshot_every == 0 or is_last:
                writer.snapshot(step, society.state)
                mind = language_mind(society)
                if mind is not None:
                    writer.memories(step, mind.memories.columns())
            if is_last and step < steps:
                break
            if every and step % every == 0 and not is_last:
                save()
            task.add()
    if rule is not None and society.stopped is not None:
        stopped = {"day": society.stopped, "rule": rule.text}
        writer.provenance["stopped"] = stopped


def spent(society: Society, options: MindOptions) -> str:
    """Return in words what the calls of a cast cost so far, where prices are given."""
    mind = language_mind(society)
    if mind is None or options.prices is None or not is_live(options):
        return ""
    rater = (mind if isinstance(mind, LanguageMind) else mind.minds[0]).rater
    rated = {} if rater is None else rater.summary()
    tokens_in, tokens_out = (
        mind.tally[name] + rated.get(name, 0)
        for name in ("prompt_tokens", "completion_tokens")
    )
    cost = money(options.prices, tokens_in, tokens_out)
    return f"{cost:,.2f} in money for {tokens_in:,} tokens in, {tokens_out:,} out"


def finalize(society: Society, writer: RunWriter) -> None:
    """Write the measures and events, and move the run into its place."""
    monitor = society.monitor
    if society.labels is not None or society.people:
        nameless = ("",) * society.state.humans.n
        writer.people(society.labels or nameless, society.people)
    for one in society.parameters.mechanisms:
        writer.mechanism(one.name, one.source)
    events = (event._asdict() for event in monitor.happened())
    writer.finish(monitor.history.columns(), events)


def introduce(society: Society) -> None:
    """Tell the mind of a cast who is who, where a table says what is known of people.

    Raises
    ------
    InputError
        If it names somebody who is not there.
    """
    mind = language_mind(society)
    if mind is not None:
        mind.meet(society.labels, society.state.humans.n)


def language_mind(society: Society) -> LanguageMind | SpokenSides | None:
    """Return the language mind of a cast, or its several, if there is one."""
    mind = society.cast.mind if society.cast is not None else None
    return mind if isinstance(mind, LanguageMind | SpokenSides) else None


def resume(
    place: Path,
    *,
    threads: int = 1,
    progress: bool = False,
    allow_other_versions: bool = False,
    until: Until | None = None,
) -> Path:
    """Complete a run that was cut short (see ``runs.resume``); return where it is."""
    with writing(place):
        tidy(place)
    options, record = load_unfinished(place)
    options.threads, options.progress = threads, progress
    options.until = rule_again(record.get("until"), until, f"the run {place}")
    other = other_versions(record | record.get("resumed_with", [{}])[-1])
    if other and not allow_other_versions:
        raise InputError(
            f"the run {place} was begun with other versions ({other}), which may give "
            "other numbers; resume it with those, or --allow-other-versions"
        )
    is_taken = place.is_file() or any(place.glob("*"))
    if place.is_symlink() or (is_taken and not options.overwrite):
        where = f"something came to {place} after its run was cut short"
        raise InputError(f"{where}; move it away, and resume then")
    with RunWriter(place, record, overwrite=options.overwrite, lasting=True) as writer:
        checkpoint = _last_sound(writer.part, record, threads)
        step = int(checkpoint.society.day["step"])
        record["resumed"] = [*record.get("resumed", []), step]
        if other:
            new = {"step": step, **versions()}
            record["resumed_with"] = [*record.get("resumed_with", []), new]
        writer.begin({"provenance": record, "overwrite": options.overwrite})
        writer.forget_after(step)
        simulate(checkpoint.society, checkpoint.scenario, writer, options)
        finalize(checkpoint.society, writer)
    return writer.directory


def _last_sound(part: Path, record: Mapping[str, Any], threads: int) -> Checkpoint:
    """Load the last checkpoint that can be; a line says so if it is not the last.

    Those after it are removed: their days are simulated again.
    """
    wrong: InputError | None = None
    there = checkpoint_steps(part)
    for day in reversed(there):
        try:
            found = load(part, day, threads=threads)
            _check_same_run(found, record, part)
        except InputError as error:
            wrong = wrong or error
            continue
        if wrong is not None:
            LOG.warning("os-society: %s; resumed from day %d instead", wrong, day)
            for later in there[there.index(day) + 1 :]:
                shutil.rmtree(readings_of(part, later).parent)
        return found
    raise wrong or InputError(f"no checkpoint in {part}")


def _check_same_run(
    checkpoint: Checkpoint, record: Mapping[str, Any], part: Path
) -> None:
    """Raise InputError unless a checkpoint and snapshots are of a run that was begun.

    Parameters
    ----------
    checkpoint, record
        What was loaded, and the provenance of the run.
    part
        Where the run is kept until it is finished.
    """
    scenario = checkpoint.scenario
    known = scenario.parameters.model_dump(mode="json"), checkpoint.seed
    if known != (record["parameters"], record["seed"]):
        raise InputError(
            f"{part} is damaged: its checkpoint is of another run than {UNFINISHED} "
            "says; run it again"
        )
    try:
        check_files(part, int(checkpoint.society.day["step"]), snapshots=True)
    except ValueError as error:
        raise InputError(f"{part} is damaged: {error}") from None


def fork(
    parent: Path,
    record: Mapping[str, Any],
    step: int,
    interventions: Sequence[Intervention],
    options: RunOptions,
    out: str | Path | None = None,
) -> Path:
    """Continue from a checkpoint of a run in another run; return its directory.

    Parameters
    ----------
    parent, record
        The directory of a run that kept checkpoints, and its provenance.
    step
        The day of one.
    interventions
        What is changed from then on.
    options
        How to run.
    out
        Where to; None is under ``RUNS``, named by what makes the run.

    Raises
    ------
    InputError
        If there is no such checkpoint, an intervention is due before it, the run was
        made by other code, or nothing can be written.
    """
    check_same_code(record, parent)
    checkpoint = load(
        parent, step, threads=options.threads, interventions=interventions
    )
    place = _path_of_fork(checkpoint, step, options.until) if out is None else Path(out)
    steps = checkpoint.scenario.parameters.steps
    of: dict[str, Any] = {"run": parent.name, "step": step}
    of |= file_identity(parent / "provenance.json")
    if other_versions(record):
        of |= {name: record.get(name) for name in versions()}
    more = {
        "network": record["network"],
        "parent": of,
        "options": options.kept(),
        "detectors": own_detectors.identity(checkpoint.society.monitor.kinds),
    }
    if options.until is not None:
        more["until"] = options.until.record
    known = provenance(checkpoint.scenario, checkpoint.seed, steps, more)
    clear_unfinished(place, options.overwrite)
    overwrite = options.overwrite or out is None
    with RunWriter(place, known, overwrite=overwrite) as writer:
        writer.inherit(parent, step)
        before = readings_of(writer.part, step)
        save_checkpoint(checkpoint.society, checkpoint.scenario, writer.part, before)
        simulate(checkpoint.society, checkpoint.scenario, writer, options)
        finalize(checkpoint.society, writer)
    return writer.directory


def _path_of_fork(
    checkpoint: Checkpoint, step: int, until: StoppingRule | None
) -> Path:
    place = default_path(checkpoint.scenario, checkpoint.seed, None, until=until)
    return place.with_name(f"{place.name}-fork-{step}")


def load_unfinished(place: Path) -> tuple[RunOptions, dict[str, Any]]:
    """Return options and provenance of a run that was begun and is not finished."""
    left = begun_at(place)
    file = left / UNFINISHED
    if not file.exists():
        what = "is not there"
        if (place / "provenance.json").exists():
            what = "is complete"
        if is_run(place):  # how far a process came that was killed
            with writing(place):
                (place / UNFINISHED).unlink(missing_ok=True)
        raise InputError(f"nothing to resume: the run {place} {what}")
    try:
        found = read_json(file, LARGEST)
        record = dict(found["provenance"])
        check_provenance(file, record)
        options = RunOptions(**kept_of(record), overwrite=found["overwrite"] is True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file} is damaged: {error}") from None
    if not checkpoint_steps(left):
        raise InputError(
            f"nothing to resume: the run {place} was cut short before its first "
            "checkpoint; run it again"
        )
    check_same_code(record, place)
    if not is_sealed(found):
        raise InputError(
            f"{file} is damaged (other values were written, as its digest says); run "
            "it again"
        )
    return options, record


def check_same_code(record: Mapping[str, Any], place: Path) -> None:
    """Raise InputError unless a run was begun by the code that is here.

    That of its mechanisms is part of it.
    """
    if record.get("source_digest") != source_digest():
        raise InputError(
            f"the run {place} was begun by other code ({record.get('source_digest')}); "
            "resume it with that version, or run it anew"
        )
    registry.refuse_other(record.get("mechanisms", {}), f"the run {place}")


def clear_unfinished(place: Path, overwrite: bool) -> None:
    """Remove what an unfinished run left; raise InputError if that is not allowed.

    What has no checkpoint yet is no loss.
    """
    place = expanded(place).resolve()
    with writing(place):
        tidy(place)
    left = begun_at(place)
    if not left.exists():
        return
    if checkpoint_steps(left) and not overwrite:
        raise InputError(
            f"a run of {place} was cut short; resume it with "
            f"'os-society resume {place}', or begin again (--force)"
        )
    with writing(left), lock(place):
        drop_unfinished(place)
