"""Chat records into what other providers and tools want.

What a shape has no place for is counted and left out where the example stays right without it, and
the record is passed over where it does not. The shapes are those of each provider's documentation
on training data, read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from tui.dataset.convert.gemini import gemini
from tui.dataset.convert.model import Message, SkipError

_INSTRUCTIONS = ("system", "developer")
_ID_LETTERS = 9

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


def _bedrock(chat: Chat) -> Message:
    """Return the record as Amazon Bedrock tunes with; those with tools are passed over.

    The format itself has a place for tools, but the user guide says of supervised fine-tuning of
    Nova 2.0 that tool usage is not supported and tool sections may make the job fail, and that of
    other models' text-to-text data shows text only ("Supervised fine-tuning on Amazon Nova 2.0"
    and "Prepare data for fine-tuning text-to-text models", Amazon Bedrock user guide).
    """
    record: Message = {"schemaVersion": "bedrock-conversation-2024"}
    if chat.system:
        record["system"] = [{"text": chat.system}]
    record["messages"] = [
        {"role": role, "content": [{"text": text}]} for role, text in chat.spoken()
    ]
    return record


def _anthropic(chat: Chat) -> Message:
    """Return the record as Claude models are tuned with; those with tools are passed over.

    Tuning takes ``system`` and ``messages`` whose content is text, in turns, and no other key
    ("Finetuning Claude 3 Haiku on Bedrock", Anthropic's cookbook).
    """
    record: Message = {"system": chat.system} if chat.system else {}
    record["messages"] = [{"role": role, "content": text} for role, text in chat.spoken()]
    return record


def _completion(chat: Chat) -> Message:
    turns = chat.spoken()
    if len(turns) > 2:
        raise SkipError("more than one question and answer")
    prompt = turns[0][1]
    return {
        "prompt": f"{chat.system}\n\n{prompt}" if chat.system else prompt,
        "completion": turns[1][1],
    }


def _alpaca(chat: Chat) -> Message:
    turns = chat.spoken()
    record: Message = {"instruction": turns[-2][1], "input": "", "output": turns[-1][1]}
    if chat.system:
        record["system"] = chat.system
    if len(turns) > 2:
        texts = [text for _, text in turns[:-2]]
        record["history"] = [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
    return record


def _sharegpt(chat: Chat) -> Message:
    turns: list[Message] = []
    for entry in chat.turns:
        role, text = entry.get("role"), chat.text(entry)
        calls = entry.get("tool_calls") or []
        if calls:
            if text.strip():
                turns.append({"from": "gpt", "value": text})
            turns.append({"from": "function_call", "value": _calls(calls)})
        elif role == "tool":
            turns.append({"from": "observation", "value": text})
        elif role in ("user", "assistant"):
            turns.append({"from": "human" if role == "user" else "gpt", "value": text})
        else:
            raise SkipError("a message of a role that this format does not have")
        if entry.get("weight") == 0:
            raise SkipError("an answer that is not to be trained (weight 0)")
    record: Message = {"conversations": turns}
    if chat.system:
        record["system"] = chat.system
    if chat.tools:
        functions = [tool.get("function", tool) for tool in chat.tools]
        record["tools"] = json.dumps(functions, ensure_ascii=False)
    return record


def _calls(calls: list[Any]) -> str:
    written = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
            raise SkipError("a call that cannot be read")
        try:
            arguments = json.loads(function["arguments"])
        except ValueError:
            raise SkipError("a call whose arguments are not JSON") from None
        written.append({"name": function.get("name"), "arguments": arguments})
    # One call stands alone, as that format's readers expect.
    value = written[0] if len(written) == 1 else written
    return json.dumps(value, ensure_ascii=False)


def _open_weights(chat: Chat) -> Message:
    """Return the record with instructions first and text as text, its calls as they are."""
    messages: list[Message] = []
    if chat.system:
        messages.append({"role": "system", "content": chat.system})
    for entry in chat.turns:
        kept = {
            key: value
            for key, value in entry.items()
            if key in ("role", "tool_calls", "tool_call_id", "weight") and value is not None
        }
        if entry.get("refusal"):
            raise SkipError("a refusal, which this format has no place for")
        if entry.get("name"):
            chat.leave("name")
        if entry.get("content") is not None or "tool_calls" not in kept:
            kept["content"] = chat.text(entry)
        messages.append(kept)
    record: Message = {"messages": messages}
    if chat.tools:
        record["tools"] = chat.tools
    return record


def _mistral(chat: Chat) -> Message:
    record = _open_weights(chat)
    names: dict[str, str] = {}
    for entry in record["messages"]:
        if entry.get("tool_calls"):
            entry["tool_calls"] = [_renamed(call, names) for call in entry["tool_calls"]]
        if "tool_call_id" in entry:
            entry["tool_call_id"] = names.get(entry["tool_call_id"], entry["tool_call_id"])
    return record


def _renamed(call: Any, names: dict[str, str]) -> Any:
    """Return a call with an id of nine letters and digits, the only ones that are taken."""
    name = call.get("id") if isinstance(call, dict) else None
    if not isinstance(name, str):
        raise SkipError("a call without an id")
    right = len(name) == _ID_LETTERS and name.isascii() and name.isalnum()
    short = blake2b(name.encode("utf-8", "replace"), digest_size=5).hexdigest()[:_ID_LETTERS]
    names[name] = name if right else short
    return {**call, "id": names[name]}


TARGETS: Mapping[str, Callable[[Chat], Message]] = {
    "mistral": _mistral,
    "together": _open_weights,
    "fireworks": _open_weights,
    "gemini": gemini,
    "bedrock": _bedrock,
    "anthropic": _anthropic,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "completion": _completion,
}
"""How a chat record is written for each, by the name ``--to`` knows it by."""

TAKES_TOOLS = ("gemini", "mistral", "together", "fireworks", "sharegpt")
"""Those that records with tools can be written for."""

CHECKED = {"mistral": "mistral", "together": "nebius", "fireworks": "nebius"}
"""Those that are chat data too, and whose rules come nearest, so that the result can be checked."""


def for_target(record: Message, target: str, left_out: dict[str, int]) -> Message:
    """Return a chat record as a provider or tool wants it.

    Args:
        record: The record; preference records are taken as they are by those who take chat.
        target: One of `TARGETS`.
        left_out: Counts what could not be carried over.

    Raises:
        SkipError: It cannot be written so.
    """
    if "preferred_output" in record:
        if target in ("together", "fireworks"):
            return record
        raise SkipError("preference data, which this format has no place for")
    return TARGETS[target](Chat(record, left_out))
