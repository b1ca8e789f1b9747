"""Self-attention as its exporter wrote it, written again with little around it.

Exporters leave some forty operators a layer: sizes worked out as the graph runs, the scale put on
queries and keys in two passes, a guard against rows without a token. Twelve are enough:

    softmax(Q' K^T + mask) V,    Q' = x (W_q / sqrt(d)) + b_q / sqrt(d)

(Vaswani et al., "Attention Is All You Need", 2017, equation 1). There are too many ways to write it
to know them all, so what is looked for is loose, the three products behind a softmax, and the proof
is in numbers: the new graph must give what the old one gives, alone and beside longer texts. Where
it doesn't, as with positions inside attention, the old graph stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from penchant_onnx.calibration import probe
from penchant_onnx.session import feeds

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant_onnx.graph import Graph

MASK = "attention_mask"
# What may stand between a softmax and the products around it.
_AFTER_SOFTMAX = {"Where", "Identity", "Cast"}
_BEFORE_SOFTMAX = {"Add", "Mul", "Div", "Where", "Identity", "Cast"}
_BEHIND = {"Transpose", "Reshape", "Identity"}
# Sums come in another order, which moves the last bits; anything forgotten moves far more.
_SAME = 1e-4
# Of so many texts, one is compared.
_BETWEEN = 12


@dataclass(frozen=True)
class Linear:
    """x W + b: where x is, and W (K, N) and b (N,)."""

    x: str
    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Attention:
    """One layer's attention as it is written here.

    products: query, key and value as the products of the same x give them, before their biases,
        which are all that reads them. Queries hold the scale of scores, `size` ** -1/2.
    heads: how many, each of `size` channels. result: where the outcome goes, with a channel for
        each column of the values.
    """

    products: tuple[str, str, str]
    heads: int
    size: int
    result: str


@dataclass(frozen=True)
class _Found:
    """One layer's attention: its three linear maps of the same x, and where the result goes."""

    query: Linear
    key: Linear
    value: Linear
    scores: str
    result: str


def rewrite(
    model: onnx.ModelProto, graph: Graph, texts: Sequence[Sequence[int]]
) -> list[Attention]:
    """Write the attention of `model` anew, in place, where it gives the same vectors.

    model: in fp32, with constants folded. texts: lists of token ids, of which the shortest, the
        longest and some between show whether old and new graph are the same. They must be of
        different lengths, and longer than any window that attention may be kept to.

    Gives a layer each, or nothing where the graph stayed as it was.
    """
    found = list(_found(model.graph)) if MASK in graph.inputs and texts else []
    if not found:
        return []
    texts = sorted(texts, key=len)
    texts = [*texts[::_BETWEEN], texts[-1]]
    heads = _heads(model, found, graph, texts)
    new = onnx.ModelProto()
    new.CopyFrom(model)
    if heads is None or not _fit(found, heads):
        return []
    written = _replace(new, found, heads)
    if not _same(model, new, graph, texts):
        return []
    model.CopyFrom(new)
    return written


