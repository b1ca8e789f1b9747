"""A folder in sentence-transformers layout: what it holds, and what its files say.

Order of precedence: the caller's setting, then the folder's files. Nothing is guessed: a wrong
pooling or limit gives vectors that look fine and rank badly, so what neither says is an error.
`tokenizer.json` is never asked for the limit; what it carries was set for training or for a demo
(all-MiniLM-L6-v2 says 128 there, and 256 is right).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant.errors import ModelFileError, SettingsError

from penchant_onnx.dense import Dense, read_dense
from penchant_onnx.files import read_json
from penchant_onnx.graph import Graph, read_graph
from penchant_onnx.settings import POOLINGS, TextSettings

# The names that sentence-transformers writes into 1_Pooling/config.json.
_POOLING_FLAGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}
_TOKEN_OUTPUTS = ("last_hidden_state", "token_embeddings")
_MODULES = {"Transformer", "Pooling", "Dense", "Normalize"}
_INT8_MARKS = ("int8", "quint8", "qint8", "quantized")
# Generic int8 files run well anywhere and avx2's on any x86; the others are made for one family of
# processors. The order doesn't look at the machine: one folder gives the same vectors everywhere.
_INT8_ORDER = ("model_int8", "model_quantized", "model_quint8_avx2")
_QUERY_PROMPTS = ("query",)
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")


@dataclass(frozen=True)
class Folder:
    """Everything about an encoder that its vectors depend on, settled.

    output: the graph's tensor that is read; `pooling` is None where the graph pools by itself.
    dense: what a pooled vector goes through, in order, before it is normalized.
    sources: for each settled value, where it comes from (`describe()` shows it).
    """

    path: Path
    graph: Graph
    others: tuple[str, ...]
    tokenizer: Path
    output: str
    pooling: str | None
    dense: tuple[Dense, ...]
    normalize: bool
    max_tokens: int
    dim: int
    prompts: Mapping[str, str]
    lower_case: bool
    sources: Mapping[str, str]


def read_folder(settings: TextSettings) -> Folder:
    """Settle an encoder from its folder and the caller's settings.

    Raises SettingsError where the caller can mend it with a setting or another path, and
    ModelFileError for files that are damaged or that ask for what this encoder can't do.
    """
    path = Path(settings.path)
    if not path.is_dir():
        raise SettingsError(
            f"onnx.text: there is no folder '{path}'; path must name a local folder in "
            "sentence-transformers layout"
        )
    tokenizer = path / "tokenizer.json"
    if not tokenizer.is_file():
        raise SettingsError(
            f"onnx.text: there is no tokenizer.json in '{path}'; copy it from the model that the "
            "graph was exported from"
        )
    file, others = _choose_graph(path, settings.precision)
    graph = read_graph(file)
    graph.external_files()
    sources = {"graph": "precision setting" if settings.precision else "the folder"}
    modules = _modules(path)
    output, pooling, sources["pooling"] = _output(path, settings, graph)
    dense = _dense(path, modules, pooling)
    normalize, sources["normalize"] = _normalize(path, settings, modules)
    max_tokens, lower_case, sources["max_tokens"] = _limits(path, settings)
    prompts = _prompts(path, settings)
    _refuse_excluded_prompts(path, prompts)
    return Folder(
        path=path,
        graph=graph,
        others=others,
        tokenizer=tokenizer,
        output=output,
        pooling=pooling,
        dense=dense,
        normalize=normalize,
        max_tokens=max_tokens,
        dim=_dim(path, settings, graph.outputs[output], dense),
        prompts=prompts,
        lower_case=lower_case,
        sources=sources,
    )


def _choose_graph(path: Path, precision: str | None) -> tuple[Path, tuple[str, ...]]:
    """The graph to run, and the names of those not taken."""
    graphs = sorted([*path.glob("onnx/*.onnx"), *path.glob("*.onnx")])
    if not graphs:
        raise SettingsError(
            f"onnx.text: there is no ONNX graph in '{path}' (looked for onnx/*.onnx and *.onnx); "
            "export the model to onnx/model.onnx first"
        )
    names = ", ".join(file.relative_to(path).as_posix() for file in graphs)
    plain = [file for file in graphs if file.stem == "model"]
    int8 = sorted(
        (file for file in graphs if any(mark in file.stem for mark in _INT8_MARKS)),
        key=lambda file: (
            _INT8_ORDER.index(file.stem) if file.stem in _INT8_ORDER else len(_INT8_ORDER),
            file.name,
        ),
    )
    wanted = {"fp32": plain, "int8": int8, None: [*plain, *int8, *graphs]}[precision]
    if not wanted:
        raise SettingsError(
            f"onnx.text: there is no {precision} graph in '{path}' (it has {names}); "
            "set precision to what the folder has, or leave it out"
        )
    chosen = wanted[0]
    others = tuple(file.relative_to(path).as_posix() for file in graphs if file != chosen)
    return chosen, others


def _modules(path: Path) -> list[tuple[str, str]] | None:
    """(class name, folder) of each module, or None without a modules.json."""
    listed = _json(path / "modules.json")
    if listed is None:
        return None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise ModelFileError(f"{path / 'modules.json'} must be a list of modules; copy it again")
    modules = [(str(m.get("type", "")).rpartition(".")[2], str(m.get("path", ""))) for m in listed]
    for name, _ in modules:
        if name not in _MODULES:
            raise ModelFileError(
                f"{path / 'modules.json'} lists the module '{name}', and onnx.text runs only "
                f"Transformer, Pooling, Dense and Normalize; take an encoder without '{name}'"
            )
    return modules


def _dense(
    path: Path, modules: list[tuple[str, str]] | None, pooling: str | None
) -> tuple[Dense, ...]:
    """The Dense modules, in order. A graph that pools by itself has its own inside."""
    if modules is None or pooling is None:
        return ()
    names = [name for name, _ in modules]
    if "Dense" in names and "Normalize" in names[: names.index("Dense")]:
        raise ModelFileError(
            f"{path / 'modules.json'} lists Normalize before Dense, and onnx.text normalizes last; "
            "take another encoder"
        )
    inside = [place for name, place in modules if name == "Dense"]
    for place in inside:
        if not place or Path(place).is_absolute() or ".." in Path(place).parts:
            raise ModelFileError(
                f"{path / 'modules.json'} has a Dense module at '{place}', and it must be a folder "
                "inside; copy the file again"
            )
    return tuple(read_dense(path / place) for place in inside)


def _output(path: Path, settings: TextSettings, graph: Graph) -> tuple[str, str | None, str]:
    """The tensor to read, and how to pool it: None where the graph does that by itself."""
    pools_itself = "sentence_embedding" in graph.outputs
    tokens = [name for name in _TOKEN_OUTPUTS if name in graph.outputs]
    if not tokens and not pools_itself and len(graph.outputs) == 1:
        tokens = list(graph.outputs)
    if pools_itself and (settings.pooling is None or not tokens):
        if settings.pooling is not None:
            raise SettingsError(
                f"onnx.text: {graph.path} pools by itself, so pooling can't be "
                f"{settings.pooling!r}; leave it out"
            )
        return "sentence_embedding", None, "inside the graph"
    if not tokens:
        raise ModelFileError(
            f"{graph.path} has the outputs {', '.join(graph.outputs)}, and a text encoder gives "
            "sentence_embedding, last_hidden_state or token_embeddings; export it as a feature "
            "extractor"
        )
    return tokens[0], *_pooling(path, settings)


def _pooling(path: Path, settings: TextSettings) -> tuple[str, str]:
    if settings.pooling is not None:
        return settings.pooling, "setting"
    config = _object(path / "1_Pooling" / "config.json")
    if config is None:
        raise SettingsError(
            f"onnx.text: '{path}' has no 1_Pooling/config.json, and a pooling is never guessed; "
            "copy that file from the original model, or set pooling to 'mean', 'cls', 'max' or "
            "'last' as its authors say"
        )
    modes = [name for flag, name in _POOLING_FLAGS.items() if config.get(flag)]
    if isinstance(config.get("pooling_mode"), str):  # the newer form of the file
        modes = [config["pooling_mode"].removesuffix("token")]
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise ModelFileError(
            f"{path / '1_Pooling' / 'config.json'} asks for the pooling "
            f"{' + '.join(modes) or '(none)'}, and onnx.text knows mean, cls, max and last, one at "
            "a time; take another encoder"
        )
    return modes[0], "1_Pooling/config.json"


def _normalize(
    path: Path, settings: TextSettings, modules: list[tuple[str, str]] | None
) -> tuple[bool, str]:
    if settings.normalize is not None:
        return settings.normalize, "setting"
    if modules is None:
        raise SettingsError(
            f"onnx.text: '{path}' has no modules.json to say whether vectors are normalized; copy "
            "that file from the original model, or set normalize to true or false"
        )
    return any(name == "Normalize" for name, _ in modules), "modules.json"


def _limits(path: Path, settings: TextSettings) -> tuple[int, bool, str]:
    config = _object(path / "sentence_bert_config.json") or {}
    lower_case = bool(config.get("do_lower_case", False))
    if settings.max_tokens is not None:
        return settings.max_tokens, lower_case, "setting"
    limit = config.get("max_seq_length")
    if not isinstance(limit, int) or limit < 1:
        raise SettingsError(
            f"onnx.text: '{path}' has no sentence_bert_config.json with a max_seq_length; copy "
            "that file from the original model, or set max_tokens to the model's limit"
        )
    return limit, lower_case, "sentence_bert_config.json"


def _prompts(path: Path, settings: TextSettings) -> dict[str, str]:
    config = _object(path / "config_sentence_transformers.json") or {}
    named = config.get("prompts") or {}
    default = named.get(config.get("default_prompt_name"), "")

    def prompt(given: str | None, names: tuple[str, ...]) -> str:
        if given is not None:
            return given
        return str(next((named[name] for name in names if name in named), default) or "")

    return {
        "query": prompt(settings.query_prompt, _QUERY_PROMPTS),
        "document": prompt(settings.document_prompt, _DOCUMENT_PROMPTS),
    }


def _refuse_excluded_prompts(path: Path, prompts: Mapping[str, str]) -> None:
    config = _object(path / "1_Pooling" / "config.json") or {}
    if any(prompts.values()) and config.get("include_prompt", True) is False:
        raise ModelFileError(
            f"{path / '1_Pooling' / 'config.json'} leaves the prompt out of the pooling, which "
            "onnx.text can't do; take another encoder, or set both prompts to ''"
        )


def _dim(path: Path, settings: TextSettings, declared: int | None, dense: tuple[Dense, ...]) -> int:
    config = _object(path / "1_Pooling" / "config.json") or {}
    size = config.get("word_embedding_dimension", config.get("embedding_dimension"))
    dim = declared if declared is not None else size
    if not isinstance(dim, int):
        raise ModelFileError(
            f"neither the graph in '{path}' nor 1_Pooling/config.json says how long its vectors "
            "are; export the graph with a fixed last axis"
        )
    for module in dense:
        if module.weight.shape[1] != dim:
            raise ModelFileError(
                f"{module.file} takes vectors of length {module.weight.shape[1]}, and gets ones of "
                f"length {dim}; copy both from one model"
            )
        dim = module.weight.shape[0]
    if settings.dimensions is not None and settings.dimensions > dim:
        raise SettingsError(
            f"onnx.text: dimensions must be at most {dim}, the length of this encoder's vectors, "
            f"got {settings.dimensions}"
        )
    return settings.dimensions or dim


def _object(file: Path) -> dict[str, Any] | None:
    value = _json(file)
    if value is not None and not isinstance(value, dict):
        raise ModelFileError(f"{file} must hold a JSON object; copy it again")
    return value


def _json(file: Path) -> Any:
    return read_json(file) if file.is_file() else None
