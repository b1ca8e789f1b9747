"""Students: a faster or smaller encoder for one catalogue, learned from a larger one's vectors.

`token_table` gives each token a vector; a text's is their mean, so it costs a look-up a token. What
the teacher says of the token alone is the start, and a ridge regression on the catalogue's vectors
moves it from there. Frequent tokens weigh less, as in Arora, Liang, Ma, "A Simple but Tough-to-Beat
Baseline for Sentence Embeddings", 2017; without the regression such a table kept .11 to .21 of the
ten nearest films of MovieLens, and with it .37.

`fewer_dimensions` keeps the directions in which the catalogue's vectors are longest (principal
components, without centring): as fast as the teacher, but what ranks and stores the vectors has
less to do. 128 of 384 numbers kept .80 of the ten nearest there; the first 128 would keep .53.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from penchant import kernels
from penchant.errors import DataError, PluginError, SettingsError
from penchant.item_text import unit

from penchant_onnx.augmentation import Augmentation
from penchant_onnx.comparing import Comparison, compare, told
from penchant_onnx.layout import KIND, add_head, copy_layout, new_folder
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

if TYPE_CHECKING:
    from penchant.protocols import F32

INSTALL = "pip install 'penchant-onnx[quantize]'"
# Measured on titles, genres and tags of MovieLens; the tenfold either way costs .02 of overlap.
_COMMON = 3e-3
_REGULARIZATION = 0.01
# The most unknowns of `kernels.ridge`. Rarer tokens keep what the teacher says of them alone.
_TOKENS = 8000
_HELD_OUT = 0.2
_LEAST_TEXTS = 20

Kind: TypeAlias = Literal["table", "dimensions"]


@dataclass(frozen=True)
class Student:
    """What was made, and how each student tried does on texts that it hasn't learned from."""

    kind: Kind
    tried: Mapping[Kind, Comparison]


def distil(
    folder: Path,
    output: Path,
    texts: Sequence[str],
    *,
    copies: Sequence[Sequence[str]] = (),
    kind: Kind | None = None,
    keep: float = 0.5,
    dimensions: int = 128,
    noise: float = 0.0,
    seed: int = 0,
    threads: int = 1,
) -> Student:
    """Make `output`, a student of the encoder in `folder` for a catalogue like `texts`.

    copies: the texts in other words, each as long as `texts` and in their order (`wordings` makes
        some): the student learns from those of the texts that it isn't judged by.
    kind: "table" or "dimensions", as the module says. None makes the table, the faster one, where
        it keeps the share `keep` of the ten nearest, and fewer dimensions where it doesn't.
    dimensions: how many the latter keeps.
    noise: standard deviation of an error of what the table is given, relative to its length.
        Endless noisy copies are learned from at once: they come to a larger ridge penalty (Bishop,
        "Training with Noise is Equivalent to Tikhonov Regularization", 1995). Directions stay.
    seed: of the texts held out, a fifth.

    Raises SettingsError for settings out of range or an `output` that exists, DataError for fewer
    than 20 different texts, and PluginError where the package onnx is needed and missing.
    """
    Augmentation(noise=noise)  # refuses what makes no sense
    teacher = OnnxText(TextSettings(path=str(folder), threads=threads))
    if kind != "table" and not 1 <= dimensions < teacher.dim:
        raise SettingsError(
            f"dimensions must be from 1 to {teacher.dim - 1}, less than the encoder has, "
            f"got {dimensions}"
        )
    learned, held_out = parted(texts, seed)
    judged = set(held_out)
    for copy in copies:
        own = (said for said, text in zip(copy, texts, strict=True) if text not in judged)
        learned += [said for said in told(list(own)) if said not in judged]
    tried: dict[Kind, Comparison] = {}
    with new_folder(output) as whole:
        vectors = unit(teacher.encode(learned))
        kinds: tuple[Kind, ...] = ("table", "dimensions") if kind is None else (kind,)
        for one in kinds:
            shutil.rmtree(whole)
            copy_layout(folder, whole)
            if one == "table":
                _write_table(whole, teacher, learned, vectors, noise, threads)
            else:
                add_head(teacher, whole, principal_directions(vectors, dimensions))
            student = OnnxText(TextSettings(path=str(whole), threads=threads))
            tried[one] = compare(teacher, student, held_out)
            if tried[one].overlap >= keep:
                break
    return Student(one, tried)


