"""The graph rewrite behind our int8: one activation scale a token, computed as the graph runs.

The usual dynamic quantization takes one scale for a whole activation tensor, so that a text's
vector changes with the texts beside it. Here each row x of a product x W has a scale of its own,
s = max|x| / 127, and each column of W too, t = max|w| / limit:

    x W  ~  s (round(x / s) round(W / t)) t

The product in the middle is one of integers, exact in any order; all else is done value by value or
along one row. So nothing of one row reaches another. (A scale a token: Yao et al., "ZeroQuant",
2022, section 3.1, token-wise quantization.)

Channels that get much larger than others (calibration.py) are made smaller before, and the matrix's
rows larger: x W = (x / d) (d W). Activations that never get far below zero, such as GELU's, are
shifted to use all of 0..255, and what the shift adds is taken from the result, once a column.

Activations are 8-bit, weights 8-bit or 7-bit. x86 before VNNI adds two products in 16 bits, which
overflow from 8-bit weights: 2 * 255 * 127 > 2^15, while 2 * 255 * 63 is below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant_onnx.calibration import Range

# Below this many rows a table is left as it is: positions, token types.
_TABLE_ROWS = 1024
# Channels are evened out where one peaks so many times above the median, and values are shifted
# where the least is so small beside the largest.
_UNEVEN = 2.0
_SHIFTED = 0.1
_LEAST = 1e-30
# The version of ONNX's operators from which ReduceMax takes its axes as an input.
_AXES_AS_INPUT = 18


def factors_of_products(graph: onnx.GraphProto) -> list[str]:
    """The activations that `graph` multiplies with constant matrices, each once."""
    rewrite = _Rewrite(graph, 8, {}, _AXES_AS_INPUT)
    found = [node.input[0] for node in graph.node if rewrite.constant_factor(node) is not None]
    return list(dict.fromkeys(found))


def quantize_graph(
    model: onnx.ModelProto, *, bits: Literal[7, 8], ranges: Mapping[str, Range]
) -> int:
    """Rewrite the products with constant matrices and the large tables of `model`, in place.

    Takes MatMul and Gemm with a constant (K, N) float matrix on the right, and Gather of whole rows
    of a constant float table. `ranges` of the activations make it finer; without, it is right too.
    Gives how many were rewritten.
    """
    version = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    rewrite = _Rewrite(model.graph, bits, ranges, version)
    rewrite.all()
    if not any(entry.domain == "com.microsoft" for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return rewrite.done


@dataclass(frozen=True)
class _Rows:
    """An activation as the integer product takes it.

    sizes: the largest of each row, which is `steps` steps.
    divisors: (K,) what its channels were divided by, or None. `shift`: what was added to all.
    """

    integers: str
    sizes: str
    steps: int
    zero_point: str
    divisors: npt.NDArray[np.float32] | None
    shift: float


class _Rewrite:
    def __init__(
        self, graph: onnx.GraphProto, bits: int, ranges: Mapping[str, Range], version: int
    ) -> None:
        self.graph = graph
        self.version = version
        self.ranges = ranges
        self.limit = 2 ** (bits - 1) - 1
        self.constants = {one.name: one for one in graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.rows: dict[str, _Rows] = {}
        self.done = 0

    def all(self) -> None:
        for node in self.graph.node:
            if not (self.product(node) or self.table(node)):
                self.nodes.append(node)
        read = {name for node in self.nodes for name in node.input}
        kept = [one for name, one in self.constants.items() if name in read]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend(kept)

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
        rows = self.quantized_rows(x)
        if rows.divisors is not None:
            matrix = matrix * rows.divisors[:, None]
        scale = np.maximum(np.abs(matrix).max(axis=0), _LEAST) / self.limit
        whole = np.rint(matrix / scale)
        weights = self.constant(f"{name}_int8", whole.astype(np.int8))
        # A row's step is its size / steps; the division is done here, once a column.
        columns = self.constant(f"{name}_scale", (scale / rows.steps).astype(np.float32))
        one = self.constant("per_token_one", np.float32(1))
        # ONNX Runtime's own operator: an integer product, scaled by column in the same pass.
        inputs = [rows.integers, weights, one, columns, rows.zero_point]
        value = self.node("MatMulIntegerToFloat", inputs, f"{name}_product", domain="com.microsoft")
        added = [node.input[2]] if len(node.input) > 2 else []
        if rows.shift:
            back = (-rows.shift * (whole * scale).sum(axis=0)).astype(np.float32)
            added.append(self.constant(f"{name}_shift", back))
        value = self.node("Mul", [value, rows.sizes], f"{name}_sum{len(added)}")
        for left in range(len(added) - 1, -1, -1):
            value = self.node("Add", [value, added[left]], f"{name}_sum{left}")
        self.nodes[-1].output[0] = result
        self.done += 1
        return True

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
        if x in self.rows:
            return self.rows[x]
        known = self.ranges.get(x)
        divisors, shift = None, 0.0
        if known is not None and -known.least < _SHIFTED * known.peaks.max():
            shift = max(-known.least, 0.0)
        elif known is not None and known.peaks.max() > _UNEVEN * np.median(known.peaks):
            even = np.sqrt(known.peaks / max(float(np.median(known.peaks)), _LEAST))
            divisors = np.clip(even, 0.1, 100).astype(np.float32)
        value = x
        if divisors is not None:
            value = self.node("Mul", [x, self.constant(f"{x}_evening", 1 / divisors)], f"{x}_even")
        if shift:
            lift = self.constant(f"{x}_shift", np.float32(shift))
            value = sizes = self.node("Add", [x, lift], f"{x}_lifted")
        else:
            sizes = self.node("Abs", [value], f"{x}_abs")
        steps = 255 if shift else 127
        largest = self.constant(f"per_token_{steps}", np.float32(steps))
        least = self.constant("per_token_least", np.float32(_LEAST))
        one = self.constant("per_token_one", np.float32(1))
        zero = 0 if shift else 128
        zero_point = self.constant(f"per_token_zero_at_{zero}", np.uint8(zero))
        size = self.largest_of_rows(sizes, f"{x}_size")
        above = self.node("Max", [size, least], f"{x}_above_zero")
        inverse = self.node("Div", [largest, above], f"{x}_inverse")
        scaled = self.node("Mul", [value, inverse], f"{x}_scaled")
        rounded = self.node("QuantizeLinear", [scaled, one, zero_point], f"{x}_uint8")
        self.rows[x] = _Rows(rounded, above, steps, zero_point, divisors, shift)
        return self.rows[x]

    def largest_of_rows(self, x: str, result: str) -> str:
        if self.version < _AXES_AS_INPUT:
            return self.node("ReduceMax", [x], result, axes=[-1], keepdims=1)
        axis = self.constant("per_token_last_axis", np.array([-1], np.int64))
        return self.node("ReduceMax", [x, axis], result, keepdims=1)

    def matrix(self, node: onnx.NodeProto, position: int) -> npt.NDArray[np.float32] | None:
        constant = self.constants.get(node.input[position])
        if constant is None or constant.data_type != TensorProto.FLOAT or len(constant.dims) != 2:
            return None
        return numpy_helper.to_array(constant)

    def constant(self, name: str, value: Any) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(self, operator: str, inputs: list[str], result: str, **settings: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [result], **settings))
        return result
