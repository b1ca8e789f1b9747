"""`content.text` with `user_columns`: people by what they wrote themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import penchant
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, EncoderMissing, RequestError, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Csr, Queries
from penchant.registry import Registry

FILMS = [
    "stars telescope night",
    "telescope comet stars",
    "bread oven kitchen",
    "butter bread garden",
    "comet night observatory",
    "garden kitchen market",
]
SKY, FOOD = [0, 1, 4], [2, 3, 5]
ENCODER = {"encoder": {"use": "base.hashing", "dim": 512}}
WAYS: list[dict[str, Any]] = [
    {},
    ENCODER,
    {**ENCODER, "centres": 2},
    {"extractor": {"use": "content.tfidf", "analyzer": "character", "ngrams": [3, 3]}},
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(only={"base", "content"})


def people(notes: list[str]) -> Dataset:
    """An astronomer who likes film 0, one who likes film 2, and others who like nothing."""
    return Dataset(
        users=Users.of([f"u{row}" for row in range(len(notes))], texts={"notes": notes}),
        items=Items.of([f"f{row}" for row in range(len(FILMS))], texts={"text": FILMS}),
        interactions=Interactions.of(
            np.array([0, 1], np.int32),
            np.array([0, 2], np.int32),
            np.array([5.0, 5.0], np.float32),
            n_users=len(notes),
            n_items=len(FILMS),
        ),
        min_value=4.0,
    )


NOTES = ["", "a comet at night", "bread from my garden", ""]


def fit(registry: Registry, data: Dataset, **given: Any) -> Any:
    spec = {"use": "content.text", "user_columns": ["notes"], **given}
    return registry.scorer(spec).fit(data, FitContext())


def everybody(data: Dataset) -> Queries:
    return Queries.known(np.arange(len(data.users), dtype=np.int32), data.interactions.by_user())


@pytest.mark.parametrize("way", WAYS)
def test_who_liked_nothing_gets_what_reads_like_their_notes(
    registry: Registry, way: dict[str, Any]
) -> None:
    data = people(NOTES)
    fitted = fit(registry, data, **way)
    scores = fitted.score(everybody(data), None)
    assert set(np.argsort(-scores[2])[:2].tolist()) <= set(FOOD)
    assert not scores[3].any()
    assert fitted.answers(everybody(data)).tolist() == [True, True, True, False]


@pytest.mark.parametrize("way", WAYS)
def test_notes_turn_a_history_and_silence_leaves_it(
    registry: Registry, way: dict[str, Any]
) -> None:
    data = people(NOTES)
    plain = fit(registry, data, **way, user_columns=None).score(everybody(data), None)
    scores = fit(registry, data, **way).score(everybody(data), None)
    np.testing.assert_allclose(scores[0], plain[0], atol=1e-6)
    assert scores[1, 4] > plain[1, 4]
    assert scores[1, 3] < plain[1, 3] or way.get("centres")


@pytest.mark.parametrize("way", [WAYS[0], WAYS[1]])
def test_likings_and_notes_count_alike(registry: Registry, way: dict[str, Any]) -> None:
    data = people(NOTES)
    fitted = fit(registry, data, **way)
    queries = everybody(data)
    liked = replace(queries.take(np.array([1], np.int32)), rows=np.array([-1], np.int32))
    wrote = Queries(np.array([1], np.int32), Csr.empty(1, len(FILMS)))
    sums = fitted.score(liked, None)[0].astype(np.float64) + fitted.score(wrote, None)[0]
    both = fitted.score(queries, None)[1]
    np.testing.assert_allclose(both / np.linalg.norm(both), sums / np.linalg.norm(sums), atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_what_somebody_wrote_is_a_reason(registry: Registry, way: dict[str, Any]) -> None:
    data = people(NOTES)
    fitted = fit(registry, data, **way)
    one = everybody(data).take(np.array([1], np.int32))
    reasons = fitted.explain(one, 4)
    assert sorted(reason.kind for reason in reasons) == ["item", "text"]
    assert sum(r.weight for r in reasons) == pytest.approx(float(fitted.score(one, None)[0, 4]))


def test_the_terms_shared_with_ones_notes_are_named(registry: Registry) -> None:
    data = people(NOTES)
    one = everybody(data).take(np.array([1], np.int32))
    reasons = {reason.kind: reason for reason in fit(registry, data).explain(one, 4)}
    assert set(reasons["text"].detail.split(", ")) == {"comet", "night"}
    assert reasons["item"].weight == 0


def test_a_question_stands_in_the_place_of_notes(registry: Registry) -> None:
    data = people(NOTES)
    fitted = fit(registry, data, **ENCODER)
    ((name, encoder),) = fitted.encoders().items()
    asked = {name: encoder.encode(["telescope"], kind="query")}
    nothing = Csr.empty(1, len(FILMS))
    cook, stranger = (Queries(np.array([row], np.int32), nothing, None, asked) for row in (2, -1))
    np.testing.assert_array_equal(fitted.score(cook, None), fitted.score(stranger, None))


@pytest.mark.parametrize("way", WAYS)
def test_notes_survive_a_saving_and_new_items(registry: Registry, way: dict[str, Any]) -> None:
    data = people(NOTES)
    fitted = fit(registry, data, **way)
    spec = {"use": "content.text", "user_columns": ["notes"], **way}
    restored = registry.scorer(spec).restore(fitted.state())
    for kept in (restored, restored.with_items(data)):
        np.testing.assert_array_equal(
            kept.score(everybody(data), None), fitted.score(everybody(data), None)
        )


def test_a_model_recommends_by_notes() -> None:
    events = {"user_id": ["u0", "u1"], "item_id": ["f0", "f2"], "rating": [5.0, 5.0]}
    items = {"item_id": [f"f{row}" for row in range(len(FILMS))], "text": FILMS}
    users = {"user_id": [f"u{row}" for row in range(len(NOTES))], "notes": NOTES}
    data = Dataset.from_frame(events, items=items, users=users)
    model = penchant.fit(data, scorers=[{"use": "content.text", "user_columns": ["notes"]}])
    assert set(model.recommend("u2", k=2).ids) <= {"f2", "f3", "f5"}


def test_users_who_wrote_nothing_are_refused(registry: Registry) -> None:
    with pytest.raises(DataError, match=r"no user has a word in the columns notes; give the data"):
        fit(registry, people(["", " ", "\n"]))


def test_a_column_that_is_not_there_is_refused(registry: Registry) -> None:
    with pytest.raises(RequestError, match="reviews"):
        fit(registry, people(NOTES), user_columns=["reviews"])


def test_no_columns_are_refused(registry: Registry) -> None:
    with pytest.raises(SettingsError, match="user_columns must name a column, or be left out"):
        fit(registry, people(NOTES), user_columns=[])


def test_an_extractor_that_reads_columns_alone_is_refused(registry: Registry) -> None:
    with pytest.raises(SettingsError, match=r"describes items alone .* take content\.tfidf"):
        fit(registry, people(NOTES), extractor="content.columns")


def test_texts_of_users_want_the_encoder(registry: Registry) -> None:
    text = replace(fit(registry, people(NOTES), **ENCODER).text, encoder=None)
    with pytest.raises(EncoderMissing, match=r"can't read texts of users; .*encoder=DIR"):
        text.describe_users(["a comet"], FitContext())


def test_blocks_read_users_side_by_side(registry: Registry) -> None:
    from penchant.item_text import text_source

    data = people(NOTES)
    source = text_source("mine", ["content.tfidf", ENCODER["encoder"]], registry)
    text, features = source.fit(data, FitContext())
    told = text.describe_users(FILMS, FitContext())
    # The encoder tells no questions from documents, so that items are described as by themselves.
    assert isinstance(told, Csr)
    assert isinstance(features.matrix, Csr)
    np.testing.assert_allclose(told.to_dense(), features.matrix.to_dense(), atol=1e-6)
