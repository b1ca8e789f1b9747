"""A model that reads texts recommends the same on processors that can do less.

The kernels give the same bits in every instruction set, so those are compared exactly. ONNX Runtime
has no such switch; what another processor changes in it is where sums are rounded. The same graph
with every fusion off rounds elsewhere too, and stands for the other machine.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant.kernels import ItemIndex, isas, quantize_items
from penchant.protocols import FitContext
from penchant.queries import Queries
from penchant_onnx.quantize import quantize

FILMS = Path(__file__).parents[3] / "examples" / "data" / "movielens-small"
PARTS = {
    "content.text": {"use": "content.text"},
    "mf.als": {"use": "mf.als", "factors": 16, "iterations": 5},
}


@pytest.fixture(scope="module")
def films() -> penchant.Dataset:
    """The first films of MovieLens, and the people who like some of them."""
    with (FILMS / "movies.csv").open(encoding="utf-8", newline="") as file:
        items = [row for row in csv.DictReader(file) if int(row["movieId"]) <= 400]
    with (FILMS / "ratings.csv").open(encoding="utf-8", newline="") as file:
        ratings = [row for row in csv.DictReader(file) if int(row["movieId"]) <= 400]
    return penchant.Dataset.from_frame(
        {
            "user_id": [row["userId"] for row in ratings],
            "item_id": [row["movieId"] for row in ratings],
            "rating": [float(row["rating"]) for row in ratings],
        },
        items={
            "item_id": [row["movieId"] for row in items],
            "title": [row["title"] for row in items],
            "genres": [row["genres"].replace("|", ", ") for row in items],
        },
        min_value=4,
    )


@pytest.fixture(scope="module")
def int8(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8") / "minilm"
    quantize(minilm, folder)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vectors")


def fitted(name: str, folder: Path, data: penchant.Dataset, cache: Path) -> Any:
    encoder = {"use": "onnx.text", "path": str(folder), "cache": str(cache)}
    reads = {"text": encoder} if name == "mf.als" else {"encoder": encoder}
    scorer = penchant.Registry.discover().scorer({**PARTS[name], **reads})
    return scorer.fit(data, FitContext())


def best(model: Any, data: penchant.Dataset, isa: str | None, *, quantized: bool) -> Any:
    users = np.arange(len(data.users), dtype=np.int32)
    vectors = model.query_vectors(Queries.known(users, data.interactions.by_user()))
    codes = quantize_items(model.item_vectors) if quantized else None
    return ItemIndex(model.item_vectors, codes=codes, isa=isa).top_k(vectors, 10)


@pytest.mark.parametrize("name", PARTS)
def test_every_instruction_set_recommends_the_same_to_the_bit(
    int8: Path, cache: Path, films: penchant.Dataset, name: str
) -> None:
    model = fitted(name, int8, films, cache)
    wanted = best(model, films, None, quantized=True)
    assert len(isas()) > 1 or isas() == ["scalar"]
    for isa in isas():
        for quantized in (True, False):
            got = best(model, films, isa, quantized=quantized)
            assert [part.tobytes() for part in got] == [part.tobytes() for part in wanted]


@pytest.mark.parametrize("name", PARTS)
def test_other_roundings_in_the_encoder_change_little(
    int8: Path,
    cache: Path,
    films: penchant.Dataset,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession
    here = best(fitted(name, int8, films, cache), films, None, quantized=False)[0]

    def plain(path: str, options: Any, **more: Any) -> Any:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return session(path, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", plain)
    there = best(fitted(name, int8, films, tmp_path), films, None, quantized=False)[0]
    same = [len({*a} & {*b}) / 10 for a, b in zip(here.tolist(), there.tolist(), strict=True)]
    assert np.mean(same) >= 0.97
