"""Random streams that have numbers; draws from them are in ``rng``."""

from __future__ import annotations

import hashlib
from enum import IntEnum


class Stream(IntEnum):
    """Random streams, by what they decide; a number that was used is never reused."""

    NETWORK = 1
    PERSON = 2
    ADOPT = 3
    UNINSTALL = 4
    INSTALL = 5
    AFFINITY = 6
    WARMTH = 7
    DISCLOSE = 8
    MEET = 9
    REPAIR = 10
    CREATE = 11
    DEPART = 12
    THRESHOLD = 13
    PARTNER = 14
    DECLARE = 15
    SHUTDOWN = 16
    TRACES = 17
    ENCOUNTER = 18
    PART = 19
    COURT = 20
    POST = 21
    READ = 22
    ACTIVITY = 23
    INSTANCE = 24


def number_of(of: str, name: str) -> int:
    """Return the number of a stream that is known by two names: that of no other."""
    known = hashlib.sha256(f"{of}\0{name}".encode()).digest()
    return 2**62 + int.from_bytes(known[:8], "little") % 2**62
