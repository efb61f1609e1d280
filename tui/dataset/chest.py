"""A file with a JSON head and arrays behind it, which can stay on the disk while they are used.

Checksums tell a damaged one when it is opened. It is plain data: reading one that somebody else has
written can give wrong numbers, never run code.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.dataset.columns import Column
from tui.dataset.writing import NewFile

_MAGIC = b"tunedeck 1\n"
_MOST_HEAD = 256 << 20
_ALIGN = 8
_DIGEST = 16
_LENGTH = 8
_CHECKSUM = 4
_BLOCK = 1 << 20

Array = npt.NDArray[Any]


class Damaged(ValueError):  # noqa: N818  (what is said of a file)
    """The file is not what was written."""


def write(path: Path, head: Mapping[str, Any], arrays: Mapping[str, Array | Column]) -> None:
    """Write a file, whole or not at all; only its owner may read it.

    Args:
        path: Where; one that is there is replaced.
        head: JSON values.
        arrays: Numbers by name.

    Raises:
        FileError: It cannot be written.
    """
    places: dict[str, tuple[str, int, int]] = {}
    offset = 0
    for name, numbers in arrays.items():
        places[name] = (numbers.dtype.str, offset, len(numbers))
        offset += -(-len(numbers) * numbers.dtype.itemsize // _ALIGN) * _ALIGN
    text = json.dumps({"head": head, "places": places}, separators=(",", ":")).encode()
    text += b" " * (-(len(_MAGIC) + _DIGEST + _LENGTH + len(text)) % _ALIGN)
    begin = _MAGIC + _digest(text) + len(text).to_bytes(_LENGTH, "little") + text
    with NewFile(path, force=True, private=True) as new:
        new.write(begin)
        total = 0
        for numbers in arrays.values():
            total = _write_numbers(new, numbers, total)
        new.write(total.to_bytes(_CHECKSUM, "little"))
        new.commit()


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=_DIGEST).digest()


def _write_numbers(new: NewFile, numbers: Array | Column, total: int) -> int:
    """Write numbers and what fills their last block; return the checksum with them in it."""
    size, step = numbers.dtype.itemsize, 1 << 18
    for start in range(0, len(numbers), step):
        if isinstance(numbers, Column):
            part = numbers.read(start, min(len(numbers), start + step))
        else:
            part = np.ascontiguousarray(numbers[start : start + step])
        data = part.tobytes()
        new.write(data)
        total = zlib.crc32(data, total)
    rest = bytes(-len(numbers) * size % _ALIGN)
    new.write(rest)
    return zlib.crc32(rest, total)


class Chest:
    """A file that `write` wrote, open for reading.

    Attributes:
        head: The JSON values.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
        Damaged: It is not whole, or something else.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            start = os.pread(self._fd, len(_MAGIC) + _DIGEST + _LENGTH, 0)
            length = int.from_bytes(start[-_LENGTH:], "little")
            if not start.startswith(_MAGIC) or length > _MOST_HEAD:
                raise Damaged("not a file of this kind")
            text = os.pread(self._fd, length, len(start))
            if _digest(text) != start[len(_MAGIC) : -_LENGTH]:
                raise Damaged("its head is not what was written")
            document = json.loads(text)
            self.head: dict[str, Any] = document["head"]
            self._places: dict[str, tuple[str, int, int]] = document["places"]
            self._begin = len(start) + length
            self._check(os.fstat(self._fd).st_size)
        except (Damaged, OSError):
            self.close()
            raise

    def _check(self, size: int) -> None:
        ends = [
            self._begin + offset + np.dtype(kind).itemsize * count
            for kind, offset, count in self._places.values()
        ]
        if max(ends, default=self._begin) > size - _CHECKSUM:
            raise Damaged("it is cut off")
        total = 0
        for start in range(self._begin, size - _CHECKSUM, _BLOCK):
            data = os.pread(self._fd, min(_BLOCK, size - _CHECKSUM - start), start)
            total = zlib.crc32(data, total)
        if os.pread(self._fd, _CHECKSUM, size - _CHECKSUM) != total.to_bytes(_CHECKSUM, "little"):
            raise Damaged("its numbers are not what was written")

    def column(self, name: str) -> Column:
        """Return an array as a column that stays on the disk.

        Raises:
            Damaged: There is none of this name.
        """
        if name not in self._places:
            raise Damaged(f"it lacks {name}")
        kind, offset, count = self._places[name]
        return Column.stored(kind, self._fd, self._begin + offset, count)

    def array(self, name: str) -> Array:
        """Return an array.

        Raises:
            Damaged: There is none of this name.
            FileError: The disk failed.
        """
        return self.column(name).read()

    def close(self) -> None:
        """Close the file; columns taken from it stay open."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Chest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
