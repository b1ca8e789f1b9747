"""Which component describes items, and which can't."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from penchant import Registry
from penchant.errors import DataError, EncoderMissing, SettingsError, UnknownComponent
from penchant.item_text import EncodedText, ItemText, text_source
from penchant.protocols import FitContext, State
from penchant.queries import Csr, Queries
from penchant.testing.data import toy_dataset

HASHING = {"use": "base.hashing", "dim": 32}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(only={"base"})


def described(registry: Registry, **more: object) -> tuple[EncodedText, np.ndarray]:
    text, features = ItemText("my.scorer", {**HASHING, **more}, registry).fit(
        toy_dataset(), FitContext()
    )
    assert isinstance(text, EncodedText)
    assert not isinstance(features.matrix, Csr)
    return text, features.matrix


def test_items_are_described_alike_at_the_fit_and_after_it(registry: Registry) -> None:
    text, vectors = described(registry)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    rows = np.array([7, 2], np.int32)
    np.testing.assert_array_equal(text.describe(toy_dataset(), rows), vectors[rows])
    restored = ItemText("my.scorer", HASHING, registry).restore(text.state())
    np.testing.assert_array_equal(restored.describe(toy_dataset(), rows), vectors[rows])


def test_columns_are_names_or_a_template(registry: Registry) -> None:
    _, titles = described(registry, columns=["title"])
    _, filled = described(registry, columns="{title}")
    _, both = described(registry, columns=["title", "colour"])
    np.testing.assert_array_equal(titles, filled)
    assert not np.array_equal(titles, both)
    for wrong in ([], "", 7, [7]):
        with pytest.raises(SettingsError, match=r"my\.scorer: columns must be a list"):
            ItemText("my.scorer", {**HASHING, "columns": wrong}, registry)


def test_words_are_read_from_the_queries_that_speak(registry: Registry) -> None:
    text, _ = described(registry)
    nothing = Csr.empty(1, 10)
    assert text.words(Queries(np.array([-1], np.int32), nothing)) is None
    ((name, encoder),) = text.encoders().items()
    spoken = Queries(
        np.array([-1], np.int32), nothing, None, {name: encoder.encode(["night"], kind="query")}
    )
    told = text.words(spoken)
    assert told is not None
    np.testing.assert_allclose(np.linalg.norm(told, axis=1), 1, atol=1e-6)


def test_a_name_that_describes_nothing_is_refused(registry: Registry) -> None:
    with pytest.raises(UnknownComponent, match=r"base\.popular is a scorer; take content\.tfidf"):
        ItemText("my.scorer", "base.popular", registry)
    with pytest.raises(DataError, match=r"needs an extractor of items, .* describes users"):
        ItemText("my.scorer", "base.activity", registry).fit(toy_dataset(), FitContext())


def test_new_items_need_the_encoder_at_hand(registry: Registry) -> None:
    text, _ = described(registry)
    with pytest.raises(EncoderMissing, match=r"saved without its encoder"):
        replace(text, encoder=None).describe(toy_dataset(), np.array([0], np.int32))


def test_a_state_of_something_else_is_refused(registry: Registry) -> None:
    from penchant.errors import ModelFileError

    with pytest.raises(ModelFileError, match=r"my\.scorer can't be restored: the model lacks 'in_"):
        ItemText("my.scorer", HASHING, registry).restore(State())


def blocks(*weights: float) -> list[dict[str, object]]:
    columns = (["title"], ["colour"])
    return [
        {**HASHING, "columns": column, "weight": weight}
        for column, weight in zip(columns, weights, strict=True)
    ]


def test_blocks_side_by_side_are_as_alike_as_their_weighted_mean(registry: Registry) -> None:
    data, rows = toy_dataset(), np.array([3, 8, 1], np.int32)
    source = text_source("my.scorer", blocks(3, 1), registry)
    text, features = source.fit(data, FitContext())
    titles, colours = (described(registry, columns=[name])[1] for name in ("title", "colour"))
    assert not isinstance(features.matrix, Csr)
    np.testing.assert_allclose(
        features.matrix @ features.matrix.T,
        0.75 * titles @ titles.T + 0.25 * colours @ colours.T,
        atol=1e-5,
    )
    np.testing.assert_array_equal(text.describe(data, rows), features.matrix[rows])
    restored = source.restore(text.state())
    np.testing.assert_array_equal(restored.describe(data, rows), features.matrix[rows])


def test_a_block_of_terms_makes_all_sparse() -> None:
    registry = Registry.discover(only={"base", "content"})
    data = toy_dataset()
    both = text_source("my.scorer", ["content.tfidf", HASHING], registry)
    text, features = both.fit(data, FitContext())
    assert isinstance(features.matrix, Csr)
    terms = text_source("my.scorer", "content.tfidf", registry).fit(data, FitContext())[1].matrix
    assert isinstance(terms, Csr)
    _, vectors = described(registry)
    dense = features.matrix.to_dense()
    half = np.float32(0.5**0.5)
    np.testing.assert_allclose(dense[:, : terms.columns], half * terms.to_dense(), atol=1e-6)
    np.testing.assert_allclose(dense[:, terms.columns :], half * vectors, atol=1e-6)
    rows = np.array([4, 0], np.int32)
    later = text.describe(data, rows)
    assert isinstance(later, Csr)
    np.testing.assert_array_equal(later.to_dense(), dense[rows])


def test_blocks_that_name_nothing_or_weigh_nothing_are_refused(registry: Registry) -> None:
    from penchant.errors import ModelFileError

    with pytest.raises(SettingsError, match=r"my\.scorer: text names nothing"):
        text_source("my.scorer", [], registry)
    for weight in (0, -1.0, float("inf"), "much"):
        with pytest.raises(SettingsError, match=r"weight of base\.hashing must be a number"):
            text_source("my.scorer", [{**HASHING, "weight": weight}], registry)
    with pytest.raises(ModelFileError, match=r"the model lacks 'block_0'"):
        text_source("my.scorer", blocks(1, 1), registry).restore(State())
