"""`cf.user_knn` against similarities and sums that are worked out on a dense matrix."""

import numpy as np
import penchant_cf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import Registry
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import SettingsError
from penchant.protocols import FitContext
from penchant.queries import Csr, Queries
from penchant.settings import make_settings
from penchant_cf.settings import UserKnnSettings
from penchant_cf.user_knn import FittedUserKnn, UserKnn

MINE = Registry({"cf": penchant_cf})


def liked(rows: list[list[int]], items: int) -> Dataset:
    """Make a dataset in which user `u` likes the items of `rows[u]`."""
    user = np.array([u for u, row in enumerate(rows) for _ in row], np.int32)
    item = np.array([i for row in rows for i in row], np.int32)
    return Dataset(
        users=Users.of(list(range(len(rows)))),
        items=Items.of(list(range(items))),
        interactions=Interactions.of(user, item, n_users=len(rows), n_items=items),
        relations=None,
        min_value=None,
    )


def asks(*likings: int, items: int, row: int = -1) -> Queries:
    """Ask for a stranger, or a user of a row, who likes these items."""
    liked = np.array(sorted(likings), np.int32)
    own = Csr(np.array([0, len(liked)], np.int64), liked, np.ones(len(liked), np.float32), items)
    return Queries(np.array([row], np.int32), own)


def fit(data: Dataset, **settings: object) -> FittedUserKnn:
    return UserKnn(UserKnnSettings(**settings), MINE).fit(data, FitContext())


def naive(data: Dataset, settings: UserKnnSettings) -> np.ndarray:
    """Compare every pair of users, keep the nearest, and sum, densely."""
    x = data.positive_csr().to_dense().astype(np.float64)
    y = x
    if settings.similarity == "tfidf":
        y = x * np.log1p(len(x) / np.maximum(x.sum(axis=0), 1))
    common = x @ x.T
    if settings.similarity == "jaccard":
        size = x.sum(axis=1)
        alike = common / np.maximum(size[:, None] + size - common, 1)
    else:
        length = np.sqrt((y * y).sum(axis=1))
        alike = y @ y.T / np.maximum(np.outer(length, length), 1e-300)
    if settings.shrinkage:
        alike *= common / (common + settings.shrinkage)
    np.fill_diagonal(alike, 0)
    for row in alike:
        row[np.argsort(-row, kind="stable")[settings.neighbours :]] = 0
    return alike @ x


@st.composite
def boards(draw: st.DrawFn) -> Dataset:
    """Everybody likes item 0, but for one who likes nothing."""
    items = draw(st.integers(2, 9))
    row = st.lists(st.integers(1, items - 1), unique=True).map(lambda others: [0, *others])
    return liked([*draw(st.lists(row, min_size=1, max_size=14)), []], items)


@given(
    data=boards(),
    similarity=st.sampled_from(["tfidf", "cosine", "jaccard"]),
    neighbours=st.sampled_from([1, 3, 50]),
    shrinkage=st.sampled_from([0.0, 5.0]),
)
def test_scores_are_the_summed_similarities_of_the_nearest_users(
    data: Dataset, similarity: str, neighbours: int, shrinkage: float
) -> None:
    settings = UserKnnSettings(similarity=similarity, neighbours=neighbours, shrinkage=shrinkage)
    everybody = Queries.known(
        np.arange(len(data.users), dtype=np.int32), data.interactions.by_user()
    )
    got = UserKnn(settings, MINE).fit(data, FitContext()).score(everybody, None)
    expected = naive(data, settings)
    # Equally near users may be kept or not; all of them have item 0.
    assert got[:, 0] == pytest.approx(expected[:, 0], abs=1e-5)
    if neighbours > len(data.users):
        assert got == pytest.approx(expected, abs=1e-5)


def test_an_item_is_scored_by_the_similarity_of_those_who_liked_it() -> None:
    # The stranger shares both likings with user 0, one of two with user 1.
    fitted = fit(liked([[0, 1, 2], [1, 3]], 4), shrinkage=0)
    scores = fitted.score(asks(0, 1, items=4), None)[0]
    near, far = 2 / np.sqrt(2 * 3), 1 / np.sqrt(2 * 2)
    assert scores == pytest.approx([near, near + far, near, far], abs=1e-6)


def test_only_the_nearest_users_speak() -> None:
    fitted = fit(liked([[0, 1, 2], [1, 3]], 4), neighbours=1)
    assert np.flatnonzero(fitted.score(asks(0, 1, items=4), None)[0]).tolist() == [0, 1, 2]


