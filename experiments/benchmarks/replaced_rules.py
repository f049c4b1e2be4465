"""What it takes to replace a rule: seconds until its loops are compiled anew.

    python experiments/benchmarks/replaced_rules.py [--rules grow,departure_hazard]

Each rule is replaced by a function that calls it, so the society must stay the same, to
the byte: that is looked at, too. Loops of the cast are among those compiled.
"""

from __future__ import annotations

import argparse
import inspect
import tempfile
import uuid
from pathlib import Path

import sim
from sim.mechanisms import callers
from sim.model import rules
from sim.model.encounters import Cast, RuleMind
from sim.society import Society

QUICK = {
    **{"humans": 120, "innovation": 0.02, "imitation": 0.2, "warming": 0.2},
    **{"os_growth_rate": 0.03, "insight_rate": 0.3, "human_meeting": 0.2},
    **{"os_meeting": 0.5, "grief_half_life": 10.0, "creation": True},
}


def lived(scenario: sim.Scenario, days: int) -> Society:
    """Return a society after so many days, in which all agents are of a cast."""
    society = Society(scenario, seed=1, cast=Cast(RuleMind(), size=None))
    for _ in range(days):
        society.step()
    return society


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
    """Print what each rule took, and by which process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", default=",".join(callers.replaceable()))
    parser.add_argument("--days", type=int, default=150)
    args = parser.parse_args()
    town = sim.scenario("her").replace(**QUICK)
    lived(town, args.days)
    shipped = lived(town, args.days)
    usual, wanted = sum(shipped.seconds.values()), contents(shipped)
    print(f"{'rule':<28} {'seconds':>8}  bytes  processes that took them")
    for rule in args.rules.split(","):
        with tempfile.TemporaryDirectory() as folder:
            society = lived(town.use(replacing(rule, Path(folder))), args.days)
        took = sum(society.seconds.values()) - usual
        more = {n: s - shipped.seconds[n] for n, s in society.seconds.items()}
        each = ", ".join(f"{n} {s:.1f}" for n, s in more.items() if s > 0.2)
        same = "same" if contents(society) == wanted else "OTHER"
        print(f"{rule:<28} {took:>8.1f}  {same:<5}  {each}", flush=True)


if __name__ == "__main__":
    main()
