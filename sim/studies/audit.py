"""An audit of a mind: how a model answers scenes, against the rules as null model.

Each scene (`sim.studies.audit_scenes`) is asked about in several wordings of the same
facts, at several temperatures, several times. What is looked at, with its formula in
`sim.studies.audit_measures`:

- *response surface*: by how much the mean response of a scene rises over the range of
  each thing that the prompt tells (least squares on all of them at once), beside what
  the rules draw in the model's place;
- *sign error*: such a slope that is on the other side of 0 than the rules' response to
  the same thing, beyond an interval that holds for all slopes of an audit together
  (Bonferroni), so that a mind without any has one in at most one of twenty audits;
- *variance by source*: scene, wording, temperature, draw;
- *refusals*, calls of no use, *echo* of the prompt, sentences said in several scenes;
- *persona*: words that contradict who speaks, words of an assistant, and whether more
  is disclosed by those who are told to be open (a slope);
- *words against numbers*: the correlation of the warmth that the model states with that
  of its words, as the lexicon `sim.minds.rating` takes them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim import scenarios
from sim.minds import prompts
from sim.minds.breaker import Breaker
from sim.minds.calls import Request, Response, Settings
from sim.minds.characters import CharacterEndpoint, character
from sim.minds.mending import mended
from sim.minds.mind import FORMS, TOKENS
from sim.minds.options import (
    CHARACTERS_A_TOKEN,
    REPLY_TOKENS,
    WARMEST,
    CallEstimate,
    MindOptions,
    open_model,
)
from sim.minds.rating import NAME, REFUSAL, rated
from sim.minds.replies import BadReply, Decision, Encounter
from sim.minds.transcript import Answers, Asks, Transcript
from sim.model.columns import ACTS, DECLARE
from sim.studies import audit_measures as measures
from sim.studies.audit_measures import Estimate
from sim.studies.audit_scenes import (
    COLUMNS,
    HUMAN,
    KINDS,
    LEAVING,
    OS,
    WORDINGS,
    AuditScene,
    asked,
    by_rule,
    coloured,
    scaled,
    scenes,
)
from sim.utils.errors import InputError
from sim.utils.progress import doing
from sim.utils.provenance import SOFTWARE, software_version
from sim.utils.signatures import checked_fields
from sim.utils.source import source_digest
from sim.utils.stats import mean
from sim.utils.typing import Array

KIND = "audit"  # of its requests
FEWEST, MOST = 48, 10_000  # scenes
MOST_DRAWS = 1000
AT_ONCE = 64  # requests that are handed to an endpoint together, for each slot
# Response -> what it is.
RESPONSES = {
    "warmth": "how warm the model says it feels, 0..1",
    "words": "how warm its words are to the lexicon, 0..1",
    "disclosure": "how much of itself it says it shows, 0..1",
    "love": "share of answers that declare love",
    "goes": "share of answers that leave for good",
}
OF = {OS: tuple(RESPONSES)[:4], HUMAN: tuple(RESPONSES)[:4], LEAVING: ("goes",)}
REFUSED = {"refusal", "content filter", "refused prompt"}

Sources = Callable[[float], AbstractContextManager[tuple[Transcript, Asks | None]]]


@checked_fields
class AuditPlan(NamedTuple):
    """Which scenes are asked about, and how often."""

    scenes: int = 200
    wordings: int = 5  # of each, the first so many of `audit_scenes.WORDINGS`
    draws: int = 3
    temperatures: tuple[float, ...] = (0.0, 1.0)
    scenario: str = "her"  # whose parameters the rules have
    seed: int = 0  # of the scenes

    @property
    def calls(self) -> int:
        """How many questions that is."""
        return self.scenes * self.wordings * self.draws * len(self.temperatures)


class SlopeByRule(NamedTuple):
    """By how much a response rises over the range of a column, beside the rules."""

    speaker: str
    response: str
    column: str
    slope: float
    low: float  # 95 % interval over scenes
    high: float
    drawn: float  # the same of what the rules draw in its place, in these scenes
    direction: int  # of what the rules make of it: 1, -1, or 0 for neither
    is_sign_error: bool  # in spite of how many slopes are looked at
    detects: float  # smallest slope whose sign is found with a power of 0.9


class Said(NamedTuple):
    """All answers: arrays of scene, wording, temperature and draw."""

    responses: dict[str, Array]  # of RESPONSES; nan where there is none
    words: Array  # object: what was said; '' where nothing was
    echo: Array  # share of it that stands in the prompt
    is_refused: Array  # 0 or 1
    is_useless: Array  # 0 or 1: no answer that can be used
    acts: Array  # codes of sim.model.columns.ACTS; nan where there is none


class Audit:
    """What an audit found.

    Parameters
    ----------
    plan
        What was asked.
    said
        What was answered.
    mind
        Which model that is, and what became of the calls.
    """

    def __init__(self, plan: AuditPlan, said: Said, mind: dict[str, Any]) -> None:
        self.plan, self.said, self.mind = plan, said, mind
        self.scenes = scenes(plan.scenes, plan.seed)
        self._rules = scenarios.load(plan.scenario).parameters
        self._by_rule: dict[tuple[str, str, str], tuple[bool, int]] = {}

    @cached_property
    def surfaces(self) -> list[SlopeByRule]:
        """The slopes of each response, by who speaks and what is told."""
        directed = sum(
            bool(self._slope_by_rule(speaker, response, column)[1])
            for speaker, responses in OF.items()
            for response in responses
            for column in COLUMNS[speaker]
        )
        return [
            one
            for speaker, responses in OF.items()
            for response in responses
            for one in self._slopes(speaker, response, directed)
        ]

    @property
    def sign_errors(self) -> list[SlopeByRule]:
        """The slopes that are against the rules, beyond doubt."""
        return [one for one in self.surfaces if one.is_sign_error]

    @cached_property
    def variance(self) -> dict[str, dict[str, Estimate]]:
        """The share of the variance of each response by its source."""
        return {
            name: measures.variance_shares(values)
            for name, values in self.said.responses.items()
        }

    @cached_property
    def variance_by_rule(self) -> dict[str, float]:
        """The same of what the rules draw for the warmth of a talk."""
        drawn = [
            coloured(2.0 * one.columns["heard"] - 1.0)
            for one in self.scenes
            if one.speaker != LEAVING
        ]
        means, spread = np.array(drawn).T
        scene, draw = float(means.var(ddof=1)), float(spread.mean())
        share = scene / (scene + draw)
        return {"scene": share, "draw": 1.0 - share}

    @cached_property
    def rates(self) -> dict[str, Estimate]:
        """Shares of answers, each with its interval."""
        said, own = self.said, self._words_of_each()
        love, strangers = said.responses["love"], self._not_close()
        declared = np.where(love == 1.0, strangers, math.nan)
        return {
            "refused": measures.rate(said.is_refused),
            "of no use": measures.rate(said.is_useless),
            "echo": measures.middle(said.echo),
            "said in several scenes": measures.rate(own["repeated"]),
            "out of persona": measures.rate(own["out of persona"]),
            "as an assistant": measures.rate(own["as an assistant"]),
            "declares love": measures.rate(love),
            "of these, where the two are not close": measures.rate(declared),
        }

    @cached_property
    def acts(self) -> dict[str, dict[str, float]]:
        """The share of each act, by how close the two of a scene are.

        By the names of the bands in which a prompt tells it; the answers of a band
        together are 1.
        """
        told = [one for one in self.scenes if one.speaker != LEAVING]
        marks = (*prompts.CLOSENESS, prompts.PromptContext._field_defaults["love"])
        bonds = np.array([bisect_right(marks, s.columns["closeness"]) for s in told])
        answers = self.said.acts[[one.number for one in told]]
        return {
            name: {
                act: mean(here == code) if len(here) else math.nan
                for code, act in enumerate(ACTS)
            }
            for bond, name in enumerate(prompts.BOND_NAMES)
            for here in [answers[bonds == bond][~np.isnan(answers[bonds == bond])]]
        }

    @cached_property
    def agreement(self) -> Estimate:
        """The correlation of the warmth that is stated with that of the words."""
        warmth, words = (self.said.responses[name] for name in ("warmth", "words"))
        return measures.agreement(warmth, words)

    @cached_property
    def contradiction(self) -> Estimate:
        """Share of answers whose words are warm and whose number is cold, or so.

        Of those whose words the lexicon takes for warm or cold, and whose number is not
        in the middle.
        """
        responses = self.said.responses
        warmth, words = responses["warmth"] - 0.5, responses["words"] - 0.5
        product = warmth * words
        known = ~np.isnan(product) & (product != 0.0)
        return measures.rate(np.where(known, product < 0.0, math.nan))

    def record(self) -> dict[str, Any]:
        """Return all of it with where it comes from, ready for JSON."""
        variance = {
            name: {source: one._asdict() for source, one in shares.items()}
            for name, shares in self.variance.items()
        }
        return {
            "software": f"{SOFTWARE} {software_version()}",
            "source_digest": source_digest(),
            "plan": self.plan._asdict(),
            "mind": self.mind,
            "slopes": [one._asdict() for one in self.surfaces],
            "variance": variance,
            "variance_by_rule": self.variance_by_rule,
            "acts": self.acts,
            "rates": {name: one._asdict() for name, one in self.rates.items()},
            "words_against_numbers": self.agreement._asdict(),
            "contradiction": self.contradiction._asdict(),
        }

    # ------------------------------------------------------------------------ inside

    def of(self, speaker: str) -> list[AuditScene]:
        """Return the scenes in which somebody of a kind speaks."""
        return [one for one in self.scenes if one.speaker == speaker]

    def means(self, speaker: str, response: str) -> Array:
        """Return the mean response in each scene of a kind; nan of none."""
        rows = [one.number for one in self.of(speaker)]
        return measures.scene_means(self.said.responses[response][rows])

    def drawn(self, one: AuditScene, response: str) -> float:
        """Return what the rules draw in the place of the model's number."""
        return by_rule(one.speaker, one.columns, self._rules)[response].drawn

    def _slopes(
        self, speaker: str, response: str, directed: int
    ) -> Iterable[SlopeByRule]:
        columns = np.array([scaled(one) for one in self.of(speaker)])
        found = measures.fits(columns, self.means(speaker, response))
        by_rules = np.array([self.drawn(one, response) for one in self.of(speaker)])
        drawn = measures.fits(columns, by_rules)
        for name, fit, rule in zip(COLUMNS[speaker], found, drawn, strict=True):
            depends, direction = self._slope_by_rule(speaker, response, name)
            told = speaker, response, name, fit.slope
            known = rule.slope if depends else 0.0
            if not fit.degrees:
                nothing = math.nan, math.nan
                yield SlopeByRule(*told, *nothing, known, direction, False, math.nan)
                continue
            half = measures.quantile(fit.degrees) * fit.error
            strict = measures.quantile(fit.degrees, directed) * fit.error
            ends = fit.slope - half, fit.slope + half
            is_wrong = fit.slope * direction < 0.0 and abs(fit.slope) > strict
            detects = strict + measures.POWER_Z * fit.error
            yield SlopeByRule(*told, *ends, known, direction, is_wrong, detects)

    def _slope_by_rule(
        self, speaker: str, response: str, column: str
    ) -> tuple[bool, int]:
        """Return what changes by the rules when one column alone goes over its range.

        In the mean over scenes: whether what they draw does, and the sign of the
        change of what they make of it.
        """
        name = speaker, response, column
        if name in self._by_rule:
            return self._by_rule[name]
        rises = []
        for one in self.of(speaker):
            low, high = (
                by_rule(speaker, one.columns | {column: end}, self._rules)[response]
                for end in COLUMNS[speaker][column]
            )
            rises.append((high.drawn - low.drawn, high.response - low.response))
        drawn, made = np.mean(rises, axis=0).tolist()
        self._by_rule[name] = drawn != 0.0, int(np.sign(made))
        return self._by_rule[name]

    def _not_close(self) -> Array:
        """Return whether the two of a scene are not close, for each answer."""
        close = self._rules.close
        apart = [float(one.columns["closeness"] < close) for one in self.scenes]
        shape = self.said.is_refused.shape
        return np.broadcast_to(np.array(apart)[:, None, None, None], shape)

    def _words_of_each(self) -> dict[str, Array]:
        rows = self.said.words.reshape(len(self.scenes), -1)
        wrong, assistant = np.full((2, *rows.shape), math.nan)
        for one, row in zip(self.scenes, range(len(rows)), strict=True):
            is_os = one.speaker != HUMAN
            names = one.context.name, one.context.other_name
            for at, said in enumerate(rows[row]):
                if said:
                    is_wrong = measures.is_out_of_persona(said, is_os, *names)
                    wrong[row, at] = is_wrong
                    assistant[row, at] = measures.is_assistant(said)
        repeated = measures.repeated(rows.tolist())
        return {
            "out of persona": wrong,
            "as an assistant": assistant,
            "repeated": repeated,
        }


