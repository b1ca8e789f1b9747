"""The open graph: one ONNX Runtime session a process, opened when the first vector is wanted.

A session doesn't survive a fork, so it is kept by process id. It runs on the caller's thread alone
(no pool, nothing that spins), on the CPU, and no library of custom operators is ever registered.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from penchant.errors import ModelFileError
from penchant.protocols import F32

from penchant_onnx import processor
from penchant_onnx.graph import Graph

_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")

# Its kernel takes eight times as long as the sum and the normalization that it replaces (MiniLM,
# 256 tokens: 7.5 of 40 ms against 0.9).
_UNWANTED = ["SkipLayerNormFusion"]


def feeds(graph: Graph, batch: Sequence[Sequence[int]], pad: int) -> dict[str, Any]:
    """What a run of `graph` is given for token id lists, padded on the right to the longest."""
    longest = max(len(ids) for ids in batch)
    tokens = np.full((len(batch), longest), pad, np.int64)
    mask = np.zeros_like(tokens)
    for row, ids in enumerate(batch):
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    given = {"input_ids": tokens}
    if "attention_mask" in graph.inputs:
        given["attention_mask"] = mask
    if "token_type_ids" in graph.inputs:
        given["token_type_ids"] = np.zeros_like(tokens)
    if "position_ids" in graph.inputs:
        given["position_ids"] = np.broadcast_to(np.arange(longest), tokens.shape).copy()
    return given


def check_inputs(graph: Graph) -> None:
    """Raise ModelFileError for a graph that wants to be given what no text encoder is."""
    strange = [name for name in graph.inputs if name not in _INPUTS]
    if strange or "input_ids" not in graph.inputs:
        raise ModelFileError(
            f"{graph.path} takes the inputs {', '.join(graph.inputs)}, and a text encoder "
            f"takes input_ids and no others than {', '.join(_INPUTS[1:])}; export it as a "
            "feature extractor"
        )


class Session:
    """Runs a graph on batches of token ids."""

    def __init__(self, graph: Graph, output: str) -> None:
        check_inputs(graph)
        self._graph = graph
        self._output = output
        self._sessions: dict[int, Any] = {}
        self._locks: dict[int, threading.Lock] = {}

    def run(self, batch: Sequence[Sequence[int]], pad: int) -> F32:
        """Run token id lists of any lengths, padded on the right to the longest.

        Gives the tensor read: (n, longest, d) token vectors or (n, d) text vectors, float32.
        """
        (result,) = self._open().run([self._output], feeds(self._graph, batch, pad))
        return np.asarray(result, np.float32)

    def _open(self) -> Any:
        process = os.getpid()
        session = self._sessions.get(process)
        if session is None:
            # A lock of the parent may be held for ever in a forked child: hence one a process.
            with self._locks.setdefault(process, threading.Lock()):
                session = self._sessions.get(process)
                if session is None:
                    session = self._sessions[process] = self._new()
        return session

    def _new(self) -> Any:
        import onnxruntime

        processor.check(self._graph)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(
                str(self._graph.path),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=_UNWANTED,
            )
        except Exception as fault:  # the runtime's own classes are many and not public
            raise ModelFileError(
                f"onnxruntime can't open {self._graph.path} ({str(fault).strip()}); export it "
                "again, or for a newer onnxruntime"
            ) from None
