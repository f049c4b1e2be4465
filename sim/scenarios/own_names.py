"""Names that mechanisms add: of measures, outcomes and kinds of event.

A mechanism knows nothing of what the model measures and detects; so it is here, where a
scenario comes to have its mechanisms, that names are compared, and that kinds of event
become known.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.events import kinds
from sim.mechanisms import registry
from sim.mechanisms.measured import OwnOutcome
from sim.mechanisms.mechanism import Mechanism
from sim.utils.errors import InputError

# Outcomes that only sweeps and counterfactuals record; of the others, see ``outcomes``.
RECORDED = ("love_gini", "contact_before", "contact_after")


def take(mechanisms: Iterable[Mechanism], shipped: Iterable[str]) -> None:
    """Let the kinds of event of mechanisms be known in this process.

    Parameters
    ----------
    mechanisms
        Those of a scenario or a design.
    shipped
        The names of outcomes of the model.

    Raises
    ------
    InputError
        If one gives something a name that is taken.
    """
    for one in mechanisms:
        if not (one.measures or one.outcomes or one.detectors):
            continue
        if one.file.parent != registry.FOLDER:  # of those that come along a test does
            _check(one, {*shipped, *RECORDED})
        for kind, detector in one.detectors.items():
            kinds.add(kind, getattr(detector, "meaning", ""))
            kinds.OF_MECHANISMS[kind] = one.name


def _check(one: Mechanism, outcomes: set[str]) -> None:
    from sim.events import DETECTORS, MEASURES, Detector  # late: they are compiled

    events = {
        kind for kind in kinds.EVENTS if kinds.OF_MECHANISMS.get(kind) != one.name
    }
    taken = {
        "measure": one.measures.keys() & MEASURES.keys(),
        "outcome": one.outcomes.keys() & (outcomes | events),
        "detector": one.detectors.keys() & (outcomes | events | DETECTORS.keys()),
    }
    for what, names in taken.items():
        for name in names:
            raise InputError(f"{one.name}: {what} {name!r}: the name is taken")
    for kind, detector in one.detectors.items():
        if not issubclass(detector, Detector) or detector.look is Detector.look:
            raise InputError(
                f"{one.name}: the detector of {kind!r} extends sim.events.Detector, "
                "and has a method look(self, reading)"
            )


def outcomes() -> dict[str, OwnOutcome]:
    """Return the outcomes of all mechanisms that are in use, by name."""
    return {
        name: outcome
        for one in registry.in_use()
        for name, outcome in one.outcomes.items()
    }
