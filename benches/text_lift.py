"""What text is worth: hybrids that differ by the features of items alone, on four catalogues.

Every arm blends `mf.als` and neighbours (`cf.ease`, in large catalogues `cf.item_knn`) without
words, and for each of its sets of features the same again with `text=`, and `content.text` over
what it reads. The arms' features:

    tfidf     TF-IDF of all columns: the traditional hybrid
    fields    the same, and TF-IDF without titles, since names drown among words of titles
    encoder   as fields, with an encoder of titles beside the names, in the place of TF-IDF
    both      as fields, and the encoder's besides
    language  as encoder, with names in a whole block, and beside it what a generative language
              model makes of an unfinished sentence, "If you like the movie X, you will also like
              the movie": the state of its last token
    shuffled  as both, with the words of another item in the place of what the encoder reads
    random    as both, with a random vector in that place
    profiles  as tfidf, with words compared and never mapped to likings

The weights of the parts are learned by each arm from a validation part of the same kind, cut from
train, those of "user-time" from several cuts by time, those of cold users from three draws of users
cut down to as few likings. What stands here was settled on validation
parts of seeds 1 and 2, "language" on those of seeds 3 to 5 of ml-100k.

    PENCHANT_DATA=... python benches/text_lift.py run CELLS.jsonl [--sets ...] [--splits ...]
                      [--language-model FOLDER]
    python benches/text_lift.py table CELLS.jsonl

A cell is a catalogue, a split, a seed and an arm. Those that stand in the file are not run again.
A part that several arms have is fitted once.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from catalogues import NAMES, UNFINISHED, catalogue
from penchant import Dataset, Registry, Spec
from penchant.evaluation import (
    Split,
    by_past,
    cold_item_split,
    cold_user_split,
    evaluate_scorer,
    growing_split,
    paired_bootstrap,
    user_random_split,
    user_time_split,
)
from penchant.protocols import FitContext

METRICS = ("precision@10", "recall@10", "f1@10", "ndcg@10")
BASE = "tfidf"
ARMS = ("tfidf", "profiles", "fields", "encoder", "both", "language", "shuffled", "random")
KNOWN = {f"cold-user-{known}": known for known in (1, 3, 5)}
SPLITS: Mapping[str, Callable[[Dataset, int], Split]] = {
    "growing": lambda data, seed: growing_split(data, seed=seed),
    "cold-item": lambda data, seed: cold_item_split(data, seed=seed),
    "user-random": lambda data, seed: user_random_split(data, seed=seed),
    "user-time": lambda data, _: user_time_split(data),
    **{
        name: lambda data, seed, known=known: cold_user_split(data, seed=seed, known=known)
        for name, known in KNOWN.items()
    },
}
_MOST_EASE = 10_000
"""Items up to which neighbours are those of `cf.ease`; its matrix grows with their square."""


def hybrid(
    arm: str,
    told: Sequence[str],
    items: int,
    encoder: Mapping[str, Any],
    among: str,
    language: Mapping[str, Any],
) -> dict[str, Any]:
    """The blend of an arm, as a recipe has it.

    encoder: reads the columns that it is given. language: a generative model and its template.
    """
    words = {"use": "content.tfidf", "columns": list(told), "ngrams": [1, 1]}
    names = {**words, "columns": [column for column in told if column != "title"]}
    read = {**encoder, "columns": list(told)}
    titles = {**encoder, "columns": ["title"]}
    another = {**encoder, "columns": ["another"]}
    noise = {"use": "base.hashing", "dim": 384, "columns": ["noise"]}
    traditional = ([words], [words])
    fields = ([names, words], [names, words])
    encoded = ([{**names, "weight": 2}, read, titles], [names, read])
    guessed = ([names, read, titles, {**language, "weight": 2}], [names, read])
    # Of each set of features: the blocks that are mapped to likings, and what is compared.
    sets: Sequence[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
        "tfidf": (traditional,),
        "profiles": (([], [words]),),
        "fields": (fields,),
        "encoder": (encoded,),
        "both": (traditional, encoded),
        "language": (guessed,),
        "shuffled": (traditional, ([another], [another])),
        "random": (traditional, ([noise], [noise])),
    }[arm]
    small = items <= _MOST_EASE
    neighbours = {"use": "cf.ease" if small else "cf.item_knn"}
    factors = {"use": "mf.als", "factors": 64}
    parts = [neighbours, factors]
    for mapped, compared in sets:
        if mapped:
            parts.append({**factors, "text": mapped})
            # Words and vectors in one matrix make likenesses of all pairs slow in large catalogues.
            parts.append({**neighbours, "text": mapped if small else compared[-1:]})
        parts += [_content(one) for one in compared]
    return {"use": "hybrid.weighted", "parts": parts, "among": among, "learn": True}


def _content(read: Mapping[str, Any]) -> dict[str, Any]:
    if read["use"] == "content.tfidf":
        return {"use": "content.text", "extractor": dict(read)}
    spec = {name: value for name, value in read.items() if name != "columns"}
    return {"use": "content.text", "encoder": spec, "columns": read["columns"]}


class SharedFits(Registry):
    """A registry whose scorers are fitted once for the same data, hybrids apart."""

    fits: ClassVar[dict[tuple[str, str], Any]] = {}

    def scorer(self, spec: Any) -> Any:
        """Build a scorer that remembers its fits."""
        built, given = super().scorer(spec), Spec.of(spec)
        if given.name.startswith("hybrid."):
            return built
        return _Once(built, f"{given.name} {json.dumps(given.settings, default=dict)}")


@dataclass(frozen=True)
class _Once:
    scorer: Any
    spec: str

    def fit(self, data: Dataset, context: FitContext, /) -> Any:
        log = data.interactions
        told = sha256(log.user.tobytes() + log.item.tobytes()).hexdigest()
        key = (self.spec, f"{told} {context.seed}")
        if key not in SharedFits.fits:
            SharedFits.fits[key] = self.scorer.fit(data, context)
        return SharedFits.fits[key]

    def restore(self, state: Any, /) -> Any:
        return self.scorer.restore(state)


def views(split: Split, name: str) -> Iterator[tuple[str, Split]]:
    """The questions that are asked of one fit."""
    yield name, split
    if name == "cold-item":
        yield "cold-item among all", replace(split, candidates=None)
    if name in ("growing", "user-random"):
        for bucket, part in by_past(split).items():
            yield f"{name}, items liked {bucket} times", part


def run(
    file: Path,
    sets: Sequence[str],
    splits: Sequence[str],
    seeds: int,
    arms: Sequence[str],
    language_model: Path | None,
) -> None:
    """Run what is missing, seed by seed, and append a line a cell."""
    done = {(c["set"], c["split"], c["seed"], c["arm"]) for c in read(file)}
    folder = Path(os.environ["PENCHANT_DATA"])
    cache = str(file.with_suffix(".vectors"))
    encoder = {"use": "onnx.minilm", "cache": cache}
    model = {"use": "onnx.text", "path": str(language_model), "cache": cache}
    registry = SharedFits.discover()
    for seed in range(1, seeds + 1):
        for name in sets:
            data, told = catalogue(name, folder)
            language = {**model, "columns": UNFINISHED[name]}
            for kind in splits:
                timed = data.interactions.time is not None
                wanted = [arm for arm in arms if (name, kind, seed, arm) not in done]
                # A split by time is the same for every seed.
                if not wanted or (kind == "user-time" and (seed > 1 or not timed)):
                    continue
                split = SPLITS[kind](data, seed)
                # By time, and for newcomers, a hybrid cuts what it is given by itself, several
                # times over.
                train, validation = split.train, None
                if kind != "user-time" and kind not in KNOWN:
                    inner = SPLITS[kind](split.train, seed)
                    train, validation = inner.train, inner.held_out
                SharedFits.fits.clear()
                for arm in wanted:
                    started = time.perf_counter()
                    among = "new" if kind == "cold-item" else "all"
                    spec = hybrid(arm, told, len(data.items), encoder, among, language)
                    if kind in KNOWN:
                        spec |= {"known": KNOWN[kind], "share": 0.2}
                    context = FitContext(seed=seed, threads=1, validation=validation)
                    fitted: Any = registry.scorer(spec).fit(train, context)
                    measured = {
                        view: {
                            metric: [round(float(value), 4) for value in values]
                            for metric, values in evaluate_scorer(
                                fitted, part, metrics=METRICS
                            ).per_user.items()
                        }
                        for view, part in views(split, kind)
                    }
                    cell = {
                        "set": name,
                        "split": kind,
                        "seed": seed,
                        "arm": arm,
                        "seconds": round(time.perf_counter() - started, 1),
                        "weights": [round(float(w), 3) for w in fitted.state().meta["weights"]],
                        "values": measured,
                    }
                    with file.open("a") as lines:
                        lines.write(json.dumps(cell) + "\n")
                    means = {m: round(float(np.mean(v)), 4) for m, v in measured[kind].items()}
                    print(
                        name, kind, seed, arm, means, cell["weights"], cell["seconds"], flush=True
                    )


def read(file: Path) -> list[dict[str, Any]]:
    """The cells that have been run."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def table(file: Path) -> str:
    """Markdown: for each view, the mean of the traditional arm, and relative lifts of the others.

    Where the traditional arm finds next to nothing, all arms have their means.

    Users of all seeds are drawn together; an interval of 95 % stands behind each lift.
    """
    cells = {(c["set"], c["split"], c["seed"], c["arm"]): c["values"] for c in read(file)}
    keys = dict.fromkeys((name, kind) for name, kind, _, _ in cells)
    lines = []
    for name in [one for one in NAMES if any(key[0] == one for key in keys)]:
        lines += [f"\n## {name}\n", _HEAD]
        for kind in [one for one in SPLITS if (name, one) in keys]:
            seeds = sorted(s for n, k, s, a in cells if (n, k, a) == (name, kind, BASE))
            seen = dict.fromkeys(view for s in seeds for view in cells[name, kind, s, BASE])
            for view in seen:
                lines += _rows(cells, name, kind, view, seeds)
    return "\n".join(lines)


