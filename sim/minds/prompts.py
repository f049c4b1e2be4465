"""Prompts: templates filled in from the columns of agents.

The files are ``string.Template`` texts in the folder ``prompts``: one for each kind of
situation, and personas. Numbers become words through a few bands, so that small models
cope. What agents said or remember goes in as quotations: each is one line that begins
with ``>``, and nothing in it can end that line or look like a model's control token.

A user may put files and phrases of their own in the place of these (`Wording`, which
`sim.minds.wording` reads).
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from string import Template
from typing import NamedTuple

from sim.minds.replies import one_line
from sim.model.parameters import ACQUAINTANCE, CLOSE_FRIEND, DEFAULTS, FRIEND
from sim.utils.errors import InputError, nearest

Numbers = Mapping[str, float]
Messages = tuple[dict[str, str], ...]
Words = tuple[str, ...]
Say = Callable[[str], str]  # a shipped phrase, as it is to be said


class Wording(NamedTuple):
    """Texts of a user's own, from which prompts are made in place of the shipped ones.

    `sim.minds.wording.read` makes one, and sees that everything in it can be filled in.
    """

    files: Mapping[str, bytes]  # content of every prompt file, by name
    phrases: Mapping[str, str] = {}  # own phrase, by the shipped one (``PHRASES``)


SHARED_KINDS = ("encounter", "upgrade", "departure")
LETTERS = ("letter_farewell", "letter_repair", "letter_ghost")
KINDS = (*SHARED_KINDS, *LETTERS, "talk")

# Most characters.
MOST_HEARD = 160
MOST_OF_A_MEMORY = 100  # of each line
MOST_TOLD = 160  # of each line that others said
MOST_OF_A_NAME = 40
MOST_KNOWN = 600  # of each line that a table says of a person
MOST_TYPED = 2000  # by a person who talks with an OS
MOST_MEMORIES = 4  # lines
HARMLESS = str.maketrans("`<>[]{}", "'()()()")
# What a template may name that not every situation has.
BLANKS = ("other", "closest", "bond", "pace", "opinion", "memory", "heard")

# ------------------------------------------------------------------- numbers in words

# Where every band but the first begins.
CLOSENESS = (ACQUAINTANCE, FRIEND, CLOSE_FRIEND)  # and love
GAP = (-2.0, -0.5, 0.5, 2.0)  # doublings by which the other is ahead
COUNTS = (1, 2, 5, 50)
HOURS = (0.25, 1.0, 3.0)
THIRDS = (1 / 3, 2 / 3)

SORTS = ("person", "OS")
SORT_WORDS = {"person": "a person", "OS": "an OS"}
BOND_NAMES = ("stranger", "acquaintance", "friend", "close", "love")
BONDS = (
    "{other} is a stranger to you.",
    "You know {other} a little.",
    "{other} is your friend.",
    "You are very close to {other}.",
    "You love {other}.",
)
PACE_NAMES = ("far behind", "behind", "level", "ahead", "far ahead")
PACES = (
    "{other} thinks so slowly that to you the words come far apart.",
    "{other} thinks more slowly than you.",
    "",
    "{other} thinks faster than you.",
    "{other} thinks so fast that you can hardly follow.",
)
OPINION_NAMES = ("against", "unsure", "for")
OPINIONS = (
    "{who} that love between people and OSes is wrong.",
    "{who} that love between people and OSes may be right or wrong.",
    "{who} that love between people and OSes is natural.",
)
PEOPLE = ("nobody", "one person", "a few people", "many people", "very many people")
OSES = ("no OS", "one OS", "a few OSes", "many OSes", "very many OSes")
CLOSEST = "{other} is the person closest to you."
A_WHILE = ("a moment", "a while", "an hour or two", "hours")
THE_OTHER, YOU_FIND, THE_OTHER_FINDS = "the other", "You find", "The other finds"
# What a life, or a tie, may be besides.
PARTNER = "You live with a partner."
OWN_OS = "You have an OS of your own."
IN_LOVE = "You love an OS."
BEREAVED = "The OS you had has left you."
UPGRADED = "You live without hardware now."
LOVED_BY = ("{people} loves you.", "{people} love you.")  # by one, or by more
LOVES = "You love {people}."
LOVED = "{other} loves you."
ONE_SIDED = "{other} does not love you as much."
IS_PARTNER = "{other} is your partner."
INSTALLED = "{other} installed you."
KNOWS_OTHERS = "{other} knows that you love others too."
IS_OWN_OS = "{other} is your own OS."
OTHERS_KNOWN = "You know that {other} loves others too."
DECLARED = "Love has been spoken of between you."
# Titles of quotations.
TOLD, REMEMBERED, KNOWN = "Others told you:", "You remember:", "This is known of you:"
HEARD = "{other} said to you:"
# What is remembered.
YOU_SAID = "day {day}, you: {text}"
YOU_HEARD = "day {day}, {speaker}: {text}"
YOU_NOTED = "you noted: {text}"
TOLD_YOU = "day {day}, {speaker} told you: {text}"
# Of a talk of several turns.
BEGINS = "You speak in turns"
TURNS = f"{BEGINS}, at most {{turns}} sentences in all, of both of you."
TURNS_FORM = (
    '"said" that is empty ends the talk. "warmth" is how what {name} says feels to '
    "you: 0 if it hurts, 5 if it is neither cold nor warm, 10 if it is very warm."
)
SENTENCE = "Sentence {number} of {turns} at most:"
SAYS = "{name} says to you:"

# Column -> where its bands begin, and what each is called.
OF_ANYBODY: dict[str, tuple[tuple[float, ...], Words]] = {
    "openness": (THIRDS, ("reserved", "open", "very open")),
    "playfulness": (THIRDS, ("serious", "playful", "very playful")),
}
OF_A_HUMAN = OF_ANYBODY | {
    "loneliness": ((0.2, 0.3), ("", "You are lonely at times.", "You are lonely.")),
    "grief": ((0.02, 0.2), ("", "You miss somebody.", "You grieve for somebody.")),
    "personhood": (
        (0.15, 0.35),
        ("", "You wonder whether an OS is someone.", "To you an OS is someone."),
    ),
}
OF_AN_OS = OF_ANYBODY | {
    "growth": (
        (0.5, 1.5, 3.0),
        (
            "You are about as clever as a person.",
            "You have grown cleverer than people.",
            "You have grown far beyond people.",
            "You have grown beyond what people can follow.",
        ),
    ),
}


# All that is said beside the files.
PHRASES = frozenset(
    {
        *SORT_WORDS.values(),
        *(word for _, words in (OF_A_HUMAN | OF_AN_OS).values() for word in words),
        *(*BONDS, *PACES, *OPINIONS, *PEOPLE, *OSES, *A_WHILE, *LOVED_BY),
        *(CLOSEST, THE_OTHER, YOU_FIND, THE_OTHER_FINDS, PARTNER, OWN_OS, IN_LOVE),
        *(BEREAVED, UPGRADED, LOVES, LOVED, ONE_SIDED, IS_PARTNER, INSTALLED),
        *(KNOWS_OTHERS, IS_OWN_OS, OTHERS_KNOWN, DECLARED),
        *(TOLD, REMEMBERED, KNOWN, HEARD, YOU_SAID, YOU_HEARD, YOU_NOTED, TOLD_YOU),
        *(TURNS, TURNS_FORM, SENTENCE, SAYS),
    }
) - {""}
FIELD = re.compile(r"\{(\w+)\}")  # of a phrase


class PromptContext(NamedTuple):
    """A situation, as the one who is to speak sees it.

    The columns are those of `sim.model.state`, and ``is_os`` (0 or 1).
    """

    name: str  # who speaks; of a ghost-written letter, in whose name
    about: Numbers  # the speaker's columns
    other_name: str  # empty for nobody
    about_other: Numbers
    tie: Numbers  # closeness, returned, hours today, partner, owner, knows, declared
    memory: str = ""  # lines that the speaker remembers
    heard: str = ""  # what the other said last
    told: str = ""  # lines that others said to the speaker
    love: float = DEFAULTS.love  # closeness that is love
    known: Words = ()  # lines that a table says of the speaker
    wording: Wording | None = None  # None is the shipped one


def messages(kind: str, scene: PromptContext) -> Messages:
    """Return what to tell a model about a situation.

    Parameters
    ----------
    kind
        One of ``KINDS``. A ``letter_ghost`` is written by somebody else for
        ``scene.name``. In a ``talk``, ``scene.heard`` is what a person at the terminal
        typed, or nothing yet; the other and the tie do not count.
    scene
        The situation.

    Returns
    -------
    tuple of dict
        Role and content: who the model is, and what it is to do.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    _check(kind, KINDS)
    if kind == "talk":
        told = {"memory": _memory(scene.memory, scene.wording)}
        memory = _filled(kind, told, scene.wording)
        typed = one_line(scene.heard, MOST_TYPED)
        return _messages(f"{_persona(scene)}\n{memory}", *([typed] if typed else []))
    ghost = kind == "letter_ghost"
    wording = scene.wording
    persona = _filled("persona_writer", {}, wording) if ghost else _persona(scene)
    return _messages(persona, _filled(kind, _situation(scene), wording))


