"""What can go wrong between this machine and a provider, in plain words.

Every failure of a call becomes a :class:`CallError`, which says three things the SDK's exceptions
do not: whether the request can have reached the provider (the question before a second create),
whether trying again may help, and how long the provider asked to wait.
"""

from __future__ import annotations

import email.utils
import errno
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tui.config import public_url
from tui.errors import ProviderError
from tui.jobs.refusals import no_such_route, refusal_of

_MAX_SAID = 300
_REFUSED = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)


class CallError(ProviderError):
    """A call to a provider failed.

    Args:
        message: What went wrong.
        hint: What to do next.
        code: The provider's error code, or a word of ours.
        status: The HTTP status, where there was an answer.
        unclear: The provider may have acted on the request: a create may have made a job.
        transient: The same call may work later.
        retry_after: Seconds the provider asked to wait, if it did.
        absent: The address asked has no such route, so the provider cannot do this at all.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        code: str | None = None,
        status: int | None = None,
        unclear: bool = False,
        transient: bool = False,
        retry_after: float | None = None,
        absent: bool = False,
    ) -> None:
        super().__init__(message, hint, code=code, status=status)
        self.absent = absent
        self.unclear = unclear
        self.transient = transient
        self.retry_after = retry_after


def host_of(url: str) -> str:
    """Return ``host:port`` of an address, with the scheme's own port when it names none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or url
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return url
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# Keys of the well-known shapes, what follows "Bearer", and signed tokens.
_SECRETS = re.compile(
    r"\b[sr]k-[A-Za-z0-9_*-]{12,}"
    r"|(?<=bearer )[^\s\"',}]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[^\s\"',}]+",
    re.IGNORECASE,
)


def redact(text: str, key: str | None) -> str:
    """Take a key, and whatever looks like one, out of text that a provider sent back."""
    key = (key or "").strip()
    if len(key) > 6:
        text = text.replace(key, "(key)")
    return _SECRETS.sub("(key)", text)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__


def explain_exception(error: BaseException, base_url: str) -> CallError:
    """Name the cause of a call that got no answer.

    Args:
        error: What the SDK raised; its cause chain is searched.
        base_url: The address that was called.
    """
    where = host_of(base_url)
    chain = list(_causes(error))
    names = {type(item).__name__ for item in chain}
    if names & {"LocalProtocolError", "UnsupportedProtocol", "InvalidURL", "UnicodeEncodeError"}:
        return CallError(
            f"a request to {where} cannot even be written",
            "check the address (https://host/v1) and the key for stray characters",
            code="bad_address",
        )
    if names & {"ConnectTimeout", "PoolTimeout"}:
        return CallError(
            f"{where} did not accept a connection in time",
            "check the network and the address",
            code="connect_timeout",
            transient=True,
        )
    # The same socket errors mean "nothing was sent" while connecting, and "who knows" later on.
    if "ConnectError" in names:
        return next(
            (found for item in chain if (found := _unconnected(item, where))),
            CallError(
                f"cannot connect to {where} ({_last_words(chain)})",
                "check the network and the address",
                code="unreachable",
                transient=True,
            ),
        )
    if names & {"ReadTimeout", "WriteTimeout", "APITimeoutError", "TimeoutError"}:
        return CallError(
            f"{where} did not answer in time",
            "try again; check the provider's status page",
            code="timeout",
            unclear=True,
            transient=True,
        )
    return CallError(
        f"the connection to {where} broke before the whole answer came ({_last_words(chain)})",
        "try again",
        code="connection_lost",
        unclear=True,
        transient=True,
    )


