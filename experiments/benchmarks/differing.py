"""What agents that differ cost: a day with them, as a multiple of one without.

    python experiments/benchmarks/differing.py --humans 20000 --days 20

All societies are run in turns, a day of each, in one process and one thread, so that
whatever slows the machine slows them alike. The first day, on which loops are compiled
or read from the cache, stands by itself: its seconds of processor, with an empty cache
(OS_SOCIETY_CACHE=$(mktemp -d)), are those of compiling what the ones above it did not
need.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import sim

FACTOR = """
from sim.mechanisms import Mechanism

MORE = Mechanism("more", "Everybody is as eager as open.")


@MORE.factor("adoption", over="humans", reads=("humans.openness",))
def wish(i, s):
    return 0.5 + s.humans.openness[i]
"""


def cases() -> dict[str, dict[str, Any]]:
    """Return what differs in each society, as ``Scenario.replace`` takes it."""
    half = {"name": "assistant", "share": 0.5}, {"name": "os1", "share": 0.5}
    own: dict[str, Any] = {"of": "humans", "sd": 0.0005}
    return {
        "nothing": {},
        "cooling, own": {"varies": {"cooling": own}},
        "innovation, own": {"varies": {"innovation": own}},
        "human_attention, own": {"varies": {"human_attention": own | {"sd": 0.5}}},
        "human_meeting, own": {"varies": {"human_meeting": own | {"sd": 0.01}}},
        "half assistants": {"profiles": list(half)},
    }


def measured(humans: int, days: int) -> dict[str, list[float]]:
    """Return milliseconds of each day, the first included, by what differs."""
    town = sim.scenario("her-film-cut").replace(humans=humans, steps=days + 60)
    made = {name: town.replace(**given) for name, given in cases().items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "more.py")
        file.write_text(FACTOR)
        made["a factor on adoption"] = town.use(file)
        societies = {name: sim.Society(one, seed=1) for name, one in made.items()}
        took: dict[str, list[float]] = {name: [] for name in societies}
        for _ in range(1 + days):
            for name, society in societies.items():
                began = time.thread_time()
                society.step()
                took[name].append(1000.0 * (time.thread_time() - began))
    return took


def main() -> None:
    """Print the median day of each society, in itself and as a multiple."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--humans", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=20)
    args = parser.parse_args()
    took = measured(args.humans, args.days)
    usual = statistics.median(took["nothing"][1:])
    print(f"{'what differs':24} {'ms a day':>9} {'multiple':>9} {'first day, s':>13}")
    for name, (first, *days) in took.items():
        median, begun = statistics.median(days), first / 1000.0
        print(f"{name:24} {median:9.1f} {median / usual:9.2f} {begun:13.1f}")


if __name__ == "__main__":
    main()
