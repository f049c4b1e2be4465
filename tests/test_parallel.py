"""One pool of processes for many runs, and its progress bar."""

from __future__ import annotations

import gc
import math
import os
from typing import Any

import pytest

from sim.utils.errors import InputError
from sim.utils.parallel import map_all
from sim.utils.portable import processors
from sim.utils.progress import progress_shown


def test_jobs_are_done_in_their_order() -> None:
    assert map_all(math.sqrt, [4.0, 0.0, 9.0]) == [2.0, 0.0, 3.0]
    assert map_all(math.sqrt, []) == []


def root_of(number: float) -> tuple[float, int]:
    """Return a root, and after how many new objects this process looks for garbage."""
    return math.sqrt(number), gc.get_threshold()[0]


@pytest.mark.slow
def test_any_number_of_workers_returns_the_same() -> None:
    jobs = [float(n) for n in range(7)]
    for chunk in (1, 3):
        assert map_all(root_of, jobs, 2, chunk) == map_all(root_of, jobs)


class Elsewhere:
    """Something that another process cannot read."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    raise InputError("its file was changed")


@pytest.mark.slow
def test_a_job_that_cannot_be_read_is_an_error_of_its_own() -> None:
    with pytest.raises(InputError, match="its file was changed"):
        map_all(str, [Elsewhere(), Elsewhere()], workers=2)


def test_it_takes_a_worker() -> None:
    with pytest.raises(InputError, match="at least one worker, not 0"):
        map_all(math.sqrt, [1.0], workers=0)


def test_progress_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    map_all(math.sqrt, [1.0, 4.0])
    assert capsys.readouterr() == ("", "")
    with progress_shown():
        map_all(math.sqrt, [1.0, 4.0])
    out, err = capsys.readouterr()
    assert out == ""
    assert "2/2" in err
    assert "run" in err


def test_a_process_may_use_at_least_one_processor() -> None:
    assert 1 <= processors() <= (os.cpu_count() or 1)
