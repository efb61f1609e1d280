"""Functions, as calls were written before tools: what they become, where every call is clear."""

from __future__ import annotations

from typing import Any


def as_tools(record: dict[str, Any]) -> list[object] | None:
    """Return the tools for the functions a record defines, ``None`` where they are not clear."""
    if record.get("functions") is None:
        return []
    functions = record["functions"]
    if "tools" in record or not isinstance(functions, list) or not functions:
        return None
    if not all(isinstance(entry, dict) and _name(entry) for entry in functions):
        return None
    return [{"type": "function", "function": entry} for entry in functions]


def rewritten_messages(messages: list[dict[str, Any]]) -> dict[int, dict[str, Any]] | None:
    """Return the messages to write anew by position, ``None`` where a call is not clear."""
    changed: dict[int, dict[str, Any]] = {}
    waiting: tuple[str, str] | None = None
    for position, entry in enumerate(messages):
        call = entry.get("function_call")
        if entry.get("role") == "function":
            if waiting is None or waiting[0] != entry.get("name"):
                return None
            changed[position] = _answer(entry, waiting[1])
            waiting = None
            continue
        if waiting is not None:
            return None
        if call is None:
            continue
        if entry.get("role") != "assistant" or entry.get("tool_calls") or not _clear(call):
            return None
        number = f"call_{position}"
        changed[position] = _caller(entry, call, number)
        waiting = (call["name"], number)
    return changed


def can_be_rewritten(record: dict[str, Any]) -> bool:
    """Return whether every function and call of a record is clear enough to become a tool's."""
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(entry, dict) for entry in messages):
        return False
    return as_tools(record) is not None and rewritten_messages(messages) is not None


def _clear(call: object) -> bool:
    return isinstance(call, dict) and _name(call) and isinstance(call.get("arguments"), str)


def _name(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("name"), str) and bool(entry["name"])


def _caller(entry: dict[str, Any], call: dict[str, Any], number: str) -> dict[str, Any]:
    kept = {
        key: value for key, value in entry.items() if key not in ("function_call", "tool_calls")
    }
    function = {"name": call["name"], "arguments": call["arguments"]}
    return {**kept, "tool_calls": [{"id": number, "type": "function", "function": function}]}


def _answer(entry: dict[str, Any], number: str) -> dict[str, Any]:
    # The call carries the function's name; a tool message points at the call instead.
    content = entry.get("content")
    return {
        "role": "tool",
        "tool_call_id": number,
        "content": "" if content is None else content,
        **{key: entry[key] for key in entry if key not in ("role", "name", "content")},
    }
