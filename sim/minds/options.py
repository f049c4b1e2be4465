"""Mind options, and the cast that they describe; estimates of calls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim.minds import dialect, personas, prompts, wording
from sim.minds.calls import PERSON, Request, Response, Settings
from sim.minds.mind import (
    ArchetypeMind,
    CompiledMind,
    LanguageMind,
    Policy,
    check_policy,
)
from sim.minds.model_rater import ModelRater, messages, rater_file
from sim.minds.person import PersonEndpoint
from sim.minds.prompts import Wording
from sim.minds.replies import Encounter, written
from sim.minds.scripted import MODEL as SCRIPTED
from sim.minds.scripted import ScriptedEndpoint
from sim.minds.several import OsModel, SpokenSides, file_of
from sim.minds.sides import Share, Sides
from sim.minds.transcript import Asks, Transcript, key_of
from sim.minds.turns import FEWEST, Talk, check_turns, talks_of
from sim.model.encounters import TALK, Cast, Decisions, Observations, RuleMind
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_fields
from sim.utils.typing import Array

KINDS = ("rules", "llm", "archetype", "compiled", "scripted", "person")
ASKING = KINDS[1:4]  # those that ask a language model
UNASKED = KINDS[4:]  # those that need no model
CHARACTERS_A_TOKEN = 4.0  # of English text, about
# Tokens of a reply and of what is remembered, in the mean; what a prompt adds to both.
REPLY_TOKENS = {"encounter": 90, "decision": 40, "letter": 150, "rating": 20}
MEMORY_TOKENS = 60
LIKELY = Encounter("I would like to hear more of that from you.", 0.6, 0.5, 0.5, 0, "")
WARMEST = 2.0  # temperature
LOCAL = "http://127.0.0.1/estimate"  # stands in for a provider


@checked_fields
class MindOptions(NamedTuple):
    """Who speaks through which mind, and how."""

    kind: str = "rules"  # one of KINDS
    cast: int | None = 6  # members at most; None is everybody
    # members, if they are named: numbers, or what a network calls them
    humans: tuple[int | str, ...] = ()
    talks: float = 0.2  # talks in so many words, a member and day
    ghost_writer: bool = False  # members write letters for friends, too
    settings: Settings | None = None  # how to reach a model; a replay needs none
    policy: Policy = Policy()
    record: str | Path | None = None  # file that finished calls go to
    replay: str | Path | None = None  # file that finished calls come from
    same_model: bool = False  # whether a recording may go on at another host
    answers: int = 16  # of a compiled mind, to each kind of situation
    # Models that speak for OSes, each for a share of them; then ``settings`` is how to
    # reach the model of people, who follow the rules without it. Transcripts are named
    # after ``record`` and ``replay``: of calls.jsonl, calls-1.jsonl and so on.
    oses: tuple[OsModel, ...] = ()
    # A model that says how words felt to who listened; None is a fixed lexicon. Its
    # transcript is calls-rater.jsonl, beside ``record``; a replay finds it there.
    rater: Settings | None = None
    # Turns of a talk at most, 2 to 8: in 2 a side answers what the other said last, on
    # whatever day; in more both sides of the cast speak in turns (`sim.minds.turns`).
    turns: int = FEWEST
    # A directory with prompts of one's own, in place of those that are shipped
    # (`sim.minds.wording`), as in another language.
    prompts: str | Path | None = None
    # A table of what prompts tell of people besides (`sim.minds.personas`): CSV.
    personas: str | Path | None = None
    # Money per million tokens, in and out: progress says what was spent so far.
    prices: tuple[float, float] | None = None


class CallEstimate(NamedTuple):
    """What a run will ask of a model, if agents behave as the rules say."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    by_kind: dict[str, int]  # calls


