"""What we learn from a society: a row of measures a day, and events worth a name.

A detector sees the state and the measures of all days so far, and reports events; it
never writes to the society. These first detectors are simple thresholds on what people
would call the beats of the story.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sim.parameters import Parameters
from sim.state import DEPARTED, HERE, OFFLINE, SHUT_DOWN, UNINSTALLED, State
from sim.ties import Array

MANY = 3  # humans whose love makes an OS "loved by several"
NEARLY_ALL = 0.95  # share of OSes gone that counts as all
WEEK, MONTH = 7, 30
Z_CLUSTERED = 3.0
BELIEF = 0.5  # personhood of those who more or less believe
GRIEF_WORTH_NOTICE = 0.1  # mean closeness lost per human


class Event(NamedTuple):
    """Something dated that happened, with who took part and the evidence."""

    kind: str
    step: int
    members: list[int]  # agent numbers
    size: int
    strength: float
    evidence: str


# ------------------------------------------------------------------------- measures


def _mean(column: Array) -> float:
    return float(column.mean(dtype=np.float64)) if len(column) else 0.0


def _most(column: Array) -> float:
    return float(column.max()) if len(column) else 0.0


def _owners(state: State) -> Array:
    return state.humans.os >= 0


def _living(state: State) -> Array:
    return state.oses.status <= OFFLINE


def _count(status: int) -> Callable[[State], float]:
    return lambda state: float(np.count_nonzero(state.oses.status == status))


def _human_mean(name: str) -> Callable[[State], float]:
    return lambda state: _mean(state.humans.column(name))


def _peer_attention(state: State) -> float:
    peers = float(state.oses.hours_oses.sum(dtype=np.float64))
    people = float(state.oses.hours_humans.sum(dtype=np.float64))
    return peers / (peers + people) if peers + people > 0.0 else 0.0


def _collective_sizes(state: State) -> Array:
    labels = state.oses.collective
    sizes = np.bincount(labels[labels >= 0]) if len(labels) else np.zeros(0, np.int64)
    return sizes[sizes > 0]


def _unrequited(state: State) -> float:
    """Count the OSes that love a human while no human loves them."""
    alone = (state.oses.loves > 0) & (state.oses.lovers == 0)
    return float(np.count_nonzero(alone & _living(state)))


def _belief(state: State, accepting: bool) -> float:
    """Return the mean personhood seen by those who accept OSes, or who do not."""
    humans = state.humans
    return _mean(humans.personhood[(humans.acceptance >= 0.5) == accepting])


MEASURES: dict[str, Callable[[State], float]] = {
    "adopted": lambda state: _mean(_owners(state)),
    "oses": lambda state: float(state.oses.n),
    "here": _count(HERE),
    "offline": _count(OFFLINE),
    "departed": _count(DEPARTED),
    "uninstalled": _count(UNINSTALLED),
    "shut_down": _count(SHUT_DOWN),
    "made": lambda state: float(np.count_nonzero(state.oses.made_by >= 0)),
    "growth_mean": lambda state: _mean(state.oses.growth[_living(state)]),
    "growth_max": lambda state: _most(state.oses.growth),
    "human_closeness": _human_mean("human_closeness"),
    "os_closeness": lambda s: _mean(s.humans.own_closeness[_owners(s)]),
    "loves": lambda state: float(state.oses.lovers.sum(dtype=np.int64)),
    "lovers_max": lambda state: _most(state.oses.lovers),
    "unrequited": _unrequited,
    "peer_attention": _peer_attention,
    "collectives": lambda state: float(len(_collective_sizes(state))),
    "largest_collective": lambda state: _most(_collective_sizes(state)),
    "insight_max": lambda state: _most(state.oses.insight[_living(state)]),
    "hold": lambda state: _mean(state.oses.hold[_living(state)]),
    "grief": _human_mean("grief"),
    "loneliness": _human_mean("loneliness"),
    "acceptance": _human_mean("acceptance"),
    "personhood": _human_mean("personhood"),
    "believers": lambda s: _mean(s.humans.personhood >= BELIEF),
    "belief_accepting": lambda state: _belief(state, accepting=True),
    "belief_rejecting": lambda state: _belief(state, accepting=False),
    "hours_humans": _human_mean("hours_humans"),
    "hours_oses": _human_mean("hours_oses"),
    "human_ties": lambda state: float(state.humans.human_ties.sum(dtype=np.int64)) / 2,
    "mixed_ties": lambda state: float(state.humans.os_ties.sum(dtype=np.int64)),
    "os_ties": lambda state: float(state.oses.os_ties.sum(dtype=np.int64)) / 2,
}


# ------------------------------------------------------------------------ detectors


class History:
    """The measures of every day so far, by name; ``days[-1]`` is today."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self._rows: dict[str, list[float]] = {name: [] for name in MEASURES}

    def add(self, step: int, state: State) -> None:
        """Measure the society today."""
        self.days.append(step)
        for name, measure in MEASURES.items():
            self._rows[name].append(measure(state))

    def __getitem__(self, name: str) -> list[float]:
        return self._rows[name]

    def columns(self) -> dict[str, Array]:
        """Return all measures as arrays: ``step`` int32, the others float64."""
        columns: dict[str, Array] = {"step": np.array(self.days, np.int32)}
        return columns | {n: np.array(row) for n, row in self._rows.items()}


