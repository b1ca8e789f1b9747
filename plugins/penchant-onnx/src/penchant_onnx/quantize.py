"""From a folder with an fp32 graph to one with our int8 graph: checked, whole or not at all.

The layout files come along, other graphs and weights don't. `onnx/quantization.json` says what the
graph was made from and which processors it is for.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from penchant import kernels
from penchant.errors import ModelFileError, PluginError, SettingsError

from penchant_onnx import processor
from penchant_onnx.graph import Graph, read_graph
from penchant_onnx.layout import copy_layout, new_folder
from penchant_onnx.session import check_inputs

if TYPE_CHECKING:
    import onnx
    from penchant.protocols import Json

INSTALL = "pip install 'penchant-onnx[quantize]'"
GRAPH = "onnx/model_int8.onnx"
MANIFEST = f"onnx/{processor.MANIFEST}"
# "any" runs right everywhere; the others need what adds products in 32 bits.
BITS: dict[str, Literal[7, 8]] = {"any": 7, "vnni": 8, "arm64": 8}
_PROTOBUF_LIMIT = 2**31 - 1


def quantize(
    folder: Path, output: Path, *, target: Literal["any", "vnni", "arm64"] = "any"
) -> dict[str, Json]:
    """Make `output`, the encoder of `folder` with an int8 graph alone, and give its manifest.

    folder: sentence-transformers layout with an fp32 graph, `onnx/model.onnx` or `model.onnx`, or
        with one whose weights are int8 and its arithmetic fp32.
    target: "any" takes 7-bit weights, right on every processor; "vnni" (x86 with AVX512-VNNI or
        AVX-VNNI) and "arm64" take 8-bit weights, which overflow on older x86 (processor.py).

    Raises SettingsError where `folder` has no graph or `output` is there already, ModelFileError
    for a damaged graph, one beyond 2 GB, one with inputs that no text encoder has or one without
    products to rewrite, and PluginError without the package onnx.
    """
    if target not in BITS:
        raise SettingsError(f"target must be 'any', 'vnni' or 'arm64', got {target!r}")
    with new_folder(output) as whole:
        graph = _source(folder)
        copy_layout(folder, whole)
        return quantize_file(graph, whole, target=target)


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds the graph that its manifest names, byte for byte."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        wanted = manifest["graph"]["blake3"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    graph = folder / GRAPH
    return graph.is_file() and kernels.blake3(str(graph)) == wanted


def quantize_file(
    graph: Graph, folder: Path, *, target: Literal["any", "vnni", "arm64"]
) -> dict[str, Json]:
    """Write the int8 graph of `graph` and its manifest into `folder`, and give the manifest."""
    try:
        import onnx

        from penchant_onnx import attention
        from penchant_onnx.calibration import measure, token_ids
        from penchant_onnx.per_token import factors_of_products, quantize_graph
    except ModuleNotFoundError:
        raise PluginError(
            f"quantizing needs the package onnx, which isn't installed; {INSTALL}"
        ) from None
    import onnxruntime

    check_inputs(graph)
    files = [graph.path, *graph.external_files()]
    size = sum(file.stat().st_size for file in files)
    if size > _PROTOBUF_LIMIT:
        raise ModelFileError(f"{graph.path} has {size} bytes, and at most 2 GB can be quantized")
    with tempfile.TemporaryDirectory() as temporary:
        folded = Path(temporary) / "folded.onnx"
        options = onnxruntime.SessionOptions()
        # Constants are folded, so that matrices stand in the graph as they are multiplied.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        options.log_severity_level = 3
        try:
            onnxruntime.InferenceSession(
                str(graph.path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as fault:  # the runtime's own classes are many and not public
            raise ModelFileError(
                f"onnxruntime can't open {graph.path} ({str(fault).strip()}); export it again"
            ) from None
        model = onnx.load(str(folded))
    _order_gelu(model.graph)
    layers = attention.rewrite(model, graph, token_ids(folder / "tokenizer.json"))
    factors = factors_of_products(model.graph)
    if not factors:
        raise ModelFileError(
            f"{graph.path} has no product with a constant float matrix, so there is nothing to "
            "quantize; give the fp32 graph"
        )
    seen = measure(model, factors, graph, folder / "tokenizer.json")
    quantize_graph(model, bits=BITS[target], seen=seen, layers=layers)
    model.producer_name = "penchant-onnx"
    written = folder / GRAPH
    written.parent.mkdir(exist_ok=True)
    onnx.save(model, str(written))
    manifest: dict[str, Json] = {
        "format": 2,
        "method": "int8, a scale a column and a token or an activation, channels evened out",
        "target": target,
        "weight_bits": BITS[target],
        "graph": {"file": GRAPH, "blake3": kernels.blake3(str(written))},
        "source": {
            "file": graph.path.name,
            "blake3": [kernels.blake3(str(file)) for file in files],
        },
        "made_with": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return manifest


def _order_gelu(graph: onnx.GraphProto) -> None:
    """Turn x (0.5 (1 + erf)) into 0.5 (x (1 + erf)), which ONNX Runtime fuses; halves are exact."""
    constants = {one.name for one in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for node in graph.node:
        chain = [node]
        while len(chain) < 4 and len(readers.get(chain[-1].output[0], ())) == 1:
            chain += readers[chain[-1].output[0]]
        if [one.op_type for one in chain] != ["Erf", "Add", "Mul", "Mul"]:
            continue
        first, second = chain[2:]
        half = next(at for at, name in enumerate(first.input) if name != chain[1].output[0])
        x = next(at for at, name in enumerate(second.input) if name != first.output[0])
        if first.input[half] in constants and second.input[x] not in constants:
            first.input[half], second.input[x] = second.input[x], first.input[half]


def _source(folder: Path) -> Graph:
    if not folder.is_dir():
        raise SettingsError(f"there is no folder '{folder}'; give one with an fp32 graph")
    graphs = [*folder.glob("onnx/model.onnx"), *folder.glob("model.onnx")]
    graphs += sorted([*folder.glob("onnx/*.onnx"), *folder.glob("*.onnx")])
    if not graphs:
        raise SettingsError(
            f"there is no ONNX graph in '{folder}' (looked for onnx/*.onnx and *.onnx); export the "
            "model to onnx/model.onnx first"
        )
    return read_graph(graphs[0])
