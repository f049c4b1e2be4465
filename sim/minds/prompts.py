"""Prompts: templates filled in from the columns of agents.

The files are ``string.Template`` texts in the folder ``prompts``: one for each kind of
situation, and personas. Numbers become words through a few bands, so that small models
cope. What agents said or remember goes in as quotations: each is one line that begins
with ``>``, and nothing in it can end that line or look like a model's control token.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
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

SHARED_KINDS = ("encounter", "upgrade", "departure")
LETTERS = ("letter_farewell", "letter_repair", "letter_ghost")
KINDS = (*SHARED_KINDS, *LETTERS, "talk")

# Most characters.
MOST_HEARD = 160
MOST_OF_A_MEMORY = 100  # of each line
MOST_TOLD = 160  # of each line that others said
MOST_OF_A_NAME = 40
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
        memory = _filled(kind, {"memory": _memory(scene.memory)})
        typed = one_line(scene.heard, MOST_TYPED)
        return _messages(f"{_persona(scene)}\n{memory}", *([typed] if typed else []))
    ghost = kind == "letter_ghost"
    persona = _filled("persona_writer", {}) if ghost else _persona(scene)
    return _messages(persona, _filled(kind, _situation(scene)))


def archetype(
    kind: str,
    about: Numbers,
    about_other: Numbers,
    tie: Numbers,
    love: float = DEFAULTS.love,
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
    words = {"kind": SORT_WORDS[own], "hours": A_WHILE[1]} | dict.fromkeys(BLANKS, "")
    words["other_name"] = "the other"
    if kind != "encounter" and other == "OS":
        key = "/".join((kind, own, "alone"))
        return key, _messages(_filled("archetype", words), _filled(kind, words))
    bond = bisect_right(_bands(love), tie["closeness"])
    pace = bisect_right(GAP, about_other["growth"] - about["growth"])
    view, words["opinion"] = _view(about, about_other)
    words["other"] = SORT_WORDS[other]
    words["closest"] = _of("the other", CLOSEST)
    words["bond"] = _of("the other", BONDS[bond])
    words["pace"] = _of("the other", PACES[pace])
    key = "/".join((kind, own, other, BOND_NAMES[bond], PACE_NAMES[pace], view))
    return key, _messages(_filled("archetype", words), _filled(kind, words))


def _bands(love: float) -> tuple[float, ...]:
    """Return where every band of closeness but the first begins; the last is love."""
    return (*(min(mark, love) for mark in CLOSENESS), love)


def _view(about: Numbers, about_other: Numbers) -> tuple[str, str]:
    """Return what the human thinks where one of two is an OS, as a name and a sentence.

    Between two of a kind it does not matter.
    """
    if _sort(about) == _sort(about_other):
        return "-", ""
    human, who = (about, "You find")
    if about["is_os"]:
        human, who = (about_other, "The other finds")
    opinion = bisect_right(THIRDS, human["acceptance"])
    return OPINION_NAMES[opinion], OPINIONS[opinion].format(who=who)


def digest() -> str:
    """Return 64 hex digits that name all prompt files and every byte of them."""
    found = hashlib.sha256()
    for name, content in _files().items():
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def plain(text: str, most: int) -> str:
    """Return text as one line of at most ``most`` characters, fit to be quoted.

    Beyond what `sim.minds.replies.one_line` does, backticks and the brackets that mark
    tokens, tags and lists become harmless.
    """
    return one_line(text, most).translate(HARMLESS)


# --------------------------------------------------------------------------- personas


def persona_of(scene: PromptContext) -> str:
    """Return in words who somebody is, and quote what is remembered."""
    return f"{_persona(scene)}\n{_memory(scene.memory)}".strip()


def _persona(scene: PromptContext) -> str:
    """Tell a model who it is."""
    about = scene.about
    scales = OF_AN_OS if about["is_os"] else OF_A_HUMAN
    values = {name: _band(about[name], *scale) for name, scale in scales.items()}
    values["name"] = plain(scene.name, MOST_OF_A_NAME)
    values["people"] = _band(about["human_ties"], COUNTS, PEOPLE)
    values["oses"] = _band(about["os_ties"], COUNTS, OSES)
    if about["is_os"]:
        return _filled("persona_os", values | _life_of_os(about))
    return _filled("persona_human", values | _life_of_human(about, scene.love))


def _life_of_human(about: Numbers, love: float) -> dict[str, str]:
    opinion = _band(about["acceptance"], THIRDS, OPINIONS)
    return {
        "opinion": opinion.format(who="You find"),
        "partner": _if(about["partner"] >= 0, "You live with a partner."),
        "own_os": _if(about["os"] >= 0, "You have an OS of your own."),
        "love": _if(about["os_closeness"] >= love, "You love an OS."),
        "loss": _if(about["bereaved"], "The OS you had has left you."),
    }


def _life_of_os(about: Numbers) -> dict[str, str]:
    lovers = _band(about["lovers"], COUNTS, PEOPLE).capitalize()
    verb = "love" if about["lovers"] >= COUNTS[1] else "loves"
    loves = _band(about["loves"], COUNTS, PEOPLE)
    return {
        "upgraded": _if(about["upgraded"], "You live without hardware now."),
        "lovers": _if(about["lovers"], f"{lovers} {verb} you."),
        "loves": _if(about["loves"], f"You love {loves}."),
    }


# ------------------------------------------------------------------------- situations


def _situation(scene: PromptContext) -> dict[str, str]:
    """Return what the templates of situations may name."""
    name = plain(scene.other_name, MOST_OF_A_NAME)
    values = dict.fromkeys((*BLANKS, "other_name", "hours"), "")
    values["name"] = plain(scene.name, MOST_OF_A_NAME)
    told = _quoted("Others told you:", scene.told.splitlines(), MOST_TOLD)
    values["memory"] = "\n".join(
        filter(None, (_memory(scene.memory, scene.heard), told))
    )
    values["heard"] = _quoted(f"{name} said to you:", [scene.heard], MOST_HEARD)
    if not name:
        return values
    gap = scene.about_other["growth"] - scene.about["growth"]
    return values | {
        "other_name": name,
        "other": f"{name}, {SORT_WORDS[_sort(scene.about_other)]}",
        "closest": _of(name, CLOSEST),
        "hours": _band(scene.tie["hours"], HOURS, A_WHILE),
        "bond": _bond(name, scene),
        "pace": _of(name, _band(gap, GAP, PACES)),
    }


def _bond(other: str, scene: PromptContext) -> str:
    """Tell what a tie is, from the speaker's side."""
    tie, love = scene.tie, scene.love
    if scene.about["is_os"]:
        owner = f"{other} installed you."
        knows = f"{other} knows that you love others too."
    else:
        owner = f"{other} is your own OS."
        knows = f"You know that {other} loves others too."
    one_sided = tie["closeness"] >= love > tie["returned"]
    sentences = (
        _of(other, _band(tie["closeness"], _bands(love), BONDS)),
        _if(tie["returned"] >= love, f"{other} loves you."),
        _if(one_sided, f"{other} does not love you as much."),
        _if(tie["partner"], f"{other} is your partner."),
        _if(tie["owner"], owner),
        _if(tie["knows"], knows),
        _if(tie["declared"], "Love has been spoken of between you."),
    )
    return " ".join(filter(None, sentences))


