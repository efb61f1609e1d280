"""Requests to one address over ``openai.AsyncOpenAI``: made once, explained, and without the key.

The SDK is imported late and in a thread (0.7 s), makes the requests and authenticates them; the
answers are read from their bytes, because its typed results break on lists, web pages and ``null``.
Nothing that creates or changes is ever sent twice by this module: only reads are tried again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from tui.config import LOCAL, OPENAI, Paths, ProviderConfig, is_loopback
from tui.credentials import key_source, read_key, require_consent
from tui.errors import ProviderError, SafetyError, TunedeckError
from tui.jobs.transport import (
    CallError,
    decode_json,
    explain_exception,
    explain_status,
    redact,
)

if TYPE_CHECKING:
    import openai

POLL_TIMEOUT = 15.0
_CHANGE_TIMEOUT = 30.0
UPLOAD_TIMEOUT = 600.0
_CHAT_TIMEOUT = 120.0
_MAX_WAIT = 30.0
BACKOFF = 0.15
# What more than a second look rarely changes within seconds, or takes too long to be tried often.
_STUBBORN = ("connection_refused", "unknown_host", "connect_timeout", "unreachable", "timeout")

_Answer = TypeVar("_Answer")


class Wire:
    """The connection to one provider.

    Args:
        config: Which provider, its address and key.
        paths: The folders, for the embedded service's own state and what was agreed to.
        attempts: How often a read is tried before its failure is reported.
        http_client: A client to use instead of one of our own (tests).
    """

    def __init__(
        self, config: ProviderConfig, paths: Paths, attempts: int, http_client: Any = None
    ) -> None:
        self.config = config
        self.attempts = attempts
        self.base_url = config.base_url or ""
        self._paths = paths
        self._http = http_client
        self._client: openai.AsyncOpenAI | None = None
        self._old: list[openai.AsyncOpenAI] = []
        self._key: str | None = config.api_key
        self._lock = asyncio.Lock()
        self._fresh = False
        self.worked = False
        """Whether any request was ever answered as it should be."""

    async def get(
        self, path: str, query: Mapping[str, Any] | None = None, attempts: int | None = None
    ) -> Any:
        """Return the JSON answer to a read, tried again after transient failures."""

        async def once() -> Any:
            body = await self._get_once(path, query or {})
            return decode_json(body, base_url=self.base_url)

        return await self._again(once, attempts)

    async def get_bytes(self, path: str) -> bytes:
        """Return the bytes of a read that may be long."""
        return await self._again(lambda: self._get_once(path, {}, UPLOAD_TIMEOUT), None)

    async def ask(
        self, path: str, body: Mapping[str, Any], query: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the JSON answer to a question that is sent as a POST and changes nothing."""
        return await self._post(path, body, query)

    async def change(
        self,
        what: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send a POST that creates or changes something, once, and return the JSON answer.

        Args:
            what: Words for what is done, such as ``cancel a job``.
            path: Below the address.
            body: The JSON to send; none at all when ``None``.
            query: Query parameters.

        Raises:
            SafetyError: This provider is for reading only.
            CallError: With ``unclear`` set when it may have been done all the same.
        """
        self.gate(what)
        return await self._post(path, body, query)

    async def remove(self, what: str, path: str) -> None:
        """Send a DELETE, once; the same errors as :meth:`change`."""
        import httpx2

        self.gate(what)

        async def send(client: openai.AsyncOpenAI) -> bytes:
            answer = await client.delete(
                path,
                cast_to=httpx2.Response,
                options={"max_retries": 0, "timeout": _CHANGE_TIMEOUT},
            )
            return bytes(answer.content)

        await self.request(send)

    def gate(self, what: str) -> None:
        """Refuse whatever changes something where nothing may be changed: the one such place.

        Raises:
            SafetyError: This provider is for reading only (``read_only``).
        """
        if self.config.read_only:
            raise SafetyError(
                f"read-only: tunedeck will not {what} at {self.config.name}",
                "start without --read-only; the settings read_only and TUNEDECK_READ_ONLY count",
                code="read_only",
            )

    async def lines(self, body: Mapping[str, Any]) -> AsyncIterator[str]:
        """Yield the lines of a streamed answer to a POST, as they come.

        Raises:
            CallError: It was refused, or broke off.
        """
        while True:
            client = await self.connect()
            try:
                async for line in self._lines_once(client, body):
                    self.worked = self._fresh = True
                    yield line
            except CallError as error:
                # As in :meth:`request`; a refusal comes before any line.
                if not await self._token_ran_out(error, client):
                    raise
            else:
                return

    async def _lines_once(
        self, client: openai.AsyncOpenAI, body: Mapping[str, Any]
    ) -> AsyncIterator[str]:
        import httpx2
        import openai

        try:
            # Through the SDK's own method, because Azure's classic way has other paths for it.
            call = client.chat.completions.with_streaming_response.create(
                **{"extra_body": dict(body), "model": body["model"], "messages": []},
                stream=True,
                timeout=httpx2.Timeout(_CHAT_TIMEOUT, connect=5.0),
            )
            async with call as stream:
                async for line in stream.iter_lines():
                    yield line
        except openai.APIStatusError as error:
            raise await self._refused(error) from None
        except _failures() as error:
            raise self._explained(error) from None

    async def aclose(self) -> None:
        """Close the connections; they are made anew at the next call."""
        self.renew()
        old, self._old = self._old, []
        for client in old:
            await client.close()

    def renew(self) -> None:
        """Use new connections from now on; what is under way ends on the old ones."""
        client, self._client = self._client, None
        if client is not None:
            self._old.append(client)

    async def connect(self) -> openai.AsyncOpenAI:
        """Return the client, made in a thread the first time.

        Raises:
            SafetyError: The key would go to a host nobody agreed to.
            ProviderError: There is no key, or the settings do not make a client.
        """
        async with self._lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._build)
            return self._client

    def _build(self) -> openai.AsyncOpenAI:
        """Import the SDK and make a client; runs in a thread."""
        require_consent(self.config, self._paths)
        import httpx2
        import openai

        if self.config.kind == LOCAL:
            from tui.service import ensure_running

            found = ensure_running(self._paths)
            self.base_url, self._key = found.base_url, found.api_key
        else:
            self._key = read_key(self.config)
            # A command or a keyring may turn out to hold the OpenAI key.
            require_consent(replace(self.config, api_key=self._key), self._paths)
        timeout = httpx2.Timeout(POLL_TIMEOUT, connect=5.0)
        http = self._http or openai.DefaultAsyncHttpx2Client(
            # A redirect would carry the key to a host nobody chose.
            follow_redirects=False,
            timeout=timeout,
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=not is_loopback(self.base_url),
        )
        try:
            client = self._sdk_client(timeout, http)
        except openai.OpenAIError as error:
            message = redact(str(error), self._key)
            raise ProviderError(message, "check the provider's settings") from None
        # The SDK fills these from the environment for any host; only this provider's may go out.
        client.organization = self.config.organization
        client.project = self.config.project
        if self.config.kind != OPENAI:
            client._custom_headers = {}
        # The resource modules take their time to import too, so they are touched in this thread.
        _ = client.files.with_raw_response, client.chat.completions
        return client

    def _sdk_client(self, timeout: Any, http: Any) -> openai.AsyncOpenAI:
        import openai

        config = self.config
        key = self._key or "none"
        if config.known.name == "azure" and config.style == "classic":
            token = config.auth == "token"
            return openai.AsyncAzureOpenAI(
                base_url=f"{classic_root(self.base_url)}/openai",
                api_version=config.api_version or "",
                api_key=None if token else key,
                azure_ad_token=key if token else None,
                default_query=dict(config.query),
                max_retries=0,
                timeout=timeout,
                http_client=http,
            )
        return openai.AsyncOpenAI(
            api_key=key,
            base_url=self.base_url,
            default_query=dict(config.query) or None,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )

    # --- requests -------------------------------------------------------------------------------

    async def _get_once(
        self, path: str, query: Mapping[str, Any], limit: float | None = None
    ) -> bytes:
        import httpx2

        async def send(client: openai.AsyncOpenAI) -> bytes:
            # The client's own limit is for one read; one that drips bytes for ever needs this one.
            async with asyncio.timeout(limit or 2 * POLL_TIMEOUT):
                answer = await client.get(
                    path, cast_to=httpx2.Response, options={"params": dict(query)}
                )
                return bytes(answer.content)

        return await self.request(send)

    async def _post(
        self, path: str, body: Mapping[str, Any] | None, query: Mapping[str, Any] | None
    ) -> Any:
        import httpx2

        async def send(client: openai.AsyncOpenAI) -> bytes:
            async with asyncio.timeout(2 * _CHANGE_TIMEOUT):
                answer = await client.post(
                    path,
                    cast_to=httpx2.Response,
                    body=dict(body) if body is not None else None,
                    options={
                        "max_retries": 0,
                        "timeout": _CHANGE_TIMEOUT,
                        "params": dict(query or {}),
                    },
                )
                return bytes(answer.content)

        return decode_json(await self.request(send), base_url=self.base_url)

    async def _again(self, call: Callable[[], Awaitable[_Answer]], attempts: int | None) -> _Answer:
        """Try a read again after transient failures, with growing, jittered waits."""
        allowed = attempts or self.attempts
        for attempt in range(1, allowed + 1):
            try:
                return await call()
            except CallError as error:
                wait = error.retry_after if error.retry_after is not None else BACKOFF * 2**attempt
                last = min(allowed, 2) if error.code in _STUBBORN else allowed
                if not error.transient or attempt >= last or wait > _MAX_WAIT:
                    raise
                await asyncio.sleep(wait + random.uniform(0, 0.25 * wait))
        raise AssertionError("unreachable")

    async def request(self, send: Callable[[openai.AsyncOpenAI], Awaitable[bytes]]) -> bytes:
        """Make one request and return its answer.

        Where a command prints the key, it may be a token that runs out: a 401 after a key that
        worked asks the command again and sends once more, which is safe, because what was refused
        for its key was not carried out.

        Raises:
            CallError: It failed; the words hold no key.
        """
        client = await self.connect()
        try:
            answer = await self._guard(send, client)
        except CallError as error:
            if not await self._token_ran_out(error, client):
                raise
            answer = await self._guard(send, await self.connect())
        self.worked = self._fresh = True
        return answer

    async def _token_ran_out(self, error: CallError, client: openai.AsyncOpenAI) -> bool:
        """Whether a new key is worth asking for; if so the next connection does."""
        if error.status != 401 or not (self._fresh and self.config.api_key_command):
            return False
        async with self._lock:
            self._fresh = False
            # Others may have noticed it before.
            if self._client is client:
                self.renew()
        return True

    async def _guard(
        self, send: Callable[[openai.AsyncOpenAI], Awaitable[bytes]], client: openai.AsyncOpenAI
    ) -> bytes:
        """Turn whatever is raised into a :class:`CallError` without the key."""
        import openai

        try:
            return await send(client)
        except openai.APIStatusError as error:
            raise await self._refused(error) from None
        except TunedeckError:
            raise
        except _failures() as error:
            found = self._explained(error)
            if self.config.kind == LOCAL and found.code == "connection_refused":
                # The embedded service stopped since it was found: the next call starts it again.
                await self.aclose()
            raise found from None

    async def _refused(self, error: openai.APIStatusError) -> CallError:
        """Explain an error answer."""
        found = explain_status(
            error.status_code,
            error.response.headers,
            await _body_of(error.response),
            base_url=self.base_url,
            key_env=key_source(self.config),
        )
        return self._secret_out(found)

    def _explained(self, error: BaseException) -> CallError:
        return self._secret_out(explain_exception(error, self.base_url))

    def _secret_out(self, found: CallError) -> CallError:
        found.message = redact(found.message, self._key)
        found.hint = redact(found.hint, self._key)
        found.args = (found.message,)
        return found


def _failures() -> tuple[type[Exception], ...]:
    """Return what the SDK and what is below it raise when a request comes to nothing."""
    import httpx2
    import openai

    return (
        openai.OpenAIError,
        httpx2.HTTPError,
        httpx2.InvalidURL,
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
    )


def classic_root(base_url: str) -> str:
    """Return ``https://RES.openai.azure.com`` of any address of that resource."""
    return base_url.partition("/openai")[0].rstrip("/")


async def _body_of(response: Any) -> bytes:
    try:
        return bytes(await response.aread())
    except Exception:  # noqa: BLE001 - the body only adds words to an error that is already known
        return b""
