"""``/v1/chat/completions``: words from a finished model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tui.service.child import Child
from tui.service.create import base_model
from tui.service.errors import ApiError, bad_request
from tui.service.routes.models import no_such_model
from tui.service.service import Service, json_body, service_of
from tui.service.store import new_id, now

MOST_TOKENS = 4096
MOST_CHOICES = 8


class _Answer:
    """One answer of a model, as it comes from the engine's sampling process."""

    def __init__(self, service: Service, command: tuple[str, ...], request: Mapping[str, Any]):
        self._service = service
        self._command = command
        self._request = request
        self.finish = "length"
        self.prompt_tokens = 0
        self.tokens = 0

    async def texts(self) -> AsyncIterator[str]:
        """Yield the text in pieces.

        Raises:
            ApiError: The engine could not answer.
        """
        log = self._service.config.data_dir / "sampling.log"
        async with self._service.samplers:
            child = await Child.start(self._command, log, stdin=self._request)
            ended = False
            try:
                async for line in child.lines():
                    if line.get("type") == "text":
                        yield str(line.get("text", ""))
                    elif line.get("type") == "done":
                        ended = True
                        self._done(line)
                    elif line.get("type") == "error":
                        raise _failed(str(line.get("message")))
                if not ended:
                    raise _failed("it ended without a word")
            finally:
                # Also where the client hung up: nobody reads the rest.
                child.kill()
                await child.wait()

    def _done(self, line: Mapping[str, Any]) -> None:
        self.finish = str(line.get("finish_reason", "stop"))
        self.prompt_tokens = int(line.get("prompt_tokens", 0))
        self.tokens = int(line.get("completion_tokens", 0))


def _failed(why: str) -> ApiError:
    return ApiError(500, f"The engine could not answer: {why}.", kind="server_error")


def _number(body: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise bad_request(f"Invalid type for '{name}': expected a number.", name, "invalid_type")
    if not low <= value <= high:
        raise bad_request(
            f"Invalid '{name}': expected a value from {low:g} to {high:g},"
            f" but got {value} instead.",
            name,
            "number_out_of_range",
        )
    return value


def _whole(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = _number(body, name, low, high)
    if value is not None and value != int(value):
        raise bad_request(f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    return None if value is None else int(value)


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad_request(
            "Invalid 'messages': expected an array with at least one message.",
            "messages",
            "invalid_type",
        )
    for index, message in enumerate(messages):
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise bad_request(
                f"Invalid 'messages[{index}]': expected an object with a role.",
                f"messages[{index}]",
                "invalid_type",
            )
        if calls is not None and not (
            isinstance(calls, list) and all(isinstance(call, dict) for call in calls)
        ):
            raise bad_request(
                f"Invalid 'messages[{index}].tool_calls': expected an array of objects.",
                f"messages[{index}].tool_calls",
                "invalid_type",
            )
    return messages


def _sampling(body: Mapping[str, Any]) -> dict[str, Any]:
    stop = body.get("stop") or []
    stop = [stop] if isinstance(stop, str) else stop
    if not isinstance(stop, list) or not all(isinstance(item, str) for item in stop):
        raise bad_request("Invalid 'stop': expected a string or an array of strings.", "stop")
    temperature = _number(body, "temperature", 0, 2)
    limit = _whole(body, "max_completion_tokens", 1, MOST_TOKENS) or _whole(
        body, "max_tokens", 1, MOST_TOKENS
    )
    return {
        "messages": _messages(body),
        "temperature": 1.0 if temperature is None else temperature,
        "max_tokens": limit or 256,
        "seed": _whole(body, "seed", 0, 2**63 - 1),
        "stop": stop,
    }


def _command(service: Service, body: Mapping[str, Any]) -> tuple[str, ...]:
    model = body.get("model")
    if not isinstance(model, str):
        raise bad_request("you must provide a model parameter", "model")
    if model in service.config.engines:
        raise bad_request(
            f"{model} has learnt nothing yet. Fine-tune it and ask the model that comes out.",
            "model",
            "model_not_trained",
        )
    row = service.store.model(model)
    engine = service.config.engines.get(base_model(model))
    if row is None or engine is None:
        raise no_such_model(model)
    return (*engine.command, "sample", str(service.config.data_dir.resolve() / row["path"]))


async def complete(request: Request) -> Response:
    """Answer a conversation, at once or as a stream of events."""
    service = service_of(request)
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.")
    command = _command(service, body)
    sampling = _sampling(body)
    count = _whole(body, "n", 1, MOST_CHOICES) or 1
    answers = []
    for index in range(count):
        seed = sampling["seed"]
        varied = {**sampling, "seed": None if seed is None else seed + index}
        answers.append(_Answer(service, command, varied))
    head = {"id": new_id("chatcmpl"), "created": now(), "model": body["model"]}
    if body.get("stream"):
        options = body.get("stream_options")
        usage = isinstance(options, dict) and bool(options.get("include_usage"))
        return StreamingResponse(_stream(head, answers, usage), media_type="text/event-stream")
    choices = []
    for index, answer in enumerate(answers):
        text = "".join([piece async for piece in answer.texts()])
        message = {"role": "assistant", "content": text, "refusal": None}
        choices.append(
            {"index": index, "message": message, "logprobs": None, "finish_reason": answer.finish}
        )
    return JSONResponse(
        {**head, "object": "chat.completion", "choices": choices, "usage": _usage(answers)}
    )


def _usage(answers: list[_Answer]) -> dict[str, int]:
    prompt = answers[0].prompt_tokens
    completion = sum(answer.tokens for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


async def _stream(
    head: Mapping[str, Any], answers: list[_Answer], usage: bool
) -> AsyncIterator[str]:
    def chunk(index: int, delta: Mapping[str, Any], finish: str | None = None) -> str:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**head, "object": "chat.completion.chunk", "choices": [choice]})

    try:
        for index, answer in enumerate(answers):
            yield chunk(index, {"role": "assistant", "content": ""})
            async for text in answer.texts():
                yield chunk(index, {"content": text})
            yield chunk(index, {}, answer.finish)
        if usage:
            yield _event(
                {
                    **head,
                    "object": "chat.completion.chunk",
                    "choices": [],
                    "usage": _usage(answers),
                }
            )
    except ApiError as error:
        yield _event(error.to_json())
    yield "data: [DONE]\n\n"


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


ROUTES = [Route("/v1/chat/completions", complete, methods=["POST"])]
