"""Codes, flags and faces: the numbers that columns and ties hold, by name."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.engine.table import Column

HERE, OFFLINE, DEPARTED, UNINSTALLED, SHUT_DOWN = 0, 1, 2, 3, 4
STATUS = ("here", "offline", "departed", "uninstalled", "shut down")

# Kinds of tie are flags, kept in one byte.
PARTNER, OWNER, KNOWS, WAS_CLOSE, DECLARED = 1, 2, 4, 8, 16

# What a human does about an OS on a day.
NOTHING, INSTALLS, LETS_GO = 0, 1, 2

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

# A person's traits and an OS's first answers take several draws each.
OPENNESS, PLAYFULNESS, ACCEPTANCE, EXCLUSIVITY, TOUCH, SEPARATED = range(6)
NAME = 2

# Each meeting takes several draws, with these second ids.
TODAY, FRIEND, THEIR_FRIEND, ANYONE, WHO, PEER, TAKE, OWN_GROUP = range(8)


class TieState(NamedTuple):
    """What is kept of a tie, seen from the owner of a half-edge."""

    own: Any  # 0..1: closeness of the owner to the other
    returned: Any  # 0..1: closeness of the other to the owner
    kind: Any  # flags


class TwoHumans(NamedTuple):
    """What the two humans of a talk show each other; see ``FACE_COLUMNS``."""

    acceptance: Any  # 0..1
    its_acceptance: Any
    love: Any  # closeness to the dearest OS
    its_love: Any
    grief: Any  # closeness
    its_grief: Any
