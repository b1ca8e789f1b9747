"""`cf.item_knn` against similarities that are worked out on a dense matrix."""

import numpy as np
import penchant_cf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import Registry
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import FitCancelled, SettingsError
from penchant.kernels import bitset
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.settings import make_settings
from penchant_cf.item_knn import FittedItemKnn, ItemKnn
from penchant_cf.settings import ItemKnnSettings

MINE = Registry({"cf": penchant_cf})


def rated(events: list[tuple[int, int, float]], users: int, items: int) -> Dataset:
    """Make a dataset of (user, item, rating); a rating of 4 or more is a liking."""
    user, item, value = (np.array(column) for column in zip(*events, strict=True))
    return Dataset(
        users=Users.of(list(range(users))),
        items=Items.of(list(range(items))),
        interactions=Interactions.of(
            user.astype(np.int32),
            item.astype(np.int32),
            value.astype(np.float32),
            n_users=users,
            n_items=items,
        ),
        relations=None,
        min_value=4.0,
    )


def asks(ratings: dict[int, float], items: int) -> Queries:
    """Ask for a stranger who rated these items."""
    rows = np.array(sorted(ratings), np.int32)
    values = np.array([ratings[i] for i in sorted(ratings)], np.float32)
    own = Csr(np.array([0, len(rows)], np.int64), rows, values, items)
    return Queries(np.array([-1], np.int32), own)


def fit(data: Dataset, context: FitContext | None = None, **settings: object) -> FittedItemKnn:
    return ItemKnn(ItemKnnSettings(**settings), MINE).fit(data, context or FitContext())


def weights(fitted: FittedItemKnn, items: int) -> np.ndarray:
    """Give the weights: row j is the scores of a stranger who likes item j alone."""
    return np.concatenate([fitted.score(asks({i: 5.0}, items), None) for i in range(items)])


def naive(data: Dataset, settings: ItemKnnSettings) -> np.ndarray:
    """Weigh and compare every pair of items, densely."""
    x = data.positive_csr().to_dense().astype(np.float64)
    of_user, of_item = x.sum(axis=1), x.sum(axis=0)
    y = x.copy()
    if settings.similarity in ("tfidf", "bm25"):
        y *= np.log1p(x.shape[1] / np.maximum(of_user, 1))[:, None]
    if settings.similarity == "bm25":
        k1, b = settings.bm25_k1, settings.bm25_b
        mean = of_item.sum() / max((of_item > 0).sum(), 1)
        y *= (k1 + 1) / (k1 * (1 - b + b * of_item / max(mean, 1)) + 1)
    alike = y.T @ y
    if settings.similarity == "jaccard":
        alike /= np.maximum(of_item[:, None] + of_item - alike, 1)
    elif settings.similarity != "bm25":
        length = np.sqrt(np.diag(alike))
        alike /= np.maximum(np.outer(length, length), 1e-300)
    together = x.T @ x
    if settings.shrinkage:
        alike *= together / (together + settings.shrinkage)
    np.fill_diagonal(alike, 0)
    return alike


@st.composite
def boards(draw: st.DrawFn) -> Dataset:
    users, items = draw(st.integers(1, 9)), draw(st.integers(1, 8))
    pairs = st.tuples(st.integers(0, users - 1), st.integers(0, items - 1))
    events = draw(st.lists(pairs, unique=True, min_size=1, max_size=users * items))
    values = draw(st.lists(st.sampled_from([1.0, 5.0]), min_size=len(events), max_size=len(events)))
    return rated([(*pair, value) for pair, value in zip(events, values, strict=True)], users, items)


@given(
    data=boards(),
    similarity=st.sampled_from(["tfidf", "bm25", "cosine", "jaccard"]),
    shrinkage=st.sampled_from([0.0, 5.0]),
)
def test_the_weights_are_the_similarities_of_all_pairs(
    data: Dataset, similarity: str, shrinkage: float
) -> None:
    settings = ItemKnnSettings(similarity=similarity, shrinkage=shrinkage)
    fitted = ItemKnn(settings, MINE).fit(data, FitContext())
    got = weights(fitted, len(data.items))
    assert got == pytest.approx(naive(data, settings), rel=1e-4, abs=1e-5)


def test_each_item_is_scored_by_its_own_nearest_neighbours() -> None:
    # Item 0 is liked with 1 twice and with 2 once; 2 is liked with 0 alone.
    data = rated([(0, 0, 5), (0, 1, 5), (1, 0, 5), (1, 1, 5), (2, 0, 5), (2, 2, 5)], 3, 3)
    scores = weights(fit(data, neighbours=1, similarity="cosine", shrinkage=0), 3)
    assert np.count_nonzero(scores[:, 0]) == 1
    assert scores[1, 0] == pytest.approx(2 / np.sqrt(3 * 2))  # 0 has 1 for its nearest
    assert scores[2, 0] == 0  # and not 2,
    assert scores[0, 2] == pytest.approx(1 / np.sqrt(3))  # though 2 has 0


