"""``/v1/chat/completions``: words from a finished model, at once, streamed, or kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tui.service.create import base_model, read_metadata
from tui.service.errors import ApiError, bad_request, wrong_type
from tui.service.objects import list_object, plain_list
from tui.service.routes.models import no_such_model
from tui.service.sampling import MOST_CHOICES, Answer, read_sampling, whole
from tui.service.service import (
    Service,
    ascending,
    json_body,
    limit_of,
    service_of,
    wanted_metadata,
)
from tui.service.store import Row, new_id, now

MOST_LISTED = 100
Pieces = AsyncIterator[tuple[str, list[dict[str, Any]]]]


def _command(service: Service, body: Mapping[str, Any]) -> tuple[str, ...]:
    model = body.get("model")
    if model is None:
        raise bad_request("you must provide a model parameter")
    if not isinstance(model, str):
        raise wrong_type("model", "a string", model)
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


class _Call:
    """One request for a completion."""

    def __init__(self, service: Service, body: Mapping[str, Any]) -> None:
        command = _command(service, body)
        sampling = read_sampling(body)
        self.metadata = read_metadata(body.get("metadata"))
        self.messages = sampling["messages"]
        self.stored = bool(body.get("store"))
        self.logprobs = sampling["logprobs"] is not None
        self.head = {"id": new_id("chatcmpl"), "created": now(), "model": str(body["model"])}
        self.answers = []
        for index in range(whole(body, "n", 1, MOST_CHOICES) or 1):
            seed = sampling["seed"]
            varied = {**sampling, "seed": None if seed is None else (seed + index) % 2**63}
            self.answers.append(Answer(service, command, varied))
        self._service = service

    def completion(self, found: list[tuple[str, list[dict[str, Any]]]]) -> dict[str, Any]:
        """Return the finished object, kept where that was asked for."""
        choices = []
        for index, (answer, (text, tokens)) in enumerate(zip(self.answers, found, strict=True)):
            choices.append(
                {
                    "index": index,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "logprobs": self.shown(tokens),
                    "finish_reason": answer.finish,
                }
            )
        completion = {
            **self.head,
            "object": "chat.completion",
            "choices": choices,
            "usage": _usage(self.answers),
            "service_tier": "default",
            "system_fingerprint": "fp_local",
            "metadata": self.metadata or {},
        }
        if self.stored:
            self._service.store.add_completion(
                {
                    "id": self.head["id"],
                    "created_at": self.head["created"],
                    "model": self.head["model"],
                    "metadata": self.metadata,
                    "messages": self.messages,
                    "answer": completion,
                }
            )
        return completion

    def shown(self, tokens: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Return the tokens as the wire has them, ``None`` where nobody asked."""
        return {"content": tokens, "refusal": None} if self.logprobs else None


