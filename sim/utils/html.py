"""HTML writer: elements with escaped text and attributes, tables, whole pages.

What is no HTML yet is escaped: no name, no utterance and no path becomes anything but
text, whoever wrote it.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

STYLE = Path(__file__).with_name("page.css")
# A page may load nothing and run nothing, whatever is in it.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
# What no page may hold (control characters, halves of pairs, what Unicode calls no
# character), and what makes text look other than it is (the direction of writing).
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    r"\ufdd0-\ufdef\ufffe\uffff"
    + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 17))
    + "]"
)
NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+(e[+-]\d+)?( %)?")
FEW = 3  # columns of a table that fits a narrow window


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


class Section(NamedTuple):
    """A part of the page, under a heading of its own."""

    name: str  # id, unique on the page
    title: str
    parts: Sequence[Html]


def safe(value: object) -> Html:
    """Return text as HTML shows it, whatever it is; HTML as it is."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(value))))


def joined(parts: Iterable[object]) -> Html:
    """Return HTML and texts as one."""
    return Html("".join(map(safe, parts)))


def element(tag: str, *inside: object, **attributes: object) -> Html:
    """Return an element; ``class_`` and ``aria_label`` are attributes, too."""
    return Html(f"{start(tag, **attributes)}{joined(inside)}</{tag}>")


def start(tag: str, **attributes: object) -> Html:
    """Return the tag that begins an element, or is all of it."""
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    given = (f' {names[n]}="{safe(value)}"' for n, value in attributes.items())
    return Html(f"<{tag}{''.join(given)}>")


def paragraph(*inside: object, **attributes: object) -> Html:
    """Return a paragraph."""
    return element("p", *inside, **attributes)


def code(text: object) -> Html:
    """Return a name of the code."""
    return element("code", text)


def bullets(items: Iterable[object]) -> Html:
    """Return a list."""
    return element("ul", *(element("li", item) for item in items))


def pairs(rows: Iterable[tuple[object, object]]) -> Html:
    """Return names with what is to be said of each."""
    entries = (joined((element("dt", n), element("dd", v))) for n, v in rows)
    return element("dl", *(element("div", entry) for entry in entries))


def table(
    caption: str, heads: Sequence[object], rows: Iterable[Sequence[object]]
) -> Html:
    """Return a table with a caption; the first cell of a row is the row's head.

    Wide ones can be scrolled, with the keyboard, too.
    """
    top = element("tr", *(element("th", head, scope="col") for head in heads))
    body = element("tbody", *map(_row, rows))
    found = element("table", element("caption", caption), element("thead", top), body)
    if len(heads) <= FEW:
        return found
    return element(
        "div", found, class_="wide", role="group", aria_label=caption, tabindex=0
    )


def _row(cells: Sequence[object]) -> Html:
    first, *others = cells
    return element("tr", element("th", first, scope="row"), *map(_cell, others))


def _cell(cell: object) -> Html:
    if NUMBER.fullmatch(str(cell)):
        return element("td", cell, class_="number")
    return element("td", cell)


def page(
    title: str, heading: str, lead: Iterable[object], sections: Sequence[Section]
) -> str:
    """Return a whole page that needs nothing but itself, and may load or run nothing.

    Parameters
    ----------
    title
        What a window or a bookmark is called.
    heading
        The one heading of the first rank.
    lead
        What stands above all sections.
    sections
        The parts, each with a place in the list of contents.
    """
    head = joined(
        (
            start("meta", charset="utf-8"),
            start("meta", http_equiv="Content-Security-Policy", content=POLICY),
            start("meta", name="viewport", content="width=device-width"),
            element("title", title),
            element("style", Html(_style())),
        )
    )
    links = [element("a", one.title, href=f"#{one.name}") for one in sections]
    contents = element("nav", bullets(links), aria_label="Contents")
    main = element("main", *map(_section, sections), id="content", tabindex=-1)
    skip = element("a", "Skip to the content", href="#content", class_="skip")
    top = element("header", element("h1", heading), *lead)
    body = element("body", skip, top, contents, main)
    whole = element("html", element("head", head), body, lang="en")
    return f"<!doctype html>\n{whole}\n"


def _section(one: Section) -> Html:
    heading = element("h2", one.title, id=one.name)
    return element("section", heading, *one.parts, aria_labelledby=one.name)


@functools.cache
def _style() -> str:
    return STYLE.read_text(encoding="utf-8")
