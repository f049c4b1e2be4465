"""Publishing: what is made beside its place is put there when it is whole.

At every instant there is the old or the new at the place, where the system can exchange
two names; nothing is replaced but what was there at the beginning, unchanged since; and
what a killed process left is removed by the next one that publishes at the same place.

Names beside a place ``x`` tell what they are, and ``TOKEN`` whose:

- ``.x.TOKEN.part.lock`` is locked as long as their process lives;
- ``.x.TOKEN.part`` is being made, or removed: whoever finds it unlocked may remove it;
- ``.x.TOKEN.OLD.NEW.old`` is about to be exchanged with ``x``, or was. It may be
  removed if it is what was made (in the state ``NEW``) or what ``x`` was (``OLD``).
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from sim.utils.errors import InputError
from sim.utils.locks import Lock, signature

LONGEST = 180  # bytes of a name that a hidden name repeats
SILENT = 7 * 24 * 3600.0  # seconds after which nobody on another machine writes
TRIES = 5  # at a place where others publish the same
NO_SUCH_CALL = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
NO_LOCKS = NO_SUCH_CALL | {errno.ENOLCK}
LEFT = re.compile(r"part(?!\.lock$)(\..*)?|[0-9a-f]{16}\.[0-9a-f]{16}\.old")
GONE = (FileNotFoundError, NotADirectoryError)

Home = Callable[[Path], Path | None]


class Draft:
    """A file or folder in the making, and the right to put it in its place.

    Parameters
    ----------
    place
        Where it shall be; its folder must be there.
    replaces
        The ``state_of`` what is there and may be replaced; None: nothing may be.
    suffix
        Ends the hidden name, for writers who go by it.
    at
        Where it is made, and stays if it is not published; None is a hidden name,
        which goes.

    Attributes
    ----------
    part
        Where to make it.
    done
        Where the finished one lies, once it is published or kept beside its place.

    Raises
    ------
    InputError
        If no file can be called like that.
    OSError
        If nothing can be written there.
    """

    def __init__(
        self,
        place: Path,
        replaces: str | None = None,
        suffix: str = "",
        at: Path | None = None,
    ) -> None:
        self.place, self._replaces, self._stays = place, replaces, at is not None
        self._token = secrets.token_hex(4)
        self._trash = hidden(place, f"{self._token}.part{suffix}")
        self.part = at or self._trash
        self.done: Path | None = None
        self._identity: tuple[int, int] | None = None
        with suppress(FileNotFoundError):
            os.lstat(place)  # the lock would say less of what is wrong above it
        self._lock = _lock(hidden(place, f"{self._token}.part.lock"))

    def publish(self, is_same: Callable[[Path], bool] = lambda there: False) -> None:
        """Put what was made in its place.

        Parameters
        ----------
        is_same
            Tells whether what came to the place meanwhile is as good as this, and may
            be replaced.

        Raises
        ------
        InputError
            If something else is there, or it cannot be put there. What was made is then
            kept beside the place, and the message says where.
        """
        self._identity = _identity(self.part)
        try:
            for _ in range(TRIES):
                there = state_of(self.place)
                if there is None:
                    is_done = self._put()
                elif there == self._replaces or is_same(self.place):
                    is_done = self._put_instead(there)
                else:
                    break
                if is_done:
                    self.done = self.place
                    return
        except OSError as error:
            self._keep(f"cannot write {self.place}: {error.strerror or error}")
        self._keep(f"{self.place} is not what it was when this began, and stays")

    def discard(self) -> None:
        """Remove what is left of it; what was published, or is not ours, stays."""
        for old in _entries(self.place, f"{self._token}."):
            if old.suffix == ".old":
                if self._identity is not None and _identity(old) == self._identity:
                    move(old, self.part)
                else:
                    _settle(old, self.place, self._trash, lambda found: None)
        if not self._stays:
            remove(self.part)
        remove(self._trash)
        if self._lock is not None:
            # With something left the file stays, so that the next one tries again.
            self._lock.release(remove=not os.path.lexists(self._trash))

    def _put(self) -> bool:
        """Put it where nothing was; False if there is something."""
        try:
            move(self.part, self.place)
        except FileExistsError:
            return False
        return True

    def _put_instead(self, there: str) -> bool:
        """Put it where there is something to be replaced; False if that has changed."""
        made = state_of(self.part)
        old = hidden(self.place, f"{self._token}.{there}.{made}.old")
        move(self.part, old)  # so that whoever finds it knows what it should be
        try:
            is_exchanged = exchange(old, self.place)
        except GONE:
            move(old, self.part)
            return False
        if not is_exchanged:
            move(old, self.part)
            return self._put_in_two_steps(old, there)
        if state_of(old) == there:
            _throw_away(old, self._trash)
            return True
        exchange(old, self.place)
        if _identity(old) != self._identity:  # it was changed once more
            old, found = move_beside(old, self.place), self.place
            raise InputError(f"{found} is being changed by others; see {old} as well")
        move(old, self.part)
        return False

    def _put_in_two_steps(self, old: Path, there: str) -> bool:
        """Put it where the system cannot exchange names; see ``_put_instead``."""
        try:
            os.rename(self.place, old)  # a name that nobody else has
        except GONE:
            return False
        if state_of(old) != there or not self._put():
            try:
                move(old, self.place)
            except FileExistsError:
                move_beside(old, self.place)
            return False
        _throw_away(old, self._trash)
        return True

    def _keep(self, reason: str) -> None:
        """Keep what was made under a name that is seen, and say so."""
        old = [e for e in _entries(self.place, f"{self._token}.") if e.suffix == ".old"]
        for found in old:  # the system refused in the middle
            if _identity(found) == self._identity:
                move(found, self.part)
        self.done = move_beside(self.part, self.place)
        advice = "move one of them away"
        raise InputError(f"{reason}; what was made is kept as {self.done}: {advice}")


# ---------------------------------------------------------------- what others have left


def sweep(place: Path, home: Home = lambda found: None) -> None:
    """Remove what processes that are no more have left beside a place.

    What was at the place, or should have come there, and is not to be removed, comes
    back to it, or beside it under a name that is seen.

    Parameters
    ----------
    place
        Where something shall be published; there may be nothing.
    home
        Takes what was finished and not published; returns where that belongs, or None
        if it is to be removed.
    """
    prefix = re.escape(hidden(place, "").name)
    _sweep(place.parent, prefix, lambda _: place, home)


def sweep_folder(folder: Path) -> None:
    """Remove what processes that are no more have left in a folder, of any place."""
    _sweep(folder, r"\.(.+)\.", lambda name: folder / name, lambda found: None)


def _sweep(
    folder: Path, prefix: str, place_of: Callable[[str], Path], home: Home
) -> None:
    pattern = re.compile(rf"({prefix}[0-9a-f]{{8}}\.)part\.lock")
    try:
        names = os.listdir(folder)
    except OSError:
        return
    locks = [name for name in names if name.endswith(".part.lock")]
    for found in filter(None, map(pattern.fullmatch, locks)):
        lock, place = folder / found[0], place_of(found[found.re.groups])
        rest = [n.removeprefix(found[1]) for n in names if n.startswith(found[1])]
        left = [folder / f"{found[1]}{one}" for one in filter(LEFT.fullmatch, rest)]
        with suppress(InputError, OSError):
            if _is_ended(lock, left):
                _clear(lock, left, place, home)


def _is_ended(lock: Path, left: list[Path]) -> bool:
    """Tell whether this is a lock of ours, and not of a process on another machine.

    Not every file system tells one machine of the locks of another.
    """
    signed = signature(lock) if stat.S_ISREG(os.lstat(lock).st_mode) else None
    if signed is None:
        return False
    if signed[1] == platform.node():
        return True
    inside = [file for found in left for file in found.glob("**/*")]
    latest = max((os.lstat(one).st_mtime for one in [*left, *inside]), default=0.0)
    return time.time() - latest > SILENT


def _clear(lock: Path, left: list[Path], place: Path, home: Home) -> None:
    held = Lock(lock, str)  # InputError while its process lives
    trash = lock.with_suffix("")
    left.sort(key=lambda found: found.suffix == ".old")  # which take its name to go
    try:
        for found in left:
            if found.suffix == ".old":
                _settle(found, place, trash, home)
            else:
                remove(found)
    finally:
        held.release(remove=not any(map(os.path.lexists, [*left, trash])))


def _settle(old: Path, place: Path, trash: Path, home: Home) -> None:
    """Put away what was to be exchanged with a place, or was."""
    before, made, _ = (one.removeprefix(".") for one in old.suffixes[-3:])
    state, belongs = state_of(old), None
    if state == made:
        belongs = home(old)
    elif state != before:
        move_beside(old, place)
        return
    elif not os.path.lexists(place):
        belongs = place  # it was taken away, and nothing came in its place
    try:
        if belongs is not None:
            move(old, belongs)
            return
    except FileExistsError:
        pass
    _throw_away(old, trash)


def _throw_away(found: Path, trash: Path) -> None:
    """Remove something, under a name by which whoever comes next goes on with it."""
    move(found, trash)
    remove(trash)


def remove(found: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, as far as it can be."""
    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(found).st_mode):
            shutil.rmtree(found, ignore_errors=True)
        else:
            os.unlink(found)


