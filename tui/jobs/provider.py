"""A provider of fine-tuning jobs, over ``openai.AsyncOpenAI``.

The SDK is imported late and in a thread (0.7 s), makes the requests and authenticates them; the
answers are read from their bytes, because its typed results break on lists, web pages and ``null``.
Nothing that creates or changes is ever sent twice by this module: only reads are tried again.
"""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tui.config import LOCAL, Paths, ProviderConfig, is_loopback, public_url
from tui.errors import FileError, ProviderError, TunedeckError
from tui.jobs.metrics import flatten
from tui.jobs.models import (
    Checkpoint,
    Event,
    EventPage,
    Job,
    JobPage,
    ModelEntry,
    integer_of,
    mapping_of,
    text_of,
    time_of,
)
from tui.jobs.transport import (
    CallError,
    decode_json,
    explain_exception,
    explain_status,
    not_what_was_asked,
    redact,
)

if TYPE_CHECKING:
    import openai

_POLL_TIMEOUT = 15.0
_CHANGE_TIMEOUT = 30.0
_UPLOAD_TIMEOUT = 600.0
_MAX_WAIT = 30.0
_BACKOFF = 0.15
# What more than a second look rarely changes within seconds, or takes too long to be tried often.
_STUBBORN = ("connection_refused", "unknown_host", "connect_timeout", "unreachable", "timeout")
_READ_PIECE = 64 * 1024

_Answer = TypeVar("_Answer")
UploadProgress = Callable[[int, int], None]


class _Meter(io.RawIOBase):
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
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size if 0 < size <= _READ_PIECE else _READ_PIECE)
        if self._progress is not None:
            self._progress(self._file.tell(), self._size)
        return piece

    def close(self) -> None:
        self._file.close()
        super().close()