def parted(texts: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Texts to learn from, and a fifth to judge by; equal and blank ones are left out."""
    some = told(texts)
    if len(some) < _LEAST_TEXTS:
        raise DataError(
            f"a student needs at least {_LEAST_TEXTS} different texts of the catalogue, "
            f"got {len(some)}"
        )
    held_out = np.zeros(len(some), np.bool_)
    size = int(len(some) * _HELD_OUT)
    held_out[np.random.default_rng(seed).permutation(len(some))[:size]] = True
    return list(compress(some, ~held_out)), list(compress(some, held_out))


def principal_directions(vectors: F32, dimensions: int) -> F32:
    """(dimensions, d) orthonormal rows: where (n, d) vectors are longest, longest first."""
    exact = vectors.astype(np.float64)
    _, axes = np.linalg.eigh(exact.T @ exact)
    directions = axes.T[::-1][:dimensions]
    # An axis has no sign of its own: let its largest part be positive.
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return np.ascontiguousarray(directions * signs[:, None], np.float32)


def token_table(
    tokens: Sequence[Sequence[int]],
    vectors: F32,
    alone: F32,
    *,
    noise: float = 0.0,
    threads: int = 1,
) -> F32:
    """Learn (vocabulary, d) token vectors whose mean over a text's tokens foretells its vector.

    tokens: ids of each of `n` texts. vectors: (n, d), of the texts. alone: (vocabulary, d), what
    the teacher says of each token by itself.
    """
    counts = np.bincount(np.concatenate([np.asarray(ids) for ids in tokens]), minlength=len(alone))
    weight = _COMMON / (_COMMON + counts / counts.sum())
    kept = min(_TOKENS, int(np.count_nonzero(counts)))
    chosen = np.sort(np.argsort(-counts, kind="stable")[:kept])
    column = np.full(len(alone), -1)
    column[chosen] = np.arange(len(chosen))

    start = np.empty((len(tokens), vectors.shape[1]))
    indptr, columns, values = [0], [], []
    for row, ids in enumerate(tokens):
        unique, times = np.unique(ids, return_counts=True)
        shares = times * weight[unique] / len(ids)
        start[row] = shares @ alone[unique]
        known = column[unique] >= 0
        columns.append(column[unique][known])
        values.append(shares[known])
        indptr.append(indptr[-1] + int(known.sum()))
    # The start is as long as it foretells best; the regression learns what is left.
    scale = float((start * vectors).sum() / max(np.square(start).sum(), 1e-12))
    features = (
        np.array(indptr, np.int64),
        np.concatenate(columns).astype(np.int32),
        np.concatenate(values).astype(np.float32),
        len(chosen),
    )
    # An error of this length of each row, spread evenly over the columns.
    error = noise**2 * float(np.square(features[2], dtype=np.float64).sum()) / len(chosen)
    left = np.ascontiguousarray(vectors - scale * start, np.float32)
    moves, intercept = kernels.ridge(
        features, left, regularization=_REGULARIZATION + error, threads=threads
    )
    table = scale * alone
    table[chosen] += moves
    # Shares of a text's tokens sum to 1 before they are weighted: so the intercept goes to each.
    learned: F32 = (weight[:, None] * table + intercept).astype(np.float32)
    return learned


def _write_table(
    folder: Path, teacher: OnnxText, texts: Sequence[str], vectors: F32, noise: float, threads: int
) -> None:
    try:
        import onnx
    except ModuleNotFoundError:
        raise PluginError(
            f"a table needs the package onnx, which isn't installed; {INSTALL}"
        ) from None
    alone = unit(teacher.encode(teacher.words()))
    table = token_table(teacher.tokens(texts), vectors, alone, noise=noise, threads=threads)
    (folder / "onnx").mkdir(exist_ok=True)
    onnx.save(_graph(table), str(folder / "onnx" / "model.onnx"))
    names = ("Transformer", "Pooling", "Normalize")
    modules = [
        {"idx": at, "name": str(at), "path": f"{at}_{name}" if at else "", "type": KIND + name}
        for at, name in enumerate(names)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2), "utf-8")
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": table.shape[1], "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2), "utf-8")


def _graph(table: F32) -> Any:
    """A graph that looks token vectors up, kept as bytes with one scale a token."""
    from onnx import TensorProto, helper, numpy_helper

    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-12) / 127
    constants = {
        "table": np.rint(table / scale).astype(np.int8),
        "scale": scale.astype(np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["bytes"]),
        helper.make_node("Gather", ["scale", "input_ids"], ["scales"]),
        helper.make_node("Cast", ["bytes"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["numbers", "scales"], ["last_hidden_state"]),
    ]
    axes = ["batch", "sequence"]
    graph = helper.make_graph(
        nodes,
        "token table",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, axes)],
        [
            helper.make_tensor_value_info(
                "last_hidden_state", TensorProto.FLOAT, [*axes, table.shape[1]]
            )
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(
        graph, opset_imports=[opset], ir_version=8, producer_name="penchant-onnx"
    )
