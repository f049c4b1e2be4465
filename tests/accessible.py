"""What is wrong with a page: not valid, not accessible, or not on its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import html5lib

SPACE = "{http://www.w3.org/1999/xhtml}"
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
LOADING = ("src", "srcset", "data", "poster", "action", "formaction", "background")
FORBIDDEN = ("script", "iframe", "object", "embed", "link", "base", "form", "template")
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, for text of any size
PIXELS = re.compile(r"(;base64,[A-Za-z0-9+/]{40})[A-Za-z0-9+/]+")
SHORTEST = 40  # letters of an alternative text that can tell what is seen

Element = Any
Rule = tuple[str, dict[str, str]]


def faults(text: str) -> list[str]:
    """Return all that is wrong with a page; nothing if all is well."""
    text = PIXELS.sub(r"\1", text)  # megabytes, in which no page goes wrong
    try:
        page = html5lib.HTMLParser(strict=True).parse(text)
    except html5lib.html5parser.ParseError as error:
        return [f"not valid: {error}"]
    checks = (structure, headings, images, tables, names, links, alone)
    found = [fault for check in checks for fault in check(page)]
    style = "".join(sheet.text or "" for sheet in each(page, "style"))
    return found + [fault for scheme in (False, True) for fault in faint(style, scheme)]


def each(page: Element, *tags: str) -> list[Element]:
    """Return the elements of some kinds, in the order of the page; all if none."""
    wanted = {SPACE + tag for tag in tags}
    return [one for one in page.iter() if not tags or one.tag in wanted]


def said(one: Element) -> str:
    """Return the text inside an element."""
    return " ".join("".join(one.itertext()).split())


def kind(one: Element) -> str:
    return str(one.tag).removeprefix(SPACE)


# ------------------------------------------------------------------------- structure


def structure(page: Element) -> Iterator[str]:
    """Yield what is missing of a language, a title, a main part and a way to it."""
    if not page.get("lang"):
        yield "no language"
    if not any(said(title) for title in each(page, "title")):
        yield "no title"
    parts = each(page, "main")
    if len(parts) != 1:
        return (yield f"{len(parts)} main parts")
    first = next(iter(each(page, "a")), None)
    if first is None or first.get("href") != f"#{parts[0].get('id')}":
        yield "the first link does not skip to the main part"


def headings(page: Element) -> Iterator[str]:
    """Yield headings that are empty, missing, or of a rank that jumps."""
    found = each(page, *HEADINGS)
    ranks = [int(kind(one)[1]) for one in found]
    if ranks.count(1) != 1:
        yield f"{ranks.count(1)} headings of the first rank"
    if ranks and ranks[0] != 1:
        yield "the first heading is not of the first rank"
    for (before, rank), heading in zip(pairwise(ranks), found[1:], strict=True):
        if rank > before + 1:
            yield f"from h{before} to h{rank} at {said(heading)!r}"
    yield from (f"an empty {kind(one)}" for one in found if not said(one))


def images(page: Element) -> Iterator[str]:
    """Yield images without words, and figures without a caption."""
    for image in each(page, "img"):
        if len(image.get("alt") or "") < SHORTEST:
            yield f"an image says only {image.get('alt')!r}"
    for figure in each(page, "figure"):
        if not any(said(one) for one in each(figure, "figcaption")):
            yield "a figure has no caption"


def tables(page: Element) -> Iterator[str]:
    """Yield tables that nobody can find their way in."""
    for table in each(page, "table"):
        if kind(table[0]) != "caption" or not said(table[0]):
            yield "a table has no caption"
        heads = each(table, "th")
        if not heads:
            yield f"no heads in {said(table[0])!r}"
        for head in heads:
            if head.get("scope") not in ("col", "row"):
                yield f"no scope at {said(head)!r}"


def names(page: Element) -> Iterator[str]:
    """Yield what can be reached by keyboard and has no name, and ids given twice."""
    ids = [one.get("id") for one in each(page) if one.get("id")]
    yield from (
        f"id {name} {ids.count(name)} times" for name in {*ids} if ids.count(name) > 1
    )
    for one in each(page):
        for name in (one.get("aria-labelledby") or "").split():
            if name not in ids:
                yield f"labelled by {name}, which is not there"
        if one.get("tabindex") == "0" and not (
            one.get("role") and one.get("aria-label")
        ):
            yield f"a {kind(one)} can be focused and has no name"
    for field in each(page, "input", "select", "textarea"):
        labels = [
            one for one in each(page, "label") if one.get("for") == field.get("id")
        ]
        if not (labels or field.get("aria-label")):
            yield f"no label for a {kind(field)}"


def links(page: Element) -> Iterator[str]:
    """Yield links that lead nowhere, or out of the page."""
    ids = {one.get("id") for one in each(page)}
    for link in each(page, "a"):
        target = link.get("href") or ""
        if not target.startswith("#"):
            yield f"a link leads to {target!r}"
        elif target[1:] not in ids:
            yield f"nothing is at {target}"
        if not said(link):
            yield f"an empty link to {target}"


def alone(page: Element) -> Iterator[str]:
    """Yield whatever runs, or would be asked of a server."""
    yield from (f"a {kind(one)} element" for one in each(page, *FORBIDDEN))
    for one in each(page):
        for name, value in one.items():
            if name.lower().startswith("on"):
                yield f"{name} on a {kind(one)}"
            if "javascript:" in value.lower() and name in ("href", *LOADING):
                yield f"a script in {name} of a {kind(one)}"
            if name in LOADING and not value.startswith("data:image/"):
                yield f"a {kind(one)} loads {value[:60]!r}"
        text = (one.text or "") if kind(one) == "style" else one.get("style") or ""
        yield from (f"style loads {bad}" for bad in re.findall(r"@import|url\(", text))


# -------------------------------------------------------------------------- contrast


def faint(style: str, dark: bool = False) -> Iterator[str]:
    """Yield colours of text that are too near those they may stand on.

    A rule that sets both is judged by itself. All others may meet: each colour of
    text is held against each background.
    """
    rules = rules_of(style, dark)
    known = {n: v for _, told in rules for n, v in told.items() if n.startswith("--")}
    inks, papers = [], []
    for selector, told in rules:
        ink, paper = told.get("color"), told.get("background")
        if ink and paper and selector != "body":
            yield from too_near(selector, resolved(ink, known), resolved(paper, known))
        if ink and (selector == "body" or not paper):
            inks.append((selector, resolved(ink, known)))
        if paper and (selector == "body" or not ink):
            papers.append(resolved(paper, known))
    for (selector, ink), paper in product(inks, papers):
        yield from too_near(selector, ink, paper)


def rules_of(style: str, dark: bool) -> list[Rule]:
    """Return the rules of a style sheet that are in force on a light or dark screen."""
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    found: list[Rule] = []
    for head, body in blocks(style):
        if not head.startswith("@"):
            lines = (line.partition(":") for line in body.split(";"))
            found.append(
                (head, {name.strip(): value.strip() for name, _, value in lines})
            )
        elif dark and "prefers-color-scheme: dark" in head:
            found += rules_of(body, dark)
    return found


def blocks(style: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before braces, and in them."""
    depth = start = inside = 0
    for at, letter in enumerate(style):
        if letter == "{":
            inside = at if not depth else inside
            depth += 1
        elif letter == "}":
            depth -= 1
            if not depth:
                yield style[start:inside].strip(), style[inside + 1 : at]
                start = at + 1


def resolved(value: str, known: dict[str, str]) -> str:
    """Return a colour, wherever it is told."""
    variable = re.fullmatch(r"var\((--[\w-]+)\)", value)
    return known.get(variable[1], value) if variable else value


def too_near(selector: str, ink: str, paper: str) -> Iterator[str]:
    ratio = contrast(ink, paper)
    if ratio < LEAST_CONTRAST:
        yield f"{selector}: {ink} on {paper} has a contrast of {ratio:.2f}"


def contrast(one: str, other: str) -> float:
    """Return the ratio of the luminances of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour told as ``#rrggbb``, 0 to 1."""
    digits = re.fullmatch(r"#([0-9a-f]{6})", colour.lower())
    assert digits, f"a colour is told as #rrggbb, not {colour!r}"
    parts = [int(digits[1][at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return sum(
        weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )
