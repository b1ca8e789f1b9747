"""A tiny encoder whose vectors a person can work out, and the real one of the two packages.

The tiny graph looks words up in a table, and nothing else: `TABLE` has a row a word. It is written
in protobuf's wire format by hand, since no onnx package is needed for five messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WORDS = ("[UNK]", "red", "green", "blue", "sky")
TABLE = np.array([[0, 0, 0, 1], [3, 0, 0, 0], [0, 4, 0, 0], [0, 0, 2, 0], [0, 0, 6, 8]], np.float32)


def varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, *content: bytes | str) -> bytes:
    body = b"".join(part.encode() if isinstance(part, str) else part for part in content)
    return varint(field << 3 | 2) + varint(len(body)) + body


def tensor(name: str, array: np.ndarray, location: str | None = None) -> bytes:
    kind = {"float32": 1, "uint8": 2, "int64": 7}[array.dtype.name]
    head = b"".join(number(1, size) for size in array.shape) + number(2, kind) + message(8, name)
    if location is None:
        return head + message(9, array.tobytes())
    where = message(13, message(1, "location"), message(2, location))
    return head + where + number(14, 1)


def value(name: str, kind: int, *axes: str | int) -> bytes:
    sizes = [
        message(1, number(1, axis) if isinstance(axis, int) else message(2, axis)) for axis in axes
    ]
    return message(1, name) + message(2, message(1, number(1, kind), message(2, *sizes)))


def node(op: str, inputs: tuple[str, ...], outputs: tuple[str, ...], *attributes: bytes) -> bytes:
    named = [message(1, name) for name in inputs] + [message(2, name) for name in outputs]
    return b"".join([*named, message(4, op), *attributes])


def graph_bytes(
    *,
    nodes: tuple[bytes, ...] = (node("Gather", ("table", "input_ids"), ("last_hidden_state",)),),
    outputs: tuple[bytes, ...] = (value("last_hidden_state", 1, "batch", "sequence", 4),),
    inputs: tuple[str, ...] = ("input_ids", "attention_mask"),
    location: str | None = None,
) -> bytes:
    graph = b"".join(
        [
            *(message(1, one) for one in nodes),
            message(2, "tiny"),
            message(5, tensor("table", TABLE, location)),
            *(message(11, value(name, 7, "batch", "sequence")) for name in inputs),
            *(message(12, one) for one in outputs),
        ]
    )
    return number(1, 8) + message(7, graph) + message(8, number(2, 17))


def layout(folder: Path) -> None:
    """Write all files but the graph: mean pooling, normalized, at most six tokens."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    # What the files of all-MiniLM-L6-v2 carry, and what must be switched off.
    tokenizer.enable_padding(length=32)
    tokenizer.enable_truncation(2)
    tokenizer.save(str(folder / "tokenizer.json"))
    kind = "sentence_transformers.models."
    write_json(
        folder / "modules.json",
        [
            {"idx": 0, "path": "", "type": kind + "Transformer"},
            {"idx": 1, "path": "1_Pooling", "type": kind + "Pooling"},
            {"idx": 2, "path": "2_Normalize", "type": kind + "Normalize"},
        ],
    )
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 6})
    write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": 4, "pooling_mode_mean_tokens": True},
    )


def write_json(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), "utf-8")


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Path]:
    """Make a tiny encoder folder: `files` replaces or, with None, removes JSON files by name."""

    def make(
        graph: bytes | None = None, files: Mapping[str, Any] = {}, name: str = "onnx/model.onnx"
    ) -> Path:
        folder = tmp_path / "tiny"
        (folder / "onnx").mkdir(parents=True, exist_ok=True)
        layout(folder)
        (folder / name).write_bytes(graph_bytes() if graph is None else graph)
        for file, content in files.items():
            if content is None:
                (folder / file).unlink()
            else:
                write_json(folder / file, content)
        return folder

    return make


@pytest.fixture(scope="session")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real encoder of the two packages."""
    from penchant.errors import EncoderMissing
    from penchant_onnx.packaged import make_encoder_folder

    try:
        return make_encoder_folder(tmp_path_factory.mktemp("encoder") / "minilm")
    except EncoderMissing as missing:
        pytest.skip(str(missing))


class Proto:
    """The writers above, for tests that need another graph."""

    graph_bytes = staticmethod(graph_bytes)
    message = staticmethod(message)
    node = staticmethod(node)
    number = staticmethod(number)
    value = staticmethod(value)


@pytest.fixture
def proto() -> type[Proto]:
    return Proto
