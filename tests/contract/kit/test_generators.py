"""Generators, sound and broken."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from penchant.protocols import GenerationRequest
from penchant.testing import (
    Contract,
    GeneratorContract,
)

from .plugins import check, contract


def generator(generate: Callable[[GenerationRequest], Any], **attributes: Any) -> type[Contract]:
    build = type("Generator", (), {"generate": lambda self, request: generate(request)})
    return contract(GeneratorContract, build, **attributes)


def test_a_sound_generator_passes() -> None:
    check(generator(lambda request: f"{request.item} is for you."))


def test_words_on_two_lines_are_found() -> None:
    check(
        generator(lambda request: f"{request.item}\nis for you."),
        "words_are_one_line_of_plain_text",
    )


def test_a_name_that_is_passed_on_unread_is_found() -> None:
    def generate(request: GenerationRequest) -> str:
        return f"{request.item} goes with {', '.join(name for name, _, _ in request.evidence)}."

    check(generator(generate), "words_are_one_line_of_plain_text")


def test_words_that_do_not_name_the_item_are_found() -> None:
    check(generator(lambda request: "This is for you."), "words_name_the_item")


def test_words_that_change_are_found() -> None:
    counter = itertools.count()
    changing = generator(lambda request: f"{request.item} {next(counter)}")
    check(changing, "the_same_request_gets_the_same_words")
    check(
        generator(lambda request: f"{request.item} {next(counter)}", deterministic=False),
    )
