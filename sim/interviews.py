"""Who an OS was on a day of a stored run, told to a language model."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.errors import InputError, nearest
from sim.minds.calls import Settings
from sim.minds.chat import Chat
from sim.minds.prompts import Messages, Scene, messages
from sim.names import human_name, os_name
from sim.results import Result

MOST_DEAR = 3  # ties that are told
LOVE = 0.8  # closeness


class Guest(NamedTuple):
    """An OS as it was on a day."""

    agent: int
    name: str
    step: int
    persona: Messages


def guest_of(result: Result, who: str, step: int | None = None) -> Guest:
    """Return an OS of a run as it was on the last snapshot up to a day.

    Parameters
    ----------
    result
        A stored run; it is read, and never changed.
    who
        The OS's agent number, or a name that only one OS bears.
    step
        The day; None is the last.

    Raises
    ------
    InputError
        If there is no such OS, or it was not there on that day.
    """
    day = _day(result, step)
    oses = result.oses(day)
    agent = _agent(oses, who, result.population)
    if agent not in oses.index:
        raise InputError(
            f"OS {agent} did not exist on day {day}; choose a later --step"
        )
    about = {str(name): float(oses[name].loc[agent]) for name in oses.columns}
    name = os_name(int(about["name"]))
    memory = [*_dearest(result, agent, day), *_memories(result, agent, day)]
    scene = Scene(
        name=name,
        about={**about, "agent": float(agent), "is_os": 1.0},
        other_name="",
        about_other={},
        tie={},
        memory="\n".join(memory),
    )
    return Guest(agent, name, day, messages("talk", scene))


def chat_with(guest: Guest, settings: Settings) -> Chat:
    """Return a conversation with an OS."""
    return Chat(settings, guest.persona)


def _day(result: Result, step: int | None) -> int:
    before = [day for day in result.steps if step is None or day <= step]
    if not before:
        raise InputError(f"no day up to {step} was kept in {result.path}")
    return before[-1]


def _agent(oses: Any, who: str, population: int) -> int:
    """Return the agent number of an OS, given that or its name."""
    if who.isdecimal():
        agent = int(who)
        if agent < population:
            raise InputError(
                f"agent {agent} is a human; OSes have numbers from {population} on"
            )
        return agent
    names = {agent: os_name(int(index)) for agent, index in oses["name"].items()}
    found = [agent for agent, name in names.items() if name.lower() == who.lower()]
    if not found:
        raise InputError(f"no OS is called {who!r}{nearest(who, set(names.values()))}")
    if len(found) > 1:
        some = ", ".join(map(str, found[:5]))
        raise InputError(f"{len(found)} OSes are called {who!r}: say which, as {some}")
    return int(found[0])


def _dearest(result: Result, agent: int, day: int) -> list[str]:
    """Tell whom an OS is closest to."""
    ties = result.ties(day)
    own = ties[ties["owner"] == agent].nlargest(MOST_DEAR, "closeness")
    names = result.oses(day)["name"]
    told = []
    for other, closeness in zip(own["neighbour"], own["closeness"], strict=True):
        is_os = other in names.index
        called = os_name(int(names[other])) if is_os else human_name(int(other))
        sort = "an OS" if is_os else "a person"
        feeling = "you love" if closeness >= LOVE else "you are close to"
        told.append(f"{feeling} {called}, {sort}")
    return told


def _memories(result: Result, agent: int, day: int) -> list[str]:
    """Tell what an OS remembers of its talks."""
    table = result.speech.memories(day)
    own = table[(table["agent"] == agent) | (table["other"] == agent)]
    own = own.sort_values(["step", "agent", "other"], kind="stable")
    both = zip(own["speaker"], own["said"], strict=True)
    return [f"{speaker} said: {said}" for speaker, said in both if said]