# ------------------------------------------------------------------------------- names


def hidden(place: Path, ending: str) -> Path:
    """Return a hidden name beside a place, of which it says as much as it can.

    Raises
    ------
    InputError
        If there can be nothing beside it, as with a root folder.
    """
    if not place.name or "\0" in str(place):
        raise InputError(f"{str(place)!r} is no name of a file or folder")
    return place.with_name(f".{_short(place.name)}.{ending}")


def _short(name: str) -> str:
    raw = os.fsencode(name)
    if len(raw) <= LONGEST:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:12]
    return f"{raw[: LONGEST - 20].decode(errors='ignore')}~{digest}"


def _entries(place: Path, beginning: str) -> list[Path]:
    start = hidden(place, beginning).name
    with suppress(OSError):
        names = sorted(os.listdir(place.parent))
        return [place.with_name(name) for name in names if name.startswith(start)]
    return []


def _beside(place: Path) -> Iterator[Path]:
    """Yield names like ``run.kept`` and ``report.kept.html``."""
    suffix = place.suffix if len(place.suffix) < 10 else ""
    stem = _short(place.name.removesuffix(suffix))
    for number in count(1):
        again = f"-{number}" if number > 1 else ""
        yield place.with_name(f"{stem}.kept{again}{suffix}")


def move_beside(found: Path, place: Path) -> Path:
    """Rename something to an unused name beside a place that is seen; return it."""
    for name in _beside(place):
        with suppress(FileExistsError):
            move(found, name)
            return name
    raise AssertionError  # there is always another name


