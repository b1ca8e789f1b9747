"""Checks what `pip install penchant[standard]` brings; run by `make install-test`.

No deep-learning framework, and little on the disk; all first-party plugins load; a model with a
text is fitted and asked while no socket can be opened.
"""

from __future__ import annotations

import socket
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

HEAVY = {"torch", "transformers", "optimum", "tensorflow", "jax", "scipy", "pandas"}
MOST_MEGABYTES = 220


def no_network(*_: Any, **__: Any) -> None:
    """Stand for every way to open a socket."""
    raise AssertionError("a socket was opened")


def main() -> None:
    """Fail with a sentence, or say what is there."""
    names = {str(one.metadata["Name"]).lower() for one in distributions()}
    if names & HEAVY:
        sys.exit(f"penchant[standard] brings {', '.join(sorted(names & HEAVY))}")
    folder = Path(sysconfig.get_path("purelib"))
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    if megabytes > MOST_MEGABYTES:
        sys.exit(f"penchant[standard] takes {megabytes:.0f} MB, more than {MOST_MEGABYTES}")

    socket.socket = socket.create_connection = no_network  # type: ignore[assignment,misc]
    import penchant

    if not Path(penchant.__file__).is_relative_to(sys.prefix):
        sys.exit(f"penchant is read from {penchant.__file__}, and not from where it was installed")
    registry = penchant.Registry.discover()
    wanted = {"cf.ease", "content.text", "hybrid.weighted", "mf.als", "onnx.text"}
    if wanted - {*registry.names()}:
        sys.exit(f"missing after the installation: {sorted(wanted - {*registry.names()})}")
    data = penchant.Dataset.from_frame(
        {"user_id": ["ann", "bob"], "item_id": ["stars", "soup"]},
        items={
            "item_id": ["stars", "soup", "stew"],
            "title": ["night sky", "hot soup", "hot stew"],
        },
    )
    model = penchant.fit(data, scorers=["content.text"], encoder="base.hashing")
    found = model.recommend(text="something hot", k=1).ids
    if {*found} - {"soup", "stew"}:
        sys.exit(f"asked for something hot, a model gave {found}")
    print(f"{len(names)} distributions, {megabytes:.0f} MB, none of {', '.join(sorted(HEAVY))}")


if __name__ == "__main__":
    main()
