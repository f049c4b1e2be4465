"""Tables of ties as text: which header, and which columns."""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from sim.model.network_files.closeness import PARTNERS, measure_in
from sim.model.network_files.headers import (
    INDEX,
    NO_MEASURE,
    Ends,
    ends_in,
    heads_people,
    several_friends,
)
from sim.model.network_files.network_file import NetworkFile, key_of, listed, quoted
from sim.model.network_files.separators import (
    DECIMAL,
    Sample,
    is_count,
    is_number,
    split,
)
from sim.utils.errors import InputError

HUMANS = "human and human"  # ties among people, in our own exports
WORDS = {
    **{",": "comma-separated", ";": "semicolon-separated", "\t": "tab-separated"},
    **{"|": "separated by |", " ": "separated by blanks"},
}
ADJACENCY = "--network-format adjacency if a line is a person and all they know"


class TableLayout(NamedTuple):
    """How a table of ties is written."""

    separator: str  # one character; a blank stands for any white space
    skip: int  # lines before the first tie, or before one that may be a header
    width: int  # fields in a line
    ends: tuple[int, int]  # columns
    measure: int  # column of closeness, -1: none
    name: str  # of that column
    positional: bool  # known by its place, not by a name
    decimal: str  # point or comma
    first: tuple[str, ...] | None  # a first line that is a header if no name recurs
    likely: bool  # and other signs speak for a header
    names: tuple[str, ...]  # of columns; their numbers, where there is no header
    header: bool  # whether they stand in the file
    unused: tuple[str, ...]
    numeric: tuple[str, ...]  # those of them that hold numbers
    only: tuple[int, int]  # columns of day and kind of tie in our own exports, or -1
    partner: int = -1  # column that says who are partners

    def how(self, header: bool) -> str:
        """Return in words how the table was read."""
        one, other = (quoted(self.names[c])[1:-1] for c in self.ends)
        text = WORDS[self.separator]
        if self.decimal == ",":
            text += " with decimal commas"
        if header:
            mark = self.separator
            text += f", header {quoted(mark.join(self.names))}"
        return f"{text}, people in columns {one} and {other}"


# --------------------------------------------------------------------------- layout


class TextTable(NamedTuple):
    """The first rows of a table and what is known of them."""

    network: NetworkFile
    first: list[str]
    rest: list[list[str]]
    names: list[str]  # of columns
    header: bool | None  # whether the first row names them; None: perhaps
    known: bool  # whether the columns have names, in the file or a comment

    @property
    def data(self) -> list[list[str]]:
        """All rows but a header."""
        return self.rest if self.header is not False else [self.first, *self.rest]

    def column(self, at: int) -> list[str]:
        """Return the fields of a column."""
        return [row[at] if at < len(row) else "" for row in self.data]


def layout_of(network: NetworkFile, sample: Sample, separator: str) -> TableLayout:
    """Find the header and the columns of ties from the first lines.

    Raises
    ------
    InputError
        If the table can be read in two ways, or is none of ties.
    """
    rows = split(sample.lines, separator) or [[""]]
    table = _with_header(
        network, rows, split([sample.comment.lstrip("#% ")], separator)
    )
    ends = _ends(table)
    if network.columns is None:
        _refuse_people(table, ends)
    measure, name, positional = _measure(table, ends)
    columns = [table.column(c) for c in range(len(table.names))]
    decimal = "."
    if measure >= 0 and separator != ",":
        decimal = "," if any(map(DECIMAL.fullmatch, columns[measure])) else "."
    own = [key_of(name) for name in table.names]
    only = (-1, -1)
    if table.header and {"step", "source", "target", "tie"} <= set(own):
        only = own.index("step"), own.index("tie")
    partner = -1
    if table.known and PARTNERS in own and own.index(PARTNERS) != measure:
        partner = own.index(PARTNERS)
        partner = -1 if partner in ends.columns else partner
    unused = {
        name if table.known else str(c + 1): all(map(is_number, columns[c]))
        for c, name in enumerate(table.names)
        if c not in (*ends.columns, measure, partner, *only)
        and any(columns[c])
        and not _is_index(table, c)
    }
    numeric = [name for name, numbers in unused.items() if numbers and table.known]
    return TableLayout(
        separator,
        sample.skip + (table.header is not False),
        max(len(table.names), *map(len, rows[:1])),
        ends.columns,
        measure,
        name,
        positional,
        decimal,
        tuple(table.first) if table.header is None else None,
        _looks_like_header(table),
        tuple(table.names) if table.known else _numbers(len(table.names)),
        bool(table.header),
        tuple(unused),
        tuple(name for name in numeric if key_of(name) not in NO_MEASURE),
        only,
        partner,
    )


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(str(c + 1) for c in range(count))