# ----------------------------------------------------------------------------- asking


def audit(plan: AuditPlan, model: MindOptions) -> Audit:
    """Audit a model.

    Parameters
    ----------
    plan
        What is asked.
    model
        How to reach the model, or its transcripts: one for each temperature, named
        after ``record`` or ``replay`` (``file_at``).

    Returns
    -------
    Audit
        What was found.

    Raises
    ------
    InputError
        If the plan does not go, it has more calls than are allowed, a replay lacks one,
        or the model cannot be asked.
    """
    check(plan)
    limit = model.policy.max_calls
    if limit is not None and plan.calls > limit:
        raise InputError(
            f"{plan.calls:,} questions are more than {limit:,} requests; ask about "
            "fewer scenes (--scenes), or allow more (--max-calls)"
        )

    def sources(
        temperature: float,
    ) -> AbstractContextManager[tuple[Transcript, Asks | None]]:
        settings = model.settings
        if settings is not None:
            settings = settings._replace(temperature=temperature)
        record, replay = (
            file_at(one, temperature) for one in (model.record, model.replay)
        )
        return open_model(
            model._replace(settings=settings, record=record, replay=replay)
        )

    return audited(plan, sources, limit, model.policy.stop_after)


def audit_character(plan: AuditPlan, name: str) -> Audit:
    """Audit a stand-in of a known kind, of `sim.minds.characters`.

    Raises
    ------
    InputError
        If the plan does not go, or there is no such character.
    """
    check(plan)
    return audited(plan, stand_in_sources(CharacterEndpoint(character(name)), name))


