"""Where the answers to requests come from: what is finished already, or an endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sim.minds.calls import Outcome, Request
from sim.minds.replies import SCHEMAS
from sim.minds.transcript import Transcript, key_of, without_secrets


class Asks(Protocol):
    """What answers requests: an endpoint, or what stands in for one."""

    def ask(
        self,
        requests: Sequence[Request],
        schemas: Mapping[str, dict[str, Any]],
        done: Callable[[int, Outcome], None] | None = None,
    ) -> list[Outcome]:
        """Return what came of each request."""


class Answers:
    """What came of requests: from a transcript, or from an endpoint into it.

    Parameters
    ----------
    transcript
        Finished calls, and where new ones go.
    endpoint
        Who answers what the transcript does not; None is a strict replay.
    keep_failures
        Whether calls without an answer are finished, too. If not, a later run asks
        them again.
    """

    def __init__(
        self, transcript: Transcript, endpoint: Asks | None, keep_failures: bool
    ) -> None:
        self.transcript = transcript
        self._endpoint = endpoint
        self._keep_failures = keep_failures
        self._failed: dict[str, Outcome] = {}

    def to(self, requests: Sequence[Request]) -> list[Outcome]:
        """Return what came of each request.

        Raises
        ------
        InputError
            If a replay lacks one, the endpoint refuses, or one cannot be kept.
        """
        missing = self._missing(requests)
        if missing and self._endpoint is None:
            raise self.transcript.missing(missing[0])
        if missing and self._endpoint is not None:
            self._endpoint.ask(missing, SCHEMAS, lambda *it: self._add(missing, *it))
        found = [self._find(one) for one in requests]
        return [one for one in found if one is not None]

    def _missing(self, requests: Sequence[Request]) -> list[Request]:
        """Return the requests that nobody has answered yet, each once."""
        settings = self.transcript.settings
        unanswered = (one for one in requests if self._find(one) is None)
        return list({key_of(one, settings): one for one in unanswered}.values())

    def _find(self, request: Request) -> Outcome | None:
        found = self.transcript.find(request)
        if found is None and self._failed:
            found = self._failed.get(key_of(request, self.transcript.settings))
        return found

    def _add(self, asked: Sequence[Request], index: int, outcome: Outcome) -> None:
        request, outcome = asked[index], _without_hidden_key(outcome)
        if outcome.failure and not self._keep_failures:
            self._failed[key_of(request, self.transcript.settings)] = outcome
        else:
            self.transcript.add(request, outcome)


def _without_hidden_key(outcome: Outcome) -> Outcome:
    """Take out the key where a reply spells it in escapes, as JSON may."""
    if outcome.text is None or "\\u" not in outcome.text:
        return outcome
    try:
        spelled_out = json.dumps(json.loads(outcome.text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return outcome
    clean = without_secrets(spelled_out)
    found = clean != spelled_out.encode(errors="replace").decode()
    return outcome._replace(text=clean) if found else outcome
