"""What our int8 costs a recommendation: new items ranked by `mf.als` with the text of either graph.

A fifth of the items is hidden and ranked among itself, for every user who likes some of them; the
two models differ by the precision of the encoder alone, with the defaults of `mf.als`. FOLDER is
what `penchant onnx export` makes, with a graph of floats and one of int8.

    PENCHANT_DATA=... uv run python benches/bench_int8_ranking.py FOLDER

With --unfinished a generative model reads the sentences of text_lift.py in the place of columns.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from catalogues import UNFINISHED, catalogue
from common import print_machine
from penchant import Registry
from penchant.evaluation import cold_item_split, evaluate_scorer, paired_bootstrap
from penchant.protocols import FitContext

METRIC = "ndcg@10"


def measure(name: str, folder: Path, seeds: int, cache: str, unfinished: bool) -> dict[str, Any]:
    """NDCG@10 with floats and with int8 over the users of all seeds, and the share that is kept."""
    registry = Registry.discover()
    data, told = catalogue(name, Path(os.environ["PENCHANT_DATA"]))
    columns = UNFINISHED[name] if unfinished else list(told)
    found: dict[str, list[np.ndarray]] = {"fp32": [], "int8": []}
    for seed in range(1, seeds + 1):
        split = cold_item_split(data, seed=seed)
        for precision, values in found.items():
            text = {"use": "onnx.text", "path": str(folder), "precision": precision}
            text |= {"cache": cache, "columns": columns}
            scorer = registry.scorer({"use": "mf.als", "factors": 64, "text": text})
            fitted = scorer.fit(split.train, FitContext(seed=seed))
            values.append(evaluate_scorer(fitted, split, metrics=[METRIC]).per_user[METRIC])
        print(name, seed, {one: round(float(v[-1].mean()), 4) for one, v in found.items()})
    whole, small = (np.concatenate(values) for values in found.values())
    kept = [float(b.mean() / a.mean()) for a, b in zip(*found.values(), strict=True)]
    gain = paired_bootstrap(whole, small)
    return {
        "users": len(whole),
        "fp32": round(float(whole.mean()), 4),
        "int8": round(float(small.mean()), 4),
        "kept": round(float(small.mean() / whole.mean()), 4),
        "least of a seed": round(min(kept), 4),
        "difference": [round(one, 5) for one in (gain.difference, gain.low, gain.high)],
    }


def main() -> None:
    """Measure both catalogues of films."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="+", default=["ml-100k", "ml-latest-small"])
    parser.add_argument("--unfinished", action="store_true", help="for a generative model")
    given = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as cache:
        for name in given.sets:
            found = measure(name, given.folder, given.seeds, cache, given.unfinished)
            print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    main()
