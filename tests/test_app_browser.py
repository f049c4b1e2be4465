"""The live page in a real browser: everything a visitor does, and nothing else.

One server and one browser serve all; each test is a visit of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE = 90_000  # milliseconds
WIDE, MIDDLE, NARROW = (1440, 900), (1024, 800), (390, 844)
RUNS = ("first", "second")
# What is checked where axe-core is not to be had: names, roles, and contrast of texts.
CONTRAST = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => {
      const s = Number(v) / 255;
      return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/^rgba\\(.*, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const poor = [], walk = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) walk(node.shadowRoot);
      const own = [...node.childNodes].some(
        (c) => c.nodeType === 3 && c.textContent.trim());
      if (!own || !node.checkVisibility({ checkVisibilityCSS: true })) continue;
      if (node.closest(".osv-stage, .osv-hidden, style, script, [disabled]")) continue;
      const style = getComputedStyle(node);
      const [a, b] = [light(style.color), light(ground(node))].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) poor.push(`${node.textContent.trim().slice(0, 40)} ${ratio}`);
    }
  };
  walk(document.body);
  return poor;
}"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the page, with two stored runs beside it; return where."""
    pytest.importorskip("panel", reason="Panel is not installed: extra 'app'")
    place = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "sim"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    small = ["her", "--humans", "60", "--steps", "60", "--no-figures"]
    for seed, name in enumerate(RUNS):
        kept = ["--out", f"results/runs/{name}", "--snapshot-every", "20"]
        subprocess.run(
            [*command, "run", *small, *kept, "--seed", str(seed)],
            cwd=place,
            env=environment,
            check=True,
            capture_output=True,
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

    def __init__(self, context: Any, address: str) -> None:
        self.page = page = context.new_page()
        self.errors: list[str] = []
        self.asked: set[str] = set()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._listen)
        page.on("request", lambda request: self.asked.add(request.url))
        page.on("websocket", lambda socket: self.asked.add(socket.url))
        self.go(address)

    def go(self, address: str) -> None:
        """Open the page, and wait until its picture is there."""
        self.page.goto(address)
        self.page.locator(".osv-days").first.wait_for()
        self.page.locator("p.status").wait_for()

    def _listen(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def views(self, what: str) -> list[Any]:
        """Return what each view says: an expression of ``v``."""
        found: list[Any] = self.page.evaluate(f"scenes.views.map((v) => {what})")
        return found

    @property
    def day(self) -> int:
        found = re.match(r"Day (\d+)", self.page.locator("p.status").inner_text())
        assert found
        return int(found.group(1))

    @property
    def address(self) -> dict[str, str]:
        asked = parse_qs(urlparse(self.page.url).query)
        return {name: values[0] for name, values in asked.items()}

    def until(self, holds: Any) -> None:
        """Wait until something holds."""
        ends = time.monotonic() + PATIENCE / 1000
        while not holds():
            assert time.monotonic() < ends, "it did not come about in time"
            time.sleep(0.05)

    def slow_down(self) -> None:
        """Let days go by slowly: all of them may be over before one sees the first."""
        self.page.get_by_label("Days a second").select_option("30")

    def play_until(self, day: int) -> None:
        """Play without stops, and pause when a day is reached, well before the end."""
        self.slow_down()
        self.page.get_by_label("Stop at moments of the story").uncheck()
        self.press("Play")
        self.until(lambda: self.day >= day)
        self.press("Pause")
        self.until(lambda: self.address.get("day") == str(self.day))

    def end(self) -> None:
        """Leave; nothing went wrong, and nobody else was asked for anything."""
        local = (url for url in self.asked if not url.startswith(("data:", "blob:")))
        assert {urlparse(url).hostname for url in local} == {"127.0.0.1"}
        assert self.errors == []


@pytest.fixture
def context(chromium: Any) -> Iterator[Any]:
    size = dict(zip(("width", "height"), WIDE, strict=True))
    found = chromium.new_context(viewport=size, color_scheme="light")
    yield found
    found.close()


@pytest.fixture
def visit(context: Any, address: str) -> Visit:
    return Visit(context, address)


def test_a_visit_from_the_first_day_to_the_reset(visit: Visit) -> None:
    page = visit.page
    growth = page.get_by_label("growth rate of an OS in full talk")
    growth.fill("0.01")
    growth.press("Enter")
    page.get_by_text("os_growth_rate = 0.01").first.wait_for()
    visit.press("Step")
    visit.until(lambda: visit.day == 1)
    visit.press("Play")  # stops at the first moment of the story
    page.locator("p.moment").wait_for()
    moment = visit.day
    assert moment > 1
    assert visit.address["day"] == str(moment)
    visit.play_until(140)
    stopped = visit.day
    visit.until(lambda: visit.views("Math.round(v.day)") == [stopped])
    days = visit.views("[v.run.a.days.length, v.run.last]")
    assert days == [[stopped, stopped]]

    page.get_by_label("Lever", exact=True).select_option("sudden shutdown")
    visit.press("Begin it tomorrow")  # beside what would have been
    visit.until(lambda: len(visit.views("v.day")) == 2)
    page.get_by_text("sudden shutdown: shutdown = 1.0").first.wait_for()
    page.get_by_role("button", name="Keep what if").wait_for()
    visit.press("Step")
    visit.until(lambda: visit.day == stopped + 1)
    page.get_by_role("heading", name="What if", exact=True).wait_for()
    here = page.locator("tr", has_text="OSes here").locator("td").all_inner_texts()
    assert int(here[0]) > 0
    assert here[1] == "0"
    ghosts = visit.views("v.ghost ? v.ghost === scenes.runs[0] : false")
    assert ghosts == [False, True]
    visit.until(lambda: page.get_by_text("as it was:").count() > 0)
    past = visit.views("v.run.frames.length")
    assert past[1] == past[0] > 3  # the branch has the past of the first

    visit.press("Keep what if")
    visit.until(lambda: len(visit.views("v.day")) == 1)
    assert visit.views("v.run.curve('left', v.run.last) >= 0") == [True]
    visit.press("Reset")
    page.get_by_text("before the first morning").wait_for()
    page.get_by_role("alert").get_by_text("Begun again").wait_for()
    visit.end()


def test_somebody_is_clicked_found_and_told_of(visit: Visit) -> None:
    page = visit.page
    visit.play_until(45)
    page.get_by_label("Agent number").fill("12")
    visit.press("Tell its story")
    page.get_by_role("heading", name=re.compile(r"\(12\)$")).wait_for()
    visit.until(lambda: visit.views("v.run.number(v.focus)") == [12])
    spot = visit.views("[v.painter.out.x[7], v.painter.out.y[7]]")[0]
    box = page.locator(".osv-picture").bounding_box()
    page.mouse.move(box["x"] + spot[0], box["y"] + spot[1])
    page.locator(".osv-tip").wait_for()
    name = page.locator(".osv-tip strong").inner_text()
    page.mouse.click(box["x"] + spot[0], box["y"] + spot[1])
    page.get_by_role("heading", name=name).wait_for()
    page.get_by_label("Find somebody").fill("60")
    page.locator(".osv-found button").first.click()
    page.get_by_role("heading", name=re.compile(r"^OS .*\(60\)$")).wait_for()
    page.get_by_label("Agent number").fill("5000")
    visit.press("Tell its story")
    page.get_by_role("alert").get_by_text("there is no agent 5000").wait_for()
    visit.end()


def test_what_is_wrong_is_said_and_changes_nothing(visit: Visit, address: str) -> None:
    page, alert = visit.page, visit.page.get_by_role("alert")
    for field, wrong, said in (
        ("Humans", "0", "from 1 to"),
        ("Humans", "50000", "at most 20,000 humans"),
        ("Random seed", "-3", "from 0 to"),
        ("growth rate of an OS in full talk", "7", "from 0 to 1"),
    ):
        known = page.get_by_label(field).first
        before = known.input_value()
        known.fill(wrong)
        known.press("Enter")
        alert.get_by_text(said).first.wait_for()
        visit.until(lambda known=known, it=before: known.input_value() == it)
    visit.go(f"{address}?scenario=her&did=5:explode")
    alert.get_by_text("which cannot be done").wait_for()
    visit.end()


def test_a_stored_run_is_opened_scrubbed_and_compared(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Watch").select_option("run first")
    visit.until(lambda: visit.views("[v.live, v.run.last]") == [[False, 60]])
    page.get_by_role("slider", name="Day").fill("40")
    visit.until(lambda: visit.day == 40)
    visit.press("Play")
    visit.until(lambda: visit.views("v.day > 42") == [True])
    page.get_by_label("Compare with").select_option("run second")
    visit.until(lambda: len(visit.views("v && v.run.header.seed")) == 2)
    page.get_by_role("heading", name="Side by side").wait_for()
    visit.views("v.go(20)")
    visit.until(lambda: visit.views("v.day") == [20, 20])
    assert visit.address == {"run": "first", "beside": "second"}
    page.reload()
    page.locator(".osv-days").nth(1).wait_for()
    assert visit.views("v.run.header.seed") == ["0", "1"]
    page.get_by_label("Watch").select_option("the running society")
    page.get_by_text("before the first morning").wait_for()
    visit.end()


def test_a_society_outlives_a_reload_a_link_and_a_second_tab(
    visit: Visit, context: Any, address: str
) -> None:
    visit.play_until(30)
    stopped, here = visit.day, visit.page.url
    visit.page.reload()
    visit.page.locator(".osv-days").first.wait_for()
    visit.until(lambda: visit.day == stopped)
    assert visit.views("v.run.a.days.length") == [stopped]
    link = re.sub(r"&society=[^&]*", "", here)
    other = Visit(context, link)  # simulates the same days
    other.until(lambda: other.day == stopped)
    assert other.page.locator("p.status").inner_text() == (
        visit.page.locator("p.status").inner_text()
    )
    other.press("Step")
    other.until(lambda: other.day == stopped + 1)
    assert visit.day == stopped
    visit.end()
    other.end()


def test_a_society_is_saved_as_a_run(visit: Visit) -> None:
    visit.play_until(20)
    visit.press("Save as a run")
    visit.page.get_by_role("alert").get_by_text("Saved as a run").wait_for()
    names = visit.page.get_by_label("Watch").locator("option").all_inner_texts()
    (name,) = [name for name in names if name.startswith("run her-")]
    visit.page.get_by_label("Watch").select_option(name)
    visit.until(lambda: visit.views("v.live") == [False])
    visit.end()


def test_every_layout_in_every_window(visit: Visit) -> None:
    page = visit.page
    visit.play_until(50)
    for width, height in (WIDE, MIDDLE, NARROW):
        page.set_viewport_size({"width": width, "height": height})
        for name, layout in (
            ("Forces", "force"),
            ("Map", "map"),
            ("Ground and sky", "sky"),
        ):
            page.get_by_role("radio", name=name).check()
            assert visit.views("v.layout") == [layout]
        assert page.evaluate("document.documentElement.scrollWidth") == width
    for theme in ("dark", "light"):
        page.get_by_role("button", name=f"Use a {theme} background").click()
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        assert page.evaluate(CONTRAST) == []
    visit.end()


def test_everything_can_be_reached_by_keyboard_and_is_labelled(visit: Visit) -> None:
    page = visit.page
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("heading", level=1).inner_text() == "OS Society"
    fields = "input:visible, select:visible, button:visible, canvas[tabindex]"
    unnamed = page.locator(fields).evaluate_all(
        "all => all.filter(n => !(n.labels?.length || n.getAttribute('aria-label')"
        " || n.innerText?.trim() || n.closest('label'))).map(n => n.outerHTML)"
    )
    assert unnamed == []
    assert page.get_by_role("main").locator("canvas").count() > 0
    assert page.get_by_role("search").get_attribute("aria-label") == "Find in as it is"
    assert page.locator("svg:not([role=img]):not([aria-hidden])").count() == 0
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => { let node = document.activeElement
                while (node.shadowRoot?.activeElement)
                  node = node.shadowRoot.activeElement
                return node.outerHTML.slice(0, 80) }"""
            )
        )
    assert len(reached) >= 15
    visit.slow_down()
    page.locator(".osv-picture").focus()
    page.keyboard.press("2")
    assert visit.views("v.layout") == ["force"]
    page.keyboard.press(" ")  # plays: the society lives elsewhere
    visit.until(lambda: visit.day > 3)
    page.keyboard.press(" ")
    page.locator(".osv-picture").focus()
    page.keyboard.press("Home")
    assert visit.views("v.day") == [0]
    assert visit.views("v.following") == [False]
    visit.press("Last day")
    assert visit.views("v.following") == [True]
    visit.end()
