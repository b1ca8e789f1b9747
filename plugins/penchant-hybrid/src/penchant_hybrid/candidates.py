"""Which strategies are worth a trial on which data, with which settings.

One family a strategy; of a family, the settings that rank best on held-out likings go on to the
blend. The values are those between which the best lay on validation parts of the data sets of
benches/results/strategies.md; more of them costs time and gains little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from penchant.protocols import FitContext

from penchant_hybrid.cuts import SMALL_LOG

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.registry import Registry

Spec: TypeAlias = dict[str, Any]
Families: TypeAlias = dict[str, list[Spec]]

DENSE_ITEMS = 20_000
"""Liked items up to which a dense item-item matrix is made; 1.6 GB at the most."""
SMALL_ITEMS = 8_000
"""Liked items up to which it is made several times."""
MANY_USERS = 100_000
"""Users beyond which they are not compared with one another."""
MANY_PAIRS = 1_000_000_000
"""Pairs of one user's likings up to which `cf.slim` is fitted; so many take a minute or three."""
BUSY = 30
"""Likings of the user of an average liking from which `mf.als` is tried with other weights."""


def families_for(data: Dataset, registry: Registry) -> tuple[Families, list[str]]:
    """The families that suit the data and are installed, and what was seen, in sentences."""
    liked = int(np.count_nonzero(np.bincount(data.positives().item)))
    users, likings = len(data.users), len(data.positives())
    columns = data.items.named("text", "category", "label")
    reasons = [_of_events(data), f"{likings:,} likings of {users:,} users and {liked:,} items"]
    families: Families = {"base.popular": [{"use": "base.popular"}]}
    if data.interactions.time is not None:
        families["base.trending"] = [{"use": "base.trending"}]
    families["cf.item_knn"] = [
        {"use": "cf.item_knn", "neighbours": 20},
        {"use": "cf.item_knn", "neighbours": 100},
        {"use": "cf.item_knn", "neighbours": 400},
        {"use": "cf.item_knn", "similarity": "bm25"},
    ]
    if users <= MANY_USERS:
        families["cf.user_knn"] = [
            {"use": "cf.user_knn", "similarity": "tfidf"},
            {"use": "cf.user_knn", "similarity": "cosine", "neighbours": 40},
        ]
    else:
        reasons.append(f"more than {MANY_USERS:,} users: no neighbours among them (cf.user_knn)")
    if liked <= SMALL_ITEMS:
        families["cf.ease"] = [{"use": "cf.ease", "l2": l2} for l2 in (80.0, 250.0, 800.0)]
    elif liked <= DENSE_ITEMS:
        families["cf.ease"] = [{"use": "cf.ease", "l2": 100.0}]
    else:
        reasons.append(f"more than {DENSE_ITEMS:,} items: no matrix of all pairs (cf.ease)")
    pairs = _pairs(data)
    if pairs <= MANY_PAIRS:
        families["cf.slim"] = _slim(data, liked)
    else:
        reasons.append(f"more than {MANY_PAIRS:,} pairs of one user's likings (cf.slim)")
    families["mf.als"] = [{"use": "mf.als"}]
    if pairs >= BUSY * likings:
        families["mf.als"] += [_als(40.0, 0.22), _als(10.0, 0.1)]
    families["mf.warp"] = [{"use": "mf.warp"}, {"use": "mf.warp", "epochs": 100}]
    words = {"use": "content.tfidf", "columns": list(columns)}
    if not columns:
        reasons.append("items have no words")
    elif not _has_terms(words, data, registry):
        reasons.append(f"items have no words in their columns of words ({', '.join(columns)})")
    else:
        reasons.append(f"items have words ({', '.join(columns)}): strategies that read join")
        families["content.text"] = [{"use": "content.text", "extractor": words}]
        families["mf.als"].append({"use": "mf.als", "factors": 64, "text": words})
    names = registry.names("scorer")
    installed = {name: specs for name, specs in families.items() if name in names}
    missing = sorted(set(families) - set(installed))
    if missing:
        reasons.append(f"not installed, and so not tried: {', '.join(missing)}")
    if "content.text" in families and "content.tfidf" not in registry.names("extractor"):
        for name, specs in installed.items():
            installed[name] = [spec for spec in specs if "text" not in spec]
    return installed, reasons


def _has_terms(words: Spec, data: Dataset, registry: Registry) -> bool:
    """Whether any item has a term, as far as can be told without the plugin that would find it."""
    if words["use"] not in registry.names("extractor"):
        return True
    extraction = registry.extractor(words).fit(data, FitContext())
    return bool(extraction.extract(data, np.empty(0, np.int32)).names)


def _slim(data: Dataset, liked: int) -> list[Spec]:
    """Twice where that is quick. Of many items most are rare, and a strong pull silences them."""
    if liked > SMALL_ITEMS:
        return [{"use": "cf.slim", "l2": 50.0}]
    quick = [] if len(data.interactions) > SMALL_LOG else [{"use": "cf.slim"}]
    return [*quick, {"use": "cf.slim", "l1": 1.0, "l2": 200.0}]


def _als(unobserved_weight: float, regularization: float) -> Spec:
    return {
        "use": "mf.als",
        "unobserved_weight": unobserved_weight,
        "regularization": regularization,
    }


def _pairs(data: Dataset) -> int:
    """Pairs of likings of one user, all users together."""
    return int(np.square(np.bincount(data.positives().user)).sum())


def _of_events(data: Dataset) -> str:
    value, least = data.interactions.value, data.min_value
    if least is not None and float(value.min()) < least:
        kind = f"events with values, of which those of at least {least:g} are likings"
    else:
        kind = "events that are all likings"
    times = "with times" if data.interactions.time is not None else "without times"
    return f"{kind}, {times}"
