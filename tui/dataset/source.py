"""Where the bytes come from: a file read with ``pread``, or a pipe spooled to a file with no name.

Nothing is ever mapped into memory (a file truncated under a mapping kills the program) and nothing
is ever read whole. A packed file, standard input and a named pipe are copied once to an unlinked
temporary file, so that every reader can go anywhere in them; somebody who shows what is there
already may have that done bit by bit.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import tempfile
from bisect import bisect_right
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self

from tui.dataset.places import in_file
from tui.dataset.signature import MAGIC_BYTES, packing
from tui.errors import FileError, UsageError

if TYPE_CHECKING:
    from tui.dataset.unpack import Cancelled, Progress, Unpacker

_HEAD_BYTES = 1 << 20
_STEP = 8 << 20

Identity = tuple[int, int, int, int]


class Change(StrEnum):
    """What happened to a file since it was opened."""

    GROWN = "grown"
    SHRUNK = "shrunk"
    REPLACED = "replaced"
    EDITED = "edited"


class Member(NamedTuple):
    """One of the files that a source is made of.

    Attributes:
        name: What to call it on screen; comes from outside, so clean it before showing it.
        offset: Where its first byte stands in the source.
    """

    name: str
    offset: int


class Piece(NamedTuple):
    """Bytes of a source that stand together in one open file, for a worker process to read.

    Attributes:
        fd: The open file.
        at: Where they begin in the source.
        skip: Where they begin in that file.
        size: How many they are; -1 for all to the end, wherever that is by then.
    """

    fd: int
    at: int = 0
    skip: int = 0
    size: int = -1


class Source:
    """A dataset's bytes, open for reading at any offset, from any thread.

    Attributes:
        path: The path as given; ``-`` for standard input.
        name: What to call it on screen; comes from outside, so clean it before showing it.
        size: Bytes known when it was opened or last refreshed (after decompression).
        spooled: Whether the bytes were copied from a pipe or a packed file.
    """

    def __init__(
        self, path: str, fd: int, *, spooled: bool, origin: Identity | None = None
    ) -> None:
        self.path = path
        self.name = "standard input" if path == "-" else path
        self.spooled = spooled
        self._fd = fd
        self._unpacker: Unpacker | None = None
        # Of a packed file, what counts is whether that one is still the same.
        self._origin = origin
        self._identity = _identity(os.fstat(fd)) if origin is None else origin
        self.size = os.fstat(fd).st_size

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        cancelled: Cancelled | None = None,
        progress: Progress | None = None,
        partly: bool = False,
    ) -> Self:
        """Open a file, ``-`` for standard input, or a file packed with gzip or zstd.

        Args:
            path: What to open.
            cancelled: Asked between blocks while a pipe or a packed file is spooled.
            progress: Told meanwhile how many bytes were read, and of how many; 0 where that is
                not known.
            partly: Spool no more than the beginning; `fill` does the rest.

        Raises:
            FileError: It is missing, a folder, a device, unreadable, or not whole.
            UsageError: ``-`` was given and standard input is a terminal.
        """
        name = os.fspath(path)
        source = cls._from_stdin() if name == "-" else cls._from_path(name)
        try:
            if partly:
                # A pipe may bring little at a time, and the next of it much later.
                pipe = source._unpacker is not None and not source._unpacker.total
                source.fill(1 if pipe else _HEAD_BYTES, cancelled=cancelled)
            elif not source.fill(cancelled=cancelled, progress=progress):
                raise FileError(f"stopped reading {quote(name)}", "open it again to read it whole")
        except BaseException:
            source.close()
            raise
        return source

    @classmethod
    def _from_path(cls, name: str) -> Self:
        try:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise _open_error(name, error) from error
        try:
            return cls._from_fd(name, fd)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def _from_stdin(cls) -> Self:
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
            if at_start and not packing(os.pread(fd, MAGIC_BYTES, 0)):
                return cls("-", fd, spooled=True)
            return cls._from_stream("-", fd)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def _from_fd(cls, name: str, fd: int) -> Self:
        info = os.fstat(fd)
        mode = info.st_mode
        if stat.S_ISDIR(mode):
            raise FileError(f"{quote(name)} is a folder", "name a file in it")
        if stat.S_ISFIFO(mode):
            # Before its writer has come, a pipe that does not block seems to be at its end.
            select.select([fd], [], [])
            os.set_blocking(fd, True)
            return cls._from_stream(name, fd)
        if not stat.S_ISREG(mode):
            raise FileError(f"{quote(name)} is a device, not a file", "name a JSONL file")
        os.set_blocking(fd, True)
        try:
            head = os.pread(fd, MAGIC_BYTES, 0)
        except OSError as error:
            raise _open_error(name, error) from error
        if packing(head):
            return cls._from_stream(name, fd, _identity(info))
        return cls(name, fd, spooled=False)

    @classmethod
    def _from_stream(cls, name: str, fd: int, origin: Identity | None = None) -> Self:
        from tui.dataset.unpack import Unpacker

        try:
            spool = tempfile.TemporaryFile(prefix="tunedeck-")  # noqa: SIM115  (kept open)
            source = cls(name, os.dup(spool.fileno()), spooled=True, origin=origin)
        except OSError as error:
            raise spool_error(name, error) from error
        source._unpacker = Unpacker(quote(source.name), os.fdopen(fd, "rb", buffering=0), spool)
        return source

    @property
    def whole(self) -> bool:
        """Whether all bytes are there; false while a pipe or a packed file is still spooled."""
        return self._unpacker is None or self._unpacker.done

    def fill(
        self,
        until: int | None = None,
        *,
        cancelled: Cancelled | None = None,
        progress: Progress | None = None,
    ) -> bool:
        """Spool on, from one thread at a time, and take what is there then as the size.

        Args:
            until: Stop at this size; ``None`` goes on to the end.
            cancelled: Asked between blocks; true stops and keeps what is there.
            progress: Told from time to time how many bytes were read, and of how many; 0 where
                that is not known.

        Returns:
            Whether all bytes are there.

        Raises:
            FileError: The file is damaged or cut off, or the disk has no room for it; what was
                there before it went wrong can be read.
        """
        unpacker = self._unpacker
        if unpacker is None:
            return True
        stop = cancelled or (lambda: False)
        try:
            while not unpacker.done and not stop():
                if until is not None and self.size >= until:
                    break
                goal = self.size + _STEP
                unpacker.run(goal if until is None else min(goal, until), stop)
                self.size = unpacker.written
                if progress is not None:
                    progress(unpacker.taken, unpacker.total)
        except OSError as error:
            raise spool_error(self.name, error) from error
        finally:
            self.size = unpacker.written
        return unpacker.done

    @property
    def filled(self) -> float:
        """How much of a pipe or packed file is spooled, 0 to 1; 0 where that cannot be known."""
        if self._unpacker is None or self._unpacker.done:
            return 1.0
        return min(1.0, self._unpacker.taken / (self._unpacker.total or 1 << 62))

    def as_lines(self, fd: int) -> Source:
        """Return a source in place of this one, over a file that holds its records as lines."""
        return Source(self.path, fd, spooled=True, origin=self._known())

    def _known(self) -> Identity | None:
        return self._origin if self.spooled else self._identity

    @property
    def members(self) -> tuple[Member, ...]:
        """The files that this is made of, in order."""
        return (Member(self.name, 0),)

    def line_words(self, line: int) -> str:
        """Name a line (from 1) in words, with its file where there are several."""
        return in_file(line)

    def member_at(self, offset: int) -> Member:
        """Return the file that a byte of this comes from."""
        return self.members[max(0, bisect_right(self.members, offset, key=_begin) - 1)]

    def pieces(self) -> tuple[Piece, ...]:
        """Return where the bytes stand in open files, for worker processes that inherit those."""
        return (Piece(self._fd),)

    def fileno(self) -> int:
        """Return the open descriptor."""
        return self._fd

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes at ``offset``, fewer than ``length`` only at the end of the file.

        Raises:
            FileError: The disk failed, or the source is closed.
        """
        try:
            return read_at(self._fd, offset, length)
        except OSError as error:
            raise FileError(
                f"cannot read {quote(self.name)} ({error.strerror or error})",
                "check the disk and open it again",
            ) from error

    def identity(self) -> Identity:
        """Return device, inode, size and modification time as they are now, by name."""
        if self.spooled and self._origin is None:
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
        if now[2] != self._identity[2] and self._origin is None:
            return Change.GROWN if now[2] > self._identity[2] else Change.SHRUNK
        return Change.EDITED

    def refresh(self) -> None:
        """Take the file's present size as its size, after it has grown."""
        if not self.spooled:
            self._identity = _identity(os.fstat(self._fd))
            self.size = self._identity[2]

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            if self._unpacker is not None:
                self._unpacker.close()
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_at(fd: int, offset: int, length: int) -> bytes:
    """Return the bytes at ``offset`` of an open file, fewer than asked for only at its end.

    Raises:
        OSError: The disk failed, or the file is closed.
    """
    data = os.pread(fd, length, offset)
    if len(data) == length or not data:
        return data
    parts = [data]
    got = len(data)
    while got < length:
        data = os.pread(fd, length - got, offset + got)
        if not data:
            break
        parts.append(data)
        got += len(data)
    return b"".join(parts)


def _begin(member: Member) -> int:
    return member.offset


def spool_error(name: str, error: OSError) -> FileError:
    """Return what to tell of a failure to spool a file, which may be that of a full disk."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return _open_error(name, error)
    from tui.dataset.unpack import no_room

    return no_room(quote(name))


def _identity(info: os.stat_result) -> Identity:
    return (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)


def _open_error(name: str, error: Exception) -> FileError:
    quoted = quote(name)
    if isinstance(error, ValueError) or not name:
        quoted = quoted or "an empty name"
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


def quote(name: str) -> str:
    """Return a file's name as errors show it."""
    from widgets.text import clean

    return clean(name, limit=200)
