"""Time one day of contacts in the society's storage against seven other ways.

The reference workload, exactly: ``implementations/workload.py``. There are ``--humans``
people with five ties each, four of them near and one anywhere (with ``--ragged`` the
network that a society generates, five on average). A day draws once for every
half-edge, moves its closeness by the draw, and moves two columns of every person by
the sum over their half-edges. With ``--neighbour`` a half-edge also reads a value of
the person at its other end.

Each implementation is a file ``implementations/with_*.py`` in the idiom of its library,
and runs in a process of its own, all on the same workload and with as many threads.
They run their days in turn, round after round; "ratio" is the median over rounds of
their cost in a round to that of os-society in the same round. So is the most memory
that each process held. Those with an object for
each person run with ``--objects`` people, which is kind to them, since their cost per
half-edge grows with size. All must agree with os-society after each round on the means
of closeness and of both columns, within five standard errors; else, or if one fails,
the exit code is 1.

    python experiments/benchmarks/contact.py [--humans 1000000] [--threads 2] [--json]

None of the libraries is needed; one that is not installed is left out. To have all:
``pip install agentpy polars starsim``. mesa-frames 0.1 wants an older NumPy, so it
needs an environment of its own: ``--python mesa-frames=that/environment/bin/python``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "implementations"))

from workload import HALF_EDGES, Workload, make, small_world

HERE = Path(__file__).parent / "implementations"
ROOT = Path(__file__).parents[2]
STANDARD_ERRORS = 5.0
COLUMNS = ("closeness", "growth", "loneliness")


class Way(NamedTuple):
    """A way to implement the workload."""

    name: str
    file: str
    package: str  # what must be installed
    told: str = ""  # which of the file's variants
    objects: bool = False  # whether it has an object for each person


WAYS = (
    Way("os-society", "with_engine.py", "sim"),
    Way("numpy, plain", "with_numpy.py", "numpy", "plain"),
    Way("numpy, tuned", "with_numpy.py", "numpy", "tuned"),
    Way("starsim", "with_starsim.py", "starsim"),
    Way("polars", "with_polars.py", "polars"),
    Way("mesa-frames", "with_mesa_frames.py", "mesa_frames"),
    Way("agentpy", "with_agentpy.py", "agentpy", objects=True),
    Way("mesa, do", "with_mesa.py", "mesa", "do", objects=True),
    Way("mesa, shuffle_do", "with_mesa.py", "mesa", "shuffle_do", objects=True),
)
OURS = WAYS[0]


def library(way: Way) -> str:
    """Return the library that a way is written with."""
    return way.name.split(",")[0]


def libraries() -> list[str]:
    """Return the libraries that can be measured."""
    return list(dict.fromkeys(map(library, WAYS)))


def environment(threads: int) -> dict[str, str]:
    """Return the environment in which libraries use so many threads."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    limits = ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
    return os.environ | {"PYTHONPATH": path} | dict.fromkeys(limits, str(threads))


class Failed(Exception):
    """An implementation ended on its own."""


