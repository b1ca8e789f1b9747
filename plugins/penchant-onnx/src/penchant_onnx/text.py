"""`onnx.text`: texts to vectors by a local transformer, on tokenizers and ONNX Runtime alone.

Batches. Texts are sorted by token count and packed to about 256 padded tokens: what fits a core's
second-level cache is fastest (958 against 283 texts/s for MiniLM int8 on a catalogue's mix of
lengths, `sorted` with 32 a batch). A vector must not depend on its batch, though, and not every
graph keeps that: int8 graphs that take one scale for a whole activation tensor never do, and fp32
ones depend on the matrix kernels of the processor. So the first batch is preceded by a probe: fixed
token sequences run alone and together. Where one bit differs, texts are run one at a time. Either
way `batch_invariant` holds.

Padding and truncation of tokenizer.json are switched off; the limit is the folder's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from penchant import kernels
from penchant.errors import ModelFileError, SettingsError

from penchant_onnx.files import LARGEST_TOKENIZER, limited, read_json
from penchant_onnx.folder import read_folder
from penchant_onnx.reading import Reading
from penchant_onnx.session import Session

if TYPE_CHECKING:
    from penchant.protocols import F32, Json

    from penchant_onnx.dense import Dense
    from penchant_onnx.settings import TextSettings

# Raised whenever the same files and settings would give other vectors.
SEMANTICS = 2
BUDGET = 256
_PROBES = ((2, 3, 7, 12, 16), (5, 64))


class OnnxText:
    """An `Encoder` over a folder in sentence-transformers layout. Opens no socket, ever.

    Building reads JSON, the tokenizer and the graph's outline; the graph is opened by the first
    `encode`. Safe from many threads, and after a fork.
    """

    def __init__(self, settings: TextSettings) -> None:
        self._settings = settings
        self._folder = read_folder(settings)
        self._tokenizer = _open_tokenizer(self._folder.tokenizer, self._folder.max_tokens)
        said = read_json(self._folder.tokenizer, most=LARGEST_TOKENIZER)
        # Padding is masked, so any valid id would do.
        self._pad = int((said.get("padding") or {}).get("pad_id", 0))
        self._reading = Reading(self._tokenizer, said["model"].get("unk_token"))
        self._session = Session(self._folder.graph, self._folder.output)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._folder.dim

    @property
    def folder(self) -> Path:
        """The folder that holds all of this encoder, ready to be copied into a model."""
        return self._folder.path

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that a vector depends on by their contents."""
        folder = self._folder
        files = [*self.graph_files, folder.tokenizer]
        for module in folder.dense:
            files += [module.file, module.file.with_name("config.json")]
        return tuple(files)

    @property
    def graph_files(self) -> tuple[Path, ...]:
        """The graph, and the weights that it keeps in files of their own."""
        graph = self._folder.graph
        return (graph.path, *graph.external_files())

    @property
    def pooling(self) -> str | None:
        """How token vectors become one: "mean", "cls", "max", "last", or None inside the graph."""
        return self._folder.pooling

    @property
    def dense(self) -> tuple[Dense, ...]:
        """What a pooled vector goes through, in order."""
        return self._folder.dense

    @property
    def batch_invariant(self) -> bool:
        """True: texts share a run only where a probe shows that no bit depends on it."""
        return True

    @cached_property
    def fingerprint(self) -> str:
        """Names the function from text to vector, by the contents of its files and its settings.

        The processor and the version of ONNX Runtime, which may move the last bits, are not in it,
        and neither is `threads`. Hashed once; about 10 ms for 23 MB.
        """
        folder = self._folder
        said = {
            "semantics": SEMANTICS,
            "files": [kernels.blake3(str(file)) for file in self.files],
            "output": folder.output,
            "pooling": folder.pooling,
            "normalize": folder.normalize,
            "max_tokens": folder.max_tokens,
            "dim": folder.dim,
            "prompts": dict(folder.prompts),
            "lower_case": folder.lower_case,
        }
        text = json.dumps(said, sort_keys=True, ensure_ascii=True)
        return "onnx.text/" + kernels.blake3_bytes(text.encode("ascii"))

    @cached_property
    def batches(self) -> bool:
        """Whether texts share a run. Opens the graph and probes it, at most once."""
        if self._folder.graph.depends_on_batch:
            return False
        words = self._tokenizer.get_vocab_size()
        limit = self._folder.max_tokens
        return all(
            self._same_alone([[7919 * (n + i) % words for i in range(min(n, limit))] for n in pack])
            for pack in _PROBES
        )

    def _same_alone(self, batch: list[list[int]]) -> bool:
        together = self._vectors(batch)
        alone = [self._vectors([ids])[0] for ids in batch]
        return np.array_equal(together, np.stack(alone))

    def describe(self) -> Mapping[str, Json]:
        """Say which graph is run, and where each value comes from."""
        folder = self._folder
        return {
            "path": str(folder.path),
            "graph": folder.graph.path.relative_to(folder.path).as_posix(),
            "other graphs": list(folder.others),
            "dim": folder.dim,
            "pooling": folder.pooling or "inside the graph",
            "dense": [list(module.weight.shape) for module in folder.dense],
            "normalize": folder.normalize,
            "max_tokens": folder.max_tokens,
            "prompts": dict(folder.prompts),
            "from": dict(folder.sources),
        }

    def encode(
        self, texts: Sequence[str], /, *, kind: Literal["document", "query"] = "document"
    ) -> F32:
        """Encode `n` texts into (n, dim) float32, in order; `kind` says which prompt is put before.

        A text of which the tokenizer keeps no token gives zeros. Lone surrogates become U+FFFD.
        Time grows with the tokens, up to `max_tokens` a text.
        """
        tokens = self._tokens(texts, self._folder.prompts[kind])
        if kind == "document":
            self._reading.watch(tokens)
        vectors = np.zeros((len(texts), self.dim), np.float32)
        budget = BUDGET if len(texts) > 1 and self.batches else 0
        batches = list(_packed([len(ids) for ids in tokens], budget))

        def fill(batch: list[int]) -> None:
            vectors[batch] = self._vectors([tokens[row] for row in batch])

        if self._settings.threads == 1 or len(batches) < 2:
            for batch in batches:
                fill(batch)
        else:
            with ThreadPoolExecutor(self._settings.threads, "penchant-onnx") as pool:
                list(pool.map(fill, batches))
        return vectors

    def tokens(
        self, texts: Sequence[str], /, *, kind: Literal["document", "query"] = "document"
    ) -> list[list[int]]:
        """The token ids that `encode` runs for each text."""
        return self._tokens(texts, self._folder.prompts[kind])

    def words(self) -> list[str]:
        """What each token id says by itself; special tokens say nothing."""
        ids = range(self._tokenizer.get_vocab_size())
        return [self._tokenizer.decode([number]).removeprefix("##") for number in ids]

    def _tokens(self, texts: Sequence[str], prompt: str) -> list[list[int]]:
        # One text at a time: the tokenizer's own batch call starts a pool that no fork survives.
        ids = []
        for text in texts:
            whole = prompt + text
            if self._folder.lower_case:
                whole = whole.lower()
            clean = whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            ids.append(self._tokenizer.encode(clean).ids)
        return ids

    def _vectors(self, batch: Sequence[Sequence[int]]) -> F32:
        """(n, dim) of a batch run together. Rows are pooled alone, each in the same fixed order."""
        result = self._session.run(batch, self._pad)
        if result.ndim != (2 if self._folder.pooling is None else 3):
            raise ModelFileError(
                f"{self._folder.graph.path} gave '{self._folder.output}' of shape {result.shape}, "
                "which is neither a vector a token nor a vector a text; export it again"
            )
        vectors = np.empty((len(batch), self.dim), np.float32)
        for row, ids in enumerate(batch):
            pooled = result[row]
            if self._folder.pooling is not None:
                pooled = _pool(pooled[: len(ids)], self._folder.pooling)
            for module in self._folder.dense:
                pooled = module(pooled[None])[0]
            kept = pooled[: self.dim].astype(np.float64)
            if self._folder.normalize:
                # Longer vectors are cut first, so that what is kept has length 1.
                kept /= max(float(np.sqrt(np.square(kept).sum())), 1e-12)
            vectors[row] = kept
        if not np.isfinite(vectors).all():
            raise ModelFileError(
                f"{self._folder.graph.path} gave a vector that is not finite; take its fp32 graph"
            )
        return vectors


def _pool(tokens: F32, pooling: str) -> F32:
    if pooling == "mean":
        mean: F32 = tokens.sum(axis=0, dtype=np.float64) / len(tokens)
        return mean
    if pooling == "max":
        highest: F32 = tokens.max(axis=0)
        return highest
    chosen: F32 = tokens[0 if pooling == "cls" else -1]
    return chosen


def _packed(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Batches of positions, shortest texts first, each at most `budget` padded tokens or one text.

    Texts without a token are in no batch.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not lengths[row]:
            continue
        if batch and lengths[row] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _open_tokenizer(file: Path, max_tokens: int) -> Any:
    from tokenizers import Tokenizer

    limited(file, LARGEST_TOKENIZER)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as fault:  # the library raises bare Exception
        raise ModelFileError(f"{file} is no readable tokenizer ({fault}); copy it again") from None
    special = tokenizer.num_special_tokens_to_add(False)
    if max_tokens <= special:
        raise SettingsError(
            f"onnx.text: max_tokens must be at least {special + 1}, since this tokenizer adds "
            f"{special} tokens of its own, got {max_tokens}"
        )
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer
