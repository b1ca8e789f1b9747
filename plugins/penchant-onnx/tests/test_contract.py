"""`onnx.text` keeps what every encoder promises, with real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from penchant.testing import EncoderContract


class TestOnnxText(EncoderContract):
    name = "onnx.text"

    @pytest.fixture(autouse=True)
    def _real_weights(self, minilm: Path) -> None:
        self.settings = {"path": str(minilm)}
