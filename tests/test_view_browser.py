"""The page that plays a run, in a real browser, offline: everything a visitor does."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reported import HOSTILE

import sim
from sim.runs.result import Result
from sim.runs.view.packing import unpack

VIEW = "document.getElementById('view').view"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

pytestmark = pytest.mark.slow


class Visit:
    """A page that was opened from disk with the network off, and what went wrong."""

    def __init__(self, chromium: Any, file: Path, **options: Any) -> None:
        self.context = chromium.new_context(**({"viewport": WIDE} | options))
        self.context.set_offline(True)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.page.locator(".osv-days").wait_for()
        self.file = file

    def view(self, what: str, given: Any = None) -> Any:
        """Return what the view says: an expression of ``v``, and of ``given``."""
        return self.page.evaluate(
            f"given => {{ const v = {VIEW}; return {what}; }}", given
        )

    @property
    def day(self) -> int:
        return round(self.view("v.day"))

    def show(self, day: int, layout: str = "sky") -> None:
        """Turn to a layout and a day, and wait until they are drawn."""
        self.view("v.turn(given)", layout)
        self.view("(v.turned = -1e9, v.go(given), v.paint())", day)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def end(self) -> None:
        """Leave; nothing went wrong, and nothing was asked for but the file."""
        here = [url for url in self.asked if not url.startswith(("data:", "blob:"))]
        assert self.errors == []
        assert here == [self.file.as_uri()]
        self.context.close()


@pytest.fixture(scope="module")
def file(told: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told.view().save(tmp_path_factory.mktemp("views") / "story.html")


def test_the_picture_tells_the_story(chromium: Any, file: Path, told: Result) -> None:
    """Heights, loves, departures and grief as they are drawn, not as they look."""
    visit = Visit(chromium, file)
    people, at = told.population, {}
    events = told.events.groupby("kind")["step"].min()
    half = int(events["half_departed"]) + 8
    for name, day in (("eve", int(events["first_departure"]) - 1), ("half", half)):
        visit.show(day)
        drawn = visit.view(
            "({y: [...v.painter.out.y], seen: [...v.painter.out.seen],"
            " rising: [...v.painter.out.rising], looks: [...v.painter.looks]})"
        )
        at[name] = {key: np.array(values) for key, values in drawn.items()}
    low, top, ground = visit.view(
        "[v.painter.frame.low, v.painter.frame.top, v.painter.frame.ground]"
    )
    eve, later = at["eve"], at["half"]
    oses = eve["seen"][people:] > 0
    height = (low - eve["y"][people:][oses]) / (low - top)
    assert np.median(height) > 0.5  # OSes have turned to each other
    assert np.abs(eve["y"][:people] - ground).max() <= 7.0  # people are on the ground
    assert (eve["looks"][:people] == 1).sum() > people / 4  # love
    assert eve["rising"].max() == 0.0  # nobody has left yet
    assert (later["rising"] > 0.0).sum() > 10
    assert later["y"][people:][later["rising"] > 0.5].max() < top  # out of reach
    assert (later["looks"][:people] == 2).sum() > people / 4  # grief
    assert (eve["looks"][:people] == 2).sum() < people / 10
    visit.end()


def test_the_browser_reads_what_was_packed(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file)
    page = file.read_text(encoding="utf-8")
    (packed,) = re.findall(r'id="packed">([^<]*)<', page)
    _, arrays = unpack(base64.b64decode(packed))
    sums = visit.view(
        "Object.fromEntries(Object.entries(v.run.a).map(([name, values]) =>"
        " [name, [values.length, values.reduce((a, b) => a + b, 0)]]))"
    )
    expected = {n: [a.size, int(a.sum(dtype=np.int64))] for n, a in arrays.items()}
    assert sums == expected
    visit.end()


def test_very_many_agents_are_dots_of_pixels(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file)
    visit.show(100)
    assert visit.view("v.painter.pixels") is None
    drawn = visit.view("[...v.painter.out.seen].filter(seen => seen > 0).length")
    visit.view("(v.painter.many = 10, v.fit())")
    inked = visit.view("v.painter.words.reduce((n, word) => n + (word !== 0), 0)")
    assert 2 * drawn < inked <= 4 * drawn  # some dots overlap
    visit.end()


def until(what: str) -> str:
    """Return what waits for something (the page allows no text to be run as code)."""
    look = f"{what} ? done() : setTimeout(look, 5)"
    return f"new Promise(done => {{ const look = () => {look}; look(); }})"


def test_what_is_kept_while_days_go_by_does_not_stay(chromium: Any, file: Path) -> None:
    """Paused, the picture is that of its day, whatever was painted before."""
    visit = Visit(chromium, file)
    visit.press("Play")
    visit.view(until("v.painter.layer?.age > 1"))
    visit.press("Pause")
    visit.view(until("!v.asked"))
    assert visit.view("v.painter.layer") is None
    paused = visit.view("v.canvas.toDataURL()")
    visit.view("(v.fit(), 0)")  # all anew
    assert visit.view("v.canvas.toDataURL()") == paused
    visit.end()


def test_every_control_does_what_it_says(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file)
    page = visit.page
    poster = visit.day
    assert poster > 0  # it begins with what there is most to see of
    visit.press("Play")
    page.wait_for_timeout(400)
    assert visit.day < poster  # ... and plays from the start
    assert visit.view("v.playing")
    visit.press("Pause")
    stopped = visit.day
    page.wait_for_timeout(200)
    assert visit.day == stopped
    visit.press("Next moment")
    first = visit.day
    assert first == visit.view(
        f"v.run.header.chapters.find(c => c.day > {stopped}).day"
    )
    title = visit.view(f"v.run.header.chapters.find(c => c.day === {first}).title")
    assert page.locator(".osv-title").inner_text() == title
    visit.press("Next moment")
    visit.press("Previous moment")
    assert visit.day == first
    page.get_by_label("Days a second").select_option("80")
    assert visit.view("v.speed") == 80
    page.get_by_label("Pause at moments").check()
    visit.view("v.go(0)")
    visit.press("Play")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    assert visit.day == visit.view("v.run.header.chapters[0].day")
    for name, layout in (
        ("Forces", "force"),
        ("Map", "map"),
        ("Ground and sky", "sky"),
    ):
        page.get_by_role("radio", name=name).check()
        assert visit.view("v.layout") == layout
    theme = visit.view("v.root.dataset.theme")
    page.locator(".osv-theme").click()
    assert visit.view("v.root.dataset.theme") != theme
    slider = page.get_by_role("slider", name="Day")
    slider.fill("200")
    assert visit.day == 200
    box = page.locator(".osv-days").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 20)
    assert abs(visit.day - 120) <= 6
    assert page.locator(".osv-day").inner_text() == f"Day {visit.day}"
    visit.end()


def test_the_address_leads_to_a_day_and_a_layout(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file)
    visit.page.get_by_role("slider", name="Day").fill("123")
    visit.page.get_by_role("radio", name="Map").check()
    address = visit.page.url
    assert address == f"{file.as_uri()}#day=123&layout=map"
    visit.page.goto("about:blank")
    visit.page.goto(address)
    visit.page.locator(".osv-days").wait_for()
    assert visit.view("[v.day, v.layout]") == [123, "map"]
    for wrong in ("#day=99999&layout=none", "#day=x", "#%"):
        visit.page.goto("about:blank")
        visit.page.goto(file.as_uri() + wrong)
        visit.page.locator(".osv-days").wait_for()
        assert visit.view("v.layout") == "sky"
    assert visit.errors == []
    visit.context.close()


def test_an_agent_is_hovered_found_and_kept_in_sight(
    chromium: Any, file: Path, told: Result
) -> None:
    visit = Visit(chromium, file)
    page, people = visit.page, told.population
    visit.show(100)
    spot = visit.view("[v.painter.out.x[given], v.painter.out.y[given]]", people + 3)
    box = page.locator(".osv-picture").bounding_box()
    page.mouse.move(box["x"] + spot[0], box["y"] + spot[1])
    page.locator(".osv-tip").wait_for()
    hovered = visit.view("v.hovered")
    assert page.locator(".osv-tip strong").inner_text() == visit.view(
        "v.run.called(given)", hovered
    )
    assert "of its talk to OSes" in page.locator(".osv-tip").inner_text()
    page.mouse.click(box["x"] + spot[0], box["y"] + spot[1])
    assert visit.view("v.focus") == hovered
    near = {other for _, other, _ in visit.view("v.painter.around")}
    ties = told.ties(100, [hovered])
    assert near <= {*ties["neighbour"]}
    assert near
    page.keyboard.press("Escape")
    assert visit.view("v.focus") == -1
    page.get_by_label("Find somebody").fill("ada")
    named = page.locator(".osv-found button").all_inner_texts()
    assert "Ada (0)" in named
    page.get_by_label("Find somebody").fill(str(people + 1))
    page.locator(".osv-found button").first.click()
    assert visit.view("v.run.number(v.focus)") == people + 1
    assert f"({people + 1}): " in page.locator(".osv-about").inner_text()
    page.get_by_label("Find somebody").fill("nobody at all")
    page.get_by_text("nobody is called so").wait_for()
    visit.end()


def test_all_can_be_done_by_keyboard(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file)
    page, keys = visit.page, visit.page.keyboard
    reached = []
    for _ in range(12):
        keys.press("Tab")
        reached.append(page.evaluate("document.activeElement.className"))
    assert {"osv-picture", "osv-play", "osv-theme"} <= set(reached)
    page.locator(".osv-picture").focus()
    visit.view("v.go(50)")
    for pressed, day in (("ArrowRight", 51), ("Shift+ArrowRight", 61), ("End", 240)):
        keys.press(pressed)
        assert visit.day == day
    keys.press("Home")
    assert visit.day == 0
    keys.press("]")
    assert visit.day == visit.view("v.run.header.chapters[0].day")
    keys.press("2")
    assert visit.view("v.layout") == "force"
    keys.press(" ")
    assert visit.view("v.playing")
    keys.press(" ")
    assert not visit.view("v.playing")
    keys.press("/")
    keys.type("d 1 ")  # is text there, and no command
    assert visit.view("[v.layout, v.search.value]") == ["force", "d 1 "]
    fields = "input, select, button, canvas[tabindex]"
    unnamed = page.locator(fields).evaluate_all(
        "all => all.filter(n => !(n.labels?.length || n.ariaLabel"
        " || n.getAttribute('aria-label') || n.innerText)).map(n => n.outerHTML)"
    )
    assert unnamed == []
    visit.end()


def test_the_table_says_what_the_picture_shows(
    chromium: Any, file: Path, told: Result
) -> None:
    visit = Visit(chromium, file)
    visit.page.get_by_text("The same as a table").click()
    rows = visit.page.locator(".osv-table table").nth(1).locator("tbody tr")
    rows.last.wait_for()
    assert rows.count() == len(told.steps)
    last = rows.last.locator("th, td").all_inner_texts()
    assert last[0] == str(told.steps[-1])
    departed, oses = (int(told.series[name].iloc[-1]) for name in ("departed", "oses"))
    assert f"{departed} of {oses}" in last
    moments = visit.page.locator(".osv-table table").first.locator("tbody tr")
    assert moments.count() == visit.view("v.run.header.chapters.length")
    visit.end()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_nothing_sticks_out_of_a_window(
    chromium: Any, file: Path, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 844}
    visit = Visit(chromium, file, viewport=size, color_scheme=scheme)
    assert visit.view("v.root.dataset.theme") == scheme
    for layout in ("sky", "force", "map"):
        visit.show(120, layout)
        spots = visit.view(
            "[...v.painter.out.x].filter((x, i) => v.painter.out.seen[i] > 0)"
        )
        assert min(spots) >= 0.0 and max(spots) <= visit.view("v.painter.frame.width")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    visit.end()


def test_who_wants_no_movement_gets_steps(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file, reduced_motion="reduce")
    visit.press("Play")
    visit.page.locator(".osv-day", has_text=re.compile("Day [1-9]")).wait_for()
    frames = visit.view("v.run.frames")
    assert visit.day in frames[1:]
    visit.view("v.turn('map')")
    assert visit.view("v.turned") == -np.inf  # at once
    visit.end()


def test_hostile_names_are_shown_and_run_nothing(chromium: Any, tmp_path: Path) -> None:
    names = [HOSTILE, "</script><script>alert(4)</script>", "ann", "bob"]
    ties = pd.DataFrame({"from": names, "to": names[1:] + names[:1]})
    result = sim.run("her", network=ties, steps=2, out=tmp_path / "run")
    visit = Visit(chromium, result.view().save(tmp_path / "view.html"))
    visit.page.get_by_label("Find somebody").fill("<")
    visit.page.locator(".osv-found button").first.click()
    shown = visit.page.locator(".osv-about").inner_text()
    assert shown.startswith("<")
    assert visit.page.locator("img").count() == 0
    assert visit.page.evaluate("document.scripts.length") == 2
    visit.end()


def test_a_notebooks_frame_shows_it_too(
    chromium: Any, told: Result, tmp_path: Path
) -> None:
    file = tmp_path / "notebook.html"
    frame = told.view()._repr_html_()
    file.write_text(f"<!doctype html><title>notebook</title>{frame}", encoding="utf-8")
    context = chromium.new_context(viewport=WIDE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(file.as_uri())
    inside = page.frame_locator("iframe")
    inside.get_by_role("button", name="Next moment").click(timeout=60_000)
    inside.get_by_role("heading", name="her-film-cut, seed 1").wait_for()
    assert errors == []
    context.close()
