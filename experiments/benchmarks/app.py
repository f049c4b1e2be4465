"""Count frames and days a second of the live page, and how soon it answers.

A headless Chromium opens the page and plays as many days as it can, with three windows
in the course of the story. A window ends after some seconds, where the next begins, or
on the last day of the society: so all of it is time in which days go by. Of a small
society, whose story takes a second or two, the same is played again until the windows
are long enough to count in. Beside the frames that the picture was painted: the days
that were simulated, with all that the page measures of them, and those of the engine
alone, over the very same days; processor time of the server and of the browser, and the
share of the processors that both got, which on a busy machine explains low counts. Of
the process that paints, processor time a frame is told, which a busy machine changes
least. Then somebody is clicked, and a stored run opened. Needs Chromium and Playwright.

    python experiments/benchmarks/app.py [--humans 1000 10000] [--seconds 8] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

import sim

ROOT = Path(__file__).parents[2]
TICK = os.sysconf("SC_CLK_TCK")
WAIT = 180_000  # milliseconds
WHEN = (40, 250, 450)  # days from which it is measured: few OSes, many, and all tied
MOST_ROUNDS = 12  # that a story is played, at most
TIMES = 3  # that the engine alone is timed; the median counts
# Wait for a day; then count until another, the last, or for so many milliseconds.
COUNT = """([from, to, most]) => new Promise((resolve) => {
  const count = () => [scenes.views[0].frames, scenes.runs[0].last, performance.now()];
  const reach = (day) => Math.min(day, scenes.runs[0].end);
  let begun = null;
  const look = () => {
    const now = count();
    if (!begun && now[1] >= reach(from)) begun = now;
    const over = begun && (now[1] >= reach(to) || now[2] >= begun[2] + most);
    if (over) resolve([...begun, ...now]);
    else setTimeout(look, 4);
  };
  look();
})"""


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


def painters(among: set[int]) -> set[int]:
    """Return those of some processes that paint pages."""
    found = set()
    for number in among:
        try:
            told = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        if b"--type=renderer" in told:
            found.add(number)
    return found


def measure(
    page: Page, server: int, first: int, until: int, seconds: float
) -> dict[str, Any]:
    """Return what playing costs from a day to another, or for so many seconds."""
    page.wait_for_function(f"scenes.runs[0].last >= {first}", polling=4)
    before = processor_seconds()
    counted = page.evaluate(COUNT, [first, until, 1000 * seconds])
    after = processor_seconds()
    frames, day, began, drawn, last, ended = counted
    own = spent({server}, before, after)
    started = family(os.getpid(), after) - {os.getpid()}
    everything = spent(started, before, after)
    return {
        "days": [int(day), int(last)],
        "seconds": (ended - began) / 1000,
        "frames": drawn - frames,
        "server_s": own,
        "browser_s": everything - own,
        "painter_s": spent(painters(started), before, after),
    }


def engine(humans: int) -> list[float]:
    """Return after how many seconds each day ended, of the engine alone."""
    runs = []
    for _ in range(TIMES):
        society, ended = sim.Society("her-film-cut", seed=0, humans=humans), [0.0]
        started = time.perf_counter()
        while society.calendar < society.parameters.steps:
            society.step()
            ended.append(time.perf_counter() - started)
        runs.append(np.diff(ended, prepend=0.0))
    found: list[float] = np.cumsum(np.median(runs, axis=0)).tolist()
    return found


def play(page: Page, server: int, seconds: float) -> list[list[dict[str, Any]]]:
    """Play as fast as can be, until there is enough of each window; return them all."""
    page.get_by_label("Stop at moments of the story").uncheck()
    ends = (*WHEN[1:], 10**9)
    windows: list[list[dict[str, Any]]] = [[] for _ in WHEN]
    for _ in range(MOST_ROUNDS):
        press(page, "Play")
        for at, window in enumerate(zip(WHEN, ends, strict=True)):
            windows[at].append(measure(page, server, *window, seconds))
        press(page, "Pause")
        page.wait_for_timeout(500)
        if all(
            sum(one["seconds"] for one in found) >= seconds / 2 for found in windows
        ):
            break
        press(page, "Reset")
        page.wait_for_function("scenes.runs[0].last === 0")
    return windows


def summed(
    found: Sequence[Mapping[str, Any]], alone: Sequence[float]
) -> dict[str, Any]:
    """Return what was measured of a window, a second, beside the engine alone."""
    seconds = sum(one["seconds"] for one in found)
    days = sum(last - first for first, last in (one["days"] for one in found))
    engine_s = sum(
        alone[last] - alone[first] for first, last in (one["days"] for one in found)
    )
    frames = sum(one["frames"] for one in found)
    server, browser, painter = (
        sum(one[f"{n}_s"] for one in found) for n in ("server", "browser", "painter")
    )
    return {
        "from_day": min(one["days"][0] for one in found),
        "to_day": max(one["days"][1] for one in found),
        "seconds": seconds,
        "frames_per_second": frames / seconds,
        "days_per_second": days / seconds,
        "engine_days_per_second": days / engine_s,
        "share_of_engine": engine_s / seconds,
        "server_s_per_s": server / seconds,
        "browser_s_per_s": browser / seconds,
        "painter_ms_per_frame": 1000 * painter / max(1, frames),
        "share_of_processors": (server + browser) / seconds / (os.cpu_count() or 1),
    }


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def click(page: Page) -> float:
    """Return the seconds from a click on somebody to the story."""
    page.wait_for_timeout(500)
    find = "[scenes.views[0].painter.out.x[5], scenes.views[0].painter.out.y[5]]"
    (x, y), box = page.evaluate(find), page.locator(".osv-picture").bounding_box()
    assert box is not None
    started = time.perf_counter()
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.get_by_text("went through").first.wait_for()
    return time.perf_counter() - started


def open_stored(page: Page) -> float:
    """Return the seconds from choosing a stored run to its picture."""
    started = time.perf_counter()
    page.get_by_label("Watch").select_option("run stored")
    page.wait_for_function("scenes.views[0] && !scenes.views[0].live")
    return time.perf_counter() - started


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--humans", type=int, nargs="+", default=[1000, 10_000])
    options.add_argument("--seconds", type=float, default=8.0)
    options.add_argument("--json", action="store_true")
    args = options.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium is installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        stored = Path(folder) / "results/runs/stored"
        sim.run("her-film-cut", parameters={"humans": 1000}, out=stored)
        chromium = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox"]
        )
        found = [
            visit(chromium, folder, humans, args.seconds) for humans in args.humans
        ]
        chromium.close()
    if args.json:
        print(json.dumps(found))
        return
    for one in found:
        print("\n".join(lines(one)))


def visit(
    chromium: Browser, folder: str, humans: int, seconds: float
) -> dict[str, Any]:
    """Return what is measured on the page of a society of some size."""
    command = [sys.executable, "-m", "sim", "app", "--no-browser"]
    with subprocess.Popen(
        [*command, "--humans", str(humans)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdout is not None
        url = served.stdout.readline().split()[1]
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(WAIT)
        page.goto(url)
        page.locator(".osv-days").first.wait_for()
        windows = play(page, served.pid, seconds)
        found = {"humans": humans, "click_to_story_s": click(page)}
        found["stored_run_of_1000_opens_s"] = open_stored(page)
        page.close()
        served.terminate()
    alone = engine(humans)
    return found | {"rows": [summed(window, alone) for window in windows]}


def lines(found: dict[str, Any]) -> list[str]:
    """Return what was measured, in lines."""
    told = [f"{found['humans']:,} people"]
    told += [
        f"  days {row['from_day']} to {row['to_day']}, counted for "
        f"{row['seconds']:.1f} s: {row['frames_per_second']:.1f} frames a second and "
        f"{row['days_per_second']:.1f} days, {row['share_of_engine']:.0%} of the "
        f"engine alone over the same days ({row['engine_days_per_second']:.1f}); "
        f"{row['server_s_per_s']:.2f} processors for the server, "
        f"{row['browser_s_per_s']:.2f} for the browser "
        f"({row['painter_ms_per_frame']:.1f} ms a frame to paint), "
        f"{row['share_of_processors']:.0%} of all"
        for row in found["rows"]
    ]
    told.append(f"  click to story: {found['click_to_story_s']:.2f} s")
    opened = found["stored_run_of_1000_opens_s"]
    told.append(f"  a stored run of 1,000 people opens in {opened:.2f} s")
    return told


if __name__ == "__main__":
    main()
