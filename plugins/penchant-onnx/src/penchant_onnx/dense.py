"""Dense modules of a folder: matrices that a pooled vector goes through, as safetensors.

The layout is that of sentence-transformers: a folder with `config.json` (sizes, bias, activation)
and `model.safetensors` with `linear.weight` (out, in) and perhaps `linear.bias`. The format is a
length, a JSON outline and the raw numbers; so no package is needed to read or write it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant import kernels
from penchant.errors import ModelFileError

from penchant_onnx.files import MEGABYTE, limited, read_json

if TYPE_CHECKING:
    from penchant.protocols import F32

# By the last word of the class name that sentence-transformers writes.
_ACTIVATIONS = {"Identity": None, "Tanh": np.tanh}
_DTYPES = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8"}
_LONGEST_OUTLINE = 1 << 20
_LARGEST = 1000 * MEGABYTE


@dataclass(frozen=True)
class Dense:
    """`activation(weight @ vector + bias)`.

    weight: (out, in) float32. bias: (out,) float32, zeros where the module has none.
    file: where the weights were read.
    """

    file: Path
    weight: F32
    bias: F32
    tanh: bool

    def __call__(self, vectors: F32) -> F32:
        """Map (n, in) float32 to (n, out). A row has the same bits whatever stands beside it."""
        mapped = kernels.dot(np.ascontiguousarray(vectors, np.float32), self.weight) + self.bias
        return np.tanh(mapped.astype(np.float64)).astype(np.float32) if self.tanh else mapped


def read_dense(folder: Path) -> Dense:
    """Read a Dense module. Raises ModelFileError for what isn't there, damaged or not known."""
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise ModelFileError(f"{folder / 'config.json'} must hold a JSON object; copy it again")
    name = str(config.get("activation_function", "")).rpartition(".")[2]
    if name not in _ACTIVATIONS:
        raise ModelFileError(
            f"{folder / 'config.json'} asks for the activation '{name}', and onnx.text knows "
            f"{' and '.join(_ACTIVATIONS)}; take another encoder"
        )
    file = folder / "model.safetensors"
    if not file.is_file():
        raise ModelFileError(
            f"there is no {file}; save the module as safetensors (other forms may hold code)"
        )
    tensors = _tensors(file)
    weight, bias = tensors.get("linear.weight"), tensors.get("linear.bias")
    if bias is None and weight is not None and weight.ndim:
        bias = np.zeros(len(weight), np.float32)
    if weight is None or bias is None or weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ModelFileError(
            f"{file} must hold the matrix linear.weight and, of its height, linear.bias; save the "
            "module again"
        )
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ModelFileError(f"{file} holds numbers that are not finite; train it again")
    return Dense(file, weight, bias, tanh=name == "Tanh")


def write_dense(folder: Path, weight: F32) -> None:
    """Write a Dense module of the matrix `weight` (out, in), without bias and activation."""
    folder.mkdir()
    height, width = weight.shape
    config = {
        "in_features": width,
        "out_features": height,
        "bias": False,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    numbers = np.ascontiguousarray(weight, "<f4").tobytes()
    tensor = {"dtype": "F32", "shape": [height, width], "data_offsets": [0, len(numbers)]}
    outline = json.dumps({"linear.weight": tensor}).encode("ascii")
    outline += b" " * (-len(outline) % 8)  # so that the numbers are aligned
    head = len(outline).to_bytes(8, "little")
    (folder / "model.safetensors").write_bytes(head + outline + numbers)


def _tensors(file: Path) -> dict[str, F32]:
    """The tensors of a safetensors file as float32; every place is checked against the file."""
    content = limited(file, _LARGEST).read_bytes()
    length = int.from_bytes(content[:8], "little")
    try:
        if not 8 < 8 + length <= len(content) or length > _LONGEST_OUTLINE:
            raise ValueError("its outline is longer than the file")
        outline = json.loads(content[8 : 8 + length])
        return {
            name: _tensor(content[8 + length :], entry)
            for name, entry in outline.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise ModelFileError(
            f"{file} is no readable safetensors ({fault}); copy it again"
        ) from None


def _tensor(numbers: bytes, entry: dict[str, Any]) -> F32:
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    size = math.prod(shape) * dtype.itemsize
    if not 0 <= start <= end <= len(numbers) or end - start != size:
        raise ValueError(f"a tensor of shape {shape} can't lie from {start} to {end}")
    values = np.frombuffer(numbers, dtype, math.prod(shape), start)
    return values.reshape(shape).astype(np.float32)
