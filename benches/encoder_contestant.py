"""Our encoder for a harness that compares text encoders: `make(model_dir)` gives `encode`.

int8 made anew from the folder's fp32 graph for ENCODER_TARGET ("any"), or with
ENCODER_PRECISION=fp32 that graph itself; ENCODER_THREADS (2) batches at the same time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from penchant_onnx.quantize import quantize
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText


def make(model_dir: str) -> Callable[[list[str]], npt.NDArray[np.float32]]:
    """Open the encoder of a sentence-transformers folder that has an fp32 graph."""
    threads = int(os.environ.get("ENCODER_THREADS", "2"))
    if os.environ.get("ENCODER_PRECISION") == "fp32":
        return OnnxText(TextSettings(path=model_dir, precision="fp32", threads=threads)).encode
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "int8"
        target: Any = os.environ.get("ENCODER_TARGET", "any")
        quantize(Path(model_dir), folder, target=target)
        encoder = OnnxText(TextSettings(path=str(folder), threads=threads))
        encoder.encode(["the graph is opened", "before its folder goes"])
    return encoder.encode
