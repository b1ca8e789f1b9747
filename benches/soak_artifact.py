"""Faults by the hundred against saved models; `python benches/soak_artifact.py`, half a minute.

- a save killed (SIGKILL) at 200 random moments, and, by the tests' own means, at every single step
- 500 flipped bits and 100 truncations anywhere in a model of several megabytes
- 100 saves onto a file system that is full at another byte each time

Every time the old model or the new one must load whole, damage must be refused with the file's
name, and nothing may be left behind. Random choices come from one seed; the first failure stops.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from penchant import artifact
from penchant.errors import ModelFileError
from penchant.protocols import State

ROOT = Path(__file__).resolve().parent.parent


def numbered(n: int, size: int = 100_000) -> State:
    """A state that says `n` in every array and meta."""
    arrays = {name: np.full(size, n) for name in "abc"}
    return State(arrays, {"n": n}, {"part": State({"d": np.full(7, n)}, {"n": n})})


def number(folder: Path) -> int:
    """The one number that a whole model says."""
    loaded = artifact.read(folder)
    part = loaded.state.parts["part"]
    numbers = {loaded.manifest["n"], loaded.state.meta["n"], part.meta["n"]}
    for array in (*loaded.state.arrays.values(), *part.arrays.values()):
        numbers.update(np.unique(array).tolist())
    assert len(numbers) == 1, f"a mixture of {numbers}"
    (n,) = numbers
    assert isinstance(n, int)
    return n


def leftovers(folder: Path) -> list[str]:
    """What lies beside a model besides itself."""
    return [path.name for path in folder.parent.iterdir() if path != folder]


def kills(folder: Path, times: int, chance: random.Random) -> None:
    """Kill a save at random moments, from its first step until after its last."""
    artifact.write(folder, {"n": 0}, numbered(0))
    start = time.perf_counter()
    artifact.write(folder, {"n": 0}, numbered(0))
    usual = time.perf_counter() - start
    ends = {"old": 0, "new": 0}
    for n in range(1, times + 1):
        victim = os.fork()
        if victim == 0:
            artifact.write(folder, {"n": n}, numbered(n))
            os._exit(0)
        time.sleep(chance.uniform(0, 1.3 * usual))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        found = number(folder)
        assert found in (0, n), f"killed at save {n}, found {found}"
        ends["new" if found == n else "old"] += 1
        artifact.write(folder, {"n": 0}, numbered(0))
        assert leftovers(folder) == [], leftovers(folder)
    print(f"{times} kills: {ends['old']} old models, {ends['new']} new ones, none half")
    assert min(ends.values()) > 0, "all kills came too early or too late to show anything"


def damages(folder: Path, flips: int, cuts: int, chance: random.Random) -> None:
    """Flip bits and cut files; every one must be refused by the file's name."""
    artifact.write(folder, {"n": 1}, numbered(1))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for i in range(flips + cuts):
        path = chance.choice(files)
        size = path.stat().st_size
        at = chance.randrange(size)
        with path.open("r+b") as file:
            file.seek(at)
            rest = file.read()
            file.seek(at)
            if i < flips:
                file.write(bytes([rest[0] ^ 1 << chance.randrange(8)]))
            else:
                file.truncate()
        try:
            artifact.read(folder)
        except ModelFileError as error:
            words = str(error)
            name = path.relative_to(folder).as_posix()
            assert name in words or "this penchant reads" in words, (name, at, words)
        else:
            raise AssertionError(f"damage to {path} at byte {at} went unseen")
        with path.open("r+b") as file:
            file.seek(at)
            file.write(rest)
    assert number(folder) == 1
    print(f"{flips} flipped bits and {cuts} truncations: all refused by name")


def full_disks(folder: Path, times: int, chance: random.Random) -> None:
    """Let the writes of a save fail at random bytes of a file."""
    artifact.write(folder, {"n": 0}, numbered(0))
    largest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for n in range(1, times + 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (chance.randrange(largest), hard))
        refused = ""
        try:
            artifact.write(folder, {"n": n}, numbered(n))
        except ModelFileError as error:
            refused = str(error)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "File too large" in refused, refused
        assert number(folder) == 0
        assert leftovers(folder) == [], leftovers(folder)
    print(f"{times} saves that ran out of room: the old model every time")


def every_step() -> None:
    """Have the tests stop a save at every step instead of each third."""
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", "-q", "tests/unit/artifact", "-k", "any_step"],
        cwd=ROOT,
        env={**os.environ, "PENCHANT_CRASH_STRIDE": "1"},
        check=False,
    )
    assert ran.returncode == 0, "a save stopped at some step left damage"


def main() -> None:
    """Run all of it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--flips", type=int, default=500)
    options.add_argument("--cuts", type=int, default=100)
    options.add_argument("--full", type=int, default=100)
    options.add_argument("--dir", type=Path, help="a folder on the file system to try")
    chosen = options.parse_args()
    chance = random.Random(chosen.seed)  # noqa: S311
    with tempfile.TemporaryDirectory(dir=chosen.dir) as place:
        folder = Path(place) / "model"
        kills(folder, chosen.kills, chance)
        damages(folder, chosen.flips, chosen.cuts, chance)
        full_disks(folder, chosen.full, chance)
    every_step()


if __name__ == "__main__":
    main()
