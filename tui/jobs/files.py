"""Files at a provider: a reader that tells how much of a file was sent, and what comes back."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from tui.errors import FileError

_READ_PIECE = 64 * 1024

UploadProgress = Callable[[int, int], None]


class Meter(io.RawIOBase):
    """A file that tells how much of it was read; a rewind starts the count again."""

    def __init__(self, path: Path, progress: UploadProgress | None) -> None:
        super().__init__()
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise FileError(f"cannot read {path} ({error.strerror})", "check the path") from error
        self._size = path.stat().st_size
        self._progress = progress

    def readable(self) -> bool:
        """Return whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Return whether it can be rewound."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def fileno(self) -> int:
        """Return the descriptor, by which the SDK learns the size."""
        return self._file.fileno()

    def read(self, size: int = -1) -> bytes:
        """Read the next piece of at most 64 KiB and tell of it."""
        piece = self._file.read(size if 0 < size <= _READ_PIECE else _READ_PIECE)
        if self._progress is not None:
            self._progress(self._file.tell(), self._size)
        return piece

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
