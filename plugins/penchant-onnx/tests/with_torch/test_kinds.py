"""Kinds of transformers, small and random: attention is written anew where it is plain, or stays.

Either way the int8 graph gives what the floats give.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from penchant_onnx.export import export
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

PLAIN = ("Bert", "Roberta", "Electra", "Albert", "DistilBert")
# Places inside attention: as a bias of scores, as a part of them, as turned queries and keys.
OTHER = ("MPNet", "DebertaV2", "ModernBert")
SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "embedding_size": 64,
    "max_position_embeddings": 514,
    "pad_token_id": 0,
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
}
DISTILBERT = {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128}
TEXTS = ["a quiet film about memory", "robots", "the winter garden of a lonely king " * 8]


def random_model(kind: str, packaged: Path, folder: Path) -> None:
    """A model of a kind in sentence-transformers layout, with the packaged one's tokenizer."""
    import torch
    import transformers

    shutil.copytree(packaged, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(packaged)
    sizes: dict[str, Any] = DISTILBERT if kind == "DistilBert" else SIZES
    if kind == "ModernBert":
        sizes = {**SIZES, "cls_token_id": 101, "sep_token_id": 102}
    settings = getattr(transformers, f"{kind}Config")(**sizes, vocab_size=len(tokenizer))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = transformers.AutoModel.from_config(settings)
        for weights in model.parameters():
            # As they are drawn they are so small that attention is nearly even.
            weights.mul_(3) if weights.ndim > 1 else weights.add_(0.1 * torch.randn_like(weights))
    model.save_pretrained(folder)


@pytest.mark.parametrize("kind", [*PLAIN, *OTHER])
def test_a_kind_keeps_its_vectors(kind: str, packaged: Path, tmp_path: Path) -> None:
    random_model(kind, packaged, tmp_path / "model")
    export(tmp_path / "model", tmp_path / "made", target="any")
    floats, int8 = (
        OnnxText(TextSettings(path=str(tmp_path / "made"), precision=precision))
        for precision in ("fp32", "int8")
    )
    wanted, found = floats.encode(TEXTS), int8.encode(TEXTS)
    assert (wanted * found).sum(axis=1).min() > 0.995
    np.testing.assert_array_equal(found, np.concatenate([int8.encode([one]) for one in TEXTS]))
    graph = onnx.load(str(tmp_path / "made/onnx/model_int8.onnx")).graph
    written = sum(node.output[0] == "attention_hidden" for node in graph.node)
    assert written == (kind in PLAIN)
