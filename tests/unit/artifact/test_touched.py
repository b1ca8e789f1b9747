"""Saved models: whatever was touched is refused by name."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from penchant import artifact
from penchant.artifact import reader
from penchant.errors import ModelFileError
from penchant.protocols import State

from .folders import files_of, refusal, reseal


def test_any_flipped_bit_is_found_and_its_file_named(model: Path) -> None:
    flips = 0
    for path in files_of(model):
        whole = path.read_bytes()
        name = path.relative_to(model).as_posix()
        for offset in range(len(whole) % 3, len(whole), 3):
            damaged = bytearray(whole)
            damaged[offset] ^= 1 << offset % 8
            path.write_bytes(damaged)
            message = refusal(model)
            assert name in message or "format" in message, (name, offset, message)
            flips += 1
        path.write_bytes(whole)
    assert flips > 500
    artifact.read(model)


def test_any_truncation_is_found_even_without_verification(model: Path) -> None:
    for path in files_of(model):
        whole = path.read_bytes()
        for length in {0, len(whole) // 2, len(whole) - 1} - {len(whole), -1}:
            path.write_bytes(whole[:length])
            assert path.relative_to(model).as_posix() in refusal(model, verify=False)
        path.write_bytes(whole)
    artifact.read(model)


def test_a_longer_file_is_refused_with_both_sizes(model: Path) -> None:
    with (model / "arrays" / "vectors.npy").open("ab") as file:
        file.write(b"x")
    message = refusal(model, verify=False)
    assert "arrays/vectors.npy has 177 bytes and was written with 176" in message


def test_swapped_files_are_found(model: Path) -> None:
    one, other = model / "arrays" / "bias.npy", model / "arrays" / "a" / "bias.npy"
    one.rename(model / "x")
    other.rename(one)
    (model / "x").rename(other)
    assert "bias.npy was changed after it was written" in refusal(model)


def test_a_change_that_keeps_size_and_header_passes_only_unverified(model: Path) -> None:
    path = model / "arrays" / "vectors.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    assert artifact.read(model, verify=False).state.arrays["vectors"][0, 0] == 0
    assert "arrays/vectors.npy was changed after it was written; copy or" in refusal(model)


def test_a_damaged_large_file_is_found_by_either_thread(tmp_path: Path) -> None:
    large = State({name: np.zeros(1 << 20, np.float32) for name in "abcd"})
    artifact.write(tmp_path / "m", {}, large)
    for name in "abcd":
        path = tmp_path / "m" / "arrays" / f"{name}.npy"
        with path.open("r+b") as file:
            file.seek(3_000_000)
            file.write(b"\x01")
        assert f"arrays/{name}.npy was changed" in refusal(tmp_path / "m")
        with path.open("r+b") as file:
            file.seek(3_000_000)
            file.write(b"\x00")
    artifact.read(tmp_path / "m")


def test_a_header_that_contradicts_the_manifest_is_refused(model: Path) -> None:
    path = model / "arrays" / "vectors.npy"
    path.write_bytes(path.read_bytes().replace(b"(3, 4)", b"(4, 3)"))
    message = refusal(model, verify=False)
    assert "arrays/vectors.npy doesn't begin as an array of float32 and shape [3, 4]" in message


def test_a_missing_file_is_named(model: Path) -> None:
    (model / "arrays" / "a" / "bias.npy").unlink()
    assert "arrays/a/bias.npy is missing; copy or save the model again" in refusal(model)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    artifact.write(tmp_path / "m", {}, State(folders={"nothing": tmp_path / "nothing"}))
    (tmp_path / "m" / "folders" / "nothing").rmdir()
    assert "folders/nothing is missing" in refusal(tmp_path / "m")


@pytest.mark.parametrize(
    "extra", ["note.txt", "arrays/b.npy", "folders/a/encoder/x", "arrays/a/c/"]
)
def test_an_extra_file_or_folder_is_named(model: Path, extra: str) -> None:
    path = model / extra
    if extra.endswith("/"):
        path.mkdir()
    else:
        path.write_text("hello")
    message = refusal(model, verify=False)
    if extra.endswith("/"):
        assert "arrays/a/c is no regular file" in message
    else:
        assert f"{extra} isn't in the manifest; a model's folder holds nothing else" in message


def test_links_and_pipes_inside_a_model_are_refused(model: Path, tmp_path: Path) -> None:
    path = model / "arrays" / "vectors.npy"
    moved = tmp_path / "elsewhere.npy"
    path.rename(moved)
    path.symlink_to(moved)
    assert "arrays/vectors.npy is a symbolic link; a model holds regular files" in refusal(model)
    path.unlink()
    os.mkfifo(path)
    assert "arrays/vectors.npy is no regular file" in refusal(model)
    path.unlink()
    moved.rename(path)
    (model / "arrays").rename(tmp_path / "arrays")
    (model / "arrays").symlink_to(tmp_path / "arrays")
    assert "arrays is a symbolic link" in refusal(model)


def test_a_manifest_that_is_a_link_or_a_pipe_is_refused(model: Path, tmp_path: Path) -> None:
    manifest = model / "manifest.json"
    manifest.rename(tmp_path / "manifest.json")
    manifest.symlink_to(tmp_path / "manifest.json")
    assert "manifest.json" in refusal(model)
    manifest.unlink()
    os.mkfifo(manifest)
    assert "manifest.json is no regular file" in refusal(model)


def test_what_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "it is no folder" in refusal(tmp_path / "file")
    assert "it has no manifest.json, so it is no penchant model" in refusal(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    assert "manifest.json isn't the manifest of a penchant model" in refusal(tmp_path)
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    assert "manifest.json isn't JSON" in refusal(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 1, "format": 1}')
    assert "two entries are named 'format'" in refusal(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": NaN}')
    assert "NaN is no number of JSON" in refusal(tmp_path)
    with pytest.raises(ModelFileError, match="can't be a model: embedded null byte"):
        artifact.read("a\0b")
    with pytest.raises(ModelFileError, match="there is no such folder"):
        artifact.inspect(tmp_path / "nowhere")


def test_another_format_is_named_with_the_way_out(model: Path) -> None:
    reseal(model, lambda manifest: manifest.update(format=2))
    assert "written by format 2, this penchant reads 1; upgrade penchant" in refusal(model)
    reseal(model, lambda manifest: manifest.update(format=0))
    assert "written by format 0, this penchant reads 1; save the model again" in refusal(model)


def test_a_hand_edited_manifest_is_refused(model: Path) -> None:
    path = model / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 7', '"seed": 8'))
    assert "manifest.json was changed after it was written" in refusal(model, verify=False)


def test_a_huge_manifest_is_refused_unread(model: Path) -> None:
    os.truncate(model / "manifest.json", (64 << 20) + 1)
    assert "manifest.json has 67,108,865 bytes and the limit is 67,108,864" in refusal(model)


def _file(name: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest["files"][name].update(changes)


def _renamed(new: str) -> Callable[[dict[str, Any]], None]:
    def edit(manifest: dict[str, Any]) -> None:
        old = "folders/a/encoder/empty.txt"
        manifest["files"][new] = manifest["files"].pop(old)

    return edit


def _deep(manifest: dict[str, Any]) -> None:
    for _ in range(33):
        manifest["state"] = {
            "meta": {},
            "arrays": [],
            "folders": [],
            "parts": {"p": manifest["state"]},
        }


X = "arrays/vectors.npy"
HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "parent": (_renamed("folders/a/encoder/../../../../x"), "stays inside a model"),
    "leading parent": (_renamed("../x"), "stays inside a model"),
    "absolute": (_renamed("/etc/passwd"), "stays inside a model"),
    "backslash": (_renamed("folders\\x"), "stays inside a model"),
    "drive": (_renamed("C:/x"), "stays inside a model"),
    "zero byte": (_renamed("folders/a/encoder/\0"), "stays inside a model"),
    "empty step": (_renamed("folders/a/encoder//x"), "stays inside a model"),
    "endless": (_renamed("folders/a/encoder/" + "x/" * 100 + "x"), "stays inside a model"),
    "no text": (_renamed("folders/a/encoder/\udc80"), "isn't Unicode"),
    "no owner": (_renamed("somewhere/x"), "which belongs to no part of the model"),
    "huge shape": (_file(X, shape=[10**12, 10**12]), "a shape that no array can have"),
    "huge size": (_file(X, shape=[10**12], size=4 * 10**12 + 128), f"{X} has 176 bytes"),
    "many axes": (_file(X, shape=[1] * 33), "has 33 axes, and an array has at most 32"),
    "hidden extent": (_file(X, shape=[0, 10**19], size=128), "a shape that no array can have"),
    "negative shape": (_file(X, shape=[-3, -4]), "gives arrays/vectors.npy the shape [-3, -4]"),
    "fractional shape": (_file(X, shape=[3.0, 4]), "gives arrays/vectors.npy the shape [3.0, 4]"),
    "true shape": (_file(X, shape=[True, 12]), "gives arrays/vectors.npy the shape [True, 12]"),
    "objects": (_file(X, dtype="|O"), "'|O' is no plain dtype"),
    "records": (_file(X, dtype="<f4,<f4"), "'<f4,<f4' is no plain dtype"),
    "big-endian": (_file(X, dtype=">f4"), "'>f4' is no plain dtype"),
    "twice said": (_file(X, dtype="|i4"), "'|i4' is written '<i4'"),
    "huge item": (_file(X, dtype="<U999999999"), "is no plain dtype"),
    "wrong unit": (_file(X, dtype="<M8[parsec]"), "is no plain dtype"),
    "other dtype": (_file(X, dtype="<i4"), "doesn't begin as an array of int32"),
    "wider dtype": (_file(X, dtype="<f8"), "176 bytes; float64 of shape [3, 4] takes 224"),
    "other shape": (_file(X, shape=[4, 3]), "doesn't begin as an array of float32"),
    "negative size": (_file(X, size=-1), f"no proper size and digest for {X}"),
    "size of text": (_file(X, size="1"), "no proper 'size'"),
    "no digest": (_file(X, blake3="../" * 21 + "x"), f"no proper size and digest for {X}"),
    "entry of text": (lambda m: m["files"].update({X: "x"}), f"no proper entry for {X}"),
    "unlisted": (lambda m: m["files"].pop(X), f"describes no array {X}"),
    "no dtype": (lambda m: m["files"][X].pop("dtype"), f"describes no array {X}"),
    "two of one name": (
        lambda m: m["state"]["arrays"].append("vectors"),
        "the state names an array 'vectors' twice",
    ),
    "nameless": (lambda m: m["state"]["arrays"].append(""), "names an array ''; a name is"),
    "names of numbers": (lambda m: m["state"]["arrays"].append(1), "no proper 'arrays'"),
    "part of text": (lambda m: m["state"]["parts"].update(b="x"), "the part 'b' by str"),
    "folder as part": (
        lambda m: m["state"]["parts"]["a"].update(parts={"encoder": {}}),
        "a folder and a part of one name, 'encoder'",
    ),
    "deep": (_deep, "more than 32 deep"),
    "no state": (lambda m: m.pop("state"), "no proper 'state'"),
    "no files": (lambda m: m.update(files=[]), "no proper 'files'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_manifest_with_a_right_digest_is_refused(model: Path, case: str) -> None:
    edit, words = HOSTILE[case]
    reseal(model, edit)
    assert words in refusal(model, verify=False)


def test_pages_that_the_disk_cannot_give_raise_an_error(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells of pages that can't be read")
    path = tmp_path / "shrinking"
    path.write_bytes(bytes(1 << 20))
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    os.truncate(path, 4096)
    with pytest.raises(OSError, match="Input/output error"):
        reader._populate(mapping)
