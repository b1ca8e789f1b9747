"""What is read from a folder, which graph is taken, and what is an error instead of a guess."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from penchant.errors import ModelFileError, SettingsError
from penchant_onnx.folder import Folder, read_folder
from penchant_onnx.settings import TextSettings

TRANSFORMER = {"type": "sentence_transformers.models.Transformer", "path": ""}


def read(path: Path, **settings: Any) -> Folder:
    return read_folder(TextSettings(path=str(path), **settings))


def test_everything_is_read_from_the_files(tiny: Callable[..., Path]) -> None:
    folder = read(tiny())
    assert (folder.pooling, folder.normalize, folder.max_tokens, folder.dim) == ("mean", True, 6, 4)
    assert folder.prompts == {"query": "", "document": ""}
    assert folder.sources == {
        "graph": "the folder",
        "pooling": "1_Pooling/config.json",
        "normalize": "modules.json",
        "max_tokens": "sentence_bert_config.json",
    }


def test_a_setting_stands_above_the_files(tiny: Callable[..., Path]) -> None:
    folder = read(tiny(), pooling="cls", normalize=False, max_tokens=3, dimensions=2)
    assert (folder.pooling, folder.normalize, folder.max_tokens, folder.dim) == ("cls", False, 3, 2)
    assert folder.sources["pooling"] == folder.sources["normalize"] == "setting"


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "mean", "embedding_dimension": 4}, "mean"),
        ({"pooling_mode": "lasttoken"}, "last"),
    ],
)
def test_the_pooling_is_the_one_in_the_file(
    tiny: Callable[..., Path], config: Mapping[str, Any], pooling: str
) -> None:
    assert read(tiny(files={"1_Pooling/config.json": config})).pooling == pooling


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"pooling_mode_weightedmean_tokens": True}, "weightedmean"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, r"mean \+ max"),
        ({"pooling_mode": "attention"}, "attention"),
        ({}, r"\(none\)"),
    ],
)
def test_an_unknown_pooling_is_an_error(
    tiny: Callable[..., Path], config: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(ModelFileError, match=f"asks for the pooling {said}, and onnx.text knows"):
        read(tiny(files={"1_Pooling/config.json": config}))


def test_a_pooling_is_never_guessed(tiny: Callable[..., Path]) -> None:
    with pytest.raises(
        SettingsError, match=r"a pooling is never guessed; .* set pooling to 'mean'"
    ):
        read(tiny(files={"1_Pooling/config.json": None}))


def test_a_folder_without_modules_does_not_say_whether_to_normalize(
    tiny: Callable[..., Path],
) -> None:
    with pytest.raises(SettingsError, match=r"no modules\.json .* set normalize to true or false"):
        read(tiny(files={"modules.json": None}))
    assert read(tiny(files={"modules.json": None}), normalize=False).normalize is False


def test_no_normalize_module_means_no_normalizing(tiny: Callable[..., Path]) -> None:
    assert read(tiny(files={"modules.json": [TRANSFORMER]})).normalize is False


def test_an_unsupported_module_is_named(tiny: Callable[..., Path]) -> None:
    norm = {"type": "sentence_transformers.models.LayerNorm", "path": "2_LayerNorm"}
    with pytest.raises(
        ModelFileError, match=r"lists the module 'LayerNorm', and onnx.text runs only"
    ):
        read(tiny(files={"modules.json": [TRANSFORMER, norm]}))


def test_the_limit_is_never_the_tokenizers(tiny: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match=r"max_seq_length; .* set max_tokens"):
        read(tiny(files={"sentence_bert_config.json": {}}))


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"onnx.text: there is no folder '.*nowhere'; path must"
    ):
        read(tmp_path / "nowhere")


def test_a_missing_tokenizer_is_named(tiny: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match=r"there is no tokenizer\.json in .*; copy it from"):
        read(tiny(files={"tokenizer.json": None}))


def test_a_missing_graph_is_named(tiny: Callable[..., Path]) -> None:
    folder = tiny()
    (folder / "onnx/model.onnx").unlink()
    with pytest.raises(SettingsError, match=r"there is no ONNX graph in .*; export the model to"):
        read(folder)


def test_a_precision_that_the_folder_lacks_is_refused(tiny: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match=r"no int8 graph in .* \(it has onnx/model\.onnx\)"):
        read(tiny(), precision="int8")


def test_the_precision_chooses_among_graphs_by_name(tiny: Callable[..., Path], proto) -> None:
    names = ("model_qint8_arm64", "model_quint8_avx2", "model", "model_O4")
    for name in names:
        folder = tiny(name=f"onnx/{name}.onnx")
    taken = {p: read(folder, precision=p).graph.path.stem for p in ("fp32", "int8", None)}
    assert taken == {"fp32": "model", "int8": "model_quint8_avx2", None: "model"}
    assert read(folder).others == tuple(f"onnx/{n}.onnx" for n in sorted(names) if n != "model")


def test_a_graph_beside_the_tokenizer_is_found(tiny: Callable[..., Path]) -> None:
    folder = tiny(name="model.onnx")
    assert read(folder).graph.path == folder / "model.onnx"


def test_prompts_are_read_by_name(tiny: Callable[..., Path]) -> None:
    config = {"prompts": {"query": "query: ", "passage": "passage: "}}
    folder = tiny(files={"config_sentence_transformers.json": config})
    assert read(folder).prompts == {"query": "query: ", "document": "passage: "}
    assert read(folder, query_prompt="").prompts["query"] == ""
    default = {"prompts": {"all": "text: "}, "default_prompt_name": "all"}
    folder = tiny(files={"config_sentence_transformers.json": default})
    assert read(folder).prompts == {"query": "text: ", "document": "text: "}


def test_a_prompt_outside_of_the_pooling_is_refused(tiny: Callable[..., Path]) -> None:
    pooling = {"pooling_mode_mean_tokens": True, "include_prompt": False}
    folder = tiny(files={"1_Pooling/config.json": pooling})
    assert read(folder).pooling == "mean"
    with pytest.raises(ModelFileError, match=r"leaves the prompt out of the pooling"):
        read(folder, query_prompt="query: ")


def test_more_dimensions_than_there_are_is_an_error(tiny: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match=r"dimensions must be at most 4, .* got 5"):
        read(tiny(), dimensions=5)


def test_broken_json_is_named(tiny: Callable[..., Path]) -> None:
    folder = tiny()
    (folder / "modules.json").write_text("[{", "utf-8")
    with pytest.raises(ModelFileError, match=r"modules\.json is not readable JSON"):
        read(folder)
    with pytest.raises(ModelFileError, match=r"modules\.json must be a list of modules"):
        read(tiny(files={"modules.json": {"a": 1}}))
    with pytest.raises(ModelFileError, match=r"config\.json must hold a JSON object"):
        read(tiny(files={"1_Pooling/config.json": [1]}))


def test_a_file_larger_than_its_kind_ever_is_is_not_read(tiny: Callable[..., Path]) -> None:
    folder = tiny()
    for name in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        kept = (folder / name).read_bytes()
        with (folder / name).open("ab") as file:
            file.truncate(16_000_001)  # a hole, which takes no place on the disk
        with pytest.raises(ModelFileError, match=r"json has 16 MB, and at most 16 MB are read"):
            read(folder)
        (folder / name).write_bytes(kept)
    assert read(folder).dim == 4


def test_json_without_end_is_no_crash(tiny: Callable[..., Path]) -> None:
    folder = tiny()
    (folder / "modules.json").write_text("[" * 200_000, "utf-8")
    with pytest.raises(ModelFileError, match=r"modules\.json is not readable JSON \(it is nested"):
        read(folder)


def test_an_unknown_set_of_outputs_is_named(tiny: Callable[..., Path], proto) -> None:
    outputs = (proto.value("logits", 1, "b", 2), proto.value("scores", 1, "b", 2))
    with pytest.raises(ModelFileError, match=r"has the outputs logits, scores, and a text encoder"):
        read(tiny(proto.graph_bytes(outputs=outputs)))


def test_a_graph_that_pools_takes_no_pooling(tiny: Callable[..., Path], proto) -> None:
    graph = proto.graph_bytes(outputs=(proto.value("sentence_embedding", 1, "b", 4),))
    folder = tiny(graph, files={"1_Pooling/config.json": None})
    assert read(folder).pooling is None
    with pytest.raises(SettingsError, match=r"pools by itself, so pooling can't be 'cls'"):
        read(folder, pooling="cls")


def test_a_graph_that_does_not_say_its_size_is_refused(tiny: Callable[..., Path], proto) -> None:
    graph = proto.graph_bytes(outputs=(proto.value("last_hidden_state", 1, "b", "s", "d"),))
    with pytest.raises(ModelFileError, match=r"says how long its vectors are"):
        read(tiny(graph, files={"1_Pooling/config.json": {"pooling_mode_cls_token": True}}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"path": ""}, "path must name the folder of an encoder, got ''"),
        ({"precision": "fp16"}, "precision must be one of 'fp32', 'int8', None, got 'fp16'"),
        ({"pooling": "median"}, "pooling must be one of 'mean', 'cls', .* got 'median'"),
        ({"max_tokens": 0}, "max_tokens must be at least 1, or left out, got 0"),
        ({"dimensions": -1}, "dimensions must be at least 1, or left out, got -1"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TextSettings(**{"path": "x", **settings})
