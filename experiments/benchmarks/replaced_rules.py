"""What it takes to replace a rule: seconds of processor until its loops are compiled.

    python experiments/benchmarks/replaced_rules.py [--rules grow,departure_hazard]
        [--cast]

Each rule is replaced by a function that calls it, so the society must stay the same, to
the byte: that is looked at, too. With --cast all agents are of a cast, and its loops
are among those compiled.
"""

from __future__ import annotations

import argparse
import inspect
import tempfile
import time
import uuid
from pathlib import Path

import sim
from sim.mechanisms import callers
from sim.mechanisms.replaced import is_concerned
from sim.model import rules
from sim.model.encounters import Cast, RuleMind
from sim.model.processes import PHASES
from sim.society import Society

QUICK = {
    **{"humans": 120, "innovation": 0.02, "imitation": 0.2, "warming": 0.2},
    **{"os_growth_rate": 0.03, "insight_rate": 0.3, "human_meeting": 0.2},
    **{"os_meeting": 0.5, "grief_half_life": 10.0, "creation": True},
}


def lived(scenario: sim.Scenario, days: int, has_cast: bool) -> tuple[Society, float]:
    """Return a society after so many days, and the seconds of processor it took."""
    begun = time.process_time()
    cast = Cast(RuleMind(), size=None) if has_cast else None
    society = Society(scenario, seed=1, cast=cast)
    for _ in range(days):
        society.step()
    return society, time.process_time() - begun


def contents(society: Society) -> dict[str, bytes]:
    """Return the bytes of every column."""
    state = society.state
    tables = state.humans.copy_columns(), state.oses.copy_columns(), state.ties.table()
    return {f"{i}{n}": c.tobytes() for i, t in enumerate(tables) for n, c in t.items()}


def replacing(rule: str, folder: Path) -> Path:
    """Write a mechanism that replaces a rule by itself, new to the cache."""
    names = ", ".join(inspect.signature(getattr(rules, rule)).parameters)
    file = folder / f"same_{rule}.py"
    file.write_text(
        f"# {uuid.uuid4()}\n"
        "from sim.mechanisms import Mechanism\n"
        "from sim.model import rules\n"
        f"SAME = Mechanism('same_{rule}', 'The same.')\n"
        f"@SAME.replaces({rule!r})\n"
        f"def the_same({names}):\n"
        f"    return rules.{rule}({names})\n",
        encoding="utf-8",
    )
    return file


def main() -> None:
    """Print what each rule took to compile, and what a day takes with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", default=",".join(callers.replaceable()))
    parser.add_argument("--days", type=int, default=150)
    parser.add_argument("--cast", action="store_true", help="all are of a cast")
    args = parser.parse_args()
    town = sim.scenario("her-film-cut").replace(**QUICK)
    lived(town, args.days, args.cast)
    shipped, usual = lived(town, args.days, args.cast)
    wanted = contents(shipped)
    print(f"{'rule':<28} {'seconds':>8}  bytes  {'a day':>6}  processes concerned")
    for rule in args.rules.split(","):
        with tempfile.TemporaryDirectory() as folder:
            mine = town.use(replacing(rule, Path(folder)))
            society, took = lived(mine, args.days, args.cast)
            _, again = lived(mine, args.days, args.cast)
        same = "same" if contents(society) == wanted else "OTHER"
        named = ", ".join(p.name for p in PHASES if is_concerned(p.run, [rule]))
        day = f"{again / usual:.2f}"
        print(
            f"{rule:<28} {took - again:>8.1f}  {same:<5} x{day:>6}  {named}", flush=True
        )


if __name__ == "__main__":
    main()
