"""Stop of a run whose calls are of no use, before its budget is spent."""

from __future__ import annotations

from collections import Counter, deque

from sim.minds.calls import Request, Response
from sim.minds.mending import mended
from sim.minds.replies import BadReply
from sim.minds.transcript import without_secrets
from sim.utils.errors import InputError

OUT_OF_REACH = {"rate limited", "server error", "refused", "reset", "deadline"}
MOST_SHOWN = 200  # characters of a sample
SHARE = 0.9  # of the first 2 x stop_after calls
ADVICE = {
    "cut short": "let replies be longer (--max-tokens)",
    "refused prompt": "choose another --model",
    "content filter": "choose another --model",
}
OTHER_ADVICE = "choose another --model, or let the endpoint hold it to the schema"


class Breaker:
    """Counts calls that were made and of no use, and stops a run of such.

    It stops at the first ``stop_after`` calls in a row; when 90 % of the first twice as
    many were of no use; and later at twice as many in a row. Calls that did not reach
    the endpoint do not count: `sim.minds.mind` gives those up in its own way.

    Parameters
    ----------
    stop_after
        So many; 0 never stops.
    """

    def __init__(self, stop_after: int) -> None:
        self.stop_after = stop_after
        self._seen = 0
        self._in_a_row = 0
        self._failures: Counter[str] = Counter()
        self._last: deque[str] = deque(maxlen=2 * stop_after)

    def see(self, request: Request, outcome: Response) -> None:
        """Count a call that was made now.

        Raises
        ------
        InputError
            If too many were of no use; shows the last of them.
        """
        if not self.stop_after or outcome.failure in OUT_OF_REACH:
            return
        failure = outcome.failure or _failure(request, outcome.text or "")
        self._seen += 1
        self._in_a_row = self._in_a_row + 1 if failure else 0
        self._failures[failure] += 1
        self._last.append(failure)
        if failure and self._is_hopeless():
            raise InputError(self._explained(failure, outcome.text or ""))

    def _is_hopeless(self) -> bool:
        first = 2 * self.stop_after
        useless = self._seen - self._failures[""]
        return (
            self._in_a_row == self._seen == self.stop_after
            or (self._seen == first and useless >= SHARE * first)
            or self._in_a_row >= first
        )

    def _explained(self, failure: str, text: str) -> str:
        found = Counter(one for one in self._last if one)
        counted = ", ".join(f"{n} {name}" for name, n in found.most_common())
        sample = " ".join(without_secrets(text).split())
        shown = sample[:MOST_SHOWN] + ("..." if len(sample) > MOST_SHOWN else "")
        last = f"; the last ({failure}): {shown!r}" if shown else ""
        advice = ADVICE.get(found.most_common(1)[0][0], OTHER_ADVICE)
        return (
            f"{sum(found.values())} of the last {len(self._last)} calls were of no use "
            f"({counted}){last}; {advice}, or go on all the same (--stop-after 0)"
        )


def _failure(request: Request, text: str) -> str:
    """Return why a reply cannot be used, or nothing."""
    try:
        mended(request.schema, text)
    except BadReply as bad:
        return bad.failure
    return ""
