"""What one rule of `hybrid.rules` says, and the settings that hold them; importing costs nothing.

A rule is a table: an `action`, the items it speaks of, and for whom and when it holds. Everything
that can be wrong without data is refused here; `rulebook` refuses what the catalogue shows wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from penchant import Spec
from penchant.errors import SettingsError
from penchant.settings import check_range, make_settings
from penchant.suggestions import did_you_mean

from penchant_hybrid.settings import INSIDE, POOL, When, inside

# What each action must be told besides its items, of which one suffices where there are several.
_NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "require": (("items", "ids"),),
    "exclude": (("items", "ids"),),
    "pin": (("items", "ids"),),
    "boost": (("items", "ids"), ("by",)),
    "bury": (("items", "ids"), ("by",)),
    "fresh": (("column",), ("by",), ("half_life",)),
    "cap": (("column", "items", "ids"), ("at_most", "share")),
    "quota": (("items", "ids"), ("at_least", "share")),
}
_MAY: Mapping[str, tuple[str, ...]] = {"pin": ("place",)}
_SAYS: Mapping[str, str] = {
    "require": "not among what is shown",
    "exclude": "not shown",
    "boost": "raised",
    "bury": "lowered",
    "fresh": "raised for being new",
}
ACTIONS = tuple(_NEEDS)
_ALWAYS = ("action", "name", "users", "context")
_ENDS = ("min", "max")
_ABOUT_USERS = tuple(one.name for one in fields(When))


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. Raises SettingsError or ValueError for what can't be meant.

    items: conditions as in `where=`, a range being {min = …, max = …}. ids: items by name.
    users: `known`, `words`, `min_likings`, `max_likings` as in `hybrid.switch`, and conditions on
        columns of users. context: names with a value, or a list of which any will do.
    """

    action: str
    name: str = ""
    items: Mapping[str, Any] | None = None
    ids: tuple[str | int, ...] = ()
    column: str = ""
    users: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    place: int | None = None
    by: float | None = None
    half_life: float | None = None
    at_most: int | None = None
    at_least: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.action not in _NEEDS:
            raise ValueError(
                f"there is no action {self.action!r}{did_you_mean(self.action, _NEEDS)} "
                f"(actions: {', '.join(_NEEDS)})"
            )
        self._check_keys()
        check_range(self, "place", "at_most", "at_least", at_least=1)
        if self.by is not None and not 0 < self.by <= 1:
            raise ValueError(
                f"by must be above 0 and at most 1, which is the way from the worst of the pool to "
                f"its best, got {self.by}"
            )
        check_range(self, "share", above=0, below=1)
        check_range(self, "half_life", above=0)
        for what, conditions in (("items", self.items), ("users", self.users)):
            if conditions is not None:
                _conditions(what, conditions)
        for name, value in (self.context or {}).items():
            if not all(isinstance(one, str | int | float) for one in _listed(value)):
                raise ValueError(
                    f"context must give {name!r} a text, a number, true or false, or a list of "
                    f"these, got {value!r}"
                )
        self.whom()

    def _check_keys(self) -> None:
        """Refuse a key that the action makes no use of, and miss one that it needs."""
        needs = _NEEDS[self.action]
        known = {*_ALWAYS, *_MAY.get(self.action, ()), *(key for any_of in needs for key in any_of)}
        given = {one.name for one in fields(self) if getattr(self, one.name) not in (None, "", ())}
        for key in sorted(given - known):
            takes = ", ".join(key for any_of in needs for key in any_of)
            raise ValueError(f"{self.action} has no use for {key} (it takes {takes})")
        for any_of in needs:
            told = [key for key in any_of if key in given]
            if len(told) != 1:
                raise ValueError(
                    f"{self.action} needs {' or '.join(any_of)}, got {' and '.join(told) or 'none'}"
                )

    def whom(self) -> When:
        """The conditions on who asks that need no column."""
        given = {key: value for key, value in (self.users or {}).items() if key in _ABOUT_USERS}
        return make_settings(When, given, "users")

    def of_items(self) -> Mapping[str, Any]:
        """The conditions on items, as `Items.where` takes them."""
        return _where(self.items or {})

    def of_users(self) -> Mapping[str, Any]:
        """The conditions on columns of users, as `Users.where` takes them."""
        told = {key: value for key, value in (self.users or {}).items() if key not in _ABOUT_USERS}
        return _where(told)

    @property
    def names_items(self) -> bool:
        """Whether it speaks of a set of items, by conditions or by ids."""
        return bool(self.items or self.ids)

    def says(self) -> str:
        """What it does to an item, in words."""
        if self.action in ("cap", "quota"):
            most = self.at_most or self.at_least
            much = f"{self.share:g} of a list" if most is None else f"{most} in a list"
            return f"at {'most' if self.action == 'cap' else 'least'} {much}"
        if self.action == "pin":
            return f"pinned from place {self.place or 1} on"
        return _SAYS[self.action]