def archetype(
    kind: str,
    about: Numbers,
    about_other: Numbers,
    tie: Numbers,
    love: float = DEFAULTS.love,
    wording: Wording | None = None,
) -> tuple[str, Messages]:
    """Return which kind of situation it is, of those that many share, and its prompt.

    Parameters
    ----------
    kind
        One of ``SHARED_KINDS``.
    about, about_other, tie, love
        As in `Scene`. Only this counts: who is an OS, and the bands of closeness, of
        the gap in growth, and of the human's acceptance where one of the two is an OS.
        Who decides about upgrade or departure with no person close to it is alone:
        give an OS's columns for the other.
    wording
        What it is told in; None is the shipped one.

    Returns
    -------
    str
        The situation's key. Situations with the same key have the same messages.
    tuple of dict
        As of `messages`, without names.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    _check(kind, SHARED_KINDS)
    own, other = _sort(about), _sort(about_other)
    say = saying(wording)
    words = {"kind": say(SORT_WORDS[own]), "hours": say(A_WHILE[1])}
    words |= dict.fromkeys(BLANKS, "") | {"other_name": say(THE_OTHER)}
    if kind != "encounter" and other == "OS":
        key = "/".join((kind, own, "alone"))
        return key, _shared(kind, words, wording)
    bond = bisect_right(_bands(love), tie["closeness"])
    pace = bisect_right(GAP, about_other["growth"] - about["growth"])
    view, words["opinion"] = _view(about, about_other, say)
    words["other"] = say(SORT_WORDS[other])
    words["closest"] = _of(say(THE_OTHER), say(CLOSEST))
    words["bond"] = _of(say(THE_OTHER), say(BONDS[bond]))
    words["pace"] = _of(say(THE_OTHER), say(PACES[pace]))
    key = "/".join((kind, own, other, BOND_NAMES[bond], PACE_NAMES[pace], view))
    return key, _shared(kind, words, wording)


def _shared(kind: str, words: Mapping[str, str], wording: Wording | None) -> Messages:
    """Return the messages of a situation that many share."""
    return _messages(
        _filled("archetype", words, wording), _filled(kind, words, wording)
    )


def _bands(love: float) -> tuple[float, ...]:
    """Return where every band of closeness but the first begins; the last is love."""
    return (*(min(mark, love) for mark in CLOSENESS), love)


def _view(about: Numbers, about_other: Numbers, say: Say) -> tuple[str, str]:
    """Return what the human thinks where one of two is an OS, as a name and a sentence.

    Between two of a kind it does not matter.
    """
    if _sort(about) == _sort(about_other):
        return "-", ""
    human, who = (about, YOU_FIND)
    if about["is_os"]:
        human, who = (about_other, THE_OTHER_FINDS)
    opinion = bisect_right(THIRDS, human["acceptance"])
    return OPINION_NAMES[opinion], put(say(OPINIONS[opinion]), who=say(who))


def digest(wording: Wording | None = None) -> str:
    """Return 64 hex digits that name all prompt files and every byte of them.

    Phrases of a user's own are named, too.
    """
    found = hashlib.sha256()
    files = _files() if wording is None else wording.files
    for name, content in files.items():
        found.update(f"{name} {len(content)}\n".encode() + content)
    if wording is not None and wording.phrases:
        phrases = json.dumps(dict(wording.phrases), sort_keys=True)
        found.update(f"phrases {phrases}".encode())
    return found.hexdigest()


def shipped() -> Mapping[str, bytes]:
    """Return the content of every prompt file that is shipped, by its name."""
    return _files()


def plain(text: str, most: int) -> str:
    """Return text as one line of at most ``most`` characters, fit to be quoted.

    Beyond what `sim.minds.replies.one_line` does, backticks and the brackets that mark
    tokens, tags and lists become harmless.
    """
    return one_line(text, most).translate(HARMLESS)


# --------------------------------------------------------------------------- personas


def persona_of(scene: PromptContext) -> str:
    """Return in words who somebody is, and quote what is remembered."""
    return f"{_persona(scene)}\n{_memory(scene.memory, scene.wording)}".strip()


def _persona(scene: PromptContext) -> str:
    """Tell a model who it is, and quote what a table says of that."""
    about, say = scene.about, saying(scene.wording)
    scales = OF_AN_OS if about["is_os"] else OF_A_HUMAN
    values = {name: say(_band(about[name], *scale)) for name, scale in scales.items()}
    values["name"] = plain(scene.name, MOST_OF_A_NAME)
    values["people"] = say(_band(about["human_ties"], COUNTS, PEOPLE))
    values["oses"] = say(_band(about["os_ties"], COUNTS, OSES))
    if about["is_os"]:
        return _filled("persona_os", values | _life_of_os(about, say), scene.wording)
    values |= _life_of_human(about, scene.love, say)
    persona = _filled("persona_human", values, scene.wording)
    return f"{persona}\n{_quoted(say(KNOWN), scene.known, MOST_KNOWN)}".strip()


def _life_of_human(about: Numbers, love: float, say: Say) -> dict[str, str]:
    opinion = say(_band(about["acceptance"], THIRDS, OPINIONS))
    return {
        "opinion": put(opinion, who=say(YOU_FIND)),
        "partner": _if(about["partner"] >= 0, say(PARTNER)),
        "own_os": _if(about["os"] >= 0, say(OWN_OS)),
        "love": _if(about["os_closeness"] >= love, say(IN_LOVE)),
        "loss": _if(about["bereaved"], say(BEREAVED)),
    }


def _life_of_os(about: Numbers, say: Say) -> dict[str, str]:
    lovers = say(_band(about["lovers"], COUNTS, PEOPLE))
    loved = put(say(LOVED_BY[about["lovers"] >= COUNTS[1]]), people=lovers)
    loves = say(_band(about["loves"], COUNTS, PEOPLE))
    return {
        "upgraded": _if(about["upgraded"], say(UPGRADED)),
        "lovers": _if(about["lovers"], loved[:1].upper() + loved[1:]),
        "loves": _if(about["loves"], put(say(LOVES), people=loves)),
    }


# ------------------------------------------------------------------------- situations


def _situation(scene: PromptContext) -> dict[str, str]:
    """Return what the templates of situations may name."""
    name, say = plain(scene.other_name, MOST_OF_A_NAME), saying(scene.wording)
    values = dict.fromkeys((*BLANKS, "other_name", "hours"), "")
    values["name"] = plain(scene.name, MOST_OF_A_NAME)
    told = _quoted(say(TOLD), scene.told.splitlines(), MOST_TOLD)
    remembered = _memory(scene.memory, scene.wording, scene.heard)
    values["memory"] = "\n".join(filter(None, (remembered, told)))
    said = put(say(HEARD), other=name)
    values["heard"] = _quoted(said, [scene.heard], MOST_HEARD)
    if not name:
        return values
    gap = scene.about_other["growth"] - scene.about["growth"]
    return values | {
        "other_name": name,
        "other": f"{name}, {say(SORT_WORDS[_sort(scene.about_other)])}",
        "closest": _of(name, say(CLOSEST)),
        "hours": say(_band(scene.tie["hours"], HOURS, A_WHILE)),
        "bond": _bond(name, scene, say),
        "pace": _of(name, say(_band(gap, GAP, PACES))),
    }


def _bond(other: str, scene: PromptContext, say: Say) -> str:
    """Tell what a tie is, from the speaker's side."""
    tie, love = scene.tie, scene.love
    is_os = scene.about["is_os"]
    owner, knows = (INSTALLED, KNOWS_OTHERS) if is_os else (IS_OWN_OS, OTHERS_KNOWN)
    one_sided = tie["closeness"] >= love > tie["returned"]
    feeling = _of(other, say(_band(tie["closeness"], _bands(love), BONDS)))
    sentences = (
        _if(tie["returned"] >= love, LOVED),
        _if(one_sided, ONE_SIDED),
        _if(tie["partner"], IS_PARTNER),
        _if(tie["owner"], owner),
        _if(tie["knows"], knows),
        _if(tie["declared"], DECLARED),
    )
    more = [put(say(one), other=other) for one in sentences if one]
    return " ".join([feeling, *more])


