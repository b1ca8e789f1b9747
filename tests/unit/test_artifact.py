"""Saved models: what goes in comes out, and whatever was touched is refused by name."""

from __future__ import annotations

import errno
import json
import mmap
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from penchant import artifact, kernels
from penchant.artifact import npy, reader, swap
from penchant.errors import ModelFileError
from penchant.protocols import State

VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A folder as an encoder's: files, one of them empty, some a level deeper."""
    folder = tmp_path / "encoder"
    (folder / "onnx").mkdir(parents=True)
    (folder / "tokenizer.json").write_text('{"a": 1}')
    (folder / "empty.txt").touch()
    (folder / "onnx" / "model.onnx").write_bytes(bytes(range(200)))
    return folder


@pytest.fixture
def state(encoder: Path) -> State:
    bias = np.array([1, 2], np.int64)
    inner = State({"bias": bias}, {"name": "inner"}, {}, {"encoder": encoder})
    return State({"vectors": VECTORS, "bias": np.array([3, 4])}, {"k": 10}, {"a": inner})


@pytest.fixture
def model(tmp_path: Path, state: State) -> Path:
    folder = tmp_path / "model"
    artifact.write(folder, {"facts": {"seed": 7}}, state)
    return folder


def refusal(folder: Path, **options: bool) -> str:
    with pytest.raises(ModelFileError) as caught:
        artifact.read(folder, **options)
    return str(caught.value)


