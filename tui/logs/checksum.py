"""The checksum of TFRecord files: CRC-32C, masked as TensorFlow does it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_POLYNOMIAL = 0x82F63B78
_ALL = 0xFFFFFFFF


@functools.cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


def masked(data: bytes) -> int:
    """Return the masked checksum of some bytes; meant for few of them."""
    return _mask(_crc(data))


def _crc(data: bytes) -> int:
    table, crc = _table(), _ALL
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ _ALL


@functools.lru_cache(maxsize=4096)
def masked_length(length: int) -> int:
    """Return the masked checksum of a record's length, as it stands in front of the record."""
    return masked(length.to_bytes(8, "little"))


def masked_all(rows: np.ndarray) -> np.ndarray:
    """Return the masked checksum of each row of a two-dimensional array of bytes.

    The checksum is linear: that of a row is that of the first one, and what each byte that differs
    from the first row's adds to it.
    """
    import numpy as np

    crc = np.full(len(rows), _crc(rows[0].tobytes()), np.uint32)
    table = np.array(_table(), np.uint32)
    adds = table  # what a difference in the byte that is looked at comes to at the end
    for column in rows.T[::-1]:
        other = column ^ column[0]
        if other.any():
            crc ^= adds[other]
        adds = table[adds & 0xFF] ^ (adds >> np.uint32(8))
    with np.errstate(over="ignore"):
        return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)


def _mask(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & _ALL
