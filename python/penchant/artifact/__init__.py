"""Models on disk: a folder of mapped arrays and one manifest that vouches for every byte.

The folder holds `manifest.json`, `arrays/<part>/<name>.npy` and `folders/<part>/<name>/…`, and
nothing else. The manifest names each file with its size, BLAKE3 digest, dtype and shape, and
carries a digest of itself. There is no pickle on any path.

`write` leaves the old model or the new one, never a mixture, wherever it is stopped. `read` maps
the arrays, so that a large model is there in milliseconds and all processes share its pages, and
refuses whatever is not exactly what was written.
"""

from penchant.artifact.manifest import FORMAT, ArtifactInfo
from penchant.artifact.reader import Loaded, inspect, read
from penchant.artifact.writer import write

__all__ = ["FORMAT", "ArtifactInfo", "Loaded", "inspect", "read", "write"]
