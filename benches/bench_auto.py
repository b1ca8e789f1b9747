"""What `auto` chooses, on parts within train: against the best single candidate by hindsight.

    PENCHANT_DATA=... python benches/bench_auto.py CELLS.jsonl
    python benches/bench_auto.py CELLS.jsonl --table

Of the train parts of bench_strategies.py a fifth of each user's likings is held out once more, in
the same way; "earlier" first leaves the latest fifth of train out, and "half 0" and "half 1" are of
every other user. Test parts play no part. "The best" is the best of some twenty by what was held
out, which no choice made before can know. Seconds are of the process.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from bench_strategies import fitted, part_of, split_of
from penchant import Registry
from penchant.evaluation import Split, make_split
from penchant.evaluation.ranking import ranked_lists
from penchant_hybrid.candidates import families_for
from top_n import CUT, Cells, Part

WITHIN = (
    "ml-100k/user-time",
    "ml-100k/user-time earlier",
    "ml-100k/user-time half 0",
    "ml-100k/user-time half 1",
    "ml-latest-small/user-time",
    "ml-latest-small/user-time earlier",
    "ml-latest-small/user-time half 0",
    "ml-latest-small/user-time half 1",
    "ml-100k/user-random 7",
    "ml-100k/user-random 8",
    "ml-latest-small/user-random 7",
    "lastfm-hetrec/user-random 7",
    "msweb/own 7",
)


def split_within(name: str, folder: Path) -> Split:
    """A split of the train part of "set/kind", by a word or a seed."""
    of, _, how = name.partition(" ")
    train = split_of(of, folder).train
    if not of.endswith("user-time"):
        return make_split(train, "user-random", seed=int(how), keep_negatives=False)
    if how == "earlier":
        train = make_split(train, "user-time", keep_negatives=False).train
    elif how:
        half = np.random.default_rng(5).permutation(len(train.users)) % 2
        train = train.subset(half[train.interactions.user] == int(how[-1]))
    return make_split(train, "user-time", keep_negatives=False)


def run(name: str, split: Split, part: Part, cells: Cells) -> None:
    """Measure what is not measured yet."""
    registry = Registry.discover()
    families, _ = families_for(split.train, registry)
    singles = [spec for tried in families.values() for spec in tried]
    for spec in ["auto", *singles]:
        facts = {"set": name, "spec": spec}
        if cells.has(**facts):
            continue
        began = time.process_time()
        model = fitted({"use": "auto"} if spec == "auto" else spec, split.train, registry)
        seconds = time.process_time() - began
        lists, _ = ranked_lists(model.recommender, split, CUT)
        told = {"fit_s": seconds, "chosen": model.spec.to_json()}
        cells.add({**facts, **told, **part.judge(lists)})


def table(cells: Cells) -> str:
    """`auto` and the best single candidate of each part, and the mean of their quotients."""
    lines = ["| within | best single | NDCG@10 | `auto` | `auto` / best | s |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: |")
    quotients = []
    for name in WITHIN:
        here = [one for one in cells.all if one["set"] == name]
        if not here:
            continue
        auto = next(one for one in here if one["spec"] == "auto")
        best = max((one for one in here if one is not auto), key=lambda one: one["ndcg@10"])
        quotients.append(auto["ndcg@10"] / best["ndcg@10"])
        lines.append(
            f"| {name} | `{best['spec']['use']}` | {best['ndcg@10']:.4f} | {auto['ndcg@10']:.4f} "
            f"| {quotients[-1]:.3f} | {auto['fit_s']:.0f} |"
        )
    return "\n".join([*lines, f"| mean of {len(quotients)} | | | | {np.mean(quotients):.3f} | |"])


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--within", nargs="*", choices=WITHIN, default=list(WITHIN))
    given = parser.parse_args()
    cells = Cells(given.cells)
    if given.table:
        print(table(cells))
        return
    for name in given.within:
        split = split_within(name, Path(os.environ["PENCHANT_DATA"]))
        run(name, split, part_of(split), cells)


if __name__ == "__main__":
    main()
