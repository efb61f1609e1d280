"""What is asked and what is answered in a record of any format, for comparing records."""

from __future__ import annotations

from typing import Any

from tui.dataset.canonical import canonical

_INSTRUCTING = ("system", "developer")


def prompt_of(record: dict[str, Any], *, with_system: bool = False) -> bytes | None:
    """Return the prompt of a record in one spelling; ``None`` where it has none that is known.

    The prompt is every message before the last assistant message; all messages where there is
    none; the input of a preference record; the prompt of a prompt and completion. Case and white
    space do not count, nor whether text stands alone or as a list of one part.

    What a system or developer message says does not count either, unless nothing else is said: a
    model that learnt the answer to a question knows it under other instructions too.

    Args:
        record: The record.
        with_system: Let system and developer messages count.
    """
    messages = _messages(record)
    if messages is not None:
        asked = [entry for entry in messages if with_system or not _instructs(entry)]
        return canonical([_spoken(entry) for entry in asked or messages])
    prompt = record.get("prompt")
    if isinstance(prompt, str):
        return canonical(_plain(prompt))
    return None


def answer_of(record: dict[str, Any]) -> object:
    """Return the answer of a record: its last assistant text, preferred output or completion."""
    for key in ("messages", "preferred_output"):
        messages = record.get(key)
        if isinstance(messages, list):
            for entry in reversed(messages):
                if isinstance(entry, dict) and entry.get("role") == "assistant":
                    return entry.get("content")
    return record.get("completion")


def _messages(record: dict[str, Any]) -> list[Any] | None:
    given = record.get("messages")
    if isinstance(given, list):
        last = None
        for position, entry in enumerate(given):
            if isinstance(entry, dict) and entry.get("role") == "assistant":
                last = position
        return given[:last]
    given = record.get("input")
    messages = given.get("messages") if isinstance(given, dict) else None
    return messages if isinstance(messages, list) else None


def _instructs(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("role") in _INSTRUCTING


def _spoken(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    calls = entry.get("tool_calls") or entry.get("function_call")
    called = canonical(calls).decode("utf-8") if calls else ""
    return [entry.get("role"), _content(entry.get("content")), called]


def _content(content: object) -> object:
    if isinstance(content, str):
        return _plain(content)
    if isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
    ):
        return _plain(" ".join(part["text"] for part in content))
    return content


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