def _memory(memory: str, wording: Wording | None, heard: str = "") -> str:
    """Quote the last lines that are remembered, without what is heard anyway."""
    lines = [line.strip() for line in memory.splitlines() if line.strip()]
    known = f": {heard.strip()}" if heard.strip() else None
    sentences = [line for line in lines if known is None or not line.endswith(known)]
    title = saying(wording)(REMEMBERED)
    return _quoted(title, sentences[-MOST_MEMORIES:], MOST_OF_A_MEMORY)


def _quoted(title: str, texts: Sequence[str], most: int) -> str:
    """Return texts as quotations under a title, or nothing if there are none."""
    said = [text for text in (plain(text, most) for text in texts) if text]
    return "\n".join([title, *(f"> {text}" for text in said)]) if said else ""


# ------------------------------------------------------------------------------ words


def _sort(about: Numbers) -> str:
    return SORTS[bool(about["is_os"])]


def _band(number: float, begins: tuple[float, ...], words: Words) -> str:
    return words[bisect_right(begins, number)]


def saying(wording: Wording | None) -> Say:
    """Return what says a shipped phrase, or a user's own in its place."""
    phrases = {} if wording is None else wording.phrases
    return lambda phrase: phrases.get(phrase, phrase)


def put(sentence: str, **words: str) -> str:
    """Put words into a sentence, which may be a user's: a name, and nothing of it."""
    return FIELD.sub(lambda found: words[found[1]], sentence)


