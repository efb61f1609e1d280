"""The quality rules that need one record only."""

from __future__ import annotations

from collections.abc import Iterator

from tui.dataset.model import Finding, Format, JsonPath
from tui.dataset.mojibake import find_mojibake, looks_odd
from tui.dataset.rules.quality.answers import is_copy, is_refusal
from tui.dataset.rules.quality.secrets import find_secret
from tui.dataset.rules.text import quote

_LISTS: tuple[JsonPath, ...] = (
    ("messages",),
    ("input", "messages"),
    ("preferred_output",),
    ("non_preferred_output",),
)
_TRAINED = ("messages", "preferred_output")


def check(record: dict[str, object], kind: Format, *, suspect: bool = True) -> Iterator[Finding]:
    """Run the rules on a record that is an object.

    Args:
        record: The record.
        kind: The format of its file.
        suspect: Whether it may hold secrets or personal data, as its bytes say.
    """
    if kind is Format.COMPLETION:
        yield from _pair(record, suspect)
        return
    for path in _LISTS:
        messages = _at(record, path)
        if messages is not None:
            yield from _messages(messages, path, suspect)


def _at(record: dict[str, object], path: JsonPath) -> list[object] | None:
    here: object = record
    for name in path:
        here = here.get(str(name)) if isinstance(here, dict) else None
    return here if isinstance(here, list) else None


def _pair(record: dict[str, object], suspect: bool) -> Iterator[Finding]:
    for key in ("prompt", "completion"):
        text = record.get(key)
        if isinstance(text, str):
            yield from _text(text, (key,), suspect, personal=True)
    prompt, completion = record.get("prompt"), record.get("completion")
    if isinstance(completion, str):
        yield from _answer(completion, prompt, ("completion",))


def _messages(messages: list[object], path: JsonPath, suspect: bool) -> Iterator[Finding]:
    asked: object = None
    for position, entry in enumerate(messages):
        if not isinstance(entry, dict):
            continue
        role, here = entry.get("role"), (*path, position)
        for where, text in _texts(entry, here):
            # Whose number stands in the instructions is known to whoever wrote them.
            yield from _text(text, where, suspect, personal=role not in ("system", "developer"))
        content = entry.get("content")
        if role == "user":
            asked = content
        elif role == "assistant" and isinstance(content, str) and _is_trained(entry, path):
            yield from _answer(content, asked, (*here, "content"))


def _is_trained(entry: dict[str, object], path: JsonPath) -> bool:
    return path[0] in _TRAINED and entry.get("weight") != 0 and not entry.get("tool_calls")


def _texts(entry: dict[str, object], path: JsonPath) -> Iterator[tuple[JsonPath, str]]:
    content = entry.get("content")
    if isinstance(content, str):
        yield (*path, "content"), content
    elif isinstance(content, list):
        for number, part in enumerate(content):
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str):
                yield (*path, "content", number, "text"), text
    calls = entry.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        given = function.get("arguments") if isinstance(function, dict) else None
        if isinstance(given, str):
            yield (*path, "tool_calls", number, "function", "arguments"), given


def _text(text: str, path: JsonPath, suspect: bool, *, personal: bool) -> Iterator[Finding]:
    if looks_odd(text):
        yield from _mojibake(text, path)
    if not suspect:
        return
    secret = find_secret(text)
    if secret is not None:
        _, kind, begin = secret
        yield Finding(
            "secret",
            path,
            f"what looks like {_article(kind)}" + (f", {quote(begin + '…')}" if begin else ""),
            "replace it by a made-up one, and have the real one withdrawn: models repeat such text",
        )
    if not personal:
        return
    # Its patterns take longer to compile than a small file takes to check.
    from tui.dataset.rules.quality.personal import find_personal

    found = find_personal(text)
    if found is not None:
        kind, part = found
        yield Finding(
            "personal_data",
            path,
            f"{kind}, {quote(part)}",
            "replace it by a made-up one, unless it is one and may be learnt",
        )


def _mojibake(text: str, path: JsonPath) -> Iterator[Finding]:
    found = find_mojibake(text)
    if found is None:
        return
    wrong, right = found
    if right:
        hint = "decode it again: tunedeck fix FILE -o OUT --rule mojibake"
        yield Finding("mojibake", path, f"{quote(wrong)} where {quote(right)} was meant", hint)
        return
    yield Finding(
        "mojibake",
        path,
        f"a character was lost: {quote(wrong)}",
        "take the text from its source once more, in the right encoding",
        fixable=False,
    )


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiouAEIO" else f"a {kind}"


def _answer(answer: str, asked: object, path: JsonPath) -> Iterator[Finding]:
    if is_refusal(answer):
        yield Finding(
            "refusal",
            path,
            f"the answer declines: {quote(answer, 60)}",
            "keep it where the model should decline; elsewhere write the answer, or remove it",
        )
    if isinstance(asked, str) and is_copy(answer, asked):
        yield Finding(
            "context_copied",
            path,
            "the answer is the question word for word",
            "write the answer, unless repeating is the task",
        )
