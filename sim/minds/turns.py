"""Talks of several turns: both sides speak, each through its own mind.

A talk of two turns is a side's answer to what the other said last, on whatever day
that was: one call. In a longer one both sides speak, in turns, on the same day. Each
turn is a call of its own: of that side's model, as its persona and with its memory,
with all that was said before it. A talk is over at the limit, when a side says nothing
or parts for good, and at a turn of which no answer can be used. A side that no mind
speaks for, or that is not of the cast, says nothing; then there is the one call of a
talk of two turns. Each question says the limit, which so is part of its key.

How words felt to a side is what its last reply says, if it had heard something before
that. Otherwise, and where a person speaks, the lexicon says it (`sim.minds.rating`); a
named rater says it of all (`sim.minds.model_rater`). Nobody says it of words of their
own.

Talks of a day know nothing of each other: what was said is remembered when all are
over. So talks go on side by side, as answers come, and what comes of them has an order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.minds import prompts, rating
from sim.minds.calls import Request, Response
from sim.minds.replies import MOST_SAID, Encounter, written
from sim.model.columns import CONTINUE, GOODBYE
from sim.model.encounters import TALK, Answered, Decisions, Observations
from sim.utils.errors import InputError

if TYPE_CHECKING:
    from sim.minds.mind import LanguageMind

FEWEST, MOST = 2, 8  # turns
KIND = "turn"  # of requests, with the number of the turn

Voice = Callable[[int, bool], "LanguageMind | None"]  # of an agent; whether it is an OS


def so_far(request: Request) -> str | None:
    """Return what was said in a talk before one of its turns; None if it is none."""
    if not request.kind.startswith(KIND):
        return None
    asked = "\n".join(one["content"] for one in request.messages)
    _, begins, said = asked.partition(prompts.BEGINS)
    return said if begins else asked  # in other words, which nobody knows here


def check_turns(turns: int) -> None:
    """Raise InputError if a talk cannot have so many turns."""
    if not (type(turns) is int and FEWEST <= turns <= MOST):
        raise InputError(f"a talk has {FEWEST} to {MOST} turns, not {turns!r}")


class TurnTaken(NamedTuple):
    """One call of a talk, and what came of it."""

    voice: LanguageMind
    request: Request
    outcome: Response
    reply: Encounter | None  # None: no answer that can be used


class Talk:
    """A talk as it is being had.

    Parameters
    ----------
    views
        The day's talks as the first of each sees them, and as the others do.
    row
        Which of them it is.
    voices
        Who speaks for either side; where the other is None, it has one call.
    turns
        Of it, at most.
    """

    def __init__(
        self,
        views: tuple[Observations, Observations],
        row: int,
        voices: tuple[LanguageMind, LanguageMind | None],
        turns: int,
    ) -> None:
        self.row, self.turns = row, turns
        self.spoken: list[TurnTaken] = []
        self._views = views
        first, other = voices
        self.voices = (first,) if other is None else (first, other)
        self.most = self.wanted = turns if other else 1  # calls
        self.lacks = ""  # what the calls beyond ``most`` are counted as
        self._heads: dict[int, prompts.Messages] = {}
        self._say = prompts.saying(first.wording)

    @property
    def both(self) -> bool:
        """Whether both sides speak."""
        return len(self.voices) > 1

    def side(self, turn: int) -> int:
        """Return whose turn it is, 0 or 1."""
        return turn % len(self.voices)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be said, however many calls are left."""
        if not self.spoken:
            return False
        last = self.spoken[-1].reply
        ended = last is None or not last.said or last.act == GOODBYE
        return ended or len(self.spoken) >= self.wanted

    def asks(self) -> tuple[LanguageMind, Request] | None:
        """Return who is asked what now; None at its end."""
        turn = len(self.spoken)
        if self.is_over or turn >= self.most:
            return None
        side = self.side(turn)
        view, voice = self._views[side], self.voices[side]
        if not self.both:
            return voice, voice.request(view, self.row)
        agent, other = int(view.agents[self.row]), int(view.others[self.row])
        _, schema, most = voice.form(view)
        of = f"{KIND} {turn + 1}", view.step, agent, other, voice.policy.draw
        return voice, Request(*of, self._messages(turn), schema, most)

    def takes(self, outcome: Response) -> None:
        """Take what came of what was asked."""
        asked = self.asks()
        assert asked is not None
        voice, request = asked
        reply = voice.understood(request, outcome)
        known = reply if isinstance(reply, Encounter) else None
        self.spoken.append(TurnTaken(voice, request, outcome, known))

    # ------------------------------------------------------------------ what was said

    def replies(self, side: int) -> list[Encounter]:
        """Return what one side replied, in order."""
        return [
            one.reply
            for turn, one in enumerate(self.spoken)
            if self.side(turn) == side and one.reply is not None
        ]

    def words(self, side: int) -> list[str]:
        """Return what one side said, in order."""
        return [one.said for one in self.replies(side) if one.said]

    def act(self, side: int) -> int:
        """Return the code of what one side did last, more than to go on."""
        acts = [one.act for one in self.replies(side) if one.act != CONTINUE]
        return acts[-1] if acts else CONTINUE

    def own_rating(self, side: int) -> float | None:
        """Return how the other's words felt to a side, by its last reply, 0..1.

        None if it had heard nothing by then, or is a person, who does not say it.
        """
        replies = self.replies(side)
        heard = bool(self.words(1 - side)) and (side == 1 or len(replies) > 1)
        if not heard or not replies or self.voices[side].is_of_a_person:
            return None
        return replies[-1].warmth

    # ---------------------------------------------------------------------- prompts

    def _messages(self, turn: int) -> prompts.Messages:
        """Return what the side whose turn it is is told.

        What does not change from turn to turn comes first, then what was said, as a
        model's own answers and what it was asked.
        """
        side, say = self.side(turn), self._say
        system, situation = self._head(side)
        parts, found = [situation["content"]], [system]
        for at in range(turn + 1):
            if self.side(at) != side:
                parts += self._quoted(at, side)
                continue
            which = {"number": str(at + 1), "turns": str(self.turns)}
            parts.append(prompts.put(say(prompts.SENTENCE), **which))
            found.append({"role": "user", "content": "\n".join(parts)})
            reply = self.spoken[at].reply if at < turn else None
            if reply is not None:
                found.append({"role": "assistant", "content": written(reply)})
                parts = []
        return tuple(found)

    def _head(self, side: int) -> prompts.Messages:
        """Return who a side is, and its situation before the talk."""
        if side not in self._heads:
            view, voice = self._views[side], self.voices[side]
            system, user = prompts.messages(TALK, voice.scene(view, self.row))
            name = self._name(side)
            rules = (
                prompts.put(self._say(prompts.TURNS), turns=str(self.turns)),
                prompts.put(self._say(prompts.TURNS_FORM), name=name),
            )
            told = "\n".join((user["content"], *rules))
            situation = {"role": "user", "content": told}
            self._heads[side] = system, situation
        return self._heads[side]

    def _name(self, side: int) -> str:
        """Return how the other of a side is called."""
        view = self._views[side]
        other = view.called(int(view.others[self.row]))
        return prompts.plain(other, prompts.MOST_OF_A_NAME)

    def _quoted(self, turn: int, side: int) -> list[str]:
        """Return what the other said at a turn, as a quotation."""
        reply = self.spoken[turn].reply
        assert reply is not None  # or the talk would be over
        said = prompts.plain(reply.said, MOST_SAID)
        says = prompts.put(self._say(prompts.SAYS), name=self._name(side))
        return [says, f"> {said}"]


