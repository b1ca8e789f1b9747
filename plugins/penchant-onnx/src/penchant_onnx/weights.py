"""All weights of an encoder, learned from what the same people liked; needs PyTorch.

As in `head.py`, one of two items that a user likes must find the other among items drawn evenly
(InfoNCE). Here the transformer itself moves, by AdamW (Loshchilov, Hutter, "Decoupled Weight Decay
Regularization", 2019, algorithm 2): a step reads a hundred texts forwards and backwards, and costs
half a second for a small model on two cores. A few hundred steps are enough to move it, and too few
to forget what it knew. The step is kept that ranks likings of a validation part best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant.errors import ModelFileError, PluginError

from penchant_onnx.export import INSTALL
from penchant_onnx.layout import copy_layout
from penchant_onnx.likings import Likings, ranked

if TYPE_CHECKING:
    from penchant.evaluation import Split
    from penchant.protocols import F32

    from penchant_onnx.text import OnnxText

STEPS = 200
_PAIRS = 16
_WRONG = 64
_TEMPERATURE = 0.05
_RATE = 5e-5
_CHECKS = 4
_BATCH = 64


def learn_weights(
    folder: Path,
    trained: Path,
    encoder: OnnxText,
    said: Sequence[Sequence[str]],
    split: Split,
    *,
    noise: float,
    steps: int = STEPS,
    seed: int = 0,
    threads: int = 1,
) -> int:
    """Make `trained`, the model in `folder` after learning, and give after how many steps.

    folder: sentence-transformers layout with PyTorch weights. encoder: the same model exported,
    whose tokens, pooling and Dense modules are taken. said: the items' texts, then copies of them;
    the first are judged. 0 steps: none ranked better than the model as it was.

    One seed gives one model on one machine and number of threads.

    Raises PluginError without PyTorch, ModelFileError for a model that isn't readable, and
    DataError as `Likings`.
    """
    try:
        import torch
        from transformers import AutoModel
    except ImportError as missing:
        raise PluginError(
            f"learning all weights needs PyTorch, which can't be imported ({missing}); {INSTALL}, "
            "in an environment of its own"
        ) from None
    draws = np.random.default_rng(seed)
    likings = Likings(split)
    tokens = [encoder.tokens(texts) for texts in said]
    with _alone(torch, seed, threads):
        try:
            model = AutoModel.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
        except Exception as fault:  # transformers raises what it likes
            raise ModelFileError(f"transformers can't open '{folder}': {fault}") from fault
        reader = _Reader(torch, model, encoder)
        optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE)
        best, best_step = ranked(reader.all(tokens[0]), split), 0
        kept = {name: value.clone() for name, value in model.state_dict().items()}
        for step in range(1, steps + 1):
            asked, right = likings.pairs(_PAIRS, draws)
            wrong = likings.wrong(_WRONG, draws)
            items = np.concatenate([asked, right, wrong])
            versions = draws.integers(0, len(tokens), len(items))
            model.train()
            vectors = reader([tokens[v][i] for v, i in zip(versions, items, strict=True)])
            if noise:
                error = draws.normal(0, noise / vectors.shape[1] ** 0.5, tuple(vectors.shape))
                vectors = torch.nn.functional.normalize(vectors + torch.from_numpy(error).float())
            x, y, z = vectors.split([_PAIRS, _PAIRS, _WRONG])
            logits = torch.cat([(x * y).sum(dim=1, keepdim=True), x @ z.T], dim=1) / _TEMPERATURE
            same = np.pad(wrong[None, :] == right[:, None], ((0, 0), (1, 0)))
            logits = logits.masked_fill(torch.from_numpy(same), -torch.inf)
            loss = torch.nn.functional.cross_entropy(logits, torch.zeros(_PAIRS, dtype=torch.long))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % max(steps // _CHECKS, 1) == 0:
                now = ranked(reader.all(tokens[0]), split)
                if now > best:
                    best, best_step = now, step
                    kept = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(kept)
        copy_layout(folder, trained)
        model.save_pretrained(str(trained), safe_serialization=True)
    return best_step


class _Reader:
    """The model as `encoder` runs it: pooled, through Dense modules, to length 1."""

    def __init__(self, torch: Any, model: Any, encoder: OnnxText) -> None:
        self._torch, self._model = torch, model
        self._pooling = encoder.pooling
        self._dense = [
            (torch.from_numpy(one.weight.copy()), torch.from_numpy(one.bias.copy()), one.tanh)
            for one in encoder.dense
        ]

    def __call__(self, batch: Sequence[Sequence[int]]) -> Any:
        """(n, d) tensor of length 1, of token ids padded on the right."""
        torch = self._torch
        ids = [torch.tensor(one) for one in batch]
        mask = [torch.ones_like(one) for one in ids]
        padded, real = (
            torch.nn.utils.rnn.pad_sequence(rows, batch_first=True) for rows in (ids, mask)
        )
        states = self._model(input_ids=padded, attention_mask=real).last_hidden_state
        pooled = self._pool(states, real[:, :, None])
        for weight, bias, tanh in self._dense:
            pooled = pooled @ weight.T + bias
            pooled = torch.tanh(pooled) if tanh else pooled
        return torch.nn.functional.normalize(pooled)

    def all(self, texts: Sequence[Sequence[int]]) -> F32:
        """(n, d) float32 of many texts, none of them learned from."""
        self._model.eval()
        vectors: list[Any] = [None] * len(texts)
        with self._torch.inference_mode():
            for rows in _batches(texts):
                for row, vector in zip(rows, self([texts[row] for row in rows]), strict=True):
                    vectors[row] = vector.numpy()
        return np.stack(vectors)

    def _pool(self, states: Any, real: Any) -> Any:
        if self._pooling == "mean":
            return (states * real).sum(dim=1) / real.sum(dim=1)
        if self._pooling == "max":
            return states.masked_fill(real == 0, -self._torch.inf).amax(dim=1)
        last = real.sum(dim=1).squeeze(1) - 1 if self._pooling == "last" else 0
        return states[self._torch.arange(len(states)), last]


def _batches(texts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Rows of texts, those of like length together."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]


@contextmanager
def _alone(torch: Any, seed: int, threads: int) -> Iterator[None]:
    """Draws and threads of PyTorch for the block alone, as they were after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)
