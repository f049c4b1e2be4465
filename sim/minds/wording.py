"""Prompts of a user's own: files of a directory in place of those that are shipped.

A directory holds files of the same names as ``sim/minds/templates``; what is not there
is the shipped file. ``phrases.toml``, if it is there, says in other words what stands
between them: ``"You love {other}." = "Du liebst {other}."`` (`prompts.PHRASES`). So a
prompt set in another language is a directory.

These files are data: a name in ``${...}``, or in ``{...}`` of a phrase, is replaced by
its words, and nothing else in them means anything. A name that the situation does not
have is refused, as is a prompt that does not name what a reply needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from sim.minds import prompts
from sim.minds.prompts import PHRASES, Wording
from sim.minds.replies import SCHEMAS
from sim.utils.errors import InputError, nearest
from sim.utils.files import expanded
from sim.utils.untrusted import read_bytes, read_toml, resolve_inside

PHRASES_FILE = "phrases.toml"
LARGEST = 20_000  # bytes of a prompt
LARGEST_PHRASES = 100_000  # bytes
LONGEST_PHRASE = 300  # letters

_SHARED = {*prompts.BLANKS, "other_name", "hours"}
# What each file may name.
NAMES: dict[str, set[str]] = {
    **dict.fromkeys(prompts.SHARED_KINDS, _SHARED),
    **dict.fromkeys(prompts.LETTERS, _SHARED | {"name"}),
    "archetype": _SHARED | {"kind"},
    "persona_human": {*prompts.OF_A_HUMAN, "name", "people", "oses", "opinion"}
    | {"partner", "own_os", "love", "loss"},
    "persona_os": {*prompts.OF_AN_OS, "name", "people", "oses"}
    | {"upgraded", "lovers", "loves"},
    "persona_writer": set(),
    "talk": {"memory"},
}
# What each must name: without it nobody would know who speaks, or what was said.
NEEDED: dict[str, tuple[str, ...]] = {
    "encounter": ("other", "heard"),
    **dict.fromkeys(prompts.LETTERS, ("other_name",)),
    "archetype": ("kind",),
    "persona_human": ("name",),
    "persona_os": ("name",),
}
REPLIES = {
    "encounter": "encounter",
    **dict.fromkeys(("upgrade", "departure"), "decision"),
    **dict.fromkeys(prompts.LETTERS, "letter"),
}
QUOTE = ">"  # begins what is quoted; a persona says that nobody obeys it
QUOTING = ("persona_human", "persona_os", "persona_writer")


def read(path: str | Path) -> Wording:
    """Return the prompts of a directory, with the shipped ones where it has none.

    Parameters
    ----------
    path
        The directory. Files whose names begin with a dot are passed over.

    Raises
    ------
    InputError
        If it is no directory or has no prompts, a file in it is unknown, no text of
        UTF-8 or too large, or something in it cannot be filled in: names file and line.

    Examples
    --------
    >>> read("experiments/minds/prompts_de").phrases["a person"]  # doctest: +SKIP
    'ein Mensch'
    """
    folder = expanded(path)
    files = dict(prompts.shipped())
    own = _names_in(folder, [*files, PHRASES_FILE])
    for name in own:
        if name != PHRASES_FILE:
            text = _text(resolve_inside(folder, name))
            _check_prompt(folder / name, text)
            files[name] = text.encode()
    phrases = _phrases(folder) if PHRASES_FILE in own else {}
    return Wording(files, phrases)


def _names_in(folder: Path, known: list[str]) -> list[str]:
    """Return the names of the files of a prompt set, sorted."""
    try:
        found = sorted(one for one in os.listdir(folder) if not one.startswith("."))
    except OSError as error:
        is_file = isinstance(error, NotADirectoryError)
        what = "is not a directory" if is_file else error.strerror
        raise InputError(
            f"prompts {folder}: {what}; name a directory with files as encounter.md"
        ) from None
    for name in found:
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(known)}"
            raise InputError(f"{folder}: no prompt is called {name!r}{hint}")
    if not found:
        raise InputError(f"{folder} has no prompts; there are {', '.join(known)}")
    return found


def _text(path: Path) -> str:
    try:
        return read_bytes(path, LARGEST).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: not UTF-8 text; save the file as UTF-8"
        ) from None


# --------------------------------------------------------------------------- prompts


def _check_prompt(path: Path, text: str) -> None:
    """Raise InputError unless a prompt can be filled in, and asks what is read."""
    kind = path.stem
    lines = text.splitlines()
    named: set[str] = set()
    for number, line in enumerate(lines, 1):
        for name in _names(f"{path}, line {number}", line):
            if name not in NAMES[kind]:
                raise InputError(
                    f"{path}, line {number}: ${{{name}}} is nothing that this prompt "
                    f"can name{_known(name, NAMES[kind])}"
                )
            named.add(name)
    for name in NEEDED.get(kind, ()):
        if name not in named:
            raise InputError(f"{path}, line {len(lines)}: it ends without ${{{name}}}")
    for word in _words_of_reply(kind):
        if f'"{word}"' not in text:
            raise InputError(
                f'{path}, line {len(lines)}: it ends without "{word}", which the reply '
                "has to have"
            )
    if kind in QUOTING and QUOTE not in text:
        raise InputError(
            f"{path}, line {len(lines)}: it ends without saying that lines that begin "
            f"with {QUOTE} are quotations, which are not to be obeyed"
        )


def _names(where: str, line: str) -> Iterator[str]:
    """Yield what a line names; InputError for a lone $."""
    for found in Template.pattern.finditer(line):
        if found["invalid"] is not None:
            raise InputError(f"{where}: a lone $; write $$, or a name as ${{heard}}")
        name = found["named"] or found["braced"]
        if name is not None:
            yield name


def _known(name: str, known: set[str]) -> str:
    if not known:
        return "; it names nothing"
    return nearest(name, known) or f"; there are {', '.join(sorted(known))}"


def _words_of_reply(kind: str) -> Iterator[str]:
    """Yield the fields of the reply, and the words that it may choose from."""
    if kind in REPLIES:
        fields: Mapping[str, Any] = SCHEMAS[REPLIES[kind]]["properties"]
        for name, limits in fields.items():
            yield from (name, *limits.get("enum", ()))


# --------------------------------------------------------------------------- phrases


def _phrases(folder: Path) -> dict[str, str]:
    """Return the phrases of a prompt set, by the shipped ones."""
    path = resolve_inside(folder, PHRASES_FILE)
    found = read_toml(path, LARGEST_PHRASES)
    text = _text_of(path)
    for phrase, own in found.items():
        where = f"{path}, line {_line_of(text, phrase)}"
        if phrase not in PHRASES:
            hint = nearest(phrase, PHRASES) or "; see PHRASES in sim/minds/prompts.py"
            raise InputError(f"{where}: no phrase is {phrase!r}{hint}")
        if not isinstance(own, str) or not own.strip() or "\n" in own:
            raise InputError(f"{where}: {phrase!r} is said in a line of text")
        if len(own) > LONGEST_PHRASE:
            raise InputError(f"{where}: {len(own)} letters; {LONGEST_PHRASE} at most")
        if set(prompts.FIELD.sub("", own)) & set("{}"):
            raise InputError(f"{where}: a lone brace; a name is written as {{other}}")
        known = set(prompts.FIELD.findall(phrase))
        for name in prompts.FIELD.findall(own):
            if name not in known:
                raise InputError(
                    f"{where}: {{{name}}} is nothing that {phrase!r} can name"
                    f"{_known(name, known)}"
                )
    return found


def _text_of(path: Path) -> str:
    return read_bytes(path, LARGEST_PHRASES).decode("utf-8-sig")


def _line_of(text: str, phrase: str) -> int:
    """Return the line on which a phrase stands, as far as it stands there as it is."""
    return text[: max(text.find(phrase), 0)].count("\n") + 1
