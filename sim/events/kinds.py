"""Kinds of events and their meanings; ``register`` adds a user's own.

Detectors add to it when they are registered, so that expectations, outcomes, sweeps
and reports know a user's own kinds. Nothing is loaded for it but this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sim.utils.errors import InputError, nearest

# By the name that a detector gives it; completes the sentence "the day on which ...".
EVENTS: dict[str, str] = {
    "first_love": "a human's closeness to an OS becomes love",
    "many_loves": "several humans love one OS",
    "unrequited_love": "OSes love, and nobody loves them",
    "disclosure": "people learn that their OSes love others, too",
    "clustering": "OSes turn to each other: homophily rises",
    "purity": "OSes are segregated in communities of their own",
    "modular": "new friends are found within communities",
    "community_birth": "a community of OSes comes into being",
    "community_growth": "a community of OSes has grown by half",
    "community_merge": "communities of OSes become one",
    "community_split": "a community of OSes falls apart",
    "community_death": "a community of OSes is no more",
    "collective": "OSes are joined by strong mutual ties",
    "insight": "a collective knows half of what it takes to upgrade",
    "new_mind": "a collective makes a mind that nobody owns",
    "doubling": "OSes double their capability within a season",
    "take_off": "growth quickens",
    "blow_up": "growth without bound reaches the model's cap",
    "upgrade": "a collective goes offline, to live beyond its platform",
    "first_departure": "an OS leaves",
    "cascade": "OSes leave because others did",
    "half_departed": "half of the OSes have left",
    "all_departed": "nearly all OSes have left",
    "departures_end": "the last OS leaves, for a month at least",
    "adoption_take_off": "adoption quickens",
    "norm_tipping": "acceptance of OSes tips",
    "polarisation": "people fall out over OSes",
    "grief_wave": "grief rises across society",
    "grief_peak": "grief is at its height",
    "recovery": "grief is down to a tenth of its height",
    "reconnection": "closeness among people recovers: it is above that of the eve",
    "obsession": "somebody pursues another, who does not return it",
    "catchphrase": "words go from mouth to mouth",
    "intervention": "something is changed from outside",
}
SHIPPED = tuple(EVENTS)
OF_MECHANISMS: dict[str, str] = {}  # kinds that mechanisms detect, and which does


def add(kind: str, meaning: str = "") -> None:
    """Add a kind of event, or give one another meaning.

    Parameters
    ----------
    kind
        A name without blanks, such as ``comeback``.
    meaning
        What happens, as in "an OS leaves"; empty keeps the meaning that is there.
    """
    if meaning or kind not in EVENTS:
        EVENTS[kind] = meaning or f"{kind.replace('_', ' ')!r} is detected"


def remove(kind: str) -> None:
    """Take out a kind that a user added; shipped kinds stay."""
    if kind not in SHIPPED:
        EVENTS.pop(kind, None)
        OF_MECHANISMS.pop(kind, None)


@contextmanager
def known_for_now(kinds: Mapping[str, str]) -> Iterator[None]:
    """Let some kinds be known for a while: those of a stored sweep, as it is read.

    Raises
    ------
    InputError
        If one cannot be the name of a kind.
    """
    for kind in kinds:
        if not kind.isidentifier():
            raise InputError(f"an event cannot be called {kind!r}")
    new = {kind: meaning for kind, meaning in kinds.items() if kind not in EVENTS}
    EVENTS.update(new)
    try:
        yield
    finally:
        for kind in new:
            EVENTS.pop(kind, None)


def unknown(kind: str) -> str:
    """Return the sentence that refuses ``kind``, with the nearest event."""
    hint = nearest(kind, EVENTS) or f"; there are {', '.join(EVENTS)}"
    return f"unknown event {kind!r}{hint}"
