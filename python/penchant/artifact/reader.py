"""Loading a model: nothing is opened before its type, size and header are what they should be.

Arrays are mapped, so that loading takes no time and all processes share the pages. What is verified
is compared by digest; what isn't is still checked in size, dtype and shape.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import sys
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from penchant import kernels
from penchant.artifact import npy
from penchant.artifact.manifest import (
    MANIFEST,
    MAX_BYTES,
    SEAL_LENGTH,
    ArtifactInfo,
    File,
    Manifest,
    Node,
)
from penchant.artifact.names import Malformed, array_path, folder_path
from penchant.artifact.swap import located, undisturbed
from penchant.errors import ModelFileError
from penchant.protocols import State

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.protocols import Json

T = TypeVar("T")
Buffer: TypeAlias = "mmap.mmap | npt.NDArray[np.uint8]"

# A mapping keeps a file descriptor and two pages busy, so what is small is read instead.
_MAPPED_FROM = 64 << 10
# Below this a second thread costs more than it saves.
_SHARED_FROM = 8 << 20
_ATTEMPTS = 16
_MADV_POPULATE_READ = 22
_STEP = 4 << 20
# Never waits for a writer of a pipe, never follows a link, never leaks into a child.
_OPEN = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_MMAP: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model read from disk.

    manifest: what the caller of `write` gave. `state`: its arrays are read-only plain `ndarray`s,
    the large ones mapped; its folders are paths inside the model. `info`: facts of the file.
    """

    manifest: Mapping[str, Json]
    state: State
    info: ArtifactInfo


def read(folder: str | os.PathLike[str], *, verify: bool = True) -> Loaded:
    """Load the model in `folder`.

    verify: compare the BLAKE3 digest of every file, about 0.1 s for 300 MB in memory. Sizes,
    dtypes, shapes and the manifest's own digest are compared in any case.

    A model that is replaced meanwhile is read whole, as it was before or as it is after. The arrays
    live on when the folder is replaced or removed; folders of the state are found in the folder and
    don't. Raises ModelFileError, naming the file, for anything that isn't as it was written.
    """
    return _steadily(folder, lambda place: _read(place, verify))


def inspect(folder: str | os.PathLike[str]) -> Mapping[str, Json]:
    """Give the manifest of the model in `folder` without opening anything else.

    Its entries: `format`, `penchant` (the version that wrote it), `created`, `model` (what the
    caller of `write` gave), `state` (names by part) and `files` (size, blake3, dtype, shape by
    path). Raises ModelFileError as `read` does.
    """
    return MappingProxyType(_steadily(folder, lambda place: read_manifest(place).to_json()))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the model in `folder`; raises Malformed, and OSError."""
    if not folder.exists():
        raise Malformed("there is no such folder")
    if not folder.is_dir():
        raise Malformed("it is no folder")
    if not os.path.lexists(folder / MANIFEST):
        raise Malformed(f"it has no {MANIFEST}, so it is no penchant model")
    descriptor, size = _open(folder, MANIFEST)
    with os.fdopen(descriptor, "rb") as file:
        if size > MAX_BYTES:
            raise Malformed(f"{MANIFEST} has {size:,} bytes and the limit is {MAX_BYTES:,}")
        return Manifest.decode(file.read(MAX_BYTES + 1))


def strangers(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Paths in a model's folder of which its manifest says nothing."""
    for path, _ in _listing(folder, manifest):
        if path not in manifest.files and path != MANIFEST:
            yield path


