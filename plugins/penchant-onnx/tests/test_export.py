"""What an export needs, and what it says without it; the export itself is `make export-test`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penchant.errors import PluginError, SettingsError
from penchant_onnx.export import export

TOKENIZED = ("config.json", "tokenizer.json")


@pytest.mark.parametrize(
    ("files", "settings", "message"),
    [
        ((), {}, r"there is no modules\.json, no config\.json and no one GGUF file in .*; give a"),
        (("a.gguf", "b.gguf"), {}, r"no one GGUF file in .*; give a local folder"),
        (("modules.json",), {}, r"there is no tokenizer\.json in .*; save the model's fast"),
        (("config.json",), {}, r"there is no tokenizer\.json in .*; save the model's fast"),
        (TOKENIZED, {}, r"a pooling is never guessed; give 'last' for a generative model, or"),
        (("a.gguf",), {}, r"a pooling is never guessed; give 'last' for a generative model, or"),
        (
            ("modules.json", "tokenizer.json"),
            {"pooling": "last"},
            r"says by itself how it pools, so pooling can't be 'last'; leave it out",
        ),
        (
            TOKENIZED,
            {"pooling": "last", "layers": 0},
            r"layers must be at least 1, or left out, got 0",
        ),
    ],
)
def test_a_folder_that_it_cannot_export_is_refused(
    tmp_path: Path, files: tuple[str, ...], settings: dict[str, Any], message: str
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name in files:
        (model / name).touch()
    with pytest.raises(SettingsError, match=message):
        export(model, tmp_path / "made", **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_without_optimum_it_says_what_to_install(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optimum.exporters.onnx", None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    with pytest.raises(PluginError, match=r"needs optimum, .* pip install 'penchant-onnx\[export"):
        export(tiny(), tmp_path / "made")
    assert not (tmp_path / "made").exists()
