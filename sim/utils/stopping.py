"""The signals by which a process is asked to end."""

from __future__ import annotations

import signal


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
