"""Encoder folders side by side: processor time of one title alone, and of four kinds of texts.

    python benches/bench_encoder_graphs.py FOLDER FOLDER... [--rounds N]

One thread. Folders take turns, several runs each before the next, so that each finds its weights in
the cache as it would alone. Prints milliseconds of processor time (medians over rounds), and the
median over rounds of the ratio to the first folder, which holds on a machine that others share too.
Texts are made of vocabulary words: titles of 8 to 12, descriptions of 60 to 100, long ones of 254,
and a mix as in a catalogue.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import print_machine
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

Encode = Callable[[list[str]], object]


def texts(folder: Path) -> dict[str, list[str]]:
    """Texts of each kind, of words that the tokenizer of `folder` knows whole."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    words = sorted(w for w in vocabulary if w.isascii() and w.isalpha() and len(w) > 3)
    chance = np.random.default_rng(0)

    def some(count: int, lowest: int, highest: int) -> list[str]:
        sizes = chance.integers(lowest, highest + 1, count)
        return [" ".join(chance.choice(words, size)) for size in sizes]

    mixed = np.clip(chance.lognormal(3.3, 0.8, 24), 4, 250).astype(int)
    return {
        "titles": some(40, 8, 12),
        "descriptions": some(6, 60, 100),
        "254 words": some(2, 254, 254),
        "mix": [" ".join(chance.choice(words, size)) for size in mixed],
    }


def one_alone(encode: Encode, titles: list[str]) -> float:
    return float(np.median([spent(encode, [title]) for title in titles]))


def spent(encode: Encode, some: list[str]) -> float:
    start = time.thread_time()
    encode(some)
    return 1e3 * (time.thread_time() - start)


def main(folders: list[Path], rounds: int) -> None:
    encoders = [OnnxText(TextSettings(path=str(folder))).encode for folder in folders]
    kinds = texts(folders[0])
    took: dict[str, list[list[float]]] = {"one title": [], **{kind: [] for kind in kinds}}
    for _ in range(rounds):
        rows: dict[str, list[float]] = {kind: [] for kind in took}
        for encode in encoders:
            encode(kinds["titles"])
            rows["one title"].append(one_alone(encode, kinds["titles"]))
            for kind, some in kinds.items():
                encode(some[:1])
                rows[kind].append(spent(encode, some))
        for kind, row in rows.items():
            took[kind].append(row)
    print_machine("penchant", "numpy", "onnxruntime", "tokenizers")
    print(f"{'ms':34}", *(f"{kind:>20}" for kind in took))
    for at, folder in enumerate(folders):
        cells = []
        for each in took.values():
            table = np.array(each)
            ratio = np.median(table[:, at] / table[:, 0])
            cells.append(f"{np.median(table[:, at]):12.2f} ({ratio:.3f})")
        print(f"{str(folder)[-34:]:34}", *(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=20)
    said = parser.parse_args()
    main(said.folders, said.rounds)