@dataclass(frozen=True, kw_only=True)
class RulesSettings:
    """Settings of `hybrid.rules`."""

    scorer: Spec | str | Mapping[str, Any] | None = field(
        default=None, metadata={"help": "the strategy whose best items the rules are laid upon"}
    )
    recommender: Spec | str | Mapping[str, Any] | None = field(
        default=None, metadata={"help": INSIDE}
    )
    rules: tuple[Mapping[str, Any], ...] = field(
        metadata={
            "help": "tables with an `action` (require, exclude, pin, boost, bury, fresh, cap, "
            "quota), the `items` or `ids` it speaks of, and for which `users` and in which "
            "`context` it holds"
        }
    )
    pool: int = field(default=100, metadata={"help": POOL})

    def __post_init__(self) -> None:
        check_range(self, "pool", at_least=1)
        self.inside()
        self.read()

    def inside(self) -> Spec:
        """The recommender that the rules are laid upon."""
        return inside(self.scorer, self.recommender)

    def read(self) -> tuple[Rule, ...]:
        """The rules, each with a name of its own."""
        if not self.rules:
            raise ValueError("rules must hold at least one rule, got none")
        read: dict[str, Rule] = {}
        for number, given in enumerate(self.rules, start=1):
            title = given.get("name") or f"rule {number} ({given.get('action')})"
            rule = make_settings(Rule, given, str(title))
            if title in read:
                raise ValueError(f"two rules have the name {title!r}; give each its own")
            read[title] = replace(rule, name=title)
        return tuple(read.values())


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _conditions(what: str, conditions: Mapping[str, Any]) -> None:
    if not conditions:
        raise ValueError(f"{what} must name at least one column, got an empty table")
    for name, value in conditions.items():
        if isinstance(value, Mapping):
            for end in value:
                if end not in _ENDS:
                    raise ValueError(
                        f"a range of {what} is {{min = …, max = …}}, got {end!r} for {name!r}"
                    )
            if not value:
                raise ValueError(f"a range of {what} has a min, a max or both, got none: {name!r}")
        elif not all(isinstance(one, str | int | float) for one in _listed(value)):
            raise ValueError(
                f"{what} must give {name!r} a value, a list of values, or a range such as "
                f"{{min = 1990}}, got {value!r}"
            )


def _where(conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Conditions in the words of `where=`: a range is a tuple there, which no TOML and no JSON
    has, and any of several values a list.
    """

    def read(value: Any) -> Any:
        if isinstance(value, Mapping):
            return (value.get("min"), value.get("max"))
        return list(value) if isinstance(value, tuple) else value

    return {name: read(value) for name, value in conditions.items()}


def problem(rule: Rule, words: object) -> SettingsError:
    """The error that a rule can't be kept on these data."""
    return SettingsError(f"hybrid.rules: {rule.name}: {words}")
