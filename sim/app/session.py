"""A session: step, play, intervene, branch, reset a society.

It knows of no browser: the page calls it, and shows what it holds.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from sim import scenarios
from sim.app import snapshot
from sim.app.history import AgentStory, LifeHistory, noted_turns, story
from sim.app.snapshot import Layout
from sim.model.parameters import Parameters
from sim.runs import result
from sim.runs.live import LiveResult
from sim.scenarios import interventions
from sim.scenarios.interventions import SET_UP, Intervention
from sim.society import Society, seed_from
from sim.utils.errors import InputError

MOST_HUMANS = 20_000  # a day must stay short
MOST_SAID = 20  # things said that a story tells
BY_HAND = "changed by hand"
MEASURES = (
    *("adopted", "here", "departed", "growth_mean", "growth_max", "os_closeness"),
    *("peer_attention", "human_closeness", "loneliness", "grief"),
)
Row = dict[str, float]


class Setup(NamedTuple):
    """What a society starts from."""

    scenario: str = "her"
    seed: int = 0
    changes: Mapping[str, Any] = MappingProxyType({})  # parameters that differ

    @property
    def parameters(self) -> Parameters:
        """The parameters of the scenario, changed."""
        return scenarios.load(self.scenario).replace(**self.changes).parameters


def check(setup: Setup) -> None:
    """Check that a setup can be shown.

    Raises
    ------
    InputError
        If scenario, seed or a parameter is not valid, or there are too many humans.
    """
    seed_from(setup.seed)
    humans = setup.parameters.humans
    if humans > MOST_HUMANS:
        raise InputError(
            f"the page shows at most {MOST_HUMANS:,} humans, not {humans:,}; "
            "'os-society run' takes more"
        )


class LiveSociety:
    """A society that is watched: its present, its past, and where all are drawn."""

    def __init__(self, society: Society, label: str = "as it is") -> None:
        self.society, self.label = society, label
        self.snapshot = snapshot.of_society(society)
        self.layout, self.history = Layout(self.snapshot), LifeHistory()
        self.history.note(self.snapshot, self.layout)

    @property
    def day(self) -> int:
        """How many days have been simulated."""
        return self.snapshot.day

    def step(self) -> None:
        """Simulate one day."""
        self.society.step()
        self.snapshot = snapshot.of_society(self.society)
        self.layout.update(self.snapshot)
        self.history.note(self.snapshot, self.layout)

    def pull(self, lever: str) -> None:
        """Begin a named intervention tomorrow."""
        self.society.steering.waiting += interventions.lever(lever, self.day + 1)

    def change(self, name: str, value: Any) -> None:
        """Change a parameter from tomorrow on; a second thought replaces the first."""
        self.society.parameters.replace(**{name: value})
        about = {"name": BY_HAND, "at": self.day + 1, "set": {name: value}}
        one = Intervention.model_validate(about)
        waiting = self.society.steering.waiting
        again = [w for w in waiting if w.name == BY_HAND and set(w.set) == {name}]
        self.society.steering.waiting = [w for w in waiting if w not in again] + [one]

    def branch(self, label: str) -> LiveSociety:
        """Return a copy of the society, its random numbers and its past."""
        other = object.__new__(LiveSociety)
        other.society, other.label = copy.deepcopy(self.society), label
        other.snapshot = self.snapshot
        other.layout, other.history = self.layout.copy(), self.history.copy()
        return other

    def rows(self) -> list[Row]:
        """Return ``day`` and ``MEASURES`` of every day so far."""
        history = self.society.monitor.history
        return [_row(history, at) for at in range(len(history.days))]

    def latest(self) -> Row | None:
        """Return ``day`` and ``MEASURES`` of today; None before the first day."""
        return _row(self.society.monitor.history, -1) if self.day else None

    def events(self) -> list[dict[str, Any]]:
        """Return the events so far, the first one first."""
        return self.society.monitor.rows()

    def story(self, agent: int) -> AgentStory:
        """Return the story of an agent so far."""
        noted = noted_turns(LiveResult(self.society), self.day)
        return story(self.snapshot, self.history, noted, agent)


def _row(history: Any, at: int) -> Row:
    return {"day": history.days[at]} | {name: history[name][at] for name in MEASURES}


class Session:
    """One visitor's societies: one, or two that share their past and random numbers.

    Parameters
    ----------
    setup
        What to start from.

    Raises
    ------
    InputError
        If scenario, seed or a parameter is not valid, or there are too many humans.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.societies: list[LiveSociety] = []
        self.branched_at: int | None = None
        self.reset(setup)

    @property
    def day(self) -> int:
        """How many days have been simulated."""
        return self.societies[0].day

    @property
    def finished(self) -> bool:
        """Whether the last day has been simulated."""
        return self.day >= self.societies[0].society.parameters.steps

    def reset(self, setup: Setup | None = None) -> None:
        """Begin again on day 0; without a branch or an intervention."""
        setup = self.setup if setup is None else setup
        check(setup)
        society = Society(setup.scenario, rng=setup.seed, **setup.changes)
        self.setup, self.societies, self.branched_at = (
            setup,
            [LiveSociety(society)],
            None,
        )

    def step(self, days: int = 1) -> int:
        """Simulate some days in every society; return how many were left."""
        done = 0
        while done < days and not self.finished:
            for society in self.societies:
                society.step()
            done += 1
        return done

    def change(self, name: str, value: Any) -> bool:
        """Change a parameter; return whether that began the society again.

        Before the first day, and for what a society is set up with, it begins again.
        Later it changes tomorrow, from outside, and in the branch if there is one.
        """
        changed = self.setup._replace(changes={**self.setup.changes, name: value})
        if name in SET_UP or (self.day == 0 and len(self.societies) == 1):
            self.reset(changed)
            return True
        self.societies[-1].change(name, value)
        if len(self.societies) == 1:
            self.setup = changed
        return False

    def pull(self, lever: str) -> None:
        """Begin a named intervention tomorrow, in the branch if there is one.

        Raises
        ------
        InputError
            If there is no such lever.
        """
        self.societies[-1].pull(lever)

    def branch(self) -> None:
        """Run a copy of the society beside it, in place of any other."""
        first = self.societies[0]
        first.label = "as it was"
        self.societies = [first, first.branch("what if")]
        self.branched_at = self.day

    def keep(self, which: int) -> None:
        """Keep one of two societies only."""
        self.societies = [self.societies[which]]
        self.societies[0].label = "as it is"
        self.branched_at = None

    def differences(self) -> list[tuple[str, float, float]]:
        """Return name and latest value, as it was and what if, of every measure."""
        rows = [row for society in self.societies if (row := society.latest())]
        if len(rows) < 2:
            return []
        return [(name, rows[0][name], rows[1][name]) for name in MEASURES]


