"""Folders of encoders that travel apart from the model, and come back by their fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import penchant_content
import penchant_hybrid
import pytest
from penchant import Component, Dataset, Model, Registry, hookimpl
from penchant.errors import EncoderMissing, SettingsError

EVENTS = {"user_id": ["ann", "bob"], "item_id": ["a", "b"]}
FILMS = {"item_id": ["a", "b", "c"], "title": ["red fox", "blue whale", "red whale"]}


@dataclass(frozen=True, kw_only=True)
class WordListSettings:
    path: str = field(default="", metadata={"help": "folder of words.txt"})


class WordList:
    """Says which of the words in its folder a text has; other words, another fingerprint."""

    batch_invariant = True

    def __init__(self, settings: WordListSettings) -> None:
        self.folder = Path(settings.path)
        self._words = (self.folder / "words.txt").read_text("utf-8").split()
        self.dim, self.fingerprint = len(self._words), "-".join(self._words)

    def encode(self, texts: Sequence[str], /, *, kind: str = "document") -> np.ndarray:
        return np.array([[word in text for word in self._words] for text in texts], np.float32)


class Plugin:
    PENCHANT_API = 1

    @hookimpl
    def penchant_encoders(self) -> Iterable[Component[Any]]:
        return [Component("list", lambda s, _: WordList(s), WordListSettings, "Listed words")]


REGISTRY = Registry({"words": Plugin(), "content": penchant_content, "hybrid": penchant_hybrid})


def folder_of(path: Path, words: str) -> Path:
    path.mkdir()
    (path / "words.txt").write_text(words, "utf-8")
    return path


def fitted(*folders: Path) -> Model:
    encoders = [{"use": "words.list", "path": str(folder)} for folder in folders]
    scorers: list[Any] = [penchant.use("content.text", encoder=encoder) for encoder in encoders]
    data = Dataset.from_frame(EVENTS, items=FILMS)
    return penchant.fit(data, scorers=scorers or ["base.popular"], registry=REGISTRY)


def test_each_of_two_encoders_gets_the_folder_of_its_fingerprint(tmp_path: Path) -> None:
    colours = folder_of(tmp_path / "colours", "red blue")
    beasts = folder_of(tmp_path / "beasts", "fox whale")
    model = fitted(colours, beasts)
    model.save(tmp_path / "light", with_encoder=False)
    light = penchant.load(tmp_path / "light", registry=REGISTRY)
    with pytest.raises(EncoderMissing, match="saved without its encoder"):
        light.recommend(text="blue fox")
    supplied: dict[str, Path | str] = {"red-blue": colours, "fox-whale": str(beasts)}
    whole = penchant.load(tmp_path / "light", registry=REGISTRY, encoder=supplied)
    answer = whole.recommend(text="blue whale")
    assert answer.ids == model.recommend(text="blue whale").ids
    assert answer.ids[0] == "b"


def test_one_folder_for_two_encoders_is_refused_with_their_fingerprints(tmp_path: Path) -> None:
    colours = folder_of(tmp_path / "colours", "red blue")
    beasts = folder_of(tmp_path / "beasts", "fox whale")
    fitted(colours, beasts).save(tmp_path / "model")
    with pytest.raises(SettingsError) as caught:
        penchant.load(tmp_path / "model", registry=REGISTRY, encoder=colours)
    assert str(caught.value) == (
        "encoder is one folder, but this model has 2 encoders with files; give folders by "
        "fingerprint, of fox-whale, red-blue"
    )


def test_a_fingerprint_that_no_encoder_has_is_refused(tmp_path: Path) -> None:
    colours = folder_of(tmp_path / "colours", "red blue")
    fitted(colours).save(tmp_path / "model")
    with pytest.raises(SettingsError) as caught:
        penchant.load(tmp_path / "model", registry=REGISTRY, encoder={"red": colours})
    assert str(caught.value) == (
        "encoder names the fingerprint 'red', and those of this model are red-blue"
    )


def test_a_folder_for_a_model_that_reads_nothing_is_refused(tmp_path: Path) -> None:
    fitted().save(tmp_path / "model")
    with pytest.raises(SettingsError) as caught:
        penchant.load(tmp_path / "model", encoder=tmp_path)
    assert str(caught.value) == "encoder is given, but this model has none with files; leave it out"
