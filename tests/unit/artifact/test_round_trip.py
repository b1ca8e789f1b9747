"""Saved models: what goes in comes out."""

from __future__ import annotations

import mmap
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from penchant import artifact
from penchant.artifact import npy
from penchant.protocols import State

from .folders import VECTORS, files_of, names


def test_a_model_comes_back_as_it_was_saved(model: Path, encoder: Path) -> None:
    loaded = artifact.read(model)
    inner = loaded.state.parts["a"]
    assert loaded.manifest == {"facts": {"seed": 7}}
    assert loaded.state.meta == {"k": 10}
    assert inner.meta == {"name": "inner"}
    assert loaded.state.arrays["vectors"].tolist() == VECTORS.tolist()
    assert loaded.state.arrays["vectors"].dtype == np.float32
    assert inner.arrays["bias"].tolist() == [1, 2]
    copy = inner.folders["encoder"]
    assert copy == model / "folders" / "a" / "encoder"
    assert {p.relative_to(copy): p.read_bytes() for p in files_of(copy)} == {
        p.relative_to(encoder): p.read_bytes() for p in files_of(encoder)
    }


def test_files_lie_where_the_documentation_says(model: Path) -> None:
    assert [path.relative_to(model).as_posix() for path in files_of(model)] == [
        "arrays/a/bias.npy",
        "arrays/bias.npy",
        "arrays/vectors.npy",
        "folders/a/encoder/empty.txt",
        "folders/a/encoder/onnx/model.onnx",
        "folders/a/encoder/tokenizer.json",
        "manifest.json",
    ]


def test_the_facts_of_a_model_are_told(model: Path) -> None:
    info = artifact.read(model).info
    assert info.format == artifact.FORMAT == 1
    assert info.files == 6
    assert info.bytes == sum(p.stat().st_size for p in files_of(model) if p.suffix != ".json") + 8
    assert info.created.endswith("+00:00")
    assert info.version.count(".") == 2


def test_inspect_needs_nothing_but_the_manifest(model: Path) -> None:
    shutil.rmtree(model / "arrays")
    manifest = artifact.inspect(model)
    assert manifest["format"] == 1
    assert manifest["model"] == {"facts": {"seed": 7}}
    files: Any = manifest["files"]
    assert files["arrays/vectors.npy"]["dtype"] == "<f4"
    assert list(files["arrays/vectors.npy"]["shape"]) == [3, 4]
    assert files["arrays/vectors.npy"]["size"] == 128 + 48


@pytest.mark.parametrize("rows", [3, 100_000], ids=["read", "mapped"])
def test_arrays_are_plain_aligned_and_read_only_for_good(tmp_path: Path, rows: int) -> None:
    artifact.write(tmp_path / "m", {}, State({"x": np.zeros((rows, 4), np.float32)}))
    array = artifact.read(tmp_path / "m").state.arrays["x"]
    assert type(array) is np.ndarray
    assert array.flags.c_contiguous
    assert array.__array_interface__["data"][0] % 64 == 0
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.setflags(write=True)
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


def test_large_arrays_are_mapped_from_their_file(tmp_path: Path) -> None:
    artifact.write(tmp_path / "m", {}, State({"x": np.zeros(100_000, np.float32)}))
    array = artifact.read(tmp_path / "m").state.arrays["x"]
    assert isinstance(array.base, mmap.mmap)
    assert str(tmp_path / "m" / "arrays" / "x.npy") in Path("/proc/self/maps").read_text()


def test_numpy_reads_the_files_too_and_their_data_is_aligned(model: Path) -> None:
    path = model / "arrays" / "vectors.npy"
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), VECTORS)
    with path.open("rb") as file:
        assert np.lib.format.read_magic(file) == (1, 0)
        np.lib.format.read_array_header_1_0(file)
        assert file.tell() % 64 == 0


def test_views_are_stored_in_the_order_of_their_indices(tmp_path: Path) -> None:
    base = np.arange(600_000, dtype=">i4").reshape(1000, 600)
    views = {"turned": base.T, "thinned": base[::3, ::-7], "fortran": np.asfortranarray(base)}
    artifact.write(tmp_path / "m", {}, State(views))
    arrays = artifact.read(tmp_path / "m").state.arrays
    for name, view in views.items():
        assert arrays[name].dtype.str == "<i4"
        np.testing.assert_array_equal(arrays[name], view)


@pytest.mark.parametrize(
    "name", ["..", ".", ".hidden", "a/b", "a\\b", "prix (€)", "x.npy", "%2E", " ", "\udc80", "C:"]
)
def test_any_name_is_kept_inside_the_folder(tmp_path: Path, name: str) -> None:
    part = State({name: VECTORS, "x": VECTORS + 1})
    artifact.write(tmp_path / "m", {}, State({name: VECTORS + 2}, {}, {name: part}))
    state = artifact.read(tmp_path / "m").state
    assert state.arrays[name][0, 0] == 2
    assert state.parts[name].arrays[name][0, 0] == 0
    assert state.parts[name].arrays["x"][0, 0] == 1
    assert names(tmp_path) == ["m"]


def test_a_link_to_a_model_is_followed_both_ways(tmp_path: Path, model: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(model)
    assert artifact.read(link).manifest == {"facts": {"seed": 7}}
    artifact.write(link, {"new": True}, State())
    assert link.is_symlink()
    assert artifact.read(model).manifest == {"new": True}


def test_parents_are_made(tmp_path: Path) -> None:
    artifact.write(tmp_path / "some" / "where" / "m", {}, State({"x": VECTORS}))
    assert artifact.read(tmp_path / "some" / "where" / "m").state.arrays["x"].shape == (3, 4)


def test_a_link_inside_an_encoder_folder_becomes_a_file(tmp_path: Path, encoder: Path) -> None:
    (encoder / "again.json").symlink_to("tokenizer.json")
    artifact.write(tmp_path / "m", {}, State(folders={"encoder": encoder}))
    copy = artifact.read(tmp_path / "m").state.folders["encoder"] / "again.json"
    assert copy.read_text() == '{"a": 1}'
    assert not copy.is_symlink()


def test_an_empty_folder_of_the_state_stays(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    artifact.write(tmp_path / "m", {}, State(folders={"nothing": tmp_path / "nothing"}))
    assert artifact.read(tmp_path / "m").state.folders["nothing"].is_dir()


def test_a_file_header_is_a_function_of_dtype_and_shape_alone() -> None:
    """Frozen: another byte here would make every saved model unreadable."""
    assert npy.header(np.dtype("<f4"), (3, 4)) == (
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"
        + b" " * 58
        + b"\n"
    )
