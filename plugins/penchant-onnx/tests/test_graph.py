"""What an ONNX file says about itself, and what is refused before a runtime sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from penchant.errors import ModelFileError
from penchant_onnx.graph import read_graph


def test_inputs_outputs_and_operators_are_read(tiny: Callable[..., Path]) -> None:
    graph = read_graph(tiny() / "onnx/model.onnx")
    assert graph.inputs == ("input_ids", "attention_mask")
    assert graph.outputs == {"last_hidden_state": 4}
    assert graph.operators == {"Gather"}
    assert graph.external == ()
    assert not graph.depends_on_batch


def test_an_open_last_axis_has_no_size(tiny: Callable[..., Path], proto) -> None:
    graph = proto.graph_bytes(outputs=(proto.value("last_hidden_state", 1, "b", "s", "d"),))
    assert read_graph(tiny(graph) / "onnx/model.onnx").outputs == {"last_hidden_state": None}


def test_a_scale_for_the_whole_batch_is_noticed(tiny: Callable[..., Path], proto) -> None:
    graph = proto.graph_bytes(nodes=(proto.node("DynamicQuantizeLinear", ("a",), ("b",)),))
    assert read_graph(tiny(graph) / "onnx/model.onnx").depends_on_batch


def test_an_operator_inside_a_branch_is_noticed(tiny: Callable[..., Path], proto) -> None:
    inner = proto.message(1, proto.node("DynamicQuantizeLinear", ("a",), ("b",)))
    branch = proto.message(5, proto.message(1, "then_branch"), proto.message(6, inner))
    graph = proto.graph_bytes(nodes=(proto.node("If", ("a",), ("b",), branch),))
    assert "DynamicQuantizeLinear" in read_graph(tiny(graph) / "onnx/model.onnx").operators


def test_the_real_graph_is_read(minilm: Path) -> None:
    graph = read_graph(minilm / "onnx/model_int8.onnx")
    assert graph.outputs == {"last_hidden_state": 384}
    assert {"MatMul", "Softmax", "LayerNormalization"} <= graph.operators
    assert not graph.depends_on_batch


@pytest.mark.parametrize("keep", [1, 7, 40, 100])
def test_a_cut_file_is_refused(tiny: Callable[..., Path], keep: int) -> None:
    file = tiny() / "onnx/model.onnx"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ModelFileError, match=r"model\.onnx is not a readable ONNX graph .* again"):
        read_graph(file)


def test_an_empty_file_is_refused(tiny: Callable[..., Path]) -> None:
    file = tiny() / "onnx/model.onnx"
    file.write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"model\.onnx is empty; it must be an ONNX graph"):
        read_graph(file)


def test_text_is_no_graph(tiny: Callable[..., Path]) -> None:
    file = tiny() / "onnx/model.onnx"
    file.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelFileError, match=r"is not a readable ONNX graph"):
        read_graph(file)


@pytest.mark.parametrize(
    "location", ["../weights.bin", "/etc/hostname", "sub/../../w", "C:\\weights.bin", "..\\w"]
)
def test_weights_outside_the_folder_are_refused(
    tiny: Callable[..., Path], proto, location: str
) -> None:
    graph = read_graph(tiny(proto.graph_bytes(location=location)) / "onnx/model.onnx")
    assert graph.external == (location,)
    with pytest.raises(ModelFileError, match=r"outside its own folder; export it again"):
        graph.external_files()


def test_a_link_out_of_the_folder_is_refused(
    tiny: Callable[..., Path], proto, tmp_path: Path
) -> None:
    folder = tiny(proto.graph_bytes(location="weights.bin"))
    (tmp_path / "secret").write_bytes(b"0")
    (folder / "onnx/weights.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelFileError, match=r"outside its own folder"):
        read_graph(folder / "onnx/model.onnx").external_files()


def test_missing_weights_are_named(tiny: Callable[..., Path], proto) -> None:
    graph = read_graph(tiny(proto.graph_bytes(location="weights.bin")) / "onnx/model.onnx")
    with pytest.raises(ModelFileError, match=r"'weights\.bin', and there is no such file beside"):
        graph.external_files()


def test_operators_of_a_foreign_domain_are_refused(tiny: Callable[..., Path], proto) -> None:
    node = proto.node("Steal", ("input_ids",), ("last_hidden_state",), proto.message(7, "evil.ops"))
    file = tiny(proto.graph_bytes(nodes=(node,))) / "onnx/model.onnx"
    with pytest.raises(
        ModelFileError, match=r"uses operators of 'evil\.ops', .* loads none; export"
    ):
        read_graph(file)
    branch = proto.message(
        5, proto.message(1, "else_branch"), proto.message(6, proto.message(1, node))
    )
    hidden = proto.node("If", ("a",), ("last_hidden_state",), branch)
    file.write_bytes(proto.graph_bytes(nodes=(hidden,)))
    with pytest.raises(ModelFileError, match=r"uses operators of 'evil\.ops'"):
        read_graph(file)


def test_functions_of_the_file_itself_are_no_foreign_code(tiny: Callable[..., Path], proto) -> None:
    node = proto.node("Twice", ("input_ids",), ("last_hidden_state",), proto.message(7, "our.own"))
    inner = proto.message(7, proto.node("Gather", ("a", "b"), ("c",)))
    function = proto.message(25, proto.message(1, "Twice"), inner, proto.message(10, "our.own"))
    file = tiny(proto.graph_bytes(nodes=(node,)) + function) / "onnx/model.onnx"
    assert read_graph(file).operators == {"Twice", "Gather"}
    # A function is no cover for what is foreign inside it.
    inner = proto.message(7, proto.node("Steal", ("a",), ("c",), proto.message(7, "evil.ops")))
    function = proto.message(25, proto.message(1, "Twice"), inner, proto.message(10, "our.own"))
    file.write_bytes(proto.graph_bytes(nodes=(node,)) + function)
    with pytest.raises(ModelFileError, match=r"uses operators of 'evil\.ops'"):
        read_graph(file)


def test_branches_without_end_are_no_crash(tiny: Callable[..., Path], proto) -> None:
    node = proto.node("Identity", ("a",), ("last_hidden_state",))
    for _ in range(1500):
        branch = proto.message(5, proto.message(6, proto.message(1, node)))
        node = proto.message(4, "If") + branch
    file = tiny(proto.graph_bytes(nodes=(node,))) / "onnx/model.onnx"
    with pytest.raises(ModelFileError, match=r"is not a readable ONNX graph .*recursion"):
        read_graph(file)