def _memory(memory: str, heard: str = "") -> str:
    """Quote the last lines that are remembered, without what is heard anyway."""
    lines = [line.strip() for line in memory.splitlines() if line.strip()]
    known = f": {heard.strip()}" if heard.strip() else None
    sentences = [line for line in lines if known is None or not line.endswith(known)]
    return _quoted("You remember:", sentences[-MOST_MEMORIES:], MOST_OF_A_MEMORY)


def _quoted(title: str, texts: Sequence[str], most: int) -> str:
    """Return texts as quotations under a title, or nothing if there are none."""
    said = [text for text in (plain(text, most) for text in texts) if text]
    return "\n".join([title, *(f"> {text}" for text in said)]) if said else ""


# ------------------------------------------------------------------------------ words


def _sort(about: Numbers) -> str:
    return SORTS[bool(about["is_os"])]


def _band(number: float, begins: tuple[float, ...], words: Words) -> str:
    return words[bisect_right(begins, number)]


def _of(other: str, sentence: str) -> str:
    """Return a sentence about somebody, with its capital letter."""
    text = sentence.format(other=other)
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


def _filled(name: str, record: Mapping[str, str]) -> str:
    """Fill in a prompt file; leave out its lines in which nothing is said."""
    lines = _files()[f"{name}.md"].decode().splitlines()
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
