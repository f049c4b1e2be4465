"""Show that words hold: always-warm against always-cold OSes, the rules between.

python experiments/minds/words.py [--seeds 8] [--humans 200] [--steps 600] [--talk]

Everybody is in the cast with 0.2 talks a day in so many words, as many as before words
held; OSes speak as one character, people follow the rules. With --talk each talk of an
OS is a call through prompt, journal and rating, and its number is printed; without it
the same sentences enter at once.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from sim.minds import Settings
from sim.minds.characters import CharacterEndpoint, CharacterMind, character
from sim.minds.mind import LanguageMind
from sim.minds.sides import Share, Sides
from sim.minds.transcript import Transcript
from sim.model.encounters import Cast
from sim.society import Society

DAY = 450
LEAST = 0.5  # difference in love


def love(name: str, seed: int, args: argparse.Namespace) -> tuple[float, int]:
    """Return the share of people who love an OS on the day, and how many talks."""
    mind: Any = None
    if name != "rules":
        mind = CharacterMind(character(name))
        if args.talk:
            fake = Settings("fake", "http://127.0.0.1/fake")
            transcript = Transcript.record(None, fake)
            mind = LanguageMind(transcript, CharacterEndpoint(character(name)))
    cast = mind and Cast(Sides([Share(name, mind)]), None, talks=0.2, words=True)
    society = Society(
        "her-film-cut", seed=seed, cast=cast, humans=args.humans, steps=args.steps
    )
    found = float("nan")
    for day in range(1, args.steps + 1):
        society.step()
        if day == DAY:
            closeness = society.state.humans.os_closeness
            found = float((closeness >= society.parameters.love).mean())
    talks = getattr(mind, "talks", 0)
    return found, mind.tally["calls"] if args.talk and mind else talks


def main() -> int:
    """Print a row an arm and seed, and what must be seen; 1 if it is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--humans", type=int, default=200)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--talk", action="store_true")
    args = parser.parse_args()
    means = {}
    for name in ("warm", "rules", "cold"):
        rows = [love(name, seed, args) for seed in range(args.seeds)]
        shares, talks = np.array(rows).T
        means[name] = float(shares.mean())
        each = " ".join(f"{one:.3f}" for one in shares)
        told = f"talks of OSes {talks.mean():,.0f}"
        print(f"{name:6} love on day {DAY}: {means[name]:.3f} ({each}); {told}")
    apart = means["warm"] - means["cold"]
    between = means["cold"] < means["rules"] < means["warm"]
    print(f"difference {apart:.3f}, at least {LEAST}; rules between: {between}")
    return 0 if apart >= LEAST and between else 1


if __name__ == "__main__":
    raise SystemExit(main())
