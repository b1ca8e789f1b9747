"""`content.columns`: what each kind of column says, and how columns are weighed."""

from __future__ import annotations

from typing import Any

import numpy as np
import penchant_content
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, RequestError, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Csr
from penchant.registry import Registry
from penchant_content.blocks import block_of


def dataset(likes: list[tuple[int, int]] = [(0, 0)], **columns: Any) -> Dataset:  # noqa: B006
    size = max(len(column) for kind in columns.values() for column in kind.values())
    users = 1 + max(user for user, _ in likes)
    user, item = (np.array(side, np.int32) for side in zip(*likes, strict=True))
    return Dataset(
        users=Users.of([f"u{row}" for row in range(users)]),
        items=Items.of([f"i{row}" for row in range(size)], **columns),
        interactions=Interactions.of(
            user, item, np.ones(len(user), np.float32), n_users=users, n_items=size
        ),
    )


def cosines(data: Dataset, column: str) -> np.ndarray:
    """Of all items, by one column."""
    everything = np.arange(len(data.items), dtype=np.int32)
    block = block_of(data, column, FitContext()).describe(data, everything)
    dense = block.to_dense() if isinstance(block, Csr) else block
    return dense @ dense.T


def columns(**settings: Any) -> Any:
    registry = Registry({"content": penchant_content})
    return registry.extractor({"use": "content.columns", **settings})


