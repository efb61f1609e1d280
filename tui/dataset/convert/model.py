"""What converting a record needs: its fields, what was left out, and why it was passed over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Message = dict[str, Any]


class SkipError(Exception):
    """This record cannot be converted; the text says why, in words that others share."""


class Fields:
    """A record's fields by name, whatever case its keys are in, and which of them were used.

    Args:
        record: The record.
        left_out: Counts what could not be carried over; shared by all records of a file.
    """

    def __init__(self, record: Mapping[str, Any], left_out: dict[str, int]) -> None:
        self._values: dict[str, Any] = {}
        self._keys: dict[str, str] = {}
        for key, value in record.items():
            name = plain_name(key)
            if name not in self._values:
                self._values[name] = value
                self._keys[name] = key
        self._used: set[str] = set()
        self._left_out = left_out

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def first(self, *names: str) -> Any:
        """Return the first of these fields that holds something, and count it as used."""
        for name in names:
            value = self._values.get(name)
            if value not in (None, "", [], {}):
                self._used.add(name)
                return value
        return None

    def text(self, *names: str) -> str:
        """Return the first of these fields that holds something, as text; empty where none does.

        Raises:
            SkipError: It holds a list or an object.
        """
        value = self.first(*names)
        if value is None:
            return ""
        return as_text(value, next(name for name in names if name in self._used))

    def leave(self, what: str) -> None:
        """Count something that could not be carried over."""
        self._left_out[what] = self._left_out.get(what, 0) + 1

    def finish(self) -> None:
        """Count the fields that nobody used and that hold something."""
        for name, value in self._values.items():
            if name not in self._used and value not in (None, "", [], {}):
                self.leave(f"the key {self._keys[name]}")


def plain_name(key: str) -> str:
    """Return a key as fields are called: small letters, underscores for blanks and hyphens."""
    return key.strip().lower().replace(" ", "_").replace("-", "_")


def as_text(value: object, name: str) -> str:
    """Return a text or number as text.

    Raises:
        SkipError: It is neither.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise SkipError(f"{name} is not text")


def message(role: str, content: str) -> Message:
    """Return a message with text."""
    return {"role": role, "content": content}


def chat(messages: list[Message], fields: Fields, tools: list[Any] | None = None) -> Message:
    """Return a chat record that ends with an answer.

    Raises:
        SkipError: There is no question or no answer.
    """
    last = len(messages)
    while last and messages[last - 1]["role"] != "assistant":
        last -= 1
    if not last:
        raise SkipError("no answer")
    if last < len(messages):
        fields.leave("turns after the last answer")
    messages = messages[:last]
    if not any(entry["role"] in ("user", "tool") for entry in messages):
        raise SkipError("no question")
    for entry in messages:
        _refuse_empty(entry)
    record: Message = {"messages": messages}
    if tools:
        record["tools"] = tools
    return record


def _refuse_empty(entry: Message) -> None:
    content = entry.get("content")
    if isinstance(content, str) and not content.strip() and entry["role"] != "tool":
        if entry["role"] == "assistant":
            raise SkipError("an empty answer")
        raise SkipError("an empty question" if entry["role"] == "user" else "an empty system text")