def _with_header(
    network: NetworkFile, rows: list[list[str]], comments: list[list[str]]
) -> TextTable:
    """Tell whether the first row names the columns, as far as words and types say."""
    first, rest = rows[0], rows[1:]
    comment = comments[0] if comments else []
    numbers = list(_numbers(max(len(first), 2)))
    plain = TextTable(network, first, rest, numbers, False, False)
    padded = [*first, *numbers[len(first) :]]
    named = plain._replace(names=padded, header=True, known=True)
    if network.header is not None:
        return named if network.header else plain
    if len(comment) == len(first) > 1:
        named_above = plain._replace(names=comment, known=True)
        pairs = ends_in(comment)
        if all(_are_alike(named_above, pair) for pair in pairs) and (
            pairs or heads_people(comment)
        ):
            return named_above
    sure = any(one.sure for one in ends_in(first))
    longer = bool(rest) and all(len(row) == len(first) + 1 for row in rest)
    if longer and (sure or rest[1:]) and _counts_rows([row[0] for row in rest]):
        return named._replace(names=["", *first])  # names of rows have no header
    by_name = network.columns is not None and not all(
        c.isdecimal() for c in network.columns
    )
    if by_name or sure:
        return named
    if not rest or len(first) < 2:
        return plain
    if any(map(is_number, first)):
        counted = first == [str(n) for n in range(len(first))]
        text = not any(is_number(field) for row in rest for field in row[:2])
        return named if counted and text else plain
    perhaps = named._replace(header=None)
    others = {field for row in rest for field in row}
    recurs = any(
        field in others and not all(map(is_number, perhaps.column(at)))
        for at, field in enumerate(first)
        if field
    )
    return plain if recurs else perhaps


def _are_alike(table: TextTable, ends: Ends) -> bool:
    """Tell whether two columns may both hold people, so that a comment names them."""
    one, other = (table.column(c) for c in ends.columns)
    alike = _are_words(one) == _are_words(other)
    return alike and (_are_words(one) or all(map(is_count, one + other)))


def _looks_like_header(table: TextTable) -> bool:
    """Tell whether the first row differs from the others as a header does."""
    if table.header is not None or not table.rest:
        return False
    for at, field in enumerate(table.first):
        values = [value for value in table.column(at) if value]
        if field and values and all(map(is_number, values)):
            return True
    shapes = {_shape(field) for row in table.rest for field in row}
    alike = any(_shape(field) in shapes for field in table.first)
    return bool(ends_in(table.first)) and not alike


def _shape(field: str) -> str:
    """Return a field with its numbers, and letters that stand alone, made alike."""
    text = re.sub(r"(?<![^\W\d_])[^\W\d_](?![^\W\d_])", "x", field)
    return re.sub(r"\d+", "0", text)


# ------------------------------------------------------------------ columns of people


