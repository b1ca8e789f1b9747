"""`content.fields`: scores by column, their reasons, words, and items that are new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant.errors import ModelFileError, SettingsError
from penchant.protocols import FitContext, State
from penchant.queries import Csr, Queries
from penchant.registry import Registry

BOOKS = {
    "item_id": ["waves", "orlando", "rings", "vertigo", "life", "blank"],
    "title": ["The waves", "Orlando", "Rings of Saturn", "Vertigo", "Life, a manual", ""],
    "author": ["Woolf", "Woolf", "Sebald", "Sebald", "Perec", ""],
    "genres": ["novel|sea", "novel|satire", "essay|sea", "essay", "novel", ""],
    "decade": ["1930s", "1920s", "1990s", "1990s", "1970s", ""],
    "year": [1931.0, 1928.0, 1995.0, 1990.0, 1978.0, None],
}
LIKES = {"user_id": ["ann", "ann", "bob", "bob"], "item_id": ["waves", "rings", "rings", "vertigo"]}
KINDS: Any = {
    "text": ["title"],
    "category": ["author", "decade"],
    "label": ["genres"],
    "number": ["year"],
}
WEIGHTS = {"author": 2, "genres": 1, "year": 1}


def books() -> penchant.Dataset:
    return penchant.Dataset.from_frame(LIKES, items=BOOKS, **KINDS)


def model(**settings: Any) -> penchant.Model:
    return penchant.fit(books(), scorers=[{"use": "content.fields", **settings}])


def test_a_score_is_likeness_to_what_is_liked_above_likeness_to_everything_by_weights() -> None:
    both = model(weights={"author": 3, "decade": 1})
    # ann likes a Woolf and a Sebald, of the thirties and the nineties; of six books two are by
    # Woolf and one by Perec, and one or two of each decade.
    orlando, life = both.predict(["ann", "ann"], ["orlando", "life"]).tolist()
    assert orlando == pytest.approx(0.75 * (1 / 2 - 2 / 6) + 0.25 * (0 - 1 / 6))
    assert life == pytest.approx(0.75 * (0 - 1 / 6) + 0.25 * (0 - 1 / 6))


def test_the_sentence_names_what_is_shared_and_the_parts_sum_to_the_score() -> None:
    tells = model(weights={"author": 2, "genres": 1})
    why = tells.explain(None, "orlando", history=["waves"])
    assert why.sentence == "Orlando: because it matches Woolf (author) and novel (genres)."
    assert why.score == pytest.approx(sum(reason.weight for reason in why.reasons))


def test_the_strongest_column_comes_first() -> None:
    why = model(weights=WEIGHTS).explain("ann", "vertigo")
    names = [reason.name for reason in why.reasons]
    assert names[0] == "Sebald (author)"
    assert "essay (genres)" in names
    assert why.score == pytest.approx(sum(reason.weight for reason in why.reasons))


def test_an_item_that_says_nothing_scores_nothing() -> None:
    assert model(weights=WEIGHTS).predict(["ann"], ["blank"]).tolist() == [0]


def test_a_column_without_weight_has_no_part() -> None:
    why = model(weights={"author": 1, "genres": 0}).explain("bob", "vertigo")
    assert [reason.name for reason in why.reasons] == ["Sebald (author)"]


def test_items_are_alike_by_the_same_weights() -> None:
    alike = model(weights={"author": 1}).similar_items("waves", k=1)
    assert alike.ids == ["orlando"]
    alike = model(weights={"genres": 1}).similar_items("vertigo", k=1)
    assert alike.ids == ["rings"]


def test_a_new_item_is_scored_by_its_columns_and_the_old_scores_stay() -> None:
    old = model(weights=WEIGHTS)
    row = {"item_id": "flush", "title": "Flush", "author": "Woolf", "genres": "novel", "year": 1933}
    new = old.with_items([row])
    known = ["orlando", "vertigo", "life"]
    assert np.array_equal(old.predict(["ann"] * 3, known), new.predict(["ann"] * 3, known))
    assert new.explain("ann", "flush").reasons[0].name == "Woolf (author)"


def test_a_question_in_words_is_read_by_the_encoder() -> None:
    reads = model(encoder={"use": "base.hashing"}, weights={"author": 1, "title": 1, "*": 1})
    assert reads.recommend(text="rings of saturn", k=1).ids == ["rings"]
    asked = reads.recommend("bob", text="Orlando", k=1, exclude_seen=False)
    silent = reads.recommend("bob", k=1, exclude_seen=False)
    assert asked.scores[0] > 0
    assert silent.ids != ["orlando"]


def test_a_model_comes_back_from_a_folder_with_the_same_answers(tmp_path: Path) -> None:
    first = model(encoder={"use": "base.hashing"})
    first.save(tmp_path / "model")
    again = penchant.load(tmp_path / "model")
    assert again.recommend("ann", k=4).to_dicts() == first.recommend("ann", k=4).to_dicts()
    why, before = (one.explain("ann", "vertigo") for one in (again, first))
    assert why.reasons == before.reasons


def test_a_state_that_lacks_a_part_is_refused() -> None:
    scorer = Registry.discover(only={"content"}).scorer("content.fields")
    state = scorer.fit(books(), FitContext()).state()
    lacking = State({**state.arrays}, {**state.meta}, {})
    with pytest.raises(ModelFileError, match=r"content\.fields can't be restored: the model lacks"):
        scorer.restore(lacking)


def test_who_liked_only_what_says_nothing_is_not_answered() -> None:
    fitted: Any = (
        Registry.discover(only={"content"}).scorer("content.fields").fit(books(), FitContext())
    )
    one = np.ones(1, np.float32)
    for liked, answered in ((5, False), (0, True)):
        history = Csr(np.array([0, 1]), np.array([liked], np.int32), one, 6)
        assert fitted.answers(Queries(np.array([-1], np.int32), history)).tolist() == [answered]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"half_life": 0}, "half_life must be greater than 0, or left out, got 0"),
        ({"columns": ["a"], "weights": {"a": 1}}, "give columns or weights, not both"),
        ({"weights": {"a": 1, "*": 1}}, r"weights must name '\*', what the encoder reads, where"),
        (
            {"weights": {"a": 1}, "encoder": "base.hashing"},
            r"weights must name '\*', what the encoder reads, where there is an encoder",
        ),
        ({"weights": {"*": 1}, "encoder": "base.hashing"}, "weights must give a column more"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        model(**settings)


def test_a_reason_of_content_text_tells_the_words_that_are_shared() -> None:
    like = {"user_id": ["ann"], "item_id": ["rings"]}
    items = {"item_id": ["rings", "moons"], "title": ["rings of saturn", "moons of saturn"]}
    data = penchant.Dataset.from_frame(like, items=items, text=["title"])
    (reason,) = penchant.fit(data, scorers=["content.text"]).explain("ann", "moons").reasons
    assert reason.name == "rings of saturn"
    assert set(reason.detail.split(", ")) == {"of", "saturn", "of saturn"}
