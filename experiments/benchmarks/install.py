"""Install the wheel into an empty environment, run it, and weigh what came with it.

    python experiments/benchmarks/install.py
    python experiments/benchmarks/install.py --python python3.11 --python python3.13
    python experiments/benchmarks/install.py --brief        # no list of packages

The wheel is built once. For each Python it is installed with what it needs, in the
versions of `.ci/constraints.txt`, and with no extra; then `import sim` and a small run
must work, outside this folder and with nothing cached. Printed are seconds, megabytes
by package, and who asks for each. It ends with 1 if a step fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
LISTED = 1.0  # megabytes from which a package has a line
SCENARIO = ("her-film-cut", "--humans", "200", "--steps", "200")
# Weighs each distribution of the environment it runs in.
WEIGH = """
import json, re
from importlib import metadata
plain = lambda name: re.sub("[-_.]+", "-", name).lower()
found = {}
for one in metadata.distributions():
    sizes = [f.locate() for f in one.files or ()]
    size = sum(f.stat().st_size for f in sizes if f.is_file())
    wants = [plain(re.match(r"[\\w.-]+", text)[0]) for text in one.requires or ()
             if "extra ==" not in text]
    found[plain(one.name)] = [one.version, size, wants]
print(json.dumps(found))
"""


class Clean:
    """An empty environment of one Python, in a folder of its own.

    Parameters
    ----------
    folder
        An empty one.
    python
        Which Python.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.environment = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("PYTHON", "OS_SOCIETY", "VIRTUAL"))
        } | {"OS_SOCIETY_CACHE": str(folder / "cache"), "MPLBACKEND": "Agg"}
        self.do(python, "-m", "venv", str(folder / "venv"))

    def do(self, *words: str) -> tuple[str, float]:
        """Run a program; return what it prints, and the seconds it took.

        Raises
        ------
        subprocess.CalledProcessError
            If it fails; what it said is on standard error.
        """
        began = time.monotonic()
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout, time.monotonic() - began

    def python(self, *words: str) -> tuple[str, float]:
        """Run the environment's Python."""
        return self.do(str(self.programs / "python"), *words)


def build(folder: Path) -> Path:
    """Build the wheel with pip, and return it."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("os_society-*.whl")
    return wheel


def tried(wheel: Path, python: str, folder: Path) -> dict[str, Any]:
    """Install the wheel for a Python and run it; return what that took, and weighs."""
    clean = Clean(folder, python)
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _, installed = clean.python(*pip, "--constraint", str(CONSTRAINTS), str(wheel))
    version, _ = clean.python("-c", "import sys; print(sys.version.split()[0])")
    where, _ = clean.python("-c", "import sim; print(sim.__file__)")
    assert where.startswith(str(folder)), where
    program = str(clean.programs / "os-society")
    _, first = clean.do(program, "run", *SCENARIO)
    _, second = clean.do(program, "run", *SCENARIO, "--force", "--no-figures")
    weights = json.loads(clean.python("-c", WEIGH)[0])
    return {
        "python": version.strip(),
        "installed": installed,
        "first": first,
        "second": second,
        "packages": {
            n: w for n, w in weights.items() if n not in ("pip", "setuptools")
        },
    }


def megabytes(found: dict[str, Any]) -> float:
    """Return what an environment weighs without pip."""
    return float(sum(size for _, size, _ in found["packages"].values()) / 1e6)


def table(found: dict[str, Any]) -> str:
    """Return a line for each package that weighs something, the heaviest first."""
    packages = found["packages"]
    lines = [f"{'MB':>6}  {'package':<18} {'version':<10} asked for by"]
    for name, (version, size, _) in sorted(packages.items(), key=lambda p: -p[1][1]):
        by = sorted(n for n, (_, _, wants) in packages.items() if name in wants)
        if size / 1e6 >= LISTED:
            lines.append(
                f"{size / 1e6:>6.1f}  {name:<18} {version:<10} {', '.join(by)}"
            )
    return "\n".join(lines)


def main() -> int:
    """Try each Python; return 1 if one fails."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--python", action="append", help="this one (may be repeated)")
    options.add_argument("--brief", action="store_true", help="list no packages")
    args = options.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        wheel = build(Path(place))
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
        for number, given in enumerate(args.python or [sys.executable]):
            python = os.path.abspath(shutil.which(given) or given)
            folder = Path(place) / str(number)
            folder.mkdir()
            try:
                found = tried(wheel, python, folder.resolve())
            except (subprocess.CalledProcessError, OSError) as error:
                failed += 1
                print(f"{python}: {error}")
                continue
            print(
                f"Python {found['python']}: {megabytes(found):.0f} MB, installed in "
                f"{found['installed']:.0f} s, first run {found['first']:.0f} s (with "
                f"compiling), second {found['second']:.0f} s",
                flush=True,
            )
            if not args.brief:
                print(table(found), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
