"""Bytes that come once, plain or packed, copied to a file in which every reader can go anywhere.

What packs them is told by their first bytes, never by a name. Memory is bounded whatever a packed
file unpacks to, and the disk is never filled to its end.
"""

from __future__ import annotations

import os
import select
import stat
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import IO, Any, Protocol

from tui.dataset.signature import MAGIC_BYTES, ZSTD_MAGIC, packing
from tui.errors import FileError

MOST_WINDOW = 128 << 20
"""Bytes a zstd frame may ask to look back; what needs more was packed with ``--long``."""

_BLOCK = 1 << 20
_LOOK_EVERY = 32 << 20
_RESERVE = 128 << 20
_WAIT_SECONDS = 0.05
_DICTIONARY_BITS = 3
_FRAME_HEAD = 5

Cancelled = Callable[[], bool]
Progress = Callable[[int, int], object]


class _Stream(Protocol):
    """One packed stream, made of members or frames."""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Yield what some more packed bytes hold, in blocks."""
        ...

    def end(self) -> None:
        """Raise where the stream may not end here."""
        ...


class Unpacker:
    """Copies a stream into a file, unpacking it when it is packed, as far as it is told to.

    Args:
        name: What to call the stream in errors; cleaned.
        stream: What is read, without a buffer.
        spool: The file it goes to.

    Attributes:
        done: Whether all of it is there.
        taken: Bytes of the stream read so far.
        total: Bytes of the stream; 0 where that is not known, as of a pipe.
    """

    def __init__(self, name: str, stream: IO[bytes], spool: IO[bytes]) -> None:
        self.done = False
        self.taken = 0
        info = os.fstat(stream.fileno())
        self.total = info.st_size if stat.S_ISREG(info.st_mode) else 0
        self._name = name
        self._stream = stream
        self._spool = spool
        self._out = Spool(name, spool)
        self._failure: FileError | OSError | None = None
        self._steps = self._run()

    @property
    def written(self) -> int:
        """Bytes in the file."""
        return self._out.written

    def run(self, until: int | None = None, cancelled: Cancelled | None = None) -> bool:
        """Go on until the file has ``until`` bytes, the stream ends, or somebody says stop.

        Returns:
            Whether all of it is there.

        Raises:
            FileError: The stream is damaged or cut off, or the disk has no room.
            OSError: Reading or writing failed.
        """
        stop = cancelled or (lambda: False)
        if self._failure is not None:
            raise self._failure
        try:
            while not self.done and (until is None or self.written < until) and not stop():
                self.done = next(self._steps, None) is None
        except (FileError, OSError) as error:
            self._failure = error
            raise
        finally:
            if not self._spool.closed:
                self._spool.flush()
        if self.done:
            self.close()
        return self.done

    def close(self) -> None:
        """Let go of the stream and of the handle to the file."""
        self._steps.close()
        self._stream.close()
        self._spool.close()

    def _run(self) -> Generator[bool, None, None]:
        head = b""
        while len(head) < MAGIC_BYTES:
            block = yield from self._read()
            if not block:
                break
            head += block
        kind = packing(head)
        stream: _Stream | None = None
        if kind:
            stream = _Gzip(self._name) if kind == "gzip" else _Zstd(self._name)
        block = head
        while block:
            for piece in stream.unpack(block) if stream is not None else (block,):
                self._out.write(piece)
                yield True
            block = yield from self._read()
        if stream is not None:
            stream.end()

    def _read(self) -> Generator[bool, None, bytes]:
        """Return the next block; a pipe is waited for in steps, so that one can stop meanwhile."""
        if not self.total:
            while not select.select([self._stream], [], [], _WAIT_SECONDS)[0]:
                yield True
        block = self._stream.read(_BLOCK)
        self.taken += len(block)
        return block


class Spool:
    """A temporary file that never takes the last of the disk.

    Args:
        name: What fills it, for errors; cleaned.
        file: The file.

    Attributes:
        written: Bytes in it.
    """

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.written = 0
        self._name = name
        self._file = file
        self._look_at = 0

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            FileError: The disk has next to no room left.
            OSError: Writing failed.
        """
        if self.written >= self._look_at:
            self._look_at = self.written + _LOOK_EVERY
            room = os.fstatvfs(self._file.fileno())
            if room.f_bavail * room.f_frsize < _RESERVE:
                raise no_room(self._name)
        self._file.write(data)
        self.written += len(data)


def no_room(name: str) -> FileError:
    """Return the error of a disk that is too small for what a file unpacks to."""
    return FileError(
        f"no room to unpack {name} in {tempfile.gettempdir()}",
        "set TMPDIR to a folder with more space",
    )


def _damaged(name: str, kind: str) -> FileError:
    return FileError(f"{name} is a damaged {kind} file", "copy or download it again")


def _cut_off(name: str, kind: str) -> FileError:
    return FileError(f"{name} is a cut-off {kind} file", "copy or download it again")


class _Gzip:
    """Members of gzip, one after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._member = zlib.decompressobj(wbits=31)

    def unpack(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                # Padding of zero bytes after the last member is allowed and ignored.
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._member = zlib.decompressobj(wbits=31)
            try:
                piece = self._member.decompress(data, _BLOCK)
            except zlib.error as error:
                raise _damaged(self._name, "gzip") from error
            if piece:
                yield piece
            data = self._member.unconsumed_tail or self._member.unused_data

    def end(self) -> None:
        if not self._member.eof:
            raise _cut_off(self._name, "gzip")


class _Zstd:
    """Frames of zstd, one after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._zstd = _zstd_module()
        self._frame: Any = None
        self._rest = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        data = self._rest + data
        self._rest = b""
        while data:
            if self._frame is None:
                if len(data) < _FRAME_HEAD:
                    self._rest = data
                    return
                self._begin(data)
            yield from self._pieces(data)
            if not self._frame.eof:
                return
            data = self._frame.unused_data
            self._frame = None

    def end(self) -> None:
        if self._frame is not None or self._rest:
            raise _cut_off(self._name, "zstd")

    def _begin(self, data: bytes) -> None:
        if packing(data) != "zstd":
            raise _damaged(self._name, "zstd")
        if data.startswith(ZSTD_MAGIC) and data[4] & _DICTIONARY_BITS:
            raise FileError(
                f"{self._name} was packed with a zstd dictionary",
                "unpack it with that dictionary: zstd -d -D DICTIONARY",
            )
        option = self._zstd.DecompressionParameter.window_log_max
        self._frame = self._zstd.ZstdDecompressor(options={option: MOST_WINDOW.bit_length() - 1})

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        try:
            piece = self._frame.decompress(data, _BLOCK)
            while piece or not (self._frame.eof or self._frame.needs_input):
                if piece:
                    yield piece
                if self._frame.eof or self._frame.needs_input:
                    return
                piece = self._frame.decompress(b"", _BLOCK)
        except self._zstd.ZstdError as error:
            if "memory" in str(error):
                raise FileError(
                    f"{self._name} needs more than {MOST_WINDOW >> 20} MiB of memory to unpack",
                    "unpack it with: zstd -d --long=31",
                ) from error
            raise _damaged(self._name, "zstd") from error


def _zstd_module() -> Any:
    """Return zstd of the standard library where it has it, else the same from a package."""
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from backports import zstd
    return zstd


def zstd_writer(file: IO[bytes]) -> IO[bytes]:
    """Return a file whose bytes go packed with zstd, with a checksum, to another one."""
    zstd = _zstd_module()
    options = {zstd.CompressionParameter.checksum_flag: 1}
    writer: IO[bytes] = zstd.ZstdFile(file, "wb", options=options)
    return writer
