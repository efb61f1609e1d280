"""Conversations as ShareGPT writes them: ``from`` and ``value``, with calls and observations."""

from __future__ import annotations

import json
from typing import Any

from tui.dataset.convert.model import Fields, Message, SkipError, as_text, chat, message
from tui.dataset.rules.message import intended_role

_CALLS = ("function_call", "tool_call", "tool_calls", "function-call")
_RESULTS = ("observation", "tool", "tool_response", "function_response", "function", "tool_result")
_URLS = ("http://", "https://", "data:image/")
_IMAGE_MARK = "<image>"
_IMAGES = ("images", "image")
_MEDIA = ("videos", "video", "audios", "audio")


def sharegpt(fields: Fields) -> Message:
    """Convert a conversation, its system text and its tools."""
    turns = fields.first("conversations", "conversation", "messages", "dialog", "items")
    if not isinstance(turns, list):
        raise SkipError("no conversation")
    messages = conversation_turns(turns, fields)
    system = fields.text("system", "system_prompt", "system_message")
    if system.strip() and not any(entry["role"] == "system" for entry in messages):
        messages.insert(0, message("system", system))
    return chat(with_images(messages, fields), fields, tools_of(fields))


def conversation_turns(turns: list[Any], fields: Fields | None) -> list[Message]:
    """Return the messages of a conversation; calls get ids, and results point at them.

    Raises:
        SkipError: A turn cannot be read.
    """
    messages: list[Message] = []
    waiting: list[str] = []
    count = 0
    for turn in turns:
        if not isinstance(turn, dict):
            raise SkipError("a turn that is not an object")
        name = turn.get("from", turn.get("role"))
        value = next((turn[key] for key in ("value", "content", "text") if key in turn), None)
        word = name.strip().lower() if isinstance(name, str) else ""
        if word in _CALLS:
            calls = [_call(entry, f"call_{count + i + 1}") for i, entry in enumerate(_list(value))]
            count += len(calls)
            waiting = [call["id"] for call in calls]
            messages.append({"role": "assistant", "tool_calls": calls})
        elif word in _RESULTS and (waiting or "tool_call_id" not in turn):
            messages += _results(value, waiting)
        else:
            messages.append(_spoken(turn, word, value, fields))
    return messages


def _spoken(turn: Message, word: str, value: object, fields: Fields | None) -> Message:
    role = intended_role(word)
    if role is None:
        raise SkipError(f"a turn by {word[:20]!r}" if word else "a turn without a speaker")
    entry: Message = {"role": role}
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        entry["content"] = value
    elif value is not None or not turn.get("tool_calls"):
        entry["content"] = as_text("" if value is None else value, "a turn")
    for key in ("tool_calls", "tool_call_id", "name"):
        if turn.get(key):
            entry[key] = turn[key]
    weight = turn.get("weight", turn.get("loss_weight"))
    if role == "assistant" and weight in (0, 1) and weight is not None:
        entry["weight"] = int(weight)
    elif role == "assistant" and weight is not None and fields is not None:
        fields.leave("weights other than 0 and 1")
    return entry


def _list(value: object) -> list[Any]:
    """Return the calls a turn makes: one object, a list of them, or either written as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise SkipError("a function call that is not JSON") from None
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise SkipError("a function call without a call")
    return entries


def _call(entry: Any, number: str) -> Message:
    function = entry.get("function", entry) if isinstance(entry, dict) else {}
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise SkipError("a function call without a name")
    arguments = function.get("arguments", function.get("parameters", {}))
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {
        "id": number, "type": "function", "function": {"name": name, "arguments": arguments or "{}"}
    }  # fmt: skip


def _results(value: object, waiting: list[str]) -> list[Message]:
    """Return tool messages that answer the calls that wait, and mark those as answered."""
    if not waiting:
        raise SkipError("a function result without a call")
    if len(waiting) == 1:
        values: list[object] = [value]
    else:
        found = value
        if isinstance(value, str):
            try:
                found = json.loads(value)
            except (ValueError, RecursionError):
                found = value
        values = found if isinstance(found, list) and len(found) == len(waiting) else [value]
    answers: list[Message] = []
    for entry in values:
        text = entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False)
        answers.append({"role": "tool", "tool_call_id": waiting.pop(0), "content": text})
    return answers


def tools_of(fields: Fields) -> list[Any] | None:
    """Return a record's tools as chat wants them; ``None`` where it has none.

    Raises:
        SkipError: They are not function definitions.
    """
    tools = fields.first("tools", "functions")
    if isinstance(tools, str):
        if not tools.strip():
            return None
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            raise SkipError("tools that are not JSON") from None
    if not tools:
        return None
    found: list[Any] = []
    for tool in tools if isinstance(tools, list) else [tools]:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise SkipError("tools that are not function definitions")
        found.append({"type": "function", "function": function})
    return found


def with_images(messages: list[Message], fields: Fields) -> list[Message]:
    """Put a record's pictures into its user messages, where their marks stand.

    Raises:
        SkipError: They are files on somebody's disk, or there are films or sounds.
    """
    images = fields.first(*_IMAGES)
    if images is None and fields.first(*_MEDIA) is None:
        return messages
    links = images if isinstance(images, list) else [images]
    if not all(isinstance(link, str) and link.startswith(_URLS) for link in links):
        raise SkipError("pictures, films or sounds that are files elsewhere")
    waiting = list(links)
    for entry in messages:
        text = entry.get("content")
        if entry["role"] != "user" or not isinstance(text, str) or _IMAGE_MARK not in text:
            continue
        count = min(text.count(_IMAGE_MARK), len(waiting))
        taken, waiting = waiting[:count], waiting[count:]
        entry["content"] = _parts(text.replace(_IMAGE_MARK, "").strip(), taken)
    first = next((entry for entry in messages if entry["role"] == "user"), None)
    if waiting and first is not None and isinstance(first.get("content"), str):
        first["content"] = _parts(first["content"], waiting)
        waiting = []
    if waiting:
        raise SkipError("pictures without a place in the text")
    return messages


def _parts(text: str, links: list[str]) -> list[Message]:
    parts: list[Message] = [{"type": "image_url", "image_url": {"url": link}} for link in links]
    return [*parts, {"type": "text", "text": text}] if text else parts
