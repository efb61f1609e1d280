"""Chat records as Gemini models are tuned with, calls and answers of functions included.

The shape of calls is that of Google's page on tuning function calling (Vertex AI, "Tune function
calling"): ``functionCall`` with its arguments as an object, ``functionResponse`` with what came of
it under ``output``, and the functions as ``functionDeclarations`` whose schemas name their types
in capitals. A conversation may end with a call.
"""

from __future__ import annotations

import json
from typing import Any

from tui.dataset.convert.chat import Chat
from tui.dataset.convert.model import Message, SkipError

_ROLES = {"user": "user", "assistant": "model", "tool": "user"}
# The part of JSON Schema (OpenAPI 3.0) that declarations are written in.
_KEPT = frozenset((
    "format", "title", "description", "nullable", "default", "minItems", "maxItems", "enum",
    "required", "minProperties", "maxProperties", "minimum", "maximum", "minLength", "maxLength",
    "pattern",
))  # fmt: skip
_TYPES = frozenset(("string", "number", "integer", "boolean", "array", "object"))


def gemini(chat: Chat) -> Message:
    """Return a chat record as Gemini's tuning takes it.

    Raises:
        SkipError: It says something that has no place there.
    """
    record: Message = {}
    if chat.system:
        record["systemInstruction"] = {"role": "system", "parts": [{"text": chat.system}]}
    if not chat.has_tools:
        record["contents"] = [
            {"role": _ROLES[role], "parts": [{"text": text}]} for role, text in chat.spoken()
        ]
        return record
    record["contents"] = _contents(chat)
    if chat.tools:
        declared = [_declaration(tool, chat) for tool in chat.tools]
        record["tools"] = [{"functionDeclarations": declared}]
    return record


def _contents(chat: Chat) -> list[Message]:
    names: dict[object, object] = {}
    contents: list[Message] = []
    before = None
    for entry in chat.turns:
        role = entry.get("role")
        chat.leave_marks(entry)
        if role not in _ROLES:
            raise SkipError("a message of another role")
        parts = _answer(entry, names, chat) if role == "tool" else _parts(entry, names, chat)
        if role == before:
            if role != "tool":
                chat.leave("the border between two messages of one role")
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": _ROLES[role], "parts": parts})
        before = role
    if before != "assistant":
        raise SkipError("no answer at the end")
    if contents[0]["role"] != "user" or chat.turns[0].get("role") == "tool":
        raise SkipError("no question at the start")
    return contents


def _parts(entry: Message, names: dict[object, object], chat: Chat) -> list[Message]:
    text = chat.text(entry)
    parts: list[Message] = [{"text": text}] if text.strip() else []
    for call in entry.get("tool_calls") or []:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise SkipError("a call that cannot be read")
        names[call.get("id")] = function["name"]
        arguments = _object(function.get("arguments"))
        parts.append({"functionCall": {"name": function["name"], "args": arguments}})
    if not parts:
        raise SkipError("a message without text, or of another role")
    return parts


def _object(arguments: object) -> dict[str, Any]:
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SkipError("a call whose arguments are not a JSON object")
    return value


def _answer(entry: Message, names: dict[object, object], chat: Chat) -> list[Message]:
    name = names.get(entry.get("tool_call_id"))
    if name is None:
        raise SkipError("a tool message that answers no call")
    return [{"functionResponse": {"name": name, "response": {"output": chat.text(entry)}}}]


def _declaration(tool: Any, chat: Chat) -> Message:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise SkipError("a function that cannot be read")
    made: Message = {"name": function["name"]}
    if function.get("description"):
        made["description"] = function["description"]
    parameters = function.get("parameters")
    # An object without properties is refused: a function without parameters has none at all.
    if isinstance(parameters, dict) and parameters.get("properties"):
        made["parameters"] = _schema(parameters, chat)
    if function.get("strict") is not None:
        chat.leave("strict")
    return made


def _schema(schema: Any, chat: Chat) -> Message:
    if not isinstance(schema, dict):
        raise SkipError("a schema that Gemini's declarations cannot say")
    made: Message = {}
    for key, value in schema.items():
        if key == "type":
            made |= _type(value)
        elif key == "properties" and isinstance(value, dict):
            made[key] = {name: _schema(inner, chat) for name, inner in value.items()}
        elif key == "items":
            made[key] = _schema(value, chat)
        elif key == "anyOf" and isinstance(value, list):
            made[key] = [_schema(inner, chat) for inner in value]
        elif key in _KEPT:
            made[key] = value
        elif key in ("$ref", "allOf", "oneOf", "not"):
            # Without it the parameter would mean something else.
            raise SkipError("a schema that Gemini's declarations cannot say")
        else:
            chat.leave(f"{key} of a schema")
    return made


def _type(value: object) -> Message:
    names = value if isinstance(value, list) else [value]
    kinds = [name for name in names if name != "null"]
    if len(kinds) != 1 or kinds[0] not in _TYPES:
        raise SkipError("a schema that Gemini's declarations cannot say")
    made: Message = {"type": str(kinds[0]).upper()}
    return made | ({"nullable": True} if len(names) > 1 else {})