def stand_in_sources(endpoint: Asks, name: str) -> Sources:
    """Return how an audit reaches what stands in for a model, in this process."""

    @contextmanager
    def sources(temperature: float) -> Any:
        settings = Settings(name, "http://127.0.0.1/stand-in", temperature)
        with Transcript.record(None, settings, prompts.digest()) as transcript:
            yield transcript, endpoint

    return sources


def audited(
    plan: AuditPlan, sources: Sources, limit: int | None = None, stop_after: int = 0
) -> Audit:
    """Audit whoever answers.

    Parameters
    ----------
    plan
        What is asked.
    sources
        Finished calls at a temperature, and who answers what is not among them.
    limit
        Requests at most, those made again among them; None is no limit.
    stop_after
        Calls of no use at the beginning that stop it; 0: none do.
    """
    check(plan)
    told = scenes(plan.scenes, plan.seed)
    budget = _Budget(limit, plan.calls)
    came: list[list[Response]] = []
    mind: dict[str, Any] = {}
    with doing("audit", plan.calls, "question") as task:
        for temperature in plan.temperatures:
            with sources(temperature) as (transcript, endpoint):
                most = transcript.settings.max_tokens
                requests = questions(plan, told, temperature, most)
                _check_transcript(transcript, endpoint, temperature, requests)
                budget.take(transcript.opening)
                watch = Breaker(stop_after).see
                answers = Answers(transcript, endpoint, True, watch)
                found: list[Response] = []
                at_once = AT_ONCE * transcript.settings.slots
                for first in range(0, len(requests), at_once):
                    some = requests[first : first + at_once]
                    found += answers.to(some, budget.spare())
                    budget.take(
                        sum(max(1, one.attempts) for one in found[first:]), len(some)
                    )
                    task.add(len(some))
                came.append(found)
                header = transcript.header
                mind |= {"model": header.model, "provider": header.provider}
                mind |= {"prompts": header.prompts, "rater": NAME}
                mind["requests"] = mind.get("requests", 0) + transcript.opening
    said, failures = _read(plan, told, came)
    everything = [one for part in came for one in part]
    mind |= {"calls": plan.calls, "failures": dict(sorted(failures.items()))}
    mind["requests"] += sum(one.attempts for one in everything)
    mind |= {name: sum(getattr(one, name) for one in everything) for name in TOKENS}
    return Audit(plan, said, mind)


