"""Encoders, sound and broken."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from penchant.testing import (
    Contract,
    EncoderContract,
)

from .plugins import check, contract, failures


class Letters:
    """Counts the letters of a text, folded into eight numbers."""

    dim = 8
    batch_invariant = True
    fingerprint = "letters/1"

    def encode(self, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for place, letter in enumerate(text):
                vectors[row, ord(letter) % self.dim] += 1 + place % 3
        return vectors


def encoder(**methods: Any) -> type[Contract]:
    return contract(EncoderContract, type("Encoder", (Letters,), methods))


def letters(self: Any, texts: Sequence[str]) -> Any:
    return Letters.encode(self, texts)


def test_a_sound_encoder_passes() -> None:
    check(encoder())


def test_an_encoder_that_takes_na_for_nothing_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, ["" if text == "NA" else text for text in texts])

    check(encoder(encode=encode), "the_word_na_is_a_word")


def test_an_encoder_that_counts_long_texts_beyond_the_numbers_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        vectors = letters(self, [text[:3000] for text in texts])
        vectors[[len(text) > 50_000 for text in texts]] = np.nan
        return vectors

    check(
        encoder(encode=encode),
        "a_text_of_a_hundred_thousand_characters_has_a_finite_vector",
    )


def test_an_encoder_that_depends_on_the_batch_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, texts) + np.float32(len(texts) * 1e-4)

    check(encoder(encode=encode), "a_batch_encodes_as_its_texts_alone")


def test_an_encoder_that_says_it_depends_a_little_on_the_batch_passes() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, texts) * np.float32(1 + len(texts) * 1e-4)

    check(encoder(encode=encode, batch_invariant=False))


def test_an_empty_text_that_gets_no_number_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        vectors = letters(self, texts)
        with np.errstate(invalid="ignore"):
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    check(encoder(encode=encode), "vectors_are_finite_float32_for_any_text")


def test_vectors_in_another_order_are_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, sorted(texts, key=len))

    check(
        encoder(encode=encode),
        "vectors_keep_the_order_of_the_texts",
        "a_batch_encodes_as_its_texts_alone",
    )


def test_an_encoder_that_throws_dice_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, texts) + self.noise

    noise = property(lambda self: np.random.default_rng().random(8, np.float32) * 1e-3)
    assert failures(encoder(encode=encode, noise=noise)) >= {
        "test_the_same_text_has_the_same_bits",
        "test_a_batch_encodes_as_its_texts_alone",
    }


def test_a_fingerprint_that_changes_is_found() -> None:
    counter = itertools.count()
    changing = property(lambda self: f"letters/{next(counter)}")
    check(encoder(fingerprint=changing), "the_fingerprint_is_the_same_each_time")


def test_no_texts_without_a_dimension_are_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, texts) if texts else np.empty(0, np.float32)

    check(encoder(encode=encode), "no_texts_give_no_vectors")


def test_one_vector_for_all_texts_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return np.ones((len(texts), 8), np.float32)

    check(
        encoder(encode=encode),
        "texts_that_differ_have_vectors_that_differ",
        "the_word_na_is_a_word",
    )


def test_an_encoder_that_is_not_safe_from_many_threads_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        elsewhere = threading.current_thread() is not threading.main_thread()
        return letters(self, texts) + np.float32(elsewhere)

    check(encoder(encode=encode), "eight_threads_at_once_get_what_one_gets")


def test_an_encoder_of_no_dimension_is_found() -> None:
    assert "test_an_encoder_says_what_it_is" in failures(encoder(dim=0))
