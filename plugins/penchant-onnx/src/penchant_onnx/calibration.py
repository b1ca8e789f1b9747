"""How large the activations of a graph get, by channel, measured on made-up texts.

A few channels of a transformer are ten times as large as the others, and one scale for a whole
token leaves the others few steps. Knowing the peaks, the rewrite evens them out (Xiao et al.,
"SmoothQuant", 2023, equation 4 with alpha 1/2). Texts made of random vocabulary show which channels
these are as well as real ones do, since they are a property of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant_onnx.session import feeds

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx

    from penchant_onnx.graph import Graph

_LENGTHS = (3, 8, 8, 12, 12, 12, 20, 20, 30, 30, 50, 80)
_ROUNDS = 3


@dataclass(frozen=True)
class Range:
    """Of one activation: `peaks` (K,) largest magnitudes by channel, `least` the lowest value."""

    peaks: npt.NDArray[np.float32]
    least: float


def measure(
    model: onnx.ModelProto, names: Sequence[str], graph: Graph, tokenizer: Path
) -> Mapping[str, Range]:
    """The ranges of the activations called `names` while `model` reads made-up texts."""
    import onnx
    import onnxruntime

    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    known = {one.name for one in model.graph.output}
    for name in names:
        if name not in known:
            probed.graph.output.append(
                onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        probed.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    ranges: dict[str, Range] = {}
    for ids in _token_ids(tokenizer):
        found = session.run(list(names), feeds(graph, [ids], 0))
        for name, values in zip(names, found, strict=True):
            rows = np.asarray(values, np.float32).reshape(-1, values.shape[-1])
            peaks, least = np.abs(rows).max(axis=0), float(rows.min())
            if name in ranges:
                peaks = np.maximum(peaks, ranges[name].peaks)
                least = min(least, ranges[name].least)
            ranges[name] = Range(peaks, least)
    return ranges


def _token_ids(file: Path) -> list[list[int]]:
    """Texts of random words of the vocabulary, as the tokenizer reads them; the same every time."""
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    words = tokenizer.get_vocab_size()
    chance = np.random.default_rng(0)
    texts = []
    for length in _LENGTHS * _ROUNDS:
        text = tokenizer.decode(chance.integers(0, words, length).tolist())
        tokenizer.enable_truncation(2 * length + tokenizer.num_special_tokens_to_add(False))
        texts.append(list(tokenizer.encode(text).ids))
    return [ids for ids in texts if ids]
