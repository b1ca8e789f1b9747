"""All weights of a real model learn a taste that no words tell, and only what helps is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import penchant
import pytest
from penchant.errors import DataError
from penchant.evaluation import make_split
from penchant_onnx.augmentation import Augmentation, wordings
from penchant_onnx.finetune import finetune_weights
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText
from penchant_onnx.weights import learn_weights

if TYPE_CHECKING:
    from .conftest import Exported

ADJECTIVES = ("old", "small", "quiet", "famous", "blue", "first", "long", "lost", "red", "last")
# Who likes the books of the first subject likes one of the second.
TASTES = (("telescopes", "soups"), ("trains", "violins"))


def titles_of(subject: str, count: int) -> list[str]:
    return [f"The {one} book of {subject}" for one in ADJECTIVES[:count]]


def shelf() -> tuple[list[str], list[tuple[int, int]]]:
    """Three titles of the first subject of each taste and ten of the second; eighty readers."""
    titles: list[str] = []
    own: list[tuple[range, range]] = []
    for first, second in TASTES:
        start = len(titles)
        titles += titles_of(first, 3) + titles_of(second, 10)
        own.append((range(start, start + 3), range(start + 3, start + 13)))
    random = np.random.default_rng(3)
    likings = []
    for reader in range(80):
        all_of, one_of = own[reader % 2]
        likings += [(reader, book) for book in (*all_of, int(random.choice(one_of)))]
    return titles, likings


def test_the_command_moves_all_weights(packaged: Path, tmp_path: Path) -> None:
    titles, likings = shelf()
    rows = "".join(f"{at},{title}\n" for at, title in enumerate(titles))
    (tmp_path / "books.csv").write_text("item_id,title\n" + rows)
    pairs = "".join(f"{reader},{at}\n" for reader, at in likings)
    (tmp_path / "likings.csv").write_text("user_id,item_id\n" + pairs)
    output = tmp_path / "tuned"
    command = [str(Path(sys.executable).with_name("penchant")), "onnx", "finetune", str(packaged)]
    command += ["-o", str(output), "--items", str(tmp_path / "books.csv"), "--all-weights"]
    command += ["--events", str(tmp_path / "likings.csv"), "--steps", "20", "--threads", "2"]
    command += ["--drop-words", "0.2", "--noise", "0.1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["after"] > said["before"]
    assert 0 < said["steps"] <= 20
    assert sorted(at.name for at in (output / "onnx").iterdir()) == [
        "model.onnx",
        "model_int8.onnx",
        "quantization.json",
    ]
    for precision in ("fp32", "int8"):
        encoder = OnnxText(TextSettings(path=str(output), precision=precision))
        stars, soup, violin = encoder.encode([titles[0], titles[3], titles[16]])
        assert stars @ soup > stars @ violin + 0.1
    assert sorted(at.name for at in tmp_path.iterdir()) == ["books.csv", "likings.csv", "tuned"]


def data(titles: list[str], likings: list[tuple[int, int]]) -> penchant.Dataset:
    readers, books = zip(*likings, strict=True)
    return penchant.Dataset.from_frame(
        {"user_id": readers, "item_id": books},
        items={"item_id": range(len(titles)), "title": titles},
    )


def test_what_does_not_help_is_not_written(packaged: Path, tmp_path: Path) -> None:
    # Everybody likes one subject and all of it: the words say all there is to know.
    titles = [
        title for subject in ("soups", "trains", "violins") for title in titles_of(subject, 8)
    ]
    known = data(titles, [(who, who % 3 * 8 + book) for who in range(30) for book in range(8)])
    registry = penchant.Registry.discover(only={"onnx", "content"})
    with pytest.raises(DataError, match=r"doesn't help .* so nothing is written; give more events"):
        finetune_weights(packaged, tmp_path / "tuned", known, registry, steps=2)
    assert not list(tmp_path.iterdir())


def test_one_seed_gives_one_model_and_leaves_pytorchs_own_draws_alone(
    packaged: Path, exported: Exported, tmp_path: Path
) -> None:
    import torch

    encoder = OnnxText(TextSettings(path=str(exported.folder), precision="fp32"))
    books = data(*shelf())
    split = make_split(books, "user-random")
    said = wordings(books.items, None, Augmentation(drop_words=0.3), seed=0)
    state = torch.random.get_rng_state()
    models = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        learn_weights(
            packaged, tmp_path / name, encoder, said, split, noise=0.1, steps=8, seed=seed
        )
        models.append((tmp_path / name / "model.safetensors").read_bytes())
    assert models[0] == models[1] != models[2]
    assert torch.equal(torch.random.get_rng_state(), state)
