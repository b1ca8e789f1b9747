"""Top-N: our strategies beside those of other libraries, on one protocol.

    PENCHANT_DATA=... python benches/bench_strategies.py split FOLDER
    python benches/strategies_rivals.py FOLDER CELLS.jsonl            # in the rivals' environment
    PENCHANT_DATA=... python benches/bench_strategies.py ours FOLDER CELLS.jsonl
    python benches/bench_strategies.py table CELLS.jsonl > benches/results/strategies.md
    python benches/bench_strategies.py pairs CELLS.jsonl --pair mf.als/default mf.als/tuned

Likings are ratings of at least 4 where there are ratings; 20 % of each user's are held out, at
random or the latest; words of items and dislikings are left out, for rivals can't use them.
Settings are chosen by NDCG@10 on a part cut from train in the same way, from six for each strategy
of either side. Fit times of ours are CPU seconds. Finished cells are not run again.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import scipy.sparse as sp
from catalogues import without_words
from penchant import Dataset, Registry
from penchant.evaluation import Split, make_split, paired_bootstrap, validation_split
from penchant.evaluation.ranking import ranked_lists
from penchant.queries import Csr
from top_n import CUT, Cells, Part, best_of, read_part, write_parts

SETS = (
    "msweb/own",
    "ml-100k/user-random",
    "ml-100k/user-time",
    "ml-latest-small/user-random",
    "ml-latest-small/user-time",
    "lastfm-hetrec/user-random",
    "book-crossing/user-random",
    "ml-1m/user-random",
)


def dataset(name: str, folder: Path) -> Dataset:
    """The dataset called `name` in the data folder."""
    if name == "lastfm-hetrec":
        log = np.loadtxt(folder / name / "user_artists.dat", np.int64, skiprows=1)
        return Dataset.from_frame({"user_id": log[:, 0], "item_id": log[:, 1]})
    if name == "ml-1m":
        log = folder / name / "ratings.parquet"
        return Dataset.from_frame(log, user="userID", item="movieID")
    if name == "msweb":
        pairs = [*_visits(folder / name / "anonymous-msweb.data")]
        pairs += [*_visits(folder / name / "anonymous-msweb.test")]
        users, items = zip(*pairs, strict=True)
        return Dataset.from_frame({"user_id": list(users), "item_id": list(items)})
    return without_words(name, folder)


def _visits(file: Path) -> Iterator[tuple[str, int]]:
    """Pairs of a visitor, called by the file as both number theirs from 10001 on, and a page."""
    visitor = ""
    for line in file.read_text("latin-1").splitlines():
        kind, number, *_ = line.split(",")
        if kind == "C":
            visitor = f"{file.suffix[1:]} {line.split(',')[2]}"
        elif kind == "V":
            yield visitor, int(number)


def split_of(name: str, folder: Path) -> Split:
    """The split called `name` of the set, such as "ml-100k/user-time"."""
    of, kind = name.split("/")
    data = dataset(of, folder)
    return _own(data, 42) if kind == "own" else make_split(data, kind, keep_negatives=False)


def inner_of(split: Split) -> Split:
    """The validation part, cut from train in the same way."""
    return _own(split.train, 1) if split.name == "own" else validation_split(split)


def _own(data: Dataset, seed: int) -> Split:
    """msweb's own test visitors are asked; what the others visited is all learned from."""
    split = make_split(data, "user-random", seed=seed)
    asked = np.array([str(visitor).startswith("test") for visitor in data.users.vocabulary.ids()])
    held = split.held_out.interactions
    others = split.held_out.subset(~asked[held.user]).interactions
    return replace(
        split,
        train=data.with_interactions(split.train.interactions.concat(others)),
        held_out=split.held_out.subset(asked[held.user]),
        test=split.test.where(asked[split.test.row_of_entry()]),
        users=split.users[asked[split.users]],
        name="own",
    )


def part_of(split: Split) -> Part:
    """The part as the judge takes it; of `test`, only the users asked count."""
    train, test = split.train.positive_csr(), split.test
    return Part(_matrix(train), _matrix(test), split.users)


def _matrix(likings: Csr) -> sp.csr_matrix:
    shape = (len(likings.indptr) - 1, likings.columns)
    ones = np.ones(likings.nnz, np.float32)
    return sp.csr_matrix((ones, likings.indices, likings.indptr), shape=shape)


def _grid(use: str, **values: list[Any]) -> list[dict[str, Any]]:
    return [
        {"use": use, **dict(zip(values, one, strict=True))} for one in product(*values.values())
    ]


OURS: dict[str, list[dict[str, Any]]] = {
    "base.popular": [],
    "cf.item_knn": _grid("cf.item_knn", similarity=["tfidf", "bm25"], neighbours=[20, 100, 400]),
    "cf.user_knn": _grid("cf.user_knn", similarity=["cosine", "tfidf"], neighbours=[40, 75, 150]),
    "cf.ease": _grid("cf.ease", l2=[20.0, 50.0, 100.0, 200.0, 400.0, 800.0]),
    "cf.slim": _grid("cf.slim", l1=[0.5, 1.0], l2=[50.0, 100.0, 200.0]),
    "mf.als": _grid("mf.als", unobserved_weight=[8.0, 16.0], regularization=[0.1, 0.22, 0.45]),
    "mf.bpr": _grid("mf.bpr", learning_rate=[0.05, 0.15], epochs=[25, 50, 100]),
    "mf.warp": _grid("mf.warp", factors=[32, 64], epochs=[25, 50, 100]),
    "auto": [],
}


