"""How a network file is to be read, and what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.utils.errors import InputError, legible, nearest
from sim.utils.provenance import file_identity

Array = npt.NDArray[Any]

FORMATS = (
    *("edges", "matrix", "adjacency", "json", "graphml", "gexf", "gml", "pajek"),
    "matrixmarket",
)
SCALES = ("none", "max", "minmax", "rank", "log")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "blank": " "}
NONE = "none"  # no column is closeness
SHOWN = 60  # letters of what is quoted from a file


@dataclass(frozen=True)
class NetworkFile:
    """A network file and, where the file leaves it open, how to read it.

    Parameters
    ----------
    path
        The file.
    columns
        The columns of a tie's two people, by name or number (from 1), as a pair or as
        text, ``"from,to"``.
    format
        One of ``FORMATS``; None goes by the file.
    separator
        What separates the columns of a table: one character, or one of ``comma``,
        ``semicolon``, ``tab``, ``pipe`` and ``blank``; None goes by the file.
    header
        Whether the first line of a table names its columns; None goes by the file.
    closeness_from
        Column or attribute of ties that says how close they are; ``"none"`` uses none.
    scale
        How its values become closeness, 0 to 1: ``none`` (they are 0 to 1), ``max``
        (divided by the greatest), ``minmax`` (from the least to the greatest), ``rank``
        (the share of ties that are no closer), ``log`` (log(1 + value) divided by that
        of the greatest).
    people
        A table of the people, with a header: who they are and what is known of them.
    person
        The column of that table that says who, as the ties name them; None goes by its
        name.

    Raises
    ------
    InputError
        If an option has no such value.
    """

    path: str | Path
    columns: tuple[str, str] | str | None = None
    format: str | None = None
    separator: str | None = None
    header: bool | None = None
    closeness_from: str | None = None
    scale: str | None = None
    people: str | Path | None = None
    person: str | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        _check_one_of("network format", self.format, FORMATS)
        _check_one_of("scale", self.scale, SCALES)
        if self.closeness_from == NONE and self.scale not in (None, NONE):
            raise InputError("a scale goes with a column of closeness, not with none")
        if self.person is not None and self.people is None:
            raise InputError("the column of a person goes with a table of people")
        if self.separator is not None:
            mark = SEPARATORS.get(self.separator, self.separator)
            if mark not in SEPARATORS.values():
                raise InputError(
                    f"no separator {self.separator!r}; use {', '.join(SEPARATORS)}"
                )
            object.__setattr__(self, "separator", mark)
        if self.columns is None:
            return
        given = self.columns
        parts = given.split(",") if isinstance(given, str) else [str(c) for c in given]
        pair = tuple(part.strip() for part in parts)
        if len(pair) != 2 or not all(pair) or pair[0] == pair[1]:
            raise InputError(
                f"network columns are two, as in 'from,to' or '2,3', not {given!r}"
            )
        object.__setattr__(self, "columns", pair)

    @property
    def pair(self) -> tuple[str, str] | None:
        """The columns that are asked for."""
        return None if self.columns is None else (self.columns[0], self.columns[1])

    def given(self) -> dict[str, str]:
        """Return the options that are not left to the file, as text by name."""
        told = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in ("path", "people")
        }
        if self.columns is not None:
            told["columns"] = ",".join(self.columns)
        names = {mark: name for name, mark in SEPARATORS.items()}
        told["separator"] = names.get(self.separator or "")
        return {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in told.items()
            if value is not None
        }

    def identity(self) -> dict[str, str]:
        """Return what makes the network: names and SHA-256 of files, and options.

        Raises
        ------
        InputError
            If a file cannot be read.
        """
        known = file_identity(self.path)
        if self.people is not None:
            of_people = file_identity(self.people)
            known["people"] = of_people["name"]
            known["people_sha256"] = of_people["sha256"]
        return known | self.given()


def _check_one_of(what: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        guess = nearest(str(value), known)
        raise InputError(f"no {what} {value!r}; use {', '.join(known)}{guess}")


class Found(NamedTuple):
    """What a file holds, before it is settled how close people are."""

    names: tuple[str, ...]  # of each person, by number
    ends: Array  # int64[ties, 2]: the numbers of both people, in the file's order
    how: str  # what it was taken for
    # float64[ties] by column or attribute, nan where a tie has none
    weights: Mapping[str, Array] = MappingProxyType({})
    positional: bool = False  # the one weight is known by its place, not by a name
    unused: tuple[str, ...] = ()  # other columns or attributes of ties
    numeric: tuple[str, ...] = ()  # those of them that hold numbers
    notes: tuple[str, ...] = ()  # what else is to be said
    lines: Array | None = None  # int64[ties]: where each tie stands
    # int8[ties], where a file says so: 1 partners, 0 not, -1 not said
    partner: Array | None = None
    # What is known of people: for each name, values as they are written, or None.
    known: Mapping[str, list[Any]] = MappingProxyType({})


class Edges(NamedTuple):
    """What a network file says, as it says it: repeats and self loops included."""

    names: tuple[str, ...]  # of each person, by number
    ends: Array  # int64[edges, 2]: the numbers of both people
    closeness: Array | None  # float64[edges], 0..1, where the file has it
    how: str = ""  # what the file was taken for
    notes: tuple[str, ...] = ()  # what was used of it, and what was not
    partner: Array | None = None  # as in ``Found``
    known: Mapping[str, list[Any]] = MappingProxyType({})  # as in ``Found``

    def in_one_line(self, told: NetworkFile, ties: int) -> str:
        """Return what was read in one line, fit for a terminal.

        Parameters
        ----------
        told
            The file.
        ties
            How many there are between two people, each counted once.
        """
        loops = int(np.count_nonzero(self.ends[:, 0] == self.ends[:, 1]))
        repeats = len(self.ends) - loops - ties
        dropped = [
            counted(number, what)
            for number, what in ((repeats, "repeat"), (loops, "self loop"))
            if number
        ]
        parts = [
            f"{counted(ties, 'tie')} between {counted(len(self.names), 'people')}",
            *self.notes,
            *([f"{' and '.join(dropped)} dropped"] if dropped else []),
        ]
        return str(
            InputError(f"{Path(told.path).name}: {self.how}; {'; '.join(parts)}")
        )


def pairs_of(ends: Any) -> Array:
    """Return the two ends of each edge, int64[edges, 2], from one after another."""
    return np.array(ends, np.int64).reshape(-1, 2)


def key_of(name: str) -> str:
    """Return a name of a column without its case, blanks and punctuation."""
    text = name.strip().lower()
    return "".join(c for c in text if c.isalnum()) or text


def quoted(text: str) -> str:
    """Return text from a file in quotes, short and fit for one line."""
    text = " ".join(legible(text).split())
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def listed(words: Any) -> str:
    """Return words one after another, at most a dozen."""
    words = list(words)
    more = f" and {len(words) - 12} more" if len(words) > 12 else ""
    return ", ".join(words[:12]) + more


def counted(count: int, what: str) -> str:
    """Return a count with what it counts, in the plural if there are several."""
    end = "" if count == 1 or what == "people" else "es" if what.endswith("S") else "s"
    return f"{count:,} {what}{end}"
