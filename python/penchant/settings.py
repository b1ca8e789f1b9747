"""Settings of components: from the keys of a recipe to a checked instance of the plugin's class.

A settings class is a frozen, keyword-only dataclass. Its annotations are checked here, its ranges
in its own `__post_init__` (by `check_range` and `check_choice`), and its words of help stand in
`field(metadata={"help": "..."})`, beside the space that a tuner may search:
`"search": Search(10, 1000, log=True)`. Any other class that takes keywords (attrs, pydantic) is
called as it is and does its own checking.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, Union

from penchant.components import Spec
from penchant.errors import SettingsError
from penchant.suggestions import did_you_mean

T = TypeVar("T")

REQUIRED = inspect.Parameter.empty
"""The `default` of a `Setting` that must be given."""


@dataclasses.dataclass(frozen=True)
class Search:
    """A range of numbers, ends included, where a good value of a setting may lie.

    Whole numbers are searched where both ends are. log: by ratios, so that 10 to 100 is as wide as
    100 to 1000. when: another setting of the same component and the value it must have for this one
    to matter. Raises ValueError for a range that is empty or, with `log`, not above 0.
    """

    low: float
    high: float
    log: bool = False
    when: tuple[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a search goes from low to high, got {self.low} to {self.high}")
        if self.log and not self.low > 0:
            raise ValueError(f"a search by ratios starts above 0, got {self.low}")

    @property
    def whole(self) -> bool:
        """Whether the setting is a whole number."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclasses.dataclass(frozen=True)
class Choices:
    """The values, at least two, of which a good one of a setting may be. `when` as in `Search`."""

    values: tuple[str | float | bool | None, ...]
    when: tuple[str, Any] | None = None

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError(f"choices are at least two values, got {self.values!r}")


class Setting(NamedTuple):
    """One setting as a reader sees it; `default` is `REQUIRED` where there is none.

    search: where a good value may lie; None where nobody has said.
    """

    name: str
    type: str
    default: Any
    doc: str
    search: Search | Choices | None = None


def make_settings(cls: type[T], given: Mapping[str, Any], component: str) -> T:
    """Make the settings of `component` from what a caller gave.

    A list becomes a tuple, and a whole number a float, where the annotation wants that. Raises
    SettingsError, naming the component, for an unknown or missing key, for a value of another type,
    and for whatever ValueError, TypeError or failed assertion the class itself raises.
    """
    known = {setting.name: setting for setting in describe_settings(cls)}
    open_ended = known.pop("**", None) is not None
    for key in given:
        if key not in known and not open_ended:
            raise SettingsError(
                f"{component}: unknown setting {key!r}{did_you_mean(key, known)} "
                f"(settings: {', '.join(known) or 'none'})"
            )
    for name, setting in known.items():
        if setting.default is REQUIRED and name not in given:
            raise SettingsError(f"{component}: the setting {name!r} is missing; it has no default")
    values = dict(given)
    for name, hint in _hints(cls).items():
        if name in values:
            try:
                values[name] = _fit(values[name], hint)
            except _Unfit:
                raise SettingsError(
                    f"{component}: {name} must be {_words(hint)}, "
                    f"got {values[name]!r} ({type(values[name]).__name__})"
                ) from None
    try:
        return cls(**values)
    except SettingsError as error:
        raise SettingsError(f"{component}: {error}") from error
    except (ValueError, TypeError, AssertionError) as error:
        said = str(error) or f"{cls.__name__} asserts something that these settings don't fulfil"
        raise SettingsError(f"{component}: {said}") from error