@contextmanager
def open_cast(options: MindOptions, seed: int = 0) -> Iterator[Cast | None]:
    """Open what the cast of a run needs, and close it in the end.

    Parameters
    ----------
    options
        Who speaks, and how.
    seed
        Of the society: which of several models speaks for an OS is drawn from it.

    Yields
    ------
    Cast or None
        None where everybody follows the rules.

    Raises
    ------
    InputError
        If the options do not go together, or a file or the endpoint cannot be used.
    """
    check(options)
    if options.kind == "rules" or options.cast == 0:
        yield None
        return
    words = wording_of(options)
    people = personas_of(options)
    with ExitStack() as stack:
        rater = _rater(options, stack, words)
        if options.oses:
            sides = _sides(options, stack, seed, words)
            sides.turns = options.turns
            for one in sides.all():
                one.rater, one.turns, one.personas = rater, options.turns, people
                _check_format(one.transcript, options.turns)
            hold = all(one.rates for one in sides.minds)
            yield cast_of(options, sides, hold)
            return
        transcript, endpoint = _sources(options, stack, words)
        mind = _made(options, transcript, endpoint, options.policy)
        mind.wording = words
        mind.rater, mind.turns, mind.personas = rater, options.turns, people
        _check_format(transcript, options.turns)
        yield cast_of(options, mind, transcript.header.words_hold)


def _check_format(transcript: Transcript, turns: int) -> None:
    """Make sure that words hold where a talk has several turns."""
    if turns > FEWEST and not transcript.header.words_hold:
        raise InputError(
            f"transcript {transcript.path} is of an earlier format, whose talks have "
            f"{FEWEST} turns; leave out --turns, or record to another file"
        )


def _sides(
    options: MindOptions, stack: ExitStack, seed: int, words: Wording | None
) -> SpokenSides:
    """Return a mind for each model of OSes, and that of people if there is one."""
    others: list[Asks] = []

    def opened(one: MindOptions) -> LanguageMind:
        transcript, endpoint = _sources(one, stack, words, others)
        others.extend([endpoint] if endpoint is not None else [])
        model = one.settings.model if one.settings else ""
        if transcript.header.model != model:
            found = transcript.header.model
            raise InputError(
                f"transcript {transcript.path} is of the model {found!r}, not {model!r}"
            )
        mind = _made(one, transcript, endpoint, one.policy)
        mind.wording = words
        return mind

    alone = options._replace(oses=())
    made = []
    for place, (share, settings) in enumerate(options.oses):
        record, replay = (
            file_of(one, place) for one in (options.record, options.replay)
        )
        one = alone._replace(settings=settings, record=record, replay=replay)
        one = one._replace(kind="llm") if one.kind == "person" else one
        made.append((share, opened(one)))
    people = opened(alone) if options.settings is not None else None
    return SpokenSides(made, people, seed)


def _rater(
    options: MindOptions, stack: ExitStack, words: Wording | None
) -> ModelRater | None:
    """Return the model that rates words, if there is one."""
    most = options.policy.max_calls
    if options.replay is not None:
        file = rater_file(options.replay)
        if not file.is_file():
            return None
        return ModelRater(stack.enter_context(Transcript.replay(file)), None, most)
    if options.rater is None:
        return None
    record = None if options.record is None else rater_file(options.record)
    one = options._replace(kind="llm", settings=options.rater, record=record)
    transcript, endpoint = _sources(one, stack, words)
    return ModelRater(transcript, endpoint, most, options.policy.stop_after)


def _made(
    options: MindOptions, transcript: Transcript, endpoint: Asks | None, policy: Policy
) -> LanguageMind:
    """Return the mind that options describe."""
    if options.kind == "compiled":
        return CompiledMind(transcript, endpoint, policy, options.answers)
    make = ArchetypeMind if options.kind == "archetype" else LanguageMind
    return make(transcript, endpoint, policy)


