"""Heads learn which items go together, and are written only where that helps."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant.cli import main
from penchant.errors import DataError, PluginError, SettingsError
from penchant.evaluation import make_split
from penchant_onnx import head as module
from penchant_onnx.augmentation import Augmentation, wordings
from penchant_onnx.finetune import finetune, finetune_weights
from penchant_onnx.head import learn_head
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

REGISTRY = penchant.Registry.discover(only={"onnx", "content"})
# Two tastes: red things with blue ones, and green things with the sky.
TASTES = (("red", "blue"), ("green", "sky"))


def dataset(tastes: Any) -> penchant.Dataset:
    """Twelve items of each word; forty users, who like ten items of their taste each."""
    words = [word for taste in tastes for word in taste]
    titles = [word for word in words for _ in range(12)]
    random = np.random.default_rng(5)
    users, items = [], []
    for user in range(40):
        own = [at for at, title in enumerate(titles) if title in tastes[user % len(tastes)]]
        for item in random.choice(own, 10, replace=False):
            users.append(user)
            items.append(int(item))
    return penchant.Dataset.from_frame(
        {"user_id": users, "item_id": items},
        items={"item_id": range(len(titles)), "title": titles, "more": ["sky"] * len(titles)},
    )


def mixed() -> penchant.Dataset:
    """Red and green: three items each; blue and sky: twelve.

    A hundred users like all three of one, and one of the other: blue to red, sky to green.
    """
    titles = ["red"] * 3 + ["green"] * 3 + ["blue"] * 12 + ["sky"] * 12
    random = np.random.default_rng(5)
    likings = []
    for user in range(100):
        taste = user % 2
        likings += [(user, 3 * taste + item) for item in range(3)]
        likings += [(user, 6 + 12 * taste + int(random.integers(12)))]
    users, items = zip(*likings, strict=True)
    return penchant.Dataset.from_frame(
        {"user_id": users, "item_id": items},
        items={"item_id": range(len(titles)), "title": titles},
    )


def test_things_liked_together_come_together(tiny: Callable[..., Path]) -> None:
    data = mixed()
    encoder = OnnxText(TextSettings(path=str(tiny())))
    vectors = encoder.encode(data.items.texts())[None]
    weight, steps = learn_head(vectors, make_split(data, "user-random"), noise=0, seed=0)
    assert steps > 0
    red, green, blue, sky = (
        vector / np.linalg.norm(vector) for vector in vectors[0][[0, 3, 6, 18]] @ weight.T
    )
    assert red @ blue > red @ green + 0.02  # both are 0 without the head
    assert green @ sky > green @ blue + 0.02


def test_one_seed_gives_one_head(tiny: Callable[..., Path]) -> None:
    data = dataset(TASTES)
    encoder = OnnxText(TextSettings(path=str(tiny())))
    vectors = encoder.encode(data.items.texts(["title"]))[None]
    split = make_split(data, "user-random")
    heads = [learn_head(vectors, split, noise=0.1, seed=seed)[0] for seed in (1, 1, 2)]
    assert heads[0].tobytes() == heads[1].tobytes() != heads[2].tobytes()


def test_the_gradient_is_that_of_the_loss() -> None:
    random = np.random.default_rng(2)
    weight = random.normal(size=(3, 3))
    asked, right, wrong = (random.normal(size=(n, 3)) for n in (4, 4, 5))
    same = np.zeros((4, 5), bool)
    same[1, 2] = True

    def loss(weight: Any) -> float:
        x, y, z = (
            mapped / np.linalg.norm(mapped, axis=1, keepdims=True)
            for mapped in (rows @ weight.T for rows in (asked, right, wrong))
        )
        good = np.exp((x * y).sum(axis=1) / module._TEMPERATURE)
        bad = np.where(same, 0, np.exp(x @ z.T / module._TEMPERATURE)).sum(axis=1)
        return float(-np.log(good / (good + bad)).mean())

    slope = module._slope(weight, asked, right, wrong, same)
    for at in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[at] = 1e-6
        wanted = (loss(weight + step) - loss(weight - step)) / 2e-6
        assert slope[at] == pytest.approx(wanted, rel=1e-4, abs=1e-6)


def test_a_head_that_helps_is_written_and_opened(tiny: Callable[..., Path], tmp_path: Path) -> None:
    folder, output = tiny(), tmp_path / "tuned"
    tuned = finetune(folder, output, mixed(), REGISTRY)
    assert tuned.after > tuned.before
    encoder = OnnxText(TextSettings(path=str(output)))
    red, blue, green = encoder.encode(["red", "blue", "green"])
    assert red @ blue > red @ green
    assert encoder.describe()["dense"] == [[4, 4]]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["tiny", "tuned"]


def test_a_head_that_does_not_help_is_not_written(
    tiny: Callable[..., Path], tmp_path: Path
) -> None:
    alone = (("red",), ("green",), ("blue",))  # what is said is all there is to know
    with pytest.raises(DataError, match=r"doesn't help .* so nothing is written; give more events"):
        finetune(tiny(), tmp_path / "tuned", dataset(alone), REGISTRY, columns=["title"])
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny"]


def test_copies_leave_out_words_or_columns() -> None:
    items = dataset(TASTES).items
    both = Augmentation(drop_words=0.5, drop_fields=True)
    said = wordings(items, ["title", "more"], both, seed=0)
    assert [len(texts) for texts in said] == [48] * 4
    whole, words, without_title, without_more = said
    assert whole[0] == "red. sky"
    assert {*words} == {"red.", "blue.", "green.", "sky.", "sky", *whole}
    assert without_title == ["sky"] * 48
    assert without_more[::12] == ["red", "blue", "green", "sky"]
    assert wordings(items, None, Augmentation(), seed=0) == [items.texts()]


def test_all_weights_need_pytorch(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optimum.exporters.onnx", None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    with pytest.raises(PluginError, match=r"needs optimum, .* pip install 'penchant-onnx\[export"):
        finetune_weights(tiny(), tmp_path / "tuned", mixed(), REGISTRY)
    with pytest.raises(SettingsError, match="steps must be at least 1, got 0"):
        finetune_weights(tiny(), tmp_path / "tuned", mixed(), REGISTRY, steps=0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny"]


def test_what_makes_no_sense_is_refused(tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="drop_words must be at least 0 and below 1, got -1"):
        Augmentation(drop_words=-1)
    with pytest.raises(SettingsError, match="noise must be at least 0 and below 10, got 10"):
        Augmentation(noise=10)
    lonely = penchant.Dataset.from_frame(
        {"user_id": [1, 1, 2, 2], "item_id": [1, 2, 2, 3]},
        items={"item_id": [1, 2, 3], "title": ["red", "blue", "sky"]},
    )
    split = make_split(lonely, "user-random")
    with pytest.raises(DataError, match=r"no user liked two items of the part to learn from"):
        learn_head(np.ones((1, 3, 4), np.float32), split, noise=0, seed=0)


def test_the_command_reports(
    tiny: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = mixed()
    titles = data.items.texts(["title"])
    rows = "".join(f"{number},{title}\n" for number, title in enumerate(titles))
    (tmp_path / "items.csv").write_text("id,title\n" + rows)
    log = data.interactions
    pairs = "".join(f"{u},{i}\n" for u, i in zip(log.user, log.item, strict=True))
    (tmp_path / "events.csv").write_text("who,id\n" + pairs)
    arguments = ["onnx", "finetune", str(tiny()), "-o", str(tmp_path / "tuned"), "--item", "id"]
    arguments += ["--events", str(tmp_path / "events.csv"), "--user", "who"]
    arguments += ["--items", str(tmp_path / "items.csv"), "--column", "title"]
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0
    assert "NDCG@10 of content.text on held-out likings" in capsys.readouterr().out
    arguments[4] = str(tmp_path / "again")
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["after"] > document["before"]