# ------------------------------------------------------------------------------ a day


def talks_of(
    seen: Observations, turns: int, voice: Voice
) -> tuple[list[Talk], tuple[Observations, Observations]]:
    """Return the talks of a day before they begin, and how either side sees them.

    Those whose first has no voice are not among them.
    """
    views = seen, seen.turned()
    found = []
    for row in range(len(seen)):
        voices = []
        for view in views:
            agent, is_os = int(view.agents[row]), bool(view.by_oses[row])
            voices.append(voice(agent, is_os) if view.in_cast(agent) else None)
        if voices[0] is not None:
            found.append(Talk(views, row, (voices[0], voices[1]), turns))
    return found, views


def decide(seen: Observations, turns: int, voice: Voice) -> Decisions:
    """Let the talks of a day be had, and return what comes of them.

    Parameters
    ----------
    seen
        The talks, as the first of each sees them.
    turns
        Of each, at most; more than `FEWEST`.
    voice
        The mind that speaks for an agent, if one does.
    """
    talks, views = talks_of(seen, turns, voice)
    minds = list(dict.fromkeys(mind for one in talks for mind in one.voices))
    ends: list[str] = []
    while len(ends) < len(talks):
        some = _allow(talks[len(ends) :], minds)
        _hold(some, minds)
        ends += [_counted(one, seen.step) for one in some]
    for one, end in zip(talks, ends, strict=True):
        _write_down(one, views, end)
    felt, of_people = np.full((2, len(seen)), np.nan)
    nothing = Decisions.by_rule(len(seen))._replace(felt=felt, of_people=of_people)
    decided = nothing._replace(answered=Answered.nothing(len(seen)))
    by_model = _by_model(talks)
    for one, end in zip(talks, ends, strict=True):
        if end == "skip":
            decided.held[one.row] = False
        elif one.both and not end:
            _settle(decided, one, by_model)
            _remember(one, views)
        elif not end:
            (reply,), row = one.replies(0), one.row
            rated = by_model.get(reply.said)
            one.voices[0].settle(decided, seen, row, reply, rated)
    return decided


