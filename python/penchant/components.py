"""Declarations: how a plugin says what it offers, and how a caller says what it wants.

A `Component` is what a plugin's hook returns; a `Spec` is a component's name with its settings, as
written in a recipe (`{use = "cf.ease", l2 = 200}`) or in Python (`use("cf.ease", l2=200)`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from penchant.errors import SettingsError

if TYPE_CHECKING:
    from penchant.protocols import Json
    from penchant.registry import Registry

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Component(Generic[T_co]):
    """A named way to build one encoder, extractor, scorer, recommender or generator.

    name: within the plugin's namespace: lower case letters, digits and underscores.
    build: makes the unfitted object from its settings; the registry gives it parts by name. It
        imports what is heavy, so that a declaration costs nothing.
    settings: a frozen, keyword-only dataclass whose `__post_init__` checks the ranges.
    summary: one line for `penchant plugins`.
    """

    name: str
    build: Callable[[Any, Registry], T_co]
    settings: type[Any]
    summary: str


@dataclass(frozen=True)
class Spec:
    """A component's full name and its settings."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, value: SpecLike) -> Spec:
        """Read a spec from a name, a mapping with the key `use`, or a spec.

        Raises SettingsError for anything else.
        """
        if isinstance(value, Spec):
            return value
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, Mapping) and isinstance(value.get("use"), str):
            return cls(value["use"], {k: v for k, v in value.items() if k != "use"})
        raise SettingsError(
            f"a component is a name, or a table with the key 'use' and its settings, got {value!r}"
        )

    def to_json(self) -> dict[str, Json]:
        """The mapping form, ready for JSON or TOML."""
        return {"use": self.name, **{k: _plain(v) for k, v in self.settings.items()}}


SpecLike: TypeAlias = "Spec | str | Mapping[str, Any]"


def use(name: str, /, **settings: Any) -> Spec:
    """Name a component and its settings: `use("cf.ease", l2=200)`."""
    return Spec(name, MappingProxyType(settings))


def _plain(value: Any) -> Json:
    if isinstance(value, Spec):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


@dataclass(frozen=True)
class SourceScheme:
    """A URI scheme (`postgresql`) and the function that opens such a URI as a table.

    `open(uri, query)` gives any dataframe that narwhals reads or an Arrow stream.
    """

    scheme: str
    open: Callable[[str, str | None], Any]


@dataclass(frozen=True)
class FitReport:
    """A finished fit: what was fitted, on how much, and how long it took."""

    recommender: Spec
    users: int
    items: int
    events: int
    seconds: float
    seed: int
