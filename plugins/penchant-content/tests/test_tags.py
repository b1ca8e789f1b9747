"""`content.tags`: which tags fit, and tags as a column of a model's items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant.errors import DataError, ModelFileError, SettingsError
from penchant.protocols import FitContext, State
from penchant.registry import Registry

FILMS = {
    "item_id": ["vault", "heat", "moon", "mars", "blank"],
    "title": [
        "the great bank heist",
        "one last heist before sunrise",
        "a rocket to the moon in space",
        "lost in space above mars",
        "",
    ],
    "studio": ["heist", "heist", "space", "", ""],
}
LIKES = {"user_id": ["ann", "ann", "bob"], "item_id": ["vault", "moon", "mars"]}
ENCODER = {"use": "base.hashing", "dim": 512}
TAGS: Any = {"use": "content.tags", "encoder": ENCODER, "tags": ["heist", "space"], "least": 0.3}


def films() -> penchant.Dataset:
    return penchant.Dataset.from_frame(LIKES, items=FILMS, text=["title"], category=["studio"])


def extracted(data: penchant.Dataset, **settings: Any) -> np.ndarray:
    extractor = Registry.discover(only={"content"}).extractor({**TAGS, **settings})
    fitted = extractor.fit(data, FitContext())
    features: Any = fitted.extract(data, np.arange(len(data.items), dtype=np.int32)).matrix
    return features.to_dense()


def model(**settings: Any) -> penchant.Model:
    scorer = {"use": "content.fields", "weights": {"tags": 1}}
    return penchant.fit(films(), scorers=[scorer], derive={"tags": {**TAGS, **settings}})


def test_items_get_the_tags_that_their_words_are_like() -> None:
    tagged = extracted(films(), columns=["title"])
    assert (tagged > 0).tolist() == [
        [True, False],
        [True, False],
        [False, True],
        [False, True],
        [False, False],
    ]


def test_tags_may_be_the_names_in_a_column() -> None:
    assert np.array_equal(
        extracted(films(), columns=["title"]),
        extracted(films(), columns=["title"], tags=None, tags_of="studio"),
    )


def test_an_item_has_no_more_tags_than_are_asked_for() -> None:
    many = {"tags": ["heist", "bank", "great", "moon", "space", "rocket"], "least": 0.01}
    assert (extracted(films(), **many, most=2) > 0).sum(axis=1).max() == 2
    assert (extracted(films(), **many, most=6) > 0).sum(axis=1).max() > 2


def test_only_tags_that_stand_out_are_given() -> None:
    assert (extracted(films(), least=0.3) > 0).sum() > (extracted(films(), least=1.4) > 0).sum()


def test_a_tag_that_tells_no_items_apart_is_given_to_none() -> None:
    data = penchant.Dataset.from_frame(
        LIKES, items={**FILMS, "title": ["heist in space"] * 5}, text=["title"]
    )
    assert not extracted(data, columns=["title"]).any()


def test_the_items_of_a_model_can_be_asked_for_by_tag() -> None:
    tagged = model(columns=["title"])
    assert tagged.items.where({"tags": "space"}).tolist() == [False, False, True, True, False]
    assert tagged.recommend("ann", where={"tags": "heist"}, exclude_seen=False).ids == [
        "vault",
        "heat",
    ]


def test_an_explanation_speaks_of_tags() -> None:
    why = model(columns=["title"]).explain("bob", "moon")
    assert why.sentence == ("a rocket to the moon in space: because it matches space (tags).")


def test_a_new_item_is_tagged_before_it_is_scored() -> None:
    row = {"item_id": "job", "title": "the heist of the century", "studio": ""}
    wider = model(columns=["title"]).with_items([row])
    assert wider.items.where({"tags": "heist"}).tolist() == [True, True, False, False, False, True]
    assert wider.predict(["ann"], ["job"])[0] == wider.predict(["ann"], ["heat"])[0]


def test_a_new_item_that_has_tags_keeps_them() -> None:
    row = {"item_id": "job", "title": "the heist of the century", "tags": ["space"]}
    wider = model(columns=["title"]).with_items([row])
    assert wider.items.where({"tags": "space"}).tolist() == [False, False, True, True, False, True]


def test_a_model_with_tags_comes_back_from_a_folder(tmp_path: Path) -> None:
    first = model(columns=["title"])
    first.save(tmp_path / "model")
    again = penchant.load(tmp_path / "model")
    row = {"item_id": "job", "title": "the heist of the century"}
    for one in (first, again):
        wider = one.with_items([row])
        assert wider.recommend("ann", where={"tags": "heist"}, k=3).ids == ["heat", "job"]


def test_the_encoder_of_a_fit_reads_tags_too() -> None:
    tags = {"use": "content.tags", "tags": ["heist", "space"], "least": 0.3}
    tagged = penchant.fit(films(), scorers=["base.popular"], derive={"tags": tags}, encoder=ENCODER)
    assert tagged.items.where({"tags": "heist"})[0]


def test_a_column_that_is_there_is_not_derived_again() -> None:
    with pytest.raises(DataError, match="the items have a column 'studio' already"):
        penchant.fit(films(), scorers=["base.popular"], derive={"studio": TAGS})


def test_a_column_needs_features_that_have_names() -> None:
    with pytest.raises(DataError, match=r"column 'kinds' can't be derived: that takes an extr"):
        penchant.fit(films(), scorers=["base.popular"], derive={"kinds": "base.activity"})


def test_a_state_that_lacks_a_part_is_refused() -> None:
    extractor = Registry.discover(only={"content"}).extractor(TAGS)
    state = extractor.fit(films(), FitContext()).state()
    with pytest.raises(ModelFileError, match=r"content\.tags can't be restored: the model lacks"):
        extractor.restore(State(state.arrays))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": None}, "encoder must name what reads texts and tags, such as onnx.text"),
        ({"tags": None}, "give tags, or tags_of, a column that names them"),
        ({"tags_of": "studio"}, "give tags, or tags_of, a column that names them"),
        ({"tags": []}, r"tags must be words, at least one, got \[\]"),
        ({"tags": ["heist", " "]}, r"tags must be words, at least one, got \['heist', ' '\]"),
        ({"tags": ["heist", "heist"]}, "tags must differ, got 'heist' twice"),
        ({"most": 0}, "most must be at least 1, got 0"),
        ({"least": 0}, "least must be greater than 0, got 0"),
        ({"columns": []}, "columns must name a column, or be left out, got an empty list"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        model(**settings)


@pytest.mark.parametrize("column", ["title", "nowhere"])
def test_tags_come_from_a_column_of_names(column: str) -> None:
    with pytest.raises(DataError, match=r"tags_of must be a category or label column of the items"):
        model(tags=None, tags_of=column)
