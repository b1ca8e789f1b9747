"""Reads the few facts of an ONNX file that must be known before a runtime opens it.

The runtime could tell inputs and outputs too, but only by building a session (0.2 s and 100 MB),
and it never tells which other files a graph refers to. This walks the protobuf wire format over a
memory map and skips the weights, so that the cost follows the number of nodes (34 ms for MiniLM),
not the megabytes. Field numbers are those of onnx.proto3 (ONNX IR version 3 and later).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeAlias

from penchant.errors import ModelFileError

_Span: TypeAlias = tuple[int, int]

# One scale for a whole activation tensor: a text's vector then changes with its batch mates.
BATCH_DEPENDENT = frozenset(
    {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
)
# What ONNX Runtime has built in. Any other operator is code of somebody's own.
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"})


@dataclass(frozen=True)
class Graph:
    """What the file says about itself.

    inputs: names of the tensors that a run must be given. `outputs`: name to size of the last
        axis, or None where the file leaves it open.
    operators: every operator used, also inside branches and functions.
    external: locations of the weight files that the graph refers to, as written in it.
    """

    path: Path
    inputs: tuple[str, ...]
    outputs: dict[str, int | None]
    operators: frozenset[str]
    external: tuple[str, ...]

    @property
    def depends_on_batch(self) -> bool:
        """Whether an operator is known to mix the texts of a batch."""
        return not BATCH_DEPENDENT.isdisjoint(self.operators)

    def external_files(self) -> list[Path]:
        """The weight files beside the graph.

        Raises ModelFileError for a location that leaves the graph's folder, and for a missing file.
        """
        files = []
        for location in self.external:
            parts = PurePosixPath(location).parts + PureWindowsPath(location).parts
            absolute = location.startswith(("/", "\\")) or PureWindowsPath(location).drive
            file = self.path.parent / location
            inside = file.resolve().is_relative_to(self.path.parent.resolve())
            if absolute or ".." in parts or not inside:
                raise ModelFileError(
                    f"{self.path} refers to weights at '{location}', outside its own folder; "
                    "export it again with the weights beside the graph"
                )
            if not file.is_file():
                raise ModelFileError(
                    f"{self.path} refers to weights in '{location}', and there is no such file "
                    "beside it; copy it there"
                )
            files.append(file)
        return files


def read_graph(path: Path) -> Graph:
    """Read the facts of the ONNX file at `path`.

    Raises ModelFileError where the file is no ONNX graph or ends in the middle, and where it needs
    operators that neither ONNX Runtime nor a function of the file itself defines.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise ModelFileError(f"{path} is empty; it must be an ONNX graph")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            walk = _Walk(data)
            try:
                walk.model((0, len(data)))
            except (_Malformed, UnicodeDecodeError, RecursionError) as fault:
                raise ModelFileError(
                    f"{path} is not a readable ONNX graph ({fault}); export or copy it again"
                ) from None
    if not walk.outputs:
        raise ModelFileError(f"{path} is not a readable ONNX graph (no outputs); export it again")
    foreign = sorted(walk.domains - walk.functions - _DOMAINS)
    if foreign:
        raise ModelFileError(
            f"{path} uses operators of '{foreign[0]}', which need code of their own, and onnx.text "
            "loads none; export it again with the operators of ONNX alone"
        )
    return Graph(
        path=path,
        inputs=tuple(name for name in walk.inputs if name not in walk.weights),
        outputs=walk.outputs,
        operators=frozenset(walk.operators),
        external=tuple(sorted(walk.external)),
    )


class _Malformed(ValueError):
    pass


class _Walk:
    """One pass over a model; each method reads one message type."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.inputs: list[str] = []
        self.weights: set[str] = set()
        self.outputs: dict[str, int | None] = {}
        self.operators: set[str] = set()
        self.external: set[str] = set()
        self.domains: set[str] = set()
        self.functions: set[str] = set()

    def model(self, span: _Span) -> None:
        for number, value in self._messages(span):
            if number == 7:
                self.graph(value, outermost=True)
            elif number == 25:
                self.function(value)

    def function(self, span: _Span) -> None:
        self.functions.add(self._text(span, 10))
        for number, value in self._messages(span):
            if number == 7:
                self.node(value)

    def graph(self, span: _Span, *, outermost: bool = False) -> None:
        for number, value in self._messages(span):
            if number == 1:
                self.node(value)
            elif number == 5:
                self.tensor(value)
            elif number == 15:
                self.sparse(value)
            elif number == 11 and outermost:
                self.inputs.append(self._text(value, 1))
            elif number == 12 and outermost:
                self.outputs[self._text(value, 1)] = self._last_axis(value)

    def node(self, span: _Span) -> None:
        for number, value in self._messages(span):
            if number == 4:
                self.operators.add(self._decode(value))
            elif number == 5:
                self.attribute(value)
            elif number == 7:
                self.domains.add(self._decode(value))

    def attribute(self, span: _Span) -> None:
        for number, value in self._messages(span):
            if number in (5, 10):
                self.tensor(value)
            elif number in (6, 11):
                self.graph(value)
            elif number in (22, 23):
                self.sparse(value)

    def sparse(self, span: _Span) -> None:
        for number, value in self._messages(span):
            if number in (1, 2):
                self.tensor(value)

    def tensor(self, span: _Span) -> None:
        for number, value in self._messages(span):
            if number == 8:
                self.weights.add(self._decode(value))
            elif number == 13 and self._text(value, 1) == "location":
                self.external.add(self._text(value, 2))

    def _last_axis(self, span: _Span) -> int | None:
        """ValueInfo.type (2) > tensor_type (1) > shape (2) > dim (1) > dim_value (1)."""
        for wanted in (2, 1, 2):
            inner = [value for number, value in self._messages(span) if number == wanted]
            if not inner:
                return None
            span = inner[-1]
        axes = [value for number, value in self._messages(span) if number == 1]
        if not axes:
            return None
        sizes = [value for number, value in self._numbers(axes[-1]) if number == 1]
        return sizes[-1] if sizes else None

    def _text(self, span: _Span, wanted: int) -> str:
        texts = [value for number, value in self._messages(span) if number == wanted]
        return self._decode(texts[-1]) if texts else ""

    def _decode(self, span: _Span) -> str:
        return self.data[span[0] : span[1]].decode()

    def _messages(self, span: _Span) -> Iterator[tuple[int, _Span]]:
        return ((n, v) for n, v in self._fields(span) if isinstance(v, tuple))

    def _numbers(self, span: _Span) -> Iterator[tuple[int, int]]:
        return ((n, v) for n, v in self._fields(span) if isinstance(v, int))

    def _fields(self, span: _Span) -> Iterator[tuple[int, int | _Span]]:
        position, end = span
        while position < end:
            key, position = self._varint(position, end)
            number, wire = key >> 3, key & 7
            if number == 0:
                raise _Malformed(f"no field has number 0, at byte {position}")
            if wire == 0:
                value, position = self._varint(position, end)
                yield number, value
                continue
            if wire == 2:
                length, position = self._varint(position, end)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise _Malformed(f"unknown wire type {wire} at byte {position}")
            if position + length > end:
                raise _Malformed(f"it ends in the middle of a field, at byte {end}")
            if wire == 2:
                yield number, (position, position + length)
            position += length

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while position < end and shift < 70:
            byte = self.data[position]
            position += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, position
            shift += 7
        raise _Malformed(f"a number is cut off at byte {position}")
