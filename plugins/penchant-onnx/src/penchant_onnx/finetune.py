"""A head on an encoder's output, learned from what the same people liked.

The head is one square matrix W behind the pooling. Two items liked by one user are drawn; after the
head, one must find the other among a thousand items drawn evenly from those that anybody liked
(InfoNCE: van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding",
2018, equation 4). Wrong answers are drawn evenly on purpose: the head may learn that some kinds of
items are liked more. With the other users' items in their place, which cancels popularity, every
head ranked worse than none (MovieLens, latest fifth of the likings: NDCG@10 .0149 without, .0081;
with even draws .110; of items hidden from learning .079 without, .17).

Learning begins at the identity, and the step is kept that ranks likings of a validation part best;
so the encoder's own vectors are the worst that can come out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from penchant import use
from penchant.errors import DataError, SettingsError
from penchant.evaluation import Split, evaluate_scorer, make_split, validation_split
from penchant.item_text import unit
from penchant.protocols import FitContext, State

from penchant_onnx.cache import Cached
from penchant_onnx.comparing import Comparison, compare
from penchant_onnx.distil import dropped
from penchant_onnx.layout import add_head, copy_layout, new_folder
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, I64, Bool, Encoder
    from penchant.queries import Csr, Queries
    from penchant.registry import Registry

F64: TypeAlias = npt.NDArray[np.float64]

METRIC = "ndcg@10"
# Chosen on validation parts of MovieLens.
_PAIRS = 512
_WRONG = 1024
_TEMPERATURE = 0.1
_RATE = 1e-3
_STEPS_BETWEEN = 25
_PATIENCE = 100
_MOST_STEPS = 2000
_CACHE_MEGABYTES = 4096


@dataclass(frozen=True)
class Augmentation:
    """Ways of saying an item again, so that the head doesn't learn its words by heart.

    drop_words: share of words left out of a copy of each text. drop_fields: a copy for each column,
    without that column. noise: standard deviation of a vector's error, relative to its length.
    """

    drop_words: float = 0.0
    drop_fields: bool = False
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.drop_words < 1:
            raise SettingsError(f"drop_words must be at least 0 and below 1, got {self.drop_words}")
        if not 0 <= self.noise < 10:
            raise SettingsError(f"noise must be at least 0 and below 10, got {self.noise}")


@dataclass(frozen=True)
class Tuned:
    """How `content.text` ranks held-out likings (NDCG@10) with the encoder and with its head.

    steps: after how many of learning the head ranked the validation likings best.
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
    parted = make_split(
        data, "user-random" if data.interactions.time is None else "user-time", seed=seed
    )
    with new_folder(output) as whole:
        copy_layout(folder, whole)
        settings = TextSettings(path=str(folder), threads=threads)
        encoder = OnnxText(settings)
        # The same items are encoded for the head, for the judge and for the report.
        cached = Cached(encoder, whole.parent / "cache", _CACHE_MEGABYTES)
        weight, steps = learn_head(
            versions(cached, data, columns, augmentation, seed),
            validation_split(parted, seed=seed),
            noise=augmentation.noise,
            seed=seed,
        )
        add_head(encoder, whole, weight)
        settings = replace(settings, cache=str(whole.parent / "cache"))
        before, after = (
            _judged(parted, registry, replace(settings, path=str(place)), columns, seed)
            for place in (folder, whole)
        )
        if after <= before:
            raise DataError(
                f"a head learned from these likings doesn't help '{folder}' ({METRIC} of "
                f"content.text {before:.4f} without, {after:.4f} with it), so nothing is written; "
                "give more events, or columns that say more about the items"
            )
        tuned = OnnxText(replace(settings, path=str(whole)))
        comparison = compare(encoder, tuned, data.items.texts(columns))
    return Tuned(before, after, steps, comparison)


def versions(
    encoder: Encoder,
    data: Dataset,
    columns: Sequence[str] | None,
    augmentation: Augmentation,
    seed: int,
) -> F32:
    """(versions, items, d) float32 of length 1: the items' vectors, then those of their copies."""
    texts = data.items.texts(columns)
    said = [texts]
    if augmentation.drop_words:
        said.append(dropped(texts, augmentation.drop_words, seed))
    if augmentation.drop_fields:
        names = columns or data.items.named("text", "category", "label")
        for name in names:
            fewer = data.items.texts([other for other in names if other != name])
            said.append([short or whole for short, whole in zip(fewer, texts, strict=True)])
    return np.stack([unit(encoder.encode(one)) for one in said])


