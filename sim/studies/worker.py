"""The worker program: jobs come in, results go out, as JSON lines.

Started by ``sim.studies.workers``. It ends when its driver does, at once: then its
jobs' pipe is at its end.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import sys
import threading
from contextlib import suppress
from pathlib import Path

from sim.utils.garbage import collect_rarely
from sim.utils.portable import (
    SharedText,
    ignore_interrupts,
    limit_memory,
    take_over_output,
)


def main(stage: str, memory: int) -> None:
    """Do the jobs that come in on standard input until there are no more.

    Findings go to standard output, one JSON object a line; what a run prints goes to
    standard error.

    Parameters
    ----------
    stage
        File of the text that says the stage of the run.
    memory
        Most private memory of this process in megabytes; 0 is no limit.
    """
    ignore_interrupts()
    collect_rarely()
    out, shown = take_over_output(), SharedText(Path(stage))
    from sim.studies.job import OUT_OF_MEMORY, run_job, warm_up

    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    warm_up()
    gc.collect()
    gc.freeze()  # what is there by now stays: no need to look through it after each run
    if memory:
        limit_memory(memory)
    _tell(out, {"state": "ready"})
    while True:
        finding = run_job(json.loads(jobs.get()), shown.write)
        _tell(out, finding)
        if finding.get("reason") == OUT_OF_MEMORY:
            return  # what is left of the memory is better given back


def _listen(jobs: queue.SimpleQueue[str]) -> None:
    """Take in jobs, even during a run, so as to notice that the driver is gone."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def _tell(out: int, message: object) -> None:
    text = json.dumps(message).encode() + b"\n"
    with suppress(BrokenPipeError):
        while text:
            text = text[os.write(out, text) :]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