class StoredScene:
    """A stored run, seen on the days that were kept.

    Parameters
    ----------
    path
        The run directory.

    Raises
    ------
    InputError
        If there is no complete run, or no day of it was kept.
    """

    def __init__(self, path: str | Path) -> None:
        self.result = result.load(path)
        self.days = self.result.steps
        if not self.days:
            raise InputError(f"{self.result.path} has no snapshots; run it again")
        self.label = self.result.path.name
        self.snapshot = snapshot.of_result(self.result, self.days[-1])
        last = self.snapshot
        self.layout, self.history = Layout(last), LifeHistory()
        for day in self.days:
            self.history.note(snapshot.of_result(self.result, day), self.layout)
        self._noted = noted_turns(self.result, last.day)

    def go(self, day: int) -> None:
        """Show the last kept day up to ``day``."""
        day = max((d for d in self.days if d <= day), default=self.days[0])
        self.snapshot = snapshot.of_result(self.result, day)

    def rows(self) -> list[Row]:
        """Return ``day`` and ``MEASURES`` of every day of the run."""
        series = self.result.series
        known = [name for name in MEASURES if name in series]
        table = series[known].reindex(columns=list(MEASURES), fill_value=0.0)
        table.insert(0, "day", series.index)
        rows: list[Row] = table.to_dict("records")  # type: ignore[assignment]
        return rows

    def latest(self) -> Row | None:
        """Return ``day`` and ``MEASURES`` of the day shown; None of day 0."""
        series = self.result.series
        if self.snapshot.day not in series.index:
            return None
        row: Any = series.loc[self.snapshot.day]
        found: Row = {"day": self.snapshot.day}
        return found | {name: float(row.get(name, 0.0)) for name in MEASURES}

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the run up to the day shown."""
        events = self.result.events.sort_values("step", kind="stable")
        rows: Any = events[events["step"] <= self.snapshot.day].to_dict("records")
        return list(rows)

    def story(self, agent: int) -> AgentStory:
        """Return the story of an agent up to the day shown, with what it said."""
        found = story(self.snapshot, self.history, self._noted, agent)
        talks = self.result.speech.talks
        own = talks[(talks["agent"] == agent) & (talks["step"] <= self.snapshot.day)]
        words = zip(own["step"], own["listener"], own["said"], strict=True)
        said = [(int(d), str(to), str(text)) for d, to, text in words if text]
        return found._replace(said=tuple(said[-MOST_SAID:]))


def pictures(scenes: Sequence[Any]) -> list[snapshot.NetworkFrame]:
    """Return what is drawn of each scene."""
    return [snapshot.picture(scene.snapshot, scene.layout) for scene in scenes]
