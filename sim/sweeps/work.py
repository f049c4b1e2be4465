"""Do one run of a sweep: live through it, and say what came of it or what broke.

Whatever a run raises becomes a finding with the stage it broke in. What cannot be
caught (a process that is killed, or hangs) is left to whoever watches over the process.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sim.compiled import source_digest
from sim.events import own
from sim.living import finalize, language_mind
from sim.minds.casting import open_cast
from sim.model import Society
from sim.provenance import provenance
from sim.results import RunWriter
from sim.sweeps import factors
from sim.sweeps.jobs import Job, scenario_of
from sim.sweeps.measures import Observer, find

JobResult = dict[str, Any]  # ready for JSON: run, state, seconds, values or a failure
Notice = Callable[[str], None]  # told the stage a run is in

DONE, FAILED = "done", "failed"
RAISED, EXITED, OUT_OF_MEMORY = "raised", "exited", "out of memory"
OTHER_CODE = "other code"
SNAPSHOT_EVERY = 30  # days, in a run that is kept
LONGEST = 500  # letters of an error that are kept


def failure(run: str, stage: str, reason: str, error: str, seconds: float) -> JobResult:
    """Return the finding of a run that broke."""
    told = " ".join(error.split())[:LONGEST]
    return {
        "run": run,
        "state": FAILED,
        "stage": stage,
        "reason": reason,
        "error": told,
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
        if job["source"] != source_digest():
            return broke(OTHER_CODE, "the worker has other source than the driver")
        values = _live(job, entered)
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


def _live(job: Job, entered: Notice) -> dict[str, float]:
    """Live through one society, and return its outcomes."""
    entered("setting up")
    functions = {one["name"]: find(one) for one in job["functions"]}
    observer = Observer(job["outcomes"], functions)
    with ExitStack() as stack:
        stack.enter_context(own.registered(job.get("detectors", [])))
        mind = factors.mind(job["mind"], **job.get("reach", {}))
        cast = stack.enter_context(open_cast(mind))
        society = Society(
            scenario_of(job), rng=job["seed"], network=job["network"], cast=cast
        )
        writer = _writer(job, society, stack)
        for day in range(1, society.parameters.steps + 1):
            entered(f"day {day}")
            society.step()
            observer.look(society)
            if writer is not None and day % SNAPSHOT_EVERY == 0:
                writer.snapshot(day, society.state)
        entered("outcomes")
        values = observer.values(society)
        for name in functions:
            entered(f"outcome {name}")
            values[name] = observer.own(name, society)
        if writer is not None:
            entered("writing")
            _finish(society, writer)
        return values


def _writer(job: Job, society: Society, stack: ExitStack) -> RunWriter | None:
    """Return where the whole run is kept, if it is."""
    if job.get("keep") is None:
        return None
    steps, network = society.parameters.steps, job["network"]
    birth = provenance(scenario_of(job), job["seed"], steps, {"network": network})
    writer = stack.enter_context(RunWriter(Path(job["keep"]), birth, overwrite=True))
    writer.snapshot(0, society.state)
    return writer


def _finish(society: Society, writer: RunWriter) -> None:
    steps = society.parameters.steps
    if steps % SNAPSHOT_EVERY:
        writer.snapshot(steps, society.state)
    mind = language_mind(society)
    if mind is not None:
        writer.speech(mind.lines, mind.transcript.rows())
    finalize(society, writer)


def warm_up() -> None:
    """Load, or if need be compile, the loops of a day, so that no run pays for it."""
    society = Society("her", humans=20, steps=3)
    while society.running:
        society.step()