_NEXT_TO_NOTHING = 0.005
_HEAD = (
    "| split | arm | seeds | users | precision@10 | recall@10 | F1@10 | NDCG@10 |\n"
    "| --- | --- | ---: | ---: | --- | --- | --- | --- |"
)


def _rows(
    cells: Mapping[Any, Any], name: str, kind: str, view: str, seeds: Sequence[int]
) -> Iterator[str]:
    for arm in ARMS:
        both = [
            seed
            for seed in seeds
            if view in cells.get((name, kind, seed, arm), {})
            and view in cells[name, kind, seed, BASE]
        ]
        if not both:
            continue
        texts = []
        for metric in METRICS:
            ours, base = (
                np.concatenate([cells[name, kind, seed, one][view][metric] for seed in both])
                for one in (arm, BASE)
            )
            if arm == BASE:
                texts.append(f"{base.mean():.4f}")
                continue
            gain, level = paired_bootstrap(base, ours), base.mean()
            if level < _NEXT_TO_NOTHING:
                texts.append(f"{ours.mean():.4f}")
                continue
            low, high = gain.low / level, gain.high / level
            texts.append(f"{gain.difference / level:+.1%} [{low:+.1%}, {high:+.1%}]")
        yield f"| {view} | {arm} | {len(both)} | {len(base)} | {' | '.join(texts)} |"


def main() -> None:
    """Run cells, or print the table of those that have been run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("run", "table"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--sets", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--splits", nargs="+", choices=list(SPLITS), default=list(SPLITS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--language-model", type=Path, help="the folder that penchant onnx made")
    chosen = parser.parse_args()
    if chosen.arms == ["language"] and not chosen.language_model:
        parser.error("the arm 'language' needs --language-model")
    if chosen.command == "run":
        arms = [arm for arm in chosen.arms if arm != "language" or chosen.language_model]
        run(chosen.file, chosen.sets, chosen.splits, chosen.seeds, arms, chosen.language_model)
    else:
        print(table(chosen.file))


if __name__ == "__main__":
    main()
