"""Write the hashes of all packages that `make` installs on Linux.

    python .ci/lock.py python3.11 python3.12 python3.13

Each interpreter's pip is asked what it would install here for this package, with the
pins of `constraints.txt`, and says which file it chose and its SHA-256. The index says
which other files there are for Linux and these interpreters: another pip, C library or
processor takes one of those. Written are
`lock-run.txt` (what the package and its live page need, its build included) and, for
what is needed besides, `lock-dev.txt` (to develop) and `lock-docs.txt` (to build the
documentation site). Run it whenever a pin has changed.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from packaging.tags import Tag
from packaging.utils import parse_sdist_filename, parse_wheel_filename

HERE = Path(__file__).parent
INDEX = "https://pypi.org/simple"
LISTING = "application/vnd.pypi.simple.v1+json"
BUILD = ("hatchling", "editables")
MARKERS = {  # of the versions of Python that a line is for
    "3.11": 'python_version < "3.12"',
    "3.12 3.13": 'python_version >= "3.12"',
    "3.11 3.12": 'python_version < "3.13"',
    "3.13": 'python_version >= "3.13"',
}
HEAD = f"# Written by .ci/{Path(__file__).name}: do not edit. For Linux only.\n"


def chosen(python: str, what: str) -> dict[str, Any]:
    """Return what pip would install, by name and version."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        options = ["--quiet", "--dry-run", "--ignore-installed", "--report"]
        options += [report.name, "--constraint", str(HERE / "constraints.txt")]
        subprocess.run(
            [python, "-m", "pip", "install", *options, *BUILD, "--editable", what],
            cwd=HERE.parent,
            check=True,
        )
        found = json.loads(Path(report.name).read_text())["install"]
    return {
        f"{plain(one['metadata']['name'])}=={one['metadata']['version']}": one[
            "download_info"
        ]["archive_info"]["hashes"]["sha256"]
        for one in found
        if "archive_info" in one["download_info"]  # all but this package itself
    }


def plain(name: str) -> str:
    """Return the name of a package as it is compared."""
    return re.sub("[-_.]+", "-", name).lower()


@functools.cache
def index(name: str) -> list[dict[str, Any]]:
    """Return the files of a package, as the index lists them (PEP 691)."""
    asked = urllib.request.Request(f"{INDEX}/{name}/", headers={"Accept": LISTING})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)["files"]
    return found


def offered(pin: str) -> set[str]:
    """Return the SHA-256 of each file of ``name==version`` that Linux may take."""
    name, _, version = pin.partition("==")
    found = set()
    for one in index(name):
        file = one["filename"]
        try:
            if file.endswith(".whl"):
                _, its, _, tags = parse_wheel_filename(file)
                fits = any(is_for_linux(tag) for tag in tags)
            else:
                (_, its), fits = parse_sdist_filename(file), True
        except ValueError:
            continue
        if fits and str(its) == version:
            found.add(one["hashes"]["sha256"])
    return found


def is_for_linux(tag: Tag) -> bool:
    """Tell whether a wheel may run on Linux with one of our versions of Python."""
    interpreters = ("py3", "cp311", "cp312", "cp313")
    is_ours = tag.interpreter.startswith(interpreters) or tag.abi == "abi3"
    return is_ours and (tag.platform == "any" or "linux" in tag.platform)


def lines(found: dict[str, dict[str, str]]) -> list[str]:
    """Return a line for each package, with its hashes on every version of Python."""
    names = sorted({name for one in found.values() for name in one})
    written = []
    for name in names:
        versions = [version for version, one in found.items() if name in one]
        marker = ""
        if len(versions) < len(found):
            marker = f" ; {MARKERS[' '.join(versions)]}"
        taken = {found[version][name] for version in versions}
        there = offered(name)
        if other := taken - there:
            print(f"{name}: the index does not list {sorted(other)}", file=sys.stderr)
        hashes = sorted(taken | there)
        parts = [f"{name}{marker}", *(f"--hash=sha256:{one}" for one in hashes)]
        written.append(" \\\n    ".join(parts) + "\n")
    return written


def main() -> None:
    """Ask each interpreter, and write."""
    run: dict[str, dict[str, str]] = {}
    more: dict[str, dict[str, dict[str, str]]] = {"dev": {}, "docs": {}}
    for python in sys.argv[1:]:
        tell = "import sys; print('%d.%d' % sys.version_info[:2])"
        version = subprocess.check_output([python, "-c", tell], text=True).strip()
        run[version] = chosen(python, ".[app]")
        for extra, found in more.items():
            found[version] = chosen(python, f".[app,{extra}]")
            if other := run[version].items() - found[version].items():
                text = f"Python {version} would install two of {sorted(other)}"
                raise SystemExit(text)
            for name in run[version]:
                del found[version][name]
    (HERE / "lock-run.txt").write_text(HEAD + "".join(lines(run)))
    for extra, found in more.items():
        (HERE / f"lock-{extra}.txt").write_text(HEAD + "".join(lines(found)))


if __name__ == "__main__":
    main()