def _unconnected(item: BaseException, where: str) -> CallError | None:
    """Recognise why no connection came about."""
    if isinstance(item, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(item):
        reason = getattr(item, "verify_message", "") or getattr(item, "reason", "") or str(item)
        return CallError(
            f"no secure connection to {where} ({reason})",
            "check the address, the clock and any proxy between; http:// and https:// differ",
            code="tls",
        )
    if isinstance(item, socket.gaierror):
        return CallError(
            f"the name {where.rpartition(':')[0]} is not known here",
            "check the address and the network",
            code="unknown_host",
            transient=True,
        )
    if _all_refused(item):
        return CallError(
            f"nothing answers at {where} (connection refused)",
            "start the provider, or check its address and port",
            code="connection_refused",
            transient=True,
        )
    return None


def _all_refused(item: BaseException) -> bool:
    """Whether every address refused; the event loop joins several failures into one exception."""
    inner = getattr(item, "exceptions", None)
    if inner:
        return all(isinstance(one, OSError) and one.errno in _REFUSED for one in inner)
    refused = isinstance(item, OSError) and item.errno in _REFUSED
    return refused or (isinstance(item, OSError) and "Connect call failed" in str(item))


def _last_words(chain: list[BaseException]) -> str:
    for item in reversed(chain):
        if str(item):
            return f"{type(item).__name__}: {str(item)[:_MAX_SAID]}"
    return type(chain[-1]).__name__


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a ``Retry-After`` (or ``retry-after-ms``) header asks for."""
    millis = headers.get("retry-after-ms")
    value = headers.get("retry-after")
    try:
        if millis:
            return max(0.0, float(millis) / 1000)
        return max(0.0, float(value)) if value else None
    except ValueError:
        pass
    parsed = email.utils.parsedate_tz(value or "")
    if parsed is None:
        return None
    try:
        return max(0.0, email.utils.mktime_tz(parsed) - time.time())
    except (ValueError, OverflowError):
        return None


def looks_like_page(body: bytes) -> bool:
    """Return whether a body is a web page, such as a login page of a proxy."""
    # Neither JSON nor a CSV begins so.
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _said(body: bytes) -> tuple[str | None, str | None, str]:
    """Return code, type and message of an error body of any known shape."""
    if looks_like_page(body):
        return None, None, "it answered with a web page"
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None, None, body.decode("utf-8", "replace").strip()[:_MAX_SAID]
    if isinstance(data, Mapping):
        inner = data.get("error")
        if isinstance(inner, Mapping):
            data = inner
        elif isinstance(inner, str):
            return None, None, inner[:_MAX_SAID]
        code, kind = data.get("code"), data.get("type")
        # FastAPI says {"detail": …}, gateways {"message": …}.
        words = data.get("message") or data.get("detail") or ""
        words = words if isinstance(words, str) else json.dumps(words)
        return (
            str(code) if isinstance(code, (str, int)) and code else None,
            kind if isinstance(kind, str) else None,
            words.strip()[:_MAX_SAID],
        )
    return None, None, str(data)[:_MAX_SAID]


def said_in(error: object) -> str:
    """Return the words of an error object or text that came within an answer."""
    return _said(json.dumps({"error": error}, default=str).encode())[2] or "no reason given"


def explain_status(
    status: int, headers: Mapping[str, str], body: bytes, *, base_url: str, key_env: str
) -> CallError:
    """Name what an HTTP error answer means and what to do.

    Args:
        status: The HTTP status, 300 and up.
        headers: The answer's headers, names in any case if the mapping ignores case.
        body: The answer's body.
        base_url: The address that was called.
        key_env: The environment variable the key came from.
    """
    where = host_of(base_url)
    code, kind, words = _said(body)
    if 300 <= status < 400:
        target = host_of(headers.get("location", "")) if headers.get("location") else "elsewhere"
        return CallError(
            f"{where} sends callers on to {target}; the key was not sent there",
            "set base_url to the address it really has",
            code="redirect",
            status=status,
            # "See other" is how some servers answer a request that they have carried out.
            unclear=status == 303,
        )
    says = f": {words}" if words else ""
    if status == 429:
        return _too_many(where, headers, code, kind, says)
    if status in (408, 409, 425, 499) or (status >= 500 and status != 501):
        return CallError(
            f"{where} has trouble (HTTP {status}{says})",
            "try again in a minute",
            code=code or "server_error",
            status=status,
            unclear=True,
            transient=True,
            retry_after=retry_after_of(headers),
        )
    return _refused(status, code, kind, words, body, base_url, key_env)


def _refused(
    status: int,
    code: str | None,
    kind: str | None,
    words: str,
    body: bytes,
    base_url: str,
    key_env: str,
) -> CallError:
    known = refusal_of(code, kind, words)
    hint = known.hint if known is not None else _HINTS.get(status, _CORRECT)
    if looks_like_page(body):
        hint = _PAGE_HINT
    found = code if code is not None and not code.isdigit() else None
    says = f": {words}" if words else ""
    return CallError(
        f"{host_of(base_url)} refused (HTTP {status}{says})",
        hint.format(key=key_env or "the key", url=public_url(base_url)),
        code=found or (known.code if known else _CODES.get(status, "refused")),
        status=status,
        absent=no_such_route(status, code, words, body),
    )


def _too_many(
    where: str, headers: Mapping[str, str], code: str | None, kind: str | None, says: str
) -> CallError:
    known = refusal_of(code, kind, says)
    if known is not None and known.code == "insufficient_quota":
        return CallError(
            f"{where} says the quota is used up (HTTP 429{says})",
            known.hint,
            code=known.code,
            status=429,
        )
    return CallError(
        f"{where} says there are too many requests (HTTP 429{says})",
        known.hint if known is not None else "wait a little and try again",
        code=code or "rate_limited",
        status=429,
        transient=known is None or not known.lasting,
        retry_after=retry_after_of(headers),
    )


_CODES = {
    401: "wrong_key",
    402: "insufficient_quota",
    403: "forbidden",
    404: "not_found",
    405: "not_supported",
    501: "not_supported",
}
_CORRECT = "correct the request and try again"
_PAGE_HINT = (
    "a login page, firewall or proxy stands between, or base_url lacks its /v1; "
    "open {url} in a browser"
)
_HINTS = {
    401: "check {key}: the provider does not accept the key",
    402: "add credit or raise the limit in the provider's billing settings",
    403: "the key may not do this; check its project and permissions",
    404: "check the id, and that {url} is the right address",
    405: "the provider cannot do this",
    413: "the file is too large for this provider",
    501: "the provider cannot do this",
}


def decode_json(body: bytes, *, base_url: str) -> Any:
    """Parse an answer that should be JSON; NaN and Infinity are let through.

    Raises:
        CallError: A web page, an empty or cut body, ``null``, or text. All of them ``unclear``.
    """
    where = host_of(base_url)
    if looks_like_page(body):
        raise CallError(
            f"{where} answered with a web page instead of data",
            "a login page or proxy stands between, or base_url lacks its /v1; open it in a browser",
            code="web_page",
            unclear=True,
            transient=True,
        )
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "nothing" if not body.strip() else "an answer that is cut off or not JSON"
        raise CallError(
            f"{where} sent {reason}", "try again", code="bad_answer", unclear=True, transient=True
        ) from error
    if data is None:
        raise CallError(
            f"{where} sent null", "try again", code="bad_answer", unclear=True, transient=True
        )
    return data


def not_what_was_asked(what: str, base_url: str) -> CallError:
    """Return the error for JSON that is readable but not the object asked for."""
    return CallError(
        f"{host_of(base_url)} answered something that is not {what}",
        "check that base_url is a fine-tuning API; try again",
        code="bad_answer",
        unclear=True,
        transient=True,
    )
