"""`penchant recommend` and `penchant similar`: questions to a saved model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penchant.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from penchant.model import Model
    from penchant.recommendations import Id, Reason, Recommendations

_FOLDER = click.argument("folder", metavar="MODEL", type=click.Path(path_type=Path))
_K = click.option("-k", "k", default=10, show_default=True, help="How many items.")
_WHERE = click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only items with this attribute; LOW..HIGH for a range of numbers. May be repeated.",
)


@click.command()
@_FOLDER
@click.argument("user_ids", metavar="[USER]...", nargs=-1)
@_K
@click.option("--history", help="Item ids of a stranger, with commas between.")
@click.option("--text", help="What is looked for, in words.")
@click.option("--deny", help="Item ids that must not come back, with commas between.")
@click.option("--include-seen", is_flag=True, help="Also show what the user has seen.")
@_WHERE
@click.option(
    "--context",
    multiple=True,
    metavar="NAME=VALUE",
    help="What rules go by, such as page=home; a value may be JSON. May be repeated.",
)
@click.option("--explain", is_flag=True, help="Say why each item is there.")
@json_option
def recommend(
    folder: Path,
    user_ids: tuple[str, ...],
    k: int,
    history: str | None,
    text: str | None,
    deny: str | None,
    include_seen: bool,
    where: tuple[str, ...],
    context: tuple[str, ...],
    explain: bool,
    as_json: bool,
) -> None:
    """Recommend items to known users, to a stranger with a history, or to words.

    \b
    penchant recommend model/ 42 43 -k 5
    penchant recommend model/ --history 1,50,260
    penchant recommend model/ --text "a quiet film about memory" --where genres=Drama
    penchant recommend model/ 42 --context page=home --explain
    """
    import penchant

    model = penchant.load(folder)
    options: dict[str, Any] = {
        "k": k,
        "exclude_seen": not include_seen,
        "deny": None if deny is None else _items(model, deny),
        "where": _conditions(model, where),
        "context": _context(context),
        "explain": explain,
    }
    if history is not None:
        options["history"] = _items(model, history)
    if text is not None:
        options["text"] = text
    users: list[Id | None] = [_id(model.users.kind, user) for user in user_ids]
    if not users:
        users = [None]
    for user in users:
        if user is not None and model.users.row(user) < 0:
            click.echo(f"Note: user {user!r} is not in the model and is a stranger to it", err=True)
    answers = [model.recommend(user, **options) for user in users]
    _show(model, answers, as_json)


@click.command()
@_FOLDER
@click.argument("item_id", metavar="ITEM")
@_K
@_WHERE
@json_option
def similar(folder: Path, item_id: str, k: int, where: tuple[str, ...], as_json: bool) -> None:
    """List the items most like one.

    \b
    penchant similar model/ 260 -k 5
    """
    import penchant

    model = penchant.load(folder)
    item = _id(model.items.vocabulary.kind, item_id)
    answer = model.similar_items(item, k=k, where=_conditions(model, where))
    _show(model, [answer], as_json)


def _show(model: Model, answers: list[Recommendations], as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "user_id": answer.user_id,
                    "source": answer.source,
                    "items": [
                        {**row, "name": _name(model, row["item_id"])} for row in answer.to_dicts()
                    ],
                }
                for answer in answers
            ]
        )
        return
    from penchant.data.cleaning import counted

    for answer in answers:
        who = "" if answer.user_id is None else f"{answer.user_id}: "
        rows: list[tuple[Any, ...]] = [
            (row["rank"], row["item_id"], _name(model, row["item_id"]), row["score"])
            for row in answer.to_dicts()
        ]
        columns = _COLUMNS
        if answer.reasons:
            columns = (*_COLUMNS, "because of")
            rows = [
                (*row, _because(reasons)) for row, reasons in zip(rows, answer.reasons, strict=True)
            ]
        print_table(f"{who}{counted(len(rows), 'item')} by {answer.source}", columns, rows)


_COLUMNS: tuple[str, ...] = ("rank", "item", "name", "score")
_REASONS = 3


def _because(reasons: Sequence[Reason]) -> str:
    return "; ".join(reason.name or reason.kind for reason in reasons[:_REASONS])


def _name(model: Model, item_id: Id) -> str:
    return model.items.name(model.items.vocabulary.row(item_id))


def _items(model: Model, listed: str) -> list[Id]:
    kind = model.items.vocabulary.kind
    items = [_id(kind, part.strip()) for part in listed.split(",") if part.strip()]
    for item in items:
        if model.items.vocabulary.row(item) < 0:
            click.echo(f"Note: item {item!r} is not in the model and is left out", err=True)
    return items


def _id(kind: str, text: str) -> Id:
    """A command line has only text; where the model's ids are integers, digits become one."""
    digits = text.removeprefix("-")
    return int(text) if kind == "int" and digits.isascii() and digits.isdigit() else text


def _conditions(model: Model, where: tuple[str, ...]) -> dict[str, Any] | None:
    conditions: dict[str, Any] = {}
    for condition in where:
        column, separator, value = condition.partition("=")
        if not separator:
            raise click.BadParameter(
                f"a condition is COLUMN=VALUE or COLUMN=LOW..HIGH, got {condition!r}",
                param_hint="--where",
            )
        low, dots, high = value.partition("..")
        if dots:
            conditions[column] = (_bound(low), _bound(high))
        else:
            conditions[column] = _number_or_text(model, column, value)
    return conditions or None


def _context(told: tuple[str, ...]) -> dict[str, Any] | None:
    context: dict[str, Any] = {}
    for one in told:
        name, separator, value = one.partition("=")
        if not separator:
            raise click.BadParameter(f"is NAME=VALUE, got {one!r}", param_hint="--context")
        try:
            context[name] = json.loads(value)
        except ValueError:  # a plain word
            context[name] = value
    return context or None


def _bound(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(
            f"a range is LOW..HIGH in numbers, got {text!r}", param_hint="--where"
        ) from None


def _number_or_text(model: Model, column: str, value: str) -> Any:
    if column in model.items.named("number"):
        number = _bound(value)
        return (number, number)
    return value
