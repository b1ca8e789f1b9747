"""The graph rewrite behind our int8: one activation scale a token, computed as the graph runs.

The usual dynamic quantization takes one scale for a whole activation tensor, so that a text's
vector changes with the texts beside it. Here each row x of a product x W has a scale of its own,
s = max|x| / 127, and each column of W too, t = max|w| / limit:

    x W  ~  s (round(x / s) round(W / t)) t

The product in the middle is one of integers, exact in any order; all else is done value by value or
along one row. So nothing of one row reaches another. (A scale a token: Yao et al., "ZeroQuant",
2022, section 3.1, token-wise quantization.)

Activations are 8-bit, weights 8-bit or 7-bit. x86 before VNNI adds two products in 16 bits, which
overflow from 8-bit weights: 2 * 255 * 127 > 2^15, while 2 * 255 * 63 is below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    import numpy.typing as npt

# Below this many rows a table is left as it is: positions, token types.
_TABLE_ROWS = 1024
_ZERO_POINT = 128


def quantize_graph(model: onnx.ModelProto, *, bits: Literal[7, 8]) -> int:
    """Rewrite the products with constant matrices and the large tables of `model`, in place.

    Takes MatMul and Gemm with a constant (K, N) float matrix on the right, and Gather of whole rows
    of a constant float table. Gives how many were rewritten.
    """
    rewrite = _Rewrite(model.graph, bits)
    rewrite.all()
    if not any(entry.domain == "com.microsoft" for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return rewrite.done


class _Rewrite:
    def __init__(self, graph: onnx.GraphProto, bits: int) -> None:
        self.graph = graph
        self.limit = 2 ** (bits - 1) - 1
        self.constants = {one.name: one for one in graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.rows: dict[str, tuple[str, str]] = {}
        self.done = 0

    def all(self) -> None:
        for node in self.graph.node:
            if not (self.matmul(node) or self.gemm(node) or self.table(node)):
                self.nodes.append(node)
        read = {name for node in self.nodes for name in node.input}
        kept = [one for name, one in self.constants.items() if name in read]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend(kept)

    def matmul(self, node: onnx.NodeProto) -> bool:
        matrix = self.matrix(node, 1) if node.op_type == "MatMul" else None
        if matrix is None:
            return False
        self.product(node.input[0], node.input[1], matrix, node.output[0])
        return True

    def gemm(self, node: onnx.NodeProto) -> bool:
        settings = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        matrix = self.matrix(node, 1) if node.op_type == "Gemm" else None
        plain = settings.get("alpha", 1) == settings.get("beta", 1) == 1
        if matrix is None or settings.get("transA") or not plain:
            return False
        if settings.get("transB"):
            matrix = matrix.T
        biased = len(node.input) > 2
        result = f"{node.output[0]}_product" if biased else node.output[0]
        self.product(node.input[0], f"{node.input[1]}_{node.output[0]}", matrix, result)
        if biased:
            self.node("Add", [result, node.input[2]], node.output[0])
        return True

    def table(self, node: onnx.NodeProto) -> bool:
        table = self.matrix(node, 0) if node.op_type == "Gather" else None
        axis = sum(one.i for one in node.attribute if one.name == "axis")
        if table is None or axis != 0 or len(table) < _TABLE_ROWS:
            return False
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-30) / 127
        name, ids, result = node.input[0], node.input[1], node.output[0]
        whole = self.constant(f"{name}_int8", np.rint(table / scale).astype(np.int8))
        scales = self.constant(f"{name}_scale", scale.astype(np.float32))
        rows = self.node("Gather", [whole, ids], f"{result}_int8")
        floats = self.node("Cast", [rows], f"{result}_float", to=TensorProto.FLOAT)
        scale_rows = self.node("Gather", [scales, ids], f"{result}_scale")
        self.node("Mul", [floats, scale_rows], result)
        self.done += 1
        return True

    def product(self, x: str, name: str, matrix: npt.NDArray[np.float32], result: str) -> None:
        scale = np.maximum(np.abs(matrix).max(axis=0), 1e-30) / self.limit
        weights = self.constant(f"{name}_int8", np.rint(matrix / scale).astype(np.int8))
        columns = self.constant(f"{name}_scale", scale.astype(np.float32))
        one = self.constant("per_token_one", np.float32(1))
        zero_point = self.constant("per_token_zero_point", np.uint8(_ZERO_POINT))
        integers, scales = self.quantized_rows(x)
        # ONNX Runtime's own operator: an integer product, scaled by column in the same pass.
        inputs = [integers, weights, one, columns, zero_point]
        scaled = self.node(
            "MatMulIntegerToFloat", inputs, f"{result}_by_column", domain="com.microsoft"
        )
        self.node("Mul", [scaled, scales], result)
        self.done += 1

    def quantized_rows(self, x: str) -> tuple[str, str]:
        """The rows of `x` as uint8 around 128, and their scales; shared by all that read `x`."""
        if x not in self.rows:
            largest = self.constant("per_token_127", np.float32(127))
            least = self.constant("per_token_least", np.float32(1e-30))
            one = self.constant("per_token_one", np.float32(1))
            zero_point = self.constant("per_token_zero_point", np.uint8(_ZERO_POINT))
            sizes = self.node("Abs", [x], f"{x}_abs")
            size = self.node("ReduceMax", [sizes], f"{x}_size", axes=[-1], keepdims=1)
            above = self.node("Max", [size, least], f"{x}_above_zero")
            scale = self.node("Div", [above, largest], f"{x}_scale")
            inverse = self.node("Div", [largest, above], f"{x}_inverse")
            scaled = self.node("Mul", [x, inverse], f"{x}_scaled")
            rounded = self.node("QuantizeLinear", [scaled, one, zero_point], f"{x}_uint8")
            self.rows[x] = (rounded, scale)
        return self.rows[x]

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
