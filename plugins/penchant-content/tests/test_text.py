"""`content.text`: who gets what, words, new items, and an encoder that is or isn't at hand."""

from __future__ import annotations

import threading
import types
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import penchant_content
import pytest
from penchant import Component, hookimpl
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import (
    DataError,
    EncoderMissing,
    FitCancelled,
    ModelFileError,
    UnknownComponent,
)
from penchant.protocols import Factored, FitContext, ReadsText, State, Updatable
from penchant.queries import Candidates, Csr, Queries
from penchant.registry import Registry
from penchant_content.settings import TextSettings

FILMS = [
    "stars telescope night",
    "telescope comet stars",
    "bread oven kitchen",
    "butter bread garden",
    "comet night observatory",
    "garden kitchen market",
    "",
]
SKY, FOOD, SILENT = [0, 1, 4], [2, 3, 5], 6


@dataclass(frozen=True, kw_only=True)
class FileSettings:
    path: str
    moody: bool = False


class FileEncoder:
    """Counts the letters of a text; lives in a folder; may look at the batch."""

    def __init__(self, settings: FileSettings) -> None:
        self.folder = Path(settings.path)
        self.salt = (self.folder / "salt").read_text()
        self.batch_invariant = not settings.moody
        self.batches: list[int] = []
        self.threads: set[int] = set()

    dim = 29

    @property
    def fingerprint(self) -> str:
        return f"file/{zlib.crc32(self.salt.encode())}"

    def encode(self, texts, /, *, kind="document"):
        self.batches.append(len(texts))
        self.threads.add(threading.get_ident())
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, zlib.crc32((self.salt + word).encode()) % self.dim] += 1
        return vectors


BUILT: list[FileEncoder] = []


def build_file(settings: FileSettings, registry: Registry) -> FileEncoder:
    BUILT.append(FileEncoder(settings))
    return BUILT[-1]


@hookimpl
def penchant_encoders():
    return [Component("letters", build_file, FileSettings, "Counts words")]


def fresh_registry() -> Registry:
    """A registry builds an encoder once; a new one, as after loading, has built none."""
    mine = types.SimpleNamespace(
        PENCHANT_API=1, __name__="mine", penchant_encoders=penchant_encoders
    )
    return Registry({"content": penchant_content, "file": mine})


@pytest.fixture
def registry() -> Registry:
    BUILT.clear()
    return fresh_registry()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "salt").write_text("pinch")
    return tmp_path / "encoder"


def films(texts: list[str] = FILMS) -> Dataset:
    likes = [(0, 0, 5.0), (0, 2, 1.0), (1, 2, 5.0), (1, 3, 4.0), (1, 1, 2.0)]
    user, item, value = (np.array(column) for column in zip(*likes, strict=True))
    return Dataset(
        users=Users.of(["astronomer", "cook"]),
        items=Items.of([f"f{row}" for row in range(len(texts))], texts={"text": texts}),
        interactions=Interactions.of(
            user.astype(np.int32),
            item.astype(np.int32),
            value.astype(np.float32),
            n_users=2,
            n_items=len(texts),
        ),
        min_value=4.0,
    )


def known(data: Dataset) -> Queries:
    return Queries.known(np.arange(2, dtype=np.int32), data.interactions.by_user())


def words(fitted: Any, text: str, items: int) -> Queries:
    texts = {
        name: encoder.encode([text], kind="query") for name, encoder in fitted.encoders().items()
    }
    return Queries(np.array([-1], np.int32), Csr.empty(1, items), None, texts)


WAYS: list[Mapping[str, Any]] = [
    {},
    {"extractor": "content.tfidf"},
    {"encoder": "base.hashing"},
    {"encoder": {"use": "base.hashing", "dim": 512}, "whitening": None},
]


def fit(registry: Registry, data: Dataset, context: FitContext | None = None, **given: Any) -> Any:
    return registry.scorer({"use": "content.text", **given}).fit(data, context or FitContext())


