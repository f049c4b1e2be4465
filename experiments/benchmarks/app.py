"""Count the frames a second that the live page shows at 1,000 agents.

A headless Chromium opens the page and plays as many days as it can; a frame counts
once the browser has drawn it. Beside it: processor time a frame, of the server and of
the browser, and the share of the processors that both got, which on a busy machine
explains a low count. Needs Chromium and Playwright.

    python experiments/benchmarks/app.py [--humans 500] [--seconds 10] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
TICK = os.sysconf("SC_CLK_TCK")
WAIT = 180_000  # milliseconds
WARM = 40  # days, to be over with compiling and with the browser's first steps


def processor_seconds() -> dict[int, tuple[int, float]]:
    """Return parent and processor time of every process, by its number."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        used = int(fields[11]) + int(fields[12])
        found[int(file.parent.name)] = int(fields[1]), used / TICK
    return found


def family(root: int, known: dict[int, tuple[int, float]]) -> set[int]:
    """Return a process and all that it started, directly or not."""
    found = {root}
    while more := {n for n, (parent, _) in known.items() if parent in found} - found:
        found |= more
    return found


def spent(among: set[int], before: dict[int, Any], after: dict[int, Any]) -> float:
    """Return the processor time that some processes used in between."""
    return sum(after[n][1] - before.get(n, (0, 0.0))[1] for n in among if n in after)


def measure(page: Page, server: int, seconds: float) -> dict[str, float]:
    """Return what playing costs for so many seconds."""
    count = "window.frames_drawn ?? 0"
    before, drawn = processor_seconds(), page.evaluate(count)
    started = time.perf_counter()
    time.sleep(seconds)
    frames = page.evaluate(count) - drawn
    passed, after = time.perf_counter() - started, processor_seconds()
    own = spent({server}, before, after)
    everything = spent(family(os.getpid(), after) - {os.getpid()}, before, after)
    return {
        "frames_per_second": frames / passed,
        "server_ms_per_frame": 1000 * own / max(1, frames),
        "browser_ms_per_frame": 1000 * (everything - own) / max(1, frames),
        "share_of_processors": everything / passed / (os.cpu_count() or 1),
    }


def day(page: Page) -> int:
    """Return the day that the page shows."""
    found = re.match(r"Day (\d+)", page.locator("p.status").inner_text())
    return int(found.group(1)) if found else 0


def visit(page: Page, url: str, server: int, seconds: float) -> list[dict[str, float]]:
    """Open the page, play, and measure three times in the course of the story."""
    page.set_default_timeout(WAIT)
    page.goto(url)
    page.get_by_text("before the first morning").wait_for()
    page.get_by_label("Days a second").select_option("as many as it can")
    page.get_by_role("button", name="Play", exact=True).click()
    rows = []
    for _ in range(3):
        until = day(page) + WARM
        while day(page) < until:
            time.sleep(0.1)
        rows.append({"day": day(page), **measure(page, server, seconds)})
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--humans", type=int, default=500, help="half of the agents")
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--json", action="store_true")
    args = options.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium is installed")
    command = [sys.executable, "-m", "sim", "app", "--no-browser"]
    with (
        subprocess.Popen(
            [*command, "--humans", str(args.humans)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as served,
        sync_playwright() as playwright,
    ):
        assert served.stdout is not None
        url = served.stdout.readline().split()[1]
        chromium = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox"]
        )
        page = chromium.new_page(viewport={"width": 1400, "height": 950})
        rows = visit(page, url, served.pid, args.seconds)
        chromium.close()
        served.terminate()
    print(json.dumps(rows) if args.json else "\n".join(map(line, rows)))


def line(row: dict[str, float]) -> str:
    """Return a measurement as a line."""
    return (
        f"from day {row['day']:.0f}: {row['frames_per_second']:.1f} frames a second; "
        f"{row['server_ms_per_frame']:.0f} ms of the server and "
        f"{row['browser_ms_per_frame']:.0f} ms of the browser a frame; "
        f"got {row['share_of_processors']:.0%} of the processors"
    )


if __name__ == "__main__":
    main()
