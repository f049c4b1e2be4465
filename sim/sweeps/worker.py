"""A process that does one run after another: jobs come in, findings go out, as JSON.

Started by ``sim.sweeps.processes``. It ends when its driver does, at once: then its
jobs' pipe is at its end.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import signal
import sys
import threading
from contextlib import suppress

MEGABYTE = 2**20


def main(out: int, stage: int, memory: int) -> None:
    """Do the jobs that come in on standard input until there are no more.

    Parameters
    ----------
    out
        File descriptor for findings, one JSON object a line.
    stage
        File descriptor of a file whose first bytes say the stage of the run.
    memory
        Most private memory of this process in megabytes; 0 is no limit.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver's affair
    from sim.sweeps.work import OUT_OF_MEMORY, run_job, warm_up

    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    warm_up()
    gc.collect()
    gc.freeze()  # what is there by now stays: no need to look through it after each run
    if memory:
        _limit(memory)

    def notice(name: str) -> None:
        os.pwrite(stage, name.encode()[:200].ljust(200), 0)

    _tell(out, {"state": "ready"})
    while True:
        finding = run_job(json.loads(jobs.get()), notice)
        _tell(out, finding)
        if finding.get("reason") == OUT_OF_MEMORY:
            return  # what is left of the memory is better given back


def _listen(jobs: queue.SimpleQueue[str]) -> None:
    """Take in jobs, even during a run, so as to notice that the driver is gone."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def _limit(memory: int) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory * MEGABYTE
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _tell(out: int, message: object) -> None:
    text = json.dumps(message).encode() + b"\n"
    with suppress(BrokenPipeError):
        while text:
            text = text[os.write(out, text) :]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
