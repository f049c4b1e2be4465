"""Count frames and days a second of the live page, and how soon it answers.

A headless Chromium opens the page and plays as many days as it can, three times in the
course of the story. Beside the frames that the picture was painted: the days that were
simulated, with all that the page measures of them, and those of the engine alone from
the same day on; processor time of the server and of the browser, and the share of the
processors that both got, which on a busy machine explains low counts. Then somebody is
clicked, and a stored run opened. Needs Chromium and Playwright.

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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

import sim

ROOT = Path(__file__).parents[2]
TICK = os.sysconf("SC_CLK_TCK")
WAIT = 180_000  # milliseconds
WHEN = (40, 250, 450)  # days from which it is measured: few OSes, many, and all tied
MEASURED = 40  # days of the engine alone


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
    count = "[scenes.views[0].frames, scenes.runs[0].last]"
    before, (frames, days) = processor_seconds(), page.evaluate(count)
    started = time.perf_counter()
    time.sleep(seconds)
    drawn, simulated = page.evaluate(count)
    passed, after = time.perf_counter() - started, processor_seconds()
    own = spent({server}, before, after)
    everything = spent(family(os.getpid(), after) - {os.getpid()}, before, after)
    return {
        "from_day": days,
        "frames_per_second": (drawn - frames) / passed,
        "days_per_second": (simulated - days) / passed,
        "server_s_per_s": own / passed,
        "browser_s_per_s": (everything - own) / passed,
        "share_of_processors": everything / passed / (os.cpu_count() or 1),
    }


def engine(humans: int, days: Sequence[int]) -> list[float]:
    """Return the days a second of the engine alone, after each of some days."""
    society, found = sim.Society("her", seed=0, humans=humans), []
    for day in days:
        while society.calendar < day:
            society.step()
        started = time.perf_counter()
        for _ in range(MEASURED):
            society.step()
        found.append(MEASURED / (time.perf_counter() - started))
    return found


def play(page: Page, server: int, seconds: float) -> list[dict[str, float]]:
    """Play as fast as can be, and measure three times in the course of the story."""
    page.get_by_label("Stop at moments of the story").uncheck()
    rows = []
    for day in WHEN:
        press(page, "Play")
        page.wait_for_function(f"scenes.runs[0].last >= {day}")
        rows.append(measure(page, server, seconds))
        press(page, "Pause")
        page.wait_for_timeout(500)
        if page.evaluate("scenes.runs[0].last >= scenes.runs[0].end"):
            break
    return rows


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
        sim.run("her", parameters={"humans": 1000}, out=stored)
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
        rows = play(page, served.pid, seconds)
        found = {"humans": humans, "rows": rows, "click_to_story_s": click(page)}
        found["stored_run_of_1000_opens_s"] = open_stored(page)
        page.close()
        served.terminate()
    alone = engine(humans, [int(row["from_day"]) for row in rows])
    for row, days in zip(rows, alone, strict=True):
        row["engine_days_per_second"] = days
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """Return what was measured, in lines."""
    told = [f"{found['humans']:,} people"]
    told += [
        f"  from day {row['from_day']:.0f}: {row['frames_per_second']:.1f} frames and "
        f"{row['days_per_second']:.1f} days a second (the engine alone then: "
        f"{row['engine_days_per_second']:.1f}); {row['server_s_per_s']:.2f} processors "
        f"for the server and {row['browser_s_per_s']:.2f} for the browser; got "
        f"{row['share_of_processors']:.0%} of all"
        for row in found["rows"]
    ]
    told.append(f"  click to story: {found['click_to_story_s']:.2f} s")
    opened = found["stored_run_of_1000_opens_s"]
    told.append(f"  a stored run of 1,000 people opens in {opened:.2f} s")
    return told


if __name__ == "__main__":
    main()
