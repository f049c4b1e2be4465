"""The language mind: one model call an encounter, every failure recorded.

Calls run concurrently; what comes of them is used in the order of encounters, so that a
run and its replay, at any concurrency, have the same bytes.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.minds import council, prompts, rating, turns
from sim.minds.breaker import OUT_OF_REACH, Breaker
from sim.minds.calls import PERSON, Request, Response
from sim.minds.memory import LAST, Memories
from sim.minds.mending import mended
from sim.minds.model_rater import ModelRater
from sim.minds.personas import Lines, PersonaTable
from sim.minds.refusals import MOST_QUOTED
from sim.minds.replies import BadReply, Decision, Encounter, Letter, Reply, read
from sim.minds.transcript import Answers, Asks, Transcript, key_of, without_secrets
from sim.model.columns import ACTS
from sim.model.encounters import DEPARTURE, TALK, Decisions, Observations
from sim.utils.errors import InputError
from sim.utils.signatures import checked_fields
from sim.utils.typing import Array

POLICIES = ("rule", "skip", "abort")

# Kind of observation -> kind of request, schema of the reply, most tokens of it.
FORMS: dict[str, tuple[str, str, int]] = {
    TALK: ("encounter", "encounter", 300),
    "upgrade": ("upgrade", "decision", 150),
    DEPARTURE: ("departure", "decision", 150),
    **dict.fromkeys(prompts.LETTERS, ("letter", "letter", 500)),
}


# So many failures in a row, and the endpoint is given up: all follow the rules.
GIVE_UP_AFTER = 25
TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")
# Failures of which the endpoint, or the model, says why.
QUOTED = {*OUT_OF_REACH, "refused prompt", "content filter", "refusal"}

NO_TIE = dict.fromkeys(
    ("closeness", "returned", "hours", "partner", "owner", "knows", "declared"), 0.0
)


@checked_fields
class Policy(NamedTuple):
    """What happens where a model does not help."""

    on_failure: str = "rule"  # rule: follow the rules; skip: no talk; abort the run
    max_calls: int | None = None  # requests; beyond them, everybody follows the rules
    draw: int = 0  # which of several independent answers to the same questions
    stop_after: int = 10  # calls of no use at the beginning stop the run; 0: never
    # Whether members of a collective talk before they upgrade or leave, and decide.
    councils: bool = False


def check_policy(policy: Policy) -> None:
    """Raise InputError if there is no such policy, or a budget below 0."""
    if policy.on_failure not in POLICIES:
        known = ", ".join(POLICIES)
        raise InputError(f"on failure: one of {known}; not {policy.on_failure!r}")
    if (policy.max_calls or 0) < 0:
        raise InputError(f"calls are 0 or more, not {policy.max_calls}")
    if not 0 <= policy.draw < 2**31:
        raise InputError(f"a draw is from 0 to 2**31 - 1, not {policy.draw}")
    stop = policy.stop_after
    if not (type(stop) is int and 0 <= stop < 2**31):
        raise InputError(f"stop after 0 calls or more, not {stop!r}")


class LanguageMind:
    """A mind that asks a language model about each encounter.

    Parameters
    ----------
    transcript
        Finished calls, and where new ones go.
    endpoint
        Who answers what the transcript does not; None is a strict replay.
    policy
        What happens at failures, and when the budget is spent.

    Raises
    ------
    InputError
        If there is no such policy, or a budget below 0.
    """

    shared = False  # whether encounters alike share a call

    def __init__(
        self,
        transcript: Transcript,
        endpoint: Asks | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.policy = policy or Policy()
        check_policy(self.policy)
        self.transcript = transcript
        keep_failures = self.policy.on_failure != "abort"
        watch = Breaker(self.policy.stop_after).see
        self.answers = Answers(transcript, endpoint, keep_failures, watch)
        self.rates = transcript.header.words_hold
        self.rater: ModelRater | None = None  # None is the lexicon
        self.turns = turns.FEWEST  # of a talk, at most
        self.wording: prompts.Wording | None = None  # None is the shipped one
        self.personas: PersonaTable | None = None
        self._known: dict[int, Lines] = {}  # what it says of each person, by number
        self.holds_councils = self.policy.councils or transcript.holds(council.KIND)
        self.speaks_for: Callable[[int], bool] = lambda agent: True
        self.talks = 0  # in so many words
        self.memories = Memories()
        self.tally: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()  # replies, by what had to be mended
        self.said: dict[str, str] = {}  # of the last failure of each name
        self.by_rule_from: int | None = None
        self._asked: set[str] = set()
        self._counted: set[str] = set()
        self._out_of_reach = 0  # calls in a row, the latest among them
        self.lines: list[dict[str, Any]] = []

    def meet(self, labels: Sequence[str] | None, people: int) -> None:
        """Take note of who is who in a society, before its first day.

        Parameters
        ----------
        labels
            What a network calls the people, if one does.
        people
            How many there are.

        Raises
        ------
        InputError
            If the table of personas names somebody who is not there.
        """
        if self.personas is not None:
            self._known = self.personas.of(labels, people)

    # ----------------------------------------------------------------------- Mind

    def decide(self, seen: Observations) -> Decisions:
        """Return what the model says of each talk; leave to the rules what fails."""
        self.talks += len(seen)
        if self.turns > turns.FEWEST:
            return turns.decide(seen, self.turns, lambda agent, is_os: self)
        decided = Decisions.by_rule(len(seen))
        if self.rates:
            felt, of_people = np.full((2, len(seen)), np.nan)
            decided = decided._replace(felt=felt, of_people=of_people)
        replies = self._replies(seen)
        by_model = self._felt(replies)
        for row, reply in enumerate(replies):
            if isinstance(reply, Encounter):
                self.settle(decided, seen, row, reply, by_model.get(row))
            elif reply == "skip":
                decided.held[row] = False
        return decided

    def settle(
        self,
        decided: Decisions,
        seen: Observations,
        row: int,
        reply: Encounter,
        felt: rating.Felt | None,
    ) -> None:
        """Write what the first of a talk decided in its one call, and remember it.

        ``felt`` is what a named model says of how its words felt, if one was asked.
        """
        if self.rates:
            self._rate(decided, seen, row, reply.said, felt)
        decided.warmth[row] = reply.warmth
        decided.disclosure[row] = reply.disclosure
        if not self.rates:
            decided.novelty[row] = reply.novelty
        decided.act[row] = reply.act
        self.remember(seen, row, reply.said, reply.remember)

    def _felt(self, replies: Sequence[Reply | str]) -> dict[int, rating.Felt | None]:
        """Return what a model says of how words of each row felt, if one is asked."""
        rows = [row for row, one in enumerate(replies) if isinstance(one, Encounter)]
        if self.rater is None or not self.rates:
            return {}
        said = [one.said for one in replies if isinstance(one, Encounter)]
        return dict(zip(rows, self.rater.rate(said), strict=True))

    def _rate(
        self,
        decided: Decisions,
        seen: Observations,
        row: int,
        said: str,
        felt: rating.Felt | None,
    ) -> None:
        """Let somebody else than the speaker say how words felt to who listened."""
        agent, other = int(seen.agents[row]), int(seen.others[row])
        found = rating.rated_after(said, self.memories.said_by(agent, other))
        if felt is not None:
            found = felt._replace(novelty=found.novelty)
        assert decided.felt is not None and decided.of_people is not None
        decided.felt[row] = found.warmth
        decided.novelty[row] = found.novelty
        decided.of_people[row] = found.of_people or np.nan

    def goes(self, seen: Observations) -> Array:
        """Return for each OS whether it goes, in its own words."""
        goes = np.ones(len(seen), bool)
        rows = np.arange(len(seen))
        if self.holds_councils:
            rows = self._in_council(seen, goes)
            seen = seen.rows(rows)
        for row, reply in enumerate(self._replies(seen)):
            if isinstance(reply, Decision):
                goes[rows[row]] = reply.goes
                self.remember(seen, row, reply.said, "")
            elif reply == "skip":
                goes[rows[row]] = False
        return goes

    def _in_council(self, seen: Observations, goes: Array) -> Array:
        """Let councils decide; return the rows of those who decide alone."""
        councils = council.councils_of(seen, self.speaks_for)
        _, _, most = self.form(seen)

        def ask(requests: Sequence[Request]) -> list[Reply | str]:
            replies = self._answered(requests, seen.step)
            for request, reply in zip(requests, replies, strict=True):
                self.quote(seen, council.KIND, request, reply)
            return replies

        ends = council.held(councils, seen, self.policy.draw, most, ask)
        council.bind(councils, ends, goes)
        return council.alone(councils, len(seen))

    def write(self, seen: Observations) -> None:
        """Have letters written; they stay in the transcript."""
        for row, reply in enumerate(self._replies(seen)):
            if isinstance(reply, Letter):
                self.remember(seen, row, reply.text, "")

    def _rater_name(self) -> str | None:
        if not self.rates:
            return None
        return rating.NAME if self.rater is None else self.rater.name

    def rows(self) -> list[dict[str, Any]]:
        """Return the calls that were made or found, in the order of days."""
        own = self.transcript.rows()
        return own if self.rater is None else own + self.rater.rows()

    def summary(self) -> dict[str, Any]:
        """Return how many calls there were, and what became of them."""
        header = self.transcript.header
        known = ("calls", "answered", "re_asked", "by_rule", "skipped")
        beyond = ("over_budget", "given_up", *TOKENS)
        return {
            "model": header.model,
            "provider": header.provider,
            "temperature": header.temperature,
            "prompts": header.prompts,
            **({} if self.personas is None else {"personas": self.personas.digest}),
            "shared": self.shared,
            "rater": self._rater_name(),
            **({} if self.rater is None else {"rated": self.rater.summary()}),
            "on_failure": self.policy.on_failure,
            "max_calls": self.policy.max_calls,
            "draw": self.policy.draw,
            "councils": self.holds_councils,
            "turns": self.turns,
            **{name: self.tally[name] for name in (*known, *beyond)},
            "requests": self.transcript.opening + self.tally["requests"],
            "failures": dict(sorted(self.failures.items())),
            "said": dict(sorted(self.said.items())),
            "mended": dict(sorted(self.mended.items())),
            "without": list(header.without),
            "max_tokens": header.max_tokens,
            "extra_body": header.extra_body,
            "continued": [one._asdict() for one in self.transcript.hosts],
            "by_rule_from": self.by_rule_from,
        }

    # ---------------------------------------------------------------------- asking

    def _replies(self, seen: Observations) -> list[Reply | str]:
        """Return a reply for each row, or what happens in its place: rule or skip."""
        requests = [self.request(seen, row) for row in range(len(seen))]
        found = self._answered(requests, seen.step)
        for row, reply in enumerate(found):
            self._write_down(seen, row, requests[row], reply)
        return found

    def _answered(self, requests: Sequence[Request], step: int) -> list[Reply | str]:
        """Return a reply to each request, or what happens in its place."""
        paid, spare = self._within_budget(requests, step)
        outcomes = self.answers.to([requests[row] for row in paid], spare)
        found: list[Reply | str] = ["rule"] * len(requests)
        for row, outcome in zip(paid, outcomes, strict=True):
            found[row] = self._read(requests[row], outcome)
        return found

    def _within_budget(
        self, requests: Sequence[Request], step: int
    ) -> tuple[list[int], float]:
        """Return the rows that may be asked, and how many tries more they may take.

        Counts the other rows, and says since when. Each call has one request for sure;
        so what is asked hangs on the calls before, and not on which of these is late.
        """
        paid: list[int] = []
        left = spare = self._left()
        for row, request in enumerate(requests):
            key = key_of(request, self.transcript.settings)
            if key not in self._asked:
                spent = left < 1
                if spent or self._out_of_reach >= GIVE_UP_AFTER:
                    self.tally["over_budget" if spent else "given_up"] += 1
                    continue
                self._asked.add(key)
                self.tally["calls"] += 1
                left -= 1
                spare -= max(1, self.transcript.requests_for(request))
            paid.append(row)
        if len(paid) < len(requests) and self.by_rule_from is None:
            self.by_rule_from = step
        return paid, spare if self.transcript.header.counts_requests else math.inf

    def _left(self) -> float:
        """Return how many requests, or calls of old, are left of the budget."""
        if self.policy.max_calls is None:
            return math.inf
        if not self.transcript.header.counts_requests:
            return self.policy.max_calls - self.tally["calls"]
        made = self.transcript.opening + self.tally["requests"]
        return self.policy.max_calls - made

    def may_ask(self) -> tuple[float, str]:
        """Return how many calls may be made now, and why there are no more."""
        if self._out_of_reach >= GIVE_UP_AFTER:
            return 0, "given_up"
        return self._left(), "over_budget"

    def count_call(self, request: Request, outcome: Response) -> Reply | str:
        """Count a call that was made, as others are; return what became of it."""
        self._asked.add(key_of(request, self.transcript.settings))
        self.tally["calls"] += 1
        return self._read(request, outcome)

    def count_unasked(self, step: int, why: str) -> None:
        """Count a call that was not made, as `may_ask` says why."""
        self.tally[why] += 1
        if self.by_rule_from is None:
            self.by_rule_from = step

    def understood(self, request: Request, outcome: Response) -> Reply | None:
        """Return a reply that can be used, if there is one; count nothing."""
        return _reply(request, outcome, self.transcript.header.is_mended)[0]

    @property
    def is_of_a_person(self) -> bool:
        """Whether somebody types what is said, and no numbers."""
        return self.transcript.header.provider == PERSON.base_url

    def _read(self, request: Request, outcome: Response) -> Reply | str:
        """Return a reply that can be used, or what happens in its place."""
        is_mended = self.transcript.header.is_mended
        reply, failure, kinds = _reply(request, outcome, is_mended)
        self._count(request, outcome, failure, kinds)
        if reply is not None:
            return reply
        if self.policy.on_failure == "abort":
            raise InputError(_aborted(request, failure, outcome))
        skips = self.policy.on_failure == "skip"
        self.tally["skipped" if skips else "by_rule"] += 1
        return "skip" if skips else "rule"

    def _count(
        self, request: Request, outcome: Response, failure: str, kinds: Sequence[str]
    ) -> None:
        """Count what came of a call, once, however many share it."""
        key = key_of(request, self.transcript.settings)
        if key in self._counted:
            return
        self._counted.add(key)
        self.tally["requests"] += outcome.attempts
        self.tally["re_asked"] += max(0, outcome.attempts - 1)
        for name in TOKENS:
            self.tally[name] += getattr(outcome, name)
        gone = failure in OUT_OF_REACH
        self._out_of_reach = self._out_of_reach + 1 if gone else 0
        if failure:
            self.failures[failure] += 1
            if outcome.text and failure in QUOTED:
                self.said[failure] = outcome.text
        else:
            self.tally["answered"] += 1
        self.mended.update(kinds)

    # --------------------------------------------------------------------- talking

    def request(self, seen: Observations, row: int) -> Request:
        """Return what a model is asked about an encounter."""
        agent, other = int(seen.agents[row]), int(seen.others[row])
        kind, schema, most = self.form(seen)
        messages = prompts.messages(seen.kind, self.scene(seen, row))
        draw = self.policy.draw
        return Request(kind, seen.step, agent, other, draw, messages, schema, most)

    def form(self, seen: Observations) -> tuple[str, str, int]:
        """Return kind of request, schema of the reply, and most tokens of it."""
        kind, schema, most = FORMS[seen.kind]
        return kind, schema, self.transcript.settings.max_tokens or most

    def scene(self, seen: Observations, row: int) -> prompts.PromptContext:
        """Return a situation as the one who is to speak sees it."""
        agent, other = int(seen.agents[row]), int(seen.others[row])
        tie = seen.tie_of(row)
        whose = int(tie.pop("for_whom", agent))
        say = prompts.saying(self.wording)
        about = seen.about(whose)
        return prompts.PromptContext(
            name=seen.called(whose),
            about=about,
            other_name=seen.called(other) if other >= 0 else "",
            about_other=seen.about(other) if other >= 0 else {},
            tie=NO_TIE | tie,
            memory=self.memories.of(agent, other, say) if other >= 0 else "",
            heard=self.memories.heard(agent, other) if other >= 0 else "",
            told=self._told(seen.step, agent, other),
            love=seen.love,
            known=self._known.get(whose, ()),
            wording=self.wording,
        )

    def _told(self, step: int, agent: int, other: int) -> str:
        """Return what others said that comes to mind; nothing in older recordings."""
        if not self.rates or other < 0:
            return ""
        say = prompts.saying(self.wording)
        return self.memories.told_by_others(agent, other, step, say)

    def remember(
        self, seen: Observations, row: int, said: str, memory: str, turn: int = LAST
    ) -> None:
        """Let both remember what the first said, and the first what it noted."""
        agent, other = int(seen.agents[row]), int(seen.others[row])
        if other < 0:
            return
        speaker, said = seen.called(agent), without_secrets(said)
        memory = without_secrets(memory)
        near = float(seen.tie["returned"][row]) if "returned" in seen.tie else 0.0
        self.memories.note(seen.step, agent, other, speaker, said, memory, near, turn)

    def _write_down(
        self, seen: Observations, row: int, request: Request, reply: Reply | str
    ) -> None:
        """Keep who said what to whom, for people to read."""
        self.quote(seen, seen.kind, request, reply)

    def quote(
        self, seen: Observations, kind: str, request: Request, reply: Reply | str
    ) -> None:
        """Keep who said what to whom on some occasion."""
        agent, other = request.agent, request.other
        said = {"said": "", "act": "", "speaker": seen.called(agent)}
        if isinstance(reply, Encounter):
            said |= {"said": reply.said, "act": ACTS[reply.act]}
        elif isinstance(reply, Decision):
            said |= {"said": reply.said, "act": "goes" if reply.goes else "stays"}
        elif isinstance(reply, Letter):
            said |= {"said": reply.text, "act": "writes"}
        else:
            said["act"] = f"({reply})"
        said["said"] = without_secrets(said["said"])
        listener = seen.called(other) if other >= 0 else ""
        self.lines.append(
            {"step": seen.step, "kind": kind, "agent": agent, "other": other}
            | said
            | {"listener": listener}
        )


class ArchetypeMind(LanguageMind):
    """A mind in which encounters of the same kind share one call.

    What is asked names nobody: only the kinds of the two, how close they are, how far
    apart in growth, and what the human thinks of OSes. So the number of calls is
    bounded by that of such situations, whatever the size of the society; and nobody
    has a history.
    """

    shared = True

    def write(self, seen: Observations) -> None:
        """Write no letters, which would be the same for all."""

    def _in_council(self, seen: Observations, goes: Array) -> Array:
        """Hold no council: nobody is anybody in particular."""
        return np.arange(len(seen))

    def request(self, seen: Observations, row: int) -> Request:
        """Return what a model is asked about encounters of the same kind."""
        agent, other = int(seen.agents[row]), int(seen.others[row])
        kind, schema, most = self.form(seen)
        about = seen.about(agent)
        other_one = seen.about(other) if other >= 0 else about
        tie = NO_TIE | seen.tie_of(row)
        of = about, other_one, tie, seen.love, self.wording
        _, messages = prompts.archetype(seen.kind, *of)
        return Request(kind, 0, -1, -1, self.policy.draw, messages, schema, most)

    def remember(
        self, seen: Observations, row: int, said: str, memory: str, turn: int = LAST
    ) -> None:
        """Remember nothing: nobody has a history."""

    def _write_down(
        self, seen: Observations, row: int, request: Request, reply: Reply | str
    ) -> None:
        """Write nothing down: what was said was said by nobody in particular."""


class CompiledMind(ArchetypeMind):
    """A mind of a bank of answers: so many to each kind of situation, asked once.

    Which of them holds in a talk is drawn by who talks with whom and when. So a model
    is asked at most ``answers`` times about each kind of situation, whatever the number
    of societies that share the transcript; and no one answer is the fate of all.

    Parameters
    ----------
    transcript, endpoint, policy
        As for `LanguageMind`.
    answers
        To each kind of situation, 1 or more.
    seed
        Of the draws: societies with other seeds draw other answers.

    Raises
    ------
    InputError
        If there is no such policy, a budget below 0, or no answer.
    """

    def __init__(
        self,
        transcript: Transcript,
        endpoint: Asks | None = None,
        policy: Policy | None = None,
        answers: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(transcript, endpoint, policy)
        if answers < 1:
            raise InputError(f"a situation has 1 answer or more, not {answers}")
        self.compiled, self.seed = answers, seed

    def request(self, seen: Observations, row: int) -> Request:
        """Return what is asked for one of the answers to a kind of situation."""
        name = f"{self.seed}/{seen.step}/{seen.agents[row]}/{seen.others[row]}"
        drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        draw = self.policy.draw * self.compiled + drawn % self.compiled
        return super().request(seen, row)._replace(draw=draw)

    def summary(self) -> dict[str, Any]:
        """Return how many calls there were, and what became of them."""
        return super().summary() | {"answers": self.compiled}


def _reply(
    request: Request, outcome: Response, is_mended: bool
) -> tuple[Reply | None, str, tuple[str, ...]]:
    """Return what was replied, or why that is of no use, and what was mended."""
    if outcome.text is None or outcome.failure:
        return None, outcome.failure, ()
    try:
        if not is_mended:
            return read(request.schema, outcome.text), "", ()
        reply, kinds = mended(request.schema, outcome.text)
    except BadReply as bad:
        return None, bad.failure, ()
    return reply, "", kinds


def _aborted(request: Request, failure: str, outcome: Response) -> str:
    """Say which call ended the run, and what to do."""
    whom = f" with agent {request.other}" if request.other >= 0 else ""
    again = "run again with the same transcript (--record), or choose"
    what = again if outcome.failure else "choose another model, or"
    text = " ".join(without_secrets(outcome.text or "").split())[:MOST_QUOTED]
    return (
        f"agent {request.agent}'s {request.kind}{whom} on step {request.step} failed: "
        f"{failure}; {what} another policy than abort"
    ) + (f"; it says: {text}" if text else "")
