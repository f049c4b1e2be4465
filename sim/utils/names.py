"""Names of agents, and formatted labels for them."""

from __future__ import annotations

from collections.abc import Sequence

from sim.utils.errors import InputError, legible, nearest

LONGEST = 40  # letters of a person's label that are shown

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


def human_name(row: int, labels: Sequence[str] | None = None) -> str:
    """Return the first name of a human; several humans may share one.

    With ``labels``, what a network file calls each human, it is that.
    """
    return labels[row] if labels else HUMAN_NAMES[row % len(HUMAN_NAMES)]


def row_of(text: str, labels: Sequence[str] | None, people: int) -> int:
    """Return the row of a human by what a network calls them, or by the number.

    ``number:7`` and ``label:7`` tell apart what could be both.

    Raises
    ------
    InputError
        If there is no such human, or the text could mean two.
    """
    kind, _, rest = text.strip().partition(":")
    word = rest if kind in ("number", "label") and rest else text.strip()
    kind = kind if word == rest and rest else ""
    found: set[int] = set()
    if kind != "number":
        found = {row for row, label in enumerate(labels or ()) if label == word}
    if kind != "label" and word.isascii() and word.isdecimal():
        number = int(word[:20])
        found |= {number} if number < people else set()
    if len(found) > 1:
        raise InputError(
            f"{word!r} is the number of one human and the name of another; write "
            f"number:{word} or label:{word}"
        )
    if not found:
        hint = nearest(word, labels or ())
        raise InputError(f"no human {word!r}: they are 0 to {people - 1}{hint}")
    return found.pop()


def human_label(row: int, labels: Sequence[str] | None) -> str:
    """Return how a human is called in figures and reports: in one short line.

    It is ``human 3``, or, with ``labels``, what a network file calls that human and
    the number, as in ``ann (3)``.
    """
    if not labels:
        return f"human {row}"
    shown = legible(labels[row])
    return f"{shown if len(shown) <= LONGEST else shown[:LONGEST] + '...'} ({row})"
