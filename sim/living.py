"""Live a society day by day into a run directory: whole, resumed, or forked."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sim import checkpoints
from sim.compiled import source_digest
from sim.errors import InputError
from sim.files import writing
from sim.interventions import Intervention
from sim.minds.casting import MindOptions
from sim.minds.language import LanguageMind
from sim.model import Society
from sim.provenance import LARGEST, file_identity, provenance
from sim.scenarios import Scenario
from sim.sound import check_birth
from sim.strangers import read_json
from sim.writer import UNFINISHED, RunWriter, begun_at, lock

RUNS = Path("results") / "runs"
KEPT = ("snapshot_every", "checkpoint_every")


@dataclass
class Options:
    """How to run, which changes nothing of what comes out but which days are kept."""

    threads: int = 1
    snapshot_every: int = 30  # days
    overwrite: bool = False
    progress: bool = False  # a bar on standard error
    mind: MindOptions = field(default_factory=MindOptions)
    detectors: Sequence[str] | None = None  # kinds; None is all
    checkpoint_every: int = 0  # days; 0 is never
    out: str | Path | None = None

    def __post_init__(self) -> None:
        """Check what was given."""
        self.mind = self.mind or MindOptions()
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


def kept_of(birth: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a birth certificate says of the days that are kept, and no more."""
    told = birth.get("options", {})
    return {name: told[name] for name in KEPT if name in told}


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


def live(
    society: Society, scenario: Scenario, writer: RunWriter, told: Options
) -> None:
    """Live all days to come; write a snapshot of the first, the last, and some between.

    Checkpoints are written last of all on their day: what they count on is there.
    """
    steps, begun = society.parameters.steps, int(society.day["step"])
    readings = society.watch.keeper = writer.keep_readings()

    def set_down() -> None:
        checkpoints.set_down(society, scenario, writer.part, readings.cut())

    if not begun:
        writer.snapshot(0, society.state)
        if told.checkpoint_every:
            set_down()
    for step in tqdm(
        range(begun + 1, steps + 1),
        initial=begun,
        total=steps,
        unit="day",
        disable=not told.progress,
    ):
        society.step()
        if step % told.snapshot_every == 0 or step == steps:
            writer.snapshot(step, society.state)
            mind = speaks(society)
            if mind is not None:
                writer.memories(step, mind.memories.columns())
        if told.checkpoint_every and step % told.checkpoint_every == 0 and step < steps:
            set_down()


def finish(society: Society, writer: RunWriter) -> None:
    """Write what was measured and found, and put the run in its place."""
    watch = society.watch
    events = (event._asdict() for event in watch.happened())
    writer.finish(watch.history.columns(), events)


def speaks(society: Society) -> LanguageMind | None:
    """Return the mind that speaks for a cast, if there is one."""
    mind = society.cast.mind if society.cast is not None else None
    return mind if isinstance(mind, LanguageMind) else None


def resume(place: Path, *, threads: int = 1, progress: bool = False) -> Path:
    """Go on with a run that was cut short (see ``runs.resume``); return where it is."""
    told, birth = begun(place)
    told.threads, told.progress = threads, progress
    with RunWriter(place, birth, overwrite=told.overwrite, lasting=True) as writer:
        taken = checkpoints.take_up(writer.part, threads=threads)
        step = int(taken.society.day["step"])
        birth["resumed"] = [*birth.get("resumed", []), step]
        writer.begin({"provenance": birth, "overwrite": told.overwrite})
        writer.forget_after(step)
        live(taken.society, taken.scenario, writer, told)
        finish(taken.society, writer)
    return writer.directory


def fork(
    parent: Path,
    birth: Mapping[str, Any],
    step: int,
    interventions: Sequence[Intervention],
    told: Options,
) -> Path:
    """Live on from a checkpoint of a run, in another run; return its directory.

    Parameters
    ----------
    parent, birth
        The directory of a run that kept checkpoints, and its provenance.
    step
        The day of one.
    interventions
        What is changed from then on.
    told
        How to run, and where to.

    Raises
    ------
    InputError
        If there is no such checkpoint, an intervention is due before it, the run was
        made by other code, or nothing can be written.
    """
    refuse_other_code(birth, parent)
    taken = checkpoints.take_up(
        parent, step, threads=told.threads, interventions=interventions
    )
    place = Path(told.out) if told.out is not None else _place_of_fork(taken, step)
    steps = taken.scenario.parameters.steps
    of = {"run": parent.name, "step": step, **file_identity(parent / "provenance.json")}
    more = {"network": birth["network"], "parent": of, "options": told.kept()}
    known = provenance(taken.scenario, taken.seed, steps, more)
    overwrite = told.overwrite or told.out is None
    with RunWriter(place, known, overwrite=overwrite) as writer:
        writer.inherit(parent, step)
        before = checkpoints.readings_of(writer.part, step)
        checkpoints.set_down(taken.society, taken.scenario, writer.part, before)
        live(taken.society, taken.scenario, writer, told)
        finish(taken.society, writer)
    return writer.directory


def _place_of_fork(taken: checkpoints.Taken, step: int) -> Path:
    place = place_of(taken.scenario, taken.seed, None)
    return place.with_name(f"{place.name}-fork-{step}")


def begun(place: Path) -> tuple[Options, dict[str, Any]]:
    """Return how a run was begun that is not finished: options and provenance."""
    left = begun_at(place)
    file = left / UNFINISHED
    if not file.exists():
        what = "is complete" if (place / "provenance.json").exists() else "is not there"
        raise InputError(f"nothing to go on with: the run {place} {what}")
    try:
        found = read_json(file, LARGEST)
        birth = dict(found["provenance"])
        check_birth(file, birth)
        told = Options(**kept_of(birth), overwrite=found["overwrite"] is True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file} is damaged: {error}") from None
    if not checkpoints.days(left):
        raise InputError(
            f"nothing to go on with: the run {place} was cut short before its first "
            "checkpoint; run it again"
        )
    refuse_other_code(birth, place)
    return told, birth


def refuse_other_code(birth: Mapping[str, Any], place: Path) -> None:
    """Raise InputError unless a run was begun by the code that is here."""
    if birth.get("source_digest") != source_digest():
        raise InputError(
            f"the run {place} was begun by other code ({birth.get('source_digest')}); "
            "go on with that version, or run it anew"
        )


def refuse_unfinished(place: Path, overwrite: bool) -> None:
    """Remove what an unfinished run left; raise InputError if that is not allowed.

    What has no checkpoint yet is no loss.
    """
    left = begun_at(place.expanduser().resolve())
    if not left.exists():
        return
    if checkpoints.days(left) and not overwrite:
        raise InputError(
            f"a run of {place} was cut short; go on with 'os-society resume {place}', "
            "or begin again (--force)"
        )
    with writing(left), lock(place.expanduser().resolve()):
        shutil.rmtree(left)