def test_items_of_one_category_are_alike_and_others_are_not() -> None:
    alike = cosines(dataset(categories={"author": ["Woolf", "Sebald", "Woolf", None]}), "author")
    assert alike.tolist() == [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


def test_labels_are_alike_by_how_many_they_share() -> None:
    labels = [("drama", "war"), ("drama",), ("war", "drama"), (), ("war", "epic")]
    alike = cosines(dataset(labels={"genres": labels}), "genres")
    assert alike[0, 2] == pytest.approx(1)
    assert 1 > alike[0, 1] > alike[0, 4] > alike[0, 3] == 0


def test_rare_names_count_for_more_than_common_ones() -> None:
    labels = [("drama", "western"), ("drama",), ("western",), ("drama",), ("drama",)]
    alike = cosines(dataset(labels={"genres": labels}), "genres")
    assert alike[0, 2] > alike[0, 1]


def test_texts_are_alike_by_their_terms() -> None:
    texts = ["the whale", "a white whale", "the sea", ""]
    alike = cosines(dataset(texts={"plot": texts}), "plot")
    assert alike[0, 0] == pytest.approx(1)
    assert 0 < alike[0, 1] < 1
    assert alike[1, 2] == 0
    assert not alike[3].any()


def test_numbers_are_alike_by_nearness_and_not_by_the_border_of_a_bin() -> None:
    years = [1950.0, 1960, 1970, 1980, 1989, 1990, 1991, 2000, 2010, 2020, np.nan]
    alike = cosines(dataset(numbers={"year": years}), "year")
    assert alike[5, 4] > 0.5
    assert alike[5, 6] > 0.5
    assert alike[5, 0] == 0
    assert np.diag(alike)[:-1] == pytest.approx(np.ones(10))
    assert not alike[-1].any()


def test_numbers_beyond_those_of_the_fit_count_as_the_outermost() -> None:
    first = dataset(numbers={"year": [1950.0, 1980, 2000]})
    later = dataset(numbers={"year": [1900.0, 1950, 2000, 2050]})
    block = block_of(first, "year", FitContext())
    dense: Any = block.describe(later, np.arange(4, dtype=np.int32))
    dense = dense.to_dense()
    assert dense[0].tolist() == dense[1].tolist()
    assert dense[2].tolist() == dense[3].tolist()


def test_a_column_of_one_number_makes_all_alike() -> None:
    alike = cosines(dataset(numbers={"year": [1999.0, 1999, np.nan]}), "year")
    assert alike.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_a_column_without_any_number_says_nothing() -> None:
    data = dataset(categories={"author": ["Woolf", "Sebald"]}, numbers={"year": [np.nan, np.nan]})
    assert not cosines(data, "year").any()
    names = columns().fit(data, FitContext()).extract(data, np.arange(2, dtype=np.int32)).names
    assert names == ("author: Woolf", "author: Sebald")


def test_vectors_are_alike_around_their_mean() -> None:
    vectors = [[9.0, 1], [9, 2], [9, -1], [0, 0]]
    alike = cosines(dataset(vectors={"cover": vectors}), "cover")
    assert alike[0, 1] > 0.5 > alike[0, 2]
    assert not alike[3].any()


def test_a_name_that_is_new_says_nothing_and_known_ones_keep_their_place() -> None:
    first = dataset(categories={"author": ["Woolf", "Sebald"]})
    later = dataset(categories={"author": ["Perec", "Sebald", "Woolf"]})
    block = block_of(first, "author", FitContext())
    features: Any = block.describe(later, np.array([0, 1, 2], np.int32))
    assert features.to_dense() == pytest.approx(np.array([[0, 0], [0, 1], [1, 0]]))
    assert block.names() == ["Woolf", "Sebald"]


def test_the_product_of_two_items_is_the_weighted_mean_of_their_columns() -> None:
    data = dataset(
        categories={"author": ["Woolf", "Woolf", "Sebald"]},
        labels={"genres": [("novel",), ("short",), ("novel",)]},
    )
    fitted = columns(weights={"author": 3, "genres": 1}).fit(data, FitContext())
    features = fitted.extract(data, np.arange(3, dtype=np.int32))
    dense = features.matrix.to_dense()
    assert (dense @ dense.T)[0] == pytest.approx([1, 0.75, 0.25])
    assert features.names == ("author: Woolf", "author: Sebald", "genres: novel", "genres: short")


def tastes_of_authors(seed: int = 0) -> Dataset:
    """Each of 40 users likes books of three authors of twelve; covers mean nothing."""
    draw = np.random.default_rng(seed)
    authors = draw.integers(0, 12, 240)
    likes = []
    for user in range(40):
        own = np.flatnonzero((authors - user) % 12 < 3)
        likes += [(user, int(item)) for item in draw.choice(own, 12, replace=False)]
    return dataset(
        likes,
        categories={
            "author": [f"author {author}" for author in authors],
            "cover": [f"cover {cover}" for cover in draw.integers(0, 2, 240)],
        },
    )


def test_a_column_that_foretells_likings_outweighs_one_that_does_not() -> None:
    fitted = columns().fit(tastes_of_authors(), FitContext())
    author, cover = fitted.weights
    assert author > 0.75
    assert author + cover == pytest.approx(1)


def test_two_columns_of_one_content_weigh_the_same() -> None:
    data = tastes_of_authors()
    authors = [str(author) for author in data.items.category("author").words()]
    likes = data.positive_csr()
    pairs = list(zip(likes.row_of_entry().tolist(), likes.indices.tolist(), strict=True))
    twice = dataset(pairs, categories={"author": authors, "writer": authors})
    assert columns().fit(twice, FitContext()).weights == [0.5, 0.5]


def test_columns_weigh_the_same_where_there_is_nothing_to_learn_from() -> None:
    data = dataset([(0, 0)], categories={"author": ["Woolf", "Sebald"], "cover": ["blue", "red"]})
    assert columns().fit(data, FitContext()).weights == [0.5, 0.5]


def test_columns_that_say_nothing_are_left_out() -> None:
    data = dataset(texts={"title": ["whale", "sea"], "plot": ["", ""]})
    assert list(columns().fit(data, FitContext()).blocks) == ["title"]


def test_items_that_say_nothing_at_all_are_refused() -> None:
    data = dataset(texts={"title": ["", ""]})
    with pytest.raises(DataError, match=r"no item says anything in the columns title; give the"):
        columns().fit(data, FitContext())
    with pytest.raises(DataError, match="no item says anything in its columns"):
        columns().fit(dataset(media={"cover": ["a.png"]}), FitContext())


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(RequestError, match=r"no column 'tite'; did you mean 'title'\?"):
        columns(columns=["tite"]).fit(dataset(texts={"title": ["whale"]}), FitContext())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": []}, "columns must name a column, or be left out, got an empty list"),
        ({"columns": ["a"], "weights": {"a": 1}}, "give columns or weights, not both"),
        ({"weights": {"a": -1}}, "the weight of 'a' must be a number from 0, got -1"),
        ({"weights": {"a": "x"}}, "the weight of 'a' must be a number from 0, got 'x'"),
        ({"weights": {"a": 0}}, "weights must give a column more than 0, or be left out"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        columns(**settings)
