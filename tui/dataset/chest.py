"""A file with a JSON head and arrays behind it, read without reading what is not asked for.

It is plain data: reading one that somebody else has written can give wrong numbers, never run code.
"""

from __future__ import annotations

import json
import os
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
    begin = _MAGIC + _digest(text) + len(text).to_bytes(8, "little") + text
    with NewFile(path, force=True, private=True) as new:
        new.write(begin + bytes(-len(begin) % _ALIGN))
        for numbers in arrays.values():
            _write_numbers(new, numbers)
        new.commit()


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=_DIGEST).digest()


def _write_numbers(new: NewFile, numbers: Array | Column) -> None:
    size, step = numbers.dtype.itemsize, 1 << 18
    for start in range(0, len(numbers), step):
        if isinstance(numbers, Column):
            part = numbers.read(start, min(len(numbers), start + step))
        else:
            part = np.ascontiguousarray(numbers[start : start + step])
        new.write(part.tobytes())
    new.write(bytes(-len(numbers) * size % _ALIGN))


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
            start = os.pread(self._fd, len(_MAGIC) + _DIGEST + 8, 0)
            length = int.from_bytes(start[-8:], "little")
            if not start.startswith(_MAGIC) or length > _MOST_HEAD:
                raise Damaged("not a file of this kind")
            text = os.pread(self._fd, length, len(start))
            if _digest(text) != start[len(_MAGIC) : -8]:
                raise Damaged("its head is not what was written")
            document = json.loads(text)
            self.head: dict[str, Any] = document["head"]
            self._places: dict[str, tuple[str, int, int]] = document["places"]
            begin = len(start) + length
            self._begin = begin + -begin % _ALIGN
            self._check(os.fstat(self._fd).st_size)
        except (Damaged, OSError):
            self.close()
            raise

    def _check(self, size: int) -> None:
        ends = [
            self._begin + offset + np.dtype(kind).itemsize * count
            for kind, offset, count in self._places.values()
        ]
        if max(ends, default=0) > size:
            raise Damaged("it is cut off")

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
