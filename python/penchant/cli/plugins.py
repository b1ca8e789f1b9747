"""`penchant plugins` and `penchant doctor`: what is installed, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from penchant.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from penchant.protocols import Json


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """List every plugin: version, hooks, components by full name, and problems."""
    from penchant.registry import Registry

    registry = Registry.discover(strict=False)
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