def _allow(talks: Sequence[Talk], minds: Sequence[LanguageMind]) -> Sequence[Talk]:
    """Return the first talks for which the budget of each mind is enough.

    They are had next, side by side; what they leave is for those after them. So what
    is asked hangs on what was said, and not on which answer is late. If it is not
    enough for one, that one has as many calls as there are.
    """
    left, lacks = {}, {}
    for mind in minds:
        left[mind], lacks[mind] = mind.may_ask()
    whole = 0
    for one in talks:
        needs = Counter(one.voices[one.side(turn)] for turn in range(one.wanted))
        if any(left[mind] < calls for mind, calls in needs.items()):
            break
        for mind, calls in needs.items():
            left[mind] -= calls
        one.most, whole = one.wanted, whole + 1
    if not whole:
        _allow_part(talks[0], left, lacks)
    for mind in minds:
        mind.answers.allow(left[mind])
    return talks[: max(whole, 1)]


def _allow_part(
    talk: Talk, left: dict[LanguageMind, float], lacks: Mapping[LanguageMind, str]
) -> None:
    """Let a talk have as many calls as there are."""
    talk.most = 0
    for turn in range(talk.wanted):
        mind = talk.voices[talk.side(turn)]
        if left[mind] < 1:
            talk.lacks = lacks[mind]
            return
        left[mind] -= 1
        talk.most += 1


def _hold(talks: Sequence[Talk], minds: Sequence[LanguageMind]) -> None:
    """Have all talks, side by side where an endpoint is asked; else one by one."""
    live = [end for mind in minds if (end := mind.answers.beside) is not None]
    if live:
        works = [partial(_have, one) for one in talks]
        live[0].beside(works, sum(one.slots for one in live))
        return
    for one in talks:
        while (asked := one.asks()) is not None:
            mind, request = asked
            one.takes(mind.answers.one_now(request))


async def _have(talk: Talk) -> None:
    """Have a talk to its end, while others are had."""
    while (asked := talk.asks()) is not None:
        mind, request = asked
        talk.takes(await mind.answers.one(request))


