"""Agent numbers of those in an event, compact: four bytes each, however many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

SHOWN = 8  # members that are told one by one


class AgentIds(Sequence[int]):
    """Agent numbers, in the order given; equal to any list of the same numbers.

    Parameters
    ----------
    numbers
        An array, which is copied, or anything that can be gone through.
    """

    __slots__ = ("numbers",)

    def __init__(self, numbers: Iterable[Any] = ()) -> None:
        known = numbers if isinstance(numbers, np.ndarray) else list(numbers)
        self.numbers: npt.NDArray[np.int32] = np.array(known, np.int32)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> list[int]: ...

    def __getitem__(self, at: int | slice) -> int | list[int]:
        found = self.numbers[at]
        if isinstance(at, slice):
            return found.tolist()  # type: ignore[no-any-return]
        return int(found)

    def __iter__(self) -> Iterator[int]:
        for first in range(0, len(self.numbers), 4096):
            yield from self.numbers[first : first + 4096].tolist()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AgentIds):
            return np.array_equal(self.numbers, other.numbers)
        if isinstance(other, (list, tuple)):
            return len(self) == len(other) and list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if len(self) <= SHOWN:
            return repr(list(self))
        first = ", ".join(map(str, self[:SHOWN]))
        return f"[{first}, ... {len(self):,} in all]"
