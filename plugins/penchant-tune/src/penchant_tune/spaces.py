"""What of a recipe can be turned: the settings, at any depth, whose components declare a space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from penchant import Recipe, Spec
from penchant.errors import SettingsError
from penchant.settings import REQUIRED, Choices, Search, describe_settings
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.registry import Registry

Space: TypeAlias = "Search | Choices"


@dataclass(frozen=True)
class Dial:
    """A setting of a recipe that is searched.

    name: where it stands, such as "scorers[0].l2" or "recommender.scorer.neighbours".
    keys: the same as keys and places. start: the value before tuning.
    """

    name: str
    keys: tuple[str | int, ...]
    space: Space
    start: Any

    def matters(self, values: Mapping[str, Any]) -> bool:
        """Whether the setting has a say, with the other dials at `values`."""
        if self.space.when is None:
            return True
        other, wanted = self.space.when
        return bool(values.get(f"{self.name.rpartition('.')[0]}.{other}", wanted) == wanted)


def dials(
    recipe: Recipe,
    registry: Registry,
    *,
    only: Iterable[str] = (),
    keep: Iterable[str] = (),
    spaces: Mapping[str, Space] | None = None,
) -> list[Dial]:
    """List what can be turned, in the order of the recipe, those that others hang on first.

    only: names to search, leaving the others alone. keep: names to leave alone. spaces: ranges by
    name, in the place of the declared ones or where none is declared. A range is widened to hold
    the value that the recipe starts with.

    Raises SettingsError for a name that is no setting of the recipe, and where nothing is left.
    """
    given = dict(spaces or {})
    every = {dial.name: dial for dial in _walk(_plain(recipe), (), registry)}
    for name in (*only, *keep, *given):
        if name not in every:
            raise SettingsError(
                f"the recipe has no setting {name!r}{did_you_mean(name, every)} "
                f"(settings: {', '.join(every) or 'none'})"
            )
    declared = {name: dial.space for name, dial in every.items() if dial.space is not None}
    wanted = {**declared, **given}
    for name in only:
        if name not in wanted:
            raise SettingsError(
                f"{name} declares no space to search{did_you_mean(name, wanted)}; give one by "
                f"`spaces`, or name another (declared: {', '.join(wanted) or 'none'})"
            )
    chosen = [
        replace(dial, space=_holding(wanted[name], dial.start))
        for name, dial in every.items()
        if name in wanted and name not in set(keep) and (not only or name in set(only))
    ]
    if not chosen:
        raise SettingsError(
            "there is nothing to tune: no setting left declares a space to search; name a "
            "strategy such as 'cf.item_knn', or give `spaces`"
        )
    return sorted(chosen, key=lambda dial: dial.space.when is not None)


def turned(recipe: Recipe, values: Mapping[tuple[str | int, ...], Any]) -> Recipe:
    """The recipe with other values at the keys of dials."""
    tree = _plain(recipe)
    for keys, value in values.items():
        at: Any = tree
        for key in keys[:-1]:
            if isinstance(at[key], str):
                at[key] = {"use": at[key]}
            at = at[key]
        at[keys[-1]] = value
    return replace(
        recipe, recommender=tree.get("recommender"), scorers=tuple(tree.get("scorers", ()))
    )


def _plain(recipe: Recipe) -> dict[str, Any]:
    """The components of a recipe as a tree of mappings and lists."""
    tree: dict[str, Any] = {}
    if recipe.recommender is not None:
        tree["recommender"] = Spec.of(recipe.recommender).to_json()
    if recipe.scorers:
        tree["scorers"] = [Spec.of(scorer).to_json() for scorer in recipe.scorers]
    return tree


def _walk(value: Any, keys: tuple[str | int, ...], registry: Registry) -> Iterable[Any]:
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _walk(inner, (*keys, place), registry)
        return
    if isinstance(value, str) and value in registry.names():
        value = {"use": value}
    if not isinstance(value, Mapping):
        return
    if value.get("use") in registry.names():
        for setting in describe_settings(registry.component(value["use"]).settings):
            start = value.get(setting.name, setting.default)
            if start is not REQUIRED and setting.name != "**":
                inside = (*keys, setting.name)
                yield Dial(_name(inside), inside, setting.search, start)  # type: ignore[arg-type]
    for key, inner in value.items():
        if key != "use":
            yield from _walk(inner, (*keys, key), registry)


def _name(keys: tuple[str | int, ...]) -> str:
    said = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return said.removeprefix(".")


def _holding(space: Space, start: Any) -> Space:
    """The space, wide enough for the value to start with."""
    if isinstance(space, Choices):
        known = any(type(one) is type(start) and one == start for one in space.values)
        return space if known else replace(space, values=(*space.values, start))
    if not isinstance(start, int | float) or (space.log and start <= 0):
        return space
    return replace(space, low=min(space.low, start), high=max(space.high, start))
