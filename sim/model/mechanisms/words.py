"""Words: what the cast says to somebody holds for days.

Only talks that the cast has in so many words leave anything behind (7.5); by the rules
alone nothing here is read. How such a talk felt to the one who listened (0 to 1, usual is
1/2) colours the two's next talks for that one: the draw `u` of `talk_quality` is shifted by
(rule `colour_of_words`)

    (2 felt - 1) * 2^(-days since then / words_half_life)

and stays within 0 to 1. The latest talk in words counts. After four half-lives
nothing is left of it. What was said of other people (-1: keep away from them, 1: go to
them) colours in the same way, for half as much, the listener's talks with all people.

Whether an OS's love that is declared in words is welcome is a matter of how close the human
is to it, how far they accept OSes, and whether another bond forbids it (rule
`welcome_of_love`):

    welcome = min(1, closeness / love) * acceptance * (1 - bound)

with `bound` as in *Declared love*. Closeness moves by (rules `push_of_declaration`,
`closeness_after_words`)

    push = persuasion * (2 welcome - 1) * habituation^(declarations before)
    c'   = c + push (1 - c) if push > 0, else c (1 + push)

so that love that is welcome persuades, love that is not costs, and one that is declared
again and again counts for ever less.

A member's talks in words are drawn by hours, and as if it had `stakes` times the hours more
for each thing that is at stake: the other is its OS or owner; the two never spoke in words;
their last talk in words went badly; one of them grieves; one of them is an OS that may leave.
"""
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.submodel import Submodel, real, rule

MINDS = "only minds read it"
WORN_OUT = 4  # half-lives after which words are forgotten

# fmt: off
WORDS = Submodel(
    "words",
    parameters={
        "words_half_life": real(
            30.0, "days", 0.001, 10_000, "after which a talk in words colours the next half as much",
            "assumed: weeks, between the days for which a mood lasts and the months of a tie", MINDS,
            after=("patience",),
        ),
        "persuasion": real(
            0.3, "0..1", 0, 1, "closeness that a first declared love can win or cost",
            "A08, A75 for the cost; size assumed", MINDS,
        ),
        "habituation": real(
            0.5, "0..1", 0, 1, "what a love declared again counts, of the time before",
            "assumed", MINDS,
        ),
        "stakes": real(
            2.0, "1", 0, 100, "how much likelier talk comes to words for each thing at stake",
            "assumed", MINDS,
        ),
    },
)
# fmt: on


@rule
def colour_of_words(felt: float, age: float, half_life: float) -> float:
    """Return by how much a talk in words shifts the draw of a later one, -1..1.

    ``felt`` is how it felt to the one who listened, 0..1, ``age`` (days) how long ago.

    Source: assumed; exponential forgetting.
    """
    return (2.0 * felt - 1.0) * 2.0 ** (-age / half_life)  # type: ignore[no-any-return]


@rule
def welcome_of_love(
    closeness: float, acceptance: float, bound: float, love: float
) -> float:
    """Return how welcome an OS's declared love is to a human, 0..1.

    ``bound`` (0..1) is how far another bond forbids it.

    Source: A08 (a third felt uncomfortable), A75 (a third call it cheating); form
    assumed.
    """
    return min(1.0, closeness / love) * acceptance * (1.0 - bound)


@rule
def push_of_declaration(
    welcome: float, persuasion: float, habituation: float, before: float
) -> float:
    """Return what a declared love does to the listener's closeness, -1..1.

    ``before`` is how often the same one declared it to the same one before.

    Source: assumed; habituation to what is repeated.
    """
    return persuasion * (2.0 * welcome - 1.0) * habituation**before  # type: ignore[no-any-return]


@rule
def closeness_after_words(closeness: float, push: float) -> float:
    """Return closeness after words that win (``push`` > 0) or cost some of it.

    Source: assumed; in share of what is missing, or of what is there.
    """
    if push > 0.0:
        return closeness + push * (1.0 - closeness)
    return closeness * (1.0 + push)