def test_a_user_is_no_neighbour_of_their_own_but_their_double_is() -> None:
    fitted = fit(liked([[0, 1], [2]], 3), shrinkage=0)
    assert not fitted.score(asks(0, 1, items=3, row=0), None).any()
    assert fitted.score(asks(0, 1, items=3), None)[0].tolist() == pytest.approx([1, 1, 0])


def test_news_of_a_known_user_count_without_a_fit() -> None:
    fitted = fit(liked([[0], [2, 3]], 4))
    before = fitted.score(asks(0, items=4, row=0), None)
    after = fitted.score(asks(0, 2, items=4, row=0), None)
    assert not before.any()
    assert after[0, 3] > 0


def test_a_rare_liking_in_common_tells_more_by_tfidf() -> None:
    rows = [[0, 2], [1, 3], [0], [0], [0]]
    scores = {
        similarity: fit(liked(rows, 4), similarity=similarity, shrinkage=0).score(
            asks(0, 1, items=4), None
        )[0]
        for similarity in ("cosine", "tfidf")
    }
    assert scores["cosine"][2] == scores["cosine"][3]
    assert scores["tfidf"][3] > scores["tfidf"][2]


def test_jaccard_is_the_likings_of_both_over_those_of_either() -> None:
    # The stranger and user 0 share two of three likings; item 4, which nobody likes, is left out.
    fitted = fit(liked([[0, 1, 2]], 5), similarity="jaccard", shrinkage=0)
    assert fitted.score(asks(0, 1, 4, items=5), None)[0, 2] == pytest.approx(2 / 3)


def test_few_common_likings_are_doubted() -> None:
    data = liked([[0, 1, 2, 3], [4, 5]], 6)
    certain = fit(data, shrinkage=0).score(asks(0, 1, 2, 3, items=6), None)[0, 0]
    doubted = fit(data, shrinkage=2).score(asks(0, 1, 2, 3, items=6), None)
    assert certain == pytest.approx(1)
    assert doubted[0, 0] == pytest.approx(4 / 6)


def test_evidence_shares_a_neighbours_likeness_between_the_common_likings() -> None:
    fitted = fit(liked([[0, 1, 2], [1, 2]], 3), shrinkage=0)
    query = asks(0, 1, items=3)
    got = {reason.item: reason.weight for reason in fitted.explain(query, 2)}
    near, far = 2 / np.sqrt(2 * 3), 1 / np.sqrt(2 * 2)
    assert got == pytest.approx({0: near / 2, 1: near / 2 + far})
    assert fitted.explain(asks(0, items=3), 2)[0].source == "cf.user_knn"


def test_a_liking_that_nobody_shares_is_no_evidence() -> None:
    fitted = fit(liked([[0, 1], [1]], 3))
    assert fitted.answers(asks(2, items=3)).tolist() == [False]
    assert fitted.answers(asks(1, 2, items=3)).tolist() == [True]
    assert not fitted.score(asks(2, items=3), None).any()
    assert fitted.explain(asks(2, items=3), 1) == ()


def test_many_queries_score_as_each_alone() -> None:
    draw = np.random.default_rng(0)
    rows = [sorted(draw.choice(12, 4, replace=False).tolist()) for _ in range(300)]
    data = liked(rows, 12)
    fitted = fit(data, neighbours=7)
    everybody = Queries.known(np.arange(300, dtype=np.int32), data.interactions.by_user())
    scores = fitted.score(everybody, None)
    for row in (0, 255, 256, 299):
        alone = fitted.score(asks(*rows[row], items=12, row=row), None)
        assert alone.tobytes() == scores[row].tobytes()


def test_new_items_are_liked_by_nobody_and_change_nothing() -> None:
    rows = [[0, 1], [1], [0, 1]]
    fitted = fit(liked(rows, 2))
    grown = fitted.with_items(liked(rows, 4))
    scores = grown.score(asks(0, 3, items=4), None)
    assert (scores[:, :2] == fitted.score(asks(0, items=2), None)).all()
    assert not scores[:, 2:].any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"neighbours": 0}, "cf.user_knn: neighbours must be at least 1, got 0"),
        ({"shrinkage": -1}, "cf.user_knn: shrinkage must be at least 0, got -1.0"),
        (
            {"similarity": "bm25"},
            "cf.user_knn: similarity must be one of 'cosine', 'tfidf', 'jaccard', got 'bm25' (str)",
        ),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(UserKnnSettings, given, "cf.user_knn")
    assert str(refused.value) == message


def test_a_similarity_unknown_to_python_callers_is_refused() -> None:
    with pytest.raises(ValueError, match="similarity must be one of 'cosine', 'tfidf', 'jaccard'"):
        UserKnnSettings(similarity="bm25")
