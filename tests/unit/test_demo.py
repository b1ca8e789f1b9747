"""The demo on the wines of the package: it says all that it promises, and what it saves answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import penchant
import pytest
from penchant.demo import sources, strategies
from penchant.demo.story import run
from penchant.errors import DataError
from penchant.evaluation.chance import Chance
from penchant.queries import Csr, Queries

WINES = Path(penchant.__file__).parent / "datasets" / "wines"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any], Path]:
    lines: list[str] = []
    folder = tmp_path_factory.mktemp("demo") / "model"
    figures = run(data=WINES, encoder=None, save=folder, say=lines.append, progress=None)
    return lines, figures, folder


def test_the_demo_compares_every_strategy(told: tuple[list[str], dict[str, Any], Path]) -> None:
    _, figures, _ = told
    names = [row["name"] for row in figures["warm"]["rows"]]
    assert names == ["popular", "item-kNN", "EASE", "SGD factors", "content", "hybrid"]
    assert all(row["p50_us"] > 0 for row in figures["warm"]["rows"])
    cold = {row["name"]: row["metrics"]["ndcg@10"] for row in figures["cold"]["rows"]}
    assert set(cold) == {"chance", "TF-IDF", "content", "hybrid"}


def test_the_demo_tells_its_story(told: tuple[list[str], dict[str, Any], Path]) -> None:
    text = "\n".join(told[0])
    for part in (
        "Data: X-Wines files",
        "Encoder: ",
        "95 % interval",
        "and is shown, by hybrid.weighted:",
        "because",
        'Asked for "red wine for grilled beef":',
        "A stranger who clicked on",
        "it answers the same.",
        "Next, try:",
        f"Done with the model? Delete {told[2]}",
    ):
        assert part in text


def test_the_saved_model_is_the_one_shown(told: tuple[list[str], dict[str, Any], Path]) -> None:
    _, figures, folder = told
    assert figures["loads_the_same"] is True
    model = penchant.load(folder)
    assert model.recommend(text="red wine for grilled beef", k=3).source == "hybrid.weighted"


def test_without_the_weights_the_demo_says_so_and_goes_on() -> None:
    lines: list[str] = []
    spec = strategies.choose_encoder(None, penchant.Registry({}), lines.append)
    assert spec.name == "base.hashing"
    (line,) = lines
    assert line.startswith("Encoder: base.hashing, which knows words but no meanings, for ")
    assert "pip install penchant-onnx" in line or "penchant-onnx" in line or "onnx" in line


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds neither ratings\.csv and movies\.csv nor"):
        sources.find(tmp_path)


def test_a_clone_runs_on_films() -> None:
    found = sources.find(None)
    assert found.name == "films"
    assert len(found.dataset.items) == 9742
    assert "without commercial use" in found.note


def test_chance_depends_on_the_user_and_on_nothing_else() -> None:
    import numpy as np

    rows = np.array([0, 1, 0], np.int32)
    scores = Chance(5).score(Queries(rows, Csr.empty(3, 5)), None)
    assert (scores[0] == scores[2]).all()
    assert not (scores[0] == scores[1]).all()
    some = np.array([3, 1], np.int32)
    assert (Chance(5).score(Queries(rows, Csr.empty(3, 5)), some) == scores[:, some]).all()