def _steadily(folder: str | os.PathLike[str], attempt: Callable[[Path], T]) -> T:
    """Do `attempt`, and do it again if a writer replaced the model meanwhile."""
    for _ in range(_ATTEMPTS):
        try:
            place = located(Path(folder).resolve())
        except (OSError, ValueError, RuntimeError) as error:
            # A name with a zero byte or too long, a loop of links.
            raise ModelFileError(f"{str(folder)!r} can't be a model: {error}") from error
        seal = _seal(place)
        try:
            found = attempt(place)
        except (Malformed, OSError) as error:
            # Between a writer's two renames there is nothing in the place.
            with undisturbed(place.parent):
                same = located(place) == place and _seal(place) == seal
            if same:
                raise ModelFileError(
                    f"the model in {place} can't be used: {_words(error)}"
                ) from None
        else:
            if _seal(place) == seal:
                return found
    raise ModelFileError(
        f"the model in {place} can't be used: it was replaced {_ATTEMPTS} times while it was "
        "read; load it when its writer has come to rest"
    )


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _seal(place: Path) -> bytes | None:
    """The first lines of the manifest, which hold the digest of the rest: a model's identity."""
    try:
        descriptor, _ = _open(place, MANIFEST)
    except (Malformed, OSError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(SEAL_LENGTH)


def _read(place: Path, verify: bool) -> Loaded:
    manifest = read_manifest(place)
    files = manifest.arrays()
    _check_listing(place, manifest)
    buffers = {path: _open_array(place, path, *what) for path, what in files.items()}
    if verify:
        _verify(place, manifest.files, buffers)
    arrays = {
        path: np.ndarray(shape, dtype, buffers[path], len(npy.header(dtype, shape)))
        for path, (_, dtype, shape) in files.items()
    }
    state = _state(manifest.state, (), place, arrays)
    return Loaded(MappingProxyType(manifest.model), state, manifest.info)


def _state(
    node: Node, at: tuple[str, ...], place: Path, arrays: Mapping[str, npt.NDArray[Any]]
) -> State:
    return State(
        arrays=MappingProxyType({name: arrays[array_path(at, name)] for name in node.arrays}),
        meta=MappingProxyType(node.meta),
        parts=MappingProxyType(
            {name: _state(part, (*at, name), place, arrays) for name, part in node.parts.items()}
        ),
        folders=MappingProxyType({name: place / folder_path(at, name) for name in node.folders}),
    )


# ---- what is in the folder


def _listing(folder: Path, manifest: Manifest) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything in the folder by path; of folders, those that the manifest doesn't call for."""
    # Sorted paths instead of a set of all their parents: a hostile manifest could choose its size.
    called_for = sorted((*manifest.files, *(f"{root}/" for root in manifest.folders())))
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(folder / prefix) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                first = bisect_left(called_for, f"{path}/")
                if first < len(called_for) and called_for[first].startswith(f"{path}/"):
                    pending.append(f"{path}/")
                    continue
            yield path, entry


def _check_listing(folder: Path, manifest: Manifest) -> None:
    missing = dict.fromkeys(manifest.files)
    for path, entry in _listing(folder, manifest):
        if not entry.is_file(follow_symlinks=False):
            what = "a symbolic link" if entry.is_symlink() else "no regular file"
            raise Malformed(f"{path} is {what}; a model holds regular files only")
        if path == MANIFEST:
            continue
        if path not in manifest.files:
            raise Malformed(f"{path} isn't in the manifest; a model's folder holds nothing else")
        del missing[path]
        _check_size(path, entry.stat(follow_symlinks=False).st_size, manifest.files[path].size)
    for path in (*missing, *(r for r in manifest.folders() if not (folder / r).is_dir())):
        raise Malformed(f"{path} is missing; copy or save the model again")


def _check_size(path: str, size: int, wanted: int) -> None:
    if size != wanted:
        raise Malformed(
            f"{path} has {size:,} bytes and was written with {wanted:,}; "
            "copy or save the model again"
        )


# ---- files


def _open(folder: Path, path: str) -> tuple[int, int]:
    """Open a regular file of the model for reading: its descriptor and its size."""
    descriptor = os.open(folder / path, _OPEN)
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise Malformed(f"{path} is no regular file; a model holds regular files only")
    return descriptor, facts.st_size


def _open_array(
    folder: Path, path: str, file: File, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Buffer:
    """Map an array's file, or read it if it is small; its header is what it should be."""
    descriptor, size = _open(folder, path)
    buffer: Buffer
    with os.fdopen(descriptor, "rb", buffering=0) as opened:
        _check_size(path, size, file.size)
        if size >= _MAPPED_FROM:
            buffer = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ, **_MMAP)
        else:
            buffer = _aligned(opened.read())
    head = npy.header(dtype, shape)
    if bytes(buffer[: len(head)]) != head:
        raise Malformed(f"{path} doesn't begin as an array of {dtype} and shape {list(shape)} does")
    return buffer


def _aligned(data: bytes) -> npt.NDArray[np.uint8]:
    """Copy bytes to where a cache line begins, as those of a mapping do."""
    room = np.empty(len(data) + npy.ALIGNMENT, np.uint8)
    start = -room.__array_interface__["data"][0] % npy.ALIGNMENT
    room[start : start + len(data)] = np.frombuffer(data, np.uint8)
    room.setflags(write=False)
    return room[start : start + len(data)]


def _verify(folder: Path, files: Mapping[str, File], buffers: Mapping[str, Buffer]) -> None:
    """Compare the digests of all files; the large ones first, on two threads where it pays."""
    pending = deque(sorted(files, key=lambda path: -files[path].size))
    problems: dict[str, str] = {}

    def work() -> None:
        while pending:
            try:
                path = pending.popleft()
            except IndexError:
                return
            try:
                if _digest(folder / path, buffers.get(path)) != files[path].blake3:
                    problems[path] = "was changed after it was written"
            except OSError as error:
                problems[path] = f"can't be read ({error.strerror})"

    helper = None
    if sum(file.size for file in files.values()) >= _SHARED_FROM and len(files) > 1:
        helper = threading.Thread(target=work, name="penchant-verify")
        helper.start()
    try:
        work()
    finally:
        pending.clear()
        if helper is not None:
            helper.join()
    for path in files:
        if path in problems:
            raise Malformed(f"{path} {problems[path]}; copy or save the model again")


def _digest(file: Path, buffer: Buffer | None) -> str:
    """Digest the bytes that will be served: those mapped or read, else those of the file."""
    if buffer is None:
        return kernels.blake3(str(file))
    if isinstance(buffer, mmap.mmap):
        _populate(buffer)
    return kernels.blake3_bytes(np.frombuffer(buffer, np.uint8))


def _populate(mapping: mmap.mmap) -> None:
    """Have the pages of a mapping read in; raises OSError where the disk can't give them.

    Without this a bad sector would end the process (SIGBUS) instead of raising an error.
    """
    if sys.platform != "linux":
        return
    # In steps: `madvise` holds the GIL, and a cold disk is slow.
    for start in range(0, len(mapping), _STEP):
        try:
            mapping.madvise(_MADV_POPULATE_READ, start, min(_STEP, len(mapping) - start))
        except OSError as error:
            if error.errno == errno.EINVAL:  # before Linux 5.14
                return
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
