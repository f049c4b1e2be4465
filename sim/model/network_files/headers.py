"""Which columns of a table are the two people of a tie, by what they are called."""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from sim.model.network_files.network_file import key_of

# Words that only head columns, in the order in which they are looked for.
_PAIRS = (
    *(("source", "target"), ("from", "to"), ("src", "dst"), ("src", "dest")),
    *(("src", "tgt"), ("source", "destination"), ("origin", "destination")),
    *(("source", "dest"), ("source", "sink"), ("sender", "receiver")),
    *(("sender", "recipient"), ("caller", "callee"), ("ego", "alter")),
    *(("giver", "receiver"), ("follower", "followee"), ("follower", "following")),
    *(("follower", "followed"), ("initiator", "recipient"), ("rater", "ratee")),
    *(("nominator", "nominee"), ("respondent", "nominee"), ("respondent", "alter")),
    *(("parent", "child"), ("tail", "head")),
)
# What tells two columns apart that are called alike: person 1, person 2.
_MARKS = (
    *_PAIRS,
    *(("1", "2"), ("0", "1"), ("a", "b"), ("i", "j"), ("u", "v"), ("x", "y")),
    *(("first", "second"), ("left", "right"), ("one", "two"), ("one", "other")),
)
_PERSON = (
    *("user", "person", "name", "student", "actor", "node", "ego", "respondent", "id"),
    *("participant", "member", "individual", "human", "people", "pupil", "child"),
    *("employee", "character", "vertex", "author", "player"),
)
_FRIEND = (
    *("friend", "contact", "alter", "neighbor", "neighbour", "partner", "knows"),
    *("peer", "follower", "acquaintance", "target", "other", "nominee", "friendid"),
    *("colleague", "coauthor", "tie", "linkedto", "connectedto", "follows", "likes"),
)
# Words that head a column that names or counts rows.
INDEX = frozenset(
    {"", "index", "idx", "row", "rownames", "rowid", "edgeid", "edge", "linkid", "nr"}
)
# Words that head numbers which do not say how close people are.
NO_MEASURE = INDEX | {"id", "time", "timestamp", "date", "year", "day", "step", "hour"}
# Words that head the first column of a table of people.
_PEOPLE = frozenset({*_PERSON, "label", "nodeid", "nodes", "userid", "vertices"})


class Ends(NamedTuple):
    """The two columns of a tie's people, and whether words say so beyond doubt."""

    columns: tuple[int, int]
    sure: bool


def ends_in(names: list[str]) -> list[Ends]:
    """Return the pairs of columns that may be a tie's people, the likeliest first.

    More than one are equally likely.
    """
    keys = [key_of(name) for name in names]
    for pair in _PAIRS:
        if all(word in keys for word in pair):
            return [Ends((keys.index(pair[0]), keys.index(pair[1])), True)]
    # Gephi and others put ids before what they stand for.
    for pair in (*_PAIRS, ("1", "2"), ("a", "b")):
        named = [f"{word}id" for word in pair]
        if all(word in keys for word in named):
            return [Ends((keys.index(named[0]), keys.index(named[1])), True)]
    words = [_words(name) for name in names]
    alike = [
        Ends((i, j), _differ_by_words(words[i], words[j]))
        for i, j in itertools.permutations(range(min(len(names), 100)), 2)
        if _differ_by_mark(words[i], words[j]) or _differ_at_end(keys[i], keys[j])
    ]
    if alike:
        return alike
    for i, j in itertools.permutations(range(min(len(names), 100)), 2):
        if keys[i] in _PERSON and keys[j] in _FRIEND:
            return [Ends((i, j), True)]
    return []


def several_friends(names: list[str]) -> list[str]:
    """Return columns of which a row names several people: friend1, friend2, friend3.

    Two count as well where another column is the person whose friends they are.
    """
    if any(all(one in map(key_of, names) for one in pair) for pair in _PAIRS):
        return []
    alike: dict[str, list[str]] = {}
    for name in names:
        key = key_of(name)
        stem = key.rstrip("0123456789")
        if stem and stem != key:
            alike.setdefault(stem, []).append(name)
    for stem, found in alike.items():
        person = any(key_of(name) in _PERSON for name in names if name not in found)
        known = stem in (*_FRIEND, *_PERSON)
        if known and (len(found) > 2 or (person and stem in _FRIEND)):
            return found
    return []


def heads_people(names: list[str]) -> bool:
    """Tell whether columns may be those of a table of people, not of ties."""
    return key_of(names[0]) in _PEOPLE


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name: ``FromNodeId`` has three, ``user_1`` two."""
    parts = re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|\d+", name)
    return tuple(part.lower() for part in parts)


def _difference(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the one word in which two names differ, if they differ in one only."""
    if len(one) != len(other):
        return None
    differing = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    return differing[0] if len(differing) == 1 else None


def _differ_by_mark(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return _difference(one, other) in _MARKS


def _differ_by_words(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(one) > 1 and _difference(one, other) in _PAIRS


def _differ_at_end(one: str, other: str) -> bool:
    """Tell whether two names are alike but for a mark at the end: usera, userb."""
    return len(one) == len(other) > 1 and (
        one[:-1] == other[:-1] and (one[-1], other[-1]) in _MARKS
    )
