"""`content.text` with several centres: who likes two things is shown both."""

from __future__ import annotations

from typing import Any

import numpy as np
import penchant
import pytest
from penchant.errors import SettingsError
from penchant.protocols import Factored, FitContext, ReadsText
from penchant.registry import Registry
from penchant_content.centres import _parted

EAST, NORTH = np.array([1.0, 0, 0], np.float32), np.array([0.0, 1, 0], np.float32)
BETWEEN = (EAST + NORTH) / np.sqrt(np.float32(2))
ONES = np.ones(5, np.float32)
LIKES = {"user_id": ["ann"] * 4, "item_id": ["e1", "e2", "e3", "n1"]}
ITEMS = {
    "item_id": ["e1", "e2", "e3", "n1", "east", "north", "between"],
    "at": [EAST, EAST, EAST, NORTH, EAST, NORTH, BETWEEN],
}


@penchant.hookimpl
def penchant_extractors() -> Any:
    return [penchant.Component("at", lambda _settings, _registry: At(), At, "Ready vectors")]


class At:
    """An extractor of the vectors that items have."""

    side = "items"

    def fit(self, data: Any, context: Any, /) -> Any:
        return self

    def restore(self, state: Any, /) -> Any:
        return self

    def extract(self, data: Any, rows: Any, /) -> Any:
        return penchant.protocols.Features(data.items.vectors("at")[rows])

    def state(self) -> Any:
        return penchant.protocols.State()


def fitted(centres: int) -> tuple[Any, penchant.Dataset]:
    import types

    import penchant_content

    mine = types.SimpleNamespace(
        PENCHANT_API=1, __name__="mine", penchant_extractors=penchant_extractors
    )
    registry = Registry({"content": penchant_content, "my": mine})
    data = penchant.Dataset.from_frame(LIKES, items=ITEMS, vector=["at"])
    spec = {"use": "content.text", "extractor": "my.at", "whitening": None, "centres": centres}
    return registry.scorer(spec).fit(data, FitContext()), data


def scores(centres: int) -> list[float]:
    from penchant.queries import Queries

    scorer, data = fitted(centres)
    queries = Queries.known(np.array([0], np.int32), data.interactions.by_user())
    return scorer.score(queries, np.array([4, 5, 6], np.int32))[0].tolist()


def test_each_interest_counts_by_the_root_of_its_share() -> None:
    assert scores(2) == pytest.approx([np.sqrt(3 / 4), 1 / 2, np.sqrt(3 / 8)])


def test_one_centre_is_the_mean() -> None:
    assert scores(1) == pytest.approx([3 / np.sqrt(10), 1 / np.sqrt(10), 4 / np.sqrt(20)], rel=1e-6)
    assert isinstance(fitted(1)[0], Factored)
    assert not isinstance(fitted(2)[0], Factored)


def test_likings_are_parted_by_where_they_lie() -> None:
    parted = _parted(np.stack([EAST, NORTH, EAST, NORTH, EAST]), ONES, 2)
    assert parted.owner.tolist() == [0, 1, 0, 1, 0]
    assert parted.centres == pytest.approx(np.stack([EAST, NORTH]))
    assert np.square(parted.sizes) == pytest.approx([3 / 5, 2 / 5])


def test_there_are_no_more_centres_than_different_likings() -> None:
    parted = _parted(np.stack([EAST, EAST, NORTH]), ONES[:3], 4)
    assert parted.centres == pytest.approx(np.stack([EAST, NORTH]))


def test_a_liking_without_a_text_belongs_to_no_centre() -> None:
    parted = _parted(np.stack([EAST, 0 * EAST]), ONES[:2], 2)
    assert parted.owner.tolist() == [0, -1]
    assert parted.sizes.tolist() == [1]


def test_words_are_read_as_with_one_centre() -> None:
    films = {"item_id": ["sky", "food"], "title": ["stars comet moon", "bread butter oven"]}
    data = penchant.Dataset.from_frame(
        {"user_id": ["ann"], "item_id": ["food"]}, items=films, text=["title"]
    )
    scorer = {"use": "content.text", "encoder": {"use": "base.hashing"}, "centres": 2}
    model = penchant.fit(data, scorers=[scorer])
    assert isinstance(model.recommender.inner, ReadsText)  # type: ignore[attr-defined]
    assert model.recommend(text="a comet", k=1).ids == ["sky"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"centres": 0}, "centres must be at least 1, got 0"),
        ({"centres": 2}, "centres are of vectors; name an encoder, or leave centres at 1"),
        (
            {"centres": 2, "extractor": "content.tfidf"},
            "centres are of vectors, and the extractor gives sparse features",
        ),
    ],
)
def test_centres_that_make_no_sense_are_refused(settings: Any, message: str) -> None:
    films = {"item_id": ["a", "b"], "title": ["stars comet", "bread"]}
    data = penchant.Dataset.from_frame({"user_id": ["u"], "item_id": ["a"]}, items=films)
    with pytest.raises(SettingsError, match=message):
        penchant.fit(data, scorers=[{"use": "content.text", **settings}])
