"""Launch a job, at most once, whatever the network does.

The launch walks through ``planned → uploaded → creating → created | refused | unknown``; each state
is on disk before the step it announces. The create request is sent once. If its answer is unclear,
the provider's list is looked at, and the job adopted if it is there; a second create is never sent
after an unclear answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tui.errors import FileError, SafetyError
from tui.jobs.asked_price import keep_to_price
from tui.jobs.files import UploadProgress
from tui.jobs.ledger import Ledger
from tui.jobs.models import LAUNCH_KEY, Job
from tui.jobs.provider import Provider
from tui.jobs.recovery import (
    UNTOLD,
    Look,
    Reconciled,
    acknowledge,
    active,
    adopt,
    is_abandoned,
    look_until,
    settle_earlier,
    supersede,
)
from tui.jobs.rows import LaunchRow, LaunchState, Owner
from tui.jobs.sending import Sender, Upload, changed, identity, sha256_of
from tui.jobs.transport import CallError

if TYPE_CHECKING:
    from tui.jobs.precheck import Preflight
    from tui.jobs.request import LaunchRequest
    from tui.pricing import CostRow

_LOOK_SECONDS = 15.0
_BUSY_TRIES = 5
_MAX_WAIT = 120.0

StateListener = Callable[[LaunchState, str], None]


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """A job that was launched.

    Attributes:
        job: The job.
        upload: The training file at the provider.
        estimate: The price shown before.
        adopted: Whether the job was found in the provider's list after an unclear answer.
        duplicates: Ids of further jobs with this launch's mark, which the provider made by itself.
        launch_id: The launch that made it, for :func:`acknowledge`.
    """

    job: Job
    upload: Upload
    estimate: CostRow | None
    adopted: bool
    duplicates: tuple[str, ...] = ()
    launch_id: str = ""


def _silent(_state: LaunchState, _words: str) -> None:
    pass


def read_only_refusal(provider: str) -> SafetyError:
    """Return the error for a launch where nothing may be changed."""
    return SafetyError(
        f"{provider} is read-only here, so nothing is launched",
        "leave --read-only out, or set read_only = false in the settings",
        code="read_only",
    )


def request_body(
    request: LaunchRequest, launch_id: str, file_id: str, validation_id: str | None
) -> dict[str, Any]:
    """Return the body of the create request, in OpenAI's shape; providers' adapters reshape it.

    Args:
        request: What was asked for.
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
    if settings or request.method != "supervised":
        method: dict[str, Any] = {"hyperparameters": settings} if settings else {}
        if request.grader is not None:
            method["grader"] = dict(request.grader)
        if request.response_format is not None:
            method["response_format"] = dict(request.response_format)
        body["method"] = {"type": request.method, request.method: method}
    if request.integrations:
        body["integrations"] = [dict(one) for one in request.integrations]
    body["metadata"] = {**request.metadata, LAUNCH_KEY: launch_id}
    return body


