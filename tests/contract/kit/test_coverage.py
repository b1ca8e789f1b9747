"""The kit sees enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from penchant import kernels
from penchant.queries import Candidates
from penchant.testing import (
    EncoderContract,
    ExtractorContract,
    GeneratorContract,
    RecommenderContract,
    ScorerContract,
)
from penchant.testing.checks import eligible


def test_every_test_of_the_kit_is_failed_by_some_plugin_here() -> None:
    """A test of the kit that no broken plugin fails would be a test that can't fail."""
    sources = Path(__file__).parent.glob("test_*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in sources)
    for base in (
        EncoderContract,
        ExtractorContract,
        GeneratorContract,
        RecommenderContract,
        ScorerContract,
    ):
        for name in dir(base):
            if name.startswith("test_"):
                assert name.removeprefix("test_") in source.replace("test_", ""), name


def test_a_bitset_of_the_kernels_is_read_as_the_kit_reads_it() -> None:
    words = kernels.bitset(np.array([0, 63, 64, 99], np.int32), 100)
    assert eligible(Candidates(100, allow=words), 0) == [0, 63, 64, 99]
