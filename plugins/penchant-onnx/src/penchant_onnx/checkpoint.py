"""Weights as transformers keeps them, made ready for an export: a layout, and no more layers.

A language model's folder says nothing of how its token vectors become one, so that is asked for. Of
a generative model the middle layers tell more than the last ones, which are busy with the next word
(Skean, Arefin, Zhao, Patel, Naghiyev, LeCun, Shwartz-Ziv, "Layer by Layer: Uncovering Hidden
Representations in Language Models", 2025); what is left out costs nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant.errors import ModelFileError, SettingsError

from penchant_onnx.layout import copy_layout, write_layout

# Titles and descriptions are shorter, and generative models could read a book.
_MOST_TOKENS = 512


@dataclass(frozen=True)
class Checkpoint:
    """A folder with weights, and what is wanted of it.

    folder: in sentence-transformers layout, or a language model's: config.json, weights and
        tokenizer.json, or one GGUF file.
    pooling: "mean", "cls", "max" or "last", for a language model's folder alone, which doesn't say.
    layers: keep so many of the first ones; None keeps all.
    """

    folder: Path
    pooling: str | None
    layers: int | None

    def __post_init__(self) -> None:
        """Raise SettingsError for another folder, and for settings that don't fit it."""
        folder, pooling = self.folder, self.pooling
        if not (self.complete or self.packed or (folder / "config.json").is_file()):
            raise SettingsError(
                f"there is no modules.json, no config.json and no one GGUF file in '{folder}'; "
                "give a local folder in sentence-transformers layout, or a language model's"
            )
        if not self.packed and not (folder / "tokenizer.json").is_file():
            raise SettingsError(
                f"there is no tokenizer.json in '{folder}'; save the model's fast tokenizer there"
            )
        if self.complete and pooling is not None:
            raise SettingsError(
                f"'{folder}' says by itself how it pools, so pooling can't be {pooling!r}; leave "
                "it out"
            )
        if not self.complete and pooling is None:
            raise SettingsError(
                f"'{folder}' doesn't say how token vectors become one, and a pooling is never "
                "guessed; give 'last' for a generative model, or 'mean', 'cls' or 'max' as its "
                "authors say"
            )
        if self.layers is not None and self.layers < 1:
            raise SettingsError(f"layers must be at least 1, or left out, got {self.layers}")

    @property
    def complete(self) -> bool:
        """Whether the folder is in sentence-transformers layout."""
        return (self.folder / "modules.json").is_file()

    @property
    def packed(self) -> str | None:
        """The name of the folder's one GGUF file, where that is what it has."""
        files = sorted(self.folder.glob("*.gguf"))
        plain = self.complete or (self.folder / "config.json").is_file()
        return files[0].name if len(files) == 1 and not plain else None

    @contextmanager
    def ready(self) -> Iterator[Path]:
        """Give a folder in sentence-transformers layout with the layers that are kept.

        Raises SettingsError for more layers than there are, and ModelFileError for what
        transformers can't read.
        """
        if self.complete and self.layers is None:
            yield self.folder
            return
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary) / "model"  # not for its owner's eyes alone, as the other is
            made.mkdir()
            copy_layout(self.folder, made)  # its licence too
            config = self._write(made)
            if self.pooling is not None:
                limit = min(getattr(config, "max_position_embeddings", _MOST_TOKENS), _MOST_TOKENS)
                write_layout(made, self.pooling, dim=config.hidden_size, max_tokens=limit)
            yield made

    def _write(self, made: Path) -> Any:
        """Write weights, config.json and tokenizer.json, and give the configuration."""
        import torch
        from transformers import AutoModel, AutoTokenizer

        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        if self.packed is not None:
            local["gguf_file"] = self.packed
        # New models draw their weights before they are given others: not from the caller's draws.
        with torch.random.fork_rng(devices=[]):
            try:
                whole = AutoModel.from_pretrained(self.folder, **local).float()
                if self.packed is not None:
                    AutoTokenizer.from_pretrained(self.folder, **local).save_pretrained(made)
            except Exception as fault:  # the library raises what it likes
                raise ModelFileError(f"transformers can't read '{self.folder}': {fault}") from fault
            config = self._cut(whole.config)
            kept = AutoModel.from_config(config).float()
        weights = whole.state_dict()
        kept.load_state_dict({name: weights[name] for name in kept.state_dict()})
        kept.save_pretrained(made)
        return config

    def _cut(self, config: Any) -> Any:
        """Give the configuration with the layers that are kept, changed in place."""
        there = getattr(config, "num_hidden_layers", None)
        if there is None or getattr(config, "hidden_size", None) is None:
            raise ModelFileError(
                f"'{self.folder}' holds a {config.model_type}, which doesn't say how many layers "
                "it has and how large, as models that read more than text don't; give the folder "
                "of a language model alone"
            )
        if self.layers is not None and self.layers > there:
            raise SettingsError(
                f"layers must be at most {there}, as many as '{self.folder}' has, got {self.layers}"
            )
        config.num_hidden_layers = self.layers or there
        if getattr(config, "layer_types", None):  # a kind a layer, where they differ
            config.layer_types = config.layer_types[: config.num_hidden_layers]
        # What comes from GGUF counts as quantized, and transformers won't save it as it is.
        config.__dict__.pop("quantization_config", None)
        return config
