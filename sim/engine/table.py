"""Growable tables of typed columns (struct of arrays)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.utils.typing import Array


class Column(NamedTuple):
    """A column of a table, declared once."""

    name: str
    dtype: str
    unit: str
    meaning: str
    default: float = 0


class Table:
    """A growable struct of arrays. Rows are never reused, so a row is a name.

    Columns are read as attributes: ``table.growth`` is a view of the rows in use, and
    stays valid until the table grows. ``arrays`` holds those that ``arrays``, a named
    tuple, names: a table may have more, which are no part of it.
    """

    def __init__(self, columns: tuple[Column, ...], arrays: Any, rows: int = 0) -> None:
        self.columns = {column.name: column for column in columns}
        self._make = arrays
        self._store: dict[str, Array] = {
            c.name: np.full(rows, c.default, c.dtype) for c in columns
        }
        self.n = rows
        self._view()

    def _view(self) -> None:
        self._rows = {name: store[: self.n] for name, store in self._store.items()}
        self.arrays = self._make(*(self._rows[name] for name in self._make._fields))
        self.__dict__.update(self._rows)  # read often

    def __getstate__(self) -> dict[str, Any]:
        views = {"_rows", "arrays", *self._store}  # a copy would lose their store
        return {name: kept for name, kept in self.__dict__.items() if name not in views}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._view()

    def __getattr__(self, name: str) -> Array:
        known = ", ".join(self.__dict__.get("_store", ()))
        raise AttributeError(f"no column {name!r}; columns are {known}")

    def __len__(self) -> int:
        return self.n

    def column(self, name: str) -> Array:
        """Return one column as an array view of all rows."""
        return getattr(self, name)  # type: ignore[no-any-return]

    def append(self, rows: int, **values: Any) -> slice:
        """Add rows with the given column values (defaults elsewhere).

        Returns
        -------
        slice
            The new rows.

        Raises
        ------
        TypeError
            If a value names no column.
        """
        unknown = sorted(set(values) - set(self.columns))
        if unknown:
            raise TypeError(f"no column {', '.join(unknown)}")
        new = slice(self.n, self.n + rows)
        self._reserve(new.stop)
        try:
            for name, value in values.items():
                self._store[name][new] = value
        except (TypeError, ValueError):  # too many values for the rows, or no numbers
            for name in values:
                self._store[name][new] = self.columns[name].default
            raise
        self.n = new.stop
        self._view()
        return new

    def _reserve(self, rows: int) -> None:
        """Make room for rows; whatever is not in use has the defaults."""
        have = len(next(iter(self._store.values())))
        if rows <= have:
            return
        for name, store in self._store.items():
            grown = np.zeros(max(rows, have + have // 2 + 16), store.dtype)
            grown[: self.n] = store[: self.n]
            if self.columns[name].default:  # zeros take no memory before they are used
                grown[self.n :] = self.columns[name].default
            self._store[name] = grown

    def copy_columns(self) -> dict[str, Array]:
        """Return a copy of every column, as on this day."""
        return {name: rows.copy() for name, rows in self._rows.items()}

    @property
    def nbytes(self) -> int:
        """Bytes reserved by the table."""
        return sum(store.nbytes for store in self._store.values())