class _Paths:
    """Who makes and who reads each tensor of a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.constants = {one.name: one for one in graph.initializer}
        self.outputs = {one.name for one in graph.output}
        self.maker = {name: node for node in graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in set(node.input):
                self.readers.setdefault(name, []).append(node)

    def above(
        self,
        name: str,
        wanted: Callable[[onnx.NodeProto], bool],
        passed: Callable[[onnx.NodeProto], bool],
    ) -> onnx.NodeProto | None:
        """The one node that is `wanted` above `name`, through nodes that are `passed` alone."""
        found: dict[str, onnx.NodeProto] = {}
        todo, seen = [name], {name}
        while todo:
            node = self.maker.get(todo.pop())
            if node is None:
                continue
            if wanted(node):
                found[node.output[0]] = node
            elif passed(node):
                todo += [one for one in node.input if one not in seen]
                seen.update(node.input)
        return next(iter(found.values())) if len(found) == 1 else None

    def array(self, name: str, axes: int) -> npt.NDArray[np.float32] | None:
        """The constant float tensor `name`, where it has so many axes."""
        one = self.constants.get(name)
        if one is None or one.data_type != TensorProto.FLOAT or len(one.dims) != axes:
            return None
        return numpy_helper.to_array(one)

    def multiplies(self, node: onnx.NodeProto) -> bool:
        """Whether both factors of a product are made as the graph runs."""
        return node.op_type == "MatMul" and self.constants.keys().isdisjoint(node.input)

    def is_linear(self, node: onnx.NodeProto) -> bool:
        return node.op_type == "MatMul" and self.array(node.input[1], 2) is not None

    def linear(self, name: str) -> Linear | None:
        """The one linear map that `name` is made from."""
        node = self.above(name, self.is_linear, lambda one: one.op_type != "Shape")
        weight = None if node is None else self.array(node.input[1], 2)
        if node is None or weight is None:
            return None
        bias = np.zeros(weight.shape[1], np.float32)
        readers = self.readers.get(node.output[0], [])
        if len(readers) == 1 and readers[0].op_type == "Add":
            other = next(one for one in readers[0].input if one != node.output[0])
            added = self.array(other, 1)
            bias = bias if added is None else added
        return Linear(node.input[0], weight, bias)

    def last(self, name: str) -> str:
        """Where `name` is after all that only puts its values into another shape."""
        while name not in self.outputs and len(self.readers.get(name, ())) == 1:
            reader = self.readers[name][0]
            if reader.op_type not in _BEHIND or reader.input[0] != name:
                break
            name = reader.output[0]
        return name


def _found(graph: onnx.GraphProto) -> Iterator[_Found]:
    paths = _Paths(graph)
    for node in filter(paths.multiplies, graph.node):
        softmax = paths.above(
            node.input[0],
            lambda one: one.op_type == "Softmax",
            lambda one: one.op_type in _AFTER_SOFTMAX,
        )
        if softmax is None:
            continue
        product = paths.above(
            softmax.input[0], paths.multiplies, lambda one: one.op_type in _BEFORE_SOFTMAX
        )
        if product is None:
            continue
        query, key = paths.linear(product.input[0]), paths.linear(product.input[1])
        value = paths.linear(node.input[1])
        if query and key and value and query.x == key.x == value.x:
            result = paths.last(node.output[0])
            yield _Found(query, key, value, softmax.output[0], result)


def _heads(
    model: onnx.ModelProto, found: list[_Found], graph: Graph, texts: Sequence[Sequence[int]]
) -> int | None:
    """How many heads all layers have: the second axis of what softmax gives."""
    ids = texts[0]
    names = [one.scores for one in found]
    scores = probe(model, names).run(names, feeds(graph, [ids], 0))
    heads = {one.shape[1] for one in scores if one.ndim == 4 and one.shape[2] == len(ids)}
    return heads.pop() if len(heads) == 1 else None


def _fit(found: list[_Found], heads: int) -> bool:
    """Whether all maps of all layers have one shape, that of so many heads."""
    maps = [linear for one in found for linear in (one.query, one.key, one.value)]
    shapes = {(linear.weight.shape, linear.bias.shape) for linear in maps}
    width = maps[0].weight.shape[1]
    return len(shapes) == 1 and maps[0].bias.shape == (width,) and width % heads == 0


def _replace(model: onnx.ModelProto, found: list[_Found], heads: int) -> list[Attention]:
    graph = model.graph
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, Any] = {}

    def node(operator: str, inputs: list[str], result: str, **settings: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [result], **settings))
        return result

    def constant(name: str, value: Any) -> str:
        constants[name] = value
        return name

    def linear(one: Linear, name: str, scale: float, axes: list[int]) -> str:
        weight = constant(f"{name}_weight", one.weight * np.float32(scale))
        bias = constant(f"{name}_bias", one.bias * np.float32(scale))
        product = node("MatMul", [one.x, weight], f"{name}_product")
        moved = node("Add", [product, bias], name)
        apart = node("Reshape", [moved, by_head], f"{name}_apart")
        return node("Transpose", [apart], f"{name}_heads", perm=axes)

    width = found[0].query.weight.shape[1]
    size = width // heads
    by_head = constant("attention_by_head", np.array([0, 0, heads, size], np.int64))
    whole = constant("attention_whole", np.array([0, 0, width], np.int64))
    axes = constant("attention_mask_axes", np.array([0, 1, 1, -1], np.int64))
    real = node("Cast", [MASK], "attention_mask_float", to=TensorProto.FLOAT)
    real = node("Reshape", [real, axes], "attention_mask_row")
    padded = node("Sub", [constant("attention_one", np.float32(1)), real], "attention_padded")
    least = constant("attention_least", np.finfo(np.float32).min)
    hidden = node("Mul", [padded, least], "attention_hidden")
    made: dict[str, list[onnx.NodeProto]] = {}
    head, nodes = nodes, []
    for one in found:
        name = one.result
        query = linear(one.query, f"{name}_query", size**-0.5, [0, 2, 1, 3])
        key = linear(one.key, f"{name}_key", 1.0, [0, 2, 3, 1])
        value = linear(one.value, f"{name}_value", 1.0, [0, 2, 1, 3])
        scores = node("MatMul", [query, key], f"{name}_scores")
        scores = node("Add", [scores, hidden], f"{name}_masked")
        shares = node("Softmax", [scores], f"{name}_shares", axis=3)
        mixed = node("MatMul", [shares, value], f"{name}_mixed")
        mixed = node("Transpose", [mixed], f"{name}_beside", perm=[0, 2, 1, 3])
        node("Reshape", [mixed, whole], name)
        made[name], nodes = nodes, []
    every = [*head]
    for old in graph.node:
        every += made.get(old.output[0], [old])
    made_constants = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
    keep(graph, every, [*graph.initializer, *made_constants])
    return [
        Attention(
            (f"{name}_query_product", f"{name}_key_product", f"{name}_value_product"),
            heads,
            size,
            name,
        )
        for name in made
    ]


def keep(
    graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto], constants: Iterable[onnx.TensorProto]
) -> None:
    """Have of the nodes, in order, and of the constants in `graph` what its outputs need."""
    needed = {one.name for one in graph.output}
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    tensors = [one for one in constants if one.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(tensors)


def _same(
    old: onnx.ModelProto, new: onnx.ModelProto, graph: Graph, texts: Sequence[Sequence[int]]
) -> bool:
    """Whether all outputs agree on real tokens, for a text alone and all together."""
    names = [one.name for one in old.graph.output]
    before = probe(old, names)
    try:
        after = probe(new, names)
        results = [
            (given[MASK].astype(np.bool_), before.run(names, given), after.run(names, given))
            for given in (feeds(graph, batch, 0) for batch in (texts[:1], texts))
        ]
    except Exception:  # the runtime's own classes are many and not public
        return False
    for real, was, now in results:
        for one, other in zip(was, now, strict=True):
            if one.shape != other.shape:
                return False
            where = real if one.ndim == 3 and one.shape[:2] == real.shape else ...
            most = _SAME * float(np.abs(one[where]).max())
            if not np.abs(one[where] - other[where]).max() <= most:
                return False
    return True
