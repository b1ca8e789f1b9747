"""What encoding again costs after 1 % of the items changed, beside encoding all of them.

    python benches/bench_embedding_cache.py [items]

The catalogue's texts are made of vocabulary words, 8 to 40 a text. One thread; the encoder is
`onnx.minilm`. Prints seconds and their ratio; the promise is at most 3 %.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time

from penchant import Registry, use
from penchant.protocols import Encoder

WORDS = ["quiet", "war", "love", "night", "city", "island", "winter", "murder", "music", "family"]
WORDS += ["ghost", "robot", "desert", "king", "ocean", "letter", "garden", "dream", "river"]


def timed(encoder: Encoder, texts: list[str]) -> float:
    start = time.perf_counter()
    encoder.encode(texts)
    return time.perf_counter() - start


def main(count: int) -> None:
    chance = random.Random(1)  # noqa: S311
    texts = [" ".join(chance.choices(WORDS, k=chance.randint(8, 40))) for _ in range(count)]
    changed = [text if row % 100 else f"new {text}" for row, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        Registry.discover().encoder(use("onnx.minilm")).encode(["warm the page cache"])
        first = Registry.discover().encoder(use("onnx.minilm", cache=folder))
        first.encode(["open the graph"])
        whole = timed(first, texts)
        second = Registry.discover().encoder(use("onnx.minilm", cache=folder))
        second.encode(["open the graph too"])
        again, same = timed(second, changed), timed(second, changed)
    print(f"{count} items: all {whole:.2f} s ({count / whole:.0f} texts/s)")
    print(
        f"1 % changed: {again:.3f} s, {again / whole:.2%} of it; none changed: {same / whole:.2%}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