async def launch(
    request: LaunchRequest,
    preflight: Preflight,
    provider: Provider,
    ledger: Ledger,
    on_state: StateListener = _silent,
    progress: UploadProgress | None = None,
    *,
    told: bool = True,
    since: float | None = None,
) -> LaunchResult:
    """Upload, create, and return the job: one job a call, or none.

    Args:
        request: What to launch.
        preflight: The check of that very request.
        provider: Where.
        ledger: The ledger of this machine.
        on_state: Told of each state, with words for a person.
        progress: Told of bytes uploaded and bytes in all.
        told: Returning the result is all it takes to tell of the job. A caller that may be killed
            before it has told says no, and calls :func:`acknowledge` when it has.
        since: When it was asked for, in seconds since 1970; now unless given. Of two processes that
            are asked for the very same run at once, one makes it.

    Raises:
        SafetyError: Blocked by the preflight, or the outcome is unknown (``launch_unknown``), or
            another process is at the very same (``launch_in_progress``, ``launched_meanwhile``).
        ProviderError: The provider refused, or could not be reached before anything was created.
        FileError: A file or the ledger cannot be read or written.
    """
    if preflight.blocked:
        raise preflight.refusal()
    if provider.config.read_only:
        raise read_only_refusal(provider.name)
    # What the provider does not take is said before anything is uploaded.
    provider.check_body(request_body(request, "", "", None))
    launch_id = str(uuid.uuid4())
    active.add(launch_id)
    try:
        asked_at = time.time() if since is None else since
        result = await _Launch(
            launch_id, request, preflight, provider, ledger, on_state, progress, asked_at
        ).run()
        if told:
            # The job is there, whether or not this can be written.
            with contextlib.suppress(FileError):
                await acknowledge(ledger, result.launch_id)
        return result
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
    asked_at: float
    row: LaunchRow = field(init=False)

    async def run(self) -> LaunchResult:
        size, known = await asyncio.to_thread(self._look_at_file)
        self.row = self._planned(known)
        earlier = await self._claim()
        if earlier is not None and earlier.job is not None:
            job = earlier.job
            self.on_state(
                LaunchState.CREATED,
                f"an earlier launch of this file had made job {job.id}; "
                "launch again if you want another one",
            )
            upload = Upload(job.training_file or "", size, True)
            return LaunchResult(
                job, upload, self.preflight.cost, True, earlier.duplicates, earlier.launch.id
            )
        try:
            upload = await self._training_file()
            validation = await self._validation_file()
            await self._advance(LaunchState.UPLOADED, file_id=upload.file_id)
            body = request_body(self.request, self.id, upload.file_id, validation)
            await self._ask_price(body)
        except BaseException as error:
            await self._close(LaunchState.REFUSED, str(error) or "stopped before any job")
            raise
        return await self._create(body, upload)

    async def _ask_price(self, body: Mapping[str, Any]) -> None:
        cost = self.preflight.cost
        try:
            await keep_to_price(
                self.provider,
                body,
                self.request.max_cost,
                lambda words: self.on_state(LaunchState.UPLOADED, words),
                priced=cost is not None and cost.usd is not None,
            )
        except CallError as error:
            job_id = error.details.get("job_id")
            if isinstance(job_id, str):
                # The question made a job: the launch is over, and this is its job. Whoever asked
                # hears of it by the error, so that the next launch does not take it for its own.
                with contextlib.suppress(FileError):
                    await self._advance(
                        LaunchState.CREATED, job_id=job_id, reason=error.message, request=body
                    )
            raise

    def _look_at_file(self) -> tuple[int, str]:
        """Return the size of the training file, and what tells its bytes from all others.

        The preflight has read the file, so that a launch can be written down before it is read
        once more.
        """
        if self.request.file_id is not None:
            return 0, self.request.file_id
        size = identity(self.request.file)[0]
        return size, self.preflight.sha256 or sha256_of(self.request.file)

    def _planned(self, sha256: str) -> LaunchRow:
        now = time.time()
        return LaunchRow(
            id=self.id,
            endpoint=self.provider.endpoint,
            provider=self.provider.name,
            file=self.request.recipe()["file"],
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
            recipe=self.request.recipe(),
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
            other = await asyncio.to_thread(self.ledger.plan, self.row, self.asked_at)
            if other is None:
                await supersede(self.ledger, self.row)
                self._tell(f"launching {self.request.file.name}")
                return None
            # One that was left open since the look is settled like the others, and one whose job
            # nobody was told of is adopted; one that goes on, or was as quick, has the right of
            # way.
            if other.state is LaunchState.CREATED:
                if other.reason == UNTOLD:
                    continue
                raise SafetyError(
                    f"process {other.owner.pid} on {other.owner.host} has just launched the very "
                    f"same: job {other.job_id}",
                    "launch again if you want another one",
                    code="launched_meanwhile",
                )
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

    @property
    def _sender(self) -> Sender:
        return Sender(self.provider, self.ledger, self._tell, self.progress)

    async def _training_file(self) -> Upload:
        if self.request.file_id is not None:
            return await self._kept(self.request.file_id)
        path = self.request.file
        before = identity(path)
        if await asyncio.to_thread(sha256_of, path) != self.row.sha256:
            raise changed(path)
        return await self._sender.ensure(path, before, self.row.sha256)

    async def _validation_file(self) -> str | None:
        if self.request.validation_id is not None:
            return (await self._kept(self.request.validation_id)).file_id
        path = self.request.validation
        if path is None:
            return None
        before = identity(path)
        digest = await asyncio.to_thread(sha256_of, path)
        return (await self._sender.ensure(path, before, digest)).file_id

    async def _kept(self, file_id: str) -> Upload:
        """Use a file that only the provider has."""
        if not await self._sender.is_there(file_id):
            raise SafetyError(
                f"{self.provider.name} has no file {file_id} any more",
                "name the file on this machine: tunedeck launch FILE --from-job ID",
                code="file_gone",
            )
        return Upload(file_id, 0, True)

    async def _create(self, body: Mapping[str, Any], upload: Upload) -> LaunchResult:
        if not await self._advance(LaunchState.CREATING, file_id=upload.file_id, request=body):
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
        return LaunchResult(job, upload, self.preflight.cost, False, (), self.id)

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
            return LaunchResult(job, upload, self.preflight.cost, True, rest, self.id)
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
