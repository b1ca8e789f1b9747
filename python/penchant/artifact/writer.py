"""Saving a model: everything is checked first, written beside, synced, then put in place whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from penchant import kernels
from penchant.artifact import npy
from penchant.artifact.manifest import MANIFEST, File, Manifest, Node, plain
from penchant.artifact.names import (
    Malformed,
    array_path,
    check_names,
    check_path,
    folder_path,
    part_name,
)
from penchant.artifact.reader import read_manifest, strangers
from penchant.artifact.swap import replacing
from penchant.errors import ModelFileError
from penchant.protocols import State

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.protocols import Json

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Plan:
    """What will be written where; nothing has touched the disk yet."""

    tree: Node
    arrays: Mapping[str, npt.NDArray[Any]]
    folders: Mapping[str, Path]


def write(
    folder: str | os.PathLike[str],
    manifest: Mapping[str, Json],
    state: State,
    *,
    overwrite: bool = True,
) -> None:
    """Save `manifest` and `state` as a model in `folder`.

    A crash at any moment leaves the old model or the new one, and a process that has the old one
    mapped goes on with it. `folder` may hold a model, be empty or not exist; a folder with anything
    else inside is left alone. A symbolic link is followed: what it points to is replaced. Arrays
    are stored little-endian in C order, and one that is so already isn't copied. Folders of the
    state are copied with all regular files below; empty folders in them are not kept.

    Raises ModelFileError, with nothing changed and nothing left behind: for what can't be stored
    (objects, no JSON, a link out of a folder), for a `folder` that isn't a model or, with
    `overwrite=False`, exists, and for whatever the system refuses (disk full, read-only folder).
    """
    try:
        target = Path(folder).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"a model can't be saved to {str(folder)!r}: {error}") from error
    try:
        _check_target(target, overwrite)
        plan = _plan(state)
        model = plain(manifest, "the manifest")
        with replacing(target, lambda: _check_target(target, overwrite)) as fresh:
            files = {path: _write_array(fresh, path, a) for path, a in plan.arrays.items()}
            for root, source in plan.folders.items():
                files |= _copy_folder(fresh, root, source)
            whole = Manifest(_version(), _now(), model, plan.tree, files)
            with _created(fresh, MANIFEST) as file:
                file.write(whole.encode())
    except Malformed as problem:
        raise ModelFileError(f"a model can't be saved to {target}: {problem}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError(f"a model can't be saved to {target}: {reason}") from error


def _version() -> str:
    from importlib.metadata import version

    return version("penchant")


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")


def _check_target(target: Path, overwrite: bool) -> None:
    if target.is_mount():
        raise Malformed("a mount point can't be replaced; name a folder inside it")
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise Malformed("there is a file of that name; choose another folder")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise Malformed("it exists; pass overwrite=True to replace it")
    try:
        found = read_manifest(target)
    except Malformed as problem:
        raise Malformed(
            f"it holds something that is no readable model ({problem}); choose another folder or "
            "remove it yourself"
        ) from None
    for path in strangers(target, found):
        raise Malformed(
            f"it holds {path!r}, which is no part of the model there; move that away first"
        )


# ---- the plan


def _plan(state: State) -> _Plan:
    arrays: dict[str, npt.NDArray[Any]] = {}
    folders: dict[str, Path] = {}

    def visit(part: State, at: tuple[str, ...]) -> Node:
        if not isinstance(part, State):
            raise Malformed(
                f"the state of {part_name(at)} is a {type(part).__name__}; wanted a "
                "penchant.protocols.State"
            )
        check_names(at, part.arrays, part.folders, part.parts)
        where = part_name(at)
        for name, array in part.arrays.items():
            arrays[array_path(at, name)] = _storable(array, f"the array {name!r} of {where}")
        for name, source in part.folders.items():
            folders[folder_path(at, name)] = _readable(source, f"the folder {name!r} of {where}")
        return Node(
            plain(part.meta, f"meta of {where}"),
            tuple(part.arrays),
            tuple(part.folders),
            {name: visit(inner, (*at, name)) for name, inner in part.parts.items()},
        )

    return _Plan(visit(state, ()), arrays, folders)


def _storable(array: object, where: str) -> npt.NDArray[Any]:
    if not isinstance(array, np.ndarray):
        raise Malformed(f"{where} is a {type(array).__name__}; wanted a numpy array")
    try:
        npy.file_size(npy.little_endian(array.dtype), array.shape)
    except ValueError as error:
        raise Malformed(f"{where} {error}") from None
    return np.asarray(array)


def _readable(source: Path, where: str) -> Path:
    folder = Path(source)
    if not folder.is_dir():
        raise Malformed(f"{where} isn't there: {folder}")
    return folder.resolve()


# ---- files


@contextmanager
def _created(fresh: Path, path: str) -> Iterator[BinaryIO]:
    """Open a new file below `fresh`; it is on the disk when the block ends."""
    place = fresh / path
    place.parent.mkdir(parents=True, exist_ok=True)
    # "x" also catches two names that a file system without case takes for one.
    with place.open("xb", buffering=_CHUNK) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _write_array(fresh: Path, path: str, array: npt.NDArray[Any]) -> File:
    stored = npy.little_endian(array.dtype)
    with _created(fresh, path) as file:
        file.write(npy.header(stored, array.shape))
        for piece in npy.pieces(array, stored):
            file.write(piece.data)
    size = npy.file_size(stored, array.shape)
    return File(size, kernels.blake3(str(fresh / path)), stored, array.shape)


def _copy_folder(fresh: Path, root: str, source: Path) -> dict[str, File]:
    if fresh.is_relative_to(source):
        raise Malformed(f"it lies inside {source}, which is to be copied into it")
    files: dict[str, File] = {}
    (fresh / root).mkdir(parents=True)
    for found in _regular_files(source, source):
        path = f"{root}/{found.relative_to(source).as_posix()}"
        check_path(path)
        with found.open("rb") as original, _created(fresh, path) as copy:
            shutil.copyfileobj(original, copy, _CHUNK)
        place = fresh / path
        files[path] = File(place.stat().st_size, kernels.blake3(str(place)))
    return files


def _regular_files(folder: Path, top: Path) -> Iterator[Path]:
    """Every file below `folder`; a link may lead to a file below `top` and nowhere else."""
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink():
            if not (entry.is_file() and entry.resolve().is_relative_to(top)):
                raise Malformed(
                    f"{entry} is a symbolic link that leads out of its folder, to another folder "
                    "or nowhere; give a folder of plain files (cp -rL makes one)"
                )
            yield entry
        elif entry.is_dir():
            yield from _regular_files(entry, top)
        elif entry.is_file():
            yield entry
        else:
            raise Malformed(f"{entry} is a device, a pipe or a socket; a model holds files only")
