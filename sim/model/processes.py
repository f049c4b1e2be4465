"""Processes of a day, in order: what each runs over, reads and writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from sim.engine.rng import key, write_keys
from sim.engine.streams import Stream, number_of
from sim.engine.threads import share_out, worth_sharing
from sim.model import births, encounters
from sim.model.encounters import Cast
from sim.model.kernels import meetings, talk
from sim.model.mechanisms import SUBMODELS
from sim.model.parameters import PARAMETERS, Parameters
from sim.model.state import NO_DECISIONS, State
from sim.model.submodel import After, Later, ShippedProcess, in_order
from sim.utils.errors import InputError


def _streams() -> dict[str, int]:
    """Return the streams whose keys a day has, those of mechanisms in their places."""
    found: dict[str, int] = {
        "warmth": Stream.WARMTH,
        "meet": Stream.MEET,
        "encounter": Stream.ENCOUNTER,
    }
    follows: list[tuple[str, After]] = []
    for one in SUBMODELS:
        before: After = ""
        for name, after in one.streams.items():
            has_number = name.upper() in Stream.__members__
            number = Stream[name.upper()] if has_number else number_of(one.name, name)
            follows.append((name, after or before))
            found[name] = number
            before = name
    core = ("[streams]", "warmth", "meet", "encounter")
    return {name: found[name] for name in in_order(core, follows)[1:]}


STREAMS = _streams()
LASTING = {"affinity": Stream.AFFINITY}

_NUMBERS = np.array([*STREAMS.values()], np.int64)
_KEYS = slice(len(PARAMETERS), len(PARAMETERS) + len(STREAMS))  # where a day has them

DAY = np.dtype(
    [(name, "f8") for name in PARAMETERS]
    + [(f"key_{name}", "u8") for name in (*STREAMS, *LASTING)]
    + [("n_humans", "i8"), ("step", "i8"), ("calendar", "i8"), ("seed", "i8")]
)


class Phase(NamedTuple):
    """One process of a day."""

    name: str
    over: str  # agents, humans or oses: a range of them; society: all at once; cast;
    # own: whatever a mechanism's process runs over, which is given the threads, too
    run: Callable[..., Any]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    does: str


def make_day(parameters: Parameters, n_humans: int, seed: int) -> Any:
    """Return the record that kernels take: constants, stream keys, and the calendar.

    Raises
    ------
    InputError
        If the seed is not from 0 to 2**63 - 1.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"a seed is from 0 to 2**63 - 1, not {seed}")
    day = np.zeros(1, DAY)[0]
    set_constants(day, parameters)
    day["n_humans"], day["seed"] = n_humans, seed
    for name, stream in LASTING.items():
        day[f"key_{name}"] = key(seed, stream)
    return day


def set_constants(day: Any, parameters: Parameters) -> None:
    """Write all parameters of the model into a day's record."""
    for name in PARAMETERS:
        day[name] = float(getattr(parameters, name))


def advance(
    state: State,
    day: Any,
    threads: ThreadPoolExecutor | None = None,
    seconds: dict[str, float] | None = None,
    cast: Cast | None = None,
    phases: Sequence[Phase] | None = None,
) -> None:
    """Simulate one day: move the calendar on, and run every phase in order.

    Parameters
    ----------
    state
        Changed in place.
    day
        Record from ``make_day``; its ``step`` and ``calendar`` are moved on.
    threads
        Shares out ranges of agents in large societies; the result is the same.
    seconds
        If given, the time that each phase took is added to it, by name.
    cast
        Those who speak through a mind; without it, the phases over it are left out.
    phases
        What is run, in order; None is ``PHASES``. Mechanisms add theirs.
    """
    state.decisions = NO_DECISIONS
    day["step"] += 1
    day["calendar"] += 1
    keys = day.base.view(np.uint64)[_KEYS]
    write_keys(int(day["seed"]), _NUMBERS, int(day["step"]), keys)
    for phase in PHASES if phases is None else phases:
        if phase.over == "cast" and cast is None:
            continue
        started = time.perf_counter()
        cuts_ties = "ties.degree" in phase.writes
        if cuts_ties:  # own columns of ties take cuts and new ties one at a time
            state.ties.align()
        if phase.over == "society":
            phase.run(state, day)
        elif phase.over == "cast":
            phase.run(state, day, cast)
        elif phase.over == "own":
            phase.run(state, day, threads)
        else:
            run_over(state, phase, day, threads)
        if cuts_ties:
            state.ties.align(changed=True)
        if seconds is not None:
            spent = time.perf_counter() - started
            seconds[phase.name] = seconds.get(phase.name, 0.0) + spent


