"""`onnx.text` in fp32 gives the vectors of sentence-transformers, whatever a folder's files say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

if TYPE_CHECKING:
    from .conftest import Exported

TEXTS = [
    "Toy Story (1995). Adventure, Animation, Children, Comedy, Fantasy",
    "a",
    "HEAT &amp; Dust \t\n (1983)",
    "記憶についての静かな映画 👩‍👩‍👧🔭",
    "فيلم هادئ عن الذاكرة",
    "A long and winding tale of a lighthouse keeper and the sea. " * 40,  # 520 tokens
]
KIND = "sentence_transformers.models."
POOLINGS = ("mean_tokens", "cls_token", "max_tokens", "lasttoken")


@pytest.fixture
def folder(packaged: Path, exported: Exported, tmp_path: Path) -> Callable[..., Path]:
    """Make a model folder with PyTorch weights and our exported graph; its files vary."""

    def make(pooling: str = "mean_tokens", *, normalize: bool = True, dense: str = "") -> Path:
        made = tmp_path / "model"
        shutil.copytree(packaged, made, ignore=shutil.ignore_patterns("model.safetensors"))
        (made / "model.safetensors").symlink_to(packaged / "model.safetensors")
        (made / "onnx").symlink_to(exported.folder / "onnx")
        names = ["Transformer", "Pooling", *(["Dense"] if dense else [])]
        names += ["Normalize"] if normalize else []
        modules = [
            {"idx": at, "name": str(at), "path": f"{at}_{name}" if at else "", "type": KIND + name}
            for at, name in enumerate(names)
        ]
        write(made / "modules.json", modules)
        flags = {f"pooling_mode_{name}": name == pooling for name in POOLINGS}
        write(made / "1_Pooling/config.json", {"word_embedding_dimension": 384, **flags})
        if dense:
            _write_dense(made / "2_Dense", dense)
        return made

    return make


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), "utf-8")


def _write_dense(place: Path, activation: str) -> None:
    """A module of random numbers, as sentence-transformers itself writes it."""
    import torch
    from sentence_transformers.models import Dense

    torch.manual_seed(3)
    place.mkdir()
    Dense(384, 96, activation_function=getattr(torch.nn, activation)()).save(str(place))


def assert_equal(folder: Path, **prompts: str) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    ours = OnnxText(TextSettings(path=str(folder), precision="fp32"))
    for kind, name in prompts.items() or {"document": None}.items():
        wanted = model.encode(TEXTS, prompt_name=name)
        made = ours.encode(TEXTS, kind=kind)  # type: ignore[arg-type]
        assert made.shape == wanted.shape
        scale = np.linalg.norm(wanted, axis=1, keepdims=True)
        assert np.abs(made - wanted).max() <= 1e-5 * max(1.0, float(scale.max()))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling(folder: Callable[..., Path], pooling: str, normalize: bool) -> None:
    assert_equal(folder(pooling, normalize=normalize))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("activation", ["Identity", "Tanh"])
def test_dense_modules(folder: Callable[..., Path], activation: str, normalize: bool) -> None:
    assert_equal(folder(dense=activation, normalize=normalize))


def test_prompts_of_queries_and_documents(folder: Callable[..., Path]) -> None:
    made = folder()
    prompts = {"query": "query: ", "passage": "A film for: "}
    write(made / "config_sentence_transformers.json", {"prompts": prompts})
    assert_equal(made, query="query", document="passage")


@pytest.mark.parametrize("limit", [256, 16])
def test_the_folders_limit_and_case(folder: Callable[..., Path], limit: int) -> None:
    made = folder()
    config = {"max_seq_length": limit, "do_lower_case": limit == 16}
    write(made / "sentence_bert_config.json", config)
    assert_equal(made)
    # The longest text is cut, so that the limit has been seen at work.
    ours = OnnxText(TextSettings(path=str(made), precision="fp32"))
    assert max(map(len, ours.tokens(TEXTS))) == limit
