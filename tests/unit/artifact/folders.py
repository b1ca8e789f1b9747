"""What the tests of saved models look at, and tamper with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from penchant import artifact, kernels
from penchant.errors import ModelFileError
from penchant.protocols import State

VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


def refusal(folder: Path, **options: bool) -> str:
    with pytest.raises(ModelFileError) as caught:
        artifact.read(folder, **options)
    return str(caught.value)


def write_refusal(folder: Path | str, state: State, **options: bool) -> str:
    with pytest.raises(ModelFileError) as caught:
        artifact.write(folder, {}, state, **options)
    return str(caught.value)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def hidden(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


def reseal(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest as somebody would who knows how its digest is made."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["blake3"]
    edit(manifest)
    body = json.dumps(manifest)[1:].encode()
    path.write_bytes(b'{\n"blake3": "%s",\n' % kernels.blake3_bytes(body).encode() + body)
