"""What tests of reports share: no figures, copies of runs, hostile words."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from digests import without_digests

from sim.runs.result import Result

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
FORMULA, ADDRESS = '=cmd("rm")', "javascript:alert(3)"
DOT = "data:image/png;base64,iVBORw0KGgo=", (1, 1)


@contextmanager
def undrawn() -> Iterator[None]:
    """Draw nothing: a dot takes the place of each figure."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sim.reports.figures.drawn", lambda _: DOT)
        yield


def text_of(page: str) -> str:
    """Return what a page says, without its marks."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def copied(told: Result, place: Path, **changes: Any) -> Path:
    """Copy a run; change its provenance."""
    shutil.copytree(told.path, place)
    if changes:
        certificate = place / "provenance.json"
        certificate.write_text(json.dumps(told.provenance | changes))
        without_digests(place)
    return place
