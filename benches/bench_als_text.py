"""What items' words give `mf.als`, with its defaults, on MovieLens 100K.

    PENCHANT_DATA=... python benches/bench_als_text.py [FOLDER OF AN ENCODER]

Title, genres and decade are the text. A fifth of the films is hidden and ranked among itself, five
times; and films with a past are ranked on three validation parts, cut at random from the train part
of bench_strategies.py. NDCG@10, the mean over the draws, and the greatest standard error of one of
the differences to no text.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import penchant
from catalogues import catalogue
from common import print_machine
from penchant import Registry
from penchant.evaluation import Split, cold_item_split, evaluate_recommender, make_split

METRIC = "ndcg@10"


def found(split: Split, text: dict[str, Any] | None, registry: Registry) -> np.ndarray:
    """(users,) NDCG@10."""
    use = penchant.use("mf.als", text=text)
    model = penchant.fit(split.train, scorers=[use], registry=registry)
    return np.asarray(
        evaluate_recommender(model.recommender, split, metrics=[METRIC]).per_user[METRIC]
    )


def main() -> None:
    """Print a line of each kind of text."""
    print_machine("penchant", "numpy")
    registry = Registry.discover(only={"mf", "content", "onnx"})
    data, told = catalogue("ml-100k", Path(os.environ["PENCHANT_DATA"]))
    texts: dict[str, dict[str, Any] | None] = {
        "no text": None,
        "content.tfidf": {"use": "content.tfidf", "columns": told},
    }
    if len(sys.argv) > 1:
        texts["onnx.text"] = {"use": "onnx.text", "path": sys.argv[1], "columns": told}
    train = make_split(data, "user-random", keep_negatives=False).train
    parts = {
        "hidden films": [cold_item_split(data, seed=seed) for seed in range(42, 47)],
        "films with a past": [
            make_split(train, "user-random", seed=seed, keep_negatives=False) for seed in (1, 2, 3)
        ],
    }
    for title, splits in parts.items():
        print(title)
        without = [found(split, None, registry) for split in splits]
        for name, text in texts.items():
            measured = without if text is None else [found(one, text, registry) for one in splits]
            error = max(
                float((one - base).std() / np.sqrt(len(one)))
                for one, base in zip(measured, without, strict=True)
            )
            mean = float(np.mean([one.mean() for one in measured]))
            print(f"  {name:14s} {mean:.4f}, error of a difference {error:.4f}", flush=True)


if __name__ == "__main__":
    main()
