"""Our int8: right numbers on small graphs, and the promises of it on real weights."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from penchant import kernels
from penchant.cli import main
from penchant.errors import ModelFileError, PluginError, SettingsError
from penchant_onnx import processor
from penchant_onnx.calibration import measure
from penchant_onnx.graph import read_graph
from penchant_onnx.per_token import factors_of_products, quantize_graph
from penchant_onnx.quantize import quantize
from penchant_onnx.settings import TextSettings
from penchant_onnx.text import OnnxText

PAIRS = [
    ("Heat (1995)", "Action, Crime, Thriller"),
    ("Toy Story", "Adventure, Animation, Children, Comedy, Fantasy"),
    ("Monty Python and the Holy Grail", "Adventure, Comedy, Fantasy"),
    ("The Shawshank Redemption", "Crime, Drama"),
    ("Spirited Away", "Adventure, Animation, Fantasy"),
    ("Sen to Chihiro no kamikakushi", "Anime with subtitles"),
    ("Amélie", "Comedy, Romance, Paris, whimsical, narrated"),
    ("2001: A Space Odyssey", "Adventure, Drama, Sci-Fi, a computer that won't open the doors"),
    ("Cooking for Beginners", "forty soups and stews, step by step"),
    ("Trail running shoes", "grip, mud, size 42"),
]
TEXTS = [title for title, _ in PAIRS] + [f"{title}. {more}" for title, more in PAIRS]
TEXTS += [" ".join(more for _, more in PAIRS) * 3, "a", "", "Ünïcödé ☃ 映画", "NA"]


@pytest.fixture(scope="module")
def int8(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8") / "minilm"
    quantize(minilm, folder)
    return folder


@pytest.fixture(scope="module")
def vnni(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vnni") / "minilm"
    quantize(minilm, folder, target="vnni")
    try:
        processor.check(read_graph(folder / "onnx/model_int8.onnx"))
    except ModelFileError as refused:
        pytest.skip(str(refused))
    return folder


def model_of(
    nodes: list[Any], constants: dict[str, Any], x: Any, version: int = 17
) -> onnx.ModelProto:
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", kind, [None] * x.ndim)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)


def run(model: onnx.ModelProto, x: Any) -> Any:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(["y"], {"x": x})[0]


@pytest.mark.parametrize("version", [11, 13, 17, 18, 21])
def test_numbers_on_the_grid_come_out_exactly(version: int) -> None:
    # Row scales 1 and 1/127, column scales 1: everything is an integer on its grid.
    x = np.array([[127, -3, 0], [1, 0, -1]], np.float32)
    w = np.array([[63, 1], [2, -63], [0, 5]], np.float32)
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": w}, x, version)
    assert quantize_graph(model, bits=7, seen={}) == 1
    np.testing.assert_allclose(run(model, x), x @ w, rtol=1e-6)


def test_gemm_and_its_bias_are_kept() -> None:
    x = np.array([[127, -3, 0], [127, 0, -1]], np.float32)
    w = np.array([[63, 1, 0], [2, -63, 4]], np.float32)
    constants = {"w": w, "b": np.array([10, -20], np.float32)}
    gemm = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)
    model = model_of([gemm], constants, x)
    assert quantize_graph(model, bits=7, seen={}) == 1
    np.testing.assert_allclose(run(model, x), x @ w.T + [10, -20], rtol=1e-6)


@pytest.mark.parametrize("settings", [{"alpha": 2.0}, {"beta": 0.5}, {"transA": 1}])
def test_a_gemm_that_does_more_is_left_alone(settings: dict[str, Any]) -> None:
    x = np.ones((2, 2), np.float32)
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"], **settings)
    model = model_of([gemm], {"w": np.ones((2, 2), np.float32)}, x)
    assert quantize_graph(model, bits=8, seen={}) == 0
    assert [node.op_type for node in model.graph.node] == ["Gemm"]


def test_rows_of_a_large_table_are_within_half_a_step() -> None:
    table = np.random.default_rng(0).standard_normal((1500, 8)).astype(np.float32)
    ids = np.array([[0, 1499], [7, 7]])
    model = model_of([helper.make_node("Gather", ["t", "x"], ["y"])], {"t": table}, ids)
    assert quantize_graph(model, bits=7, seen={}) == 1
    step = np.abs(table[ids]).max(-1, keepdims=True) / 127
    assert (np.abs(run(model, ids) - table[ids]) <= step * 0.50001).all()


def test_a_row_of_zeros_gives_zeros() -> None:
    x = np.zeros((1, 3), np.float32)
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((3, 2), np.float32)}, x
    )
    quantize_graph(model, bits=8, seen={})
    np.testing.assert_array_equal(run(model, x), np.zeros((1, 2)))


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_a_channel_that_towers_above_the_others_leaves_them_their_steps() -> None:
    x = np.array([[100, 0.3, -0.2, 0.4]], np.float32)
    w = np.array([[0.01, 0], [1, 2], [2, 1], [1, 1]], np.float32)
    product = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    plain, even = model_of(product, {"w": w}, x), model_of(product, {"w": w}, x)
    quantize_graph(plain, bits=8, seen={})
    quantize_graph(even, bits=8, seen={"x": np.concatenate([x, -x])})
    missed = [np.abs(run(model, x) - x @ w).max() for model in (plain, even)]
    assert missed[0] > 0.3  # a step is 100 / 127
    assert missed[1] < 0.05


def test_rows_of_one_size_share_a_scale_and_the_bias_is_part_of_the_product() -> None:
    # What was seen is -85..170, so a step is 1.15 and the zero at a third of 255.
    x = 1.15 * np.array([[-74, 2, 140], [100, 1, -3]], np.float32)
    w = np.array([[127, 1], [2, -127], [0, 5]], np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["b", "p"], ["y"]),
    ]
    model = model_of(nodes, {"w": w, "b": np.array([3, 4], np.float32)}, x)
    quantize_graph(model, bits=8, seen={"x": np.array([[-85, 0, 100], [0, 90, 170]], np.float32)})
    assert operators(model) == ["QuantizeLinear", "MatMulIntegerToFloat"]
    np.testing.assert_allclose(run(model, x), x @ w + [3, 4], rtol=1e-5)


def test_rows_of_many_sizes_have_a_scale_each() -> None:
    x = np.array([[127, -3, 90], [1.27, 1, -0.03]], np.float32)
    w = np.array([[127, 1], [2, -127], [0, 5]], np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    model = model_of(nodes, {"w": w, "b": np.array([3, 4], np.float32)}, x)
    seen = np.array([[1, -1, 1], [1, -1, 1], [9, -9, 9]], np.float32)
    quantize_graph(model, bits=8, seen={"x": seen})
    assert "ReduceMax" in operators(model)
    np.testing.assert_allclose(run(model, x), x @ w + [3, 4], rtol=1e-5)


@pytest.mark.parametrize("steady", [True, False])
def test_what_else_reads_a_product_still_gets_it_without_the_bias(steady: bool) -> None:
    x = np.array([[127, -127]], np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["q"]),
        helper.make_node("Mul", ["p", "q"], ["y"]),
    ]
    constants = {"w": np.eye(2, dtype=np.float32), "b": np.array([1, 2], np.float32)}
    model = model_of(nodes, constants, x)
    quantize_graph(model, bits=8, seen={"x": x} if steady else {})
    np.testing.assert_allclose(run(model, x), x * (x + np.array([1, 2])), rtol=0.02)


def test_a_bias_that_makes_the_result_wider_is_added_after() -> None:
    x = np.array([[127, -127]], np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    constants = {"w": np.ones((2, 1), np.float32), "b": np.array([1, 2, 3], np.float32)}
    model = model_of(nodes, constants, x)
    quantize_graph(model, bits=8, seen={"x": x})
    assert operators(model)[-1] == "Add"
    np.testing.assert_allclose(run(model, x), [[1, 2, 3]], atol=1e-3)


def test_values_that_stay_above_zero_use_the_whole_byte() -> None:
    # The least value is at 0 and the largest at 255, in steps of 1.
    x = np.array([[-1, 0, 254], [0, 1, 254]], np.float32)
    w = np.array([[63, 1], [2, -63], [0, 5]], np.float32)
    gemm = [helper.make_node("Gemm", ["x", "w", "b"], ["y"])]
    model = model_of(gemm, {"w": w, "b": np.array([3, 4], np.float32)}, x)
    quantize_graph(model, bits=7, seen={"x": x})
    np.testing.assert_allclose(run(model, x), x @ w + [3, 4], rtol=1e-6)


def test_what_goes_below_the_range_is_clipped_and_never_wraps() -> None:
    x = np.array([[-50, 0, 254]], np.float32)
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.eye(3, dtype=np.float32)}, x
    )
    quantize_graph(model, bits=8, seen={"x": np.array([[-1, 0, 254]], np.float32)})
    np.testing.assert_allclose(run(model, x), [[-1, 0, 254]], atol=1e-3)


def test_what_is_small_beside_the_calibration_is_not_cut_off_below() -> None:
    x = np.array([[-0.9, 0, 0.5]], np.float32)
    w = np.eye(3, dtype=np.float32)
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": w}, x)
    quantize_graph(model, bits=8, seen={"x": np.array([[-1, 0, 63]], np.float32)})
    np.testing.assert_allclose(run(model, x), x, atol=0.15)  # a step is 1/4


def test_activations_are_the_same_every_time_and_find_gelu(minilm: Path) -> None:
    graph = read_graph(minilm / "onnx/model_int8.onnx")
    # The last product of the packaged graph, whose factor is GELU's output.
    model = onnx.load(str(graph.path))
    names = ["gelu", "layer_norm"]
    first, again = (measure(model, names, graph, minilm / "tokenizer.json") for _ in range(2))
    assert -0.1701 < first["gelu"].min() < -0.1699
    assert first["layer_norm"].shape == (len(first["gelu"]), 384)
    for name in names:
        np.testing.assert_array_equal(first[name], again[name])


def test_each_factor_is_listed_once() -> None:
    x = np.ones((2, 2), np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], [name]) for name in ("a", "b")]
    nodes.append(helper.make_node("MatMul", ["a", "b"], ["y"]))
    assert factors_of_products(model_of(nodes, {"w": x}, x).graph) == ["x"]


def test_seven_bits_never_overflow_sixteen() -> None:
    w = np.full((4, 1), -9.0, np.float32)
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": w}, w.T)
    quantize_graph(model, bits=7, seen={})
    weights = next(
        numpy_helper.to_array(c) for c in model.graph.initializer if c.data_type == TensorProto.INT8
    )
    assert weights.tolist() == [[-63]] * 4
    assert 2 * 255 * 63 < 2**15 < 2 * 255 * 127


def test_attention_of_a_real_graph_is_written_anew(int8: Path, vnni: Path) -> None:
    graphs = [onnx.load(str(folder / "onnx/model_int8.onnx")) for folder in (int8, vnni)]
    counts = [operators(graph).count for graph in graphs]
    assert [count("QAttention") for count in counts] == [0, 6]
    assert [count("Softmax") for count in counts] == [6, 0]
    assert [count("IsNaN") for count in counts] == [0, 0]


@pytest.mark.parametrize("target", ["int8", "vnni"])
def test_a_vector_has_the_same_bits_in_any_batch_order_and_number_of_threads(
    target: str, request: pytest.FixtureRequest
) -> None:
    int8: Path = request.getfixturevalue(target)
    encoder = OnnxText(TextSettings(path=str(int8)))
    assert encoder.batches
    assert not read_graph(int8 / "onnx/model_int8.onnx").depends_on_batch
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_array_equal(encoder.encode(TEXTS), alone)
    np.testing.assert_array_equal(encoder.encode(TEXTS[::-1])[::-1], alone)
    np.testing.assert_array_equal(encoder.encode(TEXTS[::3]), alone[::3])
    for threads in (2, 4, 8):
        many = OnnxText(TextSettings(path=str(int8), threads=threads))
        np.testing.assert_array_equal(many.encode(TEXTS), alone)


@pytest.mark.parametrize("target", ["int8", "vnni"])
def test_int8_stays_near_the_floats_it_was_made_from(
    minilm: Path, target: str, request: pytest.FixtureRequest
) -> None:
    int8: Path = request.getfixturevalue(target)
    wanted = OnnxText(TextSettings(path=str(minilm))).encode(TEXTS)
    made = OnnxText(TextSettings(path=str(int8), precision="int8")).encode(TEXTS)
    cosines = (wanted * made).sum(axis=1)
    assert cosines.mean() >= 0.995
    assert cosines.min() >= 0.97


def test_the_manifest_says_what_it_was_made_from(minilm: Path, int8: Path) -> None:
    manifest = json.loads((int8 / "onnx/quantization.json").read_text())
    assert (manifest["target"], manifest["weight_bits"]) == ("any", 7)
    source = kernels.blake3(str(minilm / "onnx/model_int8.onnx"))
    assert manifest["source"] == {"file": "model_int8.onnx", "blake3": [source]}
    graph = int8 / manifest["graph"]["file"]
    assert manifest["graph"]["blake3"] == kernels.blake3(str(graph))
    assert graph.stat().st_size < 24e6


def test_the_same_graph_is_made_every_time(minilm: Path, int8: Path, tmp_path: Path) -> None:
    again = quantize(minilm, tmp_path / "again")
    assert again == json.loads((int8 / "onnx/quantization.json").read_text())


def test_weights_of_other_frameworks_stay_behind(minilm: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(minilm, tmp_path / "whole")
    (tmp_path / "whole" / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "whole" / "LICENSE").write_text("Apache-2.0")
    quantize(tmp_path / "whole", tmp_path / "made", target="vnni")
    files = {f.relative_to(tmp_path / "made").as_posix() for f in (tmp_path / "made").rglob("*.*")}
    assert {"tokenizer.json", "1_Pooling/config.json", "onnx/model_int8.onnx"} <= files
    assert "model.safetensors" not in files
    assert (tmp_path / "made" / "LICENSE").is_file()


def test_nothing_is_written_over(tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is there already; give a folder that isn't"):
        quantize(tiny(), tmp_path)


def test_an_unknown_target_is_named(tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'any', 'vnni' or 'arm64', got 'sse'"):
        quantize(tiny(), tmp_path / "made", target="sse")  # type: ignore[arg-type]


def test_a_graph_without_products_is_refused(tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nothing to quantize; give the fp32 graph"):
        quantize(tiny(), tmp_path / "made")
    assert not (tmp_path / "made").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny"]


def test_inputs_that_no_text_encoder_has_are_named(
    tiny: Callable[..., Path], proto: Any, tmp_path: Path
) -> None:
    folder = tiny(proto.graph_bytes(inputs=("input_ids", "decoder_input_ids")))
    with pytest.raises(ModelFileError, match=r"inputs input_ids, decoder_input_ids, .* extractor"):
        quantize(folder, tmp_path / "made")


def test_a_graph_that_does_not_open_is_refused(
    tiny: Callable[..., Path], proto: Any, tmp_path: Path
) -> None:
    folder = tiny(proto.graph_bytes(nodes=(proto.node("Nonsense", ("input_ids",), ("y",)),)))
    with pytest.raises(ModelFileError, match=r"can't open .*model\.onnx .* export it again"):
        quantize(folder, tmp_path / "made")


def test_a_folder_without_a_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no folder .* fp32 graph"):
        quantize(tmp_path / "none", tmp_path / "made")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=r"no ONNX graph in .* export the model"):
        quantize(tmp_path / "empty", tmp_path / "made")


def test_a_place_that_cannot_be_written_is_named(tiny: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match=r"can't write the encoder folder .* another folder"):
        quantize(tiny(), tmp_path / "file" / "made")


def test_without_onnx_it_says_what_to_install(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(PluginError, match=r"needs the package onnx.*pip install 'penchant-onnx\["):
        quantize(tiny(), tmp_path / "made")


def test_the_command_makes_the_folder(
    minilm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = str(tmp_path / "made")
    with pytest.raises(SystemExit) as ended:
        main(["onnx", "quantize", str(minilm), "-o", made, "--target", "arm64", "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["target"] == "arm64"
    with pytest.raises(SystemExit) as ended:
        main(["onnx", "quantize", str(minilm), "-o", made])
    assert ended.value.code == 1
    assert "is there already" in capsys.readouterr().err
