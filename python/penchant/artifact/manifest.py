"""The manifest of a model: what is in the folder, said once, and proof against change.

Nothing in a manifest is believed: paths are checked, and numbers are only ever compared with what
the disk says, never allocated from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn

from penchant import kernels
from penchant.artifact import npy
from penchant.artifact.names import (
    Malformed,
    array_path,
    check_names,
    check_path,
    folder_path,
    part_name,
)

if TYPE_CHECKING:
    import numpy as np

    from penchant.protocols import Json

FORMAT = 1
MANIFEST = "manifest.json"
MAX_BYTES = 64 << 20
_SEAL = b'{\n"blake3": "%s",\n'
SEAL_LENGTH = len(_SEAL) - 2 + 64
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """Facts of a saved model: format, penchant that wrote it, when (UTC), how much."""

    format: int
    version: str
    created: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model; `dtype` is None for a file of a copied folder."""

    size: int
    blake3: str
    dtype: np.dtype[Any] | None = None
    shape: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The manifest's words for it."""
        entry: dict[str, Json] = {"size": self.size, "blake3": self.blake3}
        if self.dtype is not None:
            entry |= {"dtype": self.dtype.str, "shape": list(self.shape)}
        return entry


@dataclass(frozen=True, slots=True)
class Node:
    """What the manifest says of one part of the state."""

    meta: Mapping[str, Json]
    arrays: tuple[str, ...]
    folders: tuple[str, ...]
    parts: Mapping[str, Node]

    def to_json(self) -> dict[str, Json]:
        """The manifest's words for it."""
        return {
            "meta": self.meta,
            "arrays": self.arrays,
            "folders": self.folders,
            "parts": {name: part.to_json() for name, part in self.parts.items()},
        }

    def walk(self, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
        """Every part with the names that lead to it, this one first."""
        yield at, self
        for name, part in self.parts.items():
            yield from part.walk((*at, name))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole manifest."""

    version: str
    created: str
    model: Mapping[str, Json]
    state: Node
    files: Mapping[str, File]

    @property
    def info(self) -> ArtifactInfo:
        """The facts in short."""
        size = sum(file.size for file in self.files.values())
        return ArtifactInfo(FORMAT, self.version, self.created, len(self.files), size)

    def to_json(self) -> dict[str, Json]:
        """The manifest's words for all of it, its own digest left out."""
        return {
            "format": FORMAT,
            "penchant": self.version,
            "created": self.created,
            "model": self.model,
            "state": self.state.to_json(),
            "files": {path: file.to_json() for path, file in self.files.items()},
        }

    def encode(self) -> bytes:
        """Give the bytes of `manifest.json`: JSON whose first entry is a digest of the rest.

        `model` and the metas of `state` have been through `plain`. Raises Malformed if the whole is
        too large.
        """
        entries = [f'"{key}": {_dumps(value)}' for key, value in self.to_json().items()]
        body = (",\n".join(entries) + "\n}\n").encode("ascii")
        if len(body) + SEAL_LENGTH > MAX_BYTES:
            raise Malformed(
                f"{MANIFEST} would have {len(body):,} bytes and the limit is {MAX_BYTES:,}; "
                "keep what is long in arrays, not in meta"
            )
        return _SEAL % kernels.blake3_bytes(body).encode("ascii") + body

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read and check the bytes of `manifest.json`; raises Malformed."""
        try:
            raw = json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"{MANIFEST} isn't JSON ({error}); save the model again") from None
        if not isinstance(raw, dict) or type(raw.get("format")) is not int:
            raise Malformed(f"{MANIFEST} isn't the manifest of a penchant model")
        if raw["format"] != FORMAT:
            raise Malformed(
                f"written by format {raw['format']}, this penchant reads {FORMAT}; "
                + ("upgrade penchant" if raw["format"] > FORMAT else "save the model again")
            )
        if data[:SEAL_LENGTH] != _SEAL % kernels.blake3_bytes(data[SEAL_LENGTH:]).encode("ascii"):
            raise Malformed(f"{MANIFEST} was changed after it was written; save the model again")
        return cls(
            version=_field(raw, "penchant", str),
            created=_field(raw, "created", str),
            model=_field(raw, "model", dict),
            state=_node(_field(raw, "state", dict), ()),
            files={path: _file(path, entry) for path, entry in _field(raw, "files", dict).items()},
        )

    def arrays(self) -> dict[str, tuple[File, np.dtype[Any], tuple[int, ...]]]:
        """The array files by path, checked against the state; raises Malformed where they differ.

        Each array of the state has its file, and each file belongs to an array or lies in a folder.
        """
        arrays: dict[str, tuple[File, np.dtype[Any], tuple[int, ...]]] = {}
        for at, node in self.state.walk():
            for name in node.arrays:
                path = array_path(at, name)
                file = self.files.get(path)
                if file is None or file.dtype is None:
                    raise Malformed(f"{MANIFEST} describes no array {path}")
                arrays[path] = file, file.dtype, file.shape
        roots = self.folders()
        for path in self.files:
            above = accumulate(path.split("/"), "{}/{}".format)
            if path not in arrays and roots.isdisjoint(above):
                raise Malformed(f"{MANIFEST} names {path!r}, which belongs to no part of the model")
        return arrays

    def folders(self) -> set[str]:
        """Paths of the copied folders."""
        return {folder_path(at, n) for at, node in self.state.walk() for n in node.folders}


# ---- JSON


def plain(mapping: Mapping[str, Any], where: str) -> dict[str, Json]:
    """Give `mapping` as a JSON reader would; raises Malformed naming the value that is no JSON."""
    try:
        return {key: _plain(value, f"{where}[{key!r}]") for key, value in _items(mapping, where)}
    except RecursionError:
        raise Malformed(f"{where} is nested too deeply for JSON") from None


def _plain(value: Any, where: str) -> Json:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in _items(value, where)}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise Malformed(f"{where} is {value!r}, a {type(value).__name__}; that is no JSON")


def _items(mapping: Mapping[Any, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        if not isinstance(key, str):
            raise Malformed(f"{where} has the key {key!r}; keys of JSON are strings")
        yield key, value


def _dumps(value: Json) -> str:
    return json.dumps(value, separators=(", ", ": "), allow_nan=False)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for name, value in pairs:
        if name in mapping:
            raise ValueError(f"two entries are named {name!r}")
        mapping[name] = value
    return mapping


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _field(raw: Mapping[str, Any], key: str, kind: type[Any]) -> Any:
    value = raw.get(key)
    if type(value) is not kind:
        raise Malformed(f"{MANIFEST} has no proper {key!r}")
    return value


def _strings(raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = _field(raw, key, list)
    if not all(isinstance(value, str) for value in values):
        raise Malformed(f"{MANIFEST} has no proper {key!r}")
    return tuple(values)


def _node(raw: Any, at: tuple[str, ...]) -> Node:
    if not isinstance(raw, dict):
        raise Malformed(f"{MANIFEST} describes {part_name(at)} by {type(raw).__name__}")
    meta, parts = _field(raw, "meta", dict), _field(raw, "parts", dict)
    arrays, folders = _strings(raw, "arrays"), _strings(raw, "folders")
    check_names(at, arrays, folders, parts)
    return Node(meta, arrays, folders, {n: _node(part, (*at, n)) for n, part in parts.items()})


def _file(path: str, raw: Any) -> File:
    check_path(path)
    if not isinstance(raw, dict):
        raise Malformed(f"{MANIFEST} has no proper entry for {path}")
    size, digest = _field(raw, "size", int), _field(raw, "blake3", str)
    if size < 0 or not _DIGEST.fullmatch(digest):
        raise Malformed(f"{MANIFEST} has no proper size and digest for {path}")
    if "dtype" not in raw:
        return File(size, digest)
    shape = _field(raw, "shape", list)
    if not all(type(n) is int and n >= 0 for n in shape):
        raise Malformed(f"{MANIFEST} gives {path} the shape {shape}")
    try:
        dtype = npy.plain_dtype(_field(raw, "dtype", str))
        expected = npy.file_size(dtype, tuple(shape))
    except ValueError as error:
        raise Malformed(f"{MANIFEST} can't be right about {path}: {error}") from None
    if size != expected:
        raise Malformed(
            f"{MANIFEST} gives {path} {size:,} bytes; {dtype} of shape {shape} takes {expected:,}"
        )
    return File(size, digest, dtype, tuple(shape))
