"""Where the bytes come from: a file read with ``pread``, or a pipe spooled to a file with no name.

Nothing is ever mapped into memory (a file truncated under a mapping kills the program) and nothing
is ever read whole. A gzip file, standard input and a named pipe are copied once to an unlinked
temporary file, so that every reader can go anywhere in them.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable
from enum import StrEnum
from typing import IO, Self

from tui.errors import FileError, UsageError

_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"

Identity = tuple[int, int, int, int]


class Change(StrEnum):
    """What happened to a file since it was opened."""

    GROWN = "grown"
    SHRUNK = "shrunk"
    REPLACED = "replaced"
    EDITED = "edited"


class Source:
    """A dataset's bytes, open for reading at any offset, from any thread.

    Attributes:
        path: The path as given; ``-`` for standard input.
        name: What to call it on screen; comes from outside, so clean it before showing it.
        size: Bytes known when it was opened or last refreshed (after decompression).
        spooled: Whether the bytes were copied from a pipe or a gzip file.
    """

    def __init__(self, path: str, fd: int, *, spooled: bool) -> None:
        self.path = path
        self.name = "standard input" if path == "-" else path
        self.spooled = spooled
        self._fd = fd
        self._identity = _identity(os.fstat(fd))
        self.size = self._identity[2]

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, cancelled: Callable[[], bool] | None = None
    ) -> Self:
        """Open a file, ``-`` for standard input, or a gzip file of either.

        Args:
            path: What to open.
            cancelled: Asked between blocks while a pipe or a gzip file is spooled.

        Raises:
            FileError: It is missing, a folder, a device, unreadable, or not whole.
            UsageError: ``-`` was given and standard input is a terminal.
        """
        name = os.fspath(path)
        if name == "-":
            return cls._from_stdin(cancelled)
        try:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise _open_error(name, error) from error
        try:
            return cls._from_fd(name, fd, cancelled)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def _from_stdin(cls, cancelled: Callable[[], bool] | None) -> Self:
        try:
            fd = os.dup(sys.stdin.fileno())
        except (AttributeError, OSError, ValueError) as error:
            raise FileError("standard input is closed", "pipe a file in, or name one") from error
        try:
            if os.isatty(fd):
                raise UsageError(
                    "nothing is piped in", "run it as: command - < file, or name the file"
                )
            mode = os.fstat(fd).st_mode
            if stat.S_ISDIR(mode):
                raise FileError("standard input is a folder", "redirect a file instead")
            at_start = stat.S_ISREG(mode) and os.lseek(fd, 0, os.SEEK_CUR) == 0
            if at_start and os.pread(fd, 2, 0) != _GZIP_MAGIC:
                return cls("-", os.dup(fd), spooled=True)
            return cls._from_stream("-", fd, cancelled)
        finally:
            os.close(fd)

    @classmethod
    def _from_fd(cls, name: str, fd: int, cancelled: Callable[[], bool] | None) -> Self:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise FileError(f"{_quote(name)} is a folder", "name a file in it")
        if stat.S_ISFIFO(mode):
            # Before its writer has come, a pipe that does not block seems to be at its end.
            select.select([fd], [], [])
            os.set_blocking(fd, True)
            source = cls._from_stream(name, fd, cancelled)
            os.close(fd)
            return source
        if not stat.S_ISREG(mode):
            raise FileError(f"{_quote(name)} is a device, not a file", "name a JSONL file")
        os.set_blocking(fd, True)
        try:
            head = os.pread(fd, 2, 0)
        except OSError as error:
            raise _open_error(name, error) from error
        if head == _GZIP_MAGIC:
            os.lseek(fd, 0, os.SEEK_SET)
            source = cls._from_stream(name, fd, cancelled)
            os.close(fd)
            return source
        return cls(name, fd, spooled=False)

    @classmethod
    def _from_stream(cls, name: str, fd: int, cancelled: Callable[[], bool] | None) -> Self:
        try:
            with (
                tempfile.TemporaryFile(prefix="tunedeck-") as spool,
                os.fdopen(os.dup(fd), "rb", buffering=0) as stream,
            ):
                _spool(name, stream, spool, cancelled or (lambda: False))
                return cls(name, os.dup(spool.fileno()), spooled=True)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise FileError(
                    f"no room to unpack {_quote(name)} in {tempfile.gettempdir()}",
                    "set TMPDIR to a folder with more space",
                ) from error
            raise _open_error(name, error) from error

    def fileno(self) -> int:
        """Return the open descriptor, for a worker process to inherit."""
        return self._fd

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes at ``offset``, fewer than ``length`` only at the end of the file.

        Raises:
            FileError: The disk failed, or the source is closed.
        """
        try:
            data = os.pread(self._fd, length, offset)
            if len(data) == length or not data:
                return data
            parts = [data]
            got = len(data)
            while got < length:
                data = os.pread(self._fd, length - got, offset + got)
                if not data:
                    break
                parts.append(data)
                got += len(data)
        except OSError as error:
            raise FileError(
                f"cannot read {_quote(self.name)} ({error.strerror or error})",
                "check the disk and open it again",
            ) from error
        return b"".join(parts)

    def identity(self) -> Identity:
        """Return device, inode, size and modification time as they are now, by name."""
        if self.spooled:
            return self._identity
        try:
            return _identity(os.stat(self.path))
        except OSError:
            return (0, 0, 0, 0)

    def changed(self) -> Change | None:
        """Return what happened to the file since it was opened or refreshed, or ``None``."""
        now = self.identity()
        if now == self._identity:
            return None
        if now[:2] != self._identity[:2]:
            return Change.REPLACED
        if now[2] != self._identity[2]:
            return Change.GROWN if now[2] > self._identity[2] else Change.SHRUNK
        return Change.EDITED

    def refresh(self) -> None:
        """Take the file's present size as its size, after it has grown."""
        self._identity = _identity(os.fstat(self._fd))
        self.size = self._identity[2]

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FdSource(Source):
    """A source over a descriptor that another process opened."""

    def __init__(self, name: str, fd: int, size: int) -> None:
        super().__init__(name, fd, spooled=True)
        self.size = size


