"""Show that words travel: a phrase that everybody repeats, and one of a single speaker.

python experiments/minds/phrase.py [--humans 200] [--steps 200] [--talks 1] [--seed 1]

One agent always says a phrase. In the first run whoever reads it says it too; in the
second nobody does. Everybody is in the cast. Printed are how many ever say it, and what
the detector of phrases makes of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from sim.minds import Settings
from sim.minds.calls import Request, Response
from sim.minds.mind import LanguageMind
from sim.minds.transcript import Transcript
from sim.model.encounters import Cast
from sim.society import Society

PHRASE = "the kettle is on the moon"
USUAL = (
    *("I read about bridges", "It rained until four", "The market was full"),
    *("My neighbour has a new dog", "I slept badly", "The tram was late again"),
)
LEAST = 150  # of whom say it


class Speakers:
    """Says one of a few things; a source, and perhaps who reads it, say the phrase."""

    def __init__(self, is_repeated: bool) -> None:
        self.is_repeated = is_repeated
        self.source: int | None = None
        self.first: dict[int, int] = {}  # agent -> day on which it says the phrase

    def ask(
        self,
        requests: Sequence[Request],
        schemas: Any,
        done: Any = None,
        again: Any = None,
    ) -> list[Response]:
        found = [self._answer(one) for one in requests]
        for index, answer in enumerate(found):
            if done is not None:
                done(index, answer)
        return found

    def _answer(self, request: Request) -> Response:
        if request.schema == "letter":
            return Response(json.dumps({"letter": "Farewell."}))
        if self.source is None:
            self.source = request.agent
        asked = " ".join(message["content"] for message in request.messages)
        repeats = self.is_repeated and PHRASE in asked
        said = USUAL[(7 * request.agent + request.step) % len(USUAL)]
        if repeats or request.agent == self.source:
            said = PHRASE
            self.first.setdefault(request.agent, request.step)
        if request.schema == "decision":
            return Response(json.dumps({"said": said, "choice": "go"}))
        numbers = dict.fromkeys(("warmth", "disclosure", "novelty"), 5)
        reply = {"said": said, "remember": "we talked", "act": "continue"} | numbers
        return Response(json.dumps(reply))


def lived(is_repeated: bool, args: argparse.Namespace) -> tuple[Speakers, list[Any]]:
    """Return who said it, and the events of phrases."""
    speakers = Speakers(is_repeated)
    transcript = Transcript.record(None, Settings("fake", "http://127.0.0.1/fake"))
    cast = Cast(LanguageMind(transcript, speakers), None, talks=args.talks, words=True)
    society = Society(
        "her-film-cut", seed=args.seed, cast=cast, humans=args.humans, steps=args.steps
    )
    for _ in range(args.steps):
        society.step()
    events = society.monitor.happened()
    wanted = [e for e in events if e.kind == "catchphrase" and "kettle" in e.evidence]
    return speakers, wanted


def main() -> int:
    """Print a row a run; 1 if it is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--humans", type=int, default=200)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--talks", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    said = {}
    for is_repeated in (True, False):
        speakers, events = lived(is_repeated, args)
        days = [
            sum(day <= d for day in speakers.first.values()) for d in (50, 100, 200)
        ]
        said[is_repeated] = len(speakers.first), len(events)
        people = sorted(d for a, d in speakers.first.items() if a < args.humans)
        by = f"by day {people[LEAST - 1]}" if len(people) >= LEAST else "never"
        who = "everybody repeats it" if is_repeated else "nobody repeats it"
        told = "; ".join(f"day {e.step}: {e.evidence}" for e in events) or "none"
        print(f"{who}: {len(speakers.first)} say it ({days} by day 50, 100, 200)")
        print(f"    {len(people)} of {args.humans} people say it; {LEAST} of them {by}")
        print(f"    detector of phrases: {told}", flush=True)
    many, fires = said[True]
    return 0 if many >= LEAST and fires and said[False] == (1, 0) else 1


if __name__ == "__main__":
    raise SystemExit(main())
