"""Codes of items: what they are, how they are kept, and that models answer the same with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import penchant
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import Dataset, Model, use
from penchant.builtin.top_k import FittedTopK
from penchant.errors import SettingsError, ShapeError
from penchant.kernels import ItemIndex, bitset, isas, quantize_items


def random(rows: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, dim), np.float32)


def same(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def test_an_item_is_a_byte_a_value_around_128():
    codes, bounds = quantize_items(np.array([[2.0, -2.0, 1.0], [0.0, 0.5, 0.0]], np.float32))
    assert (codes.shape, codes.dtype) == ((16, 64), np.uint8)
    assert (bounds.shape, bounds.dtype) == ((1, 48), np.float32)
    assert codes[0, :4].tolist() == [255, 1, 192, 128]  # 127, -127, 63.5 rounded, padding
    assert codes[0, 4:8].tolist() == [128, 160, 128, 128]
    assert (codes[1:] == 128).all()
    assert codes.ctypes.data % 64 == 0
    assert not codes.flags.writeable


def test_codes_outlive_their_items_and_are_the_same_for_any_threads():
    codes = quantize_items(random(5000, 20))
    assert same(codes, quantize_items(random(5000, 20), threads=2))


def test_an_index_with_codes_says_so_and_may_own_them():
    items = random(300, 8)
    index = ItemIndex(items, codes=quantize_items(items), isa="scalar")
    assert index.quantized
    assert not index.resident
    assert repr(index) == "ItemIndex(300 x 8, quantized, borrowed, scalar)"
    codes, bounds = (array.copy() for array in quantize_items(items))
    owner = ItemIndex(items, codes=(codes, bounds), resident=True)
    assert owner.resident
    codes[:] = 0
    query = random(2, 8, seed=1)
    assert same(owner.top_k(query, 5), index.top_k(query, 5))
    assert not ItemIndex(items).quantized


@pytest.mark.parametrize(
    ("codes", "error", "words"),
    [
        (3, TypeError, r"codes must be the pair \(codes, bounds\) that quantize_items gives"),
        (quantize_items(random(300, 2)), ShapeError, "codes of 2048 bytes and 96 bounds"),
        ((np.zeros((16, 64)), np.zeros((1, 48))), ShapeError, r"codes\[0\] has dtype float64"),
        ((np.zeros(1024, np.uint8), np.zeros(48)), ShapeError, r"codes\[0\] has 1 dimensions"),
    ],
)
def test_codes_that_do_not_fit_are_refused(codes, error, words):
    with pytest.raises(error, match=words):
        ItemIndex(random(5, 2), codes=codes)


def test_items_that_have_no_codes_are_refused():
    with pytest.raises(ShapeError, match="items have 16385 columns, and can be quantized up to"):
        quantize_items(np.zeros((1, 16385), np.float32))
    with pytest.raises(SettingsError, match="threads is 0, and must be at least 1"):
        quantize_items(random(3, 2), threads=0)
    with pytest.raises(ShapeError, match="items has dtype float64, but float32 is needed"):
        quantize_items(np.zeros((1, 2)))


def test_a_resident_index_of_many_codes_gives_the_same_answers_before_and_after_changes():
    items = random(700_000, 48)  # 34 MB of codes, which get halves
    index = ItemIndex(items, codes=quantize_items(items, threads=2), resident=True)
    plain = ItemIndex(items)
    rows = np.array([5, 400_000, 700_000], np.int32)
    vectors = random(3, 48, seed=2)
    changed, reference = (
        each.with_rows(rows, vectors).without_rows(rows[:1]) for each in (index, plain)
    )
    for query in random(4, 48, seed=1):
        for threads in (1, 2):
            assert same(index.top_k(query[None], 7, threads=threads), plain.top_k(query[None], 7))
            answer = changed.top_k(query[None], 7, threads=threads)
            assert same(answer, reference.top_k(query[None], 7))


def test_changed_rows_and_codes_go_together():
    items, fresh = random(600, 12), random(3, 12, seed=1)
    index = ItemIndex(items, codes=quantize_items(items))
    rows = np.array([0, 599, 600], np.int32)
    changed = index.with_rows(rows, fresh).without_rows(np.array([5], np.int32))
    whole = np.concatenate([items, fresh[2:]])
    whole[rows] = fresh
    queries, deny = random(9, 12, seed=2), bitset(np.array([5], np.int32), 601)
    wanted = ItemIndex(whole).top_k(queries, 20, deny=deny)
    assert same(changed.top_k(queries, 20), wanted)
    compacted = changed.compacted()
    assert compacted.quantized
    assert same(compacted.top_k(queries, 20), wanted)


@given(
    rows=st.integers(0, 700),
    dim=st.integers(0, 40),
    asked=st.integers(0, 9),
    k=st.integers(0, 20),
    spread=st.sampled_from([1.0, 0.02, 1e-6, 0.0]),
    scale=st.sampled_from([1.0, 1e-20, 1e15]),
    seed=st.integers(0, 2**16),
)
def test_codes_change_no_bit_of_an_answer(rows, dim, asked, k, spread, scale, seed):
    centres = random(4, dim, seed)
    items = centres[np.arange(rows) % 4] + np.float32(spread) * random(rows, dim, seed + 1)
    items = np.ascontiguousarray(items * np.float32(scale))
    queries = random(asked, dim, seed + 2)
    deny = bitset(np.arange(0, rows, 3, dtype=np.int32), rows)
    wanted = ItemIndex(items).top_k(queries, k, deny=deny)
    codes = quantize_items(items)
    for isa in isas():
        index = ItemIndex(items, codes=codes, isa=isa)
        assert same(index.top_k(queries, k, deny=deny, threads=2), wanted)


def fitted(*, quantized: bool) -> Model:
    draw = np.random.default_rng(5)
    pairs = draw.permutation(60 * 700)[:3000]
    events = {
        "user_id": [f"u{pair // 700}" for pair in pairs],
        "item_id": [f"i{pair % 700}" for pair in pairs],
        "value": draw.integers(1, 6, 3000).astype(float),
    }
    data = Dataset.from_frame(events)
    scorer = use("mf.sgd", factors=12, epochs=2)
    return penchant.fit(data, recommender=use("base.top_k", scorer=scorer, quantized=quantized))


def test_a_model_answers_the_same_with_codes_without_them_and_from_disk(tmp_path: Path):
    model, plain = fitted(quantized=True), fitted(quantized=False)
    model.save(tmp_path / "model")
    plain.save(tmp_path / "plain")
    assert [*(tmp_path / "model").rglob("codes.npy")]
    assert not [*(tmp_path / "plain").rglob("codes.npy")]
    loaded, resident = (
        penchant.load(tmp_path / "model", resident=resident) for resident in (False, True)
    )
    for user in ("u0", "u1", "u59", "stranger"):
        wanted = plain.recommend(user)
        for one in (model, loaded, resident):
            answer = one.recommend(user)
            assert answer.ids == wanted.ids
            assert answer.scores.tobytes() == wanted.scores.tobytes()


def test_codes_of_a_loaded_model_are_mapped_and_not_made_again(tmp_path: Path, monkeypatch):
    fitted(quantized=True).save(tmp_path / "model")
    monkeypatch.setattr("penchant.kernels.quantize_items", None)
    recommender = penchant.load(tmp_path / "model").recommender
    assert isinstance(recommender, FittedTopK)
    arrays = recommender.state().arrays
    assert sorted(arrays) == ["code_bounds", "codes"]
    assert all(not array.flags.owndata for array in arrays.values())
