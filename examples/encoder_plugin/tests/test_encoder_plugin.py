"""The tests of a third-party encoder: the contract kit, and that it can read."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import penchant
import penchant_multilingual
import pytest
from penchant.errors import SettingsError
from penchant.testing import EncoderContract

spec = spec_from_file_location("titles", Path(__file__).with_name("titles.py"))
titles = module_from_spec(spec)
spec.loader.exec_module(titles)

ROWS = [
    (subject, language, title)
    for subject, languages in titles.TITLES.items()
    for language, pair in enumerate(languages)
    for title in pair
]
SUBJECT, LANGUAGE, TITLE = (np.array(column) for column in zip(*ROWS, strict=True))


class TestUniversalSentenceEncoder(EncoderContract):
    name = "multilingual.use"


@pytest.fixture(scope="module")
def encoder():
    return penchant.Registry({"multilingual": penchant_multilingual}).encoder("multilingual.use")


def nearest_subjects(vectors, allowed):
    likeness = np.where(allowed, vectors @ vectors.T, -np.inf)
    return SUBJECT[likeness.argmax(axis=1)].tolist()


def test_each_of_sixty_titles_is_nearest_to_one_of_its_subject(encoder):
    vectors = encoder.encode(TITLE.tolist())
    assert len(TITLE) == 60
    assert nearest_subjects(vectors, ~np.eye(60, dtype=bool)) == SUBJECT.tolist()


def test_so_it_is_among_the_titles_in_another_language(encoder):
    vectors = encoder.encode(TITLE.tolist())
    assert nearest_subjects(vectors, LANGUAGE[:, None] != LANGUAGE) == SUBJECT.tolist()


def test_words_in_english_find_titles_in_chinese_japanese_and_korean():
    data = penchant.Dataset.from_frame(
        {"user_id": ["ann"], "item_id": [0]}, items={"item_id": range(60), "title": TITLE.tolist()}
    )
    model = penchant.fit(data, scorers=["content.text"], encoder="multilingual.use")
    found = model.recommend(text="cooking recipes", k=6).ids
    assert {SUBJECT[item] for item in found} == {"cooking"}


def test_what_stands_behind_the_characters_read_changes_nothing(encoder):
    long = "a quiet film " * 200
    assert np.array_equal(encoder.encode([long]), encoder.encode([long + "and more"]))


def test_settings_out_of_range_are_refused():
    registry = penchant.Registry({"multilingual": penchant_multilingual})
    with pytest.raises(SettingsError, match="characters must be at least 1, got 0"):
        registry.encoder({"use": "multilingual.use", "characters": 0})
