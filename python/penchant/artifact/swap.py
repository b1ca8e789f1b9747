"""A folder that is replaced whole or not at all, whatever stops the program.

The new folder is made beside the old one, pushed to the disk, and the two change names in one step
of the file system (`renameat2` with RENAME_EXCHANGE, Linux 3.15). Where there is no such step, the
old one is set aside first; a program that dies between the two renames leaves it aside, `located`
finds it there, and the next writer puts it back.

Locks (`flock`) tell the leftovers of the dead from the work of the living; the system drops them
with the process that held them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def replacing(target: Path, check: Callable[[], None]) -> Iterator[Path]:
    """Give an empty folder that takes the place of `target` when the block ends without an error.

    `check` raises what should stop the replacement; it is asked at the start and again just before
    the swap, while no other writer can interfere. An error leaves `target` as it was and removes
    the new folder. The parent folder is made if need be. The files written in the block must have
    been synced; folders are synced here. Raises OSError.
    """
    _make_parents(target.parent)
    fresh = _sibling(target, "tmp")
    with ExitStack() as cleaning:
        with _locked(target.parent):
            _put_back(target)
            check()
            _sweep(target)
            # After an exchange this is the old folder. What resists is swept by the next writer.
            cleaning.callback(shutil.rmtree, fresh, ignore_errors=True)
            fresh.mkdir()
            _try_lock(cleaning.enter_context(_opened(fresh)))
        yield fresh
        for folder, _, _ in os.walk(fresh, topdown=False):
            sync_folder(Path(folder))
        with _locked(target.parent):
            check()
            _swap(fresh, target)


def located(target: Path) -> Path:
    """Give the place of a folder: `target`, or where a writer that died had set it aside."""
    if not os.path.lexists(target):
        aside = _aside(target)
        if aside and not os.path.lexists(target):
            return aside[-1]
    return target


@contextmanager
def undisturbed(folder: Path) -> Iterator[None]:
    """Keep writers from swapping anything in a folder while a reader looks.

    Where the folder can't be opened or locked, hope.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(_locked(folder))
        yield


def sync_folder(folder: Path) -> None:
    """Push the names in a folder to the disk; does nothing where folders can't be opened."""
    with _opened(folder) as descriptor:
        if descriptor is not None:
            os.fsync(descriptor)


def _swap(fresh: Path, target: Path) -> None:
    undo: Callable[[], None]
    if not os.path.lexists(target):
        fresh.rename(target)

        def undo() -> None:
            target.rename(fresh)
    elif _exchange(fresh, target):

        def undo() -> None:
            _exchange(fresh, target)
    else:
        _swap_by_steps(fresh, target)
        return
    try:
        sync_folder(target.parent)
    except OSError:
        undo()
        raise


def _swap_by_steps(fresh: Path, target: Path) -> None:
    aside = _sibling(target, "old")
    target.rename(aside)
    try:
        fresh.rename(target)
        sync_folder(target.parent)
    except BaseException:
        if not fresh.exists():
            target.rename(fresh)
        aside.rename(target)
        raise
    # Thrown away under the other name: a half removed ".old" must never be put back.
    thrown = aside.with_suffix(".tmp")
    with suppress(OSError):
        aside.rename(thrown)
        shutil.rmtree(thrown)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system has no such step."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    paths = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    if renameat2(*paths, _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


# ---- siblings: `.<name>.<random>.tmp` is being written or thrown away, `.old` is set aside


def _sibling(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{os.urandom(8).hex()}.{kind}")


def _siblings(target: Path, kinds: str) -> list[Path]:
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.(?:{kinds})")
    with os.scandir(target.parent) as entries:
        found = [
            Path(entry.path)
            for entry in entries
            if pattern.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
    return sorted(found)


def _aside(target: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(_siblings(target, "old"), key=lambda path: path.stat().st_ctime_ns)
    return []


def _put_back(target: Path) -> None:
    aside = _aside(target)
    if aside and not os.path.lexists(target):
        aside[-1].rename(target)


def _sweep(target: Path) -> None:
    """Remove what writers that died have left."""
    for leftover in _siblings(target, "tmp|old"):
        with suppress(OSError), _opened(leftover) as descriptor:
            if _try_lock(descriptor):
                shutil.rmtree(leftover, ignore_errors=True)


def _make_parents(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


# ---- locks


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """Open a folder, for its sync or its lock; None on a system that opens files only."""
    if sys.platform == "win32":
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int | None) -> bool:
    """Lock a folder for the life of its descriptor; False if it is held, or can't be locked."""
    if sys.platform == "win32" or descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other writers out of a folder; on a file system without locks, hope."""
    with _opened(folder) as descriptor:
        if sys.platform != "win32" and descriptor is not None:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
