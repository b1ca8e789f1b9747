"""8-bit weights are not run where they would overflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from penchant.errors import ModelFileError
from penchant_onnx import processor
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

VNNI = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_vnni\n"
CLIENT = "flags\t\t: fpu avx2 avx_vnni\n"
OLD = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512bw\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd\n"


def folder_of(tiny: Callable[..., Path], bits: int, target: str = "vnni") -> Path:
    folder = tiny(name="onnx/model_int8.onnx")
    about = {"graph": {"file": "onnx/model_int8.onnx"}, "weight_bits": bits, "target": target}
    (folder / "onnx" / "quantization.json").write_text(json.dumps(about))
    return folder


def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cpuinfo: str) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    monkeypatch.setattr(processor, "CPUINFO", file)


@pytest.mark.parametrize("target", ["vnni", "arm64"])
def test_eight_bits_are_refused_on_x86_before_vnni_when_the_graph_is_opened(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str
) -> None:
    use(monkeypatch, tmp_path, OLD)
    encoder = OnnxText(TextSettings(path=str(folder_of(tiny, 8, target))))
    assert encoder.dim == 4  # a model that holds it still opens
    message = rf"int8 for '{target}', and this processor has no VNNI.*again with --target any"
    with pytest.raises(ModelFileError, match=message):
        encoder.encode(["a"])


@pytest.mark.parametrize(
    ("bits", "cpuinfo"), [(8, VNNI), (8, CLIENT), (8, ARM), (8, ""), (7, OLD), (7, VNNI)]
)
def test_all_else_is_run(
    tiny: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    bits: int,
    cpuinfo: str,
) -> None:
    use(monkeypatch, tmp_path, cpuinfo)
    encoder = OnnxText(TextSettings(path=str(folder_of(tiny, bits))))
    assert encoder.encode(["a"]).shape == (1, 4)


def test_a_graph_beside_the_one_with_eight_bits_is_run(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, tmp_path, OLD)
    folder_of(tiny, 8)
    folder = tiny(name="onnx/model.onnx")
    assert OnnxText(TextSettings(path=str(folder))).encode(["a"]).shape == (1, 4)


def test_where_the_processor_is_not_described_nothing_is_refused(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    encoder = OnnxText(TextSettings(path=str(folder_of(tiny, 8))))
    assert encoder.encode(["a"]).shape == (1, 4)


@pytest.mark.parametrize("text", ["[]", '{"weight_bits": 8, "graph": 3}', "{}"])
def test_a_manifest_of_another_maker_refuses_nothing(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    use(monkeypatch, tmp_path, OLD)
    folder = folder_of(tiny, 8)
    (folder / "onnx" / "quantization.json").write_text(text)
    assert OnnxText(TextSettings(path=str(folder))).encode(["a"]).shape == (1, 4)