@pytest.mark.parametrize("way", WAYS)
def test_people_get_what_reads_like_what_they_liked(
    registry: Registry, way: Mapping[str, Any]
) -> None:
    data = films()
    scores = fit(registry, data, **way).score(known(data), None)
    # Nobody has touched items 4 and 5: the astronomer's comet, the cook's kitchen.
    assert scores[0, 4] > max(scores[0, FOOD])
    assert scores[1, 5] > max(scores[1, SKY])
    assert (np.abs(scores) <= 1 + 1e-6).all()
    assert (scores[:, SILENT] == 0).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_disliked_item_is_no_part_of_the_profile(
    registry: Registry, way: Mapping[str, Any]
) -> None:
    data = films()
    fitted = fit(registry, data, **way)
    (one, *_) = fitted.score(known(data), None)
    alone = Queries(
        np.array([-1], np.int32),
        Csr.from_pairs(
            np.zeros(1, np.int32), np.zeros(1, np.int32), np.ones(1, np.float32) * 5, (1, 7)
        ),
    )
    np.testing.assert_array_equal(fitted.score(alone, None)[0], one)
    assert {e.item for e in fitted.explain(alone, 4)} == {0}


@pytest.mark.parametrize("way", WAYS)
def test_similar_items_are_of_one_kind_and_keep_to_the_candidates(
    registry: Registry, way: Mapping[str, Any]
) -> None:
    from penchant.kernels import bitset

    fitted = fit(registry, films(), **way)
    items = np.array([0, 2], np.int32)
    spoken = Candidates(7, deny=bitset(np.array([SILENT], np.int32), 7))
    top = fitted.similar_items(items, spoken, 2)
    assert set(top.rows[0].tolist()) == {1, 4}
    assert set(top.rows[1].tolist()) == {3, 5}
    denied = Candidates(7, deny=bitset(np.array([1, 3, SILENT], np.int32), 7))
    assert fitted.similar_items(items, denied, 1).rows[:, 0].tolist() == [4, 5]


@pytest.mark.parametrize("way", WAYS)
def test_new_items_are_taken_up_beside_the_old_ones(
    registry: Registry, way: Mapping[str, Any]
) -> None:
    fitted = fit(registry, films(), **way)
    assert isinstance(fitted, Updatable)
    more = films([*FILMS, "telescope stars comet", "bread kitchen"])
    queries = known(more)
    grown = fitted.with_items(more).score(queries, None)
    np.testing.assert_array_equal(grown[:, :7], fitted.score(known(films()), None))
    assert grown[0, 7] > grown[0, 8]
    assert grown[1, 8] > grown[1, 7]


def test_only_new_items_are_encoded(registry: Registry, folder: Path) -> None:
    fitted = fit(registry, films(), encoder={"use": "file.letters", "path": str(folder)})
    (encoder,) = BUILT
    before = sum(encoder.batches)
    fitted.with_items(films([*FILMS, "one more", ""]))
    assert sum(encoder.batches) - before == 1  # the text that is blank is not encoded either


def test_a_text_shared_by_two_items_is_named_as_the_reason(registry: Registry) -> None:
    data = films()
    (reason,) = fit(registry, data).explain(known(data).take(np.array([0], np.int32)), 1)
    assert (reason.kind, reason.item, reason.source) == ("item", 0, "content.text")
    assert set(reason.detail.split(", ")) == {"stars", "telescope"}


# ---- words


def test_only_an_encoder_makes_it_read_words(registry: Registry) -> None:
    assert not isinstance(fit(registry, films()), ReadsText)
    assert not isinstance(fit(registry, films()), Factored)
    over_encoder = fit(registry, films(), encoder="base.hashing")
    assert isinstance(over_encoder, ReadsText)
    assert isinstance(over_encoder, Factored)


def test_words_find_items_and_join_a_history(registry: Registry) -> None:
    data = films()
    fitted = fit(registry, data, encoder="base.hashing")
    asked = words(fitted, "kitchen bread", 7)
    assert fitted.answers(asked).all()
    scores = fitted.score(asked, None)[0]
    assert set(np.argsort(-scores)[:3].tolist()) == set(FOOD)
    both = Queries(asked.rows, known(data).history.take(np.array([0], np.int32)), None, asked.texts)
    mixed = fitted.score(both, None)[0]
    sky, food = fitted.score(known(data), None)[0], scores
    together = sky.astype(np.float64) + food
    np.testing.assert_allclose(
        mixed * np.linalg.norm(together) / np.linalg.norm(mixed), together, rtol=1e-4, atol=1e-5
    )
    reasons = fitted.explain(both, 3)
    assert sorted(reason.kind for reason in reasons) == ["item", "text"]
    assert sum(reason.weight for reason in reasons) == pytest.approx(float(mixed[3]), abs=1e-5)