def _lock(file: Path) -> Lock | None:
    """Return a lock that nobody can have yet; None where there are no locks."""
    for _ in range(TRIES):
        try:
            return Lock(file, str)
        except InputError:
            continue  # somebody looked whether it is left over, and lets go of it
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            with suppress(OSError):
                file.unlink()
            return None
    raise InputError(f"others keep {file} locked; try again")


# ------------------------------------------------------------------------------- state


def state_of(path: Path) -> str | None:
    """Return 16 hex digits that change with what is at a path; None if nothing is.

    They tell files, folders and links apart, and see all that is in a folder: names,
    sizes, times of change. No link is followed.
    """
    digest = hashlib.sha256()
    try:
        digest.update(_seen(path))
    except GONE:
        return None
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            for name, folders, files in os.walk(path):
                folders.sort()
                for found in sorted([*folders, *files]):
                    digest.update(os.fsencode(found) + b"\0")
                    digest.update(_seen(Path(name, found)))
    except GONE:
        return secrets.token_hex(8)  # it changes while it is looked at
    return digest.hexdigest()[:16]


def _seen(path: Path) -> bytes:
    found = os.lstat(path)
    kept = [stat.S_IFMT(found.st_mode), found.st_dev, found.st_ino]
    if not stat.S_ISDIR(found.st_mode):
        kept += [found.st_size, found.st_mtime_ns]
    return repr(kept).encode()


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(*GONE):
        found = os.lstat(path)
        return found.st_dev, found.st_ino
    return None


# ----------------------------------------------------------------------------- renaming


def move(source: Path, target: Path) -> None:
    """Rename a file or folder to a name that is free.

    Raises
    ------
    FileExistsError
        If anything is there, be it an empty folder or a link to nothing.
    OSError
        If it cannot be renamed.
    """
    if _rename(source, target, "new"):
        return
    if os.name != "nt" and os.path.lexists(target):
        # What comes after this look is seen by the calls below, all but an empty folder
        # and, where there are no hard links, a file.
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    if os.name != "nt" and not stat.S_ISDIR(os.lstat(source).st_mode):
        with suppress(NotImplementedError):
            try:
                os.link(source, target, follow_symlinks=False)
            except FileExistsError:
                raise
            except OSError:
                pass  # no hard links here
            else:
                os.unlink(source)
                return
    try:
        os.rename(source, target)  # which Windows refuses if anything is there
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.ENOTDIR):
            raise FileExistsError(errno.EEXIST, error.strerror, str(target)) from None
        raise


def exchange(one: Path, other: Path) -> bool:
    """Let two files or folders exchange names at once; False if the system cannot.

    Raises
    ------
    OSError
        If one of them is not there, or it is refused.
    """
    return _rename(one, other, "exchange")


def _rename(source: Path, target: Path, how: str) -> bool:
    """Rename by the call that looks before it replaces; False if there is none."""
    call = _calls().get(how)
    if call is None:
        return False
    import ctypes

    # As ``os.rename`` does: whoever audits a process sees these renames as well.
    sys.audit("os.rename", str(source), str(target), -1, -1)
    if call(os.fsencode(source), os.fsencode(target)) == 0:
        return True
    code = ctypes.get_errno()
    if code in NO_SUCH_CALL:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))


@functools.cache
def _calls() -> dict[str, Callable[[bytes, bytes], int]]:
    """Return the calls of Linux or macOS that rename to a free name, or exchange."""
    if os.name == "nt":
        return {}
    import ctypes

    library: Any = ctypes.CDLL(None, use_errno=True)
    name, flag = ctypes.c_char_p, ctypes.c_uint
    if hasattr(library, "renameat2"):
        library.renameat2.argtypes = [ctypes.c_int, name, ctypes.c_int, name, flag]
        call, flags = partial(_linux, library), {"new": 1, "exchange": 2}
    elif hasattr(library, "renamex_np"):
        library.renamex_np.argtypes = [name, name, flag]
        call, flags = partial(_macos, library), {"new": 4, "exchange": 2}
    else:
        return {}
    return {how: partial(call, number) for how, number in flags.items()}


def _linux(library: Any, flag: int, one: bytes, other: bytes) -> int:
    here = -100  # AT_FDCWD: names are as the process sees them
    return int(library.renameat2(here, one, here, other, flag))


def _macos(library: Any, flag: int, one: bytes, other: bytes) -> int:
    return int(library.renamex_np(one, other, flag))