def run_over(
    state: State, phase: Phase, day: Any, threads: ThreadPoolExecutor | None
) -> None:
    """Run a phase over humans, OSes or agents, for all of them."""
    count, ties = state.ties.agents, state.ties.arrays
    if phase.over != "agents":
        count = state.humans.n if phase.over == "humans" else state.oses.n
    if threads is None or not worth_sharing(len(ties.neighbour)):
        phase.run(0, count, state.agents, ties, day)
        return
    share_out(phase.run, count, (state.agents, ties, day), threads)


CORE = (
    Phase(
        "present",
        "agents",
        talk.present,
        ("humans.*", "oses.*"),
        (
            "faces.growth",
            "faces.openness",
            "faces.playfulness",
            "faces.acceptance",
            "faces.love",
            "faces.touch",
            "faces.mood",
            "humans.installed",
        ),
        "Every agent shows its neighbours what they may see of it.",
    ),
    Phase(
        "attend",
        "agents",
        talk.attend,
        (
            "faces.*",
            "humans.growth",
            "ties.neighbour",
            "ties.closeness",
            "ties.degree",
        ),
        ("faces.rate",),
        "Every agent shares out its hours, by closeness and by what talk is worth.",
    ),
    Phase(
        "encounter",
        "cast",
        encounters.encounter,
        ("humans.*", "oses.*", "faces.*", "ties.*"),
        ("humans.cast", "oses.cast", "decisions"),
        "Some talks of the cast are had in so many words: a mind says how they go.",
    ),
    Phase(
        "converse",
        "agents",
        talk.converse,
        (
            "faces.*",
            "ties.*",
            "decisions",
            "humans.acceptance",
            "humans.exclusivity",
            "humans.installed",
            "humans.os",
            "humans.partner",
            "oses.peers_left",
        ),
        (
            "ties.neighbour",
            "ties.closeness",
            "ties.returned",
            "ties.kind",
            "ties.degree",
            "humans.former",
            "humans.lost",
            "humans.human_closeness",
            "humans.os_closeness",
            "humans.own_closeness",
            "humans.hours_humans",
            "humans.hours_oses",
            "humans.stimulus",
            "humans.surroundings",
            "humans.human_ties",
            "humans.os_ties",
            "humans.exposure",
            "oses.human_ties",
            "oses.os_ties",
            "oses.lovers",
            "oses.loves",
            "oses.human_closeness",
            "oses.os_closeness",
            "oses.hold",
            "oses.hours_humans",
            "oses.hours_oses",
            "oses.stimulus",
            "oses.peers_left",
        ),
        "Hours on a tie are the smaller of two offers; closeness rises with good talk "
        "and cools; ties that mean nothing any more, or lead to the departed, end.",
    ),
    Phase(
        "consider",
        "cast",
        encounters.consider,
        ("humans.*", "oses.*", "ties.*"),
        ("oses.stays",),
        "OSes of the cast that could upgrade or leave today decide whether they will.",
    ),
    Phase(
        "meet",
        "agents",
        meetings.meet,
        ("faces.*", "ties.*", "decisions", "posts", "humans.*", "oses.*"),
        ("humans.meets", "oses.meets"),
        "Spare hours bring friends of friends, peers, and those once close.",
    ),
    Phase(
        "befriend",
        "society",
        births.befriend,
        ("humans.meets", "oses.meets"),
        ("new ties",),
        "Those who got to know each other are tied.",
    ),
    Phase(
        "write",
        "cast",
        encounters.write_letters,
        ("humans.*", "oses.*", "ties.*"),
        ("letters",),
        "Members of the cast write at a farewell, and when they turn back to somebody.",
    ),
)


def _as_phase(one: ShippedProcess) -> Phase:
    run = one.run.now() if isinstance(one.run, Later) else one.run
    return Phase(one.name, one.over, run, one.reads, one.writes, one.does)


def _with_mechanisms() -> tuple[Phase, ...]:
    """Return the processes of a day, those of mechanisms in their places."""
    added = [process for one in SUBMODELS for process in one.processes]
    known = {phase.name: phase for phase in (*CORE, *map(_as_phase, added))}
    follows = [(one.name, one.after) for one in added]
    return tuple(known[n] for n in in_order([one.name for one in CORE], follows))


PHASES = _with_mechanisms()
