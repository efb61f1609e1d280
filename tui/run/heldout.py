"""Prompts for sampling, from whatever holds some: datasets of any format, or a prompt a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tui.dataset import Source
from tui.dataset.rows import refuse_foreign, rows
from tui.errors import FileError
from tui.jobs import SamplePrompt

_MESSAGE_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call")
_HEAD = 64 * 1024
_MOST_TEXT = 64 << 20


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Prompts read from a file.

    Attributes:
        prompts: As many as were asked for.
        skipped: Records among them that no prompt could be made of.
        more: Whether the file goes on after the last of them.
        path: The file as named; foreign.
    """

    prompts: tuple[SamplePrompt, ...]
    skipped: int = 0
    more: bool = False
    path: str = ""


def read_prompts(path: str, limit: int, *, start: int = 0) -> HeldOut:
    """Read prompts from a file.

    Chat records give the messages before their last assistant message, which is the reference;
    preference records their input and the preferred answer; completion records both their parts.
    A file that holds no JSON is text: every line that is not blank is a prompt.

    Args:
        path: The file, ``-`` for standard input; JSONL, a JSON array, text, or either packed.
        limit: How many prompts at most.
        start: Prompts to pass over at the beginning.

    Raises:
        FileError: It cannot be read, or there is no prompt in it.
    """
    with Source.open(path) as source:
        found: list[SamplePrompt] = []
        skipped = passed = 0
        for prompt in _text_prompts(source) if _is_text(source) else _record_prompts(source):
            if prompt is None:
                skipped += 1
            elif passed < start:
                passed += 1
            elif len(found) >= limit:
                return HeldOut(tuple(found), skipped, True, path)
            else:
                found.append(prompt)
    if not found:
        raise FileError(
            f"{source.name} holds no prompts",
            "give chat, preference or completion records, or a text file with a prompt a line",
        )
    return HeldOut(tuple(found), skipped, False, path)


def _is_text(source: Source) -> bool:
    """Whether a file is text rather than records: its name says so, or it begins like no JSON."""
    if source.path.lower().endswith((".txt", ".md", ".text")):
        return True
    head = source.read(0, min(source.size, _HEAD)).removeprefix(b"\xef\xbb\xbf").lstrip()
    return not head.startswith((b"{", b"["))


def _text_prompts(source: Source) -> Iterator[SamplePrompt]:
    refuse_foreign(source)
    data = source.read(0, min(source.size, _MOST_TEXT)).removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if text := line.strip():
            yield SamplePrompt(({"role": "user", "content": text},), None, number)


def _record_prompts(source: Source) -> Iterator[SamplePrompt | None]:
    for row in rows(source):
        if row.parsed:
            yield prompt_of(row.value, row.line)
        elif row.raw.strip():
            yield None


def prompt_of(value: object, line: int = 0) -> SamplePrompt | None:
    """Return the prompt in a parsed record of any format; ``None`` where there is none.

    Args:
        value: The record.
        line: The line it stands on, from 1.
    """
    if not isinstance(value, Mapping):
        return None
    given = value.get("messages")
    if isinstance(given, list):
        return _of_chat(given, line, value.get("tools"))
    asked = value.get("input")
    if isinstance(asked, Mapping) and isinstance(asked.get("messages"), list):
        answer = _last_answer(value.get("preferred_output"))
        return _made(asked["messages"], answer, line, asked.get("tools"))
    prompt = value.get("prompt")
    if isinstance(prompt, str) and prompt.strip():
        completion = value.get("completion")
        reference = completion if isinstance(completion, str) else None
        return SamplePrompt(({"role": "user", "content": prompt},), reference, line)
    return None


def _of_chat(messages: list[Any], line: int, tools: object) -> SamplePrompt | None:
    last = next(
        (at for at in range(len(messages) - 1, -1, -1) if _role(messages[at]) == "assistant"), None
    )
    if last is None:
        return _made(messages, None, line, tools)
    return _made(messages[:last], _said(messages[last]), line, tools)


def _last_answer(given: object) -> str | None:
    if not isinstance(given, list):
        return None
    return next((_said(one) for one in reversed(given) if _role(one) == "assistant"), None)


def _made(
    messages: list[Any], reference: str | None, line: int, tools: object
) -> SamplePrompt | None:
    if not any(_role(message) not in ("", "system", "developer") for message in messages):
        return None
    if not all(_role(message) for message in messages):
        return None
    # Keys that only training knows, such as weight, are refused by the chat API.
    asked = tuple(
        {key: message[key] for key in _MESSAGE_KEYS if message.get(key) is not None}
        for message in messages
    )
    given = tools if isinstance(tools, list) else []
    return SamplePrompt(asked, reference, line, tuple(t for t in given if isinstance(t, Mapping)))


def _said(message: Mapping[str, Any]) -> str | None:
    """Return what an assistant message says, its calls of tools as answers show them."""
    text = _text(message.get("content")) or ""
    calls = [_call(call) for call in _list(message.get("tool_calls"))]
    if isinstance(message.get("function_call"), Mapping):
        calls.append(_call({"function": message["function_call"]}))
    return text + "\n".join(call for call in calls if call) or None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _call(call: object) -> str:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return ""
    given = function.get("arguments")
    return f"{function.get('name') or ''}({given if isinstance(given, str) else ''})"


def _role(message: object) -> str:
    role = message.get("role") if isinstance(message, Mapping) else None
    return role if isinstance(role, str) else ""


def _text(content: object) -> str | None:
    """Return the words of a message's content, also where they are parts; ``None`` without any."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        words = "".join(text for text in texts if isinstance(text, str))
        return words or None
    return None


def last_words(prompt: SamplePrompt) -> str:
    """Return what is asked in the end: the text of the last message; foreign."""
    for message in reversed(prompt.messages):
        if words := _text(message.get("content")):
            return words
    return ""
