"""From a PyTorch model to a folder for `onnx.text`, by optimum.

optimum pins old versions of its companions, so an environment of its own is advised; the folder
made there needs none of it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from penchant.errors import ModelFileError, PluginError

from penchant_onnx.checkpoint import Checkpoint
from penchant_onnx.graph import read_graph
from penchant_onnx.layout import copy_layout, new_folder
from penchant_onnx.quantize import quantize_file

INSTALL = "pip install 'penchant-onnx[export]'"
# What the rewriting to int8 knows.
_OPSET = 17


def export(
    model: Path,
    output: Path,
    *,
    target: Literal["any", "vnni", "arm64"] = "any",
    pooling: Literal["mean", "cls", "max", "last"] | None = None,
    layers: int | None = None,
) -> None:
    """Make `output`, with the model's layout files, its fp32 graph and the int8 graph of that.

    target: as in `quantize`. The rest, and what is raised, as in `export_graph`; SettingsError too
    where `output` is there already.
    """
    with new_folder(output) as whole:
        export_graph(model, whole, pooling=pooling, layers=layers)
        quantize_file(read_graph(whole / "onnx" / "model.onnx"), whole, target=target)


def export_graph(
    model: Path,
    folder: Path,
    *,
    pooling: Literal["mean", "cls", "max", "last"] | None = None,
    layers: int | None = None,
) -> None:
    """Put the model's layout files and its fp32 graph into `folder`.

    model: a local folder in sentence-transformers layout, or a language model's (config.json,
        weights and tokenizer.json, or one GGUF file); nothing is fetched, and no code in it is run.
    pooling: how token vectors become one, for a language model's folder, which doesn't say.
    layers: keep so many of the first ones; None keeps all.

    Raises SettingsError where `model` isn't such a folder or the settings don't fit it, PluginError
    without optimum, and ModelFileError for a model that transformers or optimum can't read.
    """
    checkpoint = Checkpoint(model, pooling, layers)
    # Read by optimum's companions when they are imported.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    try:
        from optimum.exporters.onnx import main_export
    except ImportError as missing:
        raise PluginError(
            f"exporting needs optimum, which can't be imported ({missing}); {INSTALL}, in an "
            "environment of its own"
        ) from None
    with (
        checkpoint.ready() as complete,
        tempfile.TemporaryDirectory() as temporary,
    ):
        copy_layout(complete, folder)
        try:
            main_export(
                str(complete),
                temporary,
                task="feature-extraction",  # token vectors: the pooling is ours
                library_name="transformers",
                opset=_OPSET,
                trust_remote_code=False,
                do_validation=False,
            )
        except Exception as fault:  # the exporters raise what they like
            raise ModelFileError(f"optimum can't export '{model}': {fault}") from fault
        (folder / "onnx").mkdir(exist_ok=True)
        for file in Path(temporary).glob("model.onnx*"):
            shutil.move(file, folder / "onnx" / file.name)
