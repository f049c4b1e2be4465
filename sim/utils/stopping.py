"""The signals by which a process is asked to end."""

from __future__ import annotations

import signal
from typing import NoReturn

_asked: list[int] = []  # signals that came, until they are forgotten


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that ask a process to end, but for the keyboard's (SIGINT).

    A closed terminal asks as well (SIGHUP), unless it was told not to (``nohup``).

    >>> import signal
    >>> signal.SIGTERM in stop_signals()
    True
    """
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN:
        return (signal.SIGTERM,)
    return signal.SIGTERM, hang_up


def listen() -> None:
    """Leave through every ``with`` block when a signal asks to end.

    By ``KeyboardInterrupt`` at SIGINT, unless somebody else listens to that, and by
    ``SystemExit`` at the others, with 128 and the signal's number for an exit code.

    Raises
    ------
    ValueError
        If this is not the main thread.
    """
    for number in stop_signals():
        signal.signal(number, _leave)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def leave_if_asked() -> None:
    """Leave again if a signal came, and was not heeded.

    Python drops what is raised in a finalizer or in a callback from C, wherever the
    signal happens to come, and goes on.
    """
    if _asked:
        _raise(_asked[-1])


def was_asked() -> bool:
    """Tell whether a signal came since they were last forgotten."""
    return bool(_asked)


def forget() -> None:
    """Forget what signals came: they have been heeded."""
    _asked.clear()


def _leave(number: int, _: object) -> NoReturn:
    _asked.append(number)
    _raise(number)


def _raise(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