def check_range(
    settings: object,
    *names: str,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> None:
    """Raise ValueError for the first of the settings `names` that is no number of that range.

    For a `__post_init__`. NaN and infinities are in no range; None, which stands for no number, is
    let pass, and the message says so where it is the default.
    """
    for name in names:
        value = getattr(settings, name)
        if value is None:
            continue
        finite = value == value and abs(value) != math.inf
        fits = (
            finite
            and (at_least is None or value >= at_least)
            and (above is None or value > above)
            and (at_most is None or value <= at_most)
            and (below is None or value < below)
        )
        if not fits:
            wanted = _words_of_range(at_least, above, at_most, below)
            if not finite and (at_most is None and below is None):
                wanted = f"finite and {wanted}"
            if getattr(type(settings), name, value) is None:
                wanted += ", or left out"
            raise ValueError(f"{name} must be {wanted}, got {value}")


def _words_of_range(
    at_least: float | None, above: float | None, at_most: float | None, below: float | None
) -> str:
    if at_least is not None and at_most is not None:
        return f"from {at_least} to {at_most}"
    ends = {"at least": at_least, "greater than": above, "at most": at_most, "less than": below}
    return " and ".join(f"{words} {end}" for words, end in ends.items() if end is not None)


def check_choice(settings: object, name: str, choices: Sequence[str | None]) -> None:
    """Raise ValueError where the setting `name` is none of the choices. For a `__post_init__`."""
    value = getattr(settings, name)
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def describe_settings(cls: type[Any]) -> list[Setting]:
    """List the settings of a class in their order, with their types, defaults and words of help.

    The help is the `help` of a dataclass field's metadata. A class that is no dataclass is read by
    its signature; one that takes any keyword shows a setting named "**".
    """
    if not dataclasses.is_dataclass(cls):
        return _read_signature(cls)
    settings = []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        default: Any = REQUIRED
        if field.default is not dataclasses.MISSING:
            default = field.default
        elif field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        doc = str(field.metadata.get("help", ""))
        search = field.metadata.get("search")
        settings.append(Setting(field.name, _annotation(field.type), default, doc, search))
    return settings


def _read_signature(cls: type[Any]) -> list[Setting]:
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):  # a class written in C shows no signature
        return [Setting("**", "Any", None, "")]
    settings = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            settings.append(Setting("**", "Any", None, ""))
        elif parameter.kind not in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            hint = _annotation(parameter.annotation)
            settings.append(Setting(parameter.name, hint, parameter.default, ""))
    return settings


def _annotation(hint: Any) -> str:
    if hint is inspect.Parameter.empty:
        return "Any"
    if isinstance(hint, str):
        return hint
    return hint.__name__ if type(hint) is type else str(hint).replace("typing.", "")


# ---- types


class _Unfit(Exception):
    """A value isn't of the type that its annotation wants."""


def _hints(cls: type[Any]) -> dict[str, Any]:
    """Resolve the annotations of a dataclass's fields; one that can't be resolved is `Any`."""
    if not dataclasses.is_dataclass(cls):
        return {}
    return {field.name: _resolve(field.type, cls) for field in dataclasses.fields(cls)}


_NAMES: dict[str, Any] = {
    **vars(typing),
    "Mapping": Mapping,
    "Spec": Spec,
    "SpecLike": Spec | str | Mapping[str, Any],  # at its home the alias is text
}


def _resolve(hint: Any, cls: type[Any]) -> Any:
    holder = types.SimpleNamespace(__annotations__={"it": hint})
    for owner in cls.__mro__[:-1]:
        names = vars(sys.modules.get(owner.__module__, types)) | _NAMES
        try:
            return typing.get_type_hints(holder, names)["it"]
        except Exception:  # noqa: S112 - a name that only type checkers import
            continue
    return Any


def _fit(value: Any, hint: Any) -> Any:
    """Give `value` as the type `hint`, or raise _Unfit."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return value
    if origin in (Union, types.UnionType):
        return _fit_union(value, arguments)
    if origin is Literal:
        if any(type(value) is type(choice) and value == choice for choice in arguments):
            return value
        raise _Unfit
    if hint is tuple or origin is tuple:
        return _fit_tuple(value, arguments)
    if hint is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _Unfit from None
    if hint in (int, float) and isinstance(value, bool):
        raise _Unfit
    wanted = origin or hint
    try:
        fits = value is None if hint in (None, type(None)) else isinstance(value, wanted)
    except TypeError:  # a protocol or alias that can't be asked at run time
        return value
    if not fits:
        raise _Unfit
    return value


def _fit_union(value: Any, choices: tuple[Any, ...]) -> Any:
    exact = [choice for choice in choices if choice is type(value)]
    for choice in (*exact, *choices):
        try:
            return _fit(value, choice)
        except _Unfit:
            continue
    raise _Unfit


def _fit_tuple(value: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise _Unfit
    if not arguments:
        return tuple(value)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_fit(entry, arguments[0]) for entry in value)
    if len(arguments) != len(value):
        raise _Unfit
    return tuple(_fit(entry, hint) for entry, hint in zip(value, arguments, strict=True))


_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "none",
    tuple: "a list",
    Spec: "a spec",
    Mapping: "a table",
}


def _words(hint: Any) -> str:
    """Say in words what an annotation wants: "a whole number or none"."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(choice) for choice in arguments)
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in arguments)
    if origin is tuple and arguments:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"a list, each entry {_words(arguments[0])}"
        return f"a list of {len(arguments)}: {', '.join(_words(a) for a in arguments)}"
    wanted = origin or hint
    return _WORDS.get(wanted) or f"a {getattr(wanted, '__name__', wanted)}"
