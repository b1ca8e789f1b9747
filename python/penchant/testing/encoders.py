"""What is promised by every encoder."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from penchant.protocols import Encoder, Kind
from penchant.testing.checks import floats, from_many_threads, same_bits
from penchant.testing.contract import Contract

TEXTS = (
    "A quiet film about memory",
    "bread",
    "",
    "   \n\t ",
    "Straße, naïve café: 3.14 % — “quoted”",
    "記憶についての静かな映画",
    "فيلم هادئ عن الذاكرة",
    "👩‍👩‍👧 🔭✨",
    "e\u0301 \u00e9 \u200b\ufeff\x00",
    "\x07\x1b[31m\x7f \x85 \u202e",
    "half a pair: \ud83d",
    "Tom &amp; Jerry &lt;b&gt;&#128512;</b>",
    "NA",
    "a slow and patient story of a lighthouse keeper who writes letters to the sea " * 20,
)


class EncoderContract(Contract):
    """The tests of an encoder; its texts hold many scripts, odd characters and a long one."""

    kind: ClassVar[Kind] = "encoder"

    def encode(self, encoder: Any, texts: tuple[str, ...]) -> npt.NDArray[Any]:
        """Encode documents."""
        vectors: npt.NDArray[Any] = encoder.encode(list(texts))
        return vectors

    def test_an_encoder_says_what_it_is(self) -> None:
        encoder = self.build()
        assert isinstance(encoder, Encoder), "needs dim, fingerprint, batch_invariant and encode"
        assert isinstance(encoder.dim, int), f"dim must be an int, got {encoder.dim!r}"
        assert encoder.dim > 0, f"dim must be above 0, got {encoder.dim}"
        assert isinstance(encoder.batch_invariant, bool), "batch_invariant must be a bool"

    def test_the_fingerprint_is_the_same_each_time(self) -> None:
        prints = [encoder.fingerprint for encoder in (self.build(), self.build())]
        assert isinstance(prints[0], str), f"the fingerprint must be a str, got {prints[0]!r}"
        assert prints[0], "the fingerprint must not be empty"
        assert prints[0] == prints[1], f"the fingerprint must be stable, got {prints}"

    def test_vectors_are_finite_float32_for_any_text(self) -> None:
        encoder = self.build()
        for kind in ("document", "query"):
            vectors = encoder.encode(list(TEXTS), kind=kind)
            floats(vectors, (len(TEXTS), encoder.dim), f"vectors of a {kind}")

    def test_a_text_of_a_hundred_thousand_characters_has_a_finite_vector(self) -> None:
        encoder = self.build()
        texts = ["x" * 100_000, "a film about memory " * 5_000, "静かな映画" * 20_000]
        floats(encoder.encode(texts), (3, encoder.dim), "vectors of long texts")

    def test_the_word_na_is_a_word(self) -> None:
        said, nothing = self.encode(self.build(), ("NA", ""))
        assert said.tobytes() != nothing.tobytes(), "the text 'NA' was read as a missing one"

    def test_no_texts_give_no_vectors(self) -> None:
        encoder = self.build()
        floats(encoder.encode([]), (0, encoder.dim), "vectors of no texts")

    def test_texts_that_differ_have_vectors_that_differ(self) -> None:
        one, other = self.encode(self.build(), ("telescope at night", "bread and butter"))
        assert one.tobytes() != other.tobytes(), "two texts of other words have one vector"

    def test_the_same_text_has_the_same_bits(self) -> None:
        same_bits(
            self.encode(self.build(), TEXTS),
            self.encode(self.build(), TEXTS),
            "the same texts must have the same vectors",
        )

    def test_vectors_keep_the_order_of_the_texts(self) -> None:
        encoder = self.build()
        turned = self.encode(encoder, TEXTS[::-1])[::-1]
        _alike(turned, self.encode(encoder, TEXTS), "vectors must stand in the order of texts")

    def test_a_batch_encodes_as_its_texts_alone(self) -> None:
        encoder = self.build()
        whole = self.encode(encoder, TEXTS)
        alone = np.concatenate([self.encode(encoder, (text,)) for text in TEXTS])
        if encoder.batch_invariant:
            same_bits(alone, whole, "batch_invariant promises the same bits in every batch")
        else:
            _alike(alone, whole, "a text alone must have nearly the vector that it has in a batch")

    def test_eight_threads_at_once_get_what_one_gets(self) -> None:
        encoder = self.build()
        wanted = self.encode(encoder, TEXTS)
        for got in from_many_threads(lambda: self.encode(encoder, TEXTS), times=1):
            same_bits(got, wanted, "vectors must be the same from many threads")


def _alike(got: npt.NDArray[Any], wanted: npt.NDArray[Any], promise: str) -> None:
    """Check that vectors agree within the noise of a quantized model: 5 % of their length."""
    if np.array_equal(got, wanted, equal_nan=True):
        return  # whether they are finite is another test's business
    lengths = np.linalg.norm(wanted, axis=1)
    apart = np.linalg.norm(got - wanted, axis=1)
    worst = int(np.argmax(apart - 0.05 * lengths))
    assert (apart <= 0.05 * lengths + 1e-6).all(), f"{promise}: text {worst} is {apart[worst]} off"
