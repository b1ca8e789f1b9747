"""What the activations of a graph are like, measured on made-up texts.

A few channels of a transformer are ten times as large as the others, and one scale for a whole
token leaves the others few steps. Knowing the peaks, the rewrite evens them out (Xiao et al.,
"SmoothQuant", 2023, equation 4 with alpha 1/2). Texts made of random vocabulary show which channels
these are as well as real ones do, since they are a property of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def measure(
    model: onnx.ModelProto, names: Sequence[str], graph: Graph, tokenizer: Path
) -> Mapping[str, npt.NDArray[np.float32]]:
    """The activations called `names`, each (n, K), while `model` reads made-up texts."""
    session = probe(model, names)
    rows: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in names}
    for ids in token_ids(tokenizer):
        found = session.run(list(names), feeds(graph, [ids], 0))
        for name, values in zip(names, found, strict=True):
            rows[name].append(np.asarray(values, np.float32).reshape(-1, values.shape[-1]))
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def probe(model: onnx.ModelProto, names: Sequence[str]) -> Any:
    """A session of `model` that can be asked for the float tensors called `names` too."""
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
    options.log_severity_level = 4  # what fails is raised
    return onnxruntime.InferenceSession(
        probed.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def token_ids(file: Path) -> list[list[int]]:
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