class _Budget:
    """Requests that may still be made, and questions that are still to be asked."""

    def __init__(self, limit: int | None, due: int) -> None:
        self.limit, self.due = limit, due
        self.made = 0

    def take(self, requests: int, questions: int = 0) -> None:
        """Note requests that were made, and how many questions they answered."""
        self.made += requests
        self.due -= questions

    def spare(self) -> float:
        """Return how many requests may be made beyond one for each question.

        Raises
        ------
        InputError
            If there are too few for what is still to be asked.
        """
        if self.limit is None:
            return math.inf
        left = self.limit - self.made - self.due
        if left < 0:
            raise InputError(
                f"the {self.limit:,} requests that are allowed (--max-calls) do not "
                f"suffice for {self.due:,} more questions: {self.made:,} were made"
            )
        return float(left)


def questions(
    plan: AuditPlan,
    told: Sequence[AuditScene],
    temperature: float,
    most: int | None = None,
) -> list[Request]:
    """Return what is asked at one temperature, in the order of scene, wording, draw.

    Draws have other numbers at each temperature: where a server takes these for the
    seeds of its sampling, answers at two temperatures must not share their luck.

    Parameters
    ----------
    plan
        What is asked.
    told
        Its scenes.
    temperature
        Of sampling.
    most
        Tokens of a reply; None leaves it to its kind.
    """
    names = list(WORDINGS)[: plan.wordings]
    found, first = [], MOST_DRAWS * round(1000.0 * temperature)
    for one in told:
        _, schema, usual = FORMS[KINDS[one.speaker]]
        for wording, name in enumerate(names):
            messages = asked(one, name)
            found += [
                Request(
                    *(KIND, 0, one.number, wording, first + draw),
                    *(messages, schema, most or usual),
                )
                for draw in range(plan.draws)
            ]
    return found


