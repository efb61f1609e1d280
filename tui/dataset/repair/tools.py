"""Functions, as calls were written before tools: rewritten where every call is clear."""

from __future__ import annotations

from typing import Any

from tui.dataset.model import Format
from tui.dataset.repair.model import Work

_CODE = "functions_deprecated"


def functions_into_tools(work: Work) -> None:
    """Rewrite ``functions``, ``function_call`` and function messages, all of them or none."""
    record = work.value
    if not work.may(_CODE) or work.kind not in (Format.CHAT, Format.REINFORCEMENT):
        return
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(entry, dict) for entry in messages):
        return
    tools = _tools(record)
    rewritten = _messages(messages)
    if tools is None or rewritten is None or (not tools and not rewritten):
        return
    if tools:
        work.draft.replace(("functions",), tools)
        work.draft.rename(("functions",), "tools")
        work.note(_CODE, ("functions",), "rewritten", record["functions"], tools)
    for position, entry in rewritten.items():
        path = ("messages", position)
        work.draft.replace(path, entry)
        work.note(_CODE, path, "rewritten", messages[position], entry)


def _tools(record: dict[str, Any]) -> list[object] | None:
    """Return the tools for the functions defined, ``None`` where they are not clear."""
    if "functions" not in record:
        return []
    functions = record["functions"]
    if "tools" in record or not isinstance(functions, list) or not functions:
        return None
    if not all(isinstance(entry, dict) and _name(entry) for entry in functions):
        return None
    return [{"type": "function", "function": entry} for entry in functions]


def _messages(messages: list[dict[str, Any]]) -> dict[int, dict[str, Any]] | None:
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
