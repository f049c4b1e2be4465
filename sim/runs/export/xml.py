"""XML and JSON text: escaped values, streamed lines."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from sim.runs.export.rows import Rows
from sim.utils.files import replacing

# What XML 1.0 cannot hold, however it is escaped.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MANY = 2**12  # texts that are escaped once


def as_text(value: Any) -> str:
    """Return a value as the text of an XML element."""
    return _escaped(value) if isinstance(value, str) else _plain(value)


def in_quotes(value: Any) -> str:
    """Return a value as that of an XML attribute, in quotes."""
    return _attribute(value) if isinstance(value, str) else f'"{_plain(value)}"'


def as_json(value: Any) -> str:
    """Return a value as JSON; a number is finite."""
    return _json(value) if isinstance(value, str) else _plain(value)


def attributes(values: dict[str, Any]) -> str:
    """Return the attributes of an XML element."""
    return "".join(f" {name}={in_quotes(value)}" for name, value in values.items())


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write a file of text line by line, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    with replacing(path) as part, open(part, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def lines_of(
    rows: Rows,
    begin: Callable[[tuple[int, ...]], str],
    cell: Callable[[str, Any], str],
    end: str,
) -> Iterator[str]:
    """Yield a line of text for each row: its beginning, all that is known, its end."""
    cells = [_cells(name, values, cell) for name, values in rows.columns.items()]
    columns = zip(map(begin, rows.names), *cells, strict=True)
    return ("".join(parts) + end for parts in columns)


def _cells(
    name: str, values: list[Any], cell: Callable[[str, Any], str]
) -> Iterator[str]:
    return ("" if value is None else cell(name, value) for value in values)


@functools.lru_cache(MANY)
def _escaped(value: str) -> str:
    return escape(NOT_XML.sub("", value))


@functools.lru_cache(MANY)
def _attribute(value: str) -> str:
    return quoteattr(NOT_XML.sub("", value))


@functools.lru_cache(MANY)
def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
