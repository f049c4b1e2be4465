"""Watch what a terminal shows of long commands, with a cache of loops that is empty.

    python experiments/benchmarks/progress.py
    python experiments/benchmarks/progress.py run check --warm

Each command runs in a terminal of its own (80 columns). Printed are how often its line
was drawn, and the longest time without a drawing: in seconds of the command's own
processor time, which no other program can stretch, and of the clock, which it can. It
ends with 1 if a command was silent for two seconds of processor time.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[2]
MOST = 2.0  # seconds of silence
SMALL = "--humans 60 --steps 120"
MANY = f"{SMALL} --seeds 4 --workers 2"
DESIGN = "seeds = 4\n[base]\nhumans = 60\nsteps = 120\n[grid]\nreach = [1.0, 3.0]\n"
COMMANDS = {
    "run": "run her",
    "check": f"check her {MANY}",
    "compare": f"compare her --lever price --at 20 {MANY}",
    "report": "report run --out report.html",
    "sweep": "sweep design.toml --workers 2",
    "calibrate": "calibrate --runs 4 --kind clustering --workers 2",
    "film": "plot run --what film",
}


class Seen(NamedTuple):
    """What a terminal showed of one command."""

    code: int
    drawings: int
    silence: float  # the longest, in seconds of the command's processor time
    waited: float  # the longest, in seconds of the clock
    took: float  # seconds
    text: str


def watch(words: list[str], folder: Path, **environment: str) -> Seen:
    """Run Python, told these words, in a terminal of its own; watch what it shows."""
    child, terminal = pty.fork()
    if not child:
        os.chdir(folder)
        known = {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "TERM": "xterm"}
        whole = [sys.executable, *words]
        os.execve(sys.executable, whole, os.environ | known | environment)
    process = psutil.Process(child)
    began = last = time.monotonic()
    used, silence, waited, drawings, text = 0.0, 0.0, 0.0, 0, b""
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.05)
        now, before = time.monotonic(), used
        try:
            piece = os.read(terminal, 65536) if ready else b""
            if ready and not piece:
                break
        except OSError:  # the end, on Linux
            break
        if piece:
            text += piece
            drawings += piece.count(b"\r") - piece.count(b"\r\n")
            used, last, pause = _used(process, used), now, now - last
            silence, waited = max(silence, used - before), max(waited, pause)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    took = time.monotonic() - began
    return Seen(code, drawings, silence, waited, took, text.decode(errors="replace"))


def _used(process: psutil.Process, before: float) -> float:
    """Return the seconds of processor time that a process has taken by itself."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return before
    return float(times.user + times.system)


def main() -> int:
    """Watch the commands; return 1 if one was silent for too long."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("command", nargs="*", choices=[*COMMANDS, []])
    options.add_argument("--warm", action="store_true", help="with the usual cache")
    args = options.parse_args()
    worst = 0.0
    print(
        f"{'command':<10} {'exit':>4} {'drawings':>8} {'silent':>7} {'clock':>7} took"
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "design.toml").write_text(DESIGN, "utf-8")
        watch(f"-m sim run her {SMALL} --out run --no-figures".split(), folder)
        for name in args.command or COMMANDS:
            cache = folder / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            cold = {} if args.warm else {"OS_SOCIETY_CACHE": str(cache)}
            seen = watch(["-m", "sim", *COMMANDS[name].split()], folder, **cold)
            worst = max(worst, seen.silence)
            print(
                f"{name:<10} {seen.code:>4} {seen.drawings:>8} {seen.silence:>5.1f} s "
                f"{seen.waited:>5.1f} s {seen.took:.0f} s",
                flush=True,
            )
    print(f"silent for {worst:.1f} s of processor time at most ({MOST:.0f} s allowed)")
    return 0 if worst < MOST else 1


if __name__ == "__main__":
    raise SystemExit(main())