def write_refusal(folder: Path | str, state: State, **options: bool) -> str:
    with pytest.raises(ModelFileError) as caught:
        artifact.write(folder, {}, state, **options)
    return str(caught.value)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def hidden(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


def reseal(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest as somebody would who knows how its digest is made."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["blake3"]
    edit(manifest)
    body = json.dumps(manifest)[1:].encode()
    path.write_bytes(b'{\n"blake3": "%s",\n' % kernels.blake3_bytes(body).encode() + body)


# ---- what goes in comes out


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


# ---- whatever was touched is refused by name


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


# ---- what can't be stored is refused before anything is touched


def _nan(_: Path) -> State:
    return State(meta={"rmse": [1.0, float("nan")]})


def _deep_state(_: Path) -> State:
    state = State()
    for _depth in range(33):
        state = State(parts={"p": state})
    return state


def _link_out(folder: Path) -> State:
    (folder / "e").mkdir()
    (folder / "secret").write_text("s")
    (folder / "e" / "link").symlink_to(folder / "secret")
    return State(folders={"e": folder / "e"})


def _link_to_folder(folder: Path) -> State:
    (folder / "e" / "deep").mkdir(parents=True)
    (folder / "e" / "loop").symlink_to(folder / "e")
    return State(folders={"e": folder / "e"})


def _pipe(folder: Path) -> State:
    (folder / "e").mkdir()
    os.mkfifo(folder / "e" / "pipe")
    return State(folders={"e": folder / "e"})


def _strange_name(folder: Path) -> State:
    (folder / "e").mkdir()
    (folder / "e" / "a\\b").touch()
    return State(folders={"e": folder / "e"})


RECORDS = np.zeros(2, [("a", "<f4"), ("b", "<i4")])
UNSTORABLE: dict[str, tuple[Callable[[Path], State], str]] = {
    "objects": (
        lambda _: State(parts={"a": State({"x": np.array([None])})}),
        "the array 'x' of the part 'a' is object; a model holds plain numbers, strings and times",
    ),
    "records": (lambda _: State({"x": RECORDS}), "a model holds plain numbers"),
    "long double": (lambda _: State({"x": np.zeros(2, np.longdouble)}), "plain numbers"),
    "a list": (lambda _: State({"x": [1]}), "is a list; wanted a numpy array"),  # type: ignore[dict-item]
    "nan": (_nan, "meta of the state['rmse'][1] is nan, a float; that is no JSON"),
    "numpy number": (lambda _: State(meta={"n": np.int64(1)}), "a int64; that is no JSON"),  # type: ignore[dict-item]
    "number key": (
        lambda _: State(meta={"n": {1: 2}}),  # type: ignore[dict-item]
        "meta of the state['n'] has the key 1; keys of JSON are strings",
    ),
    "nameless": (lambda _: State({"": VECTORS}), "the state names an array ''; a name is"),
    "number name": (lambda _: State({1: VECTORS}), "the state names an array 1"),  # type: ignore[dict-item]
    "long name": (
        lambda _: State(parts={"é" * 34: State()}),
        "é', too long a name for a file",
    ),
    "deep": (_deep_state, "the state has parts inside parts, more than 32 deep"),
    "folder as part": (
        lambda folder: State(parts={"a": State()}, folders={"a": folder}),
        "the state has a folder and a part of one name, 'a'; rename one",
    ),
    "no folder": (
        lambda f: State(folders={"e": f / "e"}),
        "the folder 'e' of the state isn't there",
    ),
    "itself": (lambda folder: State(folders={"e": folder}), "it lies inside"),
    "link out": (_link_out, "link is a symbolic link that leads out of its folder"),
    "link to a folder": (_link_to_folder, "loop is a symbolic link that leads out"),
    "pipe": (_pipe, "pipe is a device, a pipe or a socket"),
    "strange name": (_strange_name, "isn't one that stays inside a model"),
}


@pytest.mark.parametrize("case", UNSTORABLE)
def test_what_cannot_be_stored_leaves_the_old_model(tmp_path: Path, case: str) -> None:
    make, words = UNSTORABLE[case]
    artifact.write(tmp_path / "m", {"old": True}, State({"x": VECTORS}))
    assert words in write_refusal(tmp_path / "m", make(tmp_path))
    assert artifact.read(tmp_path / "m").manifest == {"old": True}
    assert hidden(tmp_path) == []


def test_a_manifest_too_large_to_read_is_not_written(tmp_path: Path) -> None:
    state = State(meta={"terms": "x" * (64 << 20)})
    assert "keep what is long in arrays, not in meta" in write_refusal(tmp_path / "m", state)
    assert names(tmp_path) == []


# ---- a stranger's folder is left alone


def test_a_folder_that_is_no_model_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    message = write_refusal(tmp_path / "thesis", State())
    assert "it holds something that is no readable model (it has no manifest.json" in message
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def test_a_file_that_was_put_into_a_model_is_not_lost(model: Path) -> None:
    (model / "notes.txt").write_text("mine")
    assert "it holds 'notes.txt', which is no part of the model" in write_refusal(model, State())
    assert (model / "notes.txt").read_text() == "mine"


def test_a_damaged_model_may_be_replaced_if_its_manifest_is_whole(model: Path) -> None:
    (model / "arrays" / "vectors.npy").unlink()
    artifact.write(model, {"new": True}, State())
    assert artifact.read(model).manifest == {"new": True}
    (model / "manifest.json").write_text("{")
    assert "it holds something that is no readable model" in write_refusal(model, State())


def test_overwrite_false_keeps_what_is_there(model: Path) -> None:
    assert "it exists; pass overwrite=True" in write_refusal(model, State(), overwrite=False)
    assert artifact.read(model).manifest == {"facts": {"seed": 7}}


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    artifact.write(tmp_path / "m", {"new": True}, State(), overwrite=False)
    assert artifact.read(tmp_path / "m").manifest == {"new": True}


def test_places_that_cannot_hold_a_model_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "there is a file of that name" in write_refusal(tmp_path / "file", State())
    assert "Not a directory" in write_refusal(tmp_path / "file" / "m", State())
    assert "a mount point can't be replaced" in write_refusal("/", State())
    assert "embedded null byte" in write_refusal("a\0b", State())
    assert names(tmp_path) == ["file"]


# ---- replacing


def test_a_reader_of_the_old_model_goes_on(model: Path) -> None:
    large = np.arange(1 << 18, dtype=np.int64)
    artifact.write(model, {}, State({"x": large}))
    old = artifact.read(model).state.arrays["x"]
    artifact.write(model, {}, State({"x": np.zeros(8, np.int64)}))
    shutil.rmtree(model)
    np.testing.assert_array_equal(old, large)


def test_a_loaded_model_can_be_saved_over_itself(model: Path) -> None:
    loaded = artifact.read(model)
    artifact.write(model, loaded.manifest, loaded.state)
    again = artifact.read(model)
    np.testing.assert_array_equal(again.state.arrays["vectors"], VECTORS)
    assert (again.state.parts["a"].folders["encoder"] / "onnx" / "model.onnx").stat().st_size == 200


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_a_model_is_read_whole_while_it_is_replaced(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)

    def numbered(n: int) -> State:
        return State({name: np.full(20_000, n) for name in "ab"}, {"n": n})

    artifact.write(tmp_path / "m", {}, numbered(0))
    done = threading.Event()

    def replace_often() -> None:
        for n in range(1, 60):
            artifact.write(tmp_path / "m", {}, numbered(n))
        done.set()

    writer = threading.Thread(target=replace_often)
    writer.start()
    seen = set()
    while not done.is_set():
        state = artifact.read(tmp_path / "m", verify=False).state
        numbers = {state.meta["n"], *state.arrays["a"].tolist(), *state.arrays["b"].tolist()}
        assert len(numbers) == 1
        seen |= numbers
    writer.join()
    assert len(seen) > 3
    assert hidden(tmp_path) == []


def test_a_model_set_aside_for_a_moment_is_no_missing_model(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader looks between a writer's two renames, and sees nothing twice."""
    away = model.with_name("away")
    seal, located = reader._seal, swap.located
    calls = iter(range(100))

    def looked(place: Path) -> Path:
        if away.exists():
            away.rename(place)
        return located(place)

    def sealed(place: Path) -> bytes | None:
        if next(calls) == 0:
            place.rename(away)
        return seal(place)

    monkeypatch.setattr(reader, "located", looked)
    monkeypatch.setattr(reader, "_seal", sealed)
    assert artifact.read(model).manifest == {"facts": {"seed": 7}}


def test_a_reader_waits_for_a_writer_between_its_renames(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    rename, between, looked = Path.rename, threading.Event(), threading.Event()
    seal = reader._seal

    def sealed(place: Path) -> bytes | None:
        found = seal(place)
        looked.set()
        return found

    def slowly(source: Path, target: Path) -> Path:
        renamed = rename(source, target)
        if Path(target).suffix == ".old":
            between.set()
            assert looked.wait(10)
        return renamed

    monkeypatch.setattr(Path, "rename", slowly)
    writer = threading.Thread(target=artifact.write, args=(model, {"n": 2}, State()))
    writer.start()
    assert between.wait(10)
    monkeypatch.setattr(reader, "_seal", sealed)
    monkeypatch.setattr(reader, "located", lambda place: place)
    assert artifact.read(model).manifest == {"n": 2}
    writer.join()


def test_two_writers_leave_one_whole_model(tmp_path: Path) -> None:
    def write_often(n: int) -> None:
        for _ in range(10):
            artifact.write(tmp_path / "m", {"n": n}, State({"x": np.full(100, n)}))

    writers = [threading.Thread(target=write_often, args=(n,)) for n in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    loaded = artifact.read(tmp_path / "m")
    assert set(loaded.state.arrays["x"].tolist()) == {loaded.manifest["n"]}
    assert hidden(tmp_path) == []


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path: Path) -> None:
    dead, living = tmp_path / f".m.{'0' * 16}.tmp", tmp_path / f".m.{'1' * 16}.tmp"
    other = tmp_path / f".n.{'0' * 16}.tmp"
    for folder in (dead, living, other):
        (folder / "arrays").mkdir(parents=True)
    with swap._opened(living) as descriptor:
        assert swap._try_lock(descriptor)
        artifact.write(tmp_path / "m", {}, State())
    assert hidden(tmp_path) == [living.name, other.name]


def test_a_model_set_aside_by_a_dead_writer_is_found_and_put_back(model: Path) -> None:
    aside = model.with_name(f".model.{'0' * 16}.old")
    model.rename(aside)
    assert artifact.read(model).manifest == {"facts": {"seed": 7}}
    assert "it exists; pass overwrite=True" in write_refusal(model, State(), overwrite=False)
    assert artifact.read(model).manifest == {"facts": {"seed": 7}}
    assert hidden(model.parent) == []


# ---- what the system refuses


def test_a_limit_on_file_size_leaves_the_old_model(tmp_path: Path) -> None:
    artifact.write(tmp_path / "m", {"old": True}, State({"x": VECTORS}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        message = write_refusal(tmp_path / "m", State({"x": np.zeros(1 << 20)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert message == f"a model can't be saved to {tmp_path / 'm'}: File too large"
    assert artifact.read(tmp_path / "m").manifest == {"old": True}
    assert hidden(tmp_path) == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("needs the mount command")
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=8m", "none", place], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"may not mount a file system here: {made.stderr.strip()}")
    yield place
    subprocess.run([umount, "--lazy", place], check=True)


def test_a_full_disk_leaves_the_old_model(disk: Path) -> None:
    artifact.write(disk / "m", {"old": True}, State({"x": np.zeros(1 << 18)}))
    free = shutil.disk_usage(disk).free
    message = write_refusal(disk / "m", State({"x": np.zeros(1 << 20)}))
    assert message == f"a model can't be saved to {disk / 'm'}: No space left on device"
    assert artifact.read(disk / "m").manifest == {"old": True}
    assert hidden(disk) == []
    assert shutil.disk_usage(disk).free == free


def test_a_read_only_disk_is_named_and_its_models_load(disk: Path) -> None:
    artifact.write(disk / "m", {"old": True}, State({"x": VECTORS}))
    mount = shutil.which("mount")
    assert mount is not None
    subprocess.run([mount, "-o", "remount,ro", disk], check=True)
    assert "Read-only file system" in write_refusal(disk / "m", State())
    assert "Read-only file system" in write_refusal(disk / "new" / "m", State())
    assert artifact.read(disk / "m").manifest == {"old": True}


def test_a_mount_point_is_not_replaced(disk: Path) -> None:
    assert "a mount point can't be replaced; name a folder inside" in write_refusal(disk, State())


@pytest.mark.parametrize("there", [True, False], ids=["old model", "no model"])
@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_a_failing_sync_leaves_what_was_there(
    tmp_path: Path, there: bool, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every sync of a save fails once, the last ones after the swap."""
    if not exchange:
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    if there:
        artifact.write(tmp_path / "m", {"old": True}, State({"x": VECTORS}))
    fsync = os.fsync
    left = 0

    def failing(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    # Two files, then the folders arrays and the model's, then the one around it.
    for calls in range(1, 6):
        left = calls
        message = write_refusal(tmp_path / "m", State({"x": VECTORS}))
        assert message == f"a model can't be saved to {tmp_path / 'm'}: Input/output error"
        assert names(tmp_path) == (["m"] if there else [])
        if there:
            assert artifact.read(tmp_path / "m").manifest == {"old": True}
    left = 6
    artifact.write(tmp_path / "m", {"new": True}, State({"x": VECTORS}))
    assert left == 1
    assert artifact.read(tmp_path / "m").manifest == {"new": True}


# ---- other processes

CRASHES = """
import os, signal, sys
import numpy as np
from penchant import artifact
from penchant.artifact import swap
from penchant.errors import ModelFileError
from penchant.protocols import State

folder, how, exchange, stride = *sys.argv[1:3], sys.argv[3] == "exchange", int(sys.argv[4])
# `shutil.rmtree` raises nothing when told to ignore errors; its announcement would.
STEPS = ("os.", "open", "ctypes.", "fcntl.", "test.") + ("shutil.",) * (how == "kill")
fsync = os.fsync
def audited(descriptor):
    sys.audit("test.fsync")
    fsync(descriptor)
os.fsync = audited
if not exchange:
    swap._exchange = lambda one, other: False

def save(n):
    parts = {"p": State({"y": np.full(50, n)}, {"n": n})}
    artifact.write(folder, {"n": n}, State({"x": np.full(50, n)}, {"n": n}, parts))

def number():
    loaded = artifact.read(folder)
    inner = loaded.state.parts["p"]
    numbers = {loaded.manifest["n"], loaded.state.meta["n"], inner.meta["n"]}
    numbers.update(loaded.state.arrays["x"].tolist(), inner.arrays["y"].tolist())
    (n,) = numbers
    return n

def leftovers():
    return [name for name in os.listdir(os.path.dirname(folder)) if name.startswith(".")]

def child(at):
    seen = 0
    def hook(event, args):
        nonlocal seen
        if event.startswith(STEPS):
            seen += 1
            if seen == at:
                if how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError(5, "Input/output error")
    sys.addaudithook(hook)
    try:
        save(at)
    except ModelFileError as error:
        assert "Input/output error" in str(error), error
        assert number() == 0 and not leftovers()
    os._exit(0 if seen < at else 3)

save(0)
old = new = 0
for at in range(1, 10_000, stride):
    pid = os.fork()
    if pid == 0:
        try:
            child(at)
        finally:
            os._exit(9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, 3, -9), status
    if status == 0:
        break
    n = number()
    assert n in (0, at), (n, at)
    old, new = old + (n == 0), new + (n == at)
    if how == "raise":
        assert len(leftovers()) <= (n == at), leftovers()
    save(0)
    assert number() == 0 and not leftovers(), leftovers()
print(old, new)
"""


@pytest.mark.parametrize("exchange", ["exchange", "renames"])
@pytest.mark.parametrize("how", ["kill", "raise"])
def test_a_save_stopped_at_any_step_leaves_the_old_model_or_the_new(
    tmp_path: Path, how: str, exchange: str
) -> None:
    """Each third step that the interpreter tells of (open, rename, sync, ...) is the last once.

    `benches/soak_artifact.py` asks for every step.
    """
    stride = os.environ.get("PENCHANT_CRASH_STRIDE", "3")
    ran = subprocess.run(
        [sys.executable, "-c", CRASHES, tmp_path / "m", how, exchange, stride],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    old, new = map(int, ran.stdout.split())
    assert old > 7
    assert new > 0


SHARING = """
import sys
from pathlib import Path
from penchant import artifact

array = artifact.read(sys.argv[1]).state.arrays["x"]
assert array.sum() == 0
print("loaded", flush=True)
sys.stdin.readline()
smaps = Path("/proc/self/smaps").read_text()
facts = smaps[smaps.index("x.npy"):].splitlines()
for key in ("Rss:", "Pss:"):
    print(next(line.split()[1] for line in facts if line.startswith(key)))
"""


def test_processes_share_the_pages_of_a_model(tmp_path: Path) -> None:
    if not Path("/proc/self/smaps").exists():
        pytest.skip("needs /proc/self/smaps")
    artifact.write(tmp_path / "m", {}, State({"x": np.zeros(1 << 22, np.float32)}))
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", SHARING, tmp_path / "m"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        for process in readers:
            assert process.stdout is not None
            assert process.stdout.readline() == "loaded\n"
        # One after the other, while the others still wait.
        process = readers[0]
        resident, shared = map(int, process.communicate("go\n")[0].split())
    finally:
        for process in readers:
            process.communicate("go\n" if process.poll() is None else None)
    assert resident >= 16_000
    assert shared <= resident * 0.3


def test_a_file_header_is_a_function_of_dtype_and_shape_alone() -> None:
    """Frozen: another byte here would make every saved model unreadable."""
    assert npy.header(np.dtype("<f4"), (3, 4)) == (
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"
        + b" " * 58
        + b"\n"
    )