def _ends(table: TextTable) -> Ends:
    """Return the columns of a tie's two people."""
    network, names = table.network, table.names
    if network.columns is not None:
        one, other = (_asked(table, name) for name in network.columns)
        return Ends((one, other), True)
    pairs = ends_in(names) if table.known else []
    if table.known and (several := several_friends(names)):
        raise InputError(
            f"{network.path}: columns {listed(map(quoted, several))} name several "
            "people in a line; write one tie a line, or say --network-format adjacency "
            "--network-header yes if a line is a person and all they know, or "
            f"--network-columns {quoted(','.join(several[:2]))[1:-1]}"
        )
    if len(pairs) == 1:
        return pairs[0]
    if pairs:
        raise _doubt(table, [pair.columns for pair in pairs])
    if len(names) <= 2:
        return Ends((0, 1), False)
    return Ends(_ends_by_values(table), False)


def _asked(table: TextTable, name: str) -> int:
    """Return the number of a column that is asked for."""
    keys = [key_of(one) for one in table.names]
    if table.known and name in table.names:
        return table.names.index(name)
    if table.known and keys.count(key_of(name)) == 1:
        return keys.index(key_of(name))
    if name.isdecimal() and 1 <= int(name) <= len(table.names):
        return int(name) - 1
    have = f"columns are {listed(map(quoted, table.names))}"
    if not table.known:
        have = f"it has {len(table.names)} columns and no header; give their numbers"
    raise InputError(f"{table.network.path} has no column {quoted(name)}; {have}")


def _doubt(table: TextTable, pairs: list[tuple[int, int]]) -> InputError:
    """Return what to ask where several columns may hold a tie's people."""
    named = [
        ",".join(table.names[c] if table.known else str(c + 1) for c in pair)
        for pair in pairs[:3]
    ]
    ways = " or ".join(f"--network-columns {quoted(pair)[1:-1]}" for pair in named)
    if not table.known:
        ways += f", or {ADJACENCY}"
    shown = quoted(" ".join(table.first))
    return InputError(
        f"{table.network.path}: its people may be in columns "
        f"{' or '.join(quoted(pair)[1:-1] for pair in named)} (first line {shown}); "
        f"say which: {ways}"
    )


def _ends_by_values(table: TextTable) -> tuple[int, int]:
    """Return the columns of people in a table without words for them.

    Raises
    ------
    InputError
        If others may be meant.
    """
    columns = [table.column(c) for c in range(len(table.names))]
    used = [c for c, values in enumerate(columns) if any(values)]
    used = [c for c in used if not all(map(_says_direction, columns[c]))]
    if len(used) < 2:
        return 0, 1
    text = [c for c in used if _are_words(columns[c])]
    if len(used) == 2:
        return used[0], used[1]
    if len(text) == 2:
        constant = any(len(set(columns[c])) == 1 for c in text) and len(table.data) > 1
        ids = [c for c in used if all(map(is_count, columns[c]))]
        if not constant or all(_is_index(table, c) for c in ids):
            return text[0], text[1]
        raise _doubt(table, [(ids[0], text[0]), (text[0], text[1])])
    if text:
        pairs = itertools.combinations(text, 2)
        sharing = [p for p in pairs if set(columns[p[0]]) & set(columns[p[1]])]
        ragged = len({len(row) for row in table.data}) > 1
        if len(sharing) == 1 and not ragged:
            return sharing[0]
        raise _doubt(table, sharing or [(used[0], used[1]), (used[1], used[2])])
    if not all(is_number(value) for c in used for value in columns[c]):
        raise _doubt(table, [(used[0], used[1]), (used[1], used[2])])
    return _ends_by_numbers(table, columns, used)


def _says_direction(field: str) -> bool:
    """Tell whether a field only says which way a tie goes: Undirected, ->."""
    return key_of(field) in ("directed", "undirected") or not re.search(r"\w", field)


def _are_words(values: list[str]) -> bool:
    """Tell whether a column holds words, or words among whole numbers, as names may."""
    if not is_number(values[0]):
        return True
    counts = all(is_count(value) for value in values if is_number(value))
    return counts and not all(map(is_number, values))


