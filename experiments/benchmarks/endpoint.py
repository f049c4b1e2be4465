"""Measure how busy the client keeps an endpoint whose answers take a fixed time.

A scripted server on loopback, in a process of its own, answers each call after
``--answer-ms``. The share of busy slots is counted twice: as time that the server spent
on calls, and, more strictly, as calls times the fixed time; both over slots times wall.

    python experiments/benchmarks/endpoint.py [--calls 2000] [--slots 32] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from loopback import Loopback, delay

from sim.minds.calls import Request, Response, Settings
from sim.minds.client import Endpoint

TALK = "We met at the fair. She told me of her work, and asked what I dream of. " * 10
SCHEMA = {
    "type": "object",
    "properties": {
        "said": {"type": "string"},
        "warmth": {"type": "integer", "minimum": 0, "maximum": 10},
    },
    "required": ["said", "warmth"],
    "additionalProperties": False,
}


def serve(pipe: Connection, seconds: float) -> None:
    """Serve until told to stop; then tell what was seen."""
    with Loopback(default=delay(seconds)) as server:
        pipe.send(server.url)
        pipe.recv()
        spent = time.process_time()
        pipe.send((server.count, server.busy_seconds, server.most_at_once, spent))


def question(number: int) -> Request:
    """Return a request of the size of an encounter's."""
    messages = (
        {"role": "system", "content": "You are a person. Reply as JSON."},
        {"role": "user", "content": f"{number}: {TALK}"},
    )
    return Request("encounter", 0, number, -1, 0, messages, "encounter", 200)


def ask(url: str, calls: int, slots: int) -> tuple[list[Response], float, float]:
    """Make the calls; return outcomes, and seconds of wall clock and of CPU."""
    requests = [question(number) for number in range(calls)]
    with Endpoint(Settings("scripted", url, slots=slots)) as endpoint:
        started, spent = time.perf_counter(), time.process_time()
        outcomes = endpoint.ask(requests, {"encounter": SCHEMA})
        wall, cpu = time.perf_counter() - started, time.process_time() - spent
        return outcomes, wall, cpu


def measure(calls: int, slots: int, seconds: float) -> dict[str, Any]:
    """Ask a server in another process; return the figures."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there, seconds), daemon=True)
    server.start()
    outcomes, wall, cpu = ask(here.recv(), calls, slots)
    here.send("stop")
    count, busy, most_at_once, server_cpu = here.recv()
    server.join()
    return {
        "calls": calls,
        "slots": slots,
        "answer_ms": seconds * 1e3,
        "wall_seconds": wall,
        "busy_share": busy / (slots * wall),
        "busy_share_strict": calls * seconds / (slots * wall),
        "peak_at_server": most_at_once,
        "requests_at_server": count,
        "failures": sum(1 for outcome in outcomes if outcome.failure),
        "client_cpu_ms_per_call": cpu / calls * 1e3,
        "server_cpu_ms_per_call": server_cpu / calls * 1e3,
    }


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--answer-ms", type=float, default=200.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = measure(args.calls, args.slots, args.answer_ms / 1e3)
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name.replace('_', ' '):<24} {figure:>10.4g}")


if __name__ == "__main__":
    main()
