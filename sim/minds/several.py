"""Several models in one society, each of which speaks for a share of all OSes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sim.minds import turns
from sim.minds.calls import Settings
from sim.minds.memory import Memories
from sim.minds.mind import TOKENS, LanguageMind
from sim.minds.sides import Share, Sides
from sim.model.encounters import Decisions, Observations
from sim.utils.signatures import checked_fields

# What is counted of each model, and of all of them together.
SUMS = (
    *("calls", "answered", "re_asked", "by_rule", "skipped", "over_budget"),
    *("given_up", "requests", *TOKENS),
)
COUNTS = ("failures", "mended")


@checked_fields
class OsModel(NamedTuple):
    """A model that speaks for a share of all OSes, and how to reach it.

    Examples
    --------
    >>> OsModel(0.5, Settings("A", "http://127.0.0.1:8012/v1")).share
    0.5
    """

    share: float  # 0..1; all shares together are 1
    settings: Settings


class SpokenSides(Sides):
    """Sides that speak through language models: one story, told by several.

    What agents remember is common to all, so that what one model said is heard by
    another. Each model keeps its own transcript, and spends its own budget.

    Parameters
    ----------
    oses
        Who speaks for OSes, by the name of its model.
    people
        Who speaks for people; None leaves them to the rules.
    seed
        Of the draw of a model for each OS.

    Raises
    ------
    InputError
        As for `Sides`.
    """

    def __init__(
        self,
        oses: Sequence[tuple[float, LanguageMind]],
        people: LanguageMind | None = None,
        seed: int = 0,
    ) -> None:
        shares = [Share(one.transcript.header.model, one, s) for s, one in oses]
        super().__init__(shares, people, seed)
        self.turns = turns.FEWEST  # of a talk, at most
        self.minds = [one for _, one in oses]
        self._of_people = people
        self.lines: list[dict[str, Any]] = []
        self.memories = Memories()
        for one in [*self.minds, *([people] if people else [])]:
            one.lines, one.memories = self.lines, self.memories
            one.speaks_for = partial(self._is_of, one)

    def decide(self, seen: Observations) -> Decisions:
        """Return what each side decides of its talks, or both in turns."""
        if self.turns > turns.FEWEST:
            return turns.decide(seen, self.turns, self.voice)
        return super().decide(seen)

    def voice(self, agent: int, is_os: bool) -> LanguageMind | None:
        """Return who speaks for an agent; None for people who follow the rules."""
        return self.minds[self._place(agent)] if is_os else self._of_people

    def meet(self, labels: Sequence[str] | None, people: int) -> None:
        """Take note of who is who, as `LanguageMind.meet` does."""
        for one in self.all():
            one.meet(labels, people)

    @property
    def tally(self) -> Counter[str]:
        """What is counted of the calls of all models."""
        return sum((one.tally for one in self.all()), Counter[str]())

    def rows(self) -> list[dict[str, Any]]:
        """Return the calls of all models, those of one after those of another."""
        own = [row for one in self.all() for row in one.transcript.rows()]
        rater = self.minds[0].rater  # one for all
        return own if rater is None else own + rater.rows()

    def summary(self) -> dict[str, Any]:
        """Return how many calls there were of all models, and of each."""
        each = {one.transcript.header.model: one.summary() for one in self.minds}
        parts = list(each.values())
        if self._of_people is not None:
            parts.append(self._of_people.summary())
        whole = parts[0] | {name: sum(p[name] for p in parts) for name in SUMS}
        for name in COUNTS:
            whole[name] = dict(sum((Counter(p[name]) for p in parts), Counter[str]()))
        since = [p["by_rule_from"] for p in parts if p["by_rule_from"] is not None]
        return whole | {
            "model": ", ".join(each),
            "provider": ", ".join(dict.fromkeys(p["provider"] for p in parts)),
            "said": {k: text for p in parts for k, text in p["said"].items()},
            "turns": self.turns,
            "by_rule_from": min(since, default=None),
            "continued": [one for p in parts for one in p["continued"]],
            "models": {
                one.name: {"share": one.share} | each[one.name] for one in self.oses
            },
            "people": parts[-1] if self._of_people is not None else None,
        }

    def whose(self, oses: Sequence[int]) -> dict[str, list[int]]:
        """Return for each model the OSes, of those given, that speak through it."""
        found: dict[str, list[int]] = {one.name: [] for one in self.oses}
        for agent in oses:
            found[self.of(agent)].append(agent)
        return found

    def _is_of(self, mind: LanguageMind, agent: int) -> bool:
        return self.oses[self._place(agent)].mind is mind

    def all(self) -> list[LanguageMind]:
        """Return the minds of OSes, and that of people if there is one."""
        return [*self.minds, *([self._of_people] if self._of_people else [])]


def file_of(path: str | Path | None, place: int) -> Path | None:
    """Return the transcript of the model at a place among several.

    Examples
    --------
    >>> file_of("calls.jsonl", 0).name
    'calls-1.jsonl'
    """
    if path is None:
        return None
    given = Path(path)
    return given.parent / f"{given.stem}-{place + 1}{given.suffix}"
