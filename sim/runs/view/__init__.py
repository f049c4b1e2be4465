"""View of a run: an interactive picture on one page, for a file and for a notebook.

The picture is drawn by one JavaScript module (``view.js``), which reads the packed run
(``packing.py``). A page holds both and needs nothing else: it loads nothing, and a
policy in it forbids that it ever could.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from sim.model.parameters import FRIEND
from sim.runs import headcount
from sim.runs.view.packing import pack
from sim.utils.errors import InputError, legible
from sim.utils.files import write_text
from sim.utils.html import Html, element, joined, start
from sim.utils.text import counted

if TYPE_CHECKING:
    from sim.runs.result import Result

FOLDER = Path(__file__).parent
SUFFIXES = (".html", ".htm")
LOWEST, HEIGHT, HIGHEST = 300, 900, 4000  # pixels of a view in a notebook
BODY = "body{margin:0}"
START = """
const home = document.getElementById("view");
const packed = document.getElementById("packed").textContent;
const address = location.protocol !== "about:"; // a frame in a notebook has none
mount(home, packed, { address }).catch((error) => {
  home.textContent = `The run cannot be shown: ${error.message}`;
});
"""
# Nothing may be loaded or sent, and only the style and the script of this page, known
# by their digests, are in force.
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; "
    "base-uri 'none'; form-action 'none'"
)


class RunView:
    """A view of a run; a notebook shows it, and it can be saved as a page.

    Parameters
    ----------
    page
        All of it, as HTML.
    title
        What it shows, in a line.
    height
        Pixels, in a notebook.
    """

    def __init__(self, page: str, title: str, height: int) -> None:
        self.page = page
        self._title = title
        self._height = height

    def __repr__(self) -> str:
        return f"RunView of {self._title}; save it with .save('view.html')"

    def _repr_html_(self) -> str:
        """Return the page in a frame that can reach nothing around it."""
        style = f"width:100%;height:{self._height}px;border:0"
        return element(
            "iframe",
            srcdoc=self.page,
            sandbox="allow-scripts",
            style=style,
            title=f"View of {self._title}",
        )

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all; return where.

        Raises
        ------
        InputError
            If the file is not called .html, or cannot be written there.
        """
        place = check_place(path)
        write_text(place, self.page)
        return place


def check_place(path: str | Path) -> Path:
    """Return the path of a page.

    Raises
    ------
    InputError
        If the file is not called .html.
    """
    place = Path(path)
    if place.suffix.lower() not in SUFFIXES:
        raise InputError(f"cannot write {place}: a page is a file of .html")
    return place


def of_result(result: Result, closest: float = FRIEND, height: int = HEIGHT) -> RunView:
    """Return a view of a run, as ``Result.view`` describes it."""
    if not 0.0 <= closest <= 1.0:
        raise InputError(f"'closest' is a closeness from 0 to 1, not {closest}")
    if not LOWEST <= height <= HIGHEST:
        raise InputError(f"'height' is {LOWEST} to {HIGHEST} pixels, not {height}")
    return RunView(page(result, closest), title_of(result), height)


def page(result: Result, closest: float = FRIEND) -> str:
    """Return a page that plays a run, and needs nothing but itself.

    No text of the run stands in it as text: all is in the packed bytes, which the
    script shows as text. The same run and code give the same page.

    Parameters
    ----------
    result
        A run, or a society that is read like one.
    closest
        Ties less close than this are not drawn, 0..1.

    Raises
    ------
    InputError
        If the run has no snapshots, or is damaged.
    """
    packed = base64.b64encode(pack(result, closest)).decode()
    script, style = source("view.js") + START, source("view.css") + BODY
    policy = POLICY.format(script=_digest(script), style=_digest(style))
    title = title_of(result)
    head = joined(
        (
            start("meta", charset="utf-8"),
            start("meta", http_equiv="Content-Security-Policy", content=policy),
            start("meta", name="viewport", content="width=device-width"),
            element("title", title),
            element("style", Html(style)),
        )
    )
    silent = element("noscript", "This page plays a run; it takes JavaScript.")
    data = element("script", Html(packed), type="text/plain", id="packed")
    code = element("script", Html(script), type="module")
    body = element("body", element("main", id="view"), silent, data, code)
    return (
        f"<!doctype html>\n{element('html', element('head', head), body, lang='en')}\n"
    )


def title_of(result: Result) -> str:
    """Return which run this is: its scenario, seed and size."""
    found = result.provenance
    title = legible(f"{found.get('scenario')}, seed {found.get('seed')}")
    when = " on day 0" if headcount.changes(result) else ""
    return f"{title}: {counted(headcount.at_start(result), 'human')}{when}"


@functools.cache
def source(name: str) -> str:
    """Return the text of a file of the view: ``view.js`` or ``view.css``."""
    return (FOLDER / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the digest by which a policy knows a script or a style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