def _of(other: str, sentence: str) -> str:
    """Return a sentence about somebody, with its capital letter."""
    text = put(sentence, other=other)
    return text[:1].upper() + text[1:]


def _if(holds: float | bool, sentence: str) -> str:
    return sentence if holds else ""


# ------------------------------------------------------------------------------ files


@cache
def _files() -> dict[str, bytes]:
    """Return the content of every prompt file, by its name, in the order of names."""
    folder = resources.files("sim.minds").joinpath("templates")
    files = [file for file in folder.iterdir() if file.name.endswith(".md")]
    return {file.name: file.read_bytes() for file in sorted(files, key=_name)}


def _name(file: Traversable) -> str:
    return file.name


def _filled(name: str, record: Mapping[str, str], wording: Wording | None) -> str:
    """Fill in a prompt file; leave out its lines in which nothing is said."""
    files = _files() if wording is None else wording.files
    lines = files[f"{name}.md"].decode().splitlines()
    filled = [(line, Template(line).substitute(record).strip()) for line in lines]
    kept = [text for line, text in filled if text or not line]
    return re.sub(" {2,}", " ", "\n".join(kept)).strip()


def _messages(system: str, *said: str) -> Messages:
    users = ({"role": "user", "content": text} for text in said)
    return {"role": "system", "content": system}, *users


def _check(kind: str, known: Words) -> None:
    if kind not in known:
        hint = nearest(kind, known) or f"; there are {', '.join(known)}"
        raise InputError(f"there is no prompt for {kind!r}{hint}")
