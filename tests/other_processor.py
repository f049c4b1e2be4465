"""A few loops and rules of the model, and a digest of what each of them computes.

``python other_processor.py RUN`` prints the digests as JSON, of the last checkpoint of
a run. The environment decides for which processor the loops are compiled.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
from quick import all_columns

from sim.engine.jit import kernel
from sim.engine.simd import LANES, broadcast, copy_span, transpose8
from sim.model import rules
from sim.model.processes import PHASES, advance
from sim.runs import checkpoint

# Loops over ties take nearly all of the time of compiling the model: here is none. The
# rules are those that they take logarithms and powers with.
QUICKLY_COMPILED = ("present", "grow", "belong", "depart", "mourn", "adopt")
SOME_RULES = ("attention_weight", "logistic", "trait_quantile", "update_closeness")
DAYS = 3


@kernel  # type: ignore[untyped-decorator]
def moved(source: Any, target: Any, table: Any, rows: Any, columns: Any) -> None:
    """Use all that moves several numbers at once where a processor can."""
    copy_span(source, np.uint64(3), target, np.uint64(9))
    broadcast(np.float32(2.5), target, np.uint64(40))
    transpose8(table, rows, columns, np.uint64(6), np.uint64(50))


def digests(run: Path) -> dict[str, str]:
    """Return a digest of what every loop and rule makes of the same numbers."""
    society = checkpoint.load(run).society
    some = [phase for phase in PHASES if phase.name in QUICKLY_COMPILED]
    for _ in range(DAYS):
        advance(society.state, society.day, phases=some)
    found = {name: _digest(kept) for name, kept in all_columns(society.state).items()}
    rng = np.random.default_rng(5)
    for name in SOME_RULES:
        rule = getattr(rules, name)
        given = rng.random((len(inspect.signature(rule).parameters), 1000))
        found[f"rule {name}"] = _digest(numba.vectorize(rule)(*given))
    target, columns = np.zeros(80, np.float32), np.zeros(LANES * 50, np.float32)
    table = rng.random((30, LANES), np.float32)
    rows = rng.integers(0, 30, 20).astype(np.uint32)
    moved(table.reshape(-1), target, table, rows, columns)
    return found | {"moved": _digest(target), "turned": _digest(columns)}


def _digest(kept: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(kept).tobytes()).hexdigest()


if __name__ == "__main__":
    print(json.dumps(digests(Path(sys.argv[1]))))