async def complete(request: Request) -> Response:
    """Answer a conversation, at once or as a stream of events."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.")
    call = _Call(service_of(request), body)
    if body.get("stream"):
        options = body.get("stream_options")
        usage = isinstance(options, dict) and bool(options.get("include_usage"))
        pieces = call.answers[0].pieces()
        # What goes wrong before the first word is still an error with a status of its own.
        first = await anext(aiter(pieces), None)
        return StreamingResponse(
            _stream(call, _again(first, pieces), usage), media_type="text/event-stream"
        )
    found = await asyncio.gather(
        *(answer.whole() for answer in call.answers), return_exceptions=True
    )
    for item in found:
        if isinstance(item, BaseException):
            raise item
    return JSONResponse(call.completion([item for item in found if isinstance(item, tuple)]))


async def _again(first: tuple[str, list[dict[str, Any]]] | None, rest: Pieces) -> Pieces:
    if first is not None:
        yield first
        async for item in rest:
            yield item


def _usage(answers: list[Answer]) -> dict[str, Any]:
    prompt = answers[0].prompt_tokens
    completion = sum(answer.tokens for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


async def _stream(call: _Call, first: Pieces, usage: bool) -> AsyncIterator[str]:
    # With the usage asked for, every chunk has the field, and only the last one a value.
    extra = {"usage": None} if usage else {}
    head = {**call.head, "object": "chat.completion.chunk", "system_fingerprint": "fp_local"}

    def chunk(
        index: int,
        delta: Mapping[str, Any],
        finish: str | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> str:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return _event({**head, "choices": [choice], **extra})

    found: list[tuple[str, list[dict[str, Any]]]] = []
    try:
        for index, answer in enumerate(call.answers):
            texts: list[str] = []
            kept: list[dict[str, Any]] = []
            yield chunk(index, {"role": "assistant", "content": "", "refusal": None})
            async for text, tokens in first if index == 0 else answer.pieces():
                texts.append(text)
                kept += tokens
                yield chunk(index, {"content": text}, logprobs=call.shown(tokens))
            found.append(("".join(texts), kept))
            yield chunk(index, {}, answer.finish)
        call.completion(found)
        if usage:
            yield _event({**head, "choices": [], "usage": _usage(call.answers)})
    except ApiError as error:
        yield _event(error.to_json())
    yield "data: [DONE]\n\n"


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


# Completions that were kept


def _kept(request: Request) -> Row:
    completion_id = request.path_params["completion_id"]
    row = service_of(request).store.completion(completion_id)
    if row is None:
        raise ApiError(
            404, f"Chat completion with id '{completion_id}' not found.", param="completion_id"
        )
    return row


def _completion(row: Row) -> dict[str, Any]:
    return {**row["answer"], "metadata": row["metadata"] or {}}


async def list_kept(request: Request) -> Response:
    """List the completions that were kept, oldest first unless told otherwise."""
    page = service_of(request).store.completions(
        after=request.query_params.get("after"),
        limit=limit_of(request, 20, MOST_LISTED),
        ascending=ascending(request, "asc"),
        model=request.query_params.get("model"),
        metadata=wanted_metadata(request),
    )
    return JSONResponse(list_object(page, _completion))


async def retrieve(request: Request) -> Response:
    """Show a completion that was kept."""
    return JSONResponse(_completion(_kept(request)))


async def update(request: Request) -> Response:
    """Change the metadata of a completion that was kept."""
    row, body = _kept(request), await json_body(request)
    if not isinstance(body, dict) or "metadata" not in body:
        raise bad_request(
            "Missing required parameter: 'metadata'.", "metadata", "missing_required_parameter"
        )
    row["metadata"] = read_metadata(body["metadata"])
    service_of(request).store.update_completion(row["id"], row["metadata"])
    return JSONResponse(_completion(row))


async def delete(request: Request) -> Response:
    """Forget a completion that was kept."""
    row = _kept(request)
    service_of(request).store.delete_completion(row["id"])
    return JSONResponse({"object": "chat.completion.deleted", "id": row["id"], "deleted": True})


async def messages(request: Request) -> Response:
    """List the messages that a kept completion answers."""
    row = _kept(request)
    items = [
        {"name": None, "content": None, **message, "id": f"{row['id']}-{index}"}
        for index, message in enumerate(row["messages"])
    ]
    if not ascending(request, "asc"):
        items.reverse()
    after, limit = request.query_params.get("after"), limit_of(request, 20, MOST_LISTED)
    places = [index for index, item in enumerate(items) if item["id"] == after]
    if after is not None and not places:
        raise bad_request(f"Invalid 'after': {after[:80]} is not in this list.", "after")
    rest = items[places[0] + 1 :] if places else items
    return JSONResponse(plain_list(rest[:limit], has_more=len(rest) > limit))


_ALL, _ONE = "/v1/chat/completions", "/v1/chat/completions/{completion_id}"
ROUTES = [
    Route(_ALL, complete, methods=["POST"]),
    Route(_ALL, list_kept, methods=["GET"]),
    Route(_ONE, retrieve, methods=["GET"]),
    Route(_ONE, update, methods=["POST"]),
    Route(_ONE, delete, methods=["DELETE"]),
    Route(f"{_ONE}/messages", messages, methods=["GET"]),
]
