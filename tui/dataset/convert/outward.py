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

from tui.dataset.convert.chat import Chat
from tui.dataset.convert.gemini import gemini
from tui.dataset.convert.model import Message, SkipError

_ID_LETTERS = 9


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
