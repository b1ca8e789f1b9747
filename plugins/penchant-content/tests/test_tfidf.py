"""Terms and their weights, against a naive twin of scikit-learn's formula."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant.data import Dataset, Interactions, Items, Users
from penchant.protocols import Features, FitContext
from penchant.queries import Csr
from penchant_content.settings import TfidfSettings
from penchant_content.terms import terms
from penchant_content.tfidf import Tfidf


def films(texts: Sequence[str], **columns: Sequence[str]) -> Dataset:
    one = np.zeros(1, np.int32)
    return Dataset(
        users=Users.of(["somebody"]),
        items=Items.of(list(range(len(texts))), texts={"title": texts, **columns}),
        interactions=Interactions.of(
            one, one, np.ones(1, np.float32), n_users=1, n_items=len(texts)
        ),
    )


def extract(texts: Sequence[str], **given: Any) -> Features:
    data = films(texts)
    fitted = Tfidf(TfidfSettings(**given)).fit(data, FitContext())
    return fitted.extract(data, np.arange(len(texts), dtype=np.int32))


def dense(features: Features) -> np.ndarray:
    assert isinstance(features.matrix, Csr)
    return features.matrix.to_dense()


def naive(texts: Sequence[str]) -> dict[tuple[int, str], float]:
    """scikit-learn's TfidfVectorizer with its defaults, but for one-letter words."""
    counts = [Counter(terms(text, "word", (1, 1))) for text in texts]
    weights = {}
    for row, count in enumerate(counts):
        raw = {
            term: n * (math.log((1 + len(texts)) / (1 + sum(term in c for c in counts))) + 1)
            for term, n in count.items()
        }
        length = math.sqrt(sum(w * w for w in raw.values()))
        weights |= {(row, term): w / length for term, w in raw.items()}
    return weights


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6).map(" ".join), min_size=1))
def test_weights_equal_the_naive_twin(texts: list[str]) -> None:
    features = extract(texts, ngrams=(1, 1))
    table = dense(features)
    wanted = np.zeros(table.shape)
    for (row, term), weight in naive(texts).items():
        wanted[row, features.names.index(term)] = weight
    np.testing.assert_allclose(table, wanted, atol=1e-6)


def test_weights_are_scikit_learns() -> None:
    # TfidfVectorizer().fit_transform(["red sea", "red red wine"]).toarray(), worked out by hand:
    # idf of red is 1, of sea and wine ln(3/2) + 1 = 1.405465.
    features = extract(["red sea", "red red wine"], ngrams=(1, 1))
    assert features.names == ("red", "sea", "wine")
    np.testing.assert_allclose(
        dense(features), [[0.579739, 0.814802, 0], [0.818180, 0, 0.574962]], atol=1e-6
    )


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    features = extract(["space opera", "space station", "space comedy"], ngrams=(1, 1))
    weight = dict(zip(features.names, dense(features)[0], strict=True))
    assert weight["opera"] > weight["space"] > 0


@pytest.mark.parametrize(
    ("text", "settings", "wanted"),
    [
        ("The Sea, the sea", ("word", (1, 2)), "the sea the sea|the sea|sea the|the sea"),
        ("STRASSE Straße", ("word", (1, 1)), "strasse strasse"),
        ("記憶の映画", ("word", (1, 1)), "記憶の映画"),
        ("記憶の", ("character", (1, 2)), "記 憶 の|記憶|憶の"),
        ("ab c", ("character", (2, 3)), "ab"),
        ("👩‍👩‍👧 !?", ("word", (1, 2)), ""),
        ("", ("word", (1, 1)), ""),
    ],
)
def test_terms_are_runs_of_words_or_characters(text: str, settings: Any, wanted: str) -> None:
    analyzer, (shortest, longest) = settings
    got = terms(text, analyzer, (shortest, longest))
    by_hand = [
        term
        for size, group in enumerate(wanted.split("|"), shortest)
        for term in (group.split() if analyzer == "character" or size == 1 else [group])
        if term
    ]
    assert got == by_hand


def test_min_df_leaves_out_terms_of_fewer_items() -> None:
    assert extract(["a b", "a c", "a b"], ngrams=(1, 1), min_df=2).names == ("a", "b")


def test_max_features_keeps_the_terms_of_the_most_items() -> None:
    texts = ["d a b", "a c", "a b"]
    assert extract(texts, ngrams=(1, 1), max_features=1).names == ("a",)
    # Of terms in equally many items the first by name stays.
    assert extract(texts, ngrams=(1, 1), max_features=3).names == ("a", "b", "c")


def test_an_item_without_known_terms_is_empty() -> None:
    features = extract(["a", "", "!!"])
    np.testing.assert_array_equal(dense(features), [[1], [0], [0]])


def test_rows_unseen_at_fit_are_described_by_the_known_terms() -> None:
    fitted = Tfidf(TfidfSettings(ngrams=(1, 1))).fit(films(["red sea", "sea"]), FitContext())
    more = films(["red sea", "sea", "red unknown"])
    features = fitted.extract(more, np.array([2], np.int32))
    np.testing.assert_array_equal(dense(features), [[1, 0]])


def test_only_the_columns_named_are_read() -> None:
    data = films(["a", "b"], plot=["x", "y"])
    fitted = Tfidf(TfidfSettings(columns=("plot",))).fit(data, FitContext())
    assert fitted.terms == ("x", "y")


@pytest.mark.parametrize("analyzer", ["word", "character"])
def test_every_script_and_odd_text_has_weights_that_are_finite(analyzer: str) -> None:
    texts = ["静かな映画", "静かな映画", "فيلم هادئ", "조용한 영화", "NA", "Tom &amp; Jerry"]
    odd = ["👩‍👩‍👧🔭✨", "\x07\x1b[31m", "", " \n"]
    table = dense(extract([*texts, *odd], analyzer=analyzer, ngrams=(1, 1)))
    assert np.isfinite(table).all()
    assert table[: len(texts)].any(axis=1).all()
    assert table[0].tolist() == table[1].tolist()
    assert not table[-2:].any()  # nothing was said
    # Equal texts are alike, and texts of other scripts share no term.
    assert table[0] @ table[1] == pytest.approx(1)
    assert table[0] @ table[2] == table[0] @ table[4] == 0


def test_texts_of_a_hundred_thousand_characters_are_read() -> None:
    features = extract(["é" * 100_000, "記憶 " * 30_000, "🔭"])
    assert np.isfinite(dense(features)).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"columns": ()}, "columns must name a column, or be left out"),
        ({"analyzer": "char"}, "analyzer must be 'word' or 'character', got 'char'"),
        ({"ngrams": (2, 1)}, r"ngrams must be .* got \[2, 1\]"),
        ({"ngrams": (0, 1)}, r"ngrams must be .* got \[0, 1\]"),
        ({"min_df": 0}, "min_df must be at least 1, got 0"),
        ({"max_features": 0}, "max_features must be at least 1, or left out, got 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TfidfSettings(**given)
