"""A real model through the whole way: optimum, our int8, and the report on film titles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

if TYPE_CHECKING:
    from .conftest import Exported


def test_int8_keeps_what_it_promises_of_the_floats(exported: Exported) -> None:
    comparison = exported.report["comparison"]
    assert comparison["texts"] == 2000
    assert comparison["cosine"] >= 0.995
    assert comparison["least_cosine"] >= 0.97
    assert comparison["overlap"] >= 0.92
    assert comparison["after"]["megabytes"] < 0.3 * comparison["before"]["megabytes"]


def test_the_folder_has_both_graphs_and_the_layout(exported: Exported) -> None:
    folder = exported.folder
    graphs = {
        precision: OnnxText(TextSettings(path=str(folder), precision=precision)).describe()
        for precision in ("fp32", "int8")
    }
    assert graphs["fp32"]["graph"] == "onnx/model.onnx"
    assert graphs["int8"]["graph"] == "onnx/model_int8.onnx"
    assert graphs["int8"]["pooling"] == "mean"
    assert graphs["int8"]["normalize"] is True
    assert graphs["int8"]["max_tokens"] == 256
    assert json.loads((folder / "onnx/quantization.json").read_text())["target"] == "any"
    assert not (folder / "model.safetensors").exists()
