"""On what a figure was measured: the processor, its cores, the versions, and the memory in use."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penchant.protocols import Json

_CPUINFO = Path("/proc/cpuinfo")
_SMAPS = Path("/proc/self/smaps_rollup")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def machine(*distributions: str) -> dict[str, Json]:
    """Facts of this machine, and the versions of penchant, numpy and `distributions`.

    A distribution that isn't installed has the version None. `cores` are those that this process
    may use.
    """
    from penchant import kernels

    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "processor": _processor(),
        "cores": len(affinity(0)) if affinity is not None else os.cpu_count(),
        "instructions": kernels.isas()[-1],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: installed(name) for name in ("penchant", "numpy", *distributions)},
    }


def installed(distribution: str) -> str | None:
    """The version of an installed distribution; None where it isn't."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def memory() -> dict[str, float] | None:
    """Megabytes of this process, on Linux: `rss` resident, `pss` with shared pages shared out.

    None where the system does not say.
    """
    try:
        lines = _SMAPS.read_text("ascii").splitlines()[1:]
    except OSError:
        return None
    sizes = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
    return {"rss": sizes["Rss"] * 1024 / 1e6, "pss": sizes["Pss"] * 1024 / 1e6}


class PeakMemory:
    """How much memory a block needed: `with PeakMemory() as memory: ...; memory.megabytes`.

    megabytes: resident memory of the process at its peak inside of the block, less that before it;
    None where the system (any but Linux) does not say. Of other threads, all counts. Memory freed
    before is given back first, where the allocator can (glibc); elsewhere it is not seen again.
    """

    megabytes: float | None = None

    def __enter__(self) -> PeakMemory:
        """Have the system forget earlier peaks."""
        gc.collect()
        # A Python without shared libraries can't ask, nor can one of another libc.
        with suppress(OSError, AttributeError, TypeError):
            ctypes.CDLL(None).malloc_trim(0)
        try:
            _CLEAR.write_text("5", "ascii")
            self._before: float | None = _resident("VmRSS")
        except OSError:
            self._before = None
        return self

    def __exit__(self, *error: object) -> None:
        """Ask for the peak."""
        if self._before is not None:
            self.megabytes = max(0.0, _resident("VmHWM") - self._before)


def _resident(what: str) -> float:
    lines = _STATUS.read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(what))


def _processor() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
