"""Texts in a language that the encoder can't read are pointed out, once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

ENGLISH = [
    "Heat (1995). Action, Crime, Thriller",
    "Amélie. Comedy, Romance",
    "The Good, the Bad and the Ugly. Adventure, Western",
    "Spirited Away. Adventure, Animation, Fantasy",
]
FOREIGN = {
    "Chinese": "霸王别姬 记忆的静谧电影 一部关于战争的纪录片",
    "Japanese": "記憶についての静かな映画 千と千尋の神隠し",
    "Korean": "기억에 관한 조용한 영화 살인의 추억",
    "Arabic": "فيلم هادئ عن الذاكرة والمدينة",
    "Russian": "Тихий фильм про память",
}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "penchant"]


@pytest.mark.parametrize("language", FOREIGN)
def test_a_language_that_is_not_the_encoders_is_said_once(
    minilm: Path, caplog: pytest.LogCaptureFixture, language: str
) -> None:
    encoder = OnnxText(TextSettings(path=str(minilm)))
    with caplog.at_level(logging.WARNING, "penchant"):
        encoder.encode([FOREIGN[language]] * 12)
        encoder.encode([FOREIGN[language]] * 12)
    (message,) = warnings(caplog)
    assert "can't read their language; take an encoder made for it, or content.tfidf" in message


def test_english_and_a_few_foreign_titles_are_fine(
    minilm: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "penchant"):
        OnnxText(TextSettings(path=str(minilm))).encode(ENGLISH * 10 + list(FOREIGN.values()))
    assert warnings(caplog) == []


def test_a_query_or_one_text_is_never_warned_about(
    minilm: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = OnnxText(TextSettings(path=str(minilm)))
    with caplog.at_level(logging.WARNING, "penchant"):
        encoder.encode([FOREIGN["Chinese"]])
        encoder.encode([FOREIGN["Chinese"]] * 12, kind="query")
    assert warnings(caplog) == []


def test_the_unknown_token_is_the_tokenizers_own(
    tiny: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "penchant"):
        OnnxText(TextSettings(path=str(tiny()))).encode(["red nonsense"] * 60)
    (message,) = warnings(caplog)
    assert message.startswith("onnx.text: 50 % of the texts' tokens are unknown")
