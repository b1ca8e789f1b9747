"""Saves that are cut off at any step, and models that processes share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from penchant import artifact
from penchant.protocols import State

CRASHES = """
import os, signal, sys
import numpy as np
from penchant import artifact
from penchant.artifact import swap
from penchant.errors import ModelFileError
from penchant.protocols import State

folder, how, exchange, stride = *sys.argv[1:3], sys.argv[3] == "exchange", int(sys.argv[4])
# `shutil.rmtree` raises nothing when told to ignore errors; its announcement would.
STEPS = ("os.", "open", "ctypes.", "fcntl.", "test.") + ("shutil.",) * (how == "kill")
fsync = os.fsync
def audited(descriptor):
    sys.audit("test.fsync")
    fsync(descriptor)
os.fsync = audited
if not exchange:
    swap._exchange = lambda one, other: False

def save(n):
    parts = {"p": State({"y": np.full(50, n)}, {"n": n})}
    artifact.write(folder, {"n": n}, State({"x": np.full(50, n)}, {"n": n}, parts))

def number():
    loaded = artifact.read(folder)
    inner = loaded.state.parts["p"]
    numbers = {loaded.manifest["n"], loaded.state.meta["n"], inner.meta["n"]}
    numbers.update(loaded.state.arrays["x"].tolist(), inner.arrays["y"].tolist())
    (n,) = numbers
    return n

def leftovers():
    return [name for name in os.listdir(os.path.dirname(folder)) if name.startswith(".")]

def child(at):
    seen = 0
    def hook(event, args):
        nonlocal seen
        if event.startswith(STEPS):
            seen += 1
            if seen == at:
                if how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError(5, "Input/output error")
    sys.addaudithook(hook)
    try:
        save(at)
    except ModelFileError as error:
        assert "Input/output error" in str(error), error
        assert number() == 0 and not leftovers()
    os._exit(0 if seen < at else 3)

save(0)
old = new = 0
for at in range(1, 10_000, stride):
    pid = os.fork()
    if pid == 0:
        try:
            child(at)
        finally:
            os._exit(9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, 3, -9), status
    if status == 0:
        break
    n = number()
    assert n in (0, at), (n, at)
    old, new = old + (n == 0), new + (n == at)
    if how == "raise":
        assert len(leftovers()) <= (n == at), leftovers()
    save(0)
    assert number() == 0 and not leftovers(), leftovers()
print(old, new)
"""


@pytest.mark.parametrize("exchange", ["exchange", "renames"])
@pytest.mark.parametrize("how", ["kill", "raise"])
def test_a_save_stopped_at_any_step_leaves_the_old_model_or_the_new(
    tmp_path: Path, how: str, exchange: str
) -> None:
    """Each third step that the interpreter tells of (open, rename, sync, ...) is the last once.

    `benches/soak_artifact.py` asks for every step.
    """
    stride = os.environ.get("PENCHANT_CRASH_STRIDE", "3")
    ran = subprocess.run(
        [sys.executable, "-c", CRASHES, tmp_path / "m", how, exchange, stride],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    old, new = map(int, ran.stdout.split())
    assert old > 7
    assert new > 0


SHARING = """
import sys
from pathlib import Path
from penchant import artifact

array = artifact.read(sys.argv[1]).state.arrays["x"]
assert array.sum() == 0
print("loaded", flush=True)
sys.stdin.readline()
smaps = Path("/proc/self/smaps").read_text()
facts = smaps[smaps.index("x.npy"):].splitlines()
for key in ("Rss:", "Pss:"):
    print(next(line.split()[1] for line in facts if line.startswith(key)))
"""


def test_processes_share_the_pages_of_a_model(tmp_path: Path) -> None:
    if not Path("/proc/self/smaps").exists():
        pytest.skip("needs /proc/self/smaps")
    artifact.write(tmp_path / "m", {}, State({"x": np.zeros(1 << 22, np.float32)}))
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", SHARING, tmp_path / "m"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        for process in readers:
            assert process.stdout is not None
            assert process.stdout.readline() == "loaded\n"
        # One after the other, while the others still wait.
        process = readers[0]
        resident, shared = map(int, process.communicate("go\n")[0].split())
    finally:
        for process in readers:
            process.communicate("go\n" if process.poll() is None else None)
    assert resident >= 16_000
    assert shared <= resident * 0.3
