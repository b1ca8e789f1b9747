"""`penchant plugins` and `penchant doctor`: what is installed, how it is set, and what is wrong."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from penchant.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from penchant.protocols import Json
    from penchant.registry import Registry


@click.command()
@click.argument("component", required=False)
@json_option
def plugins(component: str | None, as_json: bool) -> None:
    """List every plugin and component, or the settings of one COMPONENT, such as cf.ease."""
    from penchant.registry import Registry

    registry = Registry.discover(strict=False)
    if component is not None:
        _tell_settings(registry, component, as_json=as_json)
        return
    if as_json:
        print_json(
            {
                "plugins": [
                    {
                        "namespace": plugin.namespace,
                        "distribution": plugin.distribution,
                        "version": plugin.version,
                        "api": plugin.api,
                        "hooks": list(plugin.hooks),
                        "components": list(plugin.components),
                    }
                    for plugin in registry.plugins
                ],
                "components": [
                    {
                        "name": name,
                        "kind": registry.kind_of(name),
                        "summary": registry.component(name).summary,
                    }
                    for name in registry.names()
                ],
                "problems": [str(problem) for problem in registry.problems],
            }
        )
        return
    print_table(
        "Plugins",
        ("namespace", "distribution", "version", "hooks"),
        [
            (
                plugin.namespace,
                plugin.distribution,
                plugin.version,
                ", ".join(hook.removeprefix("penchant_") for hook in plugin.hooks),
            )
            for plugin in registry.plugins
        ],
    )
    print_table(
        "Components",
        ("name", "kind", "summary"),
        [
            (name, registry.kind_of(name), registry.component(name).summary)
            for name in registry.names()
        ],
    )
    for problem in registry.problems:
        click.echo(f"Problem: {problem}", err=True)


def _tell_settings(registry: Registry, name: str, *, as_json: bool) -> None:
    from penchant.gathering import a
    from penchant.settings import REQUIRED, describe_settings

    component, kind = registry.component(name), registry.kind_of(name)
    settings = describe_settings(component.settings)
    if as_json:
        told: list[dict[str, Any]] = []
        for setting in settings:
            given = {} if setting.default is REQUIRED else {"default": _as_json(setting.default)}
            search = None if setting.search is None else dataclasses.asdict(setting.search)
            told.append(
                {
                    "name": setting.name,
                    "type": setting.type,
                    "required": not given,
                    **given,
                    "search": search,
                    "help": setting.doc,
                }
            )
        document: dict[str, Any] = {
            "name": name,
            "kind": kind,
            "summary": component.summary,
            "settings": told,
        }
        print_json(document)
        return
    click.echo(f"{name}, {a(kind)}: {component.summary}")
    if not settings:
        click.echo("It has no settings.")
        return
    print_table(
        "",
        ("setting", "default", "type", "meaning"),
        [
            (
                setting.name,
                "(required)" if setting.default is REQUIRED else _as_toml(setting.default),
                setting.type,
                setting.doc,
            )
            for setting in settings
        ],
    )


def _as_json(value: Any) -> Any:
    """Give a default as JSON can say it."""
    from penchant.components import Spec

    if isinstance(value, Spec):
        return value.to_json()
    return list(value) if isinstance(value, tuple) else value


def _as_toml(value: Any) -> str:
    """Write a default as a recipe would, and "none" for what TOML has no word for."""
    import json

    return "none" if value is None else json.dumps(_as_json(value), ensure_ascii=False, default=str)


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check this installation; the exit code is 1 where something is wrong."""
    import os
    import platform
    from importlib.util import find_spec

    import numpy as np

    from penchant import __version__, kernels
    from penchant.registry import Registry

    registry = Registry.discover(strict=False)
    problems = [str(problem) for problem in registry.problems]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    frames = [name for name in ("pandas", "polars", "pyarrow", "duckdb") if find_spec(name)]
    report: dict[str, Json] = {
        "penchant": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "numpy": np.__version__,
        "cores": cores,
        "instruction_sets": list(kernels.isas()),
        "plugins": {plugin.namespace: plugin.version for plugin in registry.plugins},
        "dataframe_libraries": frames,
        "problems": list(problems),
    }
    if as_json:
        print_json(report)
        return 1 if problems else 0
    for key in ("penchant", "python", "platform", "numpy", "cores"):
        click.echo(f"{key:20s} {report[key]}")
    click.echo(f"{'instruction sets':20s} {', '.join(kernels.isas())}")
    listed = ", ".join(f"{p.namespace} {p.version}" for p in registry.plugins)
    click.echo(f"{'plugins':20s} {listed}")
    click.echo(f"{'dataframe libraries':20s} {', '.join(frames) or 'none (CSV files still work)'}")
    for problem in problems:
        click.echo(f"Problem: {problem}", err=True)
    click.echo("All well." if not problems else f"{len(problems)} problem(s) found.")
    return 1 if problems else 0
