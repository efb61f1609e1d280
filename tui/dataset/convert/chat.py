"""A chat record taken apart, to be written in another shape; what has no place is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.dataset.convert.model import Message, SkipError

_INSTRUCTIONS = ("system", "developer")

TOOLS_SKIPPED = "tools, which this format has no place for"
"""Why a record with tools is passed over."""


class Chat:
    """A chat record taken apart.

    Attributes:
        system: The instructions, all in one text.
        turns: The other messages.
        tools: The functions that may be called.
    """

    def __init__(self, record: Mapping[str, Any], left_out: dict[str, int]) -> None:
        messages = record.get("messages")
        if not isinstance(messages, list) or not messages:
            raise SkipError("no messages")
        if not all(isinstance(entry, dict) for entry in messages):
            raise SkipError("a message that is not an object")
        if any(key in record and record[key] for key in ("functions",)) or any(
            entry.get("function_call") or entry.get("role") == "function" for entry in messages
        ):
            raise SkipError("functions of the old kind: run tunedeck fix first")
        self._left_out = left_out
        self.tools = record.get("tools") or []
        self.system = "\n\n".join(
            self.text(entry) for entry in messages if entry.get("role") in _INSTRUCTIONS
        )
        self.turns: list[Message] = [
            entry for entry in messages if entry.get("role") not in _INSTRUCTIONS
        ]
        if record.get("parallel_tool_calls") is not None:
            self.leave("parallel_tool_calls")

    @property
    def has_tools(self) -> bool:
        """Whether there are functions, calls or answers of functions."""
        return bool(self.tools) or any(
            entry.get("tool_calls") or entry.get("role") == "tool" for entry in self.turns
        )

    def leave(self, what: str) -> None:
        """Count what is not carried over."""
        self._left_out[what] = self._left_out.get(what, 0) + 1

    def text(self, entry: Message) -> str:
        """Return what a message says; passes the record over where it says it in pictures."""
        content = entry.get("content")
        if isinstance(content, str):
            return content
        if content is None:
            return ""
        if isinstance(content, list) and all(
            isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
        ):
            return "\n".join(part["text"] for part in content)
        raise SkipError("images or other parts that are not text")

    def spoken(self) -> list[tuple[str, str]]:
        """Return roles and texts of turns that alternate and end with an answer.

        Raises:
            SkipError: There are calls, or the turns do not alternate.
        """
        if self.has_tools:
            raise SkipError(TOOLS_SKIPPED)
        found: list[tuple[str, str]] = []
        for entry in self.turns:
            role, text = str(entry.get("role")), self.text(entry)
            self.leave_marks(entry)
            if role not in ("user", "assistant") or not text.strip():
                raise SkipError("a message without text, or of another role")
            if found and found[-1][0] == role:
                self.leave("the border between two messages of one role")
                found[-1] = (role, f"{found[-1][1]}\n\n{text}")
            else:
                found.append((role, text))
        if not found or found[-1][0] != "assistant":
            raise SkipError("no answer at the end")
        if found[0][0] != "user":
            raise SkipError("no question at the start")
        return found

    def leave_marks(self, entry: Message) -> None:
        """Count what a message says about itself; pass the record over where it matters.

        Raises:
            SkipError: It is not to be trained, or a refusal.
        """
        if entry.get("weight") == 0:
            # Elsewhere every answer would be trained, this one too.
            raise SkipError("an answer that is not to be trained (weight 0)")
        if entry.get("name"):
            self.leave("name")
        if entry.get("refusal"):
            raise SkipError("a refusal, which this format has no place for")
