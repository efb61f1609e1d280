"""Words from a model: what a chat request may ask, and the engine's answer to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from tui.service.child import Child, printable
from tui.service.errors import ApiError, bad_request, wrong_type
from tui.service.methods import within

if TYPE_CHECKING:
    from tui.service.service import Service

MOST_TOKENS = 4096
USUAL_TOKENS = 256
MOST_CHOICES = 8
MOST_STOPS = 4
MOST_TOP = 20
ROLES = ("system", "assistant", "user", "function", "tool", "developer")
# What the SDK sends; most has no meaning for an engine, and is taken because it changes nothing.
KNOWN = frozenset(
    ("messages", "model", "audio", "frequency_penalty", "function_call", "functions", "logit_bias",
     "logprobs", "max_completion_tokens", "max_tokens", "metadata", "modalities", "moderation",
     "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
     "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format",
     "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options",
     "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
     "web_search_options")
)  # fmt: skip


class Answer:
    """One answer of a model, as it comes from the engine's sampling process.

    Args:
        service: The service.
        command: What starts the engine on the model.
        request: What the engine is asked.

    Attributes:
        finish: Why it ended: ``stop`` or ``length``.
        prompt_tokens: How long the question was, in the engine's tokens.
        tokens: How long the answer was.
    """

    def __init__(self, service: Service, command: tuple[str, ...], request: Mapping[str, Any]):
        self._service = service
        self._command = command
        self._request = request
        self.finish = "length"
        self.prompt_tokens = 0
        self.tokens = 0

    async def pieces(self) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
        """Yield the text in pieces, each with its tokens where those were asked for.

        Raises:
            ApiError: The engine could not answer.
        """
        log = self._service.config.data_dir / "sampling.log"
        async with self._service.samplers:
            try:
                child = await Child.start(self._command, log, stdin=self._request)
            except OSError as error:
                raise _failed(error.strerror or "it could not be started") from error
            ended = False
            try:
                async for line in child.lines():
                    if line.get("type") == "text":
                        yield str(line.get("text", "")), _tokens(line.get("tokens"))
                    elif line.get("type") == "done":
                        ended = True
                        self._done(line)
                    elif line.get("type") == "error":
                        raise _failed(printable(str(line.get("message")))[:500])
                if not ended:
                    raise _failed("it ended without a word")
            finally:
                # Also where the client hung up: nobody reads the rest.
                child.kill()
                await child.wait()

    async def whole(self) -> tuple[str, list[dict[str, Any]]]:
        """Return the whole text and its tokens.

        Raises:
            ApiError: The engine could not answer.
        """
        texts, tokens = [], []
        async for text, some in self.pieces():
            texts.append(text)
            tokens += some
        return "".join(texts), tokens

    def _done(self, line: Mapping[str, Any]) -> None:
        self.finish = "stop" if line.get("finish_reason") != "length" else "length"
        self.prompt_tokens = _count(line.get("prompt_tokens"))
        self.tokens = _count(line.get("completion_tokens"))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _tokens(value: object) -> list[dict[str, Any]]:
    """Return the tokens of a line as the wire has them; what is malformed is left out."""
    found = []
    for item in value if isinstance(value, list) else ():
        token = _token(item)
        if token is not None:
            top = [_token(other) for other in item.get("top", ())]
            found.append({**token, "top_logprobs": [other for other in top if other]})
    return found


def _token(value: object) -> dict[str, Any] | None:
    if not isinstance(value, dict) or not isinstance(value.get("logprob"), (int, float)):
        return None
    token = str(value.get("token", ""))
    return {"token": token, "logprob": value["logprob"], "bytes": value.get("bytes")}


def _failed(why: str) -> ApiError:
    return ApiError(500, f"The engine could not answer: {why}.", kind="server_error")


def read_sampling(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an engine is asked by the body of a chat request.

    Raises:
        ApiError: A parameter is malformed, out of its limits, or asks for what no engine does.
    """
    unknown = sorted(set(body) - KNOWN)
    if unknown:
        raise bad_request(
            f"Unrecognized request argument supplied: {unknown[0][:80]}",
            unknown[0][:80],
            "unknown_parameter",
        )
    _refuse_promises(body)
    temperature, top_p = number(body, "temperature", 0, 2), number(body, "top_p", 0, 1)
    limit = whole(body, "max_completion_tokens", 1, MOST_TOKENS) or whole(
        body, "max_tokens", 1, MOST_TOKENS
    )
    return {
        "messages": _messages(body),
        "temperature": 1.0 if temperature is None else temperature,
        "top_p": 1.0 if top_p is None else top_p,
        "presence_penalty": number(body, "presence_penalty", -2, 2) or 0.0,
        "frequency_penalty": number(body, "frequency_penalty", -2, 2) or 0.0,
        "logit_bias": _bias(body.get("logit_bias")),
        "max_tokens": limit or USUAL_TOKENS,
        "seed": whole(body, "seed", -(2**63), 2**63 - 1),
        "stop": _stops(body.get("stop")),
        "logprobs": _logprobs(body),
    }


