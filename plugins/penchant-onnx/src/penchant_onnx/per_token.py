"""The graph rewrite behind our int8: products of integers, the same for a text in any batch.

The usual dynamic quantization takes one scale for a whole activation tensor, so that a text's
vector changes with the texts beside it. Here each row x of a product x W has a scale s, and each
column of W one too, t = max|w| / limit:

    x W  ~  s (round(x / s) round(W / t)) t

The product in the middle is one of integers, exact in any order; all else is done value by value or
along one row. So nothing of one row reaches another.

Where rows are all about as large, as behind a layer normalization, s is a constant, known from a
calibration (calibration.py): then rounding is one pass, and scales and bias go into the product's
own. Where they aren't, as behind GELU, it is found as the graph runs, s = max|x| / 127. (A scale a
token: Yao et al., "ZeroQuant", 2022, section 3.1, token-wise quantization.)

Channels that get much larger than others are made smaller before, and the matrix's rows larger:
x W = (x / d) (d W). Activations that never get far below zero, such as GELU's, have their zero low
in 0..255, so that few steps are spent on what is below.

Activations are 8-bit, weights 8-bit or 7-bit. x86 before VNNI adds two products in 16 bits, which
overflow from 8-bit weights: 2 * 255 * 127 > 2^15, while 2 * 255 * 63 is below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from penchant_onnx.attention import MASK, keep

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant_onnx.attention import Attention

# Below this many rows a table is left as it is: positions, token types.
_TABLE_ROWS = 1024
# Channels are evened out where one peaks so many times above the median, and zero is put low where
# the least is so small beside the largest.
_UNEVEN = 2.0
_ONE_SIDED = 0.1
# One scale serves all rows where the median row is at least this share of the largest. Rounding
# weights to 7 bits takes most of the error that we allow, and leaves less to this.
_STEADY = {7: 0.65, 8: 0.25}
# A row may be larger than all of the calibration by this factor and isn't clipped yet.
_ROOM = 1.15
_LEAST = 1e-30
# The version of ONNX's operators from which ReduceMax takes its axes as an input.
_AXES_AS_INPUT = 18


def factors_of_products(graph: onnx.GraphProto) -> list[str]:
    """The activations that `graph` multiplies with constant matrices, each once."""
    rewrite = _Rewrite(graph, 8, {}, _AXES_AS_INPUT)
    found = [node.input[0] for node in graph.node if rewrite.constant_factor(node) is not None]
    return list(dict.fromkeys(found))


def quantize_graph(
    model: onnx.ModelProto,
    *,
    bits: Literal[7, 8],
    seen: Mapping[str, npt.NDArray[np.float32]],
    layers: Sequence[Attention] = (),
) -> int:
    """Rewrite the products with constant matrices and the large tables of `model`, in place.

    Takes MatMul and Gemm with a constant (K, N) float matrix on the right, and Gather of whole rows
    of a constant float table. `seen`: activations (n, K) as calibration.py measures them, which
    make it finer and faster; without, it is right too. `layers`: what attention.py wrote, which
    becomes one operator where x has one scale for all rows.
    Gives how many were rewritten.
    """
    version = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    rewrite = _Rewrite(model.graph, bits, seen, version, layers)
    rewrite.all()
    if not any(entry.domain == "com.microsoft" for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return rewrite.done


@dataclass(frozen=True)
class _Rows:
    """An activation as the integer product takes it: x = step (integers - zero point) divisors.

    step: the scale's constant. `sizes`: what each row is to be multiplied with besides, or None.
    divisors: (K,) what its channels were divided by, or None.
    """

    integers: str
    zero_point: str
    step: str
    sizes: str | None
    divisors: npt.NDArray[np.float32] | None


def evening(known: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32] | None:
    """(K,) what to divide the channels of activations (n, K) by, or None where they are even."""
    if known is None:
        return None
    peaks = np.abs(known).max(axis=0)
    if not peaks.max() > _UNEVEN * np.median(peaks):
        return None
    divisors = np.sqrt(peaks / max(float(np.median(peaks)), _LEAST))
    clipped: npt.NDArray[np.float32] = np.clip(divisors, 0.1, 100).astype(np.float32)
    return clipped


@dataclass(frozen=True)
class _Product:
    """rows (scale integers) + bias: the (K, N) integers, and a scale and a bias a column."""

    rows: _Rows
    integers: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


class _Rewrite:
    def __init__(
        self,
        graph: onnx.GraphProto,
        bits: int,
        seen: Mapping[str, npt.NDArray[np.float32]],
        version: int,
        layers: Sequence[Attention] = (),
    ) -> None:
        self.graph = graph
        self.version = version
        self.seen = seen
        self.steadiness = _STEADY[bits]
        self.limit = 2 ** (bits - 1) - 1
        self.constants = {one.name: one for one in graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.results = {layer.result: layer for layer in layers}
        self.products = {one: layer for layer in layers for one in layer.products}
        self.aside: dict[str, _Product] = {}
        self.evened: dict[str, npt.NDArray[np.float32]] = {}
        self.rows: dict[str, _Rows] = {}
        self.absorbed: set[str] = set()
        self.done = 0

    def all(self) -> None:
        for node in self.graph.node:
            if self.absorbed.intersection(node.output):
                continue
            if not (self.attention(node) or self.product(node) or self.table(node)):
                self.nodes.append(node)
        keep(self.graph, self.nodes, self.constants.values())

    def constant_factor(self, node: onnx.NodeProto) -> npt.NDArray[np.float32] | None:
        """The constant (K, N) on the right of a plain product, or None for any other node."""
        if node.op_type not in ("MatMul", "Gemm"):
            return None
        matrix = self.matrix(node, 1)
        said = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if said.get("transA") or said.get("alpha", 1) != 1 or said.get("beta", 1) != 1:
            return None
        return matrix.T if matrix is not None and said.get("transB") else matrix

    def product(self, node: onnx.NodeProto) -> bool:
        matrix = self.constant_factor(node)
        if matrix is None:
            return False
        x, name, result = node.input[0], f"{node.input[1]}_{node.output[0]}", node.output[0]
        bias = node.input[2] if len(node.input) > 2 else ""
        added = None if bias else self.bias_after(result)
        if added is not None:
            bias = next(one for one in added.input if one != result)
            result = added.output[0]
            self.absorbed.add(result)
            ahead = self.even_ahead(node.output[0])
            if ahead is not None:
                matrix = matrix / ahead
                bias = self.constant(f"{name}_bias", self.array(bias) / ahead)
        rows = self.quantized_rows(x)
        if rows.divisors is not None:
            matrix = matrix * rows.divisors[:, None]
        scale = (np.maximum(np.abs(matrix).max(axis=0), _LEAST) / self.limit).astype(np.float32)
        integers = np.rint(matrix / scale).astype(np.int8)
        if node.output[0] in self.products and rows.sizes is None:
            self.aside[node.output[0]] = _Product(rows, integers, scale, self.array(bias))
            return True
        weights = self.constant(f"{name}_int8", integers)
        columns = self.constant(f"{name}_scale", scale)
        # ONNX Runtime's own operator: an integer product, scaled and moved in the same pass.
        inputs = [rows.integers, weights, rows.step, columns, rows.zero_point]
        value = f"{name}_product"
        if rows.sizes is None and self.is_vector(bias, matrix.shape[1]):
            self.node("MatMulIntegerToFloat", [*inputs, "", bias], value, domain="com.microsoft")
        else:
            self.node("MatMulIntegerToFloat", inputs, value, domain="com.microsoft")
            if rows.sizes is not None:
                value = self.node("Mul", [value, rows.sizes], f"{name}_rows")
            if bias:
                self.node("Add", [value, bias], f"{name}_sum")
        self.nodes[-1].output[0] = result
        self.done += 1
        return True

    def attention(self, node: onnx.NodeProto) -> bool:
        """One operator in place of a layer whose three products were set aside."""
        layer = self.results.get(node.output[0])
        if layer is None or layer.products[0] not in self.aside:
            return False
        parts = [self.aside[one] for one in layer.products]
        x, name = parts[0].rows, layer.result
        weights = np.concatenate([one.integers for one in parts], axis=1)
        # The operator scales scores by itself.
        scales = np.array([layer.size**0.5, 1, 1], np.float32).repeat(weights.shape[1] // 3)
        columns = np.concatenate([one.scale for one in parts]) * scales
        bias = np.concatenate([one.bias for one in parts]) * scales
        inputs = [
            x.integers,
            self.constant(f"{name}_int8", weights),
            self.constant(f"{name}_bias", bias),
            x.step,
            self.constant(f"{name}_scale", columns),
            self.mask(),
            x.zero_point,
        ]
        domain = "com.microsoft"
        self.node("QAttention", inputs, name, domain=domain, num_heads=layer.heads)
        self.done += 3
        return True

    def mask(self) -> str:
        name = "attention_mask_int32"
        if not any(name in node.output for node in self.nodes):
            self.node("Cast", [MASK], name, to=TensorProto.INT32)
        return name

    def even_ahead(self, product: str) -> npt.NDArray[np.float32] | None:
        """What the columns of `product` are divided by, where a later one wants them even."""
        layer = self.products.get(product)
        if layer is None or product != layer.products[2]:
            return None
        result = layer.result
        readers = [node for node in self.graph.node if result in node.input]
        inside = result not in {one.name for one in self.graph.output}
        if inside and all(self.constant_factor(node) is not None for node in readers):
            divisors = evening(self.seen.get(result))
            if divisors is not None:
                self.evened[result] = divisors
            return divisors
        return None

    def bias_after(self, product: str) -> onnx.NodeProto | None:
        """The sum of `product` and a constant vector, where nothing else reads the product."""
        readers = [node for node in self.graph.node if product in node.input]
        if len(readers) != 1 or product in {one.name for one in self.graph.output}:
            return None
        reader: onnx.NodeProto = readers[0]
        others = [one for one in reader.input if one != product]
        if reader.op_type != "Add" or len(others) != 1 or not self.is_vector(others[0], None):
            return None
        return reader

    def is_vector(self, name: str, length: int | None) -> bool:
        """Whether `name` is a constant float vector of `length`, or of any."""
        constant = self.constants.get(name)
        return (
            constant is not None
            and constant.data_type == TensorProto.FLOAT
            and len(constant.dims) == 1
            and (length is None or constant.dims[0] == length)
        )

    def table(self, node: onnx.NodeProto) -> bool:
        table = self.matrix(node, 0) if node.op_type == "Gather" else None
        axis = sum(one.i for one in node.attribute if one.name == "axis")
        if table is None or axis != 0 or len(table) < _TABLE_ROWS:
            return False
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), _LEAST) / 127
        name, ids, result = node.input[0], node.input[1], node.output[0]
        whole = self.constant(f"{name}_int8", np.rint(table / scale).astype(np.int8))
        scales = self.constant(f"{name}_scale", scale.astype(np.float32))
        rows = self.node("Gather", [whole, ids], f"{result}_int8")
        floats = self.node("Cast", [rows], f"{result}_float", to=TensorProto.FLOAT)
        scale_rows = self.node("Gather", [scales, ids], f"{result}_scale")
        self.node("Mul", [floats, scale_rows], result)
        self.done += 1
        return True

    def quantized_rows(self, x: str) -> _Rows:
        """The rows of `x` as uint8; made once for all products that read `x`."""
        if x not in self.rows:
            known = self.seen.get(x)
            low = known is not None and -known.min() < _ONE_SIDED * known.max()
            if known is not None and low and x not in self.evened:
                self.rows[x] = self.one_sided(x, known)
            else:
                self.rows[x] = self.two_sided(x, known)
        return self.rows[x]

    def two_sided(self, x: str, known: npt.NDArray[np.float32] | None) -> _Rows:
        """Zero in the middle of 0..255, and 127 steps to the largest of all rows or of each."""
        value, divisors = x, evening(known)
        if divisors is not None and x not in self.evened:
            value = self.node("Mul", [x, self.constant(f"{x}_evening", 1 / divisors)], f"{x}_even")
        if known is not None:
            even = known if divisors is None else known / divisors
            sizes = np.abs(even).max(axis=1)
            if np.median(sizes) >= self.steadiness * sizes.max() > 0:
                return self.steady(value, even, divisors)
        magnitudes = self.node("Abs", [value], f"{x}_abs")
        return self.by_row(value, magnitudes, 128, 127, _LEAST, divisors)

    def steady(
        self,
        x: str,
        known: npt.NDArray[np.float32],
        divisors: npt.NDArray[np.float32] | None,
    ) -> _Rows:
        """The same scale for every row: 0..255 is all that was seen, and some room."""
        lowest, highest = min(float(known.min()), 0.0), max(float(known.max()), _LEAST)
        step = self.constant(f"{x}_step", np.float32(_ROOM * (highest - lowest) / 255))
        zero = round(255 * -lowest / (highest - lowest))
        zero_point = self.constant(f"zero_at_{zero}", np.uint8(zero))
        integers = self.node("QuantizeLinear", [x, step, zero_point], f"{x}_uint8")
        return _Rows(integers, zero_point, step, None, divisors)

    def one_sided(self, x: str, known: npt.NDArray[np.float32]) -> _Rows:
        """Zero where it leaves the median row the most steps, and none is cut off below."""
        below = max(float(-known.min()), 0.0)
        typical = max(float(np.median(known.max(axis=1))), _LEAST)
        zero = min(int(np.ceil(255 * below / (below + typical))), 127)
        steps = 255 - zero
        return self.by_row(x, x, zero, steps, max(_LEAST, below * steps / max(zero, 1)), None)

    def by_row(
        self,
        x: str,
        magnitudes: str,
        zero: int,
        steps: int,
        least: float,
        divisors: npt.NDArray[np.float32] | None,
    ) -> _Rows:
        """The largest of `magnitudes`, or `least` where it is more, is `steps` steps of its row."""
        size = self.largest_of_rows(magnitudes, f"{x}_largest")
        size = self.node("Max", [size, self.constant(f"{x}_least", np.float32(least))], f"{x}_size")
        whole = self.constant(f"steps_{steps}", np.float32(steps))
        inverse = self.node("Div", [whole, size], f"{x}_inverse")
        scaled = self.node("Mul", [x, inverse], f"{x}_scaled")
        one = self.constant("step_1", np.float32(1))
        zero_point = self.constant(f"zero_at_{zero}", np.uint8(zero))
        integers = self.node("QuantizeLinear", [scaled, one, zero_point], f"{x}_uint8")
        # A row's step is its size / steps; the division is the product's, once a column.
        step = self.constant(f"one_of_{steps}", np.float32(1 / steps))
        return _Rows(integers, zero_point, step, size, divisors)

    def largest_of_rows(self, x: str, result: str) -> str:
        if self.version < _AXES_AS_INPUT:
            return self.node("ReduceMax", [x], result, axes=[-1], keepdims=1)
        axis = self.constant("last_axis", np.array([-1], np.int64))
        return self.node("ReduceMax", [x, axis], result, keepdims=1)

    def matrix(self, node: onnx.NodeProto, position: int) -> npt.NDArray[np.float32] | None:
        constant = self.constants.get(node.input[position])
        if constant is None or constant.data_type != TensorProto.FLOAT or len(constant.dims) != 2:
            return None
        return numpy_helper.to_array(constant)

    def array(self, name: str) -> npt.NDArray[np.float32]:
        return numpy_helper.to_array(self.constants[name])

    def constant(self, name: str, value: Any) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(self, operator: str, inputs: list[str], result: str, **settings: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [result], **settings))
        return result
