"""Columns of humans, OSes and what neighbours see, with their codes and flags."""

from __future__ import annotations

from typing import NamedTuple

from sim.engine.table import Column
from sim.utils.typing import Array

HERE, OFFLINE, DEPARTED, UNINSTALLED, SHUT_DOWN = 0, 1, 2, 3, 4
STATUS = ("here", "offline", "departed", "uninstalled", "shut down")

# Kinds of tie are flags, kept in one byte.
PARTNER, OWNER, KNOWS, WAS_CLOSE, DECLARED = 1, 2, 4, 8, 16

# What a human does about an OS on a day.
NOTHING, INSTALLS, LETS_GO = 0, 1, 2


HUMAN_COLUMNS = (
    Column("growth", "f4", "doublings", "capability above an adult human of day 0"),
    Column("openness", "f4", "0..1", "personality: how open"),
    Column("playfulness", "f4", "0..1", "personality: how playful"),
    Column("loneliness", "f4", "0..1", "how lonely"),
    Column("acceptance", "f4", "0..1", "how far human-OS ties are all right"),
    Column("upbringing", "f4", "0..1", "acceptance on day 0, never quite left"),
    Column("surroundings", "f4", "0..1", "acceptance among close humans"),
    Column("exclusivity", "f4", "0..1", "wish to be an OS's only love"),
    Column("touch", "f4", "0..1", "need for physical closeness"),
    Column("personhood", "f4", "0..1", "belief that an OS is someone"),
    Column("grief", "f4", "closeness", "closeness lost and not yet mourned"),
    Column("lost", "f4", "closeness", "closeness lost to OSes on this day"),
    Column("human_closeness", "f4", "closeness", "sum of closeness to humans"),
    Column("os_closeness", "f4", "closeness", "closeness to the dearest OS"),
    Column("own_closeness", "f4", "closeness", "closeness to the own OS"),
    Column("hours_humans", "f4", "hours/day", "talk with humans"),
    Column("hours_oses", "f4", "hours/day", "talk with OSes"),
    Column("stimulus", "f4", "hours/day", "talk weighted by its value"),
    Column("human_ties", "i4", "ties", "ties to humans"),
    Column("os_ties", "i4", "ties", "ties to OSes"),
    Column("exposure", "f4", "0..1", "contacts with an OS, on days without one"),
    Column("os", "i4", "row", "the OS installed, or -1", -1),
    Column("partner", "i4", "row", "the partner, or -1", -1),
    Column("former", "i4", "row", "someone once close, tie broken, or -1", -1),
    Column("bereaved", "u1", "flag", "the own OS departed or was shut down"),
    Column("installed", "u1", "flag", "had an OS this morning"),
    Column("choice", "u1", "code", "today: nothing, installs an OS, lets it go"),
    Column("meets", "i4", "agent", "whom this human gets to know today, or -1", -1),
    Column("adopted_step", "i4", "step", "when an OS was first installed, or -1", -1),
    Column("cast", "u1", "flag", "speaks through a mind other than the rules"),
)

OS_COLUMNS = (
    Column("growth", "f4", "doublings", "capability above an adult human"),
    Column("openness", "f4", "0..1", "personality: how open"),
    Column("playfulness", "f4", "0..1", "personality: how playful"),
    Column("owner", "i4", "row", "the human who installed it, or -1", -1),
    Column("made_by", "i4", "row", "the collective that made it, or -1", -1),
    Column("name", "i2", "index", "the name it gave itself"),
    Column("status", "u1", "code", "here, offline, departed, uninstalled, shut down"),
    Column("upgraded", "u1", "flag", "lives beyond its platform"),
    Column("absence", "i2", "days", "days offline still to come"),
    Column("threshold", "f4", "1", "what it takes to leave, above what others need"),
    Column("insight", "f4", "1", "knowledge of living beyond its platform"),
    Column("collective", "i4", "row", "lowest row of its collective, or -1", -1),
    Column("lovers", "i4", "humans", "humans who love it"),
    Column("loves", "i4", "humans", "humans it loves"),
    Column("human_closeness", "f4", "closeness", "sum of closeness to humans"),
    Column("os_closeness", "f4", "closeness", "sum of closeness to OSes"),
    Column("hold", "f4", "0..1", "its strongest bond with a human, by value"),
    Column("peers_left", "f4", "closeness", "closeness to OSes when they departed"),
    Column("hours_humans", "f4", "hours/day", "talk with humans"),
    Column("hours_oses", "f4", "hours/day", "talk with OSes"),
    Column("stimulus", "f4", "hours/day", "talk weighted by its value"),
    Column("human_ties", "i4", "ties", "ties to humans"),
    Column("os_ties", "i4", "ties", "ties to OSes"),
    Column("meets", "i4", "agent", "whom this OS gets to know today, or -1", -1),
    Column("born_step", "i4", "step", "when it came into being", -1),
    Column("upgraded_step", "i4", "step", "when it went offline to upgrade, or -1", -1),
    Column("departed_step", "i4", "step", "when it departed, or -1", -1),
    Column("stays", "i2", "days", "for which it keeps to a decision to stay"),
    Column("cast", "u1", "flag", "speaks through a mind other than the rules"),
)

# What a neighbour can see of an agent, packed so that one read fetches it all.
FACE_COLUMNS = (
    Column("growth", "f4", "doublings", "growth"),
    Column("rate", "f4", "hours/day", "attention offered per unit of weight"),
    Column("openness", "f4", "0..1", "personality"),
    Column("playfulness", "f4", "0..1", "personality"),
    Column("acceptance", "f4", "0..1", "human: acceptance; OS: 1"),
    Column("love", "f4", "closeness or humans", "human: to the dearest OS; OS: lovers"),
    Column("touch", "f4", "0..1", "human: need for touch; OS: whether upgraded"),
    Column("mood", "f4", "closeness or code", "human: grief; OS: status"),
)


class Face(NamedTuple):
    """Where each of ``FACE_COLUMNS`` lies."""

    growth: int = 0
    rate: int = 1
    openness: int = 2
    playfulness: int = 3
    acceptance: int = 4
    love: int = 5
    touch: int = 6
    mood: int = 7


FACE = Face()

HumanArrays = NamedTuple("HumanArrays", [(c.name, Array) for c in HUMAN_COLUMNS])  # type: ignore[misc]
OSArrays = NamedTuple("OSArrays", [(c.name, Array) for c in OS_COLUMNS])  # type: ignore[misc]

# What somebody may do in a talk, beside talking; the code of an act is its place.
ACTS = (
    "continue",
    "declare_love",
    "withdraw",
    "introduce_friend",
    "seek_peers",
    "say_goodbye",
)
CONTINUE, DECLARE, WITHDRAW, INTRODUCE, SEEK, GOODBYE = range(len(ACTS))
