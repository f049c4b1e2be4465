"""A well-meant wrong call gets one line that says what to do, and never a traceback.

`wrong_calls` draws them from the grammar of the command line, and from the signatures
of public functions. Few every day, some more in the whole suite, and thousands by
``python tests/test_wrong_calls.py COUNT`` (with the package on PYTHONPATH).
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import wrong_calls
from wrong_calls import Call, Wrong

import sim
from sim import cli


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    wrong_calls.furnish(folder)
    return folder


@pytest.fixture(autouse=True)
def there(furnished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where files are that calls name; nobody types, and no model is named."""
    monkeypatch.chdir(furnished)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def complaints(calls: Sequence[Call]) -> list[tuple[Call, str]]:
    """Return the calls that are answered by anything but one line and code 2.

    A few are right by chance, or judged (code 1 of ``check``), and say nothing.
    """
    found = []
    for call in calls:
        said, code = io.StringIO(), object()
        with redirect_stdout(io.StringIO()), redirect_stderr(said):
            try:
                code = cli.main(call.arguments)
            except SystemExit as error:
                code = error.code
        err = said.getvalue()
        in_line = err.startswith("os-society: error: ") and err.count("\n") == 1
        if (not in_line) if code == 2 else (code not in (0, 1) or err):
            found.append((call, f"{code}: {err[:300]}"))
    return found


def refusals(calls: Sequence[Wrong]) -> list[tuple[Wrong, str]]:
    """Return the calls that raise anything but an InputError of one line."""
    found = []
    for call in calls:
        try:
            wrong_calls.function_of(call.name)(**call.given)
        except sim.InputError as error:
            if len(str(error).splitlines()) != 1:
                found.append((call, str(error)))
        except Exception as error:
            found.append((call, f"{type(error).__name__}: {error!s:.300}"))
    return found


def test_calls_are_the_same_every_time() -> None:
    assert wrong_calls.command_line(90) == wrong_calls.command_line(90)
    assert len({call.arguments for call in wrong_calls.command_line(300)}) == 300
    assert repr(wrong_calls.api(9)) == repr(wrong_calls.api(9))


@pytest.mark.slow
def test_wrong_commands_get_one_line() -> None:
    assert complaints(wrong_calls.command_line(70)) == []


def test_wrong_arguments_get_an_input_error() -> None:
    assert refusals(wrong_calls.api(30)) == []


@pytest.mark.slow
def test_hundreds_of_wrong_commands_get_one_line() -> None:
    assert complaints(wrong_calls.command_line(250)) == []


@pytest.mark.slow
def test_hundreds_of_wrong_arguments_get_an_input_error() -> None:
    assert refusals(wrong_calls.api(250)) == []


def main(count: int) -> int:
    """Make so many wrong calls of either kind; print what was answered wrongly."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        wrong_calls.furnish(Path(folder))
        sys.stdin = io.StringIO()
        found: list[object] = [*complaints(wrong_calls.command_line(count))]
        found += refusals(wrong_calls.api(count))
    print(*found, f"{count} calls of either kind, {len(found)} mistakes", sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