def learn_head(vectors: F32, split: Split, *, noise: float, seed: int) -> tuple[F32, int]:
    """Learn W (d, d) and after how many steps it was best; the identity after 0 is the least.

    vectors: (versions, items, d) of length 1; the first version is judged. A step is
    O(pairs·wrong·d + (pairs + wrong)·d²).
    """
    draws = np.random.default_rng(seed)
    liked = split.train.positive_csr()
    users = np.flatnonzero(liked.counts() >= 2)
    if not len(users):
        raise DataError(
            "no user liked two items of the part to learn from, so there is nothing to learn which "
            "items go together; give more events, or lower min_value"
        )
    known = np.unique(liked.indices)
    dim = vectors.shape[2]
    weight = np.eye(dim)
    mean, square = np.zeros((dim, dim)), np.zeros((dim, dim))
    best, best_weight, best_step = _ranked(vectors[0], split), weight.copy(), 0
    for step in range(1, _MOST_STEPS + 1):
        asked, right = _pairs(liked, users, draws)
        wrong = draws.choice(known, _WRONG)
        a, b, c = (_drawn(vectors, items, noise, draws) for items in (asked, right, wrong))
        slope = _slope(weight, a, b, c, wrong[None, :] == right[:, None])
        # Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1.
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        weight -= _RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        if step % _STEPS_BETWEEN == 0:
            ranked = _ranked(unit((vectors[0] @ weight.T).astype(np.float32)), split)
            if ranked > best:
                best, best_weight, best_step = ranked, weight.copy(), step
            elif step - best_step >= _PATIENCE:
                break
    return best_weight.astype(np.float32), best_step


def _pairs(liked: Csr, users: I64, draws: np.random.Generator) -> tuple[I32, I32]:
    """Two different liked items each of users drawn evenly."""
    drawn = draws.choice(users, _PAIRS)
    start, count = liked.indptr[drawn], liked.counts()[drawn]
    one = draws.integers(0, count)
    other = (one + draws.integers(1, count)) % count
    return liked.indices[start + one], liked.indices[start + other]


def _drawn(vectors: F32, items: I32, noise: float, draws: np.random.Generator) -> F64:
    """A version each of some items, (n, d), with noise."""
    drawn: F64 = vectors[draws.integers(0, len(vectors), len(items)), items].astype(np.float64)
    if noise:
        drawn += draws.normal(0, noise / np.sqrt(drawn.shape[1]), drawn.shape)
    return drawn


def _slope(weight: F64, asked: F64, right: F64, wrong: F64, same: Bool) -> F64:
    """Gradient of the mean InfoNCE loss by the head, (d, d).

    asked, right: (n, d), the two items of each pair. wrong: (m, d). same: (n, m), where what should
    be wrong is the right answer, and counts as none.
    """
    (x, x_length), (y, y_length), (z, z_length) = (
        _through(weight, rows) for rows in (asked, right, wrong)
    )
    logits = np.concatenate([(x * y).sum(axis=1, keepdims=True), x @ z.T], axis=1) / _TEMPERATURE
    logits[:, 1:][same] = -np.inf
    blame = np.exp(logits - logits.max(axis=1, keepdims=True))
    blame /= blame.sum(axis=1, keepdims=True)
    blame[:, 0] -= 1
    blame /= len(asked) * _TEMPERATURE
    of_right, of_wrong = blame[:, :1], blame[:, 1:]
    slope: F64 = _back(of_right * y + of_wrong @ z, x, x_length).T @ asked
    slope += _back(of_right * x, y, y_length).T @ right
    slope += _back(of_wrong.T @ x, z, z_length).T @ wrong
    return slope


def _through(weight: F64, rows: F64) -> tuple[F64, F64]:
    mapped = rows @ weight.T
    length = np.maximum(np.sqrt(np.square(mapped).sum(axis=1, keepdims=True)), 1e-12)
    return mapped / length, length


def _back(slope: F64, scaled: F64, length: F64) -> F64:
    """The gradient before vectors were scaled to length 1, from the one after."""
    before: F64 = (slope - scaled * (slope * scaled).sum(axis=1, keepdims=True)) / length
    return before


class _Profiles:
    """Scores items by their likeness to the mean of what a user liked."""

    def __init__(self, vectors: F32, min_value: float | None) -> None:
        self._vectors = vectors
        self._min_value = min_value

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        liked = queries.history.at_least(self._min_value).binary()
        means = np.zeros((liked.rows, self._vectors.shape[1]), np.float32)
        np.add.at(means, liked.row_of_entry(), self._vectors[liked.indices])
        return means @ (self._vectors if items is None else self._vectors[items]).T

    def state(self) -> State:
        return State({"vectors": self._vectors})


def _ranked(vectors: F32, split: Split) -> float:
    fitted = _Profiles(vectors, split.train.min_value)
    return evaluate_scorer(fitted, split, metrics=[METRIC]).values[METRIC]


def _judged(
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
