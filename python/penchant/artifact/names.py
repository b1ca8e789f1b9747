"""Names of parts, arrays and folders, and the paths that they become inside a model.

One injective rule leads from names to paths, so that two names never share a file and a reader can
say beforehand which paths there must be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

MAX_DEPTH = 32
MAX_SEGMENTS = 64
MAX_PATH = 4096
MAX_NAME = 200
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


class Malformed(Exception):
    """What is wrong with a model, or with what is to become one; ends a caller's sentence."""


def array_path(at: tuple[str, ...], name: str) -> str:
    """Where the array `name` of the part `at` is stored."""
    return "/".join(("arrays", *map(_segment, at), f"{_segment(name)}.npy"))


def folder_path(at: tuple[str, ...], name: str) -> str:
    """Where the folder `name` of the part `at` is stored."""
    return "/".join(("folders", *map(_segment, at), _segment(name)))


def _segment(name: str) -> str:
    # Injective, so that two names never share a file: whatever is unsafe is percent-encoded, and so
    # is a dot in front (hidden files, "..") or before "npy" (a part "x.npy" beside an array "x").
    safe = quote(name, safe="", errors="surrogatepass")
    if safe.startswith("."):
        safe = f"%2E{safe[1:]}"
    return f"{safe[:-4]}%2E{safe[-3:]}" if safe.lower().endswith(".npy") else safe


def check_path(path: str) -> None:
    """Raise Malformed for a path that could leave the model's folder on any system."""
    parts = path.split("/")
    if (
        any(part in ("", ".", "..") for part in parts)
        or _UNSAFE.search(path)
        or len(parts) > MAX_SEGMENTS
        or len(path) > MAX_PATH
    ):
        raise Malformed(f"the path {path!r} isn't one that stays inside a model")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise Malformed(f"the path {path!r} isn't Unicode") from None


def check_names(
    at: tuple[str, ...], arrays: Iterable[str], folders: Iterable[str], parts: Iterable[str]
) -> None:
    """Raise Malformed for names of the part `at` that can't be stored side by side."""
    where = part_name(at)
    if len(at) > MAX_DEPTH:
        raise Malformed(f"the state has parts inside parts, more than {MAX_DEPTH} deep")
    for kind, names in (("an array", arrays), ("a folder", folders), ("a part", parts)):
        seen: set[str] = set()
        for name in names:
            if not isinstance(name, str) or not name:
                raise Malformed(f"{where} names {kind} {name!r}; a name is a string of some length")
            if name in seen:
                raise Malformed(f"{where} names {kind} {name!r} twice")
            if len(_segment(name)) > MAX_NAME:
                raise Malformed(f"{where} names {kind} {name!r}, too long a name for a file")
            seen.add(name)
    for name in {*folders} & {*parts}:
        raise Malformed(f"{where} has a folder and a part of one name, {name!r}; rename one")


def part_name(at: tuple[str, ...]) -> str:
    """Words for a part in a message."""
    return f"the part {'/'.join(at)!r}" if at else "the state"
