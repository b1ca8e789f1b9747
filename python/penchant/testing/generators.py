"""What is promised by every generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from penchant.protocols import GenerationRequest, Kind
from penchant.testing.checks import from_many_threads
from penchant.testing.contract import Contract

ITEM = "The Lighthouse"
REQUESTS: Sequence[GenerationRequest] = (
    GenerationRequest("explanation", ITEM),
    GenerationRequest("explanation", ITEM, (("Sea Letters", "item", 1.5),)),
    GenerationRequest(
        "explanation",
        ITEM,
        (("Sea Letters", "item", 0.9), ("keeper, sea", "text", 0.5), ("", "popularity", 0.1)),
    ),
    GenerationRequest("explanation", ITEM, (("", "factors", 2.0), ("Dune", "item", -1.0))),
    GenerationRequest("explanation", ITEM, (("", "a kind of its own", 0.2),)),
    GenerationRequest("explanation", ITEM, (("Two\nlines\x07", "item", 0.2),)),
)


class GeneratorContract(Contract):
    """The tests of a generator.

    deterministic: False for one whose words may differ from call to call.
    """

    kind: ClassVar[Kind] = "generator"
    deterministic: ClassVar[bool] = True

    def test_words_are_one_line_of_plain_text(self) -> None:
        generator = self.build()
        for request in REQUESTS:
            said = generator.generate(request)
            assert isinstance(said, str), f"generate must give a str, got {said!r}"
            assert said.strip(), f"nothing was said for {request}"
            assert said.isprintable(), f"one line of printable text is wanted, got {said!r}"

    def test_words_name_the_item(self) -> None:
        generator = self.build()
        for request in REQUESTS:
            said = generator.generate(request)
            assert request.item in said, f"{request.item!r} must be named, got {said!r}"

    def test_the_same_request_gets_the_same_words(self) -> None:
        if not self.deterministic:
            return
        generator, other = self.build(), self.build()
        for request in REQUESTS:
            said = generator.generate(request)
            assert other.generate(request) == said, f"other words for {request}"
            for again in from_many_threads(lambda r=request: generator.generate(r), times=1):  # type: ignore[misc]
                assert again == said, f"other words for {request} from another thread"
