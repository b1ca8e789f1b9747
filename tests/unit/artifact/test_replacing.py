"""A saved model takes the place of an older one, and of nothing else."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from penchant import artifact
from penchant.artifact import reader, swap
from penchant.protocols import State

from .folders import VECTORS, hidden, names, write_refusal


def test_a_folder_that_is_no_model_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    message = write_refusal(tmp_path / "thesis", State())
    assert "it holds something that is no readable model (it has no manifest.json" in message
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def test_a_file_that_was_put_into_a_model_is_not_lost(model: Path) -> None:
    (model / "notes.txt").write_text("mine")
    assert "it holds 'notes.txt', which is no part of the model" in write_refusal(model, State())
    assert (model / "notes.txt").read_text() == "mine"


def test_a_damaged_model_may_be_replaced_if_its_manifest_is_whole(model: Path) -> None:
    (model / "arrays" / "vectors.npy").unlink()
    artifact.write(model, {"new": True}, State())
    assert artifact.read(model).manifest == {"new": True}
    (model / "manifest.json").write_text("{")
    assert "it holds something that is no readable model" in write_refusal(model, State())


def test_overwrite_false_keeps_what_is_there(model: Path) -> None:
    assert "it exists; pass overwrite=True" in write_refusal(model, State(), overwrite=False)
    assert artifact.read(model).manifest == {"facts": {"seed": 7}}


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    artifact.write(tmp_path / "m", {"new": True}, State(), overwrite=False)
    assert artifact.read(tmp_path / "m").manifest == {"new": True}


def test_places_that_cannot_hold_a_model_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "there is a file of that name" in write_refusal(tmp_path / "file", State())
    assert "Not a directory" in write_refusal(tmp_path / "file" / "m", State())
    assert "a mount point can't be replaced" in write_refusal("/", State())
    assert "embedded null byte" in write_refusal("a\0b", State())
    assert names(tmp_path) == ["file"]


def test_a_reader_of_the_old_model_goes_on(model: Path) -> None:
    large = np.arange(1 << 18, dtype=np.int64)
    artifact.write(model, {}, State({"x": large}))
    old = artifact.read(model).state.arrays["x"]
    artifact.write(model, {}, State({"x": np.zeros(8, np.int64)}))
    shutil.rmtree(model)
    np.testing.assert_array_equal(old, large)


def test_a_loaded_model_can_be_saved_over_itself(model: Path) -> None:
    loaded = artifact.read(model)
    artifact.write(model, loaded.manifest, loaded.state)
    again = artifact.read(model)
    np.testing.assert_array_equal(again.state.arrays["vectors"], VECTORS)
    assert (again.state.parts["a"].folders["encoder"] / "onnx" / "model.onnx").stat().st_size == 200


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_a_model_is_read_whole_while_it_is_replaced(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)

    def numbered(n: int) -> State:
        return State({name: np.full(20_000, n) for name in "ab"}, {"n": n})

    artifact.write(tmp_path / "m", {}, numbered(0))
    done = threading.Event()

    def replace_often() -> None:
        for n in range(1, 60):
            artifact.write(tmp_path / "m", {}, numbered(n))
        done.set()

    writer = threading.Thread(target=replace_often)
    writer.start()
    seen = set()
    while not done.is_set():
        state = artifact.read(tmp_path / "m", verify=False).state
        numbers = {state.meta["n"], *state.arrays["a"].tolist(), *state.arrays["b"].tolist()}
        assert len(numbers) == 1
        seen |= numbers
    writer.join()
    assert len(seen) > 3
    assert hidden(tmp_path) == []


def test_a_model_set_aside_for_a_moment_is_no_missing_model(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader looks between a writer's two renames, and sees nothing twice."""
    away = model.with_name("away")
    seal, located = reader._seal, swap.located
    calls = iter(range(100))

    def looked(place: Path) -> Path:
        if away.exists():
            away.rename(place)
        return located(place)

    def sealed(place: Path) -> bytes | None:
        if next(calls) == 0:
            place.rename(away)
        return seal(place)

    monkeypatch.setattr(reader, "located", looked)
    monkeypatch.setattr(reader, "_seal", sealed)
    assert artifact.read(model).manifest == {"facts": {"seed": 7}}


def test_a_reader_waits_for_a_writer_between_its_renames(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    rename, between, looked = Path.rename, threading.Event(), threading.Event()
    seal = reader._seal

    def sealed(place: Path) -> bytes | None:
        found = seal(place)
        looked.set()
        return found

    def slowly(source: Path, target: Path) -> Path:
        renamed = rename(source, target)
        if Path(target).suffix == ".old":
            between.set()
            assert looked.wait(10)
        return renamed

    monkeypatch.setattr(Path, "rename", slowly)
    writer = threading.Thread(target=artifact.write, args=(model, {"n": 2}, State()))
    writer.start()
    assert between.wait(10)
    monkeypatch.setattr(reader, "_seal", sealed)
    monkeypatch.setattr(reader, "located", lambda place: place)
    assert artifact.read(model).manifest == {"n": 2}
    writer.join()


def test_two_writers_leave_one_whole_model(tmp_path: Path) -> None:
    def write_often(n: int) -> None:
        for _ in range(10):
            artifact.write(tmp_path / "m", {"n": n}, State({"x": np.full(100, n)}))

    writers = [threading.Thread(target=write_often, args=(n,)) for n in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    loaded = artifact.read(tmp_path / "m")
    assert set(loaded.state.arrays["x"].tolist()) == {loaded.manifest["n"]}
    assert hidden(tmp_path) == []


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path: Path) -> None:
    dead, living = tmp_path / f".m.{'0' * 16}.tmp", tmp_path / f".m.{'1' * 16}.tmp"
    other = tmp_path / f".n.{'0' * 16}.tmp"
    for folder in (dead, living, other):
        (folder / "arrays").mkdir(parents=True)
    with swap._opened(living) as descriptor:
        assert swap._try_lock(descriptor)
        artifact.write(tmp_path / "m", {}, State())
    assert hidden(tmp_path) == [living.name, other.name]


def test_a_model_set_aside_by_a_dead_writer_is_found_and_put_back(model: Path) -> None:
    aside = model.with_name(f".model.{'0' * 16}.old")
    model.rename(aside)
    assert artifact.read(model).manifest == {"facts": {"seed": 7}}
    assert "it exists; pass overwrite=True" in write_refusal(model, State(), overwrite=False)
    assert artifact.read(model).manifest == {"facts": {"seed": 7}}
    assert hidden(model.parent) == []
