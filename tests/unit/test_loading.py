"""Models to folders and back: the same answers, and a refusal for whatever is not a whole model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant import Dataset, Model, Registry, artifact
from penchant.errors import EncoderMissing, ModelFileError, UnknownComponent
from penchant.protocols import State

EVENTS = {
    "user_id": ["ann", "ann", "bob", "bob", "cid", "cid"],
    "item_id": ["a", "b", "a", "c", "b", "c"],
    "time": [1, 2, 3, 4, 5, 6],
}
FILMS = {
    "item_id": ["a", "b", "c", "d"],
    "title": ["Alien in space", "Brazil at work", "Casablanca by night", "Dune in space"],
    "genre": [["sf"], ["sf"], ["drama"], []],
}
HYBRID: list[Any] = [
    penchant.use("cf.ease", l2=1.0),
    penchant.use("content.text", weight=0.5, encoder={"use": "base.hashing"}),
]


def fitted(scorers: list[Any]) -> Model:
    return penchant.fit(Dataset.from_frame(EVENTS, items=FILMS), scorers=scorers)


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("scorers", [["base.popular"], ["cf.ease"], ["cf.item_knn"], HYBRID])
def test_a_loaded_model_answers_the_same_bits(
    tmp_path: Path, scorers: list[Any], resident: bool
) -> None:
    model = fitted(scorers)
    model.save(tmp_path / "model")
    again = penchant.load(tmp_path / "model", resident=resident)
    for user in ("ann", "bob", "cid", "nobody"):
        one, other = model.recommend(user), again.recommend(user)
        assert (one.ids, one.source) == (other.ids, other.source)
        assert one.scores.tobytes() == other.scores.tobytes()
    assert again.recommend(history=["a"]).ids == model.recommend(history=["a"]).ids
    assert again.recommend("ann", where={"genre": "drama"}).ids == ["c"]
    assert again.facts == model.facts
    assert again.past.times is not None
    assert again.past.times.tolist() == model.past.times.tolist()  # type: ignore[union-attr]
    assert again.spec == model.spec


def test_what_was_learned_after_the_fit_is_saved_too(tmp_path: Path) -> None:
    model = fitted(["cf.ease"]).with_events({"user_id": ["dan"], "item_id": ["a"], "time": [9]})
    model.save(tmp_path / "model")
    again = penchant.load(tmp_path / "model")
    assert again.recommend("dan").ids == model.recommend("dan").ids
    assert again.changed == model.changed
    assert again.recommend("dan").source == "cf.ease"


def test_saving_again_replaces_the_model(tmp_path: Path) -> None:
    fitted(["base.popular"]).save(tmp_path / "model")
    fitted(["cf.ease"]).save(tmp_path / "model")
    assert penchant.load(tmp_path / "model").recommend("ann").source == "cf.ease"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_words_are_answered_by_a_loaded_model(tmp_path: Path) -> None:
    model = fitted(HYBRID)
    model.save(tmp_path / "model")
    again = penchant.load(tmp_path / "model")
    expected = model.recommend(text="in space", k=2).ids
    assert set(expected) == {"a", "d"}
    assert again.recommend(text="in space", k=2).ids == expected


def test_a_missing_plugin_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    fitted(["cf.ease"]).save(tmp_path / "model")
    with pytest.raises(UnknownComponent, match=r"can't be loaded: no scorer named 'cf\.ease'"):
        penchant.load(tmp_path / "model", registry=Registry({}))


def test_a_model_of_another_version_names_it(tmp_path: Path) -> None:
    fitted(["cf.ease"]).save(tmp_path / "model")
    sealed = artifact.read(tmp_path / "model")
    for scorer, error in (
        ({"use": "cf.magic"}, UnknownComponent),
        ({"use": "cf.ease", "power": 3}, ModelFileError),
    ):
        manifest: dict[str, Any] = {
            **sealed.manifest,
            "recommender": {"use": "base.top_k", "scorer": scorer},
            "facts": {"plugins": {"base": penchant.__version__, "cf": "9.0.0"}},
        }
        artifact.write(tmp_path / "model", manifest, sealed.state)
        with pytest.raises(error, match=r"it was saved with cf 9\.0\.0, and here is ") as told:
            penchant.load(tmp_path / "model")
        assert "install the same version, or fit again" in str(told.value)
        assert "base" not in str(told.value).partition("saved with")[2]


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="empty"):
        penchant.load(tmp_path / "empty")
    (tmp_path / "other").mkdir()
    with pytest.raises(ModelFileError, match="other"):
        penchant.load(tmp_path / "other")


def test_a_changed_byte_is_refused_unless_nobody_looks(tmp_path: Path) -> None:
    fitted(["cf.ease"]).save(tmp_path / "model")
    path = next((tmp_path / "model" / "arrays").rglob("values.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"values\.npy"):
        penchant.load(tmp_path / "model")
    penchant.load(tmp_path / "model", verify=False)


def test_a_truncated_file_is_refused_even_unverified(tmp_path: Path) -> None:
    fitted(["cf.ease"]).save(tmp_path / "model")
    path = next((tmp_path / "model" / "arrays").rglob("values.npy"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"values\.npy"):
        penchant.load(tmp_path / "model", verify=False)


@pytest.mark.parametrize(
    ("part", "name", "change", "words"),
    [
        ("past", "indptr", lambda a: a[:-1], r"indptr of the past .* need int64 and \(4,\)"),
        ("past", "indptr", lambda a: a.astype(np.int32), "indptr of the past has dtype int32"),
        ("past", "indptr", lambda a: a + 1, "indptr of the past runs from 1 to 7, and must run"),
        ("past", "times", lambda a: a[1:], r"times of the past .* need int64 and \(6,\)"),
        ("past", "values", lambda _: np.ones(7, np.float32), "3 users with 6 events need float32"),
        ("past", "indices", lambda a: a[:-1], r"values of the past has .* shape \(6,\), but"),
        ("", "changed", lambda _: np.array([3], np.int32), "rows 3 to 3, but there are 3 users"),
        ("vectors", "item_vectors", lambda a: a[1:], "vectors of 3 items, but the catalogue has 4"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(
    tmp_path: Path, part: str, name: str, change: Callable[[Any], Any], words: str
) -> None:
    rated = {**EVENTS, "rating": [1, 2, 3, 4, 5, 5]}
    model = penchant.fit(Dataset.from_frame(rated, items=FILMS), scorers=["mf.sgd"])
    model.save(tmp_path / "model")
    sealed = artifact.read(tmp_path / "model")

    def changed(state: State, at: str) -> State:
        arrays = dict(state.arrays)
        if (part == "vectors" and name in arrays) or part == at:
            arrays[name] = np.array(change(arrays.get(name)))
        parts = {key: changed(inner, key) for key, inner in state.parts.items()}
        return replace(state, arrays=arrays, parts=parts)

    artifact.write(tmp_path / "other", sealed.manifest, changed(sealed.state, ""))
    with pytest.raises(ModelFileError, match=f"other' can't be loaded: .*{words}"):
        penchant.load(tmp_path / "other")


def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    fitted(["base.popular"]).save(tmp_path / "model")
    manifest_path = tmp_path / "model" / "manifest.json"
    text = manifest_path.read_text("utf-8")
    name = next(iter(json.loads(text)["files"]))
    manifest_path.write_text(text.replace(f'"{name}"', '"../../secret"'), "utf-8")
    with pytest.raises(ModelFileError):
        penchant.load(tmp_path / "model", verify=False)


def test_a_model_saved_without_its_encoder_says_so_when_asked_in_words(tmp_path: Path) -> None:
    onnx = pytest.importorskip("penchant_onnx.packaged", reason="needs penchant-onnx")
    try:
        folder = onnx.make_encoder_folder(tmp_path / "encoder")
    except EncoderMissing as error:
        pytest.skip(str(error))
    encoder = {"use": "onnx.text", "path": str(folder)}
    model = fitted([penchant.use("content.text", encoder=encoder)])
    expected = model.recommend(text="desert planet", k=4).ids
    model.save(tmp_path / "whole")
    model.save(tmp_path / "light", with_encoder=False)
    shutil.rmtree(folder)  # the copy inside the model must be enough
    assert penchant.load(tmp_path / "whole").recommend(text="desert planet", k=4).ids == expected
    light = penchant.load(tmp_path / "light")
    assert light.recommend("ann").ids == model.recommend("ann").ids
    with pytest.raises(EncoderMissing, match=r"load it with penchant\.load\(folder, encoder=DIR\)"):
        light.recommend(text="desert planet")
    copy = next((tmp_path / "whole" / "folders").rglob("tokenizer.json")).parent
    supplied = penchant.load(tmp_path / "light", encoder=copy)
    assert supplied.recommend(text="desert planet", k=4).ids == expected
