"""Reads any JSON value as a conversation, as far as it looks like one. No Textual."""

from __future__ import annotations

import json
from collections.abc import Iterator

from widgets.record_data import PREFERRED, REJECTED, Call, Part, Turn

Fields = tuple[tuple[str, str], ...]
"""Keys and their values as JSON text."""

_MESSAGE_KEYS = frozenset(
    ("role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"),
)


def json_text(value: object) -> str:
    """A parsed value as JSON text, never failing (depth and odd numbers included)."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError, TypeError):
        return f"({type(value).__name__}, too deep to show here)"


def conversation(value: object) -> tuple[tuple[Turn, ...], Fields]:
    """Any parsed JSON value as turns: chat, preference, and prompt/completion records.

    Args:
        value: What the line parsed to; any shape, however broken.

    Returns:
        The turns and the other top-level fields as (key, JSON text). No turns when the value is
        nothing like a conversation.
    """
    if not isinstance(value, dict):
        return (), ()
    if isinstance(value.get("messages"), list):
        turns = tuple(_messages(value["messages"], "messages"))
        return turns, _rest(value, ("messages",))
    if "preferred_output" in value or "non_preferred_output" in value:
        return _preference(value)
    if "prompt" in value or "completion" in value:
        turns = tuple(
            Turn(role=key, text=_text(value[key]), path=key)
            for key in ("prompt", "completion")
            if key in value
        )
        return turns, _rest(value, ("prompt", "completion"))
    return (), _rest(value, ())


def _preference(value: dict[str, object]) -> tuple[tuple[Turn, ...], Fields]:
    turns: list[Turn] = []
    given = value.get("input")
    extra: Fields = ()
    if isinstance(given, dict):
        messages = given.get("messages")
        if isinstance(messages, list):
            turns += _messages(messages, "input.messages")
        extra = _rest(given, ("messages",))
    for key, section in (
        ("preferred_output", PREFERRED),
        ("non_preferred_output", REJECTED),
    ):
        output = value.get(key)
        if isinstance(output, list):
            turns += _messages(output, key, section)
        elif key in value:
            turns.append(Turn(role="?", text=_text(output), path=key, section=section))
    return tuple(turns), extra + _rest(value, ("input", "preferred_output", "non_preferred_output"))


def _rest(value: dict[str, object], taken: tuple[str, ...]) -> Fields:
    return tuple((str(key), json_text(item)) for key, item in value.items() if key not in taken)


def _messages(messages: list[object], path: str, section: str = "") -> Iterator[Turn]:
    for index, message in enumerate(messages):
        where = f"{path}[{index}]"
        if isinstance(message, dict):
            yield _message(message, where, section)
        else:
            yield Turn(role="?", text=json_text(message), path=where, section=section)


def _message(message: dict[str, object], path: str, section: str) -> Turn:
    content = message.get("content")
    text, parts = _content(content, f"{path}.content")
    extra = _rest(message, tuple(_MESSAGE_KEYS))
    if message.get("refusal"):
        extra = (("refusal", _text(message["refusal"])), *extra)
    if "content" in message and content is None and not message.get("tool_calls"):
        extra = (("content", "null"), *extra)
    role = message.get("role")
    return Turn(
        role=role if isinstance(role, str) else "?" if role is None else json_text(role),
        text=text,
        name=_text(message["name"]) if "name" in message else "",
        weight=message.get("weight"),
        calls=tuple(_calls(message, path)),
        parts=parts,
        call_id=_text(message["tool_call_id"]) if "tool_call_id" in message else "",
        extra=extra,
        path=path,
        section=section,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json_text(value)


def _content(content: object, path: str) -> tuple[str, tuple[Part, ...]]:
    if content is None:
        return "", ()
    if not isinstance(content, list):
        return _text(content), ()
    texts: list[str] = []
    parts: list[Part] = []
    for index, part in enumerate(content):
        where = f"{path}[{index}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(part, dict) and kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif isinstance(part, dict) and kind == "image_url":
            parts.append(Part("image_url", _image(part.get("image_url")), where))
        else:
            parts.append(Part(_text(kind) if kind else "part", json_text(part), where))
    return "\n".join(texts), tuple(parts)


def _image(image: object) -> str:
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        return json_text(image)
    if not url.startswith("data:"):
        return url
    kind = url[5:80].split(";")[0].split(",")[0]
    return f"{kind or 'data'}, {len(url):,} characters of data"


def _calls(message: dict[str, object], path: str) -> Iterator[Call]:
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        for index, call in enumerate(calls):
            yield _call(call, f"{path}.tool_calls[{index}]")
    elif calls is not None:
        yield Call("?", json_text(calls), path=f"{path}.tool_calls")
    if message.get("function_call") is not None:
        yield _call({"function": message["function_call"]}, f"{path}.function_call")


def _call(call: object, path: str) -> Call:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        return Call("?", json_text(call), path=path)
    return Call(
        name=_text(function.get("name", "?")),
        arguments=_text(function.get("arguments", "")),
        id=_text(call["id"]) if "id" in call else "",
        path=path,
    )
