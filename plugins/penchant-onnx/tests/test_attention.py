"""Attention written anew: whichever way it was written, the numbers stay, or the graph does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from penchant_onnx.attention import rewrite
from penchant_onnx.calibration import probe
from penchant_onnx.graph import Graph
from penchant_onnx.per_token import quantize_graph
from penchant_onnx.session import feeds

WIDTH, HEADS, SIZE, WORDS = 8, 2, 4, 20
TEXTS = [[3, 4, 5], [1, 2, 3, 4, 5, 6, 7], [9]]
GRAPH = Graph(
    path=Path("model.onnx"),
    inputs=("input_ids", "attention_mask"),
    outputs={"last_hidden_state": WIDTH},
    operators=frozenset(),
    external=(),
)


def encoder(way: str = "divided", layers: int = 1) -> onnx.ModelProto:
    """Words, a layer normalization, attention and an output product, `layers` times."""
    chance = np.random.default_rng(0)
    constants: dict[str, Any] = {
        "table": chance.standard_normal((WORDS, WIDTH)),
        "ones": np.ones(WIDTH),
        "zeros": np.zeros(WIDTH),
        "one": np.float32(1),
        "far": np.finfo(np.float32).min,
        "nothing": np.float32(0),
        "little": np.float32(0.1),
        "window": np.float32(5),
        "root": np.float32(SIZE**0.5 if way != "other scale" else 1),
        "fourth_root": np.float32(SIZE**-0.25),
    }
    whole = {
        "mask_axes": np.array([0, 1, 1, -1]),
        "by_head": np.array([HEADS, SIZE]),
        "width": np.array([WIDTH]),
        "flat": np.array([-1, WIDTH]),
        "first_two": np.array([0, 1]),
        "last_axis": np.array(3),
    }
    nodes: list[Any] = []

    def node(operator: str, inputs: list[str], result: str, **settings: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [result], **settings))
        return result

    def masked(scores: str, result: str) -> str:
        if way == "no mask":
            return scores
        if way == "window":
            # All but the first five tokens are hidden.
            scores = node("Add", [scores, "beyond"], f"{result}_near")
        scores = node("Add", [scores, "mask"], result)
        return node("Add", [scores, "more"], f"{result}_more") if way == "more" else scores

    real = node("Cast", ["attention_mask"], "real_float", to=TensorProto.FLOAT)
    real = node("Reshape", [real, "mask_axes"], "real")
    padded = node("Sub", ["one", real], "padded")
    node("Mul", [padded, "far"], "mask")
    # Added to scores besides, as places in the text are in some models.
    ids = node("Cast", ["input_ids"], "ids_float", to=TensorProto.FLOAT)
    ids = node("Reshape", [ids, "mask_axes"], "ids_row")
    node("Mul", [ids, "little"], "more")
    places = node("CumSum", ["real", "last_axis"], "places")
    far = node("Cast", [node("Greater", [places, "window"], "is_far")], "far_float", to=1)
    node("Mul", [far, "far"], "beyond")
    x = node("Gather", ["table", "input_ids"], "words")
    for layer in range(layers):
        p = f"l{layer}_"
        x = node("LayerNormalization", [x, "ones", "zeros"], f"{p}x")
        sizes = node("Shape", [x], f"{p}sizes")
        sizes = node("Gather", [sizes, "first_two"], f"{p}two")
        apart = node("Concat", [sizes, "by_head"], f"{p}apart", axis=0)
        together = node("Concat", [sizes, "width"], f"{p}together", axis=0)
        heads = {}
        for part in ("query", "key", "value"):
            constants[f"{p}{part}_w"] = chance.standard_normal((WIDTH, WIDTH)) / 3
            constants[f"{p}{part}_b"] = chance.standard_normal(WIDTH)
            one = node("MatMul", [x, f"{p}{part}_w"], f"{p}{part}_product")
            one = node("Add", [f"{p}{part}_b", one], f"{p}{part}")
            one = node("Reshape", [one, apart], f"{p}{part}_apart")
            axes = [0, 2, 3, 1] if part == "key" else [0, 2, 1, 3]
            heads[part] = node("Transpose", [one], f"{p}{part}_heads", perm=axes)
            if way == "guarded" and part != "value":
                scaled = node("Mul", [heads[part], "fourth_root"], f"{p}{part}_scaled")
                heads[part] = scaled
        scores = node("MatMul", [heads["query"], heads["key"]], f"{p}scores")
        if way != "guarded":
            scores = node("Div", [scores, "root"], f"{p}scores_scaled")
        shares = node("Softmax", [masked(scores, f"{p}masked")], f"{p}shares", axis=-1)
        if way == "guarded":
            none = node("IsNaN", [shares], f"{p}none")
            shares = node("Where", [none, "nothing", shares], f"{p}guarded")
        mixed = node("MatMul", [shares, heads["value"]], f"{p}mixed")
        mixed = node("Transpose", [mixed], f"{p}beside", perm=[0, 2, 1, 3])
        mixed = node("Reshape", [mixed, together], f"{p}attention")
        if way == "flat":
            mixed = node("Reshape", [mixed, "flat"], f"{p}flat")
        constants[f"{p}out"] = chance.standard_normal((WIDTH, WIDTH)) / 3
        product = "Gemm" if way == "flat" else "MatMul"
        x = node(product, [mixed, f"{p}out"], f"{p}product")
        if way == "flat":
            x = node("Reshape", [x, together], f"{p}result")
    nodes[-1].output[0] = "last_hidden_state"
    tensors = [numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in constants.items()]
    tensors += [numpy_helper.from_array(v, n) for n, v in whole.items()]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "encoder",
        [value(name, TensorProto.INT64, ["batch", "tokens"]) for name in GRAPH.inputs],
        [value("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", WIDTH])],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto, texts: list[list[int]]) -> list[Any]:
    """(tokens, WIDTH) of each text, run together."""
    (states,) = probe(model, ["last_hidden_state"]).run(None, feeds(GRAPH, texts, 0))
    return [state[: len(ids)] for state, ids in zip(states, texts, strict=True)]


def seen(model: onnx.ModelProto, *names: str) -> dict[str, Any]:
    """The activations called `names`, a row a token."""
    session = probe(model, names)
    found = [session.run(names, feeds(GRAPH, [ids], 0)) for ids in TEXTS]
    rows = [np.concatenate([one[0] for one in part]) for part in zip(*found, strict=True)]
    return dict(zip(names, rows, strict=True))


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("way", ["divided", "guarded"])
@pytest.mark.parametrize("layers", [1, 3])
def test_ways_to_write_attention_come_out_as_one(way: str, layers: int) -> None:
    model = encoder(way, layers)
    wanted = run(model, TEXTS)
    found = rewrite(model, GRAPH, TEXTS)
    assert [one.result for one in found] == [f"l{layer}_attention" for layer in range(layers)]
    assert {(one.heads, one.size) for one in found} == {(HEADS, SIZE)}
    assert {"Shape", "Concat", "Div", "Where", "IsNaN"}.isdisjoint(operators(model))
    # The mask once for all layers; then a layer's norm, 4 products, 3 biases, 2 + 2 around softmax.
    assert len(model.graph.node) == 5 + layers * (1 + 4 + 3 + 6 + 4 + 2)
    for one, other in zip(wanted, run(model, TEXTS), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    onnx.checker.check_model(model)


@pytest.mark.parametrize("way", ["more", "no mask", "window", "other scale", "flat"])
def test_attention_that_does_more_or_less_stays_as_it_is(way: str) -> None:
    model = encoder(way, 2)
    before = model.SerializeToString()
    assert rewrite(model, GRAPH, TEXTS) == []
    assert model.SerializeToString() == before


def test_a_mask_is_missed_only_beside_a_longer_text() -> None:
    # So the proof needs texts of different lengths: alone, nothing is masked.
    model = encoder("no mask")
    assert rewrite(model, GRAPH, TEXTS[:1]) != []


def test_a_graph_without_a_mask_stays_as_it_is() -> None:
    bare = Graph(Path("model.onnx"), ("input_ids",), {}, frozenset(), ())
    assert rewrite(encoder(), bare, TEXTS) == []


def test_rows_of_one_size_make_a_layer_one_operator() -> None:
    model = encoder(layers=2)
    wanted = run(model, TEXTS)
    layers = rewrite(model, GRAPH, TEXTS)
    known = seen(model, "l0_x", "l0_attention", "l1_x", "l1_attention")
    assert quantize_graph(model, bits=8, seen=known, layers=layers) == 2 * 4
    assert operators(model).count("QAttention") == 2
    assert {"Softmax", "Transpose", "MatMul"}.isdisjoint(operators(model))
    largest = np.abs(np.concatenate(wanted)).max()
    for one, other in zip(wanted, run(model, TEXTS), strict=True):
        assert np.abs(one - other).max() < 0.05 * largest
    for ids, together in zip(TEXTS, run(model, TEXTS), strict=True):
        np.testing.assert_array_equal(run(model, [ids])[0], together)


def test_rows_of_many_sizes_keep_the_operators() -> None:
    model = encoder()
    wanted = run(model, TEXTS)
    layers = rewrite(model, GRAPH, TEXTS)
    assert quantize_graph(model, bits=8, seen={}, layers=layers) == 4
    assert "QAttention" not in operators(model)
    assert operators(model).count("Softmax") == 1
    largest = np.abs(np.concatenate(wanted)).max()
    for one, other in zip(wanted, run(model, TEXTS), strict=True):
        assert np.abs(one - other).max() < 0.05 * largest


@pytest.mark.parametrize("steady", [True, False])
def test_channels_of_values_are_evened_out_where_they_are_made(steady: bool) -> None:
    model = encoder()
    values = next(one for one in model.graph.initializer if one.name == "l0_value_w")
    towering = numpy_helper.to_array(values).copy()
    towering[:, 3] *= 100
    values.CopyFrom(numpy_helper.from_array(towering, "l0_value_w"))
    wanted = run(model, TEXTS)
    layers = rewrite(model, GRAPH, TEXTS)
    known = seen(model, "l0_x", "l0_attention")
    if not steady:
        del known["l0_x"]
    quantize_graph(model, bits=8, seen=known, layers=layers)
    # Nothing but the rows' own sizes is multiplied on the way to the output.
    assert not any(name.endswith("_even") for node in model.graph.node for name in node.output)
    largest = np.abs(np.concatenate(wanted)).max()
    for one, other in zip(wanted, run(model, TEXTS), strict=True):
        assert np.abs(one - other).max() < 0.05 * largest


def test_values_that_something_else_reads_keep_their_sizes() -> None:
    model = encoder()
    model.graph.output.append(
        helper.make_tensor_value_info("l0_attention", TensorProto.FLOAT, None)
    )
    wanted = seen(model, "l0_attention")["l0_attention"]
    layers = rewrite(model, GRAPH, TEXTS)
    uneven = np.outer(np.ones(3), [1, 1, 1, 1, 1, 1, 1, 50]).astype(np.float32)
    quantize_graph(model, bits=8, seen={"l0_attention": uneven}, layers=layers)
    found = seen(model, "l0_attention")["l0_attention"]
    np.testing.assert_allclose(found, wanted, atol=0.05 * np.abs(wanted).max())
