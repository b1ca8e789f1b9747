"""BLAKE3 digests, against the published values."""

import errno

import numpy as np
import pytest
from penchant.errors import ShapeError
from penchant.kernels import blake3, blake3_bytes

# From the test vectors of the BLAKE3 specification: the input is 0, 1, ... 250, 0, 1, ...
PUBLISHED = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1023: "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
    102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
}


def counting(length):
    return (np.arange(length) % 251).astype(np.uint8)


@pytest.mark.parametrize("length", PUBLISHED)
def test_the_published_digests_come_out(length, tmp_path):
    data = counting(length)
    assert blake3_bytes(data) == PUBLISHED[length]
    path = tmp_path / "data"
    data.tofile(path)
    assert blake3(path) == PUBLISHED[length]
    assert blake3(str(path)) == PUBLISHED[length]


def test_a_file_longer_than_one_read_has_the_digest_of_its_bytes(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(bytes(1_000_001))
    assert blake3(path) == blake3_bytes(bytes(1_000_001))


def test_any_contiguous_buffer_is_hashed_by_its_bytes():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = blake3_bytes(array.tobytes())
    for buffer in (array, memoryview(array), bytearray(array.tobytes())):
        assert blake3_bytes(buffer) == expected


def test_one_changed_bit_changes_the_digest():
    assert blake3_bytes(b"model") != blake3_bytes(b"modem")


def test_a_buffer_with_gaps_is_refused():
    with pytest.raises(ShapeError, match="buffer has gaps"):
        blake3_bytes(np.arange(8)[::2])


def test_something_without_a_buffer_is_a_type_error():
    with pytest.raises(TypeError, match="bytes-like object"):
        blake3_bytes("text")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file") as missing:
        blake3(tmp_path / "missing")
    assert missing.value.errno == errno.ENOENT
    assert missing.value.filename == str(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        blake3(tmp_path)
