"""Count the frames a second of the view of a run, and what its page weighs.

A run is simulated (or given), exported as a page, and opened from disk in a headless
Chromium that is offline; it plays in each layout while frames are counted. Needs
Chromium and Playwright. On a busy machine the counts are low: nothing is judged here.

    python experiments/benchmarks/view.py [--humans 1000] [--days 900] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from app import family, processor_seconds, spent
from playwright.sync_api import Page, sync_playwright

import sim

TURNING = 1.0  # seconds from one layout to the next, in which no frames are counted
LAYOUTS = ("sky", "force", "map")
SHOWN = "#view .osv-days"  # selects what is there once the run is unpacked
PLAY = """async ([layout, from, milliseconds]) => {
  const view = document.getElementById("view").view;
  view.turn(layout);
  await new Promise((done) => setTimeout(done, 1000));
  view.speed = 20;
  view.go(from);
  view.play();
  const frames = view.frames, started = performance.now();
  await new Promise((done) => setTimeout(done, milliseconds));
  const passed = (performance.now() - started) / 1000;
  const days = view.day - from;
  view.pause();
  return {
    frames_per_second: (view.frames - frames) / passed,
    days_per_second: days / passed,
    ties_at_most: Math.round(view.budget),
  };
}"""


def play(page: Page, days: int, seconds: float) -> list[dict[str, Any]]:
    """Return what each layout costs in the densest half of the run."""
    rows = []
    for layout in LAYOUTS:
        before = processor_seconds()
        found = page.evaluate(PLAY, [layout, int(0.35 * days), 1000 * seconds])
        after = processor_seconds()
        used = spent(family(os.getpid(), after) - {os.getpid()}, before, after)
        frames = max(1.0, found["frames_per_second"] * seconds)
        share = used / (seconds + TURNING) / (os.cpu_count() or 1)
        cost = {"browser_ms_per_frame": 1000 * used / frames}
        rows.append({"layout": layout, **found, **cost, "share_of_processors": share})
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--run", help="a stored run, in place of a new one")
    options.add_argument("--humans", type=int, default=1000)
    options.add_argument("--days", type=int, default=900)
    options.add_argument("--seconds", type=float, default=6.0, help="in each layout")
    options.add_argument("--json", action="store_true")
    args = options.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium is installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        place = Path(folder)
        if args.run:
            result = sim.load(args.run)
        else:
            size = {"humans": args.humans, "steps": args.days}
            result = sim.run("her-film-cut", parameters=size, out=place / "run")
        started = time.perf_counter()
        file = result.view().save(place / "view.html")
        packed = time.perf_counter() - started
        chromium = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox"]
        )
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        context.set_offline(True)
        page = context.new_page()
        page.set_default_timeout(120_000)
        started = time.perf_counter()
        page.goto(file.as_uri())
        page.locator(SHOWN).wait_for()
        opened = time.perf_counter() - started
        rows = play(page, int(result.series.index[-1]), args.seconds)
        size_of_page = file.stat().st_size
        chromium.close()
    about = {"megabytes": size_of_page / 1e6, "packing_s": packed, "opening_s": opened}
    if args.json:
        print(json.dumps({**about, "layouts": rows}))
        return
    print(
        "{megabytes:.2f} MB, made in {packing_s:.1f} s, shown in ".format(**about),
        end="",
    )
    print(f"{opened:.1f} s")
    for row in rows:
        print(
            f"{row['layout']:>5}: {row['frames_per_second']:.1f} frames and "
            f"{row['days_per_second']:.1f} days a second, "
            f"{row['browser_ms_per_frame']:.0f} ms of the browser a frame; got "
            f"{row['share_of_processors']:.0%} of the processors; at most "
            f"{row['ties_at_most']} ties of a kind"
        )


if __name__ == "__main__":
    main()
