"""A file at the provider: the identical one that is there already, or a new upload of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tui.errors import FileError, SafetyError
from tui.jobs.files import UploadProgress
from tui.jobs.ledger import Ledger
from tui.jobs.parts import send_in_parts
from tui.jobs.provider import Provider
from tui.jobs.transport import CallError

ONE_PIECE = 512 * 1024 * 1024
"""What OpenAI takes in one piece, and others who publish no limit most likely too."""
_TRIES = 5
_MAX_WAIT = 120.0

Identity = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Upload:
    """The training file at the provider.

    Attributes:
        file_id: Its id there.
        bytes: Its size.
        reused: Whether an identical earlier upload was used.
    """

    file_id: str
    bytes: int
    reused: bool


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        FileError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(
            f"cannot read {path} ({error.strerror})", "check the path and its permissions"
        ) from error


def identity(path: Path) -> Identity:
    """Return what changes when somebody writes to a file: size, time and inode.

    Raises:
        FileError: It cannot be looked at.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise FileError(f"cannot read {path} ({error.strerror})", "check the path") from error
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def changed(path: Path) -> SafetyError:
    """Return the error for a file that is not what was checked any more."""
    return SafetyError(
        f"{path} changed since it was checked",
        "launch again, so that what is checked is what is trained on",
        code="file_changed",
    )


@dataclass(frozen=True, slots=True)
class Sender:
    """Brings files to a provider.

    Attributes:
        provider: Where to.
        ledger: Remembers what is there.
        tell: Called with a sentence for the person who waits.
        progress: Told of bytes sent and bytes in all.
    """

    provider: Provider
    ledger: Ledger
    tell: Callable[[str], None]
    progress: UploadProgress | None = None

    async def ensure(self, path: Path, before: Identity, sha256: str) -> Upload:
        """Upload a file that was as ``before`` when its hash was taken, unless it is there.

        Raises:
            SafetyError: It changed meanwhile.
            CallError: The provider refused or could not be reached.
        """
        size = before[0]
        endpoint = self.provider.endpoint
        known = await asyncio.to_thread(self.ledger.upload_of, endpoint, sha256)
        if known is not None and await self.is_there(known, size):
            self.tell(f"{path.name} is at the provider already ({known})")
            return Upload(known, size, True)
        self.tell(f"uploading {path.name}")
        file_id = await self._send(path, size, sha256)
        if identity(path) != before:
            raise changed(path)
        await asyncio.to_thread(self.ledger.keep_upload, endpoint, sha256, file_id, size)
        if self._wants_parts(size):
            await asyncio.to_thread(self.ledger.keep_partial_upload, endpoint, sha256, {})
        self.tell(f"uploaded {path.name} as {file_id}")
        return Upload(file_id, size, False)

    async def is_there(self, file_id: str, size: int | None = None) -> bool:
        """Return whether the provider still has a file, of this size where it is given."""
        try:
            info = await self.provider.file_info(file_id)
        except CallError:
            return False
        return (
            info.get("id") == file_id
            and (size is None or info.get("bytes") in (size, None))
            and info.get("status") not in ("error", "deleted")
        )

    async def _send(self, path: Path, size: int, sha256: str) -> str:
        # Providers insist on the ending, whatever the file is called here.
        name = path.name if path.name.endswith(".jsonl") else f"{path.name}.jsonl"
        if self._wants_parts(size):
            return await send_in_parts(
                self.provider, self.ledger, path, sha256, name, self.tell, self.progress
            )
        return await self._send_whole(path, name)

    def _wants_parts(self, size: int) -> bool:
        known = self.provider.config.known
        return size > (known.upload_max_bytes or ONE_PIECE) and bool(known.parts_max_bytes)

    async def _send_whole(self, path: Path, name: str) -> str:
        """Upload; a lost answer is tried again, since a file that nobody uses costs nothing."""
        for attempt in range(1, _TRIES + 1):
            try:
                return await self.provider.upload(path, progress=self.progress, name=name)
            except CallError as error:
                wait = error.retry_after if error.retry_after is not None else 0.5 * 2**attempt
                if not error.transient or attempt == _TRIES or wait > _MAX_WAIT:
                    raise
                self.tell(f"{error.message}; trying again")
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")
