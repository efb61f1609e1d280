"""Answers of a model, streamed: server-sent events, or one whole answer where it is not cut up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from tui.jobs.models import ChatEnd, integer_of, mapping_of, text_of
from tui.jobs.transport import CallError, decode_json, not_what_was_asked, said_in

if TYPE_CHECKING:
    from tui.jobs.abilities import Abilities
    from tui.jobs.adapters.base import Adapter
    from tui.jobs.wire import Wire

_COUNT_WHEN_ASKED = ("openai", "local")
_MOST_LINES = 8 * 1024 * 1024


class _Answer:
    """What has been said so far."""

    def __init__(self) -> None:
        self.reason = ""
        self.usage: Mapping[str, Any] = {}
        self.calls: dict[int, list[str]] = {}
        self.chunks = 0

    def take(self, data: object) -> str:
        """Take one piece, or a whole answer, and return its text."""
        chunk = mapping_of(data)
        self.chunks += 1
        self.usage = mapping_of(chunk.get("usage")) or self.usage
        choices = chunk.get("choices")
        choice = mapping_of(choices[0]) if isinstance(choices, list) and choices else {}
        self.reason = text_of(choice.get("finish_reason")) or self.reason
        said = mapping_of(choice.get("delta")) or mapping_of(choice.get("message"))
        self._take_calls(said.get("tool_calls"))
        return _text(said.get("content")) + _text(said.get("refusal"))

    def _take_calls(self, calls: object) -> None:
        for place, call in enumerate(calls if isinstance(calls, list) else []):
            index = integer_of(mapping_of(call).get("index"))
            function = mapping_of(mapping_of(call).get("function"))
            kept = self.calls.setdefault(place if index is None else index, ["", ""])
            kept[0] += text_of(function.get("name")) or ""
            given = function.get("arguments")
            kept[1] += given if isinstance(given, str) else json.dumps(given) if given else ""

    def end(self) -> ChatEnd:
        return ChatEnd(
            self.reason,
            integer_of(self.usage.get("prompt_tokens")),
            integer_of(self.usage.get("completion_tokens")),
        )


def _text(content: object) -> str:
    """Return the text of a content, also of a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(text_of(mapping_of(part).get("text")) or "" for part in content)
    return ""


async def stream_chat(
    wire: Wire,
    adapter: Adapter,
    abilities: Abilities,
    body: Mapping[str, Any],
    on_end: Callable[[ChatEnd], None] | None,
) -> AsyncIterator[str]:
    """Yield an answer as it comes; see :meth:`tui.jobs.Provider.chat`.

    Raises:
        CallError: It was refused, or broke off in the middle (``connection_lost``).
    """
    answer = _Answer()
    try:
        async for text in _put(wire, adapter, body, answer):
            if text:
                yield text
    except CallError as error:
        if error.absent:
            abilities.learn("chat", False, f"it has no such address (HTTP {error.status})")
        raise
    if not answer.chunks:
        raise not_what_was_asked("an answer to a prompt", wire.base_url)
    abilities.learn("chat", True, "it did when it was asked")
    for place, index in enumerate(sorted(answer.calls)):
        name, arguments = answer.calls[index]
        yield ("\n" if place else "") + f"{name}({arguments})"
    if on_end is not None:
        on_end(answer.end())


async def _put(
    wire: Wire, adapter: Adapter, body: Mapping[str, Any], answer: _Answer
) -> AsyncIterator[str]:
    """Put a question, and once more in each other way that a refusal asks for."""
    asked = {**body, "stream": True}
    if wire.config.known.name in _COUNT_WHEN_ASKED:
        asked["stream_options"] = {"include_usage": True}
    while True:
        try:
            async for text in _pieces(wire, adapter.prompt(asked), answer):
                yield text
        except CallError as error:
            other = None if answer.chunks else _another_way(asked, error)
            if other is None:
                raise
            asked = other
        else:
            return


def _another_way(body: dict[str, Any], error: CallError) -> dict[str, Any] | None:
    """Return the same question as newer models and other gateways take it, if that was the fault.

    It was refused, so that nothing is asked twice.
    """
    if error.status not in (400, 422):
        return None
    words = error.message
    if "max_tokens" in body and "max_completion_tokens" in words:
        rest = {name: value for name, value in body.items() if name != "max_tokens"}
        return {**rest, "max_completion_tokens": body["max_tokens"]}
    if "stream_options" in body and "stream_options" in words:
        return {name: value for name, value in body.items() if name != "stream_options"}
    if body["stream"] and "verified to stream" in words:
        rest = {name: value for name, value in body.items() if name != "stream_options"}
        return {**rest, "stream": False}
    return None


async def _pieces(wire: Wire, body: Mapping[str, Any], answer: _Answer) -> AsyncIterator[str]:
    """Yield the text of each server-sent event, or of the one answer that came instead."""
    other: list[str] = []
    held = 0
    async for line in wire.lines(body):
        if not line.startswith("data:"):
            held += len(line)
            if line.strip() and not line.startswith((":", "event:", "id:", "retry:")):
                other.append(line)
            if held > _MOST_LINES:
                raise not_what_was_asked("an answer to a prompt", wire.base_url)
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        piece = _parse(data)
        error = piece.get("error")
        if error:
            raise CallError(
                f"the answer broke off: {said_in(error)}", "try again", code="broke_off"
            )
        yield answer.take(piece)
    if other and not answer.chunks:
        yield answer.take(decode_json("\n".join(other).encode(), base_url=wire.base_url))


def _parse(data: str) -> Mapping[str, Any]:
    try:
        return mapping_of(json.loads(data))
    except (ValueError, RecursionError):
        return {}
