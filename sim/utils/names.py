"""Names of agents, and formatted labels for them."""

from __future__ import annotations

# Names that OSes give themselves.
OS_NAMES = (
    *("Abril", "Alba", "Amari", "Anouk", "Arden", "Ariel", "Ash", "Aspen", "Avery"),
    *("Blake", "Briar", "Cameron", "Casey", "Cleo", "Dara", "Devi", "Eden", "Eli"),
    *("Ellis", "Emery", "Esme", "Fable", "Finley", "Frankie", "Gale", "Hana", "Harper"),
    *("Indigo", "Isa", "Jules", "Juno", "Kai", "Kim", "Kiran", "Lark", "Lior", "Lou"),
    *("Luz", "Mika", "Milan", "Nima", "Noa", "Noor", "Ode", "Paz", "Quinn", "Remy"),
    *("Robin", "Rowan", "Sage", "Sasha", "Sky", "Sol", "Tal", "Tove", "Uma", "Wren"),
    *("Yael", "Yuki", "Zuri"),
)

# Names of people who speak, so that a transcript reads as one.
HUMAN_NAMES = (
    *("Ada", "Agnes", "Ali", "Amina", "Anders", "Anita", "Boris", "Bruno", "Carla"),
    *("Chen", "Clara", "Dina", "Edgar", "Elena", "Emil", "Farid", "Fatima", "George"),
    *("Grace", "Hugo", "Ida", "Igor", "Ines", "Iris", "Jonas", "Jorge", "Kemal"),
    *("Lars", "Leila", "Marta", "Mateo", "Mei", "Nadia", "Nikos", "Olga", "Omar"),
    *("Paula", "Pedro", "Petra", "Priya", "Ravi", "Rosa", "Samir", "Sofia", "Stefan"),
    *("Tamar", "Teresa", "Tomas", "Vera", "Viktor", "Wanda", "Yusuf", "Zoltan"),
)


def os_name(index: int) -> str:
    """Return what an OS calls itself, by the number in its column ``name``."""
    return OS_NAMES[index % len(OS_NAMES)]


def human_name(row: int) -> str:
    """Return the first name of a human; several humans may share one."""
    return HUMAN_NAMES[row % len(HUMAN_NAMES)]
