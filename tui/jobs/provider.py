"""A provider of fine-tuning jobs: what the rest of the program asks for, in OpenAI's shapes.

:mod:`tui.jobs.wire` makes the requests, :mod:`tui.jobs.adapters` hold what differs from provider to
provider, and :mod:`tui.jobs.abilities` remember what each can do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tui.config import LOCAL, Paths, ProviderConfig, is_loopback, public_url
from tui.jobs.abilities import Abilities
from tui.jobs.adapters import adapter_for
from tui.jobs.files import Meter, UploadProgress
from tui.jobs.metrics import flatten, point_of
from tui.jobs.models import (
    ChatEnd,
    Checkpoint,
    Estimate,
    Event,
    EventPage,
    FileEntry,
    FilePage,
    Job,
    JobPage,
    MetricPoint,
    ModelEntry,
    UploadTicket,
    integer_of,
    mapping_of,
    text_of,
    time_of,
)
from tui.jobs.transport import CallError, decode_json, not_what_was_asked
from tui.jobs.wire import UPLOAD_TIMEOUT, Wire, classic_root
from tui.kinds import ABILITIES, Can

if TYPE_CHECKING:
    import openai

    from tui.jobs.adapters.base import Adapter

_JOBS = "/fine_tuning/jobs"

_Answer = TypeVar("_Answer")


class Provider:
    """One place where jobs run. Every method raises :class:`CallError` in plain words.

    Where nothing may be changed (``config.read_only``), every method that would change something
    raises ``SafetyError`` with the code ``read_only`` and sends nothing.

    Args:
        config: Which provider, its address and key.
        paths: The folders, for the embedded service's own state and what was found out.
        attempts: How often a read is tried before its failure is reported.
        http_client: A client to use instead of one of our own (tests).
    """

    def __init__(
        self,
        config: ProviderConfig,
        paths: Paths,
        *,
        attempts: int = 6,
        http_client: Any = None,
    ) -> None:
        self.config = config
        self.name = config.name
        self._wire = Wire(config, paths, attempts, http_client)
        self._adapter: Adapter = adapter_for(self._wire)
        self._abilities = Abilities(paths.state, self.endpoint, config.known)

    @property
    def attempts(self) -> int:
        """How often a read is tried before its failure is reported."""
        return self._wire.attempts

    @property
    def endpoint(self) -> str:
        """What the ledger knows this provider by: its name, and its address when it has one.

        Azure's two ways lead to one resource, so that a job is known by either.
        """
        if self.config.kind == LOCAL:
            return self.name
        address = self.config.base_url or ""
        if self.config.known.name == "azure":
            address = classic_root(address)
        return f"{self.name} {public_url(address)}"

    @property
    def nearby(self) -> bool:
        """Whether the provider is on this machine, so that it may be asked more often."""
        return self.config.kind == LOCAL or is_loopback(self._wire.base_url)

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed here, so that no question need be asked."""
        return self.config.read_only

    def can(self, what: str) -> Can:
        """Return whether the provider can do something; see :data:`tui.kinds.ABILITIES`.

        Nothing is asked: the answer is what its kind is known for, or what was found out by calls.
        """
        return self._abilities.can(what)

    # --- jobs ---------------------------------------------------------------------------------

    async def list_jobs(
        self,
        limit: int = 20,
        after: str | None = None,
        metadata: Mapping[str, str] | None = None,
        attempts: int | None = None,
    ) -> JobPage:
        """Return one page of jobs, in the provider's order (newest first at OpenAI)."""
        page = await self._adapter.jobs(limit, after, metadata, attempts)
        jobs = (Job.from_wire(self._adapter.job(row), self.name) for row in page.rows)
        return JobPage(tuple(job for job in jobs if job), page.has_more, page.cursor)

    async def retrieve(self, job_id: str, attempts: int | None = None) -> Job:
        """Return one job."""
        return self._job(await self._wire.get(f"{_JOBS}/{_safe(job_id)}", {}, attempts))

    def check_body(self, request: Mapping[str, Any]) -> None:
        """Say before anything is uploaded what this provider does not take; nothing is asked.

        Raises:
            CallError: The body asks for it (``setting_not_supported``, ``method_not_supported``).
        """
        self._adapter.body(request)

    async def check_grader(self, grader: Mapping[str, Any]) -> None:
        """Let the provider check a grader, where it does; nothing is created.

        Raises:
            CallError: It does not take the grader (HTTP 400), or checks none (404).
        """
        await self._wire.ask("/fine_tuning/alpha/graders/validate", {"grader": dict(grader)})

    async def create(self, request: Mapping[str, Any]) -> Job:
        """Create a job from a body in OpenAI's shape: sent once, never again by this method.

        Raises:
            CallError: With ``unclear`` set when a job may exist all the same.
        """
        body = self._adapter.body(request)
        return self._job(await self._wire.change("create a job", _JOBS, body))

    async def estimate(self, request: Mapping[str, Any]) -> Estimate:
        """Return the provider's own price estimate of a create; nothing is created.

        Raises:
            CallError: It makes none (``not_supported``), or refused.
        """
        return await self._trying("estimate", self._adapter.estimate(request))

    async def cancel(self, job_id: str) -> Job:
        """Ask for a job to be cancelled; the answer is the job as it is then."""
        path = f"{_JOBS}/{_safe(job_id)}/cancel"
        return self._job(await self._wire.change("cancel a job", path))

    async def pause(self, job_id: str) -> Job:
        """Pause a job, where the provider can."""
        return await self._turn("pause", job_id)

    async def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return await self._turn("resume", job_id)

    async def events(
        self,
        job_id: str,
        after: str | None = None,
        limit: int = 100,
        attempts: int | None = None,
    ) -> EventPage:
        """Return one page of a job's events, in the provider's order.

        Where the metrics have an address of their own, the first page brings them along as events
        of type ``metrics``, with the ids that :meth:`metrics` gives them.
        """
        page = await self._adapter.events(_safe(job_id), after, limit, attempts)
        events = tuple(event for row in page.rows if (event := Event.from_wire(row)))
        return EventPage(events, page.has_more, page.cursor)

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """Return a job's metrics where the provider keeps them at an address of their own.

        Raises:
            CallError: It does not (``not_supported``): they are in the events.
        """
        rows = await self._trying("metrics_endpoint", self._adapter.metrics(_safe(job_id)))
        events = (Event.from_wire(row) for row in rows)
        return tuple(point for event in events if event and (point := point_of(event)))

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Return the checkpoints kept of a job, in the provider's order (first page of 100)."""
        rows = await self._trying("checkpoints", self._adapter.checkpoints(_safe(job_id)))
        return tuple(
            Checkpoint(
                id=text_of(row.get("id")) or "",
                step=integer_of(row.get("step_number")),
                model=text_of(row.get("fine_tuned_model_checkpoint")),
                created_at=time_of(row.get("created_at")),
                metrics=flatten(mapping_of(row.get("metrics"))),
            )
            for row in map(self._adapter.checkpoint, map(mapping_of, rows))
            if row
        )

    # --- files --------------------------------------------------------------------------------

    async def upload(
        self,
        path: Path,
        purpose: str = "fine-tune",
        progress: UploadProgress | None = None,
        name: str | None = None,
    ) -> str:
        """Upload a file in pieces of 64 KiB and return its id. Sent once.

        Args:
            path: The file.
            purpose: As the API names it.
            progress: Called with bytes sent and bytes in all, from the event loop.
            name: The file name the provider is told; its own unless given.

        Raises:
            FileError: The file cannot be read.
            CallError: The provider refused, or its answer did not come (``unclear``).
        """
        self._wire.gate("upload a file")
        await self._wire.connect()
        meter = Meter(path, progress)
        shown = (name or path.name).encode("utf-8", "replace").decode()

        async def send(client: openai.AsyncOpenAI) -> bytes:
            meter.seek(0)
            answer = await client.files.with_raw_response.create(
                file=(shown, meter),  # type: ignore[arg-type]
                purpose=purpose,  # type: ignore[arg-type]
                timeout=UPLOAD_TIMEOUT,
            )
            return bytes(answer.http_response.content)

        try:
            return await self._id_of(send, "a file")
        finally:
            meter.close()

    async def begin_upload(self, name: str, size: int, purpose: str = "fine-tune") -> UploadTicket:
        """Begin an upload in parts, where the provider takes them.

        Args:
            name: The file name the provider is told.
            size: The size of the whole file in bytes.
            purpose: As the API names it.
        """
        body = {
            "filename": name.encode("utf-8", "replace").decode(),
            "bytes": size,
            "purpose": purpose,
            "mime_type": "application/jsonl",
        }
        call = self._wire.change("upload a file", "/uploads", body)
        data = mapping_of(await self._trying("uploads", call))
        upload_id = text_of(data.get("id"))
        if upload_id is None:
            raise not_what_was_asked("an upload", self._wire.base_url)
        return UploadTicket(upload_id, time_of(data.get("expires_at")))

    async def add_part(self, upload_id: str, data: bytes) -> str:
        """Send one part (at most 64 MB) and return its id; sent once."""
        self._wire.gate("upload a file")

        async def send(client: openai.AsyncOpenAI) -> bytes:
            answer = await client.uploads.parts.with_raw_response.create(
                upload_id, data=data, timeout=UPLOAD_TIMEOUT
            )
            return bytes(answer.http_response.content)

        return await self._id_of(send, "a part")

    async def complete_upload(
        self, upload_id: str, part_ids: Sequence[str], md5: str | None = None
    ) -> str:
        """Put the parts together in this order and return the id of the file; sent once."""
        body: dict[str, Any] = {"part_ids": list(part_ids)}
        if md5:
            body["md5"] = md5
        path = f"/uploads/{_safe(upload_id)}/complete"
        data = mapping_of(await self._wire.change("upload a file", path, body))
        file_id = text_of(mapping_of(data.get("file")).get("id"))
        if file_id is None:
            raise not_what_was_asked("an upload with its file", self._wire.base_url)
        return file_id

    async def cancel_upload(self, upload_id: str) -> None:
        """Give up an upload in parts."""
        path = f"/uploads/{_safe(upload_id)}/cancel"
        await self._wire.change("cancel an upload", path)

    async def list_files(
        self, limit: int = 100, after: str | None = None, purpose: str | None = None
    ) -> FilePage:
        """Return one page of the files kept at the provider, in its order."""
        page = await self._trying("files_list", self._adapter.files(limit, after, purpose))
        files = tuple(entry for row in page.rows if (entry := FileEntry.from_wire(row)))
        return FilePage(files, page.has_more, page.cursor)

    async def file_info(self, file_id: str) -> Mapping[str, Any]:
        """Return what the provider knows of a file (``id``, ``bytes``, ``status``, …)."""
        return mapping_of(await self._wire.get(f"/files/{_safe(file_id)}"))

    async def file_content(self, file_id: str) -> bytes:
        """Return the bytes of a file, such as a job's results."""
        return await self._wire.get_bytes(f"/files/{_safe(file_id)}/content")

    async def delete_file(self, file_id: str) -> None:
        """Delete a file; sent once."""
        call = self._wire.remove("delete a file", f"/files/{_safe(file_id)}")
        await self._trying("delete_file", call)

    # --- models -------------------------------------------------------------------------------

    async def models(self) -> tuple[ModelEntry, ...]:
        """Return the models this key can use, tuned ones included."""
        page = self._adapter.page(await self._wire.get("/models"), "a list of models")
        return tuple(entry for row in page.rows if (entry := ModelEntry.from_wire(row)))

    async def delete_model(self, name: str) -> None:
        """Delete a fine-tuned model; sent once."""
        call = self._wire.remove("delete a model", f"/models/{_safe(name)}")
        await self._trying("delete_model", call)

    def chat(
        self,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        *,
        on_end: Callable[[ChatEnd], None] | None = None,
        **options: Any,
    ) -> AsyncIterator[str]:
        """Yield a model's answer to a conversation, a piece of text at a time, as it comes.

        Calls of tools are yielded last, a line ``name(arguments)`` each. It changes nothing, so
        read-only does not forbid it, but providers charge for the tokens.

        Args:
            model: Its name; on Azure that of its deployment.
            messages: As chat completions take them.
            on_end: Told once how the answer ended.
            options: Sent along unless ``None``: ``temperature``, ``max_tokens``, ``seed``, …
        """
        from tui.jobs.chat import stream_chat

        given = {name: value for name, value in options.items() if value is not None}
        body = {"model": model, "messages": list(messages), **given}
        return stream_chat(self._wire, self._adapter, self._abilities, body, on_end)

    async def aclose(self) -> None:
        """Close the connections; the provider can be used again afterwards."""
        await self._wire.aclose()

    def renew(self) -> None:
        """Use new connections from now on: after a sleep of the machine the old ones are dead.

        What is under way ends on the old ones.
        """
        self._wire.renew()

    # --- helpers ------------------------------------------------------------------------------

    def _job(self, data: object) -> Job:
        job = Job.from_wire(self._adapter.job(data), self.name)
        if job is None:
            raise not_what_was_asked("a job", self._wire.base_url)
        return job

    async def _turn(self, what: str, job_id: str) -> Job:
        path = f"{_JOBS}/{_safe(job_id)}/{what}"
        if self.config.known.abilities.get(what) == (can := self.can(what)) and can.yes is False:
            self._wire.gate(f"{what} a job")
            raise self._adapter.cannot(what)
        call = self._wire.change(f"{what} a job", path)
        return self._job(await self._trying(what, call))

    async def _trying(self, what: str, call: Awaitable[_Answer]) -> _Answer:
        """Make a call that not every provider knows, and remember whether this one does."""
        try:
            answer = await call
        except CallError as error:
            # An address that never answered rightly is wrong as a whole, and teaches nothing.
            if not error.absent or not self._wire.worked:
                raise
            where = public_url(self._wire.base_url)
            why = f"{where} has no such address (HTTP {error.status})"
            self._abilities.learn(what, False, why)
            raise CallError(
                f"{self.name} cannot {ABILITIES[what]}: {why}",
                "nothing was changed",
                code="not_supported",
                status=error.status,
            ) from None
        self._abilities.learn(what, True, "it did when it was asked")
        return answer

    async def _id_of(
        self, send: Callable[[openai.AsyncOpenAI], Awaitable[bytes]], what: str
    ) -> str:
        data = decode_json(await self._wire.request(send), base_url=self._wire.base_url)
        found = text_of(mapping_of(data).get("id"))
        if found is None:
            raise not_what_was_asked(what, self._wire.base_url)
        return found


def _safe(part: str) -> str:
    """Escape an id so that it stays one path segment; colons stay, as model names hold them."""
    from urllib.parse import quote

    return quote(part, safe=":", errors="replace") or "-"


def open_provider(config: ProviderConfig, paths: Paths) -> Provider:
    """Return the provider of a configuration; nothing is contacted or imported until first use."""
    return Provider(config, paths)
