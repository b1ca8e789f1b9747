"""Fixtures for every test of the workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets, named by PENCHANT_DATA; the test skips where there is none."""
    folder = os.environ.get("PENCHANT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the real data sets of the folder named by PENCHANT_DATA")
    return Path(folder)


# Examples may be slow on a busy machine; what a test allows itself is pytest's timeout.
settings.register_profile("penchant", deadline=None)
settings.load_profile("penchant")
