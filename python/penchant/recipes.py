"""Recipes: one TOML file that says where the data are, what to fit and how to judge it.

Everything a recipe says can be said in Python (`penchant.fit(dataset, recommender=...)`), and the
other way round (`Recipe.to_toml`).

    seed = 0

    [data]
    interactions = "ratings.csv"      # relative to the recipe
    items = "movies.csv"
    min_value = 4

    [[scorers]]
    use = "cf.ease"

    [[scorers]]
    use = "content.text"
    weight = 0.3
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from penchant.components import Spec, SpecLike
from penchant.errors import SettingsError
from penchant.settings import describe_settings
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.registry import Registry

_TABLES = ("interactions", "items", "users", "relations")
_EVALUATION = ("split", "share", "seed", "keep_negatives", "metrics")
_TUNED: Mapping[str, type | tuple[type, ...]] = MappingProxyType(
    {
        "metric": str,
        "trials": int,
        "split": str,
        "share": float,
        "seed": int,
        "keep_negatives": bool,
        "train": str,
        "min_value": (int, float),
    }
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to fit, on what.

    data: keywords of `Dataset.from_frame`; paths are relative to `folder`.
    recommender: the component that answers; `scorers` and `encoder` are shorthands, see `compose`
        and `with_encoder`.
    derive: columns of the items to be worked out first, as `penchant.fit` takes them.
    evaluation: `split` (a name of `penchant.evaluation.SPLITS`), `share` of events held out,
        `seed`, `metrics`, and `keep_negatives`: whether events that are no likings stay in the
        train part (see `penchant.evaluation`).
    tuned: what `penchant tune` says of a recipe that it wrote: the `metric` and the number of
        `trials`, the digest of the `train` part (`Dataset.fingerprint`) that all of it was cut
        from, and how that part was made: `split`, `share`, `seed`, `keep_negatives`, and the
        `min_value` of the data. A comparison looks there for the likings that it asks for.
    """

    data: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    recommender: SpecLike | None = None
    scorers: Sequence[SpecLike] = ()
    encoder: SpecLike | None = None
    derive: Mapping[str, SpecLike] = field(default_factory=lambda: MappingProxyType({}))
    evaluation: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    tuned: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    seed: int = 0
    threads: int = 1
    folder: Path = Path()

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """Read a TOML file. Raises SettingsError that names the file, the line or the key."""
        path = Path(path)
        try:
            with path.open("rb") as file:
                content = tomllib.load(file)
        except OSError as error:
            raise SettingsError(f"recipe {str(path)!r} can't be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            if path.suffix != ".toml":
                raise SettingsError(
                    f"{str(path)!r} is no recipe, which is a file of TOML; of a table of events "
                    "penchant.Dataset.from_frame makes a dataset"
                ) from None
            raise SettingsError(f"recipe {str(path)!r} is not valid TOML: {error}") from None
        try:
            return cls.of(content, folder=path.parent)
        except SettingsError as error:
            raise SettingsError(f"recipe {str(path)!r}: {error}") from None

    @classmethod
    def of(cls, content: Mapping[str, Any], *, folder: Path = Path()) -> Recipe:
        """Make a recipe from a mapping of the TOML form. Unknown keys are refused."""
        known = (
            "data",
            "recommender",
            "scorers",
            "encoder",
            "derive",
            "evaluation",
            "tuned",
            "seed",
            "threads",
        )
        _refuse_unknown(content, known, "key")
        for key in ("seed", "threads"):
            value = content.get(key, 0)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise SettingsError(f"{key} must be a whole number from 0, got {value!r}")
        for key in ("data", "derive", "evaluation", "tuned"):
            if not isinstance(content.get(key, {}), Mapping):
                raise SettingsError(f"{key} must be a table, got {content[key]!r}")
        scorers = content.get("scorers", ())
        if isinstance(scorers, str | Mapping):
            raise SettingsError(f"scorers must be a list of components, got {scorers!r}")
        _check_evaluation(content.get("evaluation", {}))
        _check_tuned(content.get("tuned", {}))
        derive = content.get("derive", {}).values()
        for spec in (*scorers, *derive, content.get("recommender"), content.get("encoder")):
            if spec is not None:
                Spec.of(spec)
        return cls(folder=folder, **{key: content[key] for key in known if key in content})

    def dataset(self, registry: Registry) -> Dataset:
        """Read the data that the recipe names; URIs by any plugin that is installed."""
        import inspect

        from penchant.data import Dataset

        known = [
            name
            for name, parameter in inspect.signature(Dataset.from_frame).parameters.items()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD and name != "sources"
        ]
        _refuse_unknown(self.data, known, "key of [data]")
        if "interactions" not in self.data:
            raise SettingsError("[data] must name its interactions, such as 'ratings.csv'")
        given = dict(self.data)
        for key in _TABLES:
            if key in given:
                given[key] = self._located(given[key])
        sources = self._sources(registry)
        return Dataset.from_frame(given.pop("interactions"), sources=sources, **given)

    def _sources(self, registry: Registry) -> Mapping[str, Any]:
        """What opens URIs: the registry's, and what it left out because no component needs it."""
        tables = [self.data.get(key) for key in _TABLES]
        paths = [str(one.get("path") if isinstance(one, Mapping) else one) for one in tables]
        schemes = {path.partition("://")[0] for path in paths if "://" in path}
        if schemes <= registry.sources.keys() or not registry.unasked:
            return registry.sources
        others = type(registry).discover(only=registry.unasked, strict=False)
        return {**others.sources, **registry.sources}

    def _located(self, table: Any) -> Any:
        if isinstance(table, Mapping) and isinstance(table.get("path"), str | Path):
            return {**table, "path": self._located(table["path"])}
        if isinstance(table, str) and "://" in table:
            return table
        return self.folder / table if isinstance(table, str | Path) else table

    def namespaces(self) -> frozenset[str]:
        """The namespaces of every component that the recipe names."""
        spec = compose(self.recommender, self.scorers)
        return namespaces([spec.to_json(), self.encoder, list(self.derive.values())])

    def to_toml(self) -> str:
        """The recipe as TOML; reading it gives an equal recipe (paths stay as they were given)."""
        lines = [f"seed = {self.seed}", f"threads = {self.threads}"]
        for name, table in (
            ("data", self.data),
            ("evaluation", self.evaluation),
            ("tuned", self.tuned),
        ):
            if table:
                lines += ["", f"[{name}]", *_pairs(table)]
        for name, spec in (("encoder", self.encoder), ("recommender", self.recommender)):
            if spec is not None:
                lines += ["", f"[{name}]", *_pairs(Spec.of(spec).to_json())]
        for column, spec in self.derive.items():
            lines += ["", f"[derive.{_key(column)}]", *_pairs(Spec.of(spec).to_json())]
        for spec in self.scorers:
            lines += ["", "[[scorers]]", *_pairs(Spec.of(spec).to_json())]
        return "\n".join(lines) + "\n"


def compose(recommender: SpecLike | None, scorers: Sequence[SpecLike] = ()) -> Spec:
    """Turn the shorthand `scorers` into one recommender.

    One scorer becomes `base.top_k` over it, several become `base.top_k` over `hybrid.weighted` with
    the scorers as parts (each may have a `weight`). A recommender given besides takes the place of
    `base.top_k`. Nothing at all becomes `auto`, which the data decide (`penchant.choosing`).
    """
    if isinstance(scorers, str | Mapping | Spec):
        scorers = (scorers,)
    if recommender is None and not scorers:
        return Spec("auto")
    base = Spec.of(recommender if recommender is not None else "base.top_k")
    settings = dict(base.to_json())
    settings.pop("use")
    if scorers:
        if base.name == "auto":
            raise SettingsError("auto chooses the scorers itself; leave out scorers, or auto")
        if "scorer" in settings:
            raise SettingsError(f"{base.name} has a scorer of its own; leave out scorers")
        parts = [Spec.of(scorer).to_json() for scorer in scorers]
        if len(parts) == 1:
            parts[0].pop("weight", None)
            settings["scorer"] = parts[0]
        else:
            settings["scorer"] = {"use": "hybrid.weighted", "parts": parts}
    return Spec(base.name, settings)


def with_encoder(spec: Spec, encoder: SpecLike, registry: Registry) -> Spec:
    """Give the encoder to every component inside that takes one and names none.

    A component takes one when its settings have the field `encoder`; one that names an `extractor`
    instead is left alone.
    """
    chosen = Spec.of(encoder).to_json()

    known = registry.names()

    def given(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [given(v) for v in value]
        if isinstance(value, str) and value in known:
            return given({"use": value})
        if not isinstance(value, Mapping):
            return value
        inner = {k: v if k == "use" else given(v) for k, v in value.items()}
        if value.get("use") not in known:
            return inner
        settings = describe_settings(registry.component(value["use"]).settings)
        takes = any(setting.name == "encoder" for setting in settings)
        if takes and not {"encoder", "extractor"} & set(inner):
            inner["encoder"] = chosen
        return inner

    return Spec.of(given(spec.to_json()))


def namespaces(value: Any) -> frozenset[str]:
    """The namespaces of the components that a spec names, at any depth."""
    if isinstance(value, Spec):
        value = value.to_json()
    found: set[str] = set()
    if isinstance(value, str) and value.count(".") == 1:
        # A bare name stands for a component without settings; another text with one dot in it
        # (a file name) asks for a namespace that isn't there, which is harmless.
        found.add(value.split(".")[0])
    elif isinstance(value, Mapping):
        for inner in value.values():
            found |= namespaces(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            found |= namespaces(inner)
    return frozenset(found)


def _refuse_unknown(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in given:
        if key not in known:
            raise SettingsError(f"unknown {what} {key!r}{did_you_mean(key, known)}")


def _check_evaluation(asked: Mapping[str, Any]) -> None:
    _refuse_unknown(asked, _EVALUATION, "key of [evaluation]")
    if "split" in asked and not isinstance(asked["split"], str):
        raise SettingsError(f"split must be a name such as 'user-time', got {asked['split']!r}")
    share = asked.get("share", 0.5)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise SettingsError(f"share must lie between 0 and 1, both left out, got {share!r}")
    seed = asked.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SettingsError(f"seed of [evaluation] must be a whole number from 0, got {seed!r}")
    keep = asked.get("keep_negatives", True)
    if not isinstance(keep, bool):
        raise SettingsError(f"keep_negatives must be true or false, got {keep!r}")
    metrics = asked.get("metrics", [""])
    if not isinstance(metrics, list | tuple) or not all(isinstance(one, str) for one in metrics):
        raise SettingsError(f"metrics must be a list such as ['ndcg@10'], got {metrics!r}")


def _check_tuned(tuned: Mapping[str, Any]) -> None:
    _refuse_unknown(tuned, tuple(_TUNED), "key of [tuned]")
    for key, kind in _TUNED.items():
        if tuned and key not in tuned and key != "min_value":
            raise SettingsError(
                f"[tuned] lacks {key!r}; leave it as penchant tune wrote it, or out altogether"
            )
        if key in tuned and not isinstance(tuned[key], kind):
            raise SettingsError(
                f"{key} of [tuned] must be as penchant tune wrote it, got {tuned[key]!r}"
            )


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items() if value is not None]


def _key(key: str) -> str:
    plain = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
    return key if plain else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, int | float):
        return repr(value)
    # JSON's escapes are TOML's too, but TOML also refuses a bare DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
