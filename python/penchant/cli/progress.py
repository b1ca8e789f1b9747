"""Progress of long work: bars on a terminal, nothing at all elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penchant.protocols import Progress


@contextmanager
def bars() -> Iterator[Progress | None]:
    """Give a progress callback that draws a bar a task on stderr; None when it is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    shown: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}"),
        console=Console(stderr=True),
        transient=True,
    ) as display:

        def show(task: str, done: float, total: float, detail: str = "", /) -> None:
            if task not in shown:
                shown[task] = display.add_task(task, total=total, detail=detail)
            display.update(shown[task], completed=done, total=total, detail=detail)

        yield show
