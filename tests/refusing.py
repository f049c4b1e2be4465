"""How a test sees that untrusted input is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from sim.utils.errors import LONGEST, InputError

DEEP = "[" * 200 + "]" * 200
DIGITS = "9" * 5000


def refusal(read: Callable[[], Any]) -> str:
    """Return why something is not read: one line, fit for a terminal, and soon."""
    begun = time.process_time()
    with pytest.raises(InputError) as refused:
        read()
    assert time.process_time() - begun < 20  # not hours: what is refused may be endless
    told = str(refused.value)
    assert told.isprintable() and len(told) <= 2 * LONGEST
    return told