def _counted(talk: Talk, step: int) -> str:
    """Count the calls of a talk; return what happens in its place, or nothing."""
    end = ""
    for turn in talk.spoken:
        found = turn.voice.count_call(turn.request, turn.outcome)
        end = found if isinstance(found, str) else ""
    if not talk.is_over:
        voice = talk.voices[talk.side(len(talk.spoken))]
        voice.count_unasked(step, talk.lacks)
        end = end or "rule"
    return end if not talk.replies(0) else ""


def _write_down(talk: Talk, views: tuple[Observations, Observations], end: str) -> None:
    """Keep who said what to whom, for people to read."""
    for turn, had in enumerate(talk.spoken):
        view = views[talk.side(turn)]
        had.voice.quote(view, TALK, had.request, _quotable(had, talk.both))
    if not talk.spoken:
        voice = talk.voices[0]
        voice.quote(views[0], TALK, voice.request(views[0], talk.row), end)


def _quotable(turn: TurnTaken, both: bool) -> Encounter | str:
    """Return what is quoted of a turn: a reply, or what stands in its place."""
    if turn.reply is None:
        return "skip" if turn.voice.policy.on_failure == "skip" else "rule"
    is_end = both and not turn.reply.said and turn.reply.act == CONTINUE
    return "ends the talk" if is_end else turn.reply


def _remember(talk: Talk, views: tuple[Observations, Observations]) -> None:
    """Let both sides remember what was said, and each what it noted last."""
    last = {talk.side(turn): turn for turn, one in enumerate(talk.spoken) if _said(one)}
    for turn, had in enumerate(talk.spoken):
        if had.reply is None or not _said(had):
            continue
        side, note = talk.side(turn), ""
        if last[side] == turn:
            noted = [one.remember for one in talk.replies(side) if one.remember]
            note = noted[-1] if noted else ""
        had.voice.remember(views[side], talk.row, had.reply.said, note, turn + 1)


def _said(turn: TurnTaken) -> bool:
    return turn.reply is not None and bool(turn.reply.said)


# ---------------------------------------------------------------------------- feelings


def _by_model(talks: Sequence[Talk]) -> dict[str, rating.Felt | None]:
    """Return how words of the day felt, as a named model says, if one is asked."""
    rater = talks[0].voices[0].rater if talks else None
    if rater is None:
        return {}
    said = [text for one in talks for text in (*one.words(0), *one.words(1))]
    return dict(zip(said, rater.rate(said), strict=True))


def _felt(
    talk: Talk, listener: int, by_model: dict[str, rating.Felt | None]
) -> rating.Felt | None:
    """Return how the other's words felt to a side; None if it heard nothing."""
    speaker = 1 - listener
    words = talk.words(speaker)
    if not words:
        return None
    first = talk.spoken[0].request
    pair = (first.agent, first.other) if speaker == 0 else (first.other, first.agent)
    before = talk.voices[0].memories.said_by(*pair)
    felt = rating.rated_after(" ".join(words), before)
    if by_model:
        each = [by_model[one] or rating.rated(one) for one in words]
        warmth, of_people = np.mean([(one.warmth, one.of_people) for one in each], 0)
        return felt._replace(warmth=float(warmth), of_people=float(of_people))
    own = talk.own_rating(listener)
    return felt if own is None else felt._replace(warmth=own)


def _settle(
    decided: Decisions, talk: Talk, by_model: dict[str, rating.Felt | None]
) -> None:
    """Write what was decided in a talk in which both could speak."""
    row, back = talk.row, decided.answered
    assert decided.felt is not None and decided.of_people is not None
    assert back is not None
    decided.act[row] = talk.act(0)
    if (heard := _felt(talk, 1, by_model)) is not None:
        decided.felt[row] = decided.disclosure[row] = heard.warmth
        decided.novelty[row] = heard.novelty
        decided.of_people[row] = heard.of_people or np.nan
    if not talk.replies(1):
        return
    back.said[row], back.act[row] = True, talk.act(1)
    if (heard := _felt(talk, 0, by_model)) is not None:
        decided.warmth[row] = heard.warmth
        back.novelty[row] = heard.novelty
        back.of_people[row] = heard.of_people or np.nan
