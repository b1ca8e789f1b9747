"""Vectors: against hand-worked ones, against the runtime called directly, and among themselves."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penchant.errors import ModelFileError, SettingsError
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import BUDGET, OnnxText, _packed

TITLES = [
    "Toy Story (1995). Adventure, Animation, Children, Comedy, Fantasy",
    "Heat (1995). Action, Crime, Thriller",
    "",
    "a",
    "A long and winding tale of a lighthouse keeper and the sea. " * 30,
    "Sabrina (1995). Comedy, Romance",
    "2001: A Space Odyssey (1968). Adventure, Drama, Sci-Fi",
] * 5


def encoder(path: Path, **given: Any) -> OnnxText:
    return OnnxText(TextSettings(path=str(path), **given))


# ---- the tiny encoder: red is (3,0,0,0), green (0,4,0,0), blue (0,0,2,0), sky (0,0,6,8)


@pytest.mark.parametrize(
    ("pooling", "vector"),
    [
        ("mean", [1, 0, 8 / 3, 8 / 3]),
        ("cls", [3, 0, 0, 0]),
        ("max", [3, 0, 6, 8]),
        ("last", [0, 0, 6, 8]),
    ],
)
def test_tokens_are_pooled_as_asked(
    tiny: Callable[..., Path], pooling: str, vector: list[float]
) -> None:
    made = encoder(tiny(), pooling=pooling, normalize=False)
    # The longer neighbour pads the text in question, and padding has no say.
    pooled = made.encode(["red blue sky", "green " * 6])[0]
    np.testing.assert_allclose(pooled, vector, rtol=1e-6)


def test_vectors_have_length_one_where_the_folder_says_so(tiny: Callable[..., Path]) -> None:
    np.testing.assert_allclose(encoder(tiny()).encode(["sky"]), [[0, 0, 0.6, 0.8]], rtol=1e-6)


def test_cut_vectors_have_length_one_again(tiny: Callable[..., Path]) -> None:
    np.testing.assert_allclose(
        encoder(tiny(), dimensions=3).encode(["sky"]), [[0, 0, 1]], rtol=1e-6
    )


def test_a_text_is_cut_at_the_folders_limit(tiny: Callable[..., Path]) -> None:
    made = encoder(tiny(), normalize=False)  # tokenizer.json says 2, the folder 6
    np.testing.assert_allclose(made.encode(["red " * 5 + "green " * 9]), [[2.5, 4 / 6, 0, 0]])


def test_a_text_without_tokens_gives_zeros(tiny: Callable[..., Path]) -> None:
    vectors = encoder(tiny()).encode(["", "red", " \n"])
    np.testing.assert_array_equal(vectors, [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])


def test_prompts_stand_before_the_text(tiny: Callable[..., Path]) -> None:
    made = encoder(tiny(), query_prompt="red ", pooling="cls")
    np.testing.assert_array_equal(made.encode(["green"], kind="query"), [[1, 0, 0, 0]])
    np.testing.assert_array_equal(made.encode(["green"]), [[0, 1, 0, 0]])


def test_a_lower_casing_model_lower_cases(tiny: Callable[..., Path]) -> None:
    config = {"max_seq_length": 6, "do_lower_case": True}
    made = encoder(tiny(files={"sentence_bert_config.json": config}))
    np.testing.assert_array_equal(made.encode(["RED"]), [[1, 0, 0, 0]])


def test_a_graph_that_pools_by_itself_is_taken_at_its_word(
    tiny: Callable[..., Path], proto
) -> None:
    mean = proto.node(
        "ReduceMean",
        ("tokens",),
        ("sentence_embedding",),
        proto.message(5, proto.message(1, "axes"), proto.number(8, 1), proto.number(20, 7)),
        proto.message(5, proto.message(1, "keepdims"), proto.number(3, 0), proto.number(20, 2)),
    )
    graph = proto.graph_bytes(
        nodes=(proto.node("Gather", ("table", "input_ids"), ("tokens",)), mean),
        outputs=(proto.value("sentence_embedding", 1, "batch", 4),),
        inputs=("input_ids",),
    )
    made = encoder(tiny(graph, files={"1_Pooling/config.json": None}), normalize=False)
    np.testing.assert_allclose(made.encode(["red green"]), [[1.5, 2, 0, 0]])
    assert made.describe()["pooling"] == "inside the graph"


def test_a_graph_with_one_scale_a_batch_gets_one_text_at_a_time(
    tiny: Callable[..., Path], proto
) -> None:
    graph = proto.graph_bytes(
        nodes=(
            proto.node("Gather", ("table", "input_ids"), ("exact",)),
            proto.node("DynamicQuantizeLinear", ("exact",), ("q", "scale", "zero")),
            proto.node("DequantizeLinear", ("q", "scale", "zero"), ("last_hidden_state",)),
        )
    )
    made = encoder(tiny(graph), normalize=False)
    assert made.batch_invariant
    assert not made.batches
    # Beside "sky" one step of the scale is 8/255, too coarse for "blue" to come out as alone.
    alone = made.encode(["blue"])
    np.testing.assert_array_equal(made.encode(["sky", "blue"])[1], alone[0])
    assert not np.array_equal(made._vectors([[4], [3]])[1], alone[0])


def test_a_graph_of_the_wrong_shape_is_refused(tiny: Callable[..., Path], proto) -> None:
    graph = proto.graph_bytes(
        nodes=(proto.node("Gather", ("table", "input_ids"), ("sentence_embedding",)),),
        outputs=(proto.value("sentence_embedding", 1, "batch", "sequence", 4),),
    )
    with pytest.raises(ModelFileError, match=r"gave 'sentence_embedding' of shape \(1, 1, 4\)"):
        encoder(tiny(graph)).encode(["red"])


def test_a_graph_with_strange_inputs_is_refused(tiny: Callable[..., Path], proto) -> None:
    with pytest.raises(ModelFileError, match=r"takes the inputs input_ids, pixels, and a text"):
        encoder(tiny(proto.graph_bytes(inputs=("input_ids", "pixels"))))


def test_a_graph_that_the_runtime_refuses_is_named(tiny: Callable[..., Path], proto) -> None:
    graph = proto.graph_bytes(
        nodes=(proto.node("NoSuchOperator", ("input_ids",), ("last_hidden_state",)),)
    )
    with pytest.raises(ModelFileError, match=r"onnxruntime can't open .*model\.onnx .*again"):
        encoder(tiny(graph)).encode(["red"])


def test_a_vector_that_is_not_finite_is_an_error(tiny: Callable[..., Path], proto) -> None:
    zero = proto.node("Sub", ("table", "table"), ("zeros",))
    graph = proto.graph_bytes(
        nodes=(
            zero,
            proto.node("Div", ("zeros", "zeros"), ("nan",)),
            proto.node("Gather", ("nan", "input_ids"), ("last_hidden_state",)),
        )
    )
    with pytest.raises(ModelFileError, match=r"gave a vector that is not finite; take its fp32"):
        encoder(tiny(graph)).encode(["red"])


def test_a_broken_tokenizer_is_named(tiny: Callable[..., Path]) -> None:
    with pytest.raises(ModelFileError, match=r"tokenizer\.json is no readable tokenizer"):
        encoder(tiny(files={"tokenizer.json": {"model": 1}}))


def test_a_tokenizer_larger_than_any_is_not_read(tiny: Callable[..., Path]) -> None:
    folder = tiny()
    with (folder / "tokenizer.json").open("ab") as file:
        file.truncate(300_000_000)  # a hole, which takes no place on the disk
    with pytest.raises(ModelFileError, match=r"tokenizer\.json has 300 MB, and at most 256 MB are"):
        encoder(folder)


def test_a_limit_below_the_tokenizers_own_tokens_is_refused(minilm: Path) -> None:
    with pytest.raises(SettingsError, match=r"max_tokens must be at least 3, .* got 2"):
        encoder(minilm, max_tokens=2)


def test_the_fingerprint_follows_what_changes_a_vector(tiny: Callable[..., Path]) -> None:
    path = tiny()
    same = encoder(path).fingerprint
    assert same == encoder(path, threads=4).fingerprint == encoder(path, pooling="mean").fingerprint
    changed: list[dict[str, Any]] = [
        {"pooling": "cls"},
        {"normalize": False},
        {"max_tokens": 5},
        {"dimensions": 3},
        {"query_prompt": "q"},
        {"document_prompt": "d"},
    ]
    prints = {encoder(path, **given).fingerprint for given in changed}
    graph = path / "onnx/model.onnx"
    graph.write_bytes(graph.read_bytes().replace(b"tiny", b"tiNy"))
    prints.add(encoder(path).fingerprint)
    assert len(prints | {same}) == len(changed) + 2


# ---- batches


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(0, 400))
def test_batches_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(_packed(lengths, budget))
    assert sorted(row for batch in batches for row in batch) == [
        row for row, length in enumerate(lengths) if length
    ]
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget
    in_order = [lengths[row] for batch in batches for row in batch]
    assert in_order == sorted(in_order)


# ---- the real encoder


@pytest.fixture(scope="module")
def real(minilm: Path) -> OnnxText:
    return encoder(minilm)


def test_vectors_equal_the_runtimes_own_with_pooling_by_hand(minilm: Path, real: OnnxText) -> None:
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(256)
    session = onnxruntime.InferenceSession(
        str(minilm / "onnx/model_int8.onnx"), providers=["CPUExecutionProvider"]
    )
    encodings = tokenizer.encode_batch(TITLES[:7])
    mask = np.array([e.attention_mask for e in encodings])
    (tokens,) = session.run(
        None,
        {
            "input_ids": np.array([e.ids for e in encodings]),
            "attention_mask": mask,
            "token_type_ids": np.array([e.type_ids for e in encodings]),
        },
    )
    pooled = (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    wanted = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    np.testing.assert_allclose(real.encode(TITLES[:7]), wanted, atol=2e-6)


def test_a_vector_has_the_same_bits_in_any_batch(real: OnnxText) -> None:
    whole = real.encode(TITLES)
    assert real.batch_invariant
    for row in range(7):
        np.testing.assert_array_equal(real.encode([TITLES[row]])[0], whole[row])
    np.testing.assert_array_equal(real.encode(TITLES[::-1])[::-1], whole)


def test_texts_share_runs_where_the_probe_allows_it(
    real: OnnxText, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    run = real._session.run
    monkeypatch.setattr(
        real._session, "run", lambda batch, pad: (sizes.append(len(batch)), run(batch, pad))[1]
    )
    real.encode(["one title"] * 30)
    assert sum(sizes) == 30
    assert real.batches == (max(sizes) > 1)
    assert max(sizes) <= BUDGET // 4


def test_threads_change_no_bit(minilm: Path, real: OnnxText) -> None:
    np.testing.assert_array_equal(encoder(minilm, threads=3).encode(TITLES), real.encode(TITLES))


def test_known_likenesses_come_out(real: OnnxText) -> None:
    telescope, astronomy, cooking, heist, crime = real.encode(
        [
            "A telescope for watching the stars",
            "Astronomy for beginners",
            "Cooking stews and soups",
            "A gang robs a bank",
            "Crime thriller",
        ]
    )
    assert telescope @ astronomy > telescope @ cooking + 0.2
    assert heist @ crime > heist @ cooking + 0.1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(st.characters(), max_size=40))
def test_any_text_has_a_finite_vector_of_length_one(real: OnnxText, text: str) -> None:
    (vector,) = real.encode([text])
    assert np.isfinite(vector).all()
    assert abs(float(vector @ vector) - 1) < 1e-5


def test_huge_and_odd_texts_are_encoded(real: OnnxText) -> None:
    texts = ["x" * 100_000, "記憶についての静かな映画 " * 8_000, "👩‍👩‍👧🔭", "\ud800 alone", "\x00"]
    vectors = real.encode(texts)
    assert vectors.shape == (5, 384)
    assert np.isfinite(vectors).all()


def test_no_socket_is_opened(minilm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert encoder(minilm).encode(["offline"]).shape == (1, 384)


def test_declaring_imports_nothing_heavy() -> None:
    said = (
        "import sys, penchant_onnx\n"
        "list(penchant_onnx.penchant_encoders())\n"
        "print(sorted({'onnxruntime', 'tokenizers', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)  # noqa: S603
    assert "onnxruntime" not in done.stdout
    assert "tokenizers" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_forked_child_encodes_the_same_bits(minilm: Path) -> None:
    said = (
        "import os, sys\n"
        "from penchant_onnx.settings import TextSettings\n"
        "from penchant_onnx.text import OnnxText\n"
        "encoder = OnnxText(TextSettings(path=sys.argv[1], threads=2))\n"
        "texts = [f'title {n} of a film' for n in range(40)]\n"
        "parent = encoder.encode(texts)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(0 if (encoder.encode(texts) == parent).all() else 3)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    subprocess.run([sys.executable, "-c", said, str(minilm)], check=True, timeout=60)  # noqa: S603


def test_an_encoder_describes_itself(minilm: Path, real: OnnxText) -> None:
    assert real.describe()["graph"] == "onnx/model_int8.onnx"
    assert real.describe()["max_tokens"] == 256
    assert real.folder == minilm
