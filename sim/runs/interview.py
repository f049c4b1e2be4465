"""Interview with an OS of a stored run: its state as a prompt."""

from __future__ import annotations

from typing import NamedTuple

from sim.minds.calls import Settings
from sim.minds.chat import Chat
from sim.minds.prompts import Messages, PromptContext, messages
from sim.model.columns import HERE, OFFLINE
from sim.model.parameters import DEFAULTS
from sim.runs.result import Result
from sim.utils.errors import InputError, nearest
from sim.utils.names import human_name, os_name

# A prompt has room for so many lines.
MOST_DEAR = 2  # ties that are mentioned
MOST_RECALLED = 2  # remarks that are quoted
LONGEST_NUMBER = 10  # digits of an agent number, and one more
PRESENT = (HERE, OFFLINE)


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
        The day; None is the last on which it was there.

    Raises
    ------
    InputError
        If there is no such OS, or it was not there on that day.
    """
    agent = _agent(result, who, step)
    day, scene = seen_on(result, agent, step)
    return Guest(agent, scene.name, day, messages("talk", scene))


def seen_on(
    result: Result, agent: int, step: int | None = None
) -> tuple[int, PromptContext]:
    """Return a day that was kept, and who an agent was on it, with nobody beside it.

    Parameters
    ----------
    result
        A stored run.
    agent
        The number of a human or an OS.
    step
        The day; None is the last, of an OS the last on which it was there.

    Raises
    ------
    InputError
        If there is no such agent, or it was not there on that day.
    """
    is_os = agent >= result.population
    day = _day(result, agent, step) if is_os else _kept(result, step)[-1]
    table = result.oses(day) if is_os else result.humans(day)
    about = {str(name): float(table[name].loc[agent]) for name in table.columns}
    called = os_name(int(about["name"])) if is_os else human_name(agent, result.labels)
    memory = [*_dearest(result, agent, day), *_memories(result, agent, day)]
    scene = PromptContext(
        name=called,
        about={**about, "agent": float(agent), "is_os": float(is_os)},
        other_name="",
        about_other={},
        tie={},
        memory="\n".join(memory),
    )
    return day, scene


def chat_with(guest: Guest, settings: Settings) -> Chat:
    """Return a conversation with an OS."""
    return Chat(settings, guest.persona)


def _agent(result: Result, who: str, step: int | None) -> int:
    """Return the agent number of an OS, given that or its name."""
    if who.isdecimal() and len(who) < LONGEST_NUMBER:
        return _numbered(result, int(who))
    oses, first = result.oses(_kept(result, step)[-1]), result.population
    names = [os_name(index) for index in oses["name"].tolist()]
    same = [name.lower() == who.lower() for name in names]
    found: list[int] = oses.index[same].tolist()
    if not found:
        hint = nearest(who, set(names)) or f"; OSes have numbers from {first}"
        raise InputError(f"no OS is called {who!r}{hint}")
    if len(found) > 1:
        some = ", ".join(map(str, found[:5]))
        raise InputError(f"{len(found)} OSes are called {who!r}: say which, as {some}")
    return found[0]


def _numbered(result: Result, agent: int) -> int:
    first = result.population
    oses = len(result.oses())
    if agent < first:
        raise InputError(f"agent {agent} is a human; OSes have numbers from {first} on")
    if agent >= first + oses:
        known = f"they are {first} to {first + oses - 1}" if oses else "there are none"
        raise InputError(f"there is no OS {agent}; {known}")
    return agent


def _day(result: Result, agent: int, step: int | None) -> int:
    """Return the last kept day, up to a day, on which an OS was there.

    A day that is named is taken as it is.
    """
    days = _kept(result, step)
    status = None
    for day in reversed(days if step is None else days[-1:]):
        oses = result.oses(day)
        status = int(oses["status"].loc[agent]) if agent in oses.index else None
        if status in PRESENT:
            return day
    if status is None:
        message = f"OS {agent} did not exist on day {days[-1]}; choose a later --step"
    else:
        message = f"OS {agent} was gone on day {days[-1]}; choose an earlier --step"
    raise InputError(message)


def _kept(result: Result, step: int | None) -> list[int]:
    """Return the days of which there are snapshots, up to a day."""
    days = [day for day in result.steps if step is None or day <= step]
    if not days:
        raise InputError(f"no day up to {step} was kept in {result.path}")
    return days


def _dearest(result: Result, agent: int, day: int) -> list[str]:
    """Tell whom an OS is closest to."""
    own = result.ties(day, [agent]).nlargest(MOST_DEAR, "closeness")
    names = result.oses(day)["name"]
    love = result.provenance["parameters"].get("love", DEFAULTS.love)
    lines = []
    for other, closeness in zip(own["neighbour"], own["closeness"], strict=True):
        is_os = other in names.index
        if is_os:
            called = os_name(int(names[other]))
        else:
            called = human_name(int(other), result.labels)
        sort = "an OS" if is_os else "a person"
        feeling = "you love" if closeness >= love else "you are close to"
        lines.append(f"{feeling} {called}, {sort}")
    return lines


def _memories(result: Result, agent: int, day: int) -> list[str]:
    """Tell what an OS remembers of its talks."""
    table = result.speech.memories(day)
    own = table[(table["agent"] == agent) | (table["other"] == agent)]
    own = own.sort_values(["step", "agent", "other"], kind="stable")
    both = zip(own["speaker"], own["said"], strict=True)
    lines = [f"{speaker} said: {said}" for speaker, said in both if said]
    return lines[-MOST_RECALLED:]