def wording_of(options: MindOptions) -> Wording | None:
    """Return the user's own prompts, or None for the shipped ones.

    Raises
    ------
    InputError
        If they cannot be used (`sim.minds.wording.read`).
    """
    return None if options.prompts is None else wording.read(options.prompts)


def personas_of(options: MindOptions) -> personas.PersonaTable | None:
    """Return the table of what is known of people, if there is one.

    Raises
    ------
    InputError
        If it cannot be used (`sim.minds.personas.read`).
    """
    return None if options.personas is None else personas.read(options.personas)


def by_content(options: MindOptions) -> MindOptions:
    """Return what of options makes a run, with prompts and personas by their digests.

    Raises
    ------
    InputError
        If they cannot be used.
    """
    words, people = wording_of(options), personas_of(options)
    options = options._replace(prices=None)
    if words is not None:
        options = options._replace(prompts=prompts.digest(words))
    return options if people is None else options._replace(personas=people.digest)


@contextmanager
def open_model(options: MindOptions) -> Iterator[tuple[Transcript, Asks | None]]:
    """Open what several minds of one model share, and close it in the end.

    Yields
    ------
    tuple
        Finished calls, and who answers what is not among them.

    Raises
    ------
    InputError
        As for `open_cast`, and for prompts or personas, which are those of a cast.
    """
    check(options)
    for name in ("prompts", "personas"):
        if getattr(options, name) is not None:
            raise InputError(f"{name} of one's own are for a cast of a run; leave them")
    with ExitStack() as stack:
        yield _sources(options, stack, None)


def cast_of(options: MindOptions, mind: Any, words: bool = True) -> Cast:
    """Return the cast that options describe, with a mind."""
    who = options.cast, options.humans, options.talks, options.ghost_writer
    return Cast(mind, *who, words=words)


def check(options: MindOptions) -> None:
    """Make sure that options go together.

    Raises
    ------
    InputError
        If they do not; says what to do.
    """
    if options.kind not in KINDS:
        hint = nearest(options.kind, KINDS) or f"; there are {', '.join(KINDS)}"
        raise InputError(f"unknown mind {options.kind!r}{hint}")
    if options.record is not None and options.replay is not None:
        raise InputError("a run either records a transcript or replays one")
    if options.answers < 1:
        raise InputError(f"a situation has 1 answer or more, not {options.answers}")
    cast_of(options, RuleMind())
    check_policy(options.policy)
    if options.prices is not None and not all(
        0 <= p < math.inf for p in options.prices
    ):
        raise InputError(f"prices are two numbers from 0, not {options.prices}")
    check_turns(options.turns)
    if options.turns > FEWEST and options.kind in ("archetype", "compiled"):
        raise InputError(
            f"a talk of {options.turns} turns is one of two people, and the mind "
            f"{options.kind!r} speaks for kinds of them; leave out --turns, or choose "
            "--mind llm"
        )
    if options.personas is not None and options.kind in ("archetype", "compiled"):
        raise InputError(
            f"personas are of people, and the mind {options.kind!r} speaks for kinds "
            "of them; leave out --personas, or choose --mind llm"
        )
    for settings in (options.settings, options.rater):
        if settings is not None:
            check_settings(settings)
    if options.cast == 0:
        return
    if options.kind == "rules":
        _refuse_what_rules_do_not_need(options)
    elif options.oses:
        _check_oses(options)
    elif options.kind not in UNASKED and not (options.settings or options.replay):
        raise InputError(f"the mind {options.kind!r} needs a model: name it (--model)")


def _check_oses(options: MindOptions) -> None:
    """Make sure that models of OSes have names of their own, and shares go."""
    for one in options.oses:
        check_settings(one.settings)
    Sides([Share(one.settings.model, RuleMind(), one.share) for one in options.oses])


def money(prices: tuple[float, float], tokens_in: int, tokens_out: int) -> float:
    """Return what tokens cost, at prices of a million of them, in and out.

    Examples
    --------
    >>> money((0.5, 2.0), 3_000_000, 500_000)
    2.5
    """
    return (tokens_in * prices[0] + tokens_out * prices[1]) / 1e6


