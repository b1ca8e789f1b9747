"""What can't be stored is refused before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from penchant import artifact
from penchant.protocols import State

from .folders import VECTORS, hidden, names, write_refusal


def _nan(_: Path) -> State:
    return State(meta={"rmse": [1.0, float("nan")]})


def _deep_state(_: Path) -> State:
    state = State()
    for _depth in range(33):
        state = State(parts={"p": state})
    return state


def _link_out(folder: Path) -> State:
    (folder / "e").mkdir()
    (folder / "secret").write_text("s")
    (folder / "e" / "link").symlink_to(folder / "secret")
    return State(folders={"e": folder / "e"})


def _link_to_folder(folder: Path) -> State:
    (folder / "e" / "deep").mkdir(parents=True)
    (folder / "e" / "loop").symlink_to(folder / "e")
    return State(folders={"e": folder / "e"})


def _pipe(folder: Path) -> State:
    (folder / "e").mkdir()
    os.mkfifo(folder / "e" / "pipe")
    return State(folders={"e": folder / "e"})


def _strange_name(folder: Path) -> State:
    (folder / "e").mkdir()
    (folder / "e" / "a\\b").touch()
    return State(folders={"e": folder / "e"})


RECORDS = np.zeros(2, [("a", "<f4"), ("b", "<i4")])
UNSTORABLE: dict[str, tuple[Callable[[Path], State], str]] = {
    "objects": (
        lambda _: State(parts={"a": State({"x": np.array([None])})}),
        "the array 'x' of the part 'a' is object; a model holds plain numbers, strings and times",
    ),
    "records": (lambda _: State({"x": RECORDS}), "a model holds plain numbers"),
    "long double": (lambda _: State({"x": np.zeros(2, np.longdouble)}), "plain numbers"),
    "a list": (lambda _: State({"x": [1]}), "is a list; wanted a numpy array"),  # type: ignore[dict-item]
    "nan": (_nan, "meta of the state['rmse'][1] is nan, a float; that is no JSON"),
    "numpy number": (lambda _: State(meta={"n": np.int64(1)}), "a int64; that is no JSON"),  # type: ignore[dict-item]
    "number key": (
        lambda _: State(meta={"n": {1: 2}}),  # type: ignore[dict-item]
        "meta of the state['n'] has the key 1; keys of JSON are strings",
    ),
    "nameless": (lambda _: State({"": VECTORS}), "the state names an array ''; a name is"),
    "number name": (lambda _: State({1: VECTORS}), "the state names an array 1"),  # type: ignore[dict-item]
    "long name": (
        lambda _: State(parts={"é" * 34: State()}),
        "é', too long a name for a file",
    ),
    "deep": (_deep_state, "the state has parts inside parts, more than 32 deep"),
    "folder as part": (
        lambda folder: State(parts={"a": State()}, folders={"a": folder}),
        "the state has a folder and a part of one name, 'a'; rename one",
    ),
    "no folder": (
        lambda f: State(folders={"e": f / "e"}),
        "the folder 'e' of the state isn't there",
    ),
    "itself": (lambda folder: State(folders={"e": folder}), "it lies inside"),
    "link out": (_link_out, "link is a symbolic link that leads out of its folder"),
    "link to a folder": (_link_to_folder, "loop is a symbolic link that leads out"),
    "pipe": (_pipe, "pipe is a device, a pipe or a socket"),
    "strange name": (_strange_name, "isn't one that stays inside a model"),
}


@pytest.mark.parametrize("case", UNSTORABLE)
def test_what_cannot_be_stored_leaves_the_old_model(tmp_path: Path, case: str) -> None:
    make, words = UNSTORABLE[case]
    artifact.write(tmp_path / "m", {"old": True}, State({"x": VECTORS}))
    assert words in write_refusal(tmp_path / "m", make(tmp_path))
    assert artifact.read(tmp_path / "m").manifest == {"old": True}
    assert hidden(tmp_path) == []


def test_a_manifest_too_large_to_read_is_not_written(tmp_path: Path) -> None:
    state = State(meta={"terms": "x" * (64 << 20)})
    assert "keep what is long in arrays, not in meta" in write_refusal(tmp_path / "m", state)
    assert names(tmp_path) == []
