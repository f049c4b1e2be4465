"""The live page in a real browser: everything a visitor does, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE = 90_000  # milliseconds
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the page; return where."""
    pytest.importorskip("panel", reason="Panel is not installed: extra 'app'")
    place = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "sim"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    small = ["her", "--humans", "60", "--steps", "60", "--no-figures"]
    kept = ["--out", "results/runs/kept", "--snapshot-every", "20"]
    subprocess.run(
        [*command, "run", *small, *kept], cwd=place, env=environment, check=True
    )
    with subprocess.Popen(
        [*command, "app", "--no-browser", "--humans", "60"],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdout is not None
        line = served.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        try:
            assert found, line
            yield found.group()
        finally:
            served.terminate()


class Visit:
    """A page in a browser, with all that went wrong on it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.asked: set[str] = set()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._listen)
        page.on("request", lambda request: self.asked.add(request.url))
        page.on("websocket", lambda socket: self.asked.add(socket.url))
        page.goto(address)
        page.get_by_text("before the first morning").wait_for()

    def _listen(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    @property
    def day(self) -> int:
        found = re.match(r"Day (\d+)", self.page.locator("p.status").inner_text())
        assert found
        return int(found.group(1))

    def until_day(self, day: int) -> None:
        self.until(lambda: self.day >= day)

    def until(self, holds: Any) -> None:
        """Wait until something holds."""
        ends = time.monotonic() + PATIENCE / 1000
        while not holds():
            assert time.monotonic() < ends, "it did not come about in time"
            time.sleep(0.05)

    def hosts(self) -> set[str | None]:
        local = (url for url in self.asked if not url.startswith(("data:", "blob:")))
        return {urlparse(url).hostname for url in local}

    def click_network(self, number: int = 0) -> None:
        """Click the middle of a network, and around it until an agent is hit."""
        box = self.page.locator(".bk-Figure").nth(number).bounding_box()
        for across in (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65):
            place = box["x"] + across * box["width"], box["y"] + 0.5 * box["height"]
            self.page.mouse.click(*place)
            time.sleep(1.0)
            if self.page.get_by_text("What it went through").count():
                return


@pytest.fixture
def visit(address: str) -> Iterator[Visit]:
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed"
    )
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox"]
        )
        page = chromium.new_page(viewport={"width": 1400, "height": 950})
        yield Visit(page, address)
        chromium.close()


def test_a_visit_from_the_first_day_to_the_reset(visit: Visit) -> None:
    page = visit.page
    growth = page.get_by_label("growth rate of an OS in full talk")
    growth.fill("0.03")
    growth.press("Enter")
    page.get_by_text("os_growth_rate = 0.03").wait_for()
    visit.press("Step")
    visit.until_day(1)
    page.get_by_label("Days a second").select_option("as many as it can")
    visit.press("Play")
    visit.until_day(51)
    visit.press("Pause")
    time.sleep(1.0)
    stopped = visit.day
    time.sleep(1.0)
    assert visit.day == stopped >= 51

    visit.click_network()
    page.get_by_text("What it went through").wait_for()
    page.get_by_label("Agent number").fill("0")
    visit.press("Tell its story")
    page.get_by_role("heading", name=re.compile(r"\(0\)$")).wait_for()

    visit.press("What if: branch here")
    page.get_by_label("Lever", exact=True).select_option("sudden shutdown")
    visit.press("Begin it tomorrow")
    page.get_by_text("sudden_shutdown: {'shutdown': 1.0}").first.wait_for()
    visit.press("Step")
    visit.until_day(stopped + 1)
    page.get_by_role("heading", name="What if", exact=True).wait_for()
    here = page.locator("tr", has_text="OSes here").locator("td").all_inner_texts()
    assert int(here[0]) > 0
    assert here[1] == "0"

    visit.press("Reset")
    page.get_by_text("before the first morning").wait_for()
    assert visit.errors == []
    assert visit.hosts() == {"127.0.0.1"}


def test_a_wrong_number_is_said_and_does_no_harm(visit: Visit) -> None:
    visit.page.get_by_label("Agent number").fill("5000")
    visit.press("Tell its story")
    visit.page.get_by_role("alert").wait_for()
    assert "there is no agent 5000" in visit.page.get_by_role("alert").inner_text()
    visit.press("Step")
    visit.until_day(1)
    assert visit.errors == []


def test_a_stored_run_is_opened_and_scrubbed(visit: Visit) -> None:
    visit.page.get_by_label("Watch").select_option("run kept")
    visit.until_day(60)
    visit.page.get_by_role("slider", disabled=False).first.press("ArrowLeft")
    visit.until(lambda: visit.day == 40)
    visit.page.get_by_label("Watch").select_option("the running society")
    visit.page.get_by_text("before the first morning").wait_for()
    assert visit.errors == []
    assert visit.hosts() == {"127.0.0.1"}


def test_everything_can_be_reached_by_keyboard_and_is_labelled(visit: Visit) -> None:
    page = visit.page
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("heading", level=1).inner_text() == "OS Society"
    unnamed = [
        field.evaluate("node => node.outerHTML")
        for field in page.locator("input:visible, select:visible").all()
        if not field.evaluate("node => node.labels.length || node.ariaLabel")
    ]
    assert unnamed == []
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => { let node = document.activeElement
                while (node.shadowRoot?.activeElement)
                  node = node.shadowRoot.activeElement
                return node.outerHTML.slice(0, 80) }"""
            )
        )
    assert len(reached) >= 8
