"""Any tree of arrays comes back bit for bit, and any damage to any of its files is found."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from penchant import artifact
from penchant.artifact import npy
from penchant.artifact.names import array_path
from penchant.errors import ModelFileError
from penchant.protocols import State

DTYPES: st.SearchStrategy[np.dtype[Any]] = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.byte_string_dtypes(endianness="?", min_len=1, max_len=5),
    hnp.unicode_string_dtypes(endianness="?", min_len=1, max_len=5),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
NAMES = st.text(min_size=1, max_size=12)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Also what no text encodes: lone surrogates.
    | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
METAS = st.dictionaries(st.text(max_size=8), JSON, max_size=3)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """An array of any plain dtype and order in memory."""
    array = draw(hnp.arrays(DTYPES, SHAPES))
    return draw(
        st.sampled_from(
            (array, array.T, np.asfortranarray(array), array[..., ::-1]) if array.ndim else (array,)
        )
    )


def states(depth: int = 2) -> st.SearchStrategy[State]:
    parts = st.dictionaries(NAMES, states(depth - 1), max_size=2) if depth else st.just({})
    return st.builds(
        State,
        arrays=st.dictionaries(NAMES, arrays(), max_size=3),
        meta=METAS,
        parts=parts,
    )


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder for one example; a fixture would be shared by all."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "m"


def assert_same(loaded: State, saved: State) -> None:
    assert loaded.meta == saved.meta
    assert list(loaded.arrays) == list(saved.arrays)
    assert list(loaded.parts) == list(saved.parts)
    for name, array in saved.arrays.items():
        back = loaded.arrays[name]
        assert back.shape == array.shape
        assert back.dtype == array.dtype.newbyteorder("<")
        assert back.tobytes() == array.astype(back.dtype).tobytes()
        assert not back.flags.writeable
    for name, part in saved.parts.items():
        assert_same(loaded.parts[name], part)


@settings(deadline=None)
@given(state=states(), manifest=METAS, verify=st.booleans())
def test_any_state_comes_back_bit_for_bit(
    state: State, manifest: dict[str, Any], verify: bool
) -> None:
    with new_folder() as folder:
        artifact.write(folder, manifest, state)
        loaded = artifact.read(folder, verify=verify)
        assert loaded.manifest == manifest
        assert_same(loaded.state, state)
        assert [path.name for path in folder.parent.iterdir()] == ["m"]


@settings(deadline=None)
@given(state=states(), data=st.data())
def test_any_damage_is_refused(state: State, data: st.DataObject) -> None:
    with new_folder() as folder:
        artifact.write(folder, {"facts": {"seed": 1}}, state)
        path = data.draw(st.sampled_from(sorted(p for p in folder.rglob("*") if p.is_file())))
        whole = path.read_bytes()
        offset = data.draw(st.integers(0, len(whole) - 1))
        damage = data.draw(st.sampled_from(("flip", "cut", "insert", "remove")))
        if damage == "flip":
            mask = data.draw(st.integers(1, 255))
            path.write_bytes(whole[:offset] + bytes([whole[offset] ^ mask]) + whole[offset + 1 :])
        elif damage == "cut":
            path.write_bytes(whole[:offset])
        elif damage == "insert":
            path.write_bytes(whole[:offset] + b"\0" + whole[offset:])
        else:
            path.unlink()
        with pytest.raises(ModelFileError) as caught:
            artifact.read(folder)
        name = path.relative_to(folder).as_posix()
        assert name in str(caught.value) or "this penchant reads" in str(caught.value)


@settings(deadline=None)
@given(dtype=DTYPES, shape=SHAPES)
def test_the_header_is_one_that_numpy_reads(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    stored = npy.little_endian(dtype)
    array = np.zeros(shape, stored)
    with new_folder() as folder:
        folder.write_bytes(npy.header(stored, shape) + array.tobytes())
        assert folder.stat().st_size == npy.file_size(stored, shape)
        back = np.load(folder, allow_pickle=False)
        assert back.dtype == stored
        assert back.shape == shape
        assert len(npy.header(stored, shape)) % 64 == 0


@given(st.lists(st.tuples(st.lists(NAMES, max_size=3).map(tuple), NAMES), unique=True, max_size=6))
def test_no_two_arrays_share_a_path_and_none_lies_above_another(
    named: list[tuple[tuple[str, ...], str]],
) -> None:
    paths = [array_path(at, name) for at, name in named]
    assert len(set(paths)) == len(paths)
    assert not any(one.startswith(f"{other}/") for one in paths for other in paths)
    assert all(path.isascii() for path in paths)


@settings(deadline=None)
@given(raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_manifest_of_anything_is_refused_in_words(raw: bytes) -> None:
    with new_folder() as folder:
        folder.mkdir()
        (folder / "manifest.json").write_bytes(raw)
        with pytest.raises(ModelFileError, match=r"manifest\.json isn't"):
            artifact.read(folder)