def _identity(info: os.stat_result) -> Identity:
    return (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)


def _spool(name: str, stream: IO[bytes], spool: IO[bytes], cancelled: Callable[[], bool]) -> None:
    """Copy a stream, unpacking it when it starts like gzip, one member after the other."""
    block = stream.read(_BLOCK)
    while len(block) == 1:
        more = stream.read(_BLOCK)
        if not more:
            break
        block += more
    unpack = block.startswith(_GZIP_MAGIC)
    inflater = zlib.decompressobj(wbits=31) if unpack else None
    while block:
        if cancelled():
            raise FileError(f"stopped reading {_quote(name)}", "open it again to read it whole")
        if inflater is None:
            spool.write(block)
        else:
            inflater = _inflate(name, inflater, block, spool)
        block = stream.read(_BLOCK)
    if inflater is not None:
        spool.write(inflater.flush())
        if not inflater.eof:
            raise FileError(f"{_quote(name)} is a cut-off gzip file", "copy or download it again")
    spool.flush()


def _inflate(
    name: str, inflater: zlib._Decompress, block: bytes, spool: IO[bytes]
) -> zlib._Decompress:
    data = block
    while data:
        if inflater.eof:
            # Padding of zero bytes after the last member is allowed and ignored.
            data = data.lstrip(b"\0")
            if not data:
                return inflater
            inflater = zlib.decompressobj(wbits=31)
        try:
            spool.write(inflater.decompress(data, _BLOCK))
        except zlib.error as error:
            raise FileError(
                f"{_quote(name)} is a damaged gzip file", "copy or download it again"
            ) from error
        data = inflater.unconsumed_tail or inflater.unused_data
    return inflater


def _open_error(name: str, error: Exception) -> FileError:
    quoted = _quote(name)
    if isinstance(error, ValueError):
        return FileError(f"{quoted} is not a file name", "give the path of a JSONL file")
    known = {
        errno.ENOENT: ("does not exist", "check the path"),
        errno.ENOTDIR: ("does not exist", "check the path: part of it is a file"),
        errno.EACCES: ("may not be read", "give yourself permission to read it: chmod u+r"),
        errno.EPERM: ("may not be read", "give yourself permission to read it"),
        errno.EISDIR: ("is a folder", "name a file in it"),
        errno.ELOOP: ("is a link that points at itself", "name the real file"),
        errno.ENAMETOOLONG: ("is too long for a file name", "check the path"),
        errno.ENXIO: ("is a device, not a file", "name a JSONL file"),
    }
    number = error.errno if isinstance(error, OSError) else None
    if number in known:
        what, hint = known[number]
        return FileError(f"{quoted} {what}", hint)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return FileError(f"cannot open {quoted} ({reason})", "check the path and the disk")


def _quote(name: str) -> str:
    from widgets.text import clean

    return clean(name, limit=200)