def fitted(use: dict[str, Any], train: Dataset, registry: Registry) -> penchant.Model:
    """A model, as a caller gets it."""
    if use["use"] == "auto":
        return penchant.fit(train, recommender="auto")
    return penchant.fit(train, scorers=[use], registry=registry)


def run(name: str, split: Split, part: Part, strategy: str, cells: Cells) -> None:
    """Measure one strategy on one set, at its defaults and tuned."""
    registry = Registry.discover()
    grid, inner = OURS[strategy], inner_of(split)
    judge = part_of(inner)

    def value(settings: dict[str, Any]) -> float:
        lists, _ = ranked_lists(fitted(settings, inner.train, registry).recommender, inner, CUT)
        return float(judge.judge(lists)["ndcg@10"])

    for mode in ("default", "tuned") if grid else ("default",):
        facts = {"set": name, "name": strategy, "mode": mode, "side": "ours"}
        if cells.has(**facts):
            continue
        settings, tried = ({"use": strategy}, []) if mode == "default" else best_of(grid, value)
        began = time.process_time()
        model = fitted(settings, split.train, registry)
        seconds = time.process_time() - began
        lists, _ = ranked_lists(model.recommender, split, CUT)
        told = {"settings": settings, "fit_s": seconds, "p50_us": _microseconds(model, split)}
        if strategy == "auto":
            told["settings"] = model.spec.to_json()
        cells.add(facts | told | part.judge(lists) | {"tried": tried})


def _microseconds(model: penchant.Model, split: Split) -> float:
    """The median time of a recommendation for one user."""
    times = []
    for user in split.users[:: max(1, len(split.users) // 300)].tolist():
        visitor = split.train.users.vocabulary.id(user)
        began = time.perf_counter()
        model.recommend(visitor, k=CUT)
        times.append(time.perf_counter() - began)
    return float(np.median(times) * 1e6)


def table(cells: Cells) -> str:
    """The table of every set, and the best of ours against the best of theirs."""
    lines = [(__doc__ or "").strip(), ""]
    for name in dict.fromkeys(_file(one) for one in SETS):
        here = [cell for cell in cells.all if cell["set"] == name]
        if not here:
            continue
        lines += [f"## {name}", "", "| strategy | settings | NDCG@10 | Recall@10 | coverage |"]
        lines[-1] += " fit s | p50 us |"
        lines += ["| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
        for cell in sorted(here, key=lambda cell: -cell["ndcg@10"]):
            lines.append(_row(cell))
        lines += ["", _verdict(here), ""]
    return "\n".join(lines)


def _row(cell: Mapping[str, Any]) -> str:
    told = "chosen from the data" if cell["name"] == "auto" else _told(cell["settings"])
    settings = "defaults" if cell["mode"] == "default" and cell["name"] != "auto" else told
    name = f"**{cell['name']}**" if cell["side"] == "ours" else cell["name"]
    p50 = f"{cell['p50_us']:.0f}" if "p50_us" in cell else ""
    return (
        f"| {name} | {settings} | {cell['ndcg@10']:.4f} | {cell['recall@10']:.4f} "
        f"| {cell['coverage@10']:.3f} | {cell['fit_s']:.2f} | {p50} |"
    )


def _told(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items() if key != "use")


def _verdict(cells: list[dict[str, Any]]) -> str:
    """The best of either side, and auto against our best: which was best on test, both sides."""
    best = {
        side: max(
            (cell for cell in cells if cell["side"] == side), key=lambda cell: cell["ndcg@10"]
        )
        for side in ("ours", "theirs")
        if any(cell["side"] == side for cell in cells)
    }
    told = []
    if len(best) == 2:
        told.append(_against(best["ours"], best["theirs"]))
    singles = [cell for cell in cells if cell["side"] == "ours" and cell["name"] != "auto"]
    autos = [cell for cell in cells if cell["name"] == "auto"]
    told += [_against(auto, max(singles, key=lambda cell: cell["ndcg@10"])) for auto in autos]
    return "\n\n".join(told)


def _against(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    found = paired_bootstrap(other["per_user"], one["per_user"])
    share = one["ndcg@10"] / other["ndcg@10"]
    return (
        f"{one['name']} against {other['name']} ({other['mode']}): {share:.3f} times its NDCG@10, "
        f"{found}."
    )


def pairs(cells: Cells, one: str, other: str) -> Iterator[str]:
    """A line of each set: "name/mode" against another, user by user."""
    for name in dict.fromkeys(cell["set"] for cell in cells.all):
        here = {f"{cell['name']}/{cell['mode']}": cell for cell in cells.all if cell["set"] == name}
        if one in here and other in here:
            yield f"{name}: {_against(here[one], here[other])}"


def _file(name: str) -> str:
    return name.replace("/", "_")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("split", "ours", "table", "pairs"))
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--strategies", nargs="*", choices=OURS, default=list(OURS))
    parser.add_argument("--pair", nargs=2, default=("mf.als/default", "mf.als/tuned"))
    given = parser.parse_args()
    if given.what == "pairs":
        print("\n".join(pairs(Cells(given.paths[0]), *given.pair)))
        return
    if given.what == "table":
        print(table(Cells(given.paths[0])))
        return
    folder, data = given.paths[0], Path(os.environ["PENCHANT_DATA"])
    for name in given.sets:
        split, file = split_of(name, data), folder / f"{_file(name)}.npz"
        if given.what == "split":
            write_parts(file, {"test": part_of(split), "validation": part_of(inner_of(split))})
            print(f"{name}: {split}")
            continue
        for strategy in given.strategies:
            run(_file(name), split, read_part(file, "test"), strategy, Cells(given.paths[1]))


if __name__ == "__main__":
    main()
