"""What the system refuses to a save leaves the old model."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from penchant import artifact
from penchant.artifact import swap
from penchant.protocols import State

from .folders import VECTORS, hidden, names, write_refusal


def test_a_limit_on_file_size_leaves_the_old_model(tmp_path: Path) -> None:
    artifact.write(tmp_path / "m", {"old": True}, State({"x": VECTORS}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        message = write_refusal(tmp_path / "m", State({"x": np.zeros(1 << 20)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert message == f"a model can't be saved to {tmp_path / 'm'}: File too large"
    assert artifact.read(tmp_path / "m").manifest == {"old": True}
    assert hidden(tmp_path) == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("needs the mount command")
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=8m", "none", place], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"may not mount a file system here: {made.stderr.strip()}")
    yield place
    subprocess.run([umount, "--lazy", place], check=True)


def test_a_full_disk_leaves_the_old_model(disk: Path) -> None:
    artifact.write(disk / "m", {"old": True}, State({"x": np.zeros(1 << 18)}))
    free = shutil.disk_usage(disk).free
    message = write_refusal(disk / "m", State({"x": np.zeros(1 << 20)}))
    assert message == f"a model can't be saved to {disk / 'm'}: No space left on device"
    assert artifact.read(disk / "m").manifest == {"old": True}
    assert hidden(disk) == []
    assert shutil.disk_usage(disk).free == free


def test_a_read_only_disk_is_named_and_its_models_load(disk: Path) -> None:
    artifact.write(disk / "m", {"old": True}, State({"x": VECTORS}))
    mount = shutil.which("mount")
    assert mount is not None
    subprocess.run([mount, "-o", "remount,ro", disk], check=True)
    assert "Read-only file system" in write_refusal(disk / "m", State())
    assert "Read-only file system" in write_refusal(disk / "new" / "m", State())
    assert artifact.read(disk / "m").manifest == {"old": True}


def test_a_mount_point_is_not_replaced(disk: Path) -> None:
    assert "a mount point can't be replaced; name a folder inside" in write_refusal(disk, State())


@pytest.mark.parametrize("there", [True, False], ids=["old model", "no model"])
@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_a_failing_sync_leaves_what_was_there(
    tmp_path: Path, there: bool, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every sync of a save fails once, the last ones after the swap."""
    if not exchange:
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    if there:
        artifact.write(tmp_path / "m", {"old": True}, State({"x": VECTORS}))
    fsync = os.fsync
    left = 0

    def failing(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    # Two files, then the folders arrays and the model's, then the one around it.
    for calls in range(1, 6):
        left = calls
        message = write_refusal(tmp_path / "m", State({"x": VECTORS}))
        assert message == f"a model can't be saved to {tmp_path / 'm'}: Input/output error"
        assert names(tmp_path) == (["m"] if there else [])
        if there:
            assert artifact.read(tmp_path / "m").manifest == {"old": True}
    left = 6
    artifact.write(tmp_path / "m", {"new": True}, State({"x": VECTORS}))
    assert left == 1
    assert artifact.read(tmp_path / "m").manifest == {"new": True}
