"""New encoder folders: made from an old one's layout files, and there whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penchant.errors import ModelFileError, SettingsError

from penchant_onnx.dense import write_dense

if TYPE_CHECKING:
    from penchant.protocols import F32

    from penchant_onnx.text import OnnxText

# What belongs to an encoder beside its graph; weights of other frameworks stay behind.
_SUFFIXES = (".json", ".md", ".txt")
KIND = "sentence_transformers.models."


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `output` when the block ends without an error.

    Raises SettingsError where `output` is there already, and ModelFileError where it can't be
    written.
    """
    if output.exists():
        raise SettingsError(f"'{output}' is there already; give a folder that isn't")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{output.name}.", suffix=".tmp", dir=output.parent
        ) as temporary:
            whole = Path(temporary) / "encoder"
            whole.mkdir()
            yield whole
            whole.rename(output)
    except OSError as fault:
        raise ModelFileError(
            f"can't write the encoder folder '{output}' ({fault.strerror}); give another folder"
        ) from None


def copy_layout(folder: Path, target: Path) -> None:
    """Copy what an encoder has beside its graph: JSON, texts, licence and Dense modules."""

    def skipped(at: str, names: list[str]) -> list[str]:
        top = Path(at) == folder
        return [
            name
            for name in names
            if name.startswith(".")
            or not (
                Path(at, name).is_dir()
                or name.endswith(_SUFFIXES)
                or "LICENSE" in name
                or (name == "model.safetensors" and not top)
            )
        ]

    shutil.copytree(folder, target, ignore=skipped, dirs_exist_ok=True)


def write_layout(folder: Path, pooling: str, *, dim: int, max_tokens: int) -> None:
    """Say in sentence-transformers' files how token vectors of length `dim` become one of length 1.

    pooling: "mean", "cls", "max" or "last". max_tokens: how much of a text is read.
    """
    flag = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens", "last": "lasttoken"}
    kinds = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    said: dict[str, Any] = {
        "modules.json": [
            {"idx": at, "name": str(at), "path": path, "type": KIND + kind}
            for at, (kind, path) in enumerate(kinds)
        ],
        "sentence_bert_config.json": {"max_seq_length": max_tokens, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": dim,
            f"pooling_mode_{flag[pooling]}": True,
        },
    }
    (folder / "1_Pooling").mkdir(exist_ok=True)
    for name, value in said.items():
        (folder / name).write_text(json.dumps(value, indent=2), "utf-8")


def add_head(encoder: OnnxText, folder: Path, weight: F32) -> None:
    """Complete `folder`, a copy of the encoder's layout: its graph, and a matrix behind all it has.

    weight: (out, in), applied to the pooled vector. It has no bias, so that a length that is
    normalized away makes no difference to it.

    Raises SettingsError where the graph pools by itself, and leaves nothing to be put between.
    """
    if encoder.pooling is None:
        raise SettingsError(
            f"the graph in '{encoder.folder}' pools by itself, so nothing can be put behind it; "
            "export it as a feature extractor"
        )
    for file in encoder.graph_files:
        place = folder / file.relative_to(encoder.folder)
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, place)
    modules: list[dict[str, Any]] = json.loads((folder / "modules.json").read_text("utf-8"))
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    at = kinds.index("Normalize") if "Normalize" in kinds else len(kinds)
    number = 2
    while (folder / f"{number}_Dense").exists():
        number += 1
    modules.insert(at, {"path": f"{number}_Dense", "type": f"{KIND}Dense"})
    for place_of, module in enumerate(modules):
        module.update(idx=place_of, name=str(place_of))
    write_dense(folder / f"{number}_Dense", weight)
    (folder / "modules.json").write_text(json.dumps(modules, indent=2), "utf-8")
