"""What an export needs, and what it says without it; the export itself is `make export-test`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from penchant.errors import PluginError, SettingsError
from penchant_onnx.export import export


def test_a_folder_in_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no modules\.json in .*; give a local"):
        export(tmp_path, tmp_path / "made")


def test_without_optimum_it_says_what_to_install(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optimum.exporters.onnx", None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    with pytest.raises(PluginError, match=r"needs optimum, .* pip install 'penchant-onnx\[export"):
        export(tiny(), tmp_path / "made")
    assert not (tmp_path / "made").exists()
