"""Words and links of the documentation site: what is misspelt, and what leads nowhere.

British spelling is what documents are in (``AMERICAN`` lists what they are not in);
other misspellings are those that codespell knows. ``words.txt`` has the few words that
either takes for misspelt and that are not: names, mostly.
"""

from __future__ import annotations

import io
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

WORDS = Path(__file__).parent / "words.txt"
# American spellings, by the British ones; endings that follow are spelt alike.
AMERICAN = {
    **{"behavior": "behaviour", "color": "colour", "favor": "favour"},
    **{"neighbor": "neighbour", "honor": "honour", "laborer": "labourer"},
    **{"humor": "humour", "rumor": "rumour", "center": "centre", "fiber": "fibre"},
    **{"gray": "grey", "catalog": "catalogue", "dialog": "dialogue"},
    **{"modeling": "modelling", "modeled": "modelled", "labeled": "labelled"},
    **{"labeling": "labelling", "canceled": "cancelled", "traveled": "travelled"},
    **{"signaling": "signalling", "fulfill": "fulfil", "judgment": "judgement"},
    **{"analyze": "analyse", "defense": "defence"},
}
_AMERICAN = re.compile(rf"\b({'|'.join(AMERICAN)})(?!ue)\w*", re.IGNORECASE)
# What is no prose of ours: code, addresses, references, and names of files.
_NO_PROSE = re.compile(
    r"^```.*?^```|^    [^\n]*$|`[^`]*`|https?://\S+|\]\([^)\n]*\)"
    r"|^- [^\n]*doi:[^\n]*$|\[@[^]\n]*\]",
    re.MULTILINE | re.DOTALL,
)
SECONDS = 20.0  # to wait for a page of another site
AT_ONCE = 8
GONE = (404, 410)  # other refusals are of programs, not of people


def american(text: str) -> Iterator[tuple[int, str, str]]:
    r"""Yield American spellings in a text of Markdown: line, word, the British one.

    Code, addresses and references are left out.

    Examples
    --------
    >>> list(american("The colour of `color`\nis a Color."))
    [(2, 'Color', 'colour')]
    """
    known = WORDS.read_text("utf-8").split()
    prose = _NO_PROSE.sub(lambda found: "\n" * found[0].count("\n"), text)
    for number, line in enumerate(prose.split("\n"), 1):
        for found in _AMERICAN.finditer(line):
            if found[0].lower() in known:
                continue
            yield number, found[0], AMERICAN[found[1].lower()]


def misspelt(folder: Path) -> list[str]:
    """Return a line for each word that is misspelt in a folder's pages of Markdown."""
    pages = sorted(folder.rglob("*.md"))
    faults = [
        f"{page.relative_to(folder)}:{number}: {word} ==> {meant}"
        for page in pages
        for number, word, meant in american(page.read_text("utf-8"))
    ]
    from codespell_lib import main as spell

    options = ["--quiet-level=3", f"--ignore-words={WORDS}"]
    with redirect_stdout(io.StringIO()) as said:
        spell(*options, *(str(page) for page in pages))
    lines = said.getvalue().splitlines()
    return faults + [line.removeprefix(f"{folder}{os.sep}") for line in lines]


class _Page(HTMLParser):
    """What a page links to, and which places in it can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.places |= {known.get(name) or "" for name in ("id", "name")}
        name = {"a": "href", "link": "href", "img": "src", "script": "src"}.get(tag)
        if name is not None and known.get(name):
            self.links.add(str(known[name]))


def broken(folder: Path) -> list[str]:
    """Return a line for each link within a built site that leads nowhere.

    Parameters
    ----------
    folder
        In which the pages are.
    """
    files = [file for file in folder.rglob("*.html") if "_static" not in file.parts]
    pages = {file: _Page(file.read_text("utf-8")) for file in files}
    faults = []
    for file, page in sorted(pages.items()):
        for link in sorted(page.links):
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            address, place = urldefrag(link)
            path = unquote(urlsplit(address).path)
            target = (file.parent / path).resolve() if path else file
            there = target.exists()
            if there and place and target in pages:
                there = unquote(place) in pages[target].places
            if not there:
                faults.append(f"{file.relative_to(folder)}: {link} leads nowhere")
    return faults


def unreachable(folder: Path) -> list[str]:
    """Return a line for each page of another site that is linked to and is gone."""
    links = {
        urldefrag(link)[0]
        for file in sorted(folder.rglob("*.html"))
        for link in _Page(file.read_text("utf-8")).links
        if urlsplit(link).scheme in ("http", "https")
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [one for one in pool.map(_is_gone, sorted(links)) if one]


def _is_gone(link: str) -> str:
    """Return a line if there is no page at an address, else an empty text."""
    asked = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0"})
    try:
        with urllib.request.urlopen(asked, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"{link}: {error.code}" if error.code in GONE else ""
    except (OSError, ValueError) as error:
        return f"{link}: {error}"
