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
    return round(BASE + parameters.humans * (HUMAN + TIE * parameters.ties))


def check_memory(parameters: Parameters) -> None:
    """Raise InputError if a run may take more memory than is free.

    Half of it may be enough: where few have an OS, or few days are run.
    """
    needed = memory_of(parameters)
    if needed <= SMALL:
        return
    free = free_memory()
    if needed > free:
        raise InputError(
            f"{parameters.humans:,} humans may take {needed / 1e9:.3g} GB of memory, "
            f"and {free / 1e9:.3g} GB are free; take fewer humans, or --yes to go on"
        )
