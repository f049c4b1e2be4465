"""Matrices of ties as text: who is tied to whom in rows and columns."""

from __future__ import annotations

import numpy as np

from sim.model.network_files.headers import ends_in
from sim.model.network_files.network_file import Array, Found, NetworkFile
from sim.model.network_files.separators import (
    COMMENTS,
    Sample,
    is_number,
    number,
    split,
)
from sim.utils.errors import InputError

LARGEST = 5000  # people


def recognised(
    network: NetworkFile, raw: bytes, sample: Sample, separator: str
) -> Found | None:
    """Return what a matrix says, if a table is one; None if it is a list of ties.

    Raises
    ------
    InputError
        If it is said to be a matrix and is none, or may be both.
    """
    asked = network.format == "matrix"
    first = split(sample.lines[:1], separator)
    width = len(first[0]) if first else 0
    lines = raw.count(b"\n") + raw.count(b"\r") + 1
    if not asked and (width < 3 or lines > 4 * (LARGEST + 1)):
        return None
    if not asked and sample.whole and abs(len(sample.lines) - width) > 1:
        return None
    if not asked and not sample.whole and width < len(sample.lines) - 1:
        return None
    rows = split(_lines(raw, sample.skip), separator)
    labels, cells, both = _labels_and_cells(rows)
    if len(cells) > LARGEST:
        raise InputError(f"{network.path}: a matrix of more than {LARGEST:,} people")
    square = len(cells) > 0 and all(len(row) == len(cells) for row in cells)
    numeric = square and all(map(is_number, (field for row in cells for field in row)))
    if not numeric:
        if asked:
            raise InputError(
                f"{network.path} is no matrix: give as many rows as columns of "
                "numbers, with names in the first row and column, in one of them or in "
                "none"
            )
        return None
    values = np.array([[number(field) for field in row] for row in cells], np.float64)
    if not asked and not both:
        listed = any(ends.sure for ends in ends_in(rows[0]))
        if listed or not _is_surely(network, values):
            return None
    people = labels or [str(n + 1) for n in range(len(cells))]
    return of_values(network, people, values, "adjacency matrix")


def of_values(
    network: NetworkFile, people: list[str], values: Array, how: str
) -> Found:
    """Return the ties of a matrix: both directions, where a cell is not 0.

    Cells of 0 and 1 only say who knows whom.
    """
    if len(set(people)) < len(people):
        people = [f"{name} ({n + 1})" for n, name in enumerate(people)]
    if not np.isfinite(values).all():
        raise InputError(f"{network.path}: a cell of the matrix is no number")
    if np.array_equal(values, values.T):  # each tie once
        values = np.triu(values)
    one, other = np.nonzero(values)
    weights = values[one, other]
    ends = np.column_stack((one, other)).astype(np.int64)
    given = {} if (weights == 1).all() else {"weight": weights}
    return Found(tuple(people), ends, f"{how} of {len(people):,} people", given)


def _lines(raw: bytes, skip: int) -> list[str]:
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")[skip:]
    return [line for line in lines if line.strip() and not line.startswith(COMMENTS)]


def _labels_and_cells(
    rows: list[list[str]],
) -> tuple[list[str], list[list[str]], bool]:
    """Return the names of a matrix, its cells, and whether rows and columns have names.

    Names may stand in the first row, the first column, both or nowhere.
    """
    if len(rows) < 2:
        return [], rows, False
    first, rest = rows[0], rows[1:]
    size = len(rest)
    for names in (first[1:], first):  # the corner may be left out
        cornered = len(names) < len(first)
        if cornered and is_number(first[0]):
            continue  # a line of numbers like the others
        if len(names) == size == len(set(names)):
            at = {row[0]: row[1:] for row in rest}
            if set(at) == set(names):
                return names, [at[name] for name in names], True
    if len(first) == size and not any(map(is_number, first)):
        return first, rest, False
    names = [row[0] for row in rows]
    if len(rows[0]) == len(rows) + 1 and not any(map(is_number, names)):
        return names, [row[1:] for row in rows], False
    return [], rows, False


def _is_surely(network: NetworkFile, values: Array) -> bool:
    """Tell whether a square of numbers is a matrix, not a list of ties.

    Raises
    ------
    InputError
        If it may be both.
    """
    size = len(values)
    if size < 3:
        return False
    diagonal = np.diag(values)
    signs = np.isin(values, (0, 1)).all()
    mirrored = np.array_equal(values, values.T)
    whole = (values[:, :2] == np.floor(values[:, :2])).all()
    if signs or (mirrored and np.ptp(diagonal) == 0 and (not whole or size > 3)):
        return True
    if size == 3 and mirrored and np.ptp(diagonal) == 0:
        raise InputError(
            f"{network.path}: three lines of three numbers, a matrix of ties, a list "
            "of them with weights, or people and all they know; say --network-format "
            "matrix, edges (and --network-columns 1,2) or adjacency"
        )
    if size > 4 and not diagonal.any():
        raise InputError(
            f"{network.path}: as many lines as columns of numbers, and 0 from corner "
            "to corner: a matrix of ties or a list of them; say --network-format "
            "matrix or --network-format edges"
        )
    return False
