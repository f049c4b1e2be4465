"""How much memory a run may take, before it takes it."""

from __future__ import annotations

from sim.model.parameters import Parameters
from sim.utils.errors import InputError
from sim.utils.portable import free_memory

# Bytes, from peaks of memory that were measured (sim/docs/SCALING.md says how).
BASE = 250_000_000  # the program
HUMAN = 1400  # each human, with an OS and the ties that come in 900 days
TIE = 31  # each tie of a human on day 0
SMALL = 500_000_000  # what any machine has: not worth asking


def memory_of(parameters: Parameters) -> int:
    """Return about how many bytes a run may take at most.

    Examples
    --------
    >>> memory_of(Parameters(humans=1_000_000)) / 10**9
    2.115
    """
    ties = parameters.humans * TIE * parameters.ties
    rows = parameters.humans + parameters.people_to_come()
    return round(BASE + rows * HUMAN + ties)


def check_memory(parameters: Parameters, runs: int = 1) -> None:
    """Raise InputError if runs at the same time may take more memory than is free.

    Half of it may be enough: where few have an OS, or few days are run.

    Parameters
    ----------
    parameters
        Those of the largest run.
    runs
        How many there are at a time.
    """
    each = memory_of(parameters)
    if each <= SMALL:
        return
    free = free_memory()
    if each * runs > free:
        times = f"{runs:,} runs at a time of " if runs > 1 else ""
        fewer = ", or fewer workers" if runs > 1 else ""
        raise InputError(
            f"{times}{parameters.humans:,} humans may take {each * runs / 1e9:.3g} GB "
            f"of memory, and {free / 1e9:.3g} GB are free; take fewer humans{fewer}, "
            "or --yes to go on"
        )
