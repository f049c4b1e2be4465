"""The first lines of a table, and what separates its columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sim.model.network_files.network_file import SEPARATORS, NetworkFile
from sim.utils.errors import InputError

COMMENTS = ("#", "%")
SAMPLE = 500  # lines that a layout is found from
DECIMAL = re.compile(r"[-+]?\d+,\d+")  # with a comma
_MARKS = "\t,;|"  # in the order in which they are looked for where widths differ


class Sample(NamedTuple):
    """The first lines of a table that are no comments."""

    skip: int  # lines before them
    lines: list[str]
    comment: str  # the line of comment before them, or ""
    separator: str | None  # as a line 'sep=;' says
    whole: bool  # these are all lines


def sample_of(path: Path, raw: bytes) -> Sample:
    """Return the first lines of a table.

    Raises
    ------
    InputError
        If there are only comments.
    """
    lines = io.TextIOWrapper(io.BytesIO(raw), "utf-8", errors="replace", newline=None)
    found: list[str] = []
    separator, comment, skip = None, "", 0
    for number, line in enumerate(lines):
        if len(found) == SAMPLE:
            return Sample(skip, found, comment, separator, False)
        excel = re.fullmatch(r'"?sep=(.)"?\s*', line, re.IGNORECASE)
        if not found and excel and number == skip:
            separator, skip, comment = excel[1], number + 1, ""
        elif line.strip() and not line.startswith(COMMENTS):
            found.append(line)
        elif not found:
            comment, skip = (line if line.strip() else comment), number + 1
    if not found:
        raise InputError(
            f"{path} holds only comments; write one tie a line, as in 'alice,bob'"
        )
    return Sample(skip, found, comment, separator, True)


# ----------------------------------------------------------------------- separators


def rows_of(lines: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) for each line that is no comment; csv.Error."""
    text = (line.replace("\t", " ") if separator == " " else line for line in lines)
    rows = csv.reader(text, delimiter=separator, skipinitialspace=True, strict=True)
    for row in rows:
        fields = [field.strip() for field in row]
        if separator == " " and fields and not fields[-1]:
            fields.pop()
        if any(fields) and not fields[0].startswith(COMMENTS):
            yield rows.line_num, fields


def split(lines: Iterable[str], separator: str) -> list[list[str]]:
    """Return the fields of lines, up to one that is not sound."""
    found = []
    try:
        for _, fields in rows_of(lines, separator):
            found.append(fields)
    except csv.Error:  # reported with its line when all is read
        pass
    return found


def separator_of(network: NetworkFile, sample: Sample) -> str:
    """Return the separator by which lines have equal widths outside quotes.

    Raises
    ------
    InputError
        If two do: names both.
    """
    if network.separator is not None:
        return network.separator
    if sample.separator is not None:
        return sample.separator
    lines = sample.lines
    bare = [re.sub(r'"[^"]*"', '""', line) for line in lines]
    marks = [mark for mark in _MARKS if all(mark in line for line in bare)]
    equal = [mark for mark in marks if _is_even(split(lines, mark))]
    if "," in marks and equal in ([], [","]) and _are_blanks_with_decimals(bare):
        return " "
    if not equal:
        mark = next((mark for mark in _MARKS if mark in bare[0]), " ")
        rare = 2 * sum(mark in line for line in bare) < len(bare)
        return " " if rare and _is_even(split(lines, " ")) else mark
    if equal in ([",", ";"], [",", "|"]) and all(map(_are_within_names, bare)):
        equal.remove(",")  # as in 'Doe, John;Lee, Ann'
    if len(equal) == 1 and equal[0] != "\t" and _hold_blank_columns(lines, equal[0]):
        equal.append(" ")
    if len(equal) == 1 or equal[0] == "\t":
        return equal[0]
    names = {mark: name for name, mark in SEPARATORS.items()}
    two = " or ".join(repr(mark) for mark in equal[:2])
    raise InputError(
        f"{network.path}: lines split evenly at {two}; say which one separates columns "
        f"(--network-separator {names[equal[0]]} or {names[equal[1]]})"
    )


def _is_even(rows: list[list[str]]) -> bool:
    """Tell whether all lines have as many fields; a header may lack one."""
    if not rows:
        return False
    width = len(rows[-1])
    first = len(rows[0])
    others = all(len(row) == width for row in rows[1:])
    return others and (width == first > 1 or width == first + 1 > 2)


def _are_blanks_with_decimals(lines: list[str]) -> bool:
    """Tell whether blanks separate the fields, and commas are those of numbers."""
    rows = [line.split() for line in lines]
    width = len(rows[0])
    return width > 2 and all(
        len(row) == width
        and sum("," not in field for field in row) > 1
        and all(DECIMAL.fullmatch(field) for field in row if "," in field)
        for row in rows
    )


def _hold_blank_columns(lines: list[str], mark: str) -> bool:
    """Tell whether numbers stand between blanks where a mark leaves none apart."""
    rows, others = split(lines, " "), split(lines, mark)
    if len(rows) != len(lines) or not _is_even(rows) or len(rows[0]) < 3:
        return False
    return _has_numbers(rows) and not _has_numbers(others)


def _has_numbers(rows: list[list[str]]) -> bool:
    """Tell whether a column of rows of one width holds numbers, but for a header."""
    columns = zip(*(rows[1:] or rows), strict=False)
    return any(all(map(is_number, column)) for column in columns)


def _are_within_names(line: str) -> bool:
    """Tell whether each comma is that of a number, or before a blank: Doe, John."""
    rest = re.sub(r"(?<!\d)\d+,\d+(?!\d)", "", line)
    return not re.search(r",(?! \S)", rest)


# -------------------------------------------------------------------------- numbers


def number(field: str) -> float | None:
    """Return the number in a field, with a point or a comma; None if there is none."""
    try:
        value = float(field.replace(",", ".") if DECIMAL.fullmatch(field) else field)
    except ValueError:
        return None
    return value if value == value else None


def is_number(field: str) -> bool:
    """Tell whether a field holds a number."""
    return number(field) is not None


def is_count(field: str) -> bool:
    """Tell whether a field holds a whole number."""
    return field.isdecimal()
