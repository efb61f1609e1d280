"""Files on disk: uploads written piece by piece, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from tui.service.errors import ApiError, is_storage_full, storage_full


class Incoming:
    """A file that is arriving.

    Args:
        folder: Where it is kept until it is complete.
        limit: The most bytes it may have.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.path = folder / f"incoming-{secrets.token_hex(8)}"
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0
        self._fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            ApiError: The file grows over the limit, or the disk is full; nothing is kept.
        """
        self.size += len(data)
        if self.size > self._limit:
            self.discard()
            raise ApiError(
                413,
                f"The file is larger than the {self._limit} bytes this service takes at once.",
                param="file",
                code="file_too_large",
            )
        self._hash.update(data)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self.discard()
            if is_storage_full(error):
                raise storage_full() from error
            raise

    def keep(self, target: Path) -> str:
        """Move the complete file to ``target`` and return its SHA-256 in hexadecimal.

        Raises:
            ApiError: The disk is full; nothing is kept.
        """
        try:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1
            os.replace(self.path, target)
        except OSError as error:
            self.discard()
            if is_storage_full(error):
                raise storage_full() from error
            raise
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Remove what has arrived; again is not an error."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def clear_incoming(folder: Path) -> None:
    """Remove what a killed service left half-received."""
    for path in folder.glob("incoming-*"):
        with contextlib.suppress(OSError):
            path.unlink()