def test_an_item_disliked_is_no_evidence() -> None:
    data = rated([(0, 0, 5), (0, 1, 5), (1, 0, 5), (1, 1, 5), (1, 2, 1)], 2, 3)
    fitted = fit(data)
    assert fitted.answers(asks({0: 5.0}, 3)).tolist() == [True]
    assert fitted.answers(asks({0: 2.0}, 3)).tolist() == [False]
    assert fitted.score(asks({0: 5.0, 1: 2.0}, 3), None)[0, 1] > 0
    assert not fitted.score(asks({0: 2.0}, 3), None).any()
    assert [r.item for r in fitted.explain(asks({0: 5.0, 2: 1.0}, 3), 1)] == [0]


def test_a_choosy_user_counts_more_by_tfidf() -> None:
    # User 0 likes items 0 and 1 and no others; user 1 likes 0 and 2 among many.
    events = [(0, 0, 5), (0, 1, 5), *((1, item, 5) for item in (0, 2, 3, 4, 5, 6)), (2, 1, 5)]
    data = rated([*events, (3, 2, 5)], 4, 7)
    by_cosine = weights(fit(data, similarity="cosine", shrinkage=0), 7)
    by_tfidf = weights(fit(data, similarity="tfidf", shrinkage=0), 7)
    assert by_cosine[0, 1] == by_cosine[0, 2]
    assert by_tfidf[0, 1] > by_tfidf[0, 2]


def test_jaccard_is_the_users_of_both_over_those_of_either() -> None:
    # Users 0 to 2 like item 0, users 1 to 4 item 1: two like both, five either.
    data = rated([(u, 0, 5) for u in range(3)] + [(u, 1, 5) for u in range(1, 5)], 5, 2)
    assert weights(fit(data, similarity="jaccard", shrinkage=0), 2)[0, 1] == pytest.approx(2 / 5)


def test_few_common_users_are_doubted() -> None:
    data = rated([(u, i, 5) for u in range(6) for i in (0, 1)] + [(6, 2, 5), (6, 3, 5)], 7, 4)
    certain = weights(fit(data, similarity="cosine", shrinkage=0), 4)
    doubted = weights(fit(data, similarity="cosine", shrinkage=2), 4)
    assert certain[0, 1] == pytest.approx(1)
    assert certain[2, 3] == pytest.approx(1)
    assert doubted[0, 1] == pytest.approx(6 / 8)
    assert doubted[2, 3] == pytest.approx(1 / 3)


def test_similar_items_are_the_items_own_neighbours() -> None:
    data = rated([(0, 0, 5), (0, 1, 5), (1, 0, 5), (1, 1, 5), (2, 0, 5), (2, 2, 5)], 3, 4)
    fitted = fit(data, neighbours=1, similarity="cosine", shrinkage=0)
    everything = Candidates(4)
    got = fitted.similar_items(np.array([0, 2, 3], np.int32), everything, 3)
    assert got.counts.tolist() == [1, 1, 0]
    assert got.rows[:, 0].tolist() == [1, 0, -1]
    denied = Candidates(4, deny=bitset(np.array([1], np.int32), 4))
    assert fitted.similar_items(np.array([0], np.int32), denied, 3).counts.tolist() == [0]
    listed = Candidates(4, lists=Csr.from_pairs(np.array([0, 0]), np.array([1, 3]), None, (1, 4)))
    assert fitted.similar_items(np.array([0], np.int32), listed, 3).rows[0, 0] == 1
    unlisted = Candidates(4, lists=Csr.from_pairs(np.array([0]), np.array([3]), None, (1, 4)))
    assert fitted.similar_items(np.array([0], np.int32), unlisted, 3).counts.tolist() == [0]


def test_new_items_have_no_neighbours_and_change_nothing() -> None:
    events = [(0, 0, 5.0), (0, 1, 5.0), (1, 0, 5.0), (1, 1, 5.0)]
    fitted = fit(rated(events, 2, 2))
    grown = weights(fitted.with_items(rated(events, 2, 4)), 4)
    assert (grown[:2, :2] == weights(fitted, 2)).all()
    assert not grown[2:].any()
    assert not grown[:, 2:].any()


def test_a_cancelled_fit_says_so() -> None:
    data = rated([(0, 0, 5.0), (0, 1, 5.0)], 1, 2)
    for patience, done in ((0, 0), (1, 2)):
        answers = iter([False] * patience + [True])
        with pytest.raises(FitCancelled, match=f"item_knn was cancelled after {done} of 2 items"):
            ItemKnn(ItemKnnSettings(), MINE).fit(
                data, FitContext(cancelled=lambda a=answers: next(a))
            )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"neighbours": 0}, "cf.item_knn: neighbours must be at least 1, got 0"),
        ({"shrinkage": -1}, "cf.item_knn: shrinkage must be at least 0, got -1.0"),
        ({"bm25_k1": 0}, "cf.item_knn: bm25_k1 must be greater than 0, got 0.0"),
        ({"bm25_b": 1.5}, "cf.item_knn: bm25_b must be from 0 to 1, got 1.5"),
        (
            {"similarity": "idf"},
            "cf.item_knn: similarity must be one of 'tfidf', 'bm25', 'cosine', 'jaccard', "
            "got 'idf' (str)",
        ),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(ItemKnnSettings, given, "cf.item_knn")
    assert str(refused.value) == message


def test_a_similarity_unknown_to_python_callers_is_refused() -> None:
    with pytest.raises(ValueError, match="one of 'tfidf', 'bm25', 'cosine', 'jaccard', got 'idf'"):
        ItemKnnSettings(similarity="idf")