def is_live(options: MindOptions) -> bool:
    """Tell whether a language model is asked, and not a transcript or nobody."""
    asks = options.kind in ASKING or options.rater is not None
    asks = asks or (options.kind == "person" and bool(options.oses))
    asks = asks and options.replay is None
    return asks and options.cast != 0


def check_address(options: MindOptions) -> None:
    """Make sure that a model that is asked may be asked; opens no connection.

    Raises
    ------
    InputError
        If not (`sim.minds.client.address_of`).
    """
    from sim.minds.client import address_of

    if not is_live(options):
        return
    asked = [options.settings, *(one.settings for one in options.oses), options.rater]
    for settings in asked:
        if settings is not None:
            address_of(settings)


def stand_in(options: MindOptions) -> MindOptions:
    """Return options by which no model is asked: scripted agents stand in for it."""
    if not is_live(options):
        return options
    return options._replace(kind="scripted", settings=None, record=None, rater=None)


def check_settings(settings: Settings) -> None:
    """Make sure that a model can be reached so, as far as can be known before.

    Raises
    ------
    InputError
        If a number is out of its range, or the model has no name.
    """
    if not settings.model:
        raise InputError("no model is named; give one with --model")
    if not 0.0 <= settings.temperature <= WARMEST:
        found = settings.temperature
        raise InputError(f"temperature is from 0 to {WARMEST:g}, not {found}")
    if settings.slots < 1:
        raise InputError(f"slots must be at least 1, not {settings.slots}")
    if not 0.0 < settings.deadline < math.inf:
        found = settings.deadline
        raise InputError(f"deadline is in seconds and more than 0, not {found}")
    most = settings.max_tokens
    if most is not None and not (type(most) is int and 1 <= most < 2**31):
        raise InputError(f"a reply has 1 token or more, not {most!r}")
    dialect.check_names(settings.without)
    dialect.check_extra(settings.extra_body or {})


def _refuse_what_rules_do_not_need(options: MindOptions) -> None:
    names = {"settings": "a model", "oses": "a model of OSes", "rater": "a rater"}
    own = ("prompts", "personas")
    names |= {name: f"{name} of one's own" for name in own}
    for name in ("settings", "record", "replay", "oses", "rater", *own):
        if getattr(options, name) not in (None, ()):
            what = names.get(name, f"a transcript to {name}")
            verb = "go" if name in own else "goes"
            raise InputError(f"{what} {verb} with a mind; choose one (--mind)")


def _sources(
    options: MindOptions,
    stack: ExitStack,
    words: Wording | None,
    others: Sequence[Asks] = (),
) -> tuple[Transcript, Asks | None]:
    """Return the transcript, and who answers what is not in it.

    Talks may go from an endpoint to ``others``.
    """
    if options.replay is not None:
        replayed = stack.enter_context(Transcript.replay(options.replay))
        _refuse_other_prompts(replayed, options, words)
        return replayed, None
    digest = prompts.digest(words)
    if options.kind == "person":
        record = Transcript.record(options.record, PERSON, digest)
        return stack.enter_context(record), PersonEndpoint()
    if options.kind == "scripted":
        name = options.settings.model if options.settings else SCRIPTED
        settings = Settings(name, "http://127.0.0.1/scripted", 0.0)
        record = Transcript.record(options.record, settings, digest)
        return stack.enter_context(record), ScriptedEndpoint()
    from sim.minds.client import Endpoint

    assert options.settings is not None  # as checked
    before = [one for one in others if isinstance(one, Endpoint)]
    endpoint = Endpoint(options.settings, before[0] if before else None)
    stack.enter_context(endpoint)
    record = Transcript.record(
        options.record,
        options.settings,
        digest,
        settle=endpoint.settle if options.policy.max_calls != 0 else None,
        most=options.policy.max_calls,
        same_model=options.same_model,
    )
    transcript = stack.enter_context(record)
    if transcript.is_opened or len(transcript):
        endpoint.use(tuple(transcript.host.without))
    return transcript, endpoint