class Running:
    """An implementation in its own process, its people set up.

    Parameters
    ----------
    way
        Which one.
    python
        The interpreter that has its library.
    file, people
        The workload.
    told
        The command line's arguments.
    """

    def __init__(
        self, way: Way, python: str, file: Path, people: int, args: argparse.Namespace
    ) -> None:
        self.way, self.people = way, people
        self.rounds: list[dict[str, Any]] = []
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        command = [python, str(HERE / way.file), str(file), str(args.threads)]
        self._process = subprocess.Popen(
            [*command, str(args.seed), *filter(None, [way.told])],
            env=environment(args.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        told = self._answer()
        self.version, self._libraries = told["version"], told["libraries"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        while line and not line.startswith("{"):  # some libraries greet when imported
            line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:] or ["no message"]
            raise Failed(f"{self.way.name}: {last[0]}")
        return json.loads(line)  # type: ignore[no-any-return]

    def simulate(self, days: int) -> None:
        """Simulate so many days, and note what they took and led to."""
        assert self._process.stdin
        self._process.stdin.write(f"{days}\n")
        self._process.stdin.flush()
        self.rounds.append(self._answer())

    def costs(self, days: int, half_edges: int) -> list[float]:
        """Return nanoseconds per half-edge and day, round by round."""
        spent = [done["seconds"] for done in self.rounds[1:]]  # the first compiles
        return [seconds / days / half_edges * 1e9 for seconds in spent]

    def memory(self) -> tuple[int, int]:
        """Return the most bytes held after the first round: of people, and in all.

        Later rounds would count what only this benchmark takes, to compare means.
        """
        peak = self.rounds[0]["peak"]
        return peak - self._libraries, peak

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._errors.close()


def workload(people: int, args: argparse.Namespace) -> Workload:
    """Return the workload for so many people."""
    if args.ragged:
        from sim.model.parameters import Parameters
        from sim.society import make_network

        parameters = Parameters().replace(humans=people, ties=float(HALF_EDGES))
        pairs = make_network(parameters, None, args.seed).pairs
    else:
        pairs = small_world(people, np.random.default_rng([args.seed, 0]))
    return make(people, args.seed, neighbour=args.neighbour, pairs=pairs)


def is_installed(way: Way, python: str) -> bool:
    """Tell whether an interpreter finds the library."""
    asks = "import importlib.util as u, sys; sys.exit(not u.find_spec(sys.argv[1]))"
    asked = [python, "-c", asks, way.package]
    return not subprocess.run(asked, env=environment(1), check=False).returncode


def apart(one: Running, other: Running) -> float:
    """Return how many standard errors the means differ by, at most."""
    most = 0.0
    for mine, theirs in zip(one.rounds, other.rounds, strict=True):
        for column in COLUMNS:
            (mean, spread), (their_mean, their_spread) = mine[column], theirs[column]
            error = math.sqrt(spread**2 / one.people + their_spread**2 / other.people)
            most = max(most, abs(mean - their_mean) / error)
    return most


def started(
    files: dict[int, Path], args: argparse.Namespace, report: dict[str, Any]
) -> list[Running]:
    """Start all ways that are wanted and installed, os-society first."""
    running: list[Running] = []
    pythons = dict(args.python)
    for way in WAYS:
        if way != OURS and args.only and library(way) not in args.only:
            continue
        python = pythons.get(library(way), sys.executable)
        if not is_installed(way, python):
            report["missing"].append(way.name)
            continue
        people = args.objects if way.objects else args.humans
        try:
            running.append(Running(way, python, files[people], people, args))
        except Failed as error:
            report["failed"].append(str(error))
    return running


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """Run all ways in turn; return what is known of each."""
    report: dict[str, Any] = {"missing": [], "failed": []}
    works = {people: workload(people, args) for people in {args.humans, args.objects}}
    half_edges = {people: 2 * len(work.pairs) for people, work in works.items()}
    with tempfile.TemporaryDirectory() as folder:
        files = {people: Path(folder) / f"{people}.npz" for people in works}
        for people, file in files.items():
            works.pop(people).save(file)
        running = started(files, args, report)
    live_in_turn(running, args, report)
    if not running or running[0].way != OURS:
        raise SystemExit(f"os-society itself failed: {'; '.join(report['failed'])}")
    return report | {"rows": rows(running, half_edges, args.days)}


def live_in_turn(
    running: list[Running], args: argparse.Namespace, report: dict[str, Any]
) -> None:
    """Run all, round after round; whoever fails is taken out."""
    for _ in range(args.rounds + 1):
        for one in list(running):
            try:
                one.simulate(args.days)
            except Failed as error:
                report["failed"].append(str(error))
                running.remove(one)
    for one in running:
        one.close()


def rows(
    running: list[Running], half_edges: dict[int, int], days: int
) -> list[dict[str, Any]]:
    """Return a row for each way that simulated all its days."""
    ours = running[0]
    yardstick = ours.costs(days, half_edges[ours.people])
    table = []
    for one in running:
        costs = one.costs(days, half_edges[one.people])
        ratios = [cost / unit for cost, unit in zip(costs, yardstick, strict=True)]
        table.append(
            {
                "name": one.way.name,
                "version": one.version,
                "people": one.people,
                "half_edges": half_edges[one.people],
                "best_ns": min(costs),
                "median_ns": statistics.median(costs),
                "ratio": statistics.median(ratios),
                "bytes": one.memory()[0] / half_edges[one.people],
                "peak_mb": one.memory()[1] / 1e6,
                "means": {column: one.rounds[-1][column][0] for column in COLUMNS},
                "apart": apart(ours, one),
            }
        )
    return table


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(
        f"{'':<17}{'version':<10}{'people':>9}{'best ns':>9}{'median':>9}{'ratio':>8}"
        f"{'bytes':>8}{'peak MB':>9}"
        f"{'closeness':>11}{'growth':>9}{'lonely':>8}{'apart':>7}"
    )
    for row in figures["rows"]:
        closeness, growth, lonely = (row["means"][column] for column in COLUMNS)
        print(
            f"{row['name']:<17}{row['version']:<10}{row['people']:>9}"
            f"{row['best_ns']:>9.2f}{row['median_ns']:>9.2f}{row['ratio']:>8.1f}"
            f"{row['bytes']:>8.0f}{row['peak_mb']:>9.0f}"
            f"{closeness:>11.4f}{growth:>9.4f}{lonely:>8.4f}{row['apart']:>7.1f}"
        )
    for name in figures["missing"]:
        print(f"{name:<17}not installed")
    for message in figures["failed"]:
        print(f"failed: {message}")
    slower = [row["name"] for row in figures["rows"][1:] if row["ratio"] <= 1]
    print(
        "\nns: per half-edge and day; ratio: to os-society, median over rounds;\n"
        "bytes: a half-edge, the most held by the end of the first round, set-up\n"
        "included, less what the libraries take; peak MB: with these;\n"
        f"means after {figures['days_simulated']} days; apart: standard errors from "
        f"os-society, {STANDARD_ERRORS:.0f} at most\n"
        f"not slower than os-society: {', '.join(slower) or 'none'}"
    )


def interpreter(text: str) -> tuple[str, str]:
    """Read LIBRARY=PATH."""
    name, found, path = text.partition("=")
    if not found or name not in libraries():
        raise argparse.ArgumentTypeError(
            f"{text!r} is not LIBRARY=PATH; libraries are {', '.join(libraries())}"
        )
    return name, path


def positive(text: str) -> int:
    """Read a whole number, 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def people(text: str) -> int:
    """Read an even number of people, 6 or more."""
    if not text.isdecimal() or int(text) < 6 or int(text) % 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not an even number from 6 on")
    return int(text)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--humans", type=people, default=1_000_000)
    parser.add_argument("--objects", type=people, default=100_000)
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--days", type=positive, default=10, help="days in a round")
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--neighbour", action="store_true")
    parser.add_argument("--ragged", action="store_true")
    only = {"nargs": "+", "choices": libraries(), "metavar": "LIBRARY"}
    parser.add_argument("--only", help="and os-society", **only)
    elsewhere = {"type": interpreter, "action": "append", "default": []}
    parser.add_argument("--python", metavar="LIBRARY=PATH", **elsewhere)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.objects = min(args.objects, args.humans)
    return args


def main() -> int:
    """Measure, and print a table or JSON; return the exit code."""
    told = arguments()
    figures = measured(told) | {
        "threads": told.threads,
        "neighbour": told.neighbour,
        "ragged": told.ragged,
        "days_simulated": (told.rounds + 1) * told.days,
    }
    print(json.dumps(figures, indent=2)) if told.json else show(figures)
    agree = all(row["apart"] <= STANDARD_ERRORS for row in figures["rows"])
    return int(bool(figures["failed"]) or not agree)


if __name__ == "__main__":
    raise SystemExit(main())