def _refuse_promises(body: Mapping[str, Any]) -> None:
    """Refuse what would change the answer at the hosted service, and could not here."""
    format_ = body.get("response_format")
    kind = format_.get("type") if isinstance(format_, dict) else format_
    if kind not in (None, "text"):
        raise bad_request(
            f"Invalid parameter: 'response_format' of type '{str(kind)[:40]}' is not supported"
            " with this model.",
            "response_format",
        )
    if body.get("tool_choice") not in (None, "none", "auto"):
        raise bad_request(
            "Invalid parameter: 'tool_choice' can only be 'none' or 'auto' with this model.",
            "tool_choice",
        )
    modalities = body.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise bad_request("This model answers with text only.", "modalities", "invalid_value")


def number(body: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """Return a number of a request, ``None`` where it has none.

    Raises:
        ApiError: It is no number, or not within its limits.
    """
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(name, "a number", value)
    if not low <= value <= high:
        side, word = ("below minimum", ">=") if value < low else ("above maximum", "<=")
        bound = low if value < low else high
        raise bad_request(
            f"Invalid '{name}': decimal {side} value. Expected a value {word} {bound:g},"
            f" but got {value:g} instead.",
            name,
            f"decimal_{side.replace(' minimum', '_min').replace(' maximum', '_max')}_value",
        )
    return value


def whole(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """Return a whole number of a request, ``None`` where it has none.

    Raises:
        ApiError: It is none, or not within its limits.
    """
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise wrong_type(name, "an integer", value)
    return within(name, int(value), low, high)


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = body.get("messages")
    if messages is None:
        raise bad_request(
            "Missing required parameter: 'messages'.", "messages", "missing_required_parameter"
        )
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise bad_request(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an"
            " empty array instead.",
            "messages",
            "empty_array",
        )
    for index, message in enumerate(messages):
        _message(message, f"messages[{index}]")
    return messages


def _message(message: object, where: str) -> None:
    if not isinstance(message, dict):
        raise wrong_type(where, "an object", message)
    role = message.get("role")
    if role not in ROLES:
        words = ", ".join(f"'{name}'" for name in ROLES[:-1])
        raise bad_request(
            f"Invalid value: {str(role)[:80]!r}. Supported values are: {words}, and 'developer'.",
            f"{where}.role",
            "invalid_value",
        )
    content = message.get("content")
    if content is not None and not isinstance(content, (str, list)):
        raise wrong_type(f"{where}.content", "one of a string or array of objects", content)
    if content is None and role not in ("assistant", "function"):
        raise wrong_type(f"{where}.content", "one of a string or array of objects", content)
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(part, dict):
            raise wrong_type(f"{where}.content[{index}]", "an object", part)
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise wrong_type(f"{where}.tool_calls", "an array of objects", calls)
    for index, call in enumerate(calls or ()):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise wrong_type(f"{where}.tool_calls[{index}]", "an object with a function", call)


def _stops(value: object) -> list[str]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(item, str) for item in stops):
        raise wrong_type("stop", "one of a string or array of strings", value)
    if len(stops) > MOST_STOPS:
        raise bad_request(
            "Invalid 'stop': array too long. Expected an array with maximum length"
            f" {MOST_STOPS}, but got an array with length {len(stops)} instead.",
            "stop",
            "array_above_max_length",
        )
    return stops


def _bias(value: object) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type("logit_bias", "an object", value)
    found = {}
    for token, weight in value.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise wrong_type(f"logit_bias.{token[:40]}", "a number", weight)
        if not token.isdecimal() or not -100 <= weight <= 100:
            raise bad_request(
                "Invalid 'logit_bias': expected token ids with values from -100 to 100.",
                "logit_bias",
                "invalid_value",
            )
        found[token[:20]] = float(weight)
    return found


def _logprobs(body: Mapping[str, Any]) -> int | None:
    """Return how many likely tokens beside each chosen one are wanted; ``None`` for no tokens."""
    wanted = body.get("logprobs")
    if wanted is not None and not isinstance(wanted, bool):
        raise wrong_type("logprobs", "a boolean", wanted)
    top = whole(body, "top_logprobs", 0, MOST_TOP)
    if top is not None and not wanted:
        raise bad_request(
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
            "top_logprobs",
        )
    return (top or 0) if wanted else None
