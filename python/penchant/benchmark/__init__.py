"""Measuring in the open: on which machine, against whom, and with answers checked first.

`penchant bench` is made of this, and so are the comparisons in `benches/`.
"""

from penchant.benchmark.environment import PeakMemory, installed, machine, memory
from penchant.benchmark.turns import Turns, take_turns

__all__ = ["PeakMemory", "Turns", "installed", "machine", "memory", "take_turns"]
