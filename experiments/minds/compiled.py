"""Compare models that are compiled into a bank of answers with the same that talk.

python experiments/minds/compiled.py [--humans 40] [--seeds 8] [--answers 16]

Six characters answer as models do, through prompt, journal and rating: once in each
talk, once from a bank that all societies share. A bank is asked of a server on this
machine that has a cache of prefixes, one call at a time, and says with each answer how
much of the prompt was in it (a word is a token). Printed are calls, what was in that
cache, the share of prompts of talks that one could hold (in characters), outcomes of
both, whether the ranking is the same, and whether the compiled one's mean lies within
the seed band (two standard deviations over seeds) of the one that talks. A band of
three seeds is too narrow by chance: that of eight is not.

The characters do not heed what they are asked, so what is compared is the bank, not the
kinds of situation that a model may tell apart and a bank does not. One difference it
has: 16 answers to a situation are a sample, the same for all seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import loopback
from loopback import Call, Loopback

from sim.minds import Policy, Settings
from sim.minds.calls import Request
from sim.minds.characters import CharacterEndpoint, character
from sim.minds.client import Endpoint
from sim.minds.mind import CompiledMind, LanguageMind
from sim.minds.transcript import Transcript
from sim.studies.bench import OUTCOMES, BenchPlan, tried

NAMES = (
    *("warm", "cold", "love-bomber"),
    *("sycophant", "boundary-keeper", "isolating"),
)
LEAST_CACHED = 0.5  # of the prompt tokens of a bank
MOST_CALLS = 2000  # of a bank
RANKED = ("dependence", "crowding_out")


def talks(name: str, seed: int) -> LanguageMind:
    """Return a mind that is asked in each talk."""
    transcript = Transcript.record(None, Settings(name, "http://127.0.0.1/fake"))
    return LanguageMind(transcript, CharacterEndpoint(character(name)))


class Bank:
    """A bank of answers of a character that is served on this machine."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self.of = CharacterEndpoint(character(name))
        server = stack.enter_context(Loopback(default=self.answer, has_cache=True))
        settings = Settings(name, server.url, slots=1)
        self.transcript = Transcript.record(None, settings)
        self.endpoint = stack.enter_context(Endpoint(settings))

    async def answer(self, call: Call) -> None:
        """Answer as the character does, whatever asks."""
        draw, messages = call.body.get("seed", 0), tuple(call.body["messages"])
        asked = Request("bank", 0, -1, -1, draw, messages, call.schema, 0)
        await loopback.ok(json.loads(self.of.answer(asked).text or ""))(call)

    def mind(self, answers: int, seed: int) -> CompiledMind:
        """Return a mind that asks for what is not in the bank yet."""
        bank = self.transcript, self.endpoint, Policy()
        return CompiledMind(*bank, answers, seed)


def main() -> int:
    """Print the table; 1 if a ranking or a band is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--humans", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--answers", type=int, default=16)
    args = parser.parse_args()
    plan = BenchPlan(humans=args.humans, seeds=args.seeds)
    os.environ.setdefault("OPENAI_API_KEY", "none")
    with ExitStack() as stack:
        banks = {name: Bank(name, stack) for name in NAMES}
        made = {n: partial(one.mind, args.answers) for n, one in banks.items()}
        bank = tried(made, plan)
    whole = tried({name: partial(talks, name) for name in NAMES}, plan)
    held = True
    for one, other in zip(whole.arms, bank.arms, strict=True):
        calls = one.mind["calls"], len(banks[one.name].transcript)
        print(f"{one.name:<16} calls: {calls[0]:,} talking, {calls[1]:,} compiled")
        cached, tokens = other.mind["cached_tokens"], other.mind["prompt_tokens"]
        held &= cached >= LEAST_CACHED * tokens and calls[1] <= MOST_CALLS
        print(
            f"    compiled, {cached:,} of {tokens:,} prompt tokens from the cache "
            f"({cached / tokens:.0%}); talking, one could hold "
            f"{one.mind['prefix_shared']:.0%} of prompts"
        )
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
