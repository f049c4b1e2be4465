"""Take out one optional mechanism of the shipped model after another, and try the rest.

python experiments/benchmarks/optional_mechanisms.py [--only touch,stigma]

For each, the package is copied without the mechanism's file. In the copy a society is
run, swept, drawn and reported, and the tests of all other mechanisms are run. Each copy
compiles its own loops, which takes most of the time: half a minute each on a free
processor. Prints a line a mechanism; ends with 1 if one fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from without_mechanisms import OPTIONAL, copied, tried


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(OPTIONAL), help="names, with commas")
    failed = 0
    for name in parser.parse_args().only.split(","):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = tried(copied(Path(folder, "copy"), [name]))
            except AssertionError as error:
                found, failed = f"FAILED: {error}", 1
        print(f"{name:15} {time.monotonic() - begun:6.0f} s   {found}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
