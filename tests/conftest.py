"""What every test shares: repeatable examples, no screen, and where the data lies."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from sim.runs.result import Result
    from sim.society import Society

ROOT = Path(__file__).parents[1]

# Before anything imports matplotlib, here or in a subprocess.
os.environ["MPLBACKEND"] = "Agg"

# The same examples on every machine and every run; compiling is not a slow example.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=50
)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="module", autouse=True)
def few_objects_to_collect() -> Iterator[None]:
    """Take what is there out of garbage collection: each society run asks for one."""
    gc.collect()
    gc.freeze()
    yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of shared data sets, which are not part of the repository."""
    given = os.environ.get("OS_SOCIETY_DATA")
    folder = Path(given) if given else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set OS_SOCIETY_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def story() -> Society:
    """Return a quick society at the end of its story; tests only look at it."""
    from quick import lived

    return lived()


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run of a whole quick story of 80 humans; tests only read it."""
    from quick import QUICK, SEED

    from sim import scenarios
    from sim.runs import run

    scenario = scenarios.load("her").replace(**(QUICK | {"humans": 80}))
    out = tmp_path_factory.mktemp("runs") / "story"
    return run.run(scenario, seed=SEED, out=out, snapshot_every=10)
