"""Remembered vectors are the ones that would be made again, and no more than asked are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import penchant_onnx
import pytest
from penchant import Registry, use
from penchant.testing import EncoderContract
from penchant_onnx.memory import Remembering
from penchant_onnx.packaged import make_encoder_folder
from penchant_onnx.settings import MinilmSettings, TextSettings
from penchant_onnx.text import OnnxText


class Counting(OnnxText):
    """The real encoder, which counts the texts that it runs."""

    ran = 0

    def encode(self, texts: Sequence[str], /, **kind: Any) -> Any:
        self.ran += len(texts)
        return super().encode(texts, **kind)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder_folder(tmp_path_factory.mktemp("memory") / "encoder")


def test_a_text_that_comes_again_is_not_run_again(folder: Path) -> None:
    inside = Counting(TextSettings(path=str(folder)))
    encoder = Remembering(inside, 10)
    first = encoder.encode(["war", "love", "war"])
    assert inside.ran == 2
    again = encoder.encode(["love", "war", "peace"])
    assert inside.ran == 3
    assert again[:2].tobytes() == first[[1, 0]].tobytes()
    plain = OnnxText(TextSettings(path=str(folder))).encode(["war", "love", "war"])
    assert first.tobytes() == plain.tobytes()


def test_a_query_is_not_taken_for_a_document(folder: Path) -> None:
    inside = Counting(TextSettings(path=str(folder), query_prompt="query: "))
    encoder = Remembering(inside, 10)
    document, query = encoder.encode(["war"]), encoder.encode(["war"], kind="query")
    assert inside.ran == 2
    assert not np.array_equal(document, query)


def test_the_oldest_text_is_forgotten_first(folder: Path) -> None:
    inside = Counting(TextSettings(path=str(folder)))
    encoder = Remembering(inside, 2)
    encoder.encode(["one", "two", "three"])
    encoder.encode(["two", "three"])
    assert inside.ran == 3
    encoder.encode(["one"])
    assert inside.ran == 4


def test_remember_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="remember must be at least 0, got -1"):
        TextSettings(path="x", remember=-1)
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        MinilmSettings(threads=0)


def test_minilm_makes_its_folder_in_the_users_cache_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    encoder: Any = Registry({"onnx": penchant_onnx}).encoder(use("onnx.minilm"))
    assert encoder.folder == tmp_path / "penchant" / "all-MiniLM-L6-v2-int8-3"
    before = encoder.folder.stat().st_mtime_ns
    again: Any = Registry({"onnx": penchant_onnx}).encoder(use("onnx.minilm"))
    assert again.folder.stat().st_mtime_ns == before


class TestMinilm(EncoderContract):
    """The contract of every encoder, with a memory besides."""

    name = "onnx.minilm"

    @pytest.fixture(autouse=True)
    def _cache(self, folder: Path) -> None:
        self.settings = {"path": str(folder), "remember": 3}