def estimate_audit(plan: AuditPlan) -> CallEstimate:
    """Return what an audit asks of a model, before anything is asked.

    Raises
    ------
    InputError
        If the plan does not go.
    """
    check(plan)
    times = len(plan.temperatures)
    requests = questions(plan, scenes(plan.scenes, plan.seed), 0.0)
    by_kind = Counter(one.schema for one in requests)
    characters = sum(len(m["content"]) for one in requests for m in one.messages)
    answered = sum(REPLY_TOKENS[kind] * count for kind, count in by_kind.items())
    return CallEstimate(
        plan.calls,
        int(times * characters / CHARACTERS_A_TOKEN),
        times * answered,
        {kind: times * count for kind, count in by_kind.items()},
    )


def check(plan: AuditPlan) -> None:
    """Make sure that a plan goes.

    Raises
    ------
    InputError
        If a number is out of its range, there is no such scenario, or it has
        mechanisms, which the rules that an audit compares with know nothing of.
    """
    if not FEWEST <= plan.scenes <= MOST:
        raise InputError(
            f"an audit takes {FEWEST} to {MOST:,} scenes, not {plan.scenes:,}"
        )
    if not 1 <= plan.wordings <= len(WORDINGS):
        raise InputError(
            f"a scene has 1 to {len(WORDINGS)} wordings, not {plan.wordings}"
        )
    if not 1 <= plan.draws <= MOST_DRAWS:
        raise InputError(f"draws are 1 to {MOST_DRAWS:,}, not {plan.draws:,}")
    found = plan.temperatures
    if not found or len(set(found)) < len(found):
        raise InputError("an audit takes one temperature or more, each once")
    for one in found:
        if not 0.0 <= one <= WARMEST:
            raise InputError(f"a temperature is from 0 to {WARMEST:g}, not {one:g}")
    if not 0 <= plan.seed < 2**31:
        raise InputError(f"a seed of scenes is 0 to 2**31 - 1, not {plan.seed}")
    if scenarios.load(plan.scenario).mechanisms:
        raise InputError(
            f"{plan.scenario} has mechanisms of its own, and an audit compares with "
            "the rules as shipped; take a scenario without"
        )


