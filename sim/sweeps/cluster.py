"""A Dask cluster as an executor: the only place that imports ``distributed``.

Dask does every run at least once and keeps nothing: the store is what counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from sim.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PATIENCE = 20.0  # seconds for a scheduler to answer
LOGGERS = ("distributed", "distributed.client", "distributed.core")


@contextmanager
def connect(address: str, insecure: bool = False) -> Iterator[Executor]:
    """Connect to a Dask scheduler, and yield its workers as an executor.

    Parameters
    ----------
    address
        As the scheduler prints it: ``tcp://127.0.0.1:8786`` or ``tls://...``.
    insecure
        Whether an address of another machine may be reached without encryption.

    Raises
    ------
    InputError
        If Dask is not installed, the address is refused, or nobody answers there.
    """
    check(address, insecure)
    try:
        import distributed
    except ImportError:
        raise InputError(
            "a cluster needs Dask; pip install 'os-society[cluster]'"
        ) from None
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"no Dask scheduler answers at {address}: {error}") from None
    with _quiet():
        try:
            yield client.get_executor(retries=0, pure=False)
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.close(timeout=PATIENCE)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging tracebacks of what ends in our own message anyway."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def check(address: str, insecure: bool = False) -> None:
    """Raise InputError unless an address may be connected to."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme not in ("tcp", "tls"):
        raise InputError(f"a cluster is at tcp:// or tls://, not {address!r}")
    if parts.scheme == "tcp" and parts.hostname not in LOOPBACK and not insecure:
        raise InputError(
            f"{address} is another machine, and tcp:// is not encrypted; use tls://, "
            "or say --insecure if nobody else is on that network"
        )
