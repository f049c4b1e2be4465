"""Write the hashes of all packages that `make` installs on Linux (x86-64).

    python .ci/lock.py python3.11 python3.12 python3.13

Each interpreter's pip is asked what it would install here for this package, with the
pins of `constraints.txt`, and says which file it chose and its SHA-256. Written are
`lock-run.txt` (what the package needs, its build included) and `lock-dev.txt` (what is
developed with, besides). Run it whenever a pin has changed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUILD = ("hatchling", "editables")
MARKERS = {  # of the versions of Python that a line is for
    "3.11": 'python_version < "3.12"',
    "3.12 3.13": 'python_version >= "3.12"',
    "3.11 3.12": 'python_version < "3.13"',
    "3.13": 'python_version >= "3.13"',
}
HEAD = (
    f"# Written by .ci/{Path(__file__).name}: do not edit. For Linux on x86-64 only.\n"
)


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


def lines(found: dict[str, dict[str, str]]) -> list[str]:
    """Return a line for each package, with its hashes on every version of Python."""
    names = sorted({name for one in found.values() for name in one})
    written = []
    for name in names:
        versions = [version for version, one in found.items() if name in one]
        marker = ""
        if len(versions) < len(found):
            marker = f" ; {MARKERS[' '.join(versions)]}"
        hashes = sorted({found[version][name] for version in versions})
        parts = [f"{name}{marker}", *(f"--hash=sha256:{one}" for one in hashes)]
        written.append(" \\\n    ".join(parts) + "\n")
    return written


def main() -> None:
    """Ask each interpreter, and write."""
    run: dict[str, dict[str, str]] = {}
    dev: dict[str, dict[str, str]] = {}
    for python in sys.argv[1:]:
        tell = "import sys; print('%d.%d' % sys.version_info[:2])"
        version = subprocess.check_output([python, "-c", tell], text=True).strip()
        run[version], dev[version] = chosen(python, "."), chosen(python, ".[dev]")
        if other := run[version].items() - dev[version].items():
            raise SystemExit(f"Python {version} would install two of {sorted(other)}")
        for name in run[version]:
            del dev[version][name]
    (HERE / "lock-run.txt").write_text(HEAD + "".join(lines(run)))
    (HERE / "lock-dev.txt").write_text(HEAD + "".join(lines(dev)))


if __name__ == "__main__":
    main()
