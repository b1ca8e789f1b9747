"""Files of a folder that somebody else made: none is read that is larger than its kind ever is.

Graphs need no limit: they are mapped, and the runtime reads what fits its own format.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penchant.errors import ModelFileError

MEGABYTE = 1_000_000
# The layout's files have a few kilobytes; a vocabulary of 256,000 words has 35 MB.
LARGEST_JSON = 16 * MEGABYTE
LARGEST_TOKENIZER = 256 * MEGABYTE


def limited(file: Path, most: int) -> Path:
    """Give `file`; raises ModelFileError where it has more than `most` bytes."""
    size = file.stat().st_size
    if size > most:
        raise ModelFileError(
            f"{file} has {size / MEGABYTE:.0f} MB, and at most {most // MEGABYTE} MB are read; "
            "copy it again"
        )
    return file


def read_json(file: Path, *, most: int = LARGEST_JSON) -> Any:
    """Read a JSON file. Raises ModelFileError where it isn't readable, or larger than `most`."""
    try:
        return json.loads(limited(file, most).read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise ModelFileError(f"{file} is not readable JSON ({fault}); copy it again") from None
    except RecursionError:
        raise ModelFileError(
            f"{file} is not readable JSON (it is nested too deeply); copy it again"
        ) from None
