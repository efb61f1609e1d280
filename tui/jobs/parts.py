"""A large file in parts: each one that is there is written down, so that a crash costs one part.

OpenAI's rules: parts of at most 64 MB, 8 GB in all, and an hour from the first to the last. What
is written down is used again only while the provider still keeps it and the file is the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tui.errors import FileError, SafetyError
from tui.jobs.files import UploadProgress
from tui.jobs.ledger import Ledger
from tui.jobs.models import integer_of, strings_of, text_of
from tui.jobs.provider import Provider
from tui.jobs.transport import CallError
from tui.loose import number_of

PART_BYTES = 64 * 1000 * 1000
"""A little under the most that a part may have, whichever way megabytes are counted."""
_TRIES = 6
_MAX_WAIT = 60.0
_LIFETIME = 3600.0
# One that ends sooner than this is not worth going on with.
_MARGIN = 60.0

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """An upload in parts that has not ended.

    Attributes:
        upload_id: Its id at the provider.
        bytes: Of the whole file.
        part_bytes: Of each part but the last.
        parts: The ids of the parts that are there, from the first.
        expires_at: When the provider drops it, in seconds since 1970.
    """

    upload_id: str
    bytes: int
    part_bytes: int
    parts: tuple[str, ...]
    expires_at: float

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> PartialUpload | None:
        """Read what the ledger kept; ``None`` when there is nothing or it cannot be used."""
        upload_id, size = text_of(state.get("upload_id")), integer_of(state.get("bytes"))
        part_bytes, expires = integer_of(state.get("part_bytes")), number_of(state.get("expires"))
        if upload_id is None or not size or not part_bytes or expires is None:
            return None
        return cls(upload_id, size, part_bytes, strings_of(state.get("parts")), expires)

    def state(self) -> dict[str, Any]:
        """Return what the ledger keeps."""
        return {
            "upload_id": self.upload_id,
            "bytes": self.bytes,
            "part_bytes": self.part_bytes,
            "parts": list(self.parts),
            "expires": self.expires_at,
        }

    @property
    def count(self) -> int:
        """How many parts the file has in all."""
        return -(-self.bytes // self.part_bytes)

    @property
    def alive(self) -> bool:
        """Whether the provider still keeps it, as far as known."""
        return self.expires_at > time.time() + _MARGIN


def partial_of(ledger: Ledger, endpoint: str, sha256: str) -> PartialUpload | None:
    """Return the upload in parts of a file that can be gone on with."""
    found = PartialUpload.from_state(ledger.partial_upload(endpoint, sha256))
    return found if found is not None and found.alive else None


async def send_in_parts(
    provider: Provider,
    ledger: Ledger,
    path: Path,
    sha256: str,
    name: str,
    tell: Callable[[str], None],
    progress: UploadProgress | None,
) -> str:
    """Upload a file in parts, going on where an earlier upload of the same bytes stopped.

    Args:
        provider: Where to.
        ledger: Remembers each part.
        path: The file.
        sha256: Of the file, which tells it from others.
        name: What the provider shall call it.
        tell: Called with a sentence for the person who waits.
        progress: Told of bytes sent and bytes in all.

    Returns:
        The id of the file.

    Raises:
        FileError: The file cannot be read.
        SafetyError: It became shorter meanwhile.
        CallError: The provider refused or could not be reached; the parts that are there are kept.
    """
    sending = _Sending(provider, ledger, path, sha256, name, tell, progress)
    going = await asyncio.to_thread(partial_of, ledger, provider.endpoint, sha256)
    if going is not None and going.bytes == path.stat().st_size:
        tell(f"going on with the upload of {path.name}: {len(going.parts)} of {going.count} parts")
        try:
            return await sending.go_on(going)
        except CallError as error:
            # Expired or cancelled there, whatever the clock here says: begin anew.
            if error.status not in (400, 404, 409, 410):
                raise
            tell(f"the provider does not go on with it ({error.message}); beginning again")
    return await sending.go_on(await sending.begin())


async def drop_parts(provider: Provider, ledger: Ledger, sha256: str) -> bool:
    """Forget an upload in parts and let the provider drop it.

    Returns:
        Whether there was one.
    """
    found = PartialUpload.from_state(
        await asyncio.to_thread(ledger.partial_upload, provider.endpoint, sha256)
    )
    if found is None:
        return False
    try:
        if found.alive:
            await provider.cancel_upload(found.upload_id)
    except CallError:
        pass  # It runs out by itself.
    await asyncio.to_thread(ledger.keep_partial_upload, provider.endpoint, sha256, {})
    return True


@dataclass(frozen=True, slots=True)
class _Sending:
    provider: Provider
    ledger: Ledger
    path: Path
    sha256: str
    name: str
    tell: Callable[[str], None]
    progress: UploadProgress | None

    async def begin(self) -> PartialUpload:
        size = self.path.stat().st_size
        ticket = await self._again(
            lambda: self.provider.begin_upload(self.name, size), "beginning the upload"
        )
        expires = ticket.expires_at or time.time() + _LIFETIME
        going = PartialUpload(ticket.id, size, PART_BYTES, (), expires)
        await self._keep(going)
        return going

    async def go_on(self, going: PartialUpload) -> str:
        for number in range(len(going.parts), going.count):
            at = number * going.part_bytes
            piece = await asyncio.to_thread(self._read, at, going)
            part = await self._part(going, piece, number)
            going = replace(going, parts=(*going.parts, part))
            await self._keep(going)
            if self.progress is not None:
                self.progress(at + len(piece), going.bytes)
        md5 = await asyncio.to_thread(self._md5)
        return await self._again(
            lambda: self.provider.complete_upload(going.upload_id, going.parts, md5),
            "completing the upload",
        )

    async def _part(self, going: PartialUpload, piece: bytes, number: int) -> str:
        what = f"part {number + 1} of {going.count}"
        return await self._again(lambda: self.provider.add_part(going.upload_id, piece), what)

    async def _keep(self, going: PartialUpload) -> None:
        await asyncio.to_thread(
            self.ledger.keep_partial_upload, self.provider.endpoint, self.sha256, going.state()
        )

    def _read(self, at: int, going: PartialUpload) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(at)
                piece = file.read(going.part_bytes)
        except OSError as error:
            raise FileError(
                f"cannot read {self.path} ({error.strerror})", "check the path"
            ) from error
        if len(piece) != min(going.part_bytes, going.bytes - at):
            raise SafetyError(
                f"{self.path} became shorter while it was uploaded",
                "launch again when nobody writes to it",
                code="file_changed",
            )
        return piece

    def _md5(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()

    async def _again(self, call: Callable[[], Awaitable[_Answer]], what: str) -> _Answer:
        """Do one step; again after failures that pass, as nothing in here costs anything."""
        for attempt in range(1, _TRIES + 1):
            try:
                return await call()
            except CallError as error:
                wait = error.retry_after if error.retry_after is not None else 0.5 * 2**attempt
                if not error.transient or attempt == _TRIES or wait > _MAX_WAIT:
                    raise
                self.tell(f"{what}: {error.message}; trying again")
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")
