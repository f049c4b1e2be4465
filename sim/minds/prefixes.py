"""How much of prompts a provider's prefix cache can hold."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from os.path import commonprefix


def shared_prefix(prompts: Iterable[Sequence[Mapping[str, str]]]) -> float:
    """Return the share of prompts that a prefix cache has seen before, in characters.

    Of each prompt that part counts which is also the beginning of an earlier one, as
    providers and local servers count it where nothing has dropped out of the cache.

    Parameters
    ----------
    prompts
        Messages with ``role`` and ``content``, in the order in which they are asked.

    Returns
    -------
    float
        0..1; 0 of no prompts.

    Examples
    --------
    >>> same = [{"role": "user", "content": "Who are you?"}]
    >>> shared_prefix([same, same])
    0.5
    """
    known: list[str] = []  # sorted: the longest common beginning is a neighbour's
    shared = whole = 0
    for messages in prompts:
        text = "".join(f"{one['role']}\n{one['content']}\n" for one in messages)
        at = bisect_left(known, text)
        beside = known[max(0, at - 1) : at + 1]
        alike = (commonprefix([text, one]) for one in beside)  # noqa: RUF071
        shared += max(map(len, alike), default=0)
        whole += len(text)
        if known[at : at + 1] != [text]:
            known.insert(at, text)
    return shared / whole if whole else 0.0