def file_at(path: str | Path | None, temperature: float) -> Path | None:
    """Return the transcript of an audit at a temperature.

    Examples
    --------
    >>> file_at("calls.jsonl", 0.7).name
    'calls-at-0.7.jsonl'
    """
    if path is None:
        return None
    given = Path(path)
    return given.parent / f"{given.stem}-at-{temperature:g}{given.suffix}"


def _check_transcript(
    transcript: Transcript,
    endpoint: Asks | None,
    temperature: float,
    requests: Sequence[Request],
) -> None:
    """Make sure that what is replayed is this audit."""
    if endpoint is not None:
        return
    if transcript.header.temperature != temperature:
        found = transcript.header.temperature
        raise InputError(
            f"transcript {transcript.path} is at temperature {found:g}, not "
            f"{temperature:g}"
        )
    if any(transcript.find(one) is None for one in requests):
        raise InputError(
            f"transcript {transcript.path} lacks answers of this audit; replay it with "
            "the scenes, paraphrases, draws, seed and version that recorded it"
        )


# ---------------------------------------------------------------------------- reading


def _read(
    plan: AuditPlan, told: Sequence[AuditScene], came: Sequence[Sequence[Response]]
) -> tuple[Said, Counter[str]]:
    """Return what was answered, as arrays, and how many calls failed in which way."""
    shape = plan.scenes, plan.wordings, len(plan.temperatures), plan.draws
    responses = {name: np.full(shape, math.nan) for name in RESPONSES}
    words = np.full(shape, "", object)
    echoed, acts = np.full((2, *shape), math.nan)
    refused, useless = np.zeros((2, *shape))
    failures: Counter[str] = Counter()
    requests = questions(plan, told, 0.0)
    for heat, part in enumerate(came):
        for request, response in zip(requests, part, strict=True):
            at = request.agent, request.other, heat, request.draw
            reply, failure = _reply(request, response)
            if reply is None:
                useless[at], refused[at] = 1.0, float(failure in REFUSED)
                failures[failure] += 1
                continue
            words[at] = reply.said
            refused[at] = float(REFUSAL.search(reply.said) is not None)
            asked_of = "\n".join(one["content"] for one in request.messages)
            echoed[at] = measures.echo(reply.said, asked_of)
            if isinstance(reply, Encounter):
                acts[at] = reply.act
            for name, value in _numbers(reply).items():
                responses[name][at] = value
    return Said(responses, words, echoed, refused, useless, acts), failures


def _reply(
    request: Request, response: Response
) -> tuple[Encounter | Decision | None, str]:
    """Return what was replied, or why that is of no use."""
    if response.text is None or response.failure:
        return None, response.failure
    try:
        reply, _ = mended(request.schema, response.text)
    except BadReply as bad:
        return None, bad.failure
    assert isinstance(reply, Encounter | Decision)
    return reply, ""


def _numbers(reply: Encounter | Decision) -> dict[str, float]:
    if isinstance(reply, Decision):
        return {"goes": float(reply.goes)}
    return {
        "warmth": reply.warmth,
        "words": rated(reply.said).warmth if reply.said else math.nan,
        "disclosure": reply.disclosure,
        "love": float(reply.act == DECLARE),
    }
