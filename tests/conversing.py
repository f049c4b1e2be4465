"""Small societies whose casts speak, and stand-ins for models to speak through."""

from __future__ import annotations

import json
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import loopback
import pytest
from asking import SECRET
from conftest import made_once
from loopback import Behaviour, Call
from quick import QUICK, SEED

from sim import scenarios
from sim.cli import main
from sim.minds import MindOptions, Policy, Settings
from sim.minds.calls import Request, Response
from sim.minds.mind import LanguageMind
from sim.minds.transcript import Transcript
from sim.model.encounters import Cast
from sim.model.state import State
from sim.runs import run
from sim.runs.result import Result, load
from sim.scenarios import Scenario
from sim.society import Society

FEW = {"humans": 40, "steps": 6}
EVERYBODY = {"cast": None, "talks": 0.4}  # about 100 calls in the days of FEW
KIND = {"said": "Hello.", "warmth": 7, "disclosure": 5, "novelty": 3}
REPLY = KIND | {"act": "continue", "remember": "They were well."}


def small(**changes: Any) -> Scenario:
    """Return a scenario of a few people and days."""
    return scenarios.load("her-film-cut").replace(**(QUICK | FEW | changes))


def asking(url: str, **changes: Any) -> MindOptions:
    """Return options of everybody speaking through the model at an address."""
    settings = Settings("tiny", url, attempts=2, slots=8, retry_after_cap=0.05)
    return MindOptions(kind="llm", settings=settings, **(EVERYBODY | changes))


def speak(
    out: Path, mind: MindOptions | None, every: int = 4, **changes: Any
) -> Result:
    """Run a small scenario with a mind; keep a snapshot every few days."""
    told: dict[str, Any] = {"seed": SEED, "out": out, "snapshot_every": every}
    return run.run(small(**changes), mind=mind, **told)


def spoken_story(factory: pytest.TempPathFactory) -> Result:
    """Return a quick story to its end, in which twelve speak and OSes leave.

    Tests only read it: all of them have the same.
    """
    mind = MindOptions(kind="scripted", cast=12, talks=0.2)

    def make(folder: Path) -> None:
        speak(folder / "run", mind, 30, humans=120, steps=240)

    return load(made_once(factory, "spoken", make) / "run")


def tables(result: Result) -> dict[str, bytes]:
    """Return the bytes of all tables of a run, by their names."""
    files = sorted(result.path.rglob("*.parquet"))
    return {str(file.relative_to(result.path)): file.read_bytes() for file in files}


def society_of(result: Result) -> dict[str, bytes]:
    """Return the bytes of what became of a society, without what was said in it."""
    said = ("talks", "calls", "snapshots/memories")
    found = tables(result).items()
    return {name: one for name, one in found if not name.startswith(said)}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused: code 2, one line, no key, and no run."""
    try:
        code: Any = main(arguments)
    except SystemExit as error:
        code = error.code
    out, err = capsys.readouterr()
    assert code == 2
    assert err.startswith("os-society: error: ")
    assert err.count("\n") == 1
    assert SECRET not in out + err
    assert not Path("run").exists()
    assert not Path("results").exists()
    return err


def forbid_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing open a socket, or look up a host."""

    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, forbidden)


def each(*behaviours: Behaviour) -> Behaviour:
    """Let each of the first questions meet a behaviour, however often it is asked."""
    left, met = deque(behaviours), dict[str, Behaviour]()

    async def behave(call: Call) -> None:
        asked = json.dumps(call.body["messages"])
        if asked not in met:
            is_check = call.schema == "hello"
            met[asked] = left.popleft() if left and not is_check else loopback.answer()
        await met[asked](call)

    return behave


def talks_only(behave: Behaviour) -> Behaviour:
    """Behave so in talks; else be the scripted model."""

    async def behave_so(call: Call) -> None:
        await (behave if call.schema == "encounter" else loopback.answer())(call)

    return behave_so


class Replies:
    """Stands in for an endpoint: replies as it is told, and notes what it was asked."""

    def __init__(self, reply: Callable[[Request], Response | dict[str, Any]]) -> None:
        self.reply = reply
        self.requests: list[Request] = []

    def ask(
        self,
        requests: Sequence[Request],
        schemas: Mapping[str, dict[str, Any]],
        done: Callable[[int, Response], None] | None = None,
        again: Callable[[int, str], bool] | None = None,
    ) -> list[Response]:
        outcomes = []
        for index, request in enumerate(requests):
            self.requests.append(request)
            told = self.reply(request)
            if isinstance(told, dict):
                told = Response(json.dumps(told), "", 1, 100, 10)
            outcomes.append(told)
            if done is not None:
                done(index, told)
        return outcomes


def always(**changes: Any) -> Replies:
    """Reply the same to everything."""
    return Replies(lambda request: REPLY | changes)


def speaking(
    endpoint: Replies,
    days: int = 6,
    policy: Policy | None = None,
    kind: type[LanguageMind] = LanguageMind,
    **changes: Any,
) -> Society:
    """Return a society whose cast spoke through a stand-in for so many days."""
    transcript = Transcript.record(None, Settings("fake", "http://127.0.0.1/fake"))
    who = {name: changes.pop(name) for name in ("size", "talks") if name in changes}
    cast = Cast(kind(transcript, endpoint, policy), **({"size": None} | who))
    society = Society(small(**changes), rng=SEED, cast=cast)
    for _ in range(days):
        society.step()
    return society


def mind_of(society: Society) -> LanguageMind:
    """Return the mind that speaks in a society."""
    assert society.cast is not None
    mind = society.cast.mind
    assert isinstance(mind, LanguageMind)
    return mind


def lived_with(mind: Any, days: int = 6) -> State:
    """Return the state after days with a mind of the tests' own."""
    society = Society(small(), rng=SEED, cast=Cast(mind, size=None))
    for _ in range(days):
        society.step()
    return society.state