class Provider:
    """One place where jobs run. Every method raises :class:`CallError` in plain words.

    Args:
        config: Which provider, its address and key.
        paths: The folders, for the embedded service's own state.
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
        self.attempts = attempts
        self._paths = paths
        self._http = http_client
        self._client: openai.AsyncOpenAI | None = None
        self._old: list[openai.AsyncOpenAI] = []
        self._base_url = config.base_url or ""
        self._key = config.api_key
        self._lock = asyncio.Lock()

    @property
    def endpoint(self) -> str:
        """What the ledger knows this provider by: its name, and its address when it has one."""
        if self.config.kind == LOCAL:
            return self.name
        return f"{self.name} {public_url(self.config.base_url or '')}"

    @property
    def nearby(self) -> bool:
        """Whether the provider is on this machine, so that it may be asked more often."""
        return self.config.kind == LOCAL or is_loopback(self._base_url)

    # --- jobs ---------------------------------------------------------------------------------

    async def list_jobs(
        self,
        limit: int = 20,
        after: str | None = None,
        metadata: Mapping[str, str] | None = None,
        attempts: int | None = None,
    ) -> JobPage:
        """Return one page of jobs, in the provider's order (newest first at OpenAI)."""
        query: dict[str, Any] = {"limit": limit}
        if after:
            query["after"] = after
        if metadata:
            query["metadata"] = dict(metadata)
        rows, has_more = _page(
            await self._get("/fine_tuning/jobs", query, attempts), "a list of jobs", self._base_url
        )
        jobs = tuple(job for row in rows if (job := Job.from_wire(row, self.name)))
        return JobPage(jobs, has_more, _cursor(rows))

    async def retrieve(self, job_id: str, attempts: int | None = None) -> Job:
        """Return one job."""
        return self._job(await self._get(f"/fine_tuning/jobs/{_safe(job_id)}", {}, attempts))

    async def create(self, request: Mapping[str, Any]) -> Job:
        """Create a job: sent once, never again by this method.

        Raises:
            CallError: With ``unclear`` set when a job may exist all the same.
        """
        return self._job(await self._post("/fine_tuning/jobs", request))

    async def cancel(self, job_id: str) -> Job:
        """Ask for a job to be cancelled; the answer is the job as it is then."""
        return self._job(await self._post(f"/fine_tuning/jobs/{_safe(job_id)}/cancel", None))

    async def pause(self, job_id: str) -> Job:
        """Pause a job, where the provider can."""
        return self._job(await self._post(f"/fine_tuning/jobs/{_safe(job_id)}/pause", None))

    async def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return self._job(await self._post(f"/fine_tuning/jobs/{_safe(job_id)}/resume", None))

    async def events(
        self,
        job_id: str,
        after: str | None = None,
        limit: int = 100,
        attempts: int | None = None,
    ) -> EventPage:
        """Return one page of a job's events, in the provider's order."""
        query: dict[str, Any] = {"limit": limit}
        if after:
            query["after"] = after
        rows, has_more = _page(
            await self._get(f"/fine_tuning/jobs/{_safe(job_id)}/events", query, attempts),
            "a list of events",
            self._base_url,
        )
        events = tuple(event for row in rows if (event := Event.from_wire(row)))
        return EventPage(events, has_more, _cursor(rows))

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Return the checkpoints kept of a job, in the provider's order (first page of 100)."""
        rows, _ = _page(
            await self._get(f"/fine_tuning/jobs/{_safe(job_id)}/checkpoints", {"limit": 100}),
            "a list of checkpoints",
            self._base_url,
        )
        return tuple(
            Checkpoint(
                id=text_of(row.get("id")) or "",
                step=integer_of(row.get("step_number")),
                model=text_of(row.get("fine_tuned_model_checkpoint")),
                created_at=time_of(row.get("created_at")),
                metrics=flatten(mapping_of(row.get("metrics"))),
            )
            for row in map(mapping_of, rows)
            if row
        )

    # --- files and models ---------------------------------------------------------------------

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
        client = await self._connect()
        meter = _Meter(path, progress)
        shown = (name or path.name).encode("utf-8", "replace").decode()

        async def send() -> bytes:
            answer = await client.files.with_raw_response.create(
                file=(shown, meter),  # type: ignore[arg-type]
                purpose=purpose,  # type: ignore[arg-type]
                timeout=_UPLOAD_TIMEOUT,
            )
            return bytes(answer.http_response.content)

        try:
            data = mapping_of(decode_json(await self._guard(send), base_url=self._base_url))
        finally:
            meter.close()
        file_id = text_of(data.get("id"))
        if file_id is None:
            raise not_what_was_asked("a file", self._base_url)
        return file_id

    async def file_info(self, file_id: str) -> Mapping[str, Any]:
        """Return what the provider knows of a file (``id``, ``bytes``, ``status``, …)."""
        return mapping_of(await self._get(f"/files/{_safe(file_id)}", {}))

    async def file_content(self, file_id: str) -> bytes:
        """Return the bytes of a file, such as a job's results."""
        path = f"/files/{_safe(file_id)}/content"
        return await self._again(lambda: self._get_once(path, {}, _UPLOAD_TIMEOUT), None)

    async def models(self) -> tuple[ModelEntry, ...]:
        """Return the models this key can use, tuned ones included."""
        rows, _ = _page(await self._get("/models", {}), "a list of models", self._base_url)
        return tuple(
            ModelEntry(
                name,
                text_of(row.get("owned_by")) or "",
                time_of(row.get("created")),
                text_of(row.get("shutdown_date")),
            )
            for row in map(mapping_of, rows)
            if (name := text_of(row.get("id")))
        )

    async def delete_model(self, name: str) -> None:
        """Delete a fine-tuned model."""

        async def send(client: openai.AsyncOpenAI) -> bytes:
            import httpx2

            answer = await client.delete(f"/models/{_safe(name)}", cast_to=httpx2.Response)
            return bytes(answer.content)

        client = await self._connect()
        await self._guard(lambda: send(client))

    async def aclose(self) -> None:
        """Close the connections; the provider can be used again afterwards."""
        self.renew()
        old, self._old = self._old, []
        for client in old:
            await client.close()

    def renew(self) -> None:
        """Use new connections from now on, such as after a sleep of the machine.

        What is under way ends on the old ones.
        """
        client, self._client = self._client, None
        if client is not None:
            self._old.append(client)

    # --- the wire -----------------------------------------------------------------------------

    def _job(self, data: object) -> Job:
        job = Job.from_wire(data, self.name)
        if job is None:
            raise not_what_was_asked("a job", self._base_url)
        return job

    async def _connect(self) -> openai.AsyncOpenAI:
        async with self._lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._build)
            return self._client

    def _build(self) -> openai.AsyncOpenAI:
        """Import the SDK and make a client; runs in a thread."""
        import httpx2
        import openai

        if self.config.kind == LOCAL:
            from tui.service import ensure_running

            found = ensure_running(self._paths)
            self._base_url, self._key = found.base_url, found.api_key
        timeout = httpx2.Timeout(_POLL_TIMEOUT, connect=5.0)
        http = self._http or openai.DefaultAsyncHttpx2Client(
            # A redirect would carry the key to a host nobody chose.
            follow_redirects=False,
            timeout=timeout,
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=not is_loopback(self._base_url),
        )
        try:
            client = openai.AsyncOpenAI(
                api_key=self._key or "none",
                base_url=self._base_url,
                max_retries=0,
                timeout=timeout,
                http_client=http,
            )
        except openai.OpenAIError as error:
            raise ProviderError(str(error), "check the provider's settings") from error
        # The SDK fills these from the environment for any host; only this provider's may go out.
        client.organization = self.config.organization
        client.project = self.config.project
        # The resource modules take their time to import too, so they are touched in this thread.
        _ = client.files.with_raw_response
        return client

    async def _get(self, path: str, query: Mapping[str, Any], attempts: int | None = None) -> Any:
        async def once() -> Any:
            body = await self._get_once(path, query)
            return decode_json(body, base_url=self._base_url)

        return await self._again(once, attempts)

    async def _get_once(
        self, path: str, query: Mapping[str, Any], limit: float = 2 * _POLL_TIMEOUT
    ) -> bytes:
        import httpx2

        client = await self._connect()

        async def send() -> bytes:
            # The client's own limit is for one read; one that drips bytes for ever needs this one.
            async with asyncio.timeout(limit):
                answer = await client.get(
                    path, cast_to=httpx2.Response, options={"params": dict(query)}
                )
                return bytes(answer.content)

        return await self._guard(send)

    async def _post(self, path: str, body: Mapping[str, Any] | None) -> Any:
        import httpx2

        client = await self._connect()

        async def send() -> bytes:
            async with asyncio.timeout(2 * _CHANGE_TIMEOUT):
                answer = await client.post(
                    path,
                    cast_to=httpx2.Response,
                    body=dict(body) if body is not None else None,
                    options={"max_retries": 0, "timeout": _CHANGE_TIMEOUT},
                )
                return bytes(answer.content)

        return decode_json(await self._guard(send), base_url=self._base_url)

    async def _again(self, call: Callable[[], Awaitable[_Answer]], attempts: int | None) -> _Answer:
        """Try a read again after transient failures, with growing, jittered waits."""
        allowed = attempts or self.attempts
        for attempt in range(1, allowed + 1):
            try:
                return await call()
            except CallError as error:
                wait = error.retry_after if error.retry_after is not None else _BACKOFF * 2**attempt
                last = min(allowed, 2) if error.code in _STUBBORN else allowed
                if not error.transient or attempt >= last or wait > _MAX_WAIT:
                    raise
                await asyncio.sleep(wait + random.uniform(0, 0.25 * wait))
        raise AssertionError("unreachable")

    async def _guard(self, send: Callable[[], Awaitable[bytes]]) -> bytes:
        """Make one request; turn whatever is raised into a :class:`CallError` without the key."""
        import httpx2
        import openai

        try:
            return await send()
        except openai.APIStatusError as error:
            found = explain_status(
                error.status_code,
                error.response.headers,
                await _body_of(error.response),
                base_url=self._base_url,
                key_env=self.config.api_key_env,
            )
            found.message = redact(found.message, self._key)
            raise found from None
        except TunedeckError:
            raise
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            found = explain_exception(error, self._base_url)
            found.message = redact(found.message, self._key)
            if self.config.kind == LOCAL and found.code == "connection_refused":
                # The embedded service stopped since it was found: the next call starts it again.
                await self.aclose()
            raise found from None
        except (ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise explain_exception(error, self._base_url) from None


async def _body_of(response: Any) -> bytes:
    try:
        return bytes(await response.aread())
    except Exception:  # noqa: BLE001 - the body only adds words to an error that is already known
        return b""


def _safe(part: str) -> str:
    """Escape an id so that it stays one path segment; colons stay, as model names hold them."""
    from urllib.parse import quote

    return quote(part, safe=":", errors="replace") or "-"


def _cursor(rows: list[Any]) -> str | None:
    return text_of(mapping_of(rows[-1]).get("id")) if rows else None


def _page(data: object, what: str, base_url: str) -> tuple[list[Any], bool]:
    """Return the rows of a list answer, also of a bare array, and whether more may follow."""
    if isinstance(data, list):
        return data, False
    answer = mapping_of(data)
    rows = answer.get("data")
    if rows is None and "data" in answer:
        rows = []
    if not isinstance(rows, list):
        raise not_what_was_asked(what, base_url)
    return rows, answer.get("has_more") is not False and bool(rows)


def open_provider(config: ProviderConfig, paths: Paths) -> Provider:
    """Return the provider of a configuration; nothing is contacted or imported until first use."""
    return Provider(config, paths)
