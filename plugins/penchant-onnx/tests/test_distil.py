"""Students keep what can be kept, and say how much that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from penchant.cli import main
from penchant.errors import DataError, SettingsError
from penchant.testing.encoders import TEXTS as ODD
from penchant_onnx.augmentation import dropped
from penchant_onnx.comparing import compare, likenesses
from penchant_onnx.distil import distil, parted, principal_directions, token_table
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

WORDS = ("red", "green", "blue", "sky")
TEXTS = [" ".join(words) for words in product(WORDS, repeat=4)]


def opened(folder: Path) -> OnnxText:
    return OnnxText(TextSettings(path=str(folder)))


def test_a_table_of_a_table_says_nearly_the_same(tiny: Callable[..., Path], tmp_path: Path) -> None:
    teacher = tiny()
    student = distil(teacher, tmp_path / "student", TEXTS, kind="table")
    assert student.tried["table"].cosine == pytest.approx(1, abs=0.05)
    made = opened(tmp_path / "student").encode(["red", "blue sky"])
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(made[0], [1, 0, 0, 0], atol=0.2)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["student", "tiny"]


def test_a_table_has_a_finite_vector_for_any_text(
    tiny: Callable[..., Path], tmp_path: Path
) -> None:
    distil(tiny(), tmp_path / "student", TEXTS, kind="table")
    texts = [*ODD, "x" * 100_000, "red sky " * 20_000]
    vectors = opened(tmp_path / "student").encode(texts)
    assert vectors.shape == (len(texts), 4)
    assert np.isfinite(vectors).all()


def test_fewer_dimensions_keep_the_longest_directions(
    tiny: Callable[..., Path], tmp_path: Path
) -> None:
    texts = [text for text in TEXTS if "sky" not in text]  # these lie in three dimensions
    student = distil(tiny(), tmp_path / "student", texts, kind="dimensions", dimensions=3)
    assert opened(tmp_path / "student").dim == 3
    assert student.tried["dimensions"].overlap == pytest.approx(1, abs=0.05)  # ties apart
    assert student.tried["dimensions"].drift < 1e-6
    assert student.tried["dimensions"].cosine is None


def test_the_table_is_taken_where_it_keeps_enough(
    tiny: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tiny()
    easy = distil(folder, tmp_path / "easy", TEXTS, keep=0, dimensions=2)
    assert (easy.kind, list(easy.tried)) == ("table", ["table"])
    hard = distil(folder, tmp_path / "hard", TEXTS, keep=1, dimensions=2)
    assert (hard.kind, list(hard.tried)) == ("dimensions", ["table", "dimensions"])
    assert opened(tmp_path / "hard").dim == 2


def test_one_seed_gives_one_student(tiny: Callable[..., Path], tmp_path: Path) -> None:
    folder = tiny()
    prints = []
    for name in ("one", "other"):
        copies = [dropped(TEXTS, 0.3, seed=3)]
        distil(folder, tmp_path / name, TEXTS, copies=copies, kind="table", noise=0.1, seed=3)
        prints.append(opened(tmp_path / name).fingerprint)
    assert prints[0] == prints[1]


def test_the_regression_finds_the_vectors_that_made_the_texts() -> None:
    random = np.random.default_rng(1)
    truth = random.normal(size=(300, 4)).astype(np.float32)
    tokens = [random.integers(0, 300, random.integers(2, 9)).tolist() for _ in range(3000)]
    means = np.stack([truth[ids].mean(axis=0) for ids in tokens])
    learned, left = (tokens[:2500], means[:2500]), (tokens[2500:], means[2500:])
    table = token_table(*learned, np.zeros_like(truth))
    got = np.stack([table[ids].mean(axis=0) for ids in left[0]])
    cosines = (got * left[1]).sum(axis=1) / np.linalg.norm(got, axis=1)
    assert np.median(cosines / np.linalg.norm(left[1], axis=1)) > 0.98


def test_noise_is_what_endless_noisy_copies_come_to() -> None:
    """Texts of one token of two, so that the ridge regression is worked out by hand."""
    tokens = [[0], [1]] * 5000
    vectors = np.array([[1], [-1]] * 5000, np.float32)
    table = token_table(tokens, vectors, np.zeros((2, 1), np.float32), noise=2.0)
    share = 0.003 / 0.503  # what a token of every other text weighs
    squares = 10_000 * share**2
    pull = 0.01 + 2.0**2 * squares / 2
    # Least 10,000 (1 - share w)² + pull (w² + w²).
    assert table[:, 0] == pytest.approx(
        np.array([1, -1]) * squares / (squares + 2 * pull), rel=1e-3
    )


def test_a_student_never_learns_from_copies_of_what_judges_it(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, held_out = parted(TEXTS, 0)
    seen: list[list[str]] = []
    encode = OnnxText.encode
    monkeypatch.setattr(
        OnnxText,
        "encode",
        lambda self, texts, **k: (seen.append(texts), encode(self, texts, **k))[1],
    )
    copies = [[f"{text} sky sky" for text in TEXTS], TEXTS[::-1]]
    distil(tiny(), tmp_path / "student", TEXTS, copies=copies, kind="dimensions", dimensions=2)
    assert not {*held_out} & {*seen[0]}
    assert {*seen[0]} >= {*learned, *(f"{text} sky sky" for text in learned)}
    assert not {f"{text} sky sky" for text in held_out} & {*seen[0]}


def test_directions_are_orthonormal_and_longest_first() -> None:
    vectors = np.array([[0, 3], [0, -3], [1, 0], [0, 3]], np.float32)
    assert principal_directions(vectors, 2).tolist() == [[0, 1], [1, 0]]


def test_dropping_words_keeps_one_and_the_order() -> None:
    copies = dropped(["a b c d", "alone", ""], 0.9, seed=1)
    assert copies[1:] == ["alone", ""]
    assert 1 <= len(copies[0].split()) < 4
    assert dropped(["a b"], 0, seed=1) == ["a b"]


def test_likeness_is_compared_by_neighbours_and_cosines() -> None:
    old = np.eye(3, dtype=np.float32)
    assert likenesses(old, old) == (1, 0)
    assert likenesses(old, np.ones((3, 1), np.float32)) == (
        1,
        1,
    )  # two neighbours are all there are


def test_an_encoder_compared_with_itself_keeps_everything(tiny: Callable[..., Path]) -> None:
    encoder = opened(tiny())
    same = compare(encoder, encoder, [*TEXTS, "", "red red red red"])
    assert (same.texts, same.overlap, same.drift) == (len(TEXTS), 1, 0)
    assert same.cosine == pytest.approx(1)
    assert same.before.megabytes == same.after.megabytes > 0
    assert same.before.texts_per_second > 0
    assert "100.0% of the 10 nearest are the same" in str(same)
    with pytest.raises(DataError, match="needs at least 3 different texts, got 2"):
        compare(encoder, encoder, ["red", "green", "red", " "])


def test_what_cannot_be_distilled_is_refused(tiny: Callable[..., Path], tmp_path: Path) -> None:
    folder, output = tiny(), tmp_path / "student"
    with pytest.raises(DataError, match="at least 20 different texts of the catalogue, got 2"):
        distil(folder, output, ["red", "green", "green", ""], kind="table")
    with pytest.raises(SettingsError, match=r"dimensions must be from 1 to 3, .* got 4"):
        distil(folder, output, TEXTS, kind="dimensions", dimensions=4)
    with pytest.raises(SettingsError, match="noise must be at least 0 and below 10, got -1"):
        distil(folder, output, TEXTS, kind="table", noise=-1)
    assert not output.exists()
    output.mkdir()
    with pytest.raises(SettingsError, match="is there already; give a folder that isn't"):
        distil(folder, output, TEXTS, kind="table")


def test_the_command_reads_a_table_of_items_and_reports(
    tiny: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{number},{text},x\n" for number, text in enumerate(TEXTS))
    (tmp_path / "items.csv").write_text("id,title,colour\n" + rows)
    arguments = ["onnx", "distil", str(tiny()), "-o", str(tmp_path / "made"), "--student", "table"]
    arguments += ["--items", str(tmp_path / "items.csv"), "--item", "id", "--column", "title"]
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0
    assert "of 51 texts" in capsys.readouterr().out
    arguments[4] = str(tmp_path / "again")
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["student"] == "table"
    assert document["tried"]["table"]["texts"] == 51