def test_words_on_the_path_of_terms_are_not_answered(registry: Registry) -> None:
    fitted = fit(registry, films())
    asked = Queries(
        np.array([-1], np.int32), Csr.empty(1, 7), None, {"some encoder": np.ones((1, 4), "f4")}
    )
    assert not fitted.answers(asked).any()


def test_one_query_with_words_changes_no_bit_of_its_neighbour(registry: Registry) -> None:
    data = films()
    fitted = fit(registry, data, encoder="base.hashing")
    (name,) = fitted.encoders()
    spoken = words(fitted, "night", 7).texts[name]
    texts = np.concatenate([np.zeros_like(spoken), spoken])
    asked = known(data)
    mixed = Queries(asked.rows, asked.history, None, {name: texts})
    np.testing.assert_array_equal(fitted.score(mixed, None)[0], fitted.score(asked, None)[0])
    assert not np.array_equal(fitted.score(mixed, None)[1], fitted.score(asked, None)[1])


# ---- the encoder's own wishes


def test_a_moody_encoder_gets_one_text_at_a_time(registry: Registry, folder: Path) -> None:
    fit(registry, films(), encoder={"use": "file.letters", "path": str(folder), "moody": True})
    assert BUILT[0].batches == [1] * 6


def test_threads_share_the_texts_and_change_no_bit(registry: Registry, folder: Path) -> None:
    data = films([f"film {row} of the stars" for row in range(1500)])
    spec = {"use": "file.letters", "path": str(folder)}
    one, two = (
        fit(fresh_registry(), data, FitContext(threads=threads), encoder=spec).item_vectors
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert BUILT[0].batches == BUILT[1].batches == [512, 512, 476]
    assert len(BUILT[0].threads) == 1
    assert threading.get_ident() not in BUILT[1].threads


@pytest.mark.parametrize("threads", [1, 2])
def test_a_cancelled_fit_stops_encoding(registry: Registry, folder: Path, threads: int) -> None:
    data = films([f"film {row}" for row in range(3000)])
    context = FitContext(threads=threads, cancelled=lambda: bool(BUILT[0].batches))
    with pytest.raises(FitCancelled, match="stopped while it encoded the items"):
        fit(registry, data, context, encoder={"use": "file.letters", "path": str(folder)})
    assert len(BUILT[0].batches) <= 2


# ---- saved and loaded


def saved(registry: Registry, folder: Path) -> tuple[Any, State, Mapping[str, Any]]:
    spec = {"use": "content.text", "encoder": {"use": "file.letters", "path": str(folder)}}
    fitted = registry.scorer(spec).fit(films(), FitContext())
    return fitted, fitted.state(), spec


def without_folders(state: State, others: Mapping[str, Path] | None = None) -> State:
    """A state whose folders stayed behind, or were copied to others."""
    text = replace(state.parts["text"], folders=others or {})
    return replace(state, parts={"text": text})


def test_a_loaded_scorer_opens_its_encoder_on_the_first_words(
    registry: Registry, folder: Path, tmp_path: Path
) -> None:
    fitted, state, spec = saved(registry, folder)
    assert state.parts["text"].folders == {"encoder": folder}
    copy = tmp_path / "model" / "encoder"
    copy.parent.mkdir()
    folder.rename(copy)  # the model's copy; the folder of the fit is gone
    restored = fresh_registry().scorer(spec).restore(without_folders(state, {"encoder": copy}))
    data = films()
    np.testing.assert_array_equal(
        restored.score(known(data), None), fitted.score(known(data), None)
    )
    assert list(restored.encoders()) == list(fitted.encoders())
    assert len(BUILT) == 1
    asked = words(restored, "telescope", 7)
    restored.encoders()[BUILT[0].fingerprint].encode(["again"])
    assert len(BUILT) == 2
    np.testing.assert_array_equal(
        asked.texts[BUILT[0].fingerprint], words(fitted, "telescope", 7).texts[BUILT[0].fingerprint]
    )
    assert restored.state().parts["text"].folders == {"encoder": copy}


def test_without_its_encoder_all_but_words_and_new_items_works(
    registry: Registry, folder: Path
) -> None:
    fitted, state, spec = saved(registry, folder)
    restored = fresh_registry().scorer(spec).restore(without_folders(state))
    data = films()
    np.testing.assert_array_equal(
        restored.score(known(data), None), fitted.score(known(data), None)
    )
    assert restored.encoders() == {}
    assert restored.state().parts["text"].folders == {}
    with pytest.raises(EncoderMissing, match=r"saved without its encoder.*encoder=DIR"):
        restored.with_items(films([*FILMS, "new"]))


def test_another_encoder_in_the_folder_is_refused(registry: Registry, folder: Path) -> None:
    _, state, spec = saved(registry, folder)
    (folder / "salt").write_text("spoon")
    restored = fresh_registry().scorer(spec).restore(state)
    with pytest.raises(EncoderMissing, match=r"not the one that the model was fitted with"):
        words(restored, "telescope", 7)


def test_an_encoder_that_cannot_be_built_is_named(registry: Registry, folder: Path) -> None:
    _, state, spec = saved(registry, folder)
    (folder / "salt").unlink()
    restored = fresh_registry().scorer(spec).restore(state)
    with pytest.raises(EncoderMissing, match=r"the model's encoder can't be built: file\.letters"):
        words(restored, "telescope", 7)


def test_an_encoder_without_files_needs_no_folder(registry: Registry) -> None:
    spec = {"use": "content.text", "encoder": {"use": "base.hashing", "dim": 32}}
    fitted = registry.scorer(spec).fit(films(), FitContext())
    state = fitted.state()
    assert state.parts["text"].folders == {}
    restored = fresh_registry().scorer(spec).restore(state)
    (name,) = fitted.encoders()
    np.testing.assert_array_equal(
        restored.encoders()[name].encode(["stars"]), fitted.encoders()[name].encode(["stars"])
    )


def test_a_state_that_lacks_a_part_is_refused(registry: Registry) -> None:
    scorer = registry.scorer("content.text")
    with pytest.raises(ModelFileError, match=r"the model lacks 'text'; fit it again"):
        scorer.restore(State())


# ---- what can't be done


def test_items_without_words_are_refused(registry: Registry) -> None:
    for way in WAYS:
        with pytest.raises(DataError, match=r"no item has a word in any text, category or label"):
            fit(registry, films(["", " \n"] * 3), **way)
    with pytest.raises(DataError, match=r"no item has a word in any text"):
        fit(registry, films(["!?", "…"] * 3))
    with pytest.raises(DataError, match=r"no item has a word in the columns text"):
        fit(registry, films([""] * 7), columns=["text"])


def test_an_extractor_of_users_is_refused(registry: Registry) -> None:
    with pytest.raises(DataError, match=r"needs an extractor of items, .* describes users"):
        fit(registry, films(), extractor="base.activity")


def test_an_unknown_encoder_is_refused_before_the_fit(registry: Registry) -> None:
    with pytest.raises(UnknownComponent, match=r"no encoder named 'base\.hasing'"):
        registry.scorer({"use": "content.text", "encoder": "base.hasing"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"encoder": "a.b", "extractor": "c.d"}, "give an encoder or an extractor, not both"),
        ({"extractor": "a.b", "columns": ("x",)}, "columns goes with an encoder"),
        ({"columns": ()}, "columns must name a column"),
        ({"half_life": 0.0}, "half_life must be greater than 0, or left out, got 0.0"),
        (
            {"half_life": float("inf")},
            "half_life must be finite and greater than 0, or left out",
        ),
        ({"whitening": 1.5}, "whitening must be from 0 to 1, got 1.5"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TextSettings(**given)
