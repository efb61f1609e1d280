"""Launch a job, at most once, whatever the network does.

The launch walks through ``planned → uploaded → creating → created | refused | unknown``; each state
is on disk before the step it announces. The create request is sent once. If its answer is unclear,
the provider's list is looked at, and the job adopted if it is there; a second create is never sent
after an unclear answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.errors import FileError, SafetyError
from tui.jobs.ledger import Ledger
from tui.jobs.models import LAUNCH_KEY, Job
from tui.jobs.provider import Provider, UploadProgress
from tui.jobs.recovery import (
    Look,
    Reconciled,
    active,
    adopt,
    is_abandoned,
    look_until,
    settle_earlier,
)
from tui.jobs.rows import LaunchRow, LaunchState, Owner
from tui.jobs.transport import CallError

if TYPE_CHECKING:
    from tui.jobs.precheck import Preflight
    from tui.jobs.request import LaunchRequest
    from tui.pricing import CostRow

_LOOK_SECONDS = 15.0
_UPLOAD_TRIES = 5
_BUSY_TRIES = 5
_MAX_WAIT = 120.0

StateListener = Callable[[LaunchState, str], None]


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


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """A job that was launched.

    Attributes:
        job: The job.
        upload: The training file at the provider.
        estimate: The price shown before.
        adopted: Whether the job was found in the provider's list after an unclear answer.
        duplicates: Ids of further jobs with this launch's mark, which the provider made by itself.
    """

    job: Job
    upload: Upload
    estimate: CostRow | None
    adopted: bool
    duplicates: tuple[str, ...] = ()


def _silent(_state: LaunchState, _words: str) -> None:
    pass


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


def _identity(path: Path) -> tuple[int, int, int]:
    """Return what changes when somebody writes to a file: size, time and inode."""
    try:
        stat = path.stat()
    except OSError as error:
        raise FileError(f"cannot read {path} ({error.strerror})", "check the path") from error
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _changed(path: Path) -> SafetyError:
    return SafetyError(
        f"{path} changed since it was checked",
        "launch again, so that what is checked is what is trained on",
        code="file_changed",
    )


def request_body(
    request: LaunchRequest, profile: str, launch_id: str, file_id: str, validation_id: str | None
) -> dict[str, Any]:
    """Return the body of the create request.

    Args:
        request: What was asked for.
        profile: The provider's rule profile; Nebius wants its settings at the top level.
        launch_id: The mark the job carries in its metadata.
        file_id: The uploaded training file.
        validation_id: The uploaded validation file, if any.
    """
    body: dict[str, Any] = {"model": request.model, "training_file": file_id}
    if validation_id is not None:
        body["validation_file"] = validation_id
    if request.suffix:
        body["suffix"] = request.suffix
    if request.seed is not None:
        body["seed"] = request.seed
    settings = dict(request.hyperparameters)
    if profile == "nebius":
        body["hyperparameters"] = settings
    elif settings or request.method != "supervised":
        method: dict[str, Any] = {"hyperparameters": settings} if settings else {}
        if request.grader is not None:
            method["grader"] = dict(request.grader)
        body["method"] = {"type": request.method, request.method: method}
    body["metadata"] = {**request.metadata, LAUNCH_KEY: launch_id}
    return body


async def launch(
    request: LaunchRequest,
    preflight: Preflight,
    provider: Provider,
    ledger: Ledger,
    on_state: StateListener = _silent,
    progress: UploadProgress | None = None,
) -> LaunchResult:
    """Upload, create, and return the job: one job a call, or none.

    Args:
        request: What to launch.
        preflight: The check of that very request.
        provider: Where.
        ledger: The ledger of this machine.
        on_state: Told of each state, with words for a person.
        progress: Told of bytes uploaded and bytes in all.

    Raises:
        SafetyError: Blocked by the preflight, or the outcome is unknown (``launch_unknown``).
        ProviderError: The provider refused, or could not be reached before anything was created.
        FileError: A file or the ledger cannot be read or written.
    """
    if preflight.blocked:
        raise preflight.refusal()
    launch_id = str(uuid.uuid4())
    active.add(launch_id)
    try:
        return await _Launch(
            launch_id, request, preflight, provider, ledger, on_state, progress
        ).run()
    finally:
        active.discard(launch_id)


@dataclass(slots=True)
class _Launch:
    id: str
    request: LaunchRequest
    preflight: Preflight
    provider: Provider
    ledger: Ledger
    on_state: StateListener
    progress: UploadProgress | None
    row: LaunchRow = field(init=False)

    async def run(self) -> LaunchResult:
        file = self.request.file
        before = _identity(file)
        sha256 = await asyncio.to_thread(sha256_of, file)
        if self.preflight.sha256 and self.preflight.sha256 != sha256:
            raise _changed(file)
        self.row = self._planned(sha256)
        earlier = await self._claim()
        if earlier is not None and earlier.job is not None:
            job = earlier.job
            self.on_state(
                LaunchState.CREATED,
                f"an earlier launch of this file had made job {job.id}; "
                "launch again if you want another one",
            )
            upload = Upload(job.training_file or "", before[0], True)
            return LaunchResult(job, upload, self.preflight.cost, True, earlier.duplicates)
        try:
            upload = await self._upload(file, before, sha256)
            validation = await self._upload_validation()
            await self._advance(LaunchState.UPLOADED, file_id=upload.file_id)
        except BaseException as error:
            await self._close(LaunchState.REFUSED, str(error) or type(error).__name__)
            raise
        body = request_body(
            self.request, self.provider.config.profile, self.id, upload.file_id, validation
        )
        return await self._create(body, upload)

    def _planned(self, sha256: str) -> LaunchRow:
        now = time.time()
        return LaunchRow(
            id=self.id,
            endpoint=self.provider.endpoint,
            provider=self.provider.name,
            file=str(self.request.file.absolute()),
            sha256=sha256,
            model=self.request.model,
            state=LaunchState.PLANNED,
            file_id=None,
            job_id=None,
            reason="",
            request={},
            estimate=self.preflight.cost.to_json() if self.preflight.cost else {},
            owner=Owner.me(),
            planned_at=now,
            creating_at=None,
            updated_at=now,
        )

    async def _claim(self) -> Reconciled | None:
        """Begin, once no launch of the same file and model is open any more.

        Returns:
            What an earlier launch turned out to have made; then this one has not begun.
        """
        while True:
            earlier = await settle_earlier(self.provider, self.ledger, self.row, self._tell)
            if earlier is not None:
                return earlier
            other = await asyncio.to_thread(self.ledger.plan, self.row)
            if other is None:
                self._tell(f"launching {self.request.file.name}")
                return None
            # One that was left open since the look is settled like the others; one that goes on
            # has the right of way.
            if not is_abandoned(other):
                raise SafetyError(
                    f"process {other.owner.pid} on {other.owner.host} is launching this very file "
                    f"for {other.model} now",
                    "wait for it to end; 'tunedeck jobs' shows the outcome",
                    code="launch_in_progress",
                )

    def _tell(self, words: str) -> None:
        self.on_state(LaunchState.PLANNED, words)

    async def _advance(self, state: LaunchState, **fields: Any) -> bool:
        return await asyncio.to_thread(lambda: self.ledger.advance(self.id, state, **fields))

    async def _close(self, state: LaunchState, reason: str) -> None:
        """Write the outcome; a disk that fails now must not hide it from the person."""
        with contextlib.suppress(FileError):
            await self._advance(state, reason=reason)

    async def _upload_validation(self) -> str | None:
        path = self.request.validation
        if path is None:
            return None
        before = _identity(path)
        digest = await asyncio.to_thread(sha256_of, path)
        return (await self._upload(path, before, digest)).file_id

    async def _upload(self, path: Path, before: tuple[int, int, int], sha256: str) -> Upload:
        """Upload a file that was as ``before`` when its hash was taken, unless it is there."""
        size = before[0]
        known = await asyncio.to_thread(self.ledger.upload_of, self.provider.endpoint, sha256)
        if known is not None and await self._still_there(known, size):
            self._tell(f"{path.name} is at the provider already ({known})")
            return Upload(known, size, True)
        self._tell(f"uploading {path.name}")
        file_id = await self._send(path)
        if _identity(path) != before:
            raise _changed(path)
        await asyncio.to_thread(
            self.ledger.keep_upload, self.provider.endpoint, sha256, file_id, size
        )
        self.on_state(LaunchState.UPLOADED, f"uploaded {path.name} as {file_id}")
        return Upload(file_id, size, False)

    async def _still_there(self, file_id: str, size: int) -> bool:
        try:
            info = await self.provider.file_info(file_id)
        except CallError:
            return False
        return (
            info.get("id") == file_id
            and info.get("bytes") in (size, None)
            and info.get("status") not in ("error", "deleted")
        )

    async def _send(self, path: Path) -> str:
        """Upload; a lost answer is tried again, since a file that nobody uses costs nothing."""
        # Providers insist on the ending, whatever the file is called here.
        name = path.name if path.name.endswith(".jsonl") else f"{path.name}.jsonl"
        for attempt in range(1, _UPLOAD_TRIES + 1):
            try:
                return await self.provider.upload(path, progress=self.progress, name=name)
            except CallError as error:
                wait = error.retry_after if error.retry_after is not None else 0.5 * 2**attempt
                if not error.transient or attempt == _UPLOAD_TRIES or wait > _MAX_WAIT:
                    raise
                self.on_state(LaunchState.PLANNED, f"{error.message}; trying again")
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _create(self, body: Mapping[str, Any], upload: Upload) -> LaunchResult:
        if not await self._advance(LaunchState.CREATING, request=body):
            raise SafetyError(
                "another command took this launch for a dead one and closed it",
                "nothing was created; launch again",
                code="launch_closed",
            )
        self.row = replace(
            self.row,
            state=LaunchState.CREATING,
            file_id=upload.file_id,
            request=body,
            creating_at=time.time(),
        )
        self.on_state(LaunchState.CREATING, "creating the job")
        try:
            job = await self._post(body)
        except CallError as error:
            if not error.unclear:
                await self._close(LaunchState.REFUSED, str(error))
                self.on_state(LaunchState.REFUSED, error.message)
                raise
            return await self._after_unclear(error, upload)
        await self._created(job)
        return LaunchResult(job, upload, self.preflight.cost, False)

    async def _post(self, body: Mapping[str, Any]) -> Job:
        """Send the create; again only after answers that mean that nothing was created."""
        for attempt in range(1, _BUSY_TRIES + 1):
            try:
                return await self.provider.create(body)
            except CallError as error:
                tries = _BUSY_TRIES if error.status == 429 else 2
                wait = error.retry_after if error.retry_after is not None else float(2**attempt)
                again = error.transient and not error.unclear and attempt < tries
                if not again or wait > _MAX_WAIT:
                    raise
                self.on_state(
                    LaunchState.CREATING, f"{error.message}; trying again in {wait:.0f} s"
                )
                await asyncio.sleep(wait)
                # The time that a request may be on its way begins anew with each.
                await self._advance(LaunchState.CREATING)
        raise AssertionError("unreachable")

    async def _after_unclear(self, error: CallError, upload: Upload) -> LaunchResult:
        self.on_state(LaunchState.CREATING, f"{error.message}; looking whether the job is there")
        try:
            seen = await look_until(self.provider, self.row, self.ledger, _LOOK_SECONDS)
        except FileError:
            seen = Look((), False)
        if seen.jobs:
            job = seen.jobs[0]
            await self._created(job)
            rest = tuple(other.id for other in seen.jobs[1:])
            return LaunchResult(job, upload, self.preflight.cost, True, rest)
        await self._close(LaunchState.UNKNOWN, error.message)
        self.on_state(LaunchState.UNKNOWN, error.message)
        listed = "its list does not show a job" if seen.readable else "its list cannot be read"
        raise SafetyError(
            f"it is not known whether the job was created: {error.message}, and {listed}",
            "nothing more was sent; launch the same file again in a minute: "
            "it looks for the job first and adopts it, or makes sure that there is none",
            code="launch_unknown",
        )

    async def _created(self, job: Job) -> None:
        try:
            await adopt(self.ledger, self.row, job)
        except FileError as error:
            raise FileError(
                f"job {job.id} was created, but {error.message}",
                f"{error.hint}; the job goes on, see it with 'tunedeck watch {job.id}'",
            ) from error
        self.on_state(LaunchState.CREATED, f"job {job.id}")
