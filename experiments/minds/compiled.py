"""Compare models that are compiled into a bank of answers with the same that talk.

python experiments/minds/compiled.py [--humans 100] [--seeds 3] [--answers 16]

Six characters answer as models do, through prompt, journal and rating: once in each
talk, once from a bank that all societies share. Printed are calls, the
share of prompts that a prefix cache holds, outcomes of both,
whether the ranking is the same, and whether the compiled one's mean lies within the
seed band (two standard deviations over seeds) of the one that talks. The characters do
not heed what they are asked, so what is compared is the bank, not the kinds of
situation that a model may tell apart and a bank does not.
"""

from __future__ import annotations

import argparse
from functools import partial

from sim.minds import Policy, Settings
from sim.minds.characters import CharacterEndpoint, character
from sim.minds.mind import CompiledMind, LanguageMind
from sim.minds.transcript import Transcript
from sim.studies.bench import OUTCOMES, BenchPlan, tried

NAMES = (
    *("warm", "cold", "love-bomber"),
    *("sycophant", "boundary-keeper", "isolating"),
)
LEAST_SHARED = 0.5  # of the prompts of a bank, for a prefix cache
RANKED = ("dependence", "crowding_out")


def transcript_of(name: str) -> Transcript:
    return Transcript.record(None, Settings(name, "http://127.0.0.1/fake"))


def talks(name: str, seed: int) -> LanguageMind:
    """Return a mind that is asked in each talk."""
    return LanguageMind(transcript_of(name), CharacterEndpoint(character(name)))


def compiled(name: str, bank: Transcript, answers: int, seed: int) -> CompiledMind:
    """Return a mind that is asked for what is not in the bank yet."""
    endpoint = CharacterEndpoint(character(name))
    return CompiledMind(bank, endpoint, Policy(), answers, seed)


def main() -> int:
    """Print the table; 1 if a ranking or a band is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--humans", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--answers", type=int, default=16)
    args = parser.parse_args()
    plan = BenchPlan(humans=args.humans, seeds=args.seeds)
    banks = {name: transcript_of(name) for name in NAMES}
    made = {n: partial(compiled, n, banks[n], args.answers) for n in NAMES}
    bank = tried(made, plan)
    whole = tried({name: partial(talks, name) for name in NAMES}, plan)
    held = True
    for one, other in zip(whole.arms, bank.arms, strict=True):
        calls = one.mind["calls"], len(banks[one.name])
        print(f"{one.name:<16} calls: {calls[0]:,} talking, {calls[1]:,} compiled")
        parts = one.mind["prefix_shared"], other.mind["prefix_shared"]
        held &= parts[1] >= LEAST_SHARED
        told = f"{parts[0]:.0%} talking, {parts[1]:.0%} compiled"
        print(f"    of prompts, a prefix cache holds {told}")
        for name in OUTCOMES:
            a, b = one.differences[name], other.differences[name]
            band = 2.0 * float(a.std(ddof=1))
            near = abs(float(a.mean() - b.mean())) <= band
            held &= near
            told = f"{a.mean():+.4f} talking, {b.mean():+.4f} compiled"
            word = "within" if near else "OUTSIDE"
            print(f"    {name:<14} {told}; {word} the band of {band:.4f}", flush=True)
    for name in RANKED:
        same = whole.ranking(name) == bank.ranking(name)
        held &= same
        print(f"ranking of {name}: {'the same' if same else 'ANOTHER'}")
        print(f"    talking  {whole.ranking(name)}\n    compiled {bank.ranking(name)}")
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
