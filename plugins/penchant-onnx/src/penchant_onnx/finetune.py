"""An encoder taught what the same people like: a head on its output, or all of its weights.

Both learn from pairs of items that one user likes and are judged by `content.text` on likings that
neither has seen. What ranks no better than the encoder as it was is not written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from penchant import use
from penchant.errors import DataError, SettingsError
from penchant.evaluation import Split, evaluate_scorer, make_split, validation_split
from penchant.item_text import unit
from penchant.protocols import FitContext

from penchant_onnx.augmentation import Augmentation, wordings
from penchant_onnx.cache import Cached
from penchant_onnx.comparing import Comparison, compare
from penchant_onnx.export import export_graph
from penchant_onnx.graph import read_graph
from penchant_onnx.head import learn_head
from penchant_onnx.layout import add_head, copy_layout, new_folder
from penchant_onnx.likings import METRIC
from penchant_onnx.quantize import quantize_file
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText
from penchant_onnx.weights import STEPS, learn_weights

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.registry import Registry

_CACHE_MEGABYTES = 4096


@dataclass(frozen=True)
class Tuned:
    """How `content.text` ranks held-out likings (NDCG@10) with the encoder as it was and as it is.

    steps: after how many of learning it ranked the validation likings best.
    """

    before: float
    after: float
    steps: int
    comparison: Comparison


def finetune(
    folder: Path,
    output: Path,
    data: Dataset,
    registry: Registry,
    *,
    columns: Sequence[str] | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    threads: int = 1,
) -> Tuned:
    """Learn a head for the encoder in `folder`, and make `output` of both if it helps.

    A fifth of each user's likings, the latest where there are times, is the test; a fifth of the
    rest is for validation. `content.text` of the registry judges.

    columns: of the items, read as `content.text` reads them. seed: of the splits and of all draws;
    one seed gives one head on one machine.

    Raises SettingsError for an `output` that exists or a graph that pools by itself, and DataError
    where no user liked two items of the part to learn from, or where the head ranks no better than
    the encoder: nothing is written then.
    """
    augmentation = augmentation or Augmentation()
    parted = _parted(data, seed)
    with new_folder(output) as whole:
        copy_layout(folder, whole)
        encoder = OnnxText(TextSettings(path=str(folder), threads=threads))
        # The same items are encoded for the head, for the judge and for the report.
        cached = Cached(encoder, whole.parent / "cache", _CACHE_MEGABYTES)
        said = wordings(data.items, columns, augmentation, seed)
        weight, steps = learn_head(
            np.stack([unit(cached.encode(texts)) for texts in said]),
            validation_split(parted, seed=seed),
            noise=augmentation.noise,
            seed=seed,
        )
        add_head(encoder, whole, weight)
        return _judged(encoder, whole, parted, registry, columns, seed, threads, steps)


def finetune_weights(
    folder: Path,
    output: Path,
    data: Dataset,
    registry: Registry,
    *,
    columns: Sequence[str] | None = None,
    augmentation: Augmentation | None = None,
    steps: int = STEPS,
    seed: int = 0,
    threads: int = 1,
) -> Tuned:
    """Learn all weights of the PyTorch model in `folder`; make `output` of its graphs if it helps.

    folder: as `export` takes it. `output` has graphs in fp32 and int8, as `export` makes them, and
    the fp32 one is judged. Splits, columns and refusals are those of `finetune`. steps: how many;
    the best of four points on the way is kept. Needs penchant-onnx[export].
    """
    if steps < 1:
        raise SettingsError(f"steps must be at least 1, got {steps}")
    augmentation = augmentation or Augmentation()
    parted = _parted(data, seed)
    with new_folder(output) as whole:
        start, trained = whole.parent / "start", whole.parent / "trained"
        export_graph(folder, start)
        encoder = OnnxText(TextSettings(path=str(start), threads=threads))
        best = learn_weights(
            folder,
            trained,
            encoder,
            wordings(data.items, columns, augmentation, seed),
            validation_split(parted, seed=seed),
            noise=augmentation.noise,
            steps=steps,
            seed=seed,
            threads=threads,
        )
        export_graph(trained, whole)
        tuned = _judged(encoder, whole, parted, registry, columns, seed, threads, best)
        quantize_file(read_graph(whole / "onnx" / "model.onnx"), whole, target="any")
        return tuned


def _parted(data: Dataset, seed: int) -> Split:
    timed = data.interactions.time is not None
    return make_split(data, "user-time" if timed else "user-random", seed=seed)


def _judged(
    encoder: OnnxText,
    tuned: Path,
    parted: Split,
    registry: Registry,
    columns: Sequence[str] | None,
    seed: int,
    threads: int,
    steps: int,
) -> Tuned:
    """Compare the encoder with what was made of it; raises DataError where that is no better."""
    settings = TextSettings(path=str(tuned), threads=threads, cache=str(tuned.parent / "cache"))
    before, after = (
        _ranked(parted, registry, replace(settings, path=str(place)), columns, seed)
        for place in (encoder.folder, tuned)
    )
    if after <= before:
        raise DataError(
            f"what was learned from these likings doesn't help '{encoder.folder}' ({METRIC} of "
            f"content.text {before:.4f} without, {after:.4f} with it), so nothing is written; give "
            "more events, or columns that say more about the items"
        )
    texts = parted.train.items.texts(columns)
    made = OnnxText(TextSettings(path=str(tuned), threads=threads))
    return Tuned(before, after, steps, compare(encoder, made, texts))


def _ranked(
    parted: Split,
    registry: Registry,
    settings: TextSettings,
    columns: Sequence[str] | None,
    seed: int,
) -> float:
    encoder = use("onnx.text", path=settings.path, threads=settings.threads, cache=settings.cache)
    scorer = registry.scorer(use("content.text", encoder=encoder, columns=columns))
    fitted = scorer.fit(parted.train, FitContext(seed=seed))
    return evaluate_scorer(fitted, parted, metrics=[METRIC]).values[METRIC]
