"""Several encoders as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import penchant_content
import penchant_onnx
import pytest
from penchant import Component, Registry, hookimpl, use
from penchant.errors import SettingsError
from penchant.testing import EncoderContract
from penchant_onnx.settings import EnsembleSettings

REGISTRY = Registry({"onnx": penchant_onnx})
HASHING = {"use": "base.hashing", "dim": 64}


class Batchy:
    """An encoder whose vectors depend on their batch; refuses more than one text."""

    PENCHANT_API = 1
    dim, fingerprint, batch_invariant = 2, "batchy", False

    @hookimpl
    def penchant_encoders(self) -> Iterable[Component[Any]]:
        return [Component("one", lambda _settings, _registry: self, dict, "Takes one text")]

    def encode(self, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        assert len(texts) == 1
        return np.array([[3, 4 if kind == "query" else 0]], np.float32)


def test_the_dot_product_is_the_weighted_mean_of_the_cosines(minilm: Path) -> None:
    texts = ["a quiet film about memory", "a loud film about war", "bread"]
    text = {"use": "onnx.text", "path": str(minilm)}
    both = REGISTRY.encoder(use("onnx.ensemble", parts=[{**text, "weight": 3}, HASHING]))
    vectors = both.encode(texts)
    words, hashed = (REGISTRY.encoder(part).encode(texts) for part in (text, HASHING))
    wanted = 0.75 * words @ words.T + 0.25 * hashed @ hashed.T
    assert both.dim == vectors.shape[1] == words.shape[1] + 64
    np.testing.assert_allclose(vectors @ vectors.T, wanted, atol=1e-6)


def test_a_part_with_nothing_to_say_adds_nothing() -> None:
    other = {**HASHING, "dim": 32}
    both = REGISTRY.encoder(use("onnx.ensemble", parts=[HASHING, other]))
    assert not both.encode(["", "?!"]).any()
    assert np.linalg.norm(both.encode(["bread"])) == pytest.approx(1)


def test_a_part_that_depends_on_its_batch_gets_one_text_at_a_time() -> None:
    registry = Registry({"onnx": penchant_onnx, "batchy": Batchy()})
    both = registry.encoder(use("onnx.ensemble", parts=["batchy.one"]))
    assert both.batch_invariant
    assert both.encode(["a", "b"]).tolist() == [[1, 0]] * 2
    assert both.encode(["a", "b"], kind="query") == pytest.approx(np.array([[0.6, 0.8]] * 2))


def test_the_fingerprint_tells_parts_weights_and_order_apart() -> None:
    other = {**HASHING, "dim": 32}
    prints = [
        REGISTRY.encoder(use("onnx.ensemble", parts=parts)).fingerprint
        for parts in ([HASHING], [other], [HASHING, other], [other, HASHING])
    ]
    weighted = [
        REGISTRY.encoder(
            use("onnx.ensemble", parts=[{**HASHING, "weight": w}, {**other, "weight": 1}])
        ).fingerprint
        for w in (1, 2)
    ]
    assert len({*prints, *weighted}) == 5
    assert weighted[0] == prints[2]


def test_an_ensemble_travels_with_a_model(tiny: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "encoders"
    folder.mkdir()
    tiny().rename(folder / "tiny")
    registry = Registry({"onnx": penchant_onnx, "content": penchant_content})
    data = penchant.Dataset.from_frame(
        {"user_id": [1, 1, 2], "item_id": ["a", "b", "a"]},
        items={"item_id": ["a", "b", "c"], "title": ["red sky", "green", "blue sky"]},
    )
    parts = [{"use": "onnx.text", "path": "tiny"}, HASHING]
    model = penchant.fit(
        data,
        scorers=["content.text"],
        encoder=use("onnx.ensemble", path=str(folder), parts=parts),
        registry=registry,
    )
    model.save(tmp_path / "elsewhere" / "model")
    folder.rename(tmp_path / "gone")
    loaded = penchant.load(tmp_path / "elsewhere" / "model", registry=registry)
    asked = {"text": "blue sky", "k": 3}
    assert loaded.recommend(**asked).to_dicts() == model.recommend(**asked).to_dicts()
    assert loaded.recommend(**asked).ids[0] == "c"


@pytest.mark.parametrize("path", ["/etc", "../tiny", "a/../../b", 3])
def test_a_part_outside_the_ensembles_folder_is_refused(path: Any, tmp_path: Path) -> None:
    parts = [{"use": "onnx.text", "path": path}]
    with pytest.raises(SettingsError, match=r"part onnx.text must name a folder inside .* travel"):
        REGISTRY.encoder(use("onnx.ensemble", path=str(tmp_path), parts=parts))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="parts must name at least one encoder, got none"):
        EnsembleSettings(parts=())
    for wrong in (0, -1, float("nan"), float("inf"), True, "2"):
        with pytest.raises(ValueError, match=r"weight of part base\.hashing must be above 0, got"):
            EnsembleSettings(parts=({**HASHING, "weight": wrong},))


class TestEnsemble(EncoderContract):
    """The contract of every encoder, over a transformer and hashed words."""

    name = "onnx.ensemble"

    @pytest.fixture(autouse=True)
    def _parts(self, minilm: Path) -> None:
        text = {"use": "onnx.text", "path": str(minilm), "weight": 2}
        self.settings = {"parts": [text, HASHING]}
