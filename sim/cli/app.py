"""The command ``app``."""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import signal
import sys
import webbrowser
from pathlib import Path
from typing import Any

from sim.cli.arguments import (
    add_command,
    add_mechanisms,
    as_json,
    is_looked_at,
    port,
    put_to_use,
)
from sim.cli.known import RUNS, check_scenario, run_at
from sim.cli.warming import compile_first
from sim.utils.errors import InputError
from sim.utils.progress import PATIENCE, progress_shown
from sim.utils.stopping import stop_signals


def add_app(commands: Any) -> None:
    """Add ``os-society app`` to the command line."""
    examples = ["", "latest", "--scenario today --humans 500"]
    examples += ["--mechanism gossip.py"]
    command = add_command(commands, "app", open_page, examples, is_watched=False)
    add = command.add_argument
    add("run", nargs="?", help="a stored run to open, as for show")
    add("--scenario", metavar="NAME", default="her", help="to begin with (her)")
    add("--humans", metavar="N", type=int, default=300, help="number of humans (300)")
    add("--seed", metavar="S", type=int, default=0, help="random seed (0)")
    add("--address", metavar="A", default="127.0.0.1", help="to serve at (127.0.0.1)")
    add("--port", metavar="N", type=port, default=0, help="any free one unless given")
    add(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="another name to answer to; may be given again",
    )
    add_mechanisms(command)
    add("--no-browser", action="store_true", help="only print the address")


def open_page(args: argparse.Namespace) -> int:
    """Serve the page until interrupted."""
    if not has_panel():
        install = f"{shlex.quote(sys.executable)} -m pip install 'panel>=1.9,<2'"
        raise InputError(f"the page needs Panel: {install}")
    opened = None if args.run is None else run_at(args.run)
    check_scenario(args.scenario)
    own = tuple(put_to_use(args))
    with progress_shown(is_looked_at(args), PATIENCE):
        server = _server(args, opened, own)
    host = f"[{args.address}]" if ":" in args.address else args.address
    url = f"http://{host}:{server.port}/"
    shown = f"page     {url}  (Ctrl-C ends it)"
    print(as_json({"page": url}) if args.json else shown, flush=True)
    if not args.no_browser:
        webbrowser.open(url)
    serve_until_signalled(server)
    return 0


def _server(args: argparse.Namespace, opened: Path | None, own: tuple[str, ...]) -> Any:
    """Return what serves the page, with a model that is compiled."""
    from sim.app import page
    from sim.app.session import Setup, StoredScene, check

    if opened is not None:
        StoredScene(opened)  # complains now, not in the browser
    setup = Setup(args.scenario, args.seed, {"humans": args.humans}, own)
    check(setup)
    compile_first()
    return page.serve(
        setup,
        stored_runs(opened),
        opened=opened,
        address=args.address,
        port=args.port,
        hosts=args.allow_host,
    )


def serve_until_signalled(server: Any) -> None:
    """Serve until the first SIGINT or SIGTERM, or until the terminal is closed.

    Bokeh's own way says so on standard output first, and stays for good where nobody
    reads that any more.
    """
    loop = server.io_loop

    def stop(*_: object) -> None:
        loop.add_callback_from_signal(loop.stop)

    numbers = (signal.SIGINT, *stop_signals())
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        server.start()
        loop.start()
        server.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def has_panel() -> bool:
    """Tell whether the extra ``app`` is installed."""
    return importlib.util.find_spec("panel") is not None


def stored_runs(opened: Path | None = None) -> list[Path]:
    """Return the runs that the page offers: the one named, and those kept here."""
    found = sorted(file.parent for file in RUNS.glob("*/provenance.json"))
    return [*([opened] if opened is not None else []), *found]