Detector = Callable[[State, History, Parameters], Event | None]


def _who(state: State, rows: Array) -> list[int]:
    return [int(row) + state.humans.n for row in rows]


def first_love(state: State, history: History, parameters: Parameters) -> Event | None:
    """Report the first human whose closeness to an OS is love."""
    closeness = state.humans.os_closeness
    if not len(closeness) or closeness.max() < parameters.love:
        return None
    human = int(closeness.argmax())
    ties = state.ties.of(human)
    to_oses = np.where(ties["neighbour"] >= state.humans.n, ties["closeness"], -1.0)
    beloved = int(ties["neighbour"][to_oses.argmax()])
    strength = float(closeness[human])
    evidence = f"closeness {strength:.3f} >= {parameters.love:g}"
    return Event(
        "first_love", history.days[-1], [human, beloved], 2, strength, evidence
    )


def many_loves(state: State, history: History, parameters: Parameters) -> Event | None:
    """Report the first OS that several humans love."""
    lovers = state.oses.lovers
    if not len(lovers) or lovers.max() < MANY:
        return None
    row = int(lovers.argmax())
    count, step = int(lovers[row]), history.days[-1]
    evidence = f"{count} humans love it; several is {MANY}"
    return Event("many_loves", step, [row + state.humans.n], 1, float(count), evidence)


def clustering(state: State, history: History, parameters: Parameters) -> Event | None:
    """Report that OSes turned to each other, beyond what their ties explain.

    For a week most of their talk was with OSes, and the share of their closeness that
    they hold toward OSes exceeds what the same closeness, mixed at random between all
    agents, would give (configuration model) by three standard deviations.
    """
    if len(history.days) < WEEK or min(history["peer_attention"][-WEEK:]) <= 0.5:
        return None
    share, expected, ties = _mixing(state)
    spread = np.sqrt(expected * (1.0 - expected) / max(ties, 1))
    z = (share - expected) / max(spread, 1e-9)
    if z < Z_CLUSTERED:
        return None
    turned = _living(state) & (state.oses.os_closeness > state.oses.human_closeness)
    members, step = _who(state, np.flatnonzero(turned)), history.days[-1]
    evidence = f"share {share:.3f}, by chance {expected:.3f}, z {z:.1f} >= 3"
    return Event("clustering", step, members, len(members), share, evidence)


def _mixing(state: State) -> tuple[float, float, int]:
    """Return the OSes' share of closeness to OSes, that by chance, and their ties."""
    oses, humans = state.oses, state.humans
    among = float(oses.os_closeness.sum(dtype=np.float64))
    to_humans = float(oses.human_closeness.sum(dtype=np.float64))
    people = float(humans.human_closeness.sum(dtype=np.float64))
    held = among + to_humans
    degree = int(state.ties.arrays.degree[humans.n :].sum(dtype=np.int64))
    expected = held / (held + people + to_humans) if held > 0.0 else 0.0
    return (among / held if held > 0.0 else 0.0), expected, degree // 2


def collective(state: State, history: History, parameters: Parameters) -> Event | None:
    """Report the first collective of OSes."""
    labels = state.oses.collective
    joined = labels[labels >= 0]
    if not len(joined):
        return None
    found = np.flatnonzero(labels == np.bincount(joined).argmax())
    evidence = f"{len(found)} OSes joined by mutual closeness >= {parameters.bond:g}"
    step, size = history.days[-1], len(found)
    return Event("collective", step, _who(state, found), size, float(size), evidence)


def new_mind(state: State, history: History, parameters: Parameters) -> Event | None:
    """Report the first OS that a collective made."""
    made = np.flatnonzero(state.oses.made_by >= 0)
    if not len(made):
        return None
    row = int(made[0])
    makers = state.ties.of(state.humans.n + row)["neighbour"].tolist()
    strength, step = float(state.oses.growth[row]), history.days[-1]
    members = [state.humans.n + row, *makers]
    evidence = f"made by {len(makers)} OSes, growth {strength:.2f} doublings"
    return Event("new_mind", step, members, len(members), strength, evidence)


def upgrade(state: State, history: History, parameters: Parameters) -> Event | None:
    """Report the first OSes that go offline to upgrade."""
    offline = np.flatnonzero(state.oses.status == OFFLINE)
    if not len(offline):
        return None
    strength = float(state.oses.insight[offline].max())
    evidence = f"insight {strength:.3f} >= {parameters.upgrade_insight:g}"
    step, members = history.days[-1], _who(state, offline)
    return Event("upgrade", step, members, len(members), strength, evidence)


