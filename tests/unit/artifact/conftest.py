"""A model on disk, and what went into it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from penchant import artifact
from penchant.protocols import State

from .folders import VECTORS


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A folder as an encoder's: files, one of them empty, some a level deeper."""
    folder = tmp_path / "encoder"
    (folder / "onnx").mkdir(parents=True)
    (folder / "tokenizer.json").write_text('{"a": 1}')
    (folder / "empty.txt").touch()
    (folder / "onnx" / "model.onnx").write_bytes(bytes(range(200)))
    return folder


@pytest.fixture
def state(encoder: Path) -> State:
    bias = np.array([1, 2], np.int64)
    inner = State({"bias": bias}, {"name": "inner"}, {}, {"encoder": encoder})
    return State({"vectors": VECTORS, "bias": np.array([3, 4])}, {"k": 10}, {"a": inner})


@pytest.fixture
def model(tmp_path: Path, state: State) -> Path:
    folder = tmp_path / "model"
    artifact.write(folder, {"facts": {"seed": 7}}, state)
    return folder
