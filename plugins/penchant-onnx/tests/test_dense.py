"""Matrices after the pooling: applied as written, and refused where they can't be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from penchant.errors import ModelFileError
from penchant_onnx.dense import Dense, read_dense, write_dense
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

KIND = "sentence_transformers.models."
MODULES = [
    {"type": KIND + "Transformer", "path": ""},
    {"type": KIND + "Pooling", "path": "1_Pooling"},
    {"type": KIND + "Dense", "path": "2_Dense"},
    {"type": KIND + "Normalize", "path": "3_Normalize"},
]
WEIGHT = np.array([[0, 1, 0, 0], [1, 0, 0, 0]], np.float32)


def test_the_pooled_vector_goes_through_the_matrix(tiny: Callable[..., Path]) -> None:
    folder = tiny(files={"modules.json": MODULES})
    write_dense(folder / "2_Dense", WEIGHT)
    encoder = OnnxText(TextSettings(path=str(folder)))
    assert encoder.dim == 2
    # red is (3, 0, 0, 0), green (0, 4, 0, 0), and the matrix swaps the two.
    assert encoder.encode(["red", "green"]).tolist() == [[0, 1], [1, 0]]
    np.testing.assert_allclose(encoder.encode(["red green"]), [[0.8, 0.6]])
    assert encoder.describe()["dense"] == [[2, 4]]


def test_bias_and_tanh_are_applied(tmp_path: Path) -> None:
    dense = Dense(tmp_path, WEIGHT, np.array([0, 1], np.float32), tanh=True)
    got = dense(np.array([[2, 3, 9, 9]], np.float32))
    np.testing.assert_allclose(got, np.tanh([[3, 3]]), rtol=1e-6)


def test_another_matrix_is_another_function(tiny: Callable[..., Path]) -> None:
    folder = tiny(files={"modules.json": MODULES})
    prints = set()
    for scale in (1, 2):
        target = folder / "2_Dense"
        if target.exists():
            target.rename(folder / "old")
        write_dense(target, WEIGHT * scale)
        prints.add(OnnxText(TextSettings(path=str(folder))).fingerprint)
    config = json.loads((folder / "2_Dense/config.json").read_text())
    config["activation_function"] = "torch.nn.modules.activation.Tanh"
    (folder / "2_Dense/config.json").write_text(json.dumps(config))
    prints.add(OnnxText(TextSettings(path=str(folder))).fingerprint)
    assert len(prints) == 3


def test_a_row_has_the_same_bits_in_any_batch(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    weight = random.normal(size=(50, 384)).astype(np.float32)
    rows = random.normal(size=(37, 384)).astype(np.float32)
    dense = Dense(tmp_path, weight, np.zeros(50, np.float32), tanh=False)
    alone = np.concatenate([dense(row[None]) for row in rows])
    assert dense(rows).tobytes() == alone.tobytes()
    np.testing.assert_allclose(dense(rows), rows @ weight.T, rtol=1e-4, atol=1e-4)


def test_what_is_written_is_read_and_half_precision_too(tmp_path: Path) -> None:
    write_dense(tmp_path / "dense", WEIGHT)
    read = read_dense(tmp_path / "dense")
    assert read.weight.tolist() == WEIGHT.tolist()
    assert (read.bias.tolist(), read.tanh) == ([0, 0], False)
    tensors = {"linear.weight": WEIGHT.astype("<f2"), "linear.bias": np.array([1, 2], "<f2")}
    (tmp_path / "dense/model.safetensors").write_bytes(safetensors(tensors, "F16"))
    half = read_dense(tmp_path / "dense")
    assert half.weight.dtype == half.bias.dtype == np.float32
    assert half.bias.tolist() == [1, 2]


def safetensors(tensors: dict[str, Any], dtype: str) -> bytes:
    outline: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    numbers = b""
    for name, values in tensors.items():
        places = [len(numbers), len(numbers) + values.nbytes]
        outline[name] = {"dtype": dtype, "shape": values.shape, "data_offsets": places}
        numbers += values.tobytes()
    head = json.dumps(outline).encode()
    return len(head).to_bytes(8, "little") + head + numbers


WRONG = [
    (b"", "its outline is longer"),
    (b"\xff" * 8 + b"{}", "its outline is longer"),
    (b"\x02" + b"\0" * 7 + b"[]", "no attribute"),
    (b"\x03" + b"\0" * 7 + b"{x}", "property name"),
    (safetensors({"linear.weight": WEIGHT}, "F32")[:-1], "can't lie from 0 to 32"),
    (safetensors({"linear.weight": WEIGHT}, "BF17"), "BF17"),
    ((200_000).to_bytes(8, "little") + b"[" * 200_000, "recursion"),
    (safetensors({"weight": WEIGHT}, "F32"), "must hold the matrix linear.weight"),
    (safetensors({"linear.weight": WEIGHT[0]}, "F32"), "must hold the matrix linear.weight"),
    (safetensors({"linear.weight": WEIGHT * np.nan}, "F32"), "not finite; train it again"),
]


@pytest.mark.parametrize(("content", "says"), WRONG)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    write_dense(tmp_path / "dense", WEIGHT)
    (tmp_path / "dense/model.safetensors").write_bytes(content)
    with pytest.raises(ModelFileError, match=says):
        read_dense(tmp_path / "dense")


def test_an_unknown_activation_and_pickled_weights_are_refused(tmp_path: Path) -> None:
    write_dense(tmp_path / "dense", WEIGHT)
    with (tmp_path / "dense/model.safetensors").open("ab") as file:
        file.truncate(1_000_000_001)  # a hole, which takes no place on the disk
    with pytest.raises(ModelFileError, match=r"has 1000 MB, and at most 1000 MB are read"):
        read_dense(tmp_path / "dense")
    (tmp_path / "dense/model.safetensors").rename(tmp_path / "dense/pytorch_model.bin")
    with pytest.raises(ModelFileError, match=r"save the module as safetensors \(other forms may"):
        read_dense(tmp_path / "dense")
    config = {"activation_function": "torch.nn.modules.activation.ReLU"}
    (tmp_path / "dense/config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFileError, match=r"the activation 'ReLU', .* knows Identity and Tanh"):
        read_dense(tmp_path / "dense")


def test_a_matrix_of_another_width_is_refused(tiny: Callable[..., Path]) -> None:
    folder = tiny(files={"modules.json": MODULES})
    write_dense(folder / "2_Dense", WEIGHT[:, :3])
    with pytest.raises(ModelFileError, match="takes vectors of length 3, and gets ones of length"):
        OnnxText(TextSettings(path=str(folder)))


@pytest.mark.parametrize(
    ("modules", "says"),
    [
        ([*MODULES[:2], MODULES[3], MODULES[2]], "lists Normalize before Dense"),
        ([{"type": KIND + "Dense", "path": "../elsewhere"}], "must be a folder inside"),
        ([{"type": KIND + "Dense", "path": ""}], "must be a folder inside"),
    ],
)
def test_a_list_of_modules_that_makes_no_sense_is_refused(
    tiny: Callable[..., Path], modules: Any, says: str
) -> None:
    with pytest.raises(ModelFileError, match=says):
        OnnxText(TextSettings(path=str(tiny(files={"modules.json": modules}))))