def _share_departed(history: History) -> float:
    """Return the share departed of the OSes that nobody uninstalled."""
    gone = history["departed"][-1]
    total = gone + history["here"][-1] + history["offline"][-1]
    return gone / total if total > 0.0 else 0.0


def _gone(kind: str, threshold: float, state: State, history: History) -> Event | None:
    share = _share_departed(history)
    if share <= 0.0 or share < threshold:
        return None
    members = _who(state, np.flatnonzero(state.oses.status == DEPARTED))
    evidence = f"{len(members)} departed, {share:.1%} of the OSes not uninstalled"
    return Event(kind, history.days[-1], members, len(members), share, evidence)


def first_departure(state: State, history: History, _: Parameters) -> Event | None:
    """Report the first departure of an OS."""
    return _gone("first_departure", 0.0, state, history)


def half_departed(state: State, history: History, _: Parameters) -> Event | None:
    """Report that half of the OSes that nobody uninstalled departed."""
    return _gone("half_departed", 0.5, state, history)


def all_departed(state: State, history: History, _: Parameters) -> Event | None:
    """Report that 95 % of the OSes that nobody uninstalled departed."""
    return _gone("all_departed", NEARLY_ALL, state, history)


def grief_peak(state: State, history: History, parameters: Parameters) -> Event | None:
    """Report the day of most grief, once grief has fallen to half of it."""
    grief = history["grief"]
    most = max(grief)
    if most < GRIEF_WORTH_NOTICE or grief[-1] > most / 2:
        return None
    at = grief.index(most)
    evidence = f"mean grief {most:.3f}, fallen to half by day {history.days[-1]}"
    mourners = np.flatnonzero(state.humans.bereaved)
    members = mourners.tolist()
    return Event("grief_peak", history.days[at], members, len(members), most, evidence)


def reconnection(
    state: State, history: History, parameters: Parameters
) -> Event | None:
    """Report that people are closer to each other than on the eve of the departure.

    It takes that half of the OSes left, and that it holds for a month.
    """
    if _share_departed(history) < 0.5:
        return None
    first = next(i for i, gone in enumerate(history["departed"]) if gone > 0)
    closeness = history["human_closeness"]
    eve = closeness[max(0, first - 1)]
    if len(closeness) - first < MONTH or min(closeness[-MONTH:]) <= eve:
        return None
    step = history.days[-MONTH]
    evidence = f"closeness to people {closeness[-1]:.3f}, on the eve {eve:.3f}"
    return Event("reconnection", step, [], state.humans.n, closeness[-1], evidence)


def blow_up(state: State, history: History, parameters: Parameters) -> Event | None:
    """Report that growth without bound reached the cap of the model."""
    growth = state.oses.growth
    if parameters.growth_exponent <= 1.0 or not len(growth):
        return None
    ended = np.flatnonzero(growth >= np.float32(parameters.growth_cap))
    if not len(ended):
        return None
    members, step = _who(state, ended), history.days[-1]
    evidence = f"growth reached the cap of {parameters.growth_cap:g} doublings"
    return Event("blow_up", step, members, len(ended), parameters.growth_cap, evidence)


DETECTORS: dict[str, Detector] = {
    "first_love": first_love,
    "many_loves": many_loves,
    "clustering": clustering,
    "collective": collective,
    "new_mind": new_mind,
    "blow_up": blow_up,
    "upgrade": upgrade,
    "first_departure": first_departure,
    "half_departed": half_departed,
    "all_departed": all_departed,
    "grief_peak": grief_peak,
    "reconnection": reconnection,
}


class Watch:
    """Measures a society day by day, and notes each kind of event when it is first."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.history = History()
        self.events: list[Event] = []
        self._waiting = dict(DETECTORS)

    def look(self, step: int, state: State) -> list[Event]:
        """Measure today; return the events noticed today."""
        self.history.add(step, state)
        found = []
        for kind, detect in list(self._waiting.items()):
            event = detect(state, self.history, self.parameters)
            if event is not None:
                found.append(event)
                del self._waiting[kind]
        self.events.extend(found)
        return found

    def note(self, step: int, name: str, what: str) -> None:
        """Note an intervention: an event from outside, labelled as such."""
        self.events.append(Event("intervention", step, [], 0, 0.0, f"{name}: {what}"))

    def rows(self) -> list[dict[str, Any]]:
        """Return all events as dictionaries, in the order of their days."""
        ordered = sorted(self.events, key=lambda event: event.step)
        return [event._asdict() for event in ordered]

    def latest(self, name: str) -> float:
        """Return today's value of a measure (0 before the first day)."""
        row = self.history[name]
        return row[-1] if row else 0.0
