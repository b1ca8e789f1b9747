"""Whether this processor multiplies 8-bit weights right.

x86 before VNNI adds two 8-bit products in 16 bits, which overflow without an error from our graphs
with 8-bit weights: the vectors look fine and rank badly. So such a graph isn't run there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penchant.errors import ModelFileError

from penchant_onnx.files import read_json

if TYPE_CHECKING:
    from penchant_onnx.graph import Graph

# Linux's own description; elsewhere nothing is known, and nothing is refused.
CPUINFO = Path("/proc/cpuinfo")
# What `quantize` leaves beside a graph.
MANIFEST = "quantization.json"
_VNNI = {"avx512_vnni", "avx_vnni"}


def check(graph: Graph) -> None:
    """Raise ModelFileError where `graph` says that it has 8-bit weights, and they would overflow.

    Graphs of other makers say nothing and are taken.
    """
    manifest = graph.path.with_name(MANIFEST)
    if not manifest.is_file() or not _overflows():
        return
    said = read_json(manifest)
    about = said.get("graph") if isinstance(said, dict) else None
    named = about.get("file") if isinstance(about, dict) else None
    if named and Path(str(named)).name == graph.path.name and said.get("weight_bits") == 8:
        raise ModelFileError(
            f"{graph.path} is int8 for '{said.get('target')}', and this processor has no VNNI, so "
            "that its sums would overflow; quantize the fp32 graph again with --target any"
        )


def _overflows() -> bool:
    try:
        lines = CPUINFO.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    # ARM calls them Features, and never overflows.
    flags = next((line for line in lines if line.startswith("flags")), None)
    return flags is not None and _VNNI.isdisjoint(flags.split())
