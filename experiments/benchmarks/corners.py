"""Live societies at corners of what parameters may be; look for what breaks.

Each corner gives every parameter one end of its declared range, its default, or a value
between, at random; then every parameter is at its low and at its high end once while
the others keep their defaults, and all at once. A society of 50 people lives there for
some days, in a process that is ended if it takes too long. Then all columns, measures
and outcomes are looked at: numbers that are not finite where they must be, closeness
outside 0 to 1, an exception that is no refusal, a hang, or a process that dies are
violations.

    python experiments/benchmarks/corners.py [--count 1000] [--humans 50] [--days 30]
        [--seed 0] [--workers 2] [--json]

A thousand corners take two or three minutes on two processors.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import sim
from sim.model.parameters import Parameters, about
from sim.runs.export import export
from sim.scenarios.outcomes import outcomes
from sim.society import Society
from sim.utils.errors import InputError
from sim.utils.portable import process_pool

APART = {"humans", "steps"}  # given by this program
NAMES = [name for name in Parameters.model_fields if name not in APART]
PATIENCE = 120.0  # seconds for one society

Corner = dict[str, Any]


def ends(name: str) -> tuple[Any, Any]:
    """Return the least and the greatest value that a parameter may have."""
    kind = Parameters.model_fields[name].annotation
    if kind is bool:
        return False, True
    known = about(name)
    assert kind in (int, float)
    return kind(known.low), kind(known.high)


def between(name: str, rng: random.Random) -> Any:
    """Return a value of a parameter, in its range."""
    low, high = ends(name)
    if isinstance(low, bool):
        return rng.random() < 0.5
    if isinstance(low, int):
        return rng.randint(low, high)
    return rng.uniform(low, high)


def drawn(rng: random.Random) -> Corner:
    """Return a corner: ends for most parameters, defaults or any value for the rest."""
    share = rng.choice((0.3, 0.7, 1.0))
    corner = {}
    for name in NAMES:
        if rng.random() < share:
            corner[name] = ends(name)[rng.random() < 0.5]
        elif rng.random() < 0.5:
            corner[name] = between(name, rng)
    return corner


def corners(count: int, seed: int) -> Iterator[tuple[str, Corner]]:
    """Yield random corners, then those that are there for certain, with their names."""
    rng = random.Random(seed)
    for number in range(count):
        yield f"random {number}", drawn(rng)
    for which, word in enumerate(("lowest", "highest")):
        for name in NAMES:
            yield f"{name} {word}", {name: ends(name)[which]}
        yield f"all {word}", {name: ends(name)[which] for name in NAMES}


# ------------------------------------------------------------------------------ living


def faults(society: Society) -> list[str]:
    """Return what is wrong with a society."""
    state, found = society.state, []
    tables = {"humans": state.humans, "oses": state.oses}
    for table, columns in tables.items():
        for name in columns.columns:
            values = columns.column(name)
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                found.append(f"{table}.{name} is not finite")
    ties = state.ties.table()
    for name in ("closeness", "returned"):
        values = ties[name]
        if not (np.isfinite(values).all() and ((values >= 0) & (values <= 1)).all()):
            found.append(f"ties.{name} is outside 0 to 1")
    for name, series in society.monitor.history.columns().items():
        values = np.asarray(series, np.float64)
        if np.isinf(values).any():
            found.append(f"measure {name} is infinite")
        if np.isnan(values).any() and name not in ordinary():
            found.append(f"measure {name} is nan")
    known = outcomes(
        society.monitor.history.columns(), society.monitor.rows(), society.parameters
    )
    found += [f"outcome {name} is infinite" for name, v in known.items() if np.isinf(v)]
    return found


@functools.cache
def ordinary() -> frozenset[str]:
    """Return the measures that are nan on some day of a society with the defaults."""
    society = Society("her-film-cut", seed=0, humans=50, steps=10)
    while society.running:
        society.step()
    series = society.monitor.history.columns()
    missing = {n for n, v in series.items() if np.isnan(np.asarray(v, float)).any()}
    return frozenset(missing)


def live(corner: Corner, humans: int, days: int, seed: int) -> tuple[str, float]:
    """Return what is wrong with a society that lived at a corner, and its seconds.

    The text is empty if all is well, and begins with ``refused`` for an InputError.
    """
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            society = Society(
                "her-film-cut", seed=seed, humans=humans, steps=days, **corner
            )
            while society.running:
                society.step()
            told = "; ".join(faults(society))
    except InputError as error:
        told = f"refused: {error}"
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
    return told, time.monotonic() - began


def kept_whole(corner: Corner, humans: int, days: int, seed: int) -> str:
    """Return what is wrong with a run that is kept, read back and shown; or nothing."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        parameters = {"humans": humans, **corner}
        try:
            given: Any = {"parameters": parameters, "steps": days, "seed": seed}
            found = sim.run("her-film-cut", out=Path(folder) / "run", **given)
            found.detect()
            export(found, Path(folder) / "run.graphml")
        except InputError as error:
            return f"refused: {error}"
        except Exception as error:
            return f"kept: {type(error).__name__}: {error}"
    return ""


def tried(
    number: int, name: str, corner: Corner, humans: int, days: int, every: int
) -> tuple[str, Corner, str, float]:
    """Live at a corner; every so many are kept and read back, too."""
    told, seconds = live(corner, humans, days, number)
    if not told and number % every == 0:
        told = kept_whole(corner, humans, days, number)
    return name, corner, told, seconds


# -------------------------------------------------------------------------------- table


def survey(args: argparse.Namespace) -> dict[str, Any]:
    """Live at all corners; return what was seen."""
    seen: Counter[str] = Counter()
    wrong, longest = [], 0.0
    chosen = list(corners(args.count, args.seed))
    with process_pool(args.workers) as pool:
        rest = args.humans, args.days, args.keep_every
        futures = [
            pool.submit(tried, number, name, corner, *rest)
            for number, (name, corner) in enumerate(chosen)
        ]
        for number, future in enumerate(futures):
            name, corner = chosen[number]
            try:
                _, _, told, seconds = future.result(timeout=PATIENCE)
            except TimeoutError:
                wrong.append((name, corner, "it hangs"))
                break  # whoever works at it cannot be reached
            except Exception as error:
                told, seconds = f"its process died: {type(error).__name__}", 0.0
            longest = max(longest, seconds)
            seen["corners"] += 1
            if told:
                seen["violations"] += 1
                wrong.append((name, corner, told))
    return {
        "corners": seen["corners"],
        "violations": len(wrong),
        "slowest_seconds": round(longest, 2),
        "what": Counter(told for _, _, told in wrong).most_common(),
        "where": [
            {"name": name, "told": told, "corner": corner}
            for name, corner, told in wrong[:20]
        ],
    }


def main() -> int:
    """Print what was seen; return 1 if anything broke."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="random corners")
    parser.add_argument("--humans", type=int, default=50)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep-every", type=int, default=20, help="kept and read back")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = survey(args)
    if args.json:
        print(json.dumps(found))
        return int(found["violations"] > 0)
    print(f"{found['corners']:6} corners, {found['violations']} violations")
    print(f"{found['slowest_seconds']:6} s the slowest")
    for told, count in found["what"]:
        print(f"{count:6} {told}")
    for one in found["where"]:
        print(f"{one['name']}: {one['told']}\n    {json.dumps(one['corner'])}")
    return int(found["violations"] > 0)


if __name__ == "__main__":
    sys.exit(main())