def _refuse_other_prompts(
    transcript: Transcript, options: MindOptions, words: Wording | None
) -> None:
    recorded = transcript.header.prompts
    if recorded and recorded != prompts.digest(words):
        whose = "this version's" if words is None else f"those of {options.prompts}"
        raise InputError(
            f"transcript {transcript.path} was recorded with other prompts than "
            f"{whose}; replay it with its own (--prompts), or with the version that "
            "recorded it"
        )


# ------------------------------------------------------------------------- estimates


class CountingMind(RuleMind):
    """Follows the rules, and counts what a model would be asked."""

    def __init__(self, options: MindOptions) -> None:
        self.calls: Counter[str] = Counter()
        self.characters = 0
        self._seen: set[str] = set()
        settings = options.settings or Settings(SCRIPTED)
        transcript = Transcript.record(None, settings._replace(base_url=LOCAL))
        self._mind = _made(options, transcript, ScriptedEndpoint(), Policy())
        self._mind.wording = wording_of(options)
        self._mind.personas = personas_of(options)
        self._is_rated = options.rater is not None
        self._turns = options.turns
        self._by_oses_only = bool(options.oses) and options.settings is None

    def meet(self, labels: Sequence[str] | None, people: int) -> None:
        """Take note of who is who, as `LanguageMind.meet` does."""
        self._mind.meet(labels, people)

    def decide(self, seen: Observations) -> Decisions:
        """Count the talks."""
        self._count(seen)
        return super().decide(seen)

    def goes(self, seen: Observations) -> Array:
        """Count the decisions."""
        self._count(seen)
        return super().goes(seen)

    def write(self, seen: Observations) -> None:
        """Count the letters, if there are any."""
        if not self._mind.shared:
            self._count(seen)

    def _count(self, seen: Observations) -> None:
        if seen.kind == TALK and self._turns > FEWEST:
            talks, _ = talks_of(seen, self._turns, self._voice)
            for talk in talks:
                self._count_turns(talk)
            return
        if self._by_oses_only:
            seen = seen.rows(np.flatnonzero(seen.by_oses))
        for row in range(len(seen)):
            self._count_call(self._mind.request(seen, row))

    def _count_turns(self, talk: Talk) -> None:
        """Count the calls of a talk that nobody ends before its limit."""
        while (asked := talk.asks()) is not None:
            self._count_call(asked[1])
            talk.takes(Response(written(LIKELY)))

    def _voice(self, agent: int, is_os: bool) -> LanguageMind | None:
        return self._mind if is_os or not self._by_oses_only else None

    def _count_call(self, request: Request) -> None:
        key = key_of(request, self._mind.transcript.settings)
        if key in self._seen:
            return
        self._seen.add(key)
        self.calls[request.schema] += 1
        self.characters += sum(len(one["content"]) for one in request.messages)
        if self._is_rated and request.schema == "encounter":
            self.calls["rating"] += 1
            self.characters += sum(len(one["content"]) for one in messages(""))

    def estimate(self, most: int | None) -> CallEstimate:
        """Return what was counted, up to a budget of calls."""
        total = sum(self.calls.values())
        calls = total if most is None else min(total, most)
        share = calls / total if total else 0.0
        asked = self.characters / CHARACTERS_A_TOKEN
        asked += 0 if self._mind.shared else MEMORY_TOKENS * total
        answered = sum(REPLY_TOKENS[kind] * count for kind, count in self.calls.items())
        by_kind = {kind: int(np.rint(n * share)) for kind, n in self.calls.items()}
        return CallEstimate(calls, int(asked * share), int(answered * share), by_kind)
