"""Benches run by pytest say on which machine, and import `common` as the scripts do."""

import sys
from pathlib import Path

from penchant.benchmark import machine

sys.path.insert(0, str(Path(__file__).parent))


def pytest_report_header() -> str:
    """The processor, its cores, and versions."""
    facts = machine("faiss-cpu", "implicit", "pytest-benchmark")
    return ", ".join(f"{name} {value}" for name, value in facts.items())
