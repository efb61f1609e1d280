"""A column of numbers that grows at its end and stays on the disk, not in memory."""

from __future__ import annotations

import os
import tempfile
import threading

import numpy as np
import numpy.typing as npt

from tui.errors import FileError

_SPILL = 1 << 18
_COPY = 1 << 20


class Column:
    """Numbers of one type, appended by one thread and read by any.

    What is beyond a quarter of a megabyte goes to a temporary file without a name. Nothing is
    mapped into memory.

    Args:
        dtype: The type of the numbers.
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._lock = threading.Lock()
        self._tail = bytearray()
        self._file: int | None = None
        self._stored = 0
        self._base = 0
        self._sealed = False

    @classmethod
    def stored(cls, dtype: npt.DTypeLike, fd: int, offset: int, count: int) -> Column:
        """Return a column that lies in an open file; it is for reading only.

        Args:
            dtype: The type of the numbers.
            fd: The file; the column keeps a descriptor of its own.
            offset: Where the numbers begin in it, in bytes.
            count: How many they are.
        """
        made = cls(dtype)
        made._file, made._base = os.dup(fd), offset
        made._stored = count * made.dtype.itemsize
        made._sealed = True
        return made

    def __len__(self) -> int:
        return (self._stored + len(self._tail)) // self.dtype.itemsize

    def extend(self, data: bytes | memoryview) -> None:
        """Add numbers, given as their bytes.

        Raises:
            FileError: There is no room on the disk.
            TypeError: It is for reading only.
        """
        if self._sealed:
            raise TypeError("a column for reading only")
        with self._lock:
            self._tail += data
            if len(self._tail) >= _SPILL:
                self._spill()

    def read(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.generic]:
        """Return a copy of the numbers from ``start`` to ``stop``, as far as there are any.

        Raises:
            FileError: The disk failed.
        """
        size = self.dtype.itemsize
        with self._lock:
            end = self._stored + len(self._tail)
            last = end if stop is None else min(end, stop * size)
            first = min(max(0, start * size), max(last, 0))
            data = bytearray(last - first)
            inside = max(0, min(last, self._stored) - first)
            if inside:
                self._load(memoryview(data)[:inside], self._base + first)
            at = max(first, self._stored) - self._stored
            data[inside:] = self._tail[at : at + len(data) - inside]
        return np.frombuffer(data, dtype=self.dtype)

    def head(self, count: int) -> Column:
        """Return a column of its own with the first ``count`` numbers.

        Raises:
            FileError: There is no room on the disk.
        """
        made = Column(self.dtype)
        step = _COPY // self.dtype.itemsize
        for start in range(0, count, step):
            made.extend(self.read(start, min(count, start + step)).data.cast("B"))
        return made

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
            self._stored, self._tail = 0, bytearray()

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _spill(self) -> None:
        try:
            if self._file is None:
                with tempfile.TemporaryFile(prefix="tunedeck-") as file:
                    self._file = os.dup(file.fileno())
            view = memoryview(self._tail)
            while view:
                written = os.pwrite(self._file, view, self._stored)
                self._stored += written
                view = view[written:]
        except OSError as error:
            raise FileError(
                f"no room for what is found out in {tempfile.gettempdir()}",
                "set TMPDIR to a folder with more space",
            ) from error
        self._tail = bytearray()

    def _load(self, into: memoryview, offset: int) -> None:
        assert self._file is not None
        while into:
            try:
                got = os.preadv(self._file, [into], offset)
            except OSError as error:
                raise FileError(
                    f"a temporary file cannot be read ({error.strerror})", "check the disk"
                ) from error
            if not got:
                raise FileError("a temporary file became shorter", "open the dataset again")
            into, offset = into[got:], offset + got