def _ends_by_numbers(
    table: TextTable, columns: list[list[str]], used: list[int]
) -> tuple[int, int]:
    """Return the columns of people among columns of numbers."""
    whole = [c for c in used if all(map(is_count, columns[c]))]
    one, other, third = used[:3]
    if len(whole) == 2:
        return whole[0], whole[1]
    if not whole:
        return one, other  # names may be any numbers
    if {one, other} <= set(whole):
        apart = not set(columns[one]) & set(columns[other])
        numbering = apart and _counts_rows(columns[one])
        weight = third not in whole or set(columns[third]) <= {"0", "1"}
        if weight and not numbering:
            return one, other
    asked = str(_doubt(table, [(one, other), (other, third)]))
    raise InputError(
        f"{table.network.path}: each line is three numbers or more (first line "
        f"{quoted(' '.join(table.first))}): two people and a weight, a row number or "
        "time and two people, or a person and all they know; say which: "
        f"{asked.rpartition('say which: ')[2]}"
    )


def _counts_rows(values: list[str]) -> bool:
    """Tell whether a column numbers the rows from 0 or 1."""
    if not values or values[0] not in ("0", "1"):
        return False
    first = int(values[0])
    return values == [str(first + n) for n in range(len(values))]


def _kind(values: list[str]) -> str:
    """Return what a column holds: whole numbers, decimals, words, or of both kinds."""
    if all(map(is_number, values)):
        return "whole numbers" if all(map(is_count, values)) else "decimals"
    return "both" if any(map(is_number, values)) else "words"


def _is_index(table: TextTable, at: int) -> bool:
    """Tell whether a column only numbers the rows."""
    if at > 0:
        return False
    if table.known and table.header is not False:
        return key_of(table.names[at]) in INDEX
    return _counts_rows(table.column(at))


def _refuse_people(table: TextTable, ends: Ends) -> None:
    """Raise InputError if a table is one of people, not of ties."""
    columns = [table.column(c) for c in range(len(table.names))]
    if ends.sure or len(table.data) < (1 if table.known else 2) or len(columns) < 2:
        return
    one, other = (columns[c] for c in ends.columns)
    if table.known and ends_in(table.names):
        return
    if table.known and heads_people(table.names):
        unlike = not set(columns[0]) & {v for column in columns[1:] for v in column}
        few = len(set(columns[1])) <= max(2, len(table.data) // 10)
        if len(set(columns[0])) == len(columns[0]) and (unlike or few):
            raise InputError(
                f"{table.network.path} looks like a table of people (columns "
                f"{listed(map(quoted, table.names))}), not of ties; name the file of "
                "ties, or say --network-columns "
                f"{quoted(','.join(table.names[:2]))[1:-1]}"
            )
    kinds = {_kind(one), _kind(other)} - {"both"}
    if len(table.data) > 1 and len(kinds) > 1:
        named = ",".join(str(c + 1) for c in ends.columns)
        held = " and the other ".join(sorted(kinds))
        raise InputError(
            f"{table.network.path}: one column holds {held} (first line "
            f"{quoted(' '.join(table.first))}), as in a table of people or groups; if "
            f"these are ties, say --network-columns {named}"
        )


# ------------------------------------------------------------------------- closeness


def _measure(table: TextTable, ends: Ends) -> tuple[int, str, bool]:
    """Return the column of closeness, what it is called, and if only by its place."""
    network = table.network
    names = table.names if table.known else list(_numbers(len(table.names)))
    at = measure_in(network, names)
    if at is not None:
        if at in ends.columns:
            raise InputError(
                f"{network.path}: column {quoted(names[at])} holds people, not "
                "closeness"
            )
        return at, names[at], False
    if table.known or network.closeness_from is not None:
        return -1, "", False
    for c in range(len(names)):
        values = table.column(c)
        if c not in ends.columns and is_number(values[0]) and not _is_index(table, c):
            return c, names[c], True
    return -1, "", False
